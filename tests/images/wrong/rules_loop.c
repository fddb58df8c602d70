/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last descriptor of a chain leads back to its first: whoever follows it does not come to an
 * end.
 *
 * WATCH: rules
 * NAMED: R21
 * FROM: microsoft/openvmm#4045
 * RIGHT: the last descriptor has no NEXT
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
    raw_desc_at(RAW_DESC, 1, raw_address((struct raw_place){RAW_ARENA, RAW_DATA}), 32, RAW_NEXT, 0);
    raw_publish(0);
    raw_ring(); /* wrong */
    failed = raw_needs_reset();
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
