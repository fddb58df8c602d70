/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of interrupts of PCI functions: a machine that has lines and messages, and a function
 * whose messages stand in a table.
 */
#ifndef TESTS_HOST_PCI_PCI_LINES_FIXTURE_H
#define TESTS_HOST_PCI_PCI_LINES_FIXTURE_H

#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "tests/host/pci/pci_machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define MEMORY_32 0x0u

#define MSIX_ON  0x8000u
#define MSIX_ALL 0x4000u /* all of them are masked */

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin_machine, end_machine)

#define TABLE   0x100u
#define ENTRIES 4u

/* A function with a table of messages in its first BAR. */
static struct fake_function *sender;
static unsigned sender_at; /* its capability */
static uint32_t table[ENTRIES][4];
static unsigned table_writes;
static struct sim_registers registers;

static inline uint64_t read_table(struct sim_registers *self, uint64_t offset, unsigned width)
{
    (void)self, (void)offset, (void)width;
    return 0;
}

/* Only while it counts, and none of them is sent. */
static inline void write_table(struct sim_registers *self, uint64_t offset, uint64_t value,
                               unsigned width)
{
    (void)self;
    assert_int_equal(width, 4);
    assert_in_range(offset, TABLE, TABLE + sizeof(table) - 4);
    assert_int_equal(fake_get(sender, sender_at + 2, 2), (ENTRIES - 1) | MSIX_ON | MSIX_ALL);
    table[(offset - TABLE) / 16][(offset - TABLE) % 16 / 4] = (uint32_t)value;
    table_writes++;
}

static inline void add_sender(uint8_t slot)
{
    sender = fake_add(0, slot, 0x1af5, 0x1043);
    sender->bars[0] = (struct fake_bar){4096, MEMORY_32};
    sender_at = fake_capability(sender, PCI_CAP_MSIX, 12);
    fake_put(sender, sender_at + 2, ENTRIES - 1, 2);
    fake_put(sender, sender_at + 4, TABLE, 4);
    fake_put(sender, sender_at + 8, 0x800, 4);
}

static inline void plug_table(struct pci_function *function)
{
    struct pci_bar bar;

    assert_int_equal(pci_get_bar(function, 0, &bar), kIOReturnSuccess);
    registers = (struct sim_registers){
        .start = phys_to_virt(bar.base), .size = 4096, .read = read_table, .write = write_table};
    sim_mmio_plug(&registers);
    memset(table, 0xee, sizeof(table));
    table_writes = 0;
}

/* For each test, as cmocka calls them. */
static inline int begin_machine(void **state)
{
    (void)state;
    fake_begin();
    fake_has_messages = true;
    fake_has_lines = true;
    fake_controller.result = KERN_SUCCESS;
    fake_controller.granted = 3;
    fake_controller.address = 0x708020040;
    fake_controller.data = 0x1140;
    return 0;
}

static inline int end_machine(void **state)
{
    (void)state;
    fake_has_messages = false;
    return fake_controller.out == 0 ? 0 : -1;
}

#endif
