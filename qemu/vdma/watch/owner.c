/* SPDX-License-Identifier: BSD-2-Clause */
/* Who has which bytes, and what that lets the CPU do to a page. */
#include "qemu/vdma/watch/watch_private.h"

void watch_init(struct watch *watch, const struct watch_door *door, void *context, unsigned what)
{
    __builtin_memset(watch, 0, sizeof(*watch));
    watch->door = door;
    watch->context = context;
    watch->what = what;
}

static bool overlaps(const struct vdma_owned *bytes, uint64_t memory, uint64_t length)
{
    return memory < bytes->memory + bytes->length && bytes->memory < memory + length;
}

static bool is_in(const uint64_t *pages, unsigned count, uint64_t page)
{
    for (unsigned i = 0; i < count; i++) {
        if (pages[i] == page) {
            return true;
        }
    }
    return false;
}

static unsigned allowed(struct watch *watch, uint64_t page)
{
    unsigned may = watch_lines_allowed(watch, page);

    if (is_in(watch->step, watch->step_count, page) ||
        is_in(watch->open, watch->open_count, page)) {
        return WATCH_READ | WATCH_WRITE;
    }
    for (unsigned i = 0; i < watch->owned_count; i++) {
        if (overlaps(&watch->owned[i].bytes, page, WATCH_PAGE)) {
            may &= watch->owned[i].bytes.access == VDMA_WRITES ? 0 : WATCH_READ;
        }
    }
    return watch_has_rest(watch, page) ? 0 : may;
}

/* Tell the door, of pages in a row that are alike in one call. */
void watch_update(struct watch *watch, uint64_t memory, uint64_t length)
{
    const uint64_t end = memory + length;
    uint64_t page = watch_page_of(memory);

    while (page < end) {
        const uint64_t from = page;
        const unsigned may = allowed(watch, page);

        do {
            page += WATCH_PAGE;
        } while (page < end && allowed(watch, page) == may);
        watch->door->allow(watch->context, from, page - from, may);
    }
}

void watch_doorbell(struct watch *watch)
{
    watch->bell++;
    watch_get_calls(watch, &watch->bells[watch->bell % WATCH_BELLS]);
}

void watch_own(struct watch *watch, const struct vdma_owned *bytes)
{
    if ((watch->what & WATCH_OWNER) == 0 || bytes->length == 0) {
        return;
    }
    if (watch->owned_count == WATCH_OWNED) {
        watch_note_overflow(watch, bytes);
        return;
    }
    watch->owned[watch->owned_count++] = (struct watch_piece){*bytes, watch->bell};
    watch_update(watch, bytes->memory, bytes->length);
}

static bool is_owned(const struct watch *watch, uint64_t page)
{
    for (unsigned i = 0; i < watch->owned_count; i++) {
        if (overlaps(&watch->owned[i].bytes, page, WATCH_PAGE)) {
            return true;
        }
    }
    return false;
}

static void close_pages(struct watch *watch)
{
    for (unsigned i = 0; i < watch->open_count;) {
        if (is_owned(watch, watch->open[i]) || watch_lines_has(watch, watch->open[i])) {
            i++;
        } else {
            watch->open[i] = watch->open[--watch->open_count];
        }
    }
}

/* From its end on, so that what takes a place is not of the same request. */
void watch_disown(struct watch *watch, uint32_t request)
{
    for (unsigned i = watch->owned_count; i-- > 0;) {
        const struct vdma_owned bytes = watch->owned[i].bytes;

        if (bytes.request == request) {
            watch->owned[i] = watch->owned[--watch->owned_count];
            watch_update(watch, bytes.memory, bytes.length);
        }
    }
    close_pages(watch);
}

static enum watch_rule judge(const struct vdma_owned *bytes, const struct watch_access *access)
{
    if (bytes->access == VDMA_WRITES) {
        return access->writes ? W02 : W03;
    }
    return access->writes ? W01 : WATCH_NONE;
}

bool watch_access(struct watch *watch, const struct watch_access *access)
{
    for (unsigned i = 0; i < watch->owned_count; i++) {
        const struct vdma_owned *bytes = &watch->owned[i].bytes;
        const enum watch_rule rule = judge(bytes, access);

        if (rule != WATCH_NONE && overlaps(bytes, access->memory, access->bytes)) {
            watch_report_access(watch, rule, access, &watch->owned[i]);
            return true;
        }
    }
    return watch_rest_access(watch, access);
}

bool watch_is_open(struct watch *watch, uint64_t memory)
{
    return allowed(watch, watch_page_of(memory)) == (WATCH_READ | WATCH_WRITE);
}

void watch_step_begin(struct watch *watch, uint64_t memory)
{
    const uint64_t page = watch_page_of(memory);

    if (watch->step_count < WATCH_STEP && !is_in(watch->step, watch->step_count, page)) {
        watch->step[watch->step_count++] = page;
        watch_update(watch, page, WATCH_PAGE);
    }
}

void watch_step_end(struct watch *watch)
{
    while (watch->step_count != 0) {
        const uint64_t page = watch->step[--watch->step_count];

        watch_update(watch, page, WATCH_PAGE);
    }
}

/* Where no more can be noted down, the bytes themselves are given up: it has to go on. */
static void give_up(struct watch *watch, uint64_t page)
{
    for (unsigned i = watch->owned_count; i-- > 0;) {
        const struct vdma_owned bytes = watch->owned[i].bytes;

        if (overlaps(&bytes, page, WATCH_PAGE)) {
            watch->owned[i] = watch->owned[--watch->owned_count];
            watch_update(watch, bytes.memory, bytes.length);
        }
    }
}

void watch_open(struct watch *watch, uint64_t memory, uint64_t pc, enum watch_opening why)
{
    const uint64_t page = watch_page_of(memory);

    if (is_in(watch->open, watch->open_count, page)) {
        return;
    }
    /* That a table is read through the cache is no news for who watches that. */
    if (why == WATCH_EXCLUSIVE || is_owned(watch, page)) {
        watch_note_open(watch, page, pc, why);
    }
    if (watch->open_count == WATCH_OPEN) {
        give_up(watch, page);
        return;
    }
    watch->open[watch->open_count++] = page;
    watch_update(watch, page, WATCH_PAGE);
}

void watch_record(struct watch *watch, const struct vdma_record *record)
{
    if ((watch->what & WATCH_INIT) != 0) {
        watch_unwritten_record(watch, record);
    }
    if ((watch->what & WATCH_RULES) != 0 && record->event == VDMA_EVENT_REFUSED) {
        watch_report_refusal(watch, record);
    }
}
