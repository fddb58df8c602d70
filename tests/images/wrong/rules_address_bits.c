/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory is taken from anywhere, and the device has 30 bits of address.
 *
 * WATCH: rules
 * NAMED: R01
 * FROM: dbittman/seakernel#26
 * RIGHT: memory below the limit, or a copy there: IODMACommand makes one by the device's address
 *        bits
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {.type = RAW_CHECKSUM,
                                        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 512}}};
    const struct raw_limits limits = {.address_bits = 30};
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
