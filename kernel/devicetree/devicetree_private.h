/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the reader of the tree; the first function is also for tests with trees of their own. */
#ifndef KERNEL_DEVICETREE_PRIVATE_H
#define KERNEL_DEVICETREE_PRIVATE_H

#include <string.h>

#include "kernel/devicetree.h"

/*
 * Read a tree that lies at physical address `at`. NULL if it is good, else what
 * is wrong with it, in words; then there is no tree.
 */
const char *devicetree_read(const void *blob, paddr_t at);

struct property {
    const char *value; /* big-endian cells or strings; NULL: the node has none */
    uint32_t length;   /* bytes */
};

/* Properties that matter, and where a node keeps them. */
enum {
    COMPATIBLE,
    REG,
    INTERRUPTS,
    INTERRUPTS_EXTENDED,
    INTERRUPT_MAP,
    INTERRUPT_CELLS,
    PHANDLE,
    DEVICE_PROPERTY_COUNT, /* those before are kept of each device */
    INTERRUPT_PARENT = DEVICE_PROPERTY_COUNT,
    STATUS,
    DEVICE_TYPE,
    ADDRESS_CELLS,
    SIZE_CELLS,
    RANGES,
    BOOTARGS,
    STDOUT_PATH,
    INITRD_START,
    INITRD_END,
    NO_MAP,
    SIZE,
    ALIGNMENT,
    ALLOC_RANGES,
    PROPERTY_COUNT
};

extern const char *const property_names[PROPERTY_COUNT];

/* How a node's children write their addresses, and what the node makes of those. */
struct bus {
    struct property ranges;
    uint8_t address_cells, size_cells;
};

/* What stays of a device. */
struct device {
    int node;
    struct property properties[DEVICE_PROPERTY_COUNT];
    int parent;                        /* node; negative: none */
    uint32_t interrupt_parent;         /* phandle, its own or inherited; 0: none */
    uint8_t address_cells, size_cells; /* of its parent: how its reg is read */
    struct bus bus;                    /* its own, for its children */
    uint8_t depth;                     /* 1: a child of the root */
};

/* The `virt` machine has about fifty; what does not fit is read from the tree itself. */
#define DEVICES_MAX 128

/* devicetree.c: what the walk has found. */
extern struct devicetree_table {
    unsigned count;
    bool is_incomplete;                 /* there are devices that are not in it */
    struct device devices[DEVICES_MAX]; /* in the order of the tree */
} devicetree_table;

#define DEPTH_MAX 16 /* nodes below that are looked up in the tree itself */

/*
 * devicetree_find.c: what is known of a node: in the table, or read into `room`. NULL: it is
 * no node, or not to be used.
 */
const struct device *device_find(int node, struct device *room);
/* The same by phandle, but of any node. */
const struct device *device_find_phandle(uint32_t phandle, struct device *room);
/* The node above any node; negative: none. */
int device_parent(int node);
/* Of any node, or the defaults. */
struct bus device_bus(int node);

/* devicetree_memory.c: what devicetree_machine() tells, as the walk comes to know it. */

void memory_forget(void);
void memory_reserve(uint64_t base, uint64_t size, bool no_map);
void memory_add(const struct device *node);
/* A child of /reserved-memory, with all its properties. */
void memory_add_reserved(const struct device *node, const struct property *properties);
/* At the end of the walk: find places for the areas that have none. */
void memory_place_areas(void);
bool memory_is_overfull(void); /* something could not be noted as reserved */

/* devicetree_cells.c */

/* A number of one or two cells; false if there are more or fewer. */
bool cells_read(const char *cells, unsigned count, uint64_t *value);
bool cells_read_property(const struct property *property, uint64_t *value);
/* #address-cells or #size-cells of a node; the default where absent, 0 where absurd. */
uint8_t cells_count(const struct property *property, uint8_t otherwise);
uint32_t cell(const char *cells, unsigned index);
struct property property_of(int node, const char *name);

/* Inline, as the walk asks them of every node. */

static inline bool property_is(const struct property *property, const char *text)
{
    size_t size = strlen(text) + 1;

    /* With the NUL: a longer text that begins so is another one. */
    return property->value != NULL && property->length == size &&
           memcmp(property->value, text, size) == 0;
}

static inline bool property_is_disabled(const struct property *status)
{
    /*
     * Absent is as good as "okay" (Devicetree Specification, 2.3.4); "ok" is what older trees
     * write. Everything else, "reserved" and "fail" among them, is not ours to drive.
     */
    return status->value != NULL && !property_is(status, "okay") && !property_is(status, "ok");
}

static inline uint32_t phandle_in(const struct property *property, uint32_t otherwise)
{
    uint64_t value;

    return property->length == 4 && cells_read_property(property, &value) ? (uint32_t)value
                                                                          : otherwise;
}

static inline struct bus bus_of(const struct property *address, const struct property *size,
                                const struct property *ranges)
{
    /* Both defaults are those of the Devicetree Specification, 2.3.5. */
    return (struct bus){*ranges, cells_count(address, 2), cells_count(size, 1)};
}

/* The index-th entry of reg, translated to the root. */
kern_return_t device_read_reg(const struct device *device, unsigned index,
                              struct devicetree_range *range);

#endif
