/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of a memory reference; debug builds only. */
#include "descriptors/object/IOAssert.h"
#include "descriptors/reference/IOMemoryReference.h"

#ifdef DEBUG

static _Noreturn void damaged(const char *what, size_t index)
{
    platform_fatal("IOMemoryReference: %s at entry %zu", what, index);
}

void IOMemoryReference_checkEntry(const struct IOMemoryReference *reference, size_t index)
{
    const struct IOMemoryReferenceEntry *const entry = &reference->entries[index];
    uint64_t start, end;

    /* Behind the count nothing was ever written: what is read there says nothing. */
    if (index >= reference->count || reference->count > reference->capacity) {
        damaged("more entries than there is room", index);
    }
    start = IOMemoryReference_start(reference, entry);
    if (entry->object == NULL) {
        damaged("no object", index);
    }
    /* Look-ups halve the list by these ends: out of order, one would answer with a wrong entry. */
    if (entry->end <= start) {
        damaged("ends that do not ascend", index);
    }
    /* Views, pins and copies add to the offset without a test of their own. */
    if (__builtin_add_overflow(entry->offset, entry->end - start, &end)) {
        damaged("a wrapping part of an object", index);
    }
}

void IOMemoryReference_check(const struct IOMemoryReference *reference)
{
    for (size_t i = 0; i < reference->count; i++) {
        IOMemoryReference_checkEntry(reference, i);
    }
}

#endif
