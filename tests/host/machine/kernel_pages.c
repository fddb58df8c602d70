/* SPDX-License-Identifier: BSD-2-Clause */
/* Scattered kernel memory for tests, with an alias that the host itself can load and store. */
#define _GNU_SOURCE
#include "tests/host/machine/kernel_pages.h"

#include <sys/mman.h>

#include "kernel/inject.h"
#include "kernel/irq.h"
#include "kernel/lock.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/vm_object.h"
#include "tests/host/sim/sim_cache.h"

#define RW         (MMU_READ | MMU_WRITE)
#define HOARDS_MAX 4096

uint64_t pages_at;
uint8_t *pages;

static struct holdings before;
static struct vm_object *object,
    *absent; /* behind the pages, and behind those that are not there */

static struct {
    paddr_t block;
    unsigned order;
} hoard[HOARDS_MAX];
static unsigned hoarded;

int kernel_power_on(void **state)
{
    (void)state;
    sim_ram_shared = true;
    sim_machine_start(64 * SIM_MIB);
    IOMemoryDescriptor_initialize();
    mmu_map_device(paddr(0x9000000), 2 * PAGE_SIZE); /* stays, whoever asks for it first */
    return 0;
}

int kernel_power_off(void **state)
{
    (void)state;
    sim_machine_stop();
    return 0;
}

int kernel_start(void **state)
{
    (void)state;
    sim_console_forget();
    before = holdings_now();
    return 0;
}

int kernel_stop(void **state)
{
    const bool quiet = sim_irq_masked == 0 && lock_innermost() == NULL;

    (void)state;
    fail_request(0);
    set_memory_short(false);
    sim_in_handler = false;
    sim_console_set_quiet(false);
    return quiet && sim_holds(&before) ? 0 : -1;
}

/* Neighbours in the address space are strangers in RAM: pages come in the order of the touch. */
static uint64_t show_scattered(struct vm_object *of)
{
    const uint64_t count = vm_object_pages(of);
    const struct vm_range range = {.object = of, .access = RW, .max_access = RW};
    uint64_t at = 0;

    assert_int_equal(vm_map_enter(kernel_map, &at, ptoa(count), 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    for (uint64_t step = 0; step < 3; step++) {
        for (uint64_t i = step; i < count; i += 3) {
            assert_int_equal(sim_store(kernel_map, at + ptoa(count - 1 - i), 0), KERN_SUCCESS);
        }
    }
    return at;
}

uint64_t scattered_new(uint64_t count)
{
    struct vm_object *of;
    uint64_t at;

    assert_int_equal(vm_object_create(count, &of), KERN_SUCCESS);
    at = show_scattered(of);
    vm_object_release(of);
    return at;
}

void scattered_free(uint64_t address, uint64_t count)
{
    assert_int_equal(vm_map_remove(kernel_map, address, ptoa(count)), KERN_SUCCESS);
}

static uint64_t physical_of_kernel(uint64_t address)
{
    struct mmu_translation at;

    assert_true(mmu_translate(vm_map_space(kernel_map), address, &at));
    return at.pa.value;
}

/* The second mapping of shared memory that mremap gives for an old size of 0. */
static void make_alias(void)
{
    pages = mmap(NULL, ptoa(PAGES), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    for (uint64_t i = 0; i < PAGES; i++) {
        void *ram = phys_to_virt(paddr(physical_of_kernel(pages_at + ptoa(i))));

        assert_ptr_equal(mremap(ram, 0, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, pages + ptoa(i)),
                         pages + ptoa(i));
    }
}

int pages_start(void **state)
{
    kernel_start(state);
    assert_int_equal(vm_object_create(PAGES, &object), KERN_SUCCESS);
    assert_int_equal(vm_object_create(PAGES, &absent), KERN_SUCCESS);
    pages_at = show_scattered(object);
    make_alias();
    for (uint64_t i = 0; i < ptoa(PAGES); i++) {
        pages[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    return 0;
}

int pages_stop(void **state)
{
    munmap(pages, ptoa(PAGES));
    fail_request(0);
    for (uint64_t i = 0; i < PAGES; i++) {
        set_page(pages + ptoa(i), PAGE_UNMAPPED);
    }
    vm_object_release(object);
    vm_object_release(absent);
    return kernel_stop(state);
}

uint8_t *reach(const void *address)
{
    return phys_to_virt(paddr(physical_of(address)));
}

uint64_t physical_of(const void *byte)
{
    if ((const uint8_t *)byte >= pages && (const uint8_t *)byte < pages + ptoa(PAGES)) {
        const uint8_t *linear = (const uint8_t *)byte;
        struct vm_object *of = object;
        paddr_t page;

        assert_int_equal(vm_object_wire(of, atop((uint64_t)(linear - pages)), 1, 0, &page),
                         KERN_SUCCESS);
        vm_unwire(&page, 1);
        return page.value + ((uint64_t)(linear - pages) & PAGE_MASK);
    }
    return (uintptr_t)byte >= MMU_KERNEL_VA_BASE ? physical_of_kernel((uintptr_t)byte)
                                                 : virt_to_phys(byte).value;
}

void set_page(const uint8_t *page, enum page_kind kind)
{
    const uint64_t index = atop((uint64_t)(page - pages));
    struct vm_range range = {.object = kind == PAGE_ABSENT ? absent : object,
                             .offset = ptoa(index),
                             .access = kind == PAGE_READ_ONLY ? MMU_READ : RW};
    uint64_t at = pages_at + ptoa(index);

    range.max_access = range.access;
    if (kind == PAGE_UNMAPPED) {
        vm_map_remove(kernel_map, at, PAGE_SIZE);
    } else {
        assert_int_equal(vm_map_enter(kernel_map, &at, PAGE_SIZE, 0, &range, VM_ENTER_OVERWRITE),
                         KERN_SUCCESS);
    }
}

void fail_request(uint64_t nth)
{
    struct inject_report report;

    if (nth != 0) {
        inject_begin(nth);
    } else {
        inject_end(&report);
    }
}

void set_memory_short(bool is_short)
{
    struct page_stats stats;

    while (!is_short && hoarded != 0) {
        hoarded--;
        assert_int_equal(page_free(hoard[hoarded].block, hoard[hoarded].order), KERN_SUCCESS);
    }
    for (unsigned order = PAGE_ORDER_MAX + 1; is_short && order-- > 0;) {
        for (;;) {
            page_get_stats(&stats);
            if (stats.free < stats.total / 64 + (1ull << order) && order != 0) {
                break; /* smaller ones, until just under the limit */
            }
            if (stats.free < stats.total / 64) {
                return;
            }
            assert_in_range(hoarded, 0, HOARDS_MAX - 1);
            hoard[hoarded].order = order;
            assert_int_equal(page_alloc(order, PAGE_OWNER_IMAGE, &hoard[hoarded].block),
                             KERN_SUCCESS);
            hoarded++;
        }
    }
}

IOMemoryDescriptor *describe_pages(uint64_t offset, uint64_t length, IOOptionBits options)
{
    return IOMemoryDescriptor_withAddressRange(pages_at + offset, length, options, kernel_task);
}

uint64_t pins(void)
{
    return holdings_now().pins;
}

uint64_t lines(uint64_t offset, uint64_t length)
{
    return (offset + length - 1) / SIM_CACHE_LINE - offset / SIM_CACHE_LINE + 1;
}
