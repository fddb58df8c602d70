/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The used ring lies where there was room for it, and not on a multiple of 4.
 *
 * WATCH: rules
 * NAMED: R15
 * RIGHT: the next multiple of 4: the descriptors want 16, the available ring 2
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
    raw_write(0x0a0, (uint32_t)raw_address((struct raw_place){RAW_ARENA, RAW_USED + 2}));
    RAW_REGISTER(0x044) = 1; /* wrong */
    failed = raw_read(0x044) == 0;
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
