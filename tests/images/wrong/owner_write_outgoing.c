/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The next message is begun in the buffer of the one before, which the device has not read yet.
 *
 * WATCH: owner
 * NAMED: W01
 * RIGHT: `raw_wait()` first, or a buffer of its own for the next message
 */
#include <stdlib.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request copy = {
        .type = RAW_COPY,
        .data = {{.at = {RAW_ARENA, RAW_DATA}, .length = 256},
                 {.at = {RAW_ARENA, RAW_SINK}, .length = 256, .write = true}}};
    volatile uint8_t *message;

    if (!raw_begin()) {
        return 77;
    }
    message = raw_at(RAW_DATA);
    raw_start(RAW_VERSION_1);
    raw_lay(&copy);
    raw_publish(0);
    raw_ring();
    message[100] = 'b'; /* wrong */
    raw_wait();
    raw_end();
    return EXIT_SUCCESS;
}
