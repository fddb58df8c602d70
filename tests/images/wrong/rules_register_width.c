/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A register of 32 bits is read a byte at a time.
 *
 * WATCH: rules
 * NAMED: R65
 * RIGHT: one load of 32 bits, of which the byte is taken
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
    failed = *((volatile uint8_t *)raw_registers() + 0x070) != 15; /* wrong */
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
