/* SPDX-License-Identifier: BSD-2-Clause */
/* How a buffer is to lie in memory, judged by itself: what its arguments ask for together. */
#include "descriptors/buffer/IOBufferMemoryDescriptor_private.h"
#include "tests/host/machine/map_fixture.h"

#define OUT_IN    kIODirectionOutIn
#define PAGEABLE  (kIODirectionOutIn | kIOMemoryPageable)
#define RAM_PAGES platform_ram_pages()

static struct buffer_placement placement;

static IOReturn place(IOOptionBits options, uint64_t capacity, uint64_t alignment, uint64_t mask)
{
    const struct buffer_request request = {.inTask = kernel_task,
                                           .options = options,
                                           .capacity = capacity,
                                           .alignment = alignment,
                                           .physicalMask = mask};

    memset(&placement, 0xaa, sizeof(placement));
    return buffer_place(&request, &placement);
}

/* The zeros of a mask are an alignment, its ones a limit; what they leave open stays open. */
static void a_mask_is_an_alignment_and_a_limit(void **state)
{
    static const struct {
        uint64_t mask, alignment, highest;
    } masks[] = {
        {UINT64_MAX, PAGE_SIZE, UINT64_MAX},  {0xffffffff, PAGE_SIZE, 0xffffffff},
        {0xfffff000, PAGE_SIZE, 0xffffffff},  {0xfffffff0, PAGE_SIZE, 0xffffffff},
        {0xffffc000, 0x4000, 0xffffffff},     {0x7fffffff, PAGE_SIZE, 0x7fffffff},
        {0x40000000, 0x40000000, 0x7fffffff}, {0xffffffffffff0000, 0x10000, UINT64_MAX},
        {1ull << 63, 1ull << 63, UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        assert_int_equal(place(OUT_IN, 1, 1, masks[i].mask), kIOReturnSuccess);
        assert_int_equal(placement.alignment, masks[i].alignment);
        assert_int_equal(placement.highest, masks[i].highest);
        assert_int_equal(placement.contiguous, masks[i].alignment > PAGE_SIZE);
        assert_true(placement.permanent);
        assert_int_equal(placement.capacity, 1);
        assert_int_equal(placement.size, PAGE_SIZE);
    }
    assert_int_equal(place(OUT_IN, 1, 1, 0x5000), kIOReturnBadArgument);
    assert_int_equal(place(OUT_IN, 1, 1, (1ull << 63) + 1), kIOReturnBadArgument);
}

/* Of two limits the lower one, of two alignments the larger one. */
static void of_two_wishes_the_stricter_one_holds(void **state)
{
    const IOOptionBits low = OUT_IN | kIODirectionPrepareToPhys32;

    (void)state;
    assert_int_equal(place(low, 1, 1, 0), kIOReturnSuccess);
    assert_int_equal(placement.highest, UINT32_MAX);
    assert_int_equal(placement.alignment, PAGE_SIZE);
    assert_int_equal(place(low, 1, 1, 0x7fffffff), kIOReturnSuccess);
    assert_int_equal(placement.highest, 0x7fffffff);
    assert_int_equal(place(low, 1, 1, UINT64_MAX), kIOReturnSuccess);
    assert_int_equal(placement.highest, UINT32_MAX);
    assert_int_equal(place(OUT_IN, 1, 0x2000, 0xffff0000), kIOReturnSuccess);
    assert_int_equal(placement.alignment, 0x10000);
    assert_int_equal(place(OUT_IN, 1, 0x20000, 0xffff0000), kIOReturnSuccess);
    assert_int_equal(placement.alignment, 0x20000);
    /* Pages that come and go are moved when they are prepared, and not now. */
    assert_int_equal(place(low | kIOMemoryPageable, 1, 1, 0), kIOReturnSuccess);
    assert_int_equal(placement.highest, 0);
    assert_false(placement.permanent);
}

/* Powers of two, the next above; what a neighbour may not see begins at a page. */
static void alignments_are_powers_of_two(void **state)
{
    static const struct {
        uint64_t asked, given;
    } alignments[] = {{0, 1},
                      {1, 1},
                      {2, 2},
                      {3, 4},
                      {64, 64},
                      {65, 128},
                      {4095, 4096},
                      {4096, 4096},
                      {4097, 8192},
                      {(1ull << 62) + 1, 1ull << 63},
                      {1ull << 63, 1ull << 63}};
    static const IOOptionBits whole_pages[] = {kIOMemoryKernelUserShared, kIOMapCopybackCache,
                                               kIOMapInhibitCache, kIOMemoryClearEncrypt,
                                               kIOMemoryPageable};

    (void)state;
    for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
        assert_int_equal(place(OUT_IN, 100, alignments[i].asked, 0), kIOReturnSuccess);
        assert_int_equal(placement.alignment, alignments[i].given);
        assert_int_equal(placement.highest, 0);
        assert_int_equal(placement.contiguous, alignments[i].given > PAGE_SIZE);
        assert_true(placement.permanent);
        assert_int_equal(placement.capacity, 100);
        assert_int_equal(placement.size, alignments[i].given < PAGE_SIZE ? 100 : PAGE_SIZE);
        assert_int_equal(placement.guard, 0);
    }
    assert_int_equal(place(OUT_IN, 100, (1ull << 63) + 1, 0), kIOReturnBadArgument);
    for (size_t i = 0; i < sizeof(whole_pages) / sizeof(whole_pages[0]); i++) {
        assert_int_equal(place(OUT_IN | whole_pages[i], 100, 1, 0), kIOReturnSuccess);
        assert_int_equal(placement.alignment, PAGE_SIZE);
        assert_int_equal(placement.size, PAGE_SIZE);
        assert_false(placement.contiguous);
    }
    assert_int_equal(place(OUT_IN | kIOMemoryMapperNone, 100, 1, 0), kIOReturnSuccess);
    assert_int_equal(placement.alignment, 1); /* it is no cache mode */
    assert_int_equal(placement.cache, kIODefaultCache);
}

/* Which buffers keep the pages that they are given at once. */
static void pages_stay_where_they_were_chosen(void **state)
{
    static const IOOptionBits contiguous[] = {kIOMemoryPhysicallyContiguous,
                                              kIOMemoryHostPhysicallyContiguous};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(place(OUT_IN | contiguous[i], 100, 1, 0), kIOReturnSuccess);
        assert_true(placement.contiguous && placement.permanent);
        assert_int_equal(place(PAGEABLE | contiguous[i], 100, 1, 0), kIOReturnSuccess);
        assert_true(placement.contiguous && placement.permanent && placement.pageable);
    }
    assert_int_equal(place(PAGEABLE, 100, 1, 0), kIOReturnSuccess);
    assert_false(placement.contiguous || placement.permanent || placement.prefault);
    assert_int_equal(place(PAGEABLE, 100, 1, 0xffffffff), kIOReturnSuccess);
    assert_true(placement.permanent && !placement.contiguous);
    assert_int_equal(place(PAGEABLE, 100, 2 * PAGE_SIZE, 0), kIOReturnSuccess);
    assert_true(placement.permanent && placement.contiguous);
    assert_int_equal(place(PAGEABLE | kIOMemoryPurgeable | kIOMapPrefault, 100, 1, 0),
                     kIOReturnSuccess);
    assert_true(placement.purgeable && placement.prefault);
}

/* Bytes that no address could have are the caller's mistake; more than there is, is not. */
static void capacities_end_with_the_addresses(void **state)
{
    (void)state;
    assert_int_equal(place(OUT_IN, 0, 1, 0), kIOReturnBadArgument);
    assert_int_equal(place(OUT_IN, UINT64_MAX, 1, 0), kIOReturnBadArgument);
    assert_int_equal(place(OUT_IN, UINT64_MAX - PAGE_SIZE, 1, 0), kIOReturnNoMemory);
    assert_int_equal(place(OUT_IN, UINT64_MAX - PAGE_SIZE, 2, 0), kIOReturnBadArgument);
    assert_int_equal(place(PAGEABLE, -2 * PAGE_SIZE, 1, 0), kIOReturnNoResources);
    assert_int_equal(place(PAGEABLE, -2 * PAGE_SIZE + 1, 1, 0), kIOReturnBadArgument);
    /* All there is might be had. */
    assert_int_equal(place(OUT_IN, ptoa(RAM_PAGES), 1, 0), kIOReturnSuccess);
    assert_int_equal(place(OUT_IN, ptoa(RAM_PAGES + 1) - 1, 1, 0), kIOReturnSuccess);
    assert_int_equal(place(OUT_IN, ptoa(RAM_PAGES + 1), 1, 0), kIOReturnNoMemory);
    assert_int_equal(place(PAGEABLE, ptoa(RAM_PAGES), 1, 0), kIOReturnSuccess);
    assert_int_equal(place(PAGEABLE, ptoa(RAM_PAGES) + 1, 1, 0), kIOReturnNoResources);
}

/* Guards need an address of the buffer's own, of whole pages. */
static void guarded_buffers_are_whole_pages(void **state)
{
    struct buffer_request request = {
        .inTask = kernel_task, .options = OUT_IN, .capacity = 100, .alignment = 1, .guarded = true};

    (void)state;
    assert_int_equal(buffer_place(&request, &placement), kIOReturnSuccess);
    assert_int_equal(placement.guard, PAGE_SIZE);
    assert_int_equal(placement.alignment, PAGE_SIZE);
    assert_int_equal(placement.capacity, PAGE_SIZE);
    assert_int_equal(placement.size, PAGE_SIZE);
    request.options = PAGEABLE;
    assert_int_equal(buffer_place(&request, &placement), kIOReturnUnsupported);
    request.options = OUT_IN | kIOMemoryPhysicallyContiguous;
    assert_int_equal(buffer_place(&request, &placement), kIOReturnUnsupported);
    request.options = OUT_IN | kIOMemoryHostPhysicallyContiguous;
    assert_int_equal(buffer_place(&request, &placement), kIOReturnUnsupported);
}

/* Which options go together, and with whose memory. */
static void options_that_mean_nothing_are_refused(void **state)
{
    struct buffer_request request = {.options = PAGEABLE, .capacity = 100, .alignment = 1};

    (void)state;
    request.inTask = owner;
    assert_int_equal(buffer_place(&request, &placement), kIOReturnSuccess);
    request.inTask = TASK_NULL;
    assert_int_equal(buffer_place(&request, &placement), kIOReturnSuccess);
    request.options = OUT_IN;
    assert_int_equal(buffer_place(&request, &placement), kIOReturnBadArgument);
    request.inTask = owner;
    assert_int_equal(buffer_place(&request, &placement), kIOReturnBadArgument);
    assert_int_equal(place(OUT_IN | kIOMemoryPurgeable, 100, 1, 0), kIOReturnBadArgument);
    assert_int_equal(place(PAGEABLE | kIOMemoryPurgeable, 100, 1, 0), kIOReturnSuccess);
    assert_int_equal(place(OUT_IN | 0x01000000, 100, 1, 0), kIOReturnBadArgument);
    assert_int_equal(place(OUT_IN | kIOMemoryKernelUserShared, 100, 1, 0), kIOReturnSuccess);
    assert_int_equal(
        place(OUT_IN | (kIOMemorySharingTypeMask & ~kIOMemoryKernelUserShared), 100, 1, 0),
        kIOReturnBadArgument);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_mask_is_an_alignment_and_a_limit),
        MAP_TEST(of_two_wishes_the_stricter_one_holds),
        MAP_TEST(alignments_are_powers_of_two),
        MAP_TEST(pages_stay_where_they_were_chosen),
        MAP_TEST(capacities_end_with_the_addresses),
        MAP_TEST(guarded_buffers_are_whole_pages),
        MAP_TEST(options_that_mean_nothing_are_refused),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
