/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of the command line: key=value, key="value with blanks", "key=value with blanks". */
#include <string.h>

#include "kernel/console.h"
#include "kernel/devicetree/devicetree_private.h"
#include "kernel/startup.h"

/* A word, read character by character without its quotes. */
struct word {
    const char *at;
    bool quoted;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r'); /* isspace of C's locale */
}

/* The next character; '\0' at the end of the word. */
static char next_character(struct word *word)
{
    /*
     * Anywhere in a word, as a shell has it: both ways of quoting that are stated above come out of
     * this one rule.
     */
    while (*word->at == '"') {
        word->quoted = !word->quoted;
        word->at++;
    }
    if (*word->at == '\0' || (!word->quoted && is_space(*word->at))) {
        return '\0';
    }
    return *word->at++;
}

/* The first word at or behind a place; false: there is none. */
static bool find_word(const char *at, struct word *word)
{
    while (is_space(*at)) {
        at++;
    }
    *word = (struct word){.at = at};
    return *at != '\0';
}

static const char *word_end(struct word word)
{
    while (next_character(&word) != '\0') {
        continue;
    }
    return word.at;
}

/* Step over "key="; false if the word does not begin so. */
static bool skip_key(struct word *word, const char *key)
{
    for (; *key != '\0'; key++) {
        if (next_character(word) != *key) {
            return false;
        }
    }
    return next_character(word) == '=';
}

static bool copy_rest(struct word word, char *value, size_t size)
{
    size_t length = 0;
    char c;

    while ((c = next_character(&word)) != '\0') {
        /* Refused and not cut: a shorter value would be another value. */
        if (length + 1 >= size) {
            return false;
        }
        value[length++] = c;
    }
    if (size == 0) {
        return false;
    }
    value[length] = '\0';
    return true;
}

bool devicetree_bootarg(const char *key, char *value, size_t size)
{
    struct word word, last = {.at = NULL};

    for (const char *at = devicetree_bootargs(); find_word(at, &word); at = word_end(word)) {
        /*
         * A copy: where the key does not match, the word is still to be stepped over from its
         * start.
         */
        struct word candidate = word;

        if (skip_key(&candidate, key)) {
            last = candidate; /* whoever adds to a command line adds at its end */
        }
    }
    return last.at != NULL && copy_rest(last, value, size);
}

static bool is_known(struct word word, const char *const *known, const char *const *end)
{
    for (; known < end; known++) {
        struct word candidate = word;

        if (skip_key(&candidate, *known)) {
            return true;
        }
    }
    return false;
}

void devicetree_check_bootargs(const char *const *known, const char *const *end)
{
    struct word word;

    for (const char *at = devicetree_bootargs(); find_word(at, &word); at = word_end(word)) {
        if (!is_known(word, known, end)) {
            /* A misspelt key changes nothing, which nobody would notice. */
            kprintf("bootargs: nothing here asks for %.*s\n", (int)(word_end(word) - word.at),
                    word.at);
        }
    }
}
