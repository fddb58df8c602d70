/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet without a payload gets a descriptor for it all the same.
 *
 * WATCH: rules
 * NAMED: R29
 * RIGHT: no descriptor for what has no bytes
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {.type = RAW_CHECKSUM,
                                        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 64},
                                                 {.at = {RAW_ARENA, RAW_DATA + 64}, .length = 0}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
