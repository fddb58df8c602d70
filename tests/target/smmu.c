/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max ram64g ram64m ram8g
// BUILDS: default:gcc-release default:clang-debug smmu:clang-release el2v3:gcc-debug-monitored
// QEMU: -machine iommu=smmuv3
// QEMU: -device edu,addr=3.0 -device edu,addr=5.0 -device edu,addr=7.0
/*
 * Devices behind the SMMU: where they get, and where not. The second edu is driven by hand, with a
 * mapper; the third by hand, and nobody has asked for its mapper. How the machine was entered or
 * booted is nothing to a device on PCI.
 */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "drivers/edu/edu.h"
#include "drivers/edu/edu_private.h"
#include "drivers/smmuv3/smmuv3.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
#include "kernel/timer.h"
#include "tests/lib/mapper_of.h"
#include "tests/target/dma_client.h"

#define BOTH     (kIODMAMapReadAccess | kIODMAMapWriteAccess)
#define NOWHERE  0x05678000ull /* an I/O address that nobody maps */
#define CANARY   0xa5
#define PATIENCE 2000000000ull /* nanoseconds; a transfer takes 100 ms */

static struct edu *device;

/* A function that the test drives by its registers. */
struct bare {
    struct pci_function *function;
    volatile void *registers;
    IOMapper *mapper;
};
static struct bare mapped, unclaimed;

static struct pci_function *edu_at(unsigned slot)
{
    struct pci_function *function = NULL;
    struct pci_info info;

    while ((function = pci_find(EDU_VENDOR, EDU_DEVICE, function)) != NULL) {
        pci_get_info(function, &info);
        if (info.slot == slot) {
            return function;
        }
    }
    return NULL;
}

/* What lasts as long as the image is made before the tests begin. */
static void prepare(void)
{
    mapped.function = edu_at(5);
    unclaimed.function = edu_at(7);
    if (mapped.function == NULL || unclaimed.function == NULL) {
        return;
    }
    pci_claim(mapped.function, "a test");
    pci_claim(unclaimed.function, "a test");
    mapped.registers = pci_map_bar(mapped.function, 0, 0, EDU_REGISTERS);
    unclaimed.registers = pci_map_bar(unclaimed.function, 0, 0, EDU_REGISTERS);
    mapped.mapper = mapper_of(mapped.function);
    pci_enable(mapped.function, PCI_MEMORY | PCI_MASTER);
    /* Behind the bus's back: a device that firmware has left running. */
    pci_config_write16(unclaimed.function, 4, PCI_MEMORY | PCI_MASTER);
    device = edu_get(0);
    if (device != NULL) {
        edu_get_service(device);
    }
}

INITIALISER(INIT_CLASS, prepare);

/* --- By hand ------------------------------------------------------------------------------------
 */

static bool move(const struct bare *bare, uint64_t address, unsigned position, unsigned length,
                 bool to_memory)
{
    const uint64_t end = timer_now() + PATIENCE, here = EDU_MEMORY + position;

    mmio_write64(bare->registers, EDU_SOURCE, to_memory ? here : address);
    mmio_write64(bare->registers, EDU_TARGET, to_memory ? address : here);
    mmio_write64(bare->registers, EDU_COUNT, length);
    mmio_write64(bare->registers, EDU_COMMAND, COMMAND_START | (to_memory ? COMMAND_TO_MEMORY : 0));
    while ((mmio_read64(bare->registers, EDU_COMMAND) & COMMAND_START) != 0) {
        if (timer_now() > end) {
            return false;
        }
    }
    return true;
}

static struct smmu_counters counters_before;
static IOMapperFault fault;
static unsigned faults;

static void hear(void *context, IOMapper *mapper, const IOMapperFault *heard)
{
    (void)context, (void)mapper;
    fault = *heard;
    faults++;
}

static void listen(IOMapper *mapper)
{
    IOMapper_forgetFaults(mapper);
    IOMapper_setFaultHandler(mapper, hear, NULL);
    faults = 0;
    smmu_get_counters(&counters_before);
}

/* Reports and accesses since listen; the interrupt of the last is given time to come. */
static uint64_t reports(uint64_t *events)
{
    struct smmu_counters now;

    timer_delay(1000000);
    smmu_get_counters(&now);
    EXPECT_EQ(now.lost, counters_before.lost);
    if (events != NULL) {
        *events = now.events - counters_before.events;
    }
    return now.reports - counters_before.reports;
}

/* Pages in a row, all canaries. */
#define PAGES 4
static uint8_t *memory_new(paddr_t *first)
{
    uint8_t *bytes;

    ASSERT_EQ(page_alloc(2, PAGE_OWNER_IMAGE, first), KERN_SUCCESS);
    bytes = phys_to_virt(*first);
    memset(bytes, CANARY, ptoa(PAGES));
    return bytes;
}

static void memory_free(paddr_t first)
{
    EXPECT_EQ(page_free(first, 2), KERN_SUCCESS);
}

static bool all_are(const uint8_t *bytes, uint64_t length, uint8_t value)
{
    for (uint64_t i = 0; i < length; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

/* --- Tests --------------------------------------------------------------------------------------
 */

TEST(the_unit_is_there)
{
    struct smmu_usage usage;

    ASSERT_TRUE(smmu_present());
    ASSERT_TRUE(device != NULL && mapped.mapper != NULL);
    ASSERT_TRUE(smmu_get_usage(mapped.mapper, &usage));
    EXPECT_EQ(usage.stream, 5 << 3);
    EXPECT_EQ(IOMapper_translate(mapped.mapper, NOWHERE, BOTH, &counters_before.events, NULL),
              kIOReturnNotFound);
}

/* MP-12, of the functions of this machine: one object each, the same whenever it is asked for. */
TEST(mp_12_functions_have_mappers_of_their_own)
{
    IOMapper *first = mapper_of(mapped.function);
    IOMapper *again = IOMapper_copyMapperForDevice(pci_get_service(mapped.function));
    IOMapper *other = mapper_of(edu_get_function(device));

    EXPECT_EQ(first, mapped.mapper);
    EXPECT_EQ(again, first);
    EXPECT_NE(other, first);
    OSObject_release(first);
    OSObject_release(again);
    OSObject_release(other);
}

/* MP-16: it masters the bus, and nobody has asked for its mapper. */
TEST(mp_16_a_device_without_a_driver_reaches_nothing)
{
    paddr_t first;
    uint8_t *bytes = memory_new(&first);

    /* 28 bits of this address are left, which RAM does not have either. */
    listen(mapped.mapper);
    ASSERT_TRUE(move(&unclaimed, first.value, 0, 64, true));
    EXPECT_EQ(reports(NULL), 1);
    EXPECT_TRUE(all_are(bytes, ptoa(PAGES), CANARY));
    memory_free(first);
}

TEST(a_mapped_page_is_reached_and_an_unmapped_one_is_not)
{
    paddr_t first;
    uint8_t *bytes = memory_new(&first);
    uint64_t events;
    ioaddr_t at;

    ASSERT_EQ(smmu_map(mapped.mapper, first, PAGE_SIZE, BOTH, EDU_ADDRESS_BITS, &at),
              kIOReturnSuccess);
    EXPECT_NE(at.value, first.value);
    listen(mapped.mapper);
    memset(bytes, 0x5a, 256);
    ASSERT_TRUE(move(&mapped, at.value, 128, 256, false));
    ASSERT_TRUE(move(&mapped, at.value + 1000, 128, 256, true));
    EXPECT_TRUE(all_are(bytes + 1000, 256, 0x5a));
    EXPECT_TRUE(all_are(bytes + 1256, ptoa(PAGES) - 1256, CANARY));
    EXPECT_EQ(reports(NULL), 0);
    /* Nobody maps this one. */
    ASSERT_TRUE(move(&mapped, NOWHERE + 8, 128, 256, true));
    EXPECT_EQ(reports(&events), 1);
    EXPECT_EQ(events, 64);
    EXPECT_EQ(faults, 1);
    EXPECT_EQ(fault.address, NOWHERE + 8);
    EXPECT_EQ(fault.access, kIODMAMapWriteAccess);
    EXPECT_EQ(fault.reason, kIOReturnNotFound);
    /* The unit has seen the page; now it is taken away. */
    ASSERT_EQ(smmu_unmap(mapped.mapper, at, PAGE_SIZE), kIOReturnSuccess);
    memset(bytes, CANARY, PAGE_SIZE);
    ASSERT_TRUE(move(&mapped, at.value, 128, 256, true));
    EXPECT_EQ(reports(NULL), 2);
    EXPECT_EQ(fault.address, at.value);
    EXPECT_TRUE(all_are(bytes, ptoa(PAGES), CANARY));
    memory_free(first);
}

/* The last bytes of a buffer arrive, and not one behind them. */
TEST(the_page_after_a_buffer_is_not_reached)
{
    paddr_t first;
    uint8_t *bytes = memory_new(&first);
    ioaddr_t at, neighbour;

    ASSERT_EQ(smmu_map(mapped.mapper, first, PAGE_SIZE, BOTH, EDU_ADDRESS_BITS, &at),
              kIOReturnSuccess);
    listen(mapped.mapper);
    ASSERT_TRUE(move(&mapped, at.value + PAGE_SIZE - 128, 128, 256, true));
    EXPECT_EQ(reports(NULL), 1);
    EXPECT_EQ(fault.address, at.value + PAGE_SIZE);
    EXPECT_TRUE(all_are(bytes + PAGE_SIZE, ptoa(PAGES - 1), CANARY));
    EXPECT_FALSE(all_are(bytes + PAGE_SIZE - 128, 128, CANARY));
    /* Three in a row, of which the middle one goes: both neighbours stay. */
    ASSERT_EQ(smmu_map(mapped.mapper, paddr_add(first, PAGE_SIZE), PAGE_SIZE, BOTH, 28, &neighbour),
              kIOReturnSuccess);
    EXPECT_EQ(neighbour.value, at.value + PAGE_SIZE);
    ASSERT_TRUE(move(&mapped, at.value + PAGE_SIZE - 128, 128, 256, true));
    EXPECT_EQ(reports(NULL), 1);
    ASSERT_EQ(smmu_unmap(mapped.mapper, at, PAGE_SIZE), kIOReturnSuccess);
    memset(bytes, CANARY, ptoa(PAGES));
    IOMapper_forgetFaults(mapped.mapper);
    ASSERT_TRUE(move(&mapped, at.value + PAGE_SIZE - 128, 128, 256, true));
    EXPECT_EQ(reports(NULL), 2);
    EXPECT_TRUE(all_are(bytes, PAGE_SIZE, CANARY));
    EXPECT_FALSE(all_are(bytes + PAGE_SIZE, 128, CANARY));
    EXPECT_EQ(smmu_unmap(mapped.mapper, neighbour, PAGE_SIZE), kIOReturnSuccess);
    memory_free(first);
}

TEST(what_is_mapped_for_reading_is_not_written)
{
    paddr_t first;
    uint8_t *bytes = memory_new(&first);
    ioaddr_t at;

    ASSERT_EQ(smmu_map(mapped.mapper, first, PAGE_SIZE, kIODMAMapReadAccess, 28, &at),
              kIOReturnSuccess);
    listen(mapped.mapper);
    ASSERT_TRUE(move(&mapped, at.value, 0, 256, false));
    EXPECT_EQ(reports(NULL), 0);
    ASSERT_TRUE(move(&mapped, at.value + 64, 512, 256, true));
    EXPECT_EQ(reports(NULL), 1);
    EXPECT_EQ(fault.reason, kIOReturnNotPermitted);
    EXPECT_EQ(fault.address, at.value + 64);
    EXPECT_TRUE(all_are(bytes, ptoa(PAGES), CANARY));
    EXPECT_EQ(smmu_unmap(mapped.mapper, at, PAGE_SIZE), kIOReturnSuccess);
    memory_free(first);
}

/* A page of a block is exchanged, and the device sees the new one and the old ones around it. */
TEST(a_page_of_a_block_is_exchanged)
{
    const struct page_request request = {
        .count = 512, .alignment = 2 << 20, .owner = PAGE_OWNER_IMAGE};
    uint64_t at = 0, size, last, other;
    IOMemoryDescriptor *memory;
    uint8_t *bytes, *inserted;
    IOAddressRange range;
    paddr_t first, page;
    ioaddr_t low;

    ASSERT_EQ(page_alloc_run(&request, &first), KERN_SUCCESS);
    inserted = memory_new(&page);
    bytes = phys_to_virt(first);
    /* What the device has: something else than canaries. */
    ASSERT_EQ(smmu_map(mapped.mapper, page, PAGE_SIZE, BOTH, 28, &low), kIOReturnSuccess);
    memset(inserted, 0x11, 256);
    ASSERT_TRUE(move(&mapped, low.value, 0, 256, false));
    ASSERT_EQ(smmu_unmap(mapped.mapper, low, PAGE_SIZE), kIOReturnSuccess);
    memset(inserted, CANARY, 256);
    memset(bytes, CANARY, 3 * PAGE_SIZE);
    range = (IOAddressRange){first.value, 2 << 20};
    memory = IOMemoryDescriptor_withAddressRanges(&range, 1, kIODirectionOutIn, TASK_NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    ASSERT_EQ(IOMapper_iovmMapMemory(
                  mapped.mapper, memory, 0, 2 << 20, BOTH | kIODMAMapPhysicallyContiguous,
                  &(IODMAMapSpecification){.numAddressBits = 28}, NULL, NULL, &at, &size),
              kIOReturnSuccess);
    EXPECT_EQ(at % (2 << 20), 0);
    listen(mapped.mapper);
    ASSERT_TRUE(move(&mapped, at + PAGE_SIZE - 64, 0, 128, true));
    EXPECT_FALSE(all_are(bytes + PAGE_SIZE - 64, 128, CANARY));
    memset(bytes, CANARY, 3 * PAGE_SIZE);
    ASSERT_EQ(IOMapper_iovmInsert(mapped.mapper, 0, at, PAGE_SIZE, page.value, PAGE_SIZE),
              kIOReturnSuccess);
    ASSERT_TRUE(move(&mapped, at + PAGE_SIZE - 64, 0, 128, true));
    ASSERT_TRUE(move(&mapped, at + 2 * PAGE_SIZE - 64, 0, 128, true));
    EXPECT_EQ(reports(NULL), 0);
    EXPECT_TRUE(all_are(bytes + PAGE_SIZE, PAGE_SIZE, CANARY));
    EXPECT_FALSE(all_are(bytes + PAGE_SIZE - 64, 64, CANARY));
    EXPECT_FALSE(all_are(bytes + 2 * PAGE_SIZE, 64, CANARY));
    EXPECT_FALSE(all_are(inserted, 64, CANARY));
    EXPECT_FALSE(all_are(inserted + PAGE_SIZE - 64, 64, CANARY));
    EXPECTS_REPORT(5);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(mapped.mapper, memory, NULL, at, PAGE_SIZE),
              kIOReturnNotFound);
    EXPECT_EQ(IOMapper_translate(mapped.mapper, at + PAGE_SIZE, BOTH, &other, &last),
              kIOReturnSuccess);
    EXPECT_EQ(other, page.value);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(mapped.mapper, memory, NULL, at, size), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    memory_free(page);
    EXPECT_EQ(page_free_run(first, request.count), KERN_SUCCESS);
}

/*
 * N14: of two blocks, with words in them that look like tables' entries, nothing is unmapped but
 * the whole; every page translates to its place, and a device sees what is there.
 */
TEST(n14_blocks_are_unmapped_whole)
{
    const uint64_t bytes_of_all = 4 << 20, entry = 0x40000000 | 0xf03;
    const struct page_request request = {
        .count = 1024, .alignment = 2 << 20, .owner = PAGE_OWNER_IMAGE};
    const uint64_t wrong[][2] = {{PAGE_SIZE, PAGE_SIZE},
                                 {0, PAGE_SIZE},
                                 {0, 2 << 20},
                                 {2 << 20, 2 << 20},
                                 {0, (4 << 20) - PAGE_SIZE}};
    uint64_t at = 0, size, physical, length;
    IOMemoryDescriptor *memory;
    IOAddressRange range;
    uint64_t *words;
    paddr_t first;

    ASSERT_EQ(page_alloc_run(&request, &first), KERN_SUCCESS);
    words = phys_to_virt(first);
    for (uint64_t i = 0; i < bytes_of_all / sizeof(*words); i++) {
        words[i] = entry + i * PAGE_SIZE;
    }
    range = (IOAddressRange){first.value, bytes_of_all};
    memory = IOMemoryDescriptor_withAddressRanges(&range, 1, kIODirectionOutIn, TASK_NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    ASSERT_EQ(IOMapper_iovmMapMemory(
                  mapped.mapper, memory, 0, bytes_of_all, BOTH | kIODMAMapPhysicallyContiguous,
                  &(IODMAMapSpecification){.numAddressBits = 28}, NULL, NULL, &at, &size),
              kIOReturnSuccess);
    EXPECT_EQ(at % (2 << 20), 0);
    EXPECT_EQ(size, bytes_of_all);
    listen(mapped.mapper);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        EXPECTS_REPORT(5);
        EXPECT_EQ(
            IOMapper_iovmUnmapMemory(mapped.mapper, memory, NULL, at + wrong[i][0], wrong[i][1]),
            kIOReturnNotFound);
    }
    for (uint64_t page = 0; page < bytes_of_all; page += PAGE_SIZE) {
        ASSERT_EQ(IOMapper_translate(mapped.mapper, at + page, BOTH, &physical, &length),
                  kIOReturnSuccess);
        ASSERT_EQ(physical, first.value + page);
        ASSERT_EQ(length, bytes_of_all - page);
    }
    /* From one page to another, each in a block of its own, and no walk through what they hold. */
    ASSERT_TRUE(move(&mapped, at + PAGE_SIZE, 0, 512, false));
    ASSERT_TRUE(move(&mapped, at + (3 << 20), 0, 512, true));
    EXPECT_TRUE(memcmp(words + PAGE_SIZE / 8, words + (3 << 20) / 8, 512) == 0);
    EXPECT_EQ(words[(3 << 20) / 8 - 1], entry + ((3 << 20) / 8 - 1) * PAGE_SIZE);
    EXPECT_EQ(words[((3 << 20) + 512) / 8], entry + ((3 << 20) + 512) / 8 * PAGE_SIZE);
    EXPECT_EQ(reports(NULL), 0);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(mapped.mapper, memory, NULL, at, size), kIOReturnSuccess);
    EXPECT_EQ(IOMapper_translate(mapped.mapper, at + PAGE_SIZE, 0, &physical, &length),
              kIOReturnNotFound);
    EXPECT_EQ(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    EXPECT_EQ(page_free_run(first, request.count), KERN_SUCCESS);
}
