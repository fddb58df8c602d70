/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request that takes long is published once more, to hurry it up.
 *
 * WATCH: rules
 * NAMED: R55
 * FROM: tianocore/edk2#6912
 * RIGHT: once; who cannot wait resets the device
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request nop = {.type = RAW_NOP};
    bool failed;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    raw_inject(4, 0, 62500); /* a delay of a millisecond */
    raw_lay(&nop);
    raw_publish(0);
    raw_ring();
    raw_publish(0);
    raw_ring(); /* wrong */
    failed = raw_needs_reset();
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
