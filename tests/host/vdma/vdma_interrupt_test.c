/* SPDX-License-Identifier: BSD-2-Clause */
/* When vdma interrupts, and when it asks for doorbells, while indices go round. */
#include "tests/host/vdma/door.h"

#define NOP           0x56440100u
#define EVENT_FEATURE (1ull << 29)
#define VERSION_1     (1ull << 32)

/* 70,000 requests, so that the 16-bit indices wrap, with both ways to ask for interrupts. */
static void indices_wrap(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};
    unsigned rises;

    door_start_features(door, VERSION_1 | EVENT_FEATURE);
    lay(door, &nop);
    rises = door->rises;
    for (unsigned i = 0; i < 70000; i++) {
        /* Of each four, ask for an interrupt at the third. */
        put16(door, AVAIL_RING + 4 + 2 * RING_SIZE, (uint16_t)((i & ~3u) + 2));
        submit(door, 0);
        assert_int_equal(used_index(door), (uint16_t)(i + 1));
        assert_int_equal(get16(door, USED_RING + 4 + 8 * RING_SIZE), (uint16_t)(i + 1));
    }
    assert_int_equal(door->rises - rises, 70000 / 4);
}

/* The position waited for is passed in a batch, not hit by the last of it. */
static void an_interrupt_is_owed_when_the_event_is_passed(void **state)
{
    struct door *door = *state;
    unsigned rises;

    door_start_features(door, VERSION_1 | EVENT_FEATURE);
    lay(door, &(struct ask){.type = NOP});
    put16(door, AVAIL_RING + 4 + 2 * RING_SIZE, 3);
    rises = door->rises;
    for (unsigned i = 0; i < 8; i++) {
        publish(door, 0);
    }
    ring(door);
    assert_int_equal(used_index(door), 8);
    assert_int_equal(door->rises, rises + 1);
    put16(door, AVAIL_RING + 4 + 2 * RING_SIZE, 20);
    for (unsigned i = 0; i < 8; i++) {
        publish(door, 0);
    }
    ring(door);
    assert_int_equal(door->rises, rises + 1);
}

static void no_interrupt_when_the_driver_wants_none(void **state)
{
    struct door *door = *state;
    const struct ask nop = {.type = NOP};
    const unsigned rises = door->rises;

    put16(door, AVAIL_RING, 1);
    accepted(door, &nop);
    assert_int_equal(door->rises, rises);
    put16(door, AVAIL_RING, 0);
    accepted(door, &nop);
    assert_int_equal(door->rises, rises + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(indices_wrap),
        TEST(an_interrupt_is_owed_when_the_event_is_passed),
        TEST(no_interrupt_when_the_driver_wants_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
