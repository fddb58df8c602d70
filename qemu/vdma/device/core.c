/* SPDX-License-Identifier: BSD-2-Clause */
/* The device as a whole: power-on, reset, and one step after the other. */
#include "qemu/vdma/device/vdma_private.h"

uint64_t vdma_after(const struct vdma *device, uint64_t ticks)
{
    return device->now > VDMA_NEVER - ticks ? VDMA_NEVER : device->now + ticks;
}

unsigned vdma_outstanding(const struct vdma *device)
{
    return device->parked;
}

static void prepare_checksum(struct vdma *device)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i << 24;

        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc << 1 ^ ((crc & 1u << 31) != 0 ? 0x04c11db7u : 0);
        }
        device->crc[i] = crc;
    }
}

static bool options_valid(const struct vdma_options *options, unsigned queues, unsigned size)
{
    for (unsigned i = 0; i < options->fault_count; i++) {
        if (options->faults[i].kind == 0 || options->faults[i].kind >= VDMA_FAULTS) {
            return false;
        }
    }
    return queues <= VDMA_QUEUES && size <= VDMA_QUEUE_MAX && (size & (size - 1)) == 0 &&
           options->fault_count <= VDMA_FAULTS_PENDING &&
           (options->sectors == 0 || options->disk != NULL) &&
           (options->limits != NULL ? vdma_limits_valid(options->limits)
                                    : options->profile < VDMA_PROFILES);
}

static void name(struct vdma *device, const char *id)
{
    for (unsigned i = 0; i < sizeof(device->id) && id[i] != '\0'; i++) {
        device->id[i] = id[i];
    }
}

bool vdma_init(struct vdma *device, const struct vdma_ports *ports, void *context,
               const struct vdma_options *options)
{
    const unsigned queues = options->queues != 0 ? options->queues : 1;
    const unsigned size = options->queue_size != 0 ? options->queue_size : 256;

    if (!options_valid(options, queues, size)) {
        return false;
    }
    __builtin_memset(device, 0, sizeof(*device));
    device->ports = ports;
    device->context = context;
    device->told = VDMA_NEVER;
    device->magic = 0x74726976; /* "virt" */
    device->version = 2;
    device->kind = 2; /* block */
    device->vendor = VDMA_VENDOR;
    name(device, options->id != NULL ? options->id : "vdma");
    device->disk = options->disk;
    device->sectors = options->sectors;
    device->shown_sectors = options->sectors;
    device->profile = options->profile;
    if (options->limits != NULL) {
        device->profile = VDMA_CUSTOM;
        device->limits = *options->limits;
    } else {
        vdma_profile_limits(options->profile, &device->limits);
    }
    device->unacknowledged = options->unacknowledged;
    device->queue_page = options->queue_page;
    device->hold = options->hold;
    device->queue_count = queues;
    device->queue_size = size;
    device->offered = VDMA_F_SIZE_MAX | VDMA_F_SEG_MAX | VDMA_F_BLK_SIZE | VDMA_F_FLUSH |
                      VDMA_F_INDIRECT | VDMA_F_EVENT_IDX | VDMA_F_VERSION_1 | options->features |
                      (queues > 1 ? VDMA_F_MQ : 0);
    device->log_events = options->log != 0 ? options->log : UINT32_MAX;
    vdma_faults_script(device, &options->script);
    for (unsigned i = 0; i < options->fault_count; i++) {
        vdma_faults_inject(device, &options->faults[i]);
    }
    prepare_checksum(device);
    return true;
}

/* A place for segments in the pool; NULL: none is free that is large enough. */
static struct vdma_segment *pool_find(struct vdma *device, uint32_t count)
{
    uint32_t start = 0;
    bool moved = true;

    while (moved && start + count <= VDMA_POOL) {
        moved = false;
        for (unsigned i = 0; i < VDMA_SLOTS; i++) {
            const struct vdma_slot *slot = &device->slots[i];
            uint32_t first;

            if (!slot->used || slot->count == 0 || slot->segments == device->scratch) {
                continue;
            }
            first = (uint32_t)(slot->segments - device->pool);
            if (vdma_overlap(start, count, first, slot->count)) {
                start = first + slot->count;
                moved = true;
            }
        }
    }
    return start + count <= VDMA_POOL ? &device->pool[start] : NULL;
}

/* Out of the scratch memory, so that the next request can be taken. */
static void make_room(struct vdma *device, struct vdma_slot *slot)
{
    struct vdma_segment *to = pool_find(device, slot->count);

    if (to == NULL) {
        return; /* it stays where it is, and no other one is taken meanwhile */
    }
    __builtin_memcpy(to, slot->segments, slot->count * sizeof(*to));
    slot->source.segments = to + (slot->source.segments - slot->segments);
    slot->target.segments = to + (slot->target.segments - slot->segments);
    slot->segments = to;
    device->scratch_busy = false;
}

static void own(struct vdma *device, const struct vdma_slot *slot, const struct vdma_side *side)
{
    for (uint32_t i = 0; i < side->count; i++) {
        const struct vdma_segment *segment = &side->segments[i];
        uint64_t address = segment->address;
        uint64_t left = segment->length;

        while (left != 0) {
            const struct vdma_spot spot = vdma_reach(device, true, address, left, segment->access);

            if (spot.length == 0) {
                return;
            }
            device->ports->own(device->context, &(struct vdma_owned){.request = slot->number,
                                                                     .type = slot->request.type,
                                                                     .segment = segment->place,
                                                                     .where = segment->where,
                                                                     .access = segment->access,
                                                                     .pc = slot->pc,
                                                                     .memory = spot.memory,
                                                                     .length = spot.length});
            address += spot.length;
            left -= spot.length;
        }
    }
}

/* The request waits: its descriptors and its memory are the device's. */
static void park(struct vdma *device, struct vdma_slot *slot)
{
    struct vdma_queue *queue = &device->queues[slot->queue];

    for (uint32_t i = 0; i < device->chain_count; i++) {
        queue->owner[device->chain[i]] = (uint8_t)(slot->index + 1);
    }
    queue->held++;
    slot->parked = true;
    device->parked++;
    make_room(device, slot);
    if (device->ports->own != NULL) {
        own(device, slot, &slot->source);
        own(device, slot, &slot->target);
    }
}

static void log_taken(struct vdma *device, const struct vdma_slot *slot)
{
    struct vdma_record record = vdma_record_of(device, slot, VDMA_EVENT_TAKEN);
    const struct vdma_side *const sides[] = {&slot->source, &slot->target};

    if (slot->request.type == VDMA_READ_LOG) {
        return;
    }
    record.address = slot->request.tag;
    record.segment = slot->source.count + slot->target.count;
    record.length = slot->source.bytes;
    record.value = slot->target.bytes;
    vdma_log(device, &record);
    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t j = 0; j < sides[i]->count; j++) {
            const struct vdma_segment *segment = &sides[i]->segments[j];

            record = vdma_record_of(device, slot, VDMA_EVENT_SEGMENT);
            record.segment = segment->place;
            record.address = segment->address;
            record.length = segment->length;
            record.value = segment->where;
            record.code = segment->access;
            vdma_log(device, &record);
        }
    }
}

/* Everything is right with it: now, or later. */
static void accept(struct vdma *device, struct vdma_slot *slot)
{
    log_taken(device, slot);
    slot->due = device->now;
    if (!slot->control) {
        slot->kept = device->hold > device->limits.latency;
        slot->due = vdma_after(device, slot->kept ? device->hold : device->limits.latency);
        vdma_faults_draw(device, slot);
        vdma_faults_taken(device, slot);
        if ((device->status & STATUS_NEEDS_RESET) != 0) {
            vdma_release(device, slot);
            return;
        }
        if (vdma_has(slot, VDMA_FAULT_DELAY)) {
            slot->due = vdma_after(device, slot->arguments[VDMA_FAULT_DELAY]);
            slot->kept = false;
        }
        if (vdma_has(slot, VDMA_FAULT_REORDER)) {
            slot->held = true;
            slot->kept = false;
            slot->due = vdma_after(device, slot->arguments[VDMA_FAULT_REORDER]);
        }
    }
    if (slot->due <= device->now) {
        vdma_finish(device, slot);
    } else {
        park(device, slot);
    }
}

static bool check(struct vdma *device, struct vdma_slot *slot)
{
    vdma_walk(device, slot);
    return vdma_decode(device, slot) && vdma_check_limits(device, slot) &&
           vdma_check_ownership(device, slot) && vdma_check_control(device, slot);
}

static struct vdma_slot *free_slot(struct vdma *device)
{
    for (unsigned i = 0; i < VDMA_SLOTS && !device->scratch_busy; i++) {
        if (!device->slots[i].used) {
            return &device->slots[i];
        }
    }
    return NULL;
}

/* The next head: one that is to be done again, or that of the ring. False: it cannot be read. */
static bool take_head(struct vdma *device, struct vdma_queue *queue, struct vdma_slot *slot)
{
    const unsigned position = queue->next % queue->size;

    if (queue->again_next != queue->again_count) {
        slot->head = queue->again[queue->again_next++];
        slot->again = true;
        return true;
    }
    queue->next++;
    if (!vdma_read(device, false, queue->avail + 4 + 2 * (uint64_t)position, &slot->head, 2)) {
        return vdma_refuse(slot, R16, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, queue->avail);
    }
    if (device->ports->progress != NULL) {
        device->ports->progress(device->context, slot->queue, slot->head, VDMA_TAKEN);
    }
    if (queue->over[position] != 0) {
        vdma_refuse(slot, R11, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, queue->over[position]);
        queue->over[position] = 0;
    }
    return true;
}

static void take(struct vdma *device, unsigned index, struct vdma_slot *slot)
{
    struct vdma_queue *queue = &device->queues[index];

    *slot = (struct vdma_slot){.used = true,
                               .index = (uint8_t)(slot - device->slots),
                               .queue = (uint8_t)index,
                               .number = ++device->requests,
                               .pc = queue->pc,
                               .segments = device->scratch,
                               .place = VDMA_NO_SEGMENT};
    device->scratch_busy = true;
    if (take_head(device, queue, slot) && check(device, slot)) {
        accept(device, slot);
        return;
    }
    vdma_reject(device, slot);
}

/* The waiting request whose time has come first. */
static struct vdma_slot *first_due(struct vdma *device)
{
    struct vdma_slot *first = NULL;

    for (unsigned i = 0; i < VDMA_SLOTS && device->parked != 0; i++) {
        struct vdma_slot *slot = &device->slots[i];

        if (slot->used && slot->parked &&
            (first == NULL || slot->due < first->due ||
             (slot->due == first->due && slot->number < first->number))) {
            first = slot;
        }
    }
    return first;
}

static void tell_deadline(struct vdma *device, const struct vdma_slot *first)
{
    uint64_t due = vdma_later_due(device);

    if (first != NULL && first->due < due && (device->status & STATUS_NEEDS_RESET) == 0) {
        due = first->due;
    }
    if (due != device->told) {
        device->told = due;
        device->ports->deadline(device->context, due);
    }
}

static bool working(const struct vdma *device)
{
    return (device->status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK;
}

bool vdma_step(struct vdma *device, uint64_t now)
{
    struct vdma_slot *first;
    struct vdma_slot *slot;

    device->now = now;
    device->access_pc = 0;
    if (vdma_later_step(device)) {
        return true;
    }
    first = first_due(device);
    if (first != NULL && first->due <= now && working(device)) {
        vdma_finish(device, first);
        return true;
    }
    slot = free_slot(device);
    for (unsigned i = 0; i < device->queue_count && slot != NULL && working(device); i++) {
        const unsigned index = (device->turn + i) % device->queue_count;

        if (vdma_queue_look(device, index)) {
            device->turn = index + 1;
            take(device, index, slot);
            return true;
        }
    }
    tell_deadline(device, first);
    return false;
}

void vdma_hurry(struct vdma *device, uint64_t now)
{
    for (unsigned i = 0; i < VDMA_SLOTS && device->parked != 0; i++) {
        struct vdma_slot *slot = &device->slots[i];

        if (slot->used && slot->parked && slot->kept && slot->due > now) {
            slot->due = now;
        }
    }
}

void vdma_reset_device(struct vdma *device, uint64_t now)
{
    struct vdma_record record;

    device->now = now;
    record = vdma_record_of(device, NULL, VDMA_EVENT_RESET);
    record.value = vdma_outstanding(device);
    for (unsigned i = 0; i < VDMA_SLOTS; i++) {
        if (device->slots[i].used) {
            vdma_release(device, &device->slots[i]);
        }
    }
    __builtin_memset(device->queues, 0, sizeof(device->queues));
    __builtin_memset(device->set_up, 0, sizeof(device->set_up));
    device->table = 0;
    device->table_entries = 0;
    device->guarded = 0;
    device->driver_features = 0;
    device->feature_select = 0;
    device->driver_select = 0;
    device->queue_select = 0;
    device->status = 0;
    device->causes = 0;
    device->turn = 0;
    vdma_later_reset(device);
    vdma_log(device, &record);
    device->ports->line(device->context, VDMA_NO_QUEUE, false);
    tell_deadline(device, NULL);
}
