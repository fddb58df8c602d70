/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The EL1&0 stage 1 translation regime as this project uses it: memory types,
 * descriptor bits (Arm ARM, D8.3) and the shape of the address space. 4 KiB
 * granule, 48-bit addresses, four levels of 512 entries.
 */
#ifndef BOOT_TRANSLATION_H
#define BOOT_TRANSLATION_H

#include <stdint.h>

/* Kernel addresses are TRANSLATION_DIRECT_MAP + physical address, as the image is linked. */
#define TRANSLATION_DIRECT_MAP 0xffff000000000000UL

/* MAIR_EL1 attribute indices, in the order of the kernel's enum mmu_memory. */
#define MAIR_INDEX_NORMAL        0
#define MAIR_INDEX_WRITE_THROUGH 1
#define MAIR_INDEX_NONCACHED     2
#define MAIR_INDEX_DEVICE        3
#define MAIR_INDEX_DEVICE_NGNRE  4
#define MAIR_INDEX_DEVICE_NGRE   5
#define MAIR_INDEX_DEVICE_GRE    6

#define MAIR_BYTE(index, value) ((uint64_t)(value) << (8 * (index)))
#define MAIR_VALUE                                                                                 \
    (MAIR_BYTE(MAIR_INDEX_NORMAL, 0xff) | MAIR_BYTE(MAIR_INDEX_WRITE_THROUGH, 0xbb) |              \
     MAIR_BYTE(MAIR_INDEX_NONCACHED, 0x44) | MAIR_BYTE(MAIR_INDEX_DEVICE, 0x00) |                  \
     MAIR_BYTE(MAIR_INDEX_DEVICE_NGNRE, 0x04) | MAIR_BYTE(MAIR_INDEX_DEVICE_NGRE, 0x08) |          \
     MAIR_BYTE(MAIR_INDEX_DEVICE_GRE, 0x0c))

/* Levels 0 to 3: how many address bits an entry spans, and which entry an address selects. */
#define TABLE_ENTRIES          512
#define LEVEL_SHIFT(level)     (39 - 9 * (level))
#define LEVEL_SPAN(level)      (1UL << LEVEL_SHIFT(level))
#define LEVEL_INDEX(va, level) (((va) >> LEVEL_SHIFT(level)) % TABLE_ENTRIES)

/* Descriptors. */
#define DESCRIPTOR_VALID          (1UL << 0)
#define DESCRIPTOR_TABLE          (1UL << 1) /* levels 0 to 2: a table, not a block */
#define DESCRIPTOR_PAGE           (1UL << 1) /* level 3: always set */
#define DESCRIPTOR_MEMORY(index)  ((uint64_t)(index) << 2)
#define DESCRIPTOR_READ_ONLY      (1UL << 7) /* AP[2] */
#define DESCRIPTOR_SHAREABLE      (3UL << 8) /* inner shareable */
#define DESCRIPTOR_ACCESSED       (1UL << 10)
#define DESCRIPTOR_NOT_GLOBAL     (1UL << 11)
#define DESCRIPTOR_DIRTY_MODIFIER (1UL << 51) /* a store clears DESCRIPTOR_READ_ONLY (HAFDBS) */
#define DESCRIPTOR_PXN            (1UL << 53) /* never executed at EL1 */
#define DESCRIPTOR_UXN            (1UL << 54) /* never executed at EL0 */
#define DESCRIPTOR_ADDRESS        0x0000fffffffff000UL

#endif
