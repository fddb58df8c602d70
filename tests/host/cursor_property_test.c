/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random descriptors and random limits: what a cursor produces is compared, entry
 * by entry, with a segmenter that goes byte by byte and knows nothing of runs.
 * Contract file 20: MC-1 to MC-7, MC-11, MC-12, MC-15, MC-17.
 *
 * CASES=n runs so many cases; SEED=n runs the one case of that seed, which is
 * what a failure prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryCursor.h"
#include "descriptors/IOMemoryDescriptor_private.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/holdings.h"
#include "tests/host/platform_host.h"

#define CASES       20000
#define ARENA_PAGES 64
#define BYTES_MAX   40000
#define ENTRIES_MAX 20000

static uint8_t *arena; /* scattered kernel memory, some of its pages neighbours by design */
static struct host_random rng;

static uint64_t below(uint64_t limit)
{
    return host_random_below(&rng, limit);
}

/* Now and then a small number, now and then a large one. */
static uint64_t some_length(uint64_t most)
{
    static const uint64_t scales[] = {4, 40, 600, 5000, 20000};
    const uint64_t scale = scales[below(5)];

    return below(scale < most ? scale + 1 : most + 1);
}

/* The model ---------------------------------------------------------------- */

/* A described byte is its physical address; a descriptor is a list of them. */
struct model {
    uint64_t at[BYTES_MAX + 1];
    uint64_t count;
};

struct pair {
    IOMemoryDescriptor *memory;
    struct model *model;
};

static void model_add(struct model *model, uint64_t address)
{
    model->at[model->count++] = address;
}

struct entries {
    IOPhysicalSegment list[ENTRIES_MAX];
    UInt32 count;
    uint64_t total;
    bool misaligned; /* the first byte is */
};

struct limits {
    uint64_t segment, transfer, alignment; /* transfer and segment: UINT64_MAX: none */
    UInt32 entries;
};

/* The entry that begins at byte i: as many bytes as follow each other and the limits allow. */
static uint64_t longest_entry(const struct model *model, uint64_t i, const struct limits *limits,
                              uint64_t budget)
{
    uint64_t n = 1;

    while (i + n < model->count && n < limits->segment && n < budget &&
           model->at[i + n] == model->at[i] + n) {
        n++;
    }
    return n;
}

static void reference(const struct model *model, uint64_t from, const struct limits *limits,
                      struct entries *out)
{
    uint64_t i = from;

    out->count = 0;
    out->total = 0;
    out->misaligned = false;
    while (i < model->count && out->count < limits->entries && out->total < limits->transfer) {
        const uint64_t budget = limits->transfer - out->total;
        uint64_t n;
        bool goes_on;

        if (model->at[i] % limits->alignment != 0) {
            out->misaligned = out->count == 0;
            return;
        }
        n = longest_entry(model, i, limits, budget);
        goes_on = i + n < model->count && model->at[i + n] == model->at[i] + n;
        if (goes_on) {
            const uint64_t stray = (model->at[i] + n) % limits->alignment;

            if (stray < n) {
                n -= stray;
            } else if (out->count != 0) {
                return; /* the byte limit leaves less than one aligned piece */
            }
        }
        out->list[out->count++] = (IOPhysicalSegment){model->at[i], n};
        out->total += n;
        i += n;
        if (goes_on && n < limits->segment / limits->alignment * limits->alignment) {
            return; /* cut by the byte limit */
        }
    }
}

/* Random descriptors ------------------------------------------------------- */

/* A class of a stranger: knows its bytes one by one and answers in random pieces. */
typedef struct {
    IOMemoryDescriptor super;
    struct model *model;
    uint64_t pieces; /* state of its moods */
} Stranger;

static addr64_t stranger_get_physical_segment(IOMemoryDescriptor *base, IOByteCount offset,
                                              IOByteCount *length, IOOptionBits options)
{
    Stranger *self = (Stranger *)base;
    const struct model *model = self->model;
    uint64_t n = 1, most;

    (void)options;
    self->pieces = self->pieces * 6364136223846793005ull + 1442695040888963407ull;
    most = 1 + (self->pieces >> 33) % ((self->pieces >> 60) < 8 ? 8 : 5000);
    while (n < most && offset + n < model->count &&
           model->at[offset + n] == model->at[offset] + n) {
        n++;
    }
    *length = n;
    return model->at[offset];
}

static IOReturn stranger_prepare(IOMemoryDescriptor *self, IODirection direction)
{
    (void)self, (void)direction;
    return kIOReturnSuccess;
}

static uint32_t strangers;
OS_CLASS(IOMemoryDescriptorClass, Stranger);
const IOMemoryDescriptorClass Stranger_class = {
    .meta = {"Stranger", &IOMemoryDescriptor_metaClass, sizeof(Stranger), &strangers,
             descriptor_free},
    .initWithOptions = descriptor_init_with_options,
    .prepare = stranger_prepare,
    .complete = stranger_prepare,
    .getPhysicalSegment = stranger_get_physical_segment,
    .walk = descriptor_walk,
    .getPreparationID = descriptor_get_preparation_id,
    .readBytes = descriptor_read_bytes,
    .writeBytes = descriptor_write_bytes,
    .performOperation = descriptor_perform_operation,
    .addDMAMapSize = descriptor_add_dma_map_size,
    .dmaCommandOperation = descriptor_dma_command_operation,
    .getCharacteristics = descriptor_get_characteristics,
    .setDMAActive = descriptor_set_dma_active,
};

static IOMemoryDescriptor *make_stranger(struct model *model)
{
    Stranger *self = (Stranger *)OSMetaClass_allocate(&Stranger_class.meta);

    self->model = model;
    self->pieces = host_random(&rng);
    self->super.length = model->count;
    self->super.flags = kIODirectionOutIn;
    return &self->super;
}

#define RANGES_MAX 24

/* Ranges that often touch: the next begins where one ended, at a page's end, or anywhere. */
static UInt32 random_ranges(IOAddressRange *ranges, uint64_t base, uint64_t size, uint64_t budget)
{
    const UInt32 count = 1 + (UInt32)below(RANGES_MAX);
    uint64_t next = below(size);
    UInt32 i;

    for (i = 0; i < count; i++) {
        uint64_t length;

        switch (below(4)) {
        case 0:
            next = below(size);
            break;
        case 1:
            next = trunc_page(below(size));
            break;
        default:
            break; /* go on */
        }
        length = some_length(budget < size - next ? budget : size - next);
        ranges[i] = (IOAddressRange){base + next, length};
        next = (next + length) % size;
        budget -= length;
    }
    return count;
}

static IOMemoryDescriptor *make_virtual(struct model *model, uint64_t budget)
{
    IOAddressRange ranges[RANGES_MAX];
    const UInt32 count = random_ranges(ranges, (uintptr_t)arena, ptoa(ARENA_PAGES), budget);
    UInt32 i;
    uint64_t k;

    for (i = 0; i < count; i++) {
        for (k = 0; k < ranges[i].length; k++) {
            model_add(model, host_physical((void *)(ranges[i].address + k)));
        }
    }
    return IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, kernel_task);
}

static IOMemoryDescriptor *make_physical(struct model *model, uint64_t budget)
{
    IOAddressRange ranges[RANGES_MAX];
    const uint64_t base = below(4) == 0 ? 0 : HOST_RAM_BASE;
    const UInt32 count = random_ranges(ranges, base, ptoa(ARENA_PAGES), budget);
    UInt32 i;
    uint64_t k;

    for (i = 0; i < count; i++) {
        for (k = 0; k < ranges[i].length; k++) {
            model_add(model, ranges[i].address + k);
        }
    }
    return IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, TASK_NULL);
}

static IOMemoryDescriptor *make_buffer(struct model *model, uint64_t budget)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
        kIODirectionOutIn, 1 + some_length(budget - 1), 1ull << below(14));
    const uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    uint64_t k;

    IOBufferMemoryDescriptor_setLength(buffer,
                                       below(IOBufferMemoryDescriptor_getCapacity(buffer) + 1));
    for (k = 0; k < IOMemoryDescriptor_getLength(buffer); k++) {
        model_add(model, host_physical(bytes + k));
    }
    return IOMemoryDescriptor_upcast(buffer);
}

static struct pair make_any(unsigned depth, uint64_t budget);

static void drop(struct pair pair)
{
    OSObject_release(pair.memory);
    free(pair.model);
}

static IOMemoryDescriptor *make_multi(struct model *model, unsigned depth, uint64_t budget)
{
    const UInt32 count = 1 + (UInt32)below(6);
    IOMemoryDescriptor *children[6];
    struct pair child = {0};
    IOMultiMemoryDescriptor *multi;
    UInt32 i;
    uint64_t k;

    for (i = 0; i < count; i++) {
        child = make_any(depth - 1, budget / count);
        children[i] = child.memory;
        for (k = 0; k < child.model->count; k++) {
            model_add(model, child.model->at[k]);
        }
        free(child.model);
    }
    multi = IOMultiMemoryDescriptor_withDescriptors(children, count, kIODirectionOutIn, false);
    for (i = 0; i < count; i++) {
        OSObject_release(children[i]);
    }
    return IOMemoryDescriptor_upcast(multi);
}

static IOMemoryDescriptor *make_sub(struct model *model, unsigned depth, uint64_t budget)
{
    const struct pair parent = make_any(depth - 1, budget);
    const uint64_t start = below(parent.model->count + 1);
    const uint64_t length = below(parent.model->count - start + 1);
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(parent.memory, start, length, kIODirectionOutIn);
    uint64_t k;

    for (k = 0; k < length; k++) {
        model_add(model, parent.model->at[start + k]);
    }
    drop(parent);
    return IOMemoryDescriptor_upcast(sub);
}

static struct pair make_any(unsigned depth, uint64_t budget)
{
    struct pair pair = {NULL, malloc(sizeof(struct model))};

    pair.model->count = 0;
    switch (below(depth == 0 ? 5 : 9)) {
    case 0:
    case 1:
        pair.memory = make_virtual(pair.model, budget);
        break;
    case 2:
    case 3:
        pair.memory = make_physical(pair.model, budget);
        break;
    case 4:
        pair.memory = make_buffer(pair.model, budget);
        break;
    case 5:
    case 6:
        pair.memory = make_sub(pair.model, depth, budget);
        break;
    default:
        pair.memory = make_multi(pair.model, depth, budget);
        break;
    }
    assert_non_null(pair.memory);
    assert_int_equal(IOMemoryDescriptor_getLength(pair.memory), pair.model->count);
    return pair;
}

/* The comparison ----------------------------------------------------------- */

/* A list that checks how it is filled. */
struct recorder {
    struct entries entries;
    UInt32 room;
};

static void record(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    struct recorder *recorder = segments;

    assert_int_equal(index, recorder->entries.count); /* MC-15 */
    assert_true(index < recorder->room);
    assert_true(segment.length != 0); /* MC-2 */
    recorder->entries.list[recorder->entries.count++] = segment;
    recorder->entries.total += segment.length;
}

static struct recorder recorder;
static struct entries expected;

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
    assert_int_equal(count, recorder.entries.count);
    assert_int_equal(size, recorder.entries.total);
}

static void compare(void)
{
    assert_int_equal(recorder.entries.count, expected.count);
    assert_int_equal(recorder.entries.total, expected.total);
    assert_memory_equal(recorder.entries.list, expected.list,
                        expected.count * sizeof(*expected.list));
}

static struct limits random_limits(void)
{
    struct limits limits = {UINT64_MAX, UINT64_MAX, 1, ENTRIES_MAX};

    if (below(2) == 0) {
        limits.segment = 1 + some_length(20000);
    }
    if (below(3) == 0) {
        limits.alignment = 1ull << below(13);
        if (limits.alignment > limits.segment) {
            limits.segment = limits.alignment + below(5000);
        }
    }
    if (below(3) == 0) {
        limits.transfer = 1 + some_length(BYTES_MAX);
    }
    if (below(3) == 0) {
        limits.entries = 1 + (UInt32)below(20);
    }
    if (limits.segment < 4 && limits.entries == ENTRIES_MAX) {
        limits.entries = 4000;
    }
    return limits;
}

/* The bytes at the segments are those that readBytes gives; all of it is RAM. */
static void check_bytes(IOMemoryDescriptor *memory, const struct model *model, uint64_t from)
{
    uint8_t *bytes;
    uint64_t at = 0, k;
    UInt32 i;

    for (k = 0; k < model->count; k++) {
        if (host_ram(model->at[k]) == NULL) {
            return;
        }
    }
    bytes = malloc(expected.total + 1);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, from, bytes, expected.total),
                     expected.total);
    for (i = 0; i < expected.count; i++) {
        for (k = 0; k < expected.list[i].length; k++) {
            assert_int_equal(bytes[at++], *host_ram(expected.list[i].location + k));
        }
    }
    free(bytes);
}

/* Walked by getPhysicalSegment, with a merge of its own, it is the same memory: S1 to S3. */
static void check_segments(IOMemoryDescriptor *memory, const struct model *model)
{
    IOByteCount offset = 0, length;

    while (offset < model->count) {
        const addr64_t address = IOMemoryDescriptor_getPhysicalSegment(memory, offset, &length, 0);

        assert_true(length > 0 && length <= model->count - offset);
        assert_int_equal(address, model->at[offset]);
        assert_int_equal(address + length - 1, model->at[offset + length - 1]);
        offset += length;
    }
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, offset, &length, 0), 0);
    assert_int_equal(length, 0);
}

/* MC-5: calls that go on where the last one stopped make the list of one call. */
static void check_resuming(IOMemoryCursor *cursor, IOMemoryDescriptor *memory,
                           const struct model *model, const struct limits *limits, uint64_t from)
{
    struct limits rest = *limits;
    const UInt32 step = 1 + (UInt32)below(4);
    UInt32 done = 0;

    rest.transfer = UINT64_MAX;
    rest.entries = 60;
    reference(model, from, &rest, &expected);
    while (done < expected.count) {
        const UInt32 want = step < expected.count - done ? step : expected.count - done;

        generate(cursor, memory, from, want, UINT32_MAX);
        assert_int_equal(recorder.entries.count, want);
        assert_memory_equal(recorder.entries.list, &expected.list[done],
                            want * sizeof(*expected.list));
        done += want;
        from += recorder.entries.total;
    }
}

/* A byte limit given with the call takes the place of the cursor's, whatever that is. */
static void check_case(struct pair pair)
{
    const struct limits limits = random_limits();
    const bool byArgument = limits.transfer != UINT64_MAX && below(2) == 0;
    const uint64_t own = byArgument ? below(100) : limits.transfer;
    const UInt32 transfer = byArgument ? (UInt32)limits.transfer : 0;
    const uint64_t from = below(3) == 0 ? below(pair.model->count + 1) : 0;
    IOMemoryCursor *cursor =
        IOMemoryCursor_withSpecification(record, limits.segment == UINT64_MAX ? 0 : limits.segment,
                                         own == UINT64_MAX ? 0 : own, limits.alignment);

    assert_non_null(cursor);
    reference(pair.model, from, &limits, &expected);
    generate(cursor, pair.memory, from, limits.entries, transfer);
    compare();
    if (recorder.entries.count == 0) {
        assert_int_equal(IOMemoryLastError(),
                         from >= pair.model->count ? kIOReturnOverrun : kIOReturnNotAligned);
    } else {
        check_bytes(pair.memory, pair.model, from);
        check_resuming(cursor, pair.memory, pair.model, &limits, from);
    }
    OSObject_release(cursor);
}

static void run_case(uint64_t seed)
{
    struct pair pair, stranger;
    unsigned i;

    rng.state = seed;
    pair = make_any((unsigned)below(4), BYTES_MAX);
    assert_int_equal(IOMemoryDescriptor_prepare(pair.memory, kIODirectionNone), kIOReturnSuccess);
    check_segments(pair.memory, pair.model);
    for (i = 0; i < 3; i++) {
        check_case(pair);
    }
    stranger = (struct pair){make_stranger(pair.model), pair.model}; /* MC-17 */
    check_case(stranger);
    OSObject_release(stranger.memory);
    assert_int_equal(IOMemoryDescriptor_complete(pair.memory, kIODirectionNone), kIOReturnSuccess);
    drop(pair);
}

/* Scattered pages, but about half of them followed by their physical neighbour. */
static void make_arena(void)
{
    uint64_t numbers[ARENA_PAGES];
    uint64_t i = 0, k;

    while (i < ARENA_PAGES) {
        uint64_t n = 1 + below(4);

        n = n < ARENA_PAGES - i ? n : ARENA_PAGES - i;
        host_take_pages(&numbers[i], n, true);
        i += n;
    }
    arena = host_map_pages(numbers, ARENA_PAGES);
    for (k = 0; k < ptoa(ARENA_PAGES); k++) {
        arena[k] = (uint8_t)host_random(&rng);
    }
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t current_seed;

static void print_seed(void)
{
    if (current_seed != 0) {
        fprintf(stderr, "# replay with SEED=%llu\n", (unsigned long long)current_seed);
    }
}

static void cursors_agree_with_the_reference(void **state)
{
    const uint64_t only = setting("SEED", 0);
    const uint64_t cases = setting("CASES", CASES);
    uint64_t i;

    (void)state;
    rng.state = 4711;
    make_arena();
    if (only != 0) {
        run_case(only);
    }
    for (i = 1; only == 0 && i <= cases; i++) {
        current_seed = i;
        run_case(i);
    }
    current_seed = 0;
    host_unscatter(arena);
}

static int say_seed(void **state)
{
    print_seed();
    return current_seed != 0 ? 0 : holdings_check(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cursors_agree_with_the_reference, holdings_take, say_seed),
    };

    atexit(print_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
