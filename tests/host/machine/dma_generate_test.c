/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA commands: lists of segments, by hand; dma_property_test.c has them at random. */
#define _GNU_SOURCE /* memfd_create */
#include <sys/mman.h>
#include <unistd.h>

#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/dma/IODMACommand_private.h"
#include "tests/host/machine/dma_fixture.h"

static const IODMACommand_SegmentOptions any = {.fStructSize = 40};

static IODMACommand *new_command(const IODMACommand_SegmentOptions *options, uint32_t mapping,
                                 IODMACommand_SegmentFunction output, IOMemoryDescriptor *memory)
{
    IODMACommand *command =
        IODMACommand_withSpecificationOptions(output, options, mapping, NULL, NULL);

    assert_non_null(command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    return command;
}

static bool count_calls(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                        UInt32 index)
{
    (void)segment, (void)segments, (void)index;
    ++*(unsigned *)IODMACommand_getRefCon(target);
    return true;
}

/* A list of the one width is no list of the other. */
static void typed_lists_are_of_their_width(void **state)
{
    static const struct {
        IODMACommand_SegmentFunction output;
        bool narrow, wide;
    } rows[] = {
        {kIODMACommandOutputHost32, true, false},
        {kIODMACommandOutputBig32, true, false},
        {kIODMACommandOutputLittle32, true, false},
        {kIODMACommandOutputHost64, false, true},
        {kIODMACommandOutputBig64, false, true},
        {kIODMACommandOutputLittle64, false, true},
        {count_calls, true, true},
    };
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IODMACommand *command = new_command(&any, kMapped, rows[i].output, memory);
        IODMACommand_Segment64 list[2];
        UInt64 offset = 0;
        UInt32 count = 2;
        unsigned calls = 0;

        IODMACommand_setRefCon(command, &calls);
        assert_int_equal(IODMACommand_gen32IOVMSegments(command, &offset,
                                                        (IODMACommand_Segment32 *)list, &count),
                         rows[i].narrow ? kIOReturnSuccess : kIOReturnBadArgument);
        offset = 0;
        count = 2;
        assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, list, &count),
                         rows[i].wide ? kIOReturnSuccess : kIOReturnBadArgument);
        /* Nowhere to put the entries is refused where it is needed. */
        offset = 0;
        count = 2;
        assert_int_equal(IODMACommand_genIOVMSegments(command, &offset, NULL, &count),
                         rows[i].output == count_calls ? kIOReturnSuccess : kIOReturnBadArgument);
        OSObject_release(command);
    }
    OSObject_release(memory);
}

/* A segment that is found too large is not put out, and what is before it is. */
static void what_is_too_large_is_not_put_out(void **state)
{
    const IODMACommand_SegmentOptions bits31 = {.fStructSize = 40, .fNumAddressBits = 31};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_HIGH, 64, kIODirectionOut);
    IODMACommand *command = new_command(&bits31, kIterateOnly, count_calls, memory);
    UInt64 offset = 0;
    UInt32 count = 8;
    unsigned calls = 0;

    (void)state;
    IODMACommand_setRefCon(command, &calls);
    assert_int_equal(IODMACommand_genIOVMSegments(command, &offset, NULL, &count),
                     kIOReturnSuccess);
    assert_int_equal(calls, 1);
    assert_int_equal(count, 1);
    assert_int_equal(IODMACommand_genIOVMSegments(command, &offset, NULL, &count),
                     kIOReturnMessageTooLarge);
    assert_int_equal(calls, 1);
    assert_int_equal(offset, 64);
    assert_int_equal(count, 1);
    OSObject_release(command);
    OSObject_release(memory);
}

static bool refuse_the_second(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                              UInt32 index)
{
    (void)segment, (void)segments, (void)index;
    return ++*(unsigned *)IODMACommand_getRefCon(target) != 2;
}

/* Where a segment function refuses the list ends, also in the midst of a run that is cut. */
static void the_list_ends_where_an_entry_is_refused(void **state)
{
    const IODMACommand_SegmentOptions shorter = {.fStructSize = 40, .fMaxSegmentSize = 16};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_LOW + PAGE_SIZE, 64, kIODirectionOut);
    IODMACommand *command = new_command(&shorter, kMapped, refuse_the_second, memory);
    UInt64 offset = 0;
    UInt32 count = 8;
    unsigned calls = 0;

    (void)state;
    IODMACommand_setRefCon(command, &calls);
    assert_int_equal(IODMACommand_genIOVMSegments(command, &offset, NULL, &count),
                     kIOReturnSuccess);
    assert_int_equal(calls, 2);
    assert_int_equal(count, 1);
    assert_int_equal(offset, 16);
    OSObject_release(command);
    OSObject_release(memory);
}

/* The first segment's alignment is that of byte 0, not of each call's first. */
static void the_first_alignment_is_of_byte_0_alone(void **state)
{
    const IODMACommand_SegmentOptions options = {
        .fStructSize = 40, .fAlignment = 64, .fAlignmentInternalSegments = 4};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_LOW + 1028, 60, kIODirectionOut);
    IODMACommand *command = new_command(&options, kMapped, kIODMACommandOutputHost64, memory);
    IODMACommand_Segment64 segment;
    UInt64 offset = 0;
    UInt32 count = 1;

    (void)state;
    assert_int_equal(IODMACommand_getBounceLength(command), 0);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, &segment, &count),
                     kIOReturnSuccess);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, &segment, &count),
                     kIOReturnSuccess);
    assert_int_equal(segment.fIOVMAddr, DMA_LOW + 1028);
    assert_int_equal(offset, 124);
    OSObject_release(command);
    OSObject_release(memory);
}

/* Which bytes are bounced is judged where the transfer begins, not where the descriptor does. */
static void the_prepared_range_is_what_is_judged(void **state)
{
    const IODMACommand_SegmentOptions coarse = {.fStructSize = 40, .fAlignment = 512},
                                      lengths = {.fStructSize = 40, .fAlignmentLength = 8};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 256, 4096, 0, 0, kIODirectionOut);
    IOMemoryDescriptor *odd = dma_memory(DMA_LOW, 12, DMA_LOW + 4096, 20, kIODirectionOut);
    IODMACommand *command = dma_command(&coarse, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 256, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 0);
    IODMACommand_complete(command, true, true);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_not_equal(IODMACommand_getBounceLength(command), 0);
    OSObject_release(command);
    /* An alignment of lengths alone is reason enough. */
    command = new_command(&lengths, kMapped, kIODMACommandOutputHost64, odd);
    assert_int_not_equal(IODMACommand_getBounceLength(command), 0);
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(odd);
}

/* Where entries go, how they came, and how many are taken. */
struct entries {
    IODMACommand *command;
    IODMACommand_Segment64 list[4];
    UInt32 most;
    unsigned segments, rows; /* calls */
};

static bool take_entry(void *context, uint64_t address, uint64_t length, UInt32 index)
{
    struct entries *to = context;

    if (index == to->most) {
        return false;
    }
    to->list[index] = (IODMACommand_Segment64){address, length};
    return true;
}

static bool take_segment(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                         UInt32 index)
{
    struct entries *to = segments;

    to->segments++;
    assert_ptr_equal(target, to->command);
    return take_entry(to, segment.fIOVMAddr, segment.fLength, index);
}

static UInt32 take_row(IODMACommand *target, struct IOMemoryRow *row, void *segments)
{
    struct entries *to = segments;

    to->rows++;
    assert_ptr_equal(target, to->command);
    return IOMemoryRow_each(row, take_entry, to);
}

/* From `from` on, if so many are taken, into room for three: the status, and what came in a row. */
static void expect_entries(IODMACommand *command, UInt64 from, UInt32 most, IOReturn status,
                           UInt32 count, UInt64 end, bool inRow)
{
    for (unsigned rows = 0; rows < 2; rows++) {
        struct entries to = {.command = command, .most = most};
        UInt64 offset = from;
        UInt32 found = 3;

        assert_int_equal(IODMACommand_genIOVMSegmentsRow(command, take_segment, &offset, &to,
                                                         &found, rows != 0 ? take_row : NULL),
                         status);
        assert_int_equal(offset, end);
        assert_int_equal(found, count);
        assert_int_equal(to.rows, rows != 0 && inRow);
        assert_int_equal(to.segments == 0, to.rows == 1);
        for (UInt32 i = 0; status == kIOReturnSuccess && i < count; i++) {
            const uint64_t length = IODMACommand_getBounceLength(command) == 0 ? 64 : 32;

            assert_int_equal(to.list[i].fLength, i == 0 ? length - from % length : length);
        }
    }
}

/* Runs that need no cut are put out in one call, and all else by the other function. */
static void a_list_goes_out_in_a_row(void **state)
{
    const IODMACommand_SegmentOptions bits31 = {.fStructSize = 40, .fNumAddressBits = 31},
                                      exact = {.fStructSize = 40, .fMaxSegmentSize = 64},
                                      shorter = {.fStructSize = 40, .fMaxSegmentSize = 63};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_LOW + 4096, 64, kIODirectionOut);
    IOMemoryDescriptor *high = dma_memory(DMA_LOW, 32, DMA_HIGH, 32, kIODirectionOut);
    IOMemoryDescriptor *one = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IODMACommand *command = new_command(&any, kMapped, kIODMACommandOutputHost64, memory);

    (void)state;
    expect_entries(command, 0, 3, kIOReturnSuccess, 2, 128, true);
    expect_entries(command, 8, 3, kIOReturnSuccess, 2, 128, true);
    expect_entries(command, 64, 3, kIOReturnSuccess, 1, 128, true);
    /* What is refused ends it, or is an error where it is the first. */
    expect_entries(command, 8, 1, kIOReturnSuccess, 1, 64, true);
    expect_entries(command, 8, 0, kIOReturnMessageTooLarge, 3, 8, true);
    OSObject_release(command);
    command = new_command(&exact, kMapped, kIODMACommandOutputHost64, memory);
    expect_entries(command, 0, 3, kIOReturnSuccess, 2, 128, true);
    OSObject_release(command);
    command = new_command(&shorter, kMapped, kIODMACommandOutputHost64, one);
    expect_entries(command, 1, 3, kIOReturnSuccess, 1, 64, false);
    OSObject_release(command);
    command = new_command(&any, kMapped, kIODMACommandOutputHost64, one);
    expect_entries(command, 0, 3, kIOReturnSuccess, 1, 64, false);
    OSObject_release(command);
    /* Of a list that has been made, too. */
    command = new_command(&bits31, kMapped, kIODMACommandOutputHost64, high);
    expect_entries(command, 0, 3, kIOReturnSuccess, 2, 64, true);
    OSObject_release(command);
    OSObject_release(one);
    OSObject_release(high);
    OSObject_release(memory);
}

#define FAR (1ull << 50) /* an address of another processor's */

/* Another processor's memory is listed as it was given, and nothing else can be done with it. */
static void dc_26_remote_memory_is_listed_verbatim(void **state)
{
    const IODMACommand_SegmentOptions sized = {.fStructSize = 40, .fMaxSegmentSize = 4096};
    IOAddressRange ranges[] = {{FAR + 3, 5000}, {FAR + 100000, 17}};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        ranges, 2, kIODirectionOutIn | kIOMemoryRemote, TASK_NULL);
    IODMACommand *command = dma_command(&sized, kMapped, memory);
    IODMACommand_Segment64 list[4];
    uint8_t byte;

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNotAttached);
    OSObject_release(command);
    command = new_command(&sized, kIterateOnly, kIODMACommandOutputHost64, memory);
    assert_int_equal(dma_list(command, list, 4), 3);
    assert_int_equal(list[0].fIOVMAddr, FAR + 3);
    assert_int_equal(list[0].fLength, 4096);
    assert_int_equal(list[1].fIOVMAddr, FAR + 3 + 4096);
    assert_int_equal(list[1].fLength, 904);
    assert_int_equal(list[2].fIOVMAddr, FAR + 100000);
    assert_int_equal(list[2].fLength, 17);
    assert_int_equal(IODMACommand_readBytes(command, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotAttached);
    assert_int_equal(IODMACommand_writeBytes(command, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotAttached);
    assert_int_equal(IODMACommand_synchronize(command, kIODirectionOut), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
}

#define WINDOW (64 * SIM_MIB)

/* As many bytes at as few pages as a host has to spare: the same window again and again. */
static uint8_t *new_echo(uint64_t length)
{
    const int file = memfd_create("echo", 0);
    uint8_t *bytes;

    assert_int_equal(ftruncate(file, WINDOW), 0);
    bytes = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (uint64_t at = 0; at < length; at += WINDOW) {
        assert_ptr_equal(mmap(bytes + at, length - at < WINDOW ? length - at : WINDOW,
                              PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file,
                              0),
                         bytes + at);
    }
    close(file);
    return bytes;
}

/* More than 4 GiB of one run are read to their end, and the last bytes are the last. */
static void a_piece_beyond_4_gib_is_read_whole(void **state)
{
    const uint64_t length = 4 * SIM_GIB + 2 * PAGE_SIZE;
    IOMemoryDescriptor *memory = dma_memory(SIM_RAM_BASE, length, 0, 0, kIODirectionOutIn);
    IODMACommand *command = new_command(&any, kMapped, kIODMACommandOutputHost64, memory);
    uint8_t *echo = new_echo(length);

    (void)state;
    /* Zeros are read there, and come cheaper in large pages. */
    madvise(dma_bytes(SIM_RAM_BASE), length, MADV_HUGEPAGE);
    dma_fill(SIM_RAM_BASE + length - PAGE_SIZE, PAGE_SIZE, 7);
    assert_int_equal(IODMACommand_readBytes(command, 0, echo, length), length);
    assert_memory_equal(echo + length - PAGE_SIZE, dma_bytes(SIM_RAM_BASE + length - PAGE_SIZE),
                        PAGE_SIZE);
    munmap(echo, length);
    OSObject_release(command);
    OSObject_release(memory);
}

struct listener {
    unsigned patience, heard; /* runs */
    uint64_t bytes;
};

static bool listen(void *context, uint64_t address, uint64_t length)
{
    struct listener *it = context;

    (void)address;
    it->heard++;
    it->bytes += length;
    return it->heard != it->patience;
}

/* Who has ended it is told nothing more, and has success: what lies behind is not of interest. */
static void a_walk_ends_when_nobody_listens(void **state)
{
    IOMemoryDescriptor *parts[] = {
        dma_memory(DMA_LOW, 100, DMA_LOW + 2 * PAGE_SIZE, 200, kIODirectionOut),
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOut, owner), /* not prepared */
    };
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOut, false);

    (void)state;
    for (unsigned patience = 1; patience < 4; patience++) {
        struct listener it = {.patience = patience};

        assert_int_equal(
            IODMACommand_walkHost((IOMemoryDescriptor *)multi, 0, 300 + PAGE_SIZE, listen, &it),
            patience < 3 ? kIOReturnSuccess : kIOReturnNotReady);
        assert_int_equal(it.heard, patience < 3 ? patience : 2);
        assert_int_equal(it.bytes, patience == 1 ? 100 : 300);
    }
    OSObject_release(multi);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

static int power_on(void **state)
{
    (void)state;
    sim_machine_start(5 * SIM_GIB);
    IOMemoryDescriptor_initialize();
    IOMapper_setMapperRequired(false);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_walk_ends_when_nobody_listens),
        MAP_TEST(typed_lists_are_of_their_width),
        MAP_TEST(what_is_too_large_is_not_put_out),
        MAP_TEST(a_list_goes_out_in_a_row),
        MAP_TEST(the_list_ends_where_an_entry_is_refused),
        MAP_TEST(the_first_alignment_is_of_byte_0_alone),
        MAP_TEST(the_prepared_range_is_what_is_judged),
        MAP_TEST(dc_26_remote_memory_is_listed_verbatim),
        MAP_TEST(a_piece_beyond_4_gib_is_read_whole),
    };

    return cmocka_run_group_tests(tests, power_on, map_power_off);
}
