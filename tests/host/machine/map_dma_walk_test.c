/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O mappings: the addresses that a walk behind one gives, and memory that none may show. */
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/fake_mapper.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_walk_behind_a_mapping_gives_io_addresses),
        MAP_TEST(no_depth_hides_memory_from_a_mapper),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
