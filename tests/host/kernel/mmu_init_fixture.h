/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of what start-up maps: machines of any banks, each of which is started in a process of
 * its own, since early tables are used once.
 */
#ifndef TESTS_HOST_KERNEL_MMU_INIT_FIXTURE_H
#define TESTS_HOST_KERNEL_MMU_INIT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot/boot_info.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/mmu/mmu_private.h"
#include "kernel/startup.h"

#define MIB2    LEVEL_SPAN(2)
#define GIB     LEVEL_SPAN(1)
#define RAM     0x40000000ull
#define NOWHERE (32ull << 40) /* where no bank is */

/*
 * The image: where this program has it, of three pages less some bytes at both ends; and memory
 * around it that a bank may be made of.
 */
#define HOME_SIZE (24 * MIB2 / 2)

char home[HOME_SIZE] __attribute__((aligned(PAGE_SIZE)));
__asm__(".globl __image_start, __image_end\n"
        ".set __image_start, home + 1024 * 1024 + 64\n"
        ".set __image_end, __image_start + 3 * 4096 - 100");
extern char __image_start[], __image_end[];

static struct devicetree_machine machine;

const struct devicetree_machine *devicetree_machine(void)
{
    return &machine;
}

/* In a process that another one waits for, so an assertion of cmocka's would be lost. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static inline void in_a_process(void (*start_up)(void))
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0) {
        start_up();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static inline uint64_t image_first(void)
{
    return virt_to_phys(__image_start).value & ~PAGE_MASK;
}

static inline uint64_t image_end(void)
{
    return (virt_to_phys(__image_end).value + PAGE_MASK) & ~PAGE_MASK;
}

static inline void add_bank(uint64_t base, uint64_t size)
{
    machine.memory[machine.memory_count++] = (struct devicetree_range){paddr(base), size};
}

static inline void reserve(uint64_t base, uint64_t size, bool no_map)
{
    machine.no_map[machine.reserved_count] = no_map;
    machine.reserved[machine.reserved_count++] = (struct devicetree_range){paddr(base), size};
}

static inline bool is_mapped(uint64_t pa)
{
    struct mmu_translation at;

    if (!mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(pa)), &at)) {
        return false;
    }
    EXPECT(at.pa.value == pa);
    EXPECT(at.attributes.access == (MMU_READ | MMU_WRITE));
    EXPECT(at.attributes.memory == MMU_NORMAL);
    return true;
}

/* All of it or nothing of it. */
static inline void expect_mapped(uint64_t from, uint64_t to, bool mapped)
{
    for (uint64_t pa = from & ~PAGE_MASK; pa < to; pa += PAGE_SIZE) {
        EXPECT(is_mapped(pa) == mapped);
    }
}

/* Who looks for an empty table asks the entry that leads there, of boot's memory as of others. */
static inline unsigned expect_counted(paddr_t table, unsigned level)
{
    const pte_t *const entries = phys_to_virt(table);
    unsigned used = 0;

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (pte_is_table(entries[i], level)) {
            EXPECT(expect_counted(pte_address(entries[i]), level + 1) * PTE_COUNT_ONE ==
                   (entries[i] & PTE_COUNT));
        }
        used += entries[i] != 0;
    }
    return used;
}

static struct devicetree_range behind = {{NOWHERE}, GIB}; /* the last bank */

static inline void start(void)
{
    static uint64_t root[TABLE_ENTRIES] __attribute__((aligned(PAGE_SIZE)));

    /* What stands behind the last entry of a list is none of it. */
    if (machine.memory_count < DEVICETREE_MEMORY_MAX) {
        machine.memory[machine.memory_count] = behind;
    }
    if (machine.reserved_count < DEVICETREE_RESERVED_MAX) {
        machine.no_map[machine.reserved_count] = true;
        machine.reserved[machine.reserved_count] = (struct devicetree_range){paddr(0), NOWHERE};
    }
    boot_info.kernel_root_table = virt_to_phys(root).value;
    mmu_init();
    EXPECT(mmu_kernel->root.value == boot_info.kernel_root_table);
    EXPECT(!is_mapped(NOWHERE));
    expect_counted(mmu_kernel->root, 0);
}

#endif
