/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts the bytes that memcpy and memmove move while it runs, whoever calls
 * them. The image has to be linked with --wrap=memcpy and --wrap=memmove
 * (Makefile), or the meter stays at zero because it sees nothing.
 */
#ifndef TESTS_LIB_COPY_METER_H
#define TESTS_LIB_COPY_METER_H

#include "tests/lib/scatter.h"

void copy_meter_start(void); /* or go on; makes sure that it does count */
void copy_meter_stop(void);
/* Count only what is copied from or to the pieces of these from now on; NULL: everything again. */
void copy_meter_watch(const struct scatter *one, const struct scatter *other);
uint64_t copy_meter_bytes(void);

#endif
