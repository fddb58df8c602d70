/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command is completed without a look whether the device is done.
 *
 * WATCH: ledger
 * NAMED: L10
 * RIGHT: `vdma_client_wait` first, or the channel is stopped
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
    vdma_client_prepare(&to, memory);
    vdma_client_delay(1);
    vdma_client_fill(&client, &to);
    IODMACommand_complete(to.command, true, true); /* wrong */
    vdma_client_wait(&client, 1);
    vdma_client_drop(&to);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
