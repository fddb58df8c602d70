/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A feature is thought of when the features have been agreed on.
 *
 * WATCH: rules
 * NAMED: R62
 * RIGHT: all features are written before FEATURES_OK; for others a reset begins anew
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
    raw_write(0x024, 0);
    RAW_REGISTER(0x020) = 0x200; /* wrong */
    failed = raw_read(0x070) != 15;
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
