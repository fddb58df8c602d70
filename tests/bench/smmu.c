/* SPDX-License-Identifier: BSD-2-Clause */
/* The SMMU: mapping and strict unmapping, and how often the unit is spoken to for that. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMACommand.h"
#include "drivers/edu/edu.h"
#include "drivers/smmuv3/smmuv3.h"
#include "kernel/page.h"
#include "tests/bench/bench.h"
#include "tests/bench/hand.h"
#include "tests/lib/mapper_of.h"

#define ROUNDS 1000
#define MIB    ((uint64_t)1 << 20)
#define BOTH   (kIODMAMapReadAccess | kIODMAMapWriteAccess)

/* The mapper of the machine's edu device, as its driver has it; NULL: the row is skipped. */
static IOMapper *mapper_for(struct bench_result *result)
{
    struct edu *device = edu_get(0);
    IOMapper *mapper = device == NULL ? NULL : mapper_of(edu_get_function(device));

    if (mapper == NULL) {
        result->skipped = "no edu device behind an SMMU";
    }
    return mapper;
}

/* --- Whole pages, by the lean way ----------------------------------------------------------------
 */

struct lean {
    IOMapper *mapper;
    paddr_t first;
    uint64_t size;
};

static void lean_pair(void *context)
{
    const struct lean *lean = context;
    ioaddr_t address;

    smmu_map(lean->mapper, lean->first, lean->size, BOTH, 0, &address);
    smmu_unmap(lean->mapper, address, lean->size);
}

/*
 * The same by hand: entries, two commands and the wait for the second, as if the unit had answered
 * at once; its registers are memory here.
 */
static void map_by_hand(void *context)
{
    static volatile uint32_t registers[2]; /* producer, consumer */
    static uint64_t queue[2 * 256];
    const struct hand_mapping *const mapping = context;
    const uint32_t producer = registers[0];
    uint64_t *const command = &queue[2 * (producer & 255)];

    hand_enter(mapping, 0x7c3);
    hand_enter(mapping, 0);
    command[0] = 0x12 | (mapping->pages - 1) << 12;
    command[1] = mapping->va;
    command[2] = 0x46;
    command[3] = 0;
    __asm__ volatile("dsb ishst" : : : "memory");
    registers[0] = (producer + 2) & 0xfe;
    registers[1] = registers[0]; /* the unit's */
    while (registers[1] != registers[0]) {
    }
}

static uint64_t commands(void)
{
    struct smmu_counters counters;

    smmu_get_counters(&counters);
    return counters.commands;
}

static void run_lean(struct bench_result *result, uint64_t size, bool counts)
{
    struct page_request request = {
        .count = 2 * MIB / PAGE_SIZE, .alignment = 2 * MIB, .owner = PAGE_OWNER_IMAGE};
    struct lean lean = {.mapper = mapper_for(result), .size = size};
    uint64_t before;

    if (lean.mapper == NULL) {
        return;
    }
    if (page_alloc_run(&request, &lean.first) != KERN_SUCCESS) {
        result->skipped = "no memory";
    } else {
        before = commands();
        result->operations = ROUNDS;
        result->measured = bench_calls(lean_pair, &lean, ROUNDS);
        if (!counts) {
            struct hand_mapping hand = {hand_address(), size >> PAGE_SHIFT};

            result->floor = bench_calls(map_by_hand, &hand, ROUNDS);
        }
        if (counts) {
            /* With the one call that warms up. */
            result->operations = ROUNDS + 1;
            result->measured = commands() - before;
        }
        page_free_run(lean.first, request.count);
    }
    OSObject_release(lean.mapper);
}

static void bench_page(struct bench_result *result)
{
    run_lean(result, PAGE_SIZE, false);
}

static void bench_mib(struct bench_result *result)
{
    run_lean(result, MIB, false);
}

static void bench_page_commands(struct bench_result *result)
{
    run_lean(result, PAGE_SIZE, true);
}

static void bench_mib_commands(struct bench_result *result)
{
    run_lean(result, MIB, true);
}

/* --- Memory of a descriptor, by the mapper's own methods
 * ------------------------------------------ */

struct described {
    IOMapper *mapper;
    IOMemoryDescriptor *memory;
};

static void described_pair(void *context)
{
    const struct described *described = context;
    uint64_t address, size;

    IOMapper_iovmMapMemory(described->mapper, described->memory, 0,
                           IOMemoryDescriptor_getLength(described->memory), BOTH, NULL, NULL, NULL,
                           &address, &size);
    IOMapper_iovmUnmapMemory(described->mapper, described->memory, NULL, address, size);
}

static void command_cycle(void *context)
{
    IODMACommand_prepare(context, 0, 0, true, true);
    IODMACommand_complete(context, true, true);
}

/* Pages of kernel memory, prepared, that need not lie in a row. */
static IOMemoryDescriptor *make_memory(uint64_t size)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(size, kIODirectionOutIn, false);

    if (buffer != NULL &&
        IOMemoryDescriptor_prepare(buffer, kIODirectionNone) != kIOReturnSuccess) {
        OSObject_release(buffer);
        buffer = NULL;
    }
    return (IOMemoryDescriptor *)buffer;
}

static void run_described(struct bench_result *result, uint64_t size, bool command)
{
    struct described described = {mapper_for(result), NULL};
    IODMACommand *prepared = NULL;

    if (described.mapper == NULL) {
        return;
    }
    described.memory = make_memory(size);
    if (command) {
        prepared = IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, 0, kMapped, 0, 1,
                                                  described.mapper, NULL);
    }
    if (described.memory == NULL || (command && prepared == NULL)) {
        result->skipped = "no memory";
    } else {
        result->operations = ROUNDS;
        if (command) {
            IODMACommand_setMemoryDescriptor(prepared, described.memory, false);
            result->measured = bench_calls(command_cycle, prepared, ROUNDS);
            IODMACommand_clearMemoryDescriptor(prepared, false);
        } else {
            result->measured = bench_calls(described_pair, &described, ROUNDS);
        }
        IOMemoryDescriptor_complete(described.memory, kIODirectionNone);
    }
    OSObject_release(prepared);
    OSObject_release(described.memory);
    OSObject_release(described.mapper);
}

static void bench_described_page(struct bench_result *result)
{
    run_described(result, PAGE_SIZE, false);
}

static void bench_described_mib(struct bench_result *result)
{
    run_described(result, MIB, false);
}

static void bench_command_page(struct bench_result *result)
{
    run_described(result, PAGE_SIZE, true);
}

static void bench_command_mib(struct bench_result *result)
{
    run_described(result, MIB, true);
}

static const struct bench rows[] = {
    {.id = "smmu-page",
     .goal_row = "8",
     .name = "SMMU map + strict unmap, 1 page",
     .goal = 150,
     .run = bench_page},
    {.id = "smmu-1m",
     .goal_row = "8",
     .name = "SMMU map + strict unmap, 256 pages",
     .goal = 3000,
     .run = bench_mib},
    {.id = "smmu-page-commands",
     .name = "  commands to the unit, 1 page",
     .unit = "commands",
     .run = bench_page_commands},
    {.id = "smmu-1m-commands",
     .name = "  commands to the unit, 256 pages",
     .unit = "commands",
     .run = bench_mib_commands},
    {.id = "mapper-page", .name = "the same of a descriptor, 1 page", .run = bench_described_page},
    {.id = "mapper-1m", .name = "the same of a descriptor, 256 pages", .run = bench_described_mib},
    {.id = "command-mapped-page",
     .name = "command prepare + complete through it, 1 page",
     .run = bench_command_page},
    {.id = "command-mapped-1m",
     .name = "command prepare + complete through it, 256 pages",
     .run = bench_command_mib},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
