/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of methods as data; the same source on both sides. */
#include "descriptors/IORPC.h"

#define ROW(Class, Method, requestRefs, replyRefs)                                                 \
    {Class##_##Method##_ID,                                                                        \
     sizeof(Class##_##Method##_Msg),                                                               \
     sizeof(Class##_##Method##_Rpl),                                                               \
     requestRefs,                                                                                  \
     replyRefs,                                                                                    \
     #Class "::" #Method},
static const IORPCMethod methods[] = {IORPC_METHODS(ROW)};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

/* What a driver sends must fit with its reply, and references are counted from the header on. */
#define CHECKED(Class, Method, requestRefs, replyRefs)                                             \
    _Static_assert(sizeof(Class##_##Method##_Msg) + sizeof(Class##_##Method##_Rpl) <=              \
                           kIORPCMessageMost &&                                                    \
                       sizeof(Class##_##Method##_Msg) >= sizeof(IORPCMessage) + 8 * (requestRefs), \
                   "layout of " #Class "::" #Method);
IORPC_METHODS(CHECKED)

const IORPCMethod *IORPCMethod_find(uint64_t msgid)
{
    for (unsigned i = 0; i < METHODS; i++) {
        if (methods[i].msgid == msgid) {
            return &methods[i];
        }
    }
    return NULL;
}

const IORPCMethod *IORPCMethod_at(unsigned index)
{
    return index < METHODS ? &methods[index] : NULL;
}
