/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptor is completed by who had prepared it, and by a function that only used it.
 *
 * WATCH: ledger
 * NAMED: L11
 * RIGHT: whoever prepares a descriptor completes it; who only uses it does neither
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
    vdma_client_drop(&to);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    IOMemoryDescriptor_complete(memory, kIODirectionNone); /* wrong */
    OSObject_release(memory);
    return vdma_client_end(&client);
}
