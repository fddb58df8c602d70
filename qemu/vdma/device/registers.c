/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers: virtio-mmio, version 2 (virtio 1.2, section 4.2.2). */
#include "qemu/vdma/device/vdma_private.h"

enum {
    MAGIC = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    QUEUE_SEL = 0x030,
    QUEUE_NUM_MAX = 0x034,
    QUEUE_NUM = 0x038,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064,
    STATUS = 0x070,
    QUEUE_DESC_LOW = 0x080,
    QUEUE_DESC_HIGH = 0x084,
    QUEUE_AVAIL_LOW = 0x090,
    QUEUE_AVAIL_HIGH = 0x094,
    QUEUE_USED_LOW = 0x0a0,
    QUEUE_USED_HIGH = 0x0a4,
    GUARD = VDMA_REGISTER_GUARD,
    CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100,
    END = 0x200,
};

/* What is seldom, and ends in a call, is apart: a plain read needs no frame for it. */
static __attribute__((noinline)) bool refuse(struct vdma *device, const struct vdma_access *access,
                                             enum vdma_rule rule, uint64_t value)
{
    vdma_log_rule(device, rule, VDMA_IN_REGISTERS, access->offset, value);
    return false;
}

/* Bits 0 to 31 or 32 to 63 of a 64-bit word. */
static uint32_t half(uint64_t word, uint32_t select)
{
    return select == 0 ? (uint32_t)word : select == 1 ? (uint32_t)(word >> 32) : 0;
}

static void set_half(uint64_t *word, bool high, uint32_t value)
{
    *word = high ? (*word & UINT32_MAX) | (uint64_t)value << 32
                 : (*word & ~(uint64_t)UINT32_MAX) | value;
}

static inline __attribute__((always_inline)) bool read_register(struct vdma *device,
                                                                uint32_t offset, uint64_t *value)
{
    const bool queue = device->queue_select < device->queue_count;

    switch (offset) {
    case MAGIC:
        *value = 0x74726976;
        return true;
    case VERSION:
        *value = 2;
        return true;
    case DEVICE_ID:
        *value = 2;
        return true;
    case VENDOR_ID:
        *value = VDMA_VENDOR;
        return true;
    case DEVICE_FEATURES:
        *value = half(device->offered, device->feature_select);
        return true;
    case QUEUE_NUM_MAX:
        *value = queue ? device->queue_size : 0;
        return true;
    case QUEUE_READY:
        *value = queue && device->queues[device->queue_select].ready;
        return true;
    case INTERRUPT_STATUS:
        *value = device->causes;
        return true;
    case STATUS:
        *value = device->status;
        return true;
    case CONFIG_GENERATION:
        *value = device->generation;
        return true;
    case GUARD:
        *value = device->guarded;
        return true;
    default:
        return false;
    }
}

static bool write_features(struct vdma *device, const struct vdma_access *access)
{
    if ((device->status & STATUS_FEATURES_OK) != 0) {
        return refuse(device, access, R62, access->value);
    }
    if (device->driver_select < 2) {
        set_half(&device->driver_features, device->driver_select == 1, (uint32_t)access->value);
        return true;
    }
    /* There are no such features to be taken. */
    return access->value == 0 || refuse(device, access, R67, access->value);
}

/* The driver's choice is final now. A bad one is answered as the specification has it. */
static void settle_features(struct vdma *device, const struct vdma_access *access)
{
    const uint64_t features = device->driver_features;

    if ((features & ~device->offered) != 0) {
        refuse(device, access, R67, features & ~device->offered);
    } else if ((features & VDMA_F_VERSION_1) != 0) {
        device->status |= STATUS_FEATURES_OK;
    }
}

static bool write_status(struct vdma *device, const struct vdma_access *access)
{
    const uint32_t known = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK |
                           STATUS_DRIVER_OK | STATUS_NEEDS_RESET | 0x80;
    const uint32_t value = (uint32_t)access->value;
    const uint32_t before = device->status & ~STATUS_NEEDS_RESET;

    if (value == 0) {
        vdma_reset_device(device, device->now);
        return true;
    }
    if ((before & ~value) != 0 || (value & ~known) != 0 ||
        ((value & STATUS_FEATURES_OK) != 0 && (value & STATUS_DRIVER) == 0) ||
        ((value & STATUS_DRIVER_OK) != 0 && (before & STATUS_FEATURES_OK) == 0)) {
        return refuse(device, access, R63, value);
    }
    if ((value & STATUS_DRIVER) != 0 && (value & STATUS_ACKNOWLEDGE) == 0) {
        refuse(device, access, R63, value);
        if (!device->unacknowledged) {
            return false;
        }
    }
    device->status |= value & ~(STATUS_FEATURES_OK | STATUS_NEEDS_RESET);
    if ((value & ~before & STATUS_FEATURES_OK) != 0) {
        settle_features(device, access);
    }
    return true;
}

static bool write_ready(struct vdma *device, const struct vdma_access *access, unsigned index)
{
    struct vdma_queue *queue = &device->queues[index];
    const struct vdma_queue_setup setup = {.size = device->set_up[index].size,
                                           .desc = device->set_up[index].desc,
                                           .avail = device->set_up[index].avail,
                                           .used = device->set_up[index].used};

    if (access->value == 0) {
        if (queue->ready && queue->held != 0) {
            return refuse(device, access, R64, queue->held);
        }
        queue->ready = false;
        return true;
    }
    if (queue->ready) {
        return refuse(device, access, R59, access->value);
    }
    if (!vdma_queue_start(device, index, &setup)) {
        vdma_fail(device);
        return false;
    }
    return true;
}

/* A register of the selected queue; false and not *known: it is not one. */
static bool write_queue(struct vdma *device, const struct vdma_access *access, bool *known)
{
    const unsigned index = device->queue_select;
    const uint32_t value = (uint32_t)access->value;

    *known = index < device->queue_count;
    if (!*known) {
        return false;
    }
    if (access->offset == QUEUE_READY) {
        return write_ready(device, access, index);
    }
    switch (access->offset) {
    case QUEUE_NUM:
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH:
    case QUEUE_AVAIL_LOW:
    case QUEUE_AVAIL_HIGH:
    case QUEUE_USED_LOW:
    case QUEUE_USED_HIGH:
        break;
    default:
        *known = false;
        return false;
    }
    if (device->queues[index].ready) {
        return refuse(device, access, R59, value);
    }
    switch (access->offset & ~4u) {
    case QUEUE_DESC_LOW:
        set_half(&device->set_up[index].desc, (access->offset & 4) != 0, value);
        break;
    case QUEUE_AVAIL_LOW:
        set_half(&device->set_up[index].avail, (access->offset & 4) != 0, value);
        break;
    case QUEUE_USED_LOW:
        set_half(&device->set_up[index].used, (access->offset & 4) != 0, value);
        break;
    default:
        device->set_up[index].size = value;
    }
    return true;
}

static bool write_acknowledge(struct vdma *device, const struct vdma_access *access)
{
    const uint32_t value = (uint32_t)access->value;

    if ((value & ~device->causes) != 0) {
        refuse(device, access, R68, value);
    }
    device->causes &= ~value;
    device->ports->line(device->context, 0, device->causes != 0);
    return true;
}

/* From now on addresses mean something else: there must be nothing that has some already. */
static bool write_guard(struct vdma *device, const struct vdma_access *access)
{
    bool idle = device->table_entries != 0;

    for (unsigned i = 0; i < device->queue_count; i++) {
        idle = idle && !device->queues[i].ready;
    }
    if (access->value != 1 || !idle) {
        return refuse(device, access, R70, access->value);
    }
    device->guarded = true;
    return true;
}

/* What a driver has that is given the queues' page alone: nothing that is about the device. */
static bool is_on_queue_page(const struct vdma *device, const struct vdma_access *access)
{
    if (!device->guarded) {
        return false;
    }
    switch (access->offset) {
    case QUEUE_SEL:
    case QUEUE_NUM:
    case QUEUE_READY:
    case QUEUE_NOTIFY:
    case INTERRUPT_ACK:
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH:
    case QUEUE_AVAIL_LOW:
    case QUEUE_AVAIL_HIGH:
    case QUEUE_USED_LOW:
    case QUEUE_USED_HIGH:
        return true;
    default:
        return !access->write && access->offset != GUARD && access->offset != DEVICE_FEATURES;
    }
}

static bool write_register(struct vdma *device, const struct vdma_access *access, bool *known)
{
    const uint32_t value = (uint32_t)access->value;

    *known = true;
    switch (access->offset) {
    case DEVICE_FEATURES_SEL:
        device->feature_select = value;
        return true;
    case DRIVER_FEATURES:
        return write_features(device, access);
    case DRIVER_FEATURES_SEL:
        device->driver_select = value;
        return true;
    case QUEUE_SEL:
        device->queue_select = value;
        return true;
    case QUEUE_NOTIFY:
        return vdma_doorbell(device, value, access->pc);
    case INTERRUPT_ACK:
        return write_acknowledge(device, access);
    case STATUS:
        return write_status(device, access);
    case GUARD:
        return write_guard(device, access);
    default:
        return write_queue(device, access, known);
    }
}

static __attribute__((noinline)) bool store(struct vdma *device, const struct vdma_access *access)
{
    bool known = false;
    bool done = false;

    if (access->offset < CONFIG) {
        done = write_register(device, access, &known);
    }
    return known ? done : refuse(device, access, R66, 2);
}

static __attribute__((noinline)) bool read_config(struct vdma *device, struct vdma_access *access)
{
    vdma_config(device, access->offset - CONFIG, &access->value, access->size);
    return true;
}

static bool size_fits(const struct vdma_access *access)
{
    const unsigned size = access->size;

    if (size != 4 && (access->offset < CONFIG || (size != 1 && size != 2 && size != 8))) {
        return false;
    }
    return (access->offset & (size - 1u)) == 0;
}

static inline bool load(struct vdma *device, struct vdma_access *access)
{
    if (access->offset >= CONFIG) {
        return read_config(device, access);
    }
    return read_register(device, access->offset, &access->value) || refuse(device, access, R66, 1);
}

/* With the fault that one register answers wrongly, once. */
static __attribute__((noinline)) bool load_wrongly(struct vdma *device, struct vdma_access *access)
{
    if (!load(device, access)) {
        return false;
    }
    if (device->wrong_offset == access->offset) {
        device->wrong_armed = false;
        access->value ^= device->wrong_mask;
    }
    return true;
}

bool vdma_register(struct vdma *device, struct vdma_access *access, uint64_t now)
{
    device->now = now;
    device->access_pc = access->pc;
    if (!access->write) {
        access->value = 0;
    }
    if (!size_fits(access)) {
        return refuse(device, access, R65, access->size);
    }
    if (access->offset >= END || (access->queues && !is_on_queue_page(device, access))) {
        return refuse(device, access, R66, access->write ? 2 : 1);
    }
    if (access->write) {
        return store(device, access);
    }
    return device->wrong_armed ? load_wrongly(device, access) : load(device, access);
}
