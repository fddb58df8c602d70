/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains for the tests of the virtqueue: every buffer has an address and a length of its own, so
 * that the simulated device can tell which it has met.
 */
#ifndef TESTS_HOST_DRIVERS_VIRTQ_CHAINS_H
#define TESTS_HOST_DRIVERS_VIRTQ_CHAINS_H

#include "tests/host/sim/sim_virtq.h"

/* Of each test: memory to work in, and the proof that the driver has given all of it back. */
int virtq_test_set_up(void **state);
int virtq_test_tear_down(void **state);
int virtq_test_set_up_packed(void **state);
int virtq_test_tear_down_packed(void **state);

/* Over a split ring, and over a packed one. */
#define VIRTQ_TEST_BOTH(test)                                                                      \
    cmocka_unit_test_setup_teardown(test, virtq_test_set_up, virtq_test_tear_down),                \
    {                                                                                              \
#test "_packed", test, virtq_test_set_up_packed, virtq_test_tear_down_packed, NULL         \
    }

paddr_t buffer_address(unsigned id, unsigned i);
uint32_t buffer_length(unsigned id, unsigned i);

/* A chain of `reads` buffers for the device to read, then `writes` for it to write. */
void fill_chain(struct virtq_chain *chain, unsigned id, unsigned reads, unsigned writes);
bool submit_chain(struct virtq *queue, unsigned id, unsigned reads, unsigned writes);
void assert_chain_seen(const struct sim_chain *seen, unsigned id, unsigned reads, unsigned writes);

#endif
