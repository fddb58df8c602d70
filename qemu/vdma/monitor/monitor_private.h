/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the door at EL2. */
#ifndef QEMU_VDMA_MONITOR_MONITOR_PRIVATE_H
#define QEMU_VDMA_MONITOR_MONITOR_PRIVATE_H

#include "boot/el2/el2.h"
#include "qemu/vdma/device/vdma.h"

/*
 * monitor.c: an access of EL1's to memory or to a register that is none of ours, as if nothing were
 * in between. False: nothing answered. As el2_access is given it (boot/el2/el2.h).
 */
bool monitor_pass_on(uint64_t address, unsigned size, bool write, uint64_t *value);

/*
 * monitor_options.c: what was said on QEMU's command line, `-fw_cfg name=opt/dmakit/NAME,
 * string=...`: its first `most` - 1 bytes. False: nothing was.
 */
bool monitor_option(const char *name, char *text, unsigned most);

/* monitor.c: where RAM ends, physical. */
uint64_t monitor_ram_end(void);
/* It is RAM, and none of the monitor's own. */
bool monitor_is_memory(uint64_t address);
#define MONITOR_RAM 0x40000000ull

/* monitor_tree.c: the guest's device tree says of the device that it does not look into the CPU's
 * cache. False: it never said that it does, or there is no tree, or no room in it. */
bool monitor_forget_coherence(void);

/*
 * monitor_watch.c: watch what the CPU does, if that was asked for; the ports that this takes are
 * filled in, and how long requests are held so that there is something to be seen.
 */
void monitor_watch_begin(struct vdma_ports *ports, struct vdma_options *options);
/* A write to a register of the device's, before it has any effect. */
void monitor_watch_register(const struct el2_frame *frame, uint32_t offset, uint64_t value);
/* Accesses to memory, which only watching can refuse. */
enum el2_end monitor_watch_access(const struct el2_frame *frame, uint64_t address, unsigned size,
                                  bool write, uint64_t *value);
enum el2_end monitor_watch_other(const struct el2_other *other);
void monitor_watch_stepped(void);
bool monitor_watch_call(struct el2_frame *frame);
void monitor_watch_maintain(const struct el2_maintenance *maintenance);

#endif
