/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A read goes across a boundary of 4 KiB.
 *
 * WATCH: rules
 * NAMED: R09
 * FROM: NetTLP/libtlp#5
 * RIGHT: the piece is cut at the boundary
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = RAW_CHECKSUM, .data = {{.at = {RAW_ARENA, RAW_DATA + 4000}, .length = 200}}};
    const struct raw_limits limits = {.boundary = 4096};
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
