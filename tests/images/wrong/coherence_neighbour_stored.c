/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A counter lies in the last line of a buffer. It is counted after the device has written, and
 * before the line is let go of: the clean that keeps the counter throws away what the device wrote.
 *
 * WATCH: coherence
 * NAMED: W14
 * RIGHT: the counter lies in a line of its own, or is counted when the line has been let go of
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
    ++*(volatile uint32_t *)raw_at(RAW_SINK + 496);
    cache_clean_invalidate(raw_at(RAW_SINK), 512); /* wrong */
    right = answer.code == 0 && *raw_at(RAW_SINK + 479) == 0x5a;
    raw_end();
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
