/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a virtqueue, written from virtio 1.2, sections 2.7 and 2.8,
 * and stricter than a device need be: a chain that the specification forbids
 * fails the test that made it.
 */
#ifndef TESTS_HOST_SIM_VIRTQ_H
#define TESTS_HOST_SIM_VIRTQ_H

#include "drivers/virtio/queue.h"
#include "drivers/virtio/queue_private.h"

#define SIM_ENTRIES_MAX 2048

struct sim_device {
    struct virtq *queue;
    bool event_index;
    bool no_notify; /* polls: asks for no doorbell */
    uint16_t taken; /* avail index of the next chain to take */
    uint16_t used;  /* used index of the next chain to give back */
    uint32_t doorbell;
    uint64_t notified; /* doorbells taken notice of */

    /* Of a packed ring: places, wrap counters, and how many entries the chain of a name takes. */
    bool packed, taken_wrap, used_wrap;
    uint16_t entries[32768];
};

struct sim_entry {
    uint64_t address;
    uint32_t length;
    bool write;
};

struct sim_chain {
    uint16_t head;
    unsigned count;
    unsigned ring_entries;
    uint32_t writable;
    struct sim_entry entries[SIM_ENTRIES_MAX];
};

#define SIM_DOORBELL_IDLE 0xffffffffu

extern bool sim_packed; /* sim_device_create makes packed rings */

/* A queue of this kind and the device for it; `tables`: chains have tables of their own. */
void sim_device_create(struct sim_device *device, unsigned size, unsigned chain_entries,
                       bool tables, bool event_index);
void sim_device_destroy(struct sim_device *device);
/* With chains in flight, which nobody takes back. */
void sim_device_abandon(struct sim_device *device);
void sim_device_restart(struct sim_device *device); /* reset, as the queue has been */

/* Was the doorbell rung since the last call? */
bool sim_device_notified(struct sim_device *device);

/* Take the next published chain; false: there is none, and a doorbell is asked for. */
bool sim_device_take(struct sim_device *device, struct sim_chain *chain);

/* Give a chain back. True: the driver asked for an interrupt at it. */
bool sim_device_give(struct sim_device *device, uint32_t id, uint32_t length);

/* Write any used index: what a broken device does. */
void sim_device_set_used_index(struct sim_device *device, uint16_t index);

#endif
