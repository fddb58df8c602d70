/* SPDX-License-Identifier: BSD-2-Clause */
/* What QEMU says of its machine. */
#include "kernel/devicetree.h"

#include <libfdt.h>

#include "tests/harness/harness.h"

TEST(memory_begins_where_qemu_puts_it)
{
    const struct devicetree_machine *machine = devicetree_machine();

    ASSERT_GE(machine->memory_count, 1);
    EXPECT_EQ(machine->memory[0].base.value, 0x40000000);
    EXPECT_GE(machine->memory[0].size, 64 << 20);
    EXPECT_GE(machine->reserved_count, 1); /* the tree itself */
}

/* The table of devices answers as libfdt's search does. */
TEST(devices_are_those_of_libfdt)
{
    static const char *const wanted[] = {"virtio,mmio", "arm,pl011", "arm,armv8-timer", "no,such"};
    const void *fdt = devicetree();

    for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        int mine = -1, theirs = -1;

        do {
            mine = devicetree_next_compatible(mine, wanted[i]);
            do {
                theirs = fdt_node_offset_by_compatible(fdt, theirs, wanted[i]);
            } while (theirs >= 0 &&
                     fdt_getprop(fdt, theirs, "status", NULL) != NULL); /* disabled ones */
            EXPECT_EQ(mine < 0, theirs < 0);
            if (mine >= 0) {
                ASSERT_EQ(mine, theirs);
            }
        } while (mine >= 0 && theirs >= 0);
    }
}

TEST(virtio_slots_are_where_they_should_be)
{
    struct devicetree_range range;
    unsigned intid, count = 0;

    for (int node = -1; (node = devicetree_next_compatible(node, "virtio,mmio")) >= 0; count++) {
        ASSERT_EQ(devicetree_reg(node, 0, &range), KERN_SUCCESS);
        ASSERT_EQ(devicetree_interrupt(node, 0, &intid), KERN_SUCCESS);
        EXPECT_EQ(range.size, 0x200);
        EXPECT_EQ(intid, 48 + (range.base.value - 0x0a000000) / 0x200);
        EXPECT_EQ(devicetree_reg(node, 1, &range), KERN_INVALID_ADDRESS);
        EXPECT_EQ(devicetree_interrupt(node, 1, &intid), KERN_INVALID_ADDRESS);
    }
    EXPECT_EQ(count, 32);
}

TEST(console_is_a_pl011)
{
    const int node = fdt_path_offset(devicetree(), devicetree_stdout_path());

    ASSERT_GE(node, 0);
    EXPECT_EQ(node, devicetree_next_compatible(-1, "arm,pl011"));
}
