/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message is built in a fresh block, shorter than the block, and the whole block is sent.
 *
 * WATCH: init
 * NAMED: W21
 * RIGHT: only the message is sent, or the rest of the block is cleared
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

#define BYTES 256u

VDMA_MONITOR(8);

int main(void)
{
    uint8_t *message;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    message = heap_alloc(BYTES);
    memset(message, 'a', BYTES - 24);

    const struct raw_request sum = {
        .type = RAW_CHECKSUM,
        .data = {{.at = {RAW_MACHINE, virt_to_phys(message).value}, .length = BYTES}}};

    raw_lay(&sum);
    raw_publish(0);
    raw_ring(); /* wrong */
    heap_free(message);
    raw_end();
    return EXIT_SUCCESS;
}
