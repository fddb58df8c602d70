/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One of each thing that gdb's commands show (qemu/gdb/dmakit.py), then a panic; for
 * tests/outside/gdb.sh, which looks at it from outside, alive and in the memory that is left.
 * What the commands should say is printed first.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMACommand.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "drivers/virtio/queue.h"
#include "kernel/console.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/task.h"
#include "kernel/trace.h"
#include "kernel/vm_map.h"
#include "tests/lib/portable/test_mapper.h"

#define BASE_PAGE 0x1000 /* first page of I/O addresses */

IOMemoryDescriptor *inspected_memory;
IOMultiMemoryDescriptor *inspected_whole;
IOBufferMemoryDescriptor *inspected_buffer;
IOMemoryMap *inspected_map;
IODMACommand *inspected_command, *inspected_mapped;
IOService *inspected_device;
struct test_mapper *inspected_mapper;
struct virtq *inspected_queue;
struct task *inspected_task;

static volatile uint32_t doorbell;

static void *page(void)
{
    paddr_t first;

    return page_alloc(0, PAGE_OWNER_IMAGE, &first) == KERN_SUCCESS ? phys_to_virt(first) : NULL;
}

static bool make_memory(void)
{
    char *const one = page(), *const between = page(), *const other = page();
    IOAddressRange ranges[] = {{(uintptr_t)one + 200, 100}, {(uintptr_t)other, 4096}};

    (void)between;
    inspected_memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOut, kernel_task);
    inspected_buffer = IOBufferMemoryDescriptor_withCapacity(8192, kIODirectionOutIn, true);
    if (inspected_memory == NULL || inspected_buffer == NULL ||
        IOMemoryDescriptor_prepare(inspected_memory, kIODirectionNone) != kIOReturnSuccess) {
        return false;
    }
    inspected_whole = IOMultiMemoryDescriptor_withDescriptors(
        (IOMemoryDescriptor *[]){inspected_memory, IOMemoryDescriptor_upcast(inspected_buffer)}, 2,
        kIODirectionOut, false);
    inspected_map = IOMemoryDescriptor_createMappingInTask(
        inspected_memory, kernel_task, 0, kIOMapAnywhere | kIOMapReadOnly, 100, 4096);
    kprintf("memory: [0, +100) at 0x%llx, [100, +4096) at 0x%llx\n",
            (unsigned long long)virt_to_phys(one + 200).value,
            (unsigned long long)virt_to_phys(other).value);
    kprintf("map: 0x%llx\n", (unsigned long long)IOMemoryMap_getAddress(inspected_map));
    return inspected_whole != NULL && inspected_map != NULL;
}

/* One that has to bounce what is not aligned, and one behind a mapper. */
static bool make_commands(void)
{
    IODMACommand_SegmentOptions options = {
        .fStructSize = 40, .fNumAddressBits = 40, .fMaxSegmentSize = 2048, .fAlignment = 64};

    inspected_device = IOService_withReader("unit", NULL, NULL);
    inspected_mapper = test_mapper_new(BASE_PAGE);
    if (inspected_mapper == NULL || !IOMapper_start(&inspected_mapper->super, inspected_device) ||
        IOService_setObject(inspected_device, "iommu-parent", &inspected_mapper->super.super) !=
            kIOReturnSuccess) {
        return false;
    }
    inspected_command = IODMACommand_withSpecificationOptions(IODMACommand_OutputHost64, &options,
                                                              kIODMAMapOptionMapped, NULL, NULL);
    options.fAlignment = 1;
    inspected_mapped = IODMACommand_withSpecificationOptions(
        IODMACommand_OutputHost64, &options, kIODMAMapOptionMapped, &inspected_mapper->super, NULL);
    return IODMACommand_setMemoryDescriptor(inspected_command, inspected_memory, true) ==
               kIOReturnSuccess &&
           IODMACommand_setMemoryDescriptor(inspected_mapped, inspected_memory, true) ==
               kIOReturnSuccess;
}

static bool make_queue(void)
{
    const struct virtq_setup setup = {
        .size = 8, .index = 3, .chain_entries = 4, .doorbell = &doorbell};
    struct virtq_chain chain;

    if (virtq_create(&setup, &inspected_queue) != kIOReturnSuccess ||
        virtq_begin(inspected_queue, &chain) != kIOReturnSuccess) {
        return false;
    }
    virtq_chain_add(&chain, paddr(0x48000000), 16, VIRTQ_NEXT);
    virtq_chain_add(&chain, paddr(0x48001000), 512, VIRTQ_NEXT | VIRTQ_WRITE);
    virtq_chain_add(&chain, paddr(0x48002000), 1, VIRTQ_WRITE);
    virtq_submit(inspected_queue, &chain, inspected_memory);
    virtq_publish(inspected_queue);
    kprintf("token: 0x%llx\n", (unsigned long long)(uintptr_t)inspected_memory);
    return true;
}

static bool make_task(void)
{
    struct vm_range range = {.access = MMU_READ | MMU_WRITE, .max_access = MMU_READ | MMU_WRITE};
    vaddr_t address = 0x10000;
    vaddr_t guard = 0x14000;
    uint64_t done;

    if (task_create(&inspected_task) != KERN_SUCCESS ||
        vm_object_create(4, &range.object) != KERN_SUCCESS ||
        vm_map_enter(task_map(inspected_task), &address, 4 * PAGE_SIZE, PAGE_SIZE, &range, 0) !=
            KERN_SUCCESS) {
        return false;
    }
    range = (struct vm_range){.access = 0};
    return vm_map_write(task_map(inspected_task), address + 5000, "x", 1, &done) == KERN_SUCCESS &&
           vm_map_enter(task_map(inspected_task), &guard, PAGE_SIZE, PAGE_SIZE, &range, 0) ==
               KERN_SUCCESS;
}

static void __attribute__((noinline)) end_here(void)
{
    struct page_stats stats;

    page_get_stats(&stats);
    kprintf("pages: %llu: %llu reserved, %llu allocated\n", (unsigned long long)stats.total,
            (unsigned long long)stats.reserved, (unsigned long long)stats.allocated);
    kprintf("image pages: %llu\n", (unsigned long long)stats.owned[PAGE_OWNER_IMAGE]);
    kprintf("events: %llu\n", (unsigned long long)trace_count());
    panic("inspected");
}

int main(void)
{
    trace_start();
    if (!make_memory() || !make_commands() || !make_queue() || !make_task()) {
        kprintf("inspected: something cannot be made\n");
        return 1;
    }
    end_here();
    return 1;
}
