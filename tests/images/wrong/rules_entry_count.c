/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list is said to have entries, and has none.
 *
 * WATCH: rules
 * NAMED: R43
 * RIGHT: what the segment function has counted is the number of entries; without any there is no
 *        request
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = RAW_FILL,
        .flags = 2,
        .arguments = {0x5a, 1},
        .target = {.at = {RAW_ARENA, RAW_LIST}, .entries = 0, .format = 6}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
