/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doorbell is rung before the driver has said that it is ready.
 *
 * WATCH: rules
 * NAMED: R60
 * FROM: nanovms/nanos#587
 * RIGHT: DRIVER_OK first
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request nop = {.type = RAW_NOP};
    bool done;

    if (!raw_begin()) {
        return 77;
    }
    raw_start_to_queue(RAW_VERSION_1);
    raw_write(0x044, 1);
    raw_lay(&nop);
    raw_publish(0);
    RAW_REGISTER(0x050) = 0; /* wrong */
    done = raw_used() != 0;
    raw_end();
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
