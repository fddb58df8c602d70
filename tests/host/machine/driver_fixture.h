/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of driver messages over the simulated machine: the owner is a driver with a table,
 * `other` a second one, and messages go through pages of theirs as a driver's own code would send
 * them.
 */
#ifndef TESTS_HOST_DRIVER_FIXTURE_H
#define TESTS_HOST_DRIVER_FIXTURE_H

#include "descriptors/IODriverKit.h"
#include "descriptors/IODriverTask.h"
#include "tests/host/machine/map_fixture.h"

/* A driver: its task, its table, and two pages in it, behind which nothing is. */
struct driver {
    task_t task;
    IODriverTask *table;
    uint64_t pages;
};

extern struct driver one, two; /* of owner and other */

#define DRIVER_PAGES 2

int driver_start(void **state);
int driver_start_small(void **state); /* four handles, two maps, four pages of buffers */
int driver_stop(void **state);

#define DRIVER_TEST(name) cmocka_unit_test_setup_teardown(name, driver_start, driver_stop)
#define SMALL_TEST(name)  cmocka_unit_test_setup_teardown(name, driver_start_small, driver_stop)

/*
 * Put the request at the start of the driver's pages, send it, and fetch a reply of this many bytes
 * from behind it.
 */
IOReturn driver_send(struct driver *driver, const void *request, uint64_t requestSize, void *reply,
                     uint64_t replySize);

/* Store to a task's memory, load from it. */
void driver_put(const struct driver *driver, uint64_t at, const void *bytes, uint64_t size);
void driver_get(const struct driver *driver, uint64_t at, void *bytes, uint64_t size);

/* A method's header. */
#define HEADER(Class, Method, refs)                                                                \
    {                                                                                              \
        .msgid = Class##_##Method##_ID, .objectRefs = (refs)                                       \
    }

/* The methods as messages. Handles of what they answer; 0, and why in *status. */
uint64_t driver_create(struct driver *driver, uint64_t options, uint64_t capacity,
                       IOReturn *status);
uint64_t driver_map(struct driver *driver, uint64_t memory, uint64_t options, uint64_t address,
                    uint64_t offset, uint64_t length, IOReturn *status);
uint64_t driver_sub(struct driver *driver, uint64_t memory, uint64_t options, uint64_t offset,
                    uint64_t length, IOReturn *status);
uint64_t driver_join(struct driver *driver, const uint64_t *parts, uint32_t count, uint64_t options,
                     IOReturn *status);
IOReturn driver_set_length(struct driver *driver, uint64_t buffer, uint64_t length);
IOReturn driver_state(struct driver *driver, uint64_t memory, _IOMDPrivateState *state);
IOReturn driver_map_state(struct driver *driver, uint64_t map, _IOMemoryMapPrivateState *state);

/* They must succeed. */
uint64_t driver_buffer(struct driver *driver, uint64_t options, uint64_t capacity);
uint64_t driver_map_all(struct driver *driver, uint64_t memory, uint64_t options);
uint64_t driver_address(struct driver *driver, uint64_t map);

/* The object behind a handle, not retained; it must be open. */
OSObject *driver_object(struct driver *driver, uint64_t handle);

/* How many handles a driver has. */
uint32_t driver_handles(const struct driver *driver);

#endif
