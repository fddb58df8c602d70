/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A buffer ends in the middle of a line, whose rest is the program's, and is invalidated without a
 * clean: what the program has stored in its part is gone.
 *
 * WATCH: coherence
 * NAMED: W15
 * RIGHT: `dc civac`, and nothing of the program's in the lines of a buffer
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/cache.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_cached.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request fill = {
        .type = RAW_FILL,
        .arguments = {0x5a, 1},
        .data = {{.at = {RAW_ARENA, RAW_SINK}, .length = 480, .write = true}}};
    struct raw_answer answer;
    bool right;

    if (!cached_begin()) {
        return 77;
    }
    memset(raw_at(RAW_SINK), 'o', 512);
    cache_clean_invalidate(raw_at(RAW_SINK), 512);
    cached_submit(&fill);
    answer = cached_answer(&fill);
    *(volatile uint32_t *)raw_at(RAW_SINK + 496) = 7;
    for (uint32_t at = 0; at < 512; at += 64) {
        __asm__ volatile("dc ivac, %0" : : "r"(raw_at(RAW_SINK + at)) : "memory"); /* wrong */
    }
    right = answer.code == 0 && *(volatile uint32_t *)raw_at(RAW_SINK + 496) == 7;
    raw_end();
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
