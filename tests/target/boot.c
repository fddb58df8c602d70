/* SPDX-License-Identifier: BSD-2-Clause */
/* What reset leaves behind: the exception level, the maps and their permissions. */
#include <libfdt.h>
#include <string.h>

#include "boot/boot_info.h"
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/exception.h"
#include "kernel/fault.h"
#include "kernel/mmu.h"
#include "tests/harness/harness.h"

#define SCTLR_M   (1UL << 0)
#define SCTLR_C   (1UL << 2)
#define SCTLR_I   (1UL << 12)
#define SCTLR_WXN (1UL << 19)

extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[];
extern char __bss_start[], __bss_end[], __image_start[], __ram_start[];
extern char __stack_guard[], __stack_bottom[], __stack_top[];
extern char __emergency_stack_guard[], __emergency_stack_bottom[], __emergency_stack_top[];
extern char __last_stack_guard[], __last_stack_bottom[], __last_stack_top[];

/* Where code could be: an instruction lies at a multiple of its size. */
static char bss[3 * 4096] __attribute__((aligned(4)));
static char data[64] __attribute__((aligned(4))) = "data";
static const char rodata[64] __attribute__((aligned(4))) = "rodata";

static void read_byte(void *address)
{
    (void)*(volatile char *)address;
}

static void write_byte(void *address)
{
    *(volatile char *)address = 'x';
}

static void call(void *address)
{
    ((void (*)(void))address)();
}

/* The last byte before one of the linker's symbols. */
static const char *last_before(const char *end)
{
    return (const char *)((uintptr_t)end - 1);
}

/* The access must fault on exactly this address, with this class and kind of abort. */
static void expect_abort(void (*access)(void *), const void *address, unsigned class,
                         unsigned status)
{
    struct fault_record fault = {0};

    EXPECT_TRUE(fault_expect(access, (void *)(uintptr_t)address, &fault));
    EXPECT_EQ(ESR_CLASS(fault.esr), class);
    EXPECT_EQ(ESR_ABORT_STATUS(fault.esr) & ~3u, status);
    EXPECT_EQ(fault.far, (uint64_t)address);
    if (class == ESR_CLASS_DATA_ABORT) {
        EXPECT_EQ(ESR_ABORT_WRITE(fault.esr), access == write_byte);
    }
}

/*
 * QEMU plays the firmware one level above us and says so in the device tree: it
 * answers SMC to an EL2 start, HVC to an EL1 start, and nobody to an EL3 start.
 */
TEST(entry_level_is_the_one_below_the_firmware)
{
    int psci = devicetree_next_compatible(-1, "arm,psci-0.2");
    unsigned expected = 3;

    if (psci >= 0) {
        const char *method = fdt_getprop(devicetree(), psci, "method", NULL);
        expected = strcmp(method, "smc") == 0 ? 2 : 1;
    }
    TEST_NOTE("entered at EL%u", boot_info.entry_level);
    EXPECT_EQ(boot_info.entry_level, expected);
}

TEST(runs_at_el1_with_mmu_and_caches)
{
    uint64_t wanted = SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_WXN;

    EXPECT_EQ(cpu_read_sysreg(currentel) >> 2, 1);
    EXPECT_EQ(cpu_read_sysreg(spsel), 1);
    EXPECT_EQ(cpu_read_sysreg(sctlr_el1) & wanted, wanted);
}

TEST(exceptions_are_unmasked)
{
    EXPECT_EQ(cpu_read_sysreg(daif) >> 6 & 7, 0); /* F, I, A */
}

TEST(bss_is_zero)
{
    for (size_t i = 0; i < sizeof(bss); i++) {
        ASSERT_EQ(bss[i], 0);
    }
}

TEST(text_cannot_be_written)
{
    expect_abort(write_byte, (void *)call, ESR_CLASS_DATA_ABORT, ESR_ABORT_PERMISSION);
    expect_abort(write_byte, __text_start, ESR_CLASS_DATA_ABORT, ESR_ABORT_PERMISSION);
    expect_abort(write_byte, last_before(__text_end), ESR_CLASS_DATA_ABORT, ESR_ABORT_PERMISSION);
}

TEST(rodata_cannot_be_written)
{
    expect_abort(write_byte, rodata, ESR_CLASS_DATA_ABORT, ESR_ABORT_PERMISSION);
    expect_abort(write_byte, __rodata_start, ESR_CLASS_DATA_ABORT, ESR_ABORT_PERMISSION);
    expect_abort(write_byte, last_before(__rodata_end), ESR_CLASS_DATA_ABORT, ESR_ABORT_PERMISSION);
    EXPECT_STR_EQ(rodata, "rodata");
}

TEST(data_cannot_be_executed)
{
    char on_stack[64];

    expect_abort(call, rodata, ESR_CLASS_FETCH_ABORT, ESR_ABORT_PERMISSION);
    expect_abort(call, data, ESR_CLASS_FETCH_ABORT, ESR_ABORT_PERMISSION);
    expect_abort(call, bss, ESR_CLASS_FETCH_ABORT, ESR_ABORT_PERMISSION);
    expect_abort(call, (void *)((uintptr_t)on_stack & ~3UL), ESR_CLASS_FETCH_ABORT,
                 ESR_ABORT_PERMISSION);
}

TEST(null_cannot_be_reached)
{
    const char *null_page = NULL;

    expect_abort(read_byte, null_page, ESR_CLASS_DATA_ABORT, ESR_ABORT_TRANSLATION);
    expect_abort(write_byte, null_page, ESR_CLASS_DATA_ABORT, ESR_ABORT_TRANSLATION);
    expect_abort(call, null_page, ESR_CLASS_FETCH_ABORT, ESR_ABORT_TRANSLATION);
    expect_abort(write_byte, null_page + 4095, ESR_CLASS_DATA_ABORT, ESR_ABORT_TRANSLATION);
}

TEST(identity_map_is_gone)
{
    const char *physical = (const char *)virt_to_phys(__image_start).value;

    expect_abort(read_byte, physical, ESR_CLASS_DATA_ABORT, ESR_ABORT_TRANSLATION);
    expect_abort(call, physical, ESR_CLASS_FETCH_ABORT, ESR_ABORT_TRANSLATION);
}

TEST(guard_pages_are_unmapped)
{
    expect_abort(write_byte, last_before(__stack_bottom), ESR_CLASS_DATA_ABORT,
                 ESR_ABORT_TRANSLATION);
    expect_abort(read_byte, __stack_guard, ESR_CLASS_DATA_ABORT, ESR_ABORT_TRANSLATION);
    expect_abort(write_byte, last_before(__emergency_stack_bottom), ESR_CLASS_DATA_ABORT,
                 ESR_ABORT_TRANSLATION);
    expect_abort(read_byte, __emergency_stack_guard, ESR_CLASS_DATA_ABORT, ESR_ABORT_TRANSLATION);
    expect_abort(write_byte, last_before(__last_stack_bottom), ESR_CLASS_DATA_ABORT,
                 ESR_ABORT_TRANSLATION);
    expect_abort(read_byte, __last_stack_guard, ESR_CLASS_DATA_ABORT, ESR_ABORT_TRANSLATION);
}

static void expect_access(const char *start, const char *end, unsigned access)
{
    for (const char *page = start; page < end; page += PAGE_SIZE) {
        struct mmu_translation found;

        ASSERT_TRUE(mmu_translate(mmu_kernel, (vaddr_t)page, &found));
        ASSERT_EQ(found.pa.value, virt_to_phys(page).value);
        ASSERT_EQ(found.attributes.access, access);
        ASSERT_EQ(found.attributes.memory, MMU_NORMAL);
    }
}

/* The tables say it of every page, which the faults above sample. */
TEST(image_has_its_final_permissions)
{
    expect_access(__text_start, __text_end, MMU_READ | MMU_EXECUTE);
    expect_access(__rodata_start, __rodata_end, MMU_READ);
    expect_access(__data_start, __bss_end, MMU_READ | MMU_WRITE);
    expect_access(__emergency_stack_bottom, __emergency_stack_top, MMU_READ | MMU_WRITE);
    expect_access(__last_stack_bottom, __last_stack_top, MMU_READ | MMU_WRITE);
    expect_access(__stack_bottom, __stack_top, MMU_READ | MMU_WRITE);
}

TEST(devicetree_is_whole_and_read_only)
{
    const char *blob = phys_to_virt(paddr(boot_info.devicetree));
    uint32_t size = fdt_totalsize(blob);

    ASSERT_EQ(fdt_check_header(blob), 0);
    read_byte((void *)(uintptr_t)(blob + size - 1));
    expect_abort(write_byte, blob, ESR_CLASS_DATA_ABORT, ESR_ABORT_PERMISSION);
    expect_abort(write_byte, blob + size - 1, ESR_CLASS_DATA_ABORT, ESR_ABORT_PERMISSION);
}

TEST(floating_point_works)
{
    volatile double two = 2.0;

    EXPECT_TRUE(two * 1.5 == 3.0);
}
