/* SPDX-License-Identifier: BSD-2-Clause */
/* Which bytes the CPU is kept off, to the byte; and what is said when it is not kept off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/vdma/watch/watch.h"

#define BASE  0x40000000u
#define PAGES 4096u
#define BOTH  3u

/* A door: what the CPU may do to each page, and what has been said. */
struct machine {
    uint8_t allowed[PAGES];
    char said[16384];
    unsigned stops;
    uint64_t callers[3];
    unsigned caller_count;
    bool is_leaf;
    struct watch_door door;
    struct watch watch;
};

static struct machine *machine;

static void allow(void *context, uint64_t memory, uint64_t bytes, unsigned allowed)
{
    struct machine *const it = context;

    assert_int_equal(memory % WATCH_PAGE, 0);
    assert_int_equal(bytes % WATCH_PAGE, 0);
    assert_true(memory >= BASE && (memory - BASE + bytes) / WATCH_PAGE <= PAGES);
    memset(it->allowed + (memory - BASE) / WATCH_PAGE, (int)allowed, bytes / WATCH_PAGE);
}

static void put(void *context, const char *text)
{
    struct machine *const it = context;

    assert_true(strlen(it->said) + strlen(text) < sizeof(it->said));
    strcat(it->said, text);
}

static unsigned callers(void *context, uint64_t *pcs, unsigned most, bool *is_leaf)
{
    struct machine *const it = context;

    assert_true(it->caller_count <= most);
    memcpy(pcs, it->callers, it->caller_count * sizeof(*pcs));
    *is_leaf = it->is_leaf;
    return it->caller_count;
}

static void stop(void *context)
{
    ((struct machine *)context)->stops++;
}

static int begin(void **state)
{
    machine = calloc(1, sizeof(*machine));
    memset(machine->allowed, BOTH, sizeof(machine->allowed));
    machine->door = (struct watch_door){.allow = allow, .put = put, .callers = callers};
    watch_init(&machine->watch, &machine->door, machine, WATCH_OWNER);
    *state = machine;
    return 0;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static void own(uint32_t request, uint64_t at, uint64_t length, unsigned access)
{
    const struct vdma_owned bytes = {.request = request,
                                     .type = VDMA_COPY,
                                     .segment = 3,
                                     .access = (uint8_t)access,
                                     .pc = 0xabc0,
                                     .memory = BASE + at,
                                     .length = length};

    watch_own(&machine->watch, &bytes);
}

/* One of the CPU's; its PC differs each time. */
static bool access_at(uint64_t at, uint32_t bytes, unsigned kind)
{
    static uint64_t pc = 0x10000;
    const struct watch_access access = {.memory = BASE + at,
                                        .virt = 0xffff000000000000 + BASE + at,
                                        .pc = pc += 4096,
                                        .bytes = bytes,
                                        .reads = (kind & WATCH_READ) != 0,
                                        .writes = (kind & WATCH_WRITE) != 0};

    return watch_access(&machine->watch, &access);
}

static unsigned allowed(unsigned page)
{
    return machine->allowed[page];
}

static void outgoing_bytes_may_be_read(void **state)
{
    (void)state;
    own(1, 4096 + 100, 50, VDMA_READS);
    assert_int_equal(allowed(0), BOTH);
    assert_int_equal(allowed(1), WATCH_READ);
    assert_int_equal(allowed(2), BOTH);
    assert_false(access_at(4096 + 100, 8, WATCH_READ));
    assert_false(access_at(4096 + 96, 4, WATCH_WRITE));
    assert_false(access_at(4096 + 150, 8, WATCH_WRITE));
    assert_string_equal(machine->said, "");
    assert_true(access_at(4096 + 96, 5, WATCH_WRITE));
    assert_true(access_at(4096 + 149, 1, WATCH_WRITE));
    assert_true(access_at(4096 + 96, 64, WATCH_READ | WATCH_WRITE));
    assert_non_null(strstr(machine->said, "watch: W01: "));
    assert_null(strstr(machine->said, "W02"));
    watch_disown(&machine->watch, 1);
    assert_int_equal(allowed(1), BOTH);
    assert_false(access_at(4096 + 100, 8, WATCH_WRITE));
}

static void incoming_bytes_may_not(void **state)
{
    (void)state;
    own(1, 4096 + 4000, 97, VDMA_WRITES); /* one byte of the next page */
    assert_int_equal(allowed(1), 0);
    assert_int_equal(allowed(2), 0);
    assert_int_equal(allowed(3), BOTH);
    assert_false(access_at(4096 + 3992, 8, WATCH_READ));
    assert_false(access_at(8193, 8, WATCH_WRITE));
    assert_true(access_at(8192, 1, WATCH_READ));
    assert_non_null(strstr(machine->said, "watch: W03: "));
    assert_true(access_at(8192, 1, WATCH_WRITE));
    assert_non_null(strstr(machine->said, "watch: W02: "));
}

/* A page is as closed as the strictest of those that have bytes of it. */
static void requests_share_a_page(void **state)
{
    (void)state;
    own(1, 0, 16, VDMA_READS);
    own(2, 16, 16, VDMA_WRITES);
    own(3, 32, 16, VDMA_READS);
    own(1, 64, 16, VDMA_READS);
    assert_int_equal(allowed(0), 0);
    assert_true(access_at(16, 1, WATCH_READ));
    watch_disown(&machine->watch, 2);
    assert_int_equal(allowed(0), WATCH_READ);
    assert_false(access_at(16, 1, WATCH_WRITE));
    watch_disown(&machine->watch, 1);
    assert_int_equal(allowed(0), WATCH_READ);
    assert_false(access_at(0, 1, WATCH_WRITE));
    assert_false(access_at(64, 1, WATCH_WRITE));
    assert_true(access_at(47, 1, WATCH_WRITE));
    watch_disown(&machine->watch, 3);
    assert_int_equal(allowed(0), BOTH);
    watch_disown(&machine->watch, 4); /* never was */
}

static void a_step_opens_its_pages(void **state)
{
    (void)state;
    own(1, 0, 8192, VDMA_WRITES);
    watch_step_begin(&machine->watch, BASE + 4088);
    watch_step_begin(&machine->watch, BASE + 4096);
    watch_step_begin(&machine->watch, BASE + 4096);
    assert_int_equal(allowed(0), BOTH);
    assert_int_equal(allowed(1), BOTH);
    own(2, 100, 4, VDMA_READS); /* meanwhile: it stays open */
    assert_int_equal(allowed(0), BOTH);
    watch_step_end(&machine->watch);
    assert_int_equal(allowed(0), 0);
    assert_int_equal(allowed(1), 0);
}

static void what_is_open_stays_so_until_the_last_byte_is_back(void **state)
{
    (void)state;
    own(1, 0, 4096, VDMA_WRITES);
    own(2, 4000, 200, VDMA_READS);
    watch_open(&machine->watch, BASE + 8, 0x1234, WATCH_EXCLUSIVE);
    assert_non_null(strstr(machine->said, "watch: note: the page at 0x40000000 is not watched"));
    assert_non_null(strstr(machine->said, "[<0000000000001234>]"));
    watch_open(&machine->watch, BASE + 8, 0x5678, WATCH_EXCLUSIVE);
    assert_null(strstr(machine->said, "5678"));
    assert_int_equal(allowed(0), BOTH);
    assert_int_equal(allowed(1), WATCH_READ);
    watch_disown(&machine->watch, 1);
    assert_int_equal(allowed(0), BOTH);
    watch_disown(&machine->watch, 2);
    own(3, 0, 1, VDMA_WRITES);
    assert_int_equal(allowed(0), 0);
}

/* More open pages than can be noted down: the last ones are given up, so that all goes on. */
static void many_pages_may_be_open(void **state)
{
    (void)state;
    own(1, 0, 100 * 4096, VDMA_WRITES);
    own(2, 100 * 4096, 4096, VDMA_READS);
    for (unsigned i = 0; i < 100; i++) {
        watch_open(&machine->watch, BASE + i * 4096, 0x1234, WATCH_WALK);
        assert_int_equal(allowed(i), BOTH);
    }
    assert_int_equal(allowed(100), WATCH_READ);
    watch_disown(&machine->watch, 1);
    own(1, 0, 100 * 4096, VDMA_WRITES);
    assert_int_equal(allowed(99), 0);
    assert_int_equal(allowed(0), 0);
}

static void more_pieces_than_there_is_room_for(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WATCH_OWNED; i++) {
        own(1, i * 4096, 1, VDMA_READS);
    }
    assert_string_equal(machine->said, "");
    own(2, WATCH_OWNED * 4096, 1, VDMA_READS);
    own(3, WATCH_OWNED * 4096, 1, VDMA_READS);
    assert_non_null(strstr(machine->said, "request 2"));
    assert_null(strstr(machine->said, "request 3"));
    assert_int_equal(allowed(WATCH_OWNED), BOTH);
    watch_disown(&machine->watch, 1);
    own(4, WATCH_OWNED * 4096, 1, VDMA_READS);
    assert_int_equal(allowed(WATCH_OWNED), WATCH_READ);
    watch_own(&machine->watch, &(struct vdma_owned){.memory = BASE}); /* nothing: no page of it */
    assert_int_equal(allowed(0), BOTH);
}

static unsigned reports(void)
{
    unsigned count = 0;

    for (const char *at = machine->said; (at = strstr(at, "\nwatch: W")) != NULL; at++) {
        count++;
    }
    return count;
}

static void place(uint64_t pc, uint64_t at, uint64_t caller, bool is_leaf)
{
    const struct watch_access access = {.memory = BASE + at, .pc = pc, .bytes = 1, .writes = true};

    machine->callers[0] = caller;
    machine->caller_count = 1;
    machine->is_leaf = is_leaf;
    assert_true(watch_access(&machine->watch, &access));
}

static void same_place(uint64_t pc, uint64_t caller, bool is_leaf)
{
    place(pc, 0, caller, is_leaf);
}

/* A place is reported once; a copying function once for each call of it. */
static void a_place_is_reported_once(void **state)
{
    (void)state;
    own(1, 0, 256, VDMA_READS);
    same_place(0x1000, 0x9000, false);
    same_place(0x1000, 0x9000, false);
    assert_int_equal(reports(), 1);
    place(0x1004, 100, 0x9000, false);
    assert_int_equal(reports(), 2);
    same_place(0x5000, 0x9000, true);
    same_place(0x5010, 0x9000, true);
    assert_int_equal(reports(), 3);
    same_place(0x5010, 0x9004, true);
    assert_int_equal(reports(), 4);
    same_place(0x9100, 0x9000, true); /* so near that it is no caller */
    place(0x9104, 100, 0x9000, true);
    assert_int_equal(reports(), 6);
    place(0xa000, 4, 0x9000, false); /* what goes on in memory goes on in one copy */
    place(0xa004, 5, 0x9000, false);
    place(0xa010, 6, 0x9000, false);
    assert_int_equal(reports(), 7);
    place(0xa014, 200, 0x9000, false);
    assert_int_equal(reports(), 8);
}

static void a_report_says_what_there_is_to_know(void **state)
{
    (void)state;
    machine->callers[0] = 0x1111;
    machine->caller_count = 1;
    watch_doorbell(&machine->watch);
    own(7, 0x1234, 16, VDMA_WRITES);
    machine->callers[0] = 0x2222;
    assert_true(watch_access(&machine->watch, &(struct watch_access){.memory = BASE + 0x1230,
                                                                     .virt = 0xffff000040001230,
                                                                     .pc = 0xffff000040201000,
                                                                     .bytes = 8,
                                                                     .reads = true,
                                                                     .user = true}));
    assert_string_equal(
        machine->said,
        "\nwatch: W03: the CPU reads bytes that the device is to write\n"
        "  the access       a load of 8 bytes at 0xffff000040001230, physical 0x40001230, by a "
        "program at EL0\n"
        "  by               [<ffff000040201000>]\n"
        "      called from  [<0000000000002222>]\n"
        "  whose            bytes 0x40001234 ... 0x40001243; descriptor of the chain: 3\n"
        "  of               request 7, a copy, which writes them; it has not been given back\n"
        "  since            the doorbell at [<000000000000abc0>]\n"
        "      called from  [<0000000000001111>]\n"
        "  why it matters   what is read may be old, new, or half of each\n"
        "  do instead       wait until the request has been given back, and read then\n"
        "  now              the program goes on as if nothing had been seen\n"
        "record: watch=owner rule=W03 pc=0xffff000040201000 virtual=0xffff000040001230 "
        "physical=0x40001230 bytes=0x8 reads=0x1 writes=0x0 request=0x7 type=0x56440101 where=0x0 "
        "segment=0x3 start=0x40001234 length=0x10 doorbell=0xabc0\n");
}

static void it_stops_if_it_is_asked_to(void **state)
{
    (void)state;
    machine->door.stop = stop;
    own(1, 0, 8, VDMA_READS);
    assert_false(access_at(8, 1, WATCH_WRITE));
    assert_int_equal(machine->stops, 0);
    assert_true(access_at(7, 1, WATCH_WRITE));
    assert_int_equal(machine->stops, 1);
}

static void refusals_are_told_where_that_is_asked_for(void **state)
{
    const struct vdma_record record = {.event = VDMA_EVENT_REFUSED,
                                       .rule = R05,
                                       .request = 9,
                                       .type = VDMA_FILL,
                                       .segment = 2,
                                       .value = 0x1001,
                                       .pc = 0x77};

    (void)state;
    watch_record(&machine->watch, &record);
    assert_string_equal(machine->said, "");
    watch_init(&machine->watch, &machine->door, machine, WATCH_RULES);
    watch_record(&machine->watch, &(struct vdma_record){.event = VDMA_EVENT_DONE, .rule = R05});
    own(1, 0, 8, VDMA_WRITES);
    assert_int_equal(allowed(0), BOTH);
    assert_string_equal(machine->said, "");
    watch_record(&machine->watch, &record);
    assert_non_null(
        strstr(machine->said, "watch: R05: the first segment's address is not aligned"));
    assert_non_null(strstr(machine->said, "request 9, a fill; descriptor of the chain: 2"));
    assert_non_null(strstr(machine->said, "record: watch=rules rule=R05 pc=0x77 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(outgoing_bytes_may_be_read, begin, end),
        cmocka_unit_test_setup_teardown(incoming_bytes_may_not, begin, end),
        cmocka_unit_test_setup_teardown(requests_share_a_page, begin, end),
        cmocka_unit_test_setup_teardown(a_step_opens_its_pages, begin, end),
        cmocka_unit_test_setup_teardown(what_is_open_stays_so_until_the_last_byte_is_back, begin,
                                        end),
        cmocka_unit_test_setup_teardown(many_pages_may_be_open, begin, end),
        cmocka_unit_test_setup_teardown(more_pieces_than_there_is_room_for, begin, end),
        cmocka_unit_test_setup_teardown(a_place_is_reported_once, begin, end),
        cmocka_unit_test_setup_teardown(a_report_says_what_there_is_to_know, begin, end),
        cmocka_unit_test_setup_teardown(it_stops_if_it_is_asked_to, begin, end),
        cmocka_unit_test_setup_teardown(refusals_are_told_where_that_is_asked_for, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
