/* SPDX-License-Identifier: BSD-2-Clause */
/* Which version the library is. */
#include "kernel/version.h"

const char dmakit_version[] = DMAKIT_VERSION;
