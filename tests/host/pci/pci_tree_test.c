/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees of PCI functions: what is behind bridges of each kind and who speaks for it, what firmware
 * has left on, where everybody is placed on both sides of every bridge, and functions in use.
 */
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "tests/host/pci/pci_machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/lib/portable/test_mapper.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull

#define MEMORY_32       0x0u
#define MEMORY_64       0x4u
#define PREFETCHABLE_64 0xcu
#define PORTS           0x1u

#define ENDPOINT   0u
#define ROOT_PORT  4u
#define UPSTREAM   5u
#define DOWNSTREAM 6u
#define TO_PCI     7u

static struct pci_function *in(struct pci_function *first, unsigned bus, unsigned slot,
                               unsigned number)
{
    while (first != NULL &&
           (first->info.bus != bus || first->info.slot != slot || first->info.number != number)) {
        first = first->next;
    }
    return first;
}

/* --- Who is there ----------------------------------------------------------------------------- */

static struct fake_function *add_express(uint8_t bus, uint8_t slot, unsigned kind)
{
    struct fake_function *fake = fake_add(bus, slot, 0x1af5, 0x200);

    fake_put(fake, fake_capability(fake, PCI_CAP_EXPRESS, 60) + 2, kind << 4 | 2, 2);
    fake->extended = true;
    return fake;
}

static void add_link(uint8_t bus, uint8_t slot, unsigned kind, uint8_t secondary)
{
    fake_bridge(add_express(bus, slot, kind), secondary);
}

/*
 * A port with a device and its echo; a bridge to a conventional bus, behind which another is; and a
 * switch of two ports. By them it is told who speaks, and how far extended space is reached.
 */
static void links_of_each_kind(void **state)
{
    static const struct {
        uint8_t bus, slot;
        unsigned requester, space; /* space: 0: it is not there */
    } rows[] = {{0, 1, 0x0008, 4096}, {1, 0, 0x0100, 4096}, {1, 1, 0, 0},
                {0, 2, 0x0010, 4096}, {2, 3, 0x0200, 256},  {2, 4, 0x0200, 256},
                {3, 5, 0x0200, 256},  {0, 6, 0x0030, 4096}, {4, 0, 0x0400, 4096},
                {4, 1, 0x0408, 4096}, {5, 0, 0x0500, 4096}, {5, 2, 0, 0},
                {6, 0, 0x0600, 256},  {0, 9, 0x0048, 256}};
    struct pci_function *first;

    (void)state;
    fake_begin();
    add_link(0, 1, ROOT_PORT, 1);
    add_express(1, 0, ENDPOINT);
    add_express(1, 1, ENDPOINT);
    add_link(0, 2, TO_PCI, 2);
    add_express(2, 3, ENDPOINT);
    fake_bridge(fake_add(2, 4, 9, 1), 3);
    add_express(3, 5, ENDPOINT);
    add_link(0, 6, UPSTREAM, 4);
    add_link(4, 0, DOWNSTREAM, 5);
    add_link(4, 1, DOWNSTREAM, 6);
    add_express(5, 0, ENDPOINT);
    add_express(5, 2, ENDPOINT);
    fake_add(6, 0, 1, 1)->extended = true; /* none of PCI Express, whatever is there */
    fake_add(0, 9, 1, 2)->extended = true;
    first = fake_search(&fake_virt);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct pci_function *found = in(first, rows[i].bus, rows[i].slot, 0);

        assert_int_equal(found != NULL, rows[i].space != 0);
        if (found != NULL) {
            assert_int_equal(found->info.requester, rows[i].requester);
            assert_int_equal(found->config_size, rows[i].space);
        }
    }
}

/* A device says whether it has more functions than the first; without that nobody asks them. */
static void functions_of_a_device(void **state)
{
    struct pci_function *first;

    (void)state;
    fake_begin();
    for (unsigned i = 0; i < 4; i++) {
        static const uint8_t numbers[] = {0, 1, 4, 7};
        struct fake_function *const many = fake_add(0, 3, 1, (uint16_t)(10 + i));
        struct fake_function *const one = fake_add(0, 4, 1, (uint16_t)(20 + i));

        many->number = one->number = numbers[i];
        fake_put(many, PCI_HEADER, i == 0 ? 0x80 : 0, 1);
    }
    fake_add(0, 5, 1, 30)->number = 1; /* without a first one nobody is there */
    first = fake_search(&fake_virt);
    assert_int_equal(in(first, 0, 3, 1)->info.device, 11);
    assert_int_equal(in(first, 0, 3, 4)->info.device, 12);
    assert_int_equal(in(first, 0, 3, 7)->info.device, 13);
    assert_int_equal(in(first, 0, 3, 7)->info.requester, 3 << 3 | 7);
    assert_int_equal(in(first, 0, 4, 0)->info.device, 20);
    assert_null(in(first, 0, 4, 1));
    assert_null(in(first, 0, 5, 1));
}

/* What firmware has left on is off; what else it has set stays. */
static void firmware_is_silenced(void **state)
{
    struct fake_function *fake, *bridge;
    struct pci_info info;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake_put(fake, PCI_COMMAND, 0x0147, 2);
    fake_put(fake, PCI_SUBSYSTEM, 0x12345678, 4);
    bridge = fake_add(0, 2, 1, 3);
    fake_bridge(bridge, 1);
    fake_put(bridge, PCI_SUBSYSTEM, 0x12345678, 4); /* the top of its window */
    fake_put(bridge, PCI_BUSES + 3, 0x40, 1);       /* a timer */
    pci_get_info(fake_search(&fake_virt), &info);
    assert_int_equal(fake_get(fake, PCI_COMMAND, 2), 0x0540);
    assert_int_equal(info.subsystem_vendor, 0x5678);
    assert_int_equal(info.subsystem, 0x1234);
    assert_false(info.is_bridge);
    pci_get_info(pci_find(1, 3, NULL), &info);
    assert_int_equal(info.subsystem_vendor | info.subsystem, 0);
    assert_true(info.is_bridge);
    assert_int_equal(fake_get(bridge, PCI_BUSES, 4), 0x40010100);
}

/* Two buses at a time, and no more than there are. */
static void buses_are_mapped_as_they_are_met(void **state)
{
    const struct fake_windows three = {.low = 0x10000000, .low_size = 16 * MIB, .buses = 3};
    struct mmu_translation there;
    const struct pci_host *host;

    (void)state;
    fake_begin();
    fake_add(0, 1, 1, 1);
    assert_int_equal(fake_search(&three)->bus->host->mapped, 2 * PCI_BUS_SIZE);
    fake_begin();
    fake_bridge(fake_add(0, 1, 9, 1), 1);
    fake_bridge(fake_add(1, 1, 9, 2), 2);
    host = fake_search(&three)->bus->host;
    assert_int_equal(host->mapped, 3 * PCI_BUS_SIZE);
    assert_true(mmu_translate(mmu_kernel, (vaddr_t)host->space + host->mapped - 1, &there));
    assert_false(mmu_translate(mmu_kernel, (vaddr_t)host->space + host->mapped, &there));
}

static void lists_have_an_end(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake_capability(fake, PCI_CAP_EXPRESS, 60);
    fake->extended = true;
    fake_capability(fake, PCI_CAP_VENDOR, 4);
    fake_put(fake, 0x100, 0x14010001, 4);
    fake_put(fake, 0x140, 0x00010002, 4);
    fake_put(fake, 0x43, 0x14, 1);    /* what would be a pointer there */
    fake_put(fake, PCI_PIN, 0x40, 1); /* here as well */
    fake_put(fake, 0x101, 0x40, 1);
    found = fake_search(&fake_virt);
    assert_int_equal(pci_find_capability(found, PCI_CAP_VENDOR, 0x40), 0x7c);
    assert_int_equal(pci_find_extended_capability(found, 2, 0), 0x140);
    assert_int_equal(pci_find_extended_capability(found, 2, 0x100), 0x140);
    assert_int_equal(pci_find_extended_capability(found, 2, 0x140), 0);
    assert_int_equal(pci_find_extended_capability(found, 2, 0x40), 0);
    assert_int_equal(pci_find_capability(found, PCI_CAP_EXPRESS, 0x40), 0);
    assert_int_equal(pci_find_capability(found, PCI_CAP_EXPRESS, 0x3c), 0);
    assert_int_equal(pci_find_capability(found, PCI_CAP_EXPRESS, 0x100), 0);
    assert_int_equal(pci_find_extended_capability(found, 0, 0x140), 0);
    /* An entry of zeros is none, though what it would be is asked for. */
    fake_put(fake, 0x100, 0, 4);
    assert_int_equal(pci_find_extended_capability(found, 0, 0), 0);
    fake_put(fake, 0x100, 0xffffffff, 4);
    assert_int_equal(pci_find_extended_capability(found, 0xffff, 0), 0);
}

/* --- Places ----------------------------------------------------------------------------------- */

/* Who has a place is told of it, and of nothing else; the CPU reaches it where the window says. */
static void expect_place(const struct fake_function *fake, struct pci_function *function,
                         unsigned index, uint64_t shift, uint64_t expected)
{
    struct pci_bar bar;

    assert_int_equal(pci_get_bar(function, index, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, expected);
    assert_int_equal(bar.base.value, expected + shift);
    assert_int_equal(fake_get(fake, PCI_BAR + 4 * index, 4),
                     (uint32_t)expected | fake->bars[index].flags);
    if (bar.is_wide) {
        assert_int_equal(fake_get(fake, PCI_BAR + 4 * index + 4, 4), expected >> 32);
    }
}

static void registers_say_where(void **state)
{
    const struct fake_windows windows = {.low = 0x10000000,
                                         .low_size = 0x10000000,
                                         .high = 0x8000000000,
                                         .high_size = 8 * GIB,
                                         .shift = 0x100000000,
                                         .buses = BUSES};
    struct fake_function *narrow, *wide, *behind;
    struct pci_function *first;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    narrow = fake_add(0, 1, 1, 1);
    for (unsigned i = 0; i < 6; i++) {
        narrow->bars[i] = (struct fake_bar){0x1000u << i, MEMORY_32};
    }
    wide = fake_add(0, 2, 1, 2);
    for (unsigned i = 0; i < 6; i += 2) {
        wide->bars[i] = (struct fake_bar){GIB << i / 2, PREFETCHABLE_64};
    }
    fake_bridge(fake_add(0, 3, 9, 1), 1);
    behind = fake_add(1, 1, 1, 3);
    behind->bars[0] = (struct fake_bar){0x2000, MEMORY_32};
    behind->bars[1] = (struct fake_bar){0x1000, MEMORY_64};
    behind->bars[3] = (struct fake_bar){0x2000, PREFETCHABLE_64};
    behind->bars[5] = (struct fake_bar){0x1000, MEMORY_32};
    first = fake_search(&windows);
    /* The bridge's megabyte is aligned to more than what is beside it. */
    for (unsigned i = 0; i < 6; i++) {
        static const uint64_t at[] = {0x1013e000, 0x1013c000, 0x10138000,
                                      0x10130000, 0x10120000, 0x10100000};

        expect_place(narrow, first, i, windows.shift, at[i]);
    }
    expect_place(wide, in(first, 0, 2, 0), 4, windows.shift, 0x8000000000);
    expect_place(wide, in(first, 0, 2, 0), 2, windows.shift, 0x8100000000);
    expect_place(wide, in(first, 0, 2, 0), 0, windows.shift, 0x8180000000);
    expect_place(behind, in(first, 1, 1, 0), 0, windows.shift, 0x10000000);
    expect_place(behind, in(first, 1, 1, 0), 1, windows.shift, 0x10002000);
    expect_place(behind, in(first, 1, 1, 0), 5, windows.shift, 0x10003000);
    expect_place(behind, in(first, 1, 1, 0), 3, windows.shift, 0x81c0000000);
    /* A bridge has two, behind which are its buses. */
    assert_int_equal(pci_get_bar(in(first, 0, 3, 0), 2, &bar), kIOReturnNotFound);
    assert_int_equal(pci_get_bar(first, 6, &bar), kIOReturnNotFound);
}

/* Of those that are as large the first one goes; of what is behind a further bridge, the largest.
 */
static void the_largest_is_left_out(void **state)
{
    static const struct {
        uint8_t slot;   /* of the further bridge */
        uint8_t mib[4]; /* of two beside it, and of two behind it */
        unsigned room;  /* MiB */
        uint16_t lost;
    } rows[] = {{9, {8, 8, 0, 0}, 12, 1},
                {9, {8, 0, 8, 0}, 12, 1},
                {0, {8, 0, 8, 0}, 12, 3},
                {9, {0, 0, 8, 8}, 12, 3},
                {9, {4, 2, 1, 8}, 12, 4}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct fake_windows small = {
            .low = 0x10000000, .low_size = rows[i].room * MIB, .buses = BUSES};
        struct pci_function *first;
        struct pci_bar bar;

        fake_begin();
        fake_bridge(fake_add(0, 1, 9, 1), 1);
        fake_bridge(fake_add(1, rows[i].slot, 9, 2), 2);
        for (unsigned k = 0; k < 4; k++) {
            fake_add(k < 2 ? 1 : 2, (uint8_t)(1 + k), 1, (uint16_t)(1 + k))->bars[0] =
                (struct fake_bar){rows[i].mib[k] * MIB, MEMORY_32};
        }
        first = fake_search(&small);
        for (unsigned k = 0; k < 4; k++) {
            assert_int_equal(pci_get_bar(in(first, k < 2 ? 1 : 2, 1 + k, 0), 0, &bar),
                             rows[i].mib[k] == 0      ? kIOReturnNotFound
                             : k + 1u == rows[i].lost ? kIOReturnNoSpace
                                                      : kIOReturnSuccess);
        }
    }
}

/* A bridge is no power of two large: who comes behind it is aligned again, on either side. */
static void places_are_aligned(void **state)
{
    struct fake_function *outer, *nobody;
    struct pci_function *first;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    outer = fake_add(0, 1, 9, 1);
    fake_bridge(outer, 1);
    fake_bridge(fake_add(1, 1, 9, 2), 2);
    fake_add(1, 2, 1, 1)->bars[0] = (struct fake_bar){4 * MIB, MEMORY_32};
    fake_add(2, 1, 1, 2)->bars[0] = (struct fake_bar){8 * MIB, MEMORY_32};
    fake_add(2, 2, 1, 3)->bars[0] = (struct fake_bar){4096, MEMORY_32};
    nobody = fake_add(0, 2, 9, 3);
    fake_bridge(nobody, 3);
    fake_put(nobody, PCI_MEMORY_BASE, 0x1ff01000, 4); /* as firmware has left it */
    fake_put(nobody, PCI_PREFETCH_BASE, 0x1ff01000, 4);
    fake_add(0, 3, 1, 4)->bars[0] = (struct fake_bar){MIB, MEMORY_32};
    fake_bridge(fake_add(0, 4, 9, 4), 4);
    fake_add(4, 1, 1, 5)->bars[0] = (struct fake_bar){4096, MEMORY_32};
    first = fake_search(&fake_virt);
    assert_int_equal(pci_get_bar(in(first, 2, 1, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x10000000);
    assert_int_equal(pci_get_bar(in(first, 2, 2, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x10800000);
    assert_int_equal(pci_get_bar(in(first, 1, 2, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x10c00000);
    assert_int_equal(fake_get(outer, PCI_MEMORY_BASE, 4), 0x10f01000);
    /* Of those that are aligned to as much, the first one that was found. */
    assert_int_equal(pci_get_bar(in(first, 0, 3, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x11000000);
    assert_int_equal(pci_get_bar(in(first, 4, 1, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x11100000);
    /* Nothing is behind this one, and nothing gets there. */
    for (unsigned at = PCI_MEMORY_BASE; at <= PCI_PREFETCH_BASE; at += 4) {
        assert_true(fake_get(nobody, at, 2) > fake_get(nobody, at + 2, 2));
    }
}

/* What must not be prefetched, of 32 bits, has its window, wherever the other one is. */
static void windows_are_of_kinds(void **state)
{
    const struct fake_windows both = {.low = 0x10000000,
                                      .low_size = 8 * MIB,
                                      .high = 0x20000000,
                                      .high_size = 256 * MIB,
                                      .buses = BUSES};
    struct pci_function *first;
    struct pci_bar bar;

    (void)state;
    fake_begin();
    fake_add(0, 1, 1, 1)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_32};
    fake_add(0, 2, 1, 2)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_64};
    fake_bridge(fake_add(0, 3, 9, 1), 1);
    fake_add(1, 1, 1, 3)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_64};
    first = fake_search(&both);
    assert_int_equal(pci_get_bar(first, 0, &bar), kIOReturnNoSpace);
    assert_int_equal(pci_get_bar(first->next, 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0x20000000);
    assert_int_equal(pci_get_bar(in(first, 1, 1, 0), 0, &bar), kIOReturnNoSpace);
}

/*
 * To the last byte, and to 4 GiB: the window of a bridge is no power of two, and may begin below
 * and end above.
 */
static void windows_are_filled(void **state)
{
    const struct fake_windows across = {.low = 0xff000000, .low_size = 0x10000000, .buses = BUSES};
    const struct fake_windows small = {.low = 0x10000000, .low_size = 16 * MIB, .buses = BUSES};
    struct pci_function *first;
    struct pci_bar bar;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fake_begin();
        fake_add(0, 1, 1, 1)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_32};
        fake_add(0, 2, 1, 2)->bars[0] = (struct fake_bar){4096, MEMORY_32};
        first = fake_search(i == 0 ? &small : &across);
        assert_int_equal(pci_get_bar(first, 0, &bar), kIOReturnSuccess);
        assert_int_equal(bar.bus, i == 0 ? small.low : across.low);
        assert_int_equal(pci_get_bar(first->next, 0, &bar), kIOReturnNoSpace);
    }
    fake_begin();
    fake_bridge(fake_add(0, 1, 9, 1), 1);
    fake_add(1, 1, 1, 1)->bars[0] = (struct fake_bar){16 * MIB, MEMORY_32};
    fake_add(1, 2, 1, 2)->bars[0] = (struct fake_bar){8 * MIB, MEMORY_32};
    first = fake_search(&across);
    assert_int_equal(pci_get_bar(in(first, 1, 1, 0), 0, &bar), kIOReturnNoSpace);
    assert_int_equal(pci_get_bar(in(first, 1, 2, 0), 0, &bar), kIOReturnSuccess);
    assert_int_equal(bar.bus, 0xff000000);
}

/* --- In use ----------------------------------------------------------------------------------- */

static void functions_are_used(void **state)
{
    const struct fake_windows windows = {
        .low = 0x50000000, .low_size = 0x10000000, .shift = 0x100000000, .buses = BUSES};
    struct mmu_translation there;
    struct fake_function *fake;
    struct pci_function *found;
    volatile char *registers;
    IODeviceMemory *memory;

    (void)state;
    fake_begin();
    fake = fake_add(0, 1, 1, 2);
    fake->bars[0] = (struct fake_bar){0x4000, MEMORY_32};
    found = fake_search(&windows);
    assert_int_equal(pci_claim(found, "somebody"), kIOReturnSuccess);
    assert_int_equal(pci_enable(found, PCI_MEMORY), kIOReturnSuccess);
    assert_int_equal(fake_get(fake, PCI_COMMAND, 2), PCI_COMMAND_NO_INTX | PCI_MEMORY);
    assert_int_equal(pci_enable(found, PCI_MASTER), kIOReturnSuccess);
    assert_int_equal(fake_get(fake, PCI_COMMAND, 2), PCI_COMMAND_NO_INTX | PCI_MEMORY | PCI_MASTER);
    pci_disable(found, 0xffff); /* of what can be enabled */
    assert_int_equal(fake_get(fake, PCI_COMMAND, 2), PCI_COMMAND_NO_INTX);
    assert_int_equal(pci_enable(found, PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    pci_enable_line(found, true);
    assert_int_equal(fake_get(fake, PCI_COMMAND, 2), PCI_MEMORY | PCI_MASTER);
    pci_enable_line(found, false);
    pci_release(found); /* its registers may be looked at still */
    assert_int_equal(fake_get(fake, PCI_COMMAND, 2), PCI_COMMAND_NO_INTX | PCI_MEMORY);
    assert_int_equal(pci_claim(found, "another"), kIOReturnSuccess);
    pci_release(found);
    /* As much of them as is asked for, and no page more. */
    registers = pci_map_bar(found, 0, 0x1010, 0xff0);
    assert_ptr_equal(registers, phys_to_virt(paddr(0x150001010)));
    assert_true(mmu_translate(mmu_kernel, (vaddr_t)registers, &there));
    assert_false(mmu_translate(mmu_kernel, (vaddr_t)registers + 0xff0, &there));
    registers = pci_map_bar(found, 0, 0x3ff0, 0);
    assert_ptr_equal(registers, phys_to_virt(paddr(0x150003ff0)));
    assert_true(mmu_translate(mmu_kernel, (vaddr_t)registers, &there));
    assert_false(mmu_translate(mmu_kernel, (vaddr_t)registers + 0x10, &there));
    assert_non_null(pci_map_bar(found, 0, 0x3ff0, 0x10));
    assert_null(pci_map_bar(found, 0, 0x3ff0, 0x11));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(pci_map_bar(found, 0, 0x4000, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(pci_map_bar(found, 0, 1, UINT64_MAX));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    memory = pci_copy_bar_memory(found, 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment((IOMemoryDescriptor *)memory, 0, NULL,
                                                           kIOMemoryMapperNone),
                     0x150000000);
    OSObject_release(memory);
}

static struct test_mapper *unit;
static IOReturn unit_says;

static IOReturn source(struct pci_function *function, int node, uint32_t stream, IOMapper **mapper)
{
    (void)function;
    assert_int_equal(node, fdt_path_offset(devicetree(), "/msi@8020000"));
    assert_int_equal(stream, 1 << 3);
    OSObject_retain(&unit->super);
    *mapper = &unit->super;
    return unit_says;
}

/* Whoever asks gets one of his own; the service names it, until nothing is to be translated. */
static void a_function_behind_a_unit(void **state)
{
    IOService *const service = IOService_withReader("unit", NULL, NULL);
    struct pci_function *found;
    IOMapper *mapper;
    int held;

    (void)state;
    fake_begin();
    fake_has_units = true;
    fake_add(0, 1, 1, 2);
    found = fake_search(&fake_virt);
    unit = test_mapper_new(0x100);
    assert_true(IOMapper_start(&unit->super, service));
    held = OSObject_getRetainCount(&unit->super);
    pci_set_mapper_source(source);
    /* What it gives together with an error is nobody's. */
    unit_says = kIOReturnTimeout;
    assert_int_equal(pci_copy_mapper(found, &mapper), kIOReturnTimeout);
    assert_null(mapper);
    assert_null(IOMapper_copyMapperForDevice(pci_get_service(found)));
    assert_int_equal(OSObject_getRetainCount(&unit->super), held);
    unit_says = kIOReturnSuccess;
    for (unsigned i = 0; i < 2; i++) {
        const int before = OSObject_getRetainCount(&unit->super);

        assert_int_equal(pci_copy_mapper(found, &mapper), kIOReturnSuccess);
        assert_ptr_equal(mapper, &unit->super);
        assert_true(i == 0 || OSObject_getRetainCount(mapper) == before + 1);
        OSObject_release(mapper);
    }
    mapper = IOMapper_copyMapperForDevice(pci_get_service(found));
    assert_ptr_equal(mapper, &unit->super);
    OSObject_release(mapper);
    pci_set_untranslated(found);
    assert_null(IOMapper_copyMapperForDevice(pci_get_service(found)));
    assert_int_equal(pci_copy_mapper(found, &mapper), kIOReturnSuccess);
    assert_null(mapper);
    /* One that was left out before it was asked for. */
    fake_begin();
    fake_has_units = true;
    fake_add(0, 1, 1, 2);
    found = fake_search(&fake_virt);
    pci_set_untranslated(found);
    assert_int_equal(pci_enable(found, PCI_MASTER), kIOReturnSuccess);
    assert_int_equal(pci_copy_mapper(found, &mapper), kIOReturnSuccess);
    assert_null(mapper);
    assert_null(IOMapper_copyMapperForDevice(pci_get_service(found)));
    pci_set_mapper_source(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_of_each_kind),
        cmocka_unit_test(functions_of_a_device),
        cmocka_unit_test(firmware_is_silenced),
        cmocka_unit_test(buses_are_mapped_as_they_are_met),
        cmocka_unit_test(lists_have_an_end),
        cmocka_unit_test(registers_say_where),
        cmocka_unit_test(the_largest_is_left_out),
        cmocka_unit_test(places_are_aligned),
        cmocka_unit_test(windows_are_of_kinds),
        cmocka_unit_test(windows_are_filled),
        cmocka_unit_test(functions_are_used),
        cmocka_unit_test(a_function_behind_a_unit),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
