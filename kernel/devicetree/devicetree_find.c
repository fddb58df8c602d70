/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices of the tree, by node, phandle or what they are compatible with: out of the table that
 * the walk has left, and where that is incomplete, out of the tree itself, which gives the same.
 */
#include <libfdt.h>
#include <string.h>

#include "kernel/devicetree.h"
#include "kernel/devicetree/devicetree_private.h"

/* What a node says of its children's addresses, from the tree itself. */
static struct bus read_bus(int node)
{
    const struct property address = property_of(node, property_names[ADDRESS_CELLS]);
    const struct property size = property_of(node, property_names[SIZE_CELLS]);
    const struct property ranges = property_of(node, property_names[RANGES]);

    return bus_of(&address, &size, &ranges);
}

/* What the walk would have kept of a node, from the tree itself. */
static void read_device(int node, struct device *device)
{
    const int parent = fdt_parent_offset(devicetree(), node);
    const struct bus above = read_bus(parent);

    /* Of the depth nobody asks more than whether there is a bus to translate through. */
    *device = (struct device){.node = node,
                              .address_cells = above.address_cells,
                              .size_cells = above.size_cells,
                              .bus = read_bus(node),
                              .parent = parent,
                              .depth = parent > 0 ? 2 : 1};
    for (unsigned i = 0; i < DEVICE_PROPERTY_COUNT; i++) {
        device->properties[i] = property_of(node, property_names[i]);
    }
    for (int at = node; at >= 0 && device->interrupt_parent == 0;
         at = fdt_parent_offset(devicetree(), at)) {
        const struct property own = property_of(at, property_names[INTERRUPT_PARENT]);

        device->interrupt_parent = phandle_in(&own, 0);
    }
}

/* Would the walk have kept it? */
static bool is_usable(int node)
{
    const struct property type = property_of(node, property_names[DEVICE_TYPE]);

    if (property_of(node, property_names[COMPATIBLE]).value == NULL || property_is(&type, "cpu")) {
        return false;
    }
    for (; node >= 0; node = fdt_parent_offset(devicetree(), node)) {
        const struct property status = property_of(node, property_names[STATUS]);

        if (property_is_disabled(&status)) {
            return false;
        }
    }
    return true;
}

/* The first device in the table at or behind a place in the tree, whose order it has. */
static unsigned first_from(int node)
{
    unsigned low = 0, high = devicetree_table.count;

    while (low < high) { /* it is in [low, high] */
        const unsigned middle = (low + high) / 2;

        if (devicetree_table.devices[middle].node < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* NULL: it is not in the table. */
static const struct device *find_in_table(int node)
{
    const unsigned at = first_from(node);

    return at < devicetree_table.count && devicetree_table.devices[at].node == node
               ? &devicetree_table.devices[at]
               : NULL;
}

int device_parent(int node)
{
    const struct device *const device = find_in_table(node);

    /* libfdt walks the tree twice for it. */
    return device != NULL ? device->parent : fdt_parent_offset(devicetree(), node);
}

struct bus device_bus(int node)
{
    const struct device *const device = find_in_table(node);

    /* For each of the three libfdt walks the properties of the node, with its checks. */
    return device != NULL ? device->bus : read_bus(node);
}

const struct device *device_find(int node, struct device *room)
{
    const struct device *const device = find_in_table(node);

    if (device != NULL) {
        return device;
    }
    /* A table that has all devices answers for good: only with a larger tree is it read again. */
    if (!devicetree_table.is_incomplete || devicetree() == NULL || node < 0 || !is_usable(node)) {
        return NULL;
    }
    read_device(node, room);
    return room;
}

static bool has_phandle(const struct device *device, uint32_t phandle)
{
    return phandle_in(&device->properties[PHANDLE], 0) == phandle;
}

const struct device *device_find_phandle(uint32_t phandle, struct device *room)
{
    static unsigned last; /* where the one was that was asked for last: most ask for the same */
    int node;

    if (devicetree() == NULL || phandle == 0) {
        return NULL;
    }
    /* Checked anew: another tree may have been read since. */
    if (last < devicetree_table.count && has_phandle(&devicetree_table.devices[last], phandle)) {
        return &devicetree_table.devices[last];
    }
    for (unsigned i = 0; i < devicetree_table.count; i++) {
        if (has_phandle(&devicetree_table.devices[i], phandle)) {
            last = i;
            return &devicetree_table.devices[i];
        }
    }
    /* A node without compatible is in no table, and can be referred to all the same. */
    node = fdt_node_offset_by_phandle(devicetree(), phandle);
    if (node < 0) {
        return NULL;
    }
    read_device(node, room);
    return room;
}

static int next_in_tree(int node, const char *compatible)
{
    do {
        node = fdt_node_offset_by_compatible(devicetree(), node, compatible);
    } while (node >= 0 && !is_usable(node));
    return node;
}

/* Is `text`, of so many bytes with its end, one of the strings? */
static bool list_has(const struct property *list, const char *text, size_t size)
{
    const char *at = list->value, *const end = at + list->length;

    /* The last one has no end: where it would be is known to nobody. */
    if (list->length == 0 || end[-1] != '\0') {
        return false;
    }
    for (; (size_t)(end - at) >= size; at += strlen(at) + 1) {
        /* Most differ in the first byte: no call for them. */
        if (*at == *text && memcmp(at, text, size) == 0) {
            return true;
        }
    }
    return false;
}

int devicetree_next_compatible(int node, const char *compatible)
{
    const size_t size = strlen(compatible) + 1;

    if (devicetree_table.is_incomplete && devicetree() != NULL) {
        /* By the tree throughout, and not the rest only: the order of the nodes must be one. */
        return next_in_tree(node, compatible);
    }
    /* By offset, so that a search goes on behind any node, also one that is not in the table. */
    for (unsigned i = first_from(node + 1); i < devicetree_table.count; i++) {
        if (list_has(&devicetree_table.devices[i].properties[COMPATIBLE], compatible, size)) {
            return devicetree_table.devices[i].node;
        }
    }
    return -FDT_ERR_NOTFOUND;
}
