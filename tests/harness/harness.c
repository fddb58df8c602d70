/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the tests of an image one after the other and speaks TAP 13. */
#include "tests/harness/harness.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/irq.h"
#include "kernel/options.h"
#include "tests/harness/harness_private.h"

extern const struct harness_test *const __tests_start[], *const __tests_end[];

enum way_out {
    RETURNED = 0,
    LEFT
}; /* of a test; LEFT by ASSERT_ or SKIP */

static struct {
    jmp_buf leave;
    bool failed;
    const char *skipped; /* the reason */
} current;

void harness_failed(const struct harness_place *place)
{
    current.failed = true;
    refusals_print();
    if (place->fatal && !irq_in_handler()) {
        longjmp(current.leave, LEFT);
    }
}

_Noreturn void harness_skip(const char *reason)
{
    current.skipped = reason;
    longjmp(current.leave, LEFT);
}

void(harness_note)(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    kprintf("# ");
    kvprintf(format, arguments);
    kprintf("\n");
    va_end(arguments);
}

void harness_keeps(const char *why)
{
    if (!balance_holds()) {
        harness_note("kept on purpose: %s", why);
        balance_take();
    }
}

static void run_test(const struct harness_test *test, unsigned number)
{
    kprintf("# start %s\n", test->name);
    current.failed = false;
    current.skipped = NULL;
    balance_take();
    objects_watch();
    refusals_watch();
    reports_watch();

    const irq_state_t before = irq_mask();
    irq_restore(before);
    enum way_out way_out = setjmp(current.leave);
    if (way_out == RETURNED) {
        test->run();
    }
    const irq_state_t after = irq_mask();
    irq_restore(before);

    fflush(stdout); /* what the test printed belongs before its verdict */
    if (after != before && way_out == RETURNED) {
        harness_note("interrupts were left masked");
        current.failed = true;
    }
    if (!reports_hold()) {
        current.failed = true;
    }
    if (!objects_intact()) {
        current.failed = true;
    }
    if (!balance_holds()) {
        objects_print_left();
        current.failed = true;
    }
    kprintf("%s %u %s%s%s\n", current.failed ? "not ok" : "ok", number, test->name,
            current.skipped != NULL ? " # SKIP " : "",
            current.skipped != NULL ? current.skipped : "");
}

static bool is_selected(const struct harness_test *test, const char *name, bool exactly)
{
    return exactly ? strcmp(test->name, name) == 0 : strstr(test->name, name) != NULL;
}

static unsigned count_selected(const char *name, bool exactly)
{
    unsigned count = 0;

    for (const struct harness_test *const *test = __tests_start; test < __tests_end; test++) {
        count += is_selected(*test, name, exactly);
    }
    return count;
}

/* Nothing to run: why, and what there is. */
static void print_nothing(const char *name)
{
    if (&__tests_start[0] == &__tests_end[0]) {
        kprintf("harness: there is no TEST in this image (tests/harness/harness.h)\n");
        return;
    }
    kprintf("harness: no test is called \"%s\"; there are:\n", name);
    for (const struct harness_test *const *test = __tests_start; test < __tests_end; test++) {
        kprintf("  %s\n", (*test)->name);
    }
}

PROGRAM("tests", "the tests of one subject, as TAP 13");
OPTION(test, "test", "NAME", "the test of that name, or else those with this in their names");

/* stdio keeps what it makes for its first stream, so that it is no test's. */
static void make_streams(void)
{
    FILE *const first = fdopen(STDIN_FILENO, "r");

    if (first != NULL) {
        fclose(first);
    }
}

int main(void)
{
    const char *const asked = option_value("test"), *const name = asked != NULL ? asked : "";
    unsigned number = 0, failed = 0, skipped = 0;

    const bool exactly = count_selected(name, true) != 0;
    const unsigned count = count_selected(name, exactly);
    if (count == 0) {
        print_nothing(name);
        return EXIT_STATUS_USAGE;
    }

    make_streams();
    printf("TAP version 13\n1..%u\n", count);
    fflush(stdout);
    for (const struct harness_test *const *test = __tests_start; test < __tests_end; test++) {
        if (is_selected(*test, name, exactly)) {
            run_test(*test, ++number);
            failed += current.failed;
            skipped += current.skipped != NULL;
        }
    }
    if (failed != 0) {
        return EXIT_STATUS_FAILED;
    }
    return skipped == count ? EXIT_STATUS_SKIPPED : EXIT_STATUS_PASSED;
}
