/* SPDX-License-Identifier: BSD-2-Clause */
/* The page tables as the CPU sees them: what traps, and what does not. */
#include "kernel/mmu.h"

#include "kernel/direct_map.h"
#include "kernel/fault.h"
#include "kernel/page.h"
#include "tests/harness/harness.h"

extern char __text_start[], __rodata_start[], __stack_guard[], __image_start[];

#define VA    (MMU_KERNEL_VA_BASE + 0x12345000)
#define MIB2  (2ul << 20)
#define UART0 0x09000000
#define RAM   0x40000000

#define ESR_CLASS(esr)     ((esr) >> 26 & 0x3f)
#define CLASS_FETCH        0x21         /* instruction abort, same level */
#define CLASS_DATA         0x25         /* data abort, same level */
#define ESR_STATUS(esr)    ((esr)&0x3c) /* without the level */
#define STATUS_TRANSLATION 0x04
#define STATUS_PERMISSION  0x0c
#define ESR_IS_WRITE(esr)  ((esr) >> 6 & 1)
#define INSTRUCTION_RET    0xd65f03c0

static const struct mmu_attributes rw = {.access = MMU_READ | MMU_WRITE};
static const struct mmu_attributes ro = {.access = MMU_READ};
static const struct mmu_attributes rx = {.access = MMU_READ | MMU_EXECUTE};
static const struct mmu_attributes none = {.access = 0};

static void read_byte(void *at)
{
    *(volatile char *)at;
}

static void write_byte(void *at)
{
    *(volatile char *)at = 1;
}

static void call(void *at)
{
    ((void (*)(void))at)();
}

static void expect_fault(void (*touch)(void *), const void *at, unsigned class, unsigned status)
{
    struct fault_record fault;

    ASSERT_TRUE(fault_expect(touch, (void *)(uintptr_t)at, &fault));
    EXPECT_EQ(ESR_CLASS(fault.esr), class);
    EXPECT_EQ(ESR_STATUS(fault.esr), status);
    EXPECT_EQ(fault.far, (uintptr_t)at);
    if (class == CLASS_DATA) {
        EXPECT_EQ(ESR_IS_WRITE(fault.esr), touch == write_byte);
    }
}

static void expect_no_fault(void (*touch)(void *), const void *at)
{
    struct fault_record fault;

    EXPECT_FALSE(fault_expect(touch, (void *)(uintptr_t)at, &fault));
}

static paddr_t new_page(void)
{
    paddr_t page = paddr(0);

    ASSERT_EQ(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
    return page;
}

TEST(image_permissions_trap)
{
    static char data[16];

    expect_fault(write_byte, __text_start, CLASS_DATA, STATUS_PERMISSION);
    expect_fault(write_byte, __rodata_start, CLASS_DATA, STATUS_PERMISSION);
    expect_fault(call, __rodata_start, CLASS_FETCH, STATUS_PERMISSION);
    expect_fault(call, data, CLASS_FETCH, STATUS_PERMISSION);
    expect_no_fault(write_byte, data);
}

TEST(null_and_guard_trap)
{
    expect_fault(read_byte, NULL, CLASS_DATA, STATUS_TRANSLATION);
    expect_fault(write_byte, (void *)0x1000, CLASS_DATA, STATUS_TRANSLATION);
    expect_fault(call, NULL, CLASS_FETCH, STATUS_TRANSLATION);
    expect_fault(write_byte, __stack_guard, CLASS_DATA, STATUS_TRANSLATION);
    expect_fault(write_byte, __stack_guard + PAGE_SIZE - 1, CLASS_DATA, STATUS_TRANSLATION);
}

TEST(ram_is_never_executable)
{
    paddr_t page = new_page();

    *(uint32_t *)phys_to_virt(page) = INSTRUCTION_RET;
    expect_fault(call, phys_to_virt(page), CLASS_FETCH, STATUS_PERMISSION);
    expect_no_fault(write_byte, phys_to_virt(page));
    EXPECT_EQ(page_free(page, 0), KERN_SUCCESS);
}

TEST(end_of_ram_traps)
{
    uint64_t end = (page_last() + 1) << PAGE_SHIFT;

    expect_no_fault(read_byte, phys_to_virt(paddr(end - 1)));
    expect_fault(read_byte, phys_to_virt(paddr(end)), CLASS_DATA, STATUS_TRANSLATION);
}

TEST(map_shows_the_page_and_unmap_takes_it)
{
    paddr_t page = new_page();
    volatile uint32_t *seen = (volatile uint32_t *)VA;

    *(uint32_t *)phys_to_virt(page) = 0x1234;
    expect_fault(read_byte, (void *)VA, CLASS_DATA, STATUS_TRANSLATION);
    ASSERT_EQ(mmu_map(mmu_kernel, VA, page, PAGE_SIZE, rw), KERN_SUCCESS);
    EXPECT_EQ(*seen, 0x1234);
    *seen = 0x5678;
    EXPECT_EQ(*(uint32_t *)phys_to_virt(page), 0x5678);
    ASSERT_EQ(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    expect_fault(read_byte, (void *)VA, CLASS_DATA, STATUS_TRANSLATION);
    EXPECT_EQ(page_free(page, 0), KERN_SUCCESS);
}

/* QEMU keeps stale translations, so a forgotten flush shows here. */
TEST(remap_shows_the_new_page)
{
    paddr_t first = new_page(), second = new_page();

    *(uint32_t *)phys_to_virt(first) = 1;
    *(uint32_t *)phys_to_virt(second) = 2;
    ASSERT_EQ(mmu_map(mmu_kernel, VA, first, PAGE_SIZE, ro), KERN_SUCCESS);
    EXPECT_EQ(*(volatile uint32_t *)VA, 1);
    ASSERT_EQ(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    ASSERT_EQ(mmu_map(mmu_kernel, VA, second, PAGE_SIZE, ro), KERN_SUCCESS);
    EXPECT_EQ(*(volatile uint32_t *)VA, 2);
    ASSERT_EQ(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    EXPECT_EQ(page_free(first, 0), KERN_SUCCESS);
    EXPECT_EQ(page_free(second, 0), KERN_SUCCESS);
}

TEST(protect_is_obeyed_at_once)
{
    paddr_t page = new_page();
    void *at = (void *)VA;

    *(uint32_t *)phys_to_virt(page) = INSTRUCTION_RET;
    ASSERT_EQ(mmu_map(mmu_kernel, VA, page, PAGE_SIZE, rw), KERN_SUCCESS);
    expect_no_fault(read_byte, at);
    expect_fault(call, at, CLASS_FETCH, STATUS_PERMISSION);
    ASSERT_EQ(mmu_protect(mmu_kernel, VA, PAGE_SIZE, ro), KERN_SUCCESS);
    expect_no_fault(read_byte, at);
    expect_fault(write_byte, at, CLASS_DATA, STATUS_PERMISSION);
    ASSERT_EQ(mmu_protect(mmu_kernel, VA, PAGE_SIZE, rx), KERN_SUCCESS);
    expect_no_fault(call, at);
    expect_fault(write_byte, at, CLASS_DATA, STATUS_PERMISSION);
    ASSERT_EQ(mmu_protect(mmu_kernel, VA, PAGE_SIZE, none), KERN_SUCCESS);
    expect_fault(read_byte, at, CLASS_DATA, STATUS_TRANSLATION);
    ASSERT_EQ(mmu_protect(mmu_kernel, VA, PAGE_SIZE, rw), KERN_SUCCESS);
    expect_no_fault(write_byte, at);
    ASSERT_EQ(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    EXPECT_EQ(page_free(page, 0), KERN_SUCCESS);
}

TEST(writable_and_executable_is_refused)
{
    const struct mmu_attributes rwx = {.access = MMU_READ | MMU_WRITE | MMU_EXECUTE};
    paddr_t page = new_page();

    EXPECT_EQ(mmu_map(mmu_kernel, VA, page, PAGE_SIZE, rwx), KERN_INVALID_ARGUMENT);
    ASSERT_EQ(mmu_map(mmu_kernel, VA, page, PAGE_SIZE, rx), KERN_SUCCESS);
    EXPECT_EQ(mmu_protect(mmu_kernel, VA, PAGE_SIZE, rwx), KERN_INVALID_ARGUMENT);
    expect_fault(write_byte, (void *)VA, CLASS_DATA, STATUS_PERMISSION);
    ASSERT_EQ(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    EXPECT_EQ(page_free(page, 0), KERN_SUCCESS);
}

TEST(blocks_are_split_where_needed)
{
    struct page_request request = {
        .count = MIB2 / PAGE_SIZE, .alignment = MIB2, .owner = PAGE_OWNER_IMAGE, .zero = true};
    const vaddr_t va = MMU_KERNEL_VA_BASE + MIB2;
    struct mmu_translation at;
    paddr_t block;

    ASSERT_EQ(page_alloc_run(&request, &block), KERN_SUCCESS);
    ASSERT_EQ(mmu_map(mmu_kernel, va, block, MIB2, rw), KERN_SUCCESS);
    ASSERT_TRUE(mmu_translate(mmu_kernel, va + 5, &at));
    EXPECT_EQ(at.contiguous, MIB2 - 5);
    expect_no_fault(write_byte, (void *)(va + 3 * PAGE_SIZE)); /* the block is in the TLB */
    ASSERT_EQ(mmu_unmap(mmu_kernel, va + 3 * PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    expect_fault(read_byte, (void *)(va + 3 * PAGE_SIZE), CLASS_DATA, STATUS_TRANSLATION);
    expect_no_fault(write_byte, (void *)(va + 4 * PAGE_SIZE));
    EXPECT_EQ(*((char *)phys_to_virt(block) + 4 * PAGE_SIZE), 1);
    ASSERT_EQ(mmu_unmap(mmu_kernel, va, 3 * PAGE_SIZE), KERN_SUCCESS);
    ASSERT_EQ(mmu_unmap(mmu_kernel, va + 4 * PAGE_SIZE, MIB2 - 4 * PAGE_SIZE), KERN_SUCCESS);
    EXPECT_EQ(page_free_run(block, request.count), KERN_SUCCESS);
}

TEST(spaces_are_apart)
{
    const vaddr_t va = 0x400000;
    struct mmu_space *spaces[2];
    paddr_t pages[2];

    for (unsigned i = 0; i < 2; i++) {
        pages[i] = new_page();
        *(uint32_t *)phys_to_virt(pages[i]) = 100 + i;
        ASSERT_EQ(mmu_space_create(&spaces[i]), KERN_SUCCESS);
        ASSERT_EQ(mmu_map(spaces[i], va, pages[i], PAGE_SIZE, rw), KERN_SUCCESS);
    }
    for (unsigned round = 0; round < 10; round++) {
        mmu_space_activate(spaces[round % 2]);
        EXPECT_EQ(*(volatile uint32_t *)va, 100 + round % 2);
    }
    mmu_space_activate(NULL);
    expect_fault(read_byte, (void *)va, CLASS_DATA, STATUS_TRANSLATION);
    mmu_space_activate(spaces[0]);
    ASSERT_EQ(mmu_unmap(spaces[0], va, PAGE_SIZE), KERN_SUCCESS);
    expect_fault(read_byte, (void *)va, CLASS_DATA, STATUS_TRANSLATION);
    for (unsigned i = 0; i < 2; i++) {
        mmu_space_destroy(spaces[i]); /* the first while active, the second with a mapping */
        EXPECT_EQ(page_free(pages[i], 0), KERN_SUCCESS);
    }
}

TEST(devices_are_mapped_once_and_ram_never)
{
    volatile uint32_t *uart = mmu_map_device(paddr(UART0), 0x1000);
    struct mmu_translation at;

    ASSERT_NE(uart, NULL);
    EXPECT_EQ(uart[0xfe0 / 4], 0x11); /* PL011 PeriphID0 */
    EXPECT_EQ(mmu_map_device(paddr(UART0 + 0x18), 4), (volatile char *)uart + 0x18);
    ASSERT_TRUE(mmu_translate(mmu_kernel, (vaddr_t)uart, &at));
    EXPECT_EQ(at.attributes.memory, MMU_DEVICE);
    EXPECT_EQ(at.attributes.access, MMU_READ | MMU_WRITE);
    expect_fault(call, (void *)(uintptr_t)uart, CLASS_FETCH, STATUS_PERMISSION);
    EXPECT_EQ(mmu_map_device(virt_to_phys(__image_start), 0x1000), NULL);
    EXPECT_EQ(mmu_map_device(paddr(UART0), 0), NULL);
    EXPECT_EQ(mmu_map_device(paddr(UART0), UINT64_MAX), NULL);
    EXPECT_EQ(mmu_map_device(paddr(DIRECT_MAP_SIZE), 0x1000), NULL);
    /* As far as RAM begins, and as the direct map goes, and no byte farther. */
    EXPECT_EQ(mmu_map_device(paddr(RAM - 0x1000), 0x1001), NULL);
    EXPECT_NE(mmu_map_device(paddr(RAM - 0x1000), 0x1000), NULL);
    EXPECT_EQ(mmu_map_device(paddr(DIRECT_MAP_SIZE - 0x1000), 0x1001), NULL);
    EXPECT_NE(mmu_map_device(paddr(DIRECT_MAP_SIZE - 0x1000), 0x1000), NULL);
    TEST_KEEPS("page tables for registers stay");
}

TEST(memory_types_are_what_was_asked_for)
{
    paddr_t page = new_page();

    for (unsigned type = MMU_NORMAL; type <= MMU_DEVICE_GRE; type++) {
        struct mmu_attributes attributes = {.access = MMU_READ | MMU_WRITE, .memory = type};
        static const uint8_t mair[] = {0xff, 0xbb, 0x44, 0x00, 0x04, 0x08, 0x0c};
        uint64_t par;

        ASSERT_EQ(mmu_map(mmu_kernel, VA, page, PAGE_SIZE, attributes), KERN_SUCCESS);
        __asm__ volatile("at s1e1r, %1\n\tisb\n\tmrs %0, par_el1" : "=r"(par) : "r"(VA));
        EXPECT_EQ(par & 1, 0);
        EXPECT_EQ(par >> 56, mair[type]);
        EXPECT_EQ(par & 0xfffffffff000, page.value);
        ASSERT_EQ(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    }
    EXPECT_EQ(page_free(page, 0), KERN_SUCCESS);
}
