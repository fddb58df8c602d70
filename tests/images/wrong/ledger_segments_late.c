/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list for the device is made after the command was completed: by then its pages may be
 * anybody's.
 *
 * WATCH: ledger
 * NAMED: L03
 * RIGHT: segments are made between `prepare` and `complete`
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
    IODMACommand_Segment64 list[4];
    UInt64 offset = 0;
    UInt32 count = 4;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    memory = vdma_client_memory(sink, sizeof(sink), kIODirectionIn);
    vdma_client_prepare(&to, memory);
    IODMACommand_complete(to.command, true, true);
    IODMACommand_gen64IOVMSegments(to.command, &offset, list, &count); /* wrong */
    OSObject_release(to.command);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
