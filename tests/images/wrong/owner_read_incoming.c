/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer is looked at before the device has said that it is there, in the hope that it has been
 * quick.
 *
 * WATCH: owner
 * NAMED: W03
 * RIGHT: `raw_wait()` first: the used ring says when the answer is there
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request copy = {
        .type = RAW_COPY,
        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 4096},
                 {.at = {RAW_ARENA, RAW_SINK}, .length = 4096, .write = true}}};
    volatile uint64_t *answer;
    uint64_t first;

    if (!raw_begin()) {
        return 77;
    }
    answer = (volatile uint64_t *)raw_at(RAW_SINK);
    raw_start(RAW_VERSION_1);
    raw_lay(&copy);
    raw_publish(0);
    raw_ring();
    first = answer[511]; /* wrong */
    raw_wait();
    raw_end();
    return first == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
