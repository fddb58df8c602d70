/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A buffer is longer than its page, and behind it lies the ring.
 *
 * WATCH: rules
 * NAMED: R53
 * RIGHT: the buffer ends where its memory ends
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = RAW_FILL,
        .arguments = {0x5a, 1},
        .data = {{.at = {RAW_ARENA, RAW_USED - 64}, .length = 128, .write = true}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
