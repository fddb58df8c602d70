/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two requests that the device has at the same time write to the same bytes.
 *
 * WATCH: rules
 * NAMED: R54
 * RIGHT: the second one waits for the first one's end, or has its own memory
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request one = {
        .type = RAW_FILL,
        .arguments = {0x5a, 1},
        .data = {{.at = {RAW_ARENA, RAW_SINK}, .length = 256, .write = true}}};
    const struct raw_request two = {
        .type = RAW_FILL,
        .head = 4,
        .header_at = RAW_HEADER + 64,
        .status_at = RAW_STATUS + 64,
        .arguments = {0xa5, 1},
        .data = {{.at = {RAW_ARENA, RAW_SINK + 255}, .length = 256, .write = true}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    raw_inject(4, 0, 62500); /* a delay of a millisecond */
    raw_lay(&one);
    raw_publish(0);
    raw_ring();
    answer = raw_run(&two); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
