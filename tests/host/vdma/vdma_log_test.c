/* SPDX-License-Identifier: BSD-2-Clause */
/* vdma's log, and that everything is the same again with the same seed. */
#include <stdlib.h>

#include "tests/host/vdma/door.h"

#define NOP      0x56440100u
#define COPY     0x56440101u
#define CHECKSUM 0x56440104u
#define READ_LOG 0x56440114u

/* Read all that there is, in requests of `at_once` records; how many. */
static unsigned read_log(struct door *door, struct raw_record *records, unsigned at_once)
{
    unsigned count = 0;
    struct answer answer;

    do {
        answer = accepted(door, &(struct ask){.type = READ_LOG, .out = {{SINK, 64ull * at_once}}});
        assert_int_equal(answer.moved, 64 * answer.value);
        memcpy(&records[count], door_at(door, SINK), 64 * answer.value);
        count += (unsigned)answer.value;
    } while (answer.value == at_once);
    return count;
}

static void a_request_is_told_from_beginning_to_end(void **state)
{
    struct door *door = *state;
    struct raw_record *records = calloc(2048, 64);
    const struct ask ask = {.type = COPY,
                            .tag = 0xabc,
                            .head = 4,
                            .in = {{DATA, 10}, {DATA + 50, 20}},
                            .out = {{SINK, 30}}};

    read_log(door, records, 64);
    door->pc = 0x40201234;
    door->now = 5000;
    accepted(door, &ask);
    door->pc = 0;
    /* Doorbell, taken, three segments, done, line; then the doorbell of the reader. */
    assert_int_equal(read_log(door, records, 64), 9);
    for (unsigned i = 0; i < 8; i++) {
        static const unsigned events[] = {10, 9, 1, 2, 2, 2, 3, 10};

        assert_int_equal(records[i].event, events[i]);
        assert_int_equal(records[i].lost, 0);
        assert_int_equal(records[i].tick, i == 0 ? 1000 : 5000);
    }
    assert_int_equal(records[1].pc, 0x40201234);
    assert_int_equal(records[2].pc, 0x40201234);
    assert_int_equal(records[2].type, COPY);
    assert_int_equal(records[2].slot, 4);
    assert_int_equal(records[2].segment, 3);
    assert_int_equal(records[2].address, 0xabc);
    assert_int_equal(records[2].length, 30);
    assert_int_equal(records[2].value, 30);
    assert_int_equal(records[3].address, DATA);
    assert_int_equal(records[3].length, 10);
    assert_int_equal(records[3].segment, 1);
    assert_int_equal(records[3].code, 1);
    assert_int_equal(records[4].address, DATA + 50);
    assert_int_equal(records[5].address, SINK);
    assert_int_equal(records[5].segment, 3);
    assert_int_equal(records[5].code, 2);
    assert_int_equal(records[6].length, 30);
    assert_int_equal(records[6].code, 0);
    assert_int_equal(records[6].request, records[2].request);
    free(records);
}

static void a_refusal_is_told(void **state)
{
    struct door *door = *state;

    forget_records(door);
    refused(door, &(struct ask){.type = CHECKSUM, .tag = 9, .head = 2, .in = {{5, 1}}}, 48, 0, 1,
            5);
    assert_int_equal(count_records(door, 1), 0); /* it was not taken */
    assert_int_equal(count_records(door, 3), 0);
    assert_int_equal(find_record(door, 4, 0)->slot, 2);
    assert_int_equal(find_record(door, 4, 0)->address, 9);
    assert_int_equal(find_record(door, 4, 0)->type, CHECKSUM);
    assert_int_equal(find_record(door, 4, 0)->rule, 48);
}

/* 1024 are kept: the oldest go, and the first one that is left says how many. */
static void a_full_log_says_what_is_lost(void **state)
{
    struct door *door = *state;
    struct raw_record *records = calloc(2048, 64);
    const struct ask nop = {.type = NOP};
    unsigned total;

    read_log(door, records, 64);
    lay(door, &nop);
    forget_records(door);
    for (unsigned i = 0; i < 300; i++) {
        submit(door, 0);
    }
    door->used_seen += 300;
    total = door->record_count + 2; /* the last reader's line, the next one's doorbell */
    assert_int_equal(total, 4 * 300 + 2);
    accepted(door, &(struct ask){.type = READ_LOG, .out = {{SINK, 64}}});
    memcpy(records, door_at(door, SINK), 64);
    assert_int_equal(records[0].lost, total - 1024);
    /* One is free now, which the line of that reading takes; the next doorbell has none. */
    assert_int_equal(read_log(door, records, 1024), 1024 + 2);
    assert_int_equal(records[0].lost, 1);
    for (unsigned i = 1; i < 1024; i++) {
        assert_int_equal(records[i].lost, 0);
    }
    free(records);
}

static void only_what_is_asked_for_is_recorded(void **state)
{
    struct door *door = *state;

    door_power(door, &(struct vdma_options){.log = 1u << 4});
    forget_records(door);
    door_start(door);
    accepted(door, &(struct ask){.type = NOP});
    assert_int_equal(door->record_count, 0);
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{5, 1}}}, 48, 0, 1, 5);
    assert_int_equal(door->record_count, 1);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return *seed >> 33;
}

/* 200 random requests under a script of every fault, and all that can be seen of them. */
static unsigned play(struct raw_record *records, uint8_t *ram, uint64_t script_seed)
{
    const struct vdma_options options = {
        .limits = &(struct vdma_limits){.latency = 20},
        .script = {.seed = script_seed, .kinds = 0x7fffe, .rate = 16384, .argument_max = 200}};
    struct door *door;
    void *state = NULL;
    uint64_t seed = 7;
    unsigned count;

    door_setup(&state);
    door = state;
    door_power(door, &options);
    door_start(door);
    forget_records(door);
    for (unsigned i = 0; i < 200; i++) {
        const uint64_t length = 1 + next_random(&seed) % 5000;
        const unsigned place = (unsigned)(next_random(&seed) % 4);
        const struct ask ask = {.type = COPY,
                                .tag = i,
                                .head = 4 * place,
                                .header_at = HEADER + 64 * place,
                                .status_at = STATUS + 0x200 + 32 * place,
                                .in = {{DATA + next_random(&seed) % 5000, length}},
                                .out = {{SINK + 0x4000 * place, length}}};

        if (needs_reset(door)) {
            door_start(door);
        }
        door->now += next_random(&seed) % 30;
        lay(door, &ask);
        publish(door, ask.head);
        ring(door);
        door->grant_count = 3; /* no ledger here: strays are wanted */
    }
    settle(door);
    count = door->record_count;
    assert_in_range(count, 1, RECORDS);
    memcpy(records, door->records, 64 * (size_t)count);
    memcpy(ram, door->ram, RAM_SIZE);
    door->strays = 0;
    door_teardown(&state);
    return count;
}

static void the_same_seed_is_the_same_log(void **state)
{
    struct raw_record *records = calloc(2 * RECORDS, 64);
    uint8_t *ram = malloc(2 * RAM_SIZE);
    const unsigned count = play(records, ram, 99);

    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(play(records + RECORDS, ram + RAM_SIZE, 99), count);
        assert_memory_equal(records, records + RECORDS, 64 * (size_t)count);
        assert_memory_equal(ram, ram + RAM_SIZE, RAM_SIZE);
    }
    if (play(records + RECORDS, ram + RAM_SIZE, 100) == count) {
        assert_memory_not_equal(records, records + RECORDS, 64 * (size_t)count);
    }
    free(records);
    free(ram);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_told_from_beginning_to_end),
        TEST(a_refusal_is_told),
        TEST(a_full_log_says_what_is_lost),
        TEST(only_what_is_asked_for_is_recorded),
        cmocka_unit_test(the_same_seed_is_the_same_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
