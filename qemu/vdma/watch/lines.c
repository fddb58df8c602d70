/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory as a device sees it that does not look into the CPU's cache. Of each line there are
 * three copies: the CPU's, which is the machine's memory; the device's; and the one on which both
 * agreed last. The CPU's is dirty where it differs from that, and the device's is newer where it
 * does. A clean makes the device's the CPU's if that is dirty, and leaves it alone if not, so that
 * a clean and invalidate behind a device's write loses nothing.
 *
 * Pages get these copies when the device, an instruction of maintenance or an uncached access
 * comes to them for the first time. Until then it is only known whether the CPU has stored there
 * since the watch began: where it has, nothing of it has reached the device.
 */
#include "qemu/vdma/watch/watch_private.h"

#define COPY   WATCH_PAGE /* bytes of a page's copy; the device's, then the agreed one */
#define BUCKET (2 * WATCH_TRACKED)

static unsigned line_of(uint64_t memory)
{
    return (unsigned)(memory % WATCH_PAGE / WATCH_LINE);
}

/* Lines of one page that an access touches, as bits. */
static uint64_t lines_of(uint64_t memory, uint64_t bytes)
{
    const unsigned first = line_of(memory), last = line_of(memory + bytes - 1);

    return (last == 63 ? 0 : ~0ull << (last + 1)) ^ (~0ull << first);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What is left of [memory, memory + bytes) in the line where it begins. */
static uint64_t in_line(uint64_t memory, uint64_t bytes)
{
    return least(bytes, WATCH_LINE - memory % WATCH_LINE);
}

static bool differ(const uint8_t *a, const uint8_t *b, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        if (a[i] != b[i]) {
            return true;
        }
    }
    return false;
}

/* The three copies of a byte and those behind it. */
struct spot {
    struct watch_tracked *page;
    uint8_t *cpu, *device, *agreed;
};

static bool is_modelled(const struct watch_lines *lines, uint64_t memory)
{
    return lines->on && memory >= lines->first && memory < lines->end;
}

static uint64_t number_of(const struct watch_lines *lines, uint64_t memory)
{
    return (memory - lines->first) / WATCH_PAGE;
}

static bool is_set(const uint8_t *bits, uint64_t number)
{
    return (bits[number / 8] >> number % 8 & 1) != 0;
}

static void set(uint8_t *bits, uint64_t number)
{
    bits[number / 8] |= (uint8_t)(1u << number % 8);
}

static uint16_t *bucket_of(struct watch_lines *lines, uint64_t page)
{
    unsigned at = (unsigned)(page / WATCH_PAGE % BUCKET);

    while (lines->buckets[at] != 0 && lines->pages[lines->buckets[at] - 1].page != page) {
        at = (at + 1) % BUCKET;
    }
    return &lines->buckets[at];
}

static struct watch_tracked *find(struct watch_lines *lines, uint64_t memory)
{
    const uint16_t number = *bucket_of(lines, watch_page_of(memory));

    return number != 0 ? &lines->pages[number - 1] : NULL;
}

static struct spot spot_of(struct watch *watch, struct watch_tracked *page, uint64_t memory)
{
    struct watch_lines *lines = &watch->lines;
    uint8_t *copies = lines->copies + (uint64_t)(page - lines->pages) * 2 * COPY;

    return (struct spot){page, watch->door->memory(watch->context, memory),
                         copies + memory % WATCH_PAGE, copies + COPY + memory % WATCH_PAGE};
}

/* Its copies from now on. NULL: there is no room for more. */
static struct watch_tracked *track(struct watch *watch, uint64_t memory)
{
    struct watch_lines *lines = &watch->lines;
    const uint64_t page = watch_page_of(memory);
    uint16_t *bucket = bucket_of(lines, page);
    struct watch_tracked *it;
    struct spot spot;

    if (*bucket != 0) {
        return &lines->pages[*bucket - 1];
    }
    if (lines->count == lines->most) {
        watch_note_full(watch);
        return NULL;
    }
    it = &lines->pages[lines->count++];
    *bucket = (uint16_t)lines->count;
    *it = (struct watch_tracked){.page = page};
    spot = spot_of(watch, it, page);
    if (is_set(lines->written, number_of(lines, page))) {
        __builtin_memset(spot.device, 0, COPY);
    } else {
        __builtin_memcpy(spot.device, spot.cpu, COPY);
    }
    __builtin_memcpy(spot.agreed, spot.device, COPY);
    /* It has been open to cached accesses alone. */
    it->cached = is_set(lines->read, number_of(lines, page)) ? ~0ull : 0;
    watch_update(watch, page, WATCH_PAGE);
    return it;
}

bool watch_lines_begin(struct watch *watch, uint64_t first, uint64_t end, uint8_t *pool,
                       uint64_t bytes)
{
    struct watch_lines *lines = &watch->lines;
    const uint64_t map = ((end - first) / WATCH_PAGE + 7) / 8;

    if ((watch->what & WATCH_COHERENCE) == 0 || lines->on || bytes < 2 * map + 2 * COPY) {
        return lines->on;
    }
    lines->on = true;
    lines->first = first;
    lines->end = end;
    lines->read = pool;
    lines->written = pool + map;
    __builtin_memset(pool, 0, 2 * map);
    lines->copies = pool + 2 * map;
    lines->most = (unsigned)least(WATCH_TRACKED, (bytes - 2 * map) / (2 * COPY));
    watch_update(watch, first, end - first);
    return true;
}

unsigned watch_lines_allowed(struct watch *watch, uint64_t page)
{
    struct watch_lines *lines = &watch->lines;
    const unsigned both = WATCH_READ | WATCH_WRITE;

    if (!is_modelled(lines, page)) {
        return both;
    }
    if (lines->count != 0 && find(lines, page) != NULL) {
        return 0;
    }
    return is_set(lines->written, number_of(lines, page)) ? both
           : is_set(lines->read, number_of(lines, page))  ? WATCH_READ
                                                          : 0;
}

bool watch_lines_has(struct watch *watch, uint64_t page)
{
    return is_modelled(&watch->lines, page) && find(&watch->lines, page) != NULL;
}

/* --- The CPU ---------------------------------------------------------------------------------- */

static void open(struct watch *watch, const struct watch_access *access)
{
    struct watch_lines *lines = &watch->lines;
    const uint64_t number = number_of(lines, access->memory);

    set(lines->read, number);
    if (access->writes) {
        set(lines->written, number);
    }
    watch_update(watch, watch_page_of(access->memory), WATCH_PAGE);
}

static void judge_type(struct watch *watch, struct watch_tracked *page,
                       const struct watch_access *access)
{
    const uint64_t bits = lines_of(access->memory, access->bytes);

    if ((access->cached ? page->uncached : page->cached) != 0 && !page->two_types) {
        page->two_types = true;
        watch_report_line(watch, W16, access, access->memory, access->bytes, NULL, NULL);
    }
    if (access->cached) {
        page->cached |= bits;
    } else {
        page->uncached |= bits;
    }
}

void watch_lines_polled(struct watch *watch, uint64_t memory)
{
    struct watch_lines *lines = &watch->lines;

    lines->polled[lines->polled_next++ % WATCH_POLLED] = memory;
}

/* Whoever polls comes just too late now and then. */
static bool is_excused(struct watch_lines *lines, struct watch_tracked *page, uint64_t memory,
                       uint64_t bytes)
{
    const uint64_t bit = 1ull << line_of(memory);

    for (unsigned i = 0; i < WATCH_POLLED; i++) {
        if (lines->polled[i] != 0 && memory >= lines->polled[i] &&
            memory + bytes <= lines->polled[i] + 4 && (page->late & bit) == 0) {
            page->late |= bit;
            return true;
        }
    }
    return false;
}

/* A load of what the device has overwritten meanwhile. */
static void judge_load(struct watch *watch, struct watch_tracked *page,
                       const struct watch_access *access)
{
    uint64_t memory = access->memory, left = access->bytes;

    while (left != 0) {
        const uint64_t bytes = in_line(memory, left);
        const struct spot spot = spot_of(watch, page, memory);

        if (!page->two_types && (page->told >> line_of(memory) & 1) == 0 &&
            differ(spot.cpu, spot.device, bytes) && differ(spot.device, spot.agreed, bytes) &&
            !is_excused(&watch->lines, page, memory, bytes)) {
            watch_report_line(watch, W13, access, memory, bytes, spot.cpu, spot.device);
            return;
        }
        memory += bytes;
        left -= bytes;
    }
}

uint8_t *watch_lines_access(struct watch *watch, const struct watch_access *access)
{
    struct watch_lines *lines = &watch->lines;
    struct watch_tracked *page;

    if (!is_modelled(lines, access->memory)) {
        return NULL;
    }
    page = find(lines, access->memory);
    if (page == NULL && access->cached) {
        open(watch, access);
        return NULL;
    }
    if (page == NULL) {
        page = track(watch, access->memory);
    }
    if (page == NULL) {
        open(watch, access);
        return NULL;
    }
    judge_type(watch, page, access);
    if (access->cached && access->reads) {
        judge_load(watch, page, access);
    }
    return access->cached ? NULL : spot_of(watch, page, access->memory).device;
}

void watch_lines_swap(struct watch *watch, uint64_t memory, uint64_t bytes)
{
    struct watch_tracked *page =
        is_modelled(&watch->lines, memory) ? find(&watch->lines, memory) : NULL;

    if (page != NULL) {
        const struct spot spot = spot_of(watch, page, memory);

        for (uint64_t i = 0; i < bytes; i++) {
            const uint8_t byte = spot.cpu[i];

            spot.cpu[i] = spot.device[i];
            spot.device[i] = byte;
        }
    }
}

static void copy(uint8_t *to, const uint8_t *from)
{
    __builtin_memcpy(to, from, WATCH_LINE);
}

void watch_maintain(struct watch *watch, enum watch_maintenance what,
                    const struct watch_access *access)
{
    const uint64_t memory = access->memory & ~(uint64_t)(WATCH_LINE - 1);
    struct watch_tracked *page = is_modelled(&watch->lines, memory) ? track(watch, memory) : NULL;
    const uint64_t bit = 1ull << line_of(memory);
    struct spot spot;
    bool dirty, newer;

    if (page == NULL) {
        return;
    }
    spot = spot_of(watch, page, memory);
    dirty = differ(spot.cpu, spot.agreed, WATCH_LINE);
    newer = differ(spot.device, spot.agreed, WATCH_LINE);
    if (what == WATCH_INVALIDATE && dirty && !page->two_types) {
        watch_report_line(watch, W15, access, memory, WATCH_LINE, spot.cpu, spot.device);
    } else if (dirty && newer && !page->two_types && (page->told & bit) == 0) {
        watch_report_line(watch, W14, access, memory, WATCH_LINE, spot.cpu, spot.device);
    }
    if (dirty && what != WATCH_INVALIDATE) {
        copy(spot.device, spot.cpu);
        copy(spot.agreed, spot.cpu);
    }
    if (what != WATCH_CLEAN) {
        copy(spot.cpu, spot.device);
        copy(spot.agreed, spot.device);
        page->cached &= ~bit;
        page->uncached &= ~bit;
        page->told &= ~bit;
        page->late &= ~bit;
    }
}

/* --- The device ------------------------------------------------------------------------------- */

void watch_device_reads(struct watch *watch, uint64_t memory, void *to, uint32_t length)
{
    uint8_t *at = to;
    uint64_t left = length;

    if (!watch->lines.on) {
        __builtin_memcpy(to, watch->door->memory(watch->context, memory), length);
        memory += length;
        left = 0;
    }
    while (left != 0) {
        const uint64_t bytes = in_line(memory, left);
        struct watch_tracked *page =
            is_modelled(&watch->lines, memory) ? track(watch, memory) : NULL;

        if (page == NULL) {
            __builtin_memcpy(at, watch->door->memory(watch->context, memory), bytes);
        } else {
            const struct spot spot = spot_of(watch, page, memory);

            if (!page->two_types && differ(spot.cpu, spot.device, bytes) &&
                differ(spot.cpu, spot.agreed, bytes)) {
                watch_report_line(watch, W11, NULL, memory, bytes, spot.cpu, spot.device);
            }
            __builtin_memcpy(at, spot.device, bytes);
        }
        at += bytes;
        memory += bytes;
        left -= bytes;
    }
    watch_look_for_unwritten(watch, memory - length, to, length);
}

void watch_device_writes(struct watch *watch, uint64_t memory, const void *from, uint32_t length)
{
    const uint8_t *at = from;
    uint64_t left = length;

    while (left != 0) {
        const uint64_t bytes = in_line(memory, left);
        const uint64_t line = memory & ~(uint64_t)(WATCH_LINE - 1);
        struct watch_tracked *page =
            is_modelled(&watch->lines, memory) ? track(watch, memory) : NULL;

        if (page == NULL) {
            __builtin_memcpy(watch->door->memory(watch->context, memory), at, bytes);
        } else {
            const struct spot spot = spot_of(watch, page, line);

            if (!page->two_types && differ(spot.cpu, spot.agreed, WATCH_LINE)) {
                watch_report_line(watch, W12, NULL, line, WATCH_LINE, spot.cpu, spot.device);
                page->told |= 1ull << line_of(memory);
            }
            __builtin_memcpy(spot.device + (memory - line), at, bytes);
        }
        at += bytes;
        memory += bytes;
        left -= bytes;
    }
}
