/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last block is read with the usual length, and the disk ends before that.
 *
 * WATCH: rules
 * NAMED: R40
 * RIGHT: the length is what is left up to the capacity
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = 0,
        .sector = 7,
        .data = {{.at = {RAW_ARENA, RAW_SINK}, .length = 4096, .write = true}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
