/* SPDX-License-Identifier: BSD-2-Clause */
/* Three copies of each line: what the device and the CPU see of each other, and what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/vdma/watch/watch.h"

#define BASE   0x40000000u
#define PAGES  64u
#define POOL   (64u * 8192)
#define BOTH   3u
#define CACHED true

struct machine {
    uint8_t ram[PAGES * WATCH_PAGE];
    uint8_t pool[POOL];
    uint8_t allowed[PAGES];
    char said[32768];
    struct watch_door door;
    struct watch watch;
};

static struct machine *it;

static void allow(void *context, uint64_t memory, uint64_t bytes, unsigned allowed)
{
    (void)context;
    assert_true(memory >= BASE && (memory - BASE + bytes) / WATCH_PAGE <= PAGES);
    memset(it->allowed + (memory - BASE) / WATCH_PAGE, (int)allowed, bytes / WATCH_PAGE);
}

static void put(void *context, const char *text)
{
    (void)context;
    assert_true(strlen(it->said) + strlen(text) < sizeof(it->said));
    strcat(it->said, text);
}

static uint8_t *memory(void *context, uint64_t memory)
{
    (void)context;
    assert_true(memory >= BASE && memory < BASE + sizeof(it->ram));
    return it->ram + (memory - BASE);
}

static int begin(void **state)
{
    it = calloc(1, sizeof(*it));
    memset(it->allowed, BOTH, sizeof(it->allowed));
    it->door = (struct watch_door){.allow = allow, .put = put, .memory = memory};
    watch_init(&it->watch, &it->door, NULL, WATCH_COHERENCE);
    assert_true(watch_lines_begin(&it->watch, BASE, BASE + sizeof(it->ram), it->pool, POOL));
    *state = it;
    return 0;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

/* One access of the CPU's as a door makes it: what stage 2 lets pass is not seen. */
static void access_memory(uint64_t at, void *bytes, uint32_t count, bool write, bool cached)
{
    static uint64_t pc = 0x10000;
    const struct watch_access access = {.memory = BASE + at,
                                        .virt = BASE + at,
                                        .pc = pc += 4096,
                                        .bytes = count,
                                        .reads = !write,
                                        .writes = write,
                                        .cached = cached};
    uint8_t *where = it->ram + at;

    if ((it->allowed[at / WATCH_PAGE] & (write ? WATCH_WRITE : WATCH_READ)) == 0) {
        uint8_t *const instead = watch_lines_access(&it->watch, &access);

        where = instead != NULL ? instead : where;
    }
    memcpy(write ? where : bytes, write ? bytes : where, count);
}

static void store(uint64_t at, const char *text, bool cached)
{
    access_memory(at, (void *)(uintptr_t)text, (uint32_t)strlen(text), true, cached);
}

static const char *load(uint64_t at, uint32_t count, bool cached)
{
    static char text[64];

    memset(text, 0, sizeof(text));
    access_memory(at, text, count, false, cached);
    return text;
}

static void maintain(uint64_t at, enum watch_maintenance what)
{
    static uint64_t pc = 0x90000000;
    const struct watch_access access = {.memory = BASE + at, .pc = pc += 4096, .bytes = 64};

    watch_maintain(&it->watch, what, &access);
}

static const char *device_load(uint64_t at, uint32_t count)
{
    static char text[256];

    memset(text, 0, sizeof(text));
    watch_device_reads(&it->watch, BASE + at, text, count);
    return text;
}

static void device_store(uint64_t at, const char *text)
{
    watch_device_writes(&it->watch, BASE + at, text, (uint32_t)strlen(text));
}

static bool was_said(const char *rule)
{
    char title[32] = "watch: ";

    return strstr(it->said, strcat(strcat(title, rule), ": ")) != NULL;
}

static void nothing_said(void)
{
    assert_string_equal(it->said, "");
}

static void what_is_cleaned_arrives(void **state)
{
    (void)state;
    store(100, "new", CACHED);
    maintain(100, WATCH_CLEAN);
    assert_string_equal(device_load(100, 3), "new");
    store(100, "two", CACHED);
    maintain(100, WATCH_CLEAN_INVALIDATE);
    assert_string_equal(device_load(99, 5), "");
    assert_string_equal(device_load(100, 3), "two");
    assert_string_equal(load(100, 3, CACHED), "two");
    nothing_said();
}

static void what_is_not_does_not(void **state)
{
    (void)state;
    store(100, "new", CACHED);
    assert_string_equal(device_load(100, 3), "");
    assert_true(was_said("W11"));
    assert_string_equal(load(100, 3, CACHED), "new");
    maintain(164, WATCH_CLEAN); /* the line behind it */
    assert_string_equal(device_load(100, 3), "");
    maintain(127, WATCH_CLEAN);
    assert_string_equal(device_load(100, 3), "new");
}

/* Exact to the byte: of a line that is dirty elsewhere nothing wrong is read. */
static void a_line_that_is_dirty_elsewhere_does_not_matter_to_a_read(void **state)
{
    (void)state;
    store(0, "aaaa", CACHED);
    maintain(0, WATCH_CLEAN);
    store(4, "b", CACHED);
    assert_string_equal(device_load(0, 4), "aaaa");
    nothing_said();
    device_load(0, 5);
    assert_true(was_said("W11"));
}

static void what_nobody_stored_since_then_is_in_memory(void **state)
{
    (void)state;
    memcpy(it->ram + 8192, "loaded", 6); /* before */
    assert_string_equal(load(8192, 6, CACHED), "loaded");
    assert_int_equal(it->allowed[2], WATCH_READ);
    assert_string_equal(device_load(8192, 6), "loaded");
    nothing_said();
}

/* The maintenance of a correct program, around what the device writes. */
static void a_clean_behind_the_device_loses_nothing(void **state)
{
    (void)state;
    store(0, "old old", CACHED);
    maintain(0, WATCH_CLEAN_INVALIDATE);
    device_store(0, "new");
    maintain(0, WATCH_CLEAN_INVALIDATE);
    assert_string_equal(load(0, 7, CACHED), "new old");
    device_store(4, "new");
    maintain(0, WATCH_CLEAN);
    assert_string_equal(device_load(0, 7), "new new");
    maintain(0, WATCH_INVALIDATE);
    assert_string_equal(load(0, 7, CACHED), "new new");
    nothing_said();
}

static void a_dirty_line_hides_what_the_device_writes(void **state)
{
    (void)state;
    store(0, "old", CACHED);
    device_store(8, "new");
    assert_true(was_said("W12"));
    maintain(0, WATCH_CLEAN_INVALIDATE);
    assert_string_equal(load(8, 3, CACHED), "");
    assert_false(was_said("W14")); /* it has been said */
}

static void what_the_device_wrote_is_not_seen_before_an_invalidate(void **state)
{
    (void)state;
    store(0, "old", CACHED);
    maintain(0, WATCH_CLEAN);
    device_store(0, "new");
    assert_string_equal(load(3, 8, CACHED), ""); /* its neighbours */
    nothing_said();
    assert_string_equal(load(0, 3, CACHED), "old");
    assert_true(was_said("W13"));
    assert_non_null(strstr(it->said, "on the CPU has 6f 6c 64, the device has 6e 65 77"));
}

static void a_poll_may_come_too_late_once(void **state)
{
    (void)state;
    watch_lines_polled(&it->watch, BASE + 64);
    store(64, "0123", CACHED);
    store(68, "4", CACHED);
    maintain(64, WATCH_CLEAN_INVALIDATE);
    device_store(64, "abcd");
    assert_string_equal(load(66, 2, CACHED), "23");
    maintain(64, WATCH_CLEAN_INVALIDATE);
    assert_string_equal(load(66, 2, CACHED), "cd");
    device_store(64, "efgh");
    assert_string_equal(load(66, 2, CACHED), "cd");
    nothing_said();
    load(66, 2, CACHED);
    assert_true(was_said("W13"));
    *it->said = '\0';
    maintain(64, WATCH_CLEAN_INVALIDATE);
    device_store(68, "x");
    load(68, 1, CACHED); /* behind them */
    assert_true(was_said("W13"));
}

static void a_store_beside_it_is_written_over_it(void **state)
{
    (void)state;
    store(0, "old", CACHED);
    maintain(0, WATCH_CLEAN_INVALIDATE);
    device_store(0, "new");
    store(40, "mine", CACHED);
    maintain(0, WATCH_CLEAN_INVALIDATE);
    assert_true(was_said("W14"));
    assert_string_equal(device_load(0, 3), "old");
}

static void an_invalidate_loses_what_is_dirty(void **state)
{
    (void)state;
    store(0, "aa", CACHED);
    maintain(0, WATCH_INVALIDATE);
    assert_true(was_said("W15"));
    assert_string_equal(load(0, 2, CACHED), "");
}

static void what_is_not_cached_is_seen_at_once(void **state)
{
    (void)state;
    store(0, "ring", !CACHED);
    assert_string_equal(device_load(0, 4), "ring");
    device_store(8, "used");
    assert_string_equal(load(8, 4, !CACHED), "used");
    nothing_said();
}

static void two_types_are_one_too_many(void **state)
{
    (void)state;
    store(0, "a", !CACHED);
    load(2048, 1, CACHED);
    assert_true(was_said("W16"));
    *it->said = '\0';
    load(0, 1, CACHED);
    load(0, 1, !CACHED);
    nothing_said(); /* once a page */
}

/* Cached, let go of, and only then used in another way: as it has to be. */
static void a_type_may_change_in_between(void **state)
{
    (void)state;
    store(0, "data", CACHED);
    store(4092, "data", CACHED);
    for (uint64_t at = 0; at < 4096; at += 64) {
        maintain(at, WATCH_CLEAN_INVALIDATE);
    }
    assert_string_equal(load(0, 4, !CACHED), "data");
    store(0, "more", !CACHED);
    assert_string_equal(device_load(0, 4), "more");
    nothing_said();
    maintain(0, WATCH_CLEAN_INVALIDATE); /* and back */
    assert_string_equal(load(0, 4, CACHED), "more");
    nothing_said();
    store(4096, "x", CACHED);
    maintain(4096, WATCH_CLEAN_INVALIDATE); /* one line is not all */
    store(8191, "y", !CACHED);
    assert_true(was_said("W16"));
}

static void an_access_that_is_stepped_finds_what_it_shall(void **state)
{
    (void)state;
    store(0, "device", !CACHED);
    watch_lines_swap(&it->watch, BASE, 6);
    assert_memory_equal(it->ram, "device", 6);
    memcpy(it->ram, "stored", 6);
    watch_lines_swap(&it->watch, BASE, 6);
    assert_memory_equal(it->ram, "\0\0\0\0\0\0", 6);
    assert_string_equal(device_load(0, 6), "stored");
    watch_lines_swap(&it->watch, BASE + 40960, 6); /* of no page that is known */
}

static void first_accesses_open_a_page(void **state)
{
    (void)state;
    assert_int_equal(it->allowed[0], 0);
    assert_int_equal(it->allowed[PAGES - 1], 0);
    load(0, 4, CACHED);
    assert_int_equal(it->allowed[0], WATCH_READ);
    store(0, "a", CACHED);
    assert_int_equal(it->allowed[0], BOTH);
    assert_true(watch_is_open(&it->watch, BASE + 5));
    maintain(0, WATCH_CLEAN);
    assert_int_equal(it->allowed[0], 0);
    assert_false(watch_is_open(&it->watch, BASE + 5));
    watch_open(&it->watch, BASE, 0x1234, WATCH_EXCLUSIVE);
    assert_int_equal(it->allowed[0], BOTH);
    watch_disown(&it->watch, 7);
    assert_int_equal(it->allowed[0], BOTH);
}

/* More pages than there are copies for: what comes later is coherent, and a note says so. */
static void what_there_is_no_room_for_is_coherent(void **state)
{
    const unsigned room = (POOL - 2 * PAGES / 8) / 8192;

    (void)state;
    for (uint64_t page = 0; page < PAGES; page++) {
        store(page * 4096, "a", CACHED);
        maintain(page * 4096, WATCH_CLEAN);
        assert_int_equal(it->allowed[page], page < room ? 0 : BOTH);
    }
    assert_in_range(room, 1, PAGES - 1);
    assert_non_null(strstr(it->said, "watch: note: more pages"));
    assert_null(strstr(strstr(it->said, "more pages") + 1, "more pages"));
    store((PAGES - 1) * 4096, "b", CACHED);
    assert_string_equal(device_load((PAGES - 1) * 4096, 1), "b");
    device_store((PAGES - 1) * 4096, "c");
    assert_string_equal(load((PAGES - 1) * 4096, 1, CACHED), "c");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_is_cleaned_arrives),
        TEST(what_is_not_does_not),
        TEST(a_line_that_is_dirty_elsewhere_does_not_matter_to_a_read),
        TEST(what_nobody_stored_since_then_is_in_memory),
        TEST(a_clean_behind_the_device_loses_nothing),
        TEST(a_dirty_line_hides_what_the_device_writes),
        TEST(what_the_device_wrote_is_not_seen_before_an_invalidate),
        TEST(a_poll_may_come_too_late_once),
        TEST(a_store_beside_it_is_written_over_it),
        TEST(an_invalidate_loses_what_is_dirty),
        TEST(what_is_not_cached_is_seen_at_once),
        TEST(two_types_are_one_too_many),
        TEST(a_type_may_change_in_between),
        TEST(an_access_that_is_stepped_finds_what_it_shall),
        TEST(first_accesses_open_a_page),
        TEST(what_there_is_no_room_for_is_coherent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
