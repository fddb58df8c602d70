/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of methods as data; the same source on both sides. */
#include "descriptors/driverkit/IORPC_check.h"

#define ROW(Class, Method, requestRefs, replyRefs)                                                 \
    [Class##_##Method##_Index] = {Class##_##Method##_ID,                                           \
                                  sizeof(Class##_##Method##_Msg),                                  \
                                  sizeof(Class##_##Method##_Rpl),                                  \
                                  requestRefs,                                                     \
                                  replyRefs,                                                       \
                                  Class##_##Method##_Index,                                        \
                                  #Class "::" #Method},
static const IORPCMethod methods[] = {IORPC_METHODS(ROW)};

/*
 * Each number has a place of its own by its last bits: two in one would be an initializer too many,
 * which the compiler refuses.
 */
#define PLACES 64
#define PLACE(Class, Method, requestRefs, replyRefs)                                               \
    [Class##_##Method##_ID % PLACES] = &methods[Class##_##Method##_Index],
static const IORPCMethod *const places[PLACES] = {IORPC_METHODS(PLACE)};

/*
 * What a driver sends must fit with its reply, references are counted from the header on, and a
 * reply has one at most.
 */
#define CHECKED(Class, Method, requestRefs, replyRefs)                                             \
    _Static_assert(                                                                                \
        sizeof(Class##_##Method##_Msg) + sizeof(Class##_##Method##_Rpl) <= kIORPCMessageMost &&    \
            sizeof(Class##_##Method##_Msg) >= sizeof(IORPCMessage) + 8 * (requestRefs) &&          \
            (replyRefs) <= 1,                                                                      \
        "layout of " #Class "::" #Method);
IORPC_METHODS(CHECKED)

const IORPCMethod *IORPCMethod_find(uint64_t msgid)
{
    const IORPCMethod *const method = places[msgid % PLACES];

    return method != NULL && method->msgid == msgid ? method : NULL;
}

const IORPCMethod *IORPCMethod_at(unsigned index)
{
    return index < IORPC_Methods ? &methods[index] : NULL;
}
