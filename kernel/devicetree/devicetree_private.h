/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of devicetree_init that tests call with trees of their own. */
#ifndef KERNEL_DEVICETREE_PRIVATE_H
#define KERNEL_DEVICETREE_PRIVATE_H

#include "kernel/devicetree.h"

/*
 * Read a tree that lies at physical address `at`. NULL if it is good, else what
 * is wrong with it, in words; then there is no tree.
 */
const char *devicetree_read(const void *blob, paddr_t at);

#endif
