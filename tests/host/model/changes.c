/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of descriptors and maps while others use them: pins through maps, accesses
 * held up, a task that dies, descriptors of other memory, windows aimed elsewhere, maps
 * over maps.
 */
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOMemoryMapping.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/model/model.h"

/* Pins ---------------------------------------------------------------------- */

static void count_wired(const struct mapping *mapping, int by)
{
    struct view slice;

    view_slice(&mapping->view, mapping->wired_at, mapping->wired, &slice);
    view_pin(&slice, by);
}

void mapping_unwire(struct mapping *mapping)
{
    if (mapping->wired == 0) {
        return;
    }
    shortage_begin(true); /* it takes none */
    assert_int_equal(IOMemoryMap_wireRange(mapping->map, 0, mapping->wired_at, mapping->wired),
                     kIOReturnSuccess);
    shortage_end();
    count_wired(mapping, -1);
    mapping->wired = 0;
}

void mappings_unwire(const struct memory *memory)
{
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        if (world.mappings[i].map != NULL && world.mappings[i].memory == memory) {
            mapping_unwire(&world.mappings[i]);
        }
    }
}

void mappings_unwire_in(task_t task)
{
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        if (world.mappings[i].map != NULL && world.mappings[i].task == task) {
            mapping_unwire(&world.mappings[i]);
        }
    }
}

void step_wire(void)
{
    struct mapping *mapping = mapping_any(true, false);
    const bool write = one_in(2);
    uint64_t offset, length;
    IOReturn status;

    if (mapping == NULL || mapping->blocked || mapping->left) {
        return;
    }
    if (mapping->wired != 0) {
        mapping_unwire(mapping);
        return;
    }
    offset = below(mapping->view.length);
    length = 1 + below(mapping->view.length - offset);
    if (view_faults(&mapping->view, offset, length)) {
        return;
    }
    assert_int_equal(IOMemoryMap_wireRange(mapping->map, VM_PROT_READ, offset,
                                           mapping->view.length - offset + 1),
                     kIOReturnBadArgument);
    shortage_begin(true);
    status = IOMemoryMap_wireRange(mapping->map, VM_PROT_READ | (write ? VM_PROT_WRITE : 0), offset,
                                   length);
    if (shortage_end() && status != kIOReturnSuccess) {
        return;
    }
    if (write && mapping->read_only) {
        assert_int_equal(status, kIOReturnNotPermitted);
        return;
    }
    assert_int_equal(status, kIOReturnSuccess);
    mapping->wired_at = offset;
    mapping->wired = length;
    count_wired(mapping, 1);
}

/* Held up ------------------------------------------------------------------- */

static bool is_of(const struct mapping *mapping, const struct memory *memory)
{
    return mapping->map != NULL && mapping->memory == memory && mapping->address != 0 &&
           !mapping->covered && !mapping->left && !mapping->blocked &&
           !view_faults(&mapping->view, 0, 1);
}

/* Where its memory is anyway: that nobody can hold up. */
static bool is_identity(const struct mapping *mapping)
{
    const struct extent *first = &mapping->view.extents[0];

    return mapping->task == first->store->task &&
           mapping->address == first->store->address + first->offset;
}

static void expect_accesses(const struct memory *memory, task_t safe, bool held_up)
{
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        const struct mapping *mapping = &world.mappings[i];
        uint8_t byte;

        if (!is_of(mapping, memory)) {
            continue;
        }
        if (held_up && mapping->task != safe && !is_identity(mapping)) {
            assert_int_equal(sim_load(task_map(mapping->task), mapping->address, &byte),
                             KERN_ABORTED);
        } else {
            check_mapping(mapping, 0, 1);
        }
    }
}

/* Two beginnings need two ends; whoever is safe goes on meanwhile. */
void step_hold_up(void)
{
    const task_t tasks[] = {NULL, owner, other, world.guest};
    const task_t safe = tasks[below(4)];
    struct memory *memory = memory_any();
    unsigned depth = 1 + (unsigned)below(2);

    if (memory == NULL || memory->view.length == 0) {
        return;
    }
    memory = memory_behind_windows(memory);
    for (unsigned i = 0; i < depth; i++) {
        IOReturn status;
        bool failed;

        shortage_begin(true);
        status = IOMemoryDescriptor_redirect(memory->descriptor, safe, true);
        failed = shortage_end();
        if (status != kIOReturnSuccess && failed) {
            expect_accesses(memory, safe, i != 0);
            depth = i;
            break;
        }
        assert_int_equal(status, kIOReturnSuccess);
        expect_accesses(memory, safe, true);
    }
    for (unsigned i = depth; i-- > 0;) {
        shortage_begin(true); /* it takes none */
        assert_int_equal(IOMemoryDescriptor_redirect(memory->descriptor, safe, false),
                         kIOReturnSuccess);
        shortage_end();
        expect_accesses(memory, safe, i != 0);
    }
}

/* Death --------------------------------------------------------------------- */

void step_guest_dies(void)
{
    const task_t dead = world.guest;

    mappings_unwire_in(dead);
    shortage_begin(true);
    task_terminate(dead);
    shortage_end();
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        struct mapping *mapping = &world.mappings[i];

        if (mapping->map != NULL && mapping->task == dead) {
            assert_int_equal(IOMemoryMap_getAddress(mapping->map), 0);
            assert_null(IOMemoryMap_getAddressTask(mapping->map));
            assert_int_equal(IOMemoryMap_getLength(mapping->map), mapping->view.length);
            mapping_forget(mapping);
            mapping->task = NULL;
        }
    }
    task_release(dead);
    assert_int_equal(task_create(&world.guest), KERN_SUCCESS);
}

/* Other memory -------------------------------------------------------------- */

static void forget_memory(struct memory *memory)
{
    memory->own_prepares = 0;
    while (memory->prepares != 0) {
        memory_complete(memory);
    }
    view_release(&memory->view);
    memory->view = (struct view){.count = 0};
    if (memory->image != NULL) {
        store_release(memory->image);
        memory->image = NULL;
    }
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        if (world.mappings[i].map != NULL && world.mappings[i].memory == memory) {
            world.mappings[i].left = true;
        }
    }
}

/* A general descriptor is made anew: prepares are undone, maps keep what they show. */
void step_reinitialise(void)
{
    struct memory *memory = memory_any();
    struct general general;

    if (memory == NULL || memory->kind != LEAF || memory->buffer != NULL ||
        memory_is_part(memory) || memory_is_busy(memory)) {
        return;
    }
    mappings_unwire(memory);
    forget_memory(memory);
    general_choose(memory, &general);
    assert_true(IOMemoryDescriptor_initWithOptions(
        memory->descriptor, general.ranges, general.count, 0, general.task,
        general.options |
            (general.task == TASK_NULL ? kIOMemoryTypePhysical : kIOMemoryTypeVirtual),
        NULL));
    view_retain(&memory->view);
    assert_int_equal(IOMemoryDescriptor_getLength(memory->descriptor), memory->view.length);
}

static void drop_parts(struct memory *memory)
{
    for (unsigned i = 0; i < memory->part_count; i++) {
        memory_release(memory->parts[i]);
    }
    memory->part_count = 0;
    memory->depth = 0;
    memory->pageable = false;
}

/* The window of another part, or of another place in it; a prepared one stays what it is. */
static void aim(struct memory *memory)
{
    struct memory *part = memory_any_part(memory), former = *memory;
    uint64_t offset, length;
    bool done;

    if (part == NULL) {
        return;
    }
    offset = below(part->view.length + 1);
    length = random_length(part->view.length - offset);
    memory->view = (struct view){.count = 0};
    memory->part_count = 0;
    memory->depth = 0;
    if (memory->prepares != 0 || !memory_add_window(memory, part, offset, length)) {
        *memory = former;
    }
    done =
        IOSubMemoryDescriptor_initSubRange(OSDynamicCast(IOSubMemoryDescriptor, memory->descriptor),
                                           part->descriptor, offset, length, kIODirectionOutIn);
    if (memory->prepares != 0) {
        assert_false(done);
        assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
        return;
    }
    assert_true(done);
    view_retain(&memory->view);
    view_release(&former.view);
    memory_release(former.parts[0]);
}

static void refill(struct memory *memory)
{
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(
        OSDynamicCast(IOInterleavedMemoryDescriptor, memory->descriptor), kIODirectionNone);
    forget_memory(memory);
    drop_parts(memory);
    assert_int_equal(IOMemoryDescriptor_getLength(memory->descriptor), 0);
    interleaved_fill(memory);
    view_retain(&memory->view);
}

void step_retarget(void)
{
    struct memory *memory = memory_any();

    if (memory == NULL || memory_is_part(memory) || memory_is_busy(memory)) {
        return;
    }
    if (memory->kind == WINDOW) {
        aim(memory);
    } else if (memory->kind == INTERLEAVED) {
        mappings_unwire(memory);
        refill(memory);
    }
    assert_int_equal(IOMemoryDescriptor_getLength(memory->descriptor), memory->view.length);
}

/* Maps over maps ------------------------------------------------------------ */

static void cover(uint64_t address, uint64_t length)
{
    const uint32_t pages = overwrite_pages(address, length);

    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        struct mapping *mapping = &world.mappings[i];

        if (mapping->map == NULL || mapping->task != other || mapping->address == 0) {
            continue;
        }
        mapping->lost |= pages;
        if ((pages & overwrite_pages(mapping->address, mapping->view.length)) != 0) {
            mapping_unwire(mapping);
            mapping->covered = true;
        }
    }
}

void step_overwrite(void)
{
    struct mapping *mapping = mapping_free();
    struct memory *memory = memory_any();
    uint64_t offset, length, address;
    struct view slice, shown;
    bool mappable, frozen, failed;
    IOMemoryMap *map;

    if (mapping == NULL || memory == NULL || memory->view.length == 0) {
        return;
    }
    offset = one_in(2) ? 0 : trunc_page(below(memory->view.length));
    length = 1 + below(memory->view.length - offset);
    view_slice(&memory->view, offset, length, &slice);
    frozen = !memory_has_unfrozen(&slice);
    if (!mapping_show(&slice, true, &shown, &mappable)) {
        return;
    }
    address =
        OVERWRITE_AT + ptoa(below(OVERWRITE_PAGES / 2)) + (shown.extents[0].offset & PAGE_MASK);
    shortage_begin(frozen);
    map = IOMemoryDescriptor_createMappingInTask(memory->descriptor, other, address,
                                                 kIOMapOverwrite, offset, length);
    failed = shortage_end();
    if (map == NULL && failed) {
        return;
    }
    if (!mappable) {
        assert_null(map);
        return; /* and what is there stays */
    }
    expect_done(map);
    assert_int_equal(IOMemoryMap_getAddress(map), address);
    cover(address, length);
    mapping_remember(mapping, map, memory_behind_windows(memory), &shown, other);
    mapping_keep(mapping, memory, offset, length);
}
