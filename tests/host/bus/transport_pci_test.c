/* SPDX-License-Identifier: BSD-2-Clause */
/* Which virtio devices on PCI are named to somebody who looks for them. */
#include "drivers/virtio/transport_pci.h"
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "tests/host/bus/machine.h"
#include "tests/host/sim/sim_console.h"

#define ECAM      0x4010000000ull
#define BUS_SIZE  0x100000ull
#define DEVICES   32
#define FUNCTIONS 8

const struct virtio_transport *const virtio_transports[] = {&virtio_pci, NULL};

/* What one function answers. */
static struct {
    uint32_t id; /* 0: nobody is there */
    uint32_t subsystem;
} functions[DEVICES][FUNCTIONS];
static bool has_more[DEVICES];
static unsigned reads;

static uint64_t read_bus(struct sim_registers *self, uint64_t offset, unsigned width)
{
    const unsigned device = (unsigned)(offset >> 15), function = (unsigned)(offset >> 12) % 8;

    (void)self;
    assert_int_equal(width, 4);
    assert_in_range(device, 0, DEVICES - 1);
    reads++;
    if (functions[device][function].id == 0) {
        return 0xffffffff;
    }
    switch (offset & 0xfff) {
    case 0x00:
        return functions[device][function].id;
    case 0x0c:
        return has_more[device] ? 1u << 23 | 0x10 : 0x10;
    case 0x2c:
        return functions[device][function].subsystem;
    default:
        fail_msg("a read at %#x", (unsigned)offset & 0xfff);
        return 0;
    }
}

static void write_bus(struct sim_registers *self, uint64_t offset, uint64_t value, unsigned width)
{
    (void)self;
    fail_msg("a write of %#x at %#x, %u bytes", (unsigned)value, (unsigned)offset, width);
}

static struct sim_registers bus = {.size = BUS_SIZE, .read = read_bus, .write = write_bus};

static void add_bridge(const char *name, uint64_t base, uint64_t size)
{
    begin(name);
    ok(fdt_property_string(tree, "compatible", "pci-host-ecam-generic"));
    add_registers(base, size);
    end();
}

/* Look for devices where the only bridge has so much configuration space. */
static void look(uint64_t base, uint64_t size)
{
    begin_tree();
    add_memory();
    add_bridge("pcie@0", base, size);
    assert_null(finish_tree());
    sim_mmio_unplug_all();
    bus.start = phys_to_virt(paddr(base));
    sim_mmio_plug(&bus);
    sim_console_forget();
    reads = 0;
    virtio_pci.find();
}

static void forget_devices(void)
{
    memset(functions, 0, sizeof(functions));
    memset(has_more, 0, sizeof(has_more));
}

static void put(unsigned device, unsigned function, uint32_t vendor, uint32_t id, uint32_t type)
{
    functions[device][function].id = id << 16 | vendor;
    functions[device][function].subsystem = type << 16 | vendor;
}

static void test_named(void **state)
{
    (void)state;
    forget_devices();
    put(0, 0, 0x1b36, 8, 0x1100); /* QEMU's own bridge */
    put(1, 0, 0x1af4, 0x1042, 0x1100);
    put(2, 0, 0x1af4, 0x1005, 4); /* transitional: its type is the subsystem */
    put(3, 0, 0x8086, 0x10d3, 0);
    has_more[3] = true;
    put(3, 5, 0x1af4, 0x1044, 0x1100);
    put(4, 0, 0x1af4, 0x1000, 2);
    put(31, 7, 0x1af4, 0x1042, 0x1100);
    put(31, 0, 0x1af4, 0x1044, 0x1100);
    has_more[31] = true;
    look(ECAM, 16 * BUS_SIZE);
    assert_true(sim_console_said(
        "virtio: nothing drives the disk at PCI 00:01.0; start QEMU with -device "
        "virtio-blk-device instead of virtio-blk-pci\n"
        "virtio: nothing drives the entropy device at PCI 00:02.0; start QEMU with -device "
        "virtio-rng-device instead of virtio-rng-pci\n"
        "virtio: nothing drives the entropy device at PCI 00:03.5; start QEMU with -device "
        "virtio-rng-device instead of virtio-rng-pci\n"
        "virtio: nothing drives the disk at PCI 00:04.0; start QEMU with -device "
        "virtio-blk-device instead of virtio-blk-pci\n"
        "virtio: nothing drives the entropy device at PCI 00:1f.0; start QEMU with -device "
        "virtio-rng-device instead of virtio-rng-pci\n"
        "virtio: nothing drives the disk at PCI 00:1f.7; start QEMU with -device "
        "virtio-blk-device instead of virtio-blk-pci\n"));
}

static void test_not_named(void **state)
{
    (void)state;
    forget_devices();
    put(1, 0, 0x1af4, 0x1040, 2); /* no type of its own, and not transitional */
    put(2, 0, 0x1af4, 0x0fff, 2);
    put(3, 0, 0x1af5, 0x1042, 2);
    put(4, 0, 0x1af4, 0x1041, 2);      /* a network card, whatever its subsystem says */
    put(5, 0, 0x1af4, 0x1041, 0x1100); /* a function alone: the others are echoes of it */
    put(5, 1, 0x1af4, 0x1042, 0x1100);
    put(6, 3, 0x1af4, 0x1042, 0x1100); /* without a first function there is no device */
    has_more[6] = true;
    put(7, 0, 0x1af4, 0x1082, 2);
    look(ECAM, BUS_SIZE);
    assert_int_not_equal(reads, 0);
    assert_false(sim_console_said("virtio"));
}

static void test_no_device(void **state)
{
    (void)state;
    forget_devices();
    look(ECAM, BUS_SIZE);
    assert_in_range(reads, DEVICES, 2 * DEVICES); /* no look at functions of nobody */
}

/* A whole bus must be there; of two or more the first is seen through one block of the tables. */
static void test_space(void **state)
{
    struct mmu_translation at;

    (void)state;
    forget_devices();
    put(1, 0, 0x1af4, 0x1042, 0x1100);
    look(ECAM + 0x10000000, BUS_SIZE - 1);
    assert_int_equal(reads, 0);
    assert_false(mmu_translate(mmu_kernel, (vaddr_t)bus.start, &at));

    look(ECAM + 0x20000000, BUS_SIZE);
    assert_true(sim_console_said("PCI 00:01.0"));
    assert_true(mmu_translate(mmu_kernel, (vaddr_t)bus.start + BUS_SIZE - 1, &at));
    assert_int_equal(at.attributes.memory, MMU_DEVICE);
    assert_false(mmu_translate(mmu_kernel, (vaddr_t)bus.start + BUS_SIZE, &at));

    look(ECAM + 0x30000000, 2 * BUS_SIZE);
    assert_true(mmu_translate(mmu_kernel, (vaddr_t)bus.start, &at));
    assert_int_equal(at.contiguous, 2 * BUS_SIZE);

    look(ECAM + 0x50000000, 2 * BUS_SIZE - 1);
    assert_true(mmu_translate(mmu_kernel, (vaddr_t)bus.start, &at));
    assert_int_equal(at.contiguous, PAGE_SIZE);

    look(ECAM + 0x40000000, 16 * BUS_SIZE);
    assert_true(mmu_translate(mmu_kernel, (vaddr_t)bus.start, &at));
    assert_int_equal(at.contiguous, 2 * BUS_SIZE);
    assert_false(mmu_translate(mmu_kernel, (vaddr_t)bus.start + 2 * BUS_SIZE, &at));
}

/* A bridge that makes no sense keeps nobody from the next one. */
static void test_more_bridges(void **state)
{
    (void)state;
    forget_devices();
    put(1, 0, 0x1af4, 0x1042, 0x1100);
    begin_tree();
    add_memory();
    begin("pcie@1"); /* no registers */
    ok(fdt_property_string(tree, "compatible", "pci-host-ecam-generic"));
    end();
    add_bridge("pcie@2", 0x40000000, BUS_SIZE); /* RAM */
    add_bridge("pcie@3", ECAM + 0x60000000, BUS_SIZE);
    assert_null(finish_tree());
    sim_mmio_unplug_all();
    bus.start = phys_to_virt(paddr(ECAM + 0x60000000));
    sim_mmio_plug(&bus);
    sim_console_forget();
    virtio_pci.find();
    assert_true(sim_console_said("PCI 00:01.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named),        cmocka_unit_test(test_not_named),
        cmocka_unit_test(test_no_device),    cmocka_unit_test(test_space),
        cmocka_unit_test(test_more_bridges),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
