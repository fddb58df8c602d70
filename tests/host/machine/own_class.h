/* SPDX-License-Identifier: BSD-2-Clause */
/* A descriptor class from elsewhere, whose places a test chooses. */
#ifndef TESTS_HOST_MACHINE_OWN_CLASS_H
#define TESTS_HOST_MACHINE_OWN_CLASS_H

#include "tests/host/machine/dma_fixture.h"

#define OWN_LENGTH (4 * PAGE_SIZE)

/* Bytes up to `until` lie at `base` and behind it, in pieces; then this error. */
struct own_says {
    uint64_t base;
    IOByteCount until, piece;
    IOReturn behind;
    IOReturn facts;    /* what its characteristics are answered with */
    unsigned answered; /* questions after which it has no places any more; 0: it keeps them */
    unsigned asked;
};
extern struct own_says says;

/* It inherits all that it can. */
extern const IOMemoryDescriptorClass own_class;
extern uint32_t own_instances;

/* A new one, not prepared; what it says from now on is a place for every byte. */
IOMemoryDescriptor *new_own(void);

#endif
