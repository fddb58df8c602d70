/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is published is the number of a request, where the number of its first descriptor belongs.
 *
 * WATCH: rules
 * NAMED: R19
 * RIGHT: the head is the number of the chain's first descriptor
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request nop = {.type = RAW_NOP};
    bool failed;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    raw_lay(&nop);
    raw_publish(100);
    raw_ring(); /* wrong */
    failed = raw_needs_reset();
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
