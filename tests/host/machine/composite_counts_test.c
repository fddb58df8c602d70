/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sub and multi descriptors count in their parts, keep, and take back when a part fails: the
 * checks CD-7, CD-8 and CD-16 as far as they need no mapping.
 */
#include "tests/host/machine/composite_fixture.h"

static void cd_7_a_failing_child_unpins_the_others(void **state)
{
    (void)state;
    for (size_t bad = 0; bad < 4; bad++) {
        IOMemoryDescriptor *parts[4];
        IOMultiMemoryDescriptor *multi;

        for (size_t i = 0; i < 4; i++) {
            parts[i] = describe_pages(ptoa(i), 100, kIODirectionOutIn);
        }
        IOMemoryDescriptor_prepare(parts[1], 0); /* its own prepare stays */
        multi = concatenate(parts, 4);
        set_page(pages + ptoa(bad), PAGE_UNMAPPED);
        assert_int_equal(IOMemoryDescriptor_prepare(multi, 0),
                         bad == 1 ? kIOReturnSuccess : kIOReturnCannotWire);
        if (bad == 1) {
            IOMemoryDescriptor_complete(multi, 0);
        }
        assert_int_equal(pins(), 1);
        assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnNotReady);
        set_page(pages + ptoa(bad), PAGE_NORMAL);
        OSObject_release(multi);
        IOMemoryDescriptor_complete(parts[1], 0);
        for (size_t i = 0; i < 4; i++) {
            OSObject_release(parts[i]);
        }
    }
}

/* What a device does with a part by others' doing is no reason to keep what could not be. */
static void a_failing_prepare_asks_no_device(void **state)
{
    enum {
        FLAT,
        NESTED,
        GUARD,
        WAYS
    };

    (void)state;
    for (unsigned way = 0; way < WAYS; way++) {
        IOMemoryDescriptor *bad = describe_pages(0, 100, kIODirectionOutIn);
        IOMemoryDescriptor *good =
            way == GUARD ? (IOMemoryDescriptor *)IOGuardPageMemoryDescriptor_withSize(PAGE_SIZE)
                         : describe_pages(PAGE_SIZE, 100, kIODirectionOutIn);
        IOMemoryDescriptor *first = good;
        IOMultiMemoryDescriptor *multi;

        if (way == NESTED) {
            first = (IOMemoryDescriptor *)concatenate((IOMemoryDescriptor *[]){good, good}, 2);
        }
        multi = concatenate((IOMemoryDescriptor *[]){first, bad}, 2);
        assert_int_equal(operate(good, kIOMDSetDMAActive), kIOReturnSuccess);
        set_page(pages, PAGE_UNMAPPED);
        assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnCannotWire);
        assert_int_equal(pins(), 0);
        assert_int_equal(IOMemoryDescriptor_complete(good, 0), kIOReturnNotReady);
        assert_int_equal(IOMemoryDescriptor_complete(first, 0), kIOReturnNotReady);
        set_page(pages, PAGE_NORMAL);

        /* Its own prepare is nobody else's to take back. */
        assert_int_equal(IOMemoryDescriptor_prepare(first, 0), kIOReturnSuccess);
        set_page(pages, PAGE_UNMAPPED);
        assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnCannotWire);
        assert_int_equal(IOMemoryDescriptor_complete(first, 0), kIOReturnBusy);
        assert_int_equal(operate(good, kIOMDSetDMAInactive), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(first, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(first, 0), kIOReturnNotReady);
        set_page(pages, PAGE_NORMAL);
        OSObject_release(multi);
        if (way == NESTED) {
            OSObject_release(first);
        }
        OSObject_release(good);
        OSObject_release(bad);
    }
}

/* A part that its whole has left prepared for a device, which is still at work. */
static IOMemoryDescriptor *left_to_a_device(void)
{
    IOMemoryDescriptor *part = describe_pages(PAGE_SIZE, 100, kIODirectionOutIn);
    IOMultiMemoryDescriptor *whole = concatenate(&part, 1);

    assert_int_equal(IOMemoryDescriptor_prepare(whole, 0), kIOReturnSuccess);
    assert_int_equal(operate(part, kIOMDSetDMAActive), kIOReturnSuccess);
    OSObject_release(whole);
    assert_int_equal(pins(), 1);
    return part;
}

static void drop_when_idle(IOMemoryDescriptor *part)
{
    IOMultiMemoryDescriptor *whole;

    assert_int_equal(pins(), 1);
    assert_int_equal(operate(part, kIOMDSetDMAInactive), kIOReturnSuccess);
    assert_int_equal(pins(), 0);
    assert_int_equal(IOMemoryDescriptor_complete(part, 0), kIOReturnNotReady);
    /* Nothing is announced that will not come: the next device has what it is given. */
    whole = concatenate(&part, 1);
    assert_int_equal(IOMemoryDescriptor_prepare(whole, 0), kIOReturnSuccess);
    assert_int_equal(operate(part, kIOMDSetDMAActive), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(whole, 0), kIOReturnBusy);
    assert_int_equal(operate(part, kIOMDSetDMAInactive), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(whole, 0), kIOReturnSuccess);
    OSObject_release(whole);
    OSObject_release(part);
}

/* What others prepare and complete meanwhile is theirs: nothing is unpinned under the device. */
static void what_is_left_to_a_device_stays(void **state)
{
    IOMemoryDescriptor *part = left_to_a_device();
    IOMemoryDescriptor *bad = describe_pages(0, 100, kIODirectionOutIn);
    IOMultiMemoryDescriptor *twice = concatenate((IOMemoryDescriptor *[]){part, part}, 2);
    IOMultiMemoryDescriptor *all =
        concatenate((IOMemoryDescriptor *[]){part, (IOMemoryDescriptor *)twice, bad}, 3);

    (void)state;
    set_page(pages, PAGE_UNMAPPED);
    assert_int_equal(IOMemoryDescriptor_prepare(all, 0), kIOReturnCannotWire);
    set_page(pages, PAGE_NORMAL);
    assert_int_equal(pins(), 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_prepare(twice, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(twice, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(twice, 0), kIOReturnNotReady);
        assert_int_equal(IOMemoryDescriptor_prepare(part, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(part, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(part, 0), kIOReturnBusy);
    }
    OSObject_release(all);
    OSObject_release(twice);
    OSObject_release(bad);
    drop_when_idle(part);
}

/* What a part's whole has left to the device goes with it; after a handler, with who comes next. */
static void what_is_owed_stays_in_a_handler(void **state)
{
    (void)state;
    for (unsigned handler = 0; handler < 2; handler++) {
        IOMemoryDescriptor *part = describe_pages(PAGE_SIZE, 100, kIODirectionOutIn);
        IOMemoryDescriptor *inner = UP(concatenate(&part, 1));
        IOMultiMemoryDescriptor *whole = concatenate(&inner, 1);

        assert_int_equal(IOMemoryDescriptor_prepare(whole, 0), kIOReturnSuccess);
        assert_int_equal(operate(inner, kIOMDSetDMAActive), kIOReturnSuccess);
        OSObject_release(whole);
        assert_int_equal(pins(), 1);
        sim_in_handler = handler != 0;
        assert_int_equal(operate(inner, kIOMDSetDMAInactive), kIOReturnSuccess);
        sim_in_handler = false;
        assert_int_equal(inner->wireCount, handler);
        assert_int_equal(pins(), handler);
        assert_int_equal(IOMemoryDescriptor_complete(inner, 0), kIOReturnNotReady);
        assert_int_equal(pins(), 0);
        OSObject_release(inner);
        OSObject_release(part);
    }
}

static void cd_8_refusals_keep_no_reference(void **state)
{
    IOMemoryDescriptor *in = describe_pages(0, 10, kIODirectionIn);
    IOMemoryDescriptor *both = describe_pages(0, 10, kIODirectionOutIn);
    IOMemoryDescriptor *gap[] = {both, in, NULL}, *pair[] = {both, in};
    IOMultiMemoryDescriptor *multi;

    (void)state;
    assert_null(IOMultiMemoryDescriptor_withDescriptors(gap, 3, kIODirectionIn,
                                                        false)); /* a hole in the list */
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOMultiMemoryDescriptor_withDescriptors(pair, 2, kIODirectionOut,
                                                        false)); /* children for In */
    assert_null(
        IOMultiMemoryDescriptor_withDescriptors(pair, 0, kIODirectionIn, true)); /* no children */
    assert_null(IOMultiMemoryDescriptor_withDescriptors(NULL, 2, kIODirectionIn, false));
    assert_null(IOMultiMemoryDescriptor_withDescriptors(pair, 2, 0x10, false));
    assert_int_equal(OSObject_getRetainCount(both), 1);
    assert_int_equal(OSObject_getRetainCount(in), 1);
    multi = IOMultiMemoryDescriptor_withDescriptors(pair, 2, kIODirectionIn, true);
    assert_int_equal(OSObject_getRetainCount(in), 2);
    OSObject_release(multi);
    multi = IOMultiMemoryDescriptor_withDescriptors(pair, 2, kIODirectionNone, false);
    assert_non_null(multi);
    OSObject_release(multi);
    OSObject_release(in);
    OSObject_release(both);
}

static void multi_is_reinitialised(void **state)
{
    IOMemoryDescriptor *one = describe_pages(0, 100, kIODirectionIn);
    IOMemoryDescriptor *two = describe_pages(200, 50, kIODirectionIn);
    IOMemoryDescriptor *both[] = {one, two};
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(both, 1, kIODirectionIn, false);

    (void)state;
    IOMemoryDescriptor_prepare(multi, 0);
    operate(multi, kIOMDSetDMAActive);
    assert_false(IOMultiMemoryDescriptor_initWithDescriptors(multi, both, 2, 0, false));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    operate(multi, kIOMDSetDMAInactive);
    OSObject_release(one); /* only the multi holds it */
    assert_true(IOMultiMemoryDescriptor_initWithDescriptors(multi, both, 2, kIODirectionIn, false));
    assert_int_equal(pins(), 0);
    assert_int_equal(IOMemoryDescriptor_getLength(multi), 150);
    both[1] = UP(multi);
    assert_false(IOMultiMemoryDescriptor_initWithDescriptors(multi, both, 2, 0, false));
    assert_int_equal(IOMemoryDescriptor_getLength(multi), 0);
    OSObject_release(multi);
    OSObject_release(two);
}

/* Lengths are sampled, and never believed further than they hold. */
static void a_child_that_shrinks(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(1000, kIODirectionOutIn, false);
    IOMemoryDescriptor *parts[] = {UP(buffer), describe_pages(0, 10, kIODirectionOutIn)};
    IOMultiMemoryDescriptor *multi = concatenate(parts, 2);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 1);
    IOPhysicalSegment list[4];
    uint8_t bytes[1010];
    IOByteCount length;

    (void)state;
    IOMemoryDescriptor_prepare(multi, 0);
    IOBufferMemoryDescriptor_setLength(buffer, 300);
    assert_int_equal(IOMemoryDescriptor_getLength(multi), 1010);
    IOMemoryDescriptor_getPhysicalSegment(multi, 299, &length, 0);
    assert_int_equal(length, 1);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(multi, 300, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnUnderrun);
    assert_int_equal(IOMemoryDescriptor_readBytes(multi, 0, bytes, 1010), 300);
    assert_int_equal(IOMemoryDescriptor_performOperation(multi, 1, 0, 1010), kIOReturnUnderrun);
    assert_int_equal(IOMemoryDescriptor_readBytes(multi, 1000, bytes, 10), 10);
    assert_memory_equal(bytes, pages, 10);
    platform_set_last_error(0);
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, multi, 300, list, 4, 0, &length), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnUnderrun);
    OSObject_release(cursor);
    OSObject_release(multi);
    OSObject_release(parts[1]);
    OSObject_release(buffer);
}

static void pages_of_a_child_that_shrinks(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, 3 * PAGE_SIZE, PAGE_SIZE);
    IOMemoryDescriptor *parts[] = {UP(buffer), describe_pages(100, 10, kIODirectionOutIn)};
    IOMultiMemoryDescriptor *multi = concatenate(parts, 2);
    IOMDDMACharacteristics what, alone;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    IOMemoryDescriptor_dmaCommandOperation(multi, kIOMDGetCharacteristics, &what, sizeof(what));
    assert_int_equal(what.fPages, 4);
    IOBufferMemoryDescriptor_setLength(buffer, PAGE_SIZE + 1);
    IOMemoryDescriptor_dmaCommandOperation(multi, kIOMDGetCharacteristics, &what, sizeof(what));
    assert_int_equal(what.fPages, 3);
    IOBufferMemoryDescriptor_setLength(buffer, 0);
    IOMemoryDescriptor_dmaCommandOperation(multi, kIOMDGetCharacteristics, &what, sizeof(what));
    assert_int_equal(what.fPages, 1);
    /* As if it were not there, also for where the other begins. */
    IOMemoryDescriptor_dmaCommandOperation(parts[1], kIOMDGetCharacteristics, &alone,
                                           sizeof(alone));
    assert_int_equal(alone.fPageAlign & PAGE_MASK, 100);
    assert_int_equal(what.fPageAlign, alone.fPageAlign);
    assert_int_equal(what.fHighestPage, alone.fHighestPage);
    assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnSuccess);
    OSObject_release(multi);
    OSObject_release(parts[1]);
    OSObject_release(buffer);
}

/* Said once, of the whole; the parts are still there, and marked. */
static void a_whole_is_freed_with_dma_active(void **state)
{
    IOMemoryDescriptor *parts[] = {describe_pages(0, 10, 3), describe_pages(5000, 10, 3)};
    IOMultiMemoryDescriptor *multi = concatenate(parts, 2);
    const uint64_t lines = sim_console_lines();

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(parts[0], 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(parts[1], 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    assert_int_equal(operate(multi, kIOMDSetDMAActive), kIOReturnSuccess);
    sim_console_forget();
    OSObject_release(multi);
    assert_true(sim_console_said("freed with DMA active: the pages of its parts are given up"));
    assert_int_equal(sim_console_lines(), lines + 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_complete(parts[i], 0), kIOReturnBusy);
        assert_int_equal(operate(parts[i], kIOMDSetDMAInactive), kIOReturnSuccess);
        while (IOMemoryDescriptor_complete(parts[i], 0) == kIOReturnSuccess) {
        }
        OSObject_release(parts[i]);
    }
}

static void cd_16_dma_marks_reach_the_children(void **state)
{
    IOMemoryDescriptor *parts[] = {describe_pages(0, 10, 3), describe_pages(5000, 10, 3)};
    IOMultiMemoryDescriptor *multi = concatenate(parts, 2);
    IOMDDMACharacteristics what;

    (void)state;
    IOMemoryDescriptor_prepare(parts[0], 0);
    IOMemoryDescriptor_dmaCommandOperation(multi, kIOMDGetCharacteristics, &what, sizeof(what));
    assert_int_equal(what.fIsPrepared, 0);
    IOMemoryDescriptor_complete(parts[0], 0);
    IOMemoryDescriptor_prepare(multi, 0);
    IOMemoryDescriptor_dmaCommandOperation(multi, kIOMDGetCharacteristics, &what, sizeof(what));
    assert_int_equal(what.fIsPrepared, 1);
    assert_int_equal(what.fSGCount, 2);
    assert_int_equal(what.fPages, 2);
    assert_int_equal(what.fLength, 20);
    assert_true(what.fHighestPage >= atop(physical_of(pages)));
    assert_int_equal(operate(multi, kIOMDSetDMAInactive), kIOReturnNotReady);
    assert_int_equal(operate(multi, kIOMDSetDMAActive), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(parts[1], 0), kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnBusy);
    assert_int_equal(pins(), 2);
    assert_int_equal(operate(multi, kIOMDSetDMAInactive), kIOReturnSuccess);
    assert_int_equal(operate(parts[0], kIOMDSetDMAInactive), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 0);
    OSObject_release(multi);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

/* A child that refuses a mark leaves none on the others, in either direction. */
static void cd_16_marks_are_taken_back(void **state)
{
    IOMemoryDescriptor *parts[] = {describe_pages(0, 10, 3), describe_pages(5000, 10, 3),
                                   describe_pages(9000, 10, 3)};
    IOMultiMemoryDescriptor *multi = concatenate(parts, 3);

    (void)state;
    IOMemoryDescriptor_prepare(multi, 0);
    for (unsigned bad = 0; bad < 3; bad++) {
        parts[bad]->dmaActive = UINT32_MAX; /* one more cannot be counted */
        assert_int_equal(operate(multi, kIOMDSetDMAActive), kIOReturnNoResources);
        parts[bad]->dmaActive = 0;
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(parts[i]->dmaActive, 0);
        }
        assert_int_equal(operate(multi, kIOMDSetDMAInactive), kIOReturnNotReady);
        /* The other way: somebody has taken the mark off one child. */
        assert_int_equal(operate(multi, kIOMDSetDMAActive), kIOReturnSuccess);
        assert_int_equal(operate(parts[bad], kIOMDSetDMAInactive), kIOReturnSuccess);
        assert_int_equal(operate(multi, kIOMDSetDMAInactive), kIOReturnNotReady);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(parts[i]->dmaActive, i != bad);
        }
        assert_int_equal(operate(parts[bad], kIOMDSetDMAActive), kIOReturnSuccess);
        assert_int_equal(operate(multi, kIOMDSetDMAInactive), kIOReturnSuccess);
    }
    assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnSuccess);
    OSObject_release(multi);
    for (unsigned i = 0; i < 3; i++) {
        OSObject_release(parts[i]);
    }
}

/* OM-10 for both classes. */
static void each_allocation_of_a_creation_fails(void **state)
{
    IOMemoryDescriptor *parts[] = {describe_pages(0, 10, 3), describe_pages(5000, 10, 3)};
    OSObject *made = NULL;
    unsigned nth;

    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        for (nth = 1; made == NULL; nth++) {
            fail_request(nth);
            made =
                kind == 0
                    ? OSObject_upcast(IOMultiMemoryDescriptor_withDescriptors(parts, 2, 3, false))
                : kind == 1 ? OSObject_upcast(IOSubMemoryDescriptor_withSubRange(parts[0], 0, 1, 3))
                            : OSObject_upcast(IOInterleavedMemoryDescriptor_withCapacity(2, 3));
            fail_request(0);
            if (made == NULL) {
                assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
                assert_int_equal(OSObject_getRetainCount(parts[0]), 1);
            }
        }
        assert_int_equal(nth, kind == 1 ? 3 : 4);
        OSSafeReleaseNULL(made);
    }
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(cd_7_a_failing_child_unpins_the_others),
        WITH_PAGES(a_failing_prepare_asks_no_device),
        WITH_PAGES(what_is_left_to_a_device_stays),
        WITH_PAGES(what_is_owed_stays_in_a_handler),
        WITH_PAGES(cd_8_refusals_keep_no_reference),
        WITH_PAGES(multi_is_reinitialised),
        WITH_PAGES(a_child_that_shrinks),
        WITH_PAGES(pages_of_a_child_that_shrinks),
        WITH_PAGES(a_whole_is_freed_with_dma_active),
        WITH_PAGES(cd_16_dma_marks_reach_the_children),
        WITH_PAGES(cd_16_marks_are_taken_back),
        WITH_PAGES(each_allocation_of_a_creation_fails),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
