/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of the command line: key=value, key="value with blanks". */
#include <string.h>

#include "kernel/devicetree.h"

/* The end of a word: a blank outside quotes. */
static const char *word_end(const char *at)
{
    bool quoted = false;

    for (; *at && (quoted || *at != ' '); at++) {
        if (*at == '"') {
            quoted = !quoted;
        }
    }
    return at;
}

bool devicetree_bootarg(const char *key, char *value, size_t size)
{
    const size_t key_length = strlen(key);
    const char *at = devicetree_bootargs();

    while (*at) {
        const char *end = word_end(at);

        if ((size_t)(end - at) > key_length && strncmp(at, key, key_length) == 0 &&
            at[key_length] == '=') {
            size_t length = 0;

            for (at += key_length + 1; at < end; at++) {
                if (*at == '"') {
                    continue;
                }
                if (length + 1 >= size) {
                    return false;
                }
                value[length++] = *at;
            }
            if (size == 0) {
                return false;
            }
            value[length] = '\0';
            return true;
        }
        at = *end ? end + 1 : end;
    }
    return false;
}
