/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command is completed, but not its descriptor: each transfer leaves pages behind that stay
 * where they are for good.
 *
 * WATCH: ledger
 * NAMED: L01
 * FROM: raspberrypi/linux#5019
 * RIGHT: `IOMemoryDescriptor_complete` for each `prepare`
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
    memory = vdma_client_memory(sink, sizeof(sink), kIODirectionIn); /* wrong */
    vdma_client_prepare(&to, memory);
    vdma_client_fill(&client, &to);
    vdma_client_wait(&client, 1);
    vdma_client_drop(&to);
    return vdma_client_end(&client);
}
