/* SPDX-License-Identifier: BSD-2-Clause */
/* A cursor's list against the segmenter's, over random memory and limits. */
#include "tests/lib/portable/cursor_cases.h"

#include <stdlib.h>
#include <string.h>

#include "descriptors/IOMemoryCursor.h"
#include "tests/lib/portable/segmenter.h"

static const char *failure; /* the first of the case */

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failure = failure != NULL ? failure : #condition;                                      \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* A list that checks how it is filled. */
struct recorder {
    struct segmenter_list entries;
    UInt32 room;
};

static void record(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    struct recorder *recorder = segments;

    REQUIRE(index == recorder->entries.count); /* MC-15 */
    REQUIRE(index < recorder->room);
    REQUIRE(segment.length != 0); /* MC-2 */
    recorder->entries.entry[recorder->entries.count++] = segment;
    recorder->entries.total += segment.length;
}

static bool record_one(void *segments, uint64_t address, uint64_t length, UInt32 index)
{
    record((IOPhysicalSegment){address, length}, segments, index);
    return true;
}

static UInt32 record_row(struct IOMemoryRow *row, void *segments)
{
    return IOMemoryRow_each(row, record_one, segments);
}

static struct recorder recorder;
static struct segmenter_list expected;

static void generate(IOMemoryCursor *cursor, IOMemoryDescriptor *memory, uint64_t from,
                     UInt32 entries, UInt32 transfer)
{
    IOByteCount size = 0xdead;
    UInt32 count;

    recorder.entries.count = 0;
    recorder.entries.total = 0;
    recorder.room = entries;
    count = IOMemoryCursor_genPhysicalSegments(cursor, memory, from, &recorder, entries, transfer,
                                               &size);
    REQUIRE(count == recorder.entries.count);
    REQUIRE(size == recorder.entries.total);
}

static void compare(void)
{
    REQUIRE(recorder.entries.count == expected.count);
    REQUIRE(recorder.entries.total == expected.total);
    REQUIRE(memcmp(recorder.entries.entry, expected.entry,
                   expected.count * sizeof(*expected.entry)) == 0);
}

static struct segmenter_limits random_limits(void)
{
    struct segmenter_limits limits = {UINT64_MAX, UINT64_MAX, 1, SEGMENTER_ENTRIES_MAX};

    if (random_below(2) == 0) {
        limits.segment = 1 + random_length(20000);
    }
    if (random_below(3) == 0) {
        limits.alignment = 1ull << random_below(13);
        if (limits.alignment > limits.segment) {
            limits.segment = limits.alignment + random_below(5000);
        }
    }
    if (random_below(3) == 0) {
        limits.transfer = 1 + random_length(RANDOM_MEMORY_MAX);
    }
    if (random_below(3) == 0) {
        limits.entries = 1 + (UInt32)random_below(20);
    }
    if (limits.segment < 4 && limits.entries == SEGMENTER_ENTRIES_MAX) {
        limits.entries = 4000;
    }
    return limits;
}

/* The bytes at the segments are those that readBytes gives; all of it is RAM. */
static void check_bytes(IOMemoryDescriptor *memory, const struct described_bytes *bytes,
                        uint64_t from)
{
    uint8_t *copy;
    uint64_t at = 0, k;

    for (k = 0; k < bytes->count; k++) {
        if (random_world->ram(bytes->at[k]) == NULL) {
            return;
        }
    }
    copy = malloc(expected.total + 1);
    REQUIRE(IOMemoryDescriptor_readBytes(memory, from, copy, expected.total) == expected.total);
    for (UInt32 i = 0; i < expected.count; i++) {
        for (k = 0; k < expected.entry[i].length; k++) {
            REQUIRE(copy[at++] == *random_world->ram(expected.entry[i].location + k));
        }
    }
    free(copy);
}

/* Walked by getPhysicalSegment, with a merge of its own, it is the same memory: S1 to S3. */
static void check_segments(IOMemoryDescriptor *memory, const struct described_bytes *bytes)
{
    IOByteCount offset = 0, length;

    while (offset < bytes->count) {
        const addr64_t address = IOMemoryDescriptor_getPhysicalSegment(memory, offset, &length, 0);

        REQUIRE(length > 0 && length <= bytes->count - offset);
        REQUIRE(address == bytes->at[offset]);
        REQUIRE(address + length - 1 == bytes->at[offset + length - 1]);
        offset += length;
    }
    REQUIRE(IOMemoryDescriptor_getPhysicalSegment(memory, offset, &length, 0) == 0);
    REQUIRE(length == 0);
}

/* MC-5: calls that go on where the last one stopped make the list of one call. */
static void check_resuming(IOMemoryCursor *cursor, IOMemoryDescriptor *memory,
                           const struct described_bytes *bytes,
                           const struct segmenter_limits *limits, uint64_t from)
{
    struct segmenter_limits rest = *limits;
    const UInt32 step = 1 + (UInt32)random_below(4);
    UInt32 done = 0;

    rest.transfer = UINT64_MAX;
    rest.entries = 60;
    segmenter_run(bytes, from, &rest, &expected);
    while (done < expected.count) {
        const UInt32 want = step < expected.count - done ? step : expected.count - done;

        generate(cursor, memory, from, want, UINT32_MAX);
        REQUIRE(recorder.entries.count == want);
        REQUIRE(memcmp(recorder.entries.entry, &expected.entry[done],
                       want * sizeof(*expected.entry)) == 0);
        done += want;
        from += recorder.entries.total;
    }
}

/* A byte limit given with the call takes the place of the cursor's, whatever that is. */
static void check_case(struct random_memory pair)
{
    const struct segmenter_limits limits = random_limits();
    const bool byArgument = limits.transfer != UINT64_MAX && random_below(2) == 0;
    const uint64_t own = byArgument ? random_below(100) : limits.transfer;
    const UInt32 transfer = byArgument ? (UInt32)limits.transfer : 0;
    const uint64_t from = random_below(3) == 0 ? random_below(pair.bytes->count + 1) : 0;
    const uint64_t longest = limits.segment == UINT64_MAX ? 0 : limits.segment;
    const uint64_t most = own == UINT64_MAX ? 0 : own;
    /* Whatever goes by rows is the same list. */
    IOMemoryCursor *cursor =
        random_below(2) == 0
            ? IOMemoryCursor_withSpecification(record, longest, most, limits.alignment)
            : IOMemoryCursor_withRowFunction(record, record_row, longest, most, limits.alignment);

    REQUIRE(cursor != NULL);
    segmenter_run(pair.bytes, from, &limits, &expected);
    generate(cursor, pair.memory, from, limits.entries, transfer);
    compare();
    if (recorder.entries.count == 0) {
        REQUIRE(IOMemoryLastError() ==
                (from >= pair.bytes->count ? kIOReturnOverrun : kIOReturnNotAligned));
    } else {
        check_bytes(pair.memory, pair.bytes, from);
        check_resuming(cursor, pair.memory, pair.bytes, &limits, from);
    }
    OSObject_release(cursor);
}

static void run_case(uint64_t seed)
{
    struct random_memory pair, stranger;

    random_seed(seed);
    pair = random_memory_make((unsigned)random_below(4), RANDOM_MEMORY_MAX);
    REQUIRE(IOMemoryDescriptor_prepare(pair.memory, kIODirectionNone) == kIOReturnSuccess);
    REQUIRE(IOMemoryDescriptor_getLength(pair.memory) == pair.bytes->count);
    check_segments(pair.memory, pair.bytes);
    for (unsigned i = 0; i < 3; i++) {
        check_case(pair);
    }
    stranger = (struct random_memory){random_memory_stranger(pair.bytes), pair.bytes}; /* MC-17 */
    check_case(stranger);
    OSObject_release(stranger.memory);
    REQUIRE(IOMemoryDescriptor_complete(pair.memory, kIODirectionNone) == kIOReturnSuccess);
    random_memory_drop(&pair);
}

const char *cursor_case(uint64_t seed)
{
    failure = NULL;
    run_case(seed);
    return failure;
}
