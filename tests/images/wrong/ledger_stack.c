/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small answer is received into a variable of the function: that memory is another function's as
 * soon as this one has returned.
 *
 * WATCH: ledger
 * NAMED: L06
 * FROM: notro/tinydrm#15
 * RIGHT: memory of IOMalloc's, or static: an end that comes late still finds it
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

int main(void)
{
    struct vdma_client client;
    struct vdma_side to;
    IOMemoryDescriptor *memory;
    uint64_t answer[8];

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    memory = vdma_client_memory(answer, sizeof(answer), kIODirectionIn);
    vdma_client_prepare(&to, memory); /* wrong */
    vdma_client_fill(&client, &to);
    vdma_client_wait(&client, 1);
    vdma_client_drop(&to);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
