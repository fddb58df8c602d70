/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that look into the CPU's cache, and others. By hand, as the walk that has checked the
 * tree's structure (devicetree.c): a property costs libfdt more than all of a device's do here.
 */
#include <libfdt.h>
#include <string.h>

#include "kernel/devicetree.h"
#include "kernel/devicetree/devicetree_private.h"

static const char coherent[] = "dma-coherent";
static const char noncoherent[] = "dma-noncoherent";

static bool is_named(const char *tree, uint32_t name, const char *text, uint32_t size)
{
    const uint32_t all = fdt_size_dt_strings(tree);

    return name < all && size <= all - name &&
           memcmp(tree + fdt_off_dt_strings(tree) + name, text, size) == 0;
}

/* What the node itself says: 1 yes, -1 no, 0 nothing. */
static int says(const char *tree, int node)
{
    const char *at = tree + fdt_off_dt_struct(tree) + node + FDT_TAGSIZE;

    at += (strlen(at) + FDT_TAGSIZE) & ~(size_t)(FDT_TAGSIZE - 1);
    for (;;) {
        const struct fdt_property *property = (const void *)at;
        const uint32_t tag = fdt32_ld(&property->tag);
        uint32_t bytes, name;

        if (tag == FDT_NOP) {
            at += FDT_TAGSIZE;
            continue;
        }
        if (tag != FDT_PROP) {
            return 0;
        }
        bytes = fdt32_ld(&property->len);
        name = fdt32_ld(&property->nameoff);
        /* Neither has a value. */
        if (bytes == 0 && is_named(tree, name, coherent, sizeof(coherent))) {
            return 1;
        }
        if (bytes == 0 && is_named(tree, name, noncoherent, sizeof(noncoherent))) {
            return -1;
        }
        at += sizeof(*property) + ((bytes + FDT_TAGSIZE - 1) & ~(FDT_TAGSIZE - 1));
    }
}

bool devicetree_is_coherent(int node)
{
    const char *tree = devicetree();

    while (tree != NULL && node >= 0) {
        const int answer = says(tree, node);

        if (answer != 0) {
            return answer > 0;
        }
        node = device_parent(node);
    }
    return false;
}
