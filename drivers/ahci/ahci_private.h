/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the AHCI driver: registers, what the controller reads, a controller and its disks. */
#ifndef DRIVERS_AHCI_AHCI_PRIVATE_H
#define DRIVERS_AHCI_AHCI_PRIVATE_H

#include "drivers/ahci/ahci.h"
#include "drivers/pci/bus_devices.h"
#include "drivers/pci/bus_memory.h"
#include "drivers/pci/pci.h"
#include "drivers/shared.h"

/* Registers of the controller, offsets in bytes (section 3.1). */
#define AHCI_CAP   0x00u
#define AHCI_GHC   0x04u
#define AHCI_IS    0x08u /* a bit for each port; ones clear */
#define AHCI_PORTS 0x0cu /* a bit for each that there is */

#define AHCI_CAP_WIDE  0x80000000u /* 64 bits of address */
#define AHCI_GHC_RESET 0x1u
#define AHCI_GHC_IE    0x2u
#define AHCI_GHC_AE    0x80000000u

/* And of a port (section 3.3). */
#define AHCI_PORT(number) (0x100u + 0x80u * (number))
#define AHCI_PxCLB        0x00u
#define AHCI_PxCLBU       0x04u
#define AHCI_PxFB         0x08u
#define AHCI_PxFBU        0x0cu
#define AHCI_PxIS         0x10u
#define AHCI_PxIE         0x14u
#define AHCI_PxCMD        0x18u
#define AHCI_PxTFD        0x20u
#define AHCI_PxSIG        0x24u
#define AHCI_PxSSTS       0x28u
#define AHCI_PxSCTL       0x2cu
#define AHCI_PxSERR       0x30u
#define AHCI_PxCI         0x38u

#define AHCI_CMD_ST    0x0001u
#define AHCI_CMD_SPIN  0x0006u /* spin up, power on */
#define AHCI_CMD_FRE   0x0010u
#define AHCI_CMD_FR    0x4000u
#define AHCI_CMD_CR    0x8000u
#define AHCI_IS_DONE   0x00000007u /* the kinds of FIS with which a command ends */
#define AHCI_IS_MEMORY 0x30000000u /* host bus */
#define AHCI_IS_ERRORS 0x78000000u /* these, interface, task file */
#define AHCI_LINK      0xfu        /* of SSTS: 3: a device, and one can talk to it */
#define AHCI_LINK_UP   3u
#define AHCI_TFD_BUSY  0x88u
#define AHCI_SIG_DISK  0x00000101u

/* Head of a command; the list has 32, of which this driver uses the first (section 4.2.2). */
struct ahci_head {
    uint32_t flags; /* words of the FIS; to the disk; pieces in the upper half */
    struct shared32 moved;
    uint32_t table, table_high;
    uint32_t reserved[4];
};

#define AHCI_HEAD_FIS    5u
#define AHCI_HEAD_WRITES 0x40u

struct ahci_entry {
    uint32_t address, address_high;
    uint32_t reserved;
    uint32_t length; /* bytes, less one */
};

#define AHCI_PIECES    504u
#define AHCI_PIECE_MAX (4u << 20)

/* What a port's controller reads and writes beside data. */
struct ahci_shared {
    struct ahci_head heads[32]; /* at a multiple of 1 KiB */
    uint8_t received[256] __attribute__((aligned(256)));
    uint8_t identity[512];
    uint8_t unused[2304];
    struct { /* at a multiple of 128 */
        uint8_t fis[64];
        uint8_t unused[64];
        struct ahci_entry pieces[AHCI_PIECES];
    } table;
};
_Static_assert(sizeof(struct ahci_shared) == 12288, "three pages");

#define AHCI_READ     0x25u
#define AHCI_WRITE    0x35u
#define AHCI_IDENTIFY 0xecu

#define AHCI_BAR        5u
#define AHCI_PORTS_MAX  32u
#define AHCI_BLOCKS_MAX 65536u        /* of one command */
#define AHCI_PATIENCE   1000000000ull /* nanoseconds, outside of transfers */
#define AHCI_READS      100000u       /* looks at a bit that the controller clears soon */

struct ahci_controller {
    struct pci_function *function;
    volatile void *registers;
    IOMapper *mapper; /* retained; NULL: none */
    bool wide;
    struct ahci_disk *disks[AHCI_PORTS_MAX]; /* by port; NULL: none that can be used */
};

struct ahci_disk {
    struct bus_device device;
    struct ahci_controller *controller;
    volatile void *registers; /* the port's */
    unsigned port;
    struct serial_engine *engine; /* retained */
    IOService *service;           /* retained */
    struct bus_memory memory;
    struct ahci_shared *shared;
    uint64_t blocks;
    char serial[AHCI_SERIAL_LENGTH + 1];
    ahci_watch_t *watch;
    void *watch_context;
};

/* ahci_controller.c. Thread context. */
/* Make it work, and each disk at its ports. NULL: *status. */
struct ahci_controller *ahci_open(struct pci_function *function, IOReturn *status);
/*
 * Give all of it back; its disks have no clients. False: a port did not stop, and keeps its
 * memory.
 */
bool ahci_close(struct ahci_controller *controller);

/* ahci.c: disks come and go with their controller. */
void ahci_add(struct ahci_disk *disk);
void ahci_remove(struct ahci_disk *disk);

/* ahci_port.c */
/* Find out what disk is there, and make it ready. Thread context. */
IOReturn ahci_start_port(struct ahci_disk *disk);
/* Drop what the port has, and make it work again. False: it does not. Any context. */
bool ahci_reset_port(struct ahci_disk *disk);
bool ahci_stop_port(struct ahci_disk *disk);
/* The command in the first slot, of so many pieces; it is the controller's from here on. */
void ahci_give(struct ahci_disk *disk, uint8_t command, uint64_t block, uint32_t blocks,
               bool writes, unsigned pieces);

/* ahci_engine.c */
IOReturn ahci_create_engine(struct ahci_disk *disk);
/* What the port has to say. False: nothing. Interrupts are masked. */
bool ahci_look(struct ahci_disk *disk);

#endif
