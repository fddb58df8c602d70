/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel said on its console, and its panics, for host tests. */
#ifndef TESTS_HOST_SIM_CONSOLE_H
#define TESTS_HOST_SIM_CONSOLE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/exception.h"

extern exception_fault_handler_t *sim_fault_handler; /* NULL: none is set */

void sim_console_forget(void);
bool sim_console_said(const char *words); /* since then; only the last 1000 characters are kept */
const char *sim_console_after(const char *words); /* what followed them; NULL: not said */
uint64_t sim_console_lines(void);                 /* so far */
void sim_console_set_quiet(bool on);              /* nothing of it goes to standard error */

/* Who calls, for whoever asks for callers; 0: nobody is known. And what is a stack. */
extern uint64_t sim_caller, sim_stack_start, sim_stack_end;

/* What a panic would show besides, the latest added first. */
void sim_panic_show_reports(void);

/* Where a panic goes instead of ending the process, once. */
extern jmp_buf *sim_panic_return;

/* True if running the statement ends in a panic. */
#define SIM_PANICS(statement)                                                                      \
    ({                                                                                             \
        jmp_buf back_;                                                                             \
        volatile bool died_ = true;                                                                \
        sim_panic_return = &back_;                                                                 \
        if (setjmp(back_) == 0) {                                                                  \
            statement;                                                                             \
            died_ = false;                                                                         \
        }                                                                                          \
        sim_panic_return = NULL;                                                                   \
        died_;                                                                                     \
    })

/* True if it does, with these words among those it says. */
#define SIM_PANICS_WITH(words, statement)                                                          \
    ({                                                                                             \
        sim_console_forget();                                                                      \
        SIM_PANICS(statement) && sim_console_said(words);                                          \
    })

#endif
