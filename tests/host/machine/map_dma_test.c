/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O mappings: what a descriptor asks of a mapper, and what it makes of the
 * answer. The mapper here keeps what it was told.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMapper_class.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "kernel/page.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_console.h"

#define IOVA 0x80000000ull

static struct {
    unsigned maps, unmaps; /* calls */
    IOReturn answer, unmap_answer;
    uint32_t options;
    uint64_t offset, length;
    IODMAMapSpecification spec;
    uint32_t page_offset, page_count; /* of the page list; count 0: there was none */
    ppnum_t pages[8];
} told;

static IOReturn fake_map(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                         uint64_t length, uint32_t mapOptions, const IODMAMapSpecification *spec,
                         IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                         uint64_t *mapLength)
{
    uint64_t skip;

    (void)self, (void)command;
    told.maps++;
    told.options = mapOptions;
    told.offset = offset;
    told.length = length;
    told.spec = *spec;
    told.page_count = list != NULL ? list->pageListCount : 0;
    for (uint32_t i = 0; i < told.page_count && i < 8; i++) {
        told.pages[i] = list->pageList[i].phys_addr;
    }
    told.page_offset = list != NULL ? list->pageOffset : 0;
    skip = IOMemoryDescriptor_getPhysicalSegment(memory, offset, NULL, kIOMemoryMapperNone) &
           PAGE_MASK;
    *mapAddress = IOVA + skip; /* a driver may have begun before it fails */
    *mapLength = round_page(skip + length);
    return told.answer;
}

static IOReturn fake_unmap(IOMapper *self, IOMemoryDescriptor *memory, IODMACommand *command,
                           uint64_t mapAddress, uint64_t mapLength)
{
    (void)self, (void)memory, (void)command, (void)mapLength;
    told.unmaps++;
    return trunc_page(mapAddress) == IOVA ? told.unmap_answer : kIOReturnNotFound;
}

static uint32_t instances;

static void fake_free(OSObject *self)
{
    OSObject_free(self);
}

static const IOMapperClass fake_class = {
    .meta = {"FakeMapper", &IOMapper_metaClass, sizeof(IOMapper), &instances, fake_free},
    .initHardware = mapper_init_hardware,
    .getPageSize = mapper_get_page_size,
    .iovmInsert = mapper_insert,
    .translate = mapper_translate,
    .iovmMapMemory = fake_map,
    .iovmUnmapMemory = fake_unmap,
};

static IOMapper *new_mapper(void)
{
    memset(&told, 0, sizeof(told));
    return (IOMapper *)OSMetaClass_allocate(&fake_class.meta);
}

static IOReturn operate(IOMemoryDescriptor *memory, DMACommandOps op, void *data, UInt size)
{
    return IOMemoryDescriptor_dmaCommandOperation(memory, op, data, size);
}

static IODMACommand *const some_command = (IODMACommand *)(uintptr_t)0x1000;

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
    assert_int_equal(told.options,
                     kIODMAMapReadAccess | kIODMAMapWriteAccess | kIODMAMapPageListFullyOccupied);
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
    assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, mapper, NULL, 0, 0x123, 10),
                     kIOReturnNotFound);
    assert_int_equal(IOMemoryDescriptor_dmaUnmap(memory, mapper, NULL, 0, 0x123, 0),
                     kIOReturnSuccess);
    IOMemoryDescriptor_dmaMapRecord(NULL, mapper, NULL, 0);
    assert_false(IOGeneralMemoryDescriptor_serialize(NULL, NULL));
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    OSObject_release(mapper);
}

/* Byte by byte, what a mapper's layout makes of the host addresses. */
static uint64_t io_address(IOMemoryDescriptor *memory, uint64_t base, IOByteCount offset)
{
    uint64_t io = base, before = 0;

    for (IOByteCount i = 0; i <= offset; i++) {
        const uint64_t host =
            IOMemoryDescriptor_getPhysicalSegment(memory, i, NULL, kIOMemoryMapperNone);

        if (i != 0 && host == before + 1) {
            io++;
        } else if (i != 0) {
            io = round_page(io + 1) + (host & PAGE_MASK);
        }
        before = host;
    }
    return io;
}

static IOReturn walk(IOMemoryDescriptor *memory, IOMDDMAWalkSegmentState state, DMACommandOps op,
                     IOMDDMAWalkSegmentArgs *args)
{
    IOReturn status;

    memcpy(state, args, sizeof(*args));
    status = operate(memory, op, state, sizeof(IOMDDMAWalkSegmentState));
    memcpy(args, state, sizeof(*args));
    return status;
}

/* Pieces that begin and end inside pages, some of pages that follow each other in RAM. */
static IOMultiMemoryDescriptor *patchwork(void)
{
    const uint64_t at = new_pages(owner, 6, RW);
    static const unsigned order[] = {3, 0, 1, 5, 4, 2};
    IOMemoryDescriptor *parts[4];
    IOMultiMemoryDescriptor *multi;

    for (unsigned i = 0; i < 6; i++) {
        store(owner, at + ptoa(order[i]), 1);
    }
    parts[0] = describe(at + 700, 2 * PAGE_SIZE, kIODirectionIn, owner);
    parts[1] = describe(at + PAGE_SIZE + 50, 300, kIODirectionIn, owner);
    parts[2] = describe(at + PAGE_SIZE + 350, 40, kIODirectionIn, owner); /* goes on there */
    parts[3] = describe(at + 3 * PAGE_SIZE, 3 * PAGE_SIZE, kIODirectionIn, owner);
    multi = IOMultiMemoryDescriptor_withDescriptors(parts, 4, kIODirectionIn, false);
    for (unsigned i = 0; i < 4; i++) {
        OSObject_release(parts[i]);
    }
    return multi;
}

static void a_walk_behind_a_mapping_gives_io_addresses(void **state)
{
    IOMultiMemoryDescriptor *multi = patchwork();
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(multi);
    IOMDDMAWalkSegmentArgs args = {.fMapped = 1, .fMappedBase = IOVA + 700};
    IOMDDMAWalkSegmentState position = {0};
    const IOByteCount length = IOMemoryDescriptor_getLength(multi);
    IOByteCount at = 0;
    unsigned segments = 0;

    (void)state;
    IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    while (walk(memory, position, segments == 0 ? kIOMDFirstSegment : kIOMDWalkSegments, &args) ==
           kIOReturnSuccess) {
        for (IOByteCount i = 0; i < args.fLength; i += 97) {
            assert_int_equal(args.fIOVMAddr + i, io_address(memory, IOVA + 700, at + i));
        }
        at += args.fLength;
        assert_int_equal(args.fOffset, at);
        segments++;
    }
    assert_int_equal(at, length);
    assert_int_equal(segments, 3); /* what follows each other there is one */
    /* In any order, and with a state that has seen another mapping. */
    for (IOByteCount i = 0; i < length; i += 1234) {
        args = (IOMDDMAWalkSegmentArgs){
            .fOffset = length - 1 - i, .fMapped = 1, .fMappedBase = IOVA + 700 + ptoa(i % 3)};
        assert_int_equal(walk(memory, position, kIOMDWalkSegments, &args), kIOReturnSuccess);
        assert_int_equal(args.fIOVMAddr,
                         io_address(memory, IOVA + 700 + ptoa(i % 3), length - 1 - i));
    }
    args = (IOMDDMAWalkSegmentArgs){.fMapped = 1, .fMappedBase = IOVA + 701, .fLength = 9};
    assert_int_equal(walk(memory, position, kIOMDFirstSegment, &args), kIOReturnNotAligned);
    assert_int_equal(args.fLength, 0);
    assert_int_equal(args.fIOVMAddr, 0);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    args = (IOMDDMAWalkSegmentArgs){.fMapped = 1, .fMappedBase = IOVA + 700};
    assert_int_equal(walk(memory, position, kIOMDWalkSegments, &args), kIOReturnNotReady);
    OSObject_release(multi);
}

/* Whatever stands above it: memory that no mapper may see is found, and said to be. */
static void no_depth_hides_memory_from_a_mapper(void **state)
{
    static const struct {
        IOOptionBits flag;
        IOReturn mapped, walked;
    } kinds[] = {
        {kIOMemoryRemote, kIOReturnNotAttached, kIOReturnNotAttached},
        {kIOMemoryHostOnly, kIOReturnNotPermitted, kIOReturnNotPermitted},
    };
    IOMapper *mapper = new_mapper();

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t at = new_pages(owner, 2, RW);
        const bool remote = kinds[i].flag == kIOMemoryRemote;
        IOMemoryDescriptor *parts[2] = {
            describe(at, PAGE_SIZE, kIODirectionIn, owner),
            describe(remote ? 1ull << 50 : at + PAGE_SIZE, PAGE_SIZE,
                     kIODirectionIn | kinds[i].flag, remote ? NULL : owner),
        };
        IOMultiMemoryDescriptor *multi =
            IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionIn, false);
        IOSubMemoryDescriptor *sub =
            IOSubMemoryDescriptor_withSubRange(multi, 16, 2 * PAGE_SIZE - 16, kIODirectionIn);
        IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(sub);
        IOMDDMAWalkSegmentArgs args = {
            .fOffset = PAGE_SIZE, .fMapped = 1, .fMappedBase = IOVA + 16};
        IOMDDMAWalkSegmentState position = {0};
        uint64_t address = 1, length = 1;

        IOMemoryDescriptor_prepare(memory, kIODirectionNone);
        assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 0,
                                                   2 * PAGE_SIZE - 16, &address, &length),
                         kinds[i].mapped);
        assert_int_equal(address | length, 0);
        assert_int_equal(told.maps, i);
        address = length = 1;
        assert_int_equal(IOMapper_iovmMapMemory(mapper, memory, 0, 2 * PAGE_SIZE - 16,
                                                kIODMAMapReadAccess, NULL, NULL, NULL, &address,
                                                &length),
                         kinds[i].mapped);
        assert_int_equal(address | length, 0);
        assert_int_equal(walk(memory, position, kIOMDFirstSegment, &args), kinds[i].walked);
        assert_int_equal(args.fIOVMAddr | args.fLength, 0);
        /* The half that may be seen is; the half that is host-only alone maps as nothing. */
        assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL, 0,
                                                   PAGE_SIZE - 16, &address, &length),
                         kIOReturnSuccess);
        assert_int_equal(told.maps, i + 1);
        assert_int_equal(IOMemoryDescriptor_dmaMap(memory, mapper, memory, NULL, NULL,
                                                   PAGE_SIZE - 16, PAGE_SIZE, &address, &length),
                         remote ? kIOReturnNotAttached : kIOReturnSuccess);
        assert_int_equal(address | length, 0);
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
        OSObject_release(sub);
        OSObject_release(multi);
        OSObject_release(parts[0]);
        OSObject_release(parts[1]);
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
    OSObject_release(mapper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_whole_descriptor_hands_its_pages_over),
        MAP_TEST(parts_and_read_only_memory),
        MAP_TEST(memory_that_no_mapper_sees),
        MAP_TEST(constraints_add_up),
        MAP_TEST(constraints_of_buffers),
        MAP_TEST(wrong_arguments),
        MAP_TEST(a_walk_behind_a_mapping_gives_io_addresses),
        MAP_TEST(no_depth_hides_memory_from_a_mapper),
        MAP_TEST(no_place_hides_memory_from_a_mapper),
        MAP_TEST(a_driver_is_asked_only_what_makes_sense),
        cmocka_unit_test_setup_teardown(a_mapping_that_does_not_end_keeps_its_pages, map_start,
                                        stop_without_balance),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
