/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring of events. */
#include "kernel/trace.h"

#include <string.h>

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

static struct trace_entry first_ring[TRACE_SIZE];
static struct trace_entry *ring = first_ring;
static uint64_t size = TRACE_SIZE; /* entries of the ring */
static uint64_t next;              /* events so far */

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
    return &ring[event & (size - 1)];
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
    for (uint64_t i = 0; i < size; i++) {
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
    return next > size ? next - size : 0;
}

size_t trace_bytes(uint64_t entries)
{
    return entries * sizeof(struct trace_entry);
}

uint64_t trace_size(void)
{
    return size;
}

bool trace_use(void *memory, uint64_t entries)
{
    const bool was_on = trace_on;
    struct trace_entry *const to = memory;

    if (entries < size || entries > TRACE_SIZE_MAX || (entries & (entries - 1)) != 0) {
        return false;
    }
    trace_on = false;
    memset(to, 0, trace_bytes(entries));
    for (uint64_t event = trace_lost(); event < next; event++) {
        to[event & (entries - 1)] = *slot(event);
    }
    ring = to;
    size = entries;
    trace_on = was_on;
    return true;
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
    const uint64_t left = end - trace_lost();
    const uint64_t shown = left < TRACE_SIZE ? left : TRACE_SIZE;

    if (end == 0) {
        return;
    }
    trace_on = false; /* a console that faults or waits would push out what is printed */
    kprintf("trace: %llu events, %llu of them lost\n", (unsigned long long)end,
            (unsigned long long)trace_lost());
    if (shown < left) {
        kprintf("  the last %llu:\n", (unsigned long long)shown);
    }
    for (uint64_t event = end - shown; event < end; event++) {
        print_entry(event);
    }
    trace_on = was_on;
}

#endif
