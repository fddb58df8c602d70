/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table of descriptors is used without having been agreed on.
 *
 * WATCH: rules
 * NAMED: R23
 * RIGHT: INDIRECT_DESC is negotiated first, or the chain stands in the ring
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request nop = {.type = RAW_NOP, .indirect = true};
    bool failed;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    raw_lay(&nop);
    raw_publish(0);
    raw_ring(); /* wrong */
    failed = raw_needs_reset();
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
