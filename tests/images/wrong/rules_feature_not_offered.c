/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All features that the driver knows are taken, offered or not.
 *
 * WATCH: rules
 * NAMED: R67
 * RIGHT: the features are those that the device offers and the driver knows
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
    raw_write(0x024, 1);
    raw_write(0x020, 1);
    raw_write(0x024, 0);
    raw_write(0x020, 0x20);   /* a read-only disk, of virtio-blk */
    RAW_REGISTER(0x070) = 11; /* wrong */
    failed = raw_read(0x070) != 11;
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
