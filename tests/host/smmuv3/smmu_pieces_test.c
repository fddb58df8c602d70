/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in pieces: such as meet within a page, or lie alike in their blocks; and a class of its
 * own that lies elsewhere, or nowhere any more, when it is asked again.
 */
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "tests/host/smmuv3/smmu_fixture.h"

static IOMapper *mapper;
static struct smmu_space *space;
static uint64_t taken;

static int start(void **state)
{
    const int status = unit_start(state);

    mapper = status == 0 ? stream_mapper(unit, STREAM) : NULL;
    if (mapper == NULL) {
        return -1;
    }
    space = &((struct smmu_domain *)mapper)->space;
    taken = space_taken(space);
    return 0;
}

static int stop(void **state)
{
    const bool balanced = space_taken(space) == taken && space->tables == 4;

    OSObject_release(mapper);
    return unit_stop(state) == 0 && balanced ? 0 : -1;
}

/* --- Pieces that are there ---------------------------------------------------------------------
 */

struct piece {
    uint64_t physical, length;
};

static IOMemoryDescriptor *in_pieces(const struct piece *pieces, unsigned count)
{
    IOMemoryDescriptor *parts[8];
    IOMultiMemoryDescriptor *whole;

    assert_in_range(count, 1, 8);
    for (unsigned i = 0; i < count; i++) {
        parts[i] = dma_memory(pieces[i].physical, pieces[i].length, 0, 0, kIODirectionOutIn);
    }
    whole = IOMultiMemoryDescriptor_withDescriptors(parts, count, kIODirectionOutIn, false);
    assert_non_null(whole);
    for (unsigned i = 0; i < count; i++) {
        OSObject_release(parts[i]);
    }
    assert_int_equal(IOMemoryDescriptor_prepare(whole, kIODirectionNone), kIOReturnSuccess);
    return (IOMemoryDescriptor *)whole;
}

static void let_go(IOMemoryDescriptor *memory)
{
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
}

/* Where one ends and the next begins in the same page, that page is mapped once. */
static void pieces_that_meet_share_a_page(void **state)
{
    static const struct piece meet[] = {
        {DMA_LOW + 0x10, 0x100},
        {DMA_LOW + 0x110, 0x2f0},
        {DMA_LOW + 0x400, 0x1c00},
        {DMA_LOW + 0x2000, 0x1000},
    };
    static const struct piece far[] = {
        {DMA_LOW + 0x10, 0x100},  {DMA_LOW + 0x110, 0x200}, {DMA_LOW + 0x310, 0x1d00},
        {DMA_HIGH + 0x800, 0x40}, {DMA_HIGH + 0x840, 0x10}, {DMA_HIGH + 0x5000, 0x2000},
    };
    /* One run, in however many pieces; and three, of 3, 1 and 2 pages. */
    const struct {
        const struct piece *pieces;
        unsigned count, pages;
    } rows[] = {{meet, 4, 3}, {far, 3, 3}, {far, 6, 6}};

    (void)state;
    for (unsigned row = 0; row < 3; row++) {
        IOMemoryDescriptor *memory = in_pieces(rows[row].pieces, rows[row].count);
        uint64_t size, physical, at = map(mapper, memory, &size), place = at;

        assert_int_equal(size, ptoa(rows[row].pages));
        for (unsigned i = 0; i < rows[row].count; i++) {
            const struct piece piece = rows[row].pieces[i];

            if (i > 0 && rows[row].pieces[i - 1].physical + rows[row].pieces[i - 1].length !=
                             piece.physical) {
                place = round_page(place) + (piece.physical & PAGE_MASK);
            }
            assert_true(reaches(STREAM, place, piece.physical));
            place += piece.length;
            assert_true(reaches(STREAM, place - 1, piece.physical + piece.length - 1));
        }
        assert_false(sim_access(STREAM, trunc_page(at) + size, false, &physical));
        unmap(mapper, at, size);
        let_go(memory);
    }
}

/* By blocks if they are said to be one run, where they lie as if they were; else page by page. */
static void pieces_as_large_as_blocks(void **state)
{
    const uint64_t block = ptoa(BLOCK_PAGES);
    const struct piece pieces[] = {{DMA_LOW, block}, {DMA_HIGH, block}};

    (void)state;
    for (unsigned said = 0; said < 2; said++) {
        const uint32_t options = BOTH | (said == 1 ? kIODMAMapPhysicallyContiguous : 0);
        IOMemoryDescriptor *memory = in_pieces(pieces, 2);
        uint64_t size, at = map_at(mapper, memory, options, (IODMAMapSpecification){0}, &size);

        assert_int_equal(size, 2 * block);
        assert_int_equal(at, said == 1 ? block : PAGE_SIZE);
        assert_int_equal(tables(mapper), said == 1 ? 4 : 6);
        for (uint64_t i = 0; i < block; i += 16 * PAGE_SIZE) {
            assert_true(reaches(STREAM, at + i + 5, DMA_LOW + i + 5));
            assert_true(reaches(STREAM, at + block + i + 5, DMA_HIGH + i + 5));
        }
        unmap(mapper, at, size);
        let_go(memory);
    }
}

/* As in its block if that can be had with the alignment, and in what the device reaches. */
static void blocks_give_way_to_wishes(void **state)
{
    IOMemoryDescriptor *odd = dma_memory(DMA_LOW + PAGE_SIZE, ptoa(513), 0, 0, kIODirectionOutIn);
    IOMemoryDescriptor *even = dma_memory(DMA_LOW + ptoa(2), ptoa(1025), 0, 0, kIODirectionOutIn);
    const IODMAMapSpecification two = {.alignment = ptoa(2)};
    uint64_t at, size, first, first_size;

    (void)state;
    at = map_at(mapper, odd, BOTH, two, &size);
    assert_int_equal(at, ptoa(2));
    assert_true(reaches(STREAM, at + ptoa(512), DMA_LOW + ptoa(513)));
    unmap(mapper, at, size);
    at = map_at(mapper, even, BOTH, two, &size);
    assert_int_equal(at, ptoa(2));
    assert_true(reaches(STREAM, at + ptoa(1024), DMA_LOW + ptoa(1026)));
    /* From its page 510 on it is a block: one table beside the first is for what follows it. */
    assert_int_equal(tables(mapper), 5);
    unmap(mapper, at, size);
    /* A page is in the way, and one block further on is beyond 22 bits: the next page serves. */
    first = map_at(mapper, odd, BOTH | kIODMAMapFixedAddress, (IODMAMapSpecification){0}, &size);
    assert_int_equal(first, 0);
    unmap(mapper, first, size);
    OSObject_release(odd);
    odd = dma_memory(DMA_LOW + PAGE_SIZE, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    first = map(mapper, odd, &first_size);
    assert_int_equal(first, PAGE_SIZE);
    OSObject_release(even);
    even = dma_memory(DMA_LOW + PAGE_SIZE, ptoa(512), 0, 0, kIODirectionOutIn);
    assert_int_equal(try_map(mapper, even, 0, 22, 0, &at, &size), kIOReturnSuccess);
    assert_int_equal(at, ptoa(2));
    unmap(mapper, at, size);
    assert_int_equal(try_map(mapper, even, 0, 23, 0, &at, &size), kIOReturnSuccess);
    assert_int_equal(at, ptoa(513));
    unmap(mapper, at, size);
    unmap(mapper, first, first_size);
    OSObject_release(odd);
    OSObject_release(even);
}

/* --- A class of its own ------------------------------------------------------------------------
 */

/* Where its bytes are, in pieces; how often it says so, and what it answers or does from then on.
 */
static struct {
    uint64_t piece, apart; /* bytes of a piece; from one piece's begin to the next one's */
    uint64_t base;
    bool is_empty;
    bool in_two;      /* later: half a page, and all the rest elsewhere; else all in half pages */
    unsigned answers; /* 0: always the same */
    IOReturn then;    /* success: it lies in pieces of half a page */
} says;

static IOReturn own_segment(IOMemoryDescriptor *self, IOByteCount offset, IOOptionBits options,
                            IOPhysicalSegment *segment)
{
    (void)options;
    if (says.answers == 1 && says.then != kIOReturnSuccess) {
        return says.then;
    }
    if (says.answers == 1) {
        says.piece = PAGE_SIZE / 2;
        says.apart = PAGE_SIZE;
    }
    if (says.answers == 1 && says.in_two && offset >= PAGE_SIZE / 2) {
        segment->location = says.base + ptoa(32) + offset - PAGE_SIZE / 2;
        segment->length = self->length - offset;
        return kIOReturnSuccess;
    }
    says.answers -= says.answers > 1 ? 1 : 0;
    segment->location = says.base + offset / says.piece * says.apart + offset % says.piece;
    segment->length = says.is_empty ? 0 : says.piece - offset % says.piece;
    if (segment->length > self->length - offset) {
        segment->length = self->length - offset;
    }
    return kIOReturnSuccess;
}

static IOReturn own_preparation(IOMemoryDescriptor *self, IODirection direction)
{
    (void)self, (void)direction;
    return kIOReturnUnsupported;
}

static uint32_t instances;

static const IOMemoryDescriptorClass own_class = {
    .meta = {"Own", &IOMemoryDescriptor_metaClass, sizeof(IOMemoryDescriptor), &instances,
             descriptor_free},
    .initWithOptions = descriptor_refuse_init,
    .prepare = own_preparation,
    .complete = own_preparation,
    .announceComplete = descriptor_announce_complete,
    .getPreparationID = descriptor_get_preparation_id,
    .getPhysicalSegment = own_segment,
    .walk = descriptor_walk,
    DESCRIPTOR_BYTES,
    DESCRIPTOR_DMA,
    DESCRIPTOR_MAPS,
    DESCRIPTOR_ACCOUNTS,
};

static IOMemoryDescriptor *new_own(uint64_t length)
{
    IOMemoryDescriptor *own = (IOMemoryDescriptor *)OSMetaClass_allocate(&own_class.meta);

    assert_non_null(own);
    own->flags = kIODirectionOutIn | kIOMemoryTypePhysical64;
    own->length = length;
    own->wireCount = 1;
    says.base = DMA_LOW;
    says.piece = PAGE_SIZE;
    says.apart = 2 * PAGE_SIZE;
    says.in_two = false;
    says.answers = 0;
    says.then = kIOReturnSuccess;
    return own;
}

static void free_own(IOMemoryDescriptor *own)
{
    own->wireCount = 0;
    OSObject_release(own);
}

static void assert_refused(IOMemoryDescriptor *own, IOReturn expected)
{
    uint64_t at, size, physical;

    assert_int_equal(try_map(mapper, own, 0, 0, 0, &at, &size), expected);
    assert_int_equal(at | size, 0);
    assert_int_equal(space_taken(space), taken);
    for (uint64_t page = 1; page < 16; page++) {
        assert_false(sim_access(STREAM, ptoa(page), false, &physical));
    }
    IOMapper_collectFaults(mapper);
    IOMapper_forgetFaults(mapper);
}

/* At whichever question it has no places any more: why, and nothing of it stays. */
static void memory_that_goes_away(void **state)
{
    static const IOReturn reasons[] = {kIOReturnOffline, kIOReturnOverrun};
    IOMemoryDescriptor *own = new_own(ptoa(4));
    uint64_t at, size;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        /* Four pieces are asked for twice: where they lie, and again to be entered. */
        for (unsigned question = 1; question <= 8; question++) {
            says.answers = question;
            says.then = reasons[i];
            assert_refused(own, reasons[i]);
        }
    }
    says.answers = 9;
    at = map(mapper, own, &size);
    assert_int_equal(size, ptoa(4));
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(reaches(STREAM, at + ptoa(i), DMA_LOW + ptoa(2 * i)));
    }
    unmap(mapper, at, size);
    free_own(own);
}

/* Pieces of no bytes would be asked for without end. */
static void memory_of_empty_pieces(void **state)
{
    IOMemoryDescriptor *own = new_own(PAGE_SIZE);

    (void)state;
    says.is_empty = true;
    assert_refused(own, kIOReturnInternalError);
    says.is_empty = false;
    free_own(own);
}

/* In more pieces than when it was measured, it does not come to lie on what others have. */
static void memory_that_moves(void **state)
{
    IOMemoryDescriptor *own = new_own(ptoa(4));
    IOMemoryDescriptor *other = dma_memory(DMA_HIGH, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    uint64_t at, size, next, next_size;

    (void)state;
    /* A hole of four pages. */
    at = map(mapper, own, &size);
    next = map(mapper, other, &next_size);
    unmap(mapper, at, size);
    taken = space_taken(space);
    assert_int_equal(next, at + ptoa(4));
    for (unsigned question = 5; question <= 9; question++) {
        says.in_two = question == 9;
        says.piece = PAGE_SIZE;
        says.apart = 2 * PAGE_SIZE;
        says.answers = says.in_two ? 5 : question;
        assert_int_equal(try_map(mapper, own, 0, 0, 0, &at, &size), kIOReturnInternalError);
        assert_int_equal(space_taken(space), taken);
        assert_true(reaches(STREAM, next, DMA_HIGH));
        assert_int_equal(tables(mapper), 4);
    }
    unmap(mapper, next, next_size);
    taken = space_taken(space);
    OSObject_release(other);
    free_own(own);
}

/* Pieces that need more addresses than 64 bits have. */
static void memory_without_end(void **state)
{
    IOMemoryDescriptor *own = new_own(UINT64_MAX - 0xfffff);

    (void)state;
    says.base = 0xfff;
    says.piece = (1ull << 43) - PAGE_SIZE;
    says.apart = 0;
    assert_refused(own, kIOReturnNoSpace);
    /* And just all of them. */
    says.base = 1;
    says.piece = (1ull << 44) - 1;
    assert_refused(own, kIOReturnNoSpace);
    free_own(own);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        EACH(pieces_that_meet_share_a_page),
        EACH(pieces_as_large_as_blocks),
        EACH(blocks_give_way_to_wishes),
        EACH(memory_that_goes_away),
        EACH(memory_of_empty_pieces),
        EACH(memory_that_moves),
        EACH(memory_without_end),
    };

    return cmocka_run_group_tests(tests, sim_smmu_power_on, NULL);
}
