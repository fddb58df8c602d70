/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way to the bytes: maps, readBytes and writeBytes, a device, and their owner. */
#include "descriptors/IOProcessorCache.h"
#include "kernel/direct_map.h"
#include "tests/host/model/model.h"

static uint8_t bytes[TRANSFER_MAX], expected[TRANSFER_MAX];

static void fill_bytes(uint64_t length)
{
    const uint64_t seed = below(256);

    for (uint64_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(seed + i * 7);
    }
}

/* Part of `size` bytes, not empty, and mostly short. */
static uint64_t choose_part(uint64_t size, uint64_t *offset)
{
    static const uint64_t most[] = {4, 4, 16, 16, 64, 64, 300, 5000};
    uint64_t length = 1 + below(most[below(8)]);

    length = length < size ? length : size;
    *offset = below(size - length + 1);
    return length;
}

/* The simulated CPU has no direct map: there the kernel's pointers are our own. */
static uint8_t *directly(task_t task, uint64_t address)
{
    const uint64_t ram = (uint64_t)phys_to_virt(paddr(SIM_RAM_BASE));

    return task == kernel_task && address >= ram && address < ram + MODEL_RAM ? (uint8_t *)address
                                                                              : NULL;
}

static void load_and_compare(task_t task, uint64_t address, const uint8_t *wanted, uint64_t length)
{
    const uint8_t *direct = directly(task, address);
    vm_map_t map = task_map(task);

    if (direct != NULL) {
        assert_memory_equal(direct, wanted, length);
        return;
    }
    for (uint64_t i = 0; i < length; i++) {
        uint8_t byte;

        if (sim_load(map, address + i, &byte) != KERN_SUCCESS || byte != wanted[i]) {
            assert_int_equal(load(task, address + i), wanted[i]);
        }
    }
}

static void store_all(task_t task, uint64_t address, uint64_t length)
{
    uint8_t *direct = directly(task, address);
    vm_map_t map = task_map(task);

    if (direct != NULL) {
        memcpy(direct, bytes, length);
        return;
    }
    for (uint64_t i = 0; i < length; i++) {
        if (sim_store(map, address + i, bytes[i]) != KERN_SUCCESS) {
            store(task, address + i, bytes[i]); /* says why not */
        }
    }
}

void check_mapping(const struct mapping *mapping, uint64_t offset, uint64_t length)
{
    view_load(&mapping->view, offset, expected, length);
    load_and_compare(mapping->task, mapping->address + offset, expected, length);
}

/* The first byte from `offset` on whose memory faults. */
static uint64_t first_fault(const struct view *view, uint64_t offset)
{
    while (!view_faults(view, offset, 1)) {
        offset++;
    }
    return offset;
}

void step_through_map(void)
{
    struct mapping *mapping = mapping_any(true, false);
    uint64_t offset, length;
    uint8_t byte;

    if (mapping == NULL) {
        return;
    }
    length = choose_part(mapping->view.length, &offset);
    if (mapping->blocked || view_faults(&mapping->view, offset, mapping->blocked ? 0 : length)) {
        offset = mapping->blocked ? offset : first_fault(&mapping->view, offset);
        assert_int_equal(sim_load(task_map(mapping->task), mapping->address + offset, &byte),
                         KERN_ABORTED);
    } else if (one_in(2)) {
        check_mapping(mapping, offset, length);
    } else if (mapping->read_only) {
        assert_int_equal(sim_store(task_map(mapping->task), mapping->address + offset, 1),
                         KERN_PROTECTION_FAILURE);
    } else {
        fill_bytes(length);
        store_all(mapping->task, mapping->address + offset, length);
        view_store(&mapping->view, offset, bytes, length);
    }
}

static bool is_for_reading(const struct view *slice)
{
    for (unsigned i = 0; i < slice->count; i++) {
        if (slice->extents[i].leaf->for_reading) {
            return true;
        }
    }
    return false;
}

void step_through_bytes(void)
{
    struct memory *memory = memory_any();
    uint64_t offset, length, there;
    struct view slice;

    if (memory == NULL || memory->view.length == 0) {
        return;
    }
    length = choose_part(memory->view.length, &offset);
    view_slice(&memory->view, offset, length, &slice);
    there = view_prepared(&slice);
    if (one_in(2)) {
        assert_int_equal(IOMemoryDescriptor_readBytes(memory->descriptor, offset, bytes, length),
                         there);
        view_load(&slice, 0, expected, there);
        assert_memory_equal(bytes, expected, there);
    } else if (is_for_reading(&slice)) {
        if (memory->kind == LEAF) {
            assert_int_equal(
                IOMemoryDescriptor_writeBytes(memory->descriptor, offset, bytes, length), 0);
            assert_int_equal(IOMemoryLastError(), kIOReturnNotWritable);
        }
    } else {
        const bool zeros = one_in(8);

        fill_bytes(length);
        if (zeros) {
            memset(bytes, 0, length);
        }
        assert_int_equal(
            IOMemoryDescriptor_writeBytes(memory->descriptor, offset, zeros ? NULL : bytes, length),
            there);
        view_store(&slice, 0, bytes, there);
    }
}

/* Let a device go over part of a view, segment by segment, and stop where there is none. */
static uint64_t transfer(const struct memory *memory, uint64_t offset, uint64_t length, bool in)
{
    uint64_t done = 0;

    while (done < length) {
        IOByteCount piece;
        const addr64_t at = IOMemoryDescriptor_getPhysicalSegment(memory->descriptor, offset + done,
                                                                  &piece, kIOMemoryMapperNone);

        if (piece == 0) {
            break;
        }
        piece = piece < length - done ? piece : length - done;
        if (in) {
            memcpy(phys_to_virt(paddr(at)), &bytes[done], piece);
        } else {
            memcpy(&bytes[done], phys_to_virt(paddr(at)), piece);
        }
        done += piece;
    }
    return done;
}

void step_through_device(void)
{
    struct memory *memory = memory_any();
    uint64_t offset, length, there;
    struct view slice;
    bool in;

    if (memory == NULL || memory->view.length == 0) {
        return;
    }
    length = choose_part(memory->view.length, &offset);
    view_slice(&memory->view, offset, length, &slice);
    there = view_prepared(&slice);
    in = one_in(2) && !is_for_reading(&slice);
    fill_bytes(length);
    assert_int_equal(transfer(memory, offset, length, in), there);
    if (in) {
        view_store(&slice, 0, bytes, there);
    } else {
        view_load(&slice, 0, expected, there);
        assert_memory_equal(bytes, expected, there);
    }
}

void check_store(const struct store *store)
{
    load_and_compare(store->task, store->address, store->bytes, ptoa(store->pages));
}

static struct store *any_shown_store(void)
{
    const unsigned start = (unsigned)below(STORES_MAX);

    for (unsigned i = 0; i < STORES_MAX; i++) {
        struct store *store = &world.stores[(start + i) % STORES_MAX];

        if (store->users != 0 && store->task != NULL && !store->faults) {
            return store;
        }
    }
    return NULL;
}

void step_through_owner(void)
{
    struct store *store = any_shown_store();
    uint64_t offset, length;

    if (store == NULL) {
        return;
    }
    length = choose_part(ptoa(store->pages), &offset);
    if (one_in(2)) {
        load_and_compare(store->task, store->address + offset, &store->bytes[offset], length);
    } else {
        fill_bytes(length);
        store_all(store->task, store->address + offset, length);
        memcpy(&store->bytes[offset], bytes, length);
    }
}

/* Of some pages that the kernel shows; nothing that is seen changes. */
void step_processor_mode(void)
{
    struct store *store = any_shown_store();
    const IOOptionBits mode = (IOOptionBits)below(kIOPostedCombinedReordered + 1);
    uint64_t first, count;
    IOReturn status;

    if (store == NULL || store->task != kernel_task) {
        return;
    }
    first = below(store->pages);
    count = 1 + below(store->pages - first);
    shortage_begin(true);
    status = IOSetProcessorCacheMode(kernel_task, store->address + ptoa(first), ptoa(count), mode);
    if (shortage_end() && status != kIOReturnSuccess) {
        return;
    }
    assert_int_equal(status, directly(kernel_task, store->address) != NULL ? kIOReturnNotPermitted
                                                                           : kIOReturnSuccess);
}

/* A page has one cache mode at a time, whoever looks at it. */
static void check_modes(const struct mapping *mapping)
{
    static unsigned modes[STORES_MAX][STORE_PAGES]; /* mode + 1 */
    uint64_t at = 0;

    if (mapping == NULL) {
        memset(modes, 0, sizeof(modes));
        return;
    }
    for (unsigned i = 0; i < mapping->view.count; i++) {
        const struct extent *extent = &mapping->view.extents[i];
        const uint64_t page = atop(extent->offset);
        unsigned *mode = &modes[extent->store - world.stores][page];
        struct mmu_translation seen;

        if (directly(mapping->task, mapping->address + at) == NULL &&
            translate(mapping->task, mapping->address + at, &seen)) {
            if (*mode == 0) {
                *mode = 1 + (unsigned)seen.attributes.memory;
            }
            assert_int_equal(seen.attributes.memory + 1, *mode);
        }
        at += extent->length;
    }
}

void world_check(void)
{
    check_modes(NULL);
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        const struct mapping *mapping = &world.mappings[i];

        if (mapping->map != NULL && mapping->address != 0 && !mapping->blocked &&
            !mapping->covered) {
            check_modes(mapping);
        }
    }

    for (unsigned i = 0; i < STORES_MAX; i++) {
        if (world.stores[i].users != 0 && world.stores[i].task != NULL && !world.stores[i].faults) {
            check_store(&world.stores[i]);
        }
    }
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        const struct mapping *mapping = &world.mappings[i];
        uint64_t offset = 0;

        while (mapping->map != NULL && mapping->address != 0 && !mapping->blocked &&
               !mapping->covered && !view_faults(&mapping->view, 0, mapping->view.length) &&
               offset < mapping->view.length) {
            const uint64_t left = mapping->view.length - offset;
            const uint64_t length = left < TRANSFER_MAX ? left : TRANSFER_MAX;

            check_mapping(mapping, offset, length);
            offset += length;
        }
    }
}
