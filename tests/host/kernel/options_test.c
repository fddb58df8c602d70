/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot arguments: words and quotes, limits, what main gets and what an image refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/exit.h"
#include "kernel/options.h"
#include "kernel/startup.h"
#include "tests/host/kernel/tree_writer.h"
#include "tests/host/sim/sim_console.h"

static const struct program_option bits = {"bits", "N", "address bits"};
static const struct program_option slow = {"slow", NULL, "take your time"};
static const struct program_option trace = {"trace", "on", "record"};
static const struct program_option *const table[] = {&bits, &slow, &trace};

static const struct options_declared strict = {table, table + 2, table + 3};
static const struct options_declared nothing = {table + 2, table + 2, table + 3}; /* of its own */

static char **argv;
static int argc;

static void set_bootargs(const char *text)
{
    begin_tree();
    begin("chosen");
    ok(fdt_property_string(tree, "bootargs", text));
    end();
    assert_null(finish_tree());
    options_init();
    sim_console_forget();
}

/* What main would see. */
static void arguments(const struct options_declared *declared, const char *text)
{
    set_bootargs(text);
    assert_int_equal(options_check(declared), OPTIONS_GO_ON);
    argc = options_arguments(declared, &argv);
    assert_null(argv[argc]);
    assert_string_equal(argv[0], "image");
}

static void test_words_and_quotes(void **state)
{
    (void)state;
    arguments(&nothing, "\t one \"two words\"\vna\"me=tw\"o\"\"\r\f'a b' c\\d \"\" \"x\ty\"");
    assert_int_equal(argc, 9);
    assert_string_equal(argv[1], "one");
    assert_string_equal(argv[2], "two words");
    assert_string_equal(argv[3], "name=two");
    assert_string_equal(argv[4], "'a"); /* only double quotes quote */
    assert_string_equal(argv[5], "b'");
    assert_string_equal(argv[6], "c\\d");
    assert_string_equal(argv[7], "");
    assert_string_equal(argv[8], "x\ty");
    arguments(&nothing, " \t ");
    assert_int_equal(argc, 1);
    arguments(&nothing, "");
    assert_int_equal(argc, 1);
}

static void test_values(void **state)
{
    (void)state;
    set_bootargs("a=1 \"b=two words\" c.d=\"x\"y\"z w\" a=2 lone e= =f");
    assert_string_equal(option_value("a"), "2"); /* the last of two */
    assert_string_equal(option_value("b"), "two words");
    assert_string_equal(option_value("c.d"), "xyz w");
    assert_string_equal(option_value("lone"), "");
    assert_string_equal(option_value("e"), "");
    assert_null(option_value("lon"));
    assert_null(option_value("lonely"));
    assert_null(option_value("words\""));
    assert_null(option_value("c"));
}

static void test_main_gets_what_the_runtime_leaves(void **state)
{
    (void)state;
    arguments(&nothing, "trace=on -v file trase=on --size=4 ?bits=31 trace");
    assert_int_equal(argc, 5);
    assert_string_equal(argv[1], "-v");
    assert_string_equal(argv[2], "file");
    assert_string_equal(argv[3], "trase=on");
    assert_string_equal(argv[4], "--size=4");
    /* Only what may be a misspelt option is worth a line. */
    assert_true(sim_console_said("bootargs: nothing here asks for trase=on\n"));
    assert_false(sim_console_said("size"));
    assert_false(sim_console_said("file"));
    assert_false(sim_console_said("bits"));
    arguments(&strict, "bits=31 trace=on slow ?bits=30 ?other=1");
    assert_int_equal(argc, 4);
    assert_string_equal(argv[1], "bits=31");
    assert_string_equal(argv[2], "slow");
    assert_string_equal(argv[3], "bits=30");
    assert_string_equal(option_value("bits"), "30");
    assert_false(sim_console_said("bootargs"));
}

static void refused(const char *text, const char *why)
{
    set_bootargs(text);
    assert_int_equal(options_check(&strict), EXIT_STATUS_USAGE);
    assert_true(sim_console_said(why));
}

static void test_refusals(void **state)
{
    (void)state;
    refused("bits=31 bit=32",
            "image: unknown option \"bit=32\"; there are bits=N slow trace=on and --help\n");
    refused("file", "unknown option \"file\"");
    refused("-h", "unknown option \"-h\"");
    refused("\"\"", "unknown option \"\"");
    refused("bitsy=1", "unknown option \"bitsy=1\"");
    refused("bits", "image: option \"bits\" needs a value: bits=N\n");
    refused("slow=1", "image: option \"slow=1\" takes no value: slow\n");
    refused("?slow=1", "takes no value");
    refused("trace", "option \"trace\" needs a value: trace=on\n");
}

static void test_help(void **state)
{
    (void)state;
    set_bootargs("bits=x rubbish --help");
    assert_int_equal(options_check(&strict), EXIT_STATUS_PASSED);
    assert_true(sim_console_said("  bits=N                       address bits\n"
                                 "  slow                         take your time\n"
                                 "of the runtime:\n"
                                 "  trace=on                     record\n"));
    arguments(&nothing, "--help"); /* is main's, where nothing is declared */
    assert_string_equal(argv[1], "--help");
}

/* `n` words of `length` characters each, and whether that is accepted. */
static bool fits(unsigned n, unsigned length)
{
    char *const text = malloc((size_t)n * (length + 1) + 1), *at = text;

    assert_non_null(text);
    for (unsigned i = 0; i < n; i++) {
        memset(at, 'a', length);
        at[length] = ' ';
        at += length + 1;
    }
    *at = '\0';
    set_bootargs(text);
    free(text);
    if (options_check(&nothing) == OPTIONS_GO_ON) {
        assert_int_equal(options_arguments(&nothing, &argv), n + 1);
        return true;
    }
    assert_null(option_value("a"));
    assert_int_equal(options_check(&nothing), EXIT_STATUS_USAGE);
    assert_int_equal(options_arguments(&nothing, &argv), 1); /* none rather than some */
    return false;
}

static void test_limits(void **state)
{
    (void)state;
    assert_true(fits(OPTIONS_WORDS, 1));
    assert_false(fits(OPTIONS_WORDS + 1, 1));
    assert_true(sim_console_said("bootargs: there are too many words (at most 255 words, 4096 "
                                 "bytes with one for the end of each)\n"));
    assert_true(fits(1, OPTIONS_TEXT - 1));
    assert_false(fits(1, OPTIONS_TEXT));
    assert_true(sim_console_said("bootargs: they are too long"));
    assert_true(fits(2, OPTIONS_TEXT / 2 - 1));
    assert_false(fits(3, OPTIONS_TEXT / 2 - 1));
    assert_true(fits(64, OPTIONS_TEXT / 64 - 1));
    assert_false(fits(65, OPTIONS_TEXT / 64 - 1));
}

static void test_an_open_quote(void **state)
{
    (void)state;
    set_bootargs("a=1 b=\"open c=1");
    assert_int_equal(options_check(&nothing), EXIT_STATUS_USAGE);
    assert_true(sim_console_said("bootargs: a double quote is not closed"));
    assert_null(option_value("a"));
    set_bootargs("a=1");
    assert_int_equal(options_check(&nothing), OPTIONS_GO_ON);
    assert_string_equal(option_value("a"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_quotes),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_main_gets_what_the_runtime_leaves),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_an_open_quote),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
