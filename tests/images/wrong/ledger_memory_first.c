/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptor is completed before the command that has its pages.
 *
 * WATCH: ledger
 * NAMED: L11
 * RIGHT: in the order in which they were not prepared: the command, then its descriptor
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
    IOMemoryDescriptor_complete(memory, kIODirectionNone); /* wrong */
    vdma_client_drop(&to);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
