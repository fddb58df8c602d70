/* SPDX-License-Identifier: BSD-2-Clause */
/* The free fragments: lowest fit, joined with their neighbours when they grow. */
#include "descriptors/IORangeAllocator.h"

#include "descriptors/OSObject_class.h"
#include "descriptors/malloc/IOIntervals_private.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/platform.h"

enum {
    FREE = IOIntervals_kFree, /* the fragments, never adjacent */
    LIVE = IOIntervals_kLive  /* what allocations still hold of what they were given */
};

struct IORangeAllocator {
    OSObject super;
    struct IOIntervals intervals;
    UInt32 increment;
    IORangeScalar alignment_mask;
    bool locking;
    struct platform_short_lock lock;
};

static void range_allocator_free(OSObject *object)
{
    IORangeAllocator *self = (IORangeAllocator *)object;

#ifdef DEBUG
    if (self->intervals.count[LIVE] != 0) {
        platform_log("IORangeAllocator %p: freed with %u allocations out", (void *)self,
                     self->intervals.count[LIVE]);
    }
#endif
    IOIntervals_free(&self->intervals);
    OSObject_free(object);
}

static uint32_t instances;

OS_CLASS(OSMetaClass, IORangeAllocator);
const OSMetaClass IORangeAllocator_class = {"IORangeAllocator", &OSObject_metaClass,
                                            sizeof(IORangeAllocator), &instances,
                                            range_allocator_free};

const OSMetaClass *IORangeAllocator_getMetaClass(const IORangeAllocator *self)
{
    return OSObject_getMetaClass(self);
}

void IORangeAllocator_free(IORangeAllocator *self)
{
    if (self != NULL) {
        self->super.metaClass->free(&self->super);
    }
}

/* Readers take it as well, so the lock of a constant object is not constant. */
static platform_short_state lock(const IORangeAllocator *self)
{
    return self->locking ? platform_short_lock((struct platform_short_lock *)&self->lock) : 0;
}

static void unlock(const IORangeAllocator *self, platform_short_state before)
{
    if (self->locking) {
        platform_short_unlock((struct platform_short_lock *)&self->lock, before);
    }
}

static bool answer(IOReturn status)
{
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

static bool is_alignment(IORangeScalar x)
{
    return x == 0 || is_power_of_two(x);
}

/* Make room for so many intervals in both sets together, in steps of the increment. */
static bool reserve(IORangeAllocator *self, uint64_t needed)
{
    const uint64_t capacity = self->intervals.capacity;
    uint64_t more;

    if (needed <= capacity) {
        return true;
    }
    /* The heap is for threads; and a caller may forbid growth, to know the most that is taken. */
    if (self->increment == 0 || platform_in_interrupt()) {
        return false;
    }
    /* In steps: the caller knows best how many fragments come together. */
    more = (needed - capacity + self->increment - 1) / self->increment * self->increment;
    return capacity + more <= UINT32_MAX && IOIntervals_grow(&self->intervals, (UInt32)more);
}

static uint64_t in_use(const IORangeAllocator *self)
{
    return (uint64_t)self->intervals.count[FREE] + self->intervals.count[LIVE];
}

bool IORangeAllocator_init(IORangeAllocator *self, IORangeScalar endOfRange,
                           IORangeScalar defaultAlignment, UInt32 capacity, IOOptionBits options)
{
    const IORangeScalar mask = defaultAlignment != 0 ? defaultAlignment - 1 : 0;

    if (IOREFUSE(self == NULL, "self is NULL") ||
        IOREFUSE(!is_alignment(defaultAlignment), "defaultAlignment %#llx is no power of two",
                 IOULL(defaultAlignment)) ||
        IOREFUSE((options & ~IORangeAllocator_kLocking) != 0, "options %#x are undefined",
                 options)) {
        return answer(kIOReturnBadArgument);
    }
    /* Numbers are out: a second range would give some of them again. */
    if (self->intervals.blocks != NULL) {
        return answer(kIOReturnNotPermitted);
    }
    /* With no interval at all not even the range itself could be noted. */
    self->increment = capacity != 0 ? capacity : 1;
    /* The one step that can fail leaves no block, so that the object may be initialised again. */
    if (!IOIntervals_grow(&self->intervals, self->increment)) {
        return answer(kIOReturnNoMemory);
    }
    self->alignment_mask = mask;
    self->lock = (struct platform_short_lock)PLATFORM_SHORT_LOCK("a range allocator");
    self->locking = (options & IORangeAllocator_kLocking) != 0;
    /* Where endOfRange + 1 wraps to 0, rounding that down and stepping back is still right. */
    if (endOfRange != 0 && endOfRange >= mask) {
        IOIntervals_insert(&self->intervals, FREE, 0, ((endOfRange + 1) & ~mask) - 1);
    }
    return true;
}

IORangeAllocator *IORangeAllocator_withRange(IORangeScalar endOfRange,
                                             IORangeScalar defaultAlignment, UInt32 capacity,
                                             IOOptionBits options)
{
    IORangeAllocator *self = (IORangeAllocator *)OSMetaClass_allocate(&IORangeAllocator_class);

    if (self != NULL &&
        !IORangeAllocator_init(self, endOfRange, defaultAlignment, capacity, options)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

/* Move numbers from the fragment that holds them to the live set. */
static IOReturn take(IORangeAllocator *self, struct IOInterval *fragment, IORangeScalar start,
                     IORangeScalar end)
{
    struct IOIntervals *const intervals = &self->intervals;
    /* Read before the fragment is cut: the upper half is made after it has ended elsewhere. */
    const IORangeScalar last = fragment->end;
    const bool keep_low = fragment->start < start;
    const bool keep_high = last > end;

    /*
     * The most intervals there will be, before one is touched: a cut in the middle makes two
     * of one, and cannot be undone for want of room.
     */
    if (!reserve(self, in_use(self) + keep_low + keep_high)) {
        return kIOReturnNoMemory;
    }
    if (keep_low) {
        IOIntervals_set(intervals, FREE, fragment, fragment->start, start - 1);
    } else if (keep_high) {
        IOIntervals_set(intervals, FREE, fragment, end + 1, last);
    } else {
        IOIntervals_remove(intervals, FREE, fragment);
    }
    if (keep_low && keep_high) {
        IOIntervals_insert(intervals, FREE, end + 1, last);
    }
    IOIntervals_insert(intervals, LIVE, start, end);
    return kIOReturnSuccess;
}

/*
 * The rounded size less one. False if the size is 0 (then *status says that) or if
 * rounding it up comes to 2^64.
 */
static bool last_offset(const IORangeAllocator *self, IORangeScalar size, IORangeScalar *offset,
                        IOReturn *status)
{
    /* By the last number, since a size of 2^64 cannot be written down. */
    *offset = (size - 1) | self->alignment_mask;
    *status = size == 0 ? kIOReturnBadArgument : kIOReturnNoSpace;
    return *offset != UINT64_MAX;
}

static IOReturn allocate_lowest(IORangeAllocator *self, IORangeScalar offset, IORangeScalar mask,
                                IORangeScalar *result)
{
    IORangeScalar start;
    struct IOInterval *const fragment =
        IOIntervals_fit(&self->intervals, FREE, offset, mask, &start);
    IOReturn status;

    if (fragment == NULL) {
        return kIOReturnNoSpace;
    }
    /* The sum does not wrap: the fragment has so many numbers from start on. */
    status = take(self, fragment, start, start + offset);
    if (status == kIOReturnSuccess) {
        *result = start;
    }
    return status;
}

bool IORangeAllocator_allocate(IORangeAllocator *self, IORangeScalar size, IORangeScalar *result,
                               IORangeScalar alignment)
{
    platform_short_state before;
    IORangeScalar offset, mask;
    IOReturn status;

    if (IOREFUSE(self == NULL, "self is NULL") || IOREFUSE(result == NULL, "result is NULL") ||
        IOREFUSE(!is_alignment(alignment), "alignment %#llx is no power of two",
                 IOULL(alignment))) {
        return answer(kIOReturnBadArgument);
    }
    if (!last_offset(self, size, &offset, &status)) {
        return answer(status);
    }
    mask = alignment != 0 ? alignment - 1 : self->alignment_mask;
    before = lock(self);
    status = allocate_lowest(self, offset, mask, result);
    unlock(self, before);
    return answer(status);
}

static IOReturn allocate_exactly(IORangeAllocator *self, IORangeScalar start, IORangeScalar offset)
{
    struct IOInterval *const fragment = IOIntervals_find(&self->intervals, FREE, start);

    /* Found by its end: it may begin above the first number that is wanted. */
    if (fragment == NULL || fragment->start > start || fragment->end - start < offset) {
        return kIOReturnNoSpace;
    }
    return take(self, fragment, start, start + offset);
}

bool IORangeAllocator_allocateRange(IORangeAllocator *self, IORangeScalar start, IORangeScalar size)
{
    platform_short_state before;
    IORangeScalar offset;
    IOReturn status;

    if (self == NULL) {
        return answer(kIOReturnBadArgument);
    }
    if (!last_offset(self, size, &offset, &status)) {
        return answer(status);
    }
    before = lock(self);
    status = allocate_exactly(self, start, offset);
    unlock(self, before);
    return answer(status);
}

/* Add numbers that no fragment has, next to which `above` is the first; joined with neighbours. */
static IOReturn give(IORangeAllocator *self, struct IOInterval *below, struct IOInterval *above,
                     IORangeScalar start, IORangeScalar end)
{
    struct IOIntervals *const intervals = &self->intervals;
    /*
     * Neither + 1 makes a false neighbour: below ends under start, and behind the last number
     * there is no fragment above.
     */
    const bool joins_low = below != NULL && below->end + 1 == start;
    const bool joins_high = above != NULL && above->start == end + 1;

    /*
     * Counted as it will be afterwards: giving back a whole allocation never needs more room, and
     * only one that is cut in two may.
     */
    if (!reserve(self, (uint64_t)intervals->count[FREE] + 1 - joins_low - joins_high +
                           IOIntervals_countWithout(intervals, LIVE, start, end))) {
        return kIOReturnNoMemory;
    }
    /*
     * A cut takes a node before anything gives one back. There is one: numbers on both sides are
     * live then, so that no neighbour is joined and both new intervals were reserved.
     */
    IOIntervals_subtract(intervals, LIVE, start, end);
    if (joins_low && joins_high) {
        const IORangeScalar last = above->end;

        IOIntervals_remove(intervals, FREE, above);
        IOIntervals_set(intervals, FREE, below, below->start, last);
    } else if (joins_low) {
        IOIntervals_set(intervals, FREE, below, below->start, end);
    } else if (joins_high) {
        IOIntervals_set(intervals, FREE, above, start, above->end);
    } else {
        IOIntervals_insert(intervals, FREE, start, end);
    }
    return kIOReturnSuccess;
}

static IOReturn give_back(IORangeAllocator *self, IORangeScalar start, IORangeScalar end)
{
    struct IOInterval *const above = IOIntervals_find(&self->intervals, FREE, start);
    struct IOInterval *below;

    /* Some of it is free: joined in, a number would be given out twice. */
    if (above != NULL && above->start <= end) {
        return kIOReturnBadArgument;
    }
    below = above != NULL ? IOIntervals_previous(above) : IOIntervals_last(&self->intervals, FREE);
    return give(self, below, above, start, end);
}

IOReturn IORangeAllocator_deallocate(IORangeAllocator *self, IORangeScalar start,
                                     IORangeScalar size)
{
    platform_short_state before;
    IORangeScalar offset;
    IOReturn status;

    if (self == NULL || !last_offset(self, size, &offset, &status) || start + offset < start) {
        return IOMemory_fail(kIOReturnBadArgument);
    }
    before = lock(self);
    status = give_back(self, start, start + offset);
    unlock(self, before);
    /* Said after the lock: a console is slow, and handlers allocate too. */
    if (status == kIOReturnBadArgument) {
        platform_log("IORangeAllocator %p: of [%#llx, %#llx], to be freed, some is free",
                     (void *)self, (unsigned long long)start, (unsigned long long)(start + offset));
    }
    return status == kIOReturnSuccess ? status : IOMemory_fail(status);
}

UInt32 IORangeAllocator_getFragmentCount(const IORangeAllocator *self)
{
    return self == NULL ? 0 : self->intervals.count[FREE];
}

UInt32 IORangeAllocator_getFragmentCapacity(const IORangeAllocator *self)
{
    return self == NULL ? 0 : self->intervals.capacity;
}

void IORangeAllocator_setFragmentCapacityIncrement(IORangeAllocator *self, UInt32 count)
{
    if (self != NULL) {
        self->increment = count;
    }
}

IORangeScalar IORangeAllocator_getFreeCount(const IORangeAllocator *self)
{
    platform_short_state before;
    IORangeScalar total;
    bool any;

    if (self == NULL) {
        return 0;
    }
    before = lock(self);
    /* Both of one moment: between them an allocation could take the last number. */
    total = self->intervals.total[FREE];
    any = self->intervals.count[FREE] != 0;
    unlock(self, before);
    return any && total == 0 ? UINT64_MAX : total; /* 0 is 2^64 here */
}

bool IORangeAllocator_getFragment(const IORangeAllocator *self, UInt32 index, IORangeScalar *start,
                                  IORangeScalar *end)
{
    const struct IOInterval *fragment;
    platform_short_state before;

    if (self == NULL || start == NULL || end == NULL) {
        return answer(kIOReturnBadArgument);
    }
    before = lock(self);
    fragment = IOIntervals_at(&self->intervals, FREE, index);
    if (fragment != NULL) {
        *start = fragment->start;
        *end = fragment->end;
    }
    unlock(self, before);
    return fragment != NULL;
}

bool IORangeAllocator_serialize(const IORangeAllocator *self, OSSerialize *serializer)
{
    (void)serializer;
    return answer(self == NULL ? kIOReturnBadArgument : kIOReturnUnsupported);
}
