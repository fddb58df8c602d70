/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of PCI functions on a machine that has lines and messages: which kind a function
 * gets, what it is told, who is called, what its service says, and how all of it is listed.
 */
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/inject.h"
#include "tests/host/pci/pci_machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define MEMORY_32       0x0u
#define PREFETCHABLE_64 0xcu
#define PORTS           0x1u

#define NO_LINE  0x400u /* of the command: it must not assert its line */
#define MSIX_ON  0x8000u
#define MSIX_ALL 0x4000u /* all of them are masked */

/* --- A table of messages, in a BAR ------------------------------------------------------------ */

#define TABLE   0x100u
#define ENTRIES 4u

static struct fake_function *sender;
static unsigned sender_at; /* its capability */
static uint32_t table[ENTRIES][4];
static unsigned table_writes;
static struct sim_registers registers;

static uint64_t read_table(struct sim_registers *self, uint64_t offset, unsigned width)
{
    (void)self, (void)offset, (void)width;
    return 0;
}

/* Only while it counts, and none of them is sent. */
static void write_table(struct sim_registers *self, uint64_t offset, uint64_t value, unsigned width)
{
    (void)self;
    assert_int_equal(width, 4);
    assert_in_range(offset, TABLE, TABLE + sizeof(table) - 4);
    assert_int_equal(fake_get(sender, sender_at + 2, 2), (ENTRIES - 1) | MSIX_ON | MSIX_ALL);
    table[(offset - TABLE) / 16][(offset - TABLE) % 16 / 4] = (uint32_t)value;
    table_writes++;
}

static void add_sender(uint8_t slot)
{
    sender = fake_add(0, slot, 0x1af5, 0x1043);
    sender->bars[0] = (struct fake_bar){4096, MEMORY_32};
    sender_at = fake_capability(sender, PCI_CAP_MSIX, 12);
    fake_put(sender, sender_at + 2, ENTRIES - 1, 2);
    fake_put(sender, sender_at + 4, TABLE, 4);
    fake_put(sender, sender_at + 8, 0x800, 4);
}

static void plug_table(struct pci_function *function)
{
    struct pci_bar bar;

    assert_int_equal(pci_get_bar(function, 0, &bar), kIOReturnSuccess);
    registers = (struct sim_registers){
        .start = phys_to_virt(bar.base), .size = 4096, .read = read_table, .write = write_table};
    sim_mmio_plug(&registers);
    memset(table, 0xee, sizeof(table));
    table_writes = 0;
}

static int begin_machine(void **state)
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

static int end_machine(void **state)
{
    (void)state;
    fake_has_messages = false;
    return fake_controller.out == 0 ? 0 : -1;
}

/* --- All of them ------------------------------------------------------------------------------ */

/* Word by word what pci=list says. */
static void functions_are_listed(void **state)
{
    struct fake_function *fake;
    struct pci_function *first;
    unsigned granted;

    (void)state;
    fake = fake_add(0, 1, 0x11, 0x22);
    fake_put(fake, PCI_REVISION, 0x02000003, 4);
    fake_put(fake, PCI_PIN, 1, 1);
    fake->bars[0] = (struct fake_bar){8192, MEMORY_32};
    fake->bars[1] = (struct fake_bar){256, PORTS};
    fake->bars[2] = (struct fake_bar){0x100000, PREFETCHABLE_64};
    fake->bars[4] = (struct fake_bar){0x40000000, MEMORY_32};
    fake_add(0, 2, 0x11, 0x33);
    fake_bridge(fake_add(0, 4, 0x11, 0x44), 1);
    add_sender(6);
    fake_put(sender, PCI_PIN, 1, 1);
    fake = fake_add(1, 5, 0x11, 0x55);
    fake_put(fake, PCI_PIN, 2, 1);
    fake->bars[0] = (struct fake_bar){4096, MEMORY_32};
    first = fake_search(&fake_virt);
    plug_table(function_at(first, 0, 6, 0));
    assert_int_equal(pci_claim(function_at(first, 0, 2, 0), "somebody"), kIOReturnSuccess);
    assert_int_equal(pci_allocate_vectors(first, 1, 1, PCI_INTX, &granted), kIOReturnSuccess);
    assert_int_equal(pci_allocate_vectors(function_at(first, 0, 6, 0), 1, 8, PCI_MSIX, &granted),
                     kIOReturnSuccess);
    sim_console_forget();
    pci_list(NULL);
    assert_null(sim_console_after("pci"));
    pci_list("all");
    assert_true(sim_console_said("pci: pci=list lists the functions; pci=all means nothing\n"));
    assert_null(sim_console_after("00:01.0"));
    sim_console_forget();
    pci_list("list");
    assert_null(sim_console_after("means nothing"));
    assert_true(
        sim_console_said("pci 00:01.0 0011:0022 class 020000, line 40 (in use), no driver\n"
                         "  BAR 0: 0x2000 bytes at 0x10100000\n"
                         "  BAR 1: 0x100 bytes of ports, not used\n"
                         "  BAR 2: 0x100000 bytes at 0x8000000000, prefetchable\n"
                         "  BAR 4: 0x40000000 bytes without a place\n"
                         "pci 00:02.0 0011:0033 class 000000, somebody\n"
                         "pci 00:04.0 0011:0044 class 060400, bridge to bus 01, no driver\n"
                         "pci 00:06.0 1af5:1043 class 000000, line 42, 3 by MSI-X from 80 on, no "
                         "driver\n"
                         "  BAR 0: 0x1000 bytes at 0x10102000\n"
                         "pci 01:05.0 0011:0055 class 000000, no driver\n"
                         "  BAR 0: 0x1000 bytes at 0x10000000\n"));
    pci_free_vectors(first);
    pci_free_vectors(function_at(first, 0, 6, 0));
}

/* --- Lines ------------------------------------------------------------------------------------ */

static enum irq_result serve(void *context)
{
    ++*(unsigned *)context;
    return IRQ_SERVED;
}

/* Two on one line: each is called, and each may close it; none may keep it closed by its going. */
static void a_line_is_shared(void **state)
{
    struct fake_function *fakes[2];
    struct pci_function *found[2];
    unsigned called[2] = {0, 0}, granted;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fakes[i] = fake_add(0, (uint8_t)(2 * i + 1), 0x11, 0x2301); /* odd: a list is not there */
        fake_put(fakes[i], PCI_PIN, 1, 1);
    }
    found[0] = fake_search(&fake_virt);
    found[1] = found[0]->next;
    for (unsigned i = 0; i < 2; i++) {
        granted = 7;
        assert_int_equal(pci_allocate_vectors(found[i], 1, 4, PCI_ANY_INTERRUPT, &granted),
                         kIOReturnSuccess);
        assert_int_equal(granted, 1);
        assert_int_equal(pci_interrupt_kind(found[i]), PCI_INTX);
        assert_int_equal(pci_vector_intid(found[i], 0), 40);
        assert_int_equal(pci_vector_intid(found[i], 1), 0);
        assert_int_equal(fake_get(fakes[i], PCI_COMMAND, 2) & NO_LINE, NO_LINE);
        assert_int_equal(pci_attach_vector(found[i], 0, serve, &called[i]), kIOReturnSuccess);
        assert_int_equal(pci_attach_vector(found[i], 0, serve, &called[i]),
                         kIOReturnExclusiveAccess);
        assert_int_equal(fake_get(fakes[i], PCI_COMMAND, 2) & NO_LINE, 0);
    }
    assert_int_equal(sim_interrupt(40), IRQ_SERVED);
    assert_true(called[0] == 1 && called[1] == 1);
    pci_enable_vector(found[1], 0, false);
    assert_false(sim_line_is_enabled(40));
    pci_enable_vector(found[0], 0, true);
    assert_false(sim_line_is_enabled(40)); /* the other one wants it so */
    pci_enable_vector(found[1], 0, true);
    assert_true(sim_line_is_enabled(40));
    pci_enable_vector(found[1], 0, false);
    pci_detach_vector(found[1], 0);
    assert_int_equal(fake_get(fakes[1], PCI_COMMAND, 2) & NO_LINE, NO_LINE);
    assert_true(sim_line_is_enabled(40));
    assert_int_equal(sim_interrupt(40), IRQ_SERVED);
    assert_true(called[0] == 2 && called[1] == 1);
    pci_detach_vector(found[1], 0); /* it is */
    assert_int_equal(pci_attach_vector(found[1], 0, serve, &called[1]), kIOReturnSuccess);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pci_claim(found[i], "somebody"), kIOReturnSuccess);
        pci_release(found[i]); /* with its vectors */
        assert_int_equal(fake_get(fakes[i], PCI_COMMAND, 2) & NO_LINE, NO_LINE);
        assert_int_equal(pci_interrupt_kind(found[i]), 0);
        assert_int_equal(pci_vector_intid(found[i], 0), 0);
        assert_int_equal(fake_get(fakes[i], PCI_ID, 4), 0x23010011);
    }
    assert_false(sim_line_is_enabled(40));
}

/* The line is somebody's who does not share: the function keeps silent. */
static void a_line_of_somebody_elses(void **state)
{
    struct fake_function *fake = fake_add(0, 1, 1, 2);
    struct pci_function *found;
    unsigned called = 0, granted;

    (void)state;
    fake_put(fake, PCI_PIN, 2, 1);
    found = fake_search(&fake_virt);
    assert_int_equal(irq_register(41, serve, &called), KERN_SUCCESS);
    assert_int_equal(pci_allocate_vectors(found, 1, 1, PCI_INTX, &granted), kIOReturnSuccess);
    assert_int_equal(pci_attach_vector(found, 0, serve, &called), kIOReturnNoInterrupt);
    assert_int_equal(fake_get(fake, PCI_COMMAND, 2) & NO_LINE, NO_LINE);
    irq_unregister(41);
    assert_int_equal(pci_attach_vector(found, 0, serve, &called), kIOReturnSuccess);
    pci_free_vectors(found);
}

/* The one piece of memory that a line takes is not there. */
static void a_line_without_memory(void **state)
{
    struct fake_function *fake = fake_add(0, 1, 1, 2);
    struct inject_report report;
    struct pci_function *found;
    unsigned granted = 7;

    (void)state;
    fake_put(fake, PCI_PIN, 1, 1);
    found = fake_search(&fake_virt);
    inject_begin(1);
    assert_int_equal(pci_allocate_vectors(found, 1, 1, PCI_INTX, &granted), kIOReturnNoMemory);
    inject_end(&report);
    assert_true(report.failed);
    assert_int_equal(granted, 7);
    assert_int_equal(pci_interrupt_kind(found), 0);
    assert_int_equal(pci_allocate_vectors(found, 1, 1, PCI_INTX, &granted), kIOReturnSuccess);
    pci_free_vectors(found);
}

/* A bridge turns the pins of its slots by their numbers; its own slot says which lines they are. */
static void pins_behind_a_bridge(void **state)
{
    static const struct {
        uint8_t slot, pin;
        unsigned line;
    } rows[] = {{4, 1, 40}, {5, 1, 41}, {3, 2, 40}, {6, 4, 41}, {6, 1, 0}, {4, 0, 0}, {4, 5, 0}};

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pci_function *found;

        begin_machine(state);
        fake_bridge(fake_add(0, 1, 9, 1), 1);
        fake_put(fake_add(1, rows[i].slot, 1, 2), PCI_PIN, rows[i].pin, 1);
        found = fake_search(&fake_virt)->next;
        assert_int_equal(found->info.bus, 1);
        assert_int_equal(pci_line_of(found), rows[i].line);
    }
}

/* --- Which kind ------------------------------------------------------------------------------- */

static void the_best_kind_there_is(void **state)
{
    struct pci_function *found;
    unsigned granted = 0, at;

    (void)state;
    add_sender(1);
    at = fake_capability(sender, PCI_CAP_MSI, 24);
    fake_put(sender, at + 2, 0x0184, 2);
    fake_put(sender, PCI_PIN, 1, 1);
    found = fake_search(&fake_virt);
    plug_table(found);
#define GRANTED(least, most, kinds, kind)                                                          \
    assert_int_equal(pci_allocate_vectors(found, least, most, kinds, &granted), kIOReturnSuccess); \
    assert_int_equal(pci_interrupt_kind(found), kind);                                             \
    pci_free_vectors(found)
    GRANTED(1, 4, PCI_ANY_INTERRUPT, PCI_MSIX);
    assert_int_equal(fake_controller.asked.most, 4);
    assert_false(fake_controller.asked.consecutive);
    GRANTED(2, 9, PCI_MSIX, PCI_MSIX);
    assert_int_equal(fake_controller.asked.least, 2);
    assert_int_equal(fake_controller.asked.most, ENTRIES);
    assert_int_equal(fake_controller.asked.requester, 1 << 3);
    GRANTED(1, 3, PCI_MSI | PCI_INTX, PCI_MSI);
    assert_int_equal(fake_controller.asked.most, 3);
    assert_true(fake_controller.asked.consecutive);
    GRANTED(1, 4, PCI_INTX, PCI_INTX);
    /* None are left: the line, if one is enough. */
    fake_controller.result = KERN_NO_SPACE;
    GRANTED(1, 4, PCI_ANY_INTERRUPT, PCI_INTX);
    assert_int_equal(pci_allocate_vectors(found, 2, 4, PCI_ANY_INTERRUPT, &granted),
                     kIOReturnNoInterrupt);
    /* Of which want of memory says nothing. */
    fake_controller.result = KERN_RESOURCE_SHORTAGE;
    granted = 7;
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_ANY_INTERRUPT, &granted),
                     kIOReturnNoMemory);
    assert_int_equal(granted, 7);
    assert_int_equal(pci_interrupt_kind(found), 0);
    assert_int_equal(fake_get(sender, sender_at + 2, 2) & MSIX_ON, 0);
}

/* --- Messages --------------------------------------------------------------------------------- */

/* Each entry that is granted has its message, the others are masked; nothing is sent meanwhile. */
static void a_table_is_written(void **state)
{
    struct pci_function *found;
    unsigned granted = 0, called = 0;

    (void)state;
    add_sender(1);
    found = fake_search(&fake_virt);
    plug_table(found);
    sim_console_forget();
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_MSIX, &granted), kIOReturnSuccess);
    assert_null(sim_console_after("MSI-X"));
    assert_int_equal(granted, 3);
    assert_int_equal(table_writes, 3 * 4 + 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(table[i][0], 0x08020040);
        assert_int_equal(table[i][1], 7);
        assert_int_equal(table[i][2], 0x1140 + i);
        assert_int_equal(table[i][3], 0);
        assert_int_equal(pci_vector_intid(found, i), 80 + i);
    }
    assert_int_equal(table[3][3], 1);
    assert_int_equal(fake_get(sender, sender_at + 2, 2), (ENTRIES - 1) | MSIX_ON);
    assert_int_equal(fake_get(sender, PCI_COMMAND, 2) & PCI_MEMORY, PCI_MEMORY);
    assert_int_equal(pci_attach_vector(found, 2, serve, &called), kIOReturnSuccess);
    assert_int_equal(sim_interrupt(82), IRQ_SERVED);
    assert_int_equal(called, 1);
    assert_int_equal(fake_get(sender, PCI_COMMAND, 2) & NO_LINE, NO_LINE); /* it has none */
    assert_int_equal(irq_share(82, &(struct irq_sharer){.handler = serve}), KERN_NO_SPACE);
    pci_detach_vector(found, 2);
    assert_false(sim_line_is_enabled(82));
    pci_free_vectors(found);
    assert_int_equal(fake_get(sender, sender_at + 2, 2), ENTRIES - 1);
    assert_int_equal(fake_controller.out, 0);
}

/* What the function may send at the most is 32, of which the capability has the logarithm. */
static void messages_of_a_capability(void **state)
{
    static const struct {
        uint64_t address;
        unsigned control, granted; /* as it says; as the controller grants */
        unsigned most, after, data;
    } rows[] = {
        {0x08020040, 5 << 1, 32, 32, 5 << 1 | 5 << 4 | 1, 8},
        {0xfffffffc, 5 << 1, 1, 1, 5 << 1 | 1, 8},
        {0x08020040, 5 << 1 | 0x30, 2, 2, 5 << 1 | 1 << 4 | 1, 8}, /* more were on before */
        {0x08020040, 3 << 1 | 0x100, 8, 8, 3 << 1 | 3 << 4 | 0x101, 8},
        {0x08020040, 3 << 1 | 0x80, 8, 8, 3 << 1 | 3 << 4 | 0x81, 12},
        {0x708020040, 3 << 1 | 0x180, 4, 4, 3 << 1 | 2 << 4 | 0x181, 12},
        {0x08020040, 6 << 1, 32, 0, 6 << 1, 0},   /* more than there may be */
        {0x100000000, 5 << 1, 32, 32, 5 << 1, 0}, /* too far */
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct heap_stats before, after;
        struct fake_function *fake;
        struct pci_function *found;
        unsigned granted = 0, at;
        IOReturn status;

        begin_machine(state);
        fake_controller.granted = rows[i].granted;
        fake_controller.address = rows[i].address;
        fake_controller.asked.most = 0;
        fake = fake_add(0, 1, 1, 2);
        at = fake_capability(fake, PCI_CAP_MSI, 24);
        fake_put(fake, at + 2, rows[i].control, 2);
        for (unsigned word = 4; word < 24; word += 4) {
            fake_put(fake, at + word, 0xeeeeeeee, 4);
        }
        found = fake_search(&fake_virt);
        heap_get_stats(&before);
        status = pci_allocate_vectors(found, 1, rows[i].granted, PCI_MSI, &granted);
        assert_int_equal(fake_controller.asked.most, rows[i].most);
        assert_int_equal(fake_get(fake, at + 2, 2), rows[i].after);
        if (rows[i].data == 0) {
            assert_int_equal(status, kIOReturnNoInterrupt);
            assert_int_equal(fake_get(fake, at + 4, 4), 0xeeeeeeee);
            assert_int_equal(pci_interrupt_kind(found), 0);
        } else {
            const bool wide = (rows[i].control & 0x80) != 0;
            const bool masks = (rows[i].control & 0x100) != 0;

            assert_int_equal(status, kIOReturnSuccess);
            assert_int_equal(granted, rows[i].granted);
            assert_int_equal(fake_get(fake, at + 4, 4), (uint32_t)rows[i].address);
            assert_true(!wide || fake_get(fake, at + 8, 4) == rows[i].address >> 32);
            assert_int_equal(fake_get(fake, at + rows[i].data, 4), 0xeeee1140);
            assert_int_equal(fake_get(fake, at + rows[i].data + 4, 4), masks ? 0 : 0xeeeeeeee);
            pci_free_vectors(found);
            assert_int_equal(fake_get(fake, at + 2, 2), rows[i].after & ~1u);
        }
        heap_get_stats(&after);
        assert_int_equal(after.blocks, before.blocks);
        assert_int_equal(fake_controller.out, 0);
    }
}

/* --- The service ------------------------------------------------------------------------------ */

static void expect_cells(IOService *service, const char *key, unsigned count, const UInt32 *cells)
{
    assert_int_equal(IOService_countCells(service, key), count);
    for (unsigned i = 0; i < count; i++) {
        UInt32 value;

        assert_int_equal(IOService_getCell(service, key, i, &value), kIOReturnSuccess);
        assert_int_equal(value, cells[i]);
    }
}

#define EXPECT(key, ...)                                                                           \
    expect_cells(service, key, sizeof((const UInt32[]){__VA_ARGS__}) / 4,                          \
                 (const UInt32[]){__VA_ARGS__})

/* Each property, of which the interrupts come and go. */
static void a_service_says_who_it_is(void **state)
{
    struct fake_function *fake;
    struct pci_function *found;
    struct heap_stats before, after;
    IOService *service;
    unsigned granted, at;

    (void)state;
    fake_bridge(fake_add(0, 3, 9, 1), 1);
    fake = fake_add(1, 4, 0x8086, 0x10d3);
    fake_put(fake, PCI_REVISION, 0x0c033042, 4);
    fake_put(fake, PCI_SUBSYSTEM, 0x12345678, 4);
    fake_put(fake, PCI_PIN, 1, 1);
    at = fake_capability(fake, PCI_CAP_MSI, 24);
    fake_put(fake, at + 2, 0x0184, 2);
    found = fake_search(&fake_virt)->next;
    service = pci_get_service(found);
    assert_non_null(service);
    assert_ptr_equal(pci_get_service(found), service);
    assert_ptr_equal(pci_from_service(service), found);
    assert_null(pci_from_service(NULL));
    assert_string_equal(IOService_getName(service), "pci@01:04.0");
    EXPECT("vendor-id", 0x8086);
    EXPECT("device-id", 0x10d3);
    EXPECT("subsystem-vendor-id", 0x5678);
    EXPECT("subsystem-id", 0x1234);
    EXPECT("class-code", 0x0c0330);
    EXPECT("revision-id", 0x42);
    EXPECT("reg", 3u << 3 << 8, 0, 0, 0, 0); /* the bridge speaks for it */
    EXPECT("interrupts", 0, 8, 4);
    assert_int_equal(IOService_countCells(service, "nothing"), 0);
    heap_get_stats(&before);
    fake_controller.granted = 2;
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_MSI, &granted), kIOReturnSuccess);
    EXPECT("interrupts", 0, 8, 4, 0, 80 - 32, 1, 0, 81 - 32, 1);
    pci_free_vectors(found);
    EXPECT("interrupts", 0, 8, 4);
    assert_int_equal(pci_allocate_vectors(found, 1, 4, PCI_INTX, &granted), kIOReturnSuccess);
    EXPECT("interrupts", 0, 8, 4);
    pci_free_vectors(found);
    heap_get_stats(&after);
    assert_int_equal(after.blocks, before.blocks);
    /* Without a line. */
    service = pci_get_service(fake_search(&fake_virt));
    EXPECT("interrupts", 0, 0xffffffe0, 4);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin_machine, end_machine)
    const struct CMUnitTest tests[] = {
        TEST(functions_are_listed), /* first: it lists them all */
        TEST(a_line_is_shared),         TEST(a_line_of_somebody_elses), TEST(a_line_without_memory),
        TEST(pins_behind_a_bridge),     TEST(the_best_kind_there_is),   TEST(a_table_is_written),
        TEST(messages_of_a_capability), TEST(a_service_says_who_it_is),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
