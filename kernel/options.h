/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot arguments (/chosen/bootargs: `run.sh -a`, ARGS= of make, -append of QEMU) as
 * main's argc and argv, and as options that sources declare.
 *
 * Words end at white space. Between double quotes, which may stand around a word or any
 * part of it, white space is text; the quotes themselves are dropped: name="two words",
 * "name=two words" and na"me=two wor"ds are one argument. No character quotes a double quote.
 * A quote that is not closed, more than OPTIONS_TEXT bytes of words or more than OPTIONS_WORDS
 * words: the image ends with status 2 and says so, before main.
 *
 * argv[0] is the name that PROGRAM gives, or "image"; then come the words in their order, but
 * for those that the runtime itself takes (RUNTIME_OPTION, such as trace=on). Behind the last
 * is NULL. The strings may be written to.
 *
 * An image in which a source declares an OPTION knows all of its own: it ends with status 2
 * at a word that is none, naming those that there are, and lists them for the word --help
 * (status 0). An image without leaves every word to main; of one like a=b, which may be a
 * misspelt option of the runtime, it says that nothing here asks for it.
 *
 * A word ?key=value is for whoever declares this option, and nothing for everybody else:
 * scripts that plug in a device tell of it so.
 */
#ifndef KERNEL_OPTIONS_H
#define KERNEL_OPTIONS_H

#include "kernel/types.h"

enum {
    OPTIONS_TEXT = 4096, /* bytes of all words, the end of each counted as one */
    OPTIONS_WORDS = 255
};

/* One option, as it is declared; for start-up. */
struct program_option {
    const char *key;
    const char *value; /* what --help calls it, "BYTES"; NULL: the key stands alone */
    const char *help;  /* one line */
};

/*
 * OPTION(bits, "transfer.bits", "N", "the device has N address bits"); in a source says that
 * the image takes transfer.bits=N; with NULL for the value, that it takes the word alone.
 */
#define OPTION(identifier, key, value, help)                                                       \
    OPTIONS_ENTRY(identifier, ".options.image", key, value, help)

/* The same for a source of the runtime: declares nothing of what the image is about. */
#define RUNTIME_OPTION(identifier, key, value, help)                                               \
    OPTIONS_ENTRY(identifier, ".options.runtime", key, value, help)

/* PROGRAM("transfer", "move a file by DMA"); in one source: argv[0], and the head of --help. */
#define PROGRAM(name, what) const char *const options_program[2] = {(name), (what)}

/*
 * The value of the word "key=value", "" for the word "key" alone, the last one if there are
 * several; NULL if there is none. Of any key, declared or not. The string stays; it is the
 * one that argv points into. Callable anywhere, from the first initialiser on.
 */
const char *option_value(const char *key);

/* Behind the macros ------------------------------------------------------- */

#define OPTIONS_ENTRY(identifier, room, key, value, help)                                          \
    static const struct program_option option_##identifier = {(key), (value), (help)};             \
    static const struct program_option *const option_entry_##identifier                            \
        __attribute__((used, section(room))) = &option_##identifier

extern const char *const options_program[2] __attribute__((weak));

#endif
