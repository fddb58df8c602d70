/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio devices on PCI (virtio 1.2, section 4.1): nothing drives them yet. Those
 * that have a driver here are named, for nobody should look for a disk in vain.
 */
#include "drivers/virtio/transport_pci.h"

#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"

/* Configuration space, one 4 KiB page a function: bus << 20 | device << 15 | function << 12. */
#define BUS_SIZE         (1u << 20)
#define DEVICES          32u
#define FUNCTIONS        8u
#define PCI_ID           0x00 /* vendor, device in the upper half; all ones: nobody is there */
#define PCI_HEADER       0x0c
#define PCI_SUBSYSTEM    0x2c       /* vendor, device in the upper half */
#define HEADER_FUNCTIONS (1u << 23) /* it has more functions than the first */

/* Section 4.1.2. A transitional device says its type in the subsystem. */
#define VENDOR              0x1af4u
#define DEVICE_TRANSITIONAL 0x1000u
#define DEVICE_MODERN       0x1040u
#define DEVICE_MODERN_END   0x1080u

static const struct {
    uint32_t id;
    const char *what, *model;
} known[] = {
    {VIRTIO_ID_BLOCK, "disk", "virtio-blk"},
    {VIRTIO_ID_ENTROPY, "entropy device", "virtio-rng"},
};

/* The type of the virtio device with this identity; 0: it is none. */
static uint32_t type_of(const volatile void *function, uint32_t identity)
{
    const uint32_t device = identity >> 16;

    /* All of virtio has one vendor, whoever built the device, and this range of numbers of it. */
    if ((identity & 0xffff) != VENDOR || device < DEVICE_TRANSITIONAL ||
        device >= DEVICE_MODERN_END) {
        return 0;
    }
    return device >= DEVICE_MODERN ? device - DEVICE_MODERN
                                   : mmio_read32(function, PCI_SUBSYSTEM) >> 16;
}

static void name_function(const volatile void *function, unsigned at, unsigned number)
{
    const uint32_t type = type_of(function, mmio_read32(function, PCI_ID));

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].id == type) {
            kprintf("virtio: nothing drives the %s at PCI 00:%02x.%u; start QEMU with -device "
                    "%s-device instead of %s-pci\n",
                    known[i].what, at, number, known[i].model, known[i].model);
        }
    }
}

/* The root bus. What is behind bridges has no number before somebody gives it one. */
static void name_devices(const volatile char *bus)
{
    for (unsigned at = 0; at < DEVICES; at++) {
        const volatile char *device = bus + ((size_t)at << 15);
        /*
         * A device with one function need not decode the number of the function: all eight would
         * answer, and one device would be named eight times.
         */
        const bool is_single = (mmio_read32(device, PCI_HEADER) & HEADER_FUNCTIONS) == 0;

        /* A device has a function 0, or it is not there: the others need not be asked. */
        if (mmio_read32(device, PCI_ID) == 0xffffffff) {
            continue;
        }
        for (unsigned number = 0; number < (is_single ? 1 : FUNCTIONS); number++) {
            name_function(device + ((size_t)number << 12), at, number);
        }
    }
}

static void find(void)
{
    int node = -1;

    while ((node = devicetree_next_compatible(node, "pci-host-ecam-generic")) >= 0) {
        struct devicetree_range range;

        if (devicetree_reg(node, 0, &range) != KERN_SUCCESS || range.size < BUS_SIZE) {
            continue;
        }

        /* Two buses are one block of the page tables, where one would be 256 pages. */
        const uint64_t size = range.size < 2 * BUS_SIZE ? BUS_SIZE : 2 * BUS_SIZE;
        const volatile void *bus = mmu_map_device(range.base, size);

        /*
         * Nothing is said without it: this is a search for what nobody drives, and the image works
         * as well.
         */
        if (bus != NULL) {
            name_devices(bus);
        }
    }
}

/* No device is ever added, so nobody can call what is not here. */
const struct virtio_transport virtio_pci = {
    .name = "PCI",
    .find = find,
};
