/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a call is refused. A status says that an argument is bad; which of them, and by what
 * rule, one line says in debug builds (DEBUG=1). Others have no trace of it: there
 * IOREFUSE(condition, ...) is the condition.
 *
 *     if (IOREFUSE(offset > size, "offset %llu is behind the %llu bytes", ...)) {
 *         return kIOReturnBadArgument;
 *     }
 *
 * For what a caller has done wrong, at the place where it is found out: not for a state that
 * passes (busy, not ready), nor for a question whose answer is no.
 */
#ifndef DESCRIPTORS_IOREFUSE_H
#define DESCRIPTORS_IOREFUSE_H

#include "descriptors/IOReturn.h"
#include "descriptors/platform.h"

/* A printf of one line. */
typedef void IORefuse_Voice(const char *format, ...) __attribute__((format(printf, 1, 2)));

#ifdef DEBUG
#define IOREFUSE_WHERE IORefuse_where(__func__, __FILE_NAME__)
#define IOREFUSE(condition, format, ...)                                                           \
    ((condition) &&                                                                                \
     (IORefuse_voice(IOREFUSE_WHERE, format)("%s: " format, IOREFUSE_WHERE, ##__VA_ARGS__), true))
#else
#define IOREFUSE(condition, format, ...)                                                           \
    ((condition) && (true || (platform_log("%s: " format, "", ##__VA_ARGS__), true)))
#endif

/* For %llu and %llx. */
#define IOULL(value) ((unsigned long long)(value))

/* The function as the documentation has it; of an inner one the file says more. */
const char *IORefuse_where(const char *function, const char *file) __attribute__((cold));

/*
 * Who says it: the listener, the log, or nobody if the log has said the same often enough. What
 * it is called with begins with "%s: " and `where`.
 */
IORefuse_Voice *IORefuse_voice(const char *where, const char *format) __attribute__((cold));

#endif
