/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers made of big-endian cells, and addresses on their way up to the root
 * (Devicetree Specification 0.3, sections 2.3.5, 2.3.6 and 2.3.8).
 */
#include <libfdt.h>

#include "kernel/devicetree/devicetree_private.h"

#define PCI_SPACE_MASK 0x03000000u /* of an address's first cell: I/O, 32 or 64 bits of memory */

uint32_t cell(const char *cells, unsigned index)
{
    return fdt32_ld((const fdt32_t *)cells + index);
}

bool cells_read(const char *cells, unsigned count, uint64_t *value)
{
    if (count == 1) {
        *value = cell(cells, 0);
    } else if (count == 2) {
        *value = (uint64_t)cell(cells, 0) << 32 | cell(cells, 1);
        /* More do not fit a number of ours; the three of PCI are taken apart before (read_address).
         */
    } else {
        return false;
    }
    return true;
}

bool cells_read_property(const struct property *property, uint64_t *value)
{
    return property->value != NULL && property->length % 4 == 0 &&
           cells_read(property->value, property->length / 4, value);
}

uint8_t cells_count(const struct property *property, uint8_t otherwise)
{
    uint64_t value;

    if (property->value == NULL) {
        return otherwise;
    }
    /*
     * More cells than an address can have make a node without addresses, and not one with wrong
     * ones.
     */
    return cells_read_property(property, &value) && value <= 3 ? (uint8_t)value : 0;
}

struct property property_of(int node, const char *name)
{
    int length = 0;
    const char *value =
        devicetree() != NULL && node >= 0 ? fdt_getprop(devicetree(), node, name, &length) : NULL;

    return (struct property){value, value != NULL ? (uint32_t)length : 0};
}

/* An address as a bus writes it. A third cell, in front, is PCI's kind of address. */
struct address {
    uint32_t space;
    uint64_t value;
};

static bool read_address(const char *cells, unsigned count, struct address *address)
{
    address->space = 0;
    if (count == 3) {
        /*
         * The other bits of that cell (prefetchable, the bus number) say nothing about where it is.
         */
        address->space = cell(cells, 0) & PCI_SPACE_MASK;
        cells += 4;
        count = 2;
    }
    return cells_read(cells, count, &address->value);
}

/* One entry of ranges: what is `child` on the bus is `parent` above it. */
struct range {
    struct address child, parent;
    uint64_t size;
};

static unsigned range_cells(const struct bus *below, const struct bus *above)
{
    return below->address_cells + above->address_cells + below->size_cells;
}

static bool read_range(unsigned index, const struct bus *below, const struct bus *above,
                       struct range *range)
{
    const unsigned cells = range_cells(below, above);
    const char *entry;

    /* Counts come from the tree: without any there would be no entry, and a division by 0. */
    if (cells == 0 || index >= below->ranges.length / (cells * 4)) {
        return false;
    }
    entry = below->ranges.value + (size_t)index * cells * 4;
    return read_address(entry, below->address_cells, &range->child) &&
           read_address(entry + below->address_cells * 4, above->address_cells, &range->parent) &&
           cells_read(entry + (below->address_cells + above->address_cells) * 4, below->size_cells,
                      &range->size);
}

/* An area all of which one entry shows; an address above it. */
static bool translate(const struct range *range, uint64_t size, struct address *address)
{
    const uint64_t skip = address->value - range->child.value;

    /* Compared before they are subtracted or added: a tree can hold numbers that wrap. */
    if (address->space != range->child.space || address->value < range->child.value ||
        skip > range->size || size > range->size - skip ||
        range->parent.value > UINT64_MAX - skip) {
        return false;
    }
    *address = (struct address){range->parent.space, range->parent.value + skip};
    return true;
}

/* One level up, from among the children of `bus` to among those of `above`. */
static bool step_up(int bus, int above, uint64_t size, struct address *address)
{
    /*
     * An entry has three parts, each as long as another node says: the child's by the bus, the
     * parent's by the one above.
     */
    const struct bus from = device_bus(bus), to = device_bus(above);
    struct range range;

    if (from.ranges.value == NULL) {
        return false; /* the bus is a world of its own */
    }
    if (from.ranges.length == 0) {
        return true; /* it shows everything as it is */
    }
    for (unsigned i = 0; read_range(i, &from, &to, &range); i++) {
        if (translate(&range, size, address)) {
            return true;
        }
    }
    return false;
}

/* From among the children of `bus` up to the root. */
static bool to_root(int bus, uint64_t size, struct address *address)
{
    for (unsigned level = 0; bus > 0; level++) {
        const int above = device_parent(bus);

        /*
         * Each level may be a walk of the tree, and a damaged one could have any number of them.
         */
        if (above < 0 || level == DEPTH_MAX || !step_up(bus, above, size, address)) {
            return false;
        }
        bus = above;
    }
    /* Negative is an error of libfdt's, and no root. */
    return bus == 0;
}

kern_return_t device_read_reg(const struct device *device, unsigned index,
                              struct devicetree_range *range)
{
    const struct property *reg = &device->properties[REG];
    const unsigned address_bytes = device->address_cells * 4u;
    const unsigned entry_bytes = address_bytes + device->size_cells * 4u;
    struct address address;
    const char *entry;
    uint64_t size;

    if (reg->value == NULL || entry_bytes == 0 || index >= reg->length / entry_bytes) {
        return KERN_INVALID_ADDRESS;
    }
    entry = reg->value + (size_t)index * entry_bytes;
    if (!read_address(entry, device->address_cells, &address) ||
        !cells_read(entry + address_bytes, device->size_cells, &size)) {
        return KERN_INVALID_ADDRESS;
    }
    if (device->depth > 1 && !to_root(device->parent, size, &address)) {
        return KERN_INVALID_ADDRESS;
    }
    *range = (struct devicetree_range){paddr(address.value), size};
    return KERN_SUCCESS;
}

kern_return_t devicetree_reg(int node, unsigned index, struct devicetree_range *range)
{
    struct device room;
    const struct device *device = device_find(node, &room);

    return device != NULL ? device_read_reg(device, index, range) : KERN_INVALID_ADDRESS;
}

kern_return_t devicetree_window(int node, unsigned index, struct devicetree_window *window)
{
    const struct bus below = device_bus(node);
    const int parent = below.ranges.value != NULL ? device_parent(node) : -1;
    struct range range;
    struct bus above;

    if (parent < 0) {
        return KERN_INVALID_ADDRESS;
    }
    above = device_bus(parent);
    if (!read_range(index, &below, &above, &range) || !to_root(parent, range.size, &range.parent)) {
        return KERN_INVALID_ADDRESS;
    }
    *window = (struct devicetree_window){
        /* The whole first cell: PCI's kind of window is in bits that a translation leaves out. */
        .space = below.address_cells == 3
                     ? cell(below.ranges.value, index * range_cells(&below, &above))
                     : 0,
        .bus = range.child.value,
        .base = paddr(range.parent.value),
        .size = range.size,
    };
    return KERN_SUCCESS;
}
