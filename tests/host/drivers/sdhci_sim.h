/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SD host controller with a card, written from its specification and stricter than one need
 * be: what that forbids fails the test that did it. Commands are answered at once, transfers
 * when the test says so.
 */
#ifndef TESTS_HOST_DRIVERS_SDHCI_SIM_H
#define TESTS_HOST_DRIVERS_SDHCI_SIM_H

#include "drivers/sdhci/sdhci_private.h"
#include "tests/host/drivers/bus_sim.h"

struct sdhci_sim {
    struct bus_sim bus;
    uint32_t address, blocks, argument, response[4], control, clock, status, status_on, signal_on,
        list;
    uint32_t capabilities;
    bool is_dirty; /* a command has failed, and its lines have not been reset since */
    bool busy;     /* it has a transfer, which waits for its answer */
    bool owes;     /* the answer to a command that was given up */
    unsigned transfers, stops, resets;
    uint32_t transfer; /* its command and its mode */
    uint64_t block, bytes;

    /* What card it is; set before it is opened. */
    bool is_absent, is_protected;
    bool is_old;    /* does not know command 8, and counts in bytes */
    bool by_blocks; /* what it says of that */
    uint32_t csd[4];
    uint64_t card_blocks; /* that there are */

    /* What is wrong with it. */
    bool gone;          /* reads are all ones */
    bool never_reset;   /* all of it, and */
    bool never_lets_go; /* its lines alone */
    bool never_stable;  /* its clock */
    bool never_up;      /* its card */
    bool always_busy;
    unsigned silent, failing; /* these commands: no answer, an error; 64: none */
    bool is_late;             /* an answer comes to the silent one, when nobody waits any more */
    bool lenient;             /* the driver has been lied to: nothing it does is judged */
    uint8_t *disk;
};

/* Off: both ways to be told of memory, a card of so many bytes, a multiple of 512 KiB. */
void sdhci_sim_create(struct sdhci_sim *sim, uint8_t *disk, uint64_t disk_bytes);

/* Move what it was asked for and say so. */
void sdhci_sim_answer(struct sdhci_sim *sim);

/* Say this instead. */
void sdhci_sim_end(struct sdhci_sim *sim, uint32_t status);

#endif
