/* SPDX-License-Identifier: BSD-2-Clause */
/* What the example of a port calls physical memory. */
#ifndef PORT_H
#define PORT_H

#define HOST_RAM_SIZE 0x100000u
#define HOST_RAM_BASE 0x80000000ull

#endif
