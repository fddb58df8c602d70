/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffer is in order before the request, and read after it without an invalidate.
 *
 * WATCH: coherence
 * NAMED: W13
 * RIGHT: `cache_clean_invalidate(raw_at(RAW_SINK), 512)` between the answer and the look
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
        .data = {{.at = {RAW_ARENA, RAW_SINK}, .length = 512, .write = true}}};
    struct raw_answer answer;
    bool right;

    if (!cached_begin()) {
        return 77;
    }
    memset(raw_at(RAW_SINK), 'o', 512);
    cache_clean(raw_at(RAW_SINK), 512);
    cached_submit(&fill);
    answer = cached_answer(&fill);
    right = answer.code == 0 && *(volatile uint8_t *)raw_at(RAW_SINK) == 0x5a; /* wrong */
    raw_end();
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
