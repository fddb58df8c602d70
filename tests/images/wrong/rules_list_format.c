/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list is written by another device's function, whose format this one does not know.
 *
 * WATCH: rules
 * NAMED: R42
 * RIGHT: the number of the format that the list was written in, of those that the capabilities name
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = RAW_FILL,
        .flags = 2,
        .arguments = {0x5a, 1},
        .target = {.at = {RAW_ARENA, RAW_LIST}, .entries = 1, .format = 12},
        .list = {{.at = {RAW_ARENA, RAW_SINK}, .length = 8, .write = true}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
