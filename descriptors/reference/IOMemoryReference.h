/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory reference: which memory objects are behind the bytes of a descriptor.
 * Mappings, purgeable state, ownership and page counts act on it, and it keeps the
 * objects alive whatever becomes of the address space that they were found in.
 *
 * Every source run gives at least one entry, and one more for each further range
 * of the address space that it lies in. Entries that follow each other inside a run
 * meet at a page boundary. Thread context.
 */
#ifndef DESCRIPTORS_IOMEMORYREFERENCE_H
#define DESCRIPTORS_IOMEMORYREFERENCE_H

#include "descriptors/IOReturn.h"
#include "descriptors/platform_vm.h"
#include "descriptors/segments/IOMemoryRuns.h"

struct IOMemoryReferenceEntry {
    struct vm_object *object; /* with a reference */
    uint64_t offset;          /* of the first byte in the object */
    uint64_t end;             /* offset in the descriptor of the byte behind the last */
    bool writable;            /* the backing allows stores */
};

struct IOMemoryReference {
    struct IOMemoryReferenceEntry *entries;
    size_t count, capacity;
};

/*
 * What the runs show in an address space now; map NULL: the runs are physical. Not
 * for no runs. kIOReturnVMError (not mapped), kIOReturnNotPermitted (no access),
 * kIOReturnNoMemory.
 */
IOReturn IOMemoryReference_create(vm_map_t map, const struct memory_runs *runs,
                                  struct IOMemoryReference **reference);

/* All of an object of the caller's, from its first byte on. */
IOReturn IOMemoryReference_createForObject(struct vm_object *object, uint64_t length,
                                           struct IOMemoryReference **reference);

/* The same entries over private copies of what the objects hold now, writable. */
IOReturn IOMemoryReference_copy(const struct IOMemoryReference *reference,
                                struct IOMemoryReference **copy);

void IOMemoryReference_release(struct IOMemoryReference *reference); /* NULL: no effect */

/*
 * Fatal by name ("IOMemoryReference: ...") if an entry has no object, does not end
 * behind the one before it, or wraps in its object. Debug builds look at all entries
 * where the function looks at all of them anyway (copy, wire, release), and at the
 * found one where one is looked up.
 */
#ifdef DEBUG
void IOMemoryReference_check(const struct IOMemoryReference *reference);
void IOMemoryReference_checkEntry(const struct IOMemoryReference *reference, size_t index);
#else
static inline void IOMemoryReference_check(const struct IOMemoryReference *reference)
{
    (void)reference;
}

static inline void IOMemoryReference_checkEntry(const struct IOMemoryReference *reference,
                                                size_t index)
{
    (void)reference, (void)index;
}
#endif

/* The entry that holds an offset, which must be below the last end. O(log count). */
const struct IOMemoryReferenceEntry *IOMemoryReference_find(
    const struct IOMemoryReference *reference, uint64_t offset);

/* Descriptor offset of an entry's first byte. */
static inline uint64_t IOMemoryReference_start(const struct IOMemoryReference *reference,
                                               const struct IOMemoryReferenceEntry *entry)
{
    return entry == reference->entries ? 0 : entry[-1].end;
}

/* Do both, which are of as many bytes, show the same bytes of the same memory? */
bool IOMemoryReference_isSame(const struct IOMemoryReference *one,
                              const struct IOMemoryReference *other);

/* Pin all pages, from byte where->length on, entry after entry: as platform_wire_runs. */
kern_return_t IOMemoryReference_wire(const struct IOMemoryReference *reference, unsigned flags,
                                     struct memory_runs *where);

/*
 * Store bytes (NULL: zeros) to memory of one run, through the kernel's own view of RAM, making
 * pages resident; *done counts them, also on failure. kIOReturnNoResources (no page),
 * kIOReturnVMError (registers).
 */
IOReturn IOMemoryReference_store(const struct IOMemoryReference *reference, uint64_t offset,
                                 const void *bytes, uint64_t length, uint64_t *done);

/* Copy the first bytes of one reference to another, each of one run; they may not overlap. */
IOReturn IOMemoryReference_transfer(const struct IOMemoryReference *from,
                                    const struct IOMemoryReference *to, uint64_t length);

/* Where and how bytes shall be seen, and where they are then. */
struct IOMemoryReferenceView {
    vm_map_t map;
    enum platform_placement placement;
    uint64_t guard;     /* bytes without access on either side, whole pages */
    uint64_t alignment; /* of the address, if it may be anywhere and has no guard; 0: a page */
    unsigned cache;     /* kIO...Cache */
    bool writable;
    bool eager;
    uint64_t address;     /* of the first byte: in, unless anywhere; out */
    uint64_t start, size; /* out: all that was entered, guards included */
};

/*
 * Show bytes [offset, offset + length), which lie inside and are not empty.
 * kIOReturnNotAligned (page offsets do not fit), kIOReturnNotPermitted (not writable),
 * kIOReturnNoSpace, kIOReturnNoMemory.
 */
IOReturn IOMemoryReference_show(const struct IOMemoryReference *reference, uint64_t offset,
                                uint64_t length, struct IOMemoryReferenceView *view);

/*
 * The objects' purgeable state: the former one of all together, and the new one for
 * all. purge NULL: only ask. kIOReturnBadArgument: one of them is not purgeable.
 */
IOReturn IOMemoryReference_setPurge(const struct IOMemoryReference *reference,
                                    const struct platform_purge *purge,
                                    enum platform_purge_state *former);

/* Pages that the entries touch. */
void IOMemoryReference_count(const struct IOMemoryReference *reference, uint64_t *resident,
                             uint64_t *dirty);

/*
 * Charge all objects anew: owner TASK_NULL and tag -1 keep what they are. All are
 * attempted; the last failure is the answer: kIOReturnBadArgument, kIOReturnError.
 */
IOReturn IOMemoryReference_setOwner(const struct IOMemoryReference *reference, task_t owner,
                                    int tag, bool footprint);

#endif
