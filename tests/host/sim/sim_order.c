/* SPDX-License-Identifier: BSD-2-Clause */
/* Who looks on at barriers and maintenance. */
#include "tests/host/sim/sim_order.h"

void (*sim_witness)(enum sim_step step, uint64_t detail);
