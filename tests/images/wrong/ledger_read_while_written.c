/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet is passed on to a device while another device still writes it: part of it is the one
 * before.
 *
 * WATCH: ledger
 * NAMED: L02
 * RIGHT: the second transfer is started when the first has ended
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
    IOMemoryDescriptor *again;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    memory = vdma_client_memory(sink, sizeof(sink), kIODirectionIn);
    again = vdma_client_memory(sink + 1000, 500, kIODirectionOut);
    vdma_client_prepare(&one, memory);
    vdma_client_prepare(&two, again);
    vdma_client_delay(2);
    vdma_client_fill(&client, &one);
    vdma_client_sum(&client, &two); /* wrong */
    vdma_client_wait(&client, 2);
    vdma_client_drop(&two);
    vdma_client_drop(&one);
    vdma_client_forget(again);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
