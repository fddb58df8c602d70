/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time is up, so the buffer is given back: the transfer goes on, into memory that is somebody
 * else's by then.
 *
 * WATCH: ledger
 * NAMED: L04
 * FROM: novitalabs/pegaflow#403
 * RIGHT: the channel is stopped, the command completed, and the buffer given back then
 */
#include <stdlib.h>

#include "descriptors/IOMalloc.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

int main(void)
{
    struct vdma_client client;
    struct vdma_side to;
    IOMemoryDescriptor *memory;
    void *block;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    block = IOMalloc(8192);
    memory = vdma_client_memory(block, 8192, kIODirectionIn);
    vdma_client_prepare(&to, memory);
    vdma_client_delay(1);
    vdma_client_fill(&client, &to);
    IOFree(block, 8192); /* wrong */
    vdma_client_wait(&client, 1);
    vdma_client_drop(&to);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
