/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device needs aligned memory, so the bytes are copied for it; but nobody has copied them: it
 * sends zeros.
 *
 * WATCH: ledger
 * NAMED: L08
 * FROM: raspberrypi/linux#5727
 * RIGHT: `prepare` with synchronize true, or `synchronize(kIODirectionOut)` before the start
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

static const IODMACommand_SegmentOptions limits = {.fStructSize = 40, .fAlignment = 512};
static uint8_t data[4096];

int main(void)
{
    struct vdma_client client;
    struct vdma_side from;
    IOMemoryDescriptor *memory;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    memory = vdma_client_memory(data + 8, 1000, kIODirectionOut);
    vdma_client_command(&from, memory, &limits, kMapped);
    IODMACommand_prepare(from.command, 0, 0, true, false);
    vdma_client_sum(&client, &from); /* wrong */
    vdma_client_wait(&client, 1);
    vdma_client_drop(&from);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
