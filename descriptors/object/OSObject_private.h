/* SPDX-License-Identifier: BSD-2-Clause */
/* Reference counts that are states; for OSObject.c and white-box tests. */
#ifndef DESCRIPTORS_OSOBJECT_PRIVATE_H
#define DESCRIPTORS_OSOBJECT_PRIVATE_H

#include "descriptors/OSObject_class.h"

#define OSOBJECT_PEGGED  0xFFFFFFFEu /* saturated: it never changes again, nobody frees it */
#define OSOBJECT_FREEING 0xFFFFFFFFu /* free is running: releases are ignored */

#endif
