/* SPDX-License-Identifier: BSD-2-Clause */
/* What vdma's requests do with bytes: the disk, the engine, lists in every format. */
#include "tests/host/vdma/door.h"

#define COPY     0x56440101u
#define FILL     0x56440102u
#define COMPARE  0x56440103u
#define CHECKSUM 0x56440104u

static void the_disk_is_read_and_written(void **state)
{
    struct door *door = *state;
    struct answer answer;

    answer = accepted(
        door, &(struct ask){
                  .type = 0, .tag = 3, .out = {{SINK, 100}, {SINK + 200, 412}, {SINK + 700, 512}}});
    assert_int_equal(answer.length, 1025);
    assert_memory_equal(door_at(door, SINK), door->disk + 3 * 512, 100);
    assert_memory_equal(door_at(door, SINK + 200), door->disk + 3 * 512 + 100, 412);
    assert_memory_equal(door_at(door, SINK + 700), door->disk + 4 * 512, 512);

    fill_pattern(door, DATA, 20000, 9);
    answer = accepted(door, &(struct ask){.type = 1, .tag = 5, .in = {{DATA + 1, 10 * 512}}});
    assert_int_equal(answer.length, 1);
    assert_memory_equal(door->disk + 5 * 512, door_at(door, DATA + 1), 10 * 512);
    accepted(door, &(struct ask){.type = 4});
}

static void the_disk_has_a_name(void **state)
{
    struct door *door = *state;
    const char name[20] = "vdma";

    memset(door_at(door, SINK), 0xee, 40);
    assert_int_equal(accepted(door, &(struct ask){.type = 8, .out = {{SINK, 20}}}).length, 21);
    assert_memory_equal(door_at(door, SINK), name, 20);
    assert_int_equal(*door_at(door, SINK + 20), 0xee);
}

static void a_copy_between_scatterings(void **state)
{
    struct door *door = *state;
    struct ask ask = {.type = COPY, .tag = 0x1122334455667788};
    struct answer answer;
    uint64_t from = 0, to = 0;

    /* 6 pieces of 3001 bytes into 9 of 2000 and a rest; all at odd places. */
    fill_pattern(door, DATA, 0x10000, 5);
    for (unsigned i = 0; i < 6; i++) {
        ask.in[i] = (struct piece){DATA + 7919 * i, 3001};
    }
    ask.in[5].length = 18000 - 5 * 3001;
    for (unsigned i = 0; i < 7; i++) {
        ask.out[i] = (struct piece){SINK + 1 + 2600 * (6 - i), i < 6 ? 2599 : 18000 - 6 * 2599};
    }
    answer = accepted(door, &ask);
    assert_int_equal(answer.moved, 18000);
    assert_int_equal(answer.length, 18032);
    for (unsigned i = 0; i < 18000; i++) {
        const struct piece *in = &ask.in[from / 3001];
        const struct piece *out = &ask.out[to / 2599];

        assert_int_equal(*door_at(door, in->address + from % 3001),
                         *door_at(door, out->address + to % 2599));
        from++;
        to++;
    }
}

/* In pieces of 4096 bytes, each read whole before it is written. */
static void a_copy_over_itself(void **state)
{
    struct door *door = *state;
    uint8_t before[12000];

    fill_pattern(door, DATA, 12000, 1);
    memcpy(before, door_at(door, DATA), 12000);
    accepted(door, &(struct ask){.type = COPY, .in = {{DATA + 100, 9000}}, .out = {{DATA, 9000}}});
    assert_memory_equal(door_at(door, DATA), before + 100, 9000);

    fill_pattern(door, DATA, 12000, 1);
    accepted(door, &(struct ask){.type = COPY, .in = {{DATA, 9000}}, .out = {{DATA + 100, 9000}}});
    fill_pattern(door, SINK, 12000, 1);
    for (unsigned at = 0; at < 9000; at += 4096) {
        memmove(door_at(door, SINK + 100 + at), door_at(door, SINK + at),
                9000 - at < 4096 ? 9000 - at : 4096);
    }
    assert_memory_equal(door_at(door, DATA), door_at(door, SINK), 12000);
}

static void a_fill(void **state)
{
    struct door *door = *state;
    const uint64_t pattern = 0x8877665544332211;

    for (unsigned width = 1; width <= 8; width *= 2) {
        memset(door_at(door, SINK), 0xee, 10000);
        assert_int_equal(accepted(door, &(struct ask){.type = FILL,
                                                      .arguments = {pattern, width},
                                                      .out = {{SINK + 3, 5}, {SINK + 20, 9000}}})
                             .moved,
                         9005);
        for (unsigned i = 0; i < 9005; i++) {
            const uint64_t at = i < 5 ? SINK + 3 + i : SINK + 20 + i - 5;

            assert_int_equal(*door_at(door, at), 0x11 * (i % width + 1));
        }
        assert_int_equal(*door_at(door, SINK + 8), 0xee);
        assert_int_equal(*door_at(door, SINK + 19), 0xee);
        assert_int_equal(*door_at(door, SINK + 9020), 0xee);
    }
}

static void a_compare(void **state)
{
    struct door *door = *state;
    struct ask ask = {
        .type = COMPARE, .arguments = {9000}, .in = {{DATA, 4000}, {DATA + 5000, 14000}}};
    struct answer answer;

    memset(door_at(door, DATA), 7, 20000);
    answer = accepted(door, &ask);
    assert_int_equal(answer.moved, 9000);
    assert_int_equal(answer.length, 32);
    /* Position 8999 of the first half, then 4500 of the second. */
    *door_at(door, DATA + 5000 + 4999) ^= 1;
    answer = run(door, &ask);
    assert_int_equal(answer.code, 4);
    assert_int_equal(answer.value, 8999);
    *door_at(door, DATA + 5000 + 5000 + 4500) ^= 1;
    answer = run(door, &ask);
    assert_int_equal(answer.code, 4);
    assert_int_equal(answer.value, 4500);
    assert_int_equal(answer.moved, 4500);
    assert_int_equal(answer.rule, 0);
}

/* Sums as printed by cksum(1). */
static void a_checksum_is_that_of_cksum(void **state)
{
    struct door *door = *state;
    const struct {
        const char *text;
        uint32_t sum;
    } known[] = {{"a", 1220704766}, {"123456789", 930766865}, {"hello\n", 3015617425}};

    for (unsigned i = 0; i < 3; i++) {
        const uint64_t length = strlen(known[i].text);

        memcpy(door_at(door, DATA), known[i].text, length);
        assert_int_equal(
            accepted(door, &(struct ask){.type = CHECKSUM, .in = {{DATA, length}}}).value,
            known[i].sum);
    }
    /* 70,000 zeros, of which 60,000 are read from a place that has only those. */
    memset(door_at(door, DATA), 0, 10000);
    assert_int_equal(accepted(door, &(struct ask){.type = CHECKSUM,
                                                  .in = {{DATA, 10000}, {ZEROS_BASE + 5, 60000}}})
                         .value,
                     1774371287);
}

/* How each format writes a word: bytes of it, and which byte comes first. */
static const struct {
    unsigned format, width;
    bool big;
} formats[] = {{1, 4, false}, {2, 4, true},  {3, 4, false}, {4, 8, false}, {5, 8, true},
               {6, 8, false}, {7, 8, false}, {8, 8, true},  {9, 8, false}};

static void put_word(struct door *door, uint64_t at, unsigned width, bool big, uint64_t value)
{
    for (unsigned i = 0; i < width; i++) {
        *door_at(door, at + (big ? width - 1 - i : i)) = (uint8_t)(value >> 8 * i);
    }
}

static void write_list(struct door *door, uint64_t at, unsigned which, const struct piece *pieces,
                       unsigned count, unsigned access)
{
    const unsigned width = formats[which].width;

    for (unsigned i = 0; i < count; i++) {
        put_word(door, at + 2 * width * i, width, formats[which].big, pieces[i].address);
        put_word(door, at + 2 * width * i + width, width, formats[which].big, pieces[i].length);
        door_grant(door, pieces[i].address, pieces[i].length, access);
    }
    door_grant(door, at, 2 * width * count, READS);
}

/* Every format for the source with every one for the target, at odd addresses. */
static void lists_in_every_format(void **state)
{
    struct door *door = *state;
    const struct piece from[] = {{DATA + 1, 300}, {DATA + 4097, 5000}, {DATA + 0x3fff, 1}};
    const struct piece to[] = {{SINK + 0x8001, 17}, {SINK + 3, 5284}};

    fill_pattern(door, DATA, 0x8000, 4);
    for (unsigned i = 0; i < 9; i++) {
        for (unsigned j = 0; j < 9; j++) {
            memset(door_at(door, SINK), 0, 0x9000);
            write_list(door, LISTS + 5, i, from, 3, READS);
            write_list(door, LISTS + 0x103, j, to, 2, WRITES);
            assert_int_equal(
                accepted(
                    door,
                    &(struct ask){.type = COPY,
                                  .flags = 3,
                                  .source = {LISTS + 5, 3, (uint16_t)formats[i].format, 0},
                                  .target = {LISTS + 0x103, 2, (uint16_t)formats[j].format, 0}})
                    .length,
                32); /* what a list names is not in the chain */
            assert_memory_equal(door_at(door, SINK + 0x8001), door_at(door, DATA + 1), 17);
            assert_memory_equal(door_at(door, SINK + 3), door_at(door, DATA + 18), 283);
            assert_memory_equal(door_at(door, SINK + 3 + 283), door_at(door, DATA + 4097), 5000);
            assert_int_equal(*door_at(door, SINK + 3 + 5283), *door_at(door, DATA + 0x3fff));
            assert_int_equal(*door_at(door, SINK + 3 + 5284), 0);
        }
        door_start(door); /* the ledger is full otherwise */
    }
}

static void lists_for_every_request(void **state)
{
    struct door *door = *state;
    const struct piece two[] = {{DATA, 100}, {DATA + 100, 100}};

    memset(door_at(door, DATA), 3, 200);
    for (unsigned i = 0; i < 9; i++) {
        const uint16_t format = (uint16_t)formats[i].format;

        write_list(door, LISTS, i, two, 2, READS);
        accepted(door,
                 &(struct ask){.type = CHECKSUM, .flags = 1, .source = {LISTS, 2, format, 0}});
        accepted(door, &(struct ask){.type = COMPARE,
                                     .flags = 1,
                                     .arguments = {100},
                                     .source = {LISTS, 2, format, 0}});
        write_list(door, LISTS, i, two, 2, WRITES);
        accepted(door, &(struct ask){.type = FILL,
                                     .flags = 2,
                                     .arguments = {3, 1},
                                     .target = {LISTS, 2, format, 0}});
    }
}

/* An entry of a list breaks a limit: its place in the list is named. */
static void a_list_is_bound_by_limits(void **state)
{
    struct door *door = *state;
    const struct piece pieces[] = {{DATA, 8}, {DATA + 8, 8}, {DATA + 18, 8}};

    set_limits(door, &(struct raw_limits){.alignment_internal = 8});
    write_list(door, LISTS, 4, pieces, 3, READS);
    accepted(door, &(struct ask){.type = CHECKSUM, .flags = 1, .source = {LISTS, 2, 5, 0}});
    refused(door, &(struct ask){.type = CHECKSUM, .flags = 1, .source = {LISTS, 3, 5, 0}}, 6, 1, 2,
            DATA + 18);
    write_list(door, LISTS, 4, pieces, 3, WRITES);
    refused(
        door,
        &(struct ask){.type = FILL, .flags = 2, .arguments = {1, 1}, .target = {LISTS, 3, 5, 0}}, 6,
        2, 2, DATA + 18);
}

static void capabilities_say_what_there_is(void **state)
{
    struct door *door = *state;
    const struct ask ask = {.type = 0x56440110, .out = {{SINK, 40}, {SINK + 0x100, 100}}};
    struct answer answer;

    memset(door_at(door, SINK), 0xee, 0x200);
    answer = accepted(door, &ask);
    assert_int_equal(answer.moved, 112);
    assert_int_equal(get32(door, SINK), 112);
    assert_int_equal(get32(door, SINK + 4), 1);
    assert_int_equal(get32(door, SINK + 8), 0x1f001f);
    assert_int_equal(get32(door, SINK + 12), 0x3fe);
    assert_int_equal(get32(door, SINK + 16), 0x7fffe);
    assert_int_equal(get32(door, SINK + 20), 70);
    assert_int_equal(get32(door, SINK + 24), 1024);
    assert_int_equal(get32(door, SINK + 28), 0);
    assert_int_equal(get64(door, SINK + 32), 64);
    assert_int_equal(*door_at(door, SINK + 0x100), 64);  /* address bits */
    assert_int_equal(get64(door, SINK + 0x100 + 64), 0); /* no page of the queues' */
    assert_int_equal(*door_at(door, SINK + 0x100 + 72), 0xee);
    /* A driver of an older sheet asks for the part that it knows. */
    assert_int_equal(accepted(door, &(struct ask){.type = 0x56440110, .out = {{SINK, 8}}}).moved,
                     8);
}

/* What waits needs memory of the device's own: 8 requests of 1024 segments. */
static void many_long_requests_wait(void **state)
{
    struct door *door = *state;
    struct ask ask = {.type = CHECKSUM, .flags = 1, .source = {LISTS, 1024, 6, 0}};

    for (unsigned i = 0; i < 1024; i++) {
        put64(door, LISTS + 16 * i, DATA + i);
        put64(door, LISTS + 16 * i + 8, 1);
    }
    door_grant(door, LISTS, 16 * 1024, READS);
    door_grant(door, DATA, 1024, READS);
    set_limits(door, &(struct raw_limits){.latency = 100});
    for (unsigned i = 0; i < 8; i++) {
        ask.head = 2 * i;
        ask.header_at = HEADER + 0x200 + 64 * i;
        ask.status_at = STATUS + 0x500 + 32 * i;
        lay(door, &ask);
        publish(door, 2 * i);
    }
    ring(door);
    settle(door);
    assert_int_equal(used_index(door), 9);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(used_id(door, i + 1), 2 * i);
        assert_int_equal(*door_at(door, STATUS + 0x500 + 32 * i + 31), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_disk_is_read_and_written),
        TEST(the_disk_has_a_name),
        TEST(a_copy_between_scatterings),
        TEST(a_copy_over_itself),
        TEST(a_fill),
        TEST(a_compare),
        TEST(a_checksum_is_that_of_cksum),
        TEST(lists_in_every_format),
        TEST(lists_for_every_request),
        TEST(a_list_is_bound_by_limits),
        TEST(capabilities_say_what_there_is),
        TEST(many_long_requests_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
