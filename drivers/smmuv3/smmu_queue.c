/* SPDX-License-Identifier: BSD-2-Clause */
/* The rings, and commands: what is told to the unit, and the wait until it has done it. */
#include "drivers/smmuv3/smmu_private.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/timer.h"

bool smmu_queue_create(struct smmu_queue *queue, unsigned log2, unsigned entry_bytes)
{
    for (;; log2--) {
        const uint64_t bytes = (uint64_t)entry_bytes << log2;
        unsigned order = 0;

        while (PAGE_SIZE << order < bytes) {
            order++;
        }
        /* A block of the allocator is aligned to its size, as a queue has to be (6.3.26). */
        if (page_alloc(order, PAGE_OWNER_DRIVER, &queue->base) == KERN_SUCCESS) {
            queue->entries = phys_to_virt(queue->base);
            queue->log2 = log2;
            queue->order = order;
            queue->places = (1u << log2) - 1;
            queue->indices = (2u << log2) - 1;
            return true;
        }
        if (order == 0) {
            return false;
        }
    }
}

void smmu_queue_destroy(struct smmu_queue *queue)
{
    KERNEL_CHECK(queue->entries == NULL || page_free(queue->base, queue->order) == KERN_SUCCESS);
}

/* --- Commands --------------------------------------------------------------------------------- */

/* The unit has read all commands before `target`. Its index runs at most a whole ring ahead. */
static bool has_passed(const struct smmu *unit, uint32_t target)
{
    const uint32_t read = mmio_read32(unit->registers, SMMU_CMDQ_CONS) & CMDQ_CONS_INDEX;

    return ((read - target) & unit->commands.indices) < 1u << unit->commands.log2;
}

static void publish(struct smmu *unit)
{
    cpu_dsb_sy(); /* table entries and commands are in memory before the unit is told */
    mmio_write32(unit->registers, SMMU_CMDQ_PROD, unit->commands.next);
}

/*
 * A command that the unit does not know stops it for good; it is made one that every unit
 * knows. Ours are few and fixed, so that this is a bug here or in the unit.
 */
static void step_over_error(struct smmu *unit)
{
    const uint32_t errors = mmio_read32(unit->registers, SMMU_GERROR);
    const uint32_t at = mmio_read32(unit->registers, SMMU_CMDQ_CONS);
    struct smmu_command *command;

    if (((errors ^ unit->errors) & GERROR_COMMANDS) == 0) {
        return;
    }
    command = (struct smmu_command *)unit->commands.entries + (at & unit->commands.places);
    kprintf("smmuv3: command 0x%llx 0x%llx was refused (error %u)\n",
            (unsigned long long)command->words[0], (unsigned long long)command->words[1],
            (unsigned)CMDQ_CONS_ERROR(at));
    *command = (struct smmu_command){{COMMAND_SYNC, 0}};
    unit->stuck = true; /* what it should have forgotten it may still know */
    unit->errors ^= GERROR_COMMANDS;
    cpu_dsb_sy();
    mmio_write32(unit->registers, SMMU_GERRORN, unit->errors);
}

/* Bounded: a unit that does not answer must not take the machine with it. */
static bool wait_longer(struct smmu *unit, uint32_t target)
{
    const uint64_t deadline = timer_now() + SMMU_TIMEOUT;

    do {
        step_over_error(unit);
        if (has_passed(unit, target)) {
            return true;
        }
    } while (timer_now() < deadline);
    unit->stuck = true;
    kprintf("smmuv3: the unit at 0x%llx has stopped reading commands\n",
            (unsigned long long)unit->address.value);
    return false;
}

/* Whatever is in the ring has been read. Stuck, nothing is waited for, nor believed. */
static bool drain(struct smmu *unit)
{
    const uint32_t target = unit->commands.next;

    publish(unit);
    if (!has_passed(unit, target) && !wait_longer(unit, target)) {
        return false;
    }
    /* What a stuck one has not done stays pending, for ever. */
    if (unit->stuck) {
        return false;
    }
    unit->commands.pending = 0;
    return true;
}

void smmu_command(struct smmu *unit, uint64_t first, uint64_t second)
{
    struct smmu_queue *const queue = &unit->commands;
    struct smmu_command *command;

    if (unit->stuck || (queue->pending == 1u << queue->log2 && !drain(unit))) {
        return;
    }
    queue->pending++;
    command = (struct smmu_command *)queue->entries + (queue->next & queue->places);
    command->words[0] = first;
    command->words[1] = second;
    queue->next = (queue->next + 1) & queue->indices;
    unit->counters.commands++;
}

bool smmu_sync(struct smmu *unit)
{
    smmu_command(unit, COMMAND_SYNC, 0);
    return !unit->stuck && drain(unit);
}
