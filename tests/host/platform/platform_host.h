/* SPDX-License-Identifier: BSD-2-Clause */
/* What the example of an embedding (platform_host.c) calls physical memory. */
#ifndef TESTS_HOST_PLATFORM_HOST_H
#define TESTS_HOST_PLATFORM_HOST_H

#define HOST_RAM_SIZE 0x100000u
#define HOST_RAM_BASE 0x80000000ull

#endif
