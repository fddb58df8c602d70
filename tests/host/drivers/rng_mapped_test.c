/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes behind an IOMMU: what the device is told is where the mapper has put the memory. */
#include "drivers/virtio/rng_private.h"
#include "tests/host/drivers/blk_mapped_fixture.h"

static struct virtio_rng rng;

/* The device answers while the reader sleeps, with fewer bytes than it was asked for. */
static uint32_t too_many; /* bytes that it says it has written */

static void answer_with_random_bytes(void)
{
    static struct virtio_sim_chain chain;

    if (virtio_sim_take(&sim, &chain)) {
        const uint32_t length = (chain.entries[0].length + 1) / 2;

        assert_false(chain.broken);
        assert_int_equal(chain.count, 1);
        for (uint32_t i = 0; i < length; i++) {
            *(uint8_t *)virtio_sim_at(&sim, chain.entries[0].address + i) = 0x77;
        }
        virtio_sim_give(&sim, chain.head, length + too_many);
    }
    virtio_sim_interrupt(&sim);
}

static void random_bytes_arrive(void **state)
{
    uint64_t own;

    (void)state;
    virtio_sim_create(&sim, VIRTIO_ID_ENTROPY, VIRTIO_F_VERSION_1, 8);
    sim.mapper = &mapper->super;
    assert_true(rng_create(&rng, &sim.device));
    assert_null(rng.cursor); /* it would give physical addresses */
    own = mapper->taken;
    memset(phys_to_virt(data), 0, ptoa(PAGES));
    sim_while_waiting = answer_with_random_bytes;
    assert_int_equal(rng_read(&rng, memory, 2000, 20000), kIOReturnSuccess);
    for (uint64_t i = 0; i < 24576; i++) {
        assert_int_equal(*byte_at(i), i >= 2000 && i < 22000 ? 0x77 : 0);
    }
    assert_int_equal(mapper->taken, own);
    mapper->map_answer = kIOReturnNoSpace;
    assert_int_equal(rng_read(&rng, memory, 0, 100), kIOReturnNoSpace);
    mapper->map_answer = kIOReturnSuccess;
    /* Beyond what it was asked for, which is less than the request: the question's one segment. */
    too_many = 1;
    assert_int_equal(rng_read(&rng, memory, 2000, 20000), kIOReturnDeviceError);
    too_many = 0;
    /* The bytes are there, but so is the device's way to them. */
    own = mapper->taken;
    mapper->unmap_answer = kIOReturnTimeout;
    assert_int_equal(rng_read(&rng, memory, 0, 100), kIOReturnTimeout);
    mapper->unmap_answer = kIOReturnSuccess;
    mapper->taken = own;
    sim_while_waiting = NULL;
    rng_destroy(&rng);
    assert_int_equal(mapper->taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes_arrive),
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
