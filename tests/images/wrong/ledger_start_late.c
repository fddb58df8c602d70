/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command is started again for the next packet, but was completed behind the one before and is
 * not prepared.
 *
 * WATCH: ledger
 * NAMED: L03
 * RIGHT: `IODMACommand_prepare` before each start
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
    vdma_client_fill(&client, &to);
    vdma_client_wait(&client, 1);
    IODMACommand_complete(to.command, true, true);
    vdma_client_fill(&client, &to); /* wrong */
    OSObject_release(to.command);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
