/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The available ring begins where the table of descriptors has not yet ended.
 *
 * WATCH: rules
 * NAMED: R17
 * RIGHT: the available ring begins behind 16 bytes for each descriptor
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
    raw_write(0x090, (uint32_t)raw_address((struct raw_place){RAW_ARENA, RAW_DESC + 128}));
    RAW_REGISTER(0x044) = 1; /* wrong */
    failed = raw_read(0x044) == 0;
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
