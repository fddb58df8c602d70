/* SPDX-License-Identifier: BSD-2-Clause */
/* Switching a unit on: from then on nothing gets through that is not mapped. */
#include "descriptors/IOReturn.h"
#include "drivers/smmuv3/smmu_private.h"
#include "kernel/console.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
#include "kernel/timer.h"

#define COMMAND_LOG2     8u  /* one page; all of an operation's fit, as a rule */
#define EVENT_LOG2       17u /* an event for each 4 bytes of 512 KiB: 4 MiB */
#define EVENT_LEAST_LOG2 7u  /* a page */
#define RAM_SHARE_LOG2   5u  /* of RAM at most a 32nd for events */

/* --- Switching on ------------------------------------------------------------------------------
 */

/* Write, and wait for the register that says it counts. */
static bool set_control(struct smmu *unit, uint64_t control, uint64_t acknowledge, uint32_t value)
{
    const uint64_t deadline = timer_now() + SMMU_TIMEOUT;

    mmio_write32(unit->registers, control, value);
    do {
        if (mmio_read32(unit->registers, acknowledge) == value) {
            return true;
        }
    } while (timer_now() < deadline);
    return false;
}

/*
 * Bits of the addresses that it puts out (6.3.6): 48 are what an entry of this granule has,
 * whatever the unit could do.
 */
static const uint8_t output_bits[] = {32, 36, 40, 42, 44, 48};
#define OUTPUT_CODE_MAX (sizeof(output_bits) - 1)

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool understand(struct smmu *unit, const char **missing)
{
    const uint32_t idr0 = mmio_read32(unit->registers, SMMU_IDR0);
    const uint32_t idr1 = mmio_read32(unit->registers, SMMU_IDR1);
    const uint32_t idr3 = mmio_read32(unit->registers, SMMU_IDR3);
    const uint32_t idr5 = mmio_read32(unit->registers, SMMU_IDR5);

    *missing = NULL;
    if ((idr0 & IDR0_STAGE1) == 0 || (IDR0_TABLES(idr0) & 2) == 0) {
        *missing = "a first stage with AArch64's tables";
    } else if ((idr0 & IDR0_COHERENT) == 0) {
        *missing = "coherent reads of its tables";
    } else if (IDR0_STALL_MODEL(idr0) == IDR0_STALL_ALWAYS) {
        *missing = "a way not to stall";
    } else if ((idr5 & IDR5_GRANULE_4K) == 0) {
        *missing = "pages of 4 KiB";
    } else if ((idr1 & IDR1_PRESET) != 0) {
        *missing = "tables and queues in memory of ours";
    }
    unit->wide_asid = (idr0 & IDR0_ASID16) != 0;
    unit->two_levels = (idr0 & IDR0_TWO_LEVELS) != 0;
    unit->stream_bits = IDR1_STREAM_BITS(idr1);
    unit->ranges = (idr3 & IDR3_RANGES) != 0;
    unit->splits = IDR3_BREAK_LEVEL(idr3) == 2;
    unit->output_code = smaller(IDR5_OUTPUT_SIZE(idr5), OUTPUT_CODE_MAX);
    unit->output_end = 1ull << output_bits[unit->output_code];
    unit->commands.log2 = IDR1_COMMAND_LOG2(idr1);
    unit->events.log2 = IDR1_EVENT_LOG2(idr1);
    return *missing == NULL;
}

/* The largest queue that the unit takes and the machine can spare. */
static unsigned event_log2(unsigned most)
{
    unsigned log2 = smaller(EVENT_LOG2, most);
    uint64_t ram;

    page_count_free(&ram);
    while (log2 > EVENT_LEAST_LOG2 &&
           sizeof(struct smmu_event) << log2 > ptoa(ram) >> RAM_SHARE_LOG2) {
        log2--;
    }
    return log2;
}

static bool set_up_queues(struct smmu *unit)
{
    const unsigned commands = smaller(COMMAND_LOG2, unit->commands.log2);
    const unsigned events = event_log2(unit->events.log2);

    if (!smmu_queue_create(&unit->commands, commands, sizeof(struct smmu_command)) ||
        !smmu_queue_create(&unit->events, events, sizeof(struct smmu_event))) {
        return false;
    }
    mmio_write64(unit->registers, SMMU_CMDQ_BASE,
                 unit->commands.base.value | BASE_ALLOCATES | unit->commands.log2);
    mmio_write32(unit->registers, SMMU_CMDQ_PROD, 0);
    mmio_write32(unit->registers, SMMU_CMDQ_CONS, 0);
    mmio_write64(unit->registers, SMMU_EVENTQ_BASE,
                 unit->events.base.value | BASE_ALLOCATES | unit->events.log2);
    mmio_write32(unit->registers, SMMU_EVENTQ_PROD, 0);
    mmio_write32(unit->registers, SMMU_EVENTQ_CONS, 0);
    return true;
}

/* What it may have known before it was ours. */
static bool forget_all(struct smmu *unit)
{
    const lock_state_t state = lock_take(&unit->lock);
    bool done;

    smmu_command(unit, COMMAND_CFGI_ALL, CFGI_ALL_STREAMS);
    smmu_command(unit, COMMAND_TLBI_ALL, 0);
    done = smmu_sync(unit);
    lock_release(&unit->lock, state);
    return done;
}

bool smmu_switch_on(struct smmu *unit)
{
    const char *missing;

    if (!understand(unit, &missing)) {
        kprintf("smmuv3: the unit at 0x%llx lacks %s\n", (unsigned long long)unit->address.value,
                missing);
        return false;
    }
    /* Off while its tables change hands; devices that master the bus already are not blocked. */
    if (!set_control(unit, SMMU_CR0, SMMU_CR0ACK, 0)) {
        return false;
    }
    mmio_write32(unit->registers, SMMU_CR1, CR1_CACHEABLE);
    mmio_write32(unit->registers, SMMU_CR2, CR2_RECORD_BAD_STREAM);
    if (smmu_streams_create(unit) != kIOReturnSuccess || !set_up_queues(unit)) {
        kprintf("smmuv3: no memory for the tables of the unit at 0x%llx\n",
                (unsigned long long)unit->address.value);
        return false;
    }
    unit->errors = mmio_read32(unit->registers, SMMU_GERROR);
    mmio_write32(unit->registers, SMMU_GERRORN, unit->errors);
    /* The table is all zeros by now, so that the last step blocks every stream. */
    return set_control(unit, SMMU_IRQ_CTRL, SMMU_IRQ_CTRLACK, IRQ_CTRL_ERRORS | IRQ_CTRL_EVENTS) &&
           set_control(unit, SMMU_CR0, SMMU_CR0ACK, CR0_COMMANDS) && forget_all(unit) &&
           set_control(unit, SMMU_CR0, SMMU_CR0ACK, CR0_COMMANDS | CR0_EVENTS) &&
           set_control(unit, SMMU_CR0, SMMU_CR0ACK, CR0_COMMANDS | CR0_EVENTS | CR0_ENABLE);
}

void smmu_take_down(struct smmu *unit)
{
    /* A unit that does not say it is off may still read what would be somebody else's. */
    if (unit->registers == NULL || !set_control(unit, SMMU_CR0, SMMU_CR0ACK, 0)) {
        return;
    }
    smmu_streams_destroy(unit);
    smmu_queue_destroy(&unit->commands);
    smmu_queue_destroy(&unit->events);
}
