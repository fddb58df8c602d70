/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Units as a device tree has them: those that are none, those that do not start, and those that do,
 * whose interrupts are heard and whose streams the bus is given. They stay for good, so that each
 * test goes on from what the one before has left.
 */
#include "drivers/pci/pci.h"
#include "kernel/devicetree.h"
#include "kernel/init.h"
#include "kernel/inject.h"
#include "tests/host/kernel/tree_writer.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/host/sim/sim_mmio.h"
#include "tests/host/smmuv3/sim_smmu_private.h"

#define EVENT_SPI 74u
#define ERROR_SPI 77u
#define LINE(spi) ((spi) + 32)
#define IDENTITY  7u

/* --- drivers/pci/pci.h -------------------------------------------------------------------------
 */

struct pci_function {
    char unused;
};

static pci_mapper_source_t *source;
static struct pci_function function;
static IOService *service;

void pci_set_mapper_source(pci_mapper_source_t *which)
{
    source = which;
}

IOService *pci_get_service(struct pci_function *whose)
{
    assert_ptr_equal(whose, &function);
    return service;
}

/* --- The tree ----------------------------------------------------------------------------------
 */

/* As start-up calls them. */
extern initialiser_t *const initialiser_offer_mappers;
extern initialiser_t *const initialiser_find_units;

static int node_at(const char *path)
{
    const int node = fdt_path_offset(devicetree(), path);

    assert_true(node >= 0);
    return node;
}

static void begin_unit(const char *name, unsigned base, unsigned size)
{
    begin(name);
    ok(fdt_property_string(tree, "compatible", "arm,smmu-v3"));
    cells("reg", 4, 0u, base, 0u, size);
}

static void add_frame(const char *name, const char *compatible, unsigned base, unsigned size)
{
    begin(name);
    ok(fdt_property_string(tree, "compatible", compatible));
    if (size != 0) {
        cells("reg", 4, 0u, base, 0u, size);
    }
    end();
}

/* The search is done once: where there is one node, which is no unit. */
static void search(void)
{
    IOMapper *mapper;

    begin_tree();
    begin_unit("small@9000000", 0x09000000, 0x10000);
    end();
    assert_null(finish_tree());
    sim_console_forget();
    /* By whoever comes first, which is the bus here. */
    initialiser_offer_mappers();
    assert_int_equal(source(&function, 1, 8, &mapper), kIOReturnNoDevice);
    assert_true(sim_console_said("smmuv3: a node without two pages of registers is no unit"));
    sim_console_forget();
    initialiser_find_units();
    assert_false(sim_console_said("smmuv3"));
}

static int start(void **state)
{
    const int status = sim_smmu_power_on(state);

    search();
    begin_tree();
    cells("interrupt-parent", 1, GIC);
    begin("memory@40000000");
    ok(fdt_property_string(tree, "device_type", "memory"));
    cells("reg", 4, 0u, 0x40000000u, 0u, 0x10000000u);
    end();
    begin_controller("intc@8000000", "arm,gic-v3", GIC, 3);
    end();
    /* Frames of messages: more than a unit has room for, one too small and one without a place. */
    add_frame("v2m@8020000", "arm,gic-v2m-frame", 0x08020000, 0x1000);
    add_frame("v2m", "arm,gic-v2m-frame", 0, 0);
    add_frame("its@8080000", "arm,gic-v3-its", 0x08080000, 0x20000);
    add_frame("its@80a0000", "arm,gic-v3-its", 0x080a0000, 0x10000);
    add_frame("its@80c0000", "arm,gic-v3-its", 0x080c0000, 0x10001);
    add_frame("its@80e0000", "arm,gic-v3-its", 0x080e0000, 0x20000);
    add_frame("its@8100000", "arm,gic-v3-its", 0x08100000, 0x20000);
    begin_unit("small@9000000", 0x09000000, SMMU_REGISTERS_SIZE - 1);
    end();
    begin("nowhere");
    ok(fdt_property_string(tree, "compatible", "arm,smmu-v3"));
    end();
    begin_unit("dead@9100000", 0x09100000, SMMU_REGISTERS_SIZE);
    end();
    begin_unit("ram@50000000", DMA_LOW, SMMU_REGISTERS_SIZE);
    end();
    /* Without a number to be named by, and without a line for errors. */
    begin_unit("mute@9050000", SIM_SMMU, SMMU_REGISTERS_SIZE);
    cells("interrupts", 3, 0u, EVENT_SPI, 1u);
    end();
    /* Whose lines are no shared ones, and twice the same. */
    begin_unit("odd@9050000", SIM_SMMU, SMMU_REGISTERS_SIZE);
    cells("interrupts", 12, 1u, 9u, 1u, 0u, 1u, 1u, 0u, 2u, 1u, 0u, EVENT_SPI, 1u);
    end();
    begin_unit("good@9050000", SIM_SMMU, SMMU_REGISTERS_SIZE);
    cells("phandle", 1, IDENTITY);
    cells("interrupts", 12, 0u, EVENT_SPI + 10, 1u, 0u, 75u, 1u, 0u, 76u, 1u, 0u, ERROR_SPI, 1u);
    end();
    assert_null(finish_tree());
    service = IOService_withReader("device", NULL, NULL);
    sim_console_set_quiet(true);
    return status;
}

static int stop(void **state)
{
    (void)state;
    OSObject_release(service);
    sim_smmu_unplug();
    return 0;
}

static IOReturn give(const char *path, uint32_t stream, IOMapper **mapper)
{
    return source(&function, node_at(path), stream, mapper);
}

/* --- Tests --------------------------------------------------------------------------------------
 */

static void nodes_that_are_no_unit(void **state)
{
    const struct holdings before = holdings_now();

    (void)state;
    smmu_add(node_at("/small@9000000"));
    assert_true(sim_console_said("smmuv3: a node without two pages of registers is no unit"));
    sim_console_forget();
    smmu_add(node_at("/nowhere"));
    assert_true(sim_console_said("smmuv3: a node without two pages of registers is no unit"));
    assert_false(smmu_present());
    assert_true(sim_holds(&before));
}

/* Its registers are all zeros: it says so, and keeps nothing. */
static uint64_t read_zero(struct sim_registers *self, uint64_t offset, unsigned width)
{
    (void)self, (void)offset, (void)width;
    return 0;
}

static void write_nothing(struct sim_registers *self, uint64_t offset, uint64_t value,
                          unsigned width)
{
    (void)self, (void)offset, (void)value, (void)width;
}

static void units_that_do_not_start(void **state)
{
    static struct sim_registers zeros = {
        .size = SMMU_REGISTERS_SIZE, .read = read_zero, .write = write_nothing};
    struct holdings before;

    (void)state;
    zeros.start = mmu_map_device(paddr(0x09100000), SMMU_REGISTERS_SIZE);
    sim_mmio_plug(&zeros);
    before = holdings_now();
    sim_console_forget();
    smmu_add(node_at("/dead@9100000"));
    assert_true(sim_console_said("the unit at 0x9100000 does not start: devices behind it do no"));
    assert_false(smmu_present());
    assert_true(sim_holds(&before));
    sim_mmio_unplug_all();
}

/* The n-th piece of memory is missing: no unit, nothing kept; or one with less room for events. */
static void units_without_memory(void **state)
{
    struct inject_report report = {.failed = true};
    unsigned failures = 0;

    (void)state;
    for (uint64_t nth = 1; report.failed && !smmu_present(); nth++) {
        const struct holdings before = holdings_now();

        sim_smmu_plug();
        sim_console_forget();
        inject_begin(nth);
        smmu_add(node_at("/mute@9050000"));
        inject_end(&report);
        if (smmu_present()) {
            break;
        }
        assert_true(report.failed);
        failures++;
        assert_true(sim_console_said("does not start"));
        assert_true(sim_holds(&before));
    }
    assert_in_range(failures, 3, 20);
    assert_true(sim_console_said("smmuv3: the unit at 0x9050000 has no interrupt 3"));
    assert_false(sim_console_said("has no interrupt 0"));
    assert_true(sim_line_is_enabled(LINE(EVENT_SPI)));
    assert_int_equal(sim_line_trigger(LINE(EVENT_SPI)), IRQ_EDGE);
}

/* Registers that would lie in memory are none. */
static void units_in_memory(void **state)
{
    const struct holdings before = holdings_now();

    (void)state;
    sim_console_forget();
    smmu_add(node_at("/ram@50000000"));
    assert_true(sim_console_said("the unit at 0x50000000 does not start: devices behind it do no"));
    assert_false(smmu_present());
    assert_true(sim_holds(&before));
}

/* What it cannot be told by its lines it is asked for. */
static void units_without_their_lines(void **state)
{
    IOMapper *mapper;
    uint64_t physical;

    (void)state;
    sim_smmu_plug();
    sim_console_forget();
    smmu_add(node_at("/odd@9050000"));
    assert_true(sim_console_said("smmuv3: the unit at 0x9050000 has no interrupt 0"));
    assert_true(sim_console_said("smmuv3: the unit at 0x9050000 has no interrupt 3"));
    assert_int_equal(give("/odd@9050000", 8, &mapper), kIOReturnSuccess);
    assert_false(sim_access(8, 0x12345000, true, &physical));
    sim_console_forget();
    IOMapper_collectFaults(mapper);
    assert_true(sim_console_said("a write to 0x12345000 is blocked"));
    OSObject_release(mapper);
}

static void a_unit_that_works(void **state)
{
    struct smmu_counters before, after;
    struct inject_report report;
    struct holdings before_it;
    IOMapper *mapper, *again;
    uint64_t nth = 0;
    IOMapper *none = NULL;
    uint64_t physical, length;

    (void)state;
    smmu_get_counters(&before);
    /* The n-th piece of memory is missing, its name's among them, until it is one that it can miss.
     */
    do {
        before_it = holdings_now();
        sim_smmu_plug();
        sim_console_forget();
        inject_begin(++nth);
        smmu_add(node_at("/good@9050000"));
        inject_end(&report);
    } while (report.failed && sim_console_said("does not start") && sim_holds(&before_it));
    assert_in_range(nth, 5, 30);
    assert_false(sim_console_said("does not start"));
    assert_false(sim_console_said("has no interrupt"));
    assert_int_equal(sim_line_trigger(LINE(ERROR_SPI)), IRQ_EDGE);
    assert_true(sim_line_is_enabled(LINE(EVENT_SPI + 10)));
    /* What the units before it were told counts on. */
    smmu_get_counters(&after);
    assert_true(before.commands >= 2 * told_count);
    assert_int_equal(after.commands, before.commands + told_count);
    assert_int_equal(give("/good@9050000", 0x108, &mapper), kIOReturnSuccess);
    assert_int_equal(give("/good@9050000", 0x108, &again), kIOReturnSuccess);
    assert_ptr_equal(mapper, again);
    OSObject_release(again);
    /* Interrupts by a message: the frames that there is room for, each at its own address. */
    for (unsigned i = 0; i < 5; i++) {
        static const uint64_t doorbells[] = {0x08020000, 0x08090000, 0x080d0000, 0x080f0000,
                                             0x08110000};
        const bool has_one = i < SMMU_DOORBELL_MAX;

        assert_int_equal(IOMapper_translate(mapper, doorbells[i], 0, &physical, &length),
                         has_one ? kIOReturnSuccess : kIOReturnNotFound);
        assert_int_equal(sim_access(0x108, doorbells[i] + 0x40, true, &physical), has_one);
        assert_true(!has_one || physical == doorbells[i] + 0x40);
    }
    /* Blocked, and heard by the line. */
    smmu_get_counters(&before);
    sim_console_forget();
    assert_int_equal(sim_interrupt(LINE(EVENT_SPI + 10)), IRQ_SERVED);
    assert_true(sim_console_said("PCI 01:01.0, device: a write to 0x8110040 is blocked"));
    assert_int_equal(sim_interrupt(LINE(ERROR_SPI)), IRQ_SERVED);
    smmu_get_counters(&after);
    assert_int_equal(after.events, before.events + 1);
    assert_int_equal(after.reports, before.reports + 1);
    assert_int_equal(after.lost, 0);
    /* One that it could not write down. */
    sim.gerror ^= GERROR_EVENTS_ABORTED;
    assert_int_equal(sim_interrupt(LINE(ERROR_SPI)), IRQ_SERVED);
    smmu_get_counters(&after);
    assert_int_equal(after.lost, 1);
    /* Of units that are there but did not start, and of streams that there are none of. */
    assert_int_equal(give("/dead@9100000", 8, &none), kIOReturnNoDevice);
    assert_int_equal(give("/good@9050000", 0x10000, &none), kIOReturnNoDevice);
    assert_null(none);
    OSObject_release(mapper);
    smmu_get_counters(&before);
    assert_true(before.commands > after.commands);
}

/* By the number that devices name it with. */
static void a_unit_has_a_number(void **state)
{
    static const uint8_t iommus[] = {0, 0, 0, IDENTITY, 0, 0, 1, 8};
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMapper *mapper, *direct;

    (void)state;
    assert_int_equal(IOService_setProperty(device, "iommus", iommus, sizeof(iommus)),
                     kIOReturnSuccess);
    mapper = IOMapper_copyMapperForDevice(device);
    assert_int_equal(give("/good@9050000", 0x108, &direct), kIOReturnSuccess);
    assert_non_null(mapper);
    assert_ptr_equal(mapper, direct);
    OSObject_release(direct);
    OSObject_release(mapper);
    OSObject_release(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_that_are_no_unit),    cmocka_unit_test(units_that_do_not_start),
        cmocka_unit_test(units_in_memory),           cmocka_unit_test(units_without_memory),
        cmocka_unit_test(units_without_their_lines), cmocka_unit_test(a_unit_that_works),
        cmocka_unit_test(a_unit_has_a_number),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
