/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 ram64m
// FILE: words 1M words
// QEMU: -machine iommu=smmuv3
// QEMU: -blockdev driver=file,filename=$FILES/words,node-name=disk0
// QEMU: -device virtio-blk-pci,drive=disk0,disable-legacy=on,iommu_platform=on
// QEMU: -blockdev driver=null-co,node-name=disk1,size=1048576,read-zeroes=on
// QEMU: -device nvme,serial=a,drive=disk1
// QEMU: -device pcie-root-port,id=q,chassis=3,addr=8.0 -device edu,bus=q
// QEMU: -device pcie-root-port,id=p,chassis=1,addr=9.0 -device x3130-upstream,id=u,bus=p
// QEMU: -device xio3130-downstream,id=d,chassis=2,bus=u -device edu,bus=d
// QEMU: -device edu,addr=b.0
/*
 * Page by page: what a device reaches while it is mapped, and no more when it is not. The device
 * is a disk whose ring is the test's, since a disk can be told to access single bytes anywhere.
 */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMACommand.h"
#include "drivers/edu/edu_private.h"
#include "drivers/nvme/nvme.h"
#include "drivers/smmuv3/smmuv3.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
#include "tests/target/dma_client.h"

#define BOTH      (kIODMAMapReadAccess | kIODMAMapWriteAccess)
#define CANARY    0xa5
#define SECTOR    512u
#define LOOKS     10000000u /* at the ring, for an answer */
#define EDU_RAISE 0x60
#define EDU_QUIET 0x64
#define RUN       1100u /* pages of memory in a row */
#define AT_ONCE   200u  /* places that one request accesses */

static struct {
    struct virtio_device *device;
    struct virtq *queue;
    struct virtio_mapping own; /* one page: header, status, and bytes that nobody looks at */
    char *page;
    paddr_t physical;
} mover;

static paddr_t memory;               /* RUN pages */
static struct pci_function *edus[3]; /* on bus 0, on bus 1, and on the highest */
static volatile void *edu_registers[3];
static volatile unsigned faults, messages;
static IOMapperFault fault;

static void told(void *context, unsigned vector)
{
    (void)context, (void)vector;
    messages++;
}

static void ignore_change(void *context)
{
    (void)context;
}

/* The disk's driver gives it up for good, before the tests: they find it as it stays. */
static void prepare(void)
{
    const struct page_request run = {.count = RUN, .alignment = 2 << 20, .owner = PAGE_OWNER_IMAGE};
    const uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM;
    struct virtq_setup setup = {.size = 256, .chain_entries = 256, .narrow_doorbell = true};
    struct pci_function *function = NULL;

    for (unsigned i = 0; i < 3 && (function = pci_find(EDU_VENDOR, EDU_DEVICE, function)) != NULL;
         i++) {
        edus[i] = function;
        pci_claim(function, "a test");
        edu_registers[i] = pci_map_bar(function, 0, 0, EDU_REGISTERS);
    }
    if (nvme_count() == 1 && edus[2] != NULL) {
        unsigned granted;

        nvme_get_service(nvme_get(0));
        OSObject_release(pci_copy_mapper(edus[0]));
        /* What the interrupt controller keeps of messages. */
        pci_allocate_vectors(edus[0], 1, 1, PCI_MSI, &granted);
        pci_free_vectors(edus[0]);
    }
    if (virtio_blk_count() != 1 || page_alloc_run(&run, &memory) != KERN_SUCCESS) {
        return;
    }
    mover.device = virtio_blk_get(0)->device;
    virtio_detach(mover.device);
    setup.mapper = mover.device->mapper;
    if (virtio_negotiate(mover.device, features, features) != kIOReturnSuccess ||
        virtio_attach(mover.device, told, ignore_change, NULL) != kIOReturnSuccess) {
        mover.device = NULL;
        return;
    }
    setup.doorbell = virtio_doorbell(mover.device, 0);
    setup.mapper = mover.device->mapper;
    if (page_alloc(0, PAGE_OWNER_IMAGE, &mover.physical) != KERN_SUCCESS ||
        virtq_create(&setup, &mover.queue) != kIOReturnSuccess ||
        virtio_start_queue(mover.device, mover.queue) != kIOReturnSuccess ||
        virtio_ready(mover.device) != kIOReturnSuccess) {
        mover.device = NULL;
        return;
    }
    mover.page = phys_to_virt(mover.physical);
    virtio_map(setup.mapper, virt_to_phys(mover.page), 1, &mover.own);
}

INITIALISER(INIT_CLASS, prepare);

static IOMapper *mapper(void)
{
    ASSERT_TRUE(mover.device != NULL && mover.device->mapper != NULL);
    return mover.device->mapper;
}

static void hear(void *context, IOMapper *from, const IOMapperFault *heard)
{
    (void)context, (void)from;
    fault = *heard;
    faults++;
}

static void listen(void)
{
    IOMapper_collectFaults(mapper());
    IOMapper_forgetFaults(mapper());
    IOMapper_setFaultHandler(mapper(), hear, NULL);
    faults = 0;
}

/* Faults since listen; what the unit has recorded is told at once. */
static unsigned heard(void)
{
    IOMapper_collectFaults(mapper());
    return faults;
}

/*
 * The device reads from the disk's first sectors into `count` places, one byte each from `at`
 * on and `stride` apart, or writes them from there to the sector `to`.
 */
static void access_bytes(uint64_t at, uint64_t stride, unsigned count, unsigned length,
                         bool to_memory)
{
    const paddr_t own = paddr(mover.own.address);
    const unsigned moved = count * length, rest = (SECTOR - moved % SECTOR) % SECTOR;
    const unsigned flags = VIRTQ_NEXT | (to_memory ? VIRTQ_WRITE : 0);
    struct virtq_chain chain = {0};
    struct virtq_used used = {0};
    bool done = false;

    memset(mover.page, 0, 16);
    ((uint32_t *)mover.page)[0] = to_memory ? VIRTIO_BLK_READ : VIRTIO_BLK_WRITE;
    ((uint64_t *)mover.page)[1] = 100; /* where the pattern has no zeros and no canaries */
    ASSERT_EQ(virtq_begin(mover.queue, &chain), kIOReturnSuccess);
    virtq_chain_add(&chain, own, 16, VIRTQ_NEXT);
    for (unsigned i = 0; i < count; i++) {
        virtq_chain_add(&chain, paddr(at + i * stride), length, flags);
    }
    if (rest != 0) {
        virtq_chain_add(&chain, paddr_add(own, 1024), rest, flags);
    }
    virtq_chain_add(&chain, paddr_add(own, 16), 1, VIRTQ_WRITE);
    virtq_submit(mover.queue, &chain, &mover);
    virtq_publish(mover.queue);
    for (unsigned i = 0; i < LOOKS && !done; i++) {
        done = virtq_take(mover.queue, &used);
    }
    ASSERT_TRUE(done);
}

static void touch(uint64_t at)
{
    access_bytes(at, 0, 1, 1, true);
}

static uint8_t *byte_at(uint64_t offset)
{
    return (uint8_t *)phys_to_virt(memory) + offset;
}

/* Words of the memory that are not canaries all over. */
static uint64_t changed_words(uint64_t bytes)
{
    const uint64_t *words = phys_to_virt(memory);
    uint64_t changed = 0;

    for (uint64_t i = 0; i < bytes / sizeof(*words); i++) {
        changed += words[i] != CANARY * 0x0101010101010101ull;
    }
    return changed;
}

/* --- N13: an unmapping reaches every page of the range, and none beside it ----------------------
 */

static uint64_t map_pages(uint64_t first, uint64_t pages)
{
    ioaddr_t at;

    ASSERT_EQ(smmu_map(mapper(), paddr_add(memory, ptoa(first)), ptoa(pages), BOTH, 0, &at),
              kIOReturnSuccess);
    return at.value;
}

/* Of `pages`, every `step`-th, the last, and what is beside a power of two. */
static bool is_looked_at(uint64_t page, uint64_t pages, uint64_t step)
{
    return page % step == 0 || page + 1 == pages || is_power_of_two(page) ||
           is_power_of_two(page + 1);
}

static void unmap_range(uint64_t pages, bool odd)
{
    const uint64_t step = pages <= 65 ? 1 : 101;
    const uint64_t pad = map_pages(0, 1 + odd), left = map_pages(2, 1);
    const uint64_t at = map_pages(3, pages), right = map_pages(3 + pages, 1);
    unsigned looks = 0;

    TEST_NOTE("%u pages, %u", (unsigned)pages, odd);
    /* First fit: neighbours in I/O addresses, too. */
    ASSERT_EQ(at, left + PAGE_SIZE);
    ASSERT_EQ(right, at + ptoa(pages));
    memset(byte_at(0), CANARY, ptoa(pages + 4));
    listen();
    for (uint64_t first = 0; first < pages; first += AT_ONCE) {
        const uint64_t count = pages - first < AT_ONCE ? pages - first : AT_ONCE;

        access_bytes(at + ptoa(first) + first % 4096, PAGE_SIZE, (unsigned)count, 1, true);
        for (uint64_t i = 0; i < count; i++) {
            EXPECT_NE(*byte_at(ptoa(3 + first + i) + first % 4096), CANARY);
        }
    }
    touch(left);
    touch(right);
    EXPECT_EQ(heard(), 0);
    memset(byte_at(0), CANARY, ptoa(pages + 4));
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(at), ptoa(pages)), kIOReturnSuccess);
    for (uint64_t page = 0; page < pages; page++) {
        if (is_looked_at(page, pages, step)) {
            /* Only some of the unit's reports are kept apart at once. */
            IOMapper_forgetFaults(mapper());
            touch(at + ptoa(page) + page);
            EXPECT_EQ(heard(), ++looks);
            EXPECT_EQ(fault.address, at + ptoa(page) + page);
            EXPECT_EQ(fault.reason, kIOReturnNotFound);
        }
    }
    touch(left + 7);
    touch(right + 7);
    EXPECT_EQ(heard(), looks);
    EXPECT_NE(*byte_at(ptoa(2) + 7), CANARY);
    EXPECT_NE(*byte_at(ptoa(3 + pages) + 7), CANARY);
    *byte_at(ptoa(2) + 7) = *byte_at(ptoa(3 + pages) + 7) = CANARY;
    EXPECT_EQ(changed_words(ptoa(pages + 4)), 0);
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(left), PAGE_SIZE), kIOReturnSuccess);
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(right), PAGE_SIZE), kIOReturnSuccess);
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(pad), ptoa(1 + odd)), kIOReturnSuccess);
}

TEST(n13_every_page_of_a_range_is_forgotten)
{
    static const uint16_t sizes[] = {1, 2, 31, 32, 33, 63, 65, 511, 512, 513, 1025};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unmap_range(sizes[i], false);
        if (sizes[i] <= 65) {
            unmap_range(sizes[i], true);
        }
    }
}

/* --- N20: the last byte counts from the first one's place in its page ----------------------------
 */

TEST(n20_every_byte_translates)
{
    static const struct {
        uint64_t offset, length;
    } cases[] = {{4080, 17}, {1, 4096},      {4095, 2},     {0xf00, 4352},
                 {0, 4096},  {0x123, 16384}, {0xfff, 65536}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* Two runs with a hole: the second half lies behind it. */
        const uint64_t half = cases[i].length / 2, there = ptoa(32) + cases[i].offset;
        IOAddressRange ranges[2] = {{memory.value + cases[i].offset, cases[i].length - half},
                                    {memory.value + there, half}};
        const unsigned count = i < 5 ? 1 : 2;
        uint64_t at, size, physical, bytes;
        IOMemoryDescriptor *described;

        TEST_NOTE("offset %u, length %u", (unsigned)cases[i].offset, (unsigned)cases[i].length);
        ranges[0].length = count == 1 ? cases[i].length : ranges[0].length;
        memset(byte_at(0), CANARY, ptoa(64));
        described =
            IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, TASK_NULL);
        ASSERT_TRUE(described != NULL);
        ASSERT_EQ(IOMemoryDescriptor_prepare(described, kIODirectionNone), kIOReturnSuccess);
        ASSERT_EQ(IOMapper_iovmMapMemory(mapper(), described, 0, cases[i].length, BOTH, NULL, NULL,
                                         NULL, &at, &size),
                  kIOReturnSuccess);
        EXPECT_GE(size, round_page(cases[i].offset + cases[i].length));
        listen();
        touch(at);
        EXPECT_NE(*byte_at(cases[i].offset), CANARY);
        if (count == 1) {
            touch(at + cases[i].length - 1);
            EXPECT_NE(*byte_at(cases[i].offset + cases[i].length - 1), CANARY);
        } else {
            /* The second run has a page of its own, at its own place in it. */
            const uint64_t second = round_page(at + ranges[0].length) + (there & PAGE_MASK);

            touch(at + ranges[0].length - 1);
            EXPECT_NE(*byte_at(cases[i].offset + ranges[0].length - 1), CANARY);
            touch(second);
            touch(second + half - 1);
            EXPECT_NE(*byte_at(there), CANARY);
            EXPECT_NE(*byte_at(there + half - 1), CANARY);
            ASSERT_EQ(IOMapper_translate(mapper(), second, BOTH, &physical, &bytes),
                      kIOReturnSuccess);
            EXPECT_EQ(physical, memory.value + there);
        }
        EXPECT_EQ(heard(), 0);
        touch(trunc_page(at) + size);
        EXPECT_EQ(heard(), 1);
        ASSERT_EQ(IOMapper_iovmUnmapMemory(mapper(), described, NULL, at, size), kIOReturnSuccess);
        EXPECT_EQ(IOMemoryDescriptor_complete(described, kIODirectionNone), kIOReturnSuccess);
        OSObject_release(described);
    }
}

/* What a driver would do that tells its device of physical addresses: one event, and on it goes. */
TEST(n20_physical_addresses_by_mistake)
{
    memset(byte_at(0), CANARY, PAGE_SIZE);
    listen();
    access_bytes(memory.value + 64, 0, 1, 256, true);
    EXPECT_EQ(heard(), 1);
    EXPECT_EQ(fault.address, memory.value + 64);
    EXPECT_EQ(fault.access, kIODMAMapWriteAccess);
    access_bytes(memory.value + 128, 0, 1, 256, true);
    EXPECT_EQ(heard(), 1);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        ASSERT_EQ(*byte_at(i), CANARY);
    }
    EXPECT_TRUE(IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, 0, kBypassed, 0, 1,
                                               mapper(), NULL) == NULL);
}

/* --- What lies beside a buffer in its page ------------------------------------------------------
 */

static IODMACommand *command_over(IOMemoryDescriptor *described, uint32_t mapping)
{
    IODMACommand *command = IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, 0,
                                                           mapping, 0, 1, mapper(), NULL);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, described, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    return command;
}

static uint64_t address_of(IODMACommand *command)
{
    IODMACommand_Segment64 segment;
    UInt64 offset = 0;
    UInt32 count = 1;

    ASSERT_EQ(IODMACommand_gen64IOVMSegments(command, &offset, &segment, &count), kIOReturnSuccess);
    return segment.fIOVMAddr;
}

/* A device writes 64 bytes more than it was told, before and behind. */
static void stray(bool strict)
{
    IOMemoryDescriptor *described =
        IOMemoryDescriptor_withAddressRange(memory.value + 1000, 200, kIODirectionIn, TASK_NULL);
    IODMACommand *command;
    uint64_t at;

    ASSERT_TRUE(described != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(described, kIODirectionNone), kIOReturnSuccess);
    memset(byte_at(0), CANARY, PAGE_SIZE);
    command = command_over(described, strict ? kIODMAMapOptionStrict : kMapped);
    at = address_of(command);
    listen();
    access_bytes(at - 64, 0, 1, 200 + 128, true);
    EXPECT_EQ(heard(), 0); /* a unit knows of nothing smaller than a page */
    ASSERT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        const bool told = i >= 1000 && i < 1200, near = i >= 1000 - 64 && i < 1200 + 64;

        ASSERT_EQ(*byte_at(i) != CANARY, told || (near && !strict));
    }
    /* And after that it reaches neither. */
    memset(byte_at(0), CANARY, PAGE_SIZE);
    touch(at);
    EXPECT_EQ(heard(), 1);
    EXPECT_EQ(*byte_at(1000), CANARY);
    OSObject_release(command);
    EXPECT_EQ(IOMemoryDescriptor_complete(described, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(described);
}

TEST(bytes_beside_a_buffer_are_in_reach)
{
    stray(false);
}

TEST(strict_commands_keep_them_out_of_reach)
{
    stray(true);
}

/* Nor can it read there: of the page that it sees nothing is anybody's but the transfer's. */
TEST(strict_commands_show_nothing_else)
{
    IOMemoryDescriptor *described =
        IOMemoryDescriptor_withAddressRange(memory.value + 1000, 200, kIODirectionOut, TASK_NULL);
    IODMACommand *command;
    uint64_t at, window;

    ASSERT_TRUE(described != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(described, kIODirectionNone), kIOReturnSuccess);
    memset(byte_at(0), CANARY, PAGE_SIZE);
    memset(byte_at(1000), 0x3c, 200);
    command = command_over(described, kIODMAMapOptionStrict);
    at = address_of(command);
    listen();
    /* Out of the page, and in again to where the test can see it. */
    access_bytes(trunc_page(at), 0, 1, PAGE_SIZE, false);
    window = map_pages(40, 1);
    access_bytes(window, 0, 1, PAGE_SIZE, true);
    EXPECT_EQ(heard(), 0);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        const bool told = i >= (at & PAGE_MASK) && i < (at & PAGE_MASK) + 200;

        ASSERT_EQ(*byte_at(ptoa(40) + i), told ? 0x3c : 0);
    }
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(window), PAGE_SIZE), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    EXPECT_EQ(IOMemoryDescriptor_complete(described, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(described);
}

/* --- N17: streams that nobody has claimed, also on the highest bus -------------------------------
 */

static void move_by_edu(volatile void *registers, uint64_t address)
{
    mmio_write64(registers, EDU_SOURCE, EDU_MEMORY);
    mmio_write64(registers, EDU_TARGET, address);
    mmio_write64(registers, EDU_COUNT, 64);
    mmio_write64(registers, EDU_COMMAND, COMMAND_START | COMMAND_TO_MEMORY);
    for (unsigned i = 0; i < LOOKS && (mmio_read64(registers, EDU_COMMAND) & COMMAND_START) != 0;
         i++) {
        continue;
    }
    EXPECT_EQ(mmio_read64(registers, EDU_COMMAND) & COMMAND_START, 0);
}

TEST(n17_the_highest_bus)
{
    struct smmu_counters before, after;
    struct pci_info info;
    IOMapper *own;
    ioaddr_t at;

    ASSERT_TRUE(edus[2] != NULL);
    pci_get_info(edus[2], &info);
    EXPECT_EQ(info.bus, 4);
    memset(byte_at(0), CANARY, PAGE_SIZE);
    smmu_get_counters(&before);
    /* Behind the bus's back: nobody has asked for its mapper. */
    pci_config_write16(edus[2], 4, PCI_MEMORY | PCI_MASTER);
    move_by_edu(edu_registers[2], 0x5000);
    IOMapper_collectFaults(mapper());
    smmu_get_counters(&after);
    EXPECT_EQ(after.reports - before.reports, 1);
    own = pci_copy_mapper(edus[2]);
    TEST_KEEPS("a function's mapper is made once");
    ASSERT_TRUE(own != NULL);
    ASSERT_EQ(smmu_map(own, memory, PAGE_SIZE, BOTH, EDU_ADDRESS_BITS, &at), kIOReturnSuccess);
    move_by_edu(edu_registers[2], at.value + 64);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        ASSERT_EQ(*byte_at(i) != CANARY, i >= 64 && i < 128);
    }
    IOMapper_collectFaults(mapper());
    smmu_get_counters(&before);
    EXPECT_EQ(before.reports, after.reports);
    ASSERT_EQ(smmu_unmap(own, at, PAGE_SIZE), kIOReturnSuccess);
    pci_config_write16(edus[2], 4, PCI_MEMORY);
    OSObject_release(own);
}

/* One on bus 1 whose driver has its mapper reaches what that maps, and by the other's nothing. */
TEST(n17_two_buses_at_once)
{
    struct smmu_counters before, after;
    struct pci_info info;
    IOMapper *own, *other;
    ioaddr_t at, beside;

    ASSERT_TRUE(edus[2] != NULL);
    pci_get_info(edus[1], &info);
    EXPECT_EQ(info.bus, 1);
    ASSERT_EQ(pci_enable(edus[1], PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    TEST_KEEPS("a function's mapper is made once");
    own = pci_copy_mapper(edus[1]);
    other = pci_copy_mapper(edus[2]);
    ASSERT_TRUE(own != NULL && other != NULL && own != other);
    memset(byte_at(0), CANARY, ptoa(3));
    ASSERT_EQ(smmu_map(own, memory, PAGE_SIZE, BOTH, EDU_ADDRESS_BITS, &at), kIOReturnSuccess);
    /* The other's first page is at the same I/O address, and its second is nobody's here. */
    ASSERT_EQ(
        smmu_map(other, paddr_add(memory, PAGE_SIZE), ptoa(2), BOTH, EDU_ADDRESS_BITS, &beside),
        kIOReturnSuccess);
    EXPECT_EQ(at.value, beside.value);
    smmu_get_counters(&before);
    move_by_edu(edu_registers[1], at.value + 64);
    IOMapper_collectFaults(own);
    smmu_get_counters(&after);
    EXPECT_EQ(after.reports, before.reports);
    move_by_edu(edu_registers[1], at.value + PAGE_SIZE + 64);
    IOMapper_collectFaults(own);
    smmu_get_counters(&after);
    EXPECT_EQ(after.reports - before.reports, 1);
    for (unsigned i = 0; i < ptoa(3); i++) {
        ASSERT_EQ(*byte_at(i) != CANARY, i >= 64 && i < 128);
    }
    /* One lets go of its pages: the other keeps its own. */
    ASSERT_EQ(smmu_unmap(own, at, PAGE_SIZE), kIOReturnSuccess);
    pci_config_write16(edus[2], 4, PCI_MEMORY | PCI_MASTER);
    move_by_edu(edu_registers[2], beside.value + PAGE_SIZE);
    move_by_edu(edu_registers[1], at.value + 512);
    IOMapper_collectFaults(own);
    smmu_get_counters(&before);
    EXPECT_EQ(before.reports - after.reports, 1);
    for (unsigned i = 0; i < ptoa(3); i++) {
        ASSERT_EQ(*byte_at(i) != CANARY,
                  (i >= 64 && i < 128) || (i >= 2 * PAGE_SIZE && i < 2 * PAGE_SIZE + 64));
    }
    ASSERT_EQ(smmu_unmap(other, beside, ptoa(2)), kIOReturnSuccess);
    pci_config_write16(edus[2], 4, PCI_MEMORY);
    pci_disable(edus[1], PCI_MEMORY | PCI_MASTER);
    OSObject_release(own);
    OSObject_release(other);
}

/* --- N19: messages pass the unit like data ------------------------------------------------------
 */

static enum irq_result note_message(void *context)
{
    (void)context;
    messages++;
    return IRQ_SERVED;
}

static void expect_messages(unsigned expected)
{
    for (unsigned i = 0; i < LOOKS && messages < expected; i++) {
        cpu_isb();
    }
    EXPECT_EQ(messages, expected);
}

/* Completions of a disk, which has a vector a queue, and of an NVMe controller; edu's one message.
 */
TEST(n19_messages_arrive)
{
    struct smmu_counters before, after;
    IOMemoryDescriptor *described =
        IOMemoryDescriptor_withAddressRange(memory.value, 4096, kIODirectionIn, TASK_NULL);
    const uint64_t at = map_pages(2, 1);
    struct nvme_transfer transfer;
    struct client client;
    IODMACommand *command;
    unsigned granted;

    smmu_get_counters(&before);
    messages = 0;
    for (unsigned i = 1; i <= 100; i++) {
        virtq_enable_interrupt(mover.queue);
        touch(at);
        expect_messages(i);
    }
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(at), PAGE_SIZE), kIOReturnSuccess);

    ASSERT_EQ(pci_enable(edus[0], PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    ASSERT_EQ(pci_allocate_vectors(edus[0], 1, 1, PCI_MSI, &granted), kIOReturnSuccess);
    ASSERT_EQ(pci_attach_vector(edus[0], 0, note_message, NULL), kIOReturnSuccess);
    messages = 0;
    for (unsigned i = 1; i <= 100; i++) {
        mmio_write32(edu_registers[0], EDU_RAISE, 1);
        expect_messages(i);
        mmio_write32(edu_registers[0], EDU_QUIET, 1);
    }
    pci_free_vectors(edus[0]);
    pci_disable(edus[0], PCI_MASTER);

    ASSERT_TRUE(described != NULL && nvme_count() == 1);
    ASSERT_EQ(IOMemoryDescriptor_prepare(described, kIODirectionNone), kIOReturnSuccess);
    client = client_of_service(nvme_get_service(nvme_get(0)));
    command = nvme_create_command(nvme_get(0), NVME_PRP, NULL, kMapped, &transfer);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, described, true), kIOReturnSuccess);
    for (unsigned i = 1; i <= 100; i++) {
        /* The end is told by the interrupt alone: the client sleeps. */
        transfer.block = 0;
        ASSERT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        wait_for_ends(&client, i);
        EXPECT_EQ(ends[i - 1].status, kIOReturnSuccess);
    }
    EXPECT_EQ(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
    client_drop(&client);
    EXPECT_EQ(IOMemoryDescriptor_complete(described, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(described);
    smmu_get_counters(&after);
    EXPECT_EQ(after.reports, before.reports);
}

/* The page that they are written to is nobody's buffer, whatever is asked. */
TEST(n19_the_doorbell_is_never_given)
{
    const int its = devicetree_next_compatible(-1, "arm,gic-v3-its");
    const uint64_t doorbell = its >= 0 ? 0x08090000 : 0x08020000;
    IOMemoryDescriptor *described =
        IOMemoryDescriptor_withAddressRange(memory.value, 2 * PAGE_SIZE, kIODirectionIn, TASK_NULL);
    uint64_t at, size;

    ASSERT_TRUE(described != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(described, kIODirectionNone), kIOReturnSuccess);
    at = doorbell;
    EXPECT_EQ(IOMapper_iovmMapMemory(mapper(), described, 0, PAGE_SIZE,
                                     BOTH | kIODMAMapFixedAddress, NULL, NULL, NULL, &at, &size),
              kIOReturnNoSpace);
    at = doorbell - PAGE_SIZE;
    EXPECT_EQ(IOMapper_iovmMapMemory(mapper(), described, 0, 2 * PAGE_SIZE,
                                     BOTH | kIODMAMapFixedAddress, NULL, NULL, NULL, &at, &size),
              kIOReturnNoSpace);
    at = doorbell - PAGE_SIZE;
    ASSERT_EQ(IOMapper_iovmMapMemory(mapper(), described, 0, PAGE_SIZE,
                                     BOTH | kIODMAMapFixedAddress, NULL, NULL, NULL, &at, &size),
              kIOReturnSuccess);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(mapper(), described, NULL, at, size), kIOReturnSuccess);
    /* Nor by who takes all that there is below it, and then all that is left of 28 bits. */
    ASSERT_EQ(IOMapper_iovmMapMemory(mapper(), (IOMemoryDescriptor *)NULL, 0,
                                     0x10000000 - doorbell - PAGE_SIZE, BOTH, NULL, NULL, NULL, &at,
                                     &size),
              kIOReturnSuccess);
    EXPECT_TRUE(at > doorbell || at + size <= doorbell);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(mapper(), (IOMemoryDescriptor *)NULL, NULL, at, size),
              kIOReturnSuccess);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(mapper(), described, NULL, doorbell, PAGE_SIZE),
              kIOReturnNotFound);
    EXPECT_EQ(IOMemoryDescriptor_complete(described, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(described);
}

/* All that 28 bits have is taken, piece by piece: what is left is the doorbell, and stays so. */
TEST(n19_exhaustion_leaves_the_doorbell)
{
    enum {
        MOST = 200
    };
    static uint64_t places[MOST], sizes[MOST];
    const int its = devicetree_next_compatible(-1, "arm,gic-v3-its");
    const uint64_t doorbell = its >= 0 ? 0x08090000 : 0x08020000;
    const IODMAMapSpecification low = {.numAddressBits = EDU_ADDRESS_BITS};
    struct smmu_usage before, now;
    unsigned count = 0;
    uint64_t taken = 0;

    ASSERT_TRUE(smmu_get_usage(mapper(), &before));
    for (uint64_t pages = 1 << 15; pages != 0; pages /= 2) {
        while (count < MOST && IOMapper_iovmMapMemory(
                                   mapper(), (IOMemoryDescriptor *)NULL, 0, ptoa(pages), BOTH, &low,
                                   NULL, NULL, &places[count], &sizes[count]) == kIOReturnSuccess) {
            EXPECT_TRUE(places[count] > doorbell || places[count] + sizes[count] <= doorbell);
            EXPECT_GE(places[count], PAGE_SIZE);
            EXPECT_LE(places[count] + sizes[count], 1ull << EDU_ADDRESS_BITS);
            taken += sizes[count++];
        }
    }
    ASSERT_LT(count, MOST);
    /* All but the first page, which is never given, and what was taken before, the doorbell too. */
    EXPECT_EQ(atop(taken), (1u << (EDU_ADDRESS_BITS - 12)) - 1 - before.pages);
    ASSERT_TRUE(smmu_get_usage(mapper(), &now));
    EXPECT_EQ(now.pages - before.pages, atop(taken));
    while (count-- != 0) {
        EXPECT_EQ(IOMapper_iovmUnmapMemory(mapper(), (IOMemoryDescriptor *)NULL, NULL,
                                           places[count], sizes[count]),
                  kIOReturnSuccess);
    }
    ASSERT_TRUE(smmu_get_usage(mapper(), &now));
    EXPECT_EQ(now.pages, before.pages);
    EXPECT_EQ(now.tables, before.tables);
}
