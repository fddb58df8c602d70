/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device says that it has moved less than was asked for, and the program uses all of the
 * buffer.
 *
 * WATCH: init
 * NAMED: W22
 * RIGHT: the loop ends where the answer's `moved` says that the bytes end
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

#define BYTES       512u
#define MOVED       100u
#define FAULT_SHORT 2u

VDMA_MONITOR(8);

int main(void)
{
    uint64_t sum = 0;
    uint8_t *block;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    block = heap_alloc(BYTES);

    const struct raw_request fill = {
        .type = RAW_FILL,
        .arguments = {0x5a, 1},
        .data = {{.at = {RAW_MACHINE, virt_to_phys(block).value}, .length = BYTES, .write = true}}};

    raw_inject(FAULT_SHORT, 0, MOVED);
    raw_run(&fill);
    for (unsigned i = 0; i < BYTES; i++) {
        sum += ((volatile uint8_t *)block)[i]; /* wrong */
    }
    heap_free(block);
    raw_end();
    return sum != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
