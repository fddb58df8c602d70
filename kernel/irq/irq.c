/* SPDX-License-Identifier: BSD-2-Clause */
/* Which handler a line has, and the one path from the interrupt vector to it. */
#include "kernel/irq.h"

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/irq/gic_interface_private.h"
#include "kernel/irq/gic_private.h"
#include "kernel/irq/msi_private.h"
#include "kernel/lock.h"
#include "kernel/panic.h"
#include "kernel/startup.h"
#include "kernel/trace.h"

#define ISR_IRQ 0x80u /* an interrupt is pending, masked or not */

/*
 * The slot of an interrupt is found by these bits of its number: a line's are all that it has,
 * and those of the first LPI are the first that is no line's.
 */
#define SLOT_MASK 0x7ffu
_Static_assert((LPI_FIRST & SLOT_MASK) == GIC_INTID_MASK + 1 &&
                   (LPI_FIRST & SLOT_MASK) + LPI_COUNT == SLOT_MASK + 1,
               "lines and LPIs have slots of their own");

struct irq_slot {
    irq_handler_t *handler; /* NULL: none, and the interrupt is disabled */
    void *context;
    uint64_t calls;        /* of the handlers it has had */
    uint32_t nothing_call; /* which of them found nothing last, in 32 bits */
    uint32_t nothing;      /* how many in a row did */
};

/* One structure, so that the path of an interrupt forms one address. */
static struct {
    volatile void *cpu_interface; /* of the controller; NULL: it is in system registers */
    const struct gic_ops *controller;
    unsigned intid_count; /* 0 until a controller is up */
    bool in_handler;
    uint64_t spurious;
    struct irq_slot slots[SLOT_MASK + 1]; /* those that are no interrupts stay empty */
} irq;

/* Over attaching and detaching. A dispatch reads one slot, whose line is off while it changes. */
static struct lock irq_lock = LOCK_INITIAL("interrupt handlers", LOCK_RANK_IRQ);

void irq_init(void)
{
    /* A machine has one of them; the order matters to none. */
    static const struct gic_ops *const known[] = {&gic_v2, &gic_v3};

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const int node = devicetree_next_compatible(-1, known[i]->compatible);

        if (node < 0) {
            continue;
        }
        irq.controller = known[i];
        irq.intid_count = irq.controller->init(node);
        if (irq.intid_count != 0) {
            /* In time: the CPU has interrupts masked still. */
            irq.cpu_interface = known[i]->cpu_interface != NULL ? known[i]->cpu_interface() : NULL;
            return;
        }
    }
    kprintf("irq: no usable interrupt controller in the device tree\n");
}

/* Is there an interrupt of this number? Without a controller the count is 0, and there is none. */
static bool exists(unsigned intid)
{
    return intid < irq.intid_count ||
           (intid - LPI_FIRST < LPI_COUNT && irq.intid_count != 0 &&
            irq.controller->has_messages != NULL && irq.controller->has_messages());
}

static struct irq_slot *slot_of(unsigned intid)
{
    return &irq.slots[intid & SLOT_MASK];
}

/* The sender of a software interrupt is in a GICv2's token; a GICv3's is the number alone. */
static unsigned intid_of(uint32_t token)
{
    return irq.controller->has_messages != NULL ? token : token & GIC_INTID_MASK;
}

kern_return_t irq_register(unsigned intid, irq_handler_t *handler, void *context)
{
    kern_return_t result = KERN_SUCCESS;

    if (!exists(intid) || handler == NULL) {
        return KERN_INVALID_ARGUMENT;
    }

    const lock_state_t state = lock_take(&irq_lock);

    if (slot_of(intid)->handler != NULL) {
        result = KERN_NO_SPACE;
    } else {
        /* The slot before the enable: the interrupt may be pending already. */
        slot_of(intid)->nothing = 0;
        slot_of(intid)->context = context;
        slot_of(intid)->handler = handler;
        irq.controller->enable(intid);
    }
    lock_release(&irq_lock, state);
    return result;
}

kern_return_t irq_unregister(unsigned intid)
{
    kern_return_t result = KERN_SUCCESS;

    if (!exists(intid)) {
        return KERN_INVALID_ARGUMENT;
    }

    const lock_state_t state = lock_take(&irq_lock);

    if (slot_of(intid)->handler != NULL) {
        irq.controller->disable(intid);
        cpu_dsb_sy(); /* the controller has taken the line back before the handler goes */
        slot_of(intid)->handler = NULL;
    } else {
        result = KERN_INVALID_ARGUMENT;
    }
    lock_release(&irq_lock, state);
    return result;
}

kern_return_t irq_set_trigger(unsigned intid, enum irq_trigger trigger)
{
    kern_return_t result = KERN_FAILURE;

    /* Those of a CPU's own are fixed, and its software interrupts have none. */
    if (intid < GIC_FIRST_SPI || intid >= irq.intid_count) {
        return KERN_INVALID_ARGUMENT;
    }

    const lock_state_t state = lock_take(&irq_lock);

    /* Without a handler it is disabled, as it must be while this changes (IHI 0048, 4.3.13). */
    if (slot_of(intid)->handler == NULL) {
        irq.controller->set_trigger(intid, trigger == IRQ_EDGE);
        result = KERN_SUCCESS;
    }
    lock_release(&irq_lock, state);
    return result;
}

kern_return_t irq_enable(unsigned intid)
{
    kern_return_t result = KERN_SUCCESS;

    if (!exists(intid)) {
        return KERN_INVALID_ARGUMENT;
    }

    const lock_state_t state = lock_take(&irq_lock);

    if (slot_of(intid)->handler != NULL) {
        /* Counted anew: whoever enables it again has done something about it. */
        slot_of(intid)->nothing = 0;
        irq.controller->enable(intid);
    } else {
        result = KERN_INVALID_ARGUMENT;
    }
    lock_release(&irq_lock, state);
    return result;
}

kern_return_t irq_disable(unsigned intid)
{
    kern_return_t result = KERN_INVALID_ARGUMENT;

    if (!exists(intid)) {
        return result;
    }

    const lock_state_t state = lock_take(&irq_lock);

    if (slot_of(intid)->handler != NULL) {
        irq.controller->disable(intid);
        result = KERN_SUCCESS;
    }
    lock_release(&irq_lock, state);
    return result;
}

/*
 * The handler found nothing to do. Calls are counted by line, so that "in a row" needs
 * no word on the way of an interrupt that is served.
 */
__attribute__((cold, noinline)) static void count_nothing(uint32_t token)
{
    const unsigned intid = intid_of(token);
    struct irq_slot *const slot = slot_of(intid);
    const uint32_t call = (uint32_t)slot->calls;

    /* Wraps with the calls: a row is broken only if the call before found something. */
    slot->nothing = call == slot->nothing_call + 1 ? slot->nothing + 1 : 1;
    slot->nothing_call = call;
    /* NULL: it has detached itself, and its line is disabled already. */
    if (slot->nothing < IRQ_NOTHING_MAX || slot->handler == NULL) {
        return;
    }
    irq.controller->disable(intid);
    kprintf("irq: interrupt %u came %u times for nothing; masked until irq_enable, its handler:\n"
            "  [<%016llx>]\n",
            intid, slot->nothing, (unsigned long long)slot->handler);
}

/*
 * Nothing was pending any more, or an interrupt that nobody attached to. That
 * one is level-triggered and would come again for ever: nobody can quiet its device.
 */
__attribute__((cold, noinline)) static void serve_unhandled(uint32_t token)
{
    const unsigned intid = intid_of(token);

    irq.spurious++;
    trace_interrupt(intid, 0, irq.spurious);
    /* Special numbers say that there was none: nothing has become active, so nothing is ended. */
    if (intid >= GIC_INTID_COUNT && intid <= GIC_INTID_MASK) {
        return;
    }
    slot_of(intid)->calls++;
    irq.controller->disable(intid);
    /* After the disable: ended first, a line that is still high would be pending again at once. */
    gic_end(irq.cpu_interface, token);
    kprintf("irq: interrupt %u has no handler; disabled\n", intid);
}

static inline __attribute__((always_inline)) void serve(volatile void *cpu_interface,
                                                        uint32_t token, struct irq_slot *slot)
{
    slot->calls++;
    /*
     * Nested interrupts are not allowed: they stay masked from the vector to the return, so one
     * flag is enough to know where one is.
     */
    irq.in_handler = true;
    if (slot->handler(slot->context) == IRQ_NOTHING) {
        count_nothing(token);
    }
    irq.in_handler = false;
    /*
     * After the handler, whose device has let go of its level by then; before that, the controller
     * would take it for the next interrupt.
     */
    gic_end(cpu_interface, token);
}

/* Apart, so that what is not recorded keeps nothing for it. */
__attribute__((cold, noinline)) static void serve_recorded(uint32_t token, struct irq_slot *slot)
{
    trace_interrupt(token, (vaddr_t)slot->handler, slot->calls + 1);
    serve(irq.cpu_interface, token, slot);
}

static inline __attribute__((always_inline)) void dispatch_from(volatile void *cpu_interface)
{
    const uint32_t token = gic_acknowledge(cpu_interface);
    /*
     * The special numbers from 1020 on have slots too, which stay empty: one test finds both, an
     * interrupt that is none and one that nobody has.
     */
    struct irq_slot *slot = &irq.slots[token & SLOT_MASK];

    /* The address is formed once, and not at each use. */
    __asm__("" : "+r"(slot));
    if (slot->handler == NULL) {
        serve_unhandled(token);
    } else if (trace_is_on()) {
        serve_recorded(token, slot);
    } else {
        serve(cpu_interface, token, slot);
    }
}

/* Asked once what the interface is, and not again at the end. */
static inline __attribute__((always_inline)) void dispatch(void)
{
    volatile void *const cpu_interface = irq.cpu_interface;

    if (cpu_interface != NULL) {
        dispatch_from(cpu_interface);
    } else {
        dispatch_from(NULL);
    }
}

void irq_dispatch(void)
{
    dispatch();
}

void irq_wait(void)
{
    KERNEL_ASSERT((cpu_read_sysreg(daif) & IRQ_STATE_MASKED) != 0);
    /*
     * In a handler nothing else would be let through: its own interrupt is active, and all have one
     * priority.
     */
    KERNEL_ASSERT(!irq.in_handler);
    cpu_dsb_sy(); /* a doorbell rung before the sleep has left the CPU */
    cpu_wfi();
    dispatch();
}

void irq_serve(void)
{
    /*
     * ISR_EL1 shows what is pending although it is masked. Asking the controller instead would
     * count as an interrupt for nothing each time.
     */
    if ((cpu_read_sysreg(isr_el1) & ISR_IRQ) != 0) {
        irq_dispatch();
    }
}

bool irq_is_handling(void)
{
    return irq.in_handler;
}

uint64_t irq_count(void)
{
    uint64_t count = 0;

    /* Summed up when somebody asks: the way of an interrupt counts in its slot alone. */
    for (unsigned i = 0; i <= SLOT_MASK; i++) {
        count += irq.slots[i].calls;
    }
    return count;
}

uint64_t irq_spurious(void)
{
    return irq.spurious;
}

const char *irq_controller_name(void)
{
    return irq.intid_count != 0 ? irq.controller->name : "none";
}
