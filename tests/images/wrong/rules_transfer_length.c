/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each segment is short enough, and nobody looks at the sum of them.
 *
 * WATCH: rules
 * NAMED: R04
 * RIGHT: the sum is looked at, too, and the rest is another request
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = RAW_CHECKSUM,
        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 4096},
                 {.at = {RAW_ARENA, RAW_DATA + 0x2000}, .length = 4097}}};
    const struct raw_limits limits = {.transfer_max = 8192};
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
