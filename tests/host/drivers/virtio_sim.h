/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device in the place of a bus: what it says of itself, a queue that it
 * takes chains from, interrupts. It keeps the rules, and says of each configuration
 * access and each chain of the driver's whether that does, too. A test can give it
 * other answers at any time: see sim_device_turn.
 */
#ifndef TESTS_HOST_DRIVERS_VIRTIO_SIM_H
#define TESTS_HOST_DRIVERS_VIRTIO_SIM_H

#include "drivers/virtio/transport.h"
#include "tests/host/machine/sim_machine.h"

#define VIRTIO_SIM_RAM    (256 * SIM_MIB) /* what a test starts the machine with */
#define VIRTIO_SIM_CONFIG 60              /* bytes: section 5.2.4 */
#define VIRTIO_SIM_CHAIN  1100
#define VIRTIO_SIM_IDS    1024 /* names of chains in a packed ring */

struct virtio_sim_entry {
    uint64_t address;
    uint32_t length;
    bool write;
};

struct virtio_sim_chain {
    unsigned head;
    unsigned count;
    bool broken; /* it breaks a rule of section 2.7, or leads out of memory */
    struct virtio_sim_entry entries[VIRTIO_SIM_CHAIN];
};

/* In a packed ring. */
struct virtio_sim_place {
    uint16_t at;
    bool wrap;
};

struct virtio_sim {
    struct virtio_device device; /* first */

    /* What it is. */
    uint64_t offered;
    uint32_t queue_size_max;
    uint8_t config[VIRTIO_SIM_CONFIG];
    uint32_t generation;
    bool refuses_reset; /* never confirms one */
    bool refuses_line;  /* has no interrupt to give */
    bool refuses_queue; /* takes none */
    bool is_restless;   /* its configuration changes with each look, but for `calm` of them */
    unsigned calm;

    IOMapper *mapper;   /* it is behind this one; NULL: addresses are physical */
    bool has_no_mapper; /* though it should */

    /* What it was told, and has done. */
    uint8_t status;
    bool is_started;
    struct virtio_queue_place queue;
    uint32_t doorbell;
    uint16_t taken;                     /* avail index of the next chain to take */
    uint16_t given;                     /* used index of the next chain to give back */
    struct virtio_sim_place next, used; /* the same of a packed ring */
    uint16_t entries[VIRTIO_SIM_IDS];   /* of a packed ring that the chain of a name takes */
    bool used_pending, changed_pending; /* interrupts */
    const char *complaint;              /* the driver's first breach of a rule */

    unsigned times_failed; /* as the driver has said */
    unsigned status_reads; /* in a row that were not 0 */
    unsigned resets_refused;
};

extern const struct virtio_transport virtio_sim_transport;

/* A device of this type at power on. */
void virtio_sim_create(struct virtio_sim *sim, uint32_t id, uint64_t offered,
                       uint32_t queue_size_max);
void virtio_sim_set(struct virtio_sim *sim, unsigned offset, uint64_t value, unsigned width);

/* The next published chain; false: there is none, or it may not work. */
bool virtio_sim_take(struct virtio_sim *sim, struct virtio_sim_chain *chain);
/* Where the byte is that the device has at this address; NULL: it reaches nothing there. */
void *virtio_sim_at(const struct virtio_sim *sim, uint64_t address);
/* Give one back, with an interrupt if the driver wants it. */
void virtio_sim_give(struct virtio_sim *sim, unsigned head, uint32_t length);

/* Its interrupts, if any are pending and its line is connected. False: nothing to do. */
bool virtio_sim_interrupt(struct virtio_sim *sim);

#endif
