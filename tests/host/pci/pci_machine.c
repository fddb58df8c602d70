/* SPDX-License-Identifier: BSD-2-Clause */
/* A PCI bus that a test plays: configuration space as one region of registers. */
#include "tests/host/pci/pci_machine.h"

#include "kernel/direct_map.h"

const struct fake_windows fake_virt = {.low = 0x10000000,
                                       .low_size = 0x2eff0000,
                                       .high = 0x8000000000,
                                       .high_size = 0x8000000000,
                                       .buses = BUSES};

unsigned fake_accesses;
bool fake_has_written;
bool fake_has_messages;
unsigned fake_message_cells, fake_bus_range_cells;
bool fake_has_units, fake_has_lines, fake_maps_messages;
uint32_t fake_bus_range[2];

static struct fake_function *functions, **functions_end = &functions;
static struct sim_registers space;
static uint64_t space_at = 0x4010000000; /* each machine has its own: mappings stay */

uint32_t fake_get(const struct fake_function *function, unsigned at, unsigned width)
{
    uint32_t value = 0;

    memcpy(&value, function->space + at, width);
    return value;
}

void fake_put(struct fake_function *function, unsigned at, uint32_t value, unsigned width)
{
    memcpy(function->space + at, &value, width);
}

static struct fake_function *find(unsigned bus, unsigned slot, unsigned number)
{
    for (struct fake_function *at = functions; at != NULL; at = at->next) {
        if (at->bus == bus && at->slot == slot && at->number == number) {
            return at;
        }
    }
    return NULL;
}

/* Is the bus behind bridges that pass its number on? */
static bool is_reached(unsigned bus)
{
    for (struct fake_function *at = functions; bus != 0 && at != NULL; at = at->next) {
        if (at->is_bridge && at->secondary == bus) {
            return fake_get(at, PCI_BUSES + 1, 1) == bus && fake_get(at, PCI_BUSES + 2, 1) >= bus &&
                   is_reached(at->bus);
        }
    }
    return bus == 0;
}

static uint64_t read_space(struct sim_registers *self, uint64_t offset, unsigned width)
{
    const unsigned bus = (unsigned)(offset >> 20);
    struct fake_function *at =
        find(bus, (unsigned)(offset >> 15) & 31, (unsigned)(offset >> 12) & 7);

    (void)self;
    fake_accesses++;
    fake_has_written = false;
    assert_int_equal(offset % width, 0);
    if (at == NULL || !is_reached(bus) || ((offset & 0xfff) >= 256 && !at->extended)) {
        return UINT64_MAX >> (64 - 8 * width);
    }
    return fake_get(at, offset & 0xfff, width);
}

/* The bits that a BAR of this index decodes; the upper half of one before it has its own. */
static uint32_t writable(const struct fake_function *at, unsigned index, uint32_t *fixed)
{
    const struct fake_bar *bar = &at->bars[index];

    *fixed = 0;
    if (bar->size != 0) {
        *fixed = bar->flags;
        return (uint32_t) ~(bar->size - 1) & ~((bar->flags & 1) != 0 ? 3u : 15u);
    }
    if (index > 0 && at->bars[index - 1].size != 0 && (at->bars[index - 1].flags & 5) == 4) {
        return (uint32_t)(~(at->bars[index - 1].size - 1) >> 32);
    }
    return 0;
}

static void write_space(struct sim_registers *self, uint64_t offset, uint64_t value, unsigned width)
{
    const unsigned bus = (unsigned)(offset >> 20), register_at = offset & 0xfff;
    struct fake_function *at =
        find(bus, (unsigned)(offset >> 15) & 31, (unsigned)(offset >> 12) & 7);
    const unsigned bars = at != NULL && at->is_bridge ? 2 : 6;

    (void)self;
    fake_accesses++;
    fake_has_written = true;
    assert_non_null(at);
    assert_int_equal(offset % width, 0);
    if (register_at >= PCI_BAR && register_at < PCI_BAR + 4 * bars) {
        const unsigned index = (register_at - PCI_BAR) / 4;
        uint32_t fixed;
        const uint32_t mask = writable(at, index, &fixed);

        assert_int_equal(width, 4);
        /* Never moved while it answers. */
        assert_int_equal(fake_get(at, PCI_COMMAND, 2) & 3, 0);
        fake_put(at, register_at, ((uint32_t)value & mask) | fixed, 4);
        return;
    }
    /* A window is closed while its upper halves change; there are no BARs behind the last. */
    assert_true(!at->is_bridge || register_at < PCI_PREFETCH_UPPER ||
                register_at >= PCI_PREFETCH_UPPER + 8 ||
                fake_get(at, PCI_PREFETCH_BASE, 2) > fake_get(at, PCI_PREFETCH_BASE + 2, 2));
    assert_true(at->is_bridge || register_at < PCI_BAR + 4 * bars ||
                register_at >= PCI_SUBSYSTEM + 4);
    if (at->is_bridge && register_at == PCI_PREFETCH_BASE) {
        value = (value & 0xfff0fff0) | 0x00010001; /* with upper halves */
    }
    fake_put(at, register_at, (uint32_t)value, width);
}

void fake_begin(void)
{
    while (functions != NULL) {
        struct fake_function *gone = functions;

        functions = gone->next;
        free(gone);
    }
    functions_end = &functions;
    sim_mmio_unplug_all();
    fake_accesses = 0;
    fake_message_cells = fake_bus_range_cells = 0;
    fake_has_units = fake_has_lines = fake_maps_messages = false;
}

struct fake_function *fake_add(uint8_t bus, uint8_t slot, uint16_t vendor, uint16_t device)
{
    struct fake_function *made = calloc(1, sizeof(*made));

    assert_non_null(made);
    made->bus = bus;
    made->slot = slot;
    fake_put(made, PCI_ID, (uint32_t)device << 16 | vendor, 4);
    *functions_end = made;
    functions_end = &made->next;
    return made;
}

void fake_bridge(struct fake_function *function, uint8_t secondary)
{
    function->is_bridge = true;
    function->secondary = secondary;
    fake_put(function, PCI_HEADER, PCI_HEADER_BRIDGE, 1);
    fake_put(function, PCI_REVISION, 0x06040000, 4);
}

unsigned fake_capability(struct fake_function *function, uint8_t id, unsigned bytes)
{
    unsigned last = PCI_CAPABILITIES, at = 0x40;

    /* Behind the last one; its length is in the place that this fake keeps to itself. */
    while (fake_get(function, last, 1) != 0) {
        last = fake_get(function, last, 1);
        at = (last + fake_get(function, 0xf00 + last, 1) + 3) & ~3u;
        last++;
    }
    fake_put(function, last, at, 1);
    fake_put(function, at, id, 1);
    fake_put(function, 0xf00 + at, bytes, 1);
    fake_put(function, PCI_STATUS, PCI_STATUS_LIST, 2);
    return at;
}

struct pci_function *fake_search(const struct fake_windows *windows)
{
    static bool searched;
    struct pci_function *last = NULL, *at;

    for (at = pci_functions; at != NULL; at = at->next) {
        last = at;
    }
    begin_tree();
    add_memory();
    begin("pcie@10000000");
    ok(fdt_property_string(tree, "compatible", "pci-host-ecam-generic"));
    ok(fdt_property(tree, "dma-coherent", NULL, 0));
    cells("reg", 4, (unsigned)(space_at >> 32), (unsigned)space_at, 0u,
          windows->buses * PCI_BUS_SIZE);
    if (fake_has_messages) {
        cells("msi-parent", 1 + fake_message_cells, 9u, 0x77u);
    }
    if (fake_maps_messages) {
        cells("msi-map", 4, 0u, 9u, 0x500u, 0x10000u);
    }
    if (fake_has_units) {
        cells("iommu-map", 4, 0u, 9u, 0u, 0x10000u);
    }
    if (fake_bus_range_cells != 0) {
        cells("bus-range", fake_bus_range_cells, fake_bus_range[0], fake_bus_range[1]);
    }
    cells("#address-cells", 1, 3u);
    cells("#size-cells", 1, 2u);
    if (fake_has_lines) {
        cells("#interrupt-cells", 1, 1u);
        cells("interrupt-map-mask", 4, 0x800u, 0u, 0u, 7u);
        cells("interrupt-map", 24, 0x800u, 0u, 0u, 1u, GIC, 0u, 8u, 4u, 0x800u, 0u, 0u, 2u, GIC, 0u,
              9u, 4u, 0u, 0u, 0u, 1u, GIC, 0u, 10u, 4u);
    }
    cells("ranges", 14, 0x02000000u, (unsigned)(windows->low >> 32), (unsigned)windows->low,
          (unsigned)((windows->low + windows->shift) >> 32),
          (unsigned)(windows->low + windows->shift), (unsigned)(windows->low_size >> 32),
          (unsigned)windows->low_size, 0x03000000u, (unsigned)(windows->high >> 32),
          (unsigned)windows->high, (unsigned)((windows->high + windows->shift) >> 32),
          (unsigned)(windows->high + windows->shift), (unsigned)(windows->high_size >> 32),
          (unsigned)windows->high_size);
    end();
    begin_controller("intc@8000000", "arm,gic-v3", GIC, 3);
    end();
    begin("msi@8020000");
    cells("phandle", 1, 9u);
    cells("#msi-cells", 1, fake_message_cells);
    cells("#iommu-cells", 1, 1u);
    end();
    assert_null(finish_tree());
    space = (struct sim_registers){.start = phys_to_virt(paddr(space_at)),
                                   .size = windows->buses * PCI_BUS_SIZE,
                                   .read = read_space,
                                   .write = write_space};
    sim_mmio_plug(&space);
    space_at += 0x10000000;
    /* The first machine as every image's; later ones no search would find, which is made once. */
    if (searched) {
        pci_add_host(devicetree_next_compatible(-1, "pci-host-ecam-generic"));
    } else {
        searched = true;
        pci_next(NULL);
    }
    return last == NULL ? pci_functions : last->next;
}

/* --- Messages --------------------------------------------------------------------------------- */

struct fake_controller fake_controller;

kern_return_t msi_allocate(const struct msi_request *request, struct msi_block **block)
{
    fake_controller.asked = *request;
    if (fake_controller.result != KERN_SUCCESS) {
        return fake_controller.result;
    }
    if (fake_controller.granted < request->least) {
        return KERN_NO_SPACE;
    }
    fake_controller.out++;
    *block = (struct msi_block *)&fake_controller;
    return KERN_SUCCESS;
}

void msi_free(struct msi_block *block)
{
    assert_ptr_equal(block, &fake_controller); /* nobody gives back what is not his */
    assert_false(fake_has_written);
    fake_controller.out--;
}

unsigned msi_count(const struct msi_block *block)
{
    assert_ptr_equal(block, &fake_controller);
    return fake_controller.granted;
}

unsigned msi_intid(const struct msi_block *block, unsigned index)
{
    assert_ptr_equal(block, &fake_controller);
    return 80 + index;
}

void msi_message(const struct msi_block *block, unsigned index, struct msi_message *message)
{
    assert_ptr_equal(block, &fake_controller);
    *message = (struct msi_message){fake_controller.address, fake_controller.data + index};
}
