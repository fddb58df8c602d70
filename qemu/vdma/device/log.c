/* SPDX-License-Identifier: BSD-2-Clause */
/* vdma's log: a ring of records, and the rules' texts. */
#include "qemu/vdma/device/vdma_private.h"

static const char *const texts[RULES_END] = {
#define RULE(name, text, value) [name] = text,
#include "qemu/vdma/device/rules.def"
#undef RULE
};

static const char *const values[RULES_END] = {
#define RULE(name, text, value) [name] = value,
#include "qemu/vdma/device/rules.def"
#undef RULE
};

const char *vdma_rule_text(unsigned rule)
{
    return rule < RULES_END ? texts[rule] : NULL;
}

const char *vdma_rule_value(unsigned rule)
{
    return rule < RULES_END ? values[rule] : NULL;
}

struct vdma_record vdma_record_of(const struct vdma *device, const struct vdma_slot *slot,
                                  unsigned event)
{
    struct vdma_record record = {
        .tick = device->now, .event = (uint16_t)event, .segment = VDMA_NO_SEGMENT};

    if (slot != NULL) {
        record.pc = slot->pc;
        record.request = slot->number;
        record.type = slot->request.type;
        record.slot = slot->head;
        record.queue = slot->queue;
    } else {
        record.pc = device->access_pc;
    }
    return record;
}

void vdma_log(struct vdma *device, const struct vdma_record *record)
{
    if ((device->log_events & 1u << record->event) == 0) {
        return;
    }
    if (device->log_count == VDMA_LOG_RECORDS) {
        device->log_first = (device->log_first + 1) % VDMA_LOG_RECORDS;
        device->log_count--;
        device->log_lost++;
    }
    device->log[(device->log_first + device->log_count++) % VDMA_LOG_RECORDS] = *record;
    if (device->ports->record != NULL) {
        device->ports->record(device->context, record);
    }
}

void vdma_log_rule(struct vdma *device, enum vdma_rule rule, uint32_t where, uint32_t place,
                   uint64_t value)
{
    struct vdma_record record = vdma_record_of(device, NULL, VDMA_EVENT_REFUSED);

    record.rule = (uint16_t)rule;
    record.code = (uint8_t)where;
    record.segment = place;
    record.value = value;
    vdma_log(device, &record);
}

unsigned vdma_log_read(struct vdma *device, struct vdma_record *records, unsigned count)
{
    unsigned taken = 0;

    while (taken < count && device->log_count != 0) {
        records[taken] = device->log[device->log_first];
        /* Only what went before the oldest is missing, so one number says it all. */
        records[taken].lost = device->log_lost;
        device->log_lost = 0;
        device->log_first = (device->log_first + 1) % VDMA_LOG_RECORDS;
        device->log_count--;
        taken++;
    }
    return taken;
}
