/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules R48 to R58 of vdma's data sheet: whose the bytes are, and until when. */
#include "tests/host/vdma/door.h"

#define NOP       0x56440100u
#define COPY      0x56440101u
#define FILL      0x56440102u
#define CHECKSUM  0x56440104u
#define SET_TABLE 0x56440112u

static void r48_in_memory(void **state)
{
    struct door *door = *state;

    accepted(door, &(struct ask){.type = CHECKSUM, .in = {{RAM_END - 16, 16}}});
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{DATA, 1}, {RAM_END - 16, 17}}}, 48, 0, 2,
            RAM_END);
    accepted(door, &(struct ask){.type = FILL, .arguments = {1, 1}, .out = {{RAM_BASE, 16}}});
    refused(door, &(struct ask){.type = FILL, .arguments = {1, 1}, .out = {{RAM_BASE - 1, 16}}}, 48,
            0, 1, RAM_BASE - 1);
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{0, 1}}}, 48, 0, 1, 0);
}

static void r48_header_and_status(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    lay(door, &nop);
    desc(door, 1, RAM_END - 16, 32, WRITE, 0);
    publish(door, 0);
    failed_ring(door, 48, 1, RAM_END - 16);
    lay(door, &nop);
    memset(door_at(door, STATUS), 0xee, 32);
    desc(door, 0, 0x1000, 64, NEXT, 1);
    submit(door, 0);
    refused_register(door, 48, 0, 0x1000);
    assert_int_equal(*door_at(door, STATUS + 31), 1); /* of what it was nobody knows: IOERR */
    assert_int_equal(*door_at(door, STATUS), 0xee);
}

/* Pages 0, 1, 3 of the device's addresses; 1 for reading alone, 3 for writing alone. */
static void use_table(struct door *door)
{
    const uint64_t entries[] = {DATA | 3, (DATA + 0x5000) | 1, 0, SINK | 2, 0, DATA | 7};

    set_limits(door, &(struct raw_limits){.address_bits = 24, .table_entries = 4096});
    for (unsigned i = 0; i < 6; i++) {
        put64(door, TABLE + 8 * i, entries[i]);
    }
    put64(door, TABLE + 8 * 100, DATA | 3);
    door_grant(door, TABLE, 8 * 4096, READS);
    door_grant(door, DATA, 0x6000, READS);
    door_grant(door, DATA, 0x1000, WRITES);
    door_grant(door, SINK, 0x1000, WRITES);
    accepted(door, &(struct ask){.type = SET_TABLE, .arguments = {TABLE, 100}});
}

static void through_the_table(void **state)
{
    struct door *door = *state;

    use_table(door);
    fill_pattern(door, DATA, 0x1000, 1);
    fill_pattern(door, DATA + 0x5000, 0x1000, 2);
    /* From page 0 into page 1, which lies elsewhere; to page 3. */
    accepted(door, &(struct ask){.type = COPY, .in = {{0xf00, 0x200}}, .out = {{0x3010, 0x200}}});
    assert_memory_equal(door_at(door, SINK + 0x10), door_at(door, DATA + 0xf00), 0x100);
    assert_memory_equal(door_at(door, SINK + 0x110), door_at(door, DATA + 0x5000), 0x100);
}

static void r49_no_entry(void **state)
{
    struct door *door = *state;

    use_table(door);
    accepted(door, &(struct ask){.type = CHECKSUM, .in = {{0, 0x2000}}});
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{0, 0x2001}}}, 49, 0, 1, 0x2000);
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{0, 1}, {0x5000, 1}}}, 49, 0, 2, 0x5000);
    /* The table ends before its 101st entry. */
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{100 * 0x1000, 1}}}, 49, 0, 1, 0x64000);
    accepted(door, &(struct ask){.type = SET_TABLE, .arguments = {TABLE, 101}});
    accepted(door, &(struct ask){.type = CHECKSUM, .in = {{100 * 0x1000, 1}}});
}

static void r50_not_permitted(void **state)
{
    struct door *door = *state;
    struct ask fill = {.type = FILL, .arguments = {1, 1}, .out = {{0x0ff0, 0x10}}};

    use_table(door);
    accepted(door, &fill);
    fill.out[0].length = 0x11;
    refused(door, &fill, 50, 0, 1, (DATA + 0x5000) | 1);
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{0x3000, 1}}}, 50, 0, 1, SINK | 2);
}

static void r51_written_twice(void **state)
{
    struct door *door = *state;

    accepted(door, &(struct ask){.type = FILL,
                                 .arguments = {1, 1},
                                 .out = {{SINK + 64, 64}, {SINK, 64}, {SINK + 128, 64}}});
    refused(door,
            &(struct ask){.type = FILL,
                          .arguments = {1, 1},
                          .out = {{SINK + 64, 64}, {SINK, 65}, {SINK + 128, 64}}},
            51, 0, 2, SINK);
    refused(door,
            &(struct ask){.type = FILL,
                          .arguments = {1, 1},
                          .out = {{SINK, 500}, {SINK + 600, 64}, {SINK + 100, 1}}},
            51, 0, 3, SINK + 100);
    /* To be read twice is nothing. */
    accepted(door, &(struct ask){.type = CHECKSUM, .in = {{DATA, 64}, {DATA, 64}}});
}

static void r52_the_request_itself(void **state)
{
    struct door *door = *state;
    struct ask fill = {
        .type = FILL, .arguments = {1, 1}, .indirect = true, .out = {{HEADER + 64, 32}}};
    const uint64_t outside[] = {HEADER + 63, STATUS - 31, STATUS + 31, INDIRECT + 40};

    accepted(door, &fill);
    for (unsigned i = 0; i < 4; i++) {
        fill.out[0].address = outside[i];
        refused(door, &fill, 52, 0, 1, outside[i]);
    }
    put64(door, LISTS, LISTS + 16);
    put64(door, LISTS + 8, 8);
    door_grant(door, LISTS, 24, READS);
    door_grant(door, LISTS + 16, 8, WRITES);
    accepted(door, &(struct ask){
                       .type = FILL, .flags = 2, .arguments = {1, 1}, .target = {LISTS, 1, 6, 0}});
    put64(door, LISTS, LISTS + 15);
    refused(
        door,
        &(struct ask){.type = FILL, .flags = 2, .arguments = {1, 1}, .target = {LISTS, 1, 6, 0}},
        52, 2, 0, LISTS + 15);
}

static void r53_rings(void **state)
{
    struct door *door = *state;
    struct ask fill = {.type = FILL, .arguments = {1, 1}, .out = {{DESC_TABLE + 256, 16}}};
    const uint64_t outside[] = {DESC_TABLE + 255, DESC_TABLE - 15, AVAIL_RING + 37,
                                USED_RING + 133};

    accepted(door, &fill);
    for (unsigned i = 0; i < 4; i++) {
        fill.out[0].address = outside[i];
        refused(door, &fill, 53, 0, 1, outside[i]);
    }
    /* To read them is nobody's harm. */
    accepted(door, &(struct ask){.type = CHECKSUM, .in = {{DESC_TABLE, 256}}});
}

static void r53_translation_table(void **state)
{
    struct door *door = *state;
    struct ask fill = {.type = FILL, .arguments = {1, 1}, .out = {{0xb000 + 16, 8}}};

    use_table(door);
    put64(door, TABLE + 8 * 11, (TABLE + 0x1000) | 2);
    put64(door, TABLE + 8 * 12, TABLE | 2);
    door_grant(door, TABLE + 0x1000, 0x1000, WRITES);
    accepted(door, &fill);
    fill.out[0].address = 0xc000 + 799;
    refused(door, &fill, 53, 0, 1, 0xc000 + 799);
    fill.out[0].address = 0xc000 + 800;
    door_grant(door, TABLE + 800, 8, WRITES);
    accepted(door, &fill);
}

/* A request that waits, in descriptors 8 and up: it reads DATA, 256 and writes SINK, 256. */
static struct ask waiting(void)
{
    return (struct ask){.type = COPY,
                        .head = 8,
                        .header_at = HEADER + 0x300,
                        .status_at = STATUS + 0x300,
                        .in = {{DATA, 256}},
                        .out = {{SINK, 256}}};
}

static void start_waiting(struct door *door)
{
    const struct ask ask = waiting();

    set_limits(door, &(struct raw_limits){.latency = 1000});
    lay(door, &ask);
    submit(door, 8);
    assert_int_equal(used_index(door), door->used_seen);
    assert_int_equal(door->owned, 2);
}

static void end_waiting(struct door *door)
{
    const struct ask ask = waiting();
    struct answer answer;

    settle(door);
    answer = answer_of(door, &ask);
    assert_int_equal(answer.id, 8);
    assert_int_equal(answer.code, 0);
    assert_int_equal(door->owned, 0);
    assert_memory_equal(door_at(door, DATA), door_at(door, SINK), 256);
}

/* A door may keep requests, so that there is a time in which they are the device's. */
static void a_door_holds_what_it_likes(void **state)
{
    const struct vdma_options options = {.hold = 500};
    struct door *door = *state;
    const struct ask ask = waiting();

    door_power(door, &options);
    door_start(door);
    set_limits(door, &(struct raw_limits){.latency = 20}); /* about the device: at once */
    lay(door, &ask);
    submit(door, 8);
    assert_int_equal(door->owned, 2);
    assert_int_equal(door->deadline, door->now + 500);
    assert_int_equal(door->last_owned.segment, 2);
    assert_int_equal(door->last_owned.access, WRITES);
    assert_int_equal(door->last_owned.memory, SINK);
    assert_int_equal(door->last_owned.length, 256);
    assert_int_equal(door->last_owned.type, ask.type);
    vdma_hurry(door->device, door->now);
    step_all(door);
    assert_int_equal(door->owned, 0);
    assert_int_equal(answer_of(door, &ask).code, 0);
    /* What its limits keep, or a fault, is not the door's to hurry. */
    set_limits(door, &(struct raw_limits){.latency = 1000});
    lay(door, &ask);
    submit(door, 8);
    vdma_hurry(door->device, door->now);
    step_all(door);
    assert_int_equal(door->owned, 2);
    end_waiting(door);
}

static void r54_in_use(void **state)
{
    struct door *door = *state;
    const struct ask inside = {.type = COPY, .in = {{DATA, 256}}, .out = {{SINK + 256, 256}}};

    fill_pattern(door, DATA, 256, 1);
    start_waiting(door);
    /* Reading what it reads is right, writing it is not, reading what it writes neither. */
    refused(door, &(struct ask){.type = FILL, .arguments = {1, 1}, .out = {{DATA + 255, 1}}}, 54, 0,
            1, DATA + 255);
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{DATA, 1}, {SINK + 255, 2}}}, 54, 0, 2,
            SINK + 255);
    refused(door, &(struct ask){.type = FILL, .arguments = {1, 1}, .out = {{SINK - 1, 2}}}, 54, 0,
            1, SINK - 1);
    lay(door, &inside);
    submit(door, 0);
    end_waiting(door);
    assert_int_equal(answer_of(door, &inside).code, 0);
}

static void r55_head_again(void **state)
{
    struct door *door = *state;

    start_waiting(door);
    end_waiting(door);
    submit(door, 8); /* given back: it may come again */
    settle(door);
    assert_int_equal(used_index(door), door->used_seen + 1u);
    door->used_seen++;
    start_waiting(door);
    publish(door, 8);
    failed_ring(door, 55, 0, 8);
}

static void r56_descriptor_again(void **state)
{
    struct door *door = *state;
    const struct ask ask = {.type = CHECKSUM, .in = {{DATA, 16}}};

    start_waiting(door);
    lay(door, &ask);
    submit(door, 0); /* beside it */
    end_waiting(door);
    assert_int_equal(answer_of(door, &ask).code, 0);
    start_waiting(door);
    put16(door, DESC_TABLE + 14, 10); /* into the middle of the other */
    publish(door, 0);
    failed_ring(door, 56, 1, 10);
}

static void r57_translation_changes(void **state)
{
    struct door *door = *state;
    struct ask ask = {.type = FILL, .arguments = {7, 1}, .out = {{0x0000, 64}}};

    use_table(door);
    set_limits(door,
               &(struct raw_limits){.address_bits = 24, .table_entries = 4096, .latency = 10});
    accepted(door, &(struct ask){.type = SET_TABLE, .arguments = {TABLE, 100}});
    assert_false(run(door, &ask).came);
    put64(door, TABLE + 8, 0); /* of a page that it does not use */
    settle(door);
    assert_int_equal(answer_of(door, &ask).code, 0);
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t changed[] = {0, SINK | 3, DATA | 1};
        struct answer answer;

        put64(door, TABLE, DATA | 3);
        memset(door_at(door, DATA), 0, 64);
        assert_false(run(door, &ask).came);
        put64(door, TABLE, changed[i]);
        settle(door);
        answer = answer_of(door, &ask);
        assert_int_equal(answer.rule, 57);
        assert_int_equal(answer.segment, NONE);
        assert_int_equal(answer.moved, 0);
        assert_int_equal(*door_at(door, DATA), 0);
    }
}

static void r58_outstanding(void **state)
{
    struct door *door = *state;
    const struct ask profile = {.type = 0x56440111};
    const struct ask table = {.type = SET_TABLE};

    accepted(door, &profile);
    accepted(door, &table);
    start_waiting(door);
    refused(door, &profile, 58, 0, NONE, 1);
    refused(door, &table, 58, 0, NONE, 1);
    end_waiting(door);
    accepted(door, &profile);
}

static void every_rule_was_tripped(void **state)
{
    (void)state;
    for (unsigned rule = 48; rule <= 58; rule++) {
        assert_true(tripped[rule]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(r48_in_memory),
        TEST(r48_header_and_status),
        TEST(through_the_table),
        TEST(r49_no_entry),
        TEST(r50_not_permitted),
        TEST(a_door_holds_what_it_likes),
        TEST(r51_written_twice),
        TEST(r52_the_request_itself),
        TEST(r53_rings),
        TEST(r53_translation_table),
        TEST(r54_in_use),
        TEST(r55_head_again),
        TEST(r56_descriptor_again),
        TEST(r57_translation_changes),
        TEST(r58_outstanding),
        cmocka_unit_test(every_rule_was_tripped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
