/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edit_tree CHANGE IN.dtb OUT.dtb: QEMU's device tree, changed for devicetree.sh and
 * watch-clean.sh.
 *
 *   reserve   areas that nobody may use, some of them not even mapped
 *   pieces    memory with many small holes that must not be mapped
 *   bus       every virtio-mmio device below a bus that moves its addresses
 *   banks     memory that is said twice, by halves of pages, or not at all
 *   coherent  all devices look into the CPU's cache, as the root has it
 *   large     more than 1 MiB, as with pictures or firmware in it
 *   huge      more than 4 MiB
 */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TREE_SIZE (8 << 20)

static char tree[TREE_SIZE] __attribute__((aligned(8)));

static int done(int result)
{
    if (result < 0) {
        fprintf(stderr, "edit_tree: %s\n", fdt_strerror(result));
        exit(1);
    }
    return result;
}

static void set_cells(int node, const char *name, unsigned count, const unsigned *values)
{
    fdt32_t cells[32];

    for (unsigned i = 0; i < count; i++) {
        cells[i] = cpu_to_fdt32(values[i]);
    }
    done(fdt_setprop(tree, node, name, cells, (int)(count * 4)));
}

#define SET_CELLS(node, name, ...)                                                                 \
    set_cells(node, name, sizeof((unsigned[]){__VA_ARGS__}) / 4, (unsigned[]){__VA_ARGS__})

static int add_node(int parent, const char *name)
{
    return done(fdt_add_subnode(tree, parent, name));
}

/* Nodes are found again by path: adding one moves the others. */
static void reserve(void)
{
    int node = add_node(0, "reserved-memory");

    SET_CELLS(node, "#address-cells", 2);
    SET_CELLS(node, "#size-cells", 2);
    done(fdt_setprop(tree, node, "ranges", NULL, 0));
    node = add_node(fdt_path_offset(tree, "/reserved-memory"), "a@44000000");
    SET_CELLS(node, "reg", 0, 0x44000000, 0, 0x100000, 0, 0x45000800, 0, 0x10);
    done(fdt_setprop(tree, node, "no-map", NULL, 0));
    node = add_node(fdt_path_offset(tree, "/reserved-memory"), "b@47000000");
    SET_CELLS(node, "reg", 0, 0x47000000, 0, 0x1000);
    node = add_node(fdt_path_offset(tree, "/reserved-memory"), "anywhere");
    SET_CELLS(node, "size", 0, 0x100000);
    node = add_node(fdt_path_offset(tree, "/reserved-memory"), "aligned");
    SET_CELLS(node, "size", 0, 0x1800);
    SET_CELLS(node, "alignment", 0, 0x200000);
    SET_CELLS(node, "alloc-ranges", 0, 0x42000000, 0, 0x1000000);
    done(fdt_setprop(tree, node, "no-map", NULL, 0));
    done(fdt_add_mem_rsv(tree, 0x46000000, 0x2000));
}

/* A page every 4 MiB: each cuts a piece with ends that no large page has. */
static void cut_memory(void)
{
    int node = add_node(0, "reserved-memory");

    SET_CELLS(node, "#address-cells", 2);
    SET_CELLS(node, "#size-cells", 2);
    done(fdt_setprop(tree, node, "ranges", NULL, 0));
    for (unsigned i = 0; i < 28; i++) {
        const unsigned at = 0x41001000 + i * 0x400000;
        char name[32];

        snprintf(name, sizeof(name), "hole@%x", at);
        node = add_node(fdt_path_offset(tree, "/reserved-memory"), name);
        SET_CELLS(node, "reg", 0, at, 0, 0x1000);
        done(fdt_setprop(tree, node, "no-map", NULL, 0));
    }
}

/* Take each device out of the root and put it below the bus, at its distance from 0xa000000. */
static void move_to_bus(void)
{
    int node = add_node(0, "bus@a000000"), next;

    SET_CELLS(node, "#address-cells", 1);
    SET_CELLS(node, "#size-cells", 1);
    SET_CELLS(node, "ranges", 0, 0, 0x0a000000, 0x10000);
    done(fdt_setprop_string(tree, node, "compatible", "simple-bus"));
    for (unsigned slot = 0; slot < 32; slot++) {
        char name[32], moved[48];
        fdt32_t interrupts[3];
        const void *before;
        int length;

        snprintf(name, sizeof(name), "/virtio_mmio@%x", 0xa000000 + slot * 0x200);
        node = done(fdt_path_offset(tree, name));
        before = fdt_getprop(tree, node, "interrupts", &length);
        if (before == NULL || length != sizeof(interrupts)) {
            exit(1);
        }
        memcpy(interrupts, before, sizeof(interrupts));
        done(fdt_del_node(tree, node));
        snprintf(moved, sizeof(moved), "virtio_mmio@%x", slot * 0x200);
        next = add_node(done(fdt_path_offset(tree, "/bus@a000000")), moved);
        done(fdt_setprop_string(tree, next, "compatible", "virtio,mmio"));
        SET_CELLS(next, "reg", slot * 0x200, 0x200);
        done(fdt_setprop(tree, next, "interrupts", interrupts, sizeof(interrupts)));
        done(fdt_setprop(tree, next, "dma-coherent", NULL, 0));
    }
}

/* Banks that overlap, lie in another, are empty, or begin and end within pages. */
static void overlap_banks(void)
{
    const int node = done(fdt_path_offset(tree, "/memory@40000000"));

    SET_CELLS(node, "reg", 0, 0x46000000, 0, 0x4000000, 0, 0x40000000, 0, 0x4000800, 0, 0x43fff800,
              0, 0x3000000, 0, 0x41000000, 0, 0x1000, 0, 0x4b000123, 0, 0, 0, 0x4c000123, 0,
              0x3000777, 0, 0x4f123456, 0, 0x777);
}

static void grow(size_t size)
{
    static char bytes[5 << 20];

    memset(bytes, 'x', size);
    done(fdt_setprop(tree, add_node(0, "picture"), "bytes", bytes, (int)size));
}

int main(int argc, char **argv)
{
    FILE *file;

    if (argc != 4 || (file = fopen(argv[2], "rb")) == NULL) {
        return 2;
    }
    if (fread(tree, 1, sizeof(tree), file) == 0) {
        return 2;
    }
    fclose(file);
    done(fdt_open_into(tree, tree, TREE_SIZE));
    if (strcmp(argv[1], "reserve") == 0) {
        reserve();
    } else if (strcmp(argv[1], "pieces") == 0) {
        cut_memory();
    } else if (strcmp(argv[1], "bus") == 0) {
        move_to_bus();
    } else if (strcmp(argv[1], "banks") == 0) {
        overlap_banks();
    } else if (strcmp(argv[1], "coherent") == 0) {
        done(fdt_setprop(tree, 0, "dma-coherent", NULL, 0));
    } else if (strcmp(argv[1], "large") == 0) {
        grow(1200 << 10);
    } else if (strcmp(argv[1], "huge") == 0) {
        grow(5 << 20);
    } else {
        return 2;
    }
    done(fdt_pack(tree));
    file = fopen(argv[3], "wb");
    if (file == NULL || fwrite(tree, 1, fdt_totalsize(tree), file) != fdt_totalsize(tree)) {
        return 2;
    }
    return fclose(file) == 0 ? 0 : 2;
}
