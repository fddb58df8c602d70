/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue gets as many entries as the program would like, which is no power of two.
 *
 * WATCH: rules
 * NAMED: R12
 * RIGHT: the next lower power of two
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
    raw_start_to_queue(RAW_VERSION_1);
    raw_write(0x038, 100);
    RAW_REGISTER(0x044) = 1; /* wrong */
    failed = raw_read(0x044) == 0;
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
