/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Half a sector is read.
 *
 * WATCH: rules
 * NAMED: R39
 * RIGHT: lengths are multiples of 512
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = 0, .data = {{.at = {RAW_ARENA, RAW_SINK}, .length = 256, .write = true}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
