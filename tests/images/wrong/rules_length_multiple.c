/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last piece is as long as it is, and not filled up to words as the device wants it.
 *
 * WATCH: rules
 * NAMED: R07
 * RIGHT: the last piece is filled up to the multiple, or IODMACommand bounces it
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {.type = RAW_CHECKSUM,
                                        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 64},
                                                 {.at = {RAW_ARENA, RAW_DATA + 64}, .length = 61}}};
    const struct raw_limits limits = {.alignment_length = 4};
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
