/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stays at EL2 under an image that asks for it: stage 2 around EL1, traps, a timer.
 * Linked by itself (linker/monitor.ld): it calls nothing of the image, and nothing of the
 * image can call it. It runs at physical addresses, so that no pointer stored at link time
 * is of use. Its MMU maps the first TiB to themselves, RAM cached, the machine's registers
 * below and above it as Device memory.
 *
 * One CPU, unless el2_share says otherwise. Nothing here is entered twice: EL2 runs with all
 * exceptions masked, and one CPU at a time.
 */
#ifndef BOOT_EL2_EL2_H
#define BOOT_EL2_EL2_H

#include <stdbool.h>
#include <stdint.h>

/* EL1's registers while EL2 runs; el2_vectors.S knows the layout. */
struct el2_frame {
    uint64_t x[32]; /* the last one is XZR: 0 at first, and nowhere afterwards */
    uint64_t elr;
    uint64_t spsr;
};

/* It was at EL0. */
static inline bool el2_is_user(const struct el2_frame *frame)
{
    return (frame->spsr & 0xc) == 0; /* PSTATE.M, of which these are the level */
}

/*
 * One of which the syndrome does not say what it was: of several registers, of SIMD ones, atomic,
 * unaligned, of cache maintenance; or of the CPU's own walk of EL1's tables.
 */
struct el2_other {
    const struct el2_frame *frame;
    uint64_t address; /* of a byte of it; of a walk: in the page where it wanted to read */
    uint64_t virt;
    bool write, walk, maintenance, user;
};

/* DC CVAC (or CVAP), IVAC, CIVAC. */
struct el2_maintenance {
    const struct el2_frame *frame;
    uint64_t virt;
    bool clean, invalidate;
    bool user;
};

/* What becomes of an access. */
enum el2_end {
    EL2_ABORTS, /* as if nothing had answered at the address */
    EL2_DONE,   /* it has been done */
    EL2_AGAIN,  /* it is made again */
    EL2_STEPS,  /* so it is, and behind that one instruction el2_stepped is called */
};

/* Who stands on this provides eight functions. */

/* Once, before EL1 has run; stage 2 is on when it returns. */
void el2_main(void);
/*
 * An access of EL1 or EL0 that stage 2 has refused, of one register to one place; by whom is in the
 * frame. The address is physical, for stage 2 maps addresses to themselves, and a multiple of the
 * size: 1, 2, 4 or 8 bytes. *value is the register: to be stored, or, when it has been done, what
 * was loaded, with no bits beyond the size.
 */
enum el2_end el2_access(const struct el2_frame *frame, uint64_t address, unsigned size, bool write,
                        uint64_t *value);
/* One of the others: never EL2_DONE. */
enum el2_end el2_other(const struct el2_other *other);
/* While el2_trap_maintenance is on: an instruction of cache maintenance, which does nothing else.
 */
void el2_maintain(const struct el2_maintenance *maintenance);
/*
 * HVC of EL1, with its registers: x0 is the call's number, and what it answers. False: it is none
 * that is known.
 */
bool el2_call(struct el2_frame *frame);
/* EL1 or EL0 waits for an interrupt, while el2_trap_wait is on; when this returns, it goes on so.
 */
void el2_waits(void);
/* The step is over. No interrupt of EL1's has been taken meanwhile. */
void el2_stepped(void);
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

/*
 * Where a virtual address of EL1's, or of EL0's, is, and, unless `cached` is NULL, whether it is
 * memory of a type whose bytes may be in a cache only: write-back. False: nowhere.
 */
bool el2_translate(uint64_t virt, bool user, uint64_t *address, bool *cached);
/* The address of the refused access, as the program has it. */
uint64_t el2_virtual_address(void);
/* The stack pointer that EL1 or EL0 had. */
uint64_t el2_stack_pointer(const struct el2_frame *frame);

/* Pend an interrupt of the distributor at EL1, or take it back while it is not acknowledged. */
void el2_pend(unsigned intid, bool pending);

/*
 * From el2_main: let every interrupt of EL1's pass EL2, which the timer's can then be told from
 * whatever group EL1 uses. False: it can anyway, for this is a GICv3.
 */
bool el2_carry_interrupts(void);
/* With that: the level of one interrupt's line, which is played here; always the same one. */
void el2_line(unsigned intid, bool high);

/*
 * Behind el2_main, with a GICv3: let EL1 start other CPUs, up to so many (8 at the most) whose
 * affinities are their numbers. Each begins at `started`, at EL2 with its MMU off and x0 at where
 * EL1 wants to begin, its argument, and the end of a stack; it opens EL2, calls el2_join and goes
 * there. From now on one of them at a time is in EL2. No stepping, and no maintenance trapped. The
 * first CPU keeps its stack; that of number n is stacks[n - 1].
 */
#define EL2_STACK 16384u
void el2_share(unsigned cpus, void (*started)(void), uint8_t (*stacks)[EL2_STACK]);
void el2_join(void);

/* Be told before EL1 or EL0 waits for an interrupt; off at first, and when it has been told. */
void el2_trap_wait(bool on);

/* Be told of cache maintenance by address, to the point of coherency. Off at first. */
void el2_trap_maintenance(bool on);

/* Ticks of the physical counter. */
static inline uint64_t el2_now(void)
{
    uint64_t ticks;

    __asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(ticks));
    return ticks;
}

/* Call el2_timer then; UINT64_MAX: never. */
void el2_set_timer(uint64_t tick);

/* Over the UART, as it is. */
void el2_put(const char *text);
/* A line over the UART, with a PC of EL1 as a panic prints it. */
void el2_say_code(const char *what, uint64_t pc);
/* Exit with status 3. */
_Noreturn void el2_exit(void);
/* A fault of EL2's own, or what it may not let pass: a line, and exit with status 3. */
_Noreturn void el2_fatal(const char *what, uint64_t value);

#endif
