/* SPDX-License-Identifier: BSD-2-Clause */
/* Pinning by runs into one list, and what such a list must be, for tests of it. */
#ifndef DMAKIT_TESTS_HOST_MACHINE_WIRE_FIXTURE_H
#define DMAKIT_TESTS_HOST_MACHINE_WIRE_FIXTURE_H

#include "tests/host/machine/vm_fixture.h"

#define WIRE_MOST 700

static struct memory_run wire_found[WIRE_MOST]; /* the list of wire_room's */

static inline uint64_t wire_pins(void)
{
    struct page_stats stats;

    page_get_stats(&stats);
    return stats.pins;
}

static inline struct memory_runs wire_room(size_t runs)
{
    return (struct memory_runs){.list = wire_found, .capacity = runs};
}

/* In that map, or in the fixture's. */
static inline kern_return_t wire_in(struct vm_map *map, const struct memory_run *bytes,
                                    size_t count, unsigned flags, struct memory_runs *wiring)
{
    const struct memory_runs all = {
        .list = (struct memory_run *)bytes, .count = count, .length = bytes[count - 1].end};

    return vm_map_wire_runs(map, &all, flags, wiring);
}

static inline kern_return_t wire(const struct memory_run *bytes, size_t count, unsigned flags,
                                 struct memory_runs *wiring)
{
    return wire_in(map, bytes, count, flags, wiring);
}

/* No pin is left. */
static inline void wire_back(struct memory_runs *wiring, bool written)
{
    vm_unwire_runs(wiring, written);
    assert_int_equal(wire_pins(), before.pins);
}

/* The list is as it says, and one run nowhere goes on where the one before it ends. */
static inline void wire_check(const struct memory_runs *wiring)
{
    uint64_t start = 0, longest = 0, highest = 0;

    for (size_t i = 0; i < wiring->count; i++) {
        const struct memory_run *run = &wiring->list[i];
        const uint64_t behind = run->address + (run->end - start);

        assert_true(run->end > start);
        assert_true(i + 1 == wiring->count || run[1].address != behind);
        longest = run->end - start > longest ? run->end - start : longest;
        highest = behind > highest ? behind : highest;
        start = run->end;
    }
    assert_int_equal(wiring->length, start);
    assert_int_equal(wiring->longest, longest);
    assert_int_equal(wiring->highest, highest);
}

static inline paddr_t wire_page(struct vm_object *object, uint64_t index)
{
    paddr_t page = paddr(0);

    assert_true(vm_object_resident(object, index, &page));
    return page;
}

/* Byte by page: where the list says it is, is where the object has it, which is pinned once. */
static inline void wire_check_pages(const struct memory_runs *wiring, struct vm_object *object,
                                    uint64_t at)
{
    const struct memory_run *run = wiring->list;
    uint64_t start = 0;

    wire_check(wiring);
    for (uint64_t offset = 0; offset < wiring->length; offset++) {
        if (offset == run->end) {
            start = offset;
            run++;
        }
        if (offset == 0 || ((at + offset) & PAGE_MASK) == 0) {
            assert_int_equal(run->address + (offset - start),
                             wire_page(object, (at + offset) >> PAGE_SHIFT).value +
                                 ((at + offset) & PAGE_MASK));
            assert_int_equal(page_pin_count(paddr((run->address + (offset - start)) & ~PAGE_MASK)),
                             1);
        }
    }
}

#endif
