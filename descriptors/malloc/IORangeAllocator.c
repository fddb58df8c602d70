/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of free fragments: first fit, joined with its neighbours when it grows. */
#include "descriptors/IORangeAllocator.h"

#include "descriptors/OSObject_class.h"
#include "descriptors/malloc/IOIntervalLists_private.h"
#include "descriptors/platform.h"

enum {
    FREE = IOIntervalLists_kFree, /* the fragments, never adjacent */
    LIVE = IOIntervalLists_kLive  /* what allocations still hold of what they were given */
};

struct IORangeAllocator {
    OSObject super;
    struct IOIntervalLists lists;
    UInt32 increment;
    IORangeScalar alignment_mask;
    bool locking;
    struct platform_short_lock lock;
};

static void range_allocator_free(OSObject *object)
{
    IORangeAllocator *self = (IORangeAllocator *)object;

#ifdef DEBUG
    if (self->lists.count[LIVE] != 0) {
        platform_log("IORangeAllocator %p: freed with %u allocations out", (void *)self,
                     self->lists.count[LIVE]);
    }
#endif
    platform_free(self->lists.room);
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

/* Make room for so many intervals on both lists, in steps of the increment. */
static bool reserve(IORangeAllocator *self, uint64_t needed)
{
    uint64_t capacity = self->lists.capacity;

    if (needed <= capacity) {
        return true;
    }
    if (self->increment == 0 || platform_in_interrupt()) {
        return false;
    }
    capacity += (needed - capacity + self->increment - 1) / self->increment * self->increment;
    return capacity <= UINT32_MAX && IOIntervalLists_resize(&self->lists, (UInt32)capacity);
}

static uint64_t intervals(const IORangeAllocator *self)
{
    return (uint64_t)self->lists.count[FREE] + self->lists.count[LIVE];
}

bool IORangeAllocator_init(IORangeAllocator *self, IORangeScalar endOfRange,
                           IORangeScalar defaultAlignment, UInt32 capacity, IOOptionBits options)
{
    const IORangeScalar mask = defaultAlignment != 0 ? defaultAlignment - 1 : 0;

    if (self == NULL || !is_alignment(defaultAlignment) ||
        (options & ~IORangeAllocator_kLocking) != 0) {
        return answer(kIOReturnBadArgument);
    }
    if (self->lists.room != NULL) {
        return answer(kIOReturnNotPermitted);
    }
    self->increment = capacity != 0 ? capacity : 1;
    if (!IOIntervalLists_resize(&self->lists, self->increment)) {
        return answer(kIOReturnNoMemory);
    }
    self->alignment_mask = mask;
    self->lock = (struct platform_short_lock)PLATFORM_SHORT_LOCK("a range allocator");
    self->locking = (options & IORangeAllocator_kLocking) != 0;
    /* Where endOfRange + 1 wraps to 0, rounding that down and stepping back is still right. */
    if (endOfRange != 0 && endOfRange >= mask) {
        IOIntervalLists_insert(&self->lists, FREE, 0,
                               (struct IOInterval){0, ((endOfRange + 1) & ~mask) - 1});
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

/* Move an interval from the fragment that holds it to the live list. */
static IOReturn take(IORangeAllocator *self, UInt32 index, struct IOInterval wanted)
{
    struct IOIntervalLists *lists = &self->lists;
    const struct IOInterval whole = *IOIntervalLists_at(lists, FREE, index);
    const bool keep_low = whole.start < wanted.start;
    const bool keep_high = whole.end > wanted.end;

    /*
     * The most intervals there will be, before one is touched: a cut in the middle makes two
     * of one, and cannot be undone for want of room.
     */
    if (!reserve(self, intervals(self) + keep_low + keep_high)) {
        return kIOReturnNoMemory;
    }
    if (keep_low) {
        IOIntervalLists_at(lists, FREE, index)->end = wanted.start - 1;
        index++;
    }
    if (keep_low && keep_high) {
        IOIntervalLists_insert(lists, FREE, index, (struct IOInterval){wanted.end + 1, whole.end});
    } else if (keep_high) {
        IOIntervalLists_at(lists, FREE, index)->start = wanted.end + 1;
    } else if (!keep_low) {
        IOIntervalLists_remove(lists, FREE, index, 1);
    }
    IOIntervalLists_insert(lists, LIVE, IOIntervalLists_find(lists, LIVE, wanted.start), wanted);
    return kIOReturnSuccess;
}

/*
 * The rounded size less one. False if the size is 0 (then *status says that) or if
 * rounding it up comes to 2^64.
 */
static bool last_offset(const IORangeAllocator *self, IORangeScalar size, IORangeScalar *offset,
                        IOReturn *status)
{
    *offset = (size - 1) | self->alignment_mask;
    *status = size == 0 ? kIOReturnBadArgument : kIOReturnNoSpace;
    return *offset != UINT64_MAX;
}

static IOReturn allocate_lowest(IORangeAllocator *self, IORangeScalar offset, IORangeScalar mask,
                                IORangeScalar *result)
{

    for (UInt32 i = 0; i < self->lists.count[FREE]; i++) {
        const struct IOInterval *fragment = IOIntervalLists_at(&self->lists, FREE, i);
        const IORangeScalar start = (fragment->start + mask) & ~mask;
        IOReturn status;

        /* Rounding up may wrap past the top of the numbers, or past the fragment. */
        if (start < fragment->start || start > fragment->end || fragment->end - start < offset) {
            continue;
        }
        status = take(self, i, (struct IOInterval){start, start + offset});
        if (status == kIOReturnSuccess) {
            *result = start;
        }
        return status;
    }
    return kIOReturnNoSpace;
}

bool IORangeAllocator_allocate(IORangeAllocator *self, IORangeScalar size, IORangeScalar *result,
                               IORangeScalar alignment)
{
    platform_short_state before;
    IORangeScalar offset, mask;
    IOReturn status;

    if (self == NULL || result == NULL || !is_alignment(alignment)) {
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
    const UInt32 index = IOIntervalLists_find(&self->lists, FREE, start);
    const struct IOInterval *fragment;

    if (index == self->lists.count[FREE]) {
        return kIOReturnNoSpace;
    }
    fragment = IOIntervalLists_at(&self->lists, FREE, index);
    if (fragment->start > start || fragment->end - start < offset) {
        return kIOReturnNoSpace;
    }
    return take(self, index, (struct IOInterval){start, start + offset});
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

/* Put a range that overlaps no fragment where find says, merged with its neighbours. */
static IOReturn give(IORangeAllocator *self, UInt32 index, struct IOInterval range)
{
    struct IOIntervalLists *lists = &self->lists;
    const bool joins_low =
        index > 0 && IOIntervalLists_at(lists, FREE, index - 1)->end + 1 == range.start;
    const bool joins_high = index < lists->count[FREE] &&
                            IOIntervalLists_at(lists, FREE, index)->start == range.end + 1;

    if (!reserve(self, (uint64_t)lists->count[FREE] + 1 - joins_low - joins_high +
                           IOIntervalLists_countWithout(lists, LIVE, range))) {
        return kIOReturnNoMemory;
    }
    IOIntervalLists_subtract(lists, LIVE, range);
    if (joins_low && joins_high) {
        IOIntervalLists_at(lists, FREE, index - 1)->end =
            IOIntervalLists_at(lists, FREE, index)->end;
        IOIntervalLists_remove(lists, FREE, index, 1);
    } else if (joins_low) {
        IOIntervalLists_at(lists, FREE, index - 1)->end = range.end;
    } else if (joins_high) {
        IOIntervalLists_at(lists, FREE, index)->start = range.start;
    } else {
        IOIntervalLists_insert(lists, FREE, index, range);
    }
    return kIOReturnSuccess;
}

static IOReturn give_back(IORangeAllocator *self, struct IOInterval range)
{
    const UInt32 index = IOIntervalLists_find(&self->lists, FREE, range.start);

    if (index < self->lists.count[FREE] &&
        IOIntervalLists_at(&self->lists, FREE, index)->start <= range.end) {
        return kIOReturnBadArgument;
    }
    return give(self, index, range);
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
    status = give_back(self, (struct IOInterval){start, start + offset});
    unlock(self, before);
    if (status == kIOReturnBadArgument) {
        platform_log("IORangeAllocator %p: of [%#llx, %#llx], to be freed, some is free",
                     (void *)self, (unsigned long long)start, (unsigned long long)(start + offset));
    }
    return status == kIOReturnSuccess ? status : IOMemory_fail(status);
}

UInt32 IORangeAllocator_getFragmentCount(const IORangeAllocator *self)
{
    return self == NULL ? 0 : self->lists.count[FREE];
}

UInt32 IORangeAllocator_getFragmentCapacity(const IORangeAllocator *self)
{
    return self == NULL ? 0 : self->lists.capacity;
}

void IORangeAllocator_setFragmentCapacityIncrement(IORangeAllocator *self, UInt32 count)
{
    if (self != NULL) {
        self->increment = count;
    }
}

IORangeScalar IORangeAllocator_getFreeCount(const IORangeAllocator *self)
{
    IORangeScalar total = 0;
    platform_short_state before;
    UInt32 i;

    if (self == NULL) {
        return 0;
    }
    before = lock(self);
    for (i = 0; i < self->lists.count[FREE]; i++) {
        const struct IOInterval *fragment = IOIntervalLists_at(&self->lists, FREE, i);

        total += fragment->end - fragment->start + 1;
    }
    unlock(self, before);
    return i != 0 && total == 0 ? UINT64_MAX : total; /* 0 is 2^64 here */
}

bool IORangeAllocator_getFragment(const IORangeAllocator *self, UInt32 index, IORangeScalar *start,
                                  IORangeScalar *end)
{
    platform_short_state before;
    bool found;

    if (self == NULL || start == NULL || end == NULL) {
        return answer(kIOReturnBadArgument);
    }
    before = lock(self);
    found = index < self->lists.count[FREE];
    if (found) {
        *start = IOIntervalLists_at(&self->lists, FREE, index)->start;
        *end = IOIntervalLists_at(&self->lists, FREE, index)->end;
    }
    unlock(self, before);
    return found;
}

bool IORangeAllocator_serialize(const IORangeAllocator *self, OSSerialize *serializer)
{
    (void)serializer;
    return answer(self == NULL ? kIOReturnBadArgument : kIOReturnUnsupported);
}
