/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of driver processes on the host: what their programs do at EL0 is a script of stops,
 * and what they find there is kept.
 */
#ifndef TESTS_HOST_MACHINE_DRIVER_SCRIPT_H
#define TESTS_HOST_MACHINE_DRIVER_SCRIPT_H

#include "kernel/user.h"

/* The next stops of whoever runs. */
struct stop {
    enum user_stop why;
    unsigned call;
    uint64_t number, x[4];
    unsigned ticks; /* of a timer, before it stops */
};
extern const struct stop *script;

#define SCRIPT_FAULT 0x1234u /* where a program faults */
#define SCRIPT_STATE 0x60u   /* its saved program status */

extern unsigned script_turns;   /* so far */
extern bool script_is_over;     /* as the last turn was told */
extern uint64_t script_seen[2]; /* x0 and x1, when it began */

#endif
