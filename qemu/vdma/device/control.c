/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests about the device itself: capabilities, limits, its table, faults, the log. */
#include "qemu/vdma/device/vdma_private.h"

/* What the source has is read once, while it is checked, and stays here until it is done. */
#define CONTENT_MAX VDMA_PIECE

union content {
    struct vdma_limits limits;
    struct vdma_script script;
    struct vdma_fault faults[VDMA_FAULTS_PENDING];
};

_Static_assert(sizeof(union content) <= CONTENT_MAX, "it fits where it is kept");

static bool refuse(struct vdma_slot *slot, enum vdma_rule rule, uint64_t value)
{
    return vdma_refuse(slot, rule, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, value);
}

static bool read_content(struct vdma *device, struct vdma_slot *slot)
{
    uint8_t *to = device->piece[0];

    for (uint32_t i = 0; i < slot->source.count; i++) {
        const struct vdma_segment *segment = &slot->source.segments[i];

        if (!vdma_read(device, false, segment->address, to, segment->length)) {
            return refuse(slot, R48, segment->address);
        }
        to += segment->length;
    }
    return true;
}

static bool check_size(struct vdma *device, struct vdma_slot *slot, uint64_t size)
{
    return (slot->source.bytes == size || refuse(slot, R39, slot->source.bytes)) &&
           read_content(device, slot);
}

/* The data must be there, or must not. */
static bool check_presence(struct vdma_slot *slot, bool wanted)
{
    if (wanted) {
        return slot->source.count != 0 || refuse(slot, R37, VDMA_READS);
    }
    return slot->source.count == 0 ||
           vdma_refuse(slot, R36, VDMA_IN_CHAIN, slot->source.segments[0].place,
                       slot->source.bytes);
}

static bool check_idle(const struct vdma *device, struct vdma_slot *slot)
{
    const unsigned outstanding = vdma_outstanding(device);

    return outstanding == 0 || refuse(slot, R58, outstanding);
}

static bool check_limits(struct vdma *device, struct vdma_slot *slot)
{
    const union content *content = (const void *)device->piece[0];
    const uint64_t profile = slot->request.arguments[0];

    if (profile != VDMA_CUSTOM) {
        return (profile < VDMA_PROFILES || refuse(slot, R41, profile)) &&
               check_presence(slot, false) && check_idle(device, slot);
    }
    return check_presence(slot, true) && check_size(device, slot, sizeof(content->limits)) &&
           (vdma_limits_valid(&content->limits) || refuse(slot, R41, profile)) &&
           check_idle(device, slot);
}

static bool check_table(struct vdma *device, struct vdma_slot *slot)
{
    const uint64_t table = slot->request.arguments[0];
    const uint64_t entries = slot->request.arguments[1];

    if (entries > device->limits.table_entries) {
        return refuse(slot, R41, entries);
    }
    if (table % VDMA_PAGE != 0 || table + 8 * entries < table ||
        !vdma_there(device, table, 8 * entries, VDMA_READS)) {
        return refuse(slot, R41, table);
    }
    return check_idle(device, slot);
}

static bool kinds_known(uint32_t kinds)
{
    return (kinds & (1u | ~((1u << VDMA_FAULTS) - 1))) == 0;
}

static bool check_faults(struct vdma *device, struct vdma_slot *slot)
{
    const struct vdma_fault *faults = (const void *)device->piece[0];
    const uint64_t count = slot->source.bytes / sizeof(*faults);

    if (slot->source.bytes % sizeof(*faults) != 0) {
        return refuse(slot, R39, slot->source.bytes);
    }
    if (count > VDMA_FAULTS_PENDING - device->fault_count) {
        return refuse(slot, R41, count);
    }
    if (!read_content(device, slot)) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (faults[i].kind == 0 || faults[i].kind >= VDMA_FAULTS) {
            return refuse(slot, R41, faults[i].kind);
        }
    }
    return true;
}

static bool check_inject(struct vdma *device, struct vdma_slot *slot)
{
    const union content *content = (const void *)device->piece[0];

    switch (slot->request.arguments[0]) {
    case VDMA_INJECT_CLEAR:
        return check_presence(slot, false);
    case VDMA_INJECT_FAULTS:
        return check_presence(slot, true) && check_faults(device, slot);
    case VDMA_INJECT_SCRIPT:
        return check_presence(slot, true) && check_size(device, slot, sizeof(content->script)) &&
               (kinds_known(content->script.kinds) || refuse(slot, R41, content->script.kinds));
    default:
        return refuse(slot, R41, slot->request.arguments[0]);
    }
}

/* Whoever has a guarded ring may ask what the device is, and no more. */
static bool check_guard(const struct vdma *device, struct vdma_slot *slot)
{
    const uint32_t type = slot->request.type;

    return device->guarded == 0 || type < VDMA_SET_LIMITS || type > VDMA_READ_LOG ||
           refuse(slot, R69, type);
}

bool vdma_check_control(struct vdma *device, struct vdma_slot *slot)
{
    if (!check_guard(device, slot)) {
        return false;
    }
    switch (slot->request.type) {
    case VDMA_SET_LIMITS:
        return check_limits(device, slot);
    case VDMA_SET_TABLE:
        return check_table(device, slot);
    case VDMA_INJECT:
        return check_inject(device, slot);
    case VDMA_READ_LOG:
        return slot->target.bytes % sizeof(struct vdma_record) == 0 ||
               refuse(slot, R39, slot->target.bytes);
    default:
        return true;
    }
}

/* Write into the target from where slot->moved stands, as much as there is room for. */
static void put(struct vdma *device, struct vdma_slot *slot, const void *from, uint64_t length)
{
    const uint8_t *bytes = from;
    uint64_t skipped = 0;

    for (uint32_t i = 0; i < slot->target.count && length != 0; i++) {
        const struct vdma_segment *segment = &slot->target.segments[i];

        if (slot->moved - skipped < segment->length) {
            const uint64_t offset = slot->moved - skipped;
            const uint64_t room = segment->length - offset;
            const uint64_t here = room < length ? room : length;

            if (!vdma_write(device, false, segment->address + offset, bytes, here)) {
                slot->code = VDMA_STATUS_ERROR;
                return;
            }
            bytes += here;
            length -= here;
            slot->moved += here;
        }
        skipped += segment->length;
    }
}

static void capabilities(struct vdma *device, struct vdma_slot *slot)
{
    const struct vdma_capabilities answer = {
        .size = sizeof(answer),
        .version = VDMA_VERSION,
        .requests = 1u << (VDMA_NOP & 31) | 1u << (VDMA_COPY & 31) | 1u << (VDMA_FILL & 31) |
                    1u << (VDMA_COMPARE & 31) | 1u << (VDMA_CHECKSUM & 31) |
                    1u << (VDMA_CAPABILITIES & 31) | 1u << (VDMA_SET_LIMITS & 31) |
                    1u << (VDMA_SET_TABLE & 31) | 1u << (VDMA_INJECT & 31) |
                    1u << (VDMA_READ_LOG & 31),
        .formats = (2u << VDMA_FORMAT_LITTLE) - 2,
        .faults = (1u << VDMA_FAULTS) - 2,
        .rules = RULES_END - 1,
        .log_records = VDMA_LOG_RECORDS,
        .profile = device->profile,
        .sectors = device->sectors,
        .limits = device->limits,
        .queue_page = device->queue_page};

    put(device, slot, &answer, sizeof(answer));
}

static void set_limits(struct vdma *device, const struct vdma_slot *slot)
{
    device->profile = (uint32_t)slot->request.arguments[0];
    if (!vdma_profile_limits(device->profile, &device->limits)) {
        __builtin_memcpy(&device->limits, device->piece[0], sizeof(device->limits));
    }
    device->table_entries = 0;
    device->generation++;
}

static void inject(struct vdma *device, const struct vdma_slot *slot)
{
    struct vdma_script script;
    struct vdma_fault fault;

    switch (slot->request.arguments[0]) {
    case VDMA_INJECT_CLEAR:
        vdma_faults_clear(device);
        break;
    case VDMA_INJECT_FAULTS:
        for (uint64_t at = 0; at < slot->source.bytes; at += sizeof(fault)) {
            __builtin_memcpy(&fault, device->piece[0] + at, sizeof(fault));
            vdma_faults_inject(device, &fault);
        }
        break;
    default:
        __builtin_memcpy(&script, device->piece[0], sizeof(script));
        vdma_faults_script(device, &script);
    }
}

static void read_log(struct vdma *device, struct vdma_slot *slot)
{
    struct vdma_record record;

    while (slot->target.bytes - slot->moved >= sizeof(record) &&
           vdma_log_read(device, &record, 1) != 0) {
        put(device, slot, &record, sizeof(record));
        slot->value++;
    }
}

void vdma_do_control(struct vdma *device, struct vdma_slot *slot)
{
    switch (slot->request.type) {
    case VIRTIO_BLK_T_GET_ID:
        put(device, slot, device->id, sizeof(device->id));
        break;
    case VDMA_CAPABILITIES:
        capabilities(device, slot);
        break;
    case VDMA_SET_LIMITS:
        set_limits(device, slot);
        break;
    case VDMA_SET_TABLE:
        device->table = slot->request.arguments[0];
        device->table_entries = (uint32_t)slot->request.arguments[1];
        break;
    case VDMA_INJECT:
        inject(device, slot);
        break;
    case VDMA_READ_LOG:
        read_log(device, slot);
        break;
    default:
        slot->code = VDMA_STATUS_UNSUPPORTED;
    }
}
