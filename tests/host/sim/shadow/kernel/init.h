/* SPDX-License-Identifier: BSD-2-Clause */
/* Host replacement of kernel/init.h: a test is the start-up, and calls what it wants by name. */
#ifndef KERNEL_INIT_H
#define KERNEL_INIT_H

typedef void initialiser_t(void);

#define INIT_CONSOLE "1"
#define INIT_DRIVER  "2"
#define INIT_CLASS   "3"

#define INITIALISER(level, function)                                                               \
    extern initialiser_t *const initialiser_##function;                                            \
    initialiser_t *const initialiser_##function = (function)

#endif
