/* SPDX-License-Identifier: BSD-2-Clause */
/* The same bytes from every side: the owner, maps, the CPU's copies, a device; and who may not. */
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOProcessorCache.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "kernel/direct_map.h"
#include "tests/host/machine/map_fixture.h"

#define UP(x) IOMemoryDescriptor_upcast(x)

/* Every kind that can stand for the same two pages. */
enum kind {
    GENERAL,
    SUB,
    MULTI,
    INTERLEAVED,
    KINDS
};

static IOMemoryDescriptor *of_kind(enum kind kind, IOMemoryDescriptor *memory)
{
    IOMemoryDescriptor *parts[] = {memory};
    IOInterleavedMemoryDescriptor *interleaved;

    switch (kind) {
    case SUB:
        return UP(IOSubMemoryDescriptor_withSubRange(memory, 0,
                                                     IOMemoryDescriptor_getLength(memory),
                                                     IOMemoryDescriptor_getDirection(memory)));
    case MULTI:
        return UP(IOMultiMemoryDescriptor_withDescriptors(
            parts, 1, IOMemoryDescriptor_getDirection(memory), false));
    case INTERLEAVED:
        interleaved =
            IOInterleavedMemoryDescriptor_withCapacity(4, IOMemoryDescriptor_getDirection(memory));
        assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(
            interleaved, memory, 0, IOMemoryDescriptor_getLength(memory)));
        return UP(interleaved);
    default:
        OSObject_retain(memory);
        return memory;
    }
}

static void md_8_what_is_prepared_for_reading_only(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        const uint64_t at = new_pages(owner, 2, MMU_READ);
        IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
        IOMemoryDescriptor *same = of_kind(kind, memory);
        uint8_t byte = 1;

        assert_int_equal(IOMemoryDescriptor_prepare(same, 0), kIOReturnNotWritable);
        for (unsigned nested = 0; nested < 2; nested++) {
            assert_int_equal(IOMemoryDescriptor_prepare(same, kIODirectionOut), kIOReturnSuccess);
            assert_true((IOMemoryDescriptor_getFlags(memory) & kIOMemoryPreparedReadOnly) != 0);
        }
        assert_int_equal(IOMemoryDescriptor_prepare(same, kIODirectionIn), kIOReturnNotWritable);
        assert_int_equal(IOMemoryDescriptor_prepare(same, kIODirectionOutIn), kIOReturnNotWritable);
        assert_int_equal(IOMemoryDescriptor_writeBytes(same, 5, &byte, 1), 0);
        assert_int_equal(IOMemoryLastError(), kIOReturnNotWritable);
        assert_int_equal(IOMemoryDescriptor_readBytes(same, 5, &byte, 1), 1);
        assert_int_equal(byte, 0);
        assert_int_equal(IOMemoryDescriptor_complete(same, 0), kIOReturnSuccess);
        assert_true((IOMemoryDescriptor_getFlags(memory) & kIOMemoryPreparedReadOnly) != 0);
        assert_int_equal(IOMemoryDescriptor_complete(same, 0), kIOReturnSuccess);
        assert_false((IOMemoryDescriptor_getFlags(memory) & kIOMemoryPreparedReadOnly) != 0);
        assert_int_equal(IOMemoryDescriptor_complete(same, 0), kIOReturnNotReady);
        OSObject_release(same);
        OSObject_release(memory);
    }
}

static void md_11_release_gives_back_every_pin(void **state)
{
    const uint64_t pins = holdings_now().pins;

    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        for (unsigned times = 1; times < 4; times++) {
            const uint64_t at = new_pages(owner, 2, RW);
            IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
            IOMemoryDescriptor *same = of_kind(kind, memory);

            for (unsigned i = 0; i < times; i++) {
                assert_int_equal(IOMemoryDescriptor_prepare(same, 0), kIOReturnSuccess);
                assert_int_equal(holdings_now().pins, pins + 2);
            }
            OSObject_release(same);
            assert_int_equal(holdings_now().pins, pins + (kind == GENERAL ? 2 : 0));
            if (kind != GENERAL) { /* its own count was never touched */
                assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
            }
            OSObject_release(memory);
            assert_int_equal(holdings_now().pins, pins);
        }
    }
}

/* All ways to byte `i`, in turn. */
static void put(unsigned way, IOMemoryDescriptor *memory, IOMemoryMap *maps[3], uint64_t at,
                uint64_t i, uint8_t byte)
{
    IOByteCount length;

    switch (way) {
    case 0:
        store(owner, at + i, byte);
        break;
    case 1:
    case 2:
    case 3:
        store(IOMemoryMap_getAddressTask(maps[way - 1]), IOMemoryMap_getAddress(maps[way - 1]) + i,
              byte);
        break;
    case 4:
        assert_int_equal(IOMemoryDescriptor_writeBytes(memory, i, &byte, 1), 1);
        break;
    default:
        *(uint8_t *)phys_to_virt(
            paddr(IOMemoryDescriptor_getPhysicalSegment(memory, i, &length, 0))) = byte;
    }
}

#define WAYS 6

static void md_16_every_way_to_the_bytes(void **state)
{
    static const uint64_t places[] = {0, 1, PAGE_SIZE - 1, PAGE_SIZE, 2 * PAGE_SIZE - 1};

    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        const uint64_t at = new_pages(owner, 2, RW);
        IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
        IOMemoryDescriptor *same = of_kind(kind, memory);
        IOMemoryMap *maps[] = {map_all(same, other, 0), map_all(same, kernel_task, 0),
                               map_all(same, other, kIOMapUnique)};

        assert_int_equal(IOMemoryDescriptor_prepare(same, 0), kIOReturnSuccess);
        for (unsigned way = 0; way < WAYS; way++) {
            for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                const uint8_t byte = (uint8_t)(way * 40 + i + 1);
                IOByteCount length;
                uint8_t read;

                put(way, same, maps, at, places[i], byte);
                assert_int_equal(load(owner, at + places[i]), byte);
                for (unsigned k = 0; k < 3; k++) {
                    assert_int_equal(load(IOMemoryMap_getAddressTask(maps[k]),
                                          IOMemoryMap_getAddress(maps[k]) + places[i]),
                                     byte);
                }
                assert_int_equal(IOMemoryDescriptor_readBytes(same, places[i], &read, 1), 1);
                assert_int_equal(read, byte);
                assert_int_equal(
                    *(uint8_t *)phys_to_virt(
                        paddr(IOMemoryDescriptor_getPhysicalSegment(same, places[i], &length, 0))),
                    byte);
            }
        }
        /* From nothing: zeros, in all of them. */
        assert_int_equal(IOMemoryDescriptor_writeBytes(same, 1, NULL, 2 * PAGE_SIZE - 2),
                         2 * PAGE_SIZE - 2);
        for (unsigned k = 0; k < 3; k++) {
            assert_int_equal(load(IOMemoryMap_getAddressTask(maps[k]),
                                  IOMemoryMap_getAddress(maps[k]) + PAGE_SIZE),
                             0);
            assert_int_not_equal(
                load(IOMemoryMap_getAddressTask(maps[k]), IOMemoryMap_getAddress(maps[k])), 0);
            OSObject_release(maps[k]);
        }
        assert_int_equal(IOMemoryDescriptor_complete(same, 0), kIOReturnSuccess);
        OSObject_release(same);
        OSObject_release(memory);
    }
}

/* Nothing that the CPU would do with another processor's memory is done. */
static void md_27_the_cpu_refuses_remote_memory(void **state)
{
    IOAddressRange ranges[] = {{0x123456789abcd000, 0x3000}, {0xfff0000000000010, 7}};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        ranges, 2, kIODirectionOutIn | kIOMemoryRemote, TASK_NULL);

    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        IOMemoryDescriptor *same = of_kind(kind, memory);
        static const IOOptionBits options[] = {kIOMapAnywhere, kIOMapAnywhere | kIOMapUnique,
                                               kIOMapAnywhere | kIOMapReadOnly,
                                               kIOMapAnywhere | kIOMapReference};
        IOByteCount length;
        uint64_t at = ranges[0].address;
        char byte = 7;

        assert_non_null(same);
        assert_int_equal(IOMemoryDescriptor_prepare(same, 0), kIOReturnSuccess);
        for (uint64_t offset = 0; offset < 0x3007; offset += length) {
            at = offset < 0x3000 ? ranges[0].address + offset : ranges[1].address + offset - 0x3000;
            assert_int_equal(
                IOMemoryDescriptor_getPhysicalSegment(same, offset, &length, kIOMemoryMapperNone),
                at);
            assert_true(length != 0);
        }
        assert_int_equal(IOMemoryDescriptor_readBytes(same, 0, &byte, 1), 0);
        assert_int_equal(IOMemoryDescriptor_writeBytes(same, 0, &byte, 1), 0);
        assert_int_equal(byte, 7);
        assert_int_not_equal(
            IOMemoryDescriptor_performOperation(same, kIOMemoryIncoherentIOFlush, 0, 1),
            kIOReturnSuccess);
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
            const struct holdings before = holdings_now();

            assert_null(IOMemoryDescriptor_createMappingInTask(same, other, 0, options[i], 0, 0));
            assert_true(sim_holds(&before));
        }
        assert_int_equal(IOMemoryDescriptor_complete(same, 0), kIOReturnSuccess);
        OSObject_release(same);
    }
    OSObject_release(memory);
}

static void cd_16_marks_hold_up_the_children(void **state)
{
    (void)state;
    for (enum kind kind = SUB; kind < KINDS; kind++) {
        const uint64_t at = new_pages(owner, 2, RW);
        IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
        IOMemoryDescriptor *same = of_kind(kind, memory);

        assert_int_equal(IOMemoryDescriptor_prepare(same, 0), kIOReturnSuccess);
        for (unsigned depth = 1; depth < 3; depth++) {
            assert_int_equal(
                IOMemoryDescriptor_dmaCommandOperation(same, kIOMDSetDMAActive, NULL, 0),
                kIOReturnSuccess);
        }
        for (unsigned depth = 1; depth < 3; depth++) {
            assert_int_equal(IOMemoryDescriptor_complete(same, 0), kIOReturnBusy);
            assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnBusy);
            assert_int_equal(
                IOMemoryDescriptor_dmaCommandOperation(same, kIOMDSetDMAInactive, NULL, 0),
                kIOReturnSuccess);
        }
        assert_int_equal(IOMemoryDescriptor_complete(same, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
        OSObject_release(same);
        OSObject_release(memory);
    }
}

static enum mmu_memory mode_at(task_t task, uint64_t address)
{
    struct mmu_translation seen;

    load(task, address);
    assert_true(translate(task, address, &seen));
    return seen.attributes.memory;
}

static void al_12_there_and_back_keeps_the_data(void **state)
{
    const uint64_t at = new_pages(kernel_task, 3, RW);

    (void)state;
    fill(kernel_task, at, 3 * PAGE_SIZE, 7);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(IOSetProcessorCacheMode(kernel_task, at, 3 * PAGE_SIZE, kIOInhibitCache),
                         kIOReturnSuccess);
        for (uint64_t i = 0; i < 3 * PAGE_SIZE; i += 61) {
            assert_int_equal(load(kernel_task, at + i), pattern(i, 7));
        }
        assert_int_not_equal(mode_at(kernel_task, at + PAGE_SIZE), MMU_NORMAL);
        assert_int_equal(IOSetProcessorCacheMode(kernel_task, at, 3 * PAGE_SIZE, kIODefaultCache),
                         kIOReturnSuccess);
        for (uint64_t i = 0; i < 3 * PAGE_SIZE; i += 61) {
            assert_int_equal(load(kernel_task, at + i), pattern(i, 7));
        }
        assert_int_equal(mode_at(kernel_task, at + PAGE_SIZE), MMU_NORMAL);
    }
    remove_pages(kernel_task, at, 3);
}

/* A hole anywhere, or arguments that are no pages: no page has changed. */
static void al_12_refusals_change_no_page(void **state)
{
    const uint64_t at = new_pages(kernel_task, 5, RW);
    static const struct {
        uint64_t offset, length;
    } odd[] = {{1, PAGE_SIZE}, {0, PAGE_SIZE + 1}, {0, 100}, {PAGE_SIZE - 1, 1}};

    (void)state;
    fill(kernel_task, at, 5 * PAGE_SIZE, 3);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        assert_int_not_equal(IOSetProcessorCacheMode(kernel_task, at + odd[i].offset, odd[i].length,
                                                     kIOInhibitCache),
                             kIOReturnSuccess);
    }
    for (uint64_t hole = 1; hole < 5; hole += 3) {
        remove_pages(kernel_task, at + ptoa(hole), 1);
        assert_int_not_equal(
            IOSetProcessorCacheMode(kernel_task, at, 5 * PAGE_SIZE, kIOInhibitCache),
            kIOReturnSuccess);
        for (uint64_t page = 0; page < 5; page++) {
            if (page != 1 && page != hole) {
                assert_int_equal(mode_at(kernel_task, at + ptoa(page)), MMU_NORMAL);
            }
        }
    }
    remove_pages(kernel_task, at, 1);
    remove_pages(kernel_task, at + 2 * PAGE_SIZE, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(md_8_what_is_prepared_for_reading_only),
        MAP_TEST(md_11_release_gives_back_every_pin),
        MAP_TEST(md_16_every_way_to_the_bytes),
        MAP_TEST(md_27_the_cpu_refuses_remote_memory),
        MAP_TEST(cd_16_marks_hold_up_the_children),
        MAP_TEST(al_12_there_and_back_keeps_the_data),
        MAP_TEST(al_12_refusals_change_no_page),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
