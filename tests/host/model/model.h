/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors and maps at random, against a simple model: which bytes each of them
 * shows, and who keeps whom alive. The model knows of stores (bytes in pages) and
 * views (pieces of stores in a row), nothing of objects, page tables or copies on write.
 */
#ifndef TESTS_HOST_MODEL_MODEL_H
#define TESTS_HOST_MODEL_MODEL_H

#include "tests/host/machine/map_fixture.h"

#define MODEL_RAM    (64 * SIM_MIB) /* what map_power_on gives the machine */
#define STORE_PAGES  12             /* at most */
#define STORES_MAX   128
#define EXTENTS_MAX  32
#define PARTS_MAX    4
#define DEPTH_MAX    4
#define MEMORIES_MAX 96
#define MAPPINGS_MAX 48
#define TRANSFER_MAX (2 * PAGE_SIZE)
#define VIEW_MAX     (STORE_PAGES * PAGE_SIZE - PAGE_SIZE)

/* Memory: what it should hold. */
struct store {
    uint8_t *bytes;
    uint64_t pages;
    unsigned pins[STORE_PAGES]; /* a page that is pinned is not purged */
    unsigned users;             /* views of it, and the world; 0: a free slot */
    task_t task;                /* sees it at `address`; NULL: no task does */
    uint64_t address;
    bool linear; /* consecutive RAM in the direct map */
    bool purgeable;
    IOOptionBits purge;        /* kIOMemoryPurgeableNonVolatile, Volatile or Empty */
    bool faults;               /* volatile, and accesses fault meanwhile */
    IOMemoryDescriptor *probe; /* tells the state of a purgeable one */
};

struct memory;

struct extent {
    struct store *store;
    uint64_t offset, length; /* in the store; bytes, not 0 */
    struct memory *leaf;     /* the descriptor that has a range there */
    uint64_t at;             /* in the leaf */
};

struct view {
    struct extent extents[EXTENTS_MAX];
    unsigned count;
    uint64_t length;
};

enum memory_kind {
    LEAF,
    WINDOW,
    CHAIN,
    INTERLEAVED
};

/* A descriptor. */
struct memory {
    IOMemoryDescriptor *descriptor;
    enum memory_kind kind;
    struct view view;
    unsigned refs;                   /* ours, of composites and of maps; 0: a free slot */
    bool held;                       /* ours is one of them */
    unsigned prepares, own_prepares; /* a wired buffer has one of its own */
    unsigned active;                 /* commands at work on it, or on what it is a part of */
    unsigned announced, owed;        /* completes: judged just now; to be made when it is idle */
    bool for_reading;                /* prepared so */
    bool physical, copies_on_write, pageable;
    struct store *image;  /* what maps of a copy-on-write one show, once there was a request */
    struct store *buffer; /* its own bytes */
    struct memory *parts[PARTS_MAX];
    uint64_t part_at[PARTS_MAX], part_length[PARTS_MAX]; /* its window of each */
    unsigned part_count, depth;
};

/* One answer to a request for a map; several may be the same object. */
struct mapping {
    IOMemoryMap *map; /* NULL: a free slot */
    struct memory *memory;
    struct view view;
    task_t task;
    uint64_t address; /* 0: not mapped any more */
    bool read_only, unique, blocked;
    bool left;                /* its descriptor has been made anew, and knows it no more */
    bool covered;             /* something else has been mapped over it, */
    uint32_t lost;            /* on these pages where maps are made over others */
    const IOMemoryMap *own;   /* the map whose pages these are: map, or what it borrows from */
    bool kept[MEMORIES_MAX];  /* descriptors whose parts of a composite these pages are */
    uint64_t wired_at, wired; /* bytes pinned through it */
};

struct world {
    struct store stores[STORES_MAX];
    struct memory memories[MEMORIES_MAX];
    struct mapping mappings[MAPPINGS_MAX];
    task_t guest; /* has maps only, and dies now and then */
    uint64_t random;
};

extern struct world world;

/* Random numbers; the whole sequence hangs on world.random. */
uint64_t below(uint64_t limit);
bool one_in(uint64_t n);

/*
 * Around one call of the machine: now and then one of its requests for memory fails. True: one
 * did, so that the call may have failed, and then nothing may have changed.
 */
void shortage_begin(bool may);
bool shortage_end(void);

/* Stores: bytes.c. */
struct store *store_new(uint64_t pages); /* zeros, with one user */
void store_retain(struct store *store);
void store_release(struct store *store);
void store_discard(struct store *store); /* all pages but the pinned ones */

/* See what has been taken of volatile stores; meanwhile: in the middle of a call. */
void notice_reclaim(bool meanwhile);

/* Views. add: false if there is no room. slice, which must be inside, retains nothing. */
bool view_add(struct view *view, const struct extent *extent);
bool view_append(struct view *view, const struct view *other);
void view_slice(const struct view *view, uint64_t offset, uint64_t length, struct view *out);
void view_retain(const struct view *view);
void view_release(const struct view *view);
void view_load(const struct view *view, uint64_t offset, void *bytes, uint64_t length);
void view_store(const struct view *view, uint64_t offset, const void *bytes, uint64_t length);

/* Does an access to one of these bytes fault, because their memory is volatile? */
bool view_faults(const struct view *view, uint64_t offset, uint64_t length);

/* Whether pages can show it in a row. */
bool view_is_mappable(const struct view *view);

/* Descriptors: memory.c. */
struct memory *memory_new(enum memory_kind kind);
void memory_retain(struct memory *memory);
void memory_release(struct memory *memory); /* the model's side of it */
void memory_let_go(struct memory *memory);  /* give back our reference, really */
struct memory *memory_any(void);            /* one that we hold; NULL */
IOReturn memory_prepare(struct memory *memory, IODirection direction);
IOReturn memory_complete(struct memory *memory);

/* Completes that came and could not be made then, now. */
void memory_settle(struct memory *memory);

/* A command begins (1) or ends (-1) its work on it and all its parts. */
void memory_mark(struct memory *memory, int by);

/* Whether a command is at work on it or on any part. */
bool memory_is_busy(const struct memory *memory);

/* Bytes from the first on that segments can be had of. */
uint64_t view_prepared(const struct view *view);

/* Count pins of all pages of a view. */
void view_pin(const struct view *view, int by);

/* Whether another descriptor is made of it. */
bool memory_is_part(const struct memory *memory);

/* The descriptor that maps of this one belong to. */
struct memory *memory_behind_windows(struct memory *memory);

/* Freeze the images that a map of [offset, offset + length) shows; that view. */
bool memory_has_unfrozen(const struct view *slice);
void memory_freeze(const struct view *slice);
void memory_shown(const struct view *slice, struct view *shown);

/* Ranges for a general descriptor of this kind, and its view; how to make it of them. */
#define RANGES 5
struct general {
    IOAddressRange ranges[RANGES];
    unsigned count;
    task_t task;
    IOOptionBits options;
};
void general_choose(struct memory *memory, struct general *general);

/* A window of this one that goes behind those it has; a part that can be had. */
bool memory_add_window(struct memory *memory, struct memory *part, uint64_t offset,
                       uint64_t length);
struct memory *memory_any_part(const struct memory *memory);
uint64_t random_length(uint64_t most);
void interleaved_fill(struct memory *memory);

/* Freeze what the request shows; false: which images would be hard to say. */
bool mapping_show(const struct view *slice, bool sure, struct view *shown, bool *mappable);
struct mapping *mapping_free(void);
void mapping_remember(struct mapping *mapping, IOMemoryMap *map, struct memory *memory,
                      const struct view *shown, task_t task);

/*
 * A map of a composite is made of maps of its parts, which keep those alive whatever the
 * composite is filled with later: of [offset, offset + length) of the descriptor that was
 * asked. The composite itself is not among them.
 */
void mapping_keep(struct mapping *mapping, const struct memory *memory, uint64_t offset,
                  uint64_t length);

/* Nothing is shown there any more, and nothing kept. */
void mapping_forget(struct mapping *mapping);

/* An answer that we hold; NULL. */
struct mapping *mapping_any(bool mapped, bool unique);

/* What a sequence is made of: each does one thing to the machine and to the model. */
void world_create(void);
void world_check(void); /* every byte of every view */
void world_release(void);

void step_create(void);
void step_release_memory(void);
void step_prepare(void);
void step_complete(void);
void step_map(void);
void step_unmap(void);
void step_release_map(void);
void step_redirect(void);
void step_through_map(void);
void step_through_bytes(void);
void step_through_device(void);
void step_through_owner(void);
void step_purge(void);
void step_reclaim(void);
void step_wire(void);
void step_hold_up(void);
void step_guest_dies(void);
void step_reinitialise(void);
void step_retarget(void);
void step_overwrite(void);
void step_processor_mode(void);

/* DMA commands beside all this: commands.c. release: one of them; false: there was none. */
void commands_begin(uint64_t seed);
void commands_step(void);
void commands_check(void);
bool commands_release(void);
void commands_end(void);

/* Unpin what is pinned through a map, or through any map of a task or of the same memory. */
void mapping_unwire(struct mapping *mapping);
void mappings_unwire_in(task_t task);
void mappings_unwire(const struct memory *memory);

/* Where maps are made over other maps, in the task called other. */
#define OVERWRITE_AT    0x5000000000ull
#define OVERWRITE_PAGES 32

/* Those of these pages that an interval touches; a bit for each. */
uint32_t overwrite_pages(uint64_t address, uint64_t length);

/* An object that must have been made: else say why not. */
#define expect_done(object)                                                                        \
    do {                                                                                           \
        if ((object) == NULL) {                                                                    \
            assert_int_equal(IOMemoryLastError(), kIOReturnSuccess);                               \
        }                                                                                          \
    } while (0)

/* Load and compare, or store, all of one view. */
void check_mapping(const struct mapping *mapping, uint64_t offset, uint64_t length);
void check_store(const struct store *store);

#endif
