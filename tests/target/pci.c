/* SPDX-License-Identifier: BSD-2-Clause */
// QEMU: -device edu,addr=1.0 -device edu,addr=5.0
// QEMU: -device pcie-root-port,id=p,chassis=1,addr=2.0
// QEMU: -blockdev driver=null-co,node-name=disk0,size=1048576
// QEMU: -device nvme,bus=p,serial=a,drive=disk0,cmb_size_mb=64
// QEMU: -device pcie-root-port,id=q,chassis=2,addr=3.0 -device pcie-pci-bridge,id=b,bus=q
// QEMU: -device edu,bus=b,addr=2.0
// QEMU: -device pcie-root-port,id=r,chassis=3,addr=4.0 -device pci-testdev,bus=r,membar=8G
// QEMU: -device pcie-root-port,id=s,chassis=4,addr=6.0
// QEMU: -blockdev driver=null-co,node-name=disk1,size=1048576
// QEMU: -device nvme,addr=7.0,serial=b,drive=disk1
/* The PCI bus: who is found, where its registers are, and its line. */
#include "drivers/pci/pci.h"

#include <string.h>

#include "descriptors/IOInterruptEventSource.h"
#include "descriptors/IOWorkLoop.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/init.h"
#include "kernel/inject.h"
#include "kernel/mmio.h"
#include "kernel/msi.h"
#include "tests/harness/harness.h"

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8

#define EDU_ID      0x00
#define EDU_INVERT  0x04
#define EDU_CAUSES  0x24
#define EDU_RAISE   0x60
#define EDU_QUIET   0x64
#define EDU_ID_WORD 0x010000edu

#define LOW_END    0x100000000ull
#define HIGH_START 0x8000000000ull

/* With highmem=off all that the bus has is below 4 GiB, its configuration space too. */
static bool has_high_window(void)
{
    const int node = devicetree_next_compatible(-1, "pci-host-ecam-generic");
    struct devicetree_range range;

    return devicetree_reg(node, 0, &range) == KERN_SUCCESS && range.base.value >= LOW_END;
}

static struct pci_function *edu(unsigned index)
{
    struct pci_function *function = NULL;

    for (unsigned i = 0; i <= index; i++) {
        function = pci_find(EDU_VENDOR, EDU_DEVICE, function);
    }
    return function;
}

static struct pci_function *at(unsigned bus, unsigned slot)
{
    struct pci_function *function = NULL;
    struct pci_info info;

    while ((function = pci_next(function)) != NULL) {
        pci_get_info(function, &info);
        if (info.bus == bus && info.slot == slot) {
            return function;
        }
    }
    return NULL;
}

/*
 * What lasts for ever is made before the tests begin, or each would be blamed for it: page
 * tables of registers, and a function's service.
 */
static volatile void *edu_registers[3], *nvme_registers;

static void prepare(void)
{
    unsigned granted;

    for (unsigned i = 0; i < 3; i++) {
        edu_registers[i] = pci_map_bar(edu(i), 0, 0, 0);
        pci_get_service(edu(i));
    }
    nvme_registers = pci_map_bar(at(1, 0), 0, 0, 0x1000);
    /* What the interrupt controller keeps of messages. */
    pci_allocate_vectors(edu(0), 1, 1, PCI_MSI, &granted);
    pci_free_vectors(edu(0));
    /* And of NVMe controllers their tables, and mappers where there are some. */
    for (unsigned bus = 0; bus < 2; bus++) {
        struct pci_function *function = at(bus, bus == 0 ? 7 : 0);

        pci_enable(function, PCI_MEMORY | PCI_MASTER);
        pci_allocate_vectors(function, 1, 1, PCI_MSIX, &granted);
        pci_free_vectors(function);
        pci_disable(function, PCI_MEMORY | PCI_MASTER);
    }
}

INITIALISER(INIT_CLASS, prepare);

TEST(everybody_is_found_in_order)
{
    static const struct {
        uint8_t bus, slot;
        uint16_t vendor, device;
    } expected[] = {
        {0, 0, 0x1b36, 0x0008}, {0, 1, EDU_VENDOR, EDU_DEVICE}, {0, 2, 0x1b36, 0x000c},
        {0, 3, 0x1b36, 0x000c}, {0, 4, 0x1b36, 0x000c},         {0, 5, EDU_VENDOR, EDU_DEVICE},
        {0, 6, 0x1b36, 0x000c}, {0, 7, 0x1b36, 0x0010},         {1, 0, 0x1b36, 0x0010},
        {2, 0, 0x1b36, 0x000e}, {3, 2, EDU_VENDOR, EDU_DEVICE}, {4, 0, 0x1b36, 0x0005},
    };
    struct pci_function *function = NULL;

    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct pci_info info;

        function = pci_next(function);
        ASSERT_NE(function, NULL);
        pci_get_info(function, &info);
        EXPECT_EQ(info.bus, expected[i].bus);
        EXPECT_EQ(info.slot, expected[i].slot);
        EXPECT_EQ(info.number, 0);
        EXPECT_EQ(info.vendor, expected[i].vendor);
        EXPECT_EQ(info.device, expected[i].device);
        /* The bridge speaks for what is on its conventional bus. */
        EXPECT_EQ(info.requester, (unsigned)info.bus << 8 | (info.bus != 3 ? info.slot << 3 : 0));
        EXPECT_FALSE(info.is_malformed);
        EXPECT_EQ(info.is_bridge, info.device == 0x000c || info.device == 0x000e);
    }
    EXPECT_EQ(pci_next(function), NULL);
    EXPECT_EQ(pci_find_class(0x010802, 0xffffff, NULL), at(0, 7)); /* NVM Express */
    EXPECT_EQ(pci_find_class(0x010802, 0xffffff, at(0, 7)), at(1, 0));
    EXPECT_EQ(pci_find_class(0x060400, 0xffff00, at(0, 6)), at(2, 0));
    EXPECT_EQ(pci_find(EDU_VENDOR, EDU_DEVICE, edu(2)), NULL);
}

/* Nobody's registers lie over another's, and each answers where it is said to be. */
TEST(bars_are_apart)
{
    struct pci_function *one = NULL, *other;
    struct pci_bar bar, second;
    unsigned bars = 0;

    while ((one = pci_next(one)) != NULL) {
        for (unsigned i = 0; i < PCI_BARS; i++) {
            if (pci_get_bar(one, i, &bar) == kIOReturnNotFound || bar.is_io) {
                continue;
            }
            if (!has_high_window() && bar.size == 8ull << 30) {
                ASSERT_EQ(pci_get_bar(one, i, &bar), kIOReturnNoSpace);
                continue;
            }
            ASSERT_EQ(pci_get_bar(one, i, &bar), kIOReturnSuccess);
            bars++;
            EXPECT_EQ(bar.base.value & (bar.size - 1), 0);
            if (!bar.is_wide || !has_high_window()) {
                EXPECT_LE(bar.bus + bar.size, LOW_END);
            }
            other = one;
            while ((other = pci_next(other)) != NULL) {
                for (unsigned j = 0; j < PCI_BARS; j++) {
                    if (pci_get_bar(other, j, &second) == kIOReturnSuccess && !second.is_io) {
                        EXPECT_TRUE(bar.base.value + bar.size <= second.base.value ||
                                    second.base.value + second.size <= bar.base.value);
                    }
                }
            }
        }
    }
    EXPECT_GE(bars, 10);
}

TEST(registers_answer_on_every_bus)
{
    for (unsigned i = 0; i < 3; i++) {
        struct pci_function *function = edu(i);
        volatile void *registers;

        ASSERT_NE(function, NULL);
        ASSERT_EQ(pci_enable(function, PCI_MEMORY), kIOReturnSuccess);
        registers = pci_map_bar(function, 0, 0, 0);
        ASSERT_TRUE(registers != NULL);
        EXPECT_EQ(mmio_read32(registers, EDU_ID), EDU_ID_WORD);
        mmio_write32(registers, EDU_INVERT, 0x1234 + i);
        EXPECT_EQ(mmio_read32(registers, EDU_INVERT), ~(0x1234 + i));
        pci_disable(function, PCI_MEMORY);
    }
}

/* N22: what must not be prefetched is below 4 GiB, what may be is in the high window, if any. */
TEST(windows_behind_bridges)
{
    struct pci_function *nvme = at(1, 0), *port = at(0, 2);
    volatile void *registers;
    struct pci_bar bar, memory, huge;

    ASSERT_EQ(pci_get_bar(nvme, 0, &bar), kIOReturnSuccess);
    EXPECT_TRUE(bar.is_wide && !bar.prefetchable);
    EXPECT_LT(bar.base.value, LOW_END);
    ASSERT_EQ(pci_get_bar(nvme, 2, &memory), kIOReturnSuccess);
    EXPECT_TRUE(memory.is_wide && memory.prefetchable);
    EXPECT_EQ(memory.size, 64u << 20);
    if (has_high_window()) {
        EXPECT_GE(memory.base.value, HIGH_START);
    } else {
        EXPECT_LT(memory.base.value, LOW_END);
    }
    ASSERT_EQ(pci_enable(nvme, PCI_MEMORY), kIOReturnSuccess);
    registers = pci_map_bar(nvme, 0, 0, 0x1000);
    ASSERT_TRUE(registers != NULL);
    EXPECT_EQ(mmio_read32(registers, 0) & 0xffff, 2047);
    pci_disable(nvme, PCI_MEMORY);

    /* The port's windows hold both, to 1 MiB, and the upper halves are there. */
    EXPECT_EQ(pci_config_read16(port, 0x20), bar.bus >> 16 & 0xfff0);
    EXPECT_EQ(pci_config_read16(port, 0x22), bar.bus >> 16 & 0xfff0);
    EXPECT_EQ(pci_config_read16(port, 0x24) & 0xfff0, memory.bus >> 16 & 0xfff0);
    EXPECT_EQ(pci_config_read16(port, 0x26) & 0xfff0,
              (memory.bus + memory.size - 1) >> 16 & 0xfff0);
    EXPECT_EQ(pci_config_read32(port, 0x28), memory.bus >> 32);
    EXPECT_EQ(pci_config_read32(port, 0x2c), (memory.bus + memory.size - 1) >> 32);

    /* 8 GiB behind another port. */
    EXPECT_EQ(pci_get_bar(at(4, 0), 2, &huge),
              has_high_window() ? kIOReturnSuccess : kIOReturnNoSpace);
    EXPECT_EQ(huge.size, 8ull << 30);
    if (has_high_window()) {
        EXPECT_GE(huge.base.value, HIGH_START);
    } else {
        /* What has no place is not switched on, where it would answer for somebody else. */
        EXPECT_EQ(pci_enable(at(4, 0), PCI_MEMORY), kIOReturnNoSpace);
    }

    /* Nothing is behind this one, and nothing gets there. */
    EXPECT_GT(pci_config_read16(at(0, 6), 0x20), pci_config_read16(at(0, 6), 0x22));
    EXPECT_GT(pci_config_read16(at(0, 6), 0x24) & 0xfff0,
              pci_config_read16(at(0, 6), 0x26) & 0xfff0);
}

TEST(configuration_space_ends)
{
    struct pci_function *function = edu(0), *port = at(0, 2);

    /* A conventional function has 256 bytes, wherever it is. */
    EXPECT_EQ(pci_config_read32(function, 0), EDU_DEVICE << 16 | EDU_VENDOR);
    EXPECT_EQ(pci_config_read16(function, 2), EDU_DEVICE);
    EXPECT_EQ(pci_config_read8(function, 3), EDU_DEVICE >> 8);
    EXPECT_EQ(pci_config_read32(function, 0x100), UINT32_MAX);
    EXPECT_EQ(pci_config_read32(function, 2), UINT32_MAX);
    EXPECT_EQ(pci_config_read32(function, 0xfffffffc), UINT32_MAX);
    EXPECT_EQ(pci_find_extended_capability(function, 1, 0), 0);
    EXPECT_NE(pci_find_capability(function, PCI_CAP_MSI, 0), 0);
    EXPECT_EQ(pci_find_capability(function, PCI_CAP_MSIX, 0), 0);
    EXPECT_EQ(
        pci_find_capability(function, PCI_CAP_MSI, pci_find_capability(function, PCI_CAP_MSI, 0)),
        0);
    /* A root port has 4096, and Advanced Error Reporting in it. */
    EXPECT_NE(pci_find_capability(port, PCI_CAP_EXPRESS, 0), 0);
    EXPECT_NE(pci_find_extended_capability(port, 1, 0), 0);
    EXPECT_EQ(pci_find_extended_capability(port, 0xabcd, 0), 0);
    EXPECT_EQ(pci_config_read32(port, 0x1000), UINT32_MAX);
}

TEST(a_service_has_the_identity)
{
    struct pci_function *function = edu(1);
    IOService *service;
    UInt32 value;

    service = pci_get_service(function);
    ASSERT_TRUE(service != NULL);
    EXPECT_STR_EQ(IOService_getName(service), "pci@00:05.0");
    EXPECT_EQ(IOService_getCell(service, "vendor-id", 0, &value), kIOReturnSuccess);
    EXPECT_EQ(value, EDU_VENDOR);
    EXPECT_EQ(IOService_getCell(service, "device-id", 0, &value), kIOReturnSuccess);
    EXPECT_EQ(value, EDU_DEVICE);
    EXPECT_EQ(IOService_getCell(service, "reg", 0, &value), kIOReturnSuccess);
    EXPECT_EQ(value, 5u << 11);
    EXPECT_EQ(IOService_countCells(service, "reg"), 5);
    EXPECT_EQ(IOService_countCells(service, "interrupts"), 3);
    EXPECT_EQ(pci_from_service(service), function);
    EXPECT_EQ(pci_from_service(NULL), NULL);
    EXPECT_EQ(pci_get_service(function), service);
    EXPECT_EQ(IOMapper_copyMapperForDevice(service), NULL);
}

TEST(one_driver_has_it)
{
    struct pci_function *function = edu(0);
    struct pci_info info;

    ASSERT_EQ(pci_claim(function, "first"), kIOReturnSuccess);
    EXPECT_EQ(pci_claim(function, "second"), kIOReturnExclusiveAccess);
    pci_get_info(function, &info);
    EXPECT_STR_EQ(info.claimed, "first");
    pci_release(function);
    EXPECT_EQ(pci_claim(function, "second"), kIOReturnSuccess);
    pci_release(function);
    EXPECT_EQ(pci_claim(NULL, "x"), kIOReturnBadArgument);
    EXPECT_EQ(pci_claim(function, NULL), kIOReturnBadArgument);
}

/* --- The line --------------------------------------------------------------------------------- */

struct line {
    struct pci_function *function;
    volatile void *registers;
    volatile unsigned calls, served;
};

static enum irq_result count(void *context)
{
    struct line *line = context;
    const uint32_t causes = mmio_read32(line->registers, EDU_CAUSES);

    line->calls++;
    if (causes == 0) {
        return IRQ_NOTHING;
    }
    mmio_write32(line->registers, EDU_QUIET, causes);
    line->served++;
    return IRQ_SERVED;
}

static void open_line(struct line *line, unsigned index)
{
    unsigned granted = 0;

    *line = (struct line){.function = edu(index)};
    ASSERT_EQ(pci_claim(line->function, "a test"), kIOReturnSuccess);
    ASSERT_EQ(pci_enable(line->function, PCI_MEMORY), kIOReturnSuccess);
    line->registers = pci_map_bar(line->function, 0, 0, 0);
    ASSERT_EQ(pci_allocate_vectors(line->function, 1, 1, PCI_INTX, &granted), kIOReturnSuccess);
    ASSERT_EQ(granted, 1);
}

/* The CPU takes an interrupt some instructions after the store that has raised it. */
static unsigned served(const struct line *line, unsigned expected)
{
    for (unsigned i = 0; i < 100000 && line->served < expected; i++) {
        cpu_isb();
    }
    return line->served;
}

static void close_line(struct line *line)
{
    pci_disable(line->function, PCI_MEMORY);
    pci_release(line->function);
}

/* N11: slots 1 and 5 share a line. */
TEST(two_devices_on_one_line)
{
    struct line first, second;

    open_line(&first, 0);
    open_line(&second, 1);
    EXPECT_EQ(pci_vector_intid(first.function, 0), pci_vector_intid(second.function, 0));
    EXPECT_EQ(pci_interrupt_kind(first.function), PCI_INTX);
    ASSERT_EQ(pci_attach_vector(first.function, 0, count, &first), kIOReturnSuccess);
    EXPECT_EQ(pci_attach_vector(first.function, 0, count, &first), kIOReturnExclusiveAccess);
    /* Raised before its driver is there: kept back by the function itself. */
    mmio_write32(second.registers, EDU_RAISE, 1);
    mmio_write32(first.registers, EDU_RAISE, 1);
    EXPECT_EQ(served(&first, 1), 1);
    EXPECT_EQ(second.served, 0);
    ASSERT_EQ(pci_attach_vector(second.function, 0, count, &second), kIOReturnSuccess);
    EXPECT_EQ(served(&second, 1), 1);
    for (unsigned i = 0; i < 5000; i++) {
        const irq_state_t state = irq_mask();

        mmio_write32(first.registers, EDU_RAISE, 1);
        mmio_write32(second.registers, EDU_RAISE, 1);
        irq_restore(state);
    }
    EXPECT_EQ(served(&first, 5001), 5001);
    EXPECT_EQ(served(&second, 5001), 5001);

    /* The user of one closes it for both, for one of them is asserted. */
    pci_enable_vector(second.function, 0, false);
    mmio_write32(second.registers, EDU_RAISE, 1);
    mmio_write32(first.registers, EDU_RAISE, 1);
    EXPECT_EQ(served(&first, 5002), 5001);
    /* Removed with its line asserted: the other goes on. */
    close_line(&second);
    EXPECT_EQ(served(&first, 5002), 5002);
    mmio_write32(first.registers, EDU_RAISE, 1);
    EXPECT_EQ(served(&first, 5003), 5003);
    EXPECT_EQ(served(&second, 5001), 5001);
    pci_enable(second.function, PCI_MEMORY);
    mmio_write32(second.registers, EDU_QUIET, 1);
    pci_disable(second.function, PCI_MEMORY);
    close_line(&first);
}

/* Behind bridges the pin is turned by the slot at each. */
TEST(a_line_behind_bridges)
{
    struct line line;

    open_line(&line, 2);
    ASSERT_EQ(pci_attach_vector(line.function, 0, count, &line), kIOReturnSuccess);
    mmio_write32(line.registers, EDU_RAISE, 1);
    EXPECT_EQ(served(&line, 1), 1);
    close_line(&line);
}

/* --- Messages --------------------------------------------------------------------------------- */

/* N26: an edge each, a thousand of them, and then as many as two at once are: one or two. */
TEST(messages)
{
    struct line line = {.function = edu(0), .registers = edu_registers[0]};
    unsigned granted = 0;

    ASSERT_EQ(pci_enable(line.function, PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    TEST_KEEPS("a function's mapper, where it has one, is asked for once");
    ASSERT_EQ(pci_allocate_vectors(line.function, 1, 8, PCI_ANY_INTERRUPT, &granted),
              kIOReturnSuccess);
    EXPECT_EQ(granted, 1); /* it has no more, nor MSI-X */
    EXPECT_EQ(pci_interrupt_kind(line.function), PCI_MSI);
    EXPECT_EQ(pci_allocate_vectors(line.function, 1, 1, PCI_INTX, &granted), kIOReturnBusy);
    EXPECT_NE(pci_vector_intid(line.function, 0), 0);
    ASSERT_EQ(pci_attach_vector(line.function, 0, count, &line), kIOReturnSuccess);
    for (unsigned i = 1; i <= 1000; i++) {
        mmio_write32(line.registers, EDU_RAISE, 1);
        EXPECT_EQ(served(&line, i), i);
    }
    /* Closed, it waits. */
    pci_enable_vector(line.function, 0, false);
    mmio_write32(line.registers, EDU_RAISE, 1);
    mmio_write32(line.registers, EDU_RAISE, 2);
    EXPECT_EQ(served(&line, 1001), 1000);
    pci_enable_vector(line.function, 0, true);
    EXPECT_EQ(served(&line, 1001), 1001);
    pci_free_vectors(line.function);
    EXPECT_EQ(pci_interrupt_kind(line.function), 0);
    /* Without vectors nothing comes, and nothing is asserted. */
    mmio_write32(line.registers, EDU_RAISE, 4);
    EXPECT_EQ(served(&line, 1002), 1001);
    mmio_write32(line.registers, EDU_QUIET, 4);
    pci_disable(line.function, PCI_MEMORY | PCI_MASTER);
}

/* --- Two that want 65 each ---------------------------------------------------------------------
 */

static unsigned messages_in_use(void)
{
    struct msi_stats stats;

    msi_get_stats(&stats);
    return stats.in_use;
}

static enum irq_result ignore(void *context)
{
    (void)context;
    return IRQ_SERVED;
}

/* All of its vectors, each with a handler. */
static void attach_all(struct pci_function *function, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        EXPECT_EQ(pci_attach_vector(function, i, ignore, NULL), kIOReturnSuccess);
        for (unsigned j = 0; j < i && pci_interrupt_kind(function) == PCI_MSIX; j++) {
            EXPECT_NE(pci_vector_intid(function, i), pci_vector_intid(function, j));
        }
    }
}

/* N26: fewer than wanted, or the line as the last resort; what one gives back the other can have.
 */
TEST(two_of_65_vectors)
{
    struct pci_function *first = at(1, 0), *second = at(0, 7);
    struct msi_stats stats;
    unsigned granted = 0, rest;

    msi_get_stats(&stats);
    ASSERT_EQ(stats.in_use, 0);
    ASSERT_EQ(pci_enable(first, PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    ASSERT_EQ(pci_enable(second, PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    ASSERT_EQ(pci_allocate_vectors(first, 1, 65, PCI_ANY_INTERRUPT, &granted), kIOReturnSuccess);
    EXPECT_EQ(pci_interrupt_kind(first), PCI_MSIX);
    EXPECT_EQ(granted, stats.total < 65 ? stats.total : 65);
    attach_all(first, granted);
    rest = stats.total - granted;
    /* More of its own kind than are left: a code, and nothing is taken. */
    if (rest < 65) {
        EXPECT_EQ(pci_allocate_vectors(second, rest + 1, 65, PCI_MSIX, &granted),
                  kIOReturnNoInterrupt);
        EXPECT_EQ(messages_in_use(), stats.total - rest);
        EXPECT_EQ(pci_interrupt_kind(second), 0);
    }
    ASSERT_EQ(pci_allocate_vectors(second, 1, 65, PCI_ANY_INTERRUPT, &granted), kIOReturnSuccess);
    EXPECT_EQ(pci_interrupt_kind(second), rest == 0 ? PCI_INTX : PCI_MSIX);
    EXPECT_EQ(granted, rest == 0 ? 1 : rest < 65 ? rest : 65);
    attach_all(second, granted);
    pci_free_vectors(second);
    pci_free_vectors(first);
    EXPECT_EQ(messages_in_use(), 0);
    /* The first is gone: the second has all that it wants, as far as there are so many. */
    ASSERT_EQ(pci_allocate_vectors(second, 1, 65, PCI_ANY_INTERRUPT, &granted), kIOReturnSuccess);
    EXPECT_EQ(granted, stats.total < 65 ? stats.total : 65);
    attach_all(second, granted);
    /* And with four taken of those there are, the first works with what is left. */
    pci_free_vectors(second);
    ASSERT_EQ(pci_allocate_vectors(first, 1, 60, PCI_MSIX, &granted), kIOReturnSuccess);
    EXPECT_EQ(granted, 60);
    ASSERT_EQ(pci_allocate_vectors(second, 1, 65, PCI_MSIX, &granted), kIOReturnSuccess);
    EXPECT_EQ(granted, stats.total - 60 < 65 ? stats.total - 60 : 65);
    pci_free_vectors(first);
    pci_free_vectors(second);
    pci_disable(first, PCI_MEMORY | PCI_MASTER);
    pci_disable(second, PCI_MEMORY | PCI_MASTER);
}

#ifdef DEBUG /* in others nothing can be made to fail */

/* The n-th request for memory fails, each once: a code or another kind, and nothing left behind. */
TEST(vectors_without_memory)
{
    struct pci_function *function = at(0, 7);
    struct inject_report report;
    unsigned failures = 0, refused = 0;
    uint64_t nth = 0;

    ASSERT_EQ(pci_enable(function, PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    do {
        unsigned granted = 0, attached = 0;
        IOReturn status;

        inject_begin(++nth);
        status = pci_allocate_vectors(function, 1, 17, PCI_ANY_INTERRUPT, &granted);
        while (status == kIOReturnSuccess && attached < granted &&
               pci_attach_vector(function, attached, ignore, NULL) == kIOReturnSuccess) {
            attached++;
        }
        inject_end(&report);
        failures += report.failed;
        if (status != kIOReturnSuccess) {
            refused++;
            EXPECT_EQ(status, kIOReturnNoMemory);
            EXPECT_EQ(pci_interrupt_kind(function), 0);
            EXPECT_EQ(messages_in_use(), 0);
        } else if (!report.failed) {
            EXPECT_EQ(granted, 17);
            EXPECT_EQ(attached, 17);
        }
        pci_free_vectors(function);
        EXPECT_EQ(messages_in_use(), 0);
    } while (report.failed);
    TEST_NOTE("%u failures, %u of them refusals", failures, refused);
    EXPECT_GE(failures, 2);
    pci_disable(function, PCI_MEMORY | PCI_MASTER);
}

#endif

/* --- By event sources ------------------------------------------------------------------------- */

struct source {
    struct pci_function *function;
    volatile void *registers;
    IOInterruptEventSource *source;
    unsigned calls, quieted;
};

static struct source sources[2];

static void quiet(OSObject *owner, IOInterruptEventSource *sender, int interrupts)
{
    struct source *self = &sources[sender == sources[1].source];
    const uint32_t causes = mmio_read32(self->registers, EDU_CAUSES);

    (void)owner, (void)interrupts;
    self->calls++;
    if (causes != 0) {
        mmio_write32(self->registers, EDU_QUIET, causes);
        self->quieted++;
    }
}

static void run_until(IOWorkLoop *loop, unsigned index, unsigned expected)
{
    for (unsigned i = 0; i < 10000 && sources[index].quieted < expected; i++) {
        IOWorkLoop_runEventSources(loop);
    }
    EXPECT_EQ(sources[index].quieted, expected);
}

/* N11, as IOKit has it: both on one line, one of them disabled by its user, one removed. */
TEST(event_sources_share_a_line)
{
    IOWorkLoop *loop = IOWorkLoop_workLoop();

    ASSERT_TRUE(loop != NULL);
    for (unsigned i = 0; i < 2; i++) {
        struct source *self = &sources[i];

        *self = (struct source){.function = edu(i), .registers = edu_registers[i]};
        ASSERT_EQ(pci_enable(self->function, PCI_MEMORY), kIOReturnSuccess);
        self->source = IOInterruptEventSource_interruptEventSource(
            (OSObject *)loop, quiet, pci_get_service(self->function), 0);
        ASSERT_TRUE(self->source != NULL);
        EXPECT_TRUE(IOInterruptEventSource_getAutoDisable(self->source));
        ASSERT_EQ(IOWorkLoop_addEventSource(loop, (IOEventSource *)self->source), kIOReturnSuccess);
        IOInterruptEventSource_enable(self->source);
        pci_enable_line(self->function, true);
    }
    for (unsigned i = 1; i <= 500; i++) {
        mmio_write32(sources[0].registers, EDU_RAISE, 1);
        mmio_write32(sources[1].registers, EDU_RAISE, 1);
        run_until(loop, 0, i);
        run_until(loop, 1, i);
    }
    /* A user's word closes the line for both, until it is taken back. */
    IOInterruptEventSource_disable(sources[1].source);
    mmio_write32(sources[0].registers, EDU_RAISE, 1);
    for (unsigned i = 0; i < 100; i++) {
        IOWorkLoop_runEventSources(loop);
    }
    EXPECT_EQ(sources[0].quieted, 500);
    IOInterruptEventSource_enable(sources[1].source);
    run_until(loop, 0, 501);
    /* Removed while it asserts, after its function has let go of the line: the other goes on. */
    mmio_write32(sources[1].registers, EDU_RAISE, 1);
    pci_enable_line(sources[1].function, false);
    EXPECT_EQ(IOWorkLoop_removeEventSource(loop, (IOEventSource *)sources[1].source),
              kIOReturnSuccess);
    mmio_write32(sources[0].registers, EDU_RAISE, 1);
    run_until(loop, 0, 502);
    pci_enable_line(sources[0].function, false);
    EXPECT_EQ(IOWorkLoop_removeEventSource(loop, (IOEventSource *)sources[0].source),
              kIOReturnSuccess);
    for (unsigned i = 0; i < 2; i++) {
        mmio_write32(sources[i].registers, EDU_QUIET, 1);
        pci_disable(sources[i].function, PCI_MEMORY);
        OSObject_release(sources[i].source);
    }
    OSObject_release(loop);
}

/* --- Being listed ----------------------------------------------------------------------------- */

static char said[4096];
static size_t said_length;

static void keep(struct console *self, const char *text, size_t length)
{
    (void)self;
    for (size_t i = 0; i < length && said_length < sizeof(said) - 1; i++) {
        said[said_length++] = text[i];
    }
}

TEST(the_list)
{
    static struct console listener = {.write = keep};
    struct console *before = console_register(&listener);
    const char *first;

    pci_print();
    console_register(before);
    TEST_NOTE("%s", said);
    first = strstr(said, "pci 00:01.0 1234:11e8 class 00ff00, line 36");
    ASSERT_NE(first, NULL);
    /* Behind an I/O memory-management unit its stream is named in between. */
    first = strstr(first, ", no driver\n");
    ASSERT_NE(first, NULL);
    EXPECT_EQ(strncmp(first, ", no driver\n  BAR 0: 0x100000 bytes at 0x1", 42), 0);
    EXPECT_TRUE(strstr(said, "pci 00:02.0 1b36:000c class 060400, bridge to bus 01") != NULL);
    EXPECT_TRUE(strstr(said, has_high_window() ? "  BAR 2: 0x4000000 bytes at 0x82"
                                               : "  BAR 2: 0x4000000 bytes at 0x1") != NULL);
    EXPECT_EQ(strstr(said, "  BAR 2: 0x200000000 bytes without a place") != NULL,
              !has_high_window());
}

TEST(refusals)
{
    struct pci_function *function = edu(0);
    struct pci_bar bar;
    unsigned granted = 7;

    EXPECT_EQ(pci_get_bar(function, 1, &bar), kIOReturnNotFound);
    EXPECT_EQ(pci_get_bar(function, PCI_BARS, &bar), kIOReturnNotFound);
    EXPECT_TRUE(pci_map_bar(function, 0, 1 << 20, 0) == NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnBadArgument);
    EXPECT_TRUE(pci_map_bar(function, 0, 4096, UINT64_MAX) == NULL);
    EXPECT_TRUE(pci_map_bar(function, 0, 0xff000, 0x1001) == NULL);
    EXPECT_TRUE(pci_map_bar(function, 3, 0, 0) == NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotFound);
    EXPECT_EQ(pci_enable(function, 1), kIOReturnBadArgument);
    EXPECT_EQ(pci_allocate_vectors(function, 0, 1, PCI_INTX, &granted), kIOReturnBadArgument);
    EXPECT_EQ(pci_allocate_vectors(function, 2, 1, PCI_INTX, &granted), kIOReturnBadArgument);
    EXPECT_EQ(pci_allocate_vectors(function, 1, 1, 0, &granted), kIOReturnBadArgument);
    EXPECT_EQ(pci_allocate_vectors(function, 2, 2, PCI_INTX, &granted), kIOReturnNoInterrupt);
    EXPECT_EQ(granted, 7);
    EXPECT_EQ(pci_attach_vector(function, 0, count, NULL), kIOReturnBadArgument);
    EXPECT_EQ(pci_vector_intid(function, 0), 0);
    pci_free_vectors(function);
    pci_detach_vector(function, 0);
}
