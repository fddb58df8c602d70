/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of boot/el2. */
#ifndef BOOT_EL2_EL2_PRIVATE_H
#define BOOT_EL2_EL2_PRIVATE_H

#include "boot/el2/el2.h"

#define el2_read(name)                                                                             \
    __extension__({                                                                                \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " name : "=r"(value_));                                          \
        value_;                                                                                    \
    })
#define el2_write(name, value) __asm__ volatile("msr " name ", %0" : : "r"((uint64_t)(value)))

/* Where .el2 begins and ends, physical (linker/virt.ld), and the part to be cleared. */
extern uint8_t __monitor_base[], __monitor_end[], __monitor_bss_start[], __monitor_bss_end[],
    __monitor_stack_end[];

/* el2_vectors.S */
extern char el2_vectors[], el2_vectors_shared[];

/* el2_start.c: stage 2 and what is to come here, on this CPU. */
void el2_route(void);

/* el2_cpus.c */
#define EL2_CPUS 8u
unsigned el2_cpu(void);
void el2_firmware_call(struct el2_frame *frame);

/* el2_tables.c: EL2's own map, and stage 2 with everything allowed. */
void el2_tables_init(void);
/* The same, on another CPU. */
void el2_tables_join(void);
/* Let EL1 find other pages at an address; for good. */
void el2_redirect(uint64_t address, uint64_t to, uint64_t size);

/* el2_step.c: let EL1 run one instruction, and be back; `frame` is what it goes on with. */
void el2_step_begin(struct el2_frame *frame);
void el2_step_end(struct el2_frame *frame);

/* el2_timer.c; gic_v3: which interrupt controller there is. */
void el2_timer_init(bool gic_v3);
bool el2_is_gic_v3(void);
#define EL2_TIMER_INTID 26u /* non-secure EL2 physical timer */
/* It is a level: ended while it is high, it would come again. */
void el2_timer_stop(void);
bool el2_timer_is_set(uint64_t *tick);
/*
 * Group 0, of the highest priority and enabled: an interrupt of EL2's own that is private to the
 * CPU. EL1's own initialisation of the controller undoes it.
 */
void el2_claim(unsigned intid);

#endif
