/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * Does a device eat what comes out of each output function of IODMACommand and of each cursor?
 * A copy whose source and target are lists that these have written, in all nine formats.
 */
#include <string.h>

#include "descriptors/IOBigMemoryCursor.h"
#include "descriptors/IODMACommand.h"
#include "descriptors/IOLittleMemoryCursor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"
#include "tests/target/disk.h"

#define BYTES       100001u
#define FROM_PIECES 61u
#define TO_PIECES   47u
#define ENTRIES     256u

/* Two lists in the arena. */
#define SOURCE_LIST RAW_LIST
#define TARGET_LIST 0xa000u

VDMA_MONITOR(64);

static struct scatter from, to;

/* What it writes, and the number that the data sheet has for it. */
struct writer {
    unsigned format;
    IODMACommand_SegmentFunction function; /* NULL: a cursor */
    unsigned width;                        /* bytes of a word */
    bool big;
};

static const struct writer writers[] = {
    {1, kIODMACommandOutputHost32, 4, false},
    {2, kIODMACommandOutputBig32, 4, true},
    {3, kIODMACommandOutputLittle32, 4, false},
    {4, kIODMACommandOutputHost64, 8, false},
    {5, kIODMACommandOutputBig64, 8, true},
    {6, kIODMACommandOutputLittle64, 8, false},
    {7, NULL, 8, false},
    {8, NULL, 8, true},
    {9, NULL, 8, false},
};

#define WRITERS (sizeof(writers) / sizeof(writers[0]))

static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i * 29 + i / 253 + 5);
}

static UInt32 by_command(const struct writer *writer, IOMemoryDescriptor *memory, void *list)
{
    IODMACommand *command = IODMACommand_withSpecification(
        writer->function, writer->width == 4 ? 32 : 64, 0, kMapped, 0, 1, NULL, NULL);
    UInt64 offset = 0;
    UInt32 count = ENTRIES;

    ASSERT_TRUE(command != NULL);
    EXPECT_EQ(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_genIOVMSegments(command, &offset, list, &count), kIOReturnSuccess);
    EXPECT_EQ(offset, BYTES);
    /* Nothing is bounced or mapped: the addresses stay right without the command. */
    EXPECT_EQ(IODMACommand_getBounceLength(command), 0);
    EXPECT_EQ(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
    return count;
}

static UInt32 by_cursor(const struct writer *writer, IOMemoryDescriptor *memory, void *list)
{
    IOMemoryCursor *cursor =
        writer->format == 7   ? (IOMemoryCursor *)IONaturalMemoryCursor_withSpecification(0, 0, 1)
        : writer->format == 8 ? (IOMemoryCursor *)IOBigMemoryCursor_withSpecification(0, 0, 1)
                              : (IOMemoryCursor *)IOLittleMemoryCursor_withSpecification(0, 0, 1);
    IOByteCount bytes = 0;
    UInt32 count;

    ASSERT_TRUE(cursor != NULL);
    count = IOMemoryCursor_genPhysicalSegments(cursor, memory, 0, list, ENTRIES, 0, &bytes);
    EXPECT_EQ(bytes, BYTES);
    OSObject_release(cursor);
    return count;
}

static UInt32 write_list(const struct writer *writer, IOMemoryDescriptor *memory, uint32_t at)
{
    memset(raw_at(at), 0xee, 16 * ENTRIES);
    return writer->function != NULL ? by_command(writer, memory, raw_at(at))
                                    : by_cursor(writer, memory, raw_at(at));
}

/* One word of a list, as the format has it. */
static uint64_t word(const struct writer *writer, uint32_t at)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < writer->width; i++) {
        const uint64_t byte = raw_at(at)[i];

        value |= byte << 8 * (writer->big ? writer->width - 1 - i : i);
    }
    return value;
}

/* The device's log has each entry as it is in memory. */
static unsigned compare_log(const struct writer *writer, unsigned records, unsigned where,
                            uint32_t at, UInt32 entries)
{
    unsigned found = 0;

    for (unsigned i = 0; i < records; i++) {
        const struct raw_record *record = raw_log_record(i);
        const uint32_t entry = at + 2 * writer->width * found;

        if (record->event == 2 && record->value == where) {
            EXPECT_EQ(record->segment, found);
            EXPECT_EQ(record->address, word(writer, entry));
            EXPECT_EQ(record->length, word(writer, entry + writer->width));
            EXPECT_EQ(record->code, where == 1 ? 1 : 2);
            found++;
        }
    }
    EXPECT_EQ(found, entries);
    return found;
}

static void copy(const struct writer *source, const struct writer *target)
{
    struct raw_request request = {
        .type = RAW_COPY,
        .flags = 3,
        .source = {.at = {RAW_ARENA, SOURCE_LIST}, .format = (uint16_t)source->format},
        .target = {.at = {RAW_ARENA, TARGET_LIST}, .format = (uint16_t)target->format}};
    struct raw_answer answer;
    unsigned records;
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < BYTES; i++) {
        *scatter_at(&to, i) = 0;
    }
    request.source.entries = write_list(source, from.memory, SOURCE_LIST);
    request.target.entries = write_list(target, to.memory, TARGET_LIST);
    EXPECT_GE(request.source.entries, FROM_PIECES / 2);
    EXPECT_GE(request.target.entries, TO_PIECES / 2);
    raw_log_read();
    raw_lay(&request);
    raw_publish(request.head);
    raw_ring();
    EXPECT_TRUE(raw_wait()); /* one that is watched keeps what it has for a while */
    answer = raw_answer_of(&request);
    EXPECT_TRUE(answer.came);
    EXPECT_EQ(answer.code, 0);
    EXPECT_EQ(answer.rule, 0);
    EXPECT_EQ(answer.moved, BYTES);
    EXPECT_EQ(answer.length, 32); /* a list is not of the chain */
    records = raw_log_read();
    compare_log(source, records, 1, SOURCE_LIST, request.source.entries);
    compare_log(target, records, 2, TARGET_LIST, request.target.entries);
    for (uint64_t i = 0; i < BYTES; i++) {
        wrong += *scatter_at(&to, i) != pattern(i);
    }
    EXPECT_EQ(wrong, 0);
}

TEST(every_format_is_eaten_on_both_sides)
{
    if (!raw_begin()) {
        return; /* entered at EL1 there is none */
    }
    from = disk_memory(FROM_PIECES, BYTES, kIODirectionOut);
    to = disk_memory(TO_PIECES, BYTES, kIODirectionIn);
    for (uint64_t i = 0; i < BYTES; i++) {
        *scatter_at(&from, i) = pattern(i);
    }
    raw_start(RAW_VERSION_1);
    for (unsigned i = 0; i < WRITERS; i++) {
        TEST_NOTE("formats %u and %u", writers[i].format, writers[(i + 4) % WRITERS].format);
        copy(&writers[i], &writers[(i + 4) % WRITERS]);
    }
    raw_end();
    disk_memory_drop(&to);
    disk_memory_drop(&from);
}

/* A list that is read in another order than it was written names nothing that is memory. */
TEST(a_format_is_not_another)
{
    static const unsigned pairs[][2] = {{1, 2}, {2, 3}, {4, 5}, {5, 6}, {7, 8}, {8, 9}};
    struct raw_request sum = {.type = RAW_CHECKSUM, .flags = 1};

    if (!raw_begin()) {
        return;
    }
    from = disk_memory(FROM_PIECES, BYTES, kIODirectionOut);
    raw_start(RAW_VERSION_1);
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct raw_answer answer;

        sum.source.at = (struct raw_place){RAW_ARENA, SOURCE_LIST};
        sum.source.entries = write_list(&writers[pairs[i][0] - 1], from.memory, SOURCE_LIST);
        sum.source.format = (uint16_t)pairs[i][1];
        answer = raw_run(&sum);
        EXPECT_EQ(answer.code, 3);
        EXPECT_EQ(answer.where, 1);
        EXPECT_TRUE(answer.rule == 46 || answer.rule == 48);
    }
    raw_end();
    disk_memory_drop(&from);
}
