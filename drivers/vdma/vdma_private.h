/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of vdma's driver. There is one device, so there is one state. */
#ifndef DRIVERS_VDMA_VDMA_PRIVATE_H
#define DRIVERS_VDMA_VDMA_PRIVATE_H

#include "drivers/vdma/vdma.h"
#include "drivers/virtio/virtio.h"
#include "kernel/lock.h"
#include "kernel/vm_device_memory.h"

/* What a chain begins and ends with; each slot of the queue has its own. */
struct vdma_frame {
    struct vdma_request request;
    struct vdma_status status;
};

/* Data of control requests, in a page of the driver's own. */
struct vdma_control_data {
    uint8_t in[VDMA_CONTROL_MAX];
    uint8_t out[VDMA_CONTROL_MAX];
};

struct vdma_table;

struct vdma_state {
    struct lock lock; /* the queue, the line, and what is said of them here */
    struct virtio_device *device;
    struct virtq *queue;
    struct vdma_frame *frames;
    struct vdma_control_data *data;
    struct vdma_transfer *first, *last; /* in line: the device has none of these */
    struct vdma_transfer *doubted;      /* answered in a way that says nothing of its chain */
    uint64_t tag;                       /* of the last request */
    bool alone;                         /* the request at the device is to be alone there */
    bool finishing;                     /* ends are told: nothing is published meanwhile */
    bool held;                          /* nor while this is on */
    bool lost;
    bool lent;        /* a driver at EL0 has it */
    bool controlling; /* the data page is in use */

    struct vdma_capabilities can; /* as last read */
    uint32_t part_max;            /* bytes that a request may move, by them */
    /* Of a transfer that goes the shortest way; 0: none does now (vdma_judge_usual). */
    uint32_t usual_max;
    uint32_t usual_depth; /* while there are fewer at the device */
    vdma_watcher_t *watch;
    void *watch_context;
    IOService *service;
    IODMAController *engine;

    struct vdma_table *table;     /* what the device translates by; NULL: nothing */
    struct vdma_transfer restore; /* tells it of the table again after a reset, which forgets it */
    unsigned restore_failures;    /* since it was restored last */

    struct vm_device_memory memory; /* frames and data */
};

extern struct vdma_state vdma_state;

#define VDMA_STATUS_UNWRITTEN  0xffu  /* until the device has written one */
#define VDMA_STATUS_CODE_SHIFT 56     /* in the last word of a status */
#define VDMA_ODD               0x100u /* no code of a status */

static inline bool vdma_is_control(uint32_t type)
{
    return type >= VDMA_CAPABILITIES && type <= VDMA_READ_LOG;
}

/* The device asks that nothing else is going on (rule R58). */
static inline bool vdma_is_exclusive(uint32_t type)
{
    return type == VDMA_SET_LIMITS || type == VDMA_SET_TABLE;
}

static inline bool vdma_reads(uint32_t type)
{
    return type == VDMA_COPY || type == VDMA_COMPARE || type == VDMA_CHECKSUM;
}

static inline bool vdma_writes(uint32_t type)
{
    return type == VDMA_COPY || type == VDMA_FILL;
}

/* vdma_device.c: brought up, now or before. */
bool vdma_found(void);
/* The device works again, or is lost. What it had ends with `status`; all: the line as well. */
void vdma_recover(IOReturn status, bool all);

/* vdma_device.c: be called by its interrupts. */
IOReturn vdma_attach(void);

/* vdma_control.c: read the capabilities into vdma_state. */
IOReturn vdma_read_capabilities(void);

/* vdma_line.c: the lock is held. */
/* After a change of what decides whether transfers are usual ones. */
void vdma_judge_usual(void);
IOReturn vdma_submit(struct vdma_transfer *transfer);
void vdma_go_on(void);                               /* give the device what waits, and publish */
void vdma_put_first(struct vdma_transfer *transfer); /* before all others in line */
static inline void vdma_end(struct vdma_transfer *transfer, IOReturn status)
{
    transfer->result = status;
    transfer->ended(transfer);
}
unsigned vdma_collect(void);
virtio_used_handler_t vdma_buffers_used; /* the same, for an interrupt */
/* Submit and sleep until the end: its result. Takes the lock itself; thread context. */
IOReturn vdma_submit_and_wait(struct vdma_transfer *transfer);

/* vdma_request.c: the lock is held. */
/* One that the device has given back is not simply done; its status is there. */
__attribute__((noinline)) void vdma_settle(struct vdma_transfer *transfer, uint32_t used_length);
/* The capabilities are other ones: what of them holds for every request. */
void vdma_judge_parts(void);

/*
 * vdma_table.c: what tells the device of a table; NULL: of none. Without sleeping: for who submits
 * it.
 */
void vdma_table_request(const struct vdma_table *table, struct vdma_transfer *request);
/* Nothing is translated any more. kIOReturnBusy: there are mappings. */
IOReturn vdma_table_off(void);
/* A table of so many pages in front of this service, +1; NULL: IOMemoryLastError. */
struct vdma_table *vdma_table_create(IOService *service, uint64_t pages);
/* Let the device go by it, or by none. */
IOReturn vdma_tell_device(const struct vdma_table *table);
/* Where the service's commands find it: it maps from now on. */
IOReturn vdma_table_attach(struct vdma_table *table, IOService *service);
/* It maps nothing new; what there is can be unmapped. The reference is dropped. */
void vdma_table_retire(struct vdma_table *table);

/*
 * vdma_cut.c: put one side of a part into a chain, from its place on: at most `room` segments, not
 * 0, and *bytes, which become those put out. *after: where the side is then.
 */
IOReturn vdma_add_side(struct virtq_chain *chain, const struct vdma_place *place, unsigned flags,
                       unsigned room, uint32_t *bytes, struct vdma_place *after);
/*
 * Where a part of at most `bytes` may end that is not the last: the greatest such length at which
 * both places may go on, given where they are after `bytes`; 0: nowhere.
 */
uint32_t vdma_cut(const struct vdma_place *source, const struct vdma_place *target, uint32_t bytes);

/* vdma_dma.c: the engine, and the service that has it, in vdma_state. */
IOReturn vdma_create_engine(void);
/* What is wrong with a transfer; kIOReturnSuccess: nothing that could be seen. */
IOReturn vdma_check(const struct vdma_transfer *transfer);

#endif
