/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target is shorter than the source by what a trailer was thought to be.
 *
 * WATCH: rules
 * NAMED: R38
 * RIGHT: both sides have as many bytes, or the trailer is a request of its own
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = RAW_COPY,
        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 64},
                 {.at = {RAW_ARENA, RAW_SINK}, .length = 60, .write = true}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
