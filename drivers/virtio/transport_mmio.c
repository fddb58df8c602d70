/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-mmio transport, version 2 (virtio 1.2, section 4.2). */
#include "drivers/virtio/transport_mmio.h"

#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"

#define SLOT_SIZE   0x200
#define DEVICES_MAX 64 /* QEMU's `virt` has 32 slots */

/* Static, for a device stays where it is for ever, and the heap would gain nothing back. */
static struct mmio_device devices[DEVICES_MAX];
static unsigned device_count;

static volatile void *registers_of(struct virtio_device *device)
{
    return ((struct mmio_device *)device)->registers;
}

/*
 * Control registers take 32-bit accesses and no others (section 4.2.2.2), the status of 8 bits too:
 * QEMU gives 0 to a narrower read.
 */
static uint32_t read_register(struct virtio_device *device, unsigned offset)
{
    return mmio_read32(registers_of(device), offset);
}

static void write_register(struct virtio_device *device, unsigned offset, uint32_t value)
{
    mmio_write32(registers_of(device), offset, value);
}

/* --- Finding ---------------------------------------------------------------------------------- */

/*
 * Keep the devices by falling address: QEMU fills its slots from the highest
 * down, so this is the order of its command line.
 */
static void insert_device(const struct mmio_device *found)
{
    unsigned at = device_count++;

    /*
     * Devices move in the array here, which they may: nobody has a pointer to one before all are
     * found.
     */
    for (; at > 0 && devices[at - 1].device.address.value < found->device.address.value; at--) {
        devices[at] = devices[at - 1];
    }
    devices[at] = *found;
}

/* Is there a device in it, and one that we can speak to? */
static bool probe_slot(struct mmio_device *found)
{
    struct virtio_device *device = &found->device;

    found->registers = mmu_map_device(device->address, SLOT_SIZE);
    /*
     * This order is demanded: magic, version, type, and of an empty slot no other register (section
     * 4.2.3.1.1).
     */
    if (found->registers == NULL || read_register(device, MMIO_MAGIC) != MMIO_MAGIC_VALUE) {
        return false;
    }

    const uint32_t version = read_register(device, MMIO_VERSION);

    device->id = read_register(device, MMIO_DEVICE_ID);
    /* Silent by demand (section 4.2.2.2), and the machine has dozens of them. */
    if (device->id == 0) { /* an empty slot */
        return false;
    }
    /*
     * Said aloud, which the section allows: QEMU's default is the old interface, and whoever
     * forgets the option looks for a disk that is there.
     */
    if (version != MMIO_VERSION_MODERN) {
        kprintf("virtio: device type %u at 0x%llx speaks the legacy interface (version %u); start "
                "QEMU with -global virtio-mmio.force-legacy=false\n",
                device->id, (unsigned long long)device->address.value, version);
        return false;
    }
    device->vendor = read_register(device, MMIO_VENDOR_ID);
    return true;
}

static void find(void)
{
    /* One for all slots: what is kept of a device is copied, and the rest of it stays as it is. */
    struct mmio_device found = {.device.transport = &virtio_mmio};
    int node = -1;

    /*
     * A slot that the tree describes badly is passed over: one wrong node must not hide the others.
     */
    while (device_count < DEVICES_MAX &&
           (node = devicetree_next_compatible(node, "virtio,mmio")) >= 0) {
        struct devicetree_range range;
        const bool has_registers =
            devicetree_reg(node, 0, &range) == KERN_SUCCESS && range.size >= SLOT_SIZE;

        if (has_registers) {
            found.device.address = range.base;
            if (!probe_slot(&found)) {
                continue;
            }
        }
        /* Asked for a device alone: most slots are empty, and an interrupt is found by a search. */
        if (!has_registers || devicetree_interrupt(node, 0, &found.device.intid) != KERN_SUCCESS) {
            kprintf("virtio: a virtio,mmio node of the device tree has no registers of %u bytes, "
                    "or no interrupt: it is passed over\n",
                    (unsigned)SLOT_SIZE);
            continue;
        }
        found.device.uncached = !devicetree_is_coherent(node);
        insert_device(&found);
    }
    /* Only now, when they have their last places and their order. */
    for (unsigned i = 0; i < device_count; i++) {
        virtio_add_device(&devices[i].device);
    }
}

/* --- Status and features ---------------------------------------------------------------------- */

static uint8_t read_status(struct virtio_device *device)
{
    return (uint8_t)read_register(device, MMIO_STATUS);
}

static void write_status(struct virtio_device *device, uint8_t status)
{
    write_register(device, MMIO_STATUS, status);
}

static uint32_t read_features(struct virtio_device *device, unsigned half)
{
    /*
     * The selector first, each time: what is selected after a reset is not stated (section
     * 4.2.2.2).
     */
    write_register(device, MMIO_DEVICE_FEATURES_SEL, half);
    return read_register(device, MMIO_DEVICE_FEATURES);
}

static void write_features(struct virtio_device *device, unsigned half, uint32_t bits)
{
    write_register(device, MMIO_DRIVER_FEATURES_SEL, half);
    write_register(device, MMIO_DRIVER_FEATURES, bits);
}

/* --- Queues ----------------------------------------------------------------------------------- */

static uint32_t queue_size_max(struct virtio_device *device, unsigned index)
{
    write_register(device, MMIO_QUEUE_SEL, index);
    /*
     * In use: its size and addresses may not even be read then (section 4.2.2.2). A reset clears
     * it.
     */
    if (read_register(device, MMIO_QUEUE_READY) != 0) {
        return 0;
    }
    return read_register(device, MMIO_QUEUE_NUM_MAX);
}

static void write_address(struct virtio_device *device, unsigned at, ioaddr_t address)
{
    write_register(device, at, (uint32_t)address.value);
    write_register(device, at + 4, (uint32_t)(address.value >> 32));
}

/* One line tells of everything, so the vector has no register. */
static bool start_queue(struct virtio_device *device, const struct virtio_queue_place *place)
{
    write_register(device, MMIO_QUEUE_SEL, place->index);
    /*
     * Everything before QueueReady, in the order of section 4.2.3.2: behind it the device may read
     * the rings, and none of these registers may be written.
     */
    write_register(device, MMIO_QUEUE_NUM, place->size);
    write_address(device, MMIO_QUEUE_DESC, place->desc);
    write_address(device, MMIO_QUEUE_DRIVER, place->driver);
    write_address(device, MMIO_QUEUE_DEVICE, place->device);
    write_register(device, MMIO_QUEUE_READY, 1);
    /* The only answer there is: a device that keeps 0 has not taken the queue. */
    return read_register(device, MMIO_QUEUE_READY) == 1;
}

/* One register for all queues: what is written says which. */
static volatile void *doorbell(struct virtio_device *device, unsigned index)
{
    (void)index;
    return (volatile char *)registers_of(device) + MMIO_QUEUE_NOTIFY;
}

/* --- Interrupts ------------------------------------------------------------------------------- */

static __attribute__((cold, noinline)) enum irq_result tell_of_change(struct virtio_device *device)
{
    /*
     * Both causes may be in one interrupt, and both are acknowledged by now: without the second
     * call buffers that came back with a change would wait for the next interrupt. A change that
     * led to a reset finds an empty ring here.
     */
    device->changed(device->context);
    device->used(device->context, 0);
    return IRQ_SERVED;
}

/* Nothing was said to have happened. Apart, so that what has keeps nothing for it. */
static __attribute__((cold, noinline)) enum irq_result look_in_vain(struct virtio_device *device)
{
    device->used(device->context, 0);
    return IRQ_NOTHING;
}

/*
 * The line is level: first the acknowledgement, then the look at the ring, or a
 * completion in between is lost.
 */
static enum irq_result interrupt(void *context)
{
    struct virtio_device *device = context;
    /*
     * The defined bits alone: others are not to be acknowledged (section 4.2.2.2), and one that
     * stays up for no reason must not count as served, or its storm would never be seen.
     */
    const uint32_t causes = read_register(device, MMIO_INTERRUPT_STATUS) & MMIO_INTERRUPT_ALL;

    write_register(device, MMIO_INTERRUPT_ACK, causes);
    if ((causes & MMIO_INTERRUPT_CONFIG) != 0) {
        return tell_of_change(device);
    }
    /*
     * Not only for its bit: the ring says the same, and a look at it in vain is allowed for anyway
     * (section 2.7.7.1).
     */
    return causes != 0 ? device->used(device->context, 0) : look_in_vain(device);
}

static bool attach(struct virtio_device *device)
{
    return irq_register(device->intid, interrupt, device) == KERN_SUCCESS;
}

static void detach(struct virtio_device *device)
{
    irq_unregister(device->intid);
}

/* --- Configuration ---------------------------------------------------------------------------- */

static uint32_t config_generation(struct virtio_device *device)
{
    return read_register(device, MMIO_CONFIG_GENERATION);
}

/* Accesses as wide as the field (section 4.2.2.2). */
static uint32_t read_config(struct virtio_device *device, unsigned offset, unsigned width)
{
    const volatile void *registers = registers_of(device);

    /*
     * Registers of the configuration may be narrow, and one that is read in pieces could change
     * between them; 64 bits never come here.
     */
    switch (width) {
    case 1:
        return mmio_read8(registers, MMIO_CONFIG + offset);
    case 2:
        return mmio_read16(registers, MMIO_CONFIG + offset);
    default:
        return mmio_read32(registers, MMIO_CONFIG + offset);
    }
}

const struct virtio_transport virtio_mmio = {
    .name = "mmio",
    .find = find,
    .read_status = read_status,
    .write_status = write_status,
    .read_features = read_features,
    .write_features = write_features,
    .queue_size_max = queue_size_max,
    .start_queue = start_queue,
    .doorbell = doorbell,
    .attach = attach,
    .detach = detach,
    .config_generation = config_generation,
    .read_config = read_config,
};
