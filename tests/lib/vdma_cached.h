/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma_raw.h for a device that does not look into the CPU's cache (watch=coherence): rings, headers
 * and status are maintained here, data are the caller's.
 */
#ifndef TESTS_LIB_VDMA_CACHED_H
#define TESTS_LIB_VDMA_CACHED_H

#include "kernel/mmu.h"
#include "tests/lib/vdma_raw.h"

/* raw_begin and raw_start, or false. */
bool cached_begin(void);
/* Lay, publish and ring; what the device reads is clean, and what it writes in no cache. */
void cached_submit(const struct raw_request *request);
/* What came back, as memory has it. */
struct raw_answer cached_answer(const struct raw_request *request);

/* The arena's bytes from `offset` on, a page's, by another address with another type. */
volatile uint8_t *cached_alias(uint32_t offset, uint32_t bytes, enum mmu_memory type);

#endif
