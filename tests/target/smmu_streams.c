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
 * Devices and what the unit knows them by: streams that nobody has claimed, devices on several
 * buses, and the messages that they interrupt by.
 */
#include "drivers/edu/edu_private.h"
#include "drivers/nvme/nvme.h"
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/mmio.h"
#include "tests/lib/mapper_of.h"
#include "tests/target/smmu_mover.h"

#define EDU_RAISE 0x60
#define EDU_QUIET 0x64

static struct pci_function *edus[3]; /* on bus 0, on bus 1, and on the highest */
static volatile void *edu_registers[3];

/* What these devices keep for good is there before the tests, as the disk is. */
static void prepare_devices(void)
{
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
        OSObject_release(mapper_of(edus[0]));
        /* What the interrupt controller keeps of messages. */
        pci_allocate_vectors(edus[0], 1, 1, PCI_MSI, &granted);
        pci_free_vectors(edus[0]);
    }
}

INITIALISER(INIT_CLASS, prepare_devices);

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
    own = mapper_of(edus[2]);
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
    own = mapper_of(edus[1]);
    other = mapper_of(edus[2]);
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
