/* SPDX-License-Identifier: BSD-2-Clause */
/* Who hears why calls are refused, in debug builds. */
#include "descriptors/object/IORefuse.h"

static IOReturn_RefusalListener *listener;

void IOReturn_listenToRefusals(IOReturn_RefusalListener *function)
{
    __atomic_store_n(&listener, function, __ATOMIC_RELAXED);
}

/*
 * A loop that is refused each time would bury the log: of a row of the same refusals the 1st,
 * 2nd, 4th, 8th, ... is said.
 */
static bool is_worth_a_line(const char *function, const char *format)
{
    static const char *last_function, *last_format;
    static unsigned row;

    if (function != last_function || format != last_format) {
        last_function = function;
        last_format = format;
        row = 0;
    }
    row++;
    return (row & (row - 1)) == 0;
}

bool IORefuse_isHeard(const char *function, const char *format, ...)
{
    IOReturn_RefusalListener *const heard = __atomic_load_n(&listener, __ATOMIC_RELAXED);
    va_list arguments;

    if (heard == NULL) {
        return !is_worth_a_line(function, format);
    }
    va_start(arguments, format);
    heard(function, format, arguments);
    va_end(arguments);
    return true;
}
