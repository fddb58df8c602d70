/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the device has written into the copy is not brought home: the program looks at the bytes of
 * before.
 *
 * WATCH: ledger
 * NAMED: L09
 * FROM: thesofproject/linux#3457
 * RIGHT: `complete` with synchronize true, as for each transfer that writes
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

static const IODMACommand_SegmentOptions limits = {.fStructSize = 40, .fAlignment = 512};
static uint8_t sink[4096];

int main(void)
{
    struct vdma_client client;
    struct vdma_side to;
    IOMemoryDescriptor *memory;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    memory = vdma_client_memory(sink + 8, 1000, kIODirectionIn);
    vdma_client_command(&to, memory, &limits, kMapped);
    IODMACommand_prepare(to.command, 0, 0, true, true);
    vdma_client_fill(&client, &to);
    vdma_client_wait(&client, 1);
    IODMACommand_complete(to.command, true, false); /* wrong */
    OSObject_release(to.command);
    vdma_client_forget(memory);
    return vdma_client_end(&client);
}
