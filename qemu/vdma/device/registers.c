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
static __attribute__((noinline)) bool refuse(struct vdma *device, uint32_t offset,
                                             enum vdma_rule rule, uint64_t value)
{
    vdma_log_rule(device, rule, VDMA_IN_REGISTERS, offset, value);
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

/*
 * Where in the device the word stands that a register shows; 0: it shows none, or one that depends
 * on what has been selected.
 */
#define SHOWS(register, field) [(register) / 4] = offsetof(struct vdma, field)
static const uint16_t shown[CONFIG / 4] = {
    SHOWS(MAGIC, magic),    SHOWS(VERSION, version),
    SHOWS(DEVICE_ID, kind), SHOWS(VENDOR_ID, vendor),
    SHOWS(STATUS, status),  SHOWS(INTERRUPT_STATUS, causes),
    SHOWS(GUARD, guarded),  SHOWS(CONFIG_GENERATION, generation),
};

static inline uint32_t word(const struct vdma *device, uint16_t at)
{
    return *(const uint32_t *)((const char *)device + at);
}

static bool read_selected(const struct vdma *device, uint32_t offset, uint64_t *value)
{
    const bool queue = device->queue_select < device->queue_count;

    switch (offset) {
    case DEVICE_FEATURES:
        *value = half(device->offered, device->feature_select);
        return true;
    case QUEUE_NUM_MAX:
        *value = queue ? device->queue_size : 0;
        return true;
    case QUEUE_READY:
        *value = queue && device->queues[device->queue_select].ready;
        return true;
    default:
        return false;
    }
}

static bool write_features(struct vdma *device, uint32_t value)
{
    if ((device->status & STATUS_FEATURES_OK) != 0) {
        return refuse(device, DRIVER_FEATURES, R62, value);
    }
    if (device->driver_select < 2) {
        set_half(&device->driver_features, device->driver_select == 1, value);
        return true;
    }
    /* There are no such features to be taken. */
    return value == 0 || refuse(device, DRIVER_FEATURES, R67, value);
}

/* The driver's choice is final now. A bad one is answered as the specification has it. */
static void settle_features(struct vdma *device)
{
    const uint64_t features = device->driver_features;

    if ((features & ~device->offered) != 0) {
        refuse(device, STATUS, R67, features & ~device->offered);
    } else if ((features & VDMA_F_VERSION_1) != 0) {
        device->status |= STATUS_FEATURES_OK;
    }
}

static bool write_status(struct vdma *device, uint32_t value)
{
    const uint32_t known = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK |
                           STATUS_DRIVER_OK | STATUS_NEEDS_RESET | 0x80;
    const uint32_t before = device->status & ~STATUS_NEEDS_RESET;

    if (value == 0) {
        vdma_reset_device(device, device->now);
        return true;
    }
    if ((before & ~value) != 0 || (value & ~known) != 0 ||
        ((value & STATUS_FEATURES_OK) != 0 && (value & STATUS_DRIVER) == 0) ||
        ((value & STATUS_DRIVER_OK) != 0 && (before & STATUS_FEATURES_OK) == 0)) {
        return refuse(device, STATUS, R63, value);
    }
    if ((value & STATUS_DRIVER) != 0 && (value & STATUS_ACKNOWLEDGE) == 0) {
        refuse(device, STATUS, R63, value);
        if (!device->unacknowledged) {
            return false;
        }
    }
    device->status |= value & ~(STATUS_FEATURES_OK | STATUS_NEEDS_RESET);
    if ((value & ~before & STATUS_FEATURES_OK) != 0) {
        settle_features(device);
    }
    return true;
}

static bool write_ready(struct vdma *device, uint32_t value, unsigned index)
{
    struct vdma_queue *queue = &device->queues[index];
    const struct vdma_queue_setup setup = {.size = device->set_up[index].size,
                                           .desc = device->set_up[index].desc,
                                           .avail = device->set_up[index].avail,
                                           .used = device->set_up[index].used};

    if (value == 0) {
        if (queue->ready && queue->held != 0) {
            return refuse(device, QUEUE_READY, R64, queue->held);
        }
        queue->ready = false;
        return true;
    }
    if (queue->ready) {
        return refuse(device, QUEUE_READY, R59, value);
    }
    if (!vdma_queue_start(device, index, &setup)) {
        vdma_fail(device);
        return false;
    }
    return true;
}

/* A register of the selected queue; false and not *known: it is not one. */
static bool write_queue(struct vdma *device, uint32_t offset, uint32_t value, bool *known)
{
    const unsigned index = device->queue_select;

    *known = index < device->queue_count;
    if (!*known) {
        return false;
    }
    if (offset == QUEUE_READY) {
        return write_ready(device, value, index);
    }
    switch (offset) {
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
        return refuse(device, offset, R59, value);
    }
    switch (offset & ~4u) {
    case QUEUE_DESC_LOW:
        set_half(&device->set_up[index].desc, (offset & 4) != 0, value);
        break;
    case QUEUE_AVAIL_LOW:
        set_half(&device->set_up[index].avail, (offset & 4) != 0, value);
        break;
    case QUEUE_USED_LOW:
        set_half(&device->set_up[index].used, (offset & 4) != 0, value);
        break;
    default:
        device->set_up[index].size = value;
    }
    return true;
}

static bool write_acknowledge(struct vdma *device, uint32_t value)
{
    if ((value & ~device->causes) != 0) {
        refuse(device, INTERRUPT_ACK, R68, value);
    }
    device->causes &= ~value;
    device->ports->line(device->context, 0, device->causes != 0);
    return true;
}

/* From now on addresses mean something else: there must be nothing that has some already. */
static bool write_guard(struct vdma *device, uint32_t value)
{
    bool idle = device->table_entries != 0;

    for (unsigned i = 0; i < device->queue_count; i++) {
        idle = idle && !device->queues[i].ready;
    }
    if (value != 1 || !idle) {
        return refuse(device, GUARD, R70, value);
    }
    device->guarded = 1;
    return true;
}

/* What a driver has that is given the queues' page alone: nothing that is about the device. */
static bool is_on_queue_page(const struct vdma *device, uint32_t offset, bool write)
{
    if (device->guarded == 0) {
        return false;
    }
    switch (offset) {
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
        return !write && offset != GUARD && offset != DEVICE_FEATURES;
    }
}

static bool write_register(struct vdma *device, uint32_t offset, uint32_t value, bool *known)
{
    *known = true;
    switch (offset) {
    case DEVICE_FEATURES_SEL:
        device->feature_select = value;
        return true;
    case DRIVER_FEATURES:
        return write_features(device, value);
    case DRIVER_FEATURES_SEL:
        device->driver_select = value;
        return true;
    case QUEUE_SEL:
        device->queue_select = value;
        return true;
    case QUEUE_NOTIFY:
        return vdma_doorbell(device, value, device->access_pc);
    case INTERRUPT_ACK:
        return write_acknowledge(device, value);
    case STATUS:
        return write_status(device, value);
    case GUARD:
        return write_guard(device, value);
    default:
        return write_queue(device, offset, value, known);
    }
}

static bool size_fits(uint32_t offset, unsigned size)
{
    if (size != 4 && (offset < CONFIG || (size != 1 && size != 2 && size != 8))) {
        return false;
    }
    return (offset & (size - 1u)) == 0;
}

/* May it be made there at all? Then *offset is within the registers, whichever page it came by. */
static bool is_in_place(struct vdma *device, uint32_t *offset, unsigned size, bool write)
{
    const bool queues = *offset - VDMA_BY_QUEUE_PAGE < VDMA_PAGE;

    *offset -= queues ? VDMA_BY_QUEUE_PAGE : 0;
    if (!size_fits(*offset, size)) {
        return refuse(device, *offset, R65, size);
    }
    if (*offset >= END || (queues && !is_on_queue_page(device, *offset, write))) {
        return refuse(device, *offset, R66, write ? 2 : 1);
    }
    return true;
}

bool vdma_write_register(struct vdma *device, uint32_t offset, unsigned size, uint64_t value,
                         uint64_t pc, uint64_t now)
{
    bool known = false;
    bool done = false;

    device->now = now;
    device->access_pc = pc;
    if (!is_in_place(device, &offset, size, true)) {
        return false;
    }
    if (offset < CONFIG) {
        done = write_register(device, offset, (uint32_t)value, &known);
    }
    return known ? done : refuse(device, offset, R66, 2);
}

/* What is no word of the device's, or is another one for once. */
static __attribute__((noinline)) uint64_t read_other(struct vdma *device, uint32_t offset,
                                                     unsigned size, uint64_t pc, uint64_t now)
{
    uint64_t value = 0;

    device->now = now;
    device->access_pc = pc;
    if (!is_in_place(device, &offset, size, false)) {
        return 0;
    }
    if (offset >= CONFIG) {
        vdma_config(device, offset - CONFIG, &value, size);
    } else if (shown[offset / 4] != 0) {
        value = word(device, shown[offset / 4]);
    } else if (!read_selected(device, offset, &value)) {
        refuse(device, offset, R66, 1);
        return 0;
    }
    if (device->wrong_armed && device->wrong_offset == offset) {
        device->wrong_armed = false;
        value ^= device->wrong_mask & UINT64_MAX >> (64 - 8 * size);
    }
    return value;
}

uint64_t vdma_read_register(struct vdma *device, uint32_t offset, unsigned size, uint64_t pc,
                            uint64_t now)
{
    if (size != 4 || offset >= CONFIG || offset % 4 != 0 || shown[offset / 4] == 0 ||
        device->wrong_armed) {
        return read_other(device, offset, size, pc, now);
    }
    return word(device, shown[offset / 4]);
}
