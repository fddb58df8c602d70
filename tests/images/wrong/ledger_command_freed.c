/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command goes with the object that had it, prepared still.
 *
 * WATCH: ledger
 * NAMED: L04
 * FROM: Avnu/OpenAvnu#835
 * RIGHT: `IODMACommand_complete`, and then the release
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
    OSObject_release(to.command); /* wrong */
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
