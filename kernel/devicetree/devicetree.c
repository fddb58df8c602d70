/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One walk over the tree's tags, because each search of libfdt is such a walk;
 * and by hand, because fdt_next_tag spends most of a boot on checking each byte
 * of each name.
 */
#include "kernel/devicetree.h"

#include <libfdt.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/devicetree/devicetree_private.h"
#include "kernel/direct_map.h"
#include "kernel/panic.h"
#include "kernel/startup.h"

/* The `virt` machine has about fifty; what does not fit is read from the tree itself. */
#define DEVICES_MAX 128

static const char *const property_names[PROPERTY_COUNT] = {
    [COMPATIBLE] = "compatible",
    [REG] = "reg",
    [INTERRUPTS] = "interrupts",
    [INTERRUPTS_EXTENDED] = "interrupts-extended",
    [INTERRUPT_MAP] = "interrupt-map",
    [INTERRUPT_CELLS] = "#interrupt-cells",
    [PHANDLE] = "phandle",
    [INTERRUPT_PARENT] = "interrupt-parent",
    [STATUS] = "status",
    [DEVICE_TYPE] = "device_type",
    [ADDRESS_CELLS] = "#address-cells",
    [SIZE_CELLS] = "#size-cells",
    [RANGES] = "ranges",
    [BOOTARGS] = "bootargs",
    [STDOUT_PATH] = "stdout-path",
    [INITRD_START] = "linux,initrd-start",
    [INITRD_END] = "linux,initrd-end",
    [NO_MAP] = "no-map",
    [SIZE] = "size",
    [ALIGNMENT] = "alignment",
    [ALLOC_RANGES] = "alloc-ranges",
};

/* A node on the way from the root to where the walk is. */
struct node {
    int offset;
    const char *name;
    bool done;     /* its properties have been looked at */
    bool disabled; /* it, or a node above it */
    uint32_t interrupt_parent;
    struct property properties[PROPERTY_COUNT];
};

/* Bytes of property names of which it is kept what they are; QEMU's trees have a few hundred. */
#define NAMES_KNOWN 1024

static const void *tree;
static uint32_t names_size; /* bytes of property names, the last of them terminated */
/* By the place of a name in their block: 1 + which property it is; 0: not looked up yet. */
static uint8_t known_names[NAMES_KNOWN];
static const char *bootargs;
static const char *stdout_path;
static struct device devices[DEVICES_MAX]; /* in the order of the tree */
static unsigned device_count;
static bool is_incomplete; /* there are devices that are not in the table */

/* A property's text; NULL if it is absent or has no end. */
static const char *read_string(const struct property *property)
{
    if (property->value == NULL || memchr(property->value, 0, property->length) == NULL) {
        return NULL;
    }
    return property->value;
}

static void read_chosen(const struct node *chosen)
{
    uint64_t start, end;

    bootargs = read_string(&chosen->properties[BOOTARGS]);
    stdout_path = read_string(&chosen->properties[STDOUT_PATH]);
    if (cells_read_property(&chosen->properties[INITRD_START], &start) &&
        cells_read_property(&chosen->properties[INITRD_END], &end) && end > start) {
        /* The loader has put it into RAM, and only this node says so. */
        memory_reserve(start, end - start, false);
    }
}

static bool property_is(const struct property *property, const char *text)
{
    size_t size = strlen(text) + 1;

    /* With the NUL: a longer text that begins so is another one. */
    return property->value != NULL && property->length == size &&
           memcmp(property->value, text, size) == 0;
}

static bool is_disabled(const struct property *status)
{
    /*
     * Absent is as good as "okay" (Devicetree Specification, 2.3.4); "ok" is what older trees
     * write. Everything else, "reserved" and "fail" among them, is not ours to drive.
     */
    return status->value != NULL && !property_is(status, "okay") && !property_is(status, "ok");
}

static uint32_t phandle_in(const struct property *property, uint32_t otherwise)
{
    uint64_t value;

    return property->length == 4 && cells_read_property(property, &value) ? (uint32_t)value
                                                                          : otherwise;
}

static struct bus bus_of(const struct property *address, const struct property *size,
                         const struct property *ranges)
{
    /* Both defaults are those of the Devicetree Specification, 2.3.5. */
    return (struct bus){*ranges, cells_count(address, 2), cells_count(size, 1)};
}

/* All properties of path[depth] are known: keep what matters. */
static void finish_node(struct node *path, unsigned depth)
{
    /* The root has no parent: all defaults, enabled. */
    static const struct node above_root;
    struct node *node = &path[depth];
    const struct node *parent = depth > 0 ? &path[depth - 1] : &above_root;
    struct device device = {
        .node = node->offset,
        /*
         * The parent's count, and its default (Devicetree Specification, 2.3.5): a node's own is
         * for its children.
         */
        .address_cells = cells_count(&parent->properties[ADDRESS_CELLS], 2),
        .size_cells = cells_count(&parent->properties[SIZE_CELLS], 1),
        .bus = bus_of(&node->properties[ADDRESS_CELLS], &node->properties[SIZE_CELLS],
                      &node->properties[RANGES]),
        .depth = (uint8_t)depth,
        .parent = depth > 0 ? parent->offset : -FDT_ERR_NOTFOUND,
    };

    node->done = true;
    /* Behind a bus that is off, nothing answers, whatever its own status says. */
    node->disabled = parent->disabled || is_disabled(&node->properties[STATUS]);
    node->interrupt_parent =
        phandle_in(&node->properties[INTERRUPT_PARENT], parent->interrupt_parent);
    if (node->disabled) {
        return;
    }
    device.interrupt_parent = node->interrupt_parent;
    /* Those that devices are asked for, which come first; the others are of use in here alone. */
    memcpy(device.properties, node->properties, sizeof(device.properties));
    if (depth == 1 && strcmp(node->name, "chosen") == 0) {
        read_chosen(node);
        /*
         * By its type, which every memory node has (Devicetree Specification, 3.4): its name may be
         * any.
         */
    } else if (property_is(&node->properties[DEVICE_TYPE], "memory")) {
        memory_add(&device);
    } else if (depth == 2 && strcmp(parent->name, "reserved-memory") == 0) {
        memory_add_reserved(&device, node->properties);
    }
    if (node->properties[COMPATIBLE].value == NULL ||
        /*
         * CPUs are compatible with much and have no registers: they would fill the table for
         * nobody.
         */
        property_is(&node->properties[DEVICE_TYPE], "cpu")) {
        return;
    }
    if (device_count < DEVICES_MAX) {
        devices[device_count++] = device;
    } else {
        is_incomplete = true;
    }
}

/* Of a name in the block of names; PROPERTY_COUNT: one that does not matter. */
static unsigned look_up_name(uint32_t offset)
{
    const char *name = (const char *)tree + fdt_off_dt_strings(tree) + offset;
    unsigned kind = 0;

    /* The first letter decides most comparisons; the call of strcmp would cost ten times that. */
    while (kind < PROPERTY_COUNT &&
           (name[0] != property_names[kind][0] || strcmp(name, property_names[kind]) != 0)) {
        kind++;
    }
    return kind;
}

static void note_property(struct node *node, const struct fdt_property *property)
{
    const uint32_t offset = fdt32_ld(&property->nameoff);
    unsigned kind;

    /* Behind the last terminated name: comparing from here could run out of the block. */
    if (offset >= names_size) {
        return;
    }
    /* Hundreds of properties share a few names. */
    if (offset >= NAMES_KNOWN) {
        kind = look_up_name(offset);
    } else if (known_names[offset] != 0) {
        kind = known_names[offset] - 1u;
    } else {
        kind = look_up_name(offset);
        known_names[offset] = (uint8_t)(kind + 1);
    }
    if (kind != PROPERTY_COUNT) {
        node->properties[kind] = (struct property){property->data, fdt32_ld(&property->len)};
    }
}

/* The structure block, and a place in it. */
struct cursor {
    const char *structure;
    uint32_t size; /* bytes */
    uint32_t next; /* offset of the next tag */
};

/* Read the tag at the cursor and step over it; FDT_END where the block ends too early. */
static uint32_t next_tag(struct cursor *cursor)
{
    const char *at = cursor->structure + cursor->next;
    uint32_t left = cursor->size - cursor->next;
    uint64_t length = FDT_TAGSIZE;
    uint32_t tag;

    if (left < FDT_TAGSIZE) {
        return FDT_END;
    }
    tag = fdt32_ld((const fdt32_t *)at);
    if (tag == FDT_BEGIN_NODE) {
        /* Bounded by the block: a name without an end comes out as longer than what is left. */
        length += strnlen(at + FDT_TAGSIZE, left - FDT_TAGSIZE) + 1;
    } else if (tag == FDT_PROP) {
        if (left < sizeof(struct fdt_property)) {
            return FDT_END;
        }
        length = sizeof(struct fdt_property) +
                 (uint64_t)fdt32_ld(&((const struct fdt_property *)at)->len);
    }
    length = (length + FDT_TAGSIZE - 1) & ~(uint64_t)(FDT_TAGSIZE - 1);
    /* The tag promises more than there is: the caller takes the early end for damage. */
    if (length > left) {
        return FDT_END;
    }
    cursor->next += (uint32_t)length;
    return tag;
}

/* Visit every node; false if the structure is broken. */
static bool walk(void)
{
    /* Static: a few KiB, at a time when the stack is all there is. */
    static struct node path[DEPTH_MAX];
    struct cursor cursor = {.structure = (const char *)tree + fdt_off_dt_struct(tree),
                            .size = fdt_size_dt_struct(tree)};
    unsigned depth = 0; /* of open nodes */

    for (;;) {
        const uint32_t offset = cursor.next;
        const char *at = cursor.structure + offset;
        uint32_t tag = next_tag(&cursor);
        /* Deeper ones are passed over, and found in the tree itself when they are asked for. */
        struct node *node = depth > 0 && depth <= DEPTH_MAX ? &path[depth - 1] : NULL;

        if (tag == FDT_NOP) {
            continue;
        }
        if (tag == FDT_PROP) {
            /* A property outside of any node. */
            if (depth == 0) {
                return false;
            }
            if (node != NULL && !node->done) {
                note_property(node, (const void *)at);
            }
            continue;
        }
        if (node != NULL && !node->done) {
            /*
             * Properties come before subnodes (Devicetree Specification, 5.4.2): the first tag that
             * is none says that all are known.
             */
            finish_node(path, depth - 1);
        }
        if (tag == FDT_BEGIN_NODE) {
            if (depth++ < DEPTH_MAX) {
                path[depth - 1] = (struct node){.offset = (int)offset, .name = at + FDT_TAGSIZE};
            } else {
                is_incomplete = true;
            }
        } else if (tag == FDT_END_NODE && depth > 0) {
            depth--;
            if (depth == 0) {
                return true;
            }
        } else {
            return false;
        }
    }
}

static const char *give_up(const char *why)
{
    tree = NULL;
    bootargs = NULL;
    stdout_path = NULL;
    device_count = 0;
    return why;
}

const char *devicetree_read(const void *blob, paddr_t at)
{
    uint64_t base, size;

    /* A tree that turns out bad must leave none behind, also not the one before it. */
    give_up(NULL);
    is_incomplete = false;
    memset(known_names, 0, sizeof(known_names));
    memory_forget();
    if (fdt_check_header(blob) != 0) {
        return "its header is damaged";
    }
    /* Before 17 the header does not say how large the structure block is. */
    if (fdt_version(blob) < 17) {
        return "its version is too old";
    }
    tree = blob;
    names_size = fdt_size_dt_strings(tree);
    /* So that strcmp finds an end for every offset below it. */
    while (names_size > 0 &&
           ((const char *)tree + fdt_off_dt_strings(tree))[names_size - 1] != '\0') {
        names_size--;
    }
    /*
     * The memory reservation block (Devicetree Specification, 5.3): beside /reserved-memory, and
     * read by who knows nothing of nodes.
     */
    for (int i = 0; fdt_get_mem_rsv(tree, i, &base, &size) == 0 && size != 0; i++) {
        memory_reserve(base, size, false);
    }
    /* The tree itself: every name and property is read where it lies, for the image's life. */
    memory_reserve(at.value, fdt_totalsize(tree), false);
    if (!walk()) {
        return give_up("its structure is damaged");
    }
    memory_place_areas();       /* when all that they must keep clear of is known */
    if (memory_is_overfull()) { /* to forget one would hand out memory that is in use */
        return give_up("it reserves too many areas");
    }
    return NULL;
}

void devicetree_init(paddr_t at)
{
    const char *wrong = devicetree_read(phys_to_virt(at), at);

    if (wrong != NULL) {
        panic("devicetree at %#llx: %s", (unsigned long long)at.value, wrong);
    }
    /*
     * Nothing could be allocated, not even the records of pages: said here, where the cause is
     * known.
     */
    if (devicetree_machine()->memory_count == 0) {
        panic("devicetree at %#llx: it names no memory", (unsigned long long)at.value);
    }
}

const void *devicetree(void)
{
    return tree;
}

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
    const int parent = fdt_parent_offset(tree, node);
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
         at = fdt_parent_offset(tree, at)) {
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
    for (; node >= 0; node = fdt_parent_offset(tree, node)) {
        const struct property status = property_of(node, property_names[STATUS]);

        if (is_disabled(&status)) {
            return false;
        }
    }
    return true;
}

/* The first device in the table at or behind a place in the tree, whose order it has. */
static unsigned first_from(int node)
{
    unsigned low = 0, high = device_count;

    while (low < high) { /* it is in [low, high] */
        const unsigned middle = (low + high) / 2;

        if (devices[middle].node < node) {
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

    return at < device_count && devices[at].node == node ? &devices[at] : NULL;
}

int device_parent(int node)
{
    const struct device *const device = find_in_table(node);

    /* libfdt walks the tree twice for it. */
    return device != NULL ? device->parent : fdt_parent_offset(tree, node);
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
    if (!is_incomplete || tree == NULL || node < 0 || !is_usable(node)) {
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

    if (tree == NULL || phandle == 0) {
        return NULL;
    }
    /* Checked anew: another tree may have been read since. */
    if (last < device_count && has_phandle(&devices[last], phandle)) {
        return &devices[last];
    }
    for (unsigned i = 0; i < device_count; i++) {
        if (has_phandle(&devices[i], phandle)) {
            last = i;
            return &devices[i];
        }
    }
    /* A node without compatible is in no table, and can be referred to all the same. */
    node = fdt_node_offset_by_phandle(tree, phandle);
    if (node < 0) {
        return NULL;
    }
    read_device(node, room);
    return room;
}

static int next_in_tree(int node, const char *compatible)
{
    do {
        node = fdt_node_offset_by_compatible(tree, node, compatible);
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
        if (memcmp(at, text, size) == 0) {
            return true;
        }
    }
    return false;
}

int devicetree_next_compatible(int node, const char *compatible)
{
    const size_t size = strlen(compatible) + 1;

    if (is_incomplete && tree != NULL) {
        /* By the tree throughout, and not the rest only: the order of the nodes must be one. */
        return next_in_tree(node, compatible);
    }
    /* By offset, so that a search goes on behind any node, also one that is not in the table. */
    for (unsigned i = first_from(node + 1); i < device_count; i++) {
        if (list_has(&devices[i].properties[COMPATIBLE], compatible, size)) {
            return devices[i].node;
        }
    }
    return -FDT_ERR_NOTFOUND;
}

const char *devicetree_bootargs(void)
{
    return bootargs != NULL ? bootargs : "";
}

const char *devicetree_stdout_path(void)
{
    return stdout_path != NULL ? stdout_path : "";
}
