/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver allows itself two segments more than the device has.
 *
 * WATCH: rules
 * NAMED: R03
 * FROM: amzn/amzn-drivers#16
 * RIGHT: as many as the capabilities say, and the rest in another request
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {.type = RAW_CHECKSUM,
                                        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 8},
                                                 {.at = {RAW_ARENA, RAW_DATA + 64}, .length = 8},
                                                 {.at = {RAW_ARENA, RAW_DATA + 128}, .length = 8},
                                                 {.at = {RAW_ARENA, RAW_DATA + 192}, .length = 8}}};
    const struct raw_limits limits = {.segments_max = 2};
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
