/* SPDX-License-Identifier: BSD-2-Clause */
/* Purgeable memory: what may be lost, and what must not. */
#include "descriptors/reference/IOMemoryReference.h"
#include "tests/host/model/model.h"

/* The leaves whose memory a change of this descriptor's state concerns. */
struct concerned {
    struct store *stores[EXTENTS_MAX * PARTS_MAX];
    unsigned count;
    bool refused, unclear;
};

static void collect(struct memory *memory, struct concerned *all)
{
    if (memory->view.length == 0 || memory->copies_on_write || all->count > EXTENTS_MAX) {
        all->unclear = true; /* an empty one has no memory, an image is another one */
        return;
    }
    for (unsigned i = 0; i < memory->part_count; i++) {
        collect(memory->parts[i], all);
    }
    for (unsigned i = 0; memory->kind == LEAF && i < memory->view.count; i++) {
        struct store *store = memory->view.extents[i].store;

        if (all->count == EXTENTS_MAX * PARTS_MAX) {
            all->unclear = true;
            return;
        }
        all->stores[all->count++] = store;
        all->refused |= memory->physical || !store->purgeable;
    }
}

static IOOptionBits former_state(const struct concerned *all)
{
    IOOptionBits state = kIOMemoryPurgeableNonVolatile;

    for (unsigned i = 0; i < all->count; i++) {
        state = all->stores[i]->purge > state ? all->stores[i]->purge : state;
    }
    return state;
}

static void change(struct store *store, IOOptionBits state, bool faults)
{
    if (state == kIOMemoryPurgeableEmpty) {
        store_discard(store);
    }
    if (state != kIOMemoryPurgeableVolatile || store->purge != kIOMemoryPurgeableEmpty) {
        store->purge = state;
    }
    store->faults = faults && store->purge == kIOMemoryPurgeableVolatile;
}

void step_purge(void)
{
    static const IOOptionBits states[] = {kIOMemoryPurgeableNonVolatile, kIOMemoryPurgeableVolatile,
                                          kIOMemoryPurgeableVolatile, kIOMemoryPurgeableEmpty,
                                          kIOMemoryPurgeableKeepCurrent};
    const IOOptionBits state = states[below(5)];
    IOOptionBits former = 99, order = 0;
    struct memory *memory = memory_any();
    struct concerned all = {.count = 0};
    IOReturn status;

    if (memory == NULL) {
        return;
    }
    collect(memory, &all);
    if (all.unclear) {
        return;
    }
    if (state == kIOMemoryPurgeableVolatile) {
        order = (IOOptionBits)below(8) << kIOMemoryPurgeableVolatileGroupShift;
        order |= one_in(2) ? kIOMemoryPurgeableVolatileBehaviorLifo : 0;
        order |= one_in(4) ? kIOMemoryPurgeableVolatileOrderingObsolete : 0;
        order |= one_in(4) ? kIOMemoryPurgeableFaultOnAccess : 0;
    }
    shortage_begin(true);
    status = IOMemoryDescriptor_setPurgeable(memory->descriptor, state | order, &former);
    if (shortage_end() && status != kIOReturnSuccess) {
        assert_int_equal(former, 99);
        return;
    }
    if (all.refused) {
        assert_int_not_equal(status, kIOReturnSuccess);
        assert_int_equal(former, 99);
        return;
    }
    assert_int_equal(status, kIOReturnSuccess);
    assert_int_equal(former, former_state(&all));
    for (unsigned i = 0; i < all.count && state != kIOMemoryPurgeableKeepCurrent; i++) {
        change(all.stores[i], state, (order & kIOMemoryPurgeableFaultOnAccess) != 0);
    }
}

static struct vm_object *object_of(const struct store *store)
{
    const struct IOMemoryReference *reference =
        ((const IOGeneralMemoryDescriptor *)store->probe)->reference;
    struct vm_range range;
    uint64_t size;

    if (reference != NULL) {
        return reference->entries[0].object;
    }
    assert_int_equal(vm_map_lookup(task_map(store->task), store->address, &range, &size),
                     KERN_SUCCESS);
    return range.object;
}

/* In the middle of a call, pages may have been pinned that are not any more: those are there. */
static void discard_absent(struct store *store)
{
    struct vm_object *const object = object_of(store);
    paddr_t page;

    for (uint64_t i = 0; i < store->pages; i++) {
        if (!vm_object_resident(object, i, &page)) {
            assert_int_equal(store->pins[i], 0);
            memset(&store->bytes[ptoa(i)], 0, PAGE_SIZE);
        }
    }
}

/* Some volatile memory may have gone. The machine says which, and has lost only that. */
void notice_reclaim(bool meanwhile)
{
    for (unsigned i = 0; i < STORES_MAX; i++) {
        struct store *store = &world.stores[i];
        IOOptionBits state;

        if (store->users == 0 || !store->purgeable) {
            continue;
        }
        assert_int_equal(
            IOMemoryDescriptor_setPurgeable(store->probe, kIOMemoryPurgeableKeepCurrent, &state),
            kIOReturnSuccess);
        if (state != store->purge) {
            assert_int_equal(store->purge, kIOMemoryPurgeableVolatile);
            assert_int_equal(state, kIOMemoryPurgeableEmpty);
            (meanwhile ? discard_absent : store_discard)(store);
            store->purge = state;
            store->faults = false;
        }
    }
}

void step_reclaim(void)
{
    static const uint64_t wanted[] = {1, 3, 1000};

    vm_purge_reclaim(wanted[below(3)]);
    notice_reclaim(false);
}
