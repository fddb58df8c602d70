/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole entropy driver against a device that may write anything it can write,
 * also between any two of the driver's looks: every read comes back, and nothing is
 * left over. WRITES: how many writes of the device (50,000); SEED: which ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/rng_private.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "tests/host/drivers/virtio_fuzz.h"

#define PAGES 32

static struct fuzz fuzz;
static struct virtio_rng rng;
static IOMemoryDescriptor *memory;
static uint64_t filled, given_up; /* reads that ended so */

/* Answer with all that is asked for, or with less. */
static bool work(struct fuzz *unused)
{
    static struct virtio_sim_chain chain;
    uint32_t length = 0;

    (void)unused;
    if (rng.queue == NULL || !virtio_sim_take(&fuzz.sim, &chain)) {
        return false;
    }
    if (!chain.broken && chain.count == 1 && chain.entries[0].write) {
        const struct virtio_sim_entry *entry = &chain.entries[0];

        length = fuzz_chance(&fuzz, 128) ? entry->length : fuzz_random(&fuzz, entry->length + 1);
        fuzz_fill(&fuzz, entry->address, length, 0x5a);
    }
    FUZZ_ASSERT(&fuzz, fuzz.malice != 0 || fuzz.flickers || !chain.broken);
    virtio_sim_give(&fuzz.sim, chain.head, length);
    fuzz.writes += 2;
    return true;
}

static void give_up(struct fuzz *unused)
{
    (void)unused;
    rng_reset(&rng);
}

/* N34: of a device that keeps the rules no answer waits for an interrupt that never comes. */
static void sleeping(struct fuzz *unused)
{
    (void)unused;
    if (fuzz.malice == 0 && !fuzz.flickers && rng.queue != NULL) {
        FUZZ_ASSERT(&fuzz, fuzz.sim.given == rng.queue->used_index || fuzz.sim.used_pending ||
                               fuzz.sim.changed_pending);
    }
}

static void power_on(void)
{
    static const unsigned malices[] = {0, 0, 1, 4, 16, 64};
    static const unsigned sizes[] = {1, 2, 3, 64, 1024};
    const uint64_t offered =
        VIRTIO_F_VERSION_1 | (sim_random(&fuzz.seed) &
                              (VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_PACKED));

    fuzz_power_on(&fuzz, VIRTIO_ID_ENTROPY, offered, sizes[fuzz_random(&fuzz, 5)]);
    fuzz.malice = malices[fuzz_random(&fuzz, 6)];
    fuzz.answers = fuzz_chance(&fuzz, 128);
    fuzz.flickers = fuzz_chance(&fuzz, 16);
    fuzz.sim.refuses_line = fuzz_chance(&fuzz, 4);
}

static void read_some(void)
{
    const uint64_t offset = fuzz_random(&fuzz, PAGES * PAGE_SIZE + 100);
    const uint64_t length = fuzz_random(&fuzz, 20000);
    IOReturn status;

    fuzz.waits = 0;
    status = rng_read(&rng, memory, offset, length);
    filled += status == kIOReturnSuccess;
    given_up += status == kIOReturnAborted;
    FUZZ_ASSERT(&fuzz, virtq_in_flight(rng.queue) == 0);
}

static void live(void)
{
    const struct holdings before = holdings_now();

    power_on();
    fuzz_play(&fuzz);
    if (rng_create(&rng, &fuzz.sim.device)) {
        fuzz.queue = rng.queue;
        for (unsigned i = fuzz_random(&fuzz, 40); i != 0; i--) {
            read_some();
            virtio_sim_interrupt(&fuzz.sim);
            if (fuzz_chance(&fuzz, 8)) {
                rng_reset(&rng);
            }
            FUZZ_ASSERT(&fuzz, sim_irq_masked == 0 && !sim_in_handler);
        }
        FUZZ_ASSERT(&fuzz, fuzz.malice != 0 || fuzz.sim.complaint == NULL);
        fuzz.malice = 0;
        fuzz.answers = fuzz.flickers = false;
        fuzz.sim.refuses_reset = false;
        fuzz.queue = NULL;
        rng_destroy(&rng);
    }
    fuzz_play(NULL);
    fuzz_power_off(&fuzz);

    if (fuzz.sim.resets_refused == 0) {
        FUZZ_ASSERT(&fuzz, sim_holds(&before));
    }
}

static void test_any_device(void **state)
{
    const struct page_request run = {.count = PAGES, .owner = PAGE_OWNER_IMAGE, .zero = true};

    (void)state;
    fuzz_begin(&fuzz, 400000);
    fuzz.work = work;
    fuzz.give_up = give_up;
    fuzz.sleeping = sleeping;
    fuzz.data_bytes = PAGES * PAGE_SIZE;
    assert_int_equal(page_alloc_run(&run, &fuzz.data), KERN_SUCCESS);
    memory = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(fuzz.data),
                                                 PAGES * PAGE_SIZE, kIODirectionIn, kernel_task);
    assert_non_null(memory);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    while (fuzz.writes < fuzz.budget) {
        live();
    }
    print_message("# %llu reads were filled, %llu given up\n", (unsigned long long)filled,
                  (unsigned long long)given_up);
    assert_true(filled > 100 && given_up > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_device)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
