/* SPDX-License-Identifier: BSD-2-Clause */
/* What is held before and after a test. Nothing here allocates. */
#include "descriptors/OSObject.h"
#include "kernel/heap.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/task.h"
#include "kernel/vm_map.h"
#include "tests/harness/harness_private.h"

struct holdings {
    struct page_stats pages;
    struct heap_stats heap;
    struct mmu_stats mmu;
    struct vm_object_stats memory;
    struct vm_map_stats maps;
    uint64_t tasks;
    uint64_t objects;
};

static struct holdings before;
static struct harness_balance *balances;

static const char *const owner_names[PAGE_OWNER_COUNT] = {
    [PAGE_OWNER_NONE] = "pages without an owner", [PAGE_OWNER_KERNEL] = "kernel pages",
    [PAGE_OWNER_TABLE] = "page-table pages",      [PAGE_OWNER_HEAP] = "heap pages",
    [PAGE_OWNER_DRIVER] = "driver pages",         [PAGE_OWNER_BUFFER] = "buffer pages",
    [PAGE_OWNER_IMAGE] = "image pages",
};

void harness_balance_add(struct harness_balance *balance)
{
    balance->next = balances;
    balances = balance;
}

static void look(struct holdings *now)
{
    page_get_stats(&now->pages);
    heap_get_stats(&now->heap);
    mmu_get_stats(&now->mmu);
    vm_object_get_stats(&now->memory);
    vm_map_get_stats(&now->maps);
    now->tasks = task_count();
    now->objects = OSMetaClass_getTotalInstanceCount();
}

void balance_take(void)
{
    look(&before);
    for (struct harness_balance *balance = balances; balance != NULL; balance = balance->next) {
        balance->before = balance->count();
    }
}

static bool is_same(const char *what, uint64_t was, uint64_t is)
{
    if (was == is) {
        return true;
    }
    harness_note("out of balance: %llu %s before the test, %llu after it", (unsigned long long)was,
                 what, (unsigned long long)is);
    return false;
}

bool balance_holds(void)
{
    struct holdings now;
    bool same = true;

    look(&now);
    for (unsigned owner = 0; owner < PAGE_OWNER_COUNT; owner++) {
        /* The heap keeps empty slabs; its blocks are what counts. */
        if (owner != PAGE_OWNER_HEAP) {
            same &= is_same(owner_names[owner], before.pages.owned[owner], now.pages.owned[owner]);
        }
    }
    same &= is_same("pins", before.pages.pins, now.pages.pins);
    same &= is_same("heap blocks", before.heap.blocks, now.heap.blocks);
    same &= is_same("heap bytes", before.heap.bytes, now.heap.bytes);
    same &= is_same("table pages", before.mmu.tables, now.mmu.tables);
    same &= is_same("mapped pages", before.mmu.mapped_pages, now.mmu.mapped_pages);
    same &= is_same("address spaces", before.mmu.spaces, now.mmu.spaces);
    same &= is_same("memory objects", before.memory.objects, now.memory.objects);
    same &= is_same("address-space ranges", before.maps.entries, now.maps.entries);
    same &= is_same("tasks", before.tasks, now.tasks);
    same &= is_same("live objects", before.objects, now.objects);
    for (struct harness_balance *balance = balances; balance != NULL; balance = balance->next) {
        same &= is_same(balance->name, balance->before, balance->count());
    }
    return same;
}
