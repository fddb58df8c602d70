/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header is that of an older version, and shorter.
 *
 * WATCH: rules
 * NAMED: R34
 * FROM: cloud-hypervisor/cloud-hypervisor#8401
 * RIGHT: all bytes of the header that the request's version has
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request request = {.type = RAW_NOP, .header_bytes = 48};
    struct raw_answer answer;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    answer = raw_run(&request); /* wrong */
    raw_end();
    return answer.came && answer.code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
