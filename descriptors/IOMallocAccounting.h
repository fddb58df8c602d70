/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What IOMalloc.h's families have given out, who holds it, and how to make them
 * fail.
 */
#ifndef DESCRIPTORS_IOMALLOCACCOUNTING_H
#define DESCRIPTORS_IOMALLOCACCOUNTING_H

#include "descriptors/IOTypes.h"

/* Who allocates: each kind is counted for itself. */
typedef enum {
    kIOMallocGeneral,
    kIOMallocAligned,
    kIOMallocPageable,
    kIOMallocContiguous,
    kIOMallocData,
    kIOMallocFamilyCount
} IOMallocFamily;

/* What one family, or all, has now and had at most. */
typedef struct {
    uint64_t blocks;    /* live: allocated and not freed */
    uint64_t bytes;     /* of them, as they were asked for */
    uint64_t highWater; /* most bytes at once */
    uint64_t failures;  /* allocations refused for want of memory */
    uint64_t waiting;   /* freed, but the memory could not return yet (interrupt, pins) */
} IOMallocStatistics;

/* A family's counters. Any context. An unknown family counts nothing. */
void IOMallocGetStatistics(IOMallocFamily family, IOMallocStatistics *statistics);

/*
 * One line on the log for every live block: family, address, size, the caller that
 * allocated it. Returns how many there are. Thread context.
 */
uint64_t IOMallocReportLeaks(void);

/* Give back the memory that is waiting, where it can be by now. Thread context. */
void IOMallocReclaim(void);

/* Let the nth allocation from now on find no memory, in any family; 1: the next, 0: none. */
void IOMallocFailNth(uint64_t nth);

#endif
