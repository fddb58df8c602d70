/* SPDX-License-Identifier: BSD-2-Clause */
/* Who hears why calls are refused, in debug builds. */
#include "descriptors/object/IORefuse.h"

#include <string.h>

static void nobody(const char *where, const char *format, va_list arguments)
{
    (void)where;
    (void)format;
    (void)arguments;
}

static IOReturn_RefusalListener *listener = nobody;

void IOReturn_listenToRefusals(IOReturn_RefusalListener *function)
{
    __atomic_store_n(&listener, function != NULL ? function : nobody, __ATOMIC_RELAXED);
}

/*
 * A loop that is refused each time would bury the log: of a row of the same refusals the 1st,
 * 2nd, 4th, 8th, ... is said.
 */
static bool is_worth_a_line(const char *where, const char *format)
{
    static const char *last_where, *last_format;
    static unsigned row;

    if (where != last_where || format != last_format) {
        last_where = where;
        last_format = format;
        row = 0;
    }
    row++;
    return (row & (row - 1)) == 0;
}

static void tell_listener(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *where = va_arg(arguments, const char *);
    __atomic_load_n(&listener, __ATOMIC_RELAXED)(where, format + strlen("%s: "), arguments);
    va_end(arguments);
}

static void say_nothing(const char *format, ...)
{
    (void)format;
}

const char *IORefuse_where(const char *function, const char *file)
{
    return function[0] == 'I' ? function : file;
}

IORefuse_Voice *IORefuse_voice(const char *where, const char *format)
{
    if (__atomic_load_n(&listener, __ATOMIC_RELAXED) != nobody) {
        return tell_listener;
    }
    return is_worth_a_line(where, format) ? platform_log : say_nothing;
}
