/* SPDX-License-Identifier: BSD-2-Clause */
/* Stores and views: the bytes as they should be. */
#include "kernel/inject.h"
#include "tests/host/model/model.h"

struct world world;

uint64_t below(uint64_t limit)
{
    return sim_random(&world.random) % limit;
}

bool one_in(uint64_t n)
{
    return below(n) == 0;
}

void shortage_begin(bool may)
{
    const uint64_t nth = 1 + below(8);

    inject_begin(one_in(4) && may ? nth : 0);
}

bool shortage_end(void)
{
    struct inject_report report;

    inject_end(&report);
    if (report.failed) { /* before it failed, volatile memory was looked for */
        notice_reclaim(true);
    }
    return report.failed;
}

struct store *store_new(uint64_t pages)
{
    struct store *store = world.stores;

    assert_in_range(pages, 1, STORE_PAGES);
    while (store->users != 0) {
        store++;
        assert_ptr_not_equal(store, &world.stores[STORES_MAX]);
    }
    *store = (struct store){
        .bytes = calloc(pages, PAGE_SIZE),
        .pages = pages,
        .users = 1,
        .purge = kIOMemoryPurgeableNonVolatile,
    };
    assert_non_null(store->bytes);
    return store;
}

void store_retain(struct store *store)
{
    store->users++;
}

void store_release(struct store *store)
{
    store->users--;
    if (store->users == 0) {
        free(store->bytes);
    }
}

void store_discard(struct store *store)
{
    for (uint64_t page = 0; page < store->pages; page++) {
        if (store->pins[page] == 0) {
            memset(&store->bytes[ptoa(page)], 0, PAGE_SIZE);
        }
    }
}

bool view_add(struct view *view, const struct extent *extent)
{
    if (extent->length == 0) {
        return true;
    }
    if (view->count == EXTENTS_MAX || view->length + extent->length > VIEW_MAX) {
        return false;
    }
    view->extents[view->count++] = *extent;
    view->length += extent->length;
    return true;
}

bool view_append(struct view *view, const struct view *other)
{
    for (unsigned i = 0; i < other->count; i++) {
        if (!view_add(view, &other->extents[i])) {
            return false;
        }
    }
    return true;
}

void view_slice(const struct view *view, uint64_t offset, uint64_t length, struct view *out)
{
    const struct extent *from = view->extents;

    out->count = 0;
    out->length = 0;
    while (length != 0) {
        if (offset < from->length) {
            struct extent piece = *from;

            piece.offset += offset;
            piece.at += offset;
            piece.length = length < from->length - offset ? length : from->length - offset;
            view_add(out, &piece);
            length -= piece.length;
            offset = 0;
        } else {
            offset -= from->length;
        }
        from++;
    }
}

void view_retain(const struct view *view)
{
    for (unsigned i = 0; i < view->count; i++) {
        store_retain(view->extents[i].store);
    }
}

void view_release(const struct view *view)
{
    for (unsigned i = 0; i < view->count; i++) {
        store_release(view->extents[i].store);
    }
}

void view_load(const struct view *view, uint64_t offset, void *bytes, uint64_t length)
{
    struct view slice;
    uint8_t *to = bytes;

    view_slice(view, offset, length, &slice);
    for (unsigned i = 0; i < slice.count; i++) {
        const struct extent *extent = &slice.extents[i];

        memcpy(to, &extent->store->bytes[extent->offset], extent->length);
        to += extent->length;
    }
}

void view_store(const struct view *view, uint64_t offset, const void *bytes, uint64_t length)
{
    struct view slice;
    const uint8_t *from = bytes;

    view_slice(view, offset, length, &slice);
    for (unsigned i = 0; i < slice.count; i++) {
        const struct extent *extent = &slice.extents[i];

        memcpy(&extent->store->bytes[extent->offset], from, extent->length);
        from += extent->length;
    }
}

/* Where two pieces meet inside a page, it must be the same page. */
bool view_is_mappable(const struct view *view)
{
    for (unsigned i = 1; i < view->count; i++) {
        const struct extent *before = &view->extents[i - 1], *after = &view->extents[i];
        const uint64_t end = before->offset + before->length;

        if (((end ^ after->offset) & PAGE_MASK) != 0 ||
            ((end & PAGE_MASK) != 0 && (before->store != after->store || end != after->offset))) {
            return false;
        }
    }
    return true;
}

bool view_faults(const struct view *view, uint64_t offset, uint64_t length)
{
    uint64_t at = 0;

    for (unsigned i = 0; i < view->count; i++) {
        const struct extent *extent = &view->extents[i];

        if (extent->store->faults && at < offset + length && offset < at + extent->length) {
            return true;
        }
        at += extent->length;
    }
    return false;
}

void view_pin(const struct view *view, int by)
{
    for (unsigned i = 0; i < view->count; i++) {
        const struct extent *extent = &view->extents[i];
        const uint64_t last = extent->offset + extent->length - 1;

        for (uint64_t page = atop(extent->offset); page <= atop(last); page++) {
            extent->store->pins[page] += (unsigned)by;
        }
    }
}
