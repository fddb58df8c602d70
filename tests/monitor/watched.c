/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any image of tests/target with the machine's registers behind stage 2: does it reach all of
 * them by accesses that a hypervisor can decode?
 */
#include "qemu/vdma/monitor/monitor.h"

VDMA_MONITOR_WATCHING(2048);
