/* SPDX-License-Identifier: BSD-2-Clause */
/* A program for driver processes on the host, where nobody runs its text. */
#ifndef TESTS_HOST_MACHINE_DRIVER_PROGRAM_H
#define TESTS_HOST_MACHINE_DRIVER_PROGRAM_H

#include "kernel/types.h"

#define TEXT_AT 0x10000000ull

/* An ELF file of two segments, the second of them empty. */
static struct {
    uint8_t identity[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    struct {
        uint32_t type, flags;
        uint64_t offset, vaddr, paddr, filesz, memsz, align;
    } segments[2];
    uint8_t text[2 * PAGE_SIZE];
} driver_program = {
    .identity = {0x7f, 'E', 'L', 'F', 2, 1, 1},
    .type = 2,
    .machine = 183,
    .entry = TEXT_AT,
    .phoff = 64,
    .phentsize = 56,
    .phnum = 2,
    .segments = {{1, 5, 176, TEXT_AT, 0, 2 * PAGE_SIZE, 2 * PAGE_SIZE, PAGE_SIZE},
                 {1, 6, 0, 0, 0, 0, 0, 0}},
};

#endif
