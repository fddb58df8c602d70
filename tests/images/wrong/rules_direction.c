/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device is asked to read memory, and can only write it.
 *
 * WATCH: rules
 * NAMED: R10
 * RIGHT: another engine, or the CPU: what this one cannot do its limits say
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {.type = RAW_CHECKSUM,
                                        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 64}}};
    const struct raw_limits limits = {.directions = 2};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    raw_set_limits(&limits);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
