/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest that knows nothing of the monitor is to find, and where it is. */
#include "qemu/vdma/alone/alone.h"

#include "boot/early_gic.h"
#include "boot/el2/el2.h"
#include "boot/mmio.h"
#include "qemu/vdma/monitor/monitor.h"
#include "qemu/vdma/monitor/monitor_private.h"
#include "qemu/vdma/wire.h"

#define RAM            0x40000000ull
#define TREE_MAGIC     0xedfe0dd0u   /* of a device tree, as little-endian reads it */
#define STUB_TREE      0x40000018ull /* QEMU's way into an Image: its literals (hw/arm/boot.c) */
#define OUR_ELF        0x40200000ull
#define DEFAULT_DISK   4096u
#define DISK_MAX       (24u << 11) /* sectors up to the end of what is reserved */
#define CPUS_MAX       8           /* of el2_share */
#define GICC_CTLR      0x000u
#define GICC_CTLR_BOTH 0xfu /* both groups, acknowledged alike; group 0 as FIQ */
#define GICD_BOTH      3u
#define GICD_BOTH_V3   0x13u /* with affinity routing */

extern uint8_t __monitor_base[], __monitor_end[];

/* By alone.S, on either side of el2_start. */
void alone_setup(uint64_t gic_v3);
uint64_t alone_hand_over(uint64_t gic_v3);
/* alone.S: where another CPU begins. */
void alone_started(void);

static uint8_t stacks[CPUS_MAX - 1][EL2_STACK] __attribute__((aligned(16), section(".pool")));

/* Not in .bss, which is cleared later. */
struct vdma_monitor_setup vdma_monitor_setup = {.sectors = DEFAULT_DISK, .foreign = 1};

/* No image of ours is above. */
uint64_t vdma_monitor_wants;

static volatile void *at(uint64_t address)
{
    return (volatile void *)address;
}

/* Some guests never touch the controller, and the timer's interrupt has to come all the same. */
static void open_gic(bool v3)
{
    if (v3) {
        mmio_write32(at(GICD_BASE), GICD_CTLR, GICD_BOTH_V3);
        mmio_write32(at(GICR_BASE), GICR_WAKER, 0);
    } else {
        mmio_write32(at(GICD_BASE), GICD_CTLR, GICD_BOTH);
        mmio_write32(at(GICC_BASE), GICC_PMR, LOWEST_PRIORITY);
        mmio_write32(at(GICC_BASE), GICC_CTLR, GICC_CTLR_BOTH);
    }
}

void alone_setup(uint64_t gic_v3)
{
    const struct alone_options *options = &__alone_options;

    if (options->sectors != 0) {
        vdma_monitor_setup.sectors = options->sectors;
        vdma_monitor_setup.filled = 1;
    }
    vdma_monitor_setup.profile = options->profile;
    vdma_monitor_setup.latency = options->latency;
    open_gic(gic_v3 != 0);
}

static uint32_t word_at(uint64_t address)
{
    uint64_t value = 0;

    el2_load(address, 4, &value);
    return (uint32_t)value;
}

/* Where QEMU would have begun, and the tree that it has made. */
static uint64_t find_guest(uint64_t *tree)
{
    if (word_at(RAM) != TREE_MAGIC) {
        el2_load(STUB_TREE, 8, tree);
        return RAM;
    }
    *tree = RAM;
    return word_at(0) != 0 ? 0 : OUR_ELF;
}

/* Those that EL1 may start later. */
static void share(int cpus, bool v3)
{
    char watched[2];

    if (cpus <= 1) {
        return;
    }
    if (!v3) {
        el2_fatal("one CPU, please (-smp 1), with a GICv2; there are", (uint64_t)cpus);
    }
    if (cpus > CPUS_MAX) {
        el2_fatal("eight CPUs at the most, please; there are", (uint64_t)cpus);
    }
    if (monitor_option("watch", watched, sizeof(watched))) {
        el2_fatal("one CPU, please (-smp 1), to be watched; there are", (uint64_t)cpus);
    }
    el2_share((unsigned)cpus, alone_started, stacks);
}

uint64_t alone_hand_over(uint64_t gic_v3)
{
    const struct alone_options *options = &__alone_options;
    uint64_t tree;
    uint64_t entry = find_guest(&tree);
    int cpus;
    int error;

    if (vdma_monitor_setup.sectors > DISK_MAX) {
        el2_fatal("there is no room for a disk with so many sectors:", vdma_monitor_setup.sectors);
    }
    if (word_at(tree) != TREE_MAGIC) {
        el2_fatal("there is no device tree at", tree);
    }
    cpus = alone_cpus((void *)tree);
    error = alone_reserve((void *)tree, (uint64_t)__monitor_base,
                          (uint64_t)(__monitor_end - __monitor_base));
    if (error != 0) {
        el2_fatal("the device tree cannot be changed, libfdt says minus", (uint64_t)-error);
    }
    share(cpus, gic_v3 != 0);
    if (options->entry != 0) {
        entry = options->entry == 1 ? 0 : options->entry;
    }
    return entry;
}
