/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * General descriptors, where their bytes are and what is done with them: the
 * checks MD-14 to MD-18, MD-27 and MD-31 to MD-33.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/host/sim/sim_cache.h"
#include "tests/host/sim/sim_fault.h"

#define DEVICE 0x9000000ull

/* Overlapping, repeated, empty, unaligned: the bytes come in the order of the array. */
static void md_14_segments_are_the_bytes(void **state)
{
    IOAddressRange ranges[] = {{pages_at + 100, 5000}, {pages_at, 0},
                               {pages_at + 100, 5000}, {pages_at + 5100, 1},
                               {pages_at + 50, 60},    {pages_at + 20000, 8000}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 6, kIODirectionOutIn, kernel_task);
    static uint8_t expected[20000], read[20000], walked[20000];
    IOByteCount total = 0, offset = 0, length;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        memcpy(expected + total, pages + (ranges[i].address - pages_at), ranges[i].length);
        total += ranges[i].length;
    }
    IOMemoryDescriptor_prepare(memory, 0);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, read, total), total);
    assert_memory_equal(read, expected, total);
    while (offset < total) {
        const addr64_t at =
            IOMemoryDescriptor_getPhysicalSegment(memory, offset, &length, kIOMemoryMapperNone);

        assert_true(length > 0 && length <= total - offset);
        for (size_t i = 0; i < length; i++) {
            walked[offset + i] = *((uint8_t *)phys_to_virt(paddr(at + i)));
        }
        offset += length;
    }
    assert_memory_equal(walked, expected, total);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, total + 1, &length, 0), 0);
    assert_int_equal(length, 0);
    IOMemoryDescriptor_complete(memory, 0);
    OSObject_release(memory);
}

static void md_15_copies_fit_or_do_not_happen(void **state)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddress((void *)(pages_at + 10), 9000, kIODirectionOutIn);
    static uint8_t bytes[9001], before[9000];

    (void)state;
    memcpy(before, pages + 10, 9000);
    memset(bytes, 0xaa, sizeof(bytes));
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, bytes, 9001), 0);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 1, bytes, 9000), 0);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 9000, bytes, 1), 0);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 9001, bytes, 0), 0);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 2, bytes, UINT64_MAX), 0);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, UINT64_MAX, bytes, 2), 0);
    assert_int_equal(bytes[0], 0xaa);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, NULL, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 1, bytes, 9000), 0);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 9000, bytes, 1), 0);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 8999, bytes, UINT64_MAX), 0);
    assert_memory_equal(pages + 10, before, 9000);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 8999, bytes, 1), 1);
    assert_int_equal(bytes[0], before[8999]);
    assert_int_equal(bytes[1], 0xaa);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 4000, bytes + 1, 200), 200);
    memset(before + 4000, 0xaa, 200);
    assert_memory_equal(pages + 10, before, 9000);
    OSObject_release(memory);
}

static void md_16_write_from_null_zeroes_and_flushes(void **state)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddress((void *)(pages_at), 9000, kIODirectionIn);
    static const uint8_t zeros[5000];
    const uint8_t neighbour = pages[5100];
    const uint64_t flushed = sim_cache.flushed;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 100, NULL, 5000), 5000);
    assert_memory_equal(pages + 100, zeros, 5000);
    assert_int_equal(pages[5100], neighbour);
    assert_int_equal(sim_cache.flushed - flushed, lines(100, 5000));
    OSObject_release(memory);
}

/* Where the caller's bytes are the described ones, it is as if copied one by one, upwards. */
static void overlapping_copies_go_upwards(void **state)
{
    uint8_t *ram = ((uint8_t *)phys_to_virt(paddr(physical_of(pages))));
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddress((void *)(pages_at), 64, kIODirectionOutIn);
    uint8_t expected[64];

    (void)state;
    /* Of every distance, in both directions, by reads and by stores. */
    for (size_t from = 0; from <= 32; from++) {
        for (unsigned reads = 0; reads < 2; reads++) {
            for (size_t i = 0; i < 64; i++) {
                expected[i] = ram[i] = (uint8_t)(i * 5 + from);
            }
            for (size_t i = 0; i < 32; i++) {
                expected[16 + i] = expected[from + i];
            }
            assert_int_equal(reads != 0 ? IOMemoryDescriptor_readBytes(memory, from, ram + 16, 32)
                                        : IOMemoryDescriptor_writeBytes(memory, 16, ram + from, 32),
                             32);
            assert_memory_equal(ram, expected, 64);
        }
    }
    OSObject_release(memory);
}

static void md_17_unprepared_memory(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 100, kIODirectionOutIn);
    IOByteCount length = 7;
    char byte = 7;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, 0, 1),
                     kIOReturnNotReady);
    assert_int_equal(byte, 7);
    OSObject_release(memory);
}

static void md_18_physical_zero(void **state)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(0, 0x4000000, 1);
    IOByteCount length;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0), 0);
    assert_int_equal(length, 0x4000000);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 5, &length, 0), 5);
    assert_int_equal(length, 0x3fffffb);
    OSObject_release(memory);
}

/* Nothing beside the described registers is touched. */
static void physical_device_memory(void **state)
{
    uint8_t *registers = sim_registers_attach(DEVICE, PAGE_SIZE);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(DEVICE + 3, 40, 3);
    const uint64_t flushed = sim_cache.flushed, cleaned = sim_cache.cleaned;
    uint8_t bytes[40];

    (void)state;
    for (size_t i = 0; i < 64; i++) {
        registers[i] = (uint8_t)i;
    }
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, bytes, 40), 40);
    assert_memory_equal(bytes, registers + 3, 40);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 1, NULL, 9), 9);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(registers[i], i >= 4 && i < 13 ? 0 : i);
    }
    /* No cache holds any of them: maintenance has nothing to do. */
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, 0, 40),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOStore, 0, 40),
                     kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed, flushed);
    assert_int_equal(sim_cache.cleaned, cleaned);
    OSObject_release(memory);
    /* Where nothing answers, the copy ends and says so. */
    memory = IOMemoryDescriptor_withPhysicalAddress(DEVICE + PAGE_SIZE - 4, 10, 3);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, bytes, 10), 4);
    assert_int_equal(IOMemoryLastError(), kIOReturnVMError);
    OSObject_release(memory);
    sim_registers_detach(DEVICE, PAGE_SIZE);
}

/* Registers are reached by the widest naturally aligned accesses, each of them once. */
static void widths_of_device_accesses(void **state)
{
    static const uint64_t expected[] = {3, 4, 8, 16, 24, 32, 40, 42};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(DEVICE + 3, 40, 3);
    static struct sim_accesses accesses;
    uint8_t bytes[40] = {0};

    (void)state;
    sim_registers_attach(DEVICE, PAGE_SIZE);
    for (unsigned write = 0; write < 2; write++) {
        if (!sim_registers_watch(DEVICE, PAGE_SIZE, &accesses)) {
            break;
        }
        if (write) {
            IOMemoryDescriptor_writeBytes(memory, 0, bytes, 40);
        } else {
            IOMemoryDescriptor_readBytes(memory, 0, bytes, 40);
        }
        sim_registers_unwatch();
        assert_int_equal(accesses.count, sizeof(expected) / sizeof(expected[0]));
        assert_memory_equal(accesses.offset, expected, sizeof(expected));
    }
    sim_registers_detach(DEVICE, PAGE_SIZE);
    OSObject_release(memory);
}

static void md_27_remote_memory(void **state)
{
    IOAddressRange ranges[] = {{0x123456789abcd000, 0x3000}, {0xfff0000000000010, 7}};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        ranges, 2, kIODirectionOutIn | kIOMemoryRemote, TASK_NULL);
    IOMemoryDescriptor *virtual = describe_pages(0, 10, kIODirectionIn | kIOMemoryRemote);
    IOMDDMAWalkSegmentArgs args = {.fMapped = 1};
    IOMDDMAWalkSegmentState walk = {0};
    IOByteCount length;
    char byte = 7;

    (void)state;
    assert_non_null(memory);
    assert_true(IOMemoryDescriptor_getFlags(memory) & kIOMemoryRemote);
    assert_true(IOMemoryDescriptor_getFlags(memory) & kIOMemoryMapperNone);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0),
                     0x123456789abcd000);
    assert_int_equal(length, 0x3000);
    assert_int_equal(
        IOMemoryDescriptor_getPhysicalSegment(memory, 0x3000, &length, kIOMemoryMapperNone),
        0xfff0000000000010);
    assert_int_equal(length, 7);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotAttached);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, 1, 0, 1), kIOReturnNotAttached);
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDFirstSegment, walk, sizeof(walk)),
        kIOReturnSuccess);
    memcpy(walk, &args, sizeof(args));
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDFirstSegment, walk, sizeof(walk)),
        kIOReturnNotAttached);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(virtual, 0), kIOReturnNotAttached);
    assert_int_equal(IOMemoryDescriptor_complete(virtual, 0), kIOReturnNotAttached);
    OSObject_release(virtual);
    OSObject_release(memory);
}

static void md_31_operations(void **state)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddress((void *)(pages_at), 9000, kIODirectionIn);
    const uint64_t flushed = sim_cache.flushed, cleaned = sim_cache.cleaned;

    (void)state;
    assert_int_equal(
        IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, 10, 50),
        kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed - flushed, lines(10, 50));
    assert_int_equal(
        IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOStore, 8000, UINT64_MAX),
        kIOReturnSuccess); /* clipped */
    assert_int_equal(sim_cache.cleaned - cleaned, lines(8000, 1000));
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, 1, 9000, 5), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, 1, 0, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, 1, 9001, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, 3, 0, 1), kIOReturnUnsupported);
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, kIOMemorySetEncrypted, 0, 1),
                     kIOReturnUnsupported);
    assert_int_equal(sim_cache.flushed - flushed, lines(10, 50));
    OSObject_release(memory);
}

static void md_32_dma_map_length(void **state)
{
    static const struct {
        uint64_t offset, length, expected;
    } cases[] = {
        {0, 1, 1},    {4095, 1, 1}, {4095, 2, 2}, {10, 4096, 2},
        {0, 4096, 1}, {1, 8191, 2}, {1, 8192, 3},
    };
    IOAddressRange apart[] = {{pages_at + 4090, 10}, {pages_at + 4110, 10}};
    IOAddressRange adjacent[] = {{pages_at + 4090, 10}, {pages_at + 4100, 10}};
    IOAddressRange top[] = {{UINT64_MAX - 100, 100}};
    IOMemoryDescriptor *memory;
    uint64_t offset;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memory = describe_pages(cases[i].offset, cases[i].length, kIODirectionIn);
        assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, &offset),
                         ptoa(cases[i].expected));
        assert_int_equal(offset, cases[i].offset);
        IOMemoryDescriptor_prepare(memory, 0);
        assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, NULL), ptoa(cases[i].expected));
        OSObject_release(memory);
    }
    memory = IOMemoryDescriptor_withAddressRanges(apart, 2, kIODirectionIn, kernel_task);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, &offset), ptoa(3));
    OSObject_release(memory);
    memory = IOMemoryDescriptor_withAddressRanges(adjacent, 2, kIODirectionIn, kernel_task);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, &offset), ptoa(2));
    assert_int_equal(offset, 4090);
    OSObject_release(memory);
    assert_null(IOMemoryDescriptor_withAddressRanges(top, 1, kIOMemoryRemote, TASK_NULL));
}

static void md_33_dma_command_operations(void **state)
{
    static const DMACommandOps with_data[] = {kIOMDWalkSegments,
                                              kIOMDFirstSegment,
                                              kIOMDGetCharacteristics,
                                              kIOMDGetCharacteristicsMapped,
                                              kIOMDAddDMAMapSpec,
                                              kIOMDDMAMap,
                                              kIOMDDMAUnmap};
    IOMemoryDescriptor *memory = describe_pages(10, ptoa(2), kIODirectionIn);
    IOMDDMAWalkSegmentState walk = {0};
    IOMDDMAWalkSegmentArgs args;
    IOMDDMACharacteristics what;
    IOByteCount total = 0;
    IOReturn status;

    (void)state;
    memset(&what, 0xee, sizeof(what));
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics, &what,
                                                            sizeof(what) - 1),
                     kIOReturnUnderrun);
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDWalkSegments, walk, sizeof(walk) - 1),
        kIOReturnUnderrun);
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, 0x07000000, walk, 128),
                     kIOReturnBadArgument);
    for (size_t i = 0; i < sizeof(with_data) / sizeof(with_data[0]); i++) {
        assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, with_data[i], NULL, 128),
                         kIOReturnBadArgument);
    }
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDWalkSegments, walk, sizeof(walk)),
        kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics, &what,
                                                            sizeof(what)),
                     kIOReturnSuccess);
    assert_int_equal(what.fLength, ptoa(2));
    assert_int_equal(what.fSGCount, 1);
    assert_int_equal(what.fPages, 3);
    assert_int_equal(what.fDirection, kIODirectionIn);
    assert_int_equal(what.fIsPrepared, 0);
    assert_int_equal(what.fHighestPage, 0); /* not known */
    assert_int_equal(what.fPageAlign, 0);
    IOMemoryDescriptor_prepare(memory, 0);
    IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristicsMapped, &what,
                                           sizeof(what));
    assert_int_equal(what.fIsPrepared, 1);
    assert_true(what.fHighestPage >= atop(physical_of(pages)));
    while ((status = IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDWalkSegments, walk,
                                                            sizeof(walk))) == kIOReturnSuccess) {
        memcpy(&args, walk, sizeof(args));
        assert_int_equal(args.fIOVMAddr, physical_of(pages + 10 + total));
        total += args.fLength;
        assert_int_equal(args.fOffset, total);
    }
    assert_int_equal(status, kIOReturnOverrun);
    assert_int_equal(total, ptoa(2));
    args.fOffset = total + 1;
    memcpy(walk, &args, sizeof(args));
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDFirstSegment, walk, sizeof(walk)),
        kIOReturnInternalError);
    /* Active marks nest and are counted. */
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAInactive, NULL, 0),
                     kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAActive, NULL, 0),
                     kIOReturnSuccess);
    memory->dmaActive = UINT32_MAX;
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAActive, NULL, 0),
                     kIOReturnNoResources);
    memory->dmaActive = 0;
    OSObject_release(memory);
}

static void md_33_contiguous_characteristics(void **state)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withPhysicalAddress(0x40000123, 0x3000, kIODirectionOut);
    IOMDDMACharacteristics what;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics, &what,
                                                            sizeof(what)),
                     kIOReturnSuccess);
    assert_int_equal(what.fPageAlign, 0xfffff123);
    assert_int_equal(what.fHighestPage, 0x40003);
    assert_int_equal(what.fPages, 4);
    assert_int_equal(what.fIsPrepared, 1);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(md_14_segments_are_the_bytes),
        WITH_PAGES(md_15_copies_fit_or_do_not_happen),
        WITH_PAGES(md_16_write_from_null_zeroes_and_flushes),
        WITH_PAGES(overlapping_copies_go_upwards),
        WITH_PAGES(md_17_unprepared_memory),
        WITH_PAGES(md_18_physical_zero),
        WITH_PAGES(physical_device_memory),
        WITH_PAGES(widths_of_device_accesses),
        WITH_PAGES(md_27_remote_memory),
        WITH_PAGES(md_31_operations),
        WITH_PAGES(md_32_dma_map_length),
        WITH_PAGES(md_33_dma_command_operations),
        WITH_PAGES(md_33_contiguous_characteristics),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
