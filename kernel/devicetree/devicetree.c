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

const char *const property_names[PROPERTY_COUNT] = {
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
struct devicetree_table devicetree_table;
static const char *bootargs;
static const char *stdout_path;

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
    node->disabled = parent->disabled || property_is_disabled(&node->properties[STATUS]);
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
    if (devicetree_table.count < DEVICES_MAX) {
        devicetree_table.devices[devicetree_table.count++] = device;
    } else {
        devicetree_table.is_incomplete = true;
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
                devicetree_table.is_incomplete = true;
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
    devicetree_table.count = 0;
    return why;
}

const char *devicetree_read(const void *blob, paddr_t at)
{
    uint64_t base, size;

    /* A tree that turns out bad must leave none behind, also not the one before it. */
    give_up(NULL);
    devicetree_table.is_incomplete = false;
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

const char *devicetree_bootargs(void)
{
    return bootargs != NULL ? bootargs : "";
}

const char *devicetree_stdout_path(void)
{
    return stdout_path != NULL ? stdout_path : "";
}
