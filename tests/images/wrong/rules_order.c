/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffer for the answer stands in front of what is sent.
 *
 * WATCH: rules
 * NAMED: R33
 * RIGHT: what the device reads stands before what it writes
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = RAW_COPY,
        .data = {{.at = {RAW_ARENA, RAW_SINK}, .length = 64, .write = true},
                 {.at = {RAW_ARENA, RAW_DATA}, .length = 64}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
