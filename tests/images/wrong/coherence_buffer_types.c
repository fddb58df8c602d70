/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message is written through the cached mapping of its memory and amended through a second
 * mapping that is not cached; then the first one is cleaned, which hides the amendment.
 *
 * WATCH: coherence
 * NAMED: W16
 * FROM: littlekernel/lk#529
 * RIGHT: one mapping for both, or the first one is cleaned and invalidated before the second is
 *        used
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/cache.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_cached.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request same = {.type = RAW_COMPARE,
                                     .arguments = {64, 0},
                                     .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 128}}};
    volatile uint8_t *message;
    struct raw_answer answer;

    if (!cached_begin()) {
        return 77;
    }
    memset(raw_at(RAW_DATA), 'a', 128);
    cache_clean(raw_at(RAW_DATA), 128);
    *(volatile uint8_t *)raw_at(RAW_DATA + 64) = 'b';
    message = cached_alias(RAW_DATA, 4096, MMU_DEVICE);
    if (message == NULL) {
        return EXIT_FAILURE;
    }
    message[0] = 'b'; /* wrong */
    cache_clean(raw_at(RAW_DATA), 128);
    message[32] = 'c';
    *(volatile uint8_t *)raw_at(RAW_DATA + 1) = 'd';
    *(volatile uint8_t *)raw_at(RAW_DATA + 65) = 'd';
    *(volatile uint8_t *)raw_at(RAW_DATA + 96) = 'c';
    cache_clean(raw_at(RAW_DATA), 128);
    cached_submit(&same);
    answer = cached_answer(&same);
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
