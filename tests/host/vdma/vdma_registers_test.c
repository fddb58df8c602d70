/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers, and rules R59 to R68 of vdma's data sheet. */
#include "tests/host/vdma/door.h"

#define NOP 0x56440100u

static void identity_and_configuration(void **state)
{
    struct door *door = *state;
    uint64_t offered;

    assert_int_equal(door_read(door, 0x000, 4), 0x74726976); /* "virt" */
    assert_int_equal(door_read(door, 0x004, 4), 2);
    assert_int_equal(door_read(door, 0x008, 4), 2); /* a block device */
    assert_int_equal(door_read(door, 0x00c, 4), 0x414d4456);
    assert_int_equal(door_read(door, 0x034, 4), 256);
    door_write(door, 0x014, 0);
    offered = door_read(door, 0x010, 4);
    door_write(door, 0x014, 1);
    offered |= door_read(door, 0x010, 4) << 32;
    /* SIZE_MAX, SEG_MAX, BLK_SIZE, FLUSH, INDIRECT_DESC, EVENT_IDX, VERSION_1 */
    assert_int_equal(offered, 0x130000246);
    door_write(door, 0x014, 2);
    assert_int_equal(door_read(door, 0x010, 4), 0);
    assert_int_equal(door_read(door, 0x100, 8), 64); /* sectors */
    assert_int_equal(door_read(door, 0x108, 4), 0xffffffff);
    assert_int_equal(door_read(door, 0x10c, 4), 254);
    assert_int_equal(door_read(door, 0x114, 4), 512);
    assert_int_equal(door_read(door, 0x100, 1), 64);
    assert_int_equal(door_read(door, 0x114, 2), 512);
    assert_int_equal(door_read(door, 0x1ff, 1), 0);
}

static void limits_show_in_the_configuration(void **state)
{
    struct door *door = *state;
    const uint64_t before = door_read(door, 0x0fc, 4);

    set_limits(door, &(struct raw_limits){.segment_max = 4096, .segments_max = 3});
    assert_int_equal(door_read(door, 0x108, 4), 4096);
    assert_int_equal(door_read(door, 0x10c, 4), 3);
    assert_int_equal(door_read(door, 0x0fc, 4), before + 1);
}

static void r59_queue_in_use(void **state)
{
    struct door *door = *state;
    const uint32_t registers[] = {0x038, 0x044, 0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4};

    for (unsigned i = 0; i < 8; i++) {
        assert_false(door_write(door, registers[i], 1));
        refused_register(door, 59, registers[i], 1);
    }
    assert_true(door_write(door, 0x044, 0));
    for (unsigned i = 2; i < 8; i++) {
        assert_true(door_write(door, registers[i], 0));
    }
    assert_int_equal(door->config_rule, 0);
}

static void r60_doorbell_too_early(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    accepted(door, &nop);
    assert_false(door_write(door, 0x050, 1)); /* there is no such queue */
    refused_register(door, 60, NONE, 1);
    door_write(door, 0x044, 0);
    assert_false(door_write(door, 0x050, 0));
    refused_register(door, 60, NONE, 0);
    assert_true(door_write(door, 0x044, 1));
    assert_true(door_write(door, 0x050, 0));
    assert_true(door_write(door, 0x070, 0));
    assert_false(door_write(door, 0x050, 0));
    refused_register(door, 60, NONE, 0);
}

static void r61_doorbell_after_failure(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    publish(door, 99);
    ring(door);
    assert_true(needs_reset(door));
    assert_false(door_write(door, 0x050, 0));
    refused_register(door, 61, NONE, 0);
    door_start(door);
    accepted(door, &nop);
}

/* After a reset, as far as `status`. */
static void begin(struct door *door, uint32_t status)
{
    assert_true(door_write(door, 0x070, 0));
    for (uint32_t bits = 1; bits < status; bits = bits << 1 | 1) {
        assert_true(door_write(door, 0x070, bits));
    }
}

static void r62_features_too_late(void **state)
{
    struct door *door = *state;

    begin(door, 3);
    assert_true(door_write(door, 0x070, 3));
    door_write(door, 0x024, 1);
    assert_true(door_write(door, 0x020, 1));
    assert_true(door_write(door, 0x070, 11));
    assert_int_equal(door_read(door, 0x070, 4), 11);
    assert_false(door_write(door, 0x020, 1));
    refused_register(door, 62, 0x020, 1);
}

/* There are drivers that cannot be changed: what they leave out is in the log, and they go on. */
static void r63_of_a_driver_that_does_not_acknowledge(void **state)
{
    struct door *door = *state;

    door_power(door, &(struct vdma_options){.unacknowledged = true});
    assert_true(door_write(door, 0x070, 2));
    refused_register(door, 63, 0x070, 2);
    assert_int_equal(door_read(door, 0x070, 4), 2);
    door_write(door, 0x024, 1);
    assert_true(door_write(door, 0x020, 1));
    assert_true(door_write(door, 0x070, 0xa));
    assert_int_equal(door_read(door, 0x070, 4), 0xa);
    assert_false(door_write(door, 0x070, 0x16)); /* and nothing else that is out of order */
    assert_false(door_write(door, 0x070, 2));
    assert_true(door_write(door, 0x070, 0xe));
    assert_int_equal(door_read(door, 0x070, 4), 0xe);
}

static void r63_status_out_of_order(void **state)
{
    struct door *door = *state;

    begin(door, 1);
    assert_false(door_write(door, 0x070, 2));
    refused_register(door, 63, 0x070, 2);
    assert_true(door_write(door, 0x070, 1));
    assert_false(door_write(door, 0x070, 9)); /* FEATURES_OK without DRIVER */
    refused_register(door, 63, 0x070, 9);
    assert_true(door_write(door, 0x070, 3));
    assert_false(door_write(door, 0x070, 7)); /* DRIVER_OK without FEATURES_OK */
    refused_register(door, 63, 0x070, 7);
    assert_false(door_write(door, 0x070, 1)); /* taken back */
    refused_register(door, 63, 0x070, 1);
    assert_false(door_write(door, 0x070, 0x13)); /* no such bit */
    refused_register(door, 63, 0x070, 0x13);
    assert_int_equal(door_read(door, 0x070, 4), 3);
    assert_true(door_write(door, 0x070, 0x83)); /* FAILED is the driver's right */
}

static void r64_queue_with_requests(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    set_limits(door, &(struct raw_limits){.latency = 10});
    assert_false(run(door, &nop).came);
    assert_false(door_write(door, 0x044, 0));
    refused_register(door, 64, 0x044, 1);
    settle(door);
    assert_true(answer_of(door, &nop).came);
    assert_true(door_write(door, 0x044, 0));
}

static void r65_access_size(void **state)
{
    struct door *door = *state;
    const struct {
        uint32_t offset;
        unsigned size;
    } bad[] = {{0x000, 1}, {0x000, 2}, {0x000, 8}, {0x002, 4},  {0x071, 4}, {0x101, 2},
               {0x102, 4}, {0x104, 8}, {0x100, 3}, {0x100, 16}, {0x100, 0}};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        door->pc = 0x40200000 + i;
        assert_int_equal(door_read(door, bad[i].offset, bad[i].size), 0);
        refused_register(door, 65, bad[i].offset, bad[i].size);
        assert_int_equal(door->records[door->record_count - 1].pc, 0x40200000 + i);
    }
    for (unsigned size = 1; size <= 8; size *= 2) {
        assert_int_equal(door_read(door, 0x100, size), 64);
    }
    assert_int_equal(door->config_rule, 0);
}

static void r66_no_such_register(void **state)
{
    struct door *door = *state;
    const uint32_t unreadable[] = {0x014, 0x020, 0x024, 0x030, 0x038, 0x050,     0x064,
                                   0x080, 0x0a4, 0x018, 0x0f8, 0x200, 0xfffffffc};
    const uint32_t unwritable[] = {0x000, 0x004, 0x008, 0x00c, 0x010, 0x034,
                                   0x060, 0x0fc, 0x100, 0x1fc, 0x03c, 0x200};

    for (unsigned i = 0; i < sizeof(unreadable) / sizeof(unreadable[0]); i++) {
        door_read(door, unreadable[i], 4);
        refused_register(door, 66, unreadable[i], 1);
    }
    for (unsigned i = 0; i < sizeof(unwritable) / sizeof(unwritable[0]); i++) {
        assert_false(door_write(door, unwritable[i], 5));
        refused_register(door, 66, unwritable[i], 2);
    }
    /* Of a queue that there is not. */
    assert_true(door_write(door, 0x030, 1));
    assert_int_equal(door_read(door, 0x034, 4), 0);
    assert_int_equal(door_read(door, 0x044, 4), 0);
    assert_false(door_write(door, 0x038, 16));
    refused_register(door, 66, 0x038, 2);
}

static void r67_feature_not_offered(void **state)
{
    struct door *door = *state;

    begin(door, 3);
    assert_true(door_write(door, 0x070, 3));
    door_write(door, 0x024, 0);
    door_write(door, 0x020, 1u << 28 | 1u << 5);
    door_write(door, 0x024, 1);
    door_write(door, 0x020, 1);
    door_write(door, 0x070, 11);
    refused_register(door, 67, 0x070, 1u << 5);
    assert_int_equal(door_read(door, 0x070, 4), 3);
    /* Without VERSION_1 it is not to be had either; that is no offence. */
    door_write(door, 0x020, 0);
    door_write(door, 0x024, 0);
    door_write(door, 0x020, 1u << 28);
    door_write(door, 0x070, 11);
    assert_int_equal(door_read(door, 0x070, 4), 3);
    assert_int_equal(door->config_rule, 0);
    door_write(door, 0x024, 2);
    assert_true(door_write(door, 0x020, 0));
    assert_false(door_write(door, 0x020, 8));
    refused_register(door, 67, 0x020, 8);
}

static void r68_acknowledgement(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    accepted(door, &nop);
    assert_true(door->line);
    assert_int_equal(door_read(door, 0x060, 4), 1);
    assert_true(door_write(door, 0x064, 1));
    assert_false(door->line);
    assert_int_equal(door->config_rule, 0);
    accepted(door, &nop);
    door_write(door, 0x064, 3);
    refused_register(door, 68, 0x064, 3);
    assert_false(door->line); /* what was pending is acknowledged */
    door_write(door, 0x064, 1);
    refused_register(door, 68, 0x064, 1);
    assert_true(door_write(door, 0x064, 0));
    assert_int_equal(door->config_rule, 0);
}

static void a_reset_ends_everything(void **state)
{
    struct door *door = *state;
    const struct ask copy = {.type = 0x56440101, .in = {{DATA, 64}}, .out = {{SINK, 64}}};

    fill_pattern(door, DATA, 64, 1);
    set_limits(door, &(struct raw_limits){.latency = 10});
    assert_false(run(door, &copy).came);
    assert_int_equal(door->owned, 2);
    forget_records(door);
    assert_true(door_write(door, 0x070, 0));
    assert_int_equal(find_record(door, 7, 0)->value, 1);
    assert_int_equal(door->owned, 0);
    assert_false(door->line);
    assert_int_equal(door->deadline, UINT64_MAX);
    door->now += 1000;
    step_all(door);
    assert_int_equal(*door_at(door, SINK), 0);
    assert_int_equal(used_index(door), 1); /* of set-limits */
    door_start(door);
    assert_false(run(door, &copy).came); /* the limits stay */
    settle(door);
    assert_memory_equal(door_at(door, DATA), door_at(door, SINK), 64);
}

/* A door that has its rings from messages. */
static void without_registers(void **state)
{
    struct door *door = *state;
    const struct vdma_queue_setup setup = {
        .size = 16, .desc = DESC_TABLE, .avail = AVAIL_RING, .used = USED_RING, .next = 0xfffe};
    const struct ask nop = {.type = NOP};
    uint64_t capacity;

    door_power(door, &(struct vdma_options){.disk = door->disk, .sectors = 64, .queues = 2});
    assert_int_equal(vdma_features(door->device), 0x130001246); /* MQ as well */
    assert_false(vdma_set_features(door->device, 1ull << 28));
    assert_false(vdma_set_features(door->device, 1ull << 32 | 1));
    assert_true(vdma_set_features(door->device, 1ull << 32));
    assert_false(vdma_doorbell(door->device, 1, 0));
    assert_true(vdma_queue_start(door->device, 1, &setup));
    assert_false(vdma_queue_start(door->device, 1, &setup));
    assert_false(vdma_queue_start(door->device, 2, &setup));
    door->avail = 0xfffe;
    for (unsigned i = 0; i < 4; i++) {
        lay(door, &nop);
        publish(door, 0);
        assert_true(vdma_doorbell(door->device, 1, 0));
        step_all(door);
        assert_int_equal(used_index(door), (uint16_t)(0xfffe + i + 1));
    }
    assert_int_equal(vdma_queue_stop(door->device, 1, door->now), 2);
    assert_false(vdma_doorbell(door->device, 1, 0));
    vdma_config(door->device, 0, &capacity, 8);
    assert_int_equal(capacity, 64);
    assert_true(vdma_queue_start(door->device, 0, &setup));
}

/* What waits is done before the queue's memory is let go. */
static void a_queue_is_stopped_with_its_requests_done(void **state)
{
    struct door *door = *state;
    const struct ask copy = {.type = 0x56440101, .in = {{DATA, 64}}, .out = {{SINK, 64}}};

    fill_pattern(door, DATA, 64, 1);
    set_limits(door, &(struct raw_limits){.latency = 10});
    assert_false(run(door, &copy).came);
    assert_int_equal(vdma_queue_stop(door->device, 0, door->now), 2);
    assert_int_equal(answer_of(door, &copy).code, 0);
    assert_memory_equal(door_at(door, DATA), door_at(door, SINK), 64);
}

static void options_that_no_device_can_have(void **state)
{
    struct door *door = *state;
    const struct vdma_limits limits = {.alignment = 3};
    const struct vdma_fault fault = {.kind = 19};
    const struct vdma_options bad[] = {
        {.queues = 5},
        {.queue_size = 2048},
        {.queue_size = 24},
        {.sectors = 1},
        {.profile = 10},
        {.limits = &limits},
        {.faults = &fault, .fault_count = 1},
    };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(vdma_init(door->device, &door->ports, door, &bad[i]));
    }
}

static void every_rule_was_tripped(void **state)
{
    (void)state;
    for (unsigned rule = 59; rule <= 68; rule++) {
        assert_true(tripped[rule]);
    }
    assert_null(vdma_rule_text(71));
    assert_non_null(vdma_rule_text(68));
    assert_non_null(vdma_rule_value(68));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(identity_and_configuration),
        TEST(limits_show_in_the_configuration),
        TEST(r59_queue_in_use),
        TEST(r60_doorbell_too_early),
        TEST(r61_doorbell_after_failure),
        TEST(r62_features_too_late),
        TEST(r63_status_out_of_order),
        TEST(r63_of_a_driver_that_does_not_acknowledge),
        TEST(r64_queue_with_requests),
        TEST(r65_access_size),
        TEST(r66_no_such_register),
        TEST(r67_feature_not_offered),
        TEST(r68_acknowledgement),
        TEST(a_reset_ends_everything),
        TEST(without_registers),
        TEST(a_queue_is_stopped_with_its_requests_done),
        TEST(options_that_no_device_can_have),
        cmocka_unit_test(every_rule_was_tripped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
