/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The quick way to make a unit forget one page: the two commands are written, and done by the time
 * that they are asked after. Inline, since it is done for each transfer, and without a call, so
 * that it needs no frame; what it declines goes the other way (smmu_queue.c).
 */
#ifndef DRIVERS_SMMUV3_SMMU_QUICK_PRIVATE_H
#define DRIVERS_SMMUV3_SMMU_QUICK_PRIVATE_H

#include "drivers/smmuv3/smmu_private.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"

/* Under unit->lock. False: it is not known to be done, and the commands are to be given again. */
static inline bool smmu_forget_page(struct smmu *unit, uint64_t forget, uint64_t page)
{
    struct smmu_queue *const queue = &unit->commands;
    volatile void *const registers = unit->registers;
    const uint32_t at = queue->next & queue->places;
    const uint32_t next = (queue->next + 2) & queue->indices;
    struct smmu_command *const command = (struct smmu_command *)queue->entries + at;

    /*
     * Nothing else waits, as it does for ever in a unit that is stuck, and both fit before the
     * ring's end: no word more than these four.
     */
    if (queue->pending != 0 || at == queue->places) {
        return false;
    }
    command[0].words[0] = forget;
    command[0].words[1] = page << PAGE_SHIFT | COMMAND_LEAF;
    command[1].words[0] = COMMAND_SYNC;
    command[1].words[1] = 0;
    queue->next = next;
    unit->counters.commands += 2;
    cpu_dsb_sy(); /* table entries and commands are in memory before the unit is told */
    mmio_write32(registers, SMMU_CMDQ_PROD, next);
    if ((mmio_read32(registers, SMMU_CMDQ_CONS) & CMDQ_CONS_INDEX) != next) {
        queue->pending = 2;
        return false;
    }
    return true;
}

#endif
