/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A header of 14 bytes in front makes the payload begin where the device cannot.
 *
 * WATCH: rules
 * NAMED: R05
 * RIGHT: the header gets a multiple of the alignment, or the payload is copied to one
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {.type = RAW_CHECKSUM,
                                        .data = {{.at = {RAW_ARENA, RAW_DATA + 14}, .length = 64}}};
    const struct raw_limits limits = {.alignment = 4};
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
