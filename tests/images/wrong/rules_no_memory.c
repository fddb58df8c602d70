/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address is computed from the wrong base, and nothing lies there.
 *
 * WATCH: rules
 * NAMED: R48
 * RIGHT: the address is the descriptor's own answer, or `virt_to_phys` of memory that the direct
 *        map has
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {.type = RAW_CHECKSUM,
                                        .data = {{.at = {RAW_MACHINE, 0x1000}, .length = 64}}};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
