/* SPDX-License-Identifier: BSD-2-Clause */
/* The door of vdma's core into the simulated machine. */
#include "tests/host/drivers/vdma_sim.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "tests/host/sim/sim_irq.h"

static struct vdma_sim *plugged;

/* The transport looks for its devices in a device tree; there is none, and one device. */
int devicetree_next_compatible(int node, const char *compatible)
{
    (void)node;
    (void)compatible;
    return -1;
}

kern_return_t devicetree_reg(int node, unsigned index, struct devicetree_range *range)
{
    (void)node;
    (void)index;
    (void)range;
    return KERN_NOT_SUPPORTED;
}

kern_return_t devicetree_interrupt(int node, unsigned index, unsigned *intid)
{
    (void)node;
    (void)index;
    (void)intid;
    return KERN_NOT_SUPPORTED;
}

bool devicetree_is_coherent(int node)
{
    (void)node;
    return true;
}

/* --- Ports ------------------------------------------------------------------------------------ */

static uint64_t translate(void *context, uint64_t bus, uint64_t length, unsigned access,
                          uint64_t *memory)
{
    (void)context;
    (void)access;
    if (bus - SIM_RAM_BASE >= VDMA_SIM_RAM) {
        return 0;
    }
    *memory = bus;
    return length < SIM_RAM_BASE + VDMA_SIM_RAM - bus ? length : SIM_RAM_BASE + VDMA_SIM_RAM - bus;
}

static void judge(struct vdma_sim *sim, uint64_t memory, uint32_t length, unsigned access)
{
    sim->strays += sim->described != NULL && !sim->described(sim, memory, length, access);
}

static bool read_memory(void *context, uint64_t memory, void *to, uint32_t length)
{
    judge(context, memory, length, VDMA_READS);
    memcpy(to, phys_to_virt(paddr(memory)), length);
    return true;
}

static bool write_memory(void *context, uint64_t memory, const void *from, uint32_t length)
{
    judge(context, memory, length, VDMA_WRITES);
    memcpy(phys_to_virt(paddr(memory)), from, length);
    return true;
}

static void line(void *context, unsigned vector, bool high)
{
    struct vdma_sim *sim = context;

    (void)vector;
    sim->line = high;
}

static void deadline(void *context, uint64_t tick)
{
    struct vdma_sim *sim = context;

    sim->deadline = tick;
}

static void record(void *context, const struct vdma_record *made)
{
    struct vdma_sim *sim = context;

    if (sim->record != NULL) {
        sim->record(sim, made);
    }
}

static const struct vdma_ports ports = {.translate = translate,
                                        .read = read_memory,
                                        .write = write_memory,
                                        .line = line,
                                        .deadline = deadline,
                                        .record = record};

/* --- Registers -------------------------------------------------------------------------------- */

static uint64_t read_register(struct sim_registers *self, uint64_t offset, unsigned width)
{
    const uint64_t value =
        vdma_read_register(plugged->core, (uint32_t)offset, width, 0, plugged->now);

    (void)self;
    if (!plugged->waits) {
        vdma_sim_work(plugged);
    }
    return value;
}

static void write_register(struct sim_registers *self, uint64_t offset, uint64_t value,
                           unsigned width)
{
    (void)self;
    vdma_write_register(plugged->core, (uint32_t)offset, width, value, 0, plugged->now);
    if (!plugged->waits) {
        vdma_sim_work(plugged);
    }
}

/* --- What a test does ------------------------------------------------------------------------- */

void vdma_sim_create(struct vdma_sim *sim, const struct vdma_options *options)
{
    sim->core = sim->core != NULL ? sim->core : malloc(sizeof(*sim->core));
    if (sim->core == NULL || !vdma_init(sim->core, &ports, sim, options)) {
        abort();
    }
    sim->now = 1000;
    sim->deadline = VDMA_NEVER;
    sim->line = false;
    sim->device = (struct mmio_device){.device = {.transport = &virtio_mmio,
                                                  .id = 2,
                                                  .vendor = VDMA_VENDOR,
                                                  .address = paddr(0x0a000000),
                                                  .intid = VDMA_SIM_INTID},
                                       .registers = sim->registers};
    sim->mmio = (struct sim_registers){.start = sim->registers,
                                       .size = sizeof(sim->registers),
                                       .read = read_register,
                                       .write = write_register};
    sim_mmio_unplug_all();
    sim_mmio_plug(&sim->mmio);
    plugged = sim;
}

void vdma_sim_destroy(struct vdma_sim *sim)
{
    sim_mmio_unplug_all();
    free(sim->core);
    sim->core = NULL;
    plugged = NULL;
}

void vdma_sim_work(struct vdma_sim *sim)
{
    if (sim->working) {
        return;
    }
    sim->working = true;
    while (vdma_step(sim->core, sim->now)) {
    }
    sim->working = false;
}

bool vdma_sim_interrupt(struct vdma_sim *sim)
{
    irq_state_t state;

    if (!sim->line || sim_in_handler || !sim_line_is_enabled(VDMA_SIM_INTID)) {
        return false;
    }
    state = irq_mask();
    sim_interrupt(VDMA_SIM_INTID);
    irq_restore(state);
    return true;
}

bool vdma_sim_pass_time(struct vdma_sim *sim)
{
    if (sim->deadline == VDMA_NEVER) {
        return false;
    }
    sim->now = sim->deadline > sim->now ? sim->deadline : sim->now;
    vdma_sim_work(sim);
    return true;
}
