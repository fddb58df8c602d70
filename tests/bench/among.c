/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one operation costs among many, in percent of what it costs among few: 200 is the
 * most that a tree of thousands may cost. tests/outside/cost.sh holds the rows to it.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMACommand.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/IORangeAllocator.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "kernel/vm_object.h"
#include "tests/bench/bench.h"
#include "tests/lib/portable/test_mapper.h"

#define FEW           16
#define MANY          16000
#define MANY_MAPS     100000
#define MANY_RANGES   1000000
#define MANY_COMMANDS 1000
#define PIECE         64u /* bytes */
#define ROUNDS        200

/* A crowd of so many, and the cost of operations in it; 0: it could not be made. */
typedef uint64_t crowd_t(unsigned count);

static void compare_with(struct bench_result *result, crowd_t *crowd, unsigned crowded)
{
    const uint64_t few = crowd(FEW), many = crowd(crowded);

    result->operations = 1;
    result->measured = few == 0 ? 0 : many * 100 / few;
    if (few == 0 || many == 0) {
        result->skipped = "no memory";
    }
}

static void compare(struct bench_result *result, crowd_t *crowd)
{
    compare_with(result, crowd, MANY);
}

struct fragments {
    IORangeAllocator *ranges;
    unsigned count, next;
};

/* The lowest that fits, and one at a place that is different every time. */
static void take_and_give(void *context)
{
    struct fragments *self = context;
    const IORangeScalar at = 2 * (IORangeScalar)(self->next % self->count) + 1;
    IORangeScalar lowest;

    self->next += 7;
    IORangeAllocator_allocate(self->ranges, 1, &lowest, 0);
    IORangeAllocator_deallocate(self->ranges, lowest, 1);
    IORangeAllocator_allocateRange(self->ranges, at, 1);
    IORangeAllocator_deallocate(self->ranges, at, 1);
}

static uint64_t among_fragments(unsigned count)
{
    struct fragments self = {IORangeAllocator_withRange(2 * MANY, 0, 64, 0), count, 0};
    IORangeScalar number;
    uint64_t cost;

    if (self.ranges == NULL) {
        return 0;
    }
    for (unsigned i = 0; i < 2 * count; i++) {
        IORangeAllocator_allocate(self.ranges, 1, &number, 0);
    }
    for (unsigned i = 0; i < count; i++) {
        IORangeAllocator_deallocate(self.ranges, 2 * (IORangeScalar)i + 1, 1);
    }
    cost = bench_calls(take_and_give, &self, ROUNDS);
    OSObject_release(self.ranges);
    return cost;
}

struct maps {
    IOBufferMemoryDescriptor *memory;
    IOMemoryMap **list;
    unsigned count, next;
};

/* Pieces, not pages, or there would not be memory for as many. */
static IOMemoryMap *map_piece(const struct maps *self, unsigned piece)
{
    return IOMemoryDescriptor_createMappingInTask(self->memory, kernel_task, 0,
                                                  kIOMapAnywhere | kIOMapReadOnly,
                                                  (IOByteCount)piece * PIECE, PIECE);
}

/* A map that nobody has yet, and one that is shared. */
static void map_and_release(void *context)
{
    struct maps *self = context;
    IOMemoryMap *fresh = map_piece(self, self->count);
    IOMemoryMap *shared = map_piece(self, self->next % self->count);

    self->next += 7;
    OSObject_release(shared);
    OSObject_release(fresh);
}

/* With `whole` a map of everything comes first, and the others borrow from it. */
static uint64_t among_maps(unsigned count, bool whole)
{
    struct maps self = {.count = count};
    IOMemoryMap *lender = NULL;
    uint64_t cost;

    self.memory = IOBufferMemoryDescriptor_inTaskWithOptions(
        kernel_task, kIODirectionOutIn | kIOMemoryPageable, (MANY_MAPS + 1) * PIECE, PAGE_SIZE);
    self.list = heap_alloc_zero(count * sizeof(*self.list));
    if (self.memory == NULL || self.list == NULL) {
        return 0;
    }
    if (whole) {
        lender = IOMemoryDescriptor_map(self.memory, kIOMapReadOnly);
    }
    for (unsigned i = 0; i < count; i++) {
        self.list[i] = map_piece(&self, i);
    }
    cost = self.list[count - 1] == NULL ? 0 : bench_calls(map_and_release, &self, ROUNDS);
    for (unsigned i = 0; i < count; i++) {
        OSSafeReleaseNULL(self.list[i]);
    }
    OSSafeReleaseNULL(lender);
    OSObject_release(self.memory);
    heap_free(self.list);
    return cost;
}

static uint64_t among_own_maps(unsigned count)
{
    return among_maps(count, false);
}

static uint64_t among_borrowers(unsigned count)
{
    return among_maps(count, true);
}

/* A window of two pages, anywhere in a descriptor of single pages that nowhere touch. */
struct ranges {
    IOMemoryDescriptor *memory;
    unsigned count, next;
};

static void look_up(void *context)
{
    struct ranges *self = context;
    const uint64_t page = self->next % self->count;
    IOByteCount length;

    self->next += self->count / 7 + 1;
    IOMemoryDescriptor_getPhysicalSegment(self->memory, ptoa(page) + 100, &length, 0);
}

static uint64_t among_ranges(unsigned count)
{
    struct ranges self = {.count = count};
    IOAddressRange *ranges = heap_alloc(count * sizeof(*ranges));
    uint64_t cost;

    if (ranges == NULL) {
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        /* Every second of 32,768 pages of RAM, again and again. */
        ranges[i] = (IOAddressRange){0x40000000 + ptoa(2 * (i % 16384)), PAGE_SIZE};
    }
    self.memory = IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOut, TASK_NULL);
    heap_free(ranges);
    if (self.memory == NULL) {
        return 0;
    }
    cost = bench_calls(look_up, &self, ROUNDS);
    OSObject_release(self.memory);
    return cost;
}

static void bench_ranges(struct bench_result *result)
{
    compare_with(result, among_ranges, MANY_RANGES);
}

static void prepare_command_and_complete(void *context)
{
    IODMACommand_prepare(context, 0, 0, true, true);
    IODMACommand_complete(context, true, true);
}

/* So many commands at work on the same memory, and one that comes and goes. */
static uint64_t among_commands(unsigned count)
{
    static IODMACommand *commands[MANY_COMMANDS + 1];
    IOBufferMemoryDescriptor *memory =
        IOBufferMemoryDescriptor_withOptions(kIODirectionOut, 4 * PAGE_SIZE, PAGE_SIZE);
    uint64_t cost;

    if (memory == NULL ||
        IOMemoryDescriptor_prepare(memory, kIODirectionNone) != kIOReturnSuccess) {
        return 0;
    }
    for (unsigned i = 0; i <= count; i++) {
        commands[i] = IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, PAGE_SIZE,
                                                     kMapped, 0, 1, NULL, NULL);
        if (commands[i] == NULL ||
            IODMACommand_setMemoryDescriptor(commands[i], memory, i < count) != kIOReturnSuccess) {
            return 0;
        }
    }
    cost = bench_calls(prepare_command_and_complete, commands[count], ROUNDS);
    for (unsigned i = 0; i <= count; i++) {
        IODMACommand_clearMemoryDescriptor(commands[i], true);
        OSObject_release(commands[i]);
    }
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    return cost;
}

static void bench_commands(struct bench_result *result)
{
    compare_with(result, among_commands, MANY_COMMANDS);
}

static void prepare_and_complete(void *context)
{
    IOMemoryDescriptor_prepare(context, kIODirectionPrepareAvoidThrottling);
    IOMemoryDescriptor_complete(context, kIODirectionNone);
}

/* In how much memory: pages that are taken have records, which nobody shall walk. */
static uint64_t among_pages(unsigned count)
{
    const struct page_request request = {.count = count, .owner = PAGE_OWNER_IMAGE};
    static uint8_t bytes[64];
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddress(bytes, sizeof(bytes), kIODirectionOut);
    paddr_t first;
    uint64_t cost;

    if (memory == NULL || page_alloc_run(&request, &first) != KERN_SUCCESS) {
        return 0;
    }
    cost = bench_calls(prepare_and_complete, memory, ROUNDS);
    page_free_run(first, request.count);
    OSObject_release(memory);
    return cost;
}

struct mappings {
    struct test_mapper *mapper;
    IOBufferMemoryDescriptor *memory; /* a page */
};

/* I/O addresses for a page, wherever there are some, and back again. */
static void io_map_and_unmap(void *context)
{
    const struct mappings *self = context;
    uint64_t address, size;

    IOMapper_iovmMapMemory(&self->mapper->super, self->memory, 0, PAGE_SIZE, kIODMAMapReadAccess,
                           NULL, NULL, NULL, &address, &size);
    IOMapper_iovmUnmapMemory(&self->mapper->super, self->memory, NULL, address, size);
}

/* So many live mappings of a page, with as many holes of one between them. */
static uint64_t among_mappings(unsigned count)
{
    struct mappings self = {
        .mapper = test_mapper_new(1),
        .memory = IOBufferMemoryDescriptor_withOptions(kIODirectionOut, PAGE_SIZE, PAGE_SIZE),
    };
    uint64_t address = 0, size, cost;

    if (self.mapper == NULL || self.memory == NULL) {
        return 0;
    }
    for (unsigned i = 0; i < 2 * count; i++) {
        IOMapper_iovmMapMemory(&self.mapper->super, self.memory, 0, PAGE_SIZE, kIODMAMapReadAccess,
                               NULL, NULL, NULL, &address, &size);
    }
    if (self.mapper->entries != 2 * count) {
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        IOMapper_iovmUnmapMemory(&self.mapper->super, self.memory, NULL, address - ptoa(2 * i),
                                 PAGE_SIZE);
    }
    cost = bench_calls(io_map_and_unmap, &self, ROUNDS);
    for (uint64_t at = PAGE_SIZE; at <= address; at += PAGE_SIZE) {
        IOMapper_iovmUnmapMemory(&self.mapper->super, self.memory, NULL, at, PAGE_SIZE);
    }
    OSObject_release(self.memory);
    OSObject_release(&self.mapper->super);
    return cost;
}

static void bench_mappings(struct bench_result *result)
{
    compare(result, among_mappings);
}

/* Others of the same rank, each of which may go as well. */
static bool make_volatile(struct vm_object **objects, unsigned count)
{
    enum vm_purge_state former;

    for (unsigned i = 0; i < count; i++) {
        if (vm_object_create(1, &objects[i]) != KERN_SUCCESS) {
            return false;
        }
        vm_object_allow_purge(objects[i]);
        vm_object_set_purge(objects[i], VM_PURGE_VOLATILE, (struct vm_purge_order){0}, &former);
    }
    return true;
}

static void make_volatile_and_back(void *memory)
{
    IOMemoryDescriptor_setPurgeable((IOBufferMemoryDescriptor *)memory, kIOMemoryPurgeableVolatile,
                                    NULL);
    IOMemoryDescriptor_setPurgeable((IOBufferMemoryDescriptor *)memory,
                                    kIOMemoryPurgeableNonVolatile, NULL);
}

static uint64_t among_volatiles(unsigned count)
{
    struct vm_object **objects = heap_alloc_zero(count * sizeof(*objects));
    IOBufferMemoryDescriptor *memory = IOBufferMemoryDescriptor_inTaskWithOptions(
        kernel_task, kIODirectionOutIn | kIOMemoryPageable | kIOMemoryPurgeable, PAGE_SIZE, 1);
    uint64_t cost = 0;

    if (objects == NULL || memory == NULL) {
        return 0;
    }
    if (make_volatile(objects, count)) {
        cost = bench_calls(make_volatile_and_back, memory, ROUNDS);
    }
    for (unsigned i = 0; i < count && objects[i] != NULL; i++) {
        vm_object_release(objects[i]);
    }
    heap_free(objects);
    OSObject_release(memory);
    return cost;
}

static void bench_volatiles(struct bench_result *result)
{
    compare(result, among_volatiles);
}

static void bench_fragments(struct bench_result *result)
{
    compare(result, among_fragments);
}

static void bench_maps(struct bench_result *result)
{
    compare(result, among_own_maps);
}

static void bench_many_maps(struct bench_result *result)
{
    compare_with(result, among_own_maps, MANY_MAPS);
}

static void bench_borrowers(struct bench_result *result)
{
    compare(result, among_borrowers);
}

static void bench_throttling(struct bench_result *result)
{
    compare(result, among_pages);
}

#define PERCENT "% of the cost among 16"

static const struct bench rows[] = {
    {.id = "fragments",
     .name = "ranges among 16,000",
     .unit = PERCENT,
     .goal = 200,
     .run = bench_fragments},
    {.id = "maps",
     .name = "map + release among 16,000",
     .unit = PERCENT,
     .goal = 200,
     .run = bench_maps},
    {.id = "many_maps", /* trees that are three levels deeper */
     .name = "map + release among 100,000",
     .unit = PERCENT,
     .goal = 220,
     .run = bench_many_maps},
    {.id = "borrowers",
     .name = "borrow + release among 16,000",
     .unit = PERCENT,
     .goal = 200,
     .run = bench_borrowers},
    {.id = "mappings",
     .name = "I/O map + unmap among 16,000",
     .unit = PERCENT,
     .goal = 200,
     .run = bench_mappings},
    {.id = "volatile",
     .name = "volatile and back among 16,000",
     .unit = PERCENT,
     .goal = 200,
     .run = bench_volatiles},
    {.id = "ranges",
     .name = "segment of a descriptor of 1,000,000 pages",
     .unit = PERCENT,
     .goal = 200,
     .run = bench_ranges},
    {.id = "commands",
     .name = "command among 1,000 at work on its memory",
     .unit = PERCENT,
     .goal = 200,
     .run = bench_commands},
    {.id = "throttling",
     .name = "AvoidThrottling, 16,000 pages taken",
     .unit = PERCENT,
     .goal = 200,
     .run = bench_throttling},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
