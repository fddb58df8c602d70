/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two pieces of the target share bytes: in which order they are written is nobody's to say.
 *
 * WATCH: rules
 * NAMED: R51
 * RIGHT: no two pieces of a target share bytes
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
        .data = {{.at = {RAW_ARENA, RAW_SINK}, .length = 100, .write = true},
                 {.at = {RAW_ARENA, RAW_SINK + 96}, .length = 100, .write = true}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
