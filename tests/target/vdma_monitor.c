/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/* The monitor beneath an image: is the device where it shall be, and nobody in its way? */
#include "boot/boot_info.h"
#include "drivers/virtio/blk.h"
#include "kernel/fault.h"
#include "kernel/init.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/target/disk.h"

#define SECTORS     8192
#define SLOT_SIZE   0x200ull
#define SLOTS       8
#define MMIO_MAGIC  0x000
#define MMIO_OFFER  0x010 /* which half of it: the register behind it */
#define MMIO_MOST   0x108 /* of the configuration: 32 bits, all of them ones */
#define MMIO_DEVICE 0x008
#define MMIO_VENDOR 0x00c
#define MAGIC       0x74726976u /* "virt" */
#define VENDOR      0x414d4456u /* "VDMA" */
#define QEMU_VENDOR 0x554d4551u

VDMA_MONITOR(SECTORS);

/* As a disk, and before any test looks at what is held. */
static struct virtio_blk *disk;

static void ask_for_it(void)
{
    disk = virtio_blk_of_vdma();
}

INITIALISER(INIT_CLASS, ask_for_it);

/* Entered at EL1 there is no monitor, and nothing to test but that it does not matter. */
static bool has_monitor(void)
{
    return boot_info.entry_level == 2;
}

TEST(it_is_there_where_the_image_is_entered_at_el2)
{
    volatile void *const slots = mmu_map_device(paddr(VDMA_MONITOR_REGISTERS), SLOTS * SLOT_SIZE);

    ASSERT_TRUE(slots != NULL);
    EXPECT_EQ(mmio_read32(slots, MMIO_MAGIC), MAGIC);
    EXPECT_EQ(mmio_read32(slots, MMIO_VENDOR), has_monitor() ? VENDOR : QEMU_VENDOR);
    EXPECT_EQ(mmio_read32(slots, MMIO_DEVICE), has_monitor() ? 2 : 0);
    for (unsigned i = 1; i < SLOTS; i++) { /* its neighbours are QEMU's */
        EXPECT_EQ(mmio_read32(slots, i * SLOT_SIZE + MMIO_MAGIC), MAGIC);
        EXPECT_EQ(mmio_read32(slots, i * SLOT_SIZE + MMIO_VENDOR), QEMU_VENDOR);
    }
}

/* The driver of any disk drives this one: data by its own accesses, completions by interrupt. */
TEST(its_disk_keeps_what_is_written)
{
    struct scatter out = disk_memory(40, 65536, kIODirectionOut);
    struct scatter in = disk_memory(33, 65536, kIODirectionIn);

    ASSERT_EQ(virtio_blk_count(), has_monitor() ? 1 : 0);
    if (has_monitor()) {
        struct virtio_blk_info info;

        ASSERT_TRUE(disk != NULL && disk == virtio_blk_get(0));
        virtio_blk_get_info(disk, &info);
        EXPECT_EQ(info.sectors, SECTORS);
        EXPECT_EQ(info.intid, VDMA_MONITOR_INTID);
        for (uint64_t i = 0; i < out.length; i++) {
            *scatter_at(&out, i) = (uint8_t)(i * 7 + i / 251);
        }
        for (unsigned turn = 0; turn < 20; turn++) {
            EXPECT_EQ(virtio_blk_write(disk, out.memory, 0, turn * 128, out.length),
                      kIOReturnSuccess);
            EXPECT_EQ(virtio_blk_read(disk, in.memory, 0, turn * 128, in.length), kIOReturnSuccess);
            for (uint64_t i = 0; i < in.length; i++) {
                if (*scatter_at(&in, i) != (uint8_t)(i * 7 + i / 251)) {
                    EXPECT_EQ(*scatter_at(&in, i), (uint8_t)(i * 7 + i / 251));
                    break;
                }
            }
        }
        EXPECT_EQ(virtio_blk_flush(disk), kIOReturnSuccess);
    }
    EXPECT_TRUE(virtio_blk_of_vdma() == NULL); /* taken, or not there */
    disk_memory_drop(&in);
    disk_memory_drop(&out);
}

#define LOADED(instruction, width)                                                                 \
    ({                                                                                             \
        uint64_t value_ = 0x5555555555555555;                                                      \
                                                                                                   \
        __asm__ volatile(instruction " %" width "0, [%1]" : "+r"(value_) : "r"(at) : "memory");    \
        value_;                                                                                    \
    })

/* Each plain load and store, of the device's own register, as if nobody had been in between. */
TEST(registers_are_loaded_and_stored_as_the_instruction_has_it)
{
    volatile char *const slots = mmu_map_device(paddr(VDMA_MONITOR_REGISTERS), SLOT_SIZE);
    volatile char *const at = slots + MMIO_MOST;

    if (!has_monitor()) {
        return;
    }
    EXPECT_EQ(LOADED("ldrb", "w"), 0xff);
    EXPECT_EQ(LOADED("ldrh", "w"), 0xffff);
    EXPECT_EQ(LOADED("ldr", "w"), 0xffffffff);
    EXPECT_EQ(LOADED("ldrsb", "w"), 0xffffffff);
    EXPECT_EQ(LOADED("ldrsh", "w"), 0xffffffff);
    EXPECT_EQ(LOADED("ldrsb", "x"), UINT64_MAX);
    EXPECT_EQ(LOADED("ldrsh", "x"), UINT64_MAX);
    EXPECT_EQ(LOADED("ldrsw", "x"), UINT64_MAX);
    EXPECT_EQ(LOADED("ldr", "x") & UINT32_MAX, UINT32_MAX);
    __asm__ volatile("str %w1, [%0]" : : "r"(slots + MMIO_OFFER + 4), "r"(1) : "memory");
    EXPECT_EQ(mmio_read32(slots, MMIO_OFFER) & 1, 1); /* VERSION_1 */
    /* The zero register takes nothing, and gives zeros. */
    __asm__ volatile("ldr wzr, [%0]" : : "r"(at) : "memory");
    __asm__ volatile("str wzr, [%0]" : : "r"(slots + MMIO_OFFER + 4) : "memory");
    EXPECT_EQ(mmio_read32(slots, MMIO_OFFER) & 1, 0);
}

struct touch {
    volatile void *at;
    unsigned size;
};

static void load(void *context)
{
    const struct touch *touch = context;

    switch (touch->size) {
    case 4:
        mmio_read32(touch->at, 0);
        return;
    case 16: {
        uint64_t low, high;

        __asm__ volatile("ldp %0, %1, [%2]" : "=r"(low), "=r"(high) : "r"(touch->at));
        return;
    }
    default:
        mmio_read64(touch->at, 0);
        return;
    }
}

/* What is the monitor's is not EL1's, by whatever address; and no access ends the machine. */
TEST(its_memory_is_hidden_and_odd_accesses_are_refused)
{
    struct touch touch = {.size = 4};
    struct fault_record fault;

    if (has_monitor()) {
        touch.at = (volatile void *)vdma_monitor_entry;
        if (touch.at != NULL) {
            EXPECT_TRUE(fault_expect(load, &touch, &fault));
        }
        touch.at = mmu_map_device(paddr(VDMA_MONITOR_REGISTERS), SLOT_SIZE);
        touch.size = 16;
        EXPECT_TRUE(fault_expect(load, &touch, &fault));
    }
}

/* What each call answers, and how many of the two instructions behind it have run. */
struct call {
    uint64_t answer, ran;
};

#define CALL(instruction, function)                                                                \
    ({                                                                                             \
        register uint64_t x0_ __asm__("x0") = (function);                                          \
        register uint64_t x4_ __asm__("x4") = 0;                                                   \
                                                                                                   \
        __asm__ volatile(instruction "\n\tadd x4, x4, #1\n\tadd x4, x4, #16"                       \
                         : "+r"(x0_), "+r"(x4_)                                                    \
                         :                                                                         \
                         : "x1", "x2", "x3", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",    \
                           "x13", "x14", "x15", "x16", "x17", "memory");                           \
        (struct call){x0_, x4_};                                                                   \
    })

#define PSCI_VERSION  0x84000000u
#define NOT_SUPPORTED UINT64_MAX

/* A call goes on behind itself, neither at the instruction after that nor at itself again. */
TEST(calls_go_on_behind_themselves)
{
    struct call call;

    if (!has_monitor()) {
        return;
    }
    call = CALL("hvc #0", PSCI_VERSION); /* nobody's: QEMU's conduit is SMC */
    EXPECT_EQ(call.answer, NOT_SUPPORTED);
    EXPECT_EQ(call.ran, 17);
    call = CALL("hvc #0xffff", 0xc600ffffu);
    EXPECT_EQ(call.answer, NOT_SUPPORTED);
    EXPECT_EQ(call.ran, 17);
    call = CALL("smc #0", PSCI_VERSION);
    EXPECT_GE((uint32_t)call.answer, 2); /* 0.2 at least, by QEMU */
    EXPECT_LT((uint32_t)call.answer, 0x80000000u);
    EXPECT_EQ(call.ran, 17);
    call = CALL("smc #0", 0xc600ffffu);
    EXPECT_EQ((uint32_t)call.answer, (uint32_t)NOT_SUPPORTED);
    EXPECT_EQ(call.ran, 17);
}
