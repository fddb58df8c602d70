/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver has mapped for its device by itself it never unmaps, until no address is left.
 *
 * WATCH: ledger
 * NAMED: L01
 * FROM: lwfinger/rtl8192ee#3
 * RIGHT: `IOMapper_iovmUnmapMemory` with what the mapping answered, when the transfers are over
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_client.h"

VDMA_MONITOR(8);

static uint8_t sink[4096];

#define WRITES kIODMAMapWriteAccess

int main(void)
{
    struct vdma_client client;
    IOMemoryDescriptor *memory;
    IOMapper *unit;
    uint64_t at, size;

    if (!vdma_client_begin(&client)) {
        return 77;
    }
    vdma_set_profile(VDMA_PROFILE_ISA24);
    vdma_use_table(true);
    unit = IOMapper_copyMapperForDevice(vdma_get_service());
    memory = vdma_client_memory(sink, sizeof(sink), kIODirectionIn);
    IOMapper_iovmMapMemory(unit, memory, 0, 64, WRITES, NULL, NULL, NULL, &at, &size); /* wrong */
    vdma_client_forget(memory);
    OSObject_release(unit);
    return vdma_client_end(&client);
}
