/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma beneath an image: a monitor at EL2 plays the device in virtio-mmio slot 0, with the
 * interrupt of that slot. Needs `-M virt,virtualization=on`; entered at EL1 or EL3 the image runs
 * as if there were none. The device tree has the slot anyway, so drivers find the device
 * there; its vendor (wire.h) tells it from QEMU's.
 *
 * `make test` runs every image over it once (tests/monitor).
 *
 * Memory of the monitor is part of the image and hidden from EL1. Its accesses to memory
 * are ordinary cached ones; it stops the CPU while it works.
 */
#ifndef QEMU_VDMA_MONITOR_MONITOR_H
#define QEMU_VDMA_MONITOR_MONITOR_H

#include <stdint.h>

#define VDMA_MONITOR_REGISTERS 0x0a000000ull /* physical */
#define VDMA_MONITOR_INTID     48u

/*
 * A page where the machine has nothing: of the guarded device the queues' registers alone, for a
 * driver that must not have the others (wire.h).
 */
#define VDMA_MONITOR_QUEUES 0x0b000000ull

/* What the macros below fill in. */
struct vdma_monitor_setup {
    uint64_t sectors; /* of the disk, which is vdma_monitor_disk */
    uint64_t watches; /* every access to a register is decoded */
    uint64_t filled;  /* the disk has its bytes already */
    uint64_t profile; /* VDMA_PROFILE_... of wire.h */
    uint64_t latency; /* ticks from taking a request to doing it, if it is not 0 */
    uint64_t foreign; /* drivers may be used that cannot be changed: U-Boot's skips ACKNOWLEDGE */
};

void early_monitor(void); /* where it is entered, at EL2: not to be called */

/*
 * In one source of an image: bring the device along, with a RAM disk of so many sectors of
 * 512 bytes, zeros at first.
 */
#define VDMA_MONITOR(sectors) VDMA_MONITOR_(sectors, 0)
/*
 * The same, and every access to a register of the machine passes the monitor: one that is no
 * plain load or store, which no hypervisor could play a device for, ends the machine with
 * status 3 and a line that has its address and its PC. Each costs about 200 instructions.
 */
#define VDMA_MONITOR_WATCHING(sectors) VDMA_MONITOR_(sectors, 1)

#define VDMA_MONITOR_(sectors, watches)                                                            \
    uint8_t vdma_monitor_disk[(sectors)*512]                                                       \
        __attribute__((section(".bss.el2.disk"), aligned(4096), used));                            \
    const struct vdma_monitor_setup vdma_monitor_setup                                             \
        __attribute__((section(".el2.data"), used)) = {sectors, watches, 0, 0, 0, 0};              \
    uint64_t vdma_monitor_wants __attribute__((section(".data"), used)) = 0;                       \
    void (*volatile vdma_monitor_entry)(void) __attribute__((used)) = early_monitor

#endif
