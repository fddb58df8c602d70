/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-mmio transport, version 2 (virtio 1.2, section 4.2). */
#include "kernel/mmio.h"
#include "drivers/virtio/virtio.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/mmu.h"

/* Register offsets, bytes (section 4.2.2). All are 32 bits wide. */
#define MMIO_MAGIC               0x000
#define MMIO_VERSION             0x004
#define MMIO_DEVICE_ID           0x008
#define MMIO_DEVICE_FEATURES     0x010
#define MMIO_DEVICE_FEATURES_SEL 0x014
#define MMIO_DRIVER_FEATURES     0x020
#define MMIO_DRIVER_FEATURES_SEL 0x024
#define MMIO_QUEUE_SEL           0x030
#define MMIO_QUEUE_NUM_MAX       0x034
#define MMIO_QUEUE_NUM           0x038
#define MMIO_QUEUE_READY         0x044
#define MMIO_QUEUE_NOTIFY        0x050
#define MMIO_STATUS              0x070
#define MMIO_QUEUE_DESC          0x080 /* low half; the high half follows */
#define MMIO_QUEUE_DRIVER        0x090
#define MMIO_QUEUE_DEVICE        0x0a0
#define MMIO_CONFIG_GENERATION   0x0fc
#define MMIO_CONFIG              0x100

#define MMIO_MAGIC_VALUE    0x74726976u /* "virt" */
#define MMIO_VERSION_MODERN 2u

/* Device status bits (section 2.1). */
#define STATUS_ACKNOWLEDGE 0x01u
#define STATUS_DRIVER      0x02u
#define STATUS_DRIVER_OK   0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u
#define STATUS_FAILED      0x80u

#define SLOT_SIZE         0x200
#define DEVICES_MAX       64   /* QEMU's `virt` has 32 slots */
#define RESET_READS       1000 /* QEMU answers the first; real hardware takes some */
#define GENERATION_ROUNDS 100

static struct virtio_device devices[DEVICES_MAX];
static unsigned device_count;

/* --- Finding ---------------------------------------------------------------------------------- */

/*
 * Keep the devices by falling address: QEMU fills its slots from the highest
 * down, so this is the order of its command line.
 */
static void insert_device(const struct virtio_device *device)
{
    unsigned at = device_count++;

    for (; at > 0 && devices[at - 1].address.value < device->address.value; at--) {
        devices[at] = devices[at - 1];
    }
    devices[at] = *device;
}

static void probe_slot(struct virtio_device *device)
{
    device->registers = mmu_map_device(device->address, SLOT_SIZE);
    if (device->registers == NULL ||
        mmio_read32(device->registers, MMIO_MAGIC) != MMIO_MAGIC_VALUE) {
        return;
    }

    const uint32_t version = mmio_read32(device->registers, MMIO_VERSION);

    device->id = mmio_read32(device->registers, MMIO_DEVICE_ID);
    if (device->id == 0) { /* an empty slot */
        return;
    }
    if (version != MMIO_VERSION_MODERN) {
        kprintf("virtio: device type %u at 0x%llx speaks the legacy interface (version %u); start "
                "QEMU with -global virtio-mmio.force-legacy=false\n",
                device->id, (unsigned long long)device->address.value, version);
        return;
    }
    insert_device(device);
}

static void find_devices(void)
{
    int node = -1;

    while (device_count < DEVICES_MAX &&
           (node = devicetree_next_compatible(node, "virtio,mmio")) >= 0) {
        struct virtio_device device = {0};
        struct devicetree_range range;

        if (devicetree_reg(node, 0, &range) != KERN_SUCCESS || range.size < SLOT_SIZE ||
            devicetree_interrupt(node, 0, &device.intid) != KERN_SUCCESS) {
            continue;
        }
        device.address = range.base;
        probe_slot(&device);
    }
}

struct virtio_device *virtio_claim(uint32_t id)
{
    static bool searched;

    if (!searched) {
        searched = true;
        find_devices();
    }
    for (unsigned i = 0; i < device_count; i++) {
        if (devices[i].id == id && !devices[i].claimed) {
            devices[i].claimed = true;
            return &devices[i];
        }
    }
    return NULL;
}

/* --- Status ----------------------------------------------------------------------------------- */

static uint32_t read_status(struct virtio_device *device)
{
    return mmio_read32(device->registers, MMIO_STATUS);
}

static void add_status(struct virtio_device *device, uint32_t bits)
{
    mmio_write32(device->registers, MMIO_STATUS, read_status(device) | bits);
}

bool virtio_reset(struct virtio_device *device)
{
    mmio_write32(device->registers, MMIO_STATUS, 0);
    for (unsigned i = 0; i < RESET_READS; i++) {
        if (read_status(device) == 0) {
            return true;
        }
    }
    return false;
}

bool virtio_needs_reset(struct virtio_device *device)
{
    return (read_status(device) & (STATUS_NEEDS_RESET | STATUS_FAILED)) != 0;
}

IOReturn virtio_ready(struct virtio_device *device)
{
    add_status(device, STATUS_DRIVER_OK);
    return virtio_needs_reset(device) ? kIOReturnDeviceError : kIOReturnSuccess;
}

/* --- Features --------------------------------------------------------------------------------- */

static uint64_t read_offered(struct virtio_device *device)
{
    uint64_t offered = 0;

    for (unsigned half = 0; half < 2; half++) {
        mmio_write32(device->registers, MMIO_DEVICE_FEATURES_SEL, half);
        offered |= (uint64_t)mmio_read32(device->registers, MMIO_DEVICE_FEATURES) << 32 * half;
    }
    return offered;
}

static void write_accepted(struct virtio_device *device, uint64_t accepted)
{
    for (unsigned half = 0; half < 2; half++) {
        mmio_write32(device->registers, MMIO_DRIVER_FEATURES_SEL, half);
        mmio_write32(device->registers, MMIO_DRIVER_FEATURES, (uint32_t)(accepted >> 32 * half));
    }
}

IOReturn virtio_negotiate(struct virtio_device *device, uint64_t wanted, uint64_t required)
{
    if (!virtio_reset(device)) {
        return kIOReturnNotResponding;
    }
    add_status(device, STATUS_ACKNOWLEDGE);
    add_status(device, STATUS_DRIVER);
    device->features = read_offered(device) & wanted;
    if ((device->features & required) == required) {
        write_accepted(device, device->features);
        add_status(device, STATUS_FEATURES_OK);
        if ((read_status(device) & STATUS_FEATURES_OK) != 0) {
            return kIOReturnSuccess;
        }
    }
    add_status(device, STATUS_FAILED);
    return kIOReturnUnsupported;
}

/* --- Queues ----------------------------------------------------------------------------------- */

unsigned virtio_queue_size_max(struct virtio_device *device, unsigned index)
{
    mmio_write32(device->registers, MMIO_QUEUE_SEL, index);
    if (mmio_read32(device->registers, MMIO_QUEUE_READY) != 0) {
        return 0;
    }

    const uint32_t most = mmio_read32(device->registers, MMIO_QUEUE_NUM_MAX);

    return most < VIRTQ_SIZE_MAX ? most : VIRTQ_SIZE_MAX;
}

volatile void *virtio_doorbell(struct virtio_device *device)
{
    return (volatile char *)device->registers + MMIO_QUEUE_NOTIFY;
}

static void write_address(struct virtio_device *device, unsigned at, paddr_t address)
{
    mmio_write32(device->registers, at, (uint32_t)address.value);
    mmio_write32(device->registers, at + 4, (uint32_t)(address.value >> 32));
}

IOReturn virtio_start_queue(struct virtio_device *device, const struct virtq *queue)
{
    /* A larger size than the device allows shows no error in any register. */
    if (virtio_queue_size_max(device, virtq_index(queue)) < virtq_size(queue)) {
        return kIOReturnUnsupported;
    }
    mmio_write32(device->registers, MMIO_QUEUE_NUM, virtq_size(queue));
    write_address(device, MMIO_QUEUE_DESC, virtq_desc_address(queue));
    write_address(device, MMIO_QUEUE_DRIVER, virtq_avail_address(queue));
    write_address(device, MMIO_QUEUE_DEVICE, virtq_used_address(queue));
    cpu_dsb_sy(); /* the empty rings are in memory before the device may read them */
    mmio_write32(device->registers, MMIO_QUEUE_READY, 1);
    return mmio_read32(device->registers, MMIO_QUEUE_READY) == 1 ? kIOReturnSuccess
                                                                 : kIOReturnUnsupported;
}

/* --- Configuration ---------------------------------------------------------------------------- */

IOReturn virtio_read_config(struct virtio_device *device, unsigned offset, uint32_t *to,
                            unsigned words)
{
    for (unsigned round = 0; round < GENERATION_ROUNDS; round++) {
        const uint32_t before = mmio_read32(device->registers, MMIO_CONFIG_GENERATION);

        for (unsigned i = 0; i < words; i++) {
            to[i] = mmio_read32(device->registers, MMIO_CONFIG + offset + 4 * i);
        }
        if (mmio_read32(device->registers, MMIO_CONFIG_GENERATION) == before) {
            return kIOReturnSuccess;
        }
    }
    return kIOReturnNotResponding;
}
