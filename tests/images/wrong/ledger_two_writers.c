/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two transfers fill one buffer at the same time: what is in it afterwards is whose came last.
 *
 * WATCH: ledger
 * NAMED: L02
 * FROM: asterinas/asterinas#2269
 * RIGHT: a buffer for each, or one transfer after the other
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

static uint8_t sink[4096];

int main(void)
{
    struct vdma_client client;
    struct vdma_side one, two;
    IOMemoryDescriptor *memory;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    memory = vdma_client_memory(sink, sizeof(sink), kIODirectionIn);
    vdma_client_prepare(&one, memory);
    vdma_client_prepare(&two, memory);
    vdma_client_delay(2);
    vdma_client_fill(&client, &one);
    vdma_client_fill(&client, &two); /* wrong */
    vdma_client_wait(&client, 2);
    vdma_client_drop(&two);
    vdma_client_drop(&one);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
