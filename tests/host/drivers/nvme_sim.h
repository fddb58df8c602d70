/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An NVMe controller on a PCI bus of one function, written from NVM Express 1.4 and stricter
 * than a controller need be: what the specification forbids fails the test that did it. Admin
 * commands are answered when their doorbell is rung; others when the test says so, in its order.
 */
#ifndef TESTS_HOST_DRIVERS_NVME_SIM_H
#define TESTS_HOST_DRIVERS_NVME_SIM_H

#include "drivers/nvme/nvme_private.h"
#include "tests/host/drivers/bus_sim.h"

#define NVME_SIM_QUEUES 9 /* with admin */
#define NVME_SIM_TAKEN  1024

struct nvme_sim_queue {
    bool exists;
    uint64_t base;
    unsigned size;
    unsigned head, tail; /* commands: as the controller has read, as the doorbell says; answers:
                            as the driver has read, as the controller has written */
    unsigned pair;       /* of commands: where they are answered */
    unsigned vector;     /* of answers */
    uint32_t phase;
};

struct nvme_sim_command {
    struct nvme_command command;
    unsigned queue;
    bool answered;
};

struct nvme_sim {
    struct bus_sim bus; /* first: who plays its registers finds the rest */
    uint64_t cap;
    uint32_t version, cc, csts, aqa;
    uint64_t asq, acq;

    /* What it is; set before it is opened. */
    uint8_t mdts;
    uint32_t sgls;
    unsigned granted; /* queues */
    unsigned block_shift;
    uint8_t metadata;
    uint8_t attributes;         /* of the namespace */
    const uint32_t *namespaces; /* their numbers, 0 behind the last; NULL: number 1 */
    const char *serial;
    uint32_t buffer_place, buffer_size; /* CMBLOC, CMBSZ */
    bool volatile_cache;
    uint64_t blocks;

    /* What is wrong with it. */
    bool gone; /* reads are all ones */
    bool never_ready, never_off, fails_on_the_way;
    bool admin_is_silent;
    bool status_is_gone;       /* the word of its status alone is all ones */
    unsigned silent_opcode;    /* this admin command is never answered; 0x100: none */
    unsigned refused_identity; /* this question is refused; 0x100: none */
    unsigned refused_queues;   /* of those that are told of answers: so many fewer are granted */
    unsigned refused_commands; /* of those of commands */
    bool refuses_abort;        /* answers that the command goes on */
    bool refuses_queues;
    unsigned refused_features; /* the question of how many queues is refused so often */
    bool lenient; /* the driver has been lied to: what it does that makes no sense is passed over */

    struct nvme_sim_queue sq[NVME_SIM_QUEUES], cq[NVME_SIM_QUEUES];
    struct nvme_sim_command taken[NVME_SIM_TAKEN];
    unsigned taken_count;
    uint64_t buffer_control;
    void (*when_off)(void); /* called once, when it has gone off; NULL: not */
    unsigned aborts, deleted_sq, deleted_cq, doorbells, shutdowns;
    uint8_t *disk; /* blocks << block_shift bytes */
};

/* Off, and as a usual one is: 64 KiB commands, SGLs, 4 queues, 512-byte blocks, messages. */
void nvme_sim_create(struct nvme_sim *sim, uint8_t *disk, uint64_t disk_bytes);

/* Read all commands that doorbells have told of (but admin's) into `taken`; how many are new. */
unsigned nvme_sim_take(struct nvme_sim *sim);

/* Move the data of one, if `status` is 0, and answer it. */
void nvme_sim_answer(struct nvme_sim *sim, unsigned index, uint32_t status);

/* Write an answer, whatever it says. */
void nvme_sim_post(struct nvme_sim *sim, unsigned cq, uint32_t result, uint32_t queue, uint16_t id,
                   uint32_t status);

/* Bytes that a command moves. */
uint64_t nvme_sim_bytes(const struct nvme_sim *sim, const struct nvme_command *command);

#endif
