/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A structure with a hole in it is filled in member by member and copied into the buffer that is
 * sent, which had been cleared for nothing.
 *
 * WATCH: init
 * NAMED: W21
 * RIGHT: the structure itself is cleared before its members are filled in
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/heap.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

VDMA_MONITOR(8);

struct record {
    uint64_t key;
    __attribute__((aligned(32))) uint64_t value; /* behind 24 bytes of nothing */
};

int main(void)
{
    const struct raw_request sum = {
        .type = RAW_CHECKSUM,
        .data = {{.at = {RAW_ARENA, RAW_DATA + 4}, .length = sizeof(struct record)}}};
    struct record *record;

    if (!raw_begin()) {
        return 77;
    }
    raw_start(RAW_VERSION_1);
    record = heap_alloc_aligned(sizeof(*record), 32);
    record->key = 1;
    record->value = 2;
    memcpy(raw_at(RAW_DATA + 4), record, sizeof(*record));
    raw_lay(&sum);
    raw_publish(0);
    raw_ring(); /* wrong */
    heap_free(record);
    raw_end();
    return EXIT_SUCCESS;
}
