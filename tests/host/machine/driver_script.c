/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of driver processes as scripts. */
#include "tests/host/machine/driver_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/irq.h"

const struct stop *script;
unsigned script_turns;
bool script_is_over;
uint64_t script_seen[2];

void user_init(struct user_state *state, vaddr_t pc, vaddr_t sp)
{
    memset(state, 0, sizeof(*state));
    state->context.frame.elr = pc;
    (void)sp;
}

enum user_stop user_run_until(struct task *task, struct user_state *state, const bool *over)
{
    const struct stop *now = script++;

    (void)task;
    assert_false(*over);
    script_turns++;
    for (unsigned i = 0; i < now->ticks; i++) {
        irq_wait();
    }
    script_is_over = *over;
    memcpy(script_seen, state->context.frame.x, sizeof(script_seen));
    memcpy(state->context.frame.x, now->x, sizeof(now->x));
    state->context.frame.x[8] = now->number;
    state->context.frame.far = SCRIPT_FAULT;
    state->context.frame.spsr = SCRIPT_STATE;
    state->call = now->call;
    return now->why;
}
