/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's side in raw bytes: rings, requests, and what comes back. */
#include <string.h>

#include "tests/host/vdma/door.h"

void put16(struct door *door, uint64_t address, uint16_t value)
{
    memcpy(door_at(door, address), &value, sizeof(value));
}

void put32(struct door *door, uint64_t address, uint32_t value)
{
    memcpy(door_at(door, address), &value, sizeof(value));
}

void put64(struct door *door, uint64_t address, uint64_t value)
{
    memcpy(door_at(door, address), &value, sizeof(value));
}

uint16_t get16(struct door *door, uint64_t address)
{
    uint16_t value;

    memcpy(&value, door_at(door, address), sizeof(value));
    return value;
}

uint32_t get32(struct door *door, uint64_t address)
{
    uint32_t value;

    memcpy(&value, door_at(door, address), sizeof(value));
    return value;
}

uint64_t get64(struct door *door, uint64_t address)
{
    uint64_t value;

    memcpy(&value, door_at(door, address), sizeof(value));
    return value;
}

void fill_pattern(struct door *door, uint64_t address, uint64_t length, unsigned seed)
{
    for (uint64_t i = 0; i < length; i++) {
        *door_at(door, address + i) = (uint8_t)(seed + i * 13 + (i >> 8) * 5);
    }
}

void door_grant(struct door *door, uint64_t address, uint64_t length, unsigned access)
{
    assert_in_range(door->grant_count, 0, GRANTS - 1);
    door->grants[door->grant_count++] = (struct grant){address, length, access};
}

void desc_at(struct door *door, uint64_t at, uint64_t address, uint32_t length, unsigned flags,
             unsigned next)
{
    put64(door, at, address);
    put32(door, at + 8, length);
    put16(door, at + 12, (uint16_t)flags);
    put16(door, at + 14, (uint16_t)next);
    door_grant(door, address, length, (flags & WRITE) != 0 ? WRITES : READS);
}

void desc(struct door *door, unsigned index, uint64_t address, uint32_t length, unsigned flags,
          unsigned next)
{
    desc_at(door, DESC_TABLE + 16 * (uint64_t)index, address, length, flags, next);
}

void publish(struct door *door, unsigned head)
{
    put16(door, AVAIL_RING + 4 + 2 * (uint64_t)(door->avail % RING_SIZE), (uint16_t)head);
    put16(door, AVAIL_RING + 2, ++door->avail);
}

void ring(struct door *door)
{
    door_write(door, 0x050, 0);
    step_all(door);
}

void submit(struct door *door, unsigned head)
{
    publish(door, head);
    ring(door);
}

unsigned used_index(struct door *door)
{
    return get16(door, USED_RING + 2);
}

uint32_t used_id(struct door *door, unsigned position)
{
    return get32(door, USED_RING + 4 + 8 * (uint64_t)(position % RING_SIZE));
}

uint32_t used_length(struct door *door, unsigned position)
{
    return get32(door, USED_RING + 8 + 8 * (uint64_t)(position % RING_SIZE));
}

static bool is_private(const struct ask *ask)
{
    return ask->type >> 16 == 0x5644;
}

static uint64_t status_at(const struct ask *ask)
{
    return ask->status_at != 0 ? ask->status_at : STATUS;
}

static void lay_header(struct door *door, const struct ask *ask, uint64_t at)
{
    put32(door, at, ask->type);
    put32(door, at + 4, ask->flags);
    put64(door, at + 8, ask->tag);
    if (!is_private(ask)) {
        return;
    }
    put64(door, at + 16, ask->arguments[0]);
    put64(door, at + 24, ask->arguments[1]);
    put64(door, at + 32, ask->source.address);
    put32(door, at + 40, ask->source.entries);
    put16(door, at + 44, ask->source.format);
    put16(door, at + 46, ask->source.reserved);
    put64(door, at + 48, ask->target.address);
    put32(door, at + 56, ask->target.entries);
    put16(door, at + 60, ask->target.format);
    put16(door, at + 62, ask->target.reserved);
}

void lay(struct door *door, const struct ask *ask)
{
    const uint64_t header = ask->header_at != 0 ? ask->header_at : HEADER;
    const uint64_t table = ask->indirect ? INDIRECT : DESC_TABLE;
    unsigned at = ask->indirect ? 0 : ask->head;

    lay_header(door, ask, header);
    memset(door_at(door, status_at(ask)), 0xee, is_private(ask) ? 32 : 1);
    desc_at(door, table + 16 * (uint64_t)at, header, is_private(ask) ? 64 : 16, NEXT, at + 1);
    at++;
    for (unsigned i = 0; i < 64 && ask->in[i].length != 0; i++, at++) {
        desc_at(door, table + 16 * (uint64_t)at, ask->in[i].address, (uint32_t)ask->in[i].length,
                NEXT, at + 1);
    }
    for (unsigned i = 0; i < 64 && ask->out[i].length != 0; i++, at++) {
        desc_at(door, table + 16 * (uint64_t)at, ask->out[i].address, (uint32_t)ask->out[i].length,
                NEXT | WRITE, at + 1);
    }
    desc_at(door, table + 16 * (uint64_t)at, status_at(ask), is_private(ask) ? 32 : 1, WRITE, 0);
    at++;
    if (ask->indirect) {
        desc(door, ask->head, INDIRECT, 16 * at, TABLED, 0);
    }
}

struct answer answer_of(struct door *door, const struct ask *ask)
{
    struct answer answer = {.came = used_index(door) != door->used_seen};
    const uint64_t at = status_at(ask);

    if (!answer.came) {
        return answer;
    }
    answer.id = used_id(door, door->used_seen);
    answer.length = used_length(door, door->used_seen);
    door->used_seen++;
    if (!is_private(ask)) {
        answer.code = *door_at(door, at);
        return answer;
    }
    answer.tag = get64(door, at);
    answer.value = get64(door, at + 8);
    answer.moved = get64(door, at + 16);
    answer.segment = get32(door, at + 24);
    answer.rule = get16(door, at + 28);
    answer.where = *door_at(door, at + 30);
    answer.code = *door_at(door, at + 31);
    return answer;
}

struct answer run(struct door *door, const struct ask *ask)
{
    lay(door, ask);
    submit(door, ask->head);
    return answer_of(door, ask);
}

struct answer accepted(struct door *door, const struct ask *ask)
{
    const struct answer answer = run(door, ask);

    assert_true(answer.came);
    assert_int_equal(answer.id, ask->head);
    assert_int_equal(answer.rule, 0);
    assert_int_equal(answer.code, 0);
    if (is_private(ask)) {
        assert_int_equal(answer.tag, ask->tag);
        assert_int_equal(answer.segment, NONE);
    }
    return answer;
}

void refused(struct door *door, const struct ask *ask, unsigned rule, unsigned where,
             uint32_t segment, uint64_t value)
{
    static uint8_t before[RAM_SIZE];
    struct answer answer;

    lay(door, ask);
    publish(door, ask->head);
    memcpy(before, door->ram, RAM_SIZE);
    ring(door);
    answer = answer_of(door, ask);
    assert_true(answer.came);
    assert_int_equal(answer.id, ask->head);
    if (is_private(ask)) {
        assert_int_equal(answer.rule, rule);
        assert_int_equal(answer.code, 3);
        assert_int_equal(answer.where, where);
        assert_int_equal(answer.segment, segment);
        assert_int_equal(answer.value, value);
        assert_int_equal(answer.moved, 0);
        assert_int_equal(answer.length, 32);
    } else {
        assert_int_equal(answer.code, 1);
        assert_int_equal(answer.length, 1);
    }
    assert_int_equal(door->config_rule, rule);
    assert_int_equal(door->config_place, segment);
    assert_int_equal(door->config_value, value);
    /* Not a byte has moved but those of the status and the used ring. */
    memcpy(before + (status_at(ask) - RAM_BASE), door_at(door, status_at(ask)), 32);
    memcpy(before + (USED_RING - RAM_BASE), door_at(door, USED_RING), 256);
    assert_memory_equal(before, door->ram, RAM_SIZE);
}

void failed_ring(struct door *door, unsigned rule, uint32_t segment, uint64_t value)
{
    const unsigned rises = door->rises;

    ring(door);
    assert_int_equal(door->config_rule, rule);
    assert_int_equal(door->config_place, segment);
    assert_int_equal(door->config_value, value);
    assert_true(needs_reset(door));
    assert_int_equal(door->rises, rises + 1);
    assert_int_equal(door_read(door, 0x060, 4) & 2, 2); /* the configuration */
    assert_int_equal(used_index(door), door->used_seen);
    door_start_features(door, door->features);
}

void failed(struct door *door, const struct ask *ask, unsigned rule, uint32_t segment,
            uint64_t value)
{
    lay(door, ask);
    publish(door, ask->head);
    failed_ring(door, rule, segment, value);
}

void refused_register(struct door *door, unsigned rule, uint32_t offset, uint64_t value)
{
    assert_int_equal(door->config_rule, rule);
    assert_int_equal(door->config_place, offset);
    assert_int_equal(door->config_value, value);
    door->config_rule = 0;
}

unsigned count_records(struct door *door, unsigned event)
{
    unsigned count = 0;

    for (unsigned i = 0; i < door->record_count; i++) {
        count += door->records[i % RECORDS].event == event;
    }
    return count;
}

const struct raw_record *find_record(struct door *door, unsigned event, unsigned nth)
{
    for (unsigned i = 0; i < door->record_count; i++) {
        if (door->records[i].event == event && nth-- == 0) {
            return &door->records[i];
        }
    }
    fail_msg("no such record of event %u", event);
    return NULL;
}

void forget_records(struct door *door)
{
    door->record_count = 0;
}

void set_limits(struct door *door, const struct raw_limits *limits)
{
    const uint64_t at = HEADER + 0x200;

    _Static_assert(sizeof(*limits) == 64, "the sheet says 64");
    memcpy(door_at(door, at), limits, 64);
    accepted(door, &(struct ask){.type = 0x56440111, .arguments = {0xffffffff}, .in = {{at, 64}}});
}

void inject(struct door *door, unsigned kind, unsigned after, uint64_t argument, uint64_t second)
{
    const uint64_t at = HEADER + 0x280;

    memset(door_at(door, at), 0, 32);
    put16(door, at, (uint16_t)kind);
    put32(door, at + 4, after);
    put64(door, at + 8, argument);
    put64(door, at + 16, second);
    accepted(door, &(struct ask){.type = 0x56440113, .arguments = {1}, .in = {{at, 32}}});
}
