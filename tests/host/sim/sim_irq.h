/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt lines and time on the host: raised by a test, and passing only while somebody waits. */
#ifndef TESTS_HOST_SIM_IRQ_H
#define TESTS_HOST_SIM_IRQ_H

#include "kernel/irq.h"

#define SIM_LINES 256

/*
 * A device asserts its line: the handler runs now, or once the line is enabled. What it
 * answers; IRQ_NOTHING as well if it does not run now.
 */
enum irq_result sim_interrupt(unsigned line);

bool sim_line_is_enabled(unsigned line);
enum irq_trigger sim_line_trigger(unsigned line);

/* What happens while the CPU sleeps; NULL: only time passes, to the next deadline. */
extern void (*sim_while_waiting)(void);

bool sim_timer_is_running(void); /* no test may end so */

extern uint64_t sim_time; /* nanoseconds */

#endif
