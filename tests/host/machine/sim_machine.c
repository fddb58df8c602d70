/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated machine: RAM, tables, TLB and cache, put together. */
#include "tests/host/machine/sim_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot_info.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/mmu/mmu_private.h"
#include "kernel/page.h"
#include "kernel/startup.h"
#include "tests/host/machine/vm_check.h"
#include "tests/host/sim/sim_tlb.h"

/* What the target gets from the linker and from the device tree. */
char __image_start[1], __image_end[1];

uint64_t sim_faults;

/* Weak: where a test has a device tree too, it is the reader of that who knows the machine. */
__attribute__((weak)) const struct devicetree_machine *devicetree_machine(void)
{
    static struct devicetree_machine machine;

    return &machine;
}

void sim_set_notes_stores(bool on)
{
    sim_tlb_notes_stores = on;
    mmu_dirty_init();
}

/* As a device tree would have said. */
static void set_memory(const struct page_range *bank)
{
    struct devicetree_machine *const machine = (struct devicetree_machine *)devicetree_machine();

    machine->memory[0] = (struct devicetree_range){paddr(bank->base), bank->size};
    machine->memory_count = 1;
}

void sim_machine_start(uint64_t ram_bytes)
{
    const struct page_range bank = {SIM_RAM_BASE, ram_bytes};

    sim_ram_attach(&bank, 1);
    if (!page_setup(&bank, 1, NULL, 0)) {
        abort();
    }
    set_memory(&bank);
    sim_tlb_reset();
    boot_info.kernel_root_table = mmu_kernel->root.value;
    mmu_init();
    task_init();
}

void sim_machine_stop(void)
{
    sim_ram_detach();
}

/* The CPU notes a store in the descriptor (FEAT_HAFDBS). */
static void note_store(struct mmu_space *space, vaddr_t va)
{
    struct mmu_path path;

    mmu_walk(space, va, LEAF_LEVEL, &path);
    *path.entry[path.level] &= ~DESCRIPTOR_READ_ONLY;
}

/* The byte in simulated RAM, after as many faults as it takes. */
static kern_return_t reach(struct vm_map *map, vaddr_t va, unsigned access, uint8_t **byte)
{
    struct mmu_space *space = vm_map_space(map);

    if (map != kernel_map) {
        mmu_space_activate(space);
    }
    for (int tries = 0; tries < 4; tries++) {
        struct mmu_translation to;
        kern_return_t status;

        if (sim_tlb_access(va, &to) && (to.attributes.access & access) != 0) {
            if ((access & MMU_WRITE) != 0 && (to.attributes.access & MMU_CLEAN) != 0) {
                note_store(space, va);
            }
            *byte = (uint8_t *)phys_to_virt(to.pa) + (va & PAGE_MASK);
            return KERN_SUCCESS;
        }
        sim_faults++;
        status = vm_fault(map, va, access);
        if (status != KERN_SUCCESS) {
            return status;
        }
    }
    abort(); /* resolved again and again: a hang on the target */
}

kern_return_t sim_load(struct vm_map *map, vaddr_t va, uint8_t *byte)
{
    uint8_t *at;
    kern_return_t status = reach(map, va, MMU_READ, &at);

    if (status == KERN_SUCCESS) {
        *byte = *at;
    }
    return status;
}

kern_return_t sim_store(struct vm_map *map, vaddr_t va, uint8_t byte)
{
    uint8_t *at;
    kern_return_t status = reach(map, va, MMU_WRITE, &at);

    if (status == KERN_SUCCESS) {
        *at = byte;
    }
    return status;
}

static void report(const char *what, uint64_t was, uint64_t is)
{
    fprintf(stderr, "# held: %llu %s before, %llu now\n", (unsigned long long)was, what,
            (unsigned long long)is);
}

bool sim_holds(const struct holdings *before)
{
    const struct holdings now = holdings_now();

    vm_check_objects();
    vm_check_map(kernel_map);
    return holdings_are_same(before, &now, report);
}
