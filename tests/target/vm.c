/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults of the kernel in its own address space: what tests/host/machine/vm_map_test.c shows, by
 * the real CPU.
 */
#include <string.h>

#include "kernel/cache.h"
#include "kernel/direct_map.h"
#include "kernel/fault.h"
#include "kernel/inject.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/vm_device_memory.h"
#include "kernel/vm_map.h"
#include "tests/harness/harness.h"

#define RW (MMU_READ | MMU_WRITE)

static struct vm_object *object_of(uint64_t pages)
{
    struct vm_object *object = NULL;

    ASSERT_EQ(vm_object_create(pages, &object), KERN_SUCCESS);
    return object;
}

static volatile uint8_t *enter(struct vm_object *object, unsigned access)
{
    const struct vm_range range = {.object = object, .access = access, .max_access = RW};
    vaddr_t at = 0;

    ASSERT_EQ(vm_map_enter(kernel_map, &at, vm_object_pages(object) * PAGE_SIZE, 0, &range,
                           VM_ENTER_ANYWHERE),
              KERN_SUCCESS);
    return (volatile uint8_t *)at;
}

static void leave(volatile uint8_t *at, uint64_t pages)
{
    EXPECT_EQ(vm_map_remove(kernel_map, (vaddr_t)at, pages * PAGE_SIZE), KERN_SUCCESS);
}

static uint64_t dirty(struct vm_object *object)
{
    uint64_t resident, changed;

    vm_object_count(object, 0, vm_object_pages(object), &resident, &changed);
    return changed;
}

static void load(void *at)
{
    (void)*(volatile uint8_t *)at;
}

static void store(void *at)
{
    *(volatile uint8_t *)at = 1;
}

/* Does a page come when it is touched, and only that one? */
TEST(pages_appear_when_touched)
{
    struct vm_object *object = object_of(8);
    volatile uint8_t *at = enter(object, RW);
    uint64_t resident, changed;

    EXPECT_EQ(at[3 * PAGE_SIZE + 5], 0);
    at[6 * PAGE_SIZE] = 7;
    EXPECT_EQ(at[6 * PAGE_SIZE], 7);
    vm_object_count(object, 0, 8, &resident, &changed);
    EXPECT_EQ(resident, 2);
    EXPECT_EQ(changed, 1);
    leave(at, 8);
    vm_object_release(object);
}

/* By the CPU's own dirty bits where it has them, by faults where not. */
TEST(stores_are_noticed_and_loads_are_not)
{
    struct vm_object *object = object_of(4);
    volatile uint8_t *at = enter(object, RW);
    uint64_t mmfr1;

    __asm__("mrs %0, id_aa64mmfr1_el1" : "=r"(mmfr1));
    EXPECT_EQ(mmu_notes_stores(), (mmfr1 & 0xf) >= 2); /* HAFDBS: it is used where it is */
    TEST_NOTE("this CPU %s stores by itself", mmu_notes_stores() ? "notes" : "does not note");
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_EQ(at[i * PAGE_SIZE], 0);
    }
    EXPECT_EQ(dirty(object), 0);
    at[2 * PAGE_SIZE] = 1;
    EXPECT_EQ(dirty(object), 1);
    vm_map_drop_tables(kernel_map, (vaddr_t)at, 4 * PAGE_SIZE);
    EXPECT_EQ(dirty(object), 1);
    EXPECT_EQ(at[2 * PAGE_SIZE], 1);
    leave(at, 4);
    vm_object_release(object);
}

TEST(a_copy_shares_until_either_side_writes)
{
    struct vm_object *object = object_of(2);
    volatile uint8_t *at = enter(object, RW);
    struct vm_object *copy = NULL;
    volatile uint8_t *copied;
    struct page_stats before, after;

    at[0] = 1;
    at[PAGE_SIZE] = 2;
    page_get_stats(&before);
    ASSERT_EQ(vm_object_copy(object, 0, 2, &copy), KERN_SUCCESS);
    copied = enter(copy, RW);
    EXPECT_EQ(copied[0], 1);
    page_get_stats(&after);
    EXPECT_EQ(after.owned[PAGE_OWNER_BUFFER], before.owned[PAGE_OWNER_BUFFER]);
    at[0] = 10;
    copied[PAGE_SIZE] = 20;
    EXPECT_EQ(copied[0], 1);
    EXPECT_EQ(at[PAGE_SIZE], 2);
    EXPECT_EQ(at[0], 10);
    EXPECT_EQ(copied[PAGE_SIZE], 20);
    leave(at, 2);
    leave(copied, 2);
    vm_object_release(object);
    vm_object_release(copy);
}

TEST(what_is_not_allowed_still_faults)
{
    struct vm_object *object = object_of(3);
    volatile uint8_t *at = enter(object, MMU_READ);
    struct fault_record fault;

    EXPECT_EQ(at[0], 0);
    EXPECT_TRUE(fault_expect(store, (void *)at, &fault));
    EXPECT_EQ(fault.far, (uint64_t)at);
    EXPECT_TRUE(fault_expect(load, (void *)(at + 3 * PAGE_SIZE), &fault));
    ASSERT_EQ(vm_map_protect(kernel_map, (vaddr_t)at, 3 * PAGE_SIZE, RW), KERN_SUCCESS);
    EXPECT_FALSE(fault_expect(store, (void *)at, &fault));
    ASSERT_EQ(vm_map_protect(kernel_map, (vaddr_t)at + PAGE_SIZE, PAGE_SIZE, 0), KERN_SUCCESS);
    EXPECT_TRUE(fault_expect(load, (void *)(at + PAGE_SIZE), &fault));
    EXPECT_FALSE(fault_expect(load, (void *)(at + 2 * PAGE_SIZE), &fault));
    leave(at, 3);
    vm_object_release(object);
}

/* After unmap and remap at one address, does the CPU see the new memory and not a stale TLB entry?
 */
TEST(a_reused_address_shows_the_new_object)
{
    struct vm_object *first = object_of(1);
    struct vm_object *second = object_of(1);
    volatile uint8_t *at = enter(first, RW);
    const struct vm_range range = {.object = second, .access = RW, .max_access = RW};
    vaddr_t same = (vaddr_t)at;

    at[0] = 5;
    ASSERT_EQ(vm_map_enter(kernel_map, &same, PAGE_SIZE, 0, &range, VM_ENTER_OVERWRITE),
              KERN_SUCCESS);
    EXPECT_EQ(at[0], 0);
    at[0] = 6;
    leave(at, 1);
    at = enter(first, RW);
    EXPECT_EQ(at[0], 5);
    leave(at, 1);
    vm_object_release(first);
    vm_object_release(second);
}

static volatile uint8_t *handler_memory;
static volatile uint8_t handler_saw;

static void read_in_handler(void *context)
{
    (void)context;
    handler_saw = *handler_memory;
}

/* Eager ranges and pinned pages can be used where no fault may be taken. */
TEST(eager_memory_is_usable_in_an_interrupt_handler)
{
    struct vm_object *object = object_of(1);
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW};
    struct timer timer = {.callback = read_in_handler};
    vaddr_t at = 0;
    irq_state_t irq;

    ASSERT_EQ(
        vm_map_enter(kernel_map, &at, PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE | VM_ENTER_EAGER),
        KERN_SUCCESS);
    handler_memory = (volatile uint8_t *)at;
    *handler_memory = 123;
    irq = irq_mask();
    timer_start(&timer, 1000);
    while (handler_saw != 123) {
        irq_wait();
    }
    irq_restore(irq);
    EXPECT_EQ(handler_saw, 123);
    leave(handler_memory, 1);
    vm_object_release(object);
}

TEST(a_device_window_reaches_the_device)
{
    struct vm_object *object = NULL;
    struct vm_range range = {.access = MMU_READ, .max_access = MMU_READ, .memory = MMU_DEVICE};
    vaddr_t at = 0;

    /* The PL031 real-time clock: its identification registers are constant. */
    ASSERT_EQ(vm_object_create_physical(paddr(0x09010000), 1, &object), KERN_SUCCESS);
    range.object = object;
    ASSERT_EQ(vm_map_enter(kernel_map, &at, PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE), KERN_SUCCESS);
    EXPECT_EQ(*(volatile uint32_t *)(at + 0xfe0), 0x31);
    EXPECT_EQ(*(volatile uint32_t *)(at + 0xff0), 0x0d);
    EXPECT_EQ(vm_map_remove(kernel_map, at, PAGE_SIZE), KERN_SUCCESS);
    vm_object_release(object);
}

/* --- Memory of devices ------------------------------------------------------------------------ */

static enum mmu_memory type_of(const void *address)
{
    struct mmu_translation at = {0};

    EXPECT_TRUE(mmu_translate(mmu_kernel, (vaddr_t)address, &at));
    return at.attributes.memory;
}

/* Is what a device shares with its driver cached where it looks there, and nowhere else? */
TEST(memory_for_devices_is_cached_or_not)
{
    struct vm_device_memory cached, uncached;

    ASSERT_EQ(vm_device_memory_alloc(3, VM_DEVICE_MEMORY_ZERO, &cached), KERN_SUCCESS);
    ASSERT_EQ(
        vm_device_memory_alloc(3, VM_DEVICE_MEMORY_ZERO | VM_DEVICE_MEMORY_UNCACHED, &uncached),
        KERN_SUCCESS);
    EXPECT_EQ(type_of(cached.address), MMU_NORMAL);
    EXPECT_EQ(vm_device_memory_offset(&cached), 0);
    for (unsigned page = 0; page < 3; page++) {
        uint32_t *at = (uint32_t *)((uint8_t *)uncached.address + page * PAGE_SIZE);
        const paddr_t physical = vm_device_memory_physical(&uncached, at);
        uint32_t *other = phys_to_virt(physical);

        EXPECT_EQ(type_of(at), MMU_NONCACHED);
        EXPECT_EQ(physical.value, uncached.physical.value + page * PAGE_SIZE);
        EXPECT_EQ(virt_to_phys(at).value + vm_device_memory_offset(&uncached), physical.value);
        EXPECT_EQ(at[1], 0);
        at[1] = 0x5a + page;
        cache_clean_invalidate(other, PAGE_SIZE);
        EXPECT_EQ(other[1], 0x5a + page);
        cache_clean_invalidate(other, PAGE_SIZE);
    }
    vm_device_memory_free(&uncached);
    vm_device_memory_free(&uncached); /* there is none any more */
    vm_device_memory_free(&cached);
    EXPECT_EQ(vm_device_memory_alloc(0, VM_DEVICE_MEMORY_UNCACHED, &uncached),
              KERN_INVALID_ARGUMENT);
    EXPECT_TRUE(uncached.address == NULL);
}

#ifdef DEBUG
/* And if something for it cannot be had, is there nothing left of it? */
TEST(memory_for_devices_all_or_nothing)
{
    struct vm_device_memory memory;
    unsigned refused = 0;

    for (unsigned nth = 1; nth < 20; nth++) {
        struct inject_report report;
        kern_return_t status;

        inject_begin(nth);
        status = vm_device_memory_alloc(2, VM_DEVICE_MEMORY_UNCACHED, &memory);
        inject_end(&report);
        EXPECT_EQ(status == KERN_SUCCESS, !report.failed);
        if (status == KERN_SUCCESS) {
            vm_device_memory_free(&memory);
            break;
        }
        EXPECT_TRUE(memory.address == NULL);
        refused++;
    }
    EXPECT_GE(refused, 2);
}
#endif
