/* SPDX-License-Identifier: BSD-2-Clause */
/* What descriptors say of themselves for DMA: of any part of them, however it is put together. */
#include "descriptors/IODMAProtocol.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/machine/map_composite.h"

/* Facts of a part of a descriptor count what lies in the part. */
static void facts_of_a_part_leave_out_what_lies_before_it(void **state)
{
    IOAddressRange ranges[] = {{DEVICE, PAGE_SIZE}, {DEVICE + 4 * PAGE_SIZE, 2 * PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, TASK_NULL);
    IOMemoryDescriptor *second = window(memory, PAGE_SIZE, PAGE_SIZE);
    IOMemoryDescriptor *first = window(memory, 0, PAGE_SIZE);
    IOMDDMACharacteristics facts;

    (void)state;
    assert_int_equal(operate(second, kIOMDGetCharacteristics, &facts, sizeof(facts)),
                     kIOReturnSuccess);
    assert_int_equal(facts.fSGCount, 1);
    assert_int_equal(facts.fPages, 1);
    assert_int_equal(operate(first, kIOMDGetCharacteristics, &facts, sizeof(facts)),
                     kIOReturnSuccess);
    assert_int_equal(facts.fSGCount, 1);
    OSObject_release(first);
    OSObject_release(second);
    OSObject_release(memory);
}

/*
 * What is said of bytes [offset, + length) of ranges, counted range by range and byte by byte. Runs
 * that continue each other are one, but not across parts.
 */
static IOMDDMACharacteristics facts_by_bytes(const IOAddressRange *ranges, unsigned count,
                                             uint64_t offset, uint64_t length, bool parts)
{
    IOMDDMACharacteristics facts = {.fLength = length, .fDirection = kIODirectionOutIn};
    uint64_t at = 0, first = 0, last = 0;
    bool is_one = true;

    facts.fIsPrepared = true;
    for (unsigned i = 0; i < count; i++) {
        uint64_t page = UINT64_MAX;

        for (uint64_t k = 0; k < ranges[i].length; k++, at++) {
            const uint64_t here = ranges[i].address + k;

            if (at < offset || at >= offset + length) {
                continue;
            }
            facts.fSGCount += page == UINT64_MAX;
            facts.fPages += atop(here) != page;
            page = atop(here);
            is_one = is_one && (at == offset || here == last + 1) && (!parts || facts.fSGCount < 2);
            first = at == offset ? here : first;
            last = here;
            if (page > facts.fHighestPage) {
                facts.fHighestPage = (ppnum_t)page;
            }
        }
    }
    if (is_one) {
        facts.fPageAlign = (UInt32)((first & PAGE_MASK) | ~PAGE_MASK);
    }
    return facts;
}

/* The second range has the highest page, the third continues the second in memory. */
static const IOAddressRange four_ranges[] = {{SIM_RAM_BASE + 8, 100},
                                             {SIM_RAM_BASE + 4 * PAGE_SIZE + 4000, 5000},
                                             {SIM_RAM_BASE + 4 * PAGE_SIZE + 9000, 300},
                                             {SIM_RAM_BASE + 2 * PAGE_SIZE + 50, PAGE_SIZE}};

/* A window between any two of these, which is prepared or not. */
static void expect_facts_of_windows(IOMemoryDescriptor *memory, bool prepared, bool parts)
{
    static const uint64_t borders[] = {0,    1,    99,   100,  101,  195,  196,  197,  4292,
                                       5099, 5100, 5101, 5399, 5400, 5401, 9446, 9495, 9496};
    const unsigned count = sizeof(borders) / sizeof(borders[0]);

    assert_int_equal(IOMemoryDescriptor_getLength(memory), borders[count - 1]);
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = i + 1; k < count; k++) {
            IOMemoryDescriptor *part = window(memory, borders[i], borders[k] - borders[i]);
            IOMDDMACharacteristics facts,
                wanted = facts_by_bytes(four_ranges, 4, borders[i], borders[k] - borders[i], parts);

            if (!prepared) {
                wanted.fHighestPage = 0;
                wanted.fPageAlign = 0;
            }
            assert_int_equal(operate(part, kIOMDGetCharacteristics, &facts, sizeof(facts)),
                             kIOReturnSuccess);
            assert_int_equal(facts.fLength, wanted.fLength);
            assert_int_equal(facts.fSGCount, wanted.fSGCount);
            assert_int_equal(facts.fPages, wanted.fPages);
            assert_int_equal(facts.fHighestPage, wanted.fHighestPage);
            assert_int_equal(facts.fPageAlign, wanted.fPageAlign);
            assert_int_equal(facts.fIsPrepared, prepared);
            OSObject_release(part);
        }
    }
}

static void facts_of_any_part_are_those_of_its_bytes(void **state)
{
    IOAddressRange ranges[4];
    IOMemoryDescriptor *memory;

    (void)state;
    memcpy(ranges, four_ranges, sizeof(ranges));
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 4, kIODirectionOutIn, TASK_NULL);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    expect_facts_of_windows(memory, true, false);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

/* The same bytes as windows on several descriptors, each of which begins before its window. */
static void facts_of_joined_parts_are_those_of_their_bytes(void **state)
{
    IOMemoryDescriptor *parts[5], *joined, *absent;
    uint64_t offset = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        IOMemoryDescriptor *around = describe(four_ranges[i].address - i, four_ranges[i].length + 9,
                                              kIODirectionOutIn, TASK_NULL);

        parts[i] = window(around, i, four_ranges[i].length);
        OSObject_release(around);
    }
    joined = join(parts, 4);
    expect_facts_of_windows(joined, true, true);
    /* Each byte is where its part has it, up to the end of the part. */
    for (unsigned i = 0; i < 4; i++) {
        for (uint64_t k = 0; k < four_ranges[i].length; k += k % 97 == 0 ? 1 : 96) {
            IOByteCount length;

            assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(joined, offset + k, &length, 0),
                             four_ranges[i].address + k);
            assert_int_equal(length, four_ranges[i].length - k);
        }
        offset += four_ranges[i].length;
    }
    OSObject_release(joined);
    /* Where some are of a task and not prepared, nothing is known of where all are. */
    absent = describe(new_pages(owner, 1, RW) + 50, PAGE_SIZE - 50, kIODirectionOutIn, owner);
    parts[4] = window(absent, 0, PAGE_SIZE - 50);
    OSObject_release(absent);
    joined = join(parts, 5);
    absent = window(joined, 0, 9496);
    expect_facts_of_windows(absent, false, true);
    OSObject_release(absent);
    OSObject_release(joined);
    for (unsigned i = 0; i < 5; i++) {
        OSObject_release(parts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(facts_of_a_part_leave_out_what_lies_before_it),
        MAP_TEST(facts_of_any_part_are_those_of_its_bytes),
        MAP_TEST(facts_of_joined_parts_are_those_of_their_bytes),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
