/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the driver of SMMUv3: one unit, its streams, its queues. */
#ifndef DRIVERS_SMMUV3_SMMU_PRIVATE_H
#define DRIVERS_SMMUV3_SMMU_PRIVATE_H

#include "descriptors/IOMapper_class.h"
#include "drivers/smmuv3/smmu_space_private.h"
#include "drivers/smmuv3/smmu_wire_private.h"
#include "drivers/smmuv3/smmuv3.h"
#include "kernel/lock.h"

#define SMMU_TIMEOUT      1000000000ull /* nanoseconds for an invalidation */
#define SMMU_DOORBELL_MAX 4u            /* pages that message interrupts are written to */
#define SMMU_REPORT_MAX   32u           /* blocked pages that are told apart */
#define SMMU_ASID_MAPS    2u            /* pages of what ASIDs are in use */

/* A ring whose index has one bit more than its size needs: who is behind whom. */
struct smmu_queue {
    paddr_t base;
    void *entries;
    unsigned log2;
    unsigned order;   /* of the pages that it lies in */
    uint32_t places;  /* bits of `next` that say where */
    uint32_t indices; /* bits of `next` */
    uint32_t next;    /* ours: where we write, or read */
    uint32_t pending; /* of ours, entries that may not have been read yet */
};

/* What was blocked of one stream, page and direction. */
struct smmu_report {
    uint32_t stream;
    bool read;
    bool counted; /* it has an address; a bad stream has none */
    bool told;    /* the line is out */
    unsigned type;
    uint64_t first; /* I/O address of the first access */
    uint64_t count;
};

/* A driver's view of one stream: an IOMapper. */
struct smmu_domain {
    IOMapper super; /* its provider is the device, whom reports name */
    struct smmu *unit;
    struct smmu_domain *next; /* of the unit's */
    uint32_t stream;
    uint16_t asid;
    uint64_t forget;  /* what the command to forget one of its pages begins with */
    bool attached;    /* the stream table leads here */
    uint64_t *words;  /* the context descriptor */
    struct lock lock; /* over the space */
    struct smmu_space space;
};

struct smmu {
    IOMapper super; /* what devices name; it maps nothing itself */
    struct smmu *next;
    paddr_t address;
    volatile void *registers;
    int node;       /* of the device tree */
    bool ranges;    /* it takes invalidations of ranges */
    bool splits;    /* a block may become a table in one store */
    bool wide_asid; /* 16 bits */
    bool stuck;     /* it did not do what it was told: nothing is believed any more */
    unsigned output_code;
    uint64_t output_end; /* bytes: physical addresses below it can be reached */

    /* Streams. */
    bool two_levels;
    unsigned stream_bits;
    unsigned stream_order;
    uint64_t *streams;               /* first level, or the one level there is */
    uint64_t *asids[SMMU_ASID_MAPS]; /* a bit each; set: in use. A page each, or not there */
    struct smmu_domain *domains;

    /* Commands: under the lock. */
    struct lock lock;
    struct smmu_queue commands;
    struct smmu_counters counters;

    /* Events: under the lock. */
    struct smmu_queue events;
    struct smmu_report reports[SMMU_REPORT_MAX];
    unsigned report_count;
    uint64_t unlisted; /* events for which no report was left */
    unsigned untold;   /* reports that nobody has been told of */
    bool lost;         /* some did not reach the queue, or found no report; not told yet */
    uint32_t errors;   /* bits of GERROR that have been answered */
    uint32_t overflow; /* the queue's bit, as acknowledged */

    unsigned doorbell_count;
    uint64_t doorbells[SMMU_DOORBELL_MAX]; /* pages, by number */
};

/* smmu_queue.c */

/* Memory for a ring of up to 2^log2 entries; smaller, down to a page, if there is none. */
bool smmu_queue_create(struct smmu_queue *queue, unsigned log2, unsigned entry_bytes);
void smmu_queue_destroy(struct smmu_queue *queue);

/* Under unit->lock. */
void smmu_command(struct smmu *unit, uint64_t first, uint64_t second);

/* Publish what was added, and wait until all of it has been done. False: it was not. */
bool smmu_sync(struct smmu *unit);

/* smmu_invalidate.c */

/* The operand of the next command for pages [*first, + *pages), which become what is left. */
struct smmu_range {
    uint64_t first, pages; /* what is still to be done */
    uint64_t step;         /* pages of an entry */
    unsigned level;        /* architecture's; 0: any */
    bool leaf, ranges;
};
struct smmu_command smmu_next_range(struct smmu_range *range, uint16_t asid);

/* Pages that were blocked; false: not acknowledged. */
bool smmu_invalidate(struct smmu_domain *domain, uint64_t first, uint64_t pages,
                     const struct space_change *change);

/* The same of pages whose table stays. */
bool smmu_invalidate_pages(struct smmu_domain *domain, uint64_t first, uint64_t pages);

/* smmu_stream.c */
/* What it could not have is given back with all that it has, once, when the unit goes. */
IOReturn smmu_streams_create(struct smmu *unit);
void smmu_streams_destroy(struct smmu *unit);
/* The stream leads to the domain; or to nothing again. */
IOReturn smmu_attach(struct smmu_domain *domain);
bool smmu_detach(struct smmu_domain *domain);

/* smmu_event.c */
void smmu_collect(struct smmu *unit);
void smmu_forget(struct smmu *unit, uint32_t stream);
void smmu_answer_errors(struct smmu *unit);

/* smmu_domain.c, smmu_run.c and smmu_transfer.c: what the record of a stream's mapper names. */
IOReturn smmu_domain_map(IOMapper *mapper, IOMemoryDescriptor *memory, uint64_t offset,
                         uint64_t length, uint32_t options, const IODMAMapSpecification *spec,
                         IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                         uint64_t *mapLength);
uint64_t smmu_domain_map_run(IOMapper *mapper, uint64_t physical, uint64_t length, uint32_t access,
                             uint64_t *mapLength);
IOReturn smmu_domain_unmap(IOMapper *mapper, IOMemoryDescriptor *memory, IODMACommand *command,
                           uint64_t mapAddress, uint64_t mapLength);
IOReturn smmu_domain_insert(IOMapper *mapper, uint32_t options, uint64_t mapAddress,
                            uint64_t offset, uint64_t physicalAddress, uint64_t length);
IOReturn smmu_domain_translate(IOMapper *mapper, uint64_t mappedAddress, uint32_t access,
                               uint64_t *physicalAddress, uint64_t *contiguousLength);

/* smmu_run.c */

/* Take back what was placed; an unacknowledged invalidation leaves it taken. Under the lock. */
IOReturn smmu_take_back(struct smmu_domain *domain, uint64_t first, uint64_t pages);

/* What an entry has besides its address, by the options of a mapping and of its specification. */
static inline uint64_t smmu_entry_bits(uint32_t options, uint32_t wishes)
{
    unsigned memory = MEMORY_NORMAL;

    if ((options & kIODMAMapDeviceMemory) != 0) {
        memory = MEMORY_REGISTERS;
    } else if ((wishes & kIOMapperUncached) != 0) {
        memory = MEMORY_UNCACHED;
    }
    /* There is no write-only: who may write may read (23 of stage 1's AP bits). */
    return ENTRY_UNPRIVILEGED | ENTRY_SHARED | ENTRY_ACCESSED | ENTRY_NO_EXECUTE |
           ENTRY_MEMORY(memory) | ((options & kIODMAMapWriteAccess) != 0 ? 0 : ENTRY_READ_ONLY);
}

/* Where what so many bits reach ends; 0: no limit. As a page. */
static inline uint64_t smmu_limit(unsigned bits)
{
    return bits == 0 || bits > SPACE_BITS ? SPACE_PAGES : 1ull << (bits - PAGE_SHIFT);
}

static inline struct smmu_domain *smmu_domain_at(IOMapper *mapper)
{
    return (struct smmu_domain *)mapper;
}

/* smmu_mapper.c */
extern const IOMapperClass smmu_unit_class, smmu_domain_class;
static inline bool smmu_is_domain(const IOMapper *mapper)
{
    return mapper != NULL && mapper->super.metaClass == &smmu_domain_class.meta;
}
/* The stream's, not retained; NULL: nobody has asked for it. Any context. */
struct smmu_domain *smmu_domain_of(const struct smmu *unit, uint32_t stream);

/* smmu_find.c: the unit of this node of the device tree, if it starts; else a line says why. */
void smmu_add(int node);

/* smmu.c */
bool smmu_switch_on(struct smmu *unit);
void smmu_take_down(struct smmu *unit); /* what a switching on that failed has left */

#endif
