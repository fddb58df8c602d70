/* SPDX-License-Identifier: BSD-2-Clause */
/* Any image of tests/target with the monitor beneath it: does it notice? */
#include "qemu/vdma/monitor/monitor.h"

VDMA_MONITOR(2048);
