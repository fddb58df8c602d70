/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules R33 to R47 of vdma's data sheet: what is in a chain, and what its request says. */
#include "tests/host/vdma/door.h"

#define NOP          0x56440100u
#define COPY         0x56440101u
#define FILL         0x56440102u
#define COMPARE      0x56440103u
#define CHECKSUM     0x56440104u
#define CAPABILITIES 0x56440110u
#define SET_LIMITS   0x56440111u
#define SET_TABLE    0x56440112u
#define INJECT       0x56440113u
#define READ_LOG     0x56440114u

static void r33_order(void **state)
{
    struct door *door = *state;
    const struct ask ask = {.type = COPY, .in = {{DATA, 8}}, .out = {{SINK, 8}}};

    accepted(door, &ask);
    lay(door, &ask);
    desc(door, 1, SINK, 8, NEXT | WRITE, 2);
    desc(door, 2, DATA, 8, NEXT, 3);
    submit(door, 0);
    assert_int_equal(answer_of(door, &ask).rule, 33);
    refused_register(door, 33, 2, DATA);
}

static void r34_header(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};
    const struct ask flush = {.type = 4};

    /* It may be in pieces. */
    lay(door, &nop);
    desc(door, 0, HEADER, 1, NEXT, 8);
    desc(door, 8, HEADER + 1, 62, NEXT, 9);
    desc(door, 9, HEADER + 63, 1, NEXT, 1);
    submit(door, 0);
    assert_int_equal(answer_of(door, &nop).code, 0);
    lay(door, &nop);
    desc(door, 0, HEADER, 63, NEXT, 1);
    submit(door, 0);
    assert_int_equal(answer_of(door, &nop).rule, 34);
    refused_register(door, 34, 0, 63);

    accepted(door, &flush);
    lay(door, &flush);
    desc(door, 0, HEADER, 15, NEXT, 1);
    submit(door, 0);
    assert_int_equal(answer_of(door, &flush).code, 1);
    refused_register(door, 34, 0, 15);
}

static void r35_status(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};

    accepted(door, &nop);
    lay(door, &nop);
    desc(door, 1, STATUS, 31, WRITE, 0);
    publish(door, 0);
    failed_ring(door, 35, 1, 31);
    lay(door, &nop);
    desc(door, 1, STATUS, 32, 0, 0);
    publish(door, 0);
    failed_ring(door, 35, 1, 0);
    lay(door, &nop);
    desc(door, 0, HEADER, 64, 0, 0);
    publish(door, 0);
    failed_ring(door, 35, NONE, 0);
}

/* Header and data, or data and status, may share a descriptor. */
static void data_beside_header_and_status(void **state)
{
    struct door *door = *state;
    const struct ask ask = {.type = COPY, .status_at = SINK + 100};

    lay(door, &ask);
    fill_pattern(door, HEADER + 64, 100, 9);
    desc(door, 0, HEADER, 164, NEXT, 1);
    desc(door, 1, SINK, 132, WRITE, 0);
    submit(door, 0);
    assert_int_equal(answer_of(door, &ask).code, 0);
    assert_memory_equal(door_at(door, HEADER + 64), door_at(door, SINK), 100);
    assert_int_equal(used_length(door, 0), 132);
}

static void r36_unused_side(void **state)
{
    struct door *door = *state;

    accepted(door, &(struct ask){.type = NOP});
    refused(door, &(struct ask){.type = NOP, .in = {{DATA, 3}, {DATA, 4}}}, 36, 0, 1, 7);
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{DATA, 3}}, .out = {{SINK, 5}}}, 36, 0, 2,
            5);
    refused(door,
            &(struct ask){.type = FILL, .arguments = {0, 1}, .in = {{DATA, 3}}, .out = {{SINK, 5}}},
            36, 0, 1, 3);
    refused(door, &(struct ask){.type = 0, .in = {{DATA, 512}}, .out = {{SINK, 512}}}, 36, 0, 1,
            512);
    refused(door, &(struct ask){.type = SET_LIMITS, .arguments = {0}, .in = {{DATA, 64}}}, 36, 0, 1,
            64);
    refused(door, &(struct ask){.type = INJECT, .arguments = {0}, .in = {{DATA, 32}}}, 36, 0, 1,
            32);
}

static void r37_no_data(void **state)
{
    struct door *door = *state;

    accepted(door, &(struct ask){.type = CHECKSUM, .in = {{DATA, 1}}});
    refused(door, &(struct ask){.type = CHECKSUM}, 37, 0, NONE, 1);
    refused(door, &(struct ask){.type = COPY, .in = {{DATA, 3}}}, 37, 0, NONE, 2);
    refused(door, &(struct ask){.type = COPY, .out = {{SINK, 3}}}, 37, 0, NONE, 1);
    refused(door, &(struct ask){.type = CAPABILITIES}, 37, 0, NONE, 2);
    refused(door, &(struct ask){.type = SET_LIMITS, .arguments = {0xffffffff}}, 37, 0, NONE, 1);
    refused(door, &(struct ask){.type = INJECT, .arguments = {1}}, 37, 0, NONE, 1);
    refused(door, &(struct ask){.type = 0}, 37, 0, NONE, 2);
    refused(door, &(struct ask){.type = 1}, 37, 0, NONE, 1);
}

static void r38_sides_differ(void **state)
{
    struct door *door = *state;

    accepted(door, &(struct ask){.type = COPY, .in = {{DATA, 7}}, .out = {{SINK, 7}}});
    refused(door, &(struct ask){.type = COPY, .in = {{DATA, 7}}, .out = {{SINK, 8}}}, 38, 0, NONE,
            8);
    refused(door, &(struct ask){.type = COPY, .in = {{DATA, 7}}, .out = {{SINK, 6}}}, 38, 0, NONE,
            6);
    accepted(door, &(struct ask){.type = COMPARE,
                                 .arguments = {4},
                                 .in = {{DATA, 3}, {DATA + 3, 1}, {DATA, 4}}});
    refused(door, &(struct ask){.type = COMPARE, .arguments = {4}, .in = {{DATA, 4}, {DATA, 5}}},
            38, 0, NONE, 5);
    refused(door, &(struct ask){.type = COMPARE, .arguments = {4}, .in = {{DATA, 4}, {DATA, 3}}},
            38, 0, NONE, 3);
    refused(door, &(struct ask){.type = COMPARE, .arguments = {9}, .in = {{DATA, 4}, {DATA, 3}}},
            38, 0, NONE, 0);
}

static void r39_whole_things(void **state)
{
    struct door *door = *state;

    accepted(door, &(struct ask){.type = 0, .out = {{SINK, 511}, {SINK + 600, 1}}});
    refused(door, &(struct ask){.type = 0, .out = {{SINK, 511}}}, 39, 0, NONE, 511);
    refused(door, &(struct ask){.type = 1, .in = {{DATA, 513}}}, 39, 0, NONE, 513);
    accepted(door, &(struct ask){.type = READ_LOG, .out = {{SINK, 128}}});
    refused(door, &(struct ask){.type = READ_LOG, .out = {{SINK, 96}}}, 39, 0, NONE, 96);
    refused(door, &(struct ask){.type = INJECT, .arguments = {1}, .in = {{DATA, 33}}}, 39, 0, NONE,
            33);
    refused(door, &(struct ask){.type = INJECT, .arguments = {2}, .in = {{DATA, 64}}}, 39, 0, NONE,
            64);
    refused(door, &(struct ask){.type = SET_LIMITS, .arguments = {0xffffffff}, .in = {{DATA, 63}}},
            39, 0, NONE, 63);
}

static void r40_end_of_the_disk(void **state)
{
    struct door *door = *state;

    accepted(door, &(struct ask){.type = 0, .tag = 63, .out = {{SINK, 512}}});
    refused(door, &(struct ask){.type = 0, .tag = 63, .out = {{SINK, 1024}}}, 40, 0, NONE, 63);
    refused(door, &(struct ask){.type = 1, .tag = 64, .in = {{DATA, 512}}}, 40, 0, NONE, 64);
    refused(door, &(struct ask){.type = 1, .tag = UINT64_MAX, .in = {{DATA, 512}}}, 40, 0, NONE,
            UINT64_MAX);
    accepted(door, &(struct ask){.type = 1, .tag = 0, .in = {{DATA, 64 * 512}}});
    refused(door, &(struct ask){.type = 1, .tag = 0, .in = {{DATA, 65 * 512}}}, 40, 0, NONE, 0);
}

static void refused_argument(struct door *door, uint32_t type, uint64_t first, uint64_t second,
                             struct piece in, uint64_t value)
{
    refused(door,
            &(struct ask){.type = type,
                          .arguments = {first, second},
                          .in = {in},
                          .out = {type == FILL ? (struct piece){SINK, 16} : (struct piece){0, 0}}},
            41, 0, NONE, value);
}

static void r41_arguments(void **state)
{
    struct door *door = *state;
    const struct piece none = {0, 0};

    for (unsigned width = 1; width <= 8; width *= 2) {
        accepted(door, &(struct ask){.type = FILL, .arguments = {5, width}, .out = {{SINK, 16}}});
    }
    refused_argument(door, FILL, 5, 0, none, 0);
    refused_argument(door, FILL, 5, 3, none, 3);
    refused_argument(door, FILL, 5, 16, none, 16);
    refused_argument(door, NOP, 1, 0, none, 1);
    refused_argument(door, NOP, 0, 2, none, 2);
    refused_argument(door, SET_LIMITS, 10, 0, none, 10);
    refused_argument(door, INJECT, 3, 0, none, 3);
    refused(door, &(struct ask){.type = NOP, .flags = 1}, 41, 0, NONE, 1);
    refused(door, &(struct ask){.type = CHECKSUM, .flags = 2, .in = {{DATA, 1}}}, 41, 0, NONE, 2);
    refused(door, &(struct ask){.type = COPY, .flags = 4}, 41, 0, NONE, 4);
    accepted(door, &(struct ask){.type = 4});
    refused(door, &(struct ask){.type = 4, .tag = 1}, 41, 0, NONE, 1); /* flush: sector 0 */
    /* Kinds that there are not. */
    put16(door, DATA, 19);
    refused_argument(door, INJECT, 1, 0, (struct piece){DATA, 32}, 19);
    put16(door, DATA, 0);
    refused_argument(door, INJECT, 1, 0, (struct piece){DATA, 32}, 0);
    refused_argument(door, INJECT, 1, 0, (struct piece){DATA, 65 * 32}, 65);
    put32(door, DATA + 8, 1u << 19);
    refused_argument(door, INJECT, 2, 0, (struct piece){DATA, 32}, 1u << 19);
}

/* Limits that no request could keep. */
static void r41_limits(void **state)
{
    struct door *door = *state;
    const struct raw_limits bad[] = {
        {.address_bits = 65},
        {.directions = 4},
        {.alignment = 3},
        {.alignment_length = 6},
        {.alignment_internal = 12},
        {.alignment_end = 24},
        {.boundary = 3000},
        {.alignment = 32, .segment_max = 16},
        {.alignment_end = 32, .boundary = 16},
        {.table_entries = 65537},
        {.reserved = 1},
    };
    const struct raw_limits good[] = {
        {.address_bits = 64, .directions = 3},
        {.alignment = 16, .segment_max = 16},
        {.alignment_end = 16, .boundary = 16},
        {.table_entries = 65536},
    };

    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        set_limits(door, &good[i]);
    }
    set_limits(door, &(struct raw_limits){.address_bits = 0});
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memcpy(door_at(door, DATA), &bad[i], 64);
        refused(door,
                &(struct ask){.type = SET_LIMITS, .arguments = {0xffffffff}, .in = {{DATA, 64}}},
                41, 0, NONE, 0xffffffff);
    }
}

static void r41_table(void **state)
{
    struct door *door = *state;

    door_grant(door, TABLE, 4096 * 8, READS);
    refused(door, &(struct ask){.type = SET_TABLE, .arguments = {TABLE, 1}}, 41, 0, NONE, 1);
    set_limits(door, &(struct raw_limits){.table_entries = 4096});
    accepted(door, &(struct ask){.type = SET_TABLE, .arguments = {TABLE, 4096}});
    refused(door, &(struct ask){.type = SET_TABLE, .arguments = {TABLE, 4097}}, 41, 0, NONE, 4097);
    refused(door, &(struct ask){.type = SET_TABLE, .arguments = {TABLE + 8, 1}}, 41, 0, NONE,
            TABLE + 8);
    accepted(door, &(struct ask){.type = SET_TABLE, .arguments = {RAM_END - 4096, 512}});
    refused(door, &(struct ask){.type = SET_TABLE, .arguments = {RAM_END - 4096, 513}}, 41, 0, NONE,
            RAM_END - 4096);
    accepted(door, &(struct ask){.type = SET_TABLE, .arguments = {0, 0}});
}

/* Entries of 64 bits, as the little-endian formats have them. */
static void list(struct door *door, uint64_t at, unsigned count, uint64_t address, uint64_t length)
{
    for (unsigned i = 0; i < count; i++) {
        put64(door, at + 16 * i, address + i * length);
        put64(door, at + 16 * i + 8, length);
    }
    door_grant(door, at, 16 * (uint64_t)count, READS);
    door_grant(door, address, count * length, READS);
    door_grant(door, address, count * length, WRITES);
}

static struct ask sum_list(uint64_t at, uint32_t entries, unsigned format)
{
    return (struct ask){.type = CHECKSUM, .flags = 1, .source = {at, entries, (uint16_t)format, 0}};
}

static void r42_list_format(void **state)
{
    struct door *door = *state;
    struct ask ask = sum_list(LISTS, 2, 6);

    list(door, LISTS, 2, DATA, 10);
    accepted(door, &ask);
    ask.source.format = 10;
    refused(door, &ask, 42, 1, NONE, 10);
    ask.source.format = 0;
    refused(door, &ask, 42, 1, NONE, 0);
    ask.source.format = 6;
    ask.source.reserved = 1;
    refused(door, &ask, 41, 1, NONE, 1);
    refused(
        door,
        &(struct ask){.type = FILL, .flags = 2, .arguments = {1, 1}, .target = {LISTS, 2, 77, 0}},
        42, 2, NONE, 77);
}

static void r43_list_length(void **state)
{
    struct door *door = *state;
    struct ask ask = sum_list(LISTS, 1024, 6);

    list(door, LISTS, 1024, DATA, 10);
    accepted(door, &ask);
    ask.source.entries = 1025;
    refused(door, &ask, 43, 1, NONE, 1025);
    ask.source.entries = 0;
    refused(door, &ask, 43, 1, NONE, 0);
}

static void r44_list_in_memory(void **state)
{
    struct door *door = *state;
    const struct ask inside = sum_list(RAM_END - 32, 2, 6);
    const struct ask outside = sum_list(RAM_END - 32, 3, 6);
    const struct ask wraps = sum_list(0xfffffffffffffff0, 2, 6);

    list(door, RAM_END - 32, 2, DATA, 10);
    accepted(door, &inside);
    refused(door, &outside, 44, 1, NONE, RAM_END - 32);
    refused(door, &wraps, 44, 1, NONE, 0xfffffffffffffff0);
}

static void r45_list_entry_of_length_0(void **state)
{
    struct door *door = *state;
    const struct ask ask = sum_list(LISTS, 3, 6);

    list(door, LISTS, 3, DATA, 1);
    accepted(door, &ask);
    put64(door, LISTS + 2 * 16 + 8, 0);
    refused(door, &ask, 45, 1, 2, DATA + 2);
}

static void r46_list_entry_wraps(void **state)
{
    struct door *door = *state;
    const struct ask ask = sum_list(LISTS, 2, 6);

    list(door, LISTS, 2, DATA, 1);
    put64(door, LISTS + 16, 0xffffffffffffff00);
    put64(door, LISTS + 24, 0xff);
    refused(door, &ask, 48, 1, 1, 0xffffffffffffff00); /* no memory, but a segment */
    put64(door, LISTS + 24, 0x100);
    refused(door, &ask, 46, 1, 1, 0xffffffffffffff00);
    /* So is a sum that wraps. */
    put64(door, LISTS, 1);
    put64(door, LISTS + 8, 0xfffffffffffffffe);
    put64(door, LISTS + 16, 1);
    put64(door, LISTS + 24, 2);
    refused(door, &ask, 46, 1, 1, 1);
}

static void r47_data_twice(void **state)
{
    struct door *door = *state;
    struct ask ask = sum_list(LISTS, 2, 6);

    list(door, LISTS, 2, DATA, 16);
    list(door, LISTS + 64, 2, SINK, 16);
    accepted(door, &ask);
    ask.in[0] = (struct piece){DATA, 5};
    refused(door, &ask, 47, 0, 1, 5);
    /* One side each is right. */
    accepted(door, &(struct ask){
                       .type = COPY, .flags = 1, .source = {LISTS, 2, 6, 0}, .out = {{SINK, 32}}});
    accepted(door,
             &(struct ask){
                 .type = COPY, .flags = 2, .in = {{DATA, 32}}, .target = {LISTS + 64, 2, 6, 0}});
    refused(door,
            &(struct ask){.type = COPY,
                          .flags = 2,
                          .in = {{DATA, 32}},
                          .out = {{SINK + 64, 32}},
                          .target = {LISTS + 64, 2, 6, 0}},
            47, 0, 2, 32);
}

static void unknown_requests_are_refused_politely(void **state)
{
    struct door *door = *state;
    const struct ask unknown[] = {
        {.type = 0x564401ff, .tag = 5, .in = {{DATA, 3}}, .out = {{SINK, 5}}},
        {.type = 0x56440201, .tag = 6}, /* of a later version */
        {.type = 11, .in = {{DATA, 16}}},
        {.type = 0xffffffff, .out = {{SINK, 5}}},
    };

    for (unsigned i = 0; i < 4; i++) {
        const struct answer answer = run(door, &unknown[i]);

        assert_int_equal(answer.code, 2);
        assert_int_equal(answer.rule, 0);
        assert_int_equal(answer.length, i < 2 ? 32 : 1);
        assert_false(needs_reset(door));
    }
}

static void every_rule_was_tripped(void **state)
{
    (void)state;
    for (unsigned rule = 33; rule <= 47; rule++) {
        assert_true(tripped[rule]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(r33_order),
        TEST(r34_header),
        TEST(r35_status),
        TEST(data_beside_header_and_status),
        TEST(r36_unused_side),
        TEST(r37_no_data),
        TEST(r38_sides_differ),
        TEST(r39_whole_things),
        TEST(r40_end_of_the_disk),
        TEST(r41_arguments),
        TEST(r41_limits),
        TEST(r41_table),
        TEST(r42_list_format),
        TEST(r43_list_length),
        TEST(r44_list_in_memory),
        TEST(r45_list_entry_of_length_0),
        TEST(r46_list_entry_wraps),
        TEST(r47_data_twice),
        TEST(unknown_requests_are_refused_politely),
        cmocka_unit_test(every_rule_was_tripped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
