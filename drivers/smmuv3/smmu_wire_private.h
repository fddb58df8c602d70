/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What software and an SMMUv3 share: registers, and the structures that it reads from
 * memory (Arm System Memory Management Unit Architecture Specification, version 3:
 * chapters 3 to 7). Little-endian 64-bit words.
 */
#ifndef DRIVERS_SMMUV3_SMMU_WIRE_PRIVATE_H
#define DRIVERS_SMMUV3_SMMU_WIRE_PRIVATE_H

#include "kernel/types.h"

/* --- Registers (6.3), two pages of 64 KiB ----------------------------------------------------- */

#define SMMU_REGISTERS_SIZE 0x20000u

#define SMMU_IDR0               0x00
#define IDR0_STAGE1             (1u << 1)
#define IDR0_TABLES(idr0)       ((idr0) >> 2 & 3) /* bit 1: AArch64's */
#define IDR0_COHERENT           (1u << 4)         /* its walks and queues snoop */
#define IDR0_ASID16             (1u << 12)
#define IDR0_STALL_ALWAYS       2u
#define IDR0_STALL_MODEL(idr0)  ((idr0) >> 24 & 3)
#define IDR0_TWO_LEVELS         (1u << 27)
#define SMMU_IDR1               0x04
#define IDR1_STREAM_BITS(idr1)  ((idr1)&0x3f)
#define IDR1_EVENT_LOG2(idr1)   ((idr1) >> 16 & 0x1f)
#define IDR1_COMMAND_LOG2(idr1) ((idr1) >> 21 & 0x1f)
#define IDR1_PRESET             (3u << 29) /* tables or queues at fixed addresses */
#define SMMU_IDR3               0x0c
#define IDR3_RANGES             (1u << 10)         /* invalidation of ranges */
#define IDR3_BREAK_LEVEL(idr3)  ((idr3) >> 11 & 3) /* 2: a block may become a table in one store */
#define SMMU_IDR5               0x14
#define IDR5_OUTPUT_SIZE(idr5)  ((idr5)&7)
#define IDR5_GRANULE_4K         (1u << 4)
#define SMMU_CR0                0x20
#define SMMU_CR0ACK             0x24
#define CR0_ENABLE              (1u << 0)
#define CR0_EVENTS              (1u << 2)
#define CR0_COMMANDS            (1u << 3)
#define SMMU_CR1                0x28
#define CR1_CACHEABLE           0xd75u /* tables and queues: inner shareable, write-back */
#define SMMU_CR2                0x2c
#define CR2_RECORD_BAD_STREAM   (1u << 1) /* RECINVSID: a stream beyond the table is an event */
#define SMMU_IRQ_CTRL           0x50
#define SMMU_IRQ_CTRLACK        0x54
#define IRQ_CTRL_ERRORS         (1u << 0)
#define IRQ_CTRL_EVENTS         (1u << 2)
#define SMMU_GERROR             0x60
#define SMMU_GERRORN            0x64
#define GERROR_COMMANDS         (1u << 0) /* a command was not understood */
#define GERROR_EVENTS_ABORTED   (1u << 2) /* events did not reach the queue */
#define GERROR_DEFINED          0x1fdu
#define SMMU_STRTAB_BASE        0x80
#define SMMU_STRTAB_BASE_CFG    0x88
#define STRTAB_TWO_LEVELS       (1u << 16)
#define STRTAB_SPLIT(bits)      ((uint32_t)(bits) << 6)
#define SMMU_CMDQ_BASE          0x90
#define SMMU_CMDQ_PROD          0x98
#define SMMU_CMDQ_CONS          0x9c
#define CMDQ_CONS_INDEX         0x000fffffu
#define CMDQ_CONS_ERROR(cons)   ((cons) >> 24 & 0x7f)
#define SMMU_EVENTQ_BASE        0xa0
#define SMMU_EVENTQ_PROD        0x100a8
#define SMMU_EVENTQ_CONS        0x100ac
#define EVENTQ_OVERFLOW         (1u << 31)
#define BASE_ALLOCATES          (1ull << 62) /* reads, or writes, allocate in caches */

/* --- Stream table entry (5.2), 64 bytes --------------------------------------------------------
 */

#define STE_BYTES       64u
#define STE_WORDS       8u
#define STE_VALID       (1ull << 0)
#define STE_STAGE1      (5ull << 1)
#define STE_CONTEXT     0x000fffffffffffc0ull
#define STE_CACHEABLE   (1ull << 2 | 1ull << 4 | 3ull << 6) /* word 1: how the context is read */
#define STE_SHARED      (1ull << 44) /* word 1: the device's own idea of shareability */
#define STREAM_L1_SPAN  0x1full      /* first level: log2(entries) + 1; 0: no table */
#define STREAM_L1_TABLE 0x000fffffffffffc0ull

/* --- Context descriptor (5.4), 64 bytes --------------------------------------------------------
 */

#define CD_BYTES        64u
#define CD_WORDS        8u
#define CD_INPUT(bits)  (uint64_t)(64 - (bits))
#define CD_CACHEABLE    (1ull << 8 | 1ull << 10 | 3ull << 12)
#define CD_NO_TABLE1    (1ull << 30)
#define CD_VALID        (1ull << 31)
#define CD_OUTPUT(code) ((uint64_t)(code) << 32)
#define CD_AARCH64      (1ull << 41)
#define CD_RECORD       (1ull << 45)
#define CD_ABORT        (1ull << 46)
#define CD_ASID_OWN     (1ull << 47) /* not shared with the CPU's address spaces */
#define CD_ASID(asid)   ((uint64_t)(asid) << 48)

/* Memory types, by their place in word 3. */
#define CD_MEMORY        (0xffull | 0x04ull << 8 | 0x44ull << 16)
#define MEMORY_NORMAL    0u
#define MEMORY_REGISTERS 1u /* Device-nGnRE */
#define MEMORY_UNCACHED  2u

/* --- Commands (4.3 to 4.7), 16 bytes -----------------------------------------------------------
 */

struct smmu_command {
    uint64_t words[2];
};

#define COMMAND_CFGI_STE     0x03u
#define COMMAND_CFGI_ALL     0x04u
#define COMMAND_CFGI_CD      0x05u
#define COMMAND_TLBI_NH_ASID 0x11u
#define COMMAND_TLBI_NH_VA   0x12u
#define COMMAND_TLBI_ALL     0x30u /* TLBI_NSNH_ALL */
#define COMMAND_SYNC         0x46u
#define COMMAND_STREAM(sid)  ((uint64_t)(sid) << 32)
#define COMMAND_ASID(asid)   ((uint64_t)(asid) << 48)
#define COMMAND_LEAF         1ull  /* second word */
#define CFGI_ALL_STREAMS     31ull /* second word */
#define TLBI_NUMBER(number)  ((uint64_t)(number) << 12)
#define TLBI_SCALE(scale)    ((uint64_t)(scale) << 20)
#define TLBI_LEVEL(level)    ((uint64_t)(level) << 8) /* second word; 0: any */
#define TLBI_GRANULE_4K      (1ull << 10)             /* second word: a range */

/* --- Events (7.3), 32 bytes --------------------------------------------------------------------
 */

struct smmu_event {
    uint64_t words[4];
};

#define EVENT_TYPE(event)    ((unsigned)((event)->words[0] & 0xff))
#define EVENT_STREAM(event)  ((uint32_t)((event)->words[0] >> 32))
#define EVENT_IS_READ(event) (((event)->words[1] >> 35 & 1) != 0)
#define EVENT_ADDRESS(event) ((event)->words[2])

#define EVENT_BAD_STREAM   0x02u
#define EVENT_BAD_STE      0x04u
#define EVENT_BAD_CONTEXT  0x0au
#define EVENT_WALK_ABORT   0x0bu
#define EVENT_TRANSLATION  0x10u
#define EVENT_ADDRESS_SIZE 0x11u
#define EVENT_ACCESS       0x12u
#define EVENT_PERMISSION   0x13u

/* --- Translation tables: AArch64's, 4 KiB granule --------------------------------------------- */

#define ENTRY_VALID        (1ull << 0)
#define ENTRY_TABLE        (1ull << 1) /* above the last level; there: set in each page */
#define ENTRY_MEMORY(type) ((uint64_t)(type) << 2)
#define ENTRY_UNPRIVILEGED (1ull << 6)
#define ENTRY_READ_ONLY    (1ull << 7)
#define ENTRY_SHARED       (3ull << 8)
#define ENTRY_ACCESSED     (1ull << 10)
#define ENTRY_NO_EXECUTE   (3ull << 53)
#define ENTRY_ADDRESS      0x0000fffffffff000ull

#endif
