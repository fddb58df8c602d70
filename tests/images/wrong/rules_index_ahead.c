/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index of the ring is set to a count of all requests so far that was kept over a reset.
 *
 * WATCH: rules
 * NAMED: R18
 * FROM: rust-vmm/vm-virtio#196
 * RIGHT: it begins at 0 with the queue, as the device's does, and goes up by 1 for each chain
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
    raw_lay(&nop);
    raw_publish(0);
    *(volatile uint16_t *)raw_at(RAW_AVAIL + 2) = 40;
    raw_ring(); /* wrong */
    failed = raw_needs_reset();
    raw_end();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
