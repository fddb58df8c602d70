/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* Mappings of composites, guard pages and device memory, as the CPU sees them. */
#include <string.h>

#include "descriptors/IODeviceMemory.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/OSArray.h"
#include "kernel/direct_map.h"
#include "kernel/fault.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/user.h"
#include "kernel/vm_map.h"
#include "tests/harness/harness.h"

#define UP(x)        IOMemoryDescriptor_upcast(x)
#define STORED       0xee /* what store_at stores */
#define CODE         0x10000ul
#define VIRTIO_MMIO  0x0a000000ull /* the machine's first transport */
#define VIRTIO_MAGIC 0x74726976u   /* "virt", its first register, for 32-bit accesses only */

static uint8_t statics[6 * 4096] __attribute__((aligned(4096)));

/* EL0 code: it works at any address. */
extern const char load_byte[], store_byte[], code_end[];
__asm__(".pushsection .rodata\n"
        ".balign 4\n"
        "load_byte:  ldrb w0, [x1]\n"
        "            svc #1\n"
        "store_byte: strb w0, [x1]\n"
        "            svc #2\n"
        "code_end:\n"
        ".popsection\n");

static IOMemoryDescriptor *part(uint64_t page, uint64_t length)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
        (uintptr_t)statics + page * PAGE_SIZE, length, kIODirectionOutIn, kernel_task);

    ASSERT_NE(memory, NULL);
    return memory;
}

/* The multi keeps the parts alive. */
static IOMemoryDescriptor *join(IOMemoryDescriptor **parts, UInt32 count)
{
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, count, kIODirectionOutIn, false);

    ASSERT_NE(multi, NULL);
    for (UInt32 i = 0; i < count; i++) {
        OSObject_release(parts[i]);
    }
    return UP(multi);
}

static IOMemoryDescriptor *guard_of(uint64_t pages)
{
    IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(pages * PAGE_SIZE);

    ASSERT_NE(guard, NULL);
    return UP(guard);
}

static void fill(void)
{
    for (unsigned i = 0; i < sizeof(statics); i++) {
        statics[i] = (uint8_t)(i * 13 + i / 4096);
    }
}

static void load_at(void *at)
{
    (void)*(volatile uint8_t *)at;
}

static void store_at(void *at)
{
    *(volatile uint8_t *)at = STORED;
}

static void jump_to(void *at)
{
    ((void (*)(void))(uintptr_t)at)();
}

/* A load, a store and a fetch by the kernel fault there, at that address. */
static void expect_no_access(uintptr_t at)
{
    static void (*const touches[])(void *) = {load_at, store_at, jump_to};

    for (unsigned i = 0; i < 3; i++) {
        struct fault_record fault = {0};

        EXPECT_TRUE(fault_expect(touches[i], (void *)at, &fault));
        EXPECT_EQ(fault.far, at);
    }
}

/* A task with the code above at CODE. */
static task_t user_task(void)
{
    const struct vm_range text = {.access = MMU_READ | MMU_EXECUTE,
                                  .max_access = MMU_READ | MMU_EXECUTE};
    struct vm_range range = text;
    vaddr_t at = CODE;
    paddr_t page;
    task_t task;

    ASSERT_EQ(task_create(&task), KERN_SUCCESS);
    ASSERT_EQ(vm_object_create(1, &range.object), KERN_SUCCESS);
    ASSERT_EQ(vm_object_supply(range.object, 0, VM_SUPPLY_WRITE, &page), KERN_SUCCESS);
    memcpy(phys_to_virt(page), load_byte, (size_t)(code_end - load_byte));
    ASSERT_EQ(vm_map_enter(task_map(task), &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    vm_object_release(range.object);
    return task;
}

/* Run EL0 code at pc on an address; the byte loaded comes back. */
static enum user_stop run_user(task_t task, vaddr_t pc, uint64_t address, uint8_t *byte)
{
    struct user_state state;
    enum user_stop stop;

    user_init(&state, pc, 0);
    state.context.frame.x[0] = *byte;
    state.context.frame.x[1] = address;
    stop = user_run(task, &state);
    *byte = (uint8_t)state.context.frame.x[0];
    return stop;
}

static enum user_stop user_load(task_t task, uint64_t address, uint8_t *byte)
{
    return run_user(task, CODE, address, byte);
}

static enum user_stop user_store(task_t task, uint64_t address, uint8_t byte)
{
    return run_user(task, CODE + (vaddr_t)(store_byte - load_byte), address, &byte);
}

/* What if the parts' owner is gone before the map is used? */
TEST(cd_4_kernel_sees_parts_in_a_row)
{
    IOMemoryDescriptor *multi =
        join((IOMemoryDescriptor *[]){part(4, PAGE_SIZE), part(0, 2 * PAGE_SIZE), part(3, 10)}, 3);
    IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(
        multi, kernel_task, 0, kIOMapAnywhere | kIOMapGuardedSmall, 100, 3 * PAGE_SIZE - 95);
    uint8_t *at;

    ASSERT_NE(map, NULL);
    OSObject_release(multi);
    fill();
    at = (uint8_t *)IOMemoryMap_getAddress(map);
    EXPECT_MEM_EQ(at, statics + 4 * PAGE_SIZE + 100, PAGE_SIZE - 100);
    EXPECT_MEM_EQ(at + PAGE_SIZE - 100, statics, 2 * PAGE_SIZE);
    EXPECT_MEM_EQ(at + 3 * PAGE_SIZE - 100, statics + 3 * PAGE_SIZE, 5);
    store_at(at + PAGE_SIZE - 100);
    EXPECT_EQ(*(volatile uint8_t *)statics, STORED); /* one byte at two addresses */
    expect_no_access((uintptr_t)at - 101);
    expect_no_access((uintptr_t)at - 100 + 4 * PAGE_SIZE);
    OSObject_release(map);
    expect_no_access((uintptr_t)at);
}

TEST(cd_3_cd_5_user_sees_a_window_of_a_nested_concatenation)
{
    task_t task = user_task();
    IOMemoryDescriptor *inner =
        join((IOMemoryDescriptor *[]){part(2, PAGE_SIZE), part(5, PAGE_SIZE)}, 2);
    IOMemoryDescriptor *outer = join((IOMemoryDescriptor *[]){part(1, PAGE_SIZE), inner}, 2);
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(outer, 4000, PAGE_SIZE + 200, kIODirectionOutIn);
    IOMemoryMap *map =
        IOMemoryDescriptor_createMappingInTask(sub, task, 0, kIOMapAnywhere | kIOMapReadOnly, 0, 0);
    uint8_t byte = 0;

    ASSERT_NE(map, NULL);
    EXPECT_EQ(IOMemoryMap_getMemoryDescriptor(map), outer);
    fill();
    EXPECT_EQ(user_load(task, IOMemoryMap_getAddress(map), &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, statics[PAGE_SIZE + 4000]);
    EXPECT_EQ(user_load(task, IOMemoryMap_getAddress(map) + 96, &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, statics[2 * PAGE_SIZE]);
    EXPECT_EQ(user_load(task, IOMemoryMap_getAddress(map) + PAGE_SIZE + 199, &byte),
              USER_STOP_CALL);
    EXPECT_EQ(byte, statics[5 * PAGE_SIZE + 103]);
    EXPECT_EQ(user_store(task, IOMemoryMap_getAddress(map) + 96, 1), USER_STOP_FAULT);
    OSObject_release(map);
    OSObject_release(sub);
    OSObject_release(outer);
    task_release(task);
}

TEST(cd_6_unaligned_borders_reserve_nothing)
{
    IOMemoryDescriptor *multi = join((IOMemoryDescriptor *[]){part(0, 100), part(1, PAGE_SIZE)}, 2);

    EXPECT_EQ(IOMemoryDescriptor_createMappingInTask(multi, kernel_task, 0,
                                                     kIOMapAnywhere | kIOMapGuardedLarge, 0, 0),
              NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotAligned);
    OSObject_release(multi);
}

TEST(cd_14_guards_fault_for_the_kernel)
{
    IOMemoryDescriptor *multi =
        join((IOMemoryDescriptor *[]){guard_of(2), part(0, PAGE_SIZE), guard_of(1)}, 3);
    IOMemoryMap *map = IOMemoryDescriptor_map(multi, 0);
    uintptr_t at;

    ASSERT_NE(map, NULL);
    fill();
    at = IOMemoryMap_getAddress(map);
    EXPECT_MEM_EQ((void *)(at + 2 * PAGE_SIZE), statics, PAGE_SIZE);
    expect_no_access(at);
    expect_no_access(at + 2 * PAGE_SIZE - 1);
    expect_no_access(at + 3 * PAGE_SIZE);
    expect_no_access(at + 4 * PAGE_SIZE - 1);
    OSObject_release(map);
    OSObject_release(multi);
}

TEST(cd_14_guards_fault_at_el0)
{
    task_t task = user_task();
    IOMemoryDescriptor *multi =
        join((IOMemoryDescriptor *[]){guard_of(1), part(0, PAGE_SIZE), guard_of(3)}, 3);
    IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(multi, task, 0, kIOMapAnywhere, 0, 0);
    uint64_t at = IOMemoryMap_getAddress(map);
    uint8_t byte = 0;

    fill();
    EXPECT_EQ(user_load(task, at + PAGE_SIZE + 7, &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, statics[7]);
    EXPECT_EQ(user_store(task, at + 2 * PAGE_SIZE - 1, 0x5a), USER_STOP_CALL);
    EXPECT_EQ(statics[PAGE_SIZE - 1], 0x5a);
    for (unsigned page = 0; page < 5; page++) {
        if (page != 1) {
            EXPECT_EQ(user_load(task, at + page * PAGE_SIZE, &byte), USER_STOP_FAULT);
            EXPECT_EQ(user_store(task, at + (page + 1) * PAGE_SIZE - 1, 1), USER_STOP_FAULT);
            EXPECT_EQ(run_user(task, at + page * PAGE_SIZE, 0, &byte), USER_STOP_FAULT);
        }
    }
    OSObject_release(map);
    OSObject_release(multi);
    task_release(task);
}

/* What if the memory of one part is to be stopped for a moment? */
TEST(redirected_part_holds_up_a_user)
{
    task_t task = user_task();
    IOMemoryDescriptor *held = part(1, PAGE_SIZE), *multi;
    IOMemoryMap *map;
    uint8_t byte = 0;

    OSObject_retain(held);
    multi = join((IOMemoryDescriptor *[]){part(0, PAGE_SIZE), held}, 2);
    map = IOMemoryDescriptor_createMappingInTask(multi, task, 0, kIOMapAnywhere, 0, 0);
    fill();
    EXPECT_EQ(IOMemoryDescriptor_redirect(held, TASK_NULL, true), kIOReturnSuccess);
    EXPECT_EQ(user_load(task, IOMemoryMap_getAddress(map), &byte), USER_STOP_CALL);
    EXPECT_EQ(user_load(task, IOMemoryMap_getAddress(map) + PAGE_SIZE, &byte), USER_STOP_BLOCKED);
    EXPECT_EQ(IOMemoryDescriptor_redirect(held, TASK_NULL, false), kIOReturnSuccess);
    EXPECT_EQ(user_load(task, IOMemoryMap_getAddress(map) + PAGE_SIZE, &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, statics[PAGE_SIZE]);
    OSObject_release(map);
    OSObject_release(multi);
    OSObject_release(held);
    task_release(task);
}

TEST(task_dies_with_a_concatenation_mapped)
{
    task_t task = user_task();
    IOMemoryDescriptor *multi =
        join((IOMemoryDescriptor *[]){part(0, PAGE_SIZE), guard_of(1), part(2, PAGE_SIZE)}, 3);
    IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(multi, task, 0, kIOMapAnywhere, 0, 0);

    ASSERT_NE(map, NULL);
    task_release(task);
    EXPECT_EQ(IOMemoryMap_getAddress(map), 0);
    OSObject_release(map);
    OSObject_release(multi);
}

TEST(cd_11_interleaved_map_outlives_a_clear)
{
    IOInterleavedMemoryDescriptor *list =
        IOInterleavedMemoryDescriptor_withCapacity(2, kIODirectionOutIn);
    IOMemoryDescriptor *memory = part(0, 4 * PAGE_SIZE);
    IOMemoryMap *map;
    uint8_t *at;

    ASSERT_TRUE(
        IOInterleavedMemoryDescriptor_setMemoryDescriptor(list, memory, 3 * PAGE_SIZE, PAGE_SIZE));
    ASSERT_TRUE(
        IOInterleavedMemoryDescriptor_setMemoryDescriptor(list, memory, PAGE_SIZE, PAGE_SIZE));
    ASSERT_EQ(IOInterleavedMemoryDescriptor_prepare(list, 0), kIOReturnSuccess);
    map = IOMemoryDescriptor_map(list, kIOMapPrefault);
    ASSERT_NE(map, NULL);
    fill();
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(list, kIODirectionNone);
    OSObject_release(memory);
    at = (uint8_t *)IOMemoryMap_getAddress(map);
    EXPECT_MEM_EQ(at, statics + 3 * PAGE_SIZE, PAGE_SIZE);
    EXPECT_MEM_EQ(at + PAGE_SIZE, statics + PAGE_SIZE, PAGE_SIZE);
    OSObject_release(map);
    OSObject_release(list);
}

TEST(cd_13_device_memory_reaches_the_device)
{
    IODeviceMemory_InitElement list[] = {{VIRTIO_MMIO, 0x200, 1}, {VIRTIO_MMIO + 0x200, 0x200, 2}};
    OSArray *array = IODeviceMemory_arrayFromList(list, 2);
    IODeviceMemory *memory;
    struct mmu_translation seen;
    IOMemoryMap *map;
    uint32_t magic = 0;

    ASSERT_NE(array, NULL);
    memory = OSDynamicCast(IODeviceMemory, OSArray_getObject(array, 1));
    ASSERT_NE(memory, NULL);
    EXPECT_EQ(IOMemoryDescriptor_getTag(memory), 2);
    map = IOMemoryDescriptor_map(memory, 0);
    ASSERT_NE(map, NULL);
    EXPECT_EQ(*(volatile uint32_t *)IOMemoryMap_getAddress(map), VIRTIO_MAGIC);
    ASSERT_TRUE(mmu_translate(mmu_kernel, IOMemoryMap_getAddress(map), &seen));
    EXPECT_EQ(seen.attributes.memory, MMU_DEVICE);
    EXPECT_EQ(seen.pa.value, VIRTIO_MMIO + 0x200);
    /* One access of the register's size, or the device would not answer with it. */
    EXPECT_EQ(IOMemoryDescriptor_readBytes(memory, 0, &magic, sizeof(magic)), sizeof(magic));
    EXPECT_EQ(magic, VIRTIO_MAGIC);
    OSObject_release(map);
    OSObject_release(array);
}

/* What if a driver is given an address of RAM? */
TEST(cd_13_ram_is_no_device)
{
    EXPECT_EQ(IODeviceMemory_withRange(virt_to_phys(statics).value, 16), NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnBadArgument);
    EXPECT_EQ(IODeviceMemory_withRange(page_last() * PAGE_SIZE, 2 * PAGE_SIZE), NULL);
}
