/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest of the fuzzer, and the bytes of its memory that it has described to the device
 * as its own to write: found by a reader of rings that shares nothing with the device.
 */
#ifndef TESTS_HOST_VDMA_FUZZ_DESCRIBED_H
#define TESTS_HOST_VDMA_FUZZ_DESCRIBED_H

#include "qemu/vdma/device/vdma.h"

#define FUZZ_BASE    0x100000ull
#define FUZZ_RAM     0x10000ull
#define FUZZ_ENTRIES 32u
/* Offsets in RAM. */
#define FUZZ_DESC    0x0000u
#define FUZZ_AVAIL   0x0400u
#define FUZZ_USED    0x0800u
#define FUZZ_HEADERS 0x1000u
#define FUZZ_STATUS  0x1200u
#define FUZZ_TABLES  0x2000u
#define FUZZ_PAGES   0x3000u

struct guest {
    uint8_t ram[FUZZ_RAM];
    uint8_t described[FUZZ_RAM]; /* since the last reset */
    uint64_t now, deadline, hash;
    uint16_t avail;
    bool racing, faults;
    uint32_t race;
    uint32_t last_owner;
    unsigned owners;
    uint64_t table, table_entries; /* of translations, the last that a request named */
    /* Registers as last written. */
    uint32_t queue, size;
    uint64_t desc, avail_at, used;
};

/* Everything that the rings describe now is added. */
void describe(struct guest *guest);
/* A register is about to be written; `ready`: queue 0 is in use. */
void describe_register(struct guest *guest, uint32_t offset, uint32_t value, bool ready);

#endif
