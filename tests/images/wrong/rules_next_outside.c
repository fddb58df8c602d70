/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chain is continued in a descriptor behind the end of the table: the driver counts on where the
 * ring begins anew.
 *
 * WATCH: rules
 * NAMED: R20
 * FROM: microsoft/openvmm#2983
 * RIGHT: the number is taken modulo the size, or from a list of free ones
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
    raw_desc_at(RAW_DESC, 0, raw_address((struct raw_place){RAW_ARENA, RAW_HEADER}), 64, RAW_NEXT,
                RAW_SIZE);
    raw_publish(0);
    raw_ring(); /* wrong */
    failed = raw_needs_reset();
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
