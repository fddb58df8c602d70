/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host replacement of kernel/direct_map.h: the direct map lies where a process can
 * have memory. sim_ram.h puts simulated RAM there.
 */
#ifndef SHADOW_KERNEL_DIRECT_MAP_H
#define SHADOW_KERNEL_DIRECT_MAP_H

#define DIRECT_MAP_BASE 0x0000200000000000UL

#include_next "kernel/direct_map.h"

#endif
