/* SPDX-License-Identifier: BSD-2-Clause */
/* What a descriptor costs beside its segments: wiring, mapping, copying, asking, making one. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/vm_map.h"
#include "tests/bench/bench.h"
#include "tests/bench/hand.h"

#define MIB   ((uint64_t)1 << 20)
#define TIMES 100
#define FEW   4 /* times, of what takes long: it is the same each time */

/* Pageable memory of the kernel: pages appear when touched or pinned. */
struct memory {
    struct vm_object *object;
    vaddr_t at;
    IOMemoryDescriptor *descriptor;
};

static struct memory make(uint64_t bytes, bool resident, IOOptionBits options)
{
    struct vm_range range = {.access = MMU_READ | MMU_WRITE, .max_access = MMU_READ | MMU_WRITE};
    struct memory memory = {.at = 0};

    KERNEL_CHECK(vm_object_create(bytes >> PAGE_SHIFT, &memory.object) == KERN_SUCCESS);
    range.object = memory.object;
    KERNEL_CHECK(vm_map_enter(kernel_map, &memory.at, bytes, 0, &range,
                              VM_ENTER_ANYWHERE | (resident ? VM_ENTER_EAGER : 0)) == KERN_SUCCESS);
    memory.descriptor = IOMemoryDescriptor_withAddressRange(memory.at, bytes, options, kernel_task);
    KERNEL_CHECK(memory.descriptor != NULL);
    return memory;
}

static void drop(struct memory *memory)
{
    OSObject_release(memory->descriptor);
    vm_map_remove(kernel_map, memory->at, vm_object_pages(memory->object) << PAGE_SHIFT);
    vm_object_release(memory->object);
}

static void prepare_complete(void *context)
{
    IOMemoryDescriptor_prepare((IOMemoryDescriptor *)context, kIODirectionNone);
    IOMemoryDescriptor_complete((IOMemoryDescriptor *)context, kIODirectionNone);
}

#define PAGES (MIB / PAGE_SIZE)

/* What preparing so many scattered pages comes to at the least; `absent` ones are zeroed. */
static uint64_t prepare_by_hand(size_t count, bool absent, uint64_t times)
{
    static paddr_t pages[PAGES];
    static uint16_t pins[65536];
    static struct hand_run runs[PAGES];
    const struct hand_pages hand = {pages, count, pins, runs, NULL, absent};
    const struct page_request request = {.count = 2 * PAGES, .owner = PAGE_OWNER_IMAGE};
    uint64_t measured;
    paddr_t area;

    KERNEL_CHECK(page_alloc_run(&request, &area) == KERN_SUCCESS);
    for (size_t i = 0; i < count; i++) {
        pages[i] = paddr_add(area, 2 * i * PAGE_SIZE);
    }
    measured = bench_calls(hand_prepare, (void *)&hand, times);
    page_free_run(area, request.count);
    return measured;
}

static void bench_prepare(struct bench_result *result, uint64_t bytes)
{
    const uint64_t pages = bytes / PAGE_SIZE;
    struct memory memory = make(bytes, true, kIODirectionOutIn);

    result->operations = TIMES * pages;
    result->measured = bench_calls(prepare_complete, memory.descriptor, TIMES);
    result->floor = prepare_by_hand(pages, false, TIMES);
    drop(&memory);
}

static void bench_prepare_page(struct bench_result *result)
{
    bench_prepare(result, PAGE_SIZE);
}

static void bench_prepare_mib(struct bench_result *result)
{
    bench_prepare(result, MIB);
}

/* What the direct map shows, and is always there: every second page of a run. */
static void bench_prepare_direct(struct bench_result *result)
{
    static IOAddressRange ranges[PAGES];
    const struct page_request request = {.count = 2 * PAGES, .owner = PAGE_OWNER_IMAGE};
    IOMemoryDescriptor *memory;
    paddr_t area;

    KERNEL_CHECK(page_alloc_run(&request, &area) == KERN_SUCCESS);
    for (size_t i = 0; i < PAGES; i++) {
        ranges[i] =
            (IOAddressRange){(uint64_t)phys_to_virt(paddr_add(area, 2 * i * PAGE_SIZE)), PAGE_SIZE};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, PAGES, kIODirectionOutIn, kernel_task);
    KERNEL_CHECK(memory != NULL);
    result->operations = FEW * PAGES;
    result->measured = bench_calls(prepare_complete, memory, FEW);
    result->floor = prepare_by_hand(PAGES, false, FEW);
    OSObject_release(memory);
    page_free_run(area, request.count);
}

static void bench_prepare_absent(struct bench_result *result)
{
    struct memory memory = make(MIB, false, kIODirectionOutIn);

    result->operations = PAGES;
    bench_start();
    prepare_complete(memory.descriptor);
    result->measured = bench_stop();
    result->floor = prepare_by_hand(PAGES, true, 1);
    drop(&memory);
}

static void map_unmap(void *context)
{
    OSObject_release(IOMemoryDescriptor_map((IOMemoryDescriptor *)context, kIOMapUnique));
}

static void bench_map(struct bench_result *result, uint64_t bytes, IOOptionBits options)
{
    struct memory memory = make(bytes, true, kIODirectionOutIn | options);

    result->operations = TIMES;
    result->measured = bench_calls(map_unmap, memory.descriptor, TIMES);
    /* Nothing of it is shown, as nobody looks; what is kept of it is at least one entry. */
    result->floor = hand_mapping_floor(1, TIMES);
    drop(&memory);
}

/* Each page is looked at, and is shown by a fault. */
static void map_touch_unmap(void *context)
{
    IOMemoryMap *map = IOMemoryDescriptor_map((IOMemoryDescriptor *)context, kIOMapUnique);
    const vaddr_t at = IOMemoryMap_getVirtualAddress(map);
    const uint64_t length = IOMemoryMap_getLength(map);

    for (uint64_t i = 0; i < length; i += PAGE_SIZE) {
        *(volatile uint8_t *)(at + i) = 1;
    }
    OSObject_release(map);
}

static void bench_map_touched(struct bench_result *result)
{
    struct memory memory = make(MIB, true, kIODirectionOutIn);

    result->operations = FEW;
    result->measured = bench_calls(map_touch_unmap, memory.descriptor, FEW);
    result->floor = hand_mapping_floor(PAGES, FEW);
    drop(&memory);
}

static void bench_map_page(struct bench_result *result)
{
    bench_map(result, PAGE_SIZE, 0);
}

static void bench_map_mib(struct bench_result *result)
{
    bench_map(result, MIB, 0);
}

/* The first mapping takes the image; here each descriptor has one. */
static void bench_map_copy(struct bench_result *result, uint64_t bytes)
{
    struct memory memory = make(bytes, true, kIODirectionOutIn | kIOMemoryMapCopyOnWrite);

    result->operations = 1;
    bench_start();
    map_unmap(memory.descriptor);
    result->measured = bench_stop();
    drop(&memory);
}

static void bench_map_copy_page(struct bench_result *result)
{
    bench_map_copy(result, PAGE_SIZE);
}

static void bench_map_copy_mib(struct bench_result *result)
{
    bench_map_copy(result, MIB);
}

/* A window on a concatenation of descriptors, asked segment by segment. */
static void bench_composite(struct bench_result *result)
{
    struct memory parts[2] = {make(MIB, true, kIODirectionOutIn),
                              make(MIB, true, kIODirectionOutIn)};
    IOMemoryDescriptor *list[] = {parts[0].descriptor, parts[1].descriptor};
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(list, 2, kIODirectionOutIn, false);
    IOSubMemoryDescriptor *sub = IOSubMemoryDescriptor_withSubRange(
        IOMemoryDescriptor_upcast(multi), 1000, 2 * MIB - 2000, kIODirectionOutIn);
    IOByteCount length = 0;

    KERNEL_CHECK(IOMemoryDescriptor_prepare(sub, kIODirectionNone) == kIOReturnSuccess);
    bench_start();
    for (IOByteCount at = 0; at < 2 * MIB - 2000; at += length) {
        IOMemoryDescriptor_getPhysicalSegment(sub, at, &length, 0);
        result->operations++;
    }
    result->measured = bench_stop();
    IOMemoryDescriptor_complete(sub, kIODirectionNone);
    OSObject_release(sub);
    OSObject_release(multi);
    drop(&parts[0]);
    drop(&parts[1]);
}

static void buffer_pair(void *context)
{
    (void)context;
    OSObject_release(IOBufferMemoryDescriptor_withCapacity(PAGE_SIZE, kIODirectionIn, false));
}

static void bench_buffer(struct bench_result *result)
{
    result->operations = TIMES;
    result->measured = bench_calls(buffer_pair, NULL, TIMES);
    result->floor = prepare_by_hand(1, true, TIMES); /* a zeroed page that stays */
}

static void read_page(void *context)
{
    static uint8_t bytes[4096];

    IOMemoryDescriptor_readBytes((IOMemoryDescriptor *)context, 0, bytes, sizeof(bytes));
}

static void bench_read(struct bench_result *result)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(PAGE_SIZE, kIODirectionOutIn, false);

    result->operations = TIMES;
    result->measured = bench_calls(read_page, buffer, TIMES);
    OSObject_release(buffer);
}

static const struct bench rows[] = {
    {"prepare", "P1", "prepare + complete, 1 page", NULL, 350, bench_prepare_page},
    {"prepare_resident", "P2", "prepare + complete, 1 MiB resident, per page", NULL, 80,
     bench_prepare_mib},
    {"prepare_absent", "P2", "prepare + complete, 1 MiB absent, per page with its zeroing", NULL,
     420, bench_prepare_absent},
    {"prepare_direct", "P2", "prepare + complete, 256 pages apart in the direct map, per page",
     NULL, 40, bench_prepare_direct},
    {"composite", NULL, "getPhysicalSegment, sub of multi of general", NULL, 0, bench_composite},
    {"map", "M1", "map + unmap, 1 page nobody looks at", NULL, 1500, bench_map_page},
    {"map_mib", "M2", "map + unmap, 1 MiB nobody looks at", NULL, 2500, bench_map_mib},
    {"map_touched", "M2", "map, a store to each of 256 pages, unmap", NULL, 120000,
     bench_map_touched},
    {"map_copy", NULL, "map + unmap copy-on-write, 1 page", NULL, 0, bench_map_copy_page},
    {"map_copy_mib", NULL, "map + unmap copy-on-write, 1 MiB", NULL, 0, bench_map_copy_mib},
    {"buffer", "B1", "buffer of 4 KiB, alloc + free", NULL, 1500, bench_buffer},
    {"read", NULL, "readBytes, 4 KiB", NULL, 0, bench_read},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
