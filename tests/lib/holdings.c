/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting what is held, and naming what differs. */
#include "tests/lib/holdings.h"

#include <stddef.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "kernel/heap.h"
#include "kernel/mmu.h"
#include "kernel/task.h"
#include "kernel/vm_map.h"
#include "kernel/vm_object.h"

/* A class that the list of classes does not know still counts, among the live objects. */
#define DECLARED(Of, Class, member, Parent) extern const OSMetaClass Class##_metaClass;
#define COUNTED(Of, Class, member, Parent)  &Class##_metaClass,
OSOBJECT_FAMILY(DECLARED, )
static const OSMetaClass *const classes[] = {OSOBJECT_FAMILY(COUNTED, )};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))
_Static_assert(CLASSES <= HOLDINGS_CLASSES, "a counter for each class");

static const char *const owners[PAGE_OWNER_COUNT] = {
    [PAGE_OWNER_NONE] = "pages without an owner", [PAGE_OWNER_KERNEL] = "kernel pages",
    [PAGE_OWNER_TABLE] = "page-table pages",      [PAGE_OWNER_HEAP] = "heap pages",
    [PAGE_OWNER_DRIVER] = "driver pages",         [PAGE_OWNER_BUFFER] = "buffer pages",
    [PAGE_OWNER_IMAGE] = "image pages",
};

static const struct {
    const char *name;
    size_t offset;
} kinds[] = {
    {"pins", offsetof(struct holdings, pins)},
    {"heap blocks", offsetof(struct holdings, heap_blocks)},
    {"heap bytes", offsetof(struct holdings, heap_bytes)},
    {"table pages", offsetof(struct holdings, tables)},
    {"mapped pages", offsetof(struct holdings, mapped)},
    {"page-table trees", offsetof(struct holdings, spaces)},
    {"memory objects", offsetof(struct holdings, objects)},
    {"address spaces", offsetof(struct holdings, maps)},
    {"address-space ranges", offsetof(struct holdings, entries)},
    {"tasks", offsetof(struct holdings, tasks)},
    {"memory references", offsetof(struct holdings, references)},
    {"live objects", offsetof(struct holdings, instances)},
};

struct holdings holdings_now(void)
{
    struct holdings now = {.tasks = task_count(), .references = gIOMemoryReferenceCount};
    struct page_stats pages;
    struct heap_stats heap;
    struct mmu_stats mmu;
    struct vm_object_stats objects;
    struct vm_map_stats maps;

    page_get_stats(&pages);
    heap_get_stats(&heap);
    mmu_get_stats(&mmu);
    vm_object_get_stats(&objects);
    vm_map_get_stats(&maps);
    now.pages = pages.allocated - heap.pages;
    for (unsigned owner = 0; owner < PAGE_OWNER_COUNT; owner++) {
        now.of_owner[owner] = owner != PAGE_OWNER_HEAP ? pages.owned[owner] : 0;
    }
    now.pins = pages.pins;
    now.heap_blocks = heap.blocks;
    now.heap_bytes = heap.bytes;
    now.tables = mmu.tables;
    now.mapped = mmu.mapped_pages;
    now.spaces = mmu.spaces;
    now.objects = objects.objects;
    now.maps = maps.maps;
    now.entries = maps.entries;
    now.instances = OSMetaClass_getTotalInstanceCount();
    for (size_t i = 0; i < CLASSES; i++) {
        now.of_class[i] = OSMetaClass_getInstanceCount(classes[i]);
    }
    return now;
}

static bool is_same(const char *what, uint64_t was, uint64_t is, holdings_report *report)
{
    if (was != is) {
        report(what, was, is);
    }
    return was == is;
}

static uint64_t count_at(const struct holdings *held, size_t offset)
{
    return *(const uint64_t *)((const char *)held + offset);
}

bool holdings_are_same(const struct holdings *was, const struct holdings *is,
                       holdings_report *report)
{
    bool same = true;

    for (unsigned owner = 0; owner < PAGE_OWNER_COUNT; owner++) {
        same &= is_same(owners[owner], was->of_owner[owner], is->of_owner[owner], report);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        same &= is_same(kinds[i].name, count_at(was, kinds[i].offset),
                        count_at(is, kinds[i].offset), report);
    }
    for (size_t i = 0; i < CLASSES; i++) {
        same &= is_same(OSMetaClass_getClassName(classes[i]), was->of_class[i], is->of_class[i],
                        report);
    }
    return same;
}
