/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules R01 to R11 of vdma's data sheet: for each, a request just inside the limit and
 * one just outside it, which is refused with this rule, this segment and this value.
 */
#include "tests/host/vdma/door.h"

#define COPY     0x56440101u
#define FILL     0x56440102u
#define CHECKSUM 0x56440104u

/* A checksum over pieces, which are descriptors 1, 2, ... of its chain. */
static struct ask sum(struct piece a, struct piece b)
{
    return (struct ask){.type = CHECKSUM, .tag = 77, .in = {a, b}};
}

static void sum_inside(struct door *door, struct piece a, struct piece b)
{
    const struct ask ask = sum(a, b);

    accepted(door, &ask);
}

static void sum_outside(struct door *door, struct piece a, struct piece b, unsigned rule,
                        uint32_t segment, uint64_t value)
{
    const struct ask ask = sum(a, b);

    refused(door, &ask, rule, 0, segment, value);
}

static const struct piece nothing;

static void r01_address_bits(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.address_bits = 31});
    sum_inside(door, (struct piece){0x7fffff00, 0x100}, nothing);
    sum_outside(door, (struct piece){0x7fffff00, 0x101}, nothing, 1, 1, 0x80000000);
    sum_outside(door, (struct piece){DATA, 4}, (struct piece){0x80000000, 1}, 1, 2, 0x80000000);
    set_limits(door, &(struct raw_limits){.address_bits = 64});
    sum_inside(door, (struct piece){0x7fffff00, 0x101}, nothing);
}

static void r02_segment_length(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.segment_max = 1000});
    sum_inside(door, (struct piece){DATA, 1000}, (struct piece){DATA, 1});
    sum_outside(door, (struct piece){DATA, 1}, (struct piece){DATA, 1001}, 2, 2, 1001);
}

static void r03_segment_count(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.segments_max = 2});
    sum_inside(door, (struct piece){DATA, 5}, (struct piece){DATA + 9, 5});
    refused(door, &(struct ask){.type = CHECKSUM, .in = {{DATA, 5}, {DATA + 9, 5}, {DATA + 18, 5}}},
            3, 0, 3, 3);
    /* Each side of a copy has its own count. */
    accepted(door, &(struct ask){.type = COPY,
                                 .in = {{DATA, 5}, {DATA + 9, 5}},
                                 .out = {{SINK, 3}, {SINK + 9, 7}}});
}

static void r04_transfer_length(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.transfer_max = 8192});
    sum_inside(door, (struct piece){DATA, 8000}, (struct piece){DATA, 192});
    sum_outside(door, (struct piece){DATA, 8000}, (struct piece){DATA, 193}, 4, 2, 8193);
}

static void r05_first_address(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.alignment = 16});
    sum_inside(door, (struct piece){DATA + 16, 3}, (struct piece){DATA + 1, 3});
    sum_outside(door, (struct piece){DATA + 8, 3}, (struct piece){DATA + 16, 3}, 5, 1, DATA + 8);
}

static void r06_later_address(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.alignment_internal = 4});
    sum_inside(door, (struct piece){DATA + 1, 3}, (struct piece){DATA + 4, 3});
    sum_outside(door, (struct piece){DATA, 3}, (struct piece){DATA + 6, 3}, 6, 2, DATA + 6);
}

static void r07_length_multiple(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.alignment_length = 8});
    sum_inside(door, (struct piece){DATA + 1, 8}, (struct piece){DATA + 4, 24});
    sum_outside(door, (struct piece){DATA, 8}, (struct piece){DATA, 20}, 7, 2, 20);
}

static void r08_inner_end(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.alignment_end = 64});
    sum_inside(door, (struct piece){DATA + 60, 4}, (struct piece){DATA + 4, 3});
    sum_outside(door, (struct piece){DATA + 60, 5}, (struct piece){DATA, 3}, 8, 1, DATA + 65);
}

static void r09_boundary(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.boundary = 0x10000});
    sum_inside(door, (struct piece){DATA, 0x10000}, (struct piece){DATA + 0xffff, 1});
    sum_outside(door, (struct piece){DATA + 0xffff, 2}, nothing, 9, 1, DATA + 0x10000);
    sum_outside(door, (struct piece){DATA, 4}, (struct piece){DATA, 0x10001}, 9, 2, DATA + 0x10000);
}

static void r10_direction(void **state)
{
    struct door *door = *state;
    const struct ask fill = {
        .type = FILL, .arguments = {0x41, 1}, .out = {{SINK, 16}, {SINK + 32, 1}}};

    set_limits(door, &(struct raw_limits){.directions = 2});
    accepted(door, &fill);
    sum_outside(door, (struct piece){DATA, 16}, nothing, 10, 1, 1);
    set_limits(door, &(struct raw_limits){.directions = 1});
    sum_inside(door, (struct piece){DATA, 16}, nothing);
    refused(door, &fill, 10, 0, 1, 2);
    set_limits(door, &(struct raw_limits){.directions = 3});
    accepted(door, &fill);
}

/* `count` no-ops in descriptors of their own, published at once. */
static void publish_nops(struct door *door, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct ask nop = {.type = 0x56440100,
                                .head = 2 * i,
                                .tag = i,
                                .header_at = HEADER + 64 * i,
                                .status_at = STATUS + 0x1000 + 32 * i};

        lay(door, &nop);
        publish(door, 2 * i);
    }
}

static void r11_depth(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.depth = 3, .latency = 10});
    publish_nops(door, 3);
    ring(door);
    assert_int_equal(used_index(door), 1); /* of set-limits alone */
    settle(door);
    assert_int_equal(used_index(door), 4);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(*door_at(door, STATUS + 0x1000 + 32 * i + 31), 0);
    }

    publish_nops(door, 4);
    ring(door);
    assert_int_equal(used_index(door), 5); /* the refused one does not wait */
    assert_int_equal(used_id(door, 4), 6);
    assert_int_equal(get16(door, STATUS + 0x1000 + 96 + 28), 11);
    assert_int_equal(get64(door, STATUS + 0x1000 + 96 + 8), 4);
    assert_int_equal(get32(door, STATUS + 0x1000 + 96 + 24), NONE);
    settle(door);
    assert_int_equal(used_index(door), 8);
}

static void a_copy_is_bound_on_both_sides(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.alignment = 8});
    accepted(door, &(struct ask){.type = COPY, .in = {{DATA, 9}}, .out = {{SINK + 8, 9}}});
    refused(door, &(struct ask){.type = COPY, .in = {{DATA, 9}}, .out = {{SINK + 4, 9}}}, 5, 0, 2,
            SINK + 4);
}

static void disk_requests_are_bound_as_well(void **state)
{
    struct door *door = *state;

    set_limits(door, &(struct raw_limits){.segment_max = 512});
    accepted(door, &(struct ask){.type = 0, .out = {{SINK, 512}, {SINK + 512, 512}}});
    refused(door, &(struct ask){.type = 0, .out = {{SINK, 1024}}}, 2, 0, 1, 1024);
    /* The name of the disk is no data. */
    set_limits(door, &(struct raw_limits){.alignment_length = 512});
    accepted(door, &(struct ask){.type = 8, .out = {{SINK, 20}}});
}

struct profile {
    const char *name;
    struct raw_limits limits;
};

/* The table of the data sheet. */
static const struct profile sheet[] = {
    {"open", {.address_bits = 64}},
    {"narrow31", {.address_bits = 31}},
    {"sata",
     {.address_bits = 32,
      .depth = 32,
      .segment_max = 4194304,
      .transfer_max = 33554432,
      .alignment = 2,
      .alignment_length = 2,
      .alignment_internal = 2}},
    {"prp",
     {.address_bits = 64,
      .segments_max = 129,
      .segment_max = 4096,
      .transfer_max = 524288,
      .alignment = 4,
      .alignment_length = 4,
      .alignment_internal = 4096,
      .alignment_end = 4096,
      .boundary = 4096}},
    {"xhci", {.address_bits = 64, .segment_max = 65536, .boundary = 65536}},
    {"adma2",
     {.address_bits = 32,
      .depth = 1,
      .segment_max = 65536,
      .transfer_max = 33553920,
      .alignment = 4,
      .alignment_length = 4,
      .alignment_internal = 4}},
    {"single", {.address_bits = 64, .segments_max = 1}},
    {"fpga8",
     {.address_bits = 64,
      .segments_max = 64,
      .alignment = 8,
      .alignment_length = 8,
      .alignment_internal = 8}},
    {"isa24",
     {.address_bits = 24,
      .segment_max = 65536,
      .transfer_max = 1048576,
      .boundary = 65536,
      .table_entries = 4096}},
    {"narrow28", {.address_bits = 28, .table_entries = 65536}},
};

static void profiles_are_those_of_the_sheet(void **state)
{
    struct door *door = *state;
    const struct ask ask = {.type = 0x56440110, .out = {{SINK, 104}}};

    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(vdma_profile_find(sheet[i].name), i);
        assert_string_equal(vdma_profile_name(i), sheet[i].name);
        accepted(door, &(struct ask){.type = 0x56440111, .arguments = {i}});
        accepted(door, &ask);
        assert_int_equal(get32(door, SINK + 28), i);
        assert_memory_equal(door_at(door, SINK + 40), &sheet[i].limits, 64);
    }
    assert_int_equal(vdma_profile_find("sat"), 10);
    assert_int_equal(vdma_profile_find("satan"), 10);
    assert_int_equal(vdma_profile_find(""), 10);
    assert_null(vdma_profile_name(10));
}

static void every_rule_was_tripped(void **state)
{
    (void)state;
    for (unsigned rule = 1; rule <= 11; rule++) {
        assert_true(tripped[rule]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(r01_address_bits),
        TEST(r02_segment_length),
        TEST(r03_segment_count),
        TEST(r04_transfer_length),
        TEST(r05_first_address),
        TEST(r06_later_address),
        TEST(r07_length_multiple),
        TEST(r08_inner_end),
        TEST(r09_boundary),
        TEST(r10_direction),
        TEST(r11_depth),
        TEST(a_copy_is_bound_on_both_sides),
        TEST(disk_requests_are_bound_as_well),
        TEST(profiles_are_those_of_the_sheet),
        cmocka_unit_test(every_rule_was_tripped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
