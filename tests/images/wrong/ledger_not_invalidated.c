/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device does not snoop, and the cache is invalidated before the transfer alone: lines that
 * were fetched since hide what has arrived.
 *
 * WATCH: ledger
 * NAMED: L09
 * FROM: apache/nuttx#19506
 * RIGHT: `complete` with invalidateCache true, as for each transfer that writes
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
    vdma_client_command(&to, memory, NULL, kNonCoherent);
    IODMACommand_prepare(to.command, 0, 0, true, true);
    vdma_client_fill(&client, &to);
    vdma_client_wait(&client, 1);
    IODMACommand_complete(to.command, false, true); /* wrong */
    OSObject_release(to.command);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
