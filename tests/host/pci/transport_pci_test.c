/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device on PCI is brought up: in which order, with which vectors, and what is refused. */
#include "tests/host/pci/transport_pci_fixture.h"

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

static void ignore_queue(void *context, unsigned queue)
{
    (void)context, (void)queue;
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
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_units_and_interrupts),
        cmocka_unit_test(test_no_configuration),
        cmocka_unit_test(test_doorbells),
        cmocka_unit_test(test_configuration),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
