/* SPDX-License-Identifier: BSD-2-Clause */
/* The units that the device tree has: found, started, and their interrupts heard. */
#include <libfdt.h>

#include "drivers/pci/pci.h"
#include "drivers/smmuv3/smmu_private.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/init.h"
#include "kernel/mmu.h"

#define ITS_DOORBELL 0x10000u /* GITS_TRANSLATER is in the second frame (GICv3, 12.19) */

/* Where, in the order of the interrupts property, which has names for it as well. */
#define EVENT_LINE 0u
#define ERROR_LINE 3u

static struct smmu *units;

static enum irq_result on_interrupt(void *context)
{
    smmu_collect(context);
    return IRQ_SERVED;
}

static void attach_line(struct smmu *unit, unsigned index)
{
    unsigned line;

    /* Pulses, and the tree says so too. Without it faults are told when somebody asks. */
    if (devicetree_interrupt(unit->node, index, &line) != KERN_SUCCESS ||
        irq_set_trigger(line, IRQ_EDGE) != KERN_SUCCESS ||
        irq_register(line, on_interrupt, unit) != KERN_SUCCESS) {
        kprintf("smmuv3: the unit at 0x%llx has no interrupt %u\n",
                (unsigned long long)unit->address.value, index);
    }
}

static void add_doorbells(struct smmu *unit, const char *compatible, uint64_t offset)
{
    int node = -1;

    while ((node = devicetree_next_compatible(node, compatible)) >= 0) {
        struct devicetree_range range;

        if (unit->doorbell_count < SMMU_DOORBELL_MAX &&
            devicetree_reg(node, 0, &range) == KERN_SUCCESS && range.size > offset) {
            unit->doorbells[unit->doorbell_count++] = (range.base.value + offset) >> PAGE_SHIFT;
        }
    }
}

/* The unit as the classes know a device: by what others refer to it with. */
static IOService *make_service(int node)
{
    const uint32_t identity = fdt_get_phandle(devicetree(), node);
    IOService *service = IOService_withReader(fdt_get_name(devicetree(), node, NULL), NULL, NULL);

    if (service != NULL &&
        (IOService_setCell(service, "#iommu-cells", 1) != kIOReturnSuccess ||
         (identity != 0 && IOService_setCell(service, "phandle", identity) != kIOReturnSuccess))) {
        OSObject_release(service);
        return NULL;
    }
    return service;
}

void smmu_add(int node)
{
    struct devicetree_range range;
    IOService *service;
    struct smmu *unit;

    if (devicetree_reg(node, 0, &range) != KERN_SUCCESS || range.size < SMMU_REGISTERS_SIZE) {
        kprintf("smmuv3: a node without two pages of registers is no unit\n");
        return;
    }
    service = make_service(node);
    unit = (struct smmu *)OSMetaClass_allocate(&smmu_unit_class.meta);
    if (service != NULL && unit != NULL) {
        unit->node = node;
        unit->address = range.base;
        unit->registers = mmu_map_device(range.base, SMMU_REGISTERS_SIZE);
        add_doorbells(unit, "arm,gic-v2m-frame", 0);
        add_doorbells(unit, "arm,gic-v3-its", ITS_DOORBELL);
    }
    if (service != NULL && unit != NULL && unit->registers != NULL &&
        IOMapper_start(&unit->super, service)) {
        attach_line(unit, EVENT_LINE);
        attach_line(unit, ERROR_LINE);
        unit->next = units;
        units = unit;
    } else {
        kprintf("smmuv3: the unit at 0x%llx does not start: devices behind it do no DMA\n",
                (unsigned long long)range.base.value);
        OSObject_release(unit == NULL ? NULL : &unit->super.super);
    }
    OSObject_release(service);
}

/* Once: whoever comes first, start-up or the bus whose functions ask for their mappers. */
static void find_units(void)
{
    static bool searched;
    int node = -1;

    if (searched) {
        return;
    }
    searched = true;
    while ((node = devicetree_next_compatible(node, "arm,smmu-v3")) >= 0) {
        smmu_add(node);
    }
}

INITIALISER(INIT_DRIVER, find_units);

/* --- For the bus -------------------------------------------------------------------------------
 */

static IOReturn give_mapper(struct pci_function *function, int node, uint32_t stream,
                            IOMapper **mapper)
{
    const UInt32 cell = stream;

    find_units();
    for (struct smmu *unit = units; unit != NULL; unit = unit->next) {
        if (unit->node == node) {
            *mapper =
                smmu_unit_class.copyForDevice(&unit->super, pci_get_service(function), &cell, 1);
            return *mapper != NULL ? kIOReturnSuccess : IOMemoryLastError();
        }
    }
    return kIOReturnNoDevice; /* it did not start, and may let through whatever it likes */
}

/* Before any driver asks. */
static void offer_mappers(void)
{
    pci_set_mapper_source(give_mapper);
}

INITIALISER(INIT_CONSOLE, offer_mappers);

bool smmu_present(void)
{
    return units != NULL;
}

void smmu_get_counters(struct smmu_counters *counters)
{
    *counters = (struct smmu_counters){0};
    for (const struct smmu *unit = units; unit != NULL; unit = unit->next) {
        counters->commands += unit->counters.commands;
        counters->events += unit->counters.events;
        counters->reports += unit->counters.reports;
        counters->lost += unit->counters.lost;
    }
}
