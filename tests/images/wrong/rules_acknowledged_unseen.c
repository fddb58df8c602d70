/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All interrupts are acknowledged at the start, whether there are any or not.
 *
 * WATCH: rules
 * NAMED: R68
 * RIGHT: what InterruptStatus says is acknowledged, and no more
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    bool failed;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    RAW_REGISTER(0x064) = 3; /* wrong */
    failed = raw_read(0x060) != 0;
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
