/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A register is read that is there to be written.
 *
 * WATCH: rules
 * NAMED: R66
 * RIGHT: the driver keeps what it has written
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
    failed = RAW_REGISTER(0x050) != 0; /* wrong */
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
