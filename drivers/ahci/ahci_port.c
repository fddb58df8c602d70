/* SPDX-License-Identifier: BSD-2-Clause */
/* A port and its disk: starting, stopping, identifying (AHCI 1.3.1, section 10). */
#include <string.h>

#include "drivers/ahci/ahci_private.h"
#include "drivers/pci/bus_wait.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"
#include "kernel/timer.h"

static uint32_t get(const struct ahci_disk *disk, unsigned at)
{
    return mmio_read32(disk->registers, at);
}

static void put(struct ahci_disk *disk, unsigned at, uint32_t value)
{
    mmio_write32(disk->registers, at, value);
}

/* Bounded by looks, since a handler may be who asks. */
static bool becomes(const struct ahci_disk *disk, unsigned at, uint32_t mask, uint32_t value)
{
    for (unsigned i = 0; i < AHCI_READS; i++) {
        if ((get(disk, at) & mask) == value) {
            return true;
        }
    }
    return false;
}

/* The list before the place for answers (section 10.3.2). */
bool ahci_stop_port(struct ahci_disk *disk)
{
    put(disk, AHCI_PxIE, 0);
    put(disk, AHCI_PxCMD, get(disk, AHCI_PxCMD) & ~AHCI_CMD_ST);
    if (!becomes(disk, AHCI_PxCMD, AHCI_CMD_CR, 0)) {
        return false;
    }
    put(disk, AHCI_PxCMD, get(disk, AHCI_PxCMD) & ~AHCI_CMD_FRE);
    return becomes(disk, AHCI_PxCMD, AHCI_CMD_FR, 0);
}

static bool start(struct ahci_disk *disk)
{
    const uint64_t heads = bus_memory_address(&disk->memory, disk->shared->heads);
    const uint64_t received = bus_memory_address(&disk->memory, disk->shared->received);

    put(disk, AHCI_PxCLB, (uint32_t)heads);
    put(disk, AHCI_PxCLBU, (uint32_t)(heads >> 32));
    put(disk, AHCI_PxFB, (uint32_t)received);
    put(disk, AHCI_PxFBU, (uint32_t)(received >> 32));
    put(disk, AHCI_PxSERR, UINT32_MAX);
    put(disk, AHCI_PxIS, UINT32_MAX);
    put(disk, AHCI_PxCMD, AHCI_CMD_SPIN | AHCI_CMD_FRE);
    if (!becomes(disk, AHCI_PxCMD, AHCI_CMD_FR, AHCI_CMD_FR) ||
        !becomes(disk, AHCI_PxTFD, AHCI_TFD_BUSY, 0)) {
        return false;
    }
    put(disk, AHCI_PxCMD, AHCI_CMD_SPIN | AHCI_CMD_FRE | AHCI_CMD_ST);
    return becomes(disk, AHCI_PxCMD, AHCI_CMD_CR, AHCI_CMD_CR);
}

bool ahci_reset_port(struct ahci_disk *disk)
{
    const uint32_t wanted = get(disk, AHCI_PxIE);

    if (!ahci_stop_port(disk)) {
        return false;
    }
    /* The link's own reset: what the disk is in the middle of ends by it (section 10.4.2). */
    put(disk, AHCI_PxSCTL, 1);
    timer_delay(1000000); /* as long as that asks for */
    put(disk, AHCI_PxSCTL, 0);
    if (!becomes(disk, AHCI_PxSSTS, AHCI_LINK, AHCI_LINK_UP) || !start(disk)) {
        return false;
    }
    put(disk, AHCI_PxIE, wanted);
    return true;
}

void ahci_give(struct ahci_disk *disk, uint8_t command, uint64_t block, uint32_t blocks,
               bool writes, unsigned pieces)
{
    struct ahci_shared *shared = disk->shared;
    const uint64_t table = bus_memory_address(&disk->memory, &shared->table);
    /* Register, host to device (Serial ATA, section 10.5.5); a count of 65536 is 0. */
    const uint8_t fis[20] = {
        0x27,
        0x80,
        command,
        0,
        (uint8_t)block,
        (uint8_t)(block >> 8),
        (uint8_t)(block >> 16),
        0x40, /* the address is a block's number */
        (uint8_t)(block >> 24),
        (uint8_t)(block >> 32),
        (uint8_t)(block >> 40),
        0,
        (uint8_t)blocks,
        (uint8_t)(blocks >> 8),
    };

    memcpy(shared->table.fis, fis, sizeof(fis));
    shared->heads[0].flags = AHCI_HEAD_FIS | (writes ? AHCI_HEAD_WRITES : 0) | pieces << 16;
    shared->heads[0].moved.value = 0;
    shared->heads[0].table = (uint32_t)table;
    shared->heads[0].table_high = (uint32_t)(table >> 32);
    cpu_dmb_sy(); /* all that, and the data, are in memory before the controller looks */
    put(disk, AHCI_PxCI, 1);
}

/* --- What disk it is -------------------------------------------------------------------------- */

static bool is_answered(void *context)
{
    return (get(context, AHCI_PxCI) & 1) == 0 || (get(context, AHCI_PxIS) & AHCI_IS_ERRORS) != 0;
}

/* A row of characters, two in a word, the first in its upper half, padded with blanks. */
static void read_serial(struct ahci_disk *disk, const uint8_t *identity)
{
    unsigned length = AHCI_SERIAL_LENGTH;

    for (unsigned i = 0; i < AHCI_SERIAL_LENGTH; i++) {
        const char character = (char)identity[20 + (i ^ 1)];

        disk->serial[i] = character >= ' ' && character <= '~' ? character : '?';
    }
    while (length != 0 && disk->serial[length - 1] == ' ') {
        disk->serial[--length] = '\0';
    }
}

static IOReturn identify(struct ahci_disk *disk)
{
    struct ahci_shared *shared = disk->shared;
    const uint64_t address = bus_memory_address(&disk->memory, shared->identity);
    uint16_t commands;

    shared->table.pieces[0] = (struct ahci_entry){
        .address = (uint32_t)address,
        .address_high = (uint32_t)(address >> 32),
        .length = sizeof(shared->identity) - 1,
    };
    ahci_give(disk, AHCI_IDENTIFY, 0, 0, false, 1);
    if (!bus_wait(is_answered, disk, AHCI_PATIENCE)) {
        return kIOReturnNotResponding;
    }
    if ((get(disk, AHCI_PxIS) & AHCI_IS_ERRORS) != 0 ||
        shared_read32(&shared->heads[0].moved) != sizeof(shared->identity)) {
        return kIOReturnIOError;
    }
    put(disk, AHCI_PxIS, UINT32_MAX);
    read_serial(disk, shared->identity);
    memcpy(&commands, shared->identity + 2 * 83, sizeof(commands));
    if ((commands & 1 << 10) == 0) {
        return kIOReturnUnsupported; /* without addresses of 48 bits: older than this controller */
    }
    memcpy(&disk->blocks, shared->identity + 2 * 100, sizeof(disk->blocks));
    return disk->blocks != 0 && disk->blocks >> 48 == 0 ? kIOReturnSuccess : kIOReturnUnsupported;
}

IOReturn ahci_start_port(struct ahci_disk *disk)
{
    const unsigned bits = disk->controller->wide ? 64 : 32;
    IOReturn status;

    if ((get(disk, AHCI_PxSSTS) & AHCI_LINK) != AHCI_LINK_UP) {
        return kIOReturnNoDevice;
    }
    if (!ahci_stop_port(disk)) {
        return kIOReturnNotResponding;
    }
    status = bus_memory_create(&disk->memory, disk->controller->mapper, bits,
                               sizeof(struct ahci_shared), PAGE_SIZE);
    if (status != kIOReturnSuccess) {
        return status;
    }
    disk->shared = disk->memory.bytes;
    if (!start(disk)) {
        return kIOReturnNotResponding;
    }
    /* Whoever is no disk of blocks, a drive of CDs for instance, is left alone. */
    status = get(disk, AHCI_PxSIG) == AHCI_SIG_DISK ? identify(disk) : kIOReturnNoDevice;
    if (status == kIOReturnSuccess) {
        put(disk, AHCI_PxIE, AHCI_IS_DONE | AHCI_IS_ERRORS);
    }
    return status;
}
