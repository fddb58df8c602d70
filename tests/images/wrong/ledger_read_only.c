/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A constant is taken for the buffer of an answer.
 *
 * WATCH: ledger
 * NAMED: L07
 * RIGHT: a buffer of the program's that may be written
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

static const char greeting[64] = "hello";

int main(void)
{
    struct vdma_client client;
    IOMemoryDescriptor *memory;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    memory = IOMemoryDescriptor_withAddressRange((uintptr_t)greeting, sizeof(greeting),
                                                 kIODirectionIn, kernel_task);
    IOMemoryDescriptor_prepare(memory, kIODirectionNone); /* wrong */
    OSObject_release(memory);
    return vdma_client_end(&client);
}
