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
};

/* Of a watcher. With the ring's lock held: what it prints is short. */
void copy_table_add(struct copy_table *table, const struct vdma_transfer *transfer,
                    const struct virtq_chain *chain);
void copy_table_print(const struct copy_table *table);

#endif
