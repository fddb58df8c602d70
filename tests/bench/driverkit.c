/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver at EL0 pays for its messages: its own instructions and the kernel's together. */
#include <string.h>

#include "descriptors/IODriver.h"
#include "descriptors/IODriverKit.h"
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/user.h"
#include "kernel/vm_map.h"
#include "tests/bench/bench.h"
#include "tests/lib/drivers.h"

DRIVER_IMAGE(measured);

#define ROUNDS 200
#define WARM   40 /* turns before it counts: whole rounds of any of them */

/* Pages of the kernel that lie apart, as memory of so many segments. */
static IOMemoryDescriptor *scattered(unsigned pages)
{
    static IOAddressRange ranges[kIODMACommandSegmentsMax];
    static paddr_t area;
    const struct page_request request = {.count = 2 * kIODMACommandSegmentsMax,
                                         .owner = PAGE_OWNER_IMAGE};

    if (area.value == 0) {
        KERNEL_CHECK(page_alloc_run(&request, &area) == KERN_SUCCESS);
    }
    for (unsigned i = 0; i < pages; i++) {
        ranges[i] =
            (IOAddressRange){(uint64_t)phys_to_virt(paddr_add(area, 2 * i * PAGE_SIZE)), PAGE_SIZE};
    }
    return IOMemoryDescriptor_withAddressRanges(ranges, pages, kIODirectionOutIn, kernel_task);
}

/* A driver at this, `calls` calls a round. */
static void measure(struct bench_result *result, uint64_t mode, unsigned pages, unsigned calls)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
        kIODirectionOutIn | kIOMemoryKernelUserShared | kIOMemoryThreadSafe, PAGE_SIZE, PAGE_SIZE);
    IOService *service = IOService_withReader("device", NULL, NULL);
    IOMemoryDescriptor *memory = scattered(pages);
    IODriverStatus status;
    IODriver *driver;

    KERNEL_CHECK(buffer != NULL && service != NULL && memory != NULL);
    *(uint64_t *)IOBufferMemoryDescriptor_getBytesNoCopy(buffer) = mode;
    KERNEL_CHECK(IODriver_create(DRIVER_PROGRAM(measured), NULL, &driver) == kIOReturnSuccess);
    KERNEL_CHECK(IODriver_give(driver, buffer) == kIOReturnSuccess);
    KERNEL_CHECK(IODriver_give(driver, memory) == kIOReturnSuccess);
    KERNEL_CHECK(IODriver_give(driver, service) == kIOReturnSuccess);
    for (unsigned i = 0; i < WARM * calls; i++) {
        IODriver_turn(driver);
    }
    bench_start();
    for (unsigned i = 0; i < ROUNDS * calls; i++) {
        IODriver_turn(driver);
    }
    result->measured = bench_stop();
    result->operations = ROUNDS;
    IODriver_getStatus(driver, &status);
    KERNEL_CHECK(status.state == kIODriverRuns && status.usage.refused == 0);
    IODriver_release(driver);
    OSObject_release(memory);
    OSObject_release(service);
    OSObject_release(buffer);
}

/* The least that a service call at EL0 can cost: there and back, and nothing done. */
extern const char driverkit_loop[];
__asm__(".pushsection .rodata\n"
        ".balign 4\n"
        "driverkit_loop: svc #0\n"
        "                b driverkit_loop\n"
        ".popsection\n");

static uint64_t round_trips(void)
{
    static struct user_state state;
    struct vm_range code = {.access = MMU_READ | MMU_EXECUTE, .max_access = MMU_READ | MMU_EXECUTE};
    vaddr_t at = 0x10000;
    struct task *task;
    uint64_t measured;
    paddr_t page;

    KERNEL_CHECK(task_create(&task) == KERN_SUCCESS);
    KERNEL_CHECK(vm_object_create(1, &code.object) == KERN_SUCCESS);
    KERNEL_CHECK(vm_object_supply(code.object, 0, VM_SUPPLY_WRITE, &page) == KERN_SUCCESS);
    memcpy(phys_to_virt(page), driverkit_loop, 8);
    KERNEL_CHECK(vm_map_enter(task_map(task), &at, PAGE_SIZE, 0, &code, 0) == KERN_SUCCESS);
    user_init(&state, at, 0);
    for (unsigned i = 0; i < WARM; i++) {
        user_run(task, &state);
    }
    bench_start();
    for (unsigned i = 0; i < ROUNDS; i++) {
        user_run(task, &state);
    }
    measured = bench_stop();
    vm_object_release(code.object);
    task_release(task);
    return measured;
}

static void bench_trip(struct bench_result *result)
{
    result->measured = round_trips();
    result->operations = ROUNDS;
}

static void bench_null(struct bench_result *result)
{
    measure(result, 0, 1, 1);
    result->floor = round_trips();
}

static void bench_map(struct bench_result *result)
{
    measure(result, 1, 1, 3); /* CreateMapping, _CopyState of the map, release */
}

static void bench_page(struct bench_result *result)
{
    measure(result, 2, 1, 2);
}

static void bench_list(struct bench_result *result)
{
    measure(result, 2, kIODMACommandSegmentsMax, 2);
}

static const struct bench rows[] = {
    {.id = "trip", .name = "to EL0 and back, nothing done", .run = bench_trip},
    {.id = "null", .name = "null message, stub to stub", .goal = 600, .run = bench_null},
    {.id = "map", .name = "CreateMapping + release from EL0", .run = bench_map},
    {.id = "dma", .name = "PrepareForDMA + CompleteDMA, 4 KiB", .run = bench_page},
    {.id = "dma32", .name = "PrepareForDMA + CompleteDMA, 32 segments", .run = bench_list},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
