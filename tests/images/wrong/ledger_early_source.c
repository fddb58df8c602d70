/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of a copy the target's end is waited for, as it should be; the source's command is completed
 * right after the start.
 *
 * WATCH: ledger
 * NAMED: L10
 * RIGHT: both commands are completed when the copy has ended
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

static uint8_t data[4096], sink[4096];

int main(void)
{
    struct vdma_client client;
    struct vdma_side from, to;
    IOMemoryDescriptor *memory, *source;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    memory = vdma_client_memory(sink, sizeof(sink), kIODirectionIn);
    source = vdma_client_memory(data, sizeof(data), kIODirectionOut);
    vdma_client_prepare(&from, source);
    vdma_client_prepare(&to, memory);
    vdma_client_delay(1);
    vdma_client_copy(&client, &from, &to);
    IODMACommand_complete(from.command, true, true); /* wrong */
    vdma_client_wait(&client, 1);
    vdma_client_drop(&to);
    vdma_client_drop(&from);
    vdma_client_forget(source);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
