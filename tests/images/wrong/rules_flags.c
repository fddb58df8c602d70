/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flag of another kind of ring is left in a descriptor.
 *
 * WATCH: rules
 * NAMED: R22
 * RIGHT: of a split ring: NEXT, WRITE and, where agreed on, INDIRECT
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {
        .type = RAW_CHECKSUM, .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 16, .flags = 0x80}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
