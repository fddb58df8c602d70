/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-pci transport against a device that knows which accesses are legal, and lies. */
#include <stdio.h>

#include "drivers/virtio/transport_pci.h"
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "tests/host/pci/pci_machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define BAR_SIZE 0x4000u
#define COMMON   0x0000u
#define ISR      0x1000u
#define DEVICE   0x2000u
#define NOTIFY   0x3000u

const struct virtio_transport *const virtio_transports[] = {&virtio_pci, NULL};

/* What the structures at the BAR answer. */
static struct {
    struct sim_registers registers; /* first */
    uint32_t feature_select[2];
    uint64_t offered, accepted;
    uint16_t queues, queue, size, enabled, notify_off;
    uint16_t vectors[2]; /* of the configuration, of the queue */
    uint32_t halves[6];
    uint8_t status, isr;
    uint8_t generation;
    bool moving, refuses_choice, refuses_vector, refuses_queue;
    unsigned reset_reads;
    char order[256]; /* what was done, a letter each */
} disk_state;

static void note(char what)
{
    const size_t length = strlen(disk_state.order);

    if (length + 1 < sizeof(disk_state.order)) {
        disk_state.order[length] = what;
        disk_state.order[length + 1] = 0;
    }
}

/* Field by field its own width (section 4.1.3.1); the address fields are halves. */
static unsigned width_of(uint64_t at)
{
    static const uint8_t widths[COMMON_BYTES] = {
        [0x00] = 4, [0x04] = 4, [0x08] = 4, [0x0c] = 4, [0x10] = 2, [0x12] = 2, [0x14] = 1,
        [0x15] = 1, [0x16] = 2, [0x18] = 2, [0x1a] = 2, [0x1c] = 2, [0x1e] = 2, [0x20] = 4,
        [0x24] = 4, [0x28] = 4, [0x2c] = 4, [0x30] = 4, [0x34] = 4,
    };

    assert_in_range(at, 0, COMMON_BYTES - 1);
    return widths[at];
}

static uint64_t read_common(uint64_t at, unsigned width)
{
    assert_int_equal(width, width_of(at));
    switch (at) {
    case COMMON_DEVICE_FEATURE:
        return (uint32_t)(disk_state.offered >> 32 * disk_state.feature_select[0]);
    case COMMON_CONFIG_VECTOR:
        return disk_state.refuses_vector ? 0xffff : disk_state.vectors[0];
    case COMMON_QUEUES:
        return disk_state.queues;
    case COMMON_STATUS:
        if (disk_state.reset_reads != 0 && --disk_state.reset_reads == 0) {
            disk_state.status = 0;
        }
        return disk_state.status;
    case COMMON_GENERATION:
        return disk_state.moving ? disk_state.generation++ : disk_state.generation;
    case COMMON_QUEUE_SIZE:
        return disk_state.size;
    case COMMON_QUEUE_VECTOR:
        return disk_state.refuses_vector ? 0xffff : disk_state.vectors[1];
    case COMMON_QUEUE_ENABLE:
        return disk_state.enabled;
    case COMMON_QUEUE_NOTIFY_OFF:
        return disk_state.notify_off * disk_state.queue;
    default:
        fail_msg("a read of %#x", (unsigned)at);
        return 0;
    }
}

static uint64_t read_bar(struct sim_registers *self, uint64_t at, unsigned width)
{
    (void)self;
    if (at < COMMON_BYTES) {
        return read_common(at, width);
    }
    if (at == ISR) {
        const uint8_t isr = disk_state.isr;

        assert_int_equal(width, 1);
        disk_state.isr = 0; /* reading quiets the line */
        return isr;
    }
    assert_in_range(at, DEVICE, DEVICE + 63);
    return 0x1122334455667788 >> 8 * (at % 8);
}

static void write_common(uint64_t at, uint64_t value, unsigned width)
{
    assert_int_equal(width, width_of(at));
    switch (at) {
    case COMMON_DEVICE_FEATURE_SELECT:
        disk_state.feature_select[0] = (uint32_t)value;
        break;
    case COMMON_DRIVER_FEATURE_SELECT:
        disk_state.feature_select[1] = (uint32_t)value;
        break;
    case COMMON_DRIVER_FEATURE:
        disk_state.accepted |= value << 32 * disk_state.feature_select[1];
        break;
    case COMMON_CONFIG_VECTOR:
        disk_state.vectors[0] = (uint16_t)value;
        note('c');
        break;
    case COMMON_STATUS:
        if (value == 0 && disk_state.reset_reads != 0) {
            break;
        }
        disk_state.status = (uint8_t)value & (uint8_t) ~(disk_state.refuses_choice ? 8 : 0);
        note(value == 0 ? '0' : (value & 4) != 0 ? 'D' : (value & 8) != 0 ? 'F' : 's');
        break;
    case COMMON_QUEUE_SELECT:
        disk_state.queue = (uint16_t)value;
        break;
    case COMMON_QUEUE_SIZE:
        disk_state.size = (uint16_t)value;
        note('z');
        break;
    case COMMON_QUEUE_VECTOR:
        disk_state.vectors[1] = (uint16_t)value;
        note('v');
        break;
    case COMMON_QUEUE_ENABLE:
        assert_int_equal(value, 1);
        disk_state.enabled = !disk_state.refuses_queue;
        note('e');
        break;
    default:
        assert_in_range(at, COMMON_QUEUE_DESC, COMMON_BYTES - 1);
        disk_state.halves[(at - COMMON_QUEUE_DESC) / 4] = (uint32_t)value;
        note('a');
    }
}

static void write_bar(struct sim_registers *self, uint64_t at, uint64_t value, unsigned width)
{
    (void)self;
    if (at < COMMON_BYTES) {
        write_common(at, value, width);
        return;
    }
    assert_true(at >= NOTIFY);
    assert_int_equal(width, 2);
    note('n');
}

/* --- Machines --------------------------------------------------------------------------------- */

static struct fake_function *function;

static unsigned structure(unsigned type, unsigned bar, uint32_t offset, uint32_t size)
{
    const unsigned bytes = type == VIRTIO_PCI_NOTIFY ? 20 : 16;
    const unsigned at = fake_capability(function, PCI_CAP_VENDOR, bytes);

    fake_put(function, at + 2, bytes, 1);
    fake_put(function, at + 3, type, 1);
    fake_put(function, at + 4, bar, 1);
    fake_put(function, at + 8, offset, 4);
    fake_put(function, at + 12, size, 4);
    return at;
}

/* A disk as QEMU has it, but for what the caller adds before and changes after. */
static void begin_disk(void)
{
    fake_begin();
    function = fake_add(0, 1, VIRTIO_PCI_VENDOR, 0x1042);
    function->bars[4] = (struct fake_bar){BAR_SIZE, 0xc};
    function->bars[0] = (struct fake_bar){64, 1};
    fake_put(function, PCI_PIN, 1, 1);
    sim_console_forget();
}

static unsigned at_common, at_notify;

static void add_structures(void)
{
    at_common = structure(VIRTIO_PCI_COMMON, 4, COMMON, 0x1000);
    structure(VIRTIO_PCI_ISR, 4, ISR, 0x1000);
    structure(VIRTIO_PCI_DEVICE, 4, DEVICE, 0x40);
    at_notify = structure(VIRTIO_PCI_NOTIFY, 4, NOTIFY, 0x1000);
    fake_put(function, at_notify + 16, 4, 4);
}

static struct virtio_device *last_found;

/* Those of earlier machines do not answer any more. */
static void forget_all_before(const struct pci_function *found)
{
    for (struct pci_function *at = pci_next(NULL); at != found; at = pci_next(at)) {
        pci_claim(at, "a test that is over");
    }
}

/* Search; the device that was found, NULL: none. */
static struct virtio_pci_device *look(void)
{
    struct pci_function *found = fake_search(&fake_virt);
    struct virtio_device *claimed;
    struct pci_bar bar;

    if (pci_get_bar(found, 4, &bar) == kIOReturnSuccess) {
        memset(&disk_state, 0, sizeof(disk_state));
        disk_state.registers = (struct sim_registers){.start = phys_to_virt(bar.base),
                                                      .size = bar.size,
                                                      .read = read_bar,
                                                      .write = write_bar};
        disk_state.offered = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;
        disk_state.queues = 2;
        disk_state.size = 256;
        disk_state.notify_off = 1;
        sim_mmio_plug(&disk_state.registers);
    }
    forget_all_before(found);
    virtio_pci.find();
    claimed = virtio_claim(VIRTIO_ID_BLOCK);
    if (claimed == last_found) {
        return NULL;
    }
    last_found = claimed;
    return (struct virtio_pci_device *)claimed;
}

/* --- Finding ---------------------------------------------------------------------------------- */

static void test_found(void **state)
{
    struct virtio_pci_device *found;

    (void)state;
    begin_disk();
    structure(VIRTIO_PCI_NOTIFY, 0, 0, 4); /* by ports: there is another one (modern-pio-notify) */
    structure(VIRTIO_PCI_COMMON, 6, 0, 0x1000); /* a reserved number */
    structure(VIRTIO_PCI_DEVICE, 7, 0, 0x1000);
    structure(9, 4, 0xfffff000, 0xffffffff); /* a type of the future */
    add_structures();
    found = look();
    assert_non_null(found);
    assert_int_equal(found->device.id, VIRTIO_ID_BLOCK);
    assert_int_equal(found->multiplier, 4);
    assert_false(found->device.uncached);
    assert_ptr_equal(found->structures[VIRTIO_PCI_COMMON], disk_state.registers.start);
    assert_ptr_equal(found->structures[VIRTIO_PCI_NOTIFY],
                     (const volatile char *)disk_state.registers.start + NOTIFY);
    /* One word for an interrupt, no more; and one driver has it. */
    assert_string_equal(found->function->info.claimed, "virtio");
    assert_int_equal(fake_get(function, PCI_COMMAND, 2) & 6, 2);
}

static void test_types(void **state)
{
    (void)state;
    begin_disk(); /* transitional: the subsystem says */
    fake_put(function, 2, 0x1001, 2);
    fake_put(function, PCI_SUBSYSTEM, 0x00021af4, 4);
    add_structures();
    assert_non_null(look());
    begin_disk();
    fake_put(function, 2, 0x1041, 2);
    add_structures();
    assert_null(look());
    begin_disk();
    fake_put(function, 0, 0x1af5, 2);
    add_structures();
    assert_null(look());
    begin_disk();
    fake_put(function, 2, 0x1082, 2);
    add_structures();
    assert_null(look());
}

/* N23: what a capability may say, and who comes after it. */
static void test_nonsense(void **state)
{
    static const struct {
        unsigned at; /* in the capability of the common configuration, or of doorbells */
        uint32_t value;
        unsigned width;
        bool notify;
        const char *said;
    } cases[] = {
        {2, 15, 1, false, "makes no sense"},         /* a length that ends inside */
        {8, 0xfffffff0, 4, false, "makes no sense"}, /* offset and size wrap */
        {8, BAR_SIZE, 4, false, "makes no sense"},
        {8, BAR_SIZE - 0xfff, 4, false, "makes no sense"},
        {12, 0x37, 4, false, "makes no sense"},
        {12, 0xffffffff, 4, false, "makes no sense"},
        {4, 2, 1, false, "makes no sense"}, /* no such BAR */
        {4, 6, 1, false, "legacy interface alone"},
        {3, 7, 1, false, "legacy interface alone"},
        {2, 16, 1, true, "makes no sense"}, /* without its multiplier */
        {12, 1, 4, true, "makes no sense"},
        {3, 7, 1, true, "lacks a doorbell"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_function *broken;

        begin_disk();
        add_structures();
        fake_put(function, (cases[i].notify ? at_notify : at_common) + cases[i].at, cases[i].value,
                 cases[i].width);
        broken = function;
        assert_null(look());
        assert_true(sim_console_said("virtio: device type 2 at PCI 00:01.0"));
        assert_true(sim_console_said(cases[i].said));
        assert_int_equal(fake_get(broken, PCI_COMMAND, 2) & 6, 0);
    }
}

/* Numbers that are no virtio device's, a type of none, structures twice, and what is missing. */
static void test_devices_that_are_none(void **state)
{
    static const uint16_t numbers[] = {0x0fff, 0x1080, 0x1040};
    struct inject_report report;
    struct pci_function *found;

    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        begin_disk();
        fake_put(function, 2, numbers[i], 2);
        add_structures();
        assert_null(look());
        assert_false(sim_console_said("virtio: device"));
    }
    begin_disk();
    structure(0, 4, 0, 0x1000);
    add_structures();
    structure(VIRTIO_PCI_COMMON, 4, NOTIFY, 0x1000); /* the first one is */
    assert_ptr_equal(look()->structures[VIRTIO_PCI_COMMON], disk_state.registers.start);
    begin_disk();
    structure(VIRTIO_PCI_COMMON, 4, COMMON, 0x1000);
    fake_put(function, structure(VIRTIO_PCI_NOTIFY, 4, NOTIFY, 0x1000) + 16, 4, 4);
    assert_null(look());
    assert_true(sim_console_said("lacks a doorbell or a word for its interrupts"));
    begin_disk();
    add_structures();
    function->bars[1] = (struct fake_bar){0x40000000, 0}; /* no window has so much */
    assert_null(look());
    assert_true(sim_console_said("has no place for its registers"));
    begin_disk();
    add_structures();
    found = fake_search(&fake_virt);
    forget_all_before(found);
    inject_begin(1);
    virtio_pci.find();
    inject_end(&report);
    assert_true(report.failed);
    assert_true(sim_console_said("finds no memory; it is passed over"));
    assert_null(found->info.claimed);
    pci_claim(found, "a test that is over");
}

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
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_devices_that_are_none),
        cmocka_unit_test(test_units_and_interrupts),
        cmocka_unit_test(test_no_configuration),
        cmocka_unit_test(test_doorbells),
        cmocka_unit_test(test_configuration),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
