/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests/drivers/misbehaving.c does: the first word of the buffer that it is given. */
#ifndef TESTS_DRIVERS_MODES_H
#define TESTS_DRIVERS_MODES_H

enum misbehaviour {
    BEHAVES,          /* exits with the second word */
    LOOPS,            /* for ever */
    READS_NULL,       /* faults at 0 */
    READS_KERNEL,     /* at the address in the second word */
    WRITES_TEXT,      /* its own code */
    RUNS_STACK,       /* instructions there */
    OVERFLOWS_STACK,  /* by recursion */
    IS_PRIVILEGED,    /* by an instruction */
    CALLS_UNKNOWN,    /* services; exits with 7 if all are refused */
    FLOODS_MESSAGES,  /* never ends, and sends all the time */
    FLOODS_HANDLES,   /* as many buffers as it gets; exits with 8 */
    WRITES_GIVEN,     /* stores to the second object, mapped */
    TOUCHES_RELEASED, /* a mapping that it has released */
    WAITS_FOR_EVER,   /* for nothing */
    SENDS_RANDOM,     /* messages, as many as the second word says; exits with 9 */
    HOLDS_AND_LOOPS,  /* buffers, maps, and a prepared command on the second object */
    COUNTS_TURNS,     /* yields as often as the second word says, and counts in the third */
    WAITS_FOR_DEVICE, /* the second object, for as long as the second word; exits with how many */
    WANTS_NEIGHBOURS, /* of the second object, as the third, a device, and as a map; exits with 10
                       */
    IS_FATAL,         /* to itself */
    CHURNS,           /* makes, maps, shortens and releases as often as the second word says */
};

#endif
