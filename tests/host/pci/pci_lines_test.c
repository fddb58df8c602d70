/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of PCI functions on a machine that has lines and messages: which kind a function
 * gets, what it is told, and who is called.
 */
#include "kernel/inject.h"
#include "tests/host/pci/pci_lines_fixture.h"

#define NO_LINE 0x400u /* of the command: it must not assert its line */

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

/* Nobody is on lines twice: the second time would make a ring of those on the first. */
static void a_sharer_has_one_line(void **state)
{
    unsigned called[2] = {0, 0};
    struct irq_sharer sharers[2] = {{.handler = serve, .context = &called[0]},
                                    {.handler = serve, .context = &called[1]}};

    (void)state;
    assert_int_equal(irq_share(40, &sharers[0]), KERN_SUCCESS);
    assert_int_equal(irq_share(40, &sharers[0]), KERN_FAILURE);
    assert_int_equal(irq_share(41, &sharers[0]), KERN_FAILURE);
    assert_int_equal(irq_share(40, &sharers[1]), KERN_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(irq_share(40, &sharers[i]), KERN_FAILURE);
        assert_int_equal(irq_share(41, &sharers[i]), KERN_FAILURE);
    }
    assert_false(sim_line_is_enabled(41));
    assert_int_equal(sim_interrupt(40), IRQ_SERVED);
    assert_true(called[0] == 1 && called[1] == 1);
    assert_int_equal(irq_unshare(40, &sharers[0]), KERN_SUCCESS);
    assert_int_equal(irq_share(41, &sharers[0]), KERN_SUCCESS);
    assert_int_equal(sim_interrupt(40), IRQ_SERVED);
    assert_true(called[0] == 1 && called[1] == 2);
    assert_int_equal(irq_unshare(41, &sharers[0]), KERN_SUCCESS);
    assert_int_equal(irq_unshare(40, &sharers[1]), KERN_SUCCESS);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_shared),      TEST(a_sharer_has_one_line),    TEST(a_line_of_somebody_elses),
        TEST(a_line_without_memory), TEST(pins_behind_a_bridge),     TEST(the_best_kind_there_is),
        TEST(a_table_is_written),    TEST(messages_of_a_capability),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
