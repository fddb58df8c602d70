/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a subclass of IOMemoryDescriptor needs: its object and its record of methods, which
 * are in IOMemoryDescriptor_record_class.h, and what any class may ask of any descriptor,
 * its own base and those that it is made of.
 */
#ifndef DESCRIPTORS_IOMEMORYDESCRIPTOR_CLASS_H
#define DESCRIPTORS_IOMEMORYDESCRIPTOR_CLASS_H

#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOMemoryDescriptor_record_class.h"
#include "descriptors/platform.h"
#include "descriptors/segments/IOMemoryRuns.h"

/*
 * A thread-safe object serialises its methods, getters excepted. A handler cannot wait: what
 * it may call on such an object only reads what a preparation has settled.
 */
static inline bool IOMemoryDescriptor_lock(IOMemoryDescriptor *self)
{
    if ((self->flags & kIOMemoryThreadSafe) == 0 || platform_in_interrupt()) {
        return false;
    }
    platform_lock(&self->prepareLock);
    return true;
}

/* `locked` is what the lock answered: the flag itself may have changed in between. */
static inline void IOMemoryDescriptor_unlock(IOMemoryDescriptor *self, bool locked)
{
    if (locked) {
        platform_unlock(&self->prepareLock);
    }
}

/* True if [offset, offset + count) lies inside the descriptor; a wrapping sum does not. */
static inline bool IOMemoryDescriptor_holds(const IOMemoryDescriptor *self, IOByteCount offset,
                                            IOByteCount count)
{
    return offset <= self->length && count <= self->length - offset;
}

/* Both of those below, which ask no more than they need: this is every transfer's. */
static inline __attribute__((always_inline)) bool IOMemoryDescriptor_lookForRun(
    const IOMemoryDescriptor *self, IOByteCount offset, IOByteCount count, bool asOne,
    IOPhysicalAddress *address, const struct memory_run **run)
{
    if (IOMapper_gSystem != NULL || !IOMemoryDescriptor_holds(self, offset, count)) {
        return false;
    }
    if (__builtin_expect(self->oneRun != 0, true)) {
        *address = self->oneRun + offset;
        *run = NULL;
        return true;
    }
    /* Of no bytes there is no run; and none is to be looked for where all are shorter. */
    if (self->runs == NULL || (asOne ? count - 1 >= self->runs->longest : count == 0)) {
        return false;
    }
    *run = IOMemoryRuns_find(self->runs, offset);
    *address = (*run)->address + (offset - IOMemoryRuns_start(self->runs, *run));
    return !asOne || count <= (*run)->end - offset;
}

/*
 * For who asks at every transfer, as drivers do: a device is told of bytes [offset, offset + count)
 * as they are. Then *address is that of the first, and *run, of the list that is `runs`, the one
 * that it is in; NULL: all are at consecutive addresses. False says nothing but that a walk has to
 * find out. Any context.
 */
static inline bool IOMemoryDescriptor_findRun(const IOMemoryDescriptor *self, IOByteCount offset,
                                              IOByteCount count, IOPhysicalAddress *address,
                                              const struct memory_run **run)
{
    return IOMemoryDescriptor_lookForRun(self, offset, count, false, address, run);
}

/* The same of bytes that are all at consecutive addresses. */
static inline bool IOMemoryDescriptor_isOneRun(const IOMemoryDescriptor *self, IOByteCount offset,
                                               IOByteCount count, IOPhysicalAddress *address)
{
    const struct memory_run *run;

    return IOMemoryDescriptor_lookForRun(self, offset, count, true, address, &run);
}

/*
 * A mapper did not see the mapping of what lies from `offset` on end: whether a device still
 * reaches the pages is not known, and they are never used again.
 */
void IOMemoryDescriptor_quarantine(IOMemoryDescriptor *self, IOByteCount offset,
                                   uint64_t mapAddress, uint64_t mapLength);

/* What bytes [offset, end) are to a mapper; within the length. */
static inline struct IODMAReach IOMemoryDescriptor_reach(IOMemoryDescriptor *self,
                                                         IOByteCount offset, IOByteCount end)
{
    struct IODMAReach reach = {0, kIOMemoryRemote | kIOMemoryHostOnly};

    IOMemoryDescriptor_methods(self)->addReach(self, offset, end, &reach);
    return reach;
}

/* Counts of characteristics stay at the largest where they do not fit. */
static inline void IODMA_count(UInt32 *sum, uint64_t more)
{
    *sum = more < UINT32_MAX - *sum ? *sum + (UInt32)more : UINT32_MAX;
}

/*
 * The segment at `offset` as a device behind the system mapper is to be told of it: its I/O
 * address, by a mapping of the whole that is made when it is first asked for and stays until the
 * last complete. Without such a mapper, and for memory that no mapper shows, the host's. As a
 * mapper's iovmMapMemory, and kIOReturnCannotLock: in a handler, before it is made; kIOReturnBusy:
 * it is of another length, and DMA is active. *segment is empty before, and whatever it is by then
 * where the answer is no success.
 */
IOReturn IOMemoryDescriptor_deviceSegment(IOMemoryDescriptor *self, IOByteCount offset,
                                          IOPhysicalSegment *segment);

/* The same of a walk, as the method. */
IOReturn IOMemoryDescriptor_deviceWalk(IOMemoryDescriptor *self, struct IOSegmentSink *sink,
                                       IOByteCount offset, IOByteCount end);

/* Its ranges were given as physical ones, and not as the host's: they are for devices as they are.
 */
bool IOMemoryDescriptor_isForDevice(const IOMemoryDescriptor *self);

/*
 * Something would end that mapping before the pages go. A composite whose parts are prepared by
 * somebody else would not hear of it.
 */
bool IOMemoryDescriptor_canKeepSystemMap(const IOMemoryDescriptor *self);

/* What that mapping lets devices do: what the object's direction does; none of its own: both. */
uint32_t IOMemoryDescriptor_systemAccess(IOMemoryDescriptor *self);

/* That mapping's I/O address of byte 0; 0: there is nothing to map, the host's addresses are right.
 */
IOReturn IOMemoryDescriptor_systemMap(IOMemoryDescriptor *self, uint64_t *base);

void IOMemoryDescriptor_endSystemMap(IOMemoryDescriptor *self); /* there is one */

/*
 * Take it away, before the first page is unpinned. For classes that unpin: in the last complete,
 * and wherever else they let their pages go. No mapping: no effect.
 */
static inline void IOMemoryDescriptor_dropSystemMap(IOMemoryDescriptor *self)
{
    if (self->systemMap.mapper != NULL) {
        IOMemoryDescriptor_endSystemMap(self);
    }
}

/* Add one source-contiguous piece, not empty. */
void IODMAMapSize_add(struct IODMAMapSize *size, uint64_t address, uint64_t length);

/* Ask any descriptor: kIOReturnOverrun at and behind the end, else as its method answers. */
static inline IOReturn IOMemoryDescriptor_segment(IOMemoryDescriptor *self, IOByteCount offset,
                                                  IOOptionBits options, IOPhysicalSegment *segment)
{
    if (offset >= self->length) {
        return kIOReturnOverrun;
    }
    return IOMemoryDescriptor_methods(self)->getPhysicalSegment(self, offset, options, segment);
}

/* Ask any descriptor for a map; as the method, and kIOReturnNotAttached for remote memory. */
IOMemoryMap *IOMemoryDescriptor_makeMap(IOMemoryDescriptor *self, IOMemoryMap *map,
                                        IOOptionBits options, IOByteCount offset);

/*
 * Take back a prepare that has just been made, since what it was made for has failed: as if it had
 * not been. No transfer can have begun by it, so that no page is marked as written, and a device
 * that is active by what others did is not asked for; its own prepare, if it has one, is still
 * counted.
 */
void IOMemoryDescriptor_takeBackPrepare(IOMemoryDescriptor *self);

/*
 * Complete one prepare for good: where DMA is active, when that is over, which is success too.
 * For whoever cannot wait and cannot refuse.
 */
IOReturn IOMemoryDescriptor_completeSometime(IOMemoryDescriptor *self);

/* Make the completes that are owed, as far as they can be made now. */
void IOMemoryDescriptor_settle(IOMemoryDescriptor *self);

/*
 * setDMAActive of memory that has no parts: one user of DMA more or fewer. kIOReturnNoResources:
 * there are too many; kIOReturnNotReady: there is none. Interrupt handlers change the count too.
 */
static inline IOReturn IOMemoryDescriptor_countDMAActive(IOMemoryDescriptor *self, bool active)
{
    /*
     * The last value that the count must not leave: it would wrap, and the pages could be unpinned
     * under a device.
     */
    const uint32_t limit = active ? UINT32_MAX : 0;
    uint32_t before = __atomic_load_n(&self->dmaActive, __ATOMIC_RELAXED);

    do {
        if (before == limit) {
            return active ? kIOReturnNoResources : kIOReturnNotReady;
        }
    } while (!__atomic_compare_exchange_n(&self->dmaActive, &before,
                                          active ? before + 1 : before - 1, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    if (!active && before == 1 && self->owed != 0 && !platform_in_interrupt()) {
        IOMemoryDescriptor_settle(self);
    }
    return kIOReturnSuccess;
}

/* A number for one preparation; no two are equal. Any context. */
uint64_t IOMemoryDescriptor_newPreparationID(void);

/*
 * makeMapping of a window: bytes [start, start + length of self) of the parent, whose
 * map it becomes.
 */
IOMemoryMap *descriptor_map_window(IOMemoryDescriptor *self, IOMemoryDescriptor *parent,
                                   IOByteCount start, IOMemoryMap *map, IOOptionBits options,
                                   IOByteCount offset) OS_METHOD(IOMemoryDescriptor, mapWindow);

/*
 * What every doMap begins with: the bytes that are asked for, which lie inside the
 * descriptor. Length 0 becomes the map's. kIOReturnBadArgument.
 */
IOReturn descriptor_check_map(const IOMemoryDescriptor *self, const IOMemoryMap *map,
                              IOByteCount sourceOffset, IOByteCount *offset, IOByteCount *length)
    OS_METHOD(IOMemoryDescriptor, checkMap);

/*
 * The descriptor is going to describe other memory: its maps go on showing what they show,
 * and answer no request any more. They leave the set, unless a redirection is on: its end
 * has to reach them.
 */
void IOMemoryDescriptor_emptyMappings(IOMemoryDescriptor *self);

/*
 * redirect of a window: its own maps and all of the parent's, both or none. An end that has
 * no beginning here leaves the parent alone: it would end somebody else's.
 */
IOReturn descriptor_redirect_window(IOMemoryDescriptor *self, IOMemoryDescriptor *parent,
                                    task_t safeTask, bool doRedirect)
    OS_METHOD(IOMemoryDescriptor, redirectWindow);

/* The descriptor is being freed: nobody will end what is on. */
void IOMemoryDescriptor_endRedirections(IOMemoryDescriptor *self);

/* The same of a window, for its class's free, as long as it has the parent: that waits by it. */
void descriptor_end_window(IOMemoryDescriptor *self, IOMemoryDescriptor *parent)
    OS_METHOD(IOMemoryDescriptor, endWindow);

/* The window moves from one parent to the other, and what redirections are on go with it. */
IOReturn descriptor_move_redirections(IOMemoryDescriptor *self, IOMemoryDescriptor *from,
                                      IOMemoryDescriptor *to)
    OS_METHOD(IOMemoryDescriptor, moveRedirections);

#endif
