/* SPDX-License-Identifier: BSD-2-Clause */
/* Each fault of vdma's data sheet, as it shows to a driver; and scripts of them. */
#include "tests/host/vdma/door.h"

#define NOP      0x56440100u
#define COPY     0x56440101u
#define FILL     0x56440102u
#define CHECKSUM 0x56440104u
#define INJECT   0x56440113u

static const struct ask copy = {.type = COPY, .in = {{DATA, 100}}, .out = {{SINK, 100}}};

/* A copy in descriptors and memory of its own, for two at the same time. */
static const struct ask other = {.type = COPY,
                                 .head = 8,
                                 .header_at = HEADER + 0x300,
                                 .status_at = STATUS + 0x300,
                                 .in = {{DATA, 100}},
                                 .out = {{SINK + 0x1000, 100}}};

static void prepare(struct door *door)
{
    fill_pattern(door, DATA, 100, 1);
    memset(door_at(door, SINK), 0, 200);
}

static bool copied(struct door *door)
{
    return memcmp(door_at(door, DATA), door_at(door, SINK), 100) == 0;
}

/* The record of the one fault there was. */
static void logged(struct door *door, unsigned kind, uint64_t argument, unsigned code)
{
    const struct raw_record *record = find_record(door, 5, 0);

    assert_int_equal(count_records(door, 5), 1);
    assert_int_equal(record->rule, kind);
    assert_int_equal(record->value, argument);
    assert_int_equal(record->code, code);
}

static void f01_error_status(void **state)
{
    struct door *door = *state;
    struct answer answer;

    prepare(door);
    inject(door, 1, 0, 0, 0);
    answer = run(door, &copy);
    assert_int_equal(answer.code, 1);
    assert_int_equal(answer.moved, 0);
    assert_int_equal(answer.rule, 0);
    assert_int_equal(*door_at(door, SINK), 0);
    logged(door, 1, 0, 0);
    accepted(door, &copy);
    assert_true(copied(door));
}

static void f02_short_transfer(void **state)
{
    struct door *door = *state;
    struct answer answer;

    prepare(door);
    inject(door, 2, 0, 37, 0);
    answer = accepted(door, &copy);
    assert_int_equal(answer.moved, 37);
    assert_int_equal(answer.length, 37 + 32);
    assert_memory_equal(door_at(door, SINK), door_at(door, DATA), 37);
    assert_int_equal(*door_at(door, SINK + 37), 0);
    /* Longer than the transfer is whole. */
    inject(door, 2, 0, 1000, 0);
    assert_int_equal(accepted(door, &copy).moved, 100);
}

static void f03_corrupt_byte(void **state)
{
    struct door *door = *state;

    prepare(door);
    inject(door, 3, 0, 99, 0);
    accepted(door, &copy);
    assert_false(copied(door));
    assert_int_equal(*door_at(door, SINK + 99), *door_at(door, DATA + 99) ^ 0xff);
    assert_memory_equal(door_at(door, SINK), door_at(door, DATA), 99);
    logged(door, 3, 99, 0);
    forget_records(door);
    inject(door, 3, 0, 100, 0);
    accepted(door, &copy);
    assert_true(copied(door));
    logged(door, 3, 100, 1);
    /* Also on the way to the disk. */
    inject(door, 3, 0, 511, 0);
    accepted(door, &(struct ask){.type = 1, .in = {{DATA, 512}}});
    assert_int_equal(door->disk[511], *door_at(door, DATA + 511) ^ 0xff);
}

static void f04_delay(void **state)
{
    struct door *door = *state;

    prepare(door);
    inject(door, 4, 0, 500, 0);
    assert_false(run(door, &copy).came);
    assert_int_equal(door->deadline, door->now + 500);
    door->now += 499;
    step_all(door);
    assert_false(answer_of(door, &copy).came);
    assert_int_equal(*door_at(door, SINK), 0);
    door->now++;
    step_all(door);
    assert_int_equal(answer_of(door, &copy).code, 0);
    assert_true(copied(door));
    assert_int_equal(door->deadline, UINT64_MAX);
}

static void f05_reorder(void **state)
{
    struct door *door = *state;

    prepare(door);
    inject(door, 5, 0, 1000000, 0);
    lay(door, &copy);
    lay(door, &other);
    publish(door, 0);
    publish(door, 8);
    ring(door);
    assert_int_equal(used_index(door), 3);
    assert_int_equal(used_id(door, 1), 8);
    assert_int_equal(used_id(door, 2), 0);
    assert_true(copied(door));
    door->used_seen = 3;
    /* Alone, it comes by itself. */
    inject(door, 5, 0, 1000, 0);
    assert_false(run(door, &copy).came);
    settle(door);
    assert_true(answer_of(door, &copy).came);
}

static void f06_wrong_id(void **state)
{
    struct door *door = *state;

    prepare(door);
    inject(door, 6, 0, 0x12345, 0);
    assert_int_equal(run(door, &copy).id, 0x12345);
    assert_true(copied(door));
}

static void f07_wrong_length(void **state)
{
    struct door *door = *state;

    inject(door, 7, 0, 0xfffffff0, 0);
    assert_int_equal(run(door, &copy).length, 0xfffffff0);
}

static void f08_duplicate_completion(void **state)
{
    struct door *door = *state;

    inject(door, 8, 0, 0, 0);
    lay(door, &copy);
    submit(door, 0);
    assert_int_equal(used_index(door), 3);
    assert_int_equal(used_id(door, 1), 0);
    assert_int_equal(used_id(door, 2), 0);
}

/* The driver waits for the first of the two: it is passed, and the interrupt owed. */
static void f08_passes_the_event(void **state)
{
    struct door *door = *state;
    unsigned rises;

    door_start_features(door, 1ull << 32 | 1ull << 29);
    inject(door, 8, 0, 0, 0);
    put16(door, AVAIL_RING + 4 + 2 * RING_SIZE, 1);
    rises = door->rises;
    lay(door, &copy);
    submit(door, 0);
    assert_int_equal(used_index(door), 3);
    assert_int_equal(door->rises, rises + 1);
}

static void f09_missing_completion(void **state)
{
    struct door *door = *state;
    const unsigned rises = door->rises;

    prepare(door);
    inject(door, 9, 0, 0, 0);
    assert_false(run(door, &copy).came);
    settle(door);
    assert_false(answer_of(door, &copy).came);
    assert_true(copied(door));
    assert_int_equal(door->rises, rises + 1); /* of the injection */
    accepted(door, &other);
    /* Its chain is the device's until a reset. */
    publish(door, 0);
    failed_ring(door, 55, 0, 0);
    accepted(door, &copy);
}

static void f10_no_interrupt(void **state)
{
    struct door *door = *state;
    unsigned rises;

    inject(door, 10, 0, 0, 0);
    rises = door->rises;
    accepted(door, &copy);
    assert_int_equal(door->rises, rises);
}

static void f11_spurious_interrupt(void **state)
{
    struct door *door = *state;
    unsigned rises;

    inject(door, 11, 0, 0, 0);
    inject(door, 4, 0, 100, 0);
    rises = door->rises;
    assert_false(run(door, &copy).came);
    assert_int_equal(door->rises, rises + 1);
    settle(door);
    assert_int_equal(door->rises, rises + 2);
}

static void f12_late_interrupt(void **state)
{
    struct door *door = *state;
    unsigned rises;

    inject(door, 12, 0, 300, 0);
    rises = door->rises;
    accepted(door, &copy);
    assert_int_equal(door->rises, rises);
    assert_int_equal(door->deadline, door->now + 300);
    settle(door);
    assert_int_equal(door->rises, rises + 1);
    assert_int_equal(find_record(door, 6, 0)->rule, 12);
}

/* How many bytes there are of what stray writes write. */
static unsigned stray_bytes(struct door *door, uint64_t address, unsigned length)
{
    unsigned count = 0;

    for (unsigned i = 0; i < length; i++) {
        count += *door_at(door, address + i) == 0x5a;
    }
    return count;
}

static void f13_write_past_the_end(void **state)
{
    struct door *door = *state;

    prepare(door);
    memset(door_at(door, SINK + 100), 0, 100);
    inject(door, 13, 0, 3, 0);
    accepted(door, &copy);
    assert_true(copied(door));
    assert_int_equal(stray_bytes(door, SINK + 100, 100), 3);
    assert_int_equal(*door_at(door, SINK + 102), 0x5a);
    logged(door, 13, 3, 0);
    assert_int_equal(door->strays, 1); /* the ledger sees it */
    door->strays = 0;
    forget_records(door);
    /* Nothing is written by a checksum, so that nothing can be past its end. */
    inject(door, 13, 0, 3, 0);
    accepted(door, &(struct ask){.type = CHECKSUM, .in = {{DATA, 4}}});
    logged(door, 13, 3, 1);
}

static void f14_late_write(void **state)
{
    struct door *door = *state;

    prepare(door);
    inject(door, 14, 0, 60, 0);
    accepted(door, &copy);
    assert_true(copied(door));
    door->grant_count = 3; /* the driver has its memory back: only the rings are the device's */
    door->now += 59;
    step_all(door);
    assert_true(copied(door));
    door->now++;
    step_all(door);
    assert_int_equal(stray_bytes(door, SINK, 8), 8);
    assert_memory_equal(door_at(door, SINK + 8), door_at(door, DATA + 8), 92);
    assert_int_equal(find_record(door, 6, 0)->rule, 14);
    assert_int_equal(door->strays, 1);
    door->strays = 0;
}

static void f15_write_after_reset(void **state)
{
    struct door *door = *state;

    prepare(door);
    inject(door, 15, 0, 60, 0);
    accepted(door, &copy);
    door->now += 10000;
    step_all(door);
    assert_true(copied(door));
    door_start(door);
    assert_int_equal(door->deadline, door->now + 60);
    settle(door);
    assert_int_equal(stray_bytes(door, SINK, 8), 8);
    assert_int_equal(door->strays, 1);
    door->strays = 0;
    door_start(door);
    settle(door);
    assert_int_equal(door->strays, 0);
}

static void f16_needs_reset(void **state)
{
    struct door *door = *state;

    prepare(door);
    inject(door, 16, 0, 0, 0);
    assert_false(run(door, &copy).came);
    assert_true(needs_reset(door));
    assert_int_equal(door_read(door, 0x060, 4) & 2, 2);
    assert_int_equal(*door_at(door, SINK), 0);
    door_start(door);
    accepted(door, &copy);
}

static void f17_configuration_changes(void **state)
{
    struct door *door = *state;
    const uint64_t generation = door_read(door, 0x0fc, 4);

    inject(door, 17, 0, 7, 0);
    accepted(door, &copy);
    assert_int_equal(door_read(door, 0x100, 8), 7);
    assert_int_equal(door_read(door, 0x0fc, 4), generation + 1);
    assert_int_equal(door_read(door, 0x060, 4) & 2, 2);
    /* The disk itself is as it was. */
    accepted(door, &(struct ask){.type = 0, .tag = 63, .out = {{SINK, 512}}});
}

static void f18_wrong_register(void **state)
{
    struct door *door = *state;

    inject(door, 18, 0, 0x070, 0x40);
    accepted(door, &copy);
    assert_int_equal(door_read(door, 0x060, 4), 1);
    assert_int_equal(door_read(door, 0x070, 4), 0x4f);
    assert_int_equal(door_read(door, 0x070, 4), 0x0f);
}

static void faults_wait_for_their_request(void **state)
{
    struct door *door = *state;

    prepare(door);
    inject(door, 1, 2, 0, 0);
    inject(door, 7, 0, 99, 0);
    assert_int_equal(accepted(door, &copy).length, 99);
    /* Requests about the device itself do not count. */
    accepted(door, &(struct ask){.type = 0x56440110, .out = {{SINK, 104}}});
    assert_int_equal(accepted(door, &copy).length, 132);
    assert_int_equal(run(door, &copy).code, 1);
    accepted(door, &copy);
    inject(door, 1, 0, 0, 0);
    accepted(door, &(struct ask){.type = INJECT});
    accepted(door, &copy);
}

static void faults_from_the_beginning(void **state)
{
    struct door *door = *state;
    const struct vdma_fault faults[] = {{.kind = 1, .after = 1}};

    door_power(door, &(struct vdma_options){.faults = faults, .fault_count = 1});
    door_start(door);
    accepted(door, &copy);
    assert_int_equal(run(door, &copy).code, 1);
}

static void send_script(struct door *door, uint64_t seed, uint32_t kinds, uint32_t rate,
                        uint64_t argument_max)
{
    const uint64_t at = HEADER + 0x280;

    memset(door_at(door, at), 0, 32);
    put64(door, at, seed);
    put32(door, at + 8, kinds);
    put32(door, at + 12, rate);
    put64(door, at + 16, argument_max);
    accepted(door, &(struct ask){.type = INJECT, .arguments = {2}, .in = {{at, 32}}});
}

static void a_script_draws_what_it_is_asked_for(void **state)
{
    struct door *door = *state;
    unsigned seen[19] = {0};
    unsigned faults;

    /* The kinds that leave the ring whole: error, short, corrupt, no interrupt, register. */
    send_script(door, 42, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 10 | 1u << 18, 65536 / 4, 90);
    forget_records(door);
    for (unsigned i = 0; i < 400; i++) {
        assert_true(run(door, &copy).came);
    }
    assert_in_range(door->record_count, 1, RECORDS);
    faults = count_records(door, 5);
    for (unsigned i = 0; i < faults; i++) {
        const struct raw_record *record = find_record(door, 5, i);

        seen[record->rule]++;
        assert_in_range(record->value, 0, record->rule == 18 ? 0x60 : 90);
    }
    assert_in_range(faults, 60, 140);
    for (unsigned kind = 1; kind < 19; kind++) {
        if (kind == 1 || kind == 2 || kind == 3 || kind == 10 || kind == 18) {
            assert_in_range(seen[kind], 5, 60);
        } else {
            assert_int_equal(seen[kind], 0);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(f01_error_status),
        TEST(f02_short_transfer),
        TEST(f03_corrupt_byte),
        TEST(f04_delay),
        TEST(f05_reorder),
        TEST(f06_wrong_id),
        TEST(f07_wrong_length),
        TEST(f08_duplicate_completion),
        TEST(f08_passes_the_event),
        TEST(f09_missing_completion),
        TEST(f10_no_interrupt),
        TEST(f11_spurious_interrupt),
        TEST(f12_late_interrupt),
        TEST(f13_write_past_the_end),
        TEST(f14_late_write),
        TEST(f15_write_after_reset),
        TEST(f16_needs_reset),
        TEST(f17_configuration_changes),
        TEST(f18_wrong_register),
        TEST(faults_wait_for_their_request),
        TEST(faults_from_the_beginning),
        TEST(a_script_draws_what_it_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
