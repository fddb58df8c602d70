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

#define DEVICES_MAX 128
#define DEPTH_MAX   8 /* deeper nodes are not looked at */

struct property {
    const char *value; /* big-endian cells or strings; NULL: the node has none */
    uint32_t length;   /* bytes */
};

/* Properties that matter, and where a node keeps them. */
enum {
    COMPATIBLE,
    REG,
    INTERRUPTS,
    STATUS,
    DEVICE_TYPE,
    ADDRESS_CELLS,
    SIZE_CELLS,
    BOOTARGS,
    STDOUT_PATH,
    INITRD_START,
    INITRD_END,
    PROPERTY_COUNT
};

static const char *const property_names[PROPERTY_COUNT] = {
    [COMPATIBLE] = "compatible",       [REG] = "reg",
    [INTERRUPTS] = "interrupts",       [STATUS] = "status",
    [DEVICE_TYPE] = "device_type",     [ADDRESS_CELLS] = "#address-cells",
    [SIZE_CELLS] = "#size-cells",      [BOOTARGS] = "bootargs",
    [STDOUT_PATH] = "stdout-path",     [INITRD_START] = "linux,initrd-start",
    [INITRD_END] = "linux,initrd-end",
};

/* A node on the way from the root to where the walk is. */
struct node {
    int offset;
    const char *name;
    bool done; /* its properties have been looked at */
    struct property properties[PROPERTY_COUNT];
};

/* What stays of a device. */
struct device {
    int node;
    struct property compatible, reg, interrupts;
    uint8_t address_cells, size_cells;
};

static const void *tree;
static uint32_t names_size; /* bytes of property names, the last of them terminated */
static const char *bootargs;
static const char *stdout_path;
static struct devicetree_machine machine;
static struct device devices[DEVICES_MAX]; /* in the order of the tree */
static unsigned device_count;
static bool devices_overflow, reserved_overflow;

/* A number of one or two cells; false if there are more or fewer. */
static bool read_cells(const char *cells, unsigned count, uint64_t *value)
{
    if (count == 1) {
        *value = fdt32_ld((const fdt32_t *)cells);
    } else if (count == 2) {
        *value = fdt64_ld((const fdt64_t *)cells);
    } else {
        return false;
    }
    return true;
}

static bool read_number(const struct property *property, uint64_t *value)
{
    return property->value != NULL && property->length % 4 == 0 &&
           read_cells(property->value, property->length / 4, value);
}

/* #address-cells or #size-cells of a node; the default where absent, 0 where absurd. */
static uint8_t cells_of(const struct property *property, uint8_t otherwise)
{
    uint64_t value;

    if (property->value == NULL) {
        return otherwise;
    }
    return read_number(property, &value) && value <= 2 ? (uint8_t)value : 0;
}

static kern_return_t read_reg(const struct device *device, unsigned index,
                              struct devicetree_range *range)
{
    uint32_t address_bytes = device->address_cells * 4u;
    uint32_t entry_bytes = address_bytes + device->size_cells * 4u;
    const char *entry;
    uint64_t base, size;

    if (device->reg.value == NULL || entry_bytes == 0 ||
        index >= device->reg.length / entry_bytes) {
        return KERN_INVALID_ADDRESS;
    }
    entry = device->reg.value + index * entry_bytes;
    if (!read_cells(entry, device->address_cells, &base) ||
        !read_cells(entry + address_bytes, device->size_cells, &size)) {
        return KERN_INVALID_ADDRESS;
    }
    *range = (struct devicetree_range){paddr(base), size};
    return KERN_SUCCESS;
}

static void reserve(uint64_t base, uint64_t size)
{
    if (size == 0) {
        return;
    }
    if (machine.reserved_count < DEVICETREE_RESERVED_MAX) {
        machine.reserved[machine.reserved_count++] = (struct devicetree_range){paddr(base), size};
    } else {
        reserved_overflow = true;
    }
}

static void add_memory(const struct device *node)
{
    struct devicetree_range bank;

    for (unsigned i = 0; read_reg(node, i, &bank) == KERN_SUCCESS; i++) {
        if (bank.size == 0) {
            continue;
        }
        if (machine.memory_count == DEVICETREE_MEMORY_MAX) {
            kprintf("devicetree: more than %u banks; memory at %#llx is not used\n",
                    DEVICETREE_MEMORY_MAX, (unsigned long long)bank.base.value);
            return;
        }
        machine.memory[machine.memory_count++] = bank;
    }
}

static void add_reserved(const struct device *node)
{
    struct devicetree_range area;

    for (unsigned i = 0; read_reg(node, i, &area) == KERN_SUCCESS; i++) {
        reserve(area.base.value, area.size);
    }
}

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
    if (read_number(&chosen->properties[INITRD_START], &start) &&
        read_number(&chosen->properties[INITRD_END], &end) && end > start) {
        reserve(start, end - start);
    }
}

static bool property_is(const struct property *property, const char *text)
{
    size_t size = strlen(text) + 1;

    return property->value != NULL && property->length == size &&
           memcmp(property->value, text, size) == 0;
}

/* All properties of path[depth] are known: keep what matters. */
static void finish_node(struct node *path, unsigned depth)
{
    static const struct node above_root;
    struct node *node = &path[depth];
    const struct node *parent = depth > 0 ? &path[depth - 1] : &above_root;
    const struct property *status = &node->properties[STATUS];
    struct device device = {
        .node = node->offset,
        .compatible = node->properties[COMPATIBLE],
        .reg = node->properties[REG],
        .interrupts = node->properties[INTERRUPTS],
        .address_cells = cells_of(&parent->properties[ADDRESS_CELLS], 2),
        .size_cells = cells_of(&parent->properties[SIZE_CELLS], 1),
    };

    node->done = true;
    if (status->value != NULL && !property_is(status, "okay") && !property_is(status, "ok")) {
        return;
    }
    if (depth == 1 && strcmp(node->name, "chosen") == 0) {
        read_chosen(node);
    } else if (property_is(&node->properties[DEVICE_TYPE], "memory")) {
        add_memory(&device);
    } else if (depth == 2 && strcmp(parent->name, "reserved-memory") == 0) {
        add_reserved(&device);
    }
    if (device.compatible.value == NULL || property_is(&node->properties[DEVICE_TYPE], "cpu")) {
        return;
    }
    if (device_count < DEVICES_MAX) {
        devices[device_count++] = device;
    } else {
        devices_overflow = true;
    }
}

static void note_property(struct node *node, const struct fdt_property *property)
{
    const uint32_t offset = fdt32_ld(&property->nameoff);
    const char *name = (const char *)tree + fdt_off_dt_strings(tree) + offset;

    if (offset >= names_size) {
        return;
    }
    for (unsigned i = 0; i < PROPERTY_COUNT; i++) {
        if (name[0] == property_names[i][0] && strcmp(name, property_names[i]) == 0) {
            node->properties[i] = (struct property){property->data, fdt32_ld(&property->len)};
            return;
        }
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
        length += strnlen(at + FDT_TAGSIZE, left - FDT_TAGSIZE) + 1;
    } else if (tag == FDT_PROP) {
        if (left < sizeof(struct fdt_property)) {
            return FDT_END;
        }
        length = sizeof(struct fdt_property) +
                 (uint64_t)fdt32_ld(&((const struct fdt_property *)at)->len);
    }
    length = (length + FDT_TAGSIZE - 1) & ~(uint64_t)(FDT_TAGSIZE - 1);
    if (length > left) {
        return FDT_END;
    }
    cursor->next += (uint32_t)length;
    return tag;
}

/* Visit every node; false if the structure is broken. */
static bool walk(void)
{
    static struct node path[DEPTH_MAX];
    struct cursor cursor = {.structure = (const char *)tree + fdt_off_dt_struct(tree),
                            .size = fdt_size_dt_struct(tree)};
    unsigned depth = 0; /* of open nodes */

    for (;;) {
        const uint32_t offset = cursor.next;
        const char *at = cursor.structure + offset;
        uint32_t tag = next_tag(&cursor);
        struct node *node = depth > 0 && depth <= DEPTH_MAX ? &path[depth - 1] : NULL;

        if (tag == FDT_NOP) {
            continue;
        }
        if (tag == FDT_PROP) {
            if (depth == 0) {
                return false;
            }
            if (node != NULL && !node->done) {
                note_property(node, (const void *)at);
            }
            continue;
        }
        if (node != NULL && !node->done) {
            finish_node(path, depth - 1);
        }
        if (tag == FDT_BEGIN_NODE) {
            if (depth++ < DEPTH_MAX) {
                path[depth - 1] = (struct node){.offset = (int)offset, .name = at + FDT_TAGSIZE};
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

    give_up(NULL);
    devices_overflow = false;
    reserved_overflow = false;
    machine.memory_count = 0;
    machine.reserved_count = 0;
    if (fdt_check_header(blob) != 0) {
        return "its header is damaged";
    }
    if (fdt_version(blob) < 17) {
        return "its version is too old";
    }
    tree = blob;
    names_size = fdt_size_dt_strings(tree);
    while (names_size > 0 &&
           ((const char *)tree + fdt_off_dt_strings(tree))[names_size - 1] != '\0') {
        names_size--;
    }
    for (int i = 0; fdt_get_mem_rsv(tree, i, &base, &size) == 0 && size != 0; i++) {
        reserve(base, size);
    }
    reserve(at.value, fdt_totalsize(tree));
    if (!walk()) {
        return give_up("its structure is damaged");
    }
    if (reserved_overflow) { /* to forget one would hand out memory that is in use */
        return give_up("it reserves too many areas");
    }
    if (devices_overflow) {
        kprintf("devicetree: more than %u devices; the last ones are not seen\n", DEVICES_MAX);
    }
    return NULL;
}

void devicetree_init(paddr_t at)
{
    const char *wrong = devicetree_read(phys_to_virt(at), at);

    if (wrong != NULL) {
        panic("devicetree at %#llx: %s", (unsigned long long)at.value, wrong);
    }
    if (machine.memory_count == 0) {
        panic("devicetree at %#llx: it names no memory", (unsigned long long)at.value);
    }
}

const void *devicetree(void)
{
    return tree;
}

const struct devicetree_machine *devicetree_machine(void)
{
    return &machine;
}

static const struct device *find(int node)
{
    for (unsigned i = 0; i < device_count; i++) {
        if (devices[i].node == node) {
            return &devices[i];
        }
    }
    return NULL;
}

kern_return_t devicetree_reg(int node, unsigned index, struct devicetree_range *range)
{
    const struct device *device = find(node);

    return device != NULL ? read_reg(device, index, range) : KERN_INVALID_ADDRESS;
}

kern_return_t devicetree_interrupt(int node, unsigned index, unsigned *intid)
{
    enum {
        SHARED = 0,
        PRIVATE = 1,
        ENTRY_BYTES = 12
    };
    const struct device *device = find(node);
    const fdt32_t *entry;
    uint32_t number;

    if (device == NULL || device->interrupts.value == NULL ||
        device->interrupts.length % ENTRY_BYTES != 0 ||
        index >= device->interrupts.length / ENTRY_BYTES) {
        return KERN_INVALID_ADDRESS;
    }
    entry = (const fdt32_t *)(device->interrupts.value + index * ENTRY_BYTES);
    number = fdt32_ld(&entry[1]);
    if (fdt32_ld(&entry[0]) == SHARED && number < 1020 - 32) {
        *intid = number + 32;
    } else if (fdt32_ld(&entry[0]) == PRIVATE && number < 16) {
        *intid = number + 16;
    } else {
        return KERN_INVALID_ADDRESS;
    }
    return KERN_SUCCESS;
}

int devicetree_next_compatible(int node, const char *compatible)
{
    for (unsigned i = 0; i < device_count; i++) {
        const struct property *list = &devices[i].compatible;

        if (devices[i].node > node &&
            fdt_stringlist_contains(list->value, (int)list->length, compatible)) {
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
