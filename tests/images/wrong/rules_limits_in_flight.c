/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limits are set anew while the device works by the old ones.
 *
 * WATCH: rules
 * NAMED: R58
 * RIGHT: they wait until the used ring has given everything back
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request nop = {.type = RAW_NOP};
    const struct raw_request limits = {.type = RAW_SET_LIMITS,
                                       .arguments = {1, 0},
                                       .head = 8,
                                       .header_at = RAW_HEADER + 64,
                                       .status_at = RAW_STATUS + 64};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    raw_inject(4, 0, 62500); /* a delay of a millisecond */
    raw_lay(&nop);
    raw_publish(0);
    raw_ring();
    answer = raw_run(&limits); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
