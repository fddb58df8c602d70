/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard, and rules R69 and R70 of vdma's data sheet: a driver with nothing but the queues' page
 * reaches what the translation table says, and nothing of the device itself.
 *
 * The device's page n is the nth of RAM, where the table has it.
 */
#include "tests/host/vdma/door.h"

#define COPY     0x56440101u
#define CHECKSUM 0x56440104u
#define GUARD    0x0f0u
#define PAGES    256u
#define TABLE_AT (RAM_BASE + 0xff000) /* of the guarded device */
#define BUS(at)  ((at)-RAM_BASE)

static uint64_t queue_read(struct door *door, uint32_t offset)
{
    return vdma_read_register(door->device, VDMA_BY_QUEUE_PAGE + offset, 4, 0, door->now);
}

static bool queue_write(struct door *door, uint32_t offset, uint64_t value)
{
    return vdma_write_register(door->device, VDMA_BY_QUEUE_PAGE + offset, 4, value, 0, door->now);
}

/* Rights of the page that an address of RAM lies in; 0: none. */
static void map(struct door *door, uint64_t address, unsigned access)
{
    const uint64_t page = BUS(address) / 4096;

    put64(door, TABLE_AT + 8 * page, access == 0 ? 0 : (RAM_BASE + page * 4096) | access);
}

/* As the kernel does it: a table, the queue taken away, the guard. */
static void set_table(struct door *door)
{
    set_limits(door, &(struct raw_limits){.table_entries = PAGES});
    memset(door_at(door, TABLE_AT), 0, 8 * PAGES);
    door_grant(door, TABLE_AT, 8 * PAGES, READS);
    accepted(door, &(struct ask){.type = 0x56440112, .arguments = {TABLE_AT, PAGES}});
    forget_records(door);
}

static void guard(struct door *door)
{
    set_table(door);
    assert_true(door_write(door, 0x044, 0));
    assert_true(door_write(door, GUARD, 1));
    assert_int_equal(door_read(door, GUARD, 4), 1);
}

/* As the driver does it, with all that it uses mapped. */
static void start(struct door *door)
{
    map(door, DESC_TABLE, READS);
    map(door, AVAIL_RING, READS);
    map(door, USED_RING, WRITES);
    map(door, HEADER, READS | WRITES); /* and the status */
    memset(door_at(door, AVAIL_RING), 0, 4);
    memset(door_at(door, USED_RING), 0, 4);
    door->avail = 0;
    assert_true(queue_write(door, 0x030, 0));
    assert_true(queue_write(door, 0x038, RING_SIZE));
    assert_true(queue_write(door, 0x080, BUS(DESC_TABLE)));
    assert_true(queue_write(door, 0x084, 0));
    assert_true(queue_write(door, 0x090, BUS(AVAIL_RING)));
    assert_true(queue_write(door, 0x094, 0));
    assert_true(queue_write(door, 0x0a0, BUS(USED_RING)));
    assert_true(queue_write(door, 0x0a4, 0));
    assert_true(queue_write(door, 0x044, 1));
    assert_int_equal(queue_read(door, 0x044), 1);
}

static void put_desc(struct door *door, unsigned index, uint64_t bus, uint32_t length,
                     unsigned flags)
{
    const uint64_t at = DESC_TABLE + 16 * index;

    put64(door, at, bus);
    put32(door, at + 8, length);
    put16(door, at + 12, (uint16_t)flags);
    put16(door, at + 14, (uint16_t)(index + 1));
}

/* Header, up to two pieces of data, status; which code and rule came. */
struct outcome {
    bool came;
    uint8_t code;
    uint16_t rule;
    uint64_t value;
};

static struct outcome ask(struct door *door, uint32_t type, uint64_t in, uint64_t out,
                          uint32_t length, uint64_t status)
{
    const unsigned before = used_index(door);
    unsigned at = 0;

    memset(door_at(door, HEADER), 0, 64);
    put32(door, HEADER, type);
    memset(door_at(door, STATUS), 0xee, 32);
    door_grant(door, HEADER, 64, READS);
    door_grant(door, STATUS, 32, WRITES);
    put_desc(door, at++, BUS(HEADER), 64, NEXT);
    if (in != 0) {
        put_desc(door, at++, in, length, NEXT);
    }
    if (out != 0) {
        put_desc(door, at++, out, length, NEXT | WRITE);
    }
    put_desc(door, at, status, 32, WRITE);
    publish(door, 0);
    queue_write(door, 0x050, 0);
    step_all(door);
    return (struct outcome){.came = used_index(door) != before,
                            .code = *door_at(door, STATUS + 31),
                            .rule = get16(door, STATUS + 28),
                            .value = get64(door, STATUS + 8)};
}

static void the_ring_goes_by_the_table(void **state)
{
    struct door *door = *state;
    struct outcome outcome;

    guard(door);
    start(door);
    map(door, DATA, READS);
    map(door, SINK, WRITES);
    door_grant(door, DATA, 4096, READS);
    door_grant(door, SINK, 4096, WRITES);
    fill_pattern(door, DATA, 4096, 1);
    outcome = ask(door, COPY, BUS(DATA), BUS(SINK), 4096, BUS(STATUS));
    assert_true(outcome.came);
    assert_int_equal(outcome.code, 0);
    assert_memory_equal(door_at(door, DATA), door_at(door, SINK), 4096);
    assert_int_equal(queue_read(door, 0x060), 1);
    assert_true(queue_write(door, 0x064, 1));
    /* Nor do its own parts hide: what it reads by is not to be written to. */
    map(door, DESC_TABLE, READS | WRITES);
    outcome = ask(door, COPY, BUS(DATA), BUS(DESC_TABLE), 64, BUS(STATUS));
    assert_int_equal(outcome.rule, 53);
    outcome = ask(door, COPY, BUS(DATA), BUS(HEADER), 64, BUS(STATUS));
    assert_int_equal(outcome.rule, 52);
}

/* Addresses of RAM are nothing to it: not for data, header, status, lists or rings. */
static void nothing_else_is_reached(void **state)
{
    struct door *door = *state;
    struct outcome outcome;

    guard(door);
    start(door);
    map(door, DATA, READS);
    door_grant(door, DATA, 4096, READS);
    outcome = ask(door, CHECKSUM, DATA, 0, 64, BUS(STATUS));
    assert_true(outcome.came);
    assert_int_equal(outcome.rule, 49);
    outcome = ask(door, COPY, BUS(DATA), BUS(DATA + 64), 64, BUS(STATUS)); /* it may only read */
    assert_int_equal(outcome.rule, 50);
    /* A status where it may not write: no byte of it is anywhere. */
    outcome = ask(door, CHECKSUM, BUS(DATA), 0, 64, STATUS);
    assert_int_equal(outcome.code, 0xee);
    assert_int_not_equal(queue_read(door, 0x070) & 0x40, 0);
    /* Only who has the control registers ends that. */
    assert_false(queue_write(door, 0x070, 0));
    assert_int_equal(door->config_rule, 66);
    assert_int_not_equal(queue_read(door, 0x070) & 0x40, 0);
}

static void rings_lie_where_the_table_has_them(void **state)
{
    struct door *door = *state;

    guard(door);
    start(door);
    assert_true(queue_write(door, 0x044, 0));
    assert_true(queue_write(door, 0x0a0, USED_RING));
    assert_false(queue_write(door, 0x044, 1));
    assert_int_equal(door->config_rule, 16);
    assert_int_equal(queue_read(door, 0x044), 0);
}

/* A used ring that goes while a request is under way. */
static void what_is_unmapped_meanwhile_is_not_written(void **state)
{
    struct door *door = *state;
    uint8_t before[4096];

    set_limits(door, &(struct raw_limits){.table_entries = PAGES, .latency = 10});
    memset(door_at(door, TABLE_AT), 0, 8 * PAGES);
    door_grant(door, TABLE_AT, 8 * PAGES, READS);
    accepted(door, &(struct ask){.type = 0x56440112, .arguments = {TABLE_AT, PAGES}});
    assert_true(door_write(door, 0x044, 0));
    assert_true(door_write(door, GUARD, 1));
    start(door);
    map(door, DATA, READS);
    map(door, SINK, WRITES);
    door_grant(door, DATA, 64, READS);
    door_grant(door, SINK, 64, WRITES);
    assert_false(ask(door, COPY, BUS(DATA), BUS(SINK), 64, BUS(STATUS)).came);
    assert_int_equal(door->owned, 2);
    map(door, USED_RING, 0);
    map(door, HEADER, 0);
    map(door, SINK, 0);
    memcpy(before, door_at(door, USED_RING), 4096);
    settle(door);
    assert_memory_equal(before, door_at(door, USED_RING), 4096);
    assert_int_equal(*door_at(door, STATUS + 31), 0xee);
    assert_int_equal(*door_at(door, SINK), 0);
    assert_int_not_equal(queue_read(door, 0x070) & 0x40, 0);
}

static void r69_requests_about_the_device(void **state)
{
    struct door *door = *state;
    struct outcome outcome;

    guard(door);
    start(door);
    map(door, SINK, WRITES);
    door_grant(door, SINK, 4096, WRITES);
    for (uint32_t type = 0x56440111; type <= 0x56440114; type++) {
        const uint64_t out = type == 0x56440114 ? BUS(SINK) : 0;

        outcome = ask(door, type, 0, out, 64, BUS(STATUS));
        assert_true(outcome.came);
        assert_int_equal(outcome.code, 3);
        assert_int_equal(outcome.rule, 69);
        assert_int_equal(outcome.value, type);
    }
    /* What it is and what it can do are no secrets. */
    outcome = ask(door, 0x56440110, 0, BUS(SINK), 112, BUS(STATUS));
    assert_int_equal(outcome.code, 0);
    assert_int_equal(get32(door, SINK), 112);
    assert_int_equal(get64(door, SINK + 104), 0); /* this door has no such page */
    /* But to where it must not write it does not say so. */
    outcome = ask(door, 0x56440110, 0, SINK, 112, BUS(STATUS));
    assert_int_equal(outcome.rule, 49);
}

static void r70_when_the_guard_may_be_set(void **state)
{
    struct door *door = *state;

    assert_true(door_write(door, 0x044, 0));
    assert_false(door_write(door, GUARD, 1)); /* without a table */
    refused_register(door, 70, GUARD, 1);
    door_start(door);
    set_table(door);
    assert_false(door_write(door, GUARD, 1)); /* with a queue */
    refused_register(door, 70, GUARD, 1);
    assert_true(door_write(door, 0x044, 0));
    assert_false(door_write(door, GUARD, 3));
    refused_register(door, 70, GUARD, 3);
    assert_int_equal(door_read(door, GUARD, 4), 0);
    assert_true(door_write(door, GUARD, 1));
    assert_false(door_write(door, GUARD, 0)); /* for good */
    refused_register(door, 70, GUARD, 0);
    assert_int_equal(door_read(door, GUARD, 4), 1);
    door_start(door);
    assert_int_equal(door_read(door, GUARD, 4), 0);
}

/* Of the queues' page: nothing at all before, and after it the queues' registers alone. */
static void the_page_of_the_queues(void **state)
{
    struct door *door = *state;
    const uint32_t writable[] = {0x030, 0x038, 0x044, 0x050, 0x064, 0x080,
                                 0x084, 0x090, 0x094, 0x0a0, 0x0a4};
    unsigned next = 0;

    for (uint32_t offset = 0; offset < 0x200; offset += 4) {
        assert_int_equal(queue_read(door, offset), 0);
        assert_false(queue_write(door, offset, 0));
        assert_int_equal(door->config_rule, 66);
    }
    guard(door);
    start(door);
    assert_int_equal(queue_read(door, 0x00c), 0x414d4456);
    assert_int_equal(queue_read(door, 0x034), 256);
    assert_int_equal(queue_read(door, 0x070), 15);
    assert_int_equal(queue_read(door, 0x114), 512);
    assert_int_equal(queue_read(door, GUARD), 0);
    assert_int_equal(queue_read(door, 0x010), 0);
    for (uint32_t offset = 0; offset < 0x1000; offset += 4) {
        door->config_rule = 0;
        if (next < sizeof(writable) / sizeof(writable[0]) && offset == writable[next]) {
            queue_write(door, offset, 0);
            assert_int_not_equal(door->config_rule, 66);
            next++;
        } else {
            assert_false(queue_write(door, offset, 1));
            assert_int_equal(door->config_rule, 66);
        }
    }
    assert_int_equal(next, sizeof(writable) / sizeof(writable[0]));
}

static void every_rule_was_tripped(void **state)
{
    (void)state;
    assert_true(tripped[69] && tripped[70]);
    assert_null(vdma_rule_text(71));
    assert_non_null(vdma_rule_text(70));
    assert_non_null(vdma_rule_value(70));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, door_setup, door_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_ring_goes_by_the_table),
        TEST(nothing_else_is_reached),
        TEST(rings_lie_where_the_table_has_them),
        TEST(what_is_unmapped_meanwhile_is_not_written),
        TEST(r69_requests_about_the_device),
        TEST(r70_when_the_guard_may_be_set),
        TEST(the_page_of_the_queues),
        cmocka_unit_test(every_rule_was_tripped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
