/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a map; for its files, the classes' doMap and doUnmap, and white-box tests. */
#ifndef DESCRIPTORS_IOMEMORYMAP_CLASS_H
#define DESCRIPTORS_IOMEMORYMAP_CLASS_H

#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/platform_vm.h"

/* An option of the classes among themselves: share no existing map, be one like any other. */
#define IOMAP_FRESH 0x00010000u

/* Another one: be part of a composite's map, and of no use to anybody else. With Overwrite. */
#define IOMAP_PART 0x00020000u

#define IOMAP_LARGE_GUARD 65536u /* bytes */

/* The orders that maps are found in, IOMemoryMap_index.c. */
enum {
    IOMemoryMap_kByOffset,
    IOMemoryMap_kByPlace
};

struct IOMemoryMap {
    OSObject super;
    IOMemoryDescriptor *memory; /* retained; NULL in a half-built map */
    uint64_t offset;            /* of the first byte in memory */
    uint64_t length;            /* bytes */
    IOOptionBits options;
    unsigned cache; /* kIO...Cache in effect; the default: of each part its own */

    task_t task;  /* NULL once dead */
    vm_map_t map; /* with a reference; NULL once the task is dead */
    struct platform_task_watch watch;

    bool mapped;
    bool recorded;        /* the caller vouches for what is there */
    bool blocked;         /* by redirect to nothing */
    bool outlived;        /* memory describes other bytes by now than those shown here */
    bool unmapAtDeath;    /* see userClientUnmap */
    bool isFirst;         /* of a part: something of its memory was kept, or frozen, for it */
    uint64_t address;     /* of the first byte if mapped, else what is asked for */
    uint64_t start, size; /* what doMap entered, guards included; doUnmap removes it */

    IOMemoryMap *superMap;                     /* retained: whose pages these are; NULL: its own */
    IOMemoryMap *borrowers;                    /* those whose superMap this is */
    IOMemoryMap *nextBorrower, **borrowerLink; /* in superMap's list */
    IOMemoryMap *next, **link;                 /* in the set of memory; link NULL: not in it */

    /* While it may answer requests: in the trees of memory, by IOMemoryMap_k... */
    struct {
        struct tree_node node;
        uint64_t farthest; /* largest end of the bytes of a map in the subtree */
    } index[2];
    bool indexed;

    IOMemoryMap *parts;    /* of a composite's map: those of its children, retained */
    IOMemoryMap *nextPart; /* in the list that it is in */
    IOMemoryMap *whole;    /* whose part this is, not retained; NULL: nobody's */

    /*
     * Redirections that cover this map: accesses wait while one is on here or on what this
     * is a part of, so that each of several has to end.
     */
    unsigned redirections; /* from whose safe task it is not */
    unsigned uncached;     /* from whose safe task it is: write-combining rests meanwhile */

    /* Of a Unique map whose memory is a descriptor of its own: whose redirections it follows. */
    IOMemoryDescriptor *origin; /* not retained: it lets go of the map when it is freed */
    IOMemoryMap *nextUnique, **uniqueLink;

    struct IOMemoryMapPin *pins; /* of wireRange, one for each page; NULL: none ever */
};

/*
 * A redirection that has begun: which maps it covers is decided by the task that goes on,
 * and its end must release the same ones, whatever task that end names.
 */
struct IORedirection {
    task_t safeTask; /* TASK_NULL: none, or it has died; another at its address is another */
    struct platform_task_watch watch;
    struct IORedirection *next;
};

/* The one lock over all sets, maps and redirections. Recursive. */
void IOMemory_lock(void);
void IOMemory_unlock(void);
bool IOMemory_isLocked(void);

/* As IOMemoryMap_setMemoryDescriptor, with the lock held. False: it ends before the map does. */
bool IOMemoryMap_setMemory(IOMemoryMap *self, IOMemoryDescriptor *memory, uint64_t offset);

/* Out of the set of its memory, if it is in it; with the lock held. */
void IOMemoryMap_leaveSet(IOMemoryMap *self);

/* The same of one that is in it, and goes on without: what is on for the memory ends for this map.
 */
void IOMemoryMap_partFromSet(IOMemoryMap *self);

/* The pages that the map shows, without guards. */
static inline uint64_t IOMemoryMap_firstPage(const IOMemoryMap *self)
{
    return trunc_page(self->address);
}

static inline uint64_t IOMemoryMap_pageBytes(const IOMemoryMap *self)
{
    return round_page((self->address & PAGE_MASK) + self->length);
}

/* Bytes of guard on either side that the options ask for. */
static inline uint64_t IOMemoryMap_guardSize(IOOptionBits options)
{
    if ((options & kIOMapGuardedSmall) != 0) {
        return PAGE_SIZE; /* both bits mean the small one too */
    }
    return (options & kIOMapGuardedLarge) != 0 ? IOMAP_LARGE_GUARD : 0;
}

/*
 * Ask a descriptor for a map, the arguments being judged. NULL: the last error says why.
 * (IOMemoryDescriptor_map.c)
 */
IOMemoryMap *IOMemoryDescriptor_requestMap(IOMemoryDescriptor *self, task_t task, uint64_t address,
                                           IOOptionBits options, uint64_t offset, uint64_t length);

/*
 * IOMemoryMap_reserve.c: an interval without access for `length` bytes, where the
 * options want it; the first byte has this page offset. Sets address, start and size.
 * kIOReturnNotAligned, kIOReturnNoSpace, kIOReturnNoMemory.
 */
IOReturn IOMemoryMap_reserve(IOMemoryMap *self, IOOptionBits options, uint64_t skew,
                             uint64_t length);

/* Take back all that is shown there; what the caller had reserved is reserved again. */
void IOMemoryMap_unreserve(IOMemoryMap *self, IOOptionBits options);

/*
 * IOMemoryMap_index.c: be found by requests from now on, if the map is of a kind that can
 * be, and no more. Before its offset, address or address space changes it must leave.
 */
void IOMemoryMap_enterTrees(IOMemoryMap *self);
void IOMemoryMap_leaveTrees(IOMemoryMap *self);

/* What changes a map asks for these, and most maps are in no tree. */
static inline void IOMemoryMap_enterIndex(IOMemoryMap *self)
{
    if (self->link != NULL && self->mapped && !self->indexed &&
        (self->options & (kIOMapUnique | IOMAP_PART)) == 0) {
        IOMemoryMap_enterTrees(self);
    }
}

static inline void IOMemoryMap_leaveIndex(IOMemoryMap *self)
{
    if (self->indexed) {
        IOMemoryMap_leaveTrees(self);
    }
}

/*
 * Does a static map of persistent memory, which is its owner's own view, still show that memory?
 * Set by the class that makes such maps.
 */
extern bool (*IOMemoryMap_isAtHome)(const IOMemoryMap *self);

/* What a compatible map of the descriptor answers; NULL: none is. As copyCompatible. */
IOMemoryMap *IOMemoryMap_findCompatible(IOMemoryDescriptor *memory, IOMemoryMap *request);

/*
 * What is reserved elsewhere for an Overwrite map, and shown there by now, takes the place
 * of what is at `address`. On failure that stays, and so does this: kIOReturnNoSpace,
 * kIOReturnNoMemory.
 */
IOReturn IOMemoryMap_takePlace(IOMemoryMap *self, uint64_t address, bool eager);

/* IOMemoryMap_redirect.c: one redirection begins or ends for this map. */
IOReturn IOMemoryMap_cover(IOMemoryMap *self, task_t safeTask);
IOReturn IOMemoryMap_uncover(IOMemoryMap *self, task_t safeTask);

/*
 * The pages are entered: be mapped, and follow the redirections that are on. On failure the
 * map is not mapped, and its pages are for the caller to remove.
 */
IOReturn IOMemoryMap_follow(IOMemoryMap *self); /* of one that is mapped: those alone */

static inline IOReturn IOMemoryMap_enter(IOMemoryMap *self)
{
    self->mapped = true;
    self->outlived = false;
    return self->memory->redirections == NULL ? kIOReturnSuccess : IOMemoryMap_follow(self);
}

/* Follow the redirections of the descriptor that was asked for the map, too. */
IOReturn IOMemoryMap_setOrigin(IOMemoryMap *self, IOMemoryDescriptor *origin);
void IOMemoryMap_leaveOrigin(IOMemoryMap *self); /* it has one */

/* All parts lie somewhere else by now, at the same distance from the first byte. */
void IOMemoryMap_moveParts(IOMemoryMap *self, uint64_t by);

/* Let go of the parts; they leave the address space as it is. */
void IOMemoryMap_dropParts(IOMemoryMap *self);

/*
 * IOMemoryMap_check.c: fatal by name ("IOMemoryMap: ...") if the borrowers of a map are
 * not borrowers of this map, inside it. Debug builds call it where one comes, goes, or
 * the map goes; it looks at the first IOCHECK_MOST of them.
 */
#ifdef DEBUG
void IOMemoryMap_checkBorrowers(const IOMemoryMap *self);
#else
static inline void IOMemoryMap_checkBorrowers(const IOMemoryMap *self)
{
    (void)self;
}
#endif

/* IOMemoryMap_wire.c: give back all pins of wireRange, of which there were some; are there any? */
void IOMemoryMap_dropPins(IOMemoryMap *self);
bool IOMemoryMap_hasPins(const IOMemoryMap *self);

#endif
