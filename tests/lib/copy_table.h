/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vdma is told of copies, for a reader: the first requests as they stand in the ring, both
 * sides, with what was cut and what had to lie elsewhere, and by which rule of the data sheet
 * (qemu/vdma/README.md); and the sums of these of all requests.
 */
#ifndef TESTS_LIB_COPY_TABLE_H
#define TESTS_LIB_COPY_TABLE_H

#include "drivers/vdma/vdma.h"

struct copy_table {
    struct vdma_limits limits;
    bool translated; /* the device goes by its own table */
    unsigned shown;
    uint64_t requests, segments;
    /* Segments that end although their memory goes on at the next address. */
    uint64_t longest;  /* R02 */
    uint64_t boundary; /* R09 */
    uint64_t full;     /* R03: the request has no room for more */
    uint64_t other;    /* the other side ends here */
    /* Bytes that lie elsewhere. */
    uint64_t above;      /* R01 */
    uint64_t misaligned; /* R05 to R08 */

    /* Of records: where the next copy begins, and the one that they tell of, both sides. */
    uint64_t next;
    uint32_t request; /* 0: of none that is of interest */
    uint64_t offsets[2];
    unsigned counts[2];
};

/* Of a watcher. With the ring's lock held: what it prints is short. */
void copy_table_add(struct copy_table *table, const struct vdma_transfer *transfer,
                    const struct virtq_chain *chain);

/*
 * The same of the device's log, record by record, for copies that somebody else has made: each
 * moves the bytes behind the one before.
 */
void copy_table_add_record(struct copy_table *table, const struct vdma_record *record,
                           IOMemoryDescriptor *source, IOMemoryDescriptor *target);

void copy_table_print(const struct copy_table *table);

#endif
