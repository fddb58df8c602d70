/* SPDX-License-Identifier: BSD-2-Clause */
/* The first C code: it runs at the load address, with the MMU and the caches off. */
#include "boot/boot_info.h"
#include "boot/early.h"

/* Flattened device tree header (Devicetree Specification, 5.2): big-endian words. */
#define FDT_MAGIC    0xd00dfeedu
#define FDT_SIZE_MAX 0x200000u /* as the arm64 boot protocol allows */

extern char __ram_start[];

/* In .data: .bss is cleared after this is written. */
struct boot_info boot_info __attribute__((section(".data.boot_info")));

/* Bytes of the device tree at this address; 0 if there is none. */
static uint32_t devicetree_size(uint64_t address)
{
    /*
     * Aligned by the specification, and checked before it is read: with the MMU off memory is
     * Device, and a misaligned access faults.
     */
    const uint32_t *header = (const uint32_t *)address;

    if (address == 0 || address % 8 != 0 || __builtin_bswap32(header[0]) != FDT_MAGIC) {
        return 0;
    }
    uint32_t size = __builtin_bswap32(header[1]);
    /*
     * The header's word decides how much is mapped: bounded, or a wrong one would use up the
     * tables.
     */
    return size <= FDT_SIZE_MAX ? size : 0;
}

void early_start(uint64_t entry_x0, unsigned entry_level, struct early_mmu_registers *registers)
{
    uint64_t devicetree = entry_x0;
    uint32_t size = devicetree_size(devicetree);

    if (size == 0) {
        /* An ELF start says nothing, but QEMU leaves the tree at the base of RAM. */
        devicetree = (uint64_t)__ram_start;
        size = devicetree_size(devicetree);
    }
    /* Also without a tree: only the kernel, with its consoles, can say that one is missing. */
    early_mmu_build(devicetree, size, registers);

    boot_info.entry_level = entry_level;
    boot_info.devicetree = size != 0 ? devicetree : 0;
    boot_info.kernel_root_table = registers->root;
    boot_info.empty_root_table = registers->empty;
}
