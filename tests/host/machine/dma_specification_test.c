/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA commands: creation that fails, and what the 32-bit list formats can say. */
#include "kernel/inject.h"
#include "tests/host/machine/dma_fixture.h"

#define FOUR_GIB (1ull << 32)

static IOReturn weakly(IODMACommand **command, UInt8 bits)
{
    return IODMACommand_weakWithSpecification(command, kIODMACommandOutputHost64, bits, 0, kMapped,
                                              0, 1, NULL, NULL);
}

/* Whatever it fails for, the caller's pointer does not stay what it was. */
static void a_weak_creation_forgets_nothing(void **state)
{
    IODMACommand *const poison = (IODMACommand *)(uintptr_t)0x10, *command = poison;
    struct inject_report report;

    (void)state;
    assert_int_equal(weakly(NULL, 0), kIOReturnBadArgument);
    assert_int_equal(weakly(&command, 1), kIOReturnError);
    assert_null(command);
    command = poison;
    inject_begin(1);
    assert_int_equal(weakly(&command, 0), kIOReturnUnsupported);
    inject_end(&report);
    assert_true(report.failed);
    assert_null(command);
    assert_int_equal(weakly(&command, 0), kIOReturnSuccess);
    OSObject_release(command);
}

static void list_32(const IODMACommand_SegmentOptions *options, IODMACommand_Segment32 *list,
                    UInt32 expected)
{
    IOMemoryDescriptor *memory = dma_memory(0, FOUR_GIB, 0, 0, kIODirectionOut);
    IODMACommand *command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost32, options, kIterateOnly, NULL, NULL);
    UInt64 offset = 0;
    UInt32 count = 4;

    IODMACommand_setMemoryDescriptor(command, memory, true);
    assert_int_equal(IODMACommand_gen32IOVMSegments(command, &offset, list, &count),
                     kIOReturnSuccess);
    assert_int_equal(offset, FOUR_GIB);
    assert_int_equal(count, expected);
    OSObject_release(command);
    OSObject_release(memory);
}

/* All that 32 bits reach is one run, and longer than an entry can say: it is cut, not truncated. */
static void an_entry_of_32_bits_is_never_too_long(void **state)
{
    const IODMACommand_SegmentOptions any = {.fStructSize = 40},
                                      blocks = {.fStructSize = 40, .fAlignmentLength = 512},
                                      short_ones = {.fStructSize = 40,
                                                    .fMaxSegmentSize = FOUR_GIB / 2};
    IODMACommand_Segment32 list[4];

    (void)state;
    for (UInt8 bits = 11; bits <= 33; bits++) {
        const IODMACommand_SegmentOptions few = {.fStructSize = 40, .fNumAddressBits = bits};
        IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost32,
                                                                      &few, kMapped, NULL, NULL);

        assert_int_equal(command != NULL, bits >= 12 && bits <= 32);
        OSObject_release(command);
    }
    list_32(&any, list, 2);
    assert_int_equal(list[0].fIOVMAddr, 0);
    assert_int_equal(list[0].fLength, UINT32_MAX);
    assert_int_equal(list[1].fIOVMAddr, UINT32_MAX);
    assert_int_equal(list[1].fLength, 1);
    list_32(&short_ones, list, 2);
    assert_int_equal(list[0].fLength, FOUR_GIB / 2);
    list_32(&blocks, list, 2);
    assert_int_equal(list[0].fLength, FOUR_GIB - 512);
    assert_int_equal(list[1].fIOVMAddr, FOUR_GIB - 512);
    assert_int_equal(list[1].fLength, 512);
}

/* One of 64 bits is as long as the run. */
static void an_entry_of_64_bits_says_any_length(void **state)
{
    const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IOMemoryDescriptor *memory = dma_memory(0, 2 * FOUR_GIB, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&any, kIterateOnly, memory);
    IODMACommand_Segment64 list[2];

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(dma_list(command, list, 2), 1);
    assert_int_equal(list[0].fLength, 2 * FOUR_GIB);
    OSObject_release(command);
    OSObject_release(memory);
}

/* Entry 2^29 of 8 bytes, and 2^28 of 16, lie 4 GiB behind the first. */
static void entries_lie_at_their_index_in_64_bits(void **state)
{
    static const struct {
        IODMACommand_SegmentFunction output;
        unsigned size;
    } rows[] = {
        {kIODMACommandOutputHost32, 8},   {kIODMACommandOutputBig32, 8},
        {kIODMACommandOutputLittle32, 8}, {kIODMACommandOutputHost64, 16},
        {kIODMACommandOutputBig64, 16},   {kIODMACommandOutputLittle64, 16},
    };
    uint8_t entry[16];

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(entry, 0, sizeof(entry));
        assert_true(rows[i].output(NULL, (IODMACommand_Segment64){0x01010101, 0x02020202},
                                   (void *)((uintptr_t)entry - FOUR_GIB),
                                   (UInt32)(FOUR_GIB / rows[i].size)));
        assert_int_not_equal(entry[0] | entry[rows[i].size / 2 - 1], 0);
        assert_int_equal(entry[rows[i].size - 1] | entry[rows[i].size / 2], 2);
    }
}

/* What a command was made with is not changed behind an earlier preparation's back. */
static void a_command_is_initialised_once(void **state)
{
    const IODMACommand_SegmentOptions narrow = {.fStructSize = 40, .fNumAddressBits = 31};
    int context;
    IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64,
                                                                  &narrow, kMapped, NULL, &context);

    (void)state;
    assert_false(IODMACommand_initWithSpecification(command, kIODMACommandOutputHost64, 40, 0,
                                                    kMapped, 0, 1, NULL, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_false(IODMACommand_initWithRefCon(command, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_int_equal(IODMACommand_getNumAddressBits(command), 31);
    assert_ptr_equal(IODMACommand_getRefCon(command), &context);
    OSObject_release(command);
}

/* A command without memory, or in a state that has none, ends with nothing held. */
static void a_descriptor_that_was_never_cleared_is_let_go(void **state)
{
    const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&any, kMapped, memory);

    (void)state;
    assert_int_equal(OSObject_getRetainCount(memory), 2);
    OSObject_release(command);
    assert_int_equal(OSObject_getRetainCount(memory), 1);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_weak_creation_forgets_nothing),
        MAP_TEST(an_entry_of_32_bits_is_never_too_long),
        MAP_TEST(an_entry_of_64_bits_says_any_length),
        MAP_TEST(entries_lie_at_their_index_in_64_bits),
        MAP_TEST(a_command_is_initialised_once),
        MAP_TEST(a_descriptor_that_was_never_cleared_is_let_go),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
