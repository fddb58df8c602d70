/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unmapped is what has arrived, and not what was mapped: the rest stays open to the device.
 *
 * WATCH: ledger
 * NAMED: L05
 * FROM: openbmc/linux#201
 * RIGHT: the length that the mapping answered, whatever has arrived
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

static uint8_t sink[3 * 4096];

int main(void)
{
    struct vdma_client client;
    IOMemoryDescriptor *memory;
    IOMapper *mapper;
    uint64_t address, length;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    vdma_set_profile(VDMA_PROFILE_ISA24);
    vdma_use_table(true);
    mapper = IOMapper_copyMapperForDevice(vdma_get_service());
    memory = vdma_client_memory(sink, sizeof(sink), kIODirectionIn);
    IOMapper_iovmMapMemory(mapper, memory, 0, sizeof(sink), kIODMAMapWriteAccess, NULL, NULL, NULL,
                           &address, &length);
    IOMapper_iovmUnmapMemory(mapper, memory, NULL, address, 4096); /* wrong */
    IOMapper_iovmUnmapMemory(mapper, memory, NULL, address, length);
    vdma_client_forget(memory);
    OSObject_release(mapper);
    vdma_use_table(false);
    return vdma_client_end(&client);
}
