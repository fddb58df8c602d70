/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/irq.h"

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/gic_private.h"
#include "kernel/panic.h"
#include "kernel/startup.h"

#define DAIF_I 0x80u

struct irq_slot {
    irq_handler_t *handler; /* NULL: none, and the interrupt is disabled */
    void *context;
};

static struct irq_slot slots[GIC_INTID_COUNT];
static const struct gic_ops *controller;
static unsigned intid_count; /* 0 until a controller is up */
static bool in_handler;
static uint64_t served;
static uint64_t spurious;

void irq_init(void)
{
    static const struct gic_ops *const known[] = {&gic_v2, &gic_v3};

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const int node = devicetree_next_compatible(-1, known[i]->compatible);

        if (node < 0)
            continue;
        controller = known[i];
        intid_count = controller->init(node);
        if (intid_count != 0)
            return;
    }
    kprintf("irq: no usable interrupt controller in the device tree\n");
}

kern_return_t irq_register(unsigned intid, irq_handler_t *handler, void *context)
{
    kern_return_t result = KERN_SUCCESS;

    if (intid >= intid_count || !handler)
        return KERN_INVALID_ARGUMENT;

    const irq_state_t state = irq_mask();

    if (slots[intid].handler) {
        result = KERN_NO_SPACE;
    } else {
        slots[intid] = (struct irq_slot){handler, context};
        controller->enable(intid);
    }
    irq_restore(state);
    return result;
}

kern_return_t irq_unregister(unsigned intid)
{
    kern_return_t result = KERN_SUCCESS;

    if (intid >= intid_count)
        return KERN_INVALID_ARGUMENT;

    const irq_state_t state = irq_mask();

    if (slots[intid].handler) {
        controller->disable(intid);
        cpu_dsb_sy(); /* the controller has taken the line back before the handler goes */
        slots[intid] = (struct irq_slot){0};
    } else {
        result = KERN_INVALID_ARGUMENT;
    }
    irq_restore(state);
    return result;
}

/* Level-triggered: it would come again for ever, and nobody knows how to quiet its device. */
__attribute__((cold, noinline)) static void serve_unhandled(unsigned intid)
{
    spurious++;
    controller->disable(intid);
    kprintf("irq: interrupt %u has no handler; disabled\n", intid);
}

void irq_dispatch(void)
{
    const uint32_t token = controller->acknowledge();
    const unsigned intid = token & GIC_INTID_MASK;

    if (intid >= GIC_INTID_COUNT) {
        spurious++;
        return;
    }

    const struct irq_slot slot = slots[intid];

    if (slot.handler) {
        in_handler = true;
        slot.handler(slot.context);
        in_handler = false;
    } else {
        serve_unhandled(intid);
    }
    served++;
    controller->end(token);
}

void irq_wait(void)
{
    ASSERT(cpu_read_sysreg(daif) & DAIF_I);
    ASSERT(!in_handler);
    cpu_dsb_sy(); /* a doorbell rung before the sleep has left the CPU */
    cpu_wfi();
    irq_dispatch();
}

bool irq_in_handler(void)
{
    return in_handler;
}

uint64_t irq_count(void)
{
    return served;
}

uint64_t irq_spurious(void)
{
    return spurious;
}

const char *irq_controller_name(void)
{
    return intid_count != 0 ? controller->name : "none";
}
