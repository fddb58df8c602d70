/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver says that it is ready without having said what it can.
 *
 * WATCH: rules
 * NAMED: R63
 * RIGHT: ACKNOWLEDGE, DRIVER, FEATURES_OK, which is read back, and DRIVER_OK then
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
    raw_write(0x070, 0);
    raw_write(0x070, 1);
    raw_write(0x070, 3);
    RAW_REGISTER(0x070) = 7; /* wrong */
    failed = raw_read(0x070) != 7;
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
