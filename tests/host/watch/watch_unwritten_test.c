/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes that nobody has written since they were allocated: who reads them, and what a short
 * transfer leaves of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/vdma/watch/watch.h"

#define BASE  0x40000000u
#define PAGES 16u
#define BOTH  3u

struct machine {
    uint8_t ram[PAGES * WATCH_PAGE];
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
    return it->ram + (memory - BASE);
}

static int begin(void **state)
{
    it = calloc(1, sizeof(*it));
    memset(it->allowed, BOTH, sizeof(it->allowed));
    it->door = (struct watch_door){.allow = allow, .put = put, .memory = memory};
    watch_init(&it->watch, &it->door, NULL, WATCH_INIT);
    *state = it;
    return 0;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static bool was_said(const char *rule)
{
    char title[32] = "watch: ";
    const bool was = strstr(it->said, strcat(strcat(title, rule), ": ")) != NULL;

    *it->said = '\0';
    return was;
}

/* Does the device's reading of these bytes give rise to a report? */
static bool device_reads(uint64_t at, uint32_t length)
{
    static uint8_t to[WATCH_PAGE];

    it->watch.said_count = 0; /* as if of another doorbell */
    watch_device_reads(&it->watch, BASE + at, to, length);
    assert_memory_equal(to, it->ram + at, length);
    return was_said("W21");
}

static void the_device_reads_what_nobody_wrote(void **state)
{
    (void)state;
    memset(it->ram, 0x33, WATCH_PAGE);
    assert_false(device_reads(0, 4096));
    watch_allocated(&it->watch, BASE + 100, 200);
    assert_int_equal(it->ram[99], 0x33);
    assert_int_equal(it->ram[300], 0x33);
    assert_true(device_reads(0, 4096));
    assert_true(device_reads(100, 8));
    assert_true(device_reads(292, 8));
    assert_false(device_reads(93, 14)); /* seven of them */
    memset(it->ram + 100, 'a', 193);
    assert_false(device_reads(0, 4096)); /* as many are left */
    watch_allocated(&it->watch, BASE + 100, 200);
    memset(it->ram + 100, 'a', 192);
    assert_true(device_reads(0, 4096));
}

/* Wherever it is copied to, and wherever it begins. */
static void copies_of_it_are_known(void **state)
{
    (void)state;
    watch_allocated(&it->watch, BASE + 64, 64);
    for (unsigned from = 64; from < 72; from++) {
        for (unsigned to = 8192; to < 8200; to++) {
            memset(it->ram + 8192, 0, 64);
            memcpy(it->ram + to, it->ram + from, 8);
            assert_true(device_reads(8192, 64));
            it->ram[to + 3] ^= 1;
            assert_false(device_reads(8192, 64));
        }
    }
}

static void a_report_names_the_allocation(void **state)
{
    (void)state;
    watch_allocated(&it->watch, BASE, 64);
    memset(it->ram, 'a', 40);
    watch_device_reads(&it->watch, BASE, it->ram + 8192, 64);
    assert_non_null(strstr(it->said, "24 bytes at physical 0x40000028"));
    assert_non_null(strstr(it->said, "64 bytes, of which this is number 40"));
}

static void record(unsigned event, uint32_t request, uint64_t at, uint64_t length, unsigned code)
{
    const struct vdma_record record = {.event = (uint16_t)event,
                                       .request = request,
                                       .address = BASE + at,
                                       .length = length,
                                       .type = VDMA_FILL,
                                       .code = (uint8_t)code};

    watch_record(&it->watch, &record);
}

static bool cpu(uint64_t at, uint32_t bytes, bool write)
{
    static uint64_t pc = 0x1000;
    const struct watch_access access = {
        .memory = BASE + at, .pc = pc += 4096, .bytes = bytes, .reads = !write, .writes = write};
    const bool wrong = watch_access(&it->watch, &access);

    assert_true(wrong == was_said("W22"));
    return wrong;
}

/* A fill of 4000 bytes over two segments, of which `moved` are written. */
static void short_fill(uint64_t moved)
{
    watch_allocated(&it->watch, BASE, 2000);
    watch_allocated(&it->watch, BASE + 4096, 2000);
    record(VDMA_EVENT_SEGMENT, 1, 0, 2000, VDMA_WRITES);
    record(VDMA_EVENT_SEGMENT, 1, 8192, 100, VDMA_READS);
    record(VDMA_EVENT_SEGMENT, 2, 12288, 100, VDMA_WRITES);
    record(VDMA_EVENT_SEGMENT, 1, 4096, 2000, VDMA_WRITES);
    record(VDMA_EVENT_DONE, 1, 0, moved, 0);
}

static void what_a_short_transfer_leaves_is_not_to_be_read(void **state)
{
    (void)state;
    short_fill(2100);
    assert_int_equal(it->allowed[0], BOTH);
    assert_int_equal(it->allowed[1], 0);
    assert_int_equal(it->allowed[3], BOTH);
    assert_false(cpu(4096 + 92, 8, false));
    assert_false(cpu(4096 + 2000, 8, false));
    assert_true(cpu(4096 + 93, 8, false));
    assert_true(cpu(4096 + 1999, 1, false));
    assert_true(cpu(4096 + 1000, 8, false));
    /* What the program writes is its own. */
    assert_false(cpu(4096 + 1000, 8, true));
    assert_false(cpu(4096 + 1000, 8, false));
    assert_true(cpu(4096 + 992, 8, false));
    assert_true(cpu(4096 + 1008, 8, false));
    for (uint64_t at = 4096 + 104; at < 4096 + 2000; at += 8) {
        assert_false(cpu(at, 8, true));
    }
    assert_true(cpu(4096 + 96, 8, false));
    assert_false(cpu(4096 + 96, 8, true));
    assert_int_equal(it->allowed[1], BOTH);
}

static void a_report_names_the_transfer(void **state)
{
    (void)state;
    short_fill(2100);
    assert_true(watch_access(
        &it->watch, &(struct watch_access){
                        .memory = BASE + 4096 + 500, .pc = 0x1000, .bytes = 8, .reads = true}));
    assert_non_null(
        strstr(it->said, "left by          request 1, a fill, which has moved 2100 bytes"));
}

static void what_was_written_before_may_be(void **state)
{
    (void)state;
    watch_allocated(&it->watch, BASE, 2000);
    memset(it->ram + 500, 0, 1000);
    record(VDMA_EVENT_SEGMENT, 1, 0, 2000, VDMA_WRITES);
    record(VDMA_EVENT_DONE, 1, 0, 100, 0);
    assert_true(cpu(496, 8, false));
    assert_false(cpu(500, 8, false));
    assert_false(cpu(1492, 8, false));
    assert_true(cpu(1500, 8, false));
}

static void others_may_fill_it(void **state)
{
    (void)state;
    short_fill(0);
    assert_int_equal(it->allowed[0], 0);
    record(VDMA_EVENT_SEGMENT, 3, 0, 1000, VDMA_WRITES); /* another request */
    assert_false(cpu(992, 8, false));
    assert_true(cpu(1000, 8, false));
    watch_allocated(&it->watch, BASE + 1000, 1000); /* or another owner */
    assert_false(cpu(1000, 8, false));
    assert_int_equal(it->allowed[0], BOTH);
    short_fill(4000);
    assert_int_equal(it->allowed[1], BOTH);
}

static void a_reset_forgets_what_was_to_be_written(void **state)
{
    (void)state;
    watch_allocated(&it->watch, BASE, 2000);
    record(VDMA_EVENT_SEGMENT, 1, 0, 2000, VDMA_WRITES);
    record(VDMA_EVENT_RESET, 0, 0, 0, 0);
    record(VDMA_EVENT_DONE, 1, 0, 0, 0);
    assert_int_equal(it->allowed[0], BOTH);
}

static void without_being_asked_it_does_nothing(void **state)
{
    (void)state;
    watch_init(&it->watch, &it->door, NULL, WATCH_OWNER);
    watch_allocated(&it->watch, BASE, 64);
    assert_int_equal(it->ram[0], 0);
    record(VDMA_EVENT_SEGMENT, 1, 0, 64, VDMA_WRITES);
    record(VDMA_EVENT_DONE, 1, 0, 0, 0);
    assert_int_equal(it->allowed[0], BOTH);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_device_reads_what_nobody_wrote),
        TEST(copies_of_it_are_known),
        TEST(a_report_names_the_allocation),
        TEST(what_a_short_transfer_leaves_is_not_to_be_read),
        TEST(a_report_names_the_transfer),
        TEST(what_was_written_before_may_be),
        TEST(others_may_fill_it),
        TEST(a_reset_forgets_what_was_to_be_written),
        TEST(without_being_asked_it_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
