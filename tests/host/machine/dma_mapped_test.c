/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA commands behind a mapper: copies, the pool, non-coherent devices, units that fail. */
#include "kernel/page.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/sim/sim_cache.h"
#include "tests/host/sim/sim_console.h"
#include "tests/lib/portable/test_mapper.h"

#define BASE_PAGE 0x100

static const IODMACommand_SegmentOptions any = {.fStructSize = 40},
                                         coarse = {.fStructSize = 40, .fAlignment = 512};

static IODMACommand *mapped_command(const IODMACommand_SegmentOptions *limits, uint32_t mapping,
                                    struct test_mapper *mapper, IOMemoryDescriptor *memory)
{
    IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, limits,
                                                                  mapping, &mapper->super, NULL);

    assert_non_null(command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    return command;
}

/* The I/O address of a byte of the prepared range. */
static uint64_t io_address(IODMACommand *command, uint64_t position)
{
    IODMACommand_Segment64 list[64];
    const unsigned count = dma_list(command, list, 64);

    for (unsigned i = 0; i < count; i++) {
        if (position < list[i].fLength) {
            return list[i].fIOVMAddr + position;
        }
        position -= list[i].fLength;
    }
    fail();
    return 0;
}

static void expect_device_reads(struct test_mapper *mapper, IODMACommand *command,
                                uint64_t position, uint8_t expected)
{
    uint8_t byte;

    assert_true(test_mapper_read(mapper, io_address(command, position), &byte));
    assert_int_equal(byte, expected);
}

/* Bits that no RAM has are no matter behind a mapper; without it there is no such memory. */
static void dc_25_narrow_devices_reach_all_ram_through_it(void **state)
{
    const IODMACommand_SegmentOptions bits28 = {.fStructSize = 40, .fNumAddressBits = 28};
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 300, 0, 0, kIODirectionOut);
    IODMACommand *command = mapped_command(&bits28, kMapped, mapper, memory);

    (void)state;
    dma_fill(DMA_HIGH, 300, 1);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 0);
    assert_true(io_address(command, 299) < 1ull << 28);
    expect_device_reads(mapper, command, 299, pattern(299, 1));
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* How far a mapping reaches is for the mapper to say, before anything is put elsewhere. */
static void what_is_too_long_for_a_mapping_is_the_mappers_to_refuse(void **state)
{
    const IODMACommand_SegmentOptions bits13 = {
        .fStructSize = 40, .fNumAddressBits = 13, .fAlignment = 4};
    IOMapper *mapper = new_mapper();
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 3 * PAGE_SIZE, 0, 0, kIODirectionOut);
    IODMACommand *command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost64, &bits13, kMapped | kIODMAMapOptionDextOwner, mapper, NULL);

    (void)state;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    told.answer = kIOReturnNoSpace;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNoSpace);
    assert_int_equal(told.maps, 1);
    assert_int_equal(told.length, 3 * PAGE_SIZE);
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(mapper);
}

/* What is only listed is not made to fit: one run that does not is still refused as an entry. */
static void one_run_that_is_only_listed_is_judged_as_an_entry(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 8, 1024, 0, 0, kIODirectionOut);
    IODMACommand *commands[] = {mapped_command(&coarse, kIterateOnly, mapper, memory),
                                dma_command(&coarse, kIterateOnly, memory)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        IODMACommand_Segment64 list[2];
        UInt64 offset = 0;
        UInt32 count = 2;

        assert_int_equal(IODMACommand_prepare(commands[i], 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_genIOVMSegments(commands[i], &offset, list, &count),
                         kIOReturnNotAligned);
        OSObject_release(commands[i]);
    }
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* Islands of a use without a mapper are nothing to a copy behind one. */
static void a_copy_follows_islands(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 8, 512, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&coarse, kMapped, memory);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(IODMACommand_prepareWithSpecificationOptions(
                             command, kIODMACommandOutputHost64, &coarse, kMapped,
                             i % 2 != 0 ? &mapper->super : NULL, 0, 0, true, true),
                         kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceLength(command), i % 2 != 0 ? 512 : 504);
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceInUse(), 0);
    }
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* That the pool is spent is said behind a mapper too, and nothing is mapped. */
static void a_shortage_is_not_hidden_by_the_mapper(void **state)
{
    const uint64_t usual = IODMACommand_getBouncePool();
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 8, 2 * PAGE_SIZE, 0, 0, kIODirectionOut);
    IODMACommand *command = mapped_command(&coarse, kMapped, mapper, memory);

    (void)state;
    IODMACommand_setBouncePool(PAGE_SIZE);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNoResources);
    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL),
                     kIOReturnNotReady);
    assert_int_equal(mapper->entries, 0);
    IODMACommand_setBouncePool(usual);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 2 * PAGE_SIZE);
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* A copy of a later part of several runs shows that part, at its own positions. */
static void a_copy_of_several_runs_begins_at_its_own_start(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW + 100, 5000, DMA_HIGH + 7, 3000, kIODirectionOutIn);
    IODMACommand *command = mapped_command(&any, kMapped, mapper, memory);

    (void)state;
    dma_fill(DMA_LOW + 100, 5000, 1);
    dma_fill(DMA_HIGH + 7, 3000, 2);
    assert_int_equal(IODMACommand_prepare(command, 4500, 2000, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 0);
    expect_device_reads(mapper, command, 0, pattern(4500, 1));
    expect_device_reads(mapper, command, 600, pattern(100, 2));
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 2000);
    for (uint64_t i = 0; i < 2000; i += 99) {
        expect_device_reads(mapper, command, i,
                            i < 500 ? pattern(4500 + i, 1) : pattern(i - 500, 2));
    }
    assert_true(test_mapper_write(mapper, io_address(command, 501), 0x77));
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_HIGH + 7)[1], 0x77);
    assert_int_equal(mapper->entries, 0);
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* The CPU's copies and its cache maintenance go by where the bytes are, not by I/O addresses. */
static void the_cpu_never_goes_by_io_addresses(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW + 64, 4 * SIM_CACHE_LINE, DMA_HIGH, 64, kIODirectionOutIn);
    IODMACommand *command;
    struct sim_cache before;
    uint8_t bytes[4];

    (void)state;
    for (unsigned copied = 0; copied < 2; copied++) {
        dma_fill(DMA_LOW + 64, 256, 1);
        dma_fill(DMA_HIGH, 64, 2);
        command = mapped_command(copied != 0 ? &coarse : &any, kNonCoherent, mapper, memory);
        before = sim_cache;
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceLength(command), copied != 0 ? 320 : 0);
        assert_int_equal(sim_cache.cleaned - before.cleaned, 5);
        assert_int_equal(IODMACommand_readBytes(command, 254, bytes, 4), 4);
        assert_int_equal(bytes[1], pattern(255, 1));
        assert_int_equal(bytes[2], pattern(0, 2));
        assert_int_equal(IODMACommand_writeBytes(command, 254, "wxyz", 4), 4);
        expect_device_reads(mapper, command, 255, 'x');
        expect_device_reads(mapper, command, 256, 'y');
        assert_true(test_mapper_write(mapper, io_address(command, 0), 0x42));
        before = sim_cache;
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        assert_int_equal(sim_cache.flushed - before.flushed, 5);
        assert_int_equal(dma_bytes(DMA_LOW + 64)[0], 0x42);
        assert_int_equal(dma_bytes(DMA_HIGH)[1], 'z');
        OSObject_release(command);
    }
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* A device is let do what the direction says, of memory with pages of its own and without. */
static void the_direction_is_what_a_device_may_do(void **state)
{
    static const struct {
        IODirection direction;
        bool read, write;
    } rows[] = {{kIODirectionOut, true, false},
                {kIODirectionIn, false, true},
                {kIODirectionOutIn, true, true},
                {kIODirectionNone, true, true}};
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    const uint64_t at = new_pages(owner, 1, RW);

    (void)state;
    store(owner, at, 1);
    for (unsigned i = 0; i < 8; i++) {
        const IODirection direction = rows[i % 4].direction;
        IOMemoryDescriptor *memory =
            i < 4 ? dma_memory(DMA_LOW, 100, 0, 0, direction) : describe(at, 100, direction, owner);
        IODMACommand *command = mapped_command(&any, kMapped, mapper, memory);
        uint8_t byte;

        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(test_mapper_read(mapper, io_address(command, 5), &byte), rows[i % 4].read);
        assert_int_equal(test_mapper_write(mapper, io_address(command, 5), 1), rows[i % 4].write);
        OSObject_release(command);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        OSObject_release(memory);
    }
    OSObject_release(&mapper->super);
}

/* The CPU looks at what a device has written, by the device's address. */
static void the_cpu_sees_what_is_for_writing(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    IOMemoryDescriptor *in = dma_memory(DMA_LOW, 100, 0, 0, kIODirectionIn);
    IOMemoryDescriptor *out = dma_memory(DMA_LOW + PAGE_SIZE, 100, 0, 0, kIODirectionOut);
    IODMACommand *writes, *reads;

    (void)state;
    mapper->super.fIsSystem = true;
    assert_true(IOMapper_start(&mapper->super, unit));
    writes = dma_command(&any, kMapped, in);
    reads = dma_command(&any, kMapped, out);
    assert_int_equal(IODMACommand_prepare(writes, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(reads, 0, 0, true, true), kIOReturnSuccess);
    assert_true(test_mapper_write(mapper, io_address(writes, 5), 0x3c));
    assert_int_equal(IOMappedRead8(io_address(writes, 5)), 0x3c);
    IOMappedWrite8(io_address(writes, 6), 0x3d);
    assert_int_equal(dma_bytes(DMA_LOW)[6], 0x3d);
    dma_fill(DMA_LOW + PAGE_SIZE, 100, 3);
    assert_int_equal(IOMappedRead8(io_address(reads, 5)), pattern(5, 3));
    IOMappedWrite8(io_address(reads, 5), 0x3e);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    assert_int_equal(dma_bytes(DMA_LOW + PAGE_SIZE)[5], pattern(5, 3));
    OSObject_release(writes);
    OSObject_release(reads);
    OSObject_release(in);
    OSObject_release(out);
    OSObject_release(&mapper->super);
    OSObject_release(unit);
}

/* Memory that is for the host alone has no I/O address, and is told no physical one instead. */
static void memory_of_the_host_alone_is_refused(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, 100, kIODirectionOutIn | kIOMemoryHostOnly, owner);
    IODMACommand *behind = mapped_command(&any, kMapped, mapper, memory);
    IODMACommand *beside = dma_command(&any, kMapped, memory);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(behind, 0, 0, true, true), kIOReturnNotPermitted);
    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(behind, NULL, NULL),
                     kIOReturnNotReady);
    assert_int_equal(IODMACommand_prepare(beside, 0, 0, true, true), kIOReturnSuccess);
    OSObject_release(behind);
    OSObject_release(beside);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* Strict behind a mapper: whatever page the device reaches holds nothing but the transfer. */
static void strict_shows_no_neighbour_through_it(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 100, 2 * PAGE_SIZE, 0, 0, kIODirectionOut);
    IODMACommand *command = mapped_command(&any, kIODMAMapOptionStrict, mapper, memory);
    uint64_t first;
    uint8_t byte;

    (void)state;
    for (unsigned forced = 0; forced < 2; forced++) {
        dma_fill(DMA_LOW, 4 * PAGE_SIZE, 9);
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        if (forced != 0) {
            assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer),
                             kIOReturnSuccess);
        }
        first = io_address(command, 0);
        for (uint64_t at = trunc_page(first); at < trunc_page(first) + 4 * PAGE_SIZE; at++) {
            if (test_mapper_read(mapper, at, &byte)) {
                assert_int_equal(byte,
                                 at - first < 2 * PAGE_SIZE ? pattern(100 + at - first, 9) : 0);
            }
        }
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    }
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/*
 * A boundary above the page: bytes that need not be moved where the plan has them must not meet
 * one in the middle, wherever the mapping comes to lie.
 */
static void a_boundary_is_met_where_it_was_planned(void **state)
{
    const IODMACommand_SegmentOptions options = {.fStructSize = 56,
                                                 .fAlignmentLength = 16,
                                                 .fAlignmentInternalSegments = 8,
                                                 .fAlignmentInternalEnd = 32,
                                                 .fSegmentBoundary = 8192};
    IODMACommand_Segment64 list[8];

    (void)state;
    for (uint64_t base = 0x101; base < 0x105; base++) {
        struct test_mapper *mapper = test_mapper_new(base);
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 0xe11, 1408, DMA_LOW + 8 * PAGE_SIZE,
                                                3 * PAGE_SIZE, kIODirectionOut);
        IODMACommand *command = mapped_command(&options, kMapped, mapper, memory);

        dma_fill(DMA_LOW + 0xe11, 1408, 1);
        assert_int_equal(IODMACommand_prepare(command, 0, 1408, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceLength(command), 0);
        assert_int_equal(dma_list(command, list, 8), 1);
        expect_device_reads(mapper, command, 1407, pattern(1407, 1));
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        /* Longer than the boundary: it is met, and a copy is cut there. */
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        dma_list(command, list, 8);
        expect_device_reads(mapper, command, 1407, pattern(1407, 1));
        OSObject_release(command);
        OSObject_release(memory);
        OSObject_release(&mapper->super);
    }
}

static int stop_without_balance(void **state)
{
    map_stop(state);
    return 0;
}

/* A unit that does not acknowledge an unmapping: the copy's pages are never used again. */
static void a_unit_that_does_not_answer_costs_the_pages(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 8, 2 * PAGE_SIZE, 0, 0, kIODirectionOut);
    IODMACommand *command = mapped_command(&coarse, kMapped, mapper, memory);
    struct page_stats before, after;
    uint64_t physical;

    (void)state;
    page_get_stats(&before);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IOMapper_translate(&mapper->super, io_address(command, 0), 0, &physical, NULL),
                     kIOReturnSuccess);
    mapper->unmapAnswer = kIOReturnTimeout;
    sim_console_forget();
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_true(sim_console_said("2 pages are in quarantine"));
    page_get_stats(&after);
    assert_int_equal(after.quarantined, before.quarantined + 2);
    assert_int_equal(page_pin_count(paddr(trunc_page(physical))), 1);
    assert_int_equal(page_get_state(paddr(trunc_page(physical))), PAGE_ALLOCATED);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    /* The command goes on, at other addresses. */
    mapper->unmapAnswer = kIOReturnSuccess;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* A mapping whose pages have no addresses is none: the preparation fails, and takes it back. */
static void a_mapping_that_wraps_is_not_used(void **state)
{
    IOMapper *mapper = new_mapper();
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW, 64, DMA_LOW + 2 * PAGE_SIZE, 64, kIODirectionOutIn);
    IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &any,
                                                                  kMapped, mapper, NULL);

    (void)state;
    told.base = -(uint64_t)PAGE_SIZE;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true),
                     kIOReturnInternalError);
    assert_int_equal(told.maps, 1);
    assert_int_equal(told.unmaps, 1);
    told.base = IOVA;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(mapper);
}

/* Also of a command whose bytes have been put into a copy since. */
static void what_is_blocked_of_a_copy_is_its_commands(void **state)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), 64, kIODirectionOutIn, owner);
    IODMACommand *command = mapped_command(&any, kMapped, mapper, memory);
    IOMapperFault fault = {.reason = kIOReturnDMAError, .count = 1};

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    assert_non_null(mapper->super.uses);
    assert_null(mapper->super.uses->next);
    fault.address = io_address(command, 0);
    IOMapper_deliverFault(&mapper->super, &fault);
    assert_true(mapper->super.uses->hasFault);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_null(mapper->super.uses);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess); /* it has let go */
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* Pieces that follow each other in the mapping are one, whose inner pages need no alignment. */
static void pieces_that_are_one_behind_a_mapper_are_judged_as_one(void **state)
{
    const IODMACommand_SegmentOptions two_pages = {.fStructSize = 40, .fAlignment = 2 * PAGE_SIZE},
                                      bounded = {.fStructSize = 56,
                                                 .fAlignment = 4,
                                                 .fSegmentBoundary = 16 * PAGE_SIZE};
    IOMapper *mapper = new_mapper();
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW, PAGE_SIZE, DMA_HIGH, PAGE_SIZE, kIODirectionOutIn);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        IODMACommand *command = IODMACommand_withSpecificationOptions(
            kIODMACommandOutputHost64, i == 0 ? &two_pages : &bounded, kMapped, mapper, NULL);

        assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceLength(command), 0);
        assert_int_equal(told.spec.alignment, 2 * PAGE_SIZE); /* as much as they need, no more */
        OSObject_release(command);
    }
    OSObject_release(memory);
    OSObject_release(mapper);
}

/* Behind a mapper, too, only what is followed must end where an end may be. */
static void the_last_piece_behind_a_mapper_ends_anywhere(void **state)
{
    static const IODMACommand_SegmentOptions ends = {.fStructSize = 56,
                                                     .fAlignmentInternalEnd = 16};
    struct test_mapper *mapper = test_mapper_new(0x100);

    (void)state;
    for (unsigned pieces = 1; pieces < 4; pieces++) {
        IOAddressRange ranges[3];
        IODMACommand_Segment64 list[4];
        IOMemoryDescriptor *memory;
        IODMACommand *command = IODMACommand_withSpecificationOptions(
            kIODMACommandOutputHost64, &ends, kMapped, &mapper->super, NULL);

        for (unsigned i = 0; i < pieces; i++) {
            ranges[i] = (IOAddressRange){DMA_LOW + ptoa(2 * i), i + 1 < pieces ? 32 : 19};
        }
        memory = IOMemoryDescriptor_withAddressRanges(ranges, pieces, kIODirectionOutIn, TASK_NULL);
        assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceLength(command), 0);
        assert_int_equal(dma_list(command, list, 4), pieces);
        assert_int_equal(list[pieces - 1].fLength, 19);
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        OSObject_release(command);
        OSObject_release(memory);
    }
    OSObject_release(&mapper->super);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(dc_25_narrow_devices_reach_all_ram_through_it),
        MAP_TEST(what_is_too_long_for_a_mapping_is_the_mappers_to_refuse),
        MAP_TEST(one_run_that_is_only_listed_is_judged_as_an_entry),
        MAP_TEST(a_copy_follows_islands),
        MAP_TEST(a_shortage_is_not_hidden_by_the_mapper),
        MAP_TEST(a_copy_of_several_runs_begins_at_its_own_start),
        MAP_TEST(the_cpu_never_goes_by_io_addresses),
        MAP_TEST(the_direction_is_what_a_device_may_do),
        MAP_TEST(the_cpu_sees_what_is_for_writing),
        MAP_TEST(memory_of_the_host_alone_is_refused),
        MAP_TEST(strict_shows_no_neighbour_through_it),
        MAP_TEST(a_boundary_is_met_where_it_was_planned),
        cmocka_unit_test_setup_teardown(a_unit_that_does_not_answer_costs_the_pages, map_start,
                                        stop_without_balance),
        MAP_TEST(a_mapping_that_wraps_is_not_used),
        MAP_TEST(what_is_blocked_of_a_copy_is_its_commands),
        MAP_TEST(pieces_that_are_one_behind_a_mapper_are_judged_as_one),
        MAP_TEST(the_last_piece_behind_a_mapper_ends_anywhere),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
