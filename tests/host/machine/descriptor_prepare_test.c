/* SPDX-License-Identifier: BSD-2-Clause */
/* General descriptors, how they are prepared and completed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/IOMemoryMap_class.h"
#include "kernel/page.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/host/sim/sim_cache.h"

static void md_6_with_address_is_ready_at_once(void **state)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddress((void *)(pages_at + 10), 5000, kIODirectionOut);
    uint8_t bytes[5000];
    IOByteCount length;

    (void)state;
    assert_int_equal(pins(), 2);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, bytes, 5000), 5000);
    assert_memory_equal(bytes, pages + 10, 5000);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0),
                     physical_of(pages + 10));
    /* What was prepared at creation is not the caller's to complete. */
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 2);
    OSObject_release(memory);
    assert_int_equal(pins(), 0);
    set_page(pages + PAGE_SIZE, PAGE_UNMAPPED);
    assert_null(IOMemoryDescriptor_withAddress((void *)(pages_at + 10), 5000, kIODirectionOut));
    assert_int_equal(IOMemoryLastError(), kIOReturnCannotWire);
}

/* Caches are maintained for who asks for it, and the highest page is that of the last byte. */
static void a_preparation_finds_the_highest_page(void **state)
{
    static const uint64_t lengths[] = {PAGE_SIZE, 2 * PAGE_SIZE, 3 * PAGE_SIZE};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        IOMemoryDescriptor *memory = describe_pages(0, lengths[i], kIODirectionOutIn);
        const uint64_t flushed = sim_cache.flushed;
        IOMDDMACharacteristics facts;
        uint64_t highest = 0;

        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        assert_int_equal(sim_cache.flushed, flushed);
        for (uint64_t at = 0; at < lengths[i]; at += PAGE_SIZE) {
            const uint64_t page = atop(physical_of(pages + at));

            highest = page > highest ? page : highest;
        }
        assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics,
                                                                &facts, sizeof(facts)),
                         kIOReturnSuccess);
        assert_int_equal(facts.fHighestPage, highest);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        OSObject_release(memory);
    }
}

/* Of memory without a direction either way is meant, by whoever names none. */
static void memory_without_a_direction_is_for_both(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, PAGE_SIZE, 0);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionOut), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnNotWritable);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

static void md_7_pins_are_counted_by_preparation(void **state)
{
    IOMemoryDescriptor *one = describe_pages(100, ptoa(2), kIODirectionIn); /* three pages */
    IOMemoryDescriptor *two = describe_pages(PAGE_SIZE, 1, kIODirectionIn);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(one, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 3);
    assert_int_equal(IOMemoryDescriptor_prepare(one, kIODirectionOut), kIOReturnSuccess);
    assert_int_equal(pins(), 3);
    assert_int_equal(IOMemoryDescriptor_prepare(two, 0), kIOReturnSuccess);
    assert_int_equal(page_pin_count(paddr(physical_of(pages + PAGE_SIZE))), 2);
    assert_int_equal(IOMemoryDescriptor_complete(one, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 4);
    assert_int_equal(IOMemoryDescriptor_complete(one, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 1);
    assert_int_equal(IOMemoryDescriptor_complete(two, 0), kIOReturnSuccess);
    OSObject_release(one);
    OSObject_release(two);
}

static void md_8_out_only_preparation(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 100, kIODirectionOut);
    uint8_t byte = 1;

    (void)state;
    set_page(pages, PAGE_READ_ONLY);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionOutIn), kIOReturnNotWritable);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_true(IOMemoryDescriptor_getFlags(memory) & kIOMemoryPreparedReadOnly);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotWritable);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionIn), kIOReturnNotWritable);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    IOMemoryDescriptor_complete(memory, 0);
    assert_true(IOMemoryDescriptor_getFlags(memory) & kIOMemoryPreparedReadOnly);
    IOMemoryDescriptor_complete(memory, 0);
    assert_false(IOMemoryDescriptor_getFlags(memory) & kIOMemoryPreparedReadOnly);
    set_page(pages, PAGE_NORMAL);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionIn), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, &byte, 1), 1);
    assert_int_equal(pages[0], 1);
    IOMemoryDescriptor_complete(memory, 0);
    OSObject_release(memory);
}

static void md_9_a_failing_prepare_pins_nothing(void **state)
{
    static const struct {
        enum page_kind kind;
        IODirection direction;
        IOReturn result;
    } cases[] = {
        {PAGE_UNMAPPED, kIODirectionIn, kIOReturnCannotWire},
        {PAGE_READ_ONLY, kIODirectionIn, kIOReturnNotWritable},
        {PAGE_READ_ONLY, kIODirectionNone, kIOReturnNotWritable},
        {PAGE_ABSENT, kIODirectionIn | kIODirectionPrepareNoFault, kIOReturnNoResources},
    };
    IOMemoryDescriptor *memory = describe_pages(0, ptoa(4), kIODirectionNone);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t bad = 0; bad < 4; bad++) {
            set_page(pages + ptoa(bad), cases[i].kind);
            assert_int_equal(IOMemoryDescriptor_prepare(memory, cases[i].direction),
                             cases[i].result);
            assert_int_equal(pins(), 0);
            assert_int_equal(IOMemoryDescriptor_getPreparationID(memory), 0);
            assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
            set_page(pages + ptoa(bad), PAGE_NORMAL);
        }
    }
    set_memory_short(true);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionPrepareAvoidThrottling),
                     kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    set_memory_short(false);
    OSObject_release(memory); /* MD-11: nobody has completed */
    assert_int_equal(pins(), 0);
}

/* Every allocation and page request of a prepare fails once. */
static void md_9_each_request_of_a_prepare_fails(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(1, ptoa(6), kIODirectionIn);
    unsigned nth;
    IOReturn status = kIOReturnError;

    (void)state;
    for (nth = 1; status != kIOReturnSuccess; nth++) {
        fail_request(nth);
        status = IOMemoryDescriptor_prepare(memory, 0);
        fail_request(0);
        if (status != kIOReturnSuccess) {
            assert_true(status == kIOReturnNoMemory || status == kIOReturnNoResources);
            assert_int_equal(pins(), 0);
        }
    }
    assert_true(nth > 3); /* the page list, the runs and what holds them */
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

/* Bytes that lie in a row in one page, which two addresses show, are one run and one pin. */
static void one_page_at_two_addresses(void **state)
{
    const uint64_t direct = (uint64_t)reach(pages);
    IOAddressRange ranges[] = {{pages_at, 100}, {direct + 100, 4096 - 100}, {pages_at, 1}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionIn, kernel_task);
    const paddr_t page = paddr(physical_of(pages));
    IOByteCount length;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(page_pin_count(page), 2);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0), page.value);
    assert_int_equal(length, 4096);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 0);
    OSObject_release(memory);
}

static void md_10_unbalanced_and_busy_complete(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 10, kIODirectionIn);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAActive, NULL, 0),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnBusy);
    assert_int_equal(pins(), 1);
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAInactive, NULL, 0),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionCompleteWithError),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0),
                     kIOReturnSuccess); /* the error is not kept */
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    /* The count does not wrap. */
    memory->wireCount = UINT32_MAX;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnNoResources);
    memory->wireCount = 0;
    OSObject_release(memory);
}

/* What a device may still write is not given back. */
static void freed_with_dma_active(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, ptoa(2), kIODirectionIn);
    paddr_t abandoned[2] = {paddr(physical_of(pages)), paddr(physical_of(pages + PAGE_SIZE))};

    (void)state;
    IOMemoryDescriptor_prepare(memory, 0);
    IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAActive, NULL, 0);
    OSObject_release(memory);
    assert_int_equal(pins(), 2);
    platform_unwire(abandoned, 2);
}

static void md_13_preparation_ids(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 10, kIODirectionIn);
    IOMemoryDescriptor *physical = IOMemoryDescriptor_withPhysicalAddress(0, 1, 1);
    uint64_t first, second;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getPreparationID(memory), 0);
    IOMemoryDescriptor_prepare(memory, 0);
    first = IOMemoryDescriptor_getPreparationID(memory);
    assert_true(first >= 1ull << 32);
    IOMemoryDescriptor_prepare(memory, 0);
    IOMemoryDescriptor_complete(memory, 0);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(memory), first);
    IOMemoryDescriptor_complete(memory, 0);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(memory), 0);
    IOMemoryDescriptor_prepare(memory, 0);
    second = IOMemoryDescriptor_getPreparationID(memory);
    assert_true(second >= 1ull << 32 && second != first);
    /* A complete that a device has kept back: over when the device is done, and not before. */
    assert_int_equal(IOMemoryDescriptor_methods(memory)->setDMAActive(memory, true),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_completeSometime(memory), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(memory), second);
    sim_in_handler = true;
    assert_int_equal(IOMemoryDescriptor_methods(memory)->setDMAActive(memory, false),
                     kIOReturnSuccess);
    sim_in_handler = false;
    assert_int_equal(IOMemoryDescriptor_getPreparationID(memory), 0);
    first = IOMemoryDescriptor_getPreparationID(physical);
    assert_true(first >= 1ull << 32 && first != second);
    IOMemoryDescriptor_prepare(physical, 0);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(physical), first);
    IOMemoryDescriptor_complete(physical, 0);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(physical), first);
    OSObject_release(memory);
    OSObject_release(physical);
}

/* Completes that are to come, as the composites that know of them announce them. */
static void announced_completes_are_as_good_as_done(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 10, kIODirectionIn);
    const IOMemoryDescriptorClass *const methods = IOMemoryDescriptor_methods(memory);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    }
    assert_int_equal(methods->announceComplete(memory, 5, true), kIOReturnSuccess);
    assert_int_equal(methods->announceComplete(memory, 5, false), kIOReturnSuccess);
    assert_int_equal(methods->setDMAActive(memory, true), kIOReturnSuccess);
    assert_int_equal(methods->announceComplete(memory, 4, true), kIOReturnBusy);
    assert_int_equal(methods->announceComplete(memory, 5, true), kIOReturnBusy);
    assert_int_equal(methods->announceComplete(memory, 3, true), kIOReturnSuccess);
    assert_int_equal(methods->announceComplete(memory, 1, true), kIOReturnBusy);
    assert_int_equal(methods->announceComplete(memory, 2, false), kIOReturnSuccess);
    assert_int_equal(methods->announceComplete(memory, 3, true), kIOReturnBusy);
    assert_int_equal(methods->announceComplete(memory, 2, true), kIOReturnSuccess);
    assert_int_equal(methods->announceComplete(memory, 3, false), kIOReturnSuccess);
    assert_int_equal(methods->setDMAActive(memory, false), kIOReturnSuccess);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    }
    /* The pages of one that stays prepared stay whatever is completed. */
    assert_int_equal(methods->announceComplete(memory, 1, true), kIOReturnSuccess);
    assert_int_equal(methods->announceComplete(memory, 1, false), kIOReturnSuccess);
    OSObject_release(memory);
    memory = IOMemoryDescriptor_withAddress((void *)pages_at, 10, kIODirectionOut);
    assert_int_equal(methods->setDMAActive(memory, true), kIOReturnSuccess);
    assert_int_equal(methods->announceComplete(memory, 1, true), kIOReturnSuccess);
    assert_int_equal(methods->announceComplete(memory, 1, false), kIOReturnSuccess);
    assert_int_equal(methods->setDMAActive(memory, false), kIOReturnSuccess);
    OSObject_release(memory);
}

/* What a device has kept back is settled by whoever asks next, where he may. */
static void kept_completes_are_settled_once(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 10, kIODirectionIn);
    const IOMemoryDescriptorClass *const methods = IOMemoryDescriptor_methods(memory);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    }
    assert_int_equal(methods->setDMAActive(memory, true), kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(IOMemoryDescriptor_completeSometime(memory), kIOReturnSuccess);
        assert_int_equal(memory->wireCount, i == 0 ? 2 : 1);
        assert_int_equal(memory->owed, i == 2);
        assert_int_equal(memory->announced, 0);
    }
    IOMemoryDescriptor_settle(memory); /* it goes on */
    assert_int_equal(memory->owed, 1);
    assert_int_equal(memory->announced, 0);
    sim_in_handler = true; /* where an end is told, there is nobody to complete it */
    assert_int_equal(methods->setDMAActive(memory, false), kIOReturnSuccess);
    sim_in_handler = false;
    IOMemory_lock(); /* under which nothing is completed */
    IOMemoryDescriptor_settle(memory);
    assert_int_equal(memory->owed, 1);
    assert_int_equal(memory->wireCount, 1);
    IOMemory_unlock();
    IOMemoryDescriptor_settle(memory);
    assert_int_equal(memory->owed, 0);
    assert_int_equal(memory->announced, 0);
    assert_int_equal(memory->wireCount, 0);
    OSObject_release(memory);
}

static void prepare_modifiers(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, ptoa(PAGES), kIODirectionIn);
    const uint64_t flushed = sim_cache.flushed;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionPrepareNonCoherent),
                     kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed - flushed, lines(0, ptoa(PAGES)));
    IOMemoryDescriptor_complete(memory, 0);
    OSObject_release(memory);
}

static void thread_safe_objects_lock_and_unlock(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 100, kIODirectionIn | kIOMemoryThreadSafe);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    assert_int_equal(memory->prepareLock.mutex.depth, 0);
    OSObject_release(memory);
}

/* More runs than ranges: the list grows in the midst of one, and goes on there. */
static void more_runs_than_ranges(void **state)
{
    IOAddressRange ranges[] = {{pages_at + 10, 3 * PAGE_SIZE},
                               {pages_at + 5 * PAGE_SIZE + 20, 2 * PAGE_SIZE}};
    const IOOptionBits kinds[] = {0, kIOMemoryPersistent};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
            ranges, 2, kIODirectionOutIn | kinds[i], kernel_task);
        IOByteCount at = 0, length;

        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        assert_int_equal(pins(), 4 + 3);
        for (; at < IOMemoryDescriptor_getLength(memory); at += length) {
            const uint64_t from =
                at < ranges[0].length ? 10 + at : 5 * PAGE_SIZE + 20 + (at - ranges[0].length);

            assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, at, &length, 0),
                             physical_of(pages + from));
            assert_true(length <= PAGE_SIZE);
        }
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        assert_int_equal(pins(), 0);
        OSObject_release(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(md_6_with_address_is_ready_at_once),
        WITH_PAGES(a_preparation_finds_the_highest_page),
        WITH_PAGES(memory_without_a_direction_is_for_both),
        WITH_PAGES(md_7_pins_are_counted_by_preparation),
        WITH_PAGES(md_8_out_only_preparation),
        WITH_PAGES(md_9_a_failing_prepare_pins_nothing),
        WITH_PAGES(md_9_each_request_of_a_prepare_fails),
        WITH_PAGES(one_page_at_two_addresses),
        WITH_PAGES(md_10_unbalanced_and_busy_complete),
        WITH_PAGES(freed_with_dma_active),
        WITH_PAGES(md_13_preparation_ids),
        WITH_PAGES(announced_completes_are_as_good_as_done),
        WITH_PAGES(kept_completes_are_settled_once),
        WITH_PAGES(prepare_modifiers),
        WITH_PAGES(thread_safe_objects_lock_and_unlock),
        WITH_PAGES(more_runs_than_ranges),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
