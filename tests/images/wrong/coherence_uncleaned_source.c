/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data are stored and the ring is cleaned, but not the data: the device takes what memory had
 * before.
 *
 * WATCH: coherence
 * NAMED: W11
 * RIGHT: `cache_clean(raw_at(RAW_DATA), 128)`, all that is sent, before the doorbell
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/cache.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_cached.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request sum = {.type = RAW_COMPARE,
                                    .arguments = {64, 0},
                                    .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 128}}};
    struct raw_answer answer;

    if (!cached_begin()) {
        return 77;
    }
    memset(raw_at(RAW_DATA), 'a', 64);
    cache_clean_invalidate(raw_at(RAW_DATA), 64);
    memset(raw_at(RAW_DATA + 64), 'a', 64);
    cached_submit(&sum); /* wrong */
    answer = cached_answer(&sum);
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
