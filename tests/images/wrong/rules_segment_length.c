/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One segment is longer than the device says it can take.
 *
 * WATCH: rules
 * NAMED: R02
 * FROM: thesofproject/sof#5362
 * RIGHT: the segment is cut at the length that the device says
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {.type = RAW_CHECKSUM,
                                        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 131072}}};
    const struct raw_limits limits = {.segment_max = 0x10000};
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
