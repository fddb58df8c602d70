/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data cache maintenance by virtual address, to the point of coherency: what a
 * device that does not snoop sees. Lines at both ends are maintained whole, which
 * loses nothing; every operation ends with a full barrier. The range must be
 * mapped. Any context.
 */
#ifndef KERNEL_CACHE_H
#define KERNEL_CACHE_H

#include "kernel/types.h"

/* Write dirty lines back; and let go of them, too. Any length, any alignment. */
void cache_clean(volatile const void *address, uint64_t size);
void cache_clean_invalidate(volatile const void *address, uint64_t size);

/*
 * Before code that was stored is executed: its data lines go to where instructions are
 * fetched from, and older instructions are forgotten, on all CPUs.
 */
void cache_make_executable(volatile const void *address, uint64_t size);

#endif
