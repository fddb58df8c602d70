/* SPDX-License-Identifier: BSD-2-Clause */
/* Expectations: compare, and print what was there. */
#include <string.h>

#include "descriptors/IOReturn.h"
#include "kernel/console.h"
#include "tests/harness/harness_private.h"

#define STATUS_SYSTEM 0xe0000000u /* IOKit's codes: system 0x38, their lowest 14 bits differ */
#define MEMORY_SHOWN  16          /* bytes of each side, from the first that differs */

static bool is_negative(struct harness_value value)
{
    return value.is_signed && (int64_t)value.bits < 0;
}

/* Less than, equal to or greater than zero, as a is to b. */
static int order(struct harness_value a, struct harness_value b)
{
    if (is_negative(a) != is_negative(b)) {
        return is_negative(a) ? -1 : 1;
    }
    /* Of one sign, two's complement orders like unsigned. */
    return a.bits < b.bits ? -1 : a.bits > b.bits;
}

static bool holds(int order, enum harness_relation relation)
{
    switch (relation) {
    case HARNESS_EQ:
        return order == 0;
    case HARNESS_NE:
        return order != 0;
    case HARNESS_LT:
        return order < 0;
    case HARNESS_LE:
        return order <= 0;
    case HARNESS_GT:
        return order > 0;
    case HARNESS_GE:
        return order >= 0;
    }
    return false;
}

static void print_place(const struct harness_place *place)
{
    kprintf("# %s:%d: %s(%s): ", place->file, place->line, place->macro, place->arguments);
}

/* A failure of IOKit's, at whatever width: no other number looks like that. */
static bool is_status(struct harness_value value)
{
    const uint64_t high = value.bits >> 32;

    return (high == 0 || high == UINT32_MAX) && (uint32_t)value.bits >> 14 == STATUS_SYSTEM >> 14;
}

/* A status beside another one is one as well: so 0 is printed by name too. */
static void print_status(struct harness_value value)
{
    kprintf("%s (0x%08x)", IOReturn_name((IOReturn)value.bits), (unsigned)value.bits);
}

static void print_value(struct harness_value value)
{
    if (is_negative(value)) {
        kprintf("%lld", (long long)value.bits);
    } else if (value.bits < 10) {
        kprintf("%llu", (unsigned long long)value.bits);
    } else {
        kprintf("%llu (0x%llx)", (unsigned long long)value.bits, (unsigned long long)value.bits);
    }
}

void harness_compare(struct harness_value a, enum harness_relation relation, struct harness_value b,
                     const struct harness_place *place)
{
    if (holds(order(a, b), relation)) {
        refusals_forget();
        return;
    }
    void (*const print)(struct harness_value) =
        is_status(a) || is_status(b) ? print_status : print_value;

    print_place(place);
    print(a);
    kprintf(" and ");
    print(b);
    kprintf("\n");
    harness_failed(place);
}

void harness_true(bool value, bool expected, const struct harness_place *place)
{
    if (value == expected) {
        refusals_forget();
        return;
    }
    print_place(place);
    kprintf("%s\n", value ? "true" : "false");
    harness_failed(place);
}

static void print_string(const char *string)
{
    if (string == NULL) {
        kprintf("NULL");
        return;
    }
    kprintf("\"");
    for (; *string != '\0'; string++) {
        if (*string < ' ' || *string > '~') {
            kprintf("\\x%02x", (unsigned char)*string);
        } else {
            kprintf("%c", *string);
        }
    }
    kprintf("\"");
}

void harness_string(const char *a, const char *b, const struct harness_place *place)
{
    if (a == b || (a != NULL && b != NULL && strcmp(a, b) == 0)) {
        refusals_forget();
        return;
    }
    print_place(place);
    print_string(a);
    kprintf(" and ");
    print_string(b);
    kprintf("\n");
    harness_failed(place);
}

static void print_bytes(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count && i < MEMORY_SHOWN; i++) {
        kprintf(" %02x", bytes[i]);
    }
}

void harness_memory(const void *a, const void *b, size_t size, const struct harness_place *place)
{
    const uint8_t *p = a, *q = b;
    size_t at = 0;

    while (at < size && p[at] == q[at]) {
        at++;
    }
    if (at == size) {
        refusals_forget();
        return;
    }
    print_place(place);
    kprintf("at offset %zu of %zu:", at, size);
    print_bytes(p + at, size - at);
    kprintf(" and");
    print_bytes(q + at, size - at);
    kprintf("\n");
    harness_failed(place);
}
