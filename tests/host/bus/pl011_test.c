/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver of the console: which UART it takes, and what it does with it. */
#include <stdio.h>
#include <string.h>

#include "boot/early_pl011.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "tests/host/bus/machine.h"
#include "tests/host/sim/sim_console.h"

#define FIRST  0x09000000ull
#define SECOND 0x09040000ull

extern initialiser_t *const initialiser_pl011_probe;

static struct console *registered;
static uintptr_t written_to;
static char written[32];

/* The console and boot's way of sending, as far as the driver knows them. */
struct console *console_register(struct console *console)
{
    struct console *before = registered;

    registered = console;
    return before;
}

void pl011_write(uintptr_t base, const char *text, size_t length)
{
    written_to = base;
    snprintf(written, sizeof(written), "%.*s", (int)length, text);
}

/* --- Two UARTs -------------------------------------------------------------------------------- */

static uint32_t flags, data;

static uint64_t read_uart(struct sim_registers *self, uint64_t offset, unsigned width)
{
    (void)self;
    assert_int_equal(width, 4);
    log_access(offset, 0, width, false);
    switch (offset) {
    case PL011_FR:
        return flags;
    case PL011_DR:
        return data;
    default:
        fail_msg("a read at %#x", (unsigned)offset);
        return 0;
    }
}

static void write_uart(struct sim_registers *self, uint64_t offset, uint64_t value, unsigned width)
{
    (void)self;
    log_access(offset, value, width, true);
}

static struct sim_registers uarts[] = {
    {.size = PAGE_SIZE, .read = read_uart, .write = write_uart},
    {.size = PAGE_SIZE, .read = read_uart, .write = write_uart},
};

static void add_uart(const char *name, uint64_t base)
{
    begin(name);
    ok(fdt_property_string(tree, "compatible", "arm,pl011"));
    add_registers(base, PAGE_SIZE);
    end();
}

static void probe_tree(void)
{
    assert_null(finish_tree());
    log_forget();
    registered = NULL;
    initialiser_pl011_probe();
}

/* A machine with these two, NULL for one that is not there, and this path to the console. */
static void probe(const char *first, const char *second, const char *path)
{
    begin_tree();
    add_memory();
    if (first != NULL) {
        add_uart(first, FIRST);
    }
    if (second != NULL) {
        add_uart(second, SECOND);
    }
    begin("chosen");
    if (path != NULL) {
        ok(fdt_property_string(tree, "stdout-path", path));
    }
    end();
    probe_tree();
}

static int start(void **state)
{
    uarts[0].start = phys_to_virt(paddr(FIRST));
    uarts[1].start = phys_to_virt(paddr(SECOND));
    sim_mmio_plug(&uarts[0]);
    sim_mmio_plug(&uarts[1]);
    return machine_start(state);
}

/* It is switched on, and it is this one that is written to. */
static void assert_uses(const struct sim_registers *uart)
{
    static const uint64_t on[][2] = {{PL011_CR, PL011_CR_ON}};

    assert_non_null(registered);
    assert_written(on, 1);
    registered->write(registered, "text", 3);
    assert_int_equal(written_to, (uintptr_t)uart->start);
    assert_string_equal(written, "tex");
}

static void test_the_one_that_is_named(void **state)
{
    (void)state;
    probe("pl011@9000000", "pl011@9040000", "/pl011@9040000");
    assert_uses(&uarts[1]);
    probe("pl011@9000000", "pl011@9040000", "/pl011@9000000");
    assert_uses(&uarts[0]);
    probe("pl011@9000000", "pl011@9040000", "/pl011@9040000:115200n8"); /* options follow */
    assert_uses(&uarts[1]);
    probe("pl011@9000000", "pl011@9040000", "/soc/bus/pl011@9040000");
    assert_uses(&uarts[1]);
}

/* What only looks like the name of the second leaves it at the first. */
static void test_the_first_otherwise(void **state)
{
    static const char *const paths[] = {
        NULL,   "",     "/",   "serial0", "a",     "/not-there", "/abc",
        "/bcd", "/x-a", "/aa", "/a/b",    "/b:/a", "a",          "/somewhere/x/a/:",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        probe("first", "a", paths[i]);
        assert_uses(&uarts[0]);
    }
    probe("first", "a", "/a");
    assert_uses(&uarts[1]);
    probe("first", "a", "x/a");
    assert_uses(&uarts[1]);
}

/* The name of the second is all there is of the path, and what happens to precede it a slash. */
static void test_a_slash_before_the_path(void **state)
{
    /* The writer lays names out from the last to the first: this one puts the path's at '/'. */
    char name['/'];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    begin_tree();
    add_memory();
    add_uart("first", FIRST);
    add_uart("a", SECOND);
    begin("chosen");
    ok(fdt_property_string(tree, "stdout-path", "a"));
    ok(fdt_property(tree, name, "", 0));
    end();
    probe_tree();
    assert_string_equal(devicetree_stdout_path(), "a");
    assert_int_equal(devicetree_stdout_path()[-1], '/');
    assert_uses(&uarts[0]);
}

/* The root is a node like others, though its offset is 0 and its name empty. */
static void test_the_root(void **state)
{
    static const struct {
        const char *path;
        unsigned used;
    } cases[] = {{"", 0}, {"/", 0}, {"/a", 1}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_tree();
        ok(fdt_property_string(tree, "compatible", "arm,pl011"));
        /* Nothing is above it that says another number of cells than the usual: 2 and 1. */
        cells("reg", 3, 0u, (unsigned)FIRST, (unsigned)PAGE_SIZE);
        add_memory();
        add_uart("a", SECOND);
        begin("chosen");
        ok(fdt_property_string(tree, "stdout-path", cases[i].path));
        end();
        probe_tree();
        assert_uses(&uarts[cases[i].used]);
    }
}

static void test_none(void **state)
{
    (void)state;
    probe(NULL, NULL, "/pl011@9040000");
    assert_null(registered);
    assert_int_equal(log_count, 0);
    probe(NULL, "pl011@9040000", NULL);
    assert_uses(&uarts[1]);
}

/* Without registers, or with some that are RAM: what boot sends with stays. */
static void test_unusable(void **state)
{
    (void)state;
    begin_tree();
    add_memory();
    begin("pl011@9000000");
    ok(fdt_property_string(tree, "compatible", "arm,pl011"));
    end();
    assert_null(finish_tree());
    log_forget();
    sim_console_forget();
    registered = NULL;
    initialiser_pl011_probe();
    assert_null(registered);
    assert_false(sim_console_said("pl011"));

    begin_tree();
    add_memory();
    add_uart("pl011@40000000", 0x40000000);
    assert_null(finish_tree());
    initialiser_pl011_probe();
    assert_null(registered);
    assert_int_equal(log_count, 0);
    assert_true(sim_console_said("pl011: its registers at 0x40000000 cannot be mapped\n"));
}

static void test_input(void **state)
{
    (void)state;
    probe("first", NULL, NULL);
    log_forget();
    flags = PL011_FR_TXFF | PL011_FR_RXFE;
    data = 'n';
    assert_int_equal(registered->read(registered), -1);
    assert_int_equal(log_count, 1); /* to read the other register would lose a byte */
    flags = PL011_FR_TXFF;
    data = 0xf00 | 0xe9; /* errors stand above the byte */
    assert_int_equal(registered->read(registered), 0xe9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_one_that_is_named),
        cmocka_unit_test(test_the_first_otherwise),
        cmocka_unit_test(test_a_slash_before_the_path),
        cmocka_unit_test(test_the_root),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_input),
    };

    return cmocka_run_group_tests(tests, start, machine_stop);
}
