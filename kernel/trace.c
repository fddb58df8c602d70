/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring of events. */
#include "kernel/trace.h"

#if DMAKIT_TRACE

#include "kernel/console.h"
#include "kernel/cpu.h"

_Static_assert((TRACE_SIZE & (TRACE_SIZE - 1)) == 0, "a slot is found by a mask");

struct trace_entry {
    uint32_t number; /* of the event, from 1, modulo 2^32; 0: being written, or never used */
    uint32_t kind;
    uint64_t time; /* of the virtual counter; 0 where there is none */
    uint64_t values[3];
};

bool trace_on;

static struct trace_entry ring[TRACE_SIZE];
static uint64_t next; /* events so far */

static const struct {
    const char *name;
    const char *values[3];
} kinds[] = {
#define TRACE_NAMES(name, t1, n1, t2, n2, t3, n3) {#name, {#n1, #n2, #n3}},
    TRACE_KINDS(TRACE_NAMES)
#undef TRACE_NAMES
};

/* For whoever reads the ring from outside. */
static uint64_t now(void)
{
#ifdef __aarch64__
    return cpu_read_sysreg(cntvct_el0);
#else
    return 0;
#endif
}

static struct trace_entry *slot(uint64_t event)
{
    return &ring[event & (TRACE_SIZE - 1)];
}

void trace_record(enum trace_kind kind, uint64_t first, uint64_t second, uint64_t third)
{
    /*
     * In one step: a handler that comes in between takes the number behind this one, and not the
     * same.
     */
    const uint64_t event = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
    struct trace_entry *const entry = slot(event);

    /*
     * Number 0 first and the right one last, with the compiler held to that order:
     * a panic in a handler that interrupts this must not print half an entry under
     * the number of the one that was here before.
     */
    entry->number = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    entry->kind = kind;
    entry->time = now();
    entry->values[0] = first;
    entry->values[1] = second;
    entry->values[2] = third;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    entry->number = (uint32_t)(event + 1);
}

void trace_start(void)
{
    trace_on = false; /* a handler must not write into what is being forgotten */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < TRACE_SIZE; i++) {
        ring[i].number = 0;
    }
    next = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    trace_on = true;
}

void trace_stop(void)
{
    trace_on = false;
}

uint64_t trace_count(void)
{
    return next;
}

uint64_t trace_lost(void)
{
    return next > TRACE_SIZE ? next - TRACE_SIZE : 0;
}

static void print_entry(uint64_t event)
{
    const struct trace_entry *const entry = slot(event);

    /* A panic may have come in the middle of a store, and may be about memory gone wrong. */
    if (entry->number != (uint32_t)(event + 1) || entry->kind >= TRACE_KIND_COUNT) {
        kprintf("  %llu was being written\n", (unsigned long long)event + 1);
        return;
    }
    kprintf("  %llu %s", (unsigned long long)event + 1, kinds[entry->kind].name);
    for (unsigned i = 0; i < 3; i++) {
        kprintf(" %s=0x%llx", kinds[entry->kind].values[i], (unsigned long long)entry->values[i]);
    }
    kprintf("\n");
}

void trace_print(void)
{
    const bool was_on = trace_on;
    const uint64_t end = next;

    if (end == 0) {
        return;
    }
    trace_on = false; /* a console that faults or waits would push out what is printed */
    kprintf("trace: %llu events, %llu of them lost\n", (unsigned long long)end,
            (unsigned long long)trace_lost());
    for (uint64_t event = trace_lost(); event < end; event++) {
        print_entry(event);
    }
    trace_on = was_on;
}

#endif
