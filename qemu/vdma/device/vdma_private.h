/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The insides of struct vdma, for the core's files. A door includes vdma.h, which needs
 * this to know the size of a device, and looks at nothing in it.
 */
#ifndef QEMU_VDMA_DEVICE_VDMA_PRIVATE_H
#define QEMU_VDMA_DEVICE_VDMA_PRIVATE_H

#include "qemu/vdma/device/vdma.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "wire structures are used as they are");

#define VDMA_SLOTS    64u   /* requests that wait at the same time */
#define VDMA_SCRATCH  3072u /* segments of one request: a chain and two lists */
#define VDMA_POOL     4096u /* segments of those that wait */
#define VDMA_LATER    32u   /* late writes and interrupts to come */
#define VDMA_PIECE    4096u /* bytes moved at once */
#define VDMA_CONTROLS 8u
#define VDMA_SECTOR   512u

#define VIRTIO_BLK_T_IN     0u
#define VIRTIO_BLK_T_OUT    1u
#define VIRTIO_BLK_T_FLUSH  4u
#define VIRTIO_BLK_T_GET_ID 8u

/* Device status (virtio 1.2, section 2.1). */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER      2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 0x40u

/* Interrupt causes (section 4.2.2). */
#define CAUSE_USED   1u
#define CAUSE_CONFIG 2u

#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

struct vdma_segment {
    uint64_t address, length;
    uint32_t place; /* in the chain or the list */
    uint8_t access; /* VDMA_READS, VDMA_WRITES */
    uint8_t where;  /* VDMA_IN_... */
};

/* The data of one direction. */
struct vdma_side {
    struct vdma_segment *segments;
    uint32_t count;
    uint64_t bytes;
};

struct vdma_range {
    uint64_t address, length;
};

/* A request from its taking to its end. */
struct vdma_slot {
    bool used;
    bool parked; /* waits for `due`; its descriptors are marked as the device's */
    bool held;   /* until another one is done */
    bool kept;   /* by nothing but the door's `hold` */
    bool control;
    bool again;     /* a device before this one may have done it */
    bool walked;    /* the chain was followed to its end */
    bool header_ok; /* `request` is what the driver wrote */
    uint8_t index;  /* of this slot */
    uint8_t queue;
    uint16_t head;
    uint32_t number;
    uint64_t pc;
    uint64_t due;

    struct vdma_request request; /* of a virtio-blk request: the first 16 bytes */
    struct vdma_segment *segments;
    uint32_t count; /* the chain's, then the lists' */
    struct vdma_side source, target;
    uint64_t chain_bytes;
    uint64_t status_address;
    uint32_t status_size;                      /* 0: none that could be used */
    struct vdma_range controls[VDMA_CONTROLS]; /* header, status, tables: not to be written to */
    uint32_t control_count;
    uint64_t low, high; /* all of its data segments are in [low, high) */
    uint64_t fold;      /* of the translation when it was taken */

    uint16_t rule; /* the first one broken */
    uint8_t where, code;
    uint32_t place;
    uint64_t value, moved;

    uint32_t faults; /* bit n: kind n */
    uint64_t arguments[VDMA_FAULTS];
};

struct vdma_queue {
    uint64_t desc, avail, used;
    uint16_t size;
    bool ready;
    bool rung;          /* look at the ring */
    uint16_t next;      /* available position to be taken next */
    uint16_t seen;      /* available index as last read */
    uint16_t given;     /* used index */
    uint16_t completed; /* position + what came back, duplicates not counted */
    uint32_t held;      /* parked requests */
    uint16_t again_next, again_count;
    uint64_t pc;
    uint16_t over[VDMA_QUEUE_MAX]; /* by position: how many were outstanding, if beyond the depth */
    uint16_t again[VDMA_QUEUE_MAX]; /* heads to be done before what is in the ring */
    uint8_t owner[VDMA_QUEUE_MAX];  /* by descriptor: slot + 1 that has it, OWNER_LOST */
};

#define OWNER_NONE 0u
#define OWNER_LOST 0xffu /* of a chain that never comes back */

struct vdma_later {
    bool used, after_reset;
    uint8_t kind, queue;
    uint32_t request;
    uint32_t length;
    uint64_t due, memory;
};

struct vdma {
    const struct vdma_ports *ports;
    void *context;
    uint64_t now;
    uint64_t access_pc;
    uint64_t told; /* the deadline port's last value */
    uint32_t requests;

    char id[20]; /* filled up with zeros, not ended by one */
    uint8_t *disk;
    uint64_t sectors, shown_sectors;
    struct vdma_limits limits;
    uint32_t profile;
    uint64_t hold; /* the door's */
    uint64_t table;
    uint32_t table_entries;
    uint32_t guarded; /* 1: until a reset */
    uint64_t queue_page;

    /* Registers; what they show is of 32 bits. */
    uint32_t magic, version, kind, vendor;
    uint64_t offered, features, driver_features;
    uint32_t feature_select, driver_select, queue_select;
    uint32_t status, causes, generation;
    uint32_t wrong_offset, wrong_mask;
    bool wrong_armed;
    bool unacknowledged;
    unsigned queue_count, queue_size;
    struct vdma_queue queues[VDMA_QUEUES];
    struct {
        uint64_t desc, avail, used;
        uint32_t size;
    } set_up[VDMA_QUEUES];
    unsigned turn; /* queue to look at first */

    struct vdma_slot slots[VDMA_SLOTS];
    unsigned parked; /* slots that wait: as a rule none, and then nobody looks for them */
    bool scratch_busy;
    uint16_t chain[VDMA_QUEUE_MAX]; /* ring descriptors of the chain being taken */
    uint32_t chain_count;
    uint16_t order[VDMA_SCRATCH];
    struct vdma_segment scratch[VDMA_SCRATCH];
    struct vdma_segment pool[VDMA_POOL];
    uint8_t piece[2][VDMA_PIECE];
    uint32_t crc[256];

    struct vdma_fault faults[VDMA_FAULTS_PENDING];
    uint32_t fault_count;
    struct vdma_script script;
    uint64_t random;
    struct vdma_later later[VDMA_LATER];
    unsigned later_count; /* of them that are used */

    uint32_t log_events;
    uint32_t log_first, log_count, log_lost;
    struct vdma_record log[VDMA_LOG_RECORDS];
};

/* log.c ---------------------------------------------------------------------- */

/* A record with time filled in, and of `slot` its number, type, head, queue and PC; for log. */
struct vdma_record vdma_record_of(const struct vdma *device, const struct vdma_slot *slot,
                                  unsigned event);
void vdma_log(struct vdma *device, const struct vdma_record *record);
/* Refusal of something that is no request: a register access, a ring. */
void vdma_log_rule(struct vdma *device, enum vdma_rule rule, uint32_t where, uint32_t place,
                   uint64_t value);

/* memory.c ------------------------------------------------------------------- */

/* What is at an address for the device. */
struct vdma_spot {
    uint64_t bus, memory, length;
    enum vdma_rule rule; /* of length 0: why */
    uint64_t value;
};

/*
 * The first piece of [address, + length); `data`, and behind the guard everything: through the
 * translation table.
 */
struct vdma_spot vdma_reach(struct vdma *device, bool data, uint64_t address, uint64_t length,
                            unsigned access);
/* All of it, piece by piece, at bus addresses. False: not there. */
bool vdma_there(struct vdma *device, uint64_t bus, uint64_t length, unsigned access);
bool vdma_read(struct vdma *device, bool data, uint64_t address, void *to, uint64_t length);
bool vdma_write(struct vdma *device, bool data, uint64_t address, const void *from,
                uint64_t length);
void vdma_barrier(struct vdma *device);

static inline bool vdma_overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a_length != 0 && b_length != 0 && (a > b ? a - b < b_length : b - a < a_length);
}

/* Do the device's addresses of data mean something else than those of everything else? */
static inline bool vdma_has_two_kinds(const struct vdma *device)
{
    return device->table_entries != 0 && device->guarded == 0;
}

/* check.c: the only way to refuse. Always false; the first rule broken stays. -- */
bool vdma_refuse(struct vdma_slot *slot, enum vdma_rule rule, unsigned where, uint32_t place,
                 uint64_t value);

/* chain.c -------------------------------------------------------------------- */

/* Copy the chain at `head` into the slot. False: refused; what is wrong may still have a status. */
bool vdma_walk(struct vdma *device, struct vdma_slot *slot);

/* request.c: find header and status, split off the data, read the lists. -------- */
bool vdma_decode(struct vdma *device, struct vdma_slot *slot);
void vdma_add_control(struct vdma_slot *slot, uint64_t address, uint64_t length);

/* list.c */
bool vdma_read_lists(struct vdma *device, struct vdma_slot *slot);

/* limits.c, ownership.c ------------------------------------------------------ */
bool vdma_check_limits(const struct vdma *device, struct vdma_slot *slot);
bool vdma_limits_valid(const struct vdma_limits *limits);
bool vdma_check_ownership(struct vdma *device, struct vdma_slot *slot);
/* The translation is as it was when the request was taken. */
bool vdma_translation_stays(struct vdma *device, const struct vdma_slot *slot);

/* engine.c, control.c: do it; the slot's code, moved and value say how it went. -- */
void vdma_engine(struct vdma *device, struct vdma_slot *slot);
bool vdma_check_control(struct vdma *device, struct vdma_slot *slot);
void vdma_do_control(struct vdma *device, struct vdma_slot *slot);

/* faults.c ------------------------------------------------------------------- */
static inline bool vdma_has(const struct vdma_slot *slot, unsigned kind)
{
    return (slot->faults & 1u << kind) != 0;
}

void vdma_faults_draw(struct vdma *device, struct vdma_slot *slot);
void vdma_faults_inject(struct vdma *device, const struct vdma_fault *fault);
void vdma_faults_script(struct vdma *device, const struct vdma_script *script);
void vdma_faults_clear(struct vdma *device);
/* Those of its taking, of the memory it has written, of its completion. */
void vdma_faults_taken(struct vdma *device, struct vdma_slot *slot);
void vdma_faults_stray(struct vdma *device, struct vdma_slot *slot);
void vdma_late_interrupt(struct vdma *device, const struct vdma_slot *slot);
bool vdma_later_step(struct vdma *device);
uint64_t vdma_later_due(const struct vdma *device);
void vdma_later_reset(struct vdma *device);
void vdma_log_fault(struct vdma *device, const struct vdma_slot *slot, unsigned kind, bool done);

/* complete.c ----------------------------------------------------------------- */

/* Do a request whose time has come, and give its chain back. */
void vdma_finish(struct vdma *device, struct vdma_slot *slot);
/* Give back one that was refused; without a status the device fails. */
void vdma_reject(struct vdma *device, struct vdma_slot *slot);
void vdma_release(struct vdma *device, struct vdma_slot *slot);
void vdma_raise(struct vdma *device, unsigned vector, uint32_t cause);
/* The device needs a reset. */
void vdma_fail(struct vdma *device);

/* queue.c -------------------------------------------------------------------- */

/* Is there a request in the queue to be taken? May fail the device. */
bool vdma_queue_look(struct vdma *device, unsigned queue);
void vdma_queue_give(struct vdma *device, unsigned queue, uint32_t id, uint32_t length);
bool vdma_queue_wants_interrupt(struct vdma *device, unsigned queue, uint16_t before);

/* core.c --------------------------------------------------------------------- */

/* Requests that wait. */
unsigned vdma_outstanding(const struct vdma *device);
uint64_t vdma_after(const struct vdma *device, uint64_t ticks);

#endif
