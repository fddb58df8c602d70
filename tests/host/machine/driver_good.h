/* SPDX-License-Identifier: BSD-2-Clause */
/* A correct request of every method, for tests that damage it or look at what it does. */
#ifndef TESTS_HOST_DRIVER_GOOD_H
#define TESTS_HOST_DRIVER_GOOD_H

#include "tests/host/machine/driver_fixture.h"
#include "tests/host/machine/fake_mapper.h"

#define GOOD(status) assert_int_equal(status, kIOReturnSuccess)
#define METHODS      12

/* What they are about, all of it driver one's. */
struct good {
    uint64_t buffer, map, command, device;
    IOService *service;
    IOMapper *mapper;
};

union any {
    IORPCMessage header;
    uint64_t words[kIORPCMessageMost / 8];
    uint8_t bytes[kIORPCMessageMost];
};

/* Made, and closed again with all else that driver one has. */
void good_start(struct good *good);
void good_end(struct good *good);

/* The request of row `index` of the table; the words behind it are zeros. */
void good_request(const struct good *good, unsigned index, union any *message);

#endif
