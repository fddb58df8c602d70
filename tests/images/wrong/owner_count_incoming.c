/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A counter of the program's lies inside the buffer that the device fills, and is counted by an
 * atomic instruction while it does.
 *
 * WATCH: owner
 * NAMED: W03
 * NOTED: load-exclusive
 * RIGHT: the counter lies somewhere else, or is counted when the request has been given back
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request fill = {
        .type = RAW_FILL,
        .arguments = {0x5a, 1},
        .data = {{.at = {RAW_ARENA, RAW_SINK}, .length = 512, .write = true}}};
    uint32_t *counter;

    if (!raw_begin()) {
        return 77;
    }
    counter = (uint32_t *)raw_at(RAW_SINK + 64);
    raw_start(RAW_VERSION_1);
    raw_lay(&fill);
    raw_publish(0);
    raw_ring();
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); /* wrong */
    raw_wait();
    raw_end();
    return EXIT_SUCCESS;
}
