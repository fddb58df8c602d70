/* SPDX-License-Identifier: BSD-2-Clause */
/* Showing a part of a memory reference in an address space. */
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/reference/IOMemoryReference.h"

/*
 * The part of one entry that is shown. Offsets count from the page that holds the
 * first byte of the whole view.
 */
struct piece {
    const struct IOMemoryReferenceEntry *entry;
    uint64_t offset; /* in the object, of the piece's first byte */
    uint64_t begin;  /* of the view: where that byte lands */
    uint64_t end;    /* of the view: behind its last byte */
    uint64_t low;    /* of the view: its first page that no earlier piece shows */
};

/* The walk over the pieces of [offset, offset + length). */
struct walk {
    const struct IOMemoryReference *reference;
    const struct IOMemoryReferenceEntry *next;
    uint64_t offset, end; /* in the descriptor: what is left */
    uint64_t at;          /* in the view */
};

static struct walk start_walk(const struct IOMemoryReference *reference, uint64_t offset,
                              uint64_t length)
{
    const struct IOMemoryReferenceEntry *first = IOMemoryReference_find(reference, offset);
    const uint64_t skip = offset - IOMemoryReference_start(reference, first);

    return (struct walk){
        .reference = reference,
        .next = first,
        .offset = offset,
        .end = offset + length,
        .at = (first->offset + skip) & PAGE_MASK,
    };
}

/* The piece behind *piece, which is zeroed before the first. False: there is none. */
static bool next_piece(struct walk *walk, struct piece *piece)
{
    const bool first = piece->entry == NULL;
    uint64_t stop;

    if (walk->offset == walk->end) {
        return false;
    }
    piece->entry = walk->next;
    stop = walk->next->end < walk->end ? walk->next->end : walk->end;
    piece->offset =
        walk->next->offset + (walk->offset - IOMemoryReference_start(walk->reference, walk->next));
    piece->begin = walk->at;
    piece->end = walk->at + (stop - walk->offset);
    /*
     * A page that two pieces share has been shown by the earlier one: fits() has seen that it is
     * the same page.
     */
    piece->low = first ? 0 : round_page(piece->begin);
    walk->at = piece->end;
    walk->offset = stop;
    walk->next++;
    return true;
}

/*
 * A page of the view can show one page of memory: pieces meet at a page boundary, or
 * in a page that is the same for both.
 */
static bool fits(const struct piece *before, const struct piece *piece)
{
    if ((piece->begin & PAGE_MASK) != (piece->offset & PAGE_MASK)) {
        return false;
    }
    return (piece->begin & PAGE_MASK) == 0 ||
           platform_object_is_same(before->entry->object,
                                   atop(before->offset + (before->end - before->begin) - 1),
                                   piece->entry->object, atop(piece->offset));
}

/* Can it be done at all? */
static IOReturn check_pieces(struct walk walk, bool writable)
{
    struct piece before, piece = {0};

    while (before = piece, next_piece(&walk, &piece)) {
        if (before.entry != NULL && !fits(&before, &piece)) {
            return kIOReturnNotAligned;
        }
        if (writable && !piece.entry->writable) {
            return kIOReturnNotPermitted;
        }
    }
    return kIOReturnSuccess;
}

/* Pages of an object, from the one that a byte of it is in. */
static inline kern_return_t show_pages(struct vm_object *object, uint64_t offset, uint64_t size,
                                       const struct IOMemoryReferenceView *view,
                                       enum platform_placement placement, uint64_t *address)
{
    const struct platform_view part = {
        .object = object,
        .first = atop(offset),
        .pages = atop(size),
        .alignment = view->alignment,
        .writable = view->writable,
        .eager = view->eager,
    };

    return platform_map_show(view->map, address, placement, &part);
}

/* In a reservation: what no earlier piece shows of it. */
static kern_return_t show_piece(const struct piece *piece, const struct IOMemoryReferenceView *view,
                                uint64_t address)
{
    const uint64_t size = round_page(piece->end) - piece->low;

    /*
     * From the first page that no earlier piece shows. For the first piece that is the page
     * which it begins in: the difference is negative then, and the sum wraps back.
     */
    return size == 0 ? KERN_SUCCESS
                     : show_pages(piece->entry->object, piece->offset + (piece->low - piece->begin),
                                  size, view, PLATFORM_OVERWRITE, &address);
}

/* Reserve the whole interval, guards included, and put the pieces into it. */
static __attribute__((noinline)) kern_return_t show_pieces(struct walk walk,
                                                           struct IOMemoryReferenceView *view)
{
    const struct platform_view reservation = {.pages = atop(view->size),
                                              .alignment = view->alignment};
    kern_return_t status =
        platform_map_show(view->map, &view->start, view->placement, &reservation);
    struct piece piece = {0};

    if (status != KERN_SUCCESS) {
        return status;
    }
    while (status == KERN_SUCCESS && next_piece(&walk, &piece)) {
        status = show_piece(&piece, view, view->start + view->guard + piece.low);
    }
    if (status != KERN_SUCCESS) {
        /* With whatever pieces came: all of them lie in the reservation. */
        platform_map_remove(view->map, view->start, view->size);
    }
    return status;
}

/*
 * The same in place of what the caller has there. The pieces are put together elsewhere and
 * change places with it as a whole: until nothing can fail any more, it stays.
 */
static __attribute__((noinline)) kern_return_t show_pieces_over(struct walk walk,
                                                                struct IOMemoryReferenceView *view)
{
    struct IOMemoryReferenceView apart = *view;
    kern_return_t status;

    apart.placement = PLATFORM_ANYWHERE;
    status = show_pieces(walk, &apart);
    if (status != KERN_SUCCESS) {
        return status;
    }
    status = platform_map_exchange(view->map, apart.start, view->start, view->size);
    if (status == KERN_SUCCESS && view->eager) { /* moving has taken the pages out of the tables */
        status = platform_map_fill(view->map, view->start, view->size);
        if (status != KERN_SUCCESS) {
            platform_map_exchange(view->map, apart.start, view->start, view->size);
        }
    }
    platform_map_remove(view->map, apart.start, view->size);
    return status;
}

IOReturn IOMemoryReference_show(const struct IOMemoryReference *reference, uint64_t offset,
                                uint64_t length, struct IOMemoryReferenceView *view)
{
    struct walk walk = start_walk(reference, offset, length);
    const bool one = walk.next->end >= walk.end; /* piece, as most views are */
    const uint64_t skew = walk.at;
    IOReturn status = kIOReturnSuccess;
    kern_return_t shown;

    /* Translation keeps the offset in a page: no address with another one can show the byte. */
    if (view->placement != PLATFORM_ANYWHERE && (view->address & PAGE_MASK) != skew) {
        return kIOReturnNotAligned;
    }
    if (round_page_overflow(skew + length, &view->size) ||
        __builtin_add_overflow(view->size, 2 * view->guard, &view->size)) {
        return kIOReturnNoSpace;
    }
    /* Judged before anything is entered: a view that is half there would have to be taken back. */
    if (!one) {
        status = check_pieces(walk, view->writable);
    } else if (view->writable && !walk.next->writable) {
        status = kIOReturnNotPermitted;
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    view->start = view->placement == PLATFORM_ANYWHERE ? 0 : view->address - skew;
    if (view->guard == 0 && one) { /* it needs no frame */
        shown =
            show_pages(walk.next->object,
                       walk.next->offset + (offset - IOMemoryReference_start(reference, walk.next)),
                       view->size, view, view->placement, &view->start);
    } else {
        shown = view->placement == PLATFORM_OVERWRITE ? show_pieces_over(walk, view)
                                                      : show_pieces(walk, view);
    }
    if (shown != KERN_SUCCESS) {
        return IOReturn_fromKernel(shown, kIOReturnDoingShow);
    }
    view->address = view->start + view->guard + skew;
    if (view->cache != kIODefaultCache) { /* last: it cannot fail, and could not be taken back */
        platform_map_adopt_cache(view->map, trunc_page(view->address), round_page(skew + length),
                                 view->cache);
    }
    return kIOReturnSuccess;
}
