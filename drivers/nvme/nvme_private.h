/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the NVMe driver: a controller, its queues, and how its files call each other. */
#ifndef DRIVERS_NVME_NVME_PRIVATE_H
#define DRIVERS_NVME_NVME_PRIVATE_H

#include "descriptors/IODMAController_class.h"
#include "drivers/nvme/nvme.h"
#include "drivers/nvme/nvme_format_private.h"
#include "drivers/pci/bus_cut.h"
#include "drivers/pci/bus_devices.h"
#include "drivers/pci/bus_memory.h"
#include "drivers/pci/pci.h"
#include "kernel/lock.h"

#define NVME_QUEUES_MAX     4u   /* beside the admin queue: there is one CPU to use them */
#define NVME_QUEUE_SIZE     128u /* entries by choice: so many commands at once, less one */
#define NVME_ADMIN_SIZE     16u
#define NVME_NAMESPACES_MAX 16u    /* of a controller */
#define NVME_LIST_BYTES     4096u  /* of a command's list */
#define NVME_PAGE_MAX       65536u /* of the controller's pages; larger ones nobody has */
#define NVME_BLOCKS_MAX     65536u /* of one command, whose count is 16 bits, less one */

/* Nanoseconds. A controller says how long it takes to be ready, but never less than this. */
#define NVME_READY_LEAST 1000000000ull
#define NVME_PATIENCE    10000000000ull /* for the answer to an admin command, and a shutdown */
#define NVME_REST        200000ull      /* between two looks */

/* Of an identifier; the rest counts how often its slot has been used, to know late answers. */
#define NVME_SLOT_BITS 8u
#define NVME_SLOT_MASK ((1u << NVME_SLOT_BITS) - 1)
#define NVME_NO_SLOT   0xffffu

/* What a sleeping call waits for. */
struct nvme_waiter {
    volatile bool done;
    IOReturn status;
    uint32_t result;
};

/* A command that the controller has; its number is its slot's. */
struct nvme_slot {
    struct nvme_transfer *transfer;
    struct nvme_waiter *waiter; /* both NULL: nobody waits any more */
    uint32_t bytes;
    uint16_t id;
    uint16_t next; /* of the free ones */
    bool busy;
};

struct nvme_queue {
    struct nvme_controller *controller;
    IODMAChannel channel;
    struct bus_memory memory; /* commands, answers, a list for each slot */
    struct nvme_command *commands;
    struct nvme_answer *answers;
    uint8_t *lists;
    struct nvme_slot *slots;
    unsigned number; /* 0: admin */
    unsigned size;   /* entries; there is a slot less */
    unsigned tail, rung;
    unsigned head;
    uint32_t phase; /* of answers that are new: NVME_PHASE or 0 */
    uint16_t free;
    bool exists;   /* the controller has it */
    bool paused;   /* nothing is issued: it is being made anew */
    bool held;     /* starts ring no doorbell */
    bool stopping; /* what ends now was stopped */
    struct nvme_transfer *waiting, *waiting_last;
    struct nvme_counters counters;
};

struct nvme_controller {
    struct lock lock;
    struct pci_function *function;
    volatile void *registers;
    uint64_t registers_size;
    IOMapper *mapper; /* retained; NULL: none of its own */
    uint64_t cap;
    unsigned page_shift; /* of its pages, beyond 12 */
    uint64_t command_bytes_max;
    unsigned queue_count; /* beside admin */
    unsigned vectors;
    bool has_flush, has_sgl;
    bool sgl_words; /* at multiples of 4 alone */
    bool finishing; /* ends are told: no place to reset */
    bool lost;      /* takes nothing any more */
    bool shut;      /* by nvme_shut_down, and it stopped */
    char serial[NVME_SERIAL_LENGTH + 1];
    struct nvme_queue admin;
    struct nvme_queue queues[NVME_QUEUES_MAX];
    uint64_t buffer_address;    /* of memory of its own, for the CPU and for commands */
    uint64_t buffer_bytes;      /* 0: it has none */
    bool buffer_reserved;       /* they are taken out of the mapper's */
    struct bus_memory identify; /* where answers of Identify go */
    struct nvme_namespace *namespaces;

    nvme_watch_t *watch;
    void *watch_context;
    IODMAController *engine; /* NULL until somebody asks */
    IOService *service;
};

struct nvme_namespace {
    struct bus_device device;
    struct nvme_namespace *beside; /* on the same controller */
    struct nvme_controller *controller;
    uint32_t id;
    uint64_t blocks;
    uint32_t block_size;
    bool read_only;
};

static inline uint64_t nvme_page(const struct nvme_controller *controller)
{
    return (uint64_t)PAGE_SIZE << controller->page_shift;
}

/* nvme_list.c: where a command's list is built; the segment functions add to it. */
struct nvme_list {
    struct nvme_command *command;
    union {
        uint64_t *prps;
        struct nvme_sgl *descriptors;
    };
    uint64_t start;     /* of the list, as the device sees it */
    uint64_t page;      /* bytes */
    uint64_t skip;      /* bytes of the walk that an earlier command has moved */
    struct bus_cut cut; /* what is wanted, and told */
    uint64_t first;     /* bytes of the walk in its first page */
    unsigned count;     /* entries */
};

bool nvme_output_prp(IODMACommand *target, IODMACommand_Segment64 segment, void *list,
                     UInt32 index);
bool nvme_output_sgl(IODMACommand *target, IODMACommand_Segment64 segment, void *list,
                     UInt32 index);

/* The command names the list, of which it takes the whole blocks; there are some. */
void nvme_close_prp(struct nvme_list *list);
void nvme_close_sgl(struct nvme_list *list);

/* nvme_queue.c. The lock is held, unless it says otherwise. */
IOReturn nvme_queue_create(struct nvme_queue *queue, unsigned number, unsigned size, bool lists);
void nvme_queue_destroy(struct nvme_queue *queue);
/* As new, for a controller that has just been told of it. What it had must have ended. */
void nvme_queue_restart(struct nvme_queue *queue);
/* The next command and its slot, cleared but for its identifier; NULL: no slot is free. */
struct nvme_command *nvme_begin(struct nvme_queue *queue, struct nvme_slot **slot);
void nvme_submit(struct nvme_queue *queue, struct nvme_slot *slot);
void nvme_publish(struct nvme_queue *queue);
/* Read the answers that have come; how many. */
unsigned nvme_collect(struct nvme_queue *queue);
/* End what the controller has, as if it had answered so. */
void nvme_drop_all(struct nvme_queue *queue, IOReturn status);

/* nvme_transfer.c. The lock is held. */
/* As much of it as there is room for goes to the controller, the rest in line. */
IOReturn nvme_start(struct nvme_queue *queue, struct nvme_transfer *transfer);
/* The controller has answered a command of a transfer. */
void nvme_finish(struct nvme_queue *queue, struct nvme_transfer *transfer, uint32_t bytes,
                 IOReturn status);
/* Give it as much as there is room for of what waits. */
void nvme_issue_waiting(struct nvme_queue *queue);
/* What is in line, and not with the controller, ends so. */
void nvme_end_waiting(struct nvme_queue *queue, IOReturn status);
/* What the bits of NVME_STATUS_CODE mean. */
IOReturn nvme_status(uint32_t code);

/* nvme_admin.c. Thread context; no lock is held. */
/*
 * One command, and sleep for its answer; result may be NULL. kIOReturnTimeout: it may still be
 * answered, and has its slot until then; kIOReturnNoResources: all slots are kept so.
 */
IOReturn nvme_execute(struct nvme_queue *queue, const struct nvme_command *command,
                      uint64_t timeout, uint32_t *result);
IOReturn nvme_identify(struct nvme_controller *controller, uint32_t what, uint32_t nsid);
IOReturn nvme_set_queues(struct nvme_controller *controller, unsigned wanted, unsigned *granted);
IOReturn nvme_add_queue(struct nvme_queue *queue, unsigned vector);
IOReturn nvme_remove_queue(struct nvme_queue *queue);
IOReturn nvme_abort(struct nvme_queue *queue, uint16_t id, uint64_t timeout, bool *aborted);

/* nvme_identity.c: its serial number, and its limits. Thread context. */
IOReturn nvme_read_identity(struct nvme_controller *controller);

/* nvme_controller.c. */
struct nvme_controller *nvme_open(struct pci_function *function, IOReturn *status);
/* Shut down in order; all that it has ends. False: it did not stop. */
bool nvme_stop(struct nvme_controller *controller);
/* Stop it and give everything back; it has no client. False: it did not stop, and keeps its memory.
 */
bool nvme_close(struct nvme_controller *controller);
/* Thread context. Everything it has ends with `status`; it works again, or is lost. */
IOReturn nvme_restart(struct nvme_controller *controller, IOReturn status);
/* The same of a controller that works: its queues are deleted first, as far as it does that. */
IOReturn nvme_reset_orderly(struct nvme_controller *controller);
/* All of the queue pair's ends with `status`, and it is made anew. */
IOReturn nvme_renew_queue(struct nvme_queue *queue);

/* nvme_buffer.c: find its own memory, and give its addresses back. Thread context. */
void nvme_open_buffer(struct nvme_controller *controller);
void nvme_close_buffer(struct nvme_controller *controller);

/* nvme_interrupt.c. */
IOReturn nvme_attach(struct nvme_controller *controller);
/* The interrupt of a queue pair. */
unsigned nvme_vector(const struct nvme_queue *queue);

/* nvme.c: its namespaces are added once it is open, and go when it is closed. */
void nvme_add_namespaces(struct nvme_controller *controller);
void nvme_remove_namespaces(struct nvme_controller *controller);

/* nvme_engine.c. */
IODMAController *nvme_create_engine(struct nvme_controller *controller, IOService **service);

#endif
