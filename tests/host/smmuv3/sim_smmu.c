/* SPDX-License-Identifier: BSD-2-Clause */
/* A simulated SMMUv3's commands and registers. It caches whatever it may, and forgives nothing. */
#include "kernel/mmu.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/host/sim/sim_mmio.h"
#include "tests/host/sim/sim_order.h"
#include "tests/host/smmuv3/sim_smmu_private.h"

struct sim_smmu_traits traits;
struct smmu_command told_commands[SIM_COMMANDS];
unsigned told_count;
struct sim_unit sim;

/* --- Commands ----------------------------------------------------------------------------------
 */

/* With nothing left, what comes next is looked for from the beginning. */
static void note_end(void)
{
    while (sim.cached_end != 0 && !sim.cache[sim.cached_end - 1].known) {
        sim.cached_end--;
    }
    if (sim.cached_end == 0) {
        sim.next_cached = 0;
    }
}

static void forget_pages(uint16_t asid, uint64_t first, uint64_t pages, bool leaf, unsigned level)
{
    for (unsigned i = 0; i < sim.cached_end; i++) {
        struct sim_cached *at = &sim.cache[i];

        if (at->asid == asid && at->page < first + pages &&
            first < at->page + sim_span_of(at->level) && (at->leaf || !leaf) &&
            (level == 0 || !at->leaf || at->level + 1 == level)) {
            at->known = false;
        }
    }
    note_end();
}

static void forget_range(const uint64_t *words)
{
    const unsigned number = words[0] >> 12 & 0x1f, scale = words[0] >> 20 & 0x1f;
    const unsigned granule = words[1] >> 10 & 3, level = words[1] >> 8 & 3;
    const bool leaf = (words[1] & 1) != 0;
    const uint16_t asid = (uint16_t)(words[0] >> 48);
    const uint64_t first = words[1] >> PAGE_SHIFT;

    assert_int_equal(words[1] & 0x0000000000000ffeull & ~(0xfull << 8), 0);
    if (granule == 0) {
        assert_int_equal(number | scale | level, 0);
        forget_pages(asid, first, 1, leaf, 0);
        return;
    }
    assert_int_equal(granule, 1);
    assert_false(traits.no_ranges);
    /* Reserved: one page, of no level. */
    assert_true(number != 0 || scale != 0 || level != 0);
    forget_pages(asid, first, (uint64_t)(number + 1) << scale, leaf, level);
}

/* Without `leaf` what was known of the first level as well. */
static void forget_streams(uint32_t number, bool all, bool leaf)
{
    for (unsigned i = 0; i < SIM_STREAMS; i++) {
        if (all || sim.streams[i].number == number ||
            (!leaf && sim.streams[i].at == NULL &&
             (sim.streams[i].number ^ number) >> sim_split_bits() == 0)) {
            sim.streams[i].known = false;
            sim.streams[i].keeps_context = sim.streams[i].keeps_context && !all;
        }
    }
}

static void forget_context(uint32_t number)
{
    for (unsigned i = 0; i < SIM_STREAMS; i++) {
        if (sim.streams[i].number == number) {
            sim.streams[i].keeps_context = false; /* its entry it may know on */
        }
    }
}

static void forget_asid(uint16_t asid, bool all)
{
    for (unsigned i = 0; i < sim.cached_end; i++) {
        if (all || sim.cache[i].asid == asid) {
            sim.cache[i].known = false;
        }
    }
    note_end();
}

/* What a command has no word for is zero. */
static void check_reserved(const uint64_t *words)
{
    static const struct {
        uint64_t opcode, words[2];
    } rows[] = {
        {COMMAND_CFGI_STE, {0xffffffff00000000, 1}},
        {COMMAND_CFGI_ALL, {0, 31}},
        {COMMAND_CFGI_CD, {0xffffffff00000000, 1}},
        {COMMAND_TLBI_NH_ASID, {0xffff000000000000, 0}},
        {COMMAND_TLBI_NH_VA, {0xffff000001f1f000, ~0xeull}},
        {COMMAND_TLBI_ALL, {0, 0}},
        {COMMAND_SYNC, {0, 0}},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((words[0] & 0xff) == rows[i].opcode) {
            assert_int_equal(words[0] & ~(rows[i].words[0] | 0xff), 0);
            assert_int_equal(words[1] & ~rows[i].words[1], 0);
        }
    }
}

static bool execute(const uint64_t *words)
{
    const unsigned opcode = words[0] & 0xff;

    sim_check_streams();
    check_reserved(words);
    if (told_count < SIM_COMMANDS) {
        told_commands[told_count] = (struct smmu_command){{words[0], words[1]}};
    }
    told_count++;
    if (traits.refused != 0 && opcode == traits.refused) {
        return false;
    }
    switch (opcode) {
    case COMMAND_CFGI_STE:
        forget_streams((uint32_t)(words[0] >> 32), false, (words[1] & 1) != 0);
        return true;
    case COMMAND_CFGI_ALL:
        assert_int_equal(words[1] & 31, 31);
        forget_streams(0, true, false);
        return true;
    case COMMAND_CFGI_CD:
        forget_context((uint32_t)(words[0] >> 32));
        return true;
    case COMMAND_TLBI_NH_ASID:
        forget_asid((uint16_t)(words[0] >> 48), false);
        return true;
    case COMMAND_TLBI_NH_VA:
        forget_range(words);
        return true;
    case COMMAND_TLBI_ALL:
        forget_asid(0, true);
        return true;
    case COMMAND_SYNC:
        return true;
    default:
        fail_msg("command %#x", opcode);
        return false;
    }
}

static void execute_all(void)
{
    const unsigned log2 = sim.cmdq & 0x1f;
    const uint32_t mask = (2u << log2) - 1;

    while ((sim.cr0 & CR0_COMMANDS) != 0 && !traits.hung && ((sim.gerror ^ sim.gerrorn) & 1) == 0 &&
           (sim.cmd_cons & mask) != sim.cmd_prod) {
        const uint64_t *words = sim_words_at(sim_base_of(sim.cmdq), 16ull << log2) +
                                2 * (sim.cmd_cons & ((1u << log2) - 1));

        if (!execute(words)) {
            sim.gerror ^= GERROR_COMMANDS;
            sim.cmd_cons = (sim.cmd_cons & mask) | 1u << 24;
            return;
        }
        sim.cmd_cons = (sim.cmd_cons + 1) & mask;
    }
}

unsigned sim_told(unsigned opcode)
{
    unsigned count = 0;

    assert_in_range(told_count, 0, SIM_COMMANDS);
    for (unsigned i = 0; i < told_count; i++) {
        count += (told_commands[i].words[0] & 0xff) == opcode ? 1 : 0;
    }
    return count;
}

void sim_forget(void)
{
    told_count = 0;
}

/* --- Registers ---------------------------------------------------------------------------------
 */

static bool is_deaf(void)
{
    return traits.deaf != 0 && sim.controls == traits.deaf;
}

static uint64_t read_register(struct sim_registers *self, uint64_t offset, unsigned width)
{
    (void)self;
    assert_int_equal(width, 4);
    switch (offset) {
    case SMMU_IDR0:
        return (0x0500001au | (traits.narrow_asid ? 0 : IDR0_ASID16) |
                (traits.one_level ? 0 : IDR0_TWO_LEVELS)) ^
               traits.flip[0];
    case SMMU_IDR1:
        return ((traits.stream_bits == 0 ? 16 : traits.stream_bits) |
                (traits.event_log2 == 0 ? 19 : traits.event_log2) << 16 | 19u << 21) ^
               traits.flip[1];
    case SMMU_IDR3:
        return ((traits.no_ranges ? 0 : IDR3_RANGES) | (traits.no_splits ? 0 : 2u << 11)) ^
               traits.flip[2];
    case SMMU_IDR5:
        return (IDR5_GRANULE_4K | (traits.output_code == 0 ? 4 : traits.output_code)) ^
               traits.flip[3];
    case SMMU_CR0ACK:
        sim_time += 1000000; /* who looks again and again will not look for ever */
        return traits.silent || is_deaf() ? ~sim.cr0 : sim.cr0;
    case SMMU_IRQ_CTRLACK:
        sim_time += 1000000;
        return is_deaf() ? ~sim.irq_ctrl : sim.irq_ctrl;
    case SMMU_GERROR:
        return sim.gerror;
    case SMMU_GERRORN:
        return sim.gerrorn;
    case SMMU_CMDQ_CONS:
        sim_time += 1000;
        if (sim.late != 0) {
            sim.late--;
        } else {
            execute_all();
        }
        return sim.cmd_cons;
    case SMMU_EVENTQ_PROD:
        sim.fenced = false;
        return sim.event_prod;
    default:
        fail_msg("a read at %#x", (unsigned)offset);
        return 0;
    }
}

static void write_control(uint32_t value)
{
    /* Tables and queues change only while what uses them is off. */
    if ((value & CR0_ENABLE) != 0) {
        assert_int_equal(sim.controls_set, 3);
        assert_true((sim.cr0 & CR0_COMMANDS) != 0);
        assert_int_equal(sim.cmd_cons, sim.cmd_prod);
    }
    sim.cr0 = value;
    execute_all();
}

static void write_register(struct sim_registers *self, uint64_t offset, uint64_t value,
                           unsigned width)
{
    (void)self;
    assert_int_equal(width, offset == SMMU_STRTAB_BASE || offset == SMMU_CMDQ_BASE ||
                                    offset == SMMU_EVENTQ_BASE
                                ? 8
                                : 4);
    switch (offset) {
    case SMMU_CR0:
        sim.controls++;
        write_control((uint32_t)value);
        return;
    case SMMU_CR1:
    case SMMU_CR2:
        assert_int_equal(sim.cr0, 0);
        /* Inner shareable and write-back, all of it; and streams beyond the table are recorded. */
        assert_int_equal(value, offset == SMMU_CR1 ? 0xd75 : 2);
        sim.controls_set |= offset == SMMU_CR1 ? 1u : 2u;
        return;
    case SMMU_IRQ_CTRL:
        sim.controls++;
        sim.irq_ctrl = (uint32_t)value;
        return;
    case SMMU_GERRORN:
        /* It goes on with the command that has been put in the place of the refused one. */
        assert_true(sim.ordered || ((sim.gerrorn ^ value) & GERROR_COMMANDS) == 0);
        sim.gerrorn = (uint32_t)value;
        return;
    case SMMU_STRTAB_BASE:
        assert_int_equal(sim.cr0 & CR0_ENABLE, 0);
        sim.strtab = value;
        return;
    case SMMU_STRTAB_BASE_CFG:
        assert_int_equal(sim.cr0 & CR0_ENABLE, 0);
        assert_false(traits.one_level && ((uint32_t)value & STRTAB_TWO_LEVELS) != 0);
        sim.strtab_cfg = (uint32_t)value;
        return;
    case SMMU_CMDQ_BASE:
        sim.cmdq = value;
        return;
    case SMMU_EVENTQ_BASE:
        sim.eventq = value;
        return;
    case SMMU_CMDQ_PROD:
        /* Nothing says that a unit sees entries and commands before its index but a barrier. */
        assert_true(sim.ordered || (sim.cr0 & CR0_COMMANDS) == 0);
        sim.ordered = false;
        sim.cmd_prod = (uint32_t)value;
        sim.late = traits.slow;
        if (traits.slow == 0) {
            execute_all();
        }
        return;
    case SMMU_CMDQ_CONS:
        sim.cmd_cons = (uint32_t)value;
        return;
    case SMMU_EVENTQ_PROD:
        sim.event_prod = (uint32_t)value;
        return;
    case SMMU_EVENTQ_CONS:
        /* Or the events were read before it was known that they are there. */
        assert_true(sim.fenced || (sim.cr0 & CR0_EVENTS) == 0);
        sim.event_cons = (uint32_t)value & 0xfffff;
        return;
    default:
        fail_msg("a write of %#x at %#x", (unsigned)value, (unsigned)offset);
    }
}

/* --- A unit for a test --------------------------------------------------------------------------
 */

static struct sim_registers registers = {
    .size = SMMU_REGISTERS_SIZE, .read = read_register, .write = write_register};

void sim_see(enum sim_step step, uint64_t detail)
{
    (void)detail;
    sim.ordered = sim.ordered || step == SIM_BARRIER;
    sim.fenced = sim.fenced || step == SIM_BARRIER;
}

static IOService *service;
uint32_t sim_identity;

int sim_smmu_power_on(void **state)
{
    const int status = dma_power_on(state);

    /* The kernel's tables for them stay, whoever needs them first. */
    mmu_map_device(paddr(SIM_SMMU), SMMU_REGISTERS_SIZE);
    return status;
}

void sim_smmu_plug(void)
{
    static const uint64_t nothing[STE_WORDS];

    /* As somebody has left it who was there before. */
    sim = (struct sim_unit){
        .cr0 = CR0_COMMANDS | CR0_EVENTS | CR0_ENABLE,
        .irq_ctrl = IRQ_CTRL_ERRORS,
        .gerror = GERROR_EVENTS_ABORTED,
        .cmd_prod = 3,
        .cmd_cons = 3,
        .event_prod = 5 | EVENTQ_OVERFLOW,
        .event_cons = 4,
    };
    sim.streams[0] = (struct sim_stream){
        .known = true, .keeps_context = true, .number = SIM_STALE_STREAM, .at = nothing};
    sim.cache[0] = (struct sim_cached){.known = true,
                                       .leaf = true,
                                       .level = 2,
                                       .asid = 1, /* the first that is given out */
                                       .page = atop(SIM_STALE_ADDRESS),
                                       .entry = DMA_LOW | 0x403};
    sim.cached_end = sim.next_cached = 1;
    told_count = 0;
    sim_witness = sim_see;
    registers.start = mmu_map_device(paddr(SIM_SMMU), SMMU_REGISTERS_SIZE);
    sim_mmio_plug(&registers);
}

void sim_smmu_unplug(void)
{
    sim_mmio_unplug_all();
    sim_witness = NULL;
    memset(&traits, 0, sizeof(traits));
}

struct smmu *smmu_start(void)
{
    struct smmu *unit = (struct smmu *)OSMetaClass_allocate(&smmu_unit_class.meta);

    assert_non_null(unit);
    sim_smmu_plug();
    unit->address = paddr(SIM_SMMU);
    unit->registers = mmu_map_device(unit->address, SMMU_REGISTERS_SIZE);
    unit->doorbell_count = 1;
    unit->doorbells[0] = atop(SIM_DOORBELL);
    service = IOService_withReader("smmu", NULL, NULL);
    assert_non_null(service);
    if (sim_identity != 0) {
        assert_int_equal(IOService_setCell(service, "phandle", sim_identity), kIOReturnSuccess);
        assert_int_equal(IOService_setCell(service, "#iommu-cells", 1), kIOReturnSuccess);
    }
    if (!IOMapper_start(&unit->super, service)) {
        smmu_stop(unit);
        return NULL;
    }
    return unit;
}

void smmu_stop(struct smmu *unit)
{
    OSObject_release(&unit->super.super);
    OSObject_release(service);
    sim_smmu_unplug();
}

IOMapper *stream_mapper(struct smmu *unit, uint32_t stream)
{
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMapper *mapper;

    assert_non_null(device);
    mapper = ((const IOMapperClass *)unit->super.super.metaClass)
                 ->copyForDevice(&unit->super, device, &stream, 1);
    OSObject_release(device);
    return mapper;
}
