/* SPDX-License-Identifier: BSD-2-Clause */
/* The first C code: it runs at the load address, with the MMU and the caches off. */
#include "boot/boot_info.h"
#include "boot/early.h"

#define PFR0_GIC(id) ((id) >> 24 & 0xf)

/* In .data: .bss is cleared after this is written. */
struct boot_info boot_info __attribute__((section(".data.boot_info")));

int early_has_gic_v3(uint64_t entry_x0)
{
    uint32_t size;
    const uint64_t tree = early_devicetree(entry_x0, &size);
    uint64_t pfr0;

    __asm__("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
    return PFR0_GIC(pfr0) != 0 && early_devicetree_names(tree, size, "arm,gic-v3");
}

void early_start(uint64_t entry_x0, unsigned entry_level, struct early_mmu_registers *registers)
{
    uint32_t size;
    const uint64_t devicetree = early_devicetree(entry_x0, &size);

    /* Also without a tree: only the kernel, with its consoles, can say that one is missing. */
    early_mmu_build(devicetree, size, registers);

    boot_info.entry_level = entry_level;
    boot_info.devicetree = devicetree;
    boot_info.kernel_root_table = registers->root;
    boot_info.empty_root_table = registers->empty;
    /* Written past the cache; the kernel reads it through the cache. */
    early_invalidate(&boot_info, &boot_info + 1);
}
