/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A descriptor is taken for the next request while the device has it still for the one before.
 *
 * WATCH: rules
 * NAMED: R56
 * RIGHT: a descriptor is free again when its request has come back in the used ring
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request nop = {.type = RAW_NOP};
    const struct raw_request next = {
        .type = RAW_NOP, .head = 8, .header_at = RAW_HEADER + 64, .status_at = RAW_STATUS + 64};
    bool failed;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    raw_inject(4, 0, 62500); /* a delay of a millisecond */
    raw_lay(&nop);
    raw_publish(0);
    raw_ring();
    raw_lay(&next);
    raw_desc_at(RAW_DESC, 8, raw_address((struct raw_place){RAW_ARENA, RAW_HEADER + 64}), 64,
                RAW_NEXT, 1);
    raw_publish(8);
    raw_ring(); /* wrong */
    failed = raw_needs_reset();
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
