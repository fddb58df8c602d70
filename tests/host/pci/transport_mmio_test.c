/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-mmio transport and the start-up of a device, register by register. */
#include <stdio.h>

#include "drivers/virtio/transport_mmio.h"
#include "kernel/direct_map.h"
#include "qemu/vdma/wire.h"
#include "tests/host/bus/machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/host/sim/sim_order.h"

#define SLOTS      0x0a000000ull
#define SLOT_SIZE  0x200ull
#define FILLERS    66 /* more than the transport keeps */
#define FILLER_ID  18u
#define FIRST_LINE 32 /* shared peripheral interrupt 0 */

const struct virtio_transport *const virtio_transports[] = {&virtio_mmio, NULL};

/* One device, as section 4.2.2 has its registers. */
struct slot {
    struct sim_registers registers; /* first */
    uint32_t magic, version, id, vendor;
    uint64_t offered, accepted;
    uint32_t offered_half, accepted_half, queue;
    uint32_t status, interrupt;
    uint32_t ready, size_max[2];
    uint32_t generation;
    bool moving;          /* the configuration never stops changing */
    bool refuses_reset;   /* the status stays what it was */
    bool refuses_choice;  /* takes FEATURES_OK back */
    bool refuses_queue;   /* never ready */
    uint32_t fails_with;  /* status bits, once the driver is ready */
    unsigned reset_reads; /* until a reset is confirmed */
    uint8_t config[0x100];
};

enum {
    DISK_LOW,
    EMPTY,
    LEGACY,
    NO_MAGIC,
    TOO_SMALL,
    NO_LINE,
    DISK_HIGH,
    ENTROPY,
    VDMA,   /* a disk by its type, but with a driver of its own */
    BESIDE, /* the same as a process: another vendor's, but for a word of its configuration */
    SLOT_COUNT
};

static struct slot slots[SLOT_COUNT + FILLERS];
static struct virtio_device *disk;
static struct slot *disk_slot;

static uint32_t read_register(struct slot *slot, uint64_t offset)
{
    switch (offset) {
    case 0x000:
        return slot->magic;
    case 0x004:
        return slot->version;
    case 0x008:
        return slot->id;
    case 0x00c:
        return slot->vendor;
    case 0x010:
        return (uint32_t)(slot->offered >> 32 * slot->offered_half);
    case 0x034:
        return slot->queue < 2 ? slot->size_max[slot->queue] : 0;
    case 0x044:
        return slot->queue < 2 ? slot->ready : 0;
    case 0x060:
        return slot->interrupt;
    case 0x070:
        if (slot->reset_reads != 0 && --slot->reset_reads == 0) {
            slot->status = 0;
        }
        return slot->status;
    case 0x0fc:
        return slot->moving ? slot->generation++ : slot->generation;
    default:
        fail_msg("a read of register %#x", (unsigned)offset);
        return 0;
    }
}

static uint64_t read_slot(struct sim_registers *self, uint64_t offset, unsigned width)
{
    struct slot *slot = (struct slot *)self;
    uint64_t value = 0;

    if (offset >= 0x100) {
        memcpy(&value, slot->config + offset - 0x100, width);
    } else {
        assert_int_equal(width, 4);
        value = read_register(slot, offset);
    }
    log_access(offset, value, width, false);
    return value;
}

static void write_status(struct slot *slot, uint32_t value)
{
    if (value == 0 && slot->reset_reads == 0) {
        slot->status = slot->refuses_reset ? slot->status : 0;
        slot->ready = 0;
        return;
    }
    if (value != 0) {
        slot->status = value;
    }
    if ((value & 8) != 0 && slot->refuses_choice) {
        slot->status &= ~8u;
    }
    if ((value & 4) != 0) {
        slot->status |= slot->fails_with;
    }
}

static void write_slot(struct sim_registers *self, uint64_t offset, uint64_t value, unsigned width)
{
    struct slot *slot = (struct slot *)self;

    assert_int_equal(width, 4);
    log_access(offset, value, width, true);
    switch (offset) {
    case 0x014:
        slot->offered_half = (uint32_t)value;
        break;
    case 0x020:
        slot->accepted &= ~(0xffffffffull << 32 * slot->accepted_half);
        slot->accepted |= value << 32 * slot->accepted_half;
        break;
    case 0x024:
        slot->accepted_half = (uint32_t)value;
        break;
    case 0x030:
        slot->queue = (uint32_t)value;
        break;
    case 0x044:
        slot->ready = slot->refuses_queue ? 0 : (uint32_t)value;
        break;
    case 0x064:
        slot->interrupt &= ~(uint32_t)value;
        break;
    case 0x070:
        write_status(slot, (uint32_t)value);
        break;
    default:
        break;
    }
}

/* --- Finding ---------------------------------------------------------------------------------- */

static uint64_t slot_base(unsigned number)
{
    return SLOTS + number * SLOT_SIZE;
}

static void add_slot(unsigned number)
{
    struct slot *slot = &slots[number];
    char name[32];

    *slot = (struct slot){.registers = {.start = phys_to_virt(paddr(slot_base(number))),
                                        .size = SLOT_SIZE,
                                        .read = read_slot,
                                        .write = write_slot},
                          .magic = 0x74726976,
                          .version = 2,
                          .id = FILLER_ID};
    sim_mmio_plug(&slot->registers);
    snprintf(name, sizeof(name), "virtio_mmio@%llx", (unsigned long long)slot_base(number));
    begin(name);
    ok(fdt_property_string(tree, "compatible", "virtio,mmio"));
    add_registers(slot_base(number), number == TOO_SMALL ? SLOT_SIZE - 1 : SLOT_SIZE);
    if (number != NO_LINE) {
        cells("interrupts", 3, 0u, number, 1u);
    }
    if (number == DISK_HIGH) {
        ok(fdt_property(tree, "dma-coherent", NULL, 0));
    }
    end();
}

static int start(void **state)
{
    if (machine_start(state) != 0) {
        return -1;
    }
    begin_tree();
    add_memory();
    begin_controller("intc@8000000", "arm,gic-400", GIC, 3);
    add_registers(0x08000000, 0x10000);
    end();
    for (unsigned i = 0; i < SLOT_COUNT + FILLERS; i++) {
        add_slot(i);
    }
    slots[DISK_LOW].id = slots[DISK_HIGH].id = slots[TOO_SMALL].id = slots[NO_LINE].id =
        VIRTIO_ID_BLOCK;
    slots[NO_MAGIC].id = slots[LEGACY].id = slots[VDMA].id = VIRTIO_ID_BLOCK;
    slots[VDMA].vendor = VIRTIO_VENDOR_VDMA;
    slots[BESIDE].id = VIRTIO_ID_BLOCK;
    memcpy(slots[BESIDE].config + VDMA_CONFIG_VENDOR, "VDMA", 4);
    slots[BESIDE].offered = slots[DISK_HIGH].offered = 1u << 4;
    memcpy(slots[DISK_HIGH].config + VDMA_CONFIG_VENDOR, "VDMa", 4);
    /* No geometry: whatever this is. */
    memcpy(slots[DISK_LOW].config + VDMA_CONFIG_VENDOR, "VDMA", 4);
    slots[ENTROPY].id = VIRTIO_ID_ENTROPY;
    slots[EMPTY].id = 0;
    slots[EMPTY].version = 1; /* as QEMU's old ones have it: nothing to complain of */
    slots[LEGACY].version = 1;
    slots[NO_MAGIC].magic++;
    return finish_tree() == NULL ? 0 : -1;
}

static void test_found_by_falling_address(void **state)
{
    unsigned fillers = 0;
    struct virtio_device *device;
    uint64_t last = UINT64_MAX;

    (void)state;
    sim_console_forget();
    disk = virtio_claim(VIRTIO_ID_BLOCK);
    assert_non_null(disk);
    assert_int_equal(disk->address.value, slot_base(DISK_HIGH));
    assert_int_equal(disk->intid, FIRST_LINE + DISK_HIGH);
    assert_false(disk->uncached);
    disk_slot = &slots[DISK_HIGH];
    assert_true(sim_console_said("virtio: device type 2 at 0xa000400 speaks the legacy interface "
                                 "(version 1); start QEMU with "
                                 "-global virtio-mmio.force-legacy=false\n"));
    assert_false(sim_console_said("type 0"));
    assert_true(sim_console_said("has no registers of 512 bytes, or no interrupt"));

    device = virtio_claim(VIRTIO_ID_BLOCK);
    assert_non_null(device);
    assert_int_equal(device->address.value, slot_base(DISK_LOW));
    assert_int_equal(device->intid, FIRST_LINE + DISK_LOW);
    assert_true(device->uncached);
    assert_null(virtio_claim(VIRTIO_ID_BLOCK));
    device = virtio_claim_of(VIRTIO_ID_BLOCK, VIRTIO_VENDOR_VDMA);
    assert_non_null(device);
    assert_int_equal(device->address.value, slot_base(BESIDE));
    device = virtio_claim_of(VIRTIO_ID_BLOCK, VIRTIO_VENDOR_VDMA);
    assert_non_null(device);
    assert_int_equal(device->address.value, slot_base(VDMA));
    assert_null(virtio_claim_of(VIRTIO_ID_BLOCK, VIRTIO_VENDOR_VDMA));
    device = virtio_claim(VIRTIO_ID_ENTROPY);
    assert_non_null(device);
    assert_int_equal(device->address.value, slot_base(ENTROPY));

    /* As many as there is room for, from the tree's first on. */
    while ((device = virtio_claim(FILLER_ID)) != NULL) {
        assert_true(device->address.value < last);
        last = device->address.value;
        fillers++;
    }
    assert_int_equal(fillers, 64 - 5);
    assert_int_equal(last, slot_base(SLOT_COUNT));
}

/* --- Start-up --------------------------------------------------------------------------------- */

#define WANTED (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | 1u << 5)

static int again(void **state)
{
    (void)state;
    disk_slot->offered = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | 1u << 3;
    disk_slot->accepted = 0;
    disk_slot->size_max[0] = 256;
    disk_slot->size_max[1] = 0;
    disk_slot->status = disk_slot->ready = disk_slot->interrupt = 0;
    disk_slot->reset_reads = disk_slot->fails_with = 0;
    disk_slot->refuses_reset = disk_slot->refuses_choice = disk_slot->refuses_queue = false;
    disk_slot->moving = false;
    log_forget();
    return 0;
}

/* The order of section 3.1.1, nothing left out and nothing written twice. */
static void test_negotiation(void **state)
{
    static const uint64_t expected[][2] = {{0x070, 0}, {0x070, 1}, {0x070, 3},          {0x014, 0},
                                           {0x014, 1}, {0x024, 0}, {0x020, 0x20000000}, {0x024, 1},
                                           {0x020, 1}, {0x070, 11}};

    (void)state;
    assert_int_equal(virtio_negotiate(disk, WANTED, VIRTIO_F_VERSION_1), kIOReturnSuccess);
    assert_int_equal(disk->features, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
    assert_int_equal(disk_slot->accepted, disk->features);
    assert_written(expected, sizeof(expected) / sizeof(expected[0]));
}

static void test_refused_negotiation(void **state)
{
    static const uint64_t lacking[][2] = {{0x070, 0}, {0x070, 1}, {0x070, 3},
                                          {0x014, 0}, {0x014, 1}, {0x070, 0x83}};
    static const uint64_t reset[][2] = {{0x070, 0}};

    (void)state;
    assert_int_equal(virtio_negotiate(disk, WANTED, 1u << 5), kIOReturnUnsupported);
    assert_written(lacking, sizeof(lacking) / sizeof(lacking[0]));
    disk_slot->refuses_choice = true;
    assert_int_equal(virtio_negotiate(disk, WANTED, VIRTIO_F_VERSION_1), kIOReturnUnsupported);
    assert_int_equal(disk_slot->status, 0x83);

    disk_slot->refuses_reset = true;
    log_forget();
    assert_false(virtio_reset(disk));
    assert_int_equal(log_count, 1 + 1000); /* every wait ends */
    log_forget();
    assert_int_equal(virtio_negotiate(disk, WANTED, VIRTIO_F_VERSION_1), kIOReturnNotResponding);
    log_count = 1;
    assert_written(reset, 1);
}

/* Real hardware takes some looks. */
static void test_slow_reset(void **state)
{
    (void)state;
    disk_slot->status = 0xf;
    disk_slot->reset_reads = 1000;
    assert_true(virtio_reset(disk));
    disk_slot->status = 0xf;
    disk_slot->reset_reads = 1001;
    assert_false(virtio_reset(disk));
    assert_true(virtio_reset(disk));
}

static void test_ready(void **state)
{
    static const uint64_t expected[][2] = {{0x070, 15}};

    (void)state;
    disk_slot->status = 11;
    assert_false(virtio_needs_reset(disk));
    assert_int_equal(virtio_ready(disk), kIOReturnSuccess);
    assert_written(expected, 1);
    for (uint32_t bit = 0x40; bit <= 0x80; bit *= 2) {
        disk_slot->status = 11;
        disk_slot->fails_with = bit;
        assert_int_equal(virtio_ready(disk), kIOReturnDeviceError);
        assert_true(virtio_needs_reset(disk));
    }
}

/* --- Queues ----------------------------------------------------------------------------------- */

static unsigned barriers_before_queue;

static void count_barrier(enum sim_step step, uint64_t detail)
{
    (void)detail;
    if (step == SIM_BARRIER && disk_slot->ready == 0) {
        barriers_before_queue++;
    }
}

static void test_queue_places(void **state)
{
    static const struct virtio_queue_place place = {.index = 1,
                                                    .size = 128,
                                                    .desc = {0x1122334455667000},
                                                    .driver = {0x2233445566778100},
                                                    .device = {0x3344556677889200}};
    static const uint64_t expected[][2] = {
        {0x030, 1},          {0x038, 128},        {0x080, 0x55667000},
        {0x084, 0x11223344}, {0x090, 0x66778100}, {0x094, 0x22334455},
        {0x0a0, 0x77889200}, {0x0a4, 0x33445566}, {0x044, 1}};

    (void)state;
    assert_true(virtio_mmio.start_queue(disk, &place));
    assert_written(expected, sizeof(expected) / sizeof(expected[0]));
    disk_slot->refuses_queue = true;
    assert_false(virtio_mmio.start_queue(disk, &place));
}

static void test_queue_sizes(void **state)
{
    static const uint64_t expected[][2] = {{0x030, 1}};

    (void)state;
    assert_int_equal(virtio_queue_size_max(disk, 0), 256);
    log_forget();
    assert_int_equal(virtio_queue_size_max(disk, 1), 0);
    assert_written(expected, 1);
    disk_slot->ready = 1; /* in use */
    assert_int_equal(virtio_queue_size_max(disk, 0), 0);
    disk_slot->ready = 0;
    disk_slot->size_max[0] = VIRTQ_SIZE_MAX;
    assert_int_equal(virtio_queue_size_max(disk, 0), VIRTQ_SIZE_MAX);
    disk_slot->size_max[0] = 0xffffffff;
    assert_int_equal(virtio_queue_size_max(disk, 0), VIRTQ_SIZE_MAX);
    assert_ptr_equal(virtio_doorbell(disk, 1), (char *)disk_slot->registers.start + 0x50);
}

static void test_start_queue(void **state)
{
    const struct virtq_setup setup = {
        .size = 256, .chain_entries = 4, .doorbell = virtio_doorbell(disk, 0)};
    struct virtq *queue;

    (void)state;
    assert_int_equal(virtq_create(&setup, &queue), kIOReturnSuccess);
    barriers_before_queue = 0;
    sim_witness = count_barrier;
    assert_int_equal(virtio_start_queue(disk, queue), kIOReturnSuccess);
    sim_witness = NULL;
    assert_int_equal(barriers_before_queue, 1);
    assert_int_equal(disk_slot->ready, 1);

    disk_slot->ready = 0;
    disk_slot->size_max[0] = 255; /* no register would tell of it */
    log_forget();
    assert_int_equal(virtio_start_queue(disk, queue), kIOReturnUnsupported);
    assert_int_equal(disk_slot->ready, 0);
    disk_slot->size_max[0] = 256;
    disk_slot->refuses_queue = true;
    assert_int_equal(virtio_start_queue(disk, queue), kIOReturnUnsupported);
    virtq_destroy(queue);
}

/* --- Interrupts ------------------------------------------------------------------------------- */

static char calls[8];
static uint32_t pending_at_call;
static char context;

static void used(void *its_context, unsigned vector)
{
    assert_ptr_equal(its_context, &context);
    assert_int_equal(vector, 0);
    pending_at_call |= disk_slot->interrupt;
    strcat(calls, "u");
}

static void changed(void *its_context)
{
    assert_ptr_equal(its_context, &context);
    pending_at_call |= disk_slot->interrupt;
    strcat(calls, "c");
}

static enum irq_result interrupt(uint32_t causes)
{
    calls[0] = '\0';
    disk_slot->interrupt = causes;
    pending_at_call = 0;
    return sim_interrupt(disk->intid);
}

static void test_interrupts(void **state)
{
    (void)state;
    assert_int_equal(virtio_attach(disk, used, changed, &context), kIOReturnSuccess);
    assert_int_equal(interrupt(1), IRQ_SERVED);
    assert_string_equal(calls, "u");
    assert_int_equal(pending_at_call, 0); /* acknowledged before anybody looks at a ring */
    assert_int_equal(interrupt(2), IRQ_SERVED);
    assert_string_equal(calls, "cu");
    assert_int_equal(interrupt(3), IRQ_SERVED);
    assert_string_equal(calls, "cu");
    assert_int_equal(pending_at_call, 0);
    assert_int_equal(disk_slot->interrupt, 0);
    /* What nobody has asked for: not ours, but a look does no harm. */
    assert_int_equal(interrupt(0), IRQ_NOTHING);
    assert_string_equal(calls, "u");
    /* Nor are bits that nothing defines: neither acknowledged nor a reason. */
    assert_int_equal(interrupt(0x80000004), IRQ_NOTHING);
    assert_int_equal(disk_slot->interrupt, 0x80000004);
    assert_int_equal(interrupt(0x80000005), IRQ_SERVED);
    assert_int_equal(disk_slot->interrupt, 0x80000004);
    disk_slot->interrupt = 0;

    virtio_detach(disk);
    assert_false(sim_line_is_enabled(disk->intid));
    assert_null(disk->used);
    virtio_detach(disk); /* no effect */
    assert_int_equal(virtio_attach(disk, used, changed, &context), kIOReturnSuccess);
    virtio_detach(disk);
}

static enum irq_result somebody(void *unused)
{
    (void)unused;
    return IRQ_NOTHING;
}

static void test_line_is_taken(void **state)
{
    (void)state;
    assert_int_equal(irq_register(disk->intid, somebody, NULL), KERN_SUCCESS);
    assert_int_equal(virtio_attach(disk, used, changed, &context), kIOReturnNoInterrupt);
    assert_null(disk->used);
    virtio_detach(disk); /* it has nothing to give back */
    assert_true(sim_line_is_enabled(disk->intid));
    assert_int_equal(irq_unregister(disk->intid), KERN_SUCCESS);
}

/* --- Configuration ---------------------------------------------------------------------------- */

static void test_configuration(void **state)
{
    static const struct virtio_config_field fields[] = {
        {0, 0, 8},       {0, 9, 1}, {0, 10, 2}, {0, 12, 4}, {VIRTIO_F_EVENT_IDX, 16, 4},
        {1u << 5, 20, 4}};
    static const struct access expected[] = {
        {0x0fc, 7, 4, false},          {0x100, 0x03020100, 4, false}, {0x104, 0x07060504, 4, false},
        {0x109, 0x09, 1, false},       {0x10a, 0x0b0a, 2, false},     {0x10c, 0x0f0e0d0c, 4, false},
        {0x110, 0x13121110, 4, false}, {0x0fc, 7, 4, false}};
    uint64_t values[6];

    (void)state;
    for (unsigned i = 0; i < sizeof(disk_slot->config); i++) {
        disk_slot->config[i] = (uint8_t)i;
    }
    disk_slot->generation = 7;
    disk->features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;
    assert_int_equal(virtio_read_config(disk, fields, 6, values), kIOReturnSuccess);
    assert_int_equal(values[0], 0x0706050403020100);
    assert_int_equal(values[1], 0x09);
    assert_int_equal(values[2], 0x0b0a);
    assert_int_equal(values[3], 0x0f0e0d0c);
    assert_int_equal(values[4], 0x13121110);
    assert_int_equal(values[5], 0);
    assert_int_equal(log_count, sizeof(expected) / sizeof(expected[0]));
    for (unsigned i = 0; i < log_count; i++) {
        assert_memory_equal(&log_entries[i].offset, &expected[i].offset, sizeof(uint64_t));
        assert_int_equal(log_entries[i].value, expected[i].value);
        assert_int_equal(log_entries[i].width, expected[i].width);
    }
}

static void test_configuration_that_moves(void **state)
{
    static const struct virtio_config_field field = {0, 0, 4};
    uint64_t value;

    (void)state;
    disk_slot->moving = true;
    assert_int_equal(virtio_read_config(disk, &field, 1, &value), kIOReturnNotResponding);
    assert_int_equal(log_count, 100 * 3); /* every wait ends */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_falling_address),
        cmocka_unit_test_setup(test_negotiation, again),
        cmocka_unit_test_setup(test_refused_negotiation, again),
        cmocka_unit_test_setup(test_slow_reset, again),
        cmocka_unit_test_setup(test_ready, again),
        cmocka_unit_test_setup(test_queue_places, again),
        cmocka_unit_test_setup(test_queue_sizes, again),
        cmocka_unit_test_setup(test_start_queue, again),
        cmocka_unit_test_setup(test_interrupts, again),
        cmocka_unit_test_setup(test_line_is_taken, again),
        cmocka_unit_test_setup(test_configuration, again),
        cmocka_unit_test_setup(test_configuration_that_moves, again),
    };

    return cmocka_run_group_tests(tests, start, machine_stop);
}
