/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring is published through a mapping that is not cached, and the answer is looked for through
 * the cached one that the memory has anyway.
 *
 * WATCH: coherence
 * NAMED: W16
 * FROM: au-ts/sddf#740
 * RIGHT: the answer is looked for through the mapping by which the ring was published
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/cache.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_cached.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request nop = {.type = RAW_NOP};
    volatile uint16_t *available, *used;
    bool came;

    if (!cached_begin()) {
        return 77;
    }
    raw_lay(&nop);
    memset(raw_at(RAW_USED), 0, 4096);
    cache_clean_invalidate(raw_at(RAW_DESC), RAW_RECORDS - RAW_DESC);
    available = (volatile uint16_t *)cached_alias(RAW_AVAIL, 4096, MMU_NONCACHED);
    used = (volatile uint16_t *)cached_alias(RAW_USED, 4096, MMU_NONCACHED);
    if (available == NULL || used == NULL) {
        return EXIT_FAILURE;
    }
    used[0] = 1; /* no interrupts: the device does not look there */
    available[2] = 0;
    __asm__ volatile("dmb oshst" : : : "memory");
    available[1] = 1;
    raw_ring();
    came = raw_used() == 1; /* wrong */
    raw_end();
    return came ? EXIT_SUCCESS : EXIT_FAILURE;
}
