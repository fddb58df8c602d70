/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot arguments: split into words once, judged against what sources declare, handed to main. */
#include "kernel/options.h"

#include <string.h>

#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/exit.h"
#include "kernel/startup.h"

/* Static, since the first who asks (trace=on) does so before there is a heap. */
static char text[OPTIONS_TEXT];
static struct {
    char *text;
    bool for_others; /* ?key=value: nothing, where nobody declares it */
} words[OPTIONS_WORDS];
static unsigned count;
static const char *fault; /* why the boot arguments cannot be had */

static char *arguments[OPTIONS_WORDS + 2]; /* and argv[0], and the NULL */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r'); /* isspace of C's locale */
}

/*
 * Copy the word at `at` to text[*used], without its quotes; where it ends. They may stand
 * anywhere in it, as a shell has it: both ways of quoting that are customary (around the value,
 * around the whole word) come out of this one rule.
 */
static const char *take_word(const char *at, size_t *used)
{
    bool quoted = false;

    for (; *at != '\0' && (quoted || !is_space(*at)); at++) {
        if (*at == '"') {
            quoted = !quoted;
        } else if (*used + 1 < sizeof(text)) {
            text[(*used)++] = *at;
        } else {
            fault = "they are too long"; /* not cut: a shorter value would be another value */
            return at;
        }
    }
    if (quoted) {
        fault = "a double quote is not closed";
    }
    text[(*used)++] = '\0';
    return at;
}

void options_init(void)
{
    const char *at = devicetree_bootargs();
    size_t used = 0;

    count = 0;
    fault = NULL;
    for (;;) {
        while (is_space(*at)) {
            at++;
        }
        if (*at == '\0') {
            return;
        }
        if (count == OPTIONS_WORDS || used == sizeof(text)) {
            fault = count == OPTIONS_WORDS ? "there are too many words" : "they are too long";
        } else {
            words[count].for_others = *at == '?';
            at += words[count].for_others;
            words[count].text = text + used;
            at = take_word(at, &used);
        }
        if (fault != NULL) {
            count = 0; /* none rather than some of them */
            return;
        }
        count++;
    }
}

/* What stands behind "key=" in a word, "" if it is the key alone, NULL if it is another word. */
static const char *value_of(const char *word, const char *key)
{
    const size_t length = strlen(key);

    if (strncmp(word, key, length) != 0 || (word[length] != '=' && word[length] != '\0')) {
        return NULL;
    }
    return word + length + (word[length] == '=');
}

const char *option_value(const char *key)
{
    for (unsigned i = count; i-- > 0;) { /* whoever adds to a command line adds at its end */
        const char *const value = value_of(words[i].text, key);

        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}

/* Which of these a word is; NULL: none. */
static const struct program_option *find_option(const char *word,
                                                const struct program_option *const *first,
                                                const struct program_option *const *end)
{
    for (; first < end; first++) {
        if (value_of(word, (*first)->key) != NULL) {
            return *first;
        }
    }
    return NULL;
}

static const char *program_name(void)
{
    return options_program != NULL ? options_program[0] : "image";
}

static void print_form(const struct program_option *option)
{
    kprintf("%s%s%s", option->key, option->value != NULL ? "=" : "",
            option->value != NULL ? option->value : "");
}

static size_t form_length(const struct program_option *option)
{
    return strlen(option->key) + (option->value != NULL ? 1 + strlen(option->value) : 0);
}

static void print_options(const struct program_option *const *first,
                          const struct program_option *const *end)
{
    const size_t column = 28;

    for (; first < end; first++) {
        const size_t length = form_length(*first);

        kprintf("  ");
        print_form(*first);
        kprintf("%*s %s\n", (int)(length < column ? column - length : 0), "", (*first)->help);
    }
}

static void print_help(const struct options_declared *declared)
{
    if (options_program != NULL) {
        kprintf("%s: %s\n", options_program[0], options_program[1]);
    }
    kprintf("options, words of the boot arguments:\n");
    print_options(declared->image, declared->runtime);
    kprintf("of the runtime:\n");
    print_options(declared->runtime, declared->end);
    kprintf("  %-28s this list\n", "--help");
}

/* Is this word one that the image declares, in its form? Says why not. */
static bool is_well_formed(const char *word, const struct options_declared *declared)
{
    const struct program_option *const option = find_option(word, declared->image, declared->end);
    const bool has_value = strchr(word, '=') != NULL;

    if (option == NULL) {
        kprintf("%s: unknown option \"%s\"; there are", program_name(), word);
        for (const struct program_option *const *one = declared->image; one < declared->end;
             one++) {
            kprintf(" ");
            print_form(*one);
        }
        kprintf(" and --help\n");
        return false;
    }
    if (has_value == (option->value != NULL)) {
        return true;
    }
    kprintf("%s: option \"%s\" %s: ", program_name(), word,
            has_value ? "takes no value" : "needs a value");
    print_form(option);
    kprintf("\n");
    return false;
}

/* What an image that declares nothing makes of a word: main's, but perhaps by mistake. */
static void doubt(const char *word)
{
    if (word[0] != '-' && strchr(word, '=') != NULL) {
        /* A misspelt key changes nothing, which nobody would notice. */
        kprintf("bootargs: nothing here asks for %s\n", word);
    }
}

int options_check(const struct options_declared *declared)
{
    const bool strict = declared->image < declared->runtime;

    if (fault != NULL) {
        kprintf("bootargs: %s (at most %u words, %u bytes with one for the end of each)\n", fault,
                OPTIONS_WORDS, OPTIONS_TEXT);
        return EXIT_STATUS_USAGE;
    }
    for (unsigned i = 0; strict && i < count; i++) {
        if (strcmp(words[i].text, "--help") == 0) {
            print_help(declared);
            return EXIT_STATUS_PASSED;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        const struct program_option *const option =
            find_option(words[i].text, declared->image, declared->end);

        if (option == NULL && words[i].for_others) {
            continue;
        }
        if (strict && !is_well_formed(words[i].text, declared)) {
            return EXIT_STATUS_USAGE;
        }
        if (option == NULL) {
            doubt(words[i].text);
        }
    }
    return OPTIONS_GO_ON;
}

int options_arguments(const struct options_declared *declared, char ***argv)
{
    static char name[32];
    int argc = 0;

    for (size_t i = 0; i + 1 < sizeof(name) && program_name()[i] != '\0'; i++) {
        name[i] = program_name()[i];
    }
    arguments[argc++] = name;
    for (unsigned i = 0; i < count; i++) {
        const bool taken = find_option(words[i].text, declared->runtime, declared->end) != NULL;
        const bool known = find_option(words[i].text, declared->image, declared->runtime) != NULL;

        if (known || (!taken && !words[i].for_others)) {
            arguments[argc++] = words[i].text;
        }
    }
    arguments[argc] = NULL;
    *argv = arguments;
    return argc;
}
