/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside a DMA command. What a specification says, what a preparation holds, and the one
 * walk that planning, generation and copying share.
 *
 * A preparation has a *view*: the prepared bytes as runs of addresses for the device. In
 * the usual case (nothing bounced, nothing mapped) the descriptor itself is the view,
 * walked in place with no list in between. Otherwise it is `runs`, made at prepare.
 */
#ifndef DESCRIPTORS_IODMACOMMAND_PRIVATE_H
#define DESCRIPTORS_IODMACOMMAND_PRIVATE_H

#include "descriptors/IODMACommand.h"
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/IOMapper_class.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/dma/IOCommand_private.h"
#include "descriptors/dma/IODMABounce_private.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/segments/IOMemoryRuns.h"
#include "descriptors/segments/IOSegmentSink.h"

/* Whose the bytes are. What does not fit is refused by name. */
enum IODMAOwner {
    kIODMAOwnerIdle = 0, /* nothing is prepared */
    kIODMAOwnerPrepared, /* the device may be told */
    kIODMAOwnerDevice,   /* a controller has started it: nobody but the device touches them */
    kIODMAOwnerBack,     /* the device is done; complete is due */
};

/*
 * What makes one of another, and what makes it: TRANSITION(from, event, to). Debug builds hold
 * the command to this, and the picture of its states is made of it (docs/pictures).
 */
#define IODMACOMMAND_TRANSITIONS(TRANSITION)                                                       \
    TRANSITION(Idle, prepare, Prepared)                                                            \
    TRANSITION(Prepared, start, Device)                                                            \
    TRANSITION(Device, refused, Prepared)                                                          \
    TRANSITION(Device, notify, Back)                                                               \
    TRANSITION(Back, start, Device)                                                                \
    TRANSITION(Prepared, complete, Idle)                                                           \
    TRANSITION(Back, complete, Idle)                                                               \
    TRANSITION(Prepared, free, Back)                                                               \
    TRANSITION(Device, free, Back)                                                                 \
    TRANSITION(Back, free, Back)

/* What the client said of its device. */
struct IODMASpecification {
    IODMACommand_SegmentFunction output; /* NULL: unspecified */
    IODMACommand_MappingOptions options;
    IOMapper *mapper; /* retained; NULL: addresses are physical */
    struct IODMALimits limits;
    uint8_t addressBits; /* as the getter gives it; 0: no limit */
    bool isPlain;        /* below the highest address any memory will do */
    bool
        takesAll; /* any memory will do as it is: nothing is bounced, maintained or mapped for it */
};

struct IODMACommand {
    IOCommand super;
    void *fRefCon;
    struct IODMASpecification spec;
    IOMemoryDescriptor *memory; /* retained */
    /* The same, if its fields say all that a preparation asks: no class has a word of its own. */
    IOGeneralMemoryDescriptor *general;

    uint32_t active; /* prepares not yet completed */
    IODirection direction;
    uint64_t offset, length; /* the prepared range, bytes of the descriptor */
    bool preparedMemory;     /* by PrepareForDMA, the descriptor too: freeing completes both */

    /* The usual view, known from when it is made: all of it is one entry, at this address. */
    bool isOneEntry;
    uint64_t entry;

    bool hasRuns;               /* the view is `runs`; else the descriptor is */
    struct memory_runs runs;    /* I/O addresses of the prepared bytes */
    struct IODMABounce bounce;  /* which of them are copies, and where */
    IOMemoryDescriptor *copy;   /* retained: all of them are, in this buffer */
    IOMDDMAMapArgs map;         /* fMapper NULL: not mapped */
    IOMemoryDescriptor *mapped; /* whom map was asked of, if it was: the memory, or the copy */
    struct IOMapperUse use;     /* of the mapper: it hears of what is blocked */

    /* Between an engine's notify and complete; see IODMAEventSource.h. */
    enum IODMAOwner owner;
    const IODMAEventSource *engine; /* who has started it; NULL: nobody */
    uint32_t lent;                  /* to engines, as the other side of a transfer */
    IOByteCount startedBytes;       /* of the transfer that it has */
    IOReturn result;
    IOByteCount resultBytes;
    uint64_t resultTime;
};

typedef struct {
    OSMetaClass meta;
    IOBufferMemoryDescriptor *(*createCopyBuffer)(IODMACommand *self, IODirection direction,
                                                  UInt64 length);
} IODMACommandClass;

OS_CLASS(IODMACommandClass, IODMACommand);

/* Is there a transition between the two? */
static inline bool IODMACommand_mayBecome(enum IODMAOwner from, enum IODMAOwner to)
{
#define IODMACOMMAND_IS(from_, event, to_) (from == kIODMAOwner##from_ && to == kIODMAOwner##to_) ||
    return IODMACOMMAND_TRANSITIONS(IODMACOMMAND_IS) false;
#undef IODMACOMMAND_IS
}

/* The one way from state to state. */
static inline void IODMACommand_become(IODMACommand *self, enum IODMAOwner owner)
{
    IOASSERT(IODMACommand_mayBecome(self->owner, owner));
    self->owner = owner;
}

/* Judge a specification: kIOReturnSuccess and *spec, its mapper retained, or why not. */
IOReturn IODMASpecification_make(struct IODMASpecification *spec,
                                 IODMACommand_SegmentFunction output,
                                 const IODMACommand_SegmentOptions *options, uint32_t mapping,
                                 IOMapper *mapper);

/* The numeric form as the other. */
IODMACommand_SegmentOptions IODMASpecification_options(UInt8 numAddressBits, UInt64 maxSegmentSize,
                                                       UInt64 maxTransferSize, UInt32 alignment);

/*
 * The descriptor's bytes [offset, offset + length) as runs of host addresses, each whole:
 * no two in a row continue each other. `visit` may end the walk with false. Returns why
 * bytes are missing, or success. Any context.
 */
typedef bool IODMARunVisitor(void *context, uint64_t address, uint64_t length);
IOReturn IODMACommand_walkHost(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                               IODMARunVisitor *visit, void *context);

/* What a plan finds; see IODMACommand_plan.c. */
struct IODMAPlan {
    uint64_t bounced; /* bytes */
    uint64_t room;    /* bytes of bounce memory, placed on multiples of the unit */
    size_t islands;   /* pieces that are bounced */
    size_t pieces;    /* of both kinds, in a row */
};

/* Which of the prepared bytes offend. Touches nothing. */
IOReturn IODMACommand_plan(const IODMACommand *self, struct IODMAPlan *plan);

/* The end of what the plan of a mapping that begins in page 0 comes to: its highest address. */
IOReturn IODMACommand_planEnd(const IODMACommand *self, uint64_t *end);

/*
 * Put them into bounce memory and make the view; nothing is copied yet. `filled`: that is the
 * next thing, or the preparation fails. Undone by letGo.
 */
IOReturn IODMACommand_place(IODMACommand *self, const struct IODMAPlan *plan, bool filled);

/*
 * Make the view from where `memory`, from `offset` on, lies: physically, or in a mapping
 * whose first byte is at I/O address `base`. The runs are made at prepare, so that
 * generation allocates nothing.
 */
IOReturn IODMACommand_viewOf(IODMACommand *self, IOMemoryDescriptor *memory, uint64_t offset,
                             bool mapped, uint64_t base);

/*
 * Make what lies between the memory and a device that does not take all, and copy, clean and map
 * by what was asked; on failure nothing is left of it. highestPage: of the memory, 0: not known.
 */
IOReturn IODMACommand_adapt(IODMACommand *self, uint64_t highestPage, bool flushCache,
                            bool synchronize);

/* Bytes that were elsewhere come home, and what was between memory and device goes. */
IOReturn IODMACommand_bringHome(IODMACommand *self, bool invalidateCache, bool synchronize);

/* Of an end, which goes on whatever fails: what failed first. */
static inline IOReturn IODMACommand_firstError(IOReturn before, IOReturn status)
{
    return before != kIOReturnSuccess ? before : status;
}

/* Put the whole range into a buffer of its own. */
IOReturn IODMACommand_placeWhole(IODMACommand *self);

/* Some of the prepared bytes live in memory of the command's own. */
bool IODMACommand_bounces(const IODMACommand *self);

/* Fill, clean and map what was placed: the last step of a preparation, however it was placed. */
IOReturn IODMACommand_makeReady(IODMACommand *self, bool flushCache, bool synchronize);

/*
 * The view is made, and is one run or not: is it one entry? All of it is legal, but where addresses
 * are only listed (IterateOnly), what offends too.
 */
static inline void IODMACommand_noteRun(IODMACommand *self, bool isOneRun, uint64_t address,
                                        uint64_t length)
{
    const struct IODMALimits *const limits = &self->spec.limits;

    self->entry = address;
    self->isOneEntry =
        isOneRun && length <= limits->longest &&
        (self->spec.isPlain || (length - 1 <= (limits->boundaryMask & ~address) &&
                                (self->spec.options & kIODMAMapOptionIterateOnly) == 0));
}

/* The same where the view is the memory itself, from `offset` on. */
static inline void IODMACommand_noteMemory(IODMACommand *self, uint64_t offset, uint64_t length)
{
    const uint64_t run = self->memory->oneRun;

    /* With a system mapper a run of I/O addresses may be several of memory. */
    IODMACommand_noteRun(self, run != 0 && IOMapper_gSystem == NULL, run + offset, length);
}

/* The same of whatever it is. */
static inline void IODMACommand_noteEntry(IODMACommand *self)
{
    if (self->hasRuns) {
        IODMACommand_noteRun(self, self->runs.count == 1, self->runs.list[0].address, self->length);
    } else {
        IODMACommand_noteMemory(self, self->offset, self->length);
    }
}

/*
 * Complete an active command and clear its memory, whose reference is the caller's then; the first
 * error. *memory NULL: it stays active, or this is a handler.
 */
IOReturn IODMACommand_takeMemory(IODMACommand *self, IOMemoryDescriptor **memory);

/* Undo place, placeWhole and the mapping, as far as they came. The first error is the answer. */
IOReturn IODMACommand_letGo(IODMACommand *self);

/* Where the bytes of the whole copy (there is one) are for the CPU; NULL: only it itself knows. */
uint8_t *IODMACommand_copyBytes(const IODMACommand *self);

/* Descriptor to bounce memory (towards) or back. */
IOReturn IODMACommand_copyBounced(IODMACommand *self, bool towards);

/* The same while the device may be at work: for one that does not snoop, with the maintenance. */
IOReturn IODMACommand_exchangeBounced(IODMACommand *self, bool towards);

/* The device does not snoop. */
static inline bool IODMACommand_isNonCoherent(const IODMACommand *self)
{
    return (self->spec.options & kIODMAMapOptionTypeMask) == kIODMAMapOptionNonCoherent;
}

/*
 * The direction says that the device reads; without that no line may stay dirty for it: its
 * eviction would hit what the device has written.
 */
static inline bool IODMACommand_deviceReads(const IODMACommand *self)
{
    return (self->direction & kIODirectionOut) != 0;
}

/* Cache maintenance of all bytes that the device sees: clean, or clean and invalidate. */
IOReturn IODMACommand_maintain(IODMACommand *self, bool invalidate);

/* The ledger hears that a preparation has begun (debug builds). */
#ifdef DEBUG
void IODMACommand_tellPrepared(IODMACommand *self, bool filled);
#else
static inline void IODMACommand_tellPrepared(IODMACommand *self, bool filled)
{
    (void)self, (void)filled;
}
#endif

/* A line on the log: the device has the command, and this is not to be done. */
void IODMACommand_sayRefused(const IODMACommand *self, const char *what);

/*
 * True, with that line. In every build: an engine that was told to stop and did not may still
 * write, and what is completed is somebody else's memory at once.
 */
static inline bool IODMACommand_refuses(const IODMACommand *self, const char *what)
{
    if (self->owner != kIODMAOwnerDevice && self->lent == 0) {
        return false;
    }
    IODMACommand_sayRefused(self, what);
    return true;
}

#endif
