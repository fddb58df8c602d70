/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device on PCI is brought up: in which order, with which vectors, and what is refused. */
#include "tests/host/pci/transport_pci_fixture.h"
#include "tests/lib/portable/test_mapper.h"

const struct virtio_transport *const virtio_transports[] = {&virtio_pci, NULL};

/* --- Start-up --------------------------------------------------------------------------------- */

static struct virtio_pci_device *good_disk(void)
{
    struct virtio_pci_device *found;

    begin_disk();
    add_structures();
    found = look();
    assert_non_null(found);
    return found;
}

static struct virtq *queue_of(struct virtio_device *disk)
{
    const struct virtq_setup setup = {.size = 8,
                                      .index = 1,
                                      .chain_entries = 4,
                                      .doorbell = virtio_doorbell(disk, 1),
                                      .narrow_doorbell = virtio_doorbell_is_narrow(disk)};
    struct virtq *queue;

    assert_int_equal(virtq_create(&setup, &queue), kIOReturnSuccess);
    return queue;
}

/* N35: widths are checked by the device; here the order. */
static void test_start(void **state)
{
    struct virtio_device *disk = &good_disk()->device;
    struct virtq *queue;

    (void)state;
    assert_int_equal(virtio_negotiate(disk, VIRTIO_CORE_FEATURES, VIRTIO_F_VERSION_1),
                     kIOReturnSuccess);
    assert_int_equal(disk_state.accepted, disk_state.offered);
    assert_int_equal(virtio_queue_size_max(disk, 1), 256);
    assert_int_equal(virtio_queue_size_max(disk, 2), 0);
    queue = queue_of(disk);
    assert_int_equal(virtio_start_queue(disk, queue), kIOReturnSuccess);
    assert_int_equal(virtio_ready(disk), kIOReturnSuccess);
    /* Reset, two steps, features; size and addresses before the queue; it before the driver's word.
     */
    assert_string_equal(disk_state.order, "0ssFzaaaaaaeD");
    assert_int_equal(disk_state.size, 8);
    assert_int_equal(disk_state.halves[0] | (uint64_t)disk_state.halves[1] << 32,
                     virtq_desc_address(queue).value);
    assert_int_equal(disk_state.halves[4], (uint32_t)virtq_used_address(queue).value);
    assert_int_equal(fake_get(function, PCI_COMMAND, 2) & 6, 6);
    /* In use by now. */
    assert_int_equal(virtio_queue_size_max(disk, 1), 0);
    virtq_destroy(queue);
}

/* N35: vectors are there before the queue is, and were not refused. */
static void test_vectors(void **state)
{
    struct virtio_pci_device *found = good_disk();
    struct virtq *queue;

    (void)state;
    assert_int_equal(virtio_negotiate(&found->device, VIRTIO_CORE_FEATURES, VIRTIO_F_VERSION_1),
                     kIOReturnSuccess);
    queue = queue_of(&found->device);
    /* As if it had been given three: one for the configuration, and each queue its own. */
    found->function->kind = PCI_MSIX;
    found->vectors = 3;
    disk_state.refuses_vector = true;
    assert_int_equal(virtio_start_queue(&found->device, queue), kIOReturnUnsupported);
    assert_false(disk_state.enabled);
    disk_state.refuses_vector = false;
    memset(disk_state.order, 0, sizeof(disk_state.order));
    assert_int_equal(virtio_start_queue(&found->device, queue), kIOReturnSuccess);
    assert_int_equal(disk_state.vectors[0], 0);
    assert_int_equal(disk_state.vectors[1], 1 + virtq_index(queue));
    assert_true(strchr(disk_state.order, 'c') < strchr(disk_state.order, 'e'));
    assert_true(strchr(disk_state.order, 'v') < strchr(disk_state.order, 'e'));
    found->function->kind = 0;
    found->vectors = 0;
    virtq_destroy(queue);
}

static void test_refusals(void **state)
{
    struct virtio_device *disk = &good_disk()->device;
    struct virtq *queue;

    (void)state;
    disk_state.refuses_choice = true;
    assert_int_equal(virtio_negotiate(disk, VIRTIO_CORE_FEATURES, VIRTIO_F_VERSION_1),
                     kIOReturnUnsupported);
    assert_int_equal(disk_state.status & 0x80, 0x80);
    disk_state.refuses_choice = false;
    disk_state.reset_reads = 100; /* it takes its time */
    assert_int_equal(virtio_negotiate(disk, VIRTIO_CORE_FEATURES, VIRTIO_F_VERSION_1),
                     kIOReturnSuccess);
    queue = queue_of(disk);
    disk_state.refuses_queue = true;
    assert_int_equal(virtio_start_queue(disk, queue), kIOReturnUnsupported);
    disk_state.refuses_queue = false;
    disk_state.size = 0;
    assert_int_equal(virtio_queue_size_max(disk, 1), 0);
    assert_int_equal(virtio_start_queue(disk, queue), kIOReturnUnsupported);
    virtq_destroy(queue);
}

static IOReturn fail_to_map(struct pci_function *of, int node, uint32_t stream, IOMapper **mapper)
{
    (void)of, (void)node, (void)stream, (void)mapper;
    return kIOReturnTimeout;
}

static void ignore(void *context)
{
    (void)context;
}

static enum irq_result ignore_queue(void *context, unsigned queue)
{
    (void)context, (void)queue;
    return IRQ_SERVED;
}

/* Behind a unit that does not answer it does not start; without an interrupt it is not attached. */
static void test_units_and_interrupts(void **state)
{
    struct virtio_device *disk;
    struct virtq *queue;

    (void)state;
    begin_disk();
    fake_has_units = true;
    add_structures();
    disk = &look()->device;
    assert_int_equal(virtio_negotiate(disk, VIRTIO_CORE_FEATURES, VIRTIO_F_VERSION_1),
                     kIOReturnSuccess);
    queue = queue_of(disk);
    pci_set_mapper_source(fail_to_map);
    assert_int_equal(virtio_start_queue(disk, queue), kIOReturnUnsupported);
    assert_false(disk_state.enabled);
    disk_state.offered |= VIRTIO_F_ACCESS_PLATFORM;
    assert_int_equal(virtio_negotiate(disk, VIRTIO_CORE_FEATURES, VIRTIO_F_VERSION_1),
                     kIOReturnTimeout);
    pci_set_mapper_source(NULL);
    virtq_destroy(queue);
    assert_int_equal(virtio_attach(disk, ignore_queue, ignore, NULL), kIOReturnNoInterrupt);
    assert_int_equal(pci_interrupt_kind(((struct virtio_pci_device *)disk)->function), 0);
}

/* --- Who is called ---------------------------------------------------------------------------- */

static struct {
    unsigned changed, used[3];
} called;

static void note_change(void *context)
{
    assert_ptr_equal(context, &called);
    called.changed++;
}

static enum irq_result note_use(void *context, unsigned queue)
{
    assert_ptr_equal(context, &called);
    assert_in_range(queue, 0, 2);
    called.used[queue]++;
    return IRQ_SERVED;
}

static void expect_called(unsigned changed, unsigned first, unsigned second)
{
    assert_int_equal(called.changed, changed);
    assert_int_equal(called.used[0], first);
    assert_int_equal(called.used[1], second);
    memset(&called, 0, sizeof(called));
}

/* A line is others' as well: the causes say whether it is meant, and what by it. */
static void test_line(void **state)
{
    struct virtio_device *disk;

    (void)state;
    begin_disk();
    fake_has_lines = true;
    add_structures();
    disk = &look()->device;
    assert_int_equal(virtio_negotiate(disk, VIRTIO_CORE_FEATURES, VIRTIO_F_VERSION_1),
                     kIOReturnSuccess);
    assert_int_equal(virtio_attach(disk, note_use, note_change, &called), kIOReturnSuccess);
    assert_int_equal(disk->intid, 40);
    assert_ptr_equal(phys_to_virt(disk->address), disk_state.registers.start);
    assert_int_equal(sim_interrupt(40), IRQ_NOTHING);
    expect_called(0, 0, 0);
    disk_state.isr = 1;
    assert_int_equal(sim_interrupt(40), IRQ_SERVED);
    assert_int_equal(disk_state.isr, 0);
    expect_called(0, 1, 0);
    disk_state.isr = 2;
    assert_int_equal(sim_interrupt(40), IRQ_SERVED);
    expect_called(1, 1, 0);
    disk_state.isr = 0xfc; /* causes that there are not */
    assert_int_equal(sim_interrupt(40), IRQ_NOTHING);
    virtio_detach(disk);
    assert_false(sim_line_is_enabled(40));
    assert_int_equal(virtio_attach(disk, note_use, note_change, &called), kIOReturnSuccess);
    virtio_detach(disk);
}

static uint64_t read_table(struct sim_registers *self, uint64_t at, unsigned width)
{
    (void)self, (void)at, (void)width;
    return 0;
}

static void write_table(struct sim_registers *self, uint64_t at, uint64_t value, unsigned width)
{
    (void)self, (void)at, (void)value, (void)width;
}

/* As many messages as there are: one for each and all, one for all queues, or one. */
static void test_messages(void **state)
{
    static struct sim_registers table = {.size = 4096, .read = read_table, .write = write_table};
    static const struct {
        unsigned granted, intid;
        uint16_t vector; /* of the second queue */
        unsigned calls[3][3];
    } rows[] = {{1, 80, 0, {{1, 1, 0}}},
                {2, 81, 1, {{1, 1, 0}, {0, 1, 0}}},
                {3, 81, 2, {{1, 1, 0}, {0, 1, 0}, {0, 0, 1}}}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct virtio_device *disk;
        struct virtq *queue;
        struct pci_bar bar;
        unsigned at;

        begin_disk();
        fake_has_messages = true;
        fake_controller.granted = rows[i].granted;
        function->bars[1] = (struct fake_bar){4096, 0};
        at = fake_capability(function, PCI_CAP_MSIX, 12);
        fake_put(function, at + 2, 3, 2);
        fake_put(function, at + 4, 1, 4);
        fake_put(function, at + 8, 0x800 | 1, 4);
        add_structures();
        disk = &look()->device;
        assert_int_equal(pci_get_bar(((struct virtio_pci_device *)disk)->function, 1, &bar),
                         kIOReturnSuccess);
        table.start = phys_to_virt(bar.base);
        sim_mmio_plug(&table);
        assert_int_equal(virtio_negotiate(disk, VIRTIO_CORE_FEATURES, VIRTIO_F_VERSION_1),
                         kIOReturnSuccess);
        assert_int_equal(virtio_attach(disk, note_use, note_change, &called), kIOReturnSuccess);
        assert_int_equal(disk->intid, rows[i].intid);
        disk_state.isr = 0; /* which a message does not need */
        for (unsigned k = 0; k < 3; k++) {
            const unsigned *const calls = rows[i].calls[k];

            if (k >= rows[i].granted) {
                assert_false(sim_line_is_enabled(80 + k));
                continue;
            }
            assert_int_equal(sim_interrupt(80 + k), IRQ_SERVED);
            expect_called(calls[0], calls[1], calls[2]);
        }
        queue = queue_of(disk);
        assert_int_equal(virtio_start_queue(disk, queue), kIOReturnSuccess);
        assert_int_equal(disk_state.vectors[0], 0);
        assert_int_equal(disk_state.vectors[1], rows[i].vector);
        virtio_detach(disk);
        for (unsigned k = 0; k < 3; k++) {
            assert_false(sim_line_is_enabled(80 + k));
        }
        virtq_destroy(queue);
    }
    fake_has_messages = false;
    fake_controller.granted = 0;
}

static struct test_mapper *unit;

static IOReturn translate(struct pci_function *of, int node, uint32_t stream, IOMapper **mapper)
{
    (void)of, (void)node, (void)stream;
    OSObject_retain(&unit->super);
    *mapper = &unit->super;
    return kIOReturnSuccess;
}

/* A device that says so goes the way of the bus; another one past it. */
static void test_behind_a_unit(void **state)
{
    IOService *const service = IOService_withReader("unit", NULL, NULL);

    (void)state;
    unit = test_mapper_new(0x100);
    assert_true(IOMapper_start(&unit->super, service));
    for (unsigned i = 0; i < 2; i++) {
        struct virtio_device *disk;
        IOMapper *mapper;

        begin_disk();
        fake_has_units = true;
        add_structures();
        disk = &look()->device;
        disk_state.offered |= i == 0 ? VIRTIO_F_ACCESS_PLATFORM : 0;
        pci_set_mapper_source(translate);
        for (unsigned k = 0; k < 2; k++) { /* again, as after a reset */
            assert_int_equal(virtio_negotiate(disk, VIRTIO_CORE_FEATURES, VIRTIO_F_VERSION_1),
                             kIOReturnSuccess);
            assert_ptr_equal(disk->mapper, i == 0 ? &unit->super : NULL);
        }
        assert_int_equal(pci_copy_mapper(((struct virtio_pci_device *)disk)->function, &mapper),
                         kIOReturnSuccess);
        assert_ptr_equal(mapper, disk->mapper);
        if (mapper != NULL) {
            OSObject_release(mapper);
        }
        pci_set_mapper_source(NULL);
    }
}

/* A device without a configuration of its own: nothing is read. */
static void test_no_configuration(void **state)
{
    static const struct virtio_config_field field = {0, 0, 4};
    struct virtio_device *disk;
    uint64_t value = 1;

    (void)state;
    begin_disk();
    structure(VIRTIO_PCI_COMMON, 4, COMMON, 0x1000);
    structure(VIRTIO_PCI_ISR, 4, ISR, 0x1000);
    fake_put(function, structure(VIRTIO_PCI_NOTIFY, 4, NOTIFY, 0x1000) + 16, 4, 4);
    disk = &look()->device;
    assert_int_equal(virtio_read_config(disk, &field, 1, &value), kIOReturnSuccess);
    assert_int_equal(value, 0);
}

/* N35: multiplier 0, offsets out of the structure. */
static void test_doorbells(void **state)
{
    struct virtio_pci_device *found = good_disk();
    const volatile char *base = (const volatile char *)disk_state.registers.start + NOTIFY;

    (void)state;
    assert_ptr_equal(virtio_doorbell(&found->device, 0), base);
    assert_ptr_equal(virtio_doorbell(&found->device, 1), base + 4);
    found->multiplier = 0;
    assert_ptr_equal(virtio_doorbell(&found->device, 1), base);
    found->multiplier = 0xffe;
    assert_ptr_equal(virtio_doorbell(&found->device, 1), base + 0xffe);
    found->multiplier = 0x1000;
    assert_null(virtio_doorbell(&found->device, 1));
    found->multiplier = 1;
    assert_null(virtio_doorbell(&found->device, 1));
    found->multiplier = 0xffffffff;
    disk_state.notify_off = 0xffff;
    assert_null(virtio_doorbell(&found->device, 1));
}

static void test_configuration(void **state)
{
    static const struct virtio_config_field fields[] = {{0, 0, 8},  {0, 8, 4},  {0, 14, 2},
                                                        {0, 16, 1}, {0, 60, 8}, {0, 64, 1}};
    struct virtio_device *disk = &good_disk()->device;
    uint64_t values[6];

    (void)state;
    assert_int_equal(virtio_read_config(disk, fields, 6, values), kIOReturnSuccess);
    assert_int_equal(values[0], 0x1122334455667788);
    assert_int_equal(values[1], 0x55667788);
    assert_int_equal(values[2], 0x1122);
    assert_int_equal(values[3], 0x88);
    /* Half of it is beyond what the device has. */
    assert_int_equal(values[4], 0x11223344);
    assert_int_equal(values[5], 0);
    disk_state.moving = true;
    assert_int_equal(virtio_read_config(disk, fields, 1, values), kIOReturnNotResponding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),         cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_units_and_interrupts),
        cmocka_unit_test(test_line),          cmocka_unit_test(test_messages),
        cmocka_unit_test(test_behind_a_unit), cmocka_unit_test(test_no_configuration),
        cmocka_unit_test(test_doorbells),     cmocka_unit_test(test_configuration),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
