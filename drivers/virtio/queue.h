/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtqueue, split or packed (virtio 1.2, sections 2.7 and 2.8): chains of buffers go to
 * the device, and come back with a length.
 *
 *     struct virtq_chain chain;
 *     struct virtq_segments segments;
 *     if (virtq_begin(queue, &chain) != kIOReturnSuccess)
 *         return;                                          nothing to undo
 *     virtq_chain_add(&chain, header, 16, VIRTQ_NEXT);
 *     virtq_chain_segments(&chain, &segments, VIRTQ_NEXT | VIRTQ_WRITE);
 *     count = IOMemoryCursor_genPhysicalSegments(cursor, memory, 0, &segments, ...);
 *     virtq_chain_filled(&chain, count, bytes); the cursor wrote the slots itself
 *     virtq_chain_add(&chain, status, 1, VIRTQ_WRITE);     the last one has no VIRTQ_NEXT
 *     virtq_submit(queue, &chain, request);                in the ring, not yet visible
 *     virtq_publish(queue);                                one store and one doorbell a batch
 *
 * The cursor must have been made with virtq_segment_function(queue), and may have been with
 * virtq_row_function(queue). Until
 * virtq_submit a chain holds nothing, so it is given up by forgetting it; one
 * chain at a time may be under construction.
 *
 * What the device can write is never trusted: free lists, lengths and indices
 * live in private memory, and an id or length that does not fit marks the queue
 * broken. A broken queue takes and returns nothing more until virtq_restart.
 *
 * Each chain has its place in memory, given by its slot: a table of its own, to
 * which the ring only points (VIRTIO_F_INDIRECT_DESC), or a fixed part of the ring. In a packed
 * ring no part is fixed: without tables of its own the device gets a copy of the entries.
 *
 * Nothing here allocates but virtq_create. A queue does not lock: interrupts
 * that use it must be masked around every call and around a chain's building.
 */
#ifndef DRIVERS_VIRTIO_QUEUE_H
#define DRIVERS_VIRTIO_QUEUE_H

#include "descriptors/IODMACommand.h"
#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryCursor.h"
#include "descriptors/IOReturn.h"
#include "drivers/virtio/chain.h"
#include "kernel/types.h"

#define VIRTQ_SIZE_MAX 32768u /* entries; virtio 1.2, section 2.7 */

struct virtq;

/* One descriptor as the device reads it: le64 address; le32 length, le16 flags, le16 next. */
struct virtq_desc {
    uint64_t address; /* physical, bytes */
    uint64_t rest;
};

/* A chain under construction. Lives on the caller's stack; nothing in it is for the caller. */
struct virtq_chain {
    struct virtq_desc *entries;
    const uint64_t *flag_rest;
    struct virtq_slot *known; /* its slot, which names it until it comes back */
    uint64_t link, link_step; /* of the entry that virtq_chain_segment adds next */
    uint32_t writable;        /* bytes the device may write */
    uint32_t base;            /* number of its first entry, as the device counts: 0 in a table */
    uint32_t count;           /* entries filled */
    uint32_t room;            /* entries it may have */
    uint32_t segments;        /* entries filled by the cursor */
    uint8_t segment_flags;    /* VIRTQ_... of these */
    uint8_t table;            /* enum virtq_tables */
};

/*
 * Where the next chain begins: what of a queue changes with each. Who submits several in a row
 * keeps it beside the queue meanwhile, in registers, and calls nothing else of the queue:
 *
 *     struct virtq_head head = virtq_take_head(queue);
 *     virtq_begin_framed_at(queue, &head, &chain); ... virtq_submit_framed_at(queue, &head, ...);
 *     virtq_put_head(queue, &head);
 */
struct virtq_head {
    struct virtq_slot *free;
    uint64_t index;
    uint16_t *ring; /* these two stay */
    uint64_t mask;
};

/* Where the cursor writes. Also on the caller's stack, and nothing in it is for the caller. */
struct virtq_segments {
    struct virtq_desc *first; /* entry of segment 0 */
    uint64_t rest;            /* its flags and next, in their places */
};

/* A chain that came back. */
struct virtq_used {
    void *token;      /* as given to virtq_submit */
    uint32_t length;  /* bytes the device says it wrote from the start of the writable part */
    uint32_t missing; /* writable bytes beyond that */
    const struct virtq_slot *known; /* its slot */
};

/* What a queue is made with. */
struct virtq_setup {
    unsigned size;           /* entries; made a power of two by rounding down, see virtq_size */
    unsigned index;          /* of the queue in its device */
    unsigned chain_entries;  /* most entries of one chain: a power of two */
    unsigned chains;         /* with tables: most chains at once, rounded down like size; 0: size */
    bool indirect;           /* VIRTIO_F_INDIRECT_DESC is negotiated: chains have tables */
    bool event_index;        /* VIRTIO_F_EVENT_IDX is negotiated */
    bool packed;             /* VIRTIO_F_RING_PACKED is negotiated */
    IOMapper *mapper;        /* in front of the device; NULL: none */
    volatile void *doorbell; /* register that takes the queue's index; not NULL */
    bool narrow_doorbell;    /* by 16 bits, and not by 32 */
    bool uncached;           /* the device does not look into the CPU's cache */
};

/*
 * A new, empty queue in memory as kernel/vm_device_memory.h has it. With tables it holds as many
 * chains as the setup says, without as many as fit in the ring. No chain is longer
 * than the ring has entries, in a table neither (section 2.7.5.3.1).
 * kIOReturnBadArgument: size 0 or above VIRTQ_SIZE_MAX, chain_entries that are no
 * power of two or more than the ring's entries, no doorbell; kIOReturnNoMemory. Thread context.
 */
IOReturn virtq_create(const struct virtq_setup *setup, struct virtq **queue);

/* The device must no longer use it (it has been reset). NULL: no effect. Thread context. */
void virtq_destroy(struct virtq *queue);

/*
 * Entries. The device and the driver take 16-bit running indices modulo the
 * size, which is only seamless where 65536 wraps for a power of two; so a queue
 * of another size is used up to the next lower one.
 */
static inline unsigned virtq_size(const struct virtq *queue);
static inline unsigned virtq_slots(const struct virtq *queue); /* chains it can hold */
unsigned virtq_index(const struct virtq *queue);

/*
 * Physical addresses of the three parts: the descriptors, what the driver writes (the available
 * ring, or its event suppression), what the device writes. For the transport they are
 * virtq_io_address's.
 */
paddr_t virtq_desc_address(const struct virtq *queue);
paddr_t virtq_avail_address(const struct virtq *queue);
paddr_t virtq_used_address(const struct virtq *queue);

/* What the device is to be told of a place in the rings. */
ioaddr_t virtq_io_address(const struct virtq *queue, paddr_t address);

/*
 * Before the first frame: where they are, one of so many bytes for each slot, and what is added to
 * virt_to_phys's answers for the two entries of each.
 */
void virtq_set_frames(struct virtq *queue, void *frames, size_t bytes, uint64_t offset);

/* Start a chain. kIOReturnNoResources: no slot is free; kIOReturnDeviceError: broken. */
static inline IOReturn virtq_begin(struct virtq *queue, struct virtq_chain *chain);

/* Would it succeed? */
static inline bool virtq_has_room(const struct virtq *queue);

/* Entries that still fit in the chain. */
static inline unsigned virtq_chain_room(const struct virtq_chain *chain)
{
    return chain->room - chain->count;
}

/* Add one buffer. There must be room, and length must not be 0. */
static inline void virtq_chain_add(struct virtq_chain *chain, paddr_t address, uint32_t length,
                                   unsigned flags);

/*
 * The segment function that fills a queue's entries, and the one that fills many at once, for the
 * cursor's creation; and those of every split queue.
 */
IOMemoryCursor_SegmentFunction virtq_segment_function(const struct virtq *queue);
IOMemoryCursor_RowFunction virtq_row_function(const struct virtq *queue);
void virtq_output_segment(IOPhysicalSegment segment, void *segments, UInt32 index);
UInt32 virtq_output_row(struct IOMemoryRow *row, void *segments);

/*
 * The same for DMA commands and one chain, given a struct virtq_command_segments of which the
 * caller says the limits: they put out `left` bytes, not 0, and no more, cutting the last segment,
 * and refuse to put out a segment longer than `longest` (at most UINT32_MAX).
 */
struct virtq_command_segments {
    struct virtq_segments segments; /* of virtq_chain_segments */
    uint64_t left;                  /* in: bytes to put out; out: of them, those that were not */
    uint32_t longest;
};

/* Both functions of a command. */
struct virtq_command_output {
    IODMACommand_SegmentFunction segment;
    IODMACommand_RowFunction row;
};

/* Those of this chain's queue. */
const struct virtq_command_output *virtq_command_output(const struct virtq_chain *chain);

/* Those of split queues: `segments` is a struct virtq_command_segments. */
bool virtq_output_command(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                          UInt32 index);
UInt32 virtq_output_command_row(IODMACommand *target, struct IOMemoryRow *row, void *segments);

/*
 * Make ready for the cursor: its entries go behind those added so far. `segments`
 * is what the cursor is to be given. Again, to fill the same entries anew.
 */
static inline void virtq_chain_segments(struct virtq_chain *chain, struct virtq_segments *segments,
                                        unsigned flags);

/* What the cursor did: `count` entries with `bytes` in all. */
static inline void virtq_chain_filled(struct virtq_chain *chain, unsigned count, uint32_t bytes);

/*
 * Where it would find one segment, and the caller knows which: the same as these two. In a chain
 * that has been begun with virtq_begin_framed and has nothing from elsewhere; not the last of it.
 */
static inline void virtq_chain_segment(struct virtq_chain *chain, paddr_t address, uint32_t length,
                                       unsigned flags);

/* The same of a row of segments, of which there is room for each, with `bytes` in all. */
static inline void virtq_chain_row(struct virtq_chain *chain, struct IOMemoryRow *row,
                                   uint32_t bytes, unsigned flags);

/* A chain that is submitted, but not published, again; for virtq_chain_entry alone. */
void virtq_get_chain(const struct virtq *queue, unsigned slot, struct virtq_chain *chain);

/* Which slot it has, below virtq_slots, and of one that came back; and its frame. */
static inline unsigned virtq_slot_of(const struct virtq_chain *chain);
static inline unsigned virtq_used_slot(const struct virtq_used *used);
static inline void *virtq_frame_of(const struct virtq_chain *chain);
static inline void *virtq_used_frame(const struct virtq_used *used);

/* Put a finished chain in the ring. token: not NULL, comes back with it. */
static inline void virtq_submit(struct virtq *queue, const struct virtq_chain *chain, void *token);

/*
 * For a driver whose chains all begin with an entry that the device reads, and end
 * with one that it writes, in memory that each slot has for itself. The first one is
 * in a chain that is begun so, the last one in one that is submitted so: its frame is written by
 * the time that it is published.
 * Both stay in their places from chain to chain, and are written only where the length is another
 * than before. A queue uses either these or the two functions above.
 *
 *     if (!virtq_is_framed(&chain))
 *         virtq_write_frame(queue, virtq_slot_of(&chain), count, header, 16, status, 1);
 *     virtq_submit_framed(queue, &chain, request, 1);
 */
static inline IOReturn virtq_begin_framed(struct virtq *queue, struct virtq_chain *chain);
static inline bool virtq_is_framed(const struct virtq_chain *chain);
void virtq_write_frame(struct virtq *queue, unsigned slot, unsigned count, paddr_t first,
                       uint32_t first_length, paddr_t last, uint32_t last_length);
static inline void virtq_submit_framed(struct virtq *queue, const struct virtq_chain *chain,
                                       void *token, uint32_t last_length);
static inline struct virtq_head virtq_take_head(const struct virtq *queue);
static inline void virtq_put_head(struct virtq *queue, const struct virtq_head *head);
static inline IOReturn virtq_begin_framed_at(const struct virtq *queue,
                                             const struct virtq_head *head,
                                             struct virtq_chain *chain);
static inline void virtq_submit_framed_at(struct virtq *queue, struct virtq_head *head,
                                          const struct virtq_chain *chain, void *token,
                                          uint32_t last_length);
/* Entries were filled that the chain will not have: the last one may be overwritten. */
static inline void virtq_forget_frame(const struct virtq_chain *chain);

/* Is anything submitted that is not published? */
static inline bool virtq_has_unpublished(const struct virtq *queue);

/* Make everything submitted visible, and ring the doorbell if the device wants it. */
void virtq_publish(struct virtq *queue);

/* The next chain that came back; false: none now, or the queue is broken. */
static inline bool virtq_take(struct virtq *queue, struct virtq_used *used);

/* How many came back: virtq_take_next takes as many, unless it finds the queue broken. */
static inline unsigned virtq_completed(struct virtq *queue);
static inline bool virtq_take_next(struct virtq *queue, struct virtq_used *used);

/*
 * Ask for an interrupt at the next completion (see virtq_gather_interrupts); whoever takes chains
 * asks anew behind the last. Not 0:
 * it has happened already, and no interrupt may come: so many came back, to be
 * taken with virtq_take_next; then ask again.
 */
static inline unsigned virtq_enable_interrupt(struct virtq *queue);

/*
 * The same behind the last that was taken, if it is wanted, and how things stand then: so many came
 * back, 0, or one of these. What is direct is wanted.
 */
#define VIRTQ_IDLE   (-1) /* nothing is in flight, nor waits to be published */
#define VIRTQ_BROKEN (-2)
static inline int virtq_renew_interrupt(struct virtq *queue, bool wanted);

/*
 * From now on let up to `chains` (at least 1) come back before the interrupt, but
 * no more than are in flight. Only with event index; a chain that comes back
 * earlier waits for the others.
 */
void virtq_gather_interrupts(struct virtq *queue, unsigned chains);

/* Ask for none (a hint: some may still come). */
void virtq_disable_interrupt(struct virtq *queue);

/* The driver's handler has served one. */
static inline void virtq_count_interrupt(struct virtq *queue);

/* Chains that the device holds. */
static inline unsigned virtq_in_flight(const struct virtq *queue);

/* Why the queue is broken, in words; NULL while it is not. */
static inline const char *virtq_broken(const struct virtq *queue);

/*
 * After a device reset: take back the chains that the device held, one a call;
 * NULL: no more. Then virtq_restart makes the queue as new, counters kept.
 */
void *virtq_detach(struct virtq *queue);
void virtq_restart(struct virtq *queue);

/* What went through so far. Any context. */
void virtq_get_counters(const struct virtq *queue, struct virtq_counters *counters);

/* Every index of the queue on one line of the console. Any context; a panic does it. */
void virtq_print(const struct virtq *queue);

/* The functions that every request goes through; inline, so that it pays for no calls. */
#include "drivers/virtio/queue_inline.h"

#endif
