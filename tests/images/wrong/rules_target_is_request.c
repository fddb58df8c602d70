/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer is written over the request that asks for it.
 *
 * WATCH: rules
 * NAMED: R52
 * RIGHT: header, lists and status have memory of their own
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
        .data = {{.at = {RAW_ARENA, RAW_HEADER + 32}, .length = 64, .write = true}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
