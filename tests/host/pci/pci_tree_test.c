/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees of PCI functions: what is behind bridges of each kind and who speaks for it, what firmware
 * has left on, and functions in use.
 */
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "tests/host/pci/pci_machine.h"
#include "tests/lib/portable/test_mapper.h"

#define MIB 0x100000ull

#define MEMORY_32 0x0u

#define ENDPOINT   0u
#define ROOT_PORT  4u
#define UPSTREAM   5u
#define DOWNSTREAM 6u
#define TO_PCI     7u

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
        const struct pci_function *found = function_at(first, rows[i].bus, rows[i].slot, 0);

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
    assert_int_equal(function_at(first, 0, 3, 1)->info.device, 11);
    assert_int_equal(function_at(first, 0, 3, 4)->info.device, 12);
    assert_int_equal(function_at(first, 0, 3, 7)->info.device, 13);
    assert_int_equal(function_at(first, 0, 3, 7)->info.requester, 3 << 3 | 7);
    assert_int_equal(function_at(first, 0, 4, 0)->info.device, 20);
    assert_null(function_at(first, 0, 4, 1));
    assert_null(function_at(first, 0, 3, PCI_FUNCTIONS)); /* which would be the next slot's */
    assert_null(function_at(first, 0, 5, 1));
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
        cmocka_unit_test(functions_are_used),
        cmocka_unit_test(a_function_behind_a_unit),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
