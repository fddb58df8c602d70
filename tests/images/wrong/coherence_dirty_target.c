/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block is read into a buffer that was only cleaned before requests that write. What the CPU had
 * stored there before is still dirty when the device has come, and the clean and invalidate that
 * is to show the new bytes writes the old ones over them.
 *
 * WATCH: coherence
 * NAMED: W12
 * FROM: au-ts/sddf#774
 * RIGHT: `cache_clean_invalidate` of the buffer before the doorbell, and again behind the answer
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
    memset(raw_at(RAW_SINK), 'o', 512); /* of its last use */
    cached_submit(&fill);               /* wrong */
    answer = cached_answer(&fill);
    cache_clean_invalidate(raw_at(RAW_SINK), 512);
    right = answer.code == 0 && *raw_at(RAW_SINK) == 0x5a && *raw_at(RAW_SINK + 511) == 0x5a;
    raw_end();
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
