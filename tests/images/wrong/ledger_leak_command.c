/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way out that is taken when a transfer fails forgets the command: its bytes stay the device's
 * for good.
 *
 * WATCH: ledger
 * NAMED: L01
 * FROM: bluez/bluetooth-next#429
 * RIGHT: every way out completes the command
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

static uint8_t sink[4096];

int main(void)
{
    struct vdma_client client;
    struct vdma_side to;
    IOMemoryDescriptor *memory;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    memory = vdma_client_memory(sink, sizeof(sink), kIODirectionIn);
    vdma_client_prepare(&to, memory); /* wrong */
    if (vdma_client_fill(&client, &to) == kIOReturnSuccess) {
        vdma_client_wait(&client, 1);
    }
    return vdma_client_end(&client);
}
