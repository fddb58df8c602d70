/* SPDX-License-Identifier: BSD-2-Clause */
/* A data cache that only counts what is done to it. */
#ifndef TESTS_HOST_SIM_CACHE_H
#define TESTS_HOST_SIM_CACHE_H

#include <stdint.h>

#define SIM_CACHE_LINE 64

struct sim_cache {
    uint64_t cleaned, flushed; /* lines cleaned; cleaned and invalidated */
    uint64_t executable;       /* lines made fit for execution */
    uint64_t barriers;
};

extern struct sim_cache sim_cache;

#endif
