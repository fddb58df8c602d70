/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts and other references from node to node (Devicetree Specification 0.3,
 * section 2.4; the maps of requester IDs by the bindings pci-msi and pci-iommu).
 */
#include <libfdt.h>
#include <string.h>

#include "kernel/devicetree/devicetree_private.h"

#define MAPS_MAX 8 /* interrupt-maps on the way of one interrupt; more are a circle */

/* A list of cells that is read from the front; what is not there is read as false. */
struct list {
    const char *at;
    uint32_t left; /* cells */
};

static struct list list_of(const struct property *property)
{
    return (struct list){property->value, property->value != NULL ? property->length / 4 : 0};
}

static const char *take(struct list *list, unsigned count)
{
    const char *taken = list->at;

    /* The tree is input: a count in it may promise more than there is. */
    if (count > list->left) {
        return NULL;
    }
    list->at += (size_t)count * 4;
    list->left -= count;
    return taken;
}

static bool take_cell(struct list *list, uint32_t *value)
{
    const char *taken = take(list, 1);

    if (taken != NULL) {
        *value = cell(taken, 0);
    }
    return taken != NULL;
}

/* The number in a property of one cell, such as #interrupt-cells; false if absent or absurd. */
static bool read_count(const struct property *property, unsigned *count)
{
    uint64_t value;

    if (!cells_read_property(property, &value) || value > DEVICETREE_CELLS_MAX) {
        return false;
    }
    *count = (unsigned)value;
    return true;
}

/* As many cells as `count` says. */
static bool take_cells(struct list *list, int node, unsigned count,
                       struct devicetree_reference *reference)
{
    const char *cells = take(list, count);

    if (cells == NULL || count > DEVICETREE_CELLS_MAX) {
        return false;
    }
    *reference = (struct devicetree_reference){.node = node, .count = count};
    for (unsigned i = 0; i < count; i++) {
        reference->cells[i] = cell(cells, i);
    }
    return true;
}

/* A phandle, and the cells that the node asks for in its property `cells_name`. */
static bool take_reference(struct list *list, const char *cells_name,
                           struct devicetree_reference *reference)
{
    const struct device *target;
    struct device room;
    struct property cells;
    uint32_t phandle;
    unsigned count;

    if (!take_cell(list, &phandle) || (target = device_find_phandle(phandle, &room)) == NULL) {
        return false;
    }
    cells = property_of(target->node, cells_name);
    return read_count(&cells, &count) && take_cells(list, target->node, count, reference);
}

kern_return_t devicetree_reference(int node, const char *property, const char *cells_name,
                                   unsigned index, struct devicetree_reference *reference)
{
    const struct property value = property_of(node, property);
    struct list list = list_of(&value);

    for (unsigned i = 0; take_reference(&list, cells_name, reference); i++) {
        /* Each is read on the way: how long one is, its own target says. */
        if (i == index) {
            return KERN_SUCCESS;
        }
    }
    return KERN_INVALID_ADDRESS;
}

/* Do the cells agree where the mask has ones? No mask: everywhere. */
static bool matches(const char *cells, const uint32_t *wanted, const char *mask, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (((cell(cells, i) ^ wanted[i]) & (mask != NULL ? cell(mask, i) : UINT32_MAX)) != 0) {
            return false;
        }
    }
    return true;
}

static bool map_once(int node, const uint32_t *unit, const uint32_t *specifier,
                     struct devicetree_reference *reference)
{
    const struct property map = property_of(node, "interrupt-map");
    const struct property mask = property_of(node, "interrupt-map-mask");
    const struct property address = property_of(node, "#address-cells");
    const struct property cells = property_of(node, "#interrupt-cells");
    /*
     * The nexus names its children by address and interrupt together (Devicetree Specification,
     * 2.4.3).
     */
    const unsigned unit_cells = cells_count(&address, 2);
    struct list list = list_of(&map);
    unsigned count;

    if (!read_count(&cells, &count)) {
        return false;
    }
    /* A mask that is too short is none: reading it would run out of the property. */
    const char *masks = mask.length / 4 >= unit_cells + count ? mask.value : NULL;

    for (;;) {
        /*
         * Entries differ in length, since each names its own parent: the next is found by reading
         * this one. Ends with the list, which every turn shortens.
         */
        const char *entry = take(&list, unit_cells + count);
        const struct device *parent;
        struct device room;
        struct property above;
        uint32_t phandle;
        unsigned parent_cells;

        if (entry == NULL || !take_cell(&list, &phandle) ||
            (parent = device_find_phandle(phandle, &room)) == NULL ||
            !read_count(&parent->properties[INTERRUPT_CELLS], &parent_cells)) {
            return false;
        }
        above = property_of(parent->node, "#address-cells");
        /* Here the default is 0: a controller has no children whose addresses to write. */
        if (take(&list, cells_count(&above, 0)) == NULL ||
            !take_cells(&list, parent->node, parent_cells, reference)) {
            return false;
        }
        if (matches(entry, unit, masks, unit_cells) &&
            matches(entry + (size_t)unit_cells * 4, specifier,
                    masks != NULL ? masks + (size_t)unit_cells * 4 : NULL, count)) {
            return true;
        }
    }
}

/* The unit address of a node on its bus: the first cells of its reg, zeros where there are none. */
static void unit_of(int node, uint32_t unit[DEVICETREE_CELLS_MAX])
{
    const struct property reg = property_of(node, "reg");

    for (unsigned i = 0; i < DEVICETREE_CELLS_MAX; i++) {
        unit[i] = i < reg.length / 4 ? cell(reg.value, i) : 0;
    }
}

/* Follow the maps of those that pass interrupts on, until one keeps it. */
static kern_return_t follow_maps(int from, struct devicetree_reference *reference)
{
    for (unsigned maps = 0; maps < MAPS_MAX; maps++) {
        const struct devicetree_reference here = *reference;
        uint32_t unit[DEVICETREE_CELLS_MAX];
        struct device room;
        const struct device *controller = device_find(here.node, &room);

        /* Who has no map keeps what it gets: this is the controller. */
        if (controller == NULL || controller->properties[INTERRUPT_MAP].value == NULL) {
            return KERN_SUCCESS;
        }
        unit_of(from, unit);
        if (!map_once(here.node, unit, here.cells, reference)) {
            return KERN_INVALID_ADDRESS;
        }
        /* The next map is looked up by the unit address of the one that passed it on. */
        from = here.node;
    }
    return KERN_INVALID_ADDRESS;
}

kern_return_t devicetree_map_interrupt(int node, const uint32_t *unit, const uint32_t *specifier,
                                       struct devicetree_reference *reference)
{
    return map_once(node, unit, specifier, reference) ? follow_maps(node, reference)
                                                      : KERN_INVALID_ADDRESS;
}

/* The index-th entry of interrupts: all are for the one parent. */
static bool own_interrupt(const struct device *device, unsigned index,
                          struct devicetree_reference *reference)
{
    struct list list = list_of(&device->properties[INTERRUPTS]);
    struct device room;
    const struct device *parent = device_find_phandle(device->interrupt_parent, &room);
    unsigned count;

    /*
     * A list that is no whole number of entries was not written for this controller: none of it is
     * believed.
     */
    return parent != NULL && read_count(&parent->properties[INTERRUPT_CELLS], &count) &&
           count != 0 && index < list.left / count &&
           device->properties[INTERRUPTS].length % (count * 4) == 0 &&
           take(&list, index * count) != NULL && take_cells(&list, parent->node, count, reference);
}

kern_return_t devicetree_interrupt_reference(int node, unsigned index,
                                             struct devicetree_reference *reference)
{
    struct device room;
    const struct device *device = device_find(node, &room);
    bool found;

    if (device == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    if (device->properties[INTERRUPTS_EXTENDED].value != NULL) { /* the stronger of the two */
        found = devicetree_reference(node, "interrupts-extended", "#interrupt-cells", index,
                                     reference) == KERN_SUCCESS;
    } else {
        found = own_interrupt(device, index, reference);
    }
    return found ? follow_maps(node, reference) : KERN_INVALID_ADDRESS;
}

kern_return_t devicetree_intid(const struct devicetree_reference *reference, unsigned *intid)
{
    enum {
        SHARED = 0,
        PRIVATE = 1,
        CELLS = 3 /* type, number, flags; a fourth one names processors */
    };
    /*
     * The flags are not read: QEMU says "edge" of virtio-mmio lines that are level, and all lines
     * are taken as level here.
     */
    const uint32_t number = reference->cells[1];

    if (reference->count < CELLS) {
        return KERN_INVALID_ADDRESS;
    }
    /*
     * The binding of Arm's GIC counts each kind from 0: shared lines begin at INTID 32 and end
     * below the special ones, private ones are 16 to 31.
     */
    if (reference->cells[0] == SHARED && number < 1020 - 32) {
        *intid = number + 32;
    } else if (reference->cells[0] == PRIVATE && number < 16) {
        *intid = number + 16;
    } else {
        return KERN_INVALID_ADDRESS;
    }
    return KERN_SUCCESS;
}

kern_return_t devicetree_interrupt(int node, unsigned index, unsigned *intid)
{
    struct devicetree_reference reference;

    return devicetree_interrupt_reference(node, index, &reference) == KERN_SUCCESS
               ? devicetree_intid(&reference, intid)
               : KERN_INVALID_ADDRESS;
}

kern_return_t devicetree_map_id(int node, const char *map, uint32_t id,
                                struct devicetree_reference *reference)
{
    const struct property value = property_of(node, map);
    struct list list = list_of(&value);
    uint32_t first, phandle, mapped, count;
    struct property mask;
    uint64_t bits;
    char name[32];

    if (strlen(map) + sizeof("-mask") > sizeof(name)) {
        return KERN_INVALID_ADDRESS;
    }
    memcpy(name, map, strlen(map));
    memcpy(name + strlen(map), "-mask", sizeof("-mask"));
    mask = property_of(node, name);
    if (cells_read_property(&mask, &bits)) {
        /* Requesters that differ only outside the mask share an entry (binding pci-iommu). */
        id &= (uint32_t)bits;
    }
    /*
     * Entries of four: first requester, target, the target's number for it, how many (bindings
     * pci-msi and pci-iommu).
     */
    while (take_cell(&list, &first) && take_cell(&list, &phandle) && take_cell(&list, &mapped) &&
           take_cell(&list, &count)) {
        struct device room;
        const struct device *target = device_find_phandle(phandle, &room);

        /* Without the sum of first and count, which the tree may make wrap. */
        if (id >= first && id - first < count && target != NULL) {
            *reference = (struct devicetree_reference){
                .node = target->node, .count = 1, .cells = {mapped + (id - first)}};
            return KERN_SUCCESS;
        }
    }
    return KERN_INVALID_ADDRESS;
}
