/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status is a byte, as it is of a disk: this request's is longer.
 *
 * WATCH: rules
 * NAMED: R35
 * FROM: sysprog21/rv32emu#764
 * RIGHT: 32 bytes for the status of a private request
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request nop = {.type = RAW_NOP, .status_bytes = 1};
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
