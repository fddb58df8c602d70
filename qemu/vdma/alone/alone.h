/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's monitor beside any guest: an ELF that QEMU's loader adds to the guest's own files,
 *
 *     qemu-system-aarch64 -M virt,virtualization=on -m 128M ... \
 *         -device loader,file=vdma-alone.elf,cpu-num=0
 *
 * It is entered at EL2 in place of the guest, reserves its memory in the device tree (64 MiB + 4
 * KiB above the base of RAM and on, 32 MiB of it) and goes on to where QEMU would have gone. The
 * guest finds a virtio block device in virtio-mmio slot 0. With a GICv3 it may have up to
 * eight CPUs: see qemu/vdma/README.md.
 *
 * Options are numbers of 64 bits that the loader puts into memory, each
 * `-device loader,addr=A,data=N,data-len=8`:
 *
 *     0x45fff000  where the guest is entered, 1 for address 0; 0: QEMU's stub for a Linux image,
 *                 else flash if something is there, else 0x40200000
 *     0x45fff008  sectors of a disk that the loader has put to 0x46800000 (force-raw=on), up to
 *                 24 MiB; 0: 2 MiB of zeros
 *     0x45fff010  the profile of limits, its number in qemu/vdma/README.md
 *     0x45fff018  ticks of the counter (62,500 a millisecond) that each request takes
 */
#ifndef QEMU_VDMA_ALONE_ALONE_H
#define QEMU_VDMA_ALONE_ALONE_H

#include <stdint.h>

struct alone_options {
    uint64_t entry;
    uint64_t sectors;
    uint64_t profile;
    uint64_t latency;
};

extern const struct alone_options __alone_options;

/* CPUs of the machine; or an error of libfdt's, below 0. */
int alone_cpus(const void *tree);
/* Reserve our memory in the tree: 0, or an error of libfdt's. */
int alone_reserve(void *tree, uint64_t base, uint64_t size);

#endif
