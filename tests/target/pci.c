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
/* The PCI bus: who is found, and where its registers are. Its interrupts: pci_interrupts.c. */
#include <string.h>

#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/init.h"
#include "kernel/mmio.h"
#include "tests/harness/harness.h"
#include "tests/target/pci_edu.h"

#define LOW_END    0x100000000ull
#define HIGH_START 0x8000000000ull

/* With highmem=off all that the bus has is below 4 GiB, its configuration space too. */
static bool has_high_window(void)
{
    const int node = devicetree_next_compatible(-1, "pci-host-ecam-generic");
    struct devicetree_range range;

    return devicetree_reg(node, 0, &range) == KERN_SUCCESS && range.base.value >= LOW_END;
}

/*
 * What lasts for ever is made before the tests begin, or each would be blamed for it: page
 * tables of registers, and a function's service.
 */
static void prepare(void)
{
    for (unsigned i = 0; i < 3; i++) {
        pci_map_bar(edu(i), 0, 0, 0);
        pci_get_service(edu(i));
    }
    pci_map_bar(at(1, 0), 0, 0, 0x1000);
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

static enum irq_result serve(void *context)
{
    (void)context;
    return IRQ_SERVED;
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
    EXPECT_EQ(pci_attach_vector(function, 0, serve, NULL), kIOReturnBadArgument);
    EXPECT_EQ(pci_vector_intid(function, 0), 0);
    pci_free_vectors(function);
    pci_detach_vector(function, 0);
}
