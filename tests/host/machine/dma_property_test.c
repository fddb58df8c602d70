/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA commands over random physical layouts and random limits, against a judge that shares
 * no code with them: it knows what a legal list is, reads the memory at the addresses it
 * is given, and finds the smallest number of segments by trying every cut. Some of the
 * commands are behind a mapper, and some are strict.
 *
 * SEED=n runs one case; CASES=n so many of them.
 */
#include "tests/host/machine/dma_fixture.h"
#include "tests/lib/portable/test_mapper.h"

#define LIMIT    0x80000000ull /* what 31 bits reach; RAM lies on both sides */
#define AREA     (64 * PAGE_SIZE)
#define RANGES   6
#define LIST_MAX (1 << 17)
#define SMALL    96 /* bytes, up to which every cut is tried */

static uint64_t seed;
static uint64_t unfinished;        /* the case that runs; 0: none */
static struct test_mapper *mapper; /* of this case; NULL: addresses are physical */
static bool strict;

static uint64_t pick(uint64_t below)
{
    return sim_random(&seed) % below;
}

static uint64_t power(unsigned most)
{
    return pick(2) == 0 ? 1 : (uint64_t)1 << pick(most + 1);
}

struct rules {
    uint64_t highest, longest, first, length, start, end, boundary; /* alignments in bytes */
};

static bool legal(const struct rules *r, uint64_t at, uint64_t length, bool first, bool last)
{
    return length != 0 && length <= r->longest && at % (first ? r->first : r->start) == 0 &&
           length % r->length == 0 && (last || (at + length) % r->end == 0) &&
           at + length - 1 <= r->highest &&
           (r->boundary == 0 || at / r->boundary == (at + length - 1) / r->boundary);
}

/* The fewest legal segments for these bytes, each of which lies at address[i]; 0: none is. */
static unsigned fewest(const struct rules *r, const uint64_t *address, unsigned count)
{
    unsigned best[SMALL + 1];

    for (unsigned i = 0; i <= count; i++) {
        best[i] = 0;
    }
    for (unsigned from = 0; from < count; from++) {
        if (from != 0 && best[from] == 0) {
            continue;
        }
        for (unsigned to = from + 1; to <= count; to++) {
            if (to > from + 1 && address[to - 1] != address[to - 2] + 1) {
                break;
            }
            if (legal(r, address[from], to - from, from == 0, to == count) &&
                (best[to] == 0 || best[from] + 1 < best[to])) {
                best[to] = best[from] + 1;
            }
        }
    }
    return best[count];
}

static struct rules random_rules(IODMACommand_SegmentOptions *options)
{
    struct rules r;
    uint64_t unit;

    r.first = power(6);
    r.length = power(5);
    r.start = power(6);
    r.end = power(6);
    unit = r.first > r.length ? r.first : r.length;
    unit = unit > r.start ? unit : r.start;
    unit = unit > r.end ? unit : r.end;
    r.longest = pick(3) == 0 ? UINT64_MAX : unit + pick(pick(2) == 0 ? 64 : 9000);
    r.boundary = pick(3) != 0 ? 0 : (unit < 8 ? 8 : unit) << pick(12);
    r.highest = pick(2) == 0 ? UINT64_MAX : LIMIT - 1;
    *options = (IODMACommand_SegmentOptions){
        .fStructSize = sizeof(*options),
        .fNumAddressBits = r.highest == UINT64_MAX ? 0 : 31,
        .fMaxSegmentSize = r.longest == UINT64_MAX ? 0 : r.longest,
        .fAlignment = (uint32_t)r.first,
        .fAlignmentLength = (uint32_t)r.length,
        .fAlignmentInternalSegments = (uint32_t)r.start,
        .fAlignmentInternalEnd = (uint32_t)r.end,
        .fSegmentBoundary = r.boundary,
    };
    return r;
}

static unsigned random_ranges(IOAddressRange *ranges, bool small)
{
    const unsigned count = 1 + (unsigned)pick(RANGES);
    const uint64_t most = small ? 24 : 9000;

    for (unsigned i = 0; i < count; i++) {
        const uint64_t align = (uint64_t)1 << pick(8);
        uint64_t at = (pick(2) == 0 ? DMA_LOW : DMA_HIGH) + pick(AREA - most);

        ranges[i].length = 1 + pick(most);
        if (pick(2) == 0) {
            at &= ~(align - 1);
        }
        if (pick(2) == 0) {
            ranges[i].length = (ranges[i].length + align - 1) & ~(align - 1);
        }
        if (i > 0 && pick(4) == 0) {
            at = ranges[i - 1].address + ranges[i - 1].length; /* one run with its neighbour */
        }
        ranges[i].address = at;
    }
    return count;
}

/* What the device reaches at an address, and how many bytes on. */
static uint64_t physical_of(uint64_t address, uint64_t *left)
{
    uint64_t physical = address;

    *left = UINT64_MAX;
    if (mapper != NULL) {
        assert_int_equal(IOMapper_translate(&mapper->super, address,
                                            kIODMAMapReadAccess | kIODMAMapWriteAccess, &physical,
                                            left),
                         kIOReturnSuccess);
    }
    return physical;
}

/* Where each byte of the descriptor lies. */
static uint64_t address_of(const IOAddressRange *ranges, uint64_t offset)
{
    while (offset >= ranges->length) {
        offset -= ranges->length;
        ranges++;
    }
    return ranges->address + offset;
}

struct list {
    IODMACommand_Segment64 entry[LIST_MAX];
    unsigned count;
};

/* Generate in calls of random sizes, which must not change the list. */
static void generate(IODMACommand *command, uint64_t length, struct list *list)
{
    uint64_t offset = 0;
    uint8_t byte;

    list->count = 0;
    while (offset < length) {
        UInt32 room = 1 + (UInt32)pick(pick(2) == 0 ? 3 : 400);

        assert_true(list->count + room < LIST_MAX);
        assert_int_equal(
            IODMACommand_genIOVMSegments(command, &offset, &list->entry[list->count], &room),
            kIOReturnSuccess);
        list->count += room;
        if (pick(8) == 0) { /* between two calls the CPU may look, and write what is there */
            assert_int_equal(IODMACommand_readBytes(command, length / 2, &byte, 1), 1);
            assert_int_equal(IODMACommand_writeBytes(command, length / 2, &byte, 1), 1);
        }
    }
    UInt32 none = 1;
    assert_int_equal(IODMACommand_genIOVMSegments(command, &offset, list->entry, &none),
                     kIOReturnOverrun);
}

/* A walk may begin at any segment, and goes on with the same. */
static void begin_anywhere(IODMACommand *command, const struct list *list)
{
    const unsigned at = (unsigned)pick(list->count);
    IODMACommand_Segment64 again;
    uint64_t offset = 0, before;
    UInt32 one = 1;

    for (unsigned i = 0; i < at; i++) {
        offset += list->entry[i].fLength;
    }
    before = offset;
    assert_int_equal(IODMACommand_genIOVMSegments(command, &offset, &again, &one),
                     kIOReturnSuccess);
    assert_memory_equal(&again, &list->entry[at], sizeof(again));
    assert_int_equal(offset, before + again.fLength);
}

/* Strict: of a page all bytes are in place, or none is. `stays`: the last that was, plus one. */
static void judge_strict(uint64_t home, bool in_place, uint64_t *stays)
{
    if (strict && (!in_place || home != *stays)) {
        assert_int_equal(*stays & PAGE_MASK, 0); /* what was in place ended with its page */
        assert_true(!in_place || (home & PAGE_MASK) == 0);
    }
    *stays = in_place ? home + 1 : 0;
}

/* Every rule for every entry, and every byte where it belongs; returns bytes not in place. */
static uint64_t judge(const struct rules *r, const struct list *list, const IOAddressRange *ranges,
                      uint64_t from, uint64_t length)
{
    uint64_t position = 0, moved = 0, stays = 0;

    for (unsigned i = 0; i < list->count; i++) {
        const IODMACommand_Segment64 *s = &list->entry[i];

        assert_true(legal(r, s->fIOVMAddr, s->fLength, i == 0, i + 1 == list->count));
        for (uint64_t k = 0, left = 0, there = 0; k < s->fLength; k++, position++, there++) {
            const uint64_t home = address_of(ranges, from + position);

            if (left-- == 0) {
                there = physical_of(s->fIOVMAddr + k, &left);
                left--;
            }
            moved += home != there;
            judge_strict(home, home == there, &stays);
            assert_int_equal(*(uint8_t *)phys_to_virt(paddr(there)),
                             *(uint8_t *)phys_to_virt(paddr(home)));
        }
    }
    judge_strict(0, false, &stays);
    assert_int_equal(position, length);
    return moved;
}

/* May a legal segment in place begin at byte k? */
static bool may_land(const struct rules *r, const uint64_t *home, unsigned k, unsigned length)
{
    for (unsigned end = k + 1; end <= length; end++) {
        if (end > k + 1 && home[end - 1] != home[end - 2] + 1) {
            return false;
        }
        if (legal(r, home[k], end - k, false, end == length)) {
            return true;
        }
    }
    return false;
}

/* An island ends where it first can. */
static void judge_islands(const struct rules *r, const uint64_t *address, const uint64_t *home,
                          unsigned length)
{
    const uint64_t unit = r->length > r->end ? r->length : r->end;

    for (unsigned k = 0, start = 0; k < length; k++) {
        if (address[k] == home[k]) {
            start = k + 1;
        } else if (k > start && (k - start) % unit == 0) {
            assert_false(may_land(r, home, k, length));
        }
    }
}

/* Where the bytes would be behind a mapper, if none was moved: each run at its place in a page. */
static void lay_out(uint64_t *at, const uint64_t *home, unsigned length)
{
    at[0] = home[0] & PAGE_MASK;
    for (unsigned k = 1; k < length; k++) {
        at[k] = home[k] == home[k - 1] + 1 ? at[k - 1] + 1
                                           : round_page(at[k - 1] + 1) + (home[k] & PAGE_MASK);
    }
}

/* Few enough bytes to try every cut: the list is minimal, and nothing is moved without need. */
static void judge_small(const struct rules *r, const struct list *list,
                        const IOAddressRange *ranges, uint64_t from, uint64_t length,
                        uint64_t moved)
{
    uint64_t address[SMALL], home[SMALL];
    unsigned k = 0;

    for (unsigned i = 0; i < list->count; i++) {
        for (uint64_t n = 0; n < list->entry[i].fLength; n++) {
            address[k++] = list->entry[i].fIOVMAddr + n;
        }
    }
    assert_int_equal(list->count, fewest(r, address, (unsigned)length));
    if (strict) {
        return;
    }
    for (k = 0; k < length; k++) {
        home[k] = address_of(ranges, from + k);
    }
    if (mapper != NULL) {
        lay_out(address, home, (unsigned)length);
        memcpy(home, address, length * sizeof(home[0]));
    }
    if (fewest(r, home, (unsigned)length) != 0) {
        assert_int_equal(moved, 0);
    }
    if (mapper == NULL) { /* else a copy is of the whole */
        judge_islands(r, address, home, (unsigned)length);
    }
}

static void one_case(struct test_mapper *some_mapper)
{
    static struct list list;
    IODMACommand_SegmentOptions options;
    const bool small = pick(2) == 0;
    const struct rules r = random_rules(&options);
    IOAddressRange ranges[RANGES];
    const unsigned count = random_ranges(ranges, small);
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, TASK_NULL);
    IODMACommand *command;
    const uint64_t whole = IOMemoryDescriptor_getLength(memory);
    const uint64_t from = pick(whole);
    const uint64_t length = (whole - from) / r.length * r.length;

    mapper = pick(3) == 0 ? some_mapper : NULL;
    strict = pick(5) == 0;
    command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost64, &options, strict ? kIODMAMapOptionStrict : kIODMAMapOptionMapped,
        mapper == NULL ? NULL : &mapper->super, NULL);
    assert_non_null(memory);
    assert_non_null(command);
    IODMACommand_setMemoryDescriptor(command, memory, false);
    if (length != 0) {
        uint64_t moved;

        assert_int_equal(IODMACommand_prepare(command, from, length, true, true), kIOReturnSuccess);
        generate(command, length, &list);
        begin_anywhere(command, &list);
        moved = judge(&r, &list, ranges, from, length);
        assert_int_equal(moved, IODMACommand_getBounceLength(command));
        if (length <= SMALL) {
            judge_small(&r, &list, ranges, from, length, moved);
        }
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        assert_int_equal(some_mapper->entries, 0);
    }
    OSObject_release(command);
    OSObject_release(memory);
}

static uint64_t from_environment(const char *name, uint64_t usual)
{
    const char *text = getenv(name);

    return text == NULL ? usual : strtoull(text, NULL, 0);
}

static void dc_5_6_7_8_9_10_random_layouts_and_limits(void **state)
{
    const uint64_t cases = from_environment("CASES", 100000);
    const uint64_t first = from_environment("SEED", 1);
    static const uint64_t bases[] = {1, 2, 37, 64};
    struct test_mapper *mappers[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        mappers[i] = test_mapper_new(bases[i]);
        assert_non_null(mappers[i]);
    }
    for (uint64_t i = 0; i < AREA; i++) {
        *(uint8_t *)phys_to_virt(paddr(DMA_LOW + i)) = (uint8_t)(i * 167 + (i >> 8) * 29);
        *(uint8_t *)phys_to_virt(paddr(DMA_HIGH + i)) = (uint8_t)(i * 101 + (i >> 8) * 53 + 1);
    }
    for (uint64_t i = 0; i < (getenv("SEED") != NULL ? 1 : cases); i++) {
        seed = (first + i) * 0x9e3779b97f4a7c15ull;

        unfinished = first + i;
        one_case(mappers[pick(4)]);
        unfinished = 0;
    }
    for (unsigned i = 0; i < 4; i++) {
        OSObject_release(&mappers[i]->super);
    }
}

static int name_the_case(void **state)
{
    if (unfinished != 0) {
        print_error("the case is SEED=%llu\n", (unsigned long long)unfinished);
    }
    return map_stop(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dc_5_6_7_8_9_10_random_layouts_and_limits, map_start,
                                        name_the_case),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
