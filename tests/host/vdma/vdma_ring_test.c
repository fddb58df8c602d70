/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules R12 to R32 of vdma's data sheet, the format of the ring: just inside, just outside. */
#include "tests/host/vdma/door.h"

#define NOP              0x56440100u
#define CHECKSUM         0x56440104u
#define INDIRECT_FEATURE (1ull << 28)
#define EVENT_FEATURE    (1ull << 29)
#define VERSION_1        (1ull << 32)

/* Set queue 0 up with these, after a reset; did it become ready? */
static bool set_up(struct door *door, uint32_t size, uint64_t desc_table, uint64_t avail,
                   uint64_t used)
{
    assert_true(door_write(door, 0x070, 0));
    door_write(door, 0x070, 1);
    door_write(door, 0x070, 3);
    door_write(door, 0x024, 1);
    door_write(door, 0x020, 1);
    door_write(door, 0x070, 11);
    door_write(door, 0x038, size);
    door_write(door, 0x080, (uint32_t)desc_table);
    door_write(door, 0x084, (uint32_t)(desc_table >> 32));
    door_write(door, 0x090, (uint32_t)avail);
    door_write(door, 0x094, (uint32_t)(avail >> 32));
    door_write(door, 0x0a0, (uint32_t)used);
    door_write(door, 0x0a4, (uint32_t)(used >> 32));
    door_write(door, 0x044, 1);
    return door_read(door, 0x044, 4) == 1;
}

static void refused_set_up(struct door *door, unsigned rule, uint64_t value)
{
    assert_int_equal(door_read(door, 0x044, 4), 0);
    assert_true(needs_reset(door));
    refused_register(door, rule, NONE, value);
}

static void r12_size(void **state)
{
    struct door *door = *state;

    assert_true(set_up(door, 1, DESC_TABLE, AVAIL_RING, USED_RING));
    assert_true(set_up(door, 256, DESC_TABLE, AVAIL_RING, USED_RING));
    assert_false(set_up(door, 0, DESC_TABLE, AVAIL_RING, USED_RING));
    refused_set_up(door, 12, 0);
    assert_false(set_up(door, 24, DESC_TABLE, AVAIL_RING, USED_RING));
    refused_set_up(door, 12, 24);
    assert_false(set_up(door, 512, DESC_TABLE, AVAIL_RING, USED_RING));
    refused_set_up(door, 12, 512);
}

static void r13_r14_r15_alignment(void **state)
{
    struct door *door = *state;

    assert_true(set_up(door, 16, DESC_TABLE + 16, AVAIL_RING + 2, USED_RING + 4));
    assert_false(set_up(door, 16, DESC_TABLE + 8, AVAIL_RING + 2, USED_RING + 4));
    refused_set_up(door, 13, DESC_TABLE + 8);
    assert_false(set_up(door, 16, DESC_TABLE + 16, AVAIL_RING + 1, USED_RING + 4));
    refused_set_up(door, 14, AVAIL_RING + 1);
    assert_false(set_up(door, 16, DESC_TABLE + 16, AVAIL_RING + 2, USED_RING + 2));
    refused_set_up(door, 15, USED_RING + 2);
}

static void r16_in_memory(void **state)
{
    struct door *door = *state;

    assert_true(set_up(door, 16, RAM_END - 256, AVAIL_RING, USED_RING));
    assert_false(set_up(door, 16, RAM_END - 240, AVAIL_RING, USED_RING));
    refused_set_up(door, 16, RAM_END - 240);
    assert_true(set_up(door, 16, DESC_TABLE, RAM_END - 38, USED_RING));
    assert_false(set_up(door, 16, DESC_TABLE, RAM_END - 36, USED_RING));
    refused_set_up(door, 16, RAM_END - 36);
    assert_true(set_up(door, 16, DESC_TABLE, AVAIL_RING, RAM_END - 136));
    assert_false(set_up(door, 16, DESC_TABLE, AVAIL_RING, RAM_END - 132));
    refused_set_up(door, 16, RAM_END - 132);
    assert_false(set_up(door, 16, 0xfffffffffffffff0, AVAIL_RING, USED_RING));
    refused_set_up(door, 16, 0xfffffffffffffff0);
}

static void r17_apart(void **state)
{
    struct door *door = *state;

    assert_true(set_up(door, 16, DESC_TABLE, DESC_TABLE + 256, DESC_TABLE + 296));
    assert_false(set_up(door, 16, DESC_TABLE, DESC_TABLE + 254, DESC_TABLE + 296));
    refused_set_up(door, 17, DESC_TABLE + 254);
    assert_false(set_up(door, 16, DESC_TABLE, DESC_TABLE + 256, DESC_TABLE + 292));
    refused_set_up(door, 17, DESC_TABLE + 292);
}

static void r17_of_two_queues(void **state)
{
    struct door *door = *state;

    door_power(door, &(struct vdma_options){.queues = 2});
    assert_true(set_up(door, 16, DESC_TABLE, AVAIL_RING, USED_RING));
    door_write(door, 0x030, 1);
    door_write(door, 0x038, 16);
    door_write(door, 0x080, (uint32_t)DESC_TABLE + 0x100);
    door_write(door, 0x090, (uint32_t)AVAIL_RING + 0x100);
    door_write(door, 0x0a0, (uint32_t)USED_RING);
    assert_false(door_write(door, 0x044, 1));
    refused_register(door, 17, NONE, USED_RING);
}

static void r18_available_index(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    /* As many as there are entries is right, also of one chain alone. */
    for (unsigned i = 0; i < 16; i++) {
        lay(door, &(struct ask){.type = NOP});
        put16(door, AVAIL_RING + 4 + 2 * i, 0);
    }
    put16(door, AVAIL_RING + 2, door->avail += 16);
    ring(door);
    assert_int_equal(used_index(door), 16);
    door->used_seen = 16;

    lay(door, &nop);
    put16(door, AVAIL_RING + 2, 16 + 17);
    failed_ring(door, 18, NONE, 16 + 17);

    accepted(door, &nop);
    put16(door, AVAIL_RING + 2, 0); /* it had been 1 */
    failed_ring(door, 18, NONE, 0);
}

static void r18_an_index_that_shrinks(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.latency = 100});
    lay(door, &(struct ask){.type = NOP});
    publish(door, 0);
    door_write(door, 0x050, 0);
    assert_true(vdma_step(door->device, door->now));
    put16(door, AVAIL_RING + 2, door->avail - 1);
    failed_ring(door, 18, NONE, door->avail - 1u);
}

static void r19_head(void **state)
{
    struct door *door = *state;
    const struct ask last = {.type = NOP, .head = 14};

    accepted(door, &last);
    publish(door, 16);
    failed_ring(door, 19, 0, 16);
    publish(door, 0xffff);
    failed_ring(door, 19, 0, 0xffff);
}

static void r20_next(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    lay(door, &nop);
    desc(door, 15, STATUS, 32, WRITE, 0);
    put16(door, DESC_TABLE + 14, 15);
    submit(door, 0);
    assert_int_equal(answer_of(door, &nop).code, 0);
    put16(door, DESC_TABLE + 14, 16);
    publish(door, 0);
    failed_ring(door, 20, 0, 16);
}

static void r20_next_in_an_indirect_table(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP, .indirect = true};

    accepted(door, &nop);
    lay(door, &nop);
    put16(door, INDIRECT + 14, 2); /* it has two entries */
    publish(door, 0);
    failed_ring(door, 20, 0, 2);
}

/* A checksum over `count` bytes, one a descriptor, all in all count + 2 descriptors. */
static struct ask bytes(unsigned count)
{
    struct ask ask = {.type = CHECKSUM};

    for (unsigned i = 0; i < count; i++) {
        ask.in[i] = (struct piece){DATA + i, 1};
    }
    return ask;
}

static void r21_chain_length(void **state)
{
    struct door *door = *state;
    const struct ask longest = bytes(14);
    const struct ask nop = {.type = NOP};
    struct ask longer = bytes(14);

    accepted(door, &longest);
    longer.indirect = true;
    accepted(door, &longer);

    /* A loop. */
    lay(door, &nop);
    put16(door, DESC_TABLE + 14, 0);
    publish(door, 0);
    failed_ring(door, 21, 16, 16);

    /* A direct part before a full indirect table. */
    lay(door, &longer);
    desc(door, 1, INDIRECT, 256, TABLED, 0);
    desc(door, 0, DATA, 1, NEXT, 1);
    publish(door, 0);
    failed_ring(door, 21, 16, 16);
}

static void direct_ones_before_an_indirect_table(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP, .indirect = true};

    lay(door, &nop);
    desc(door, 1, INDIRECT + 16, 16, TABLED, 0);
    desc(door, 0, HEADER, 64, NEXT, 1);
    submit(door, 0);
    assert_int_equal(answer_of(door, &nop).code, 0);
}

static void r22_flags(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    accepted(door, &nop);
    lay(door, &nop);
    put16(door, DESC_TABLE + 12, NEXT | 8);
    submit(door, 0);
    assert_int_equal(answer_of(door, &nop).rule, 22);
    refused_register(door, 22, 0, 9);
    assert_int_equal(get32(door, STATUS + 24), 0);
}

static void r23_feature(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP, .indirect = true};

    accepted(door, &nop);
    door_start_features(door, VERSION_1);
    failed(door, &nop, 23, 0, 4);
}

static void r24_indirect_with_next(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP, .indirect = true};

    lay(door, &nop);
    put16(door, DESC_TABLE + 12, 5);
    publish(door, 0);
    failed_ring(door, 24, 0, 5);
    /* That it is marked as writable is to be ignored. */
    lay(door, &nop);
    put16(door, DESC_TABLE + 12, 6);
    submit(door, 0);
    assert_int_equal(answer_of(door, &nop).code, 0);
}

static void r25_indirect_in_indirect(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP, .indirect = true};

    lay(door, &nop);
    put16(door, INDIRECT + 12, 4);
    publish(door, 0);
    failed_ring(door, 25, 0, 4);
}

static void r26_r27_indirect_length(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP, .indirect = true};
    const uint32_t odd[] = {0, 15, 17, 31, 33, 257};

    for (unsigned i = 0; i < 6; i++) {
        lay(door, &nop);
        put32(door, DESC_TABLE + 8, odd[i]);
        publish(door, 0);
        failed_ring(door, 26, 0, odd[i]);
    }
    lay(door, &nop);
    desc(door, 0, INDIRECT, 16 * 16, TABLED, 0);
    submit(door, 0);
    assert_int_equal(answer_of(door, &nop).code, 0);
    lay(door, &nop);
    put32(door, DESC_TABLE + 8, 16 * 17);
    publish(door, 0);
    failed_ring(door, 27, 0, 17);
}

static void r26_a_table_of_one_entry(void **state)
{
    struct door *door = *state;

    /* 16 bytes are a table; what is in it has no status. */
    desc_at(door, INDIRECT, HEADER, 64, 0, 0);
    desc(door, 0, INDIRECT, 16, TABLED, 0);
    publish(door, 0);
    failed_ring(door, 35, 0, 0);
}

static void r28_indirect_in_memory(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP, .indirect = true};

    lay(door, &nop);
    memcpy(door_at(door, RAM_END - 32), door_at(door, INDIRECT), 32);
    desc(door, 0, RAM_END - 32, 32, TABLED, 0);
    submit(door, 0);
    assert_int_equal(answer_of(door, &nop).code, 0);
    desc(door, 0, RAM_END - 16, 32, TABLED, 0);
    publish(door, 0);
    failed_ring(door, 28, 0, RAM_END - 16);
}

static void r29_length_0(void **state)
{
    struct door *door = *state;
    const struct ask ask = {.type = CHECKSUM, .in = {{DATA, 1}, {DATA + 8, 1}}};

    accepted(door, &ask);
    lay(door, &ask);
    put32(door, DESC_TABLE + 32 + 8, 0);
    submit(door, 0);
    assert_int_equal(answer_of(door, &ask).rule, 29);
    refused_register(door, 29, 2, DATA + 8);
}

static void r30_end_of_the_address_space(void **state)
{
    struct door *door = *state;

    /* Up to the last byte but one there is no rule against it, only no memory. */
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{0xffffffffffffff00, 0xff}}}, 48, 0, 1,
            0xffffffffffffff00);
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{0xffffffffffffff00, 0x100}}}, 30, 0, 1,
            0xffffffffffffff00);
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{DATA, 1}, {0xffffffffffffff00, 0x101}}},
            30, 0, 2, 0xffffffffffffff00);
}

static void r31_chain_of_2_to_the_32(void **state)
{
    struct door *door = *state;
    /* A request that is not known, so that nothing is moved. */
    struct ask ask = {.type = 0x56440077, .in = {{ZEROS_BASE, 0xffffffa0}}};
    struct answer answer;

    answer = run(door, &ask);
    assert_int_equal(answer.code, 2);
    ask.in[0].length++;
    refused(door, &ask, 31, 0, 2, 0x100000001);
}

static void r32_available_flags(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    put16(door, AVAIL_RING, 1);
    accepted(door, &nop);
    put16(door, AVAIL_RING, 2);
    lay(door, &nop);
    publish(door, 0);
    failed_ring(door, 32, NONE, 2);
    door_start_features(door, VERSION_1 | EVENT_FEATURE);
    accepted(door, &nop);
    put16(door, AVAIL_RING, 1);
    publish(door, 0);
    failed_ring(door, 32, NONE, 1);
}

/* Another CPU changes each descriptor as soon as the device has read it. */
static void spoil(struct door *door, uint64_t address, uint32_t length)
{
    if (length == 16 && address - DESC_TABLE < 256) {
        put64(door, address, 0xdead0000dead0000);
        put32(door, address + 8, 0xffffffff);
        put16(door, address + 12, 0xffff);
    }
}

static void a_descriptor_is_read_once(void **state)
{
    struct door *door = *state;
    const struct ask ask = {.type = 0x56440101, .in = {{DATA, 100}}, .out = {{SINK, 100}}};

    fill_pattern(door, DATA, 100, 3);
    lay(door, &ask);
    door->after_read = spoil;
    submit(door, 0);
    door->after_read = NULL;
    assert_int_equal(answer_of(door, &ask).code, 0);
    assert_memory_equal(door_at(door, DATA), door_at(door, SINK), 100);
}

static void every_rule_was_tripped(void **state)
{
    (void)state;
    for (unsigned rule = 12; rule <= 32; rule++) {
        assert_true(tripped[rule]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(r12_size),
        TEST(r13_r14_r15_alignment),
        TEST(r16_in_memory),
        TEST(r17_apart),
        TEST(r17_of_two_queues),
        TEST(r18_available_index),
        TEST(r18_an_index_that_shrinks),
        TEST(r19_head),
        TEST(r20_next),
        TEST(r20_next_in_an_indirect_table),
        TEST(r21_chain_length),
        TEST(direct_ones_before_an_indirect_table),
        TEST(r22_flags),
        TEST(r23_feature),
        TEST(r24_indirect_with_next),
        TEST(r25_indirect_in_indirect),
        TEST(r26_r27_indirect_length),
        TEST(r26_a_table_of_one_entry),
        TEST(r28_indirect_in_memory),
        TEST(r29_length_0),
        TEST(r30_end_of_the_address_space),
        TEST(r31_chain_of_2_to_the_32),
        TEST(r32_available_flags),
        TEST(a_descriptor_is_read_once),
        cmocka_unit_test(every_rule_was_tripped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
