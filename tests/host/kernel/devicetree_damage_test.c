/* SPDX-License-Identifier: BSD-2-Clause */
/* Damaged device trees, and what is none: refused or read, never followed out of their bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/devicetree.h"
#include "kernel/devicetree/devicetree_private.h"
#include "kernel/startup.h"
#include "tests/host/kernel/tree_writer.h"
#include "tests/host/sim/sim_ram.h"

static void test_not_a_tree(void **state)
{
    static const char junk[64] __attribute__((aligned(8))) = "no tree at all";

    (void)state;
    assert_non_null(devicetree_read(junk, paddr(TREE_AT)));
    assert_null(devicetree());
    assert_int_equal(devicetree_machine()->memory_count, 0);
    assert_string_equal(devicetree_bootargs(), "");
}

/* Everything a driver could ask of whatever was read. */
static void ask(void)
{
    static const char *const wanted[] = {"virtio,mmio", "arm,cortex-a15-gic",    "arm,armv8-timer",
                                         "in-inner",    "pci-host-ecam-generic", "endpoint"};
    static const struct options_declared nothing;
    static const uint32_t unit[] = {0x900, 0, 0, 0}, pins[] = {2, 0, 0, 0};
    struct devicetree_reference reference;
    struct devicetree_window window;
    struct devicetree_range range;
    char **argv;
    unsigned intid;

    for (unsigned i = 0; i < 6; i++) {
        for (int node = -1; (node = devicetree_next_compatible(node, wanted[i])) >= 0;) {
            devicetree_map_interrupt(node, unit, pins, &reference);
            devicetree_map_id(node, "msi-map", 0x21, &reference);
            devicetree_map_id(node, "iommu-map", 0x21, &reference);
            for (unsigned j = 0; devicetree_window(node, j, &window) == KERN_SUCCESS; j++) {
                continue;
            }
            for (unsigned j = 0; devicetree_reference(node, "iommus", "#iommu-cells", j,
                                                      &reference) == KERN_SUCCESS;
                 j++) {
                continue;
            }
            for (unsigned j = 0; devicetree_reg(node, j, &range) == KERN_SUCCESS; j++) {
                continue;
            }
            for (unsigned j = 0; devicetree_interrupt(node, j, &intid) == KERN_SUCCESS; j++) {
                assert_in_range(intid, 16, 1019);
            }
        }
    }
    options_init();
    options_check(&nothing);
    for (int argc = options_arguments(&nothing, &argv); argc-- > 0;) {
        assert_true(strlen(argv[argc]) < OPTIONS_TEXT);
    }
}

/*
 * Bytes changed at random, in a buffer of exactly its size: the sanitizers watch. TREES
 * says how many; `make soak` says a million.
 */
static void test_damaged_trees(void **state)
{
    uint64_t random = 11;
    const char *const wanted = getenv("TREES");
    const unsigned long trees = wanted != NULL ? strtoul(wanted, NULL, 0) : 20000;
    unsigned long survived = 0;
    size_t size;
    char *copy;

    (void)state;
    build_machine();
    add_pci();
    begin_bus("outer");
    cells("ranges", 4, 0u, 0u, 0x0a000000u, 0x10000u);
    begin_bus("inner");
    cells("ranges", 3, 0x7000u, 0x800u, 0x1000u);
    device("in-inner", 0x7010, 0x10);
    end();
    end();
    assert_null(finish_tree());
    size = fdt_totalsize(tree);
    copy = aligned_alloc(8, (size + 7) & ~(size_t)7);
    for (unsigned long round = 0; round < trees; round++) {
        memcpy(copy, tree, size);
        for (unsigned i = 0; i <= round % 4; i++) {
            uint64_t r = sim_random(&random);

            copy[r % size] = (r >> 32) % 2 ? (char)(r >> 40) : (char)(copy[r % size] ^ 1);
        }
        if (fdt_totalsize(copy) > size) {
            continue; /* boot maps what the header says */
        }
        if (devicetree_read(copy, paddr(TREE_AT)) == NULL) {
            survived++;
        }
        ask();
    }
    free(copy);
    assert_in_range(survived, trees / 30,
                    trees - trees / 30); /* it was neither too tame nor too wild */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_a_tree),
        cmocka_unit_test(test_damaged_trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
