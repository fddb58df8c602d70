/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stays at EL2 under an image that asks for it: stage 2 around EL1, traps, a timer.
 * Linked by itself (linker/monitor.ld): it calls nothing of the image, and nothing of the
 * image can call it. It runs at physical addresses, so that no pointer stored at link time
 * is of use. Its MMU maps the first TiB to themselves, RAM cached, the machine's registers
 * below and above it as Device memory.
 *
 * One CPU. Nothing here is entered twice: EL2 runs with all exceptions masked.
 */
#ifndef BOOT_EL2_EL2_H
#define BOOT_EL2_EL2_H

#include <stdbool.h>
#include <stdint.h>

/* EL1's registers while EL2 runs; el2_vectors.S knows the layout. */
struct el2_frame {
    uint64_t x[31];
    uint64_t elr;
    uint64_t spsr;
    uint64_t unused; /* SP stays a multiple of 16 */
};

/* An access of EL1 or EL0 that stage 2 has refused. */
struct el2_access {
    uint64_t address; /* physical: stage 2 maps addresses to themselves */
    uint64_t value;   /* to be stored, or to be filled in */
    uint64_t pc;
    unsigned size; /* bytes: 1, 2, 4, 8; the address is a multiple of it */
    bool write;
};

/* Who stands on this provides four functions. */

/* Once, before EL1 has run; stage 2 is on when it returns. */
void el2_main(void);
/*
 * A refused access of one register to one place; what is none of that kind (pairs, SIMD, atomics,
 * cache maintenance, unaligned) does not come here. False: it ends as an external abort.
 */
bool el2_access(struct el2_access *access);
/* One of those others; when this returns, it ends as an external abort. */
void el2_undecodable(uint64_t address, uint64_t pc);
/* The time that el2_set_timer named has come. */
void el2_timer(void);

/* What stage 2 lets EL1 do; the bits of S2AP. */
#define EL2_READ  1u
#define EL2_WRITE 2u

/* Whole pages, below 2^40. Takes effect before it returns. */
void el2_allow(uint64_t address, uint64_t size, unsigned access);

/*
 * One access of EL2's own, of 1, 2, 4 or 8 bytes, with all its effects. False: nothing answered
 * there.
 */
bool el2_load(uint64_t address, unsigned size, uint64_t *value);
bool el2_store(uint64_t address, unsigned size, uint64_t value);

/* Pend an interrupt of the distributor at EL1, or take it back while it is not acknowledged. */
void el2_pend(unsigned intid, bool pending);

/* Ticks of the physical counter. */
uint64_t el2_now(void);
/* Call el2_timer then; UINT64_MAX: never. */
void el2_set_timer(uint64_t tick);

/* A line over the UART, with a PC of EL1 as a panic prints it. */
void el2_say_code(const char *what, uint64_t pc);
/* A fault of EL2's own, or what it may not let pass: a line, and exit with status 3. */
_Noreturn void el2_fatal(const char *what, uint64_t value);

#endif
