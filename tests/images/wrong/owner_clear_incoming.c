/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffer for an answer is cleared after the doorbell, not before it: sometimes that comes
 * first, and sometimes it clears the answer. It shares its first page with something of the
 * program's own, which it may use as it likes.
 *
 * WATCH: owner
 * NAMED: W02
 * RIGHT: the buffer is cleared before the doorbell
 */
#include <stdlib.h>
#include <string.h>

#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

#define BYTES 301u /* from an odd address on: pairs and vectors reach over its ends */

VDMA_MONITOR(8);

int main(void)
{
    const struct raw_request fill = {
        .type = RAW_FILL,
        .arguments = {0x5a, 1},
        .data = {{.at = {RAW_ARENA, RAW_SINK + 4000}, .length = BYTES, .write = true}}};
    volatile uint8_t *page;

    if (!raw_begin()) {
        return 77;
    }
    page = raw_at(RAW_SINK);
    raw_start(RAW_VERSION_1);
    raw_lay(&fill);
    raw_publish(0);
    raw_ring();
    page[3999] = page[0]; /* its neighbours on both sides */
    page[4000 + BYTES] = page[8191];
    memset(raw_at(RAW_SINK + 4000), 0, BYTES); /* wrong */
    raw_wait();
    raw_end();
    return EXIT_SUCCESS;
}
