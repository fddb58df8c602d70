/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O mappings: what a descriptor asks of a mapper, and what it makes of the answer. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "kernel/inject.h"
#include "kernel/page.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/sim/sim_console.h"

static IODMACommand *const some_command = (IODMACommand *)(uintptr_t)0x1000;

/* A mapping of nobody's command takes back nobody's mark. */
static void a_mapping_of_nobody_leaves_the_others_marks(void **state)
{
    IOMemoryDescriptor *memory =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    IOMapper *mapper = new_mapper();
    IOMDDMAMapArgs args = {.fMapper = mapper, .fLength = PAGE_SIZE};

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(operate(memory, kIOMDSetDMAActive, NULL, 0), kIOReturnSuccess);
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnBusy);
    assert_int_equal(operate(memory, kIOMDSetDMAInactive, NULL, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    OSObject_release(mapper);
}

static void a_whole_descriptor_hands_its_pages_over(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *memory = describe(at, 3 * PAGE_SIZE, kIODirectionIn, owner);
    IOMapper *mapper = new_mapper();
    IOMDDMAMapArgs args = {.fMapper = mapper, .fCommand = some_command, .fLength = 3 * PAGE_SIZE};

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(args.fAlloc, IOVA);
    assert_int_equal(args.fAllocLength, 3 * PAGE_SIZE);
    assert_int_equal(told.options, kIODMAMapWriteAccess | kIODMAMapPageListFullyOccupied);
    assert_int_equal(told.page_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct mmu_translation seen;

        store(owner, at + ptoa(i), 1);
        assert_true(translate(owner, at + ptoa(i), &seen));
        assert_int_equal(told.pages[i], atop(seen.pa.value));
    }
    /* The command is a DMA user now: completing has to wait for it. */
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnBusy);
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(told.unmaps, 1);
    assert_int_equal(args.fAllocLength, 0);
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(told.unmaps, 1); /* nothing is owned any more */
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    OSObject_release(mapper);
}

/* Where it has failed, the memory is as unprepared as any other: there are no pages to hand over.
 */
static void a_prepare_that_failed_has_no_pages(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *memory = describe(at, 3 * PAGE_SIZE, kIODirectionIn, owner);
    IOMapper *mapper = new_mapper();
    struct inject_report report = {.failed = true};

    (void)state;
    for (uint64_t nth = 1; report.failed; nth++) {
        IOMDDMAMapArgs args = {
            .fMapper = mapper, .fCommand = some_command, .fLength = 3 * PAGE_SIZE};
        IOReturn status;

        inject_begin(nth);
        status = IOMemoryDescriptor_prepare(memory, kIODirectionNone);
        inject_end(&report);
        assert_int_equal(status == kIOReturnSuccess, !report.failed);
        told.page_count = 99;
        assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)),
                         report.failed ? kIOReturnNotReady : kIOReturnSuccess);
        assert_int_equal(told.page_count, report.failed ? 99 : 3); /* the mapper is not asked */
        assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    }
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    OSObject_release(mapper);
}

static void parts_and_read_only_memory(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW) + 100;
    IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOut, owner);
    IOMapper *mapper = new_mapper();
    uint64_t address, length;

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL,
                                               &(IODMAMapSpecification){0}, 5000, 10, &address,
                                               &length),
                     kIOReturnSuccess);
    assert_int_equal(told.options, kIODMAMapReadAccess);
    assert_int_equal(told.page_count, 0);
    assert_int_equal(told.offset, 5000);
    assert_int_equal(told.length, 10);
    assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL,
                                               &(IODMAMapSpecification){0}, 0, 2 * PAGE_SIZE,
                                               &address, &length),
                     kIOReturnSuccess);
    assert_int_equal(told.page_count, 3);
    assert_int_equal(told.page_offset, 100);
    assert_int_equal(told.options, kIODMAMapReadAccess);
    told.answer = kIOReturnNoSpace;
    assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL,
                                               &(IODMAMapSpecification){0}, 0, 10, &address,
                                               &length),
                     kIOReturnNoSpace);
    assert_int_equal(address, 0);
    assert_int_equal(length, 0);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    OSObject_release(mapper);
}

static void memory_that_no_mapper_sees(void **state)
{
    IOMemoryDescriptor *remote = describe(1ull << 50, 100, kIODirectionIn | kIOMemoryRemote, NULL);
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *host = describe(at, 100, kIODirectionIn | kIOMemoryHostOnly, owner);
    IOMapper *mapper = new_mapper();
    IOMDDMAMapArgs args = {.fLength = 100};
    uint64_t address = 1, length = 1;

    (void)state;
    IOMemoryDescriptor_prepare(host, kIODirectionNone);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(remote, mapper, remote, NULL, NULL, 0, 100, &address, &length),
        kIOReturnNotAttached);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(host, mapper, host, NULL, NULL, 0, 100, &address, &length),
        kIOReturnSuccess);
    assert_int_equal(address, 0);
    assert_int_equal(length, 0);
    assert_int_equal(operate(host, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(args.fAllocLength, 0);
    assert_int_equal(told.maps, 0);
    IOMemoryDescriptor_complete(host, kIODirectionNone);
    OSObject_release(remote);
    OSObject_release(host);
    OSObject_release(mapper);
}

/* The tightest of everything that was asked reaches the mapper. */
static void constraints_add_up(void **state)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
        kernel_task, kIODirectionIn, PAGE_SIZE, 0xffffffff);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(buffer);
    IODMAMapSpecification wide = {.alignment = 1 << 16, .numAddressBits = 40};
    IODMAMapSpecification odd = {.alignment = 3};
    IOSubMemoryDescriptor *sub = IOSubMemoryDescriptor_withSubRange(memory, 0, 10, kIODirectionIn);
    IOMapper *mapper = new_mapper();
    IOMDDMAMapArgs args = {.fMapper = mapper, .fLength = PAGE_SIZE, .fMapSpec.numAddressBits = 36};

    (void)state;
    assert_int_equal(operate(memory, kIOMDAddDMAMapSpec, &wide, sizeof(wide)), kIOReturnSuccess);
    assert_int_equal(operate(memory, kIOMDAddDMAMapSpec, &odd, sizeof(odd)), kIOReturnBadArgument);
    assert_int_equal(operate(memory, kIOMDAddDMAMapSpec, &wide, sizeof(wide) - 1),
                     kIOReturnUnderrun);
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args) - 1), kIOReturnUnderrun);
    assert_int_equal(
        operate(IOMemoryDescriptor_upcast(sub), kIOMDAddDMAMapSpec, &wide, sizeof(wide)),
        kIOReturnUnsupported);
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(told.spec.numAddressBits, 32); /* the buffer's own */
    assert_int_equal(told.spec.alignment, 1 << 16);
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    OSObject_release(sub);
    OSObject_release(buffer);
    OSObject_release(mapper);
}

/* What a buffer was asked to be in RAM it is asked to be in an I/O address space as well. */
static void constraints_of_buffers(void **state)
{
    static const struct {
        IOOptionBits options;
        uint64_t alignment, mask;
        unsigned bits, aligned;
    } cases[] = {
        {0, 1, 0, 0, 1},
        {0, 64, 0, 0, 64},
        {0, 0x4000, 0, 0, 0x4000},
        {0, 8 * PAGE_SIZE, 0x7fffffff, 31, 8 * PAGE_SIZE},
        {kIODirectionPrepareToPhys32, 0x2000, 0, 32, 0x2000},
        {kIOMemoryPageable, PAGE_SIZE, 0, 0, PAGE_SIZE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IOBufferMemoryDescriptor *buffer =
            (IOBufferMemoryDescriptor *)OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);
        IOMapper *mapper = new_mapper();
        IOMDDMAMapArgs args = {.fMapper = mapper, .fLength = 100};

        assert_true(IOBufferMemoryDescriptor_initWithPhysicalMask(
            buffer, kernel_task, kIODirectionIn | cases[i].options, PAGE_SIZE, cases[i].alignment,
            cases[i].mask));
        assert_int_equal(IOMemoryDescriptor_prepare(buffer, kIODirectionNone), kIOReturnSuccess);
        assert_int_equal(
            operate(IOMemoryDescriptor_upcast(buffer), kIOMDDMAMap, &args, sizeof(args)),
            kIOReturnSuccess);
        assert_int_equal(told.spec.numAddressBits, cases[i].bits);
        assert_int_equal(told.spec.alignment, cases[i].aligned);
        assert_int_equal(
            operate(IOMemoryDescriptor_upcast(buffer), kIOMDDMAUnmap, &args, sizeof(args)),
            kIOReturnSuccess);
        OSObject_release(buffer);
        OSObject_release(mapper);
    }
}

static void wrong_arguments(void **state)
{
    static const IOOptionBits kinds[] = {kIOMemoryRemote, kIOMemoryHostOnly};
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, 100, kIODirectionIn, owner);
    IOMapper *mapper = new_mapper();
    uint64_t address, length;

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 0, 0, &address, &length),
        kIOReturnBadArgument);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 90, 11, &address, &length),
        kIOReturnBadArgument);
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 0, 10, NULL, &length),
        kIOReturnBadArgument);
    address = 7;
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 0, 10, &address, NULL),
        kIOReturnBadArgument);
    assert_int_equal(address, 0);
    assert_int_equal(told.maps, 0);
    /* Without a mapper no bytes need anything. */
    length = 7;
    assert_int_equal(
        IOMemoryDescriptor_dmaMap(memory, NULL, memory, NULL, NULL, 0, 0, &address, &length),
        kIOReturnSuccess);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, mapper, NULL, 0, 0x123, 10),
                     kIOReturnNotFound);
    assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, mapper, NULL, 0, 0x123, 0),
                     kIOReturnSuccess);
    /* Where nothing is mapped, or not, the device that would unmap it has nothing of it. */
    for (unsigned i = 0; i < 2; i++) {
        IOMDDMAMapArgs args = {
            .fMapper = i == 0 ? NULL : mapper, .fCommand = some_command, .fLength = 100};

        told.answer = kIOReturnNoSpace;
        assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)),
                         i == 0 ? kIOReturnSuccess : kIOReturnNoSpace);
        told.answer = kIOReturnSuccess;
        assert_int_equal(memory->dmaActive, 0);
    }
    /* That it is not known is told to who might look for it; an end as any is not. */
    for (unsigned i = 0; i < 2; i++) {
        IOMDDMAMapArgs args = {.fMapper = mapper, .fLength = 100};

        told.unmap_answer = i == 0 ? kIOReturnSuccess : kIOReturnNotFound;
        assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
        sim_console_forget();
        assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
        assert_int_equal(sim_console_said("the mapper does not know its mapping"), i == 1);
        assert_int_equal(args.fAlloc | args.fAllocLength, 0);
    }
    assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, NULL, NULL, 0, 0, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, NULL, NULL, 0, 0x123, 10),
                     kIOReturnBadArgument);
    IOMemoryDescriptor_dmaMapRecord(NULL, mapper, NULL, 0);
    assert_false(IOGeneralMemoryDescriptor_serialize(NULL, NULL));
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    /* Nor does it matter then what the memory is. */
    for (unsigned i = 0; i < 2; i++) {
        memory = describe(SIM_RAM_BASE, 100, kinds[i] | kIODirectionIn, TASK_NULL);
        assert_int_equal(
            IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 0, 0, &address, &length),
            kIOReturnBadArgument);
        assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 1, 100,
                                                   &address, &length),
                         kIOReturnBadArgument);
        OSObject_release(memory);
    }
    OSObject_release(mapper);
}

/* Wherever among the parts it is. */
static void no_place_hides_memory_from_a_mapper(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *remote =
        describe(1ull << 50, PAGE_SIZE, kIODirectionIn | kIOMemoryRemote, TASK_NULL);
    IOMemoryDescriptor *plain = describe(at, PAGE_SIZE, kIODirectionIn, owner);
    IOMapper *mapper = new_mapper();

    (void)state;
    for (unsigned place = 0; place < 3; place++) {
        IOMemoryDescriptor *parts[] = {plain, plain, plain};
        IOMultiMemoryDescriptor *multi;
        uint64_t address, length;

        parts[place] = remote;
        multi = IOMultiMemoryDescriptor_withDescriptors(parts, 3, kIODirectionIn, false);
        IOMemoryDescriptor_prepare(multi, kIODirectionNone);
        assert_int_equal(IOMemoryDescriptor_dmaMap(multi, mapper, multi, NULL, NULL, 0,
                                                   3 * PAGE_SIZE, &address, &length),
                         kIOReturnNotAttached);
        assert_int_equal(told.maps, 0);
        IOMemoryDescriptor_complete(multi, kIODirectionNone);
        OSObject_release(multi);
    }
    OSObject_release(remote);
    OSObject_release(plain);
    OSObject_release(mapper);
}

/* What a driver may rely on, and what a caller finds after a failure. */
static void a_driver_is_asked_only_what_makes_sense(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, 100, kIODirectionIn, owner);
    IOMapper *mapper = new_mapper();
    const IODMAMapSpecification odd = {.alignment = 3};
    uint64_t address = 1, length = 1;
#define MAP(options, spec)                                                                         \
    IOMapper_iovmMapMemory(mapper, memory, 0, 100, options, spec, NULL, NULL, &address, &length)

    (void)state;
    assert_int_equal(MAP(kIODMAMapReadAccess, NULL), kIOReturnNotReady);
    assert_int_equal(address | length, 0);
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    assert_int_equal(MAP(0, NULL), kIOReturnBadArgument);
    assert_int_equal(MAP(kIODMAMapPagingPath, NULL), kIOReturnBadArgument);
    assert_int_equal(MAP(kIODMAMapReadAccess | 0x400, NULL), kIOReturnBadArgument);
    assert_int_equal(MAP(kIODMAMapReadAccess, &odd), kIOReturnBadArgument);
    assert_int_equal(told.maps, 0);
    assert_int_equal(MAP(kIODMAMapReadAccess, NULL), kIOReturnSuccess);
    assert_int_equal(told.spec.numAddressBits, 0); /* a specification without constraints */
    told.answer = kIOReturnNoSpace;
    assert_int_equal(MAP(kIODMAMapReadAccess, NULL), kIOReturnNoSpace);
    assert_int_equal(address | length, 0);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    OSObject_release(mapper);
}

static int stop_without_balance(void **state)
{
    map_stop(state);
    return 0;
}

/* Two ranges, of which the mapping has one or both: what lies between them is not kept. */
static void quarantine_of_ranges(IOMapper *mapper, unsigned count)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOAddressRange ranges[] = {{at, PAGE_SIZE}, {at + 2 * PAGE_SIZE, PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionIn, owner);
    IOMDDMAMapArgs args = {
        .fMapper = mapper, .fCommand = some_command, .fOffset = 0, .fLength = count * PAGE_SIZE};
    struct mmu_translation pages[3];
    struct page_stats before, after;

    for (unsigned i = 0; i < 3; i++) {
        store(owner, at + ptoa(i), 1);
        assert_true(translate(owner, at + ptoa(i), &pages[i]));
    }
    told.unmap_answer = kIOReturnSuccess;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    told.unmap_answer = kIOReturnTimeout;
    page_get_stats(&before);
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    remove_pages(owner, at, 3);
    page_get_stats(&after);
    assert_int_equal(after.quarantined, before.quarantined + count);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(page_pin_count(paddr(trunc_page(pages[i].pa.value))),
                         i == 0 || (i == 2 && count == 2));
    }
}

/* The only test that leaves something behind: pages that are never used again. */
static void a_mapping_that_does_not_end_keeps_its_pages(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *memory = describe(at + 10, 2 * PAGE_SIZE, kIODirectionIn, owner);
    IOMapper *mapper = new_mapper();
    IOMDDMAMapArgs args = {
        .fMapper = mapper, .fCommand = some_command, .fOffset = 5, .fLength = PAGE_SIZE};
    struct mmu_translation pages[3];
    struct page_stats before, after;

    (void)state;
    page_get_stats(&before);
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    for (unsigned i = 0; i < 3; i++) {
        store(owner, at + ptoa(i), 1);
        assert_true(translate(owner, at + ptoa(i), &pages[i]));
    }
    assert_int_equal(operate(memory, kIOMDDMAMap, &args, sizeof(args)), kIOReturnSuccess);
    assert_int_equal(args.fAlloc, IOVA + 15);
    told.unmap_answer = kIOReturnTimeout;
    assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, mapper, NULL, 5, 0x123, PAGE_SIZE),
                     kIOReturnNotFound);
    page_get_stats(&after);
    assert_int_equal(after.quarantined, before.quarantined);
    sim_console_forget();
    assert_int_equal(operate(memory, kIOMDDMAUnmap, &args, sizeof(args)), kIOReturnSuccess);
    assert_true(sim_console_said("2 pages are in quarantine"));
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    remove_pages(owner, at, 3);
    page_get_stats(&after);
    assert_int_equal(after.quarantined, before.quarantined + 2);
    assert_int_equal(page_pin_count(paddr(trunc_page(pages[0].pa.value))), 1);
    assert_int_equal(page_pin_count(paddr(trunc_page(pages[1].pa.value))), 1);
    assert_int_equal(page_pin_count(paddr(trunc_page(pages[2].pa.value))), 0);
    assert_int_equal(page_get_state(pages[0].pa), PAGE_ALLOCATED);
    assert_int_equal(page_get_state(pages[2].pa), PAGE_FREE);
    quarantine_of_ranges(mapper, 1);
    quarantine_of_ranges(mapper, 2);
    OSObject_release(mapper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_mapping_of_nobody_leaves_the_others_marks),
        MAP_TEST(a_whole_descriptor_hands_its_pages_over),
        MAP_TEST(parts_and_read_only_memory),
        MAP_TEST(memory_that_no_mapper_sees),
        MAP_TEST(a_prepare_that_failed_has_no_pages),
        MAP_TEST(constraints_add_up),
        MAP_TEST(constraints_of_buffers),
        MAP_TEST(wrong_arguments),
        MAP_TEST(no_place_hides_memory_from_a_mapper),
        MAP_TEST(a_driver_is_asked_only_what_makes_sense),
        cmocka_unit_test_setup_teardown(a_mapping_that_does_not_end_keeps_its_pages, map_start,
                                        stop_without_balance),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
