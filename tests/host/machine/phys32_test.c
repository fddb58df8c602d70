/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for devices with 32 address bits, on a machine whose RAM goes on above 4 GiB. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "kernel/page.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/host/sim/sim_cache.h"
#include "tests/lib/portable/test_mapper.h"

#define FOUR_GIB (1ull << 32)

static int power_on(void **state)
{
    (void)state;
    sim_machine_start(4 * SIM_GIB); /* from 1 GiB to 5 GiB */
    IOMemoryDescriptor_initialize();
    return 0;
}

#define ORDER      10 /* 4 MiB */
#define BLOCK_SIZE (PAGE_SIZE << ORDER)
#define BLOCKS_MAX (4 * SIM_GIB / BLOCK_SIZE)

/* Take the blocks that end and that begin at 4 GiB, and no others. */
static void take_border(paddr_t *below, paddr_t *above)
{
    static paddr_t others[BLOCKS_MAX];
    unsigned count = 0, found = 0;

    while (found < 2) {
        paddr_t block;

        assert_int_equal(page_alloc(ORDER, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
        if (block.value == FOUR_GIB - BLOCK_SIZE) {
            *below = block;
            found++;
        } else if (block.value == FOUR_GIB) {
            *above = block;
            found++;
        } else {
            others[count++] = block;
        }
    }
    while (count-- > 0) {
        assert_int_equal(page_free(others[count], ORDER), KERN_SUCCESS);
    }
}

/* Who asks for the limit: the memory, who prepares it, or a window that is on it. */
enum asker {
    MEMORY,
    CALLER,
    WINDOW,
    NOBODY
};

static IOReturn prepared(uint64_t from, uint64_t length, enum asker asker)
{
    const IOOptionBits limit = kIODirectionPrepareToPhys32;
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
        (uintptr_t)phys_to_virt(paddr(from)), length,
        kIODirectionIn | (asker == MEMORY ? limit : 0), kernel_task);
    IOSubMemoryDescriptor *window = IOSubMemoryDescriptor_withSubRange(
        memory, 0, length, kIODirectionIn | (asker == WINDOW ? limit : 0));
    const IOReturn status = asker == WINDOW
                                ? IOMemoryDescriptor_prepare(window, 0)
                                : IOMemoryDescriptor_prepare(memory, asker == CALLER ? limit : 0);

    assert_non_null(window);
    if (status != kIOReturnSuccess) {
        assert_int_equal(pins(), 0);
    }
    OSObject_release(window);
    OSObject_release(memory);
    return status;
}

/* The last page below 4 GiB will do, the first one above will not; whoever asks. */
static void the_limit_is_exact(void **state)
{
    paddr_t below, above;

    (void)state;
    take_border(&below, &above);
    for (enum asker asker = 0; asker < NOBODY; asker++) {
        assert_int_equal(prepared(FOUR_GIB - 2 * PAGE_SIZE, 2 * PAGE_SIZE, asker),
                         kIOReturnSuccess);
        assert_int_equal(prepared(above.value, 1, asker), kIOReturnCannotWire);
        assert_int_equal(prepared(FOUR_GIB - 1, 2, asker), kIOReturnCannotWire);
        assert_int_equal(prepared(above.value + PAGE_SIZE, 8, asker), kIOReturnCannotWire);
    }
    assert_int_equal(prepared(FOUR_GIB - 1, 2, NOBODY), kIOReturnSuccess);
    page_free(below, ORDER);
    page_free(above, ORDER);
}

static IOByteCount shown_to_devices(IOMemoryDescriptor *memory, addr64_t *address)
{
    IOByteCount length;

    *address = IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0);
    return length;
}

/* Behind a mapper it is the I/O addresses that are to have 32 bits; what it does not show, has
 * none.
 */
static void a_mapper_brings_memory_below(void **state)
{
    IOService *unit = IOService_withReader("unit", NULL, NULL);
    paddr_t below, above;

    (void)state;
    take_border(&below, &above);
    for (unsigned i = 0; i < 2; i++) {
        struct test_mapper *mapper = test_mapper_new(i == 0 ? 0x100 : FOUR_GIB >> PAGE_SHIFT);
        const uint64_t at = (uintptr_t)phys_to_virt(above);
        IOMemoryDescriptor *untranslated;

        mapper->super.fIsSystem = true;
        assert_true(IOMapper_start(&mapper->super, unit));
        for (enum asker asker = 0; asker <= NOBODY; asker++) {
            IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
                at, PAGE_SIZE, kIODirectionIn | (asker == MEMORY ? kIODirectionPrepareToPhys32 : 0),
                kernel_task);
            IOMemoryDescriptor *window =
                IOMemoryDescriptor_upcast(IOSubMemoryDescriptor_withSubRange(
                    memory, 0, PAGE_SIZE,
                    kIODirectionIn | (asker == WINDOW ? kIODirectionPrepareToPhys32 : 0)));
            IOMemoryDescriptor *asked[] = {window, memory};
            addr64_t address;

            assert_int_equal(IOMemoryDescriptor_prepare(
                                 window, asker == CALLER ? kIODirectionPrepareToPhys32 : 0),
                             kIOReturnSuccess);
            /* Its own flag is the memory's alone: it limits what that is mapped at. */
            for (unsigned k = asker == MEMORY ? 1 : 0; k < 2; k++) {
                assert_int_equal(shown_to_devices(asked[k], &address),
                                 i == 0 || asker == NOBODY ? PAGE_SIZE : 0);
                assert_int_equal(address > UINT32_MAX, i == 1 && asker == NOBODY);
            }
            assert_int_equal(IOMemoryDescriptor_complete(window, 0), kIOReturnSuccess);
            /* The limit was of that preparation. */
            assert_int_equal(IOMemoryDescriptor_prepare(window, 0), kIOReturnSuccess);
            assert_int_equal(shown_to_devices(window, &address),
                             i == 0 || asker != WINDOW ? PAGE_SIZE : 0);
            OSObject_release(window);
            OSObject_release(memory);
        }
        untranslated = IOMemoryDescriptor_withAddressRange(
            at, PAGE_SIZE, kIODirectionIn | kIODirectionPrepareToPhys32 | kIOMemoryMapperNone,
            kernel_task);
        assert_int_equal(IOMemoryDescriptor_prepare(untranslated, 0), kIOReturnCannotWire);
        OSObject_release(untranslated);
        assert_int_equal(mapper->entries, 0);
        OSObject_release(&mapper->super);
    }
    assert_int_equal(prepared(above.value, 1, CALLER), kIOReturnCannotWire);
    OSObject_release(unit);
    page_free(below, ORDER);
    page_free(above, ORDER);
}

/* A buffer that is to be had below 4 GiB is looked for there. */
static void buffers_are_placed_below(void **state)
{
    (void)state;
    for (uint64_t capacity = 1; capacity <= 1 << 22; capacity *= 4) {
        IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
            kIODirectionOutIn | kIODirectionPrepareToPhys32, capacity, 1);
        IOByteCount length;

        assert_non_null(buffer);
        for (uint64_t offset = 0; offset < capacity; offset += length) {
            const addr64_t at = IOMemoryDescriptor_getPhysicalSegment(buffer, offset, &length, 0);

            assert_int_not_equal(length, 0);
            assert_true(at + length <= FOUR_GIB);
        }
        assert_int_equal(IOMemoryDescriptor_prepare(buffer, kIODirectionPrepareToPhys32),
                         kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(buffer, 0), kIOReturnSuccess);
        OSObject_release(buffer);
    }
}

/* More than 32 bits can count are done whole, and said to be. */
static void an_operation_beyond_4_gib(void **state)
{
    IOAddressRange ranges[] = {{SIM_RAM_BASE, 3 * SIM_GIB}, {SIM_RAM_BASE, 3 * SIM_GIB}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, TASK_NULL);
    const struct sim_cache before = sim_cache;

    (void)state;
    assert_int_equal(
        IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, 0, 6 * SIM_GIB),
        kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed - before.flushed, 6 * SIM_GIB / SIM_CACHE_LINE);
    assert_int_equal(
        IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOStore, 64, UINT64_MAX),
        kIOReturnSuccess);
    assert_int_equal(sim_cache.cleaned - before.cleaned, 6 * SIM_GIB / SIM_CACHE_LINE - 1);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(the_limit_is_exact),
        BALANCED(a_mapper_brings_memory_below),
        BALANCED(buffers_are_placed_below),
        BALANCED(an_operation_beyond_4_gib),
    };

    return cmocka_run_group_tests(tests, power_on, kernel_power_off);
}
