/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An AHCI controller with disks, written from AHCI 1.3.1 and stricter than one need be: what the
 * specification forbids fails the test that did it. Who a disk is it says when it is asked;
 * transfers are answered when the test says so.
 */
#ifndef TESTS_HOST_DRIVERS_AHCI_SIM_H
#define TESTS_HOST_DRIVERS_AHCI_SIM_H

#include "drivers/ahci/ahci_private.h"
#include "tests/host/drivers/bus_sim.h"

#define AHCI_SIM_PORTS 3u

struct ahci_sim_port {
    uint32_t lists, lists_high, received, received_high;
    uint32_t status, enabled, command, link_control, issued, errors;
    bool was_enabled;  /* ever */
    uint64_t reset_at; /* when its link began to be */
    bool busy;         /* it has a transfer, which waits for its answer */
    unsigned resets, transfers;
    uint64_t block, bytes; /* of that transfer */
    bool writes;

    /* What it is; set before it is opened. */
    bool has_disk;
    bool is_optical;
    uint64_t blocks;
    bool is_old; /* has no addresses of 48 bits */
    char serial[AHCI_SERIAL_LENGTH + 1];

    /* What is wrong with it. */
    bool never_stops, never_starts, never_receives;
    bool is_always_busy;
    bool link_stays_down; /* after its first reset */
    bool is_silent;       /* does not say who it is */
    bool fails_to_say;
    uint32_t says_less; /* bytes by which its answer is short */
};

struct ahci_sim {
    struct bus_sim bus;
    uint32_t control, status;
    bool wide;
    bool gone;              /* reads are all ones */
    bool never_reset;       /* the whole of it */
    unsigned goes_after;    /* so many looks, it is gone; 0: it stays */
    unsigned rings_at_stop; /* of the port before this number: its line; 0: never */
    bool lenient;           /* the driver has been lied to: nothing it does is judged */
    struct ahci_sim_port ports[AHCI_SIM_PORTS];
    uint8_t *disk; /* what is on the one at port 0, blocks * 512 bytes */
};

/* Off: 64 bits of address, a disk of so many bytes at port 0, an optical drive at 1, nothing at 2.
 */
void ahci_sim_create(struct ahci_sim *sim, uint8_t *disk, uint64_t disk_bytes);

/* Move what port 0 was asked for and say so. */
void ahci_sim_answer(struct ahci_sim *sim);

/* End it so: these causes, and this count of bytes moved. */
void ahci_sim_end(struct ahci_sim *sim, uint32_t causes, uint32_t moved);

#endif
