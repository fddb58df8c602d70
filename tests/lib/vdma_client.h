/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's engine for a program without a harness: one channel, memory that is described and
 * prepared, commands over it, and the end of a transfer. What goes wrong is in the client's status.
 */
#ifndef TESTS_LIB_VDMA_CLIENT_H
#define TESTS_LIB_VDMA_CLIENT_H

#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "drivers/vdma/vdma.h"

struct vdma_client {
    OSArray *owner;
    IOWorkLoop *loop;
    IODMAEventSource *source;
    unsigned ended;  /* transfers */
    IOReturn status; /* the first that was no success */
};

/* A command, and what is said of its transfer. */
struct vdma_side {
    struct vdma_transfer transfer;
    IODMACommand *command;
};

/* False: there is no vdma in this machine. end: gives all back; the status for main to return. */
bool vdma_client_begin(struct vdma_client *client);
int vdma_client_end(struct vdma_client *client);

/* Memory of the kernel's, described and prepared; and given up again. */
IOMemoryDescriptor *vdma_client_memory(void *bytes, size_t length, IODirection direction);
void vdma_client_forget(IOMemoryDescriptor *memory);

/* A command over memory, for the device's limits or (options) others; and prepared as well. */
IODMACommand *vdma_client_command(struct vdma_side *side, IOMemoryDescriptor *memory,
                                  const IODMACommand_SegmentOptions *options, uint32_t mapping);
IODMACommand *vdma_client_prepare(struct vdma_side *side, IOMemoryDescriptor *memory);
/* Completed and released. */
void vdma_client_drop(struct vdma_side *side);

/* The next `count` transfers take a millisecond. */
void vdma_client_delay(unsigned count);

/* Start: fill the target, sum the source, copy from one to the other. */
IOReturn vdma_client_fill(struct vdma_client *client, struct vdma_side *to);
IOReturn vdma_client_sum(struct vdma_client *client, struct vdma_side *from);
IOReturn vdma_client_copy(struct vdma_client *client, struct vdma_side *from, struct vdma_side *to);
/* Sleep until so many have ended since the beginning. */
void vdma_client_wait(struct vdma_client *client, unsigned count);

#endif
