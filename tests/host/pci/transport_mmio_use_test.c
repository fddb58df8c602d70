/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-mmio transport: queues, interrupts and configuration of a device, by register. */
#include "tests/host/pci/transport_mmio_fixture.h"

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

static enum irq_result used(void *its_context, unsigned vector)
{
    assert_ptr_equal(its_context, &context);
    assert_int_equal(vector, 0);
    pending_at_call |= disk_slot->interrupt;
    strcat(calls, "u");
    return IRQ_SERVED;
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

static int start_with_disk(void **state)
{
    if (start(state) != 0) {
        return -1;
    }
    claim_disk();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_queue_places, again),
        cmocka_unit_test_setup(test_queue_sizes, again),
        cmocka_unit_test_setup(test_start_queue, again),
        cmocka_unit_test_setup(test_interrupts, again),
        cmocka_unit_test_setup(test_line_is_taken, again),
        cmocka_unit_test_setup(test_configuration, again),
        cmocka_unit_test_setup(test_configuration_that_moves, again),
    };

    return cmocka_run_group_tests(tests, start_with_disk, machine_stop);
}
