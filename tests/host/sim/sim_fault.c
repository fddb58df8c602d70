/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults of host tests: a signal where the target has an exception. */
#define _GNU_SOURCE
#include "tests/host/sim/sim_fault.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "kernel/direct_map.h"
#include "kernel/fault.h"
#include "kernel/irq.h"

/* x86's trap flag: an exception after the next instruction. */
#define STEP 0x100

static sigjmp_buf *waiting; /* of the innermost fault_expect under way */

static struct {
    uint8_t *base;
    uint64_t size;
    struct sim_accesses *accesses; /* NULL: nothing is watched */
} watched;

static bool is_watched(const uint8_t *at)
{
    return watched.accesses != NULL && at >= watched.base && at < watched.base + watched.size;
}

static void step(ucontext_t *context, bool on)
{
#ifdef __x86_64__
    greg_t *flags = &context->uc_mcontext.gregs[REG_EFL];

    *flags = on ? *flags | STEP : *flags & ~(greg_t)STEP;
#else
    (void)context, (void)on;
#endif
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    const uint8_t *at = info->si_addr;

    if (is_watched(at)) {
        if (watched.accesses->count < SIM_ACCESSES) {
            watched.accesses->offset[watched.accesses->count++] = (uint64_t)(at - watched.base);
        }
        mprotect(watched.base, watched.size, PROT_READ | PROT_WRITE);
        step(context, true);
    } else if (waiting != NULL) {
        siglongjmp(*waiting, 1);
    } else {
        signal(signal_number, SIG_DFL); /* nobody expects it: the end, at the same instruction */
    }
}

static void on_step(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number, (void)info;
    step(context, false);
    if (watched.accesses != NULL) {
        mprotect(watched.base, watched.size, PROT_NONE);
    }
}

static void handle(int signal_number, void (*handler)(int, siginfo_t *, void *),
                   struct sigaction *before)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};

    sigaction(signal_number, &action, before);
}

bool fault_expect(void (*touch)(void *argument), void *argument, struct fault_record *fault)
{
    sigjmp_buf here, *const outer = waiting;
    const unsigned masked = sim_irq_masked;
    struct sigaction before;
    volatile bool raised = true;

    memset(fault, 0, sizeof(*fault));
    waiting = &here;
    handle(SIGSEGV, on_fault, &before);
    if (sigsetjmp(here, 1) == 0) {
        touch(argument);
        raised = false;
    } else {
        sim_irq_masked = masked;
    }
    sigaction(SIGSEGV, &before, NULL);
    waiting = outer;
    return raised;
}

void *sim_registers_attach(uint64_t physical, uint64_t size)
{
    void *where = phys_to_virt(paddr(physical));

    if (mmap(where, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
        where) {
        abort();
    }
    return where;
}

void sim_registers_detach(uint64_t physical, uint64_t size)
{
    munmap(phys_to_virt(paddr(physical)), size);
}

bool sim_registers_watch(uint64_t physical, uint64_t size, struct sim_accesses *accesses)
{
#ifdef __x86_64__
    accesses->count = 0;
    watched.base = phys_to_virt(paddr(physical));
    watched.size = size;
    watched.accesses = accesses;
    handle(SIGSEGV, on_fault, NULL);
    handle(SIGTRAP, on_step, NULL);
    mprotect(watched.base, size, PROT_NONE);
    return true;
#else
    (void)physical, (void)size, (void)accesses, (void)on_step;
    return false;
#endif
}

void sim_registers_unwatch(void)
{
    if (watched.accesses != NULL) {
        mprotect(watched.base, watched.size, PROT_READ | PROT_WRITE);
        watched.accesses = NULL;
        signal(SIGSEGV, SIG_DFL);
        signal(SIGTRAP, SIG_DFL);
    }
}
