/* SPDX-License-Identifier: BSD-2-Clause */
/* A recording, read as whoever reads an image's memory does. */
#include "tests/host/drivers/recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define EVENTS 8192u

/* As it stands in memory, for readers from outside (kernel/trace.c). */
struct event {
    uint32_t number, kind;
    uint64_t time, values[3];
};

static struct event events[EVENTS] __attribute__((aligned(16)));

void recorded_begin(void)
{
    assert_int_equal(trace_bytes(1), sizeof(events[0]));
    assert_true(trace_use(events, EVENTS));
    trace_start();
}

void recorded_end(void)
{
    trace_stop();
    assert_int_equal(trace_lost(), 0);
    assert_int_not_equal(trace_count(), 0);
}

unsigned recorded_count(enum trace_kind kind)
{
    uint64_t values[3];
    unsigned count = 0;

    while (recorded_event(kind, count, values)) {
        count++;
    }
    return count;
}

/* Where the nth of a kind stands; trace_count(): nowhere. */
static uint64_t find(enum trace_kind kind, unsigned nth)
{
    uint64_t at;

    for (at = 0; at < trace_count(); at++) {
        if (events[at].kind == (uint32_t)kind && nth-- == 0) {
            break;
        }
    }
    return at;
}

bool recorded_event(enum trace_kind kind, unsigned nth, uint64_t values[3])
{
    const uint64_t at = find(kind, nth);

    if (at == trace_count()) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        values[i] = events[at].values[i];
    }
    return true;
}

static void add(struct recorded_list *list, const struct event *event)
{
    const uint64_t slot = event->values[2];
    const struct recorded_entry entry = {
        .transfer = (const void *)event->values[0],
        .address = event->values[1],
        .length = (uint32_t)slot,
        .index = (uint16_t)(slot >> 32),
        .list = (enum trace_list)(uint8_t)(slot >> 48),
        .flags = (uint8_t)(slot >> 56),
    };

    assert_in_range(list->count, 0, RECORDED_ENTRIES - 1);
    list->entries[list->count++] = entry;
    list->bytes += (entry.flags & TRACE_SLOT_OWN) != 0 ? 0 : entry.length;
}

bool recorded_list(unsigned nth, struct recorded_list *list)
{
    uint64_t at = find(TRACE_dma_issue, nth);

    if (at == trace_count()) {
        return false;
    }
    list->command = (const void *)events[at].values[0];
    list->offset = events[at].values[1];
    list->device = events[at].values[2];
    list->count = 0;
    list->bytes = 0;
    list->is_told = false;
    while (++at < trace_count() && events[at].kind == TRACE_dma_slot) {
        add(list, &events[at]);
    }
    for (; at < trace_count() && !list->is_told; at++) {
        list->is_told = events[at].kind == TRACE_doorbell && events[at].values[0] == list->device;
    }
    return true;
}

void recorded_expect(const struct recorded_list *list, const IODMACommand *command, uint64_t offset,
                     uint64_t bytes, enum trace_list kind, unsigned first, unsigned flags)
{
    assert_ptr_equal(list->command, command);
    assert_int_equal(list->offset, offset);
    assert_int_equal(list->bytes, bytes);
    assert_true(list->is_told);
    for (unsigned i = 0; i < list->count; i++) {
        const struct recorded_entry *const entry = &list->entries[i];

        assert_ptr_equal(entry->transfer, command);
        assert_int_equal(entry->list, kind);
        assert_int_equal(entry->index, first + i);
        assert_int_equal(entry->flags, flags);
    }
}
