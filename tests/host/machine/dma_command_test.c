/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA commands: what is refused and when, states, and that a refusal changes nothing. */
#include "tests/host/machine/dma_fixture.h"
#include "tests/lib/portable/test_mapper.h"

static const IODMACommand_SegmentOptions none = {.fStructSize = 40};

static bool accepts(IODMACommand_SegmentFunction output, IODMACommand_SegmentOptions options,
                    uint32_t mapping)
{
    IODMACommand *command =
        IODMACommand_withSpecificationOptions(output, &options, mapping, NULL, NULL);
    const bool accepted = command != NULL;

    OSObject_release(command);
    if (!accepted) {
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    }
    return accepted;
}

#define WITH(...)    ((IODMACommand_SegmentOptions){.fStructSize = 56, __VA_ARGS__})
#define ACCEPTS(...) assert_true(accepts(kIODMACommandOutputHost64, WITH(__VA_ARGS__), kMapped))
#define REFUSES(...) assert_false(accepts(kIODMACommandOutputHost64, WITH(__VA_ARGS__), kMapped))

/* DC-1: each rule of a specification, from both sides. */
static void dc_1_specifications_are_judged_as_a_whole(void **state)
{
    (void)state;
    assert_true(accepts(kIODMACommandOutputHost64, none, kMapped));
    assert_false(accepts(NULL, none, kMapped));
    assert_false(accepts(kIODMACommandOutputHost64, (IODMACommand_SegmentOptions){0}, kMapped));
    assert_false(accepts(kIODMACommandOutputHost64,
                         (IODMACommand_SegmentOptions){.fStructSize = 41}, kMapped));
    REFUSES(.fNumAddressBits = 1);
    REFUSES(.fNumAddressBits = 11);
    ACCEPTS(.fNumAddressBits = 12);
    ACCEPTS(.fNumAddressBits = 64);
    REFUSES(.fNumAddressBits = 65);
    assert_true(accepts(kIODMACommandOutputBig32, WITH(.fNumAddressBits = 32), kMapped));
    assert_false(accepts(kIODMACommandOutputBig32, WITH(.fNumAddressBits = 33), kMapped));
    REFUSES(.fAlignment = 3);
    REFUSES(.fAlignmentLength = 6);
    REFUSES(.fAlignmentInternalSegments = 12);
    REFUSES(.fAlignmentInternalEnd = 5);
    ACCEPTS(.fMaxSegmentSize = 16, .fAlignmentLength = 16);
    REFUSES(.fMaxSegmentSize = 15, .fAlignmentLength = 16);
    REFUSES(.fMaxSegmentSize = 15, .fAlignmentInternalSegments = 16);
    REFUSES(.fMaxSegmentSize = 15, .fAlignmentInternalEnd = 16);
    REFUSES(.fSegmentBoundary = 4);
    REFUSES(.fSegmentBoundary = 24);
    ACCEPTS(.fSegmentBoundary = 8);
    REFUSES(.fSegmentBoundary = 8, .fAlignment = 16);
    ACCEPTS(.fSegmentBoundary = 16, .fAlignment = 16, .fAlignmentInternalSegments = 1);
    ACCEPTS(.fSegmentBoundary = 16, .fAlignmentLength = 16);
    ACCEPTS(.fSegmentBoundary = 16, .fAlignmentInternalSegments = 16);
    ACCEPTS(.fSegmentBoundary = 16, .fAlignmentInternalEnd = 16);
    ACCEPTS(.fMaxSegmentSize = 16, .fAlignmentInternalSegments = 16);
    ACCEPTS(.fMaxSegmentSize = 16, .fAlignmentInternalEnd = 16);
    REFUSES(.fNumAddressBits = 12, .fAlignment = 8192);
    ACCEPTS(.fNumAddressBits = 12, .fAlignment = 4096);
    REFUSES(.fReserved1 = 1);
    ACCEPTS(.fReserved0 = 1);
    assert_false(accepts(kIODMACommandOutputHost64, none, 4));
    assert_false(accepts(kIODMACommandOutputHost64, none, 0x200));
    assert_true(accepts(kIODMACommandOutputHost64, none, kBypassed | kOnChip | kNoCacheStore));
}

/* DC-1, second half: a refused respecification leaves every getter as it was. */
static void dc_1_a_refused_respecification_changes_nothing(void **state)
{
    const IODMACommand_SegmentOptions first =
        WITH(.fNumAddressBits = 31, .fAlignment = 8, .fAlignmentLength = 4,
             .fSegmentBoundary = 4096, .fAlignmentInternalEnd = 2);
    const IODMACommand_SegmentOptions bad = WITH(.fAlignment = 16, .fAlignmentLength = 3);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&first, kMapped, memory);
    IODMACommand_Segment64 list[8];

    (void)state;
    assert_int_equal(IODMACommand_prepareWithSpecificationOptions(
                         command, kIODMACommandOutputHost64, &bad, kMapped, NULL, 0, 0, true, true),
                     kIOReturnBadArgument);
    /* And one that is good, but whose preparation fails. */
    assert_int_equal(IODMACommand_prepareWithSpecification(command, kIODMACommandOutputHost64, 0, 0,
                                                           kMapped, 32, 1, NULL, 0, 0, true, true),
                     kIOReturnNoSpace);
    assert_int_equal(IODMACommand_getNumAddressBits(command), 31);
    assert_int_equal(IODMACommand_getAlignment(command), 8);
    assert_int_equal(IODMACommand_getAlignmentLength(command), 4);
    assert_int_equal(IODMACommand_getAlignmentInternalSegments(command), 8);
    assert_int_equal(IODMACommand_getAlignmentInternalEnd(command), 2);
    assert_int_equal(IODMACommand_getSegmentBoundary(command), 4096);
    /* One that is good stays, after the preparation too. */
    assert_int_equal(IODMACommand_prepareWithSpecification(command, kIODMACommandOutputHost64, 32,
                                                           16, kMapped, 64, 16, NULL, 0, 0, true,
                                                           true),
                     kIOReturnSuccess);
    assert_int_equal(IODMACommand_getNumAddressBits(command), 32);
    assert_int_equal(dma_list(command, list, 8), 4);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getAlignment(command), 16);
    assert_int_equal(IODMACommand_getAlignmentLength(command), 1);
    assert_int_equal(IODMACommand_getSegmentBoundary(command), 0);
    OSObject_release(command);
    OSObject_release(memory);
}

/* DC-2 */
static void dc_2_a_clone_has_the_specification_and_nothing_else(void **state)
{
    const IODMACommand_SegmentOptions options =
        WITH(.fNumAddressBits = 40, .fAlignment = 4, .fAlignmentLength = 2,
             .fAlignmentInternalSegments = 64, .fSegmentBoundary = 128, .fAlignmentInternalEnd = 32,
             .fMaxSegmentSize = 256);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&options, kMapped, memory);
    IODMACommand *bare = IODMACommand_withRefCon(NULL), *clone;

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    clone = IODMACommand_cloneCommand(command, command);
    assert_ptr_equal(IODMACommand_getRefCon(clone), command);
    assert_null(IODMACommand_getMemoryDescriptor(clone));
    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(clone, NULL, NULL), kIOReturnNotReady);
    assert_int_equal(IODMACommand_getNumAddressBits(clone), 40);
    assert_int_equal(IODMACommand_getAlignment(clone), 4);
    assert_int_equal(IODMACommand_getAlignmentLength(clone), 2);
    assert_int_equal(IODMACommand_getAlignmentInternalSegments(clone), 64);
    assert_int_equal(IODMACommand_getSegmentBoundary(clone), 128);
    assert_int_equal(IODMACommand_getAlignmentInternalEnd(clone), 32);
    OSObject_release(clone);
    clone = IODMACommand_cloneCommand(bare, NULL);
    assert_non_null(clone);
    assert_int_equal(IODMACommand_getAlignment(clone), 1);
    assert_int_equal(IODMACommand_getSegmentBoundary(clone), 0);
    OSObject_release(clone);
    OSObject_release(bare);
    OSObject_release(command);
    OSObject_release(memory);
}

/* DC-3 */
static void dc_3_layouts_are_as_documented(void **state)
{
    (void)state;
    assert_int_equal(sizeof(IODMACommand_Segment32), 8);
    assert_int_equal(sizeof(IODMACommand_Segment64), 16);
    assert_int_equal(sizeof(IODMACommand_SegmentOptions), 56);
    assert_int_equal(offsetof(IODMACommand_SegmentOptions, fNumAddressBits), 1);
    assert_int_equal(offsetof(IODMACommand_SegmentOptions, fMaxSegmentSize), 8);
    assert_int_equal(offsetof(IODMACommand_SegmentOptions, fMaxTransferSize), 16);
    assert_int_equal(offsetof(IODMACommand_SegmentOptions, fAlignment), 24);
    assert_int_equal(offsetof(IODMACommand_SegmentOptions, fAlignmentLength), 28);
    assert_int_equal(offsetof(IODMACommand_SegmentOptions, fAlignmentInternalSegments), 32);
    assert_int_equal(offsetof(IODMACommand_SegmentOptions, fSegmentBoundary), 40);
    assert_int_equal(offsetof(IODMACommand_SegmentOptions, fAlignmentInternalEnd), 48);
    assert_int_equal(sizeof(IODMACommandSpecification), 144);
}

/* DC-11: an error leaves offset and count as they were; no entry that is announced is invalid. */
static bool refuse_second(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                          UInt32 index)
{
    UInt32 *calls = segments;

    (void)target, (void)segment;
    assert_int_equal(index, (*calls)++ == 0 ? 0 : index);
    return index == 0;
}

static bool refuse_all(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                       UInt32 index)
{
    (void)target, (void)segment, (void)segments, (void)index;
    return false;
}

static void dc_11_errors_are_of_the_first_segment_alone(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_LOW + 4096, 64, kIODirectionOut);
    IODMACommand *command = dma_command(&none, kMapped, memory);
    UInt64 offset = 0;
    UInt32 count = 8, calls = 0;

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(
        IODMACommand_genIOVMSegmentsFunction(command, refuse_second, &offset, &calls, &count),
        kIOReturnSuccess);
    assert_int_equal(offset, 64);
    assert_int_equal(count, 1);
    count = 8;
    assert_int_equal(
        IODMACommand_genIOVMSegmentsFunction(command, refuse_all, &offset, NULL, &count),
        kIOReturnMessageTooLarge);
    assert_int_equal(offset, 64);
    assert_int_equal(count, 8);
    OSObject_release(command);
    OSObject_release(memory);
}

/* DC-12 */
static void dc_12_the_six_functions_agree_but_for_byte_order(void **state)
{
    const IODMACommand_Segment64 segment = {0x12345678, 0x9abc}, wide = {1ull << 32, 1},
                                 longer = {1, 1ull << 32};
    uint8_t bytes[40];
    const uint8_t big32[] = {0x12, 0x34, 0x56, 0x78, 0, 0, 0x9a, 0xbc};
    const uint8_t little32[] = {0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0, 0};
    const uint8_t big64[] = {0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0, 0, 0x9a, 0xbc};

    (void)state;
    assert_true(IODMACommand_OutputBig32(NULL, segment, bytes + 1, 1));
    assert_memory_equal(bytes + 9, big32, 8);
    assert_true(IODMACommand_OutputLittle32(NULL, segment, bytes + 1, 1));
    assert_memory_equal(bytes + 9, little32, 8);
    assert_true(IODMACommand_OutputHost32(NULL, segment, bytes + 1, 1));
    assert_memory_equal(bytes + 9, little32, 8);
    assert_true(IODMACommand_OutputBig64(NULL, segment, bytes + 1, 1));
    assert_memory_equal(bytes + 17, big64, 16);
    assert_true(IODMACommand_OutputHost64(NULL, segment, bytes + 1, 1));
    assert_memory_equal(bytes + 17, &segment, 16);
    assert_true(IODMACommand_OutputLittle64(NULL, wide, bytes + 1, 1));
    assert_memory_equal(bytes + 17, &wide, 16);
    memset(bytes, 0x55, sizeof(bytes));
    assert_false(IODMACommand_OutputHost32(NULL, wide, bytes, 0));
    assert_false(IODMACommand_OutputBig32(NULL, longer, bytes, 0));
    assert_false(IODMACommand_OutputLittle32(NULL, longer, bytes, 0));
    assert_int_equal(bytes[0], 0x55);
}

/* DC-13: what a state does not allow is refused, and the state stays. */
static void dc_13_wrong_states_are_refused(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IOMemoryDescriptor *another = dma_memory(DMA_LOW, 32, 0, 0, kIODirectionOut);
    IODMACommand *command = IODMACommand_withRefCon(NULL);
    UInt64 offset = 0;
    UInt32 count = 1;
    IODMACommand_Segment64 list[1];

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNotReady);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnNotReady);
    assert_null(IODMACommand_getMemoryDescriptor(command));
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnNotReady);
    assert_int_equal(IODMACommand_synchronize(command, kIODirectionOut), kIOReturnNotReady);
    assert_int_equal(IODMACommand_synchronize(command, kIODirectionOutIn), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, list, &count),
                     kIOReturnNotReady);
    OSObject_release(command);

    command = dma_command(&none, kMapped, NULL);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNotReady);
    IODMACommand_setMemoryDescriptor(command, memory, false);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, another, false), kIOReturnBusy);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, NULL, false), kIOReturnBusy);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, false), kIOReturnNotReady);
    assert_int_equal(IODMACommand_prepareWithSpecification(command, kIODMACommandOutputHost64, 0, 0,
                                                           kMapped, 0, 1, NULL, 0, 0, true, true),
                     kIOReturnNotPermitted);
    assert_ptr_equal(IODMACommand_getMemoryDescriptor(command), memory);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, list, &count),
                     kIOReturnSuccess);
    assert_int_equal(IODMACommand_synchronize(command, 0x40), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(another);
    OSObject_release(memory);
}

/* DC-14 */
static void dc_14_nested_prepares_count(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&none, kMapped, memory);
    UInt64 offset, length;

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 8, 16, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 8, 16, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 8, 24, true, true), kIOReturnNotReady);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, &offset, &length),
                     kIOReturnSuccess);
    assert_int_equal(offset, 8);
    assert_int_equal(length, 16);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnNotReady);
    OSObject_release(command);
    OSObject_release(memory);
}

/* DC-15 */
static void dc_15_ranges_are_judged(void **state)
{
    const IODMACommand_SegmentOptions options = {.fStructSize = 40, .fMaxTransferSize = 48};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&options, kMapped, memory);
    UInt64 length;

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 20, 0, true, true), kIOReturnSuccess);
    IODMACommand_getPreparedOffsetAndLength(command, NULL, &length);
    assert_int_equal(length, 44);
    IODMACommand_complete(command, true, true);
    assert_int_equal(IODMACommand_prepare(command, 64, 0, true, true), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_prepare(command, 60, 5, true, true), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_prepare(command, 8, UINT64_MAX - 4, true, true),
                     kIOReturnBadArgument);
    assert_int_equal(IODMACommand_prepare(command, 0, 49, true, true), kIOReturnNoSpace);
    assert_int_equal(IODMACommand_prepare(command, 0, 48, true, true), kIOReturnSuccess);
    IODMACommand_complete(command, true, true);
    OSObject_release(command);
    OSObject_release(memory);
}

/* DC-17, DC-18: autoPrepare prepares again; the last release lets go of everything. */
static void dc_17_the_same_descriptor_again_is_prepared(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 64, 0, 0, kIODirectionOut);
    const IODMACommand_SegmentOptions options = {.fStructSize = 40, .fNumAddressBits = 31};
    IODMACommand *command = dma_command(&options, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 64);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL),
                     kIOReturnNotReady);
    OSObject_release(command);
    OSObject_release(memory);
}

static void dc_18_releasing_an_active_command_leaves_nothing(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 64, 0, 0, kIODirectionIn);
    const IODMACommand_SegmentOptions options = {.fStructSize = 40, .fNumAddressBits = 31};
    IODMACommand *command = dma_command(&options, kMapped, memory);

    (void)state;
    dma_fill(DMA_HIGH, 64, 1);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_true(IODMACommand_getBounceInUse() != 0);
    dma_device_writes(command, 5, 0xee);
    OSObject_release(command);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    assert_int_equal(dma_bytes(DMA_HIGH)[5], 0xee); /* completed, with its copy back */
    OSObject_release(memory);
}

/* The descriptor refuses its own complete while a command is active on it, and only then. */
static void a_descriptor_stays_prepared_under_a_command(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, kIODirectionOut, owner);
    IODMACommand *command = dma_command(&none, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnBusy);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
}

/* Queues of commands: in order, one queue at a time. */
static void commands_queue_in_order(void **state)
{
    struct IOCommandQueue one = {0}, two = {0};
    IODMACommand *a = IODMACommand_withRefCon(NULL), *b = IODMACommand_withRefCon(NULL);

    (void)state;
    assert_true(IOCommandQueue_put(&one, a));
    assert_false(IOCommandQueue_put(&two, a));
    assert_true(IOCommandQueue_put(&one, b));
    assert_true(IOCommandQueue_remove(&one, a));
    assert_false(IOCommandQueue_remove(&one, a));
    assert_true(IOCommandQueue_put(&one, a));
    assert_ptr_equal(IOCommandQueue_take(&one), b);
    assert_true(IOCommand_isQueued(a));
    assert_ptr_equal(IOCommandQueue_take(&one), a);
    assert_null(IOCommandQueue_take(&one));
    OSObject_release(a);
    OSObject_release(b);
}

/* A handler is told that it is one, before anything else is wrong with what it asks for. */
static void preparing_is_for_threads(void **state)
{
    IODMACommand *command = IODMACommand_withRefCon(NULL);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);

    (void)state;
    sim_in_handler = true;
    assert_int_equal(IODMACommand_prepare(command, 65, 0, true, true), kIOReturnCannotLock);
    assert_int_equal(IODMACommand_prepareWithSpecificationOptions(command, NULL, NULL, 0, NULL, 0,
                                                                  0, true, true),
                     kIOReturnCannotLock);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnCannotLock);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnCannotLock);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, false), kIOReturnCannotLock);
    sim_in_handler = false;
    assert_null(IODMACommand_getMemoryDescriptor(command));
    OSObject_release(command);
    OSObject_release(memory);
}

/* One that is not taken holds no mapper, and the former one's is held as it was. */
static void a_refused_respecification_holds_no_mapper(void **state)
{
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    struct test_mapper *former = test_mapper_new(0x100), *next = test_mapper_new(0x100);
    IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &any,
                                                                  kMapped, &former->super, NULL);

    (void)state;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    assert_int_equal(
        IODMACommand_prepareWithSpecificationOptions(command, kIODMACommandOutputHost64, &any,
                                                     kMapped, &next->super, 65, 0, true, true),
        kIOReturnBadArgument);
    assert_int_equal(OSObject_getRetainCount(&former->super), 2);
    assert_int_equal(OSObject_getRetainCount(&next->super), 1);
    assert_int_equal(
        IODMACommand_prepareWithSpecificationOptions(command, kIODMACommandOutputHost64, &any,
                                                     kMapped, &next->super, 0, 0, true, true),
        kIOReturnSuccess);
    assert_int_equal(OSObject_getRetainCount(&former->super), 1);
    assert_int_equal(OSObject_getRetainCount(&next->super), 2);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    /* Nor does a name of the client's own change by itself. */
    IODMACommand_setRefCon(command, memory);
    assert_ptr_equal(IODMACommand_getRefCon(command), memory);
    IODMACommand_setRefCon(NULL, NULL);
    OSObject_release(command);
    OSObject_release(&former->super);
    OSObject_release(&next->super);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(dc_1_specifications_are_judged_as_a_whole),
        MAP_TEST(dc_1_a_refused_respecification_changes_nothing),
        MAP_TEST(dc_2_a_clone_has_the_specification_and_nothing_else),
        MAP_TEST(dc_3_layouts_are_as_documented),
        MAP_TEST(dc_11_errors_are_of_the_first_segment_alone),
        MAP_TEST(dc_12_the_six_functions_agree_but_for_byte_order),
        MAP_TEST(dc_13_wrong_states_are_refused),
        MAP_TEST(dc_14_nested_prepares_count),
        MAP_TEST(dc_15_ranges_are_judged),
        MAP_TEST(dc_17_the_same_descriptor_again_is_prepared),
        MAP_TEST(dc_18_releasing_an_active_command_leaves_nothing),
        MAP_TEST(a_descriptor_stays_prepared_under_a_command),
        MAP_TEST(commands_queue_in_order),
        MAP_TEST(a_refused_respecification_holds_no_mapper),
        MAP_TEST(preparing_is_for_threads),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
