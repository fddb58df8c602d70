/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory that there is, and descriptors of every class over it. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/platform.h"
#include "kernel/direct_map.h"
#include "tests/host/model/model.h"

/* Where descriptors may lie: neighbours in one task, or RAM. */
#define SPACES       4
#define SPACE_STORES 4

static struct {
    task_t task; /* NULL: physical */
    struct store *stores[SPACE_STORES];
    unsigned count;
} spaces[SPACES];

static void add_task_store(unsigned space, bool purgeable)
{
    struct store *store = store_new(2 + below(3));
    struct vm_object *object;

    store->task = spaces[space].task;
    store->purgeable = purgeable;
    assert_int_equal(vm_object_create(store->pages, &object), KERN_SUCCESS);
    if (purgeable) {
        vm_object_allow_purge(object);
    }
    store->address = show_object(store->task, object, RW);
    vm_object_release(object);
    if (purgeable) {
        store->probe = describe(store->address, ptoa(store->pages), kIODirectionOutIn, store->task);
    }
    spaces[space].stores[spaces[space].count++] = store;
}

#define LINEAR_PAGES 3

static void add_linear_store(void)
{
    const struct platform_memory_request request = {
        .size = ptoa(LINEAR_PAGES), .alignment = PAGE_SIZE, .contiguous = true};
    struct store *store = store_new(LINEAR_PAGES);
    void *bytes;

    assert_int_equal(platform_memory_alloc(&request, &bytes), KERN_SUCCESS);
    store->linear = true;
    store->task = kernel_task;
    store->address = (uint64_t)bytes;
    spaces[3].stores[spaces[3].count++] = store;
}

static void reserve_overwrites(void)
{
    const struct vm_range nothing = {.max_access = RW};
    uint64_t at = OVERWRITE_AT;

    assert_int_equal(vm_map_enter(task_map(other), &at, ptoa(OVERWRITE_PAGES), 0, &nothing, 0),
                     KERN_SUCCESS);
}

void world_create(void)
{
    memset(spaces, 0, sizeof(spaces));
    spaces[0].task = owner;
    spaces[1].task = other;
    spaces[2].task = kernel_task;
    for (unsigned i = 0; i < 4; i++) {
        add_task_store(0, i >= 2);
    }
    add_task_store(1, true);
    add_task_store(1, true);
    add_task_store(1, false);
    add_task_store(2, false);
    add_task_store(2, true);
    add_linear_store();
    add_linear_store();
    assert_int_equal(task_create(&world.guest), KERN_SUCCESS);
    reserve_overwrites();
}

void world_release(void)
{
    task_release(world.guest);
    for (unsigned space = 0; space < SPACES; space++) {
        for (unsigned i = 0; i < spaces[space].count; i++) {
            struct store *store = spaces[space].stores[i];

            if (store->probe != NULL) {
                OSObject_release(store->probe);
            }
            if (store->linear) {
                platform_memory_free((void *)store->address, ptoa(store->pages));
            } else if (store->task == kernel_task) {
                remove_pages(kernel_task, store->address, store->pages);
            }
            store_release(store);
        }
    }
}

uint64_t random_length(uint64_t most)
{
    static const uint64_t scales[] = {8, 200, 3000, PAGE_SIZE, 3 * PAGE_SIZE, 6 * PAGE_SIZE};
    const uint64_t scale = scales[below(6)];
    const uint64_t length = below(1 + (scale < most ? scale : most));

    return one_in(3) && length > PAGE_SIZE ? trunc_page(length) : length;
}

/* Describe `length` bytes from an offset of a store on; neighbours go on where it ends. */
static bool add_range(struct view *view, struct memory *leaf, unsigned space, unsigned index,
                      uint64_t offset, uint64_t length)
{
    while (length != 0) {
        struct store *store = spaces[space].stores[index];
        struct extent extent = {.store = store, .offset = offset, .leaf = leaf};
        const uint64_t room = ptoa(store->pages) - offset;

        extent.length = length < room ? length : room;
        extent.at = view->length;
        if (!view_add(view, &extent)) {
            return false;
        }
        length -= extent.length;
        offset = 0;
        index++;
    }
    return true;
}

/* Bytes from an offset of a store on that lie in a row in the task. */
static uint64_t room_behind(unsigned space, unsigned index, uint64_t offset)
{
    uint64_t room = ptoa(spaces[space].stores[index]->pages) - offset;

    while (!spaces[space].stores[index]->linear && ++index < spaces[space].count) {
        const struct store *before = spaces[space].stores[index - 1];
        const struct store *store = spaces[space].stores[index];

        if (store->address != before->address + ptoa(before->pages)) {
            break;
        }
        room += ptoa(store->pages);
    }
    return room;
}

static uint64_t place(unsigned space, unsigned index, uint64_t offset, bool physical)
{
    const struct store *store = spaces[space].stores[index];

    return physical ? virt_to_phys((void *)store->address).value + offset : store->address + offset;
}

void general_choose(struct memory *memory, struct general *general)
{
    const unsigned space = (unsigned)below(SPACES);
    const bool linear = spaces[space].count != 0 && spaces[space].stores[0]->linear;
    const unsigned count = one_in(2) ? 1 : 1 + (unsigned)below(RANGES);
    const bool aligned = one_in(2); /* can be mapped, whatever is first and last */
    IOOptionBits options = kIODirectionOutIn;
    IOAddressRange *const ranges = general->ranges;
    unsigned i;

    memory->physical = linear && one_in(2);
    memory->copies_on_write = count == 1 && !memory->physical && one_in(4);
    for (i = 0; i < count; i++) {
        const unsigned index = (unsigned)below(spaces[space].count);
        const struct view before = memory->view;
        uint64_t offset = below(ptoa(spaces[space].stores[index]->pages)), length, room;

        offset = aligned && i != 0 ? trunc_page(offset) : offset;
        room = room_behind(space, index, offset);
        length = random_length(room);
        if (aligned && i + 1 < count) {
            length =
                (length > room / 2 ? trunc_page(offset + room) : round_page(offset + 1)) - offset;
        }
        if (!add_range(&memory->view, memory, space, index, offset, length)) {
            memory->view = before;
            break;
        }
        ranges[i] = (IOAddressRange){place(space, index, offset, memory->physical), length};
    }
    if (i == 0) {
        ranges[i++] = (IOAddressRange){place(space, 0, 0, memory->physical), 0};
    }
    memory->copies_on_write &= memory->view.length != 0;
    options |= memory->copies_on_write ? kIOMemoryMapCopyOnWrite : 0;
    options |= !memory->physical && memory->view.length != 0 && one_in(6) ? kIOMemoryPersistent : 0;
    /* Where the host has it: without this it would be the system mapper's addresses. */
    options |= memory->physical ? kIOMemoryMapperNone : 0;
    general->count = i;
    general->options = options;
    general->task = memory->physical ? TASK_NULL : linear ? kernel_task : spaces[space].task;
}

static void make_general(struct memory *memory)
{
    struct general general;

    general_choose(memory, &general);
    memory->descriptor = IOMemoryDescriptor_withAddressRanges(general.ranges, general.count,
                                                              general.options, general.task);
}

static task_t any_task(void)
{
    const task_t tasks[] = {owner, other, kernel_task};

    return tasks[below(3)];
}

static void fill_buffer_view(struct memory *memory, uint64_t length, task_t task, void *bytes)
{
    struct extent extent = {.length = length, .leaf = memory};

    memory->buffer = store_new(atop(round_page(length)));
    memory->buffer->task = task;
    memory->buffer->address = (uint64_t)bytes;
    extent.store = memory->buffer;
    extent.offset = (uint64_t)bytes & PAGE_MASK;
    assert_true(view_add(&memory->view, &extent));
}

static void make_wired_buffer(struct memory *memory)
{
    const uint64_t length = 1 + random_length(5 * PAGE_SIZE);
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithOptions(
        kernel_task, kIODirectionOutIn | kIOMemoryKernelUserShared, length, PAGE_SIZE);

    expect_done(buffer);
    memory->descriptor = IOMemoryDescriptor_upcast(buffer);
    fill_buffer_view(memory, length, kernel_task, IOBufferMemoryDescriptor_getBytesNoCopy(buffer));
    memory->prepares = memory->own_prepares = 1;
    view_retain(&memory->view);
    for (uint64_t page = 0; page < memory->buffer->pages; page++) {
        memory->buffer->pins[page] = 1;
    }
}

static bool any_faults(unsigned space)
{
    for (unsigned i = 0; i < spaces[space].count; i++) {
        if (spaces[space].stores[i]->faults) {
            return true;
        }
    }
    return false;
}

/* Pageable; now and then a copy of what a task shows somewhere. */
static void make_pageable_buffer(struct memory *memory)
{
    const unsigned space = (unsigned)below(3), index = (unsigned)below(spaces[space].count);
    const uint64_t offset = below(ptoa(spaces[space].stores[index]->pages));
    const bool copy = one_in(2) && !any_faults(space), purgeable = one_in(2);
    const task_t task = !copy && one_in(3) ? TASK_NULL : any_task();
    const IOOptionBits options =
        kIODirectionOutIn | kIOMemoryPageable | (purgeable ? kIOMemoryPurgeable : 0);
    uint64_t length = 1 + random_length(5 * PAGE_SIZE);
    IOBufferMemoryDescriptor *buffer;
    struct view source = {.count = 0};

    if (copy) {
        const uint64_t room = room_behind(space, index, offset);

        length = length < room ? length : room;
        assert_true(add_range(&source, memory, space, index, offset, length));
        buffer = IOBufferMemoryDescriptor_withCopy(task, options, task_map(spaces[space].task),
                                                   place(space, index, offset, false), length);
    } else {
        buffer = IOBufferMemoryDescriptor_inTaskWithOptions(task, options, length, 1);
    }
    expect_done(buffer);
    memory->pageable = true;
    memory->descriptor = IOMemoryDescriptor_upcast(buffer);
    fill_buffer_view(memory, length, task, IOBufferMemoryDescriptor_getBytesNoCopy(buffer));
    memory->buffer->purgeable = purgeable;
    memory->buffer->probe = memory->descriptor;
    if (copy) {
        view_load(&source, 0, memory->buffer->bytes, length);
    }
}

static void add_part(struct memory *memory, struct memory *part, uint64_t offset, uint64_t length)
{
    memory_retain(part);
    memory->part_at[memory->part_count] = offset;
    memory->part_length[memory->part_count] = length;
    memory->parts[memory->part_count++] = part;
    memory->depth = part->depth + 1 > memory->depth ? part->depth + 1 : memory->depth;
    /* A chain is of its parts' kind, the others do not say. */
    memory->pageable = memory->kind == CHAIN && part->pageable;
}

struct memory *memory_any_part(const struct memory *memory)
{
    struct memory *part = memory_any();

    return part != NULL && part != memory && part->descriptor != NULL && part->depth < DEPTH_MAX &&
                   (memory->kind != CHAIN || memory->part_count == 0 ||
                    part->pageable == memory->pageable)
               ? part
               : NULL;
}

bool memory_add_window(struct memory *memory, struct memory *part, uint64_t offset, uint64_t length)
{
    struct view slice, longer = memory->view;

    view_slice(&part->view, offset, length, &slice);
    if (!view_append(&longer, &slice)) {
        return false;
    }
    memory->view = longer;
    add_part(memory, part, offset, length);
    return true;
}

static void make_window(struct memory *memory)
{
    struct memory *part = memory_any_part(memory);
    uint64_t offset, length;

    if (part == NULL) {
        return;
    }
    offset = below(part->view.length + 1);
    offset = one_in(3) ? trunc_page(offset) : offset;
    length = random_length(part->view.length - offset);
    if (memory_add_window(memory, part, offset, length)) {
        memory->descriptor = IOMemoryDescriptor_upcast(IOSubMemoryDescriptor_withSubRange(
            part->descriptor, offset, length, kIODirectionOutIn));
    }
}

static void make_chain(struct memory *memory)
{
    IOMemoryDescriptor *parts[PARTS_MAX];

    for (unsigned tries = 1 + (unsigned)below(PARTS_MAX); tries != 0; tries--) {
        struct memory *part = memory_any_part(memory);

        if (part != NULL && memory_add_window(memory, part, 0, part->view.length)) {
            parts[memory->part_count - 1] = part->descriptor;
        }
    }
    if (memory->part_count != 0) {
        memory->descriptor = IOMemoryDescriptor_upcast(IOMultiMemoryDescriptor_withDescriptors(
            parts, memory->part_count, kIODirectionOutIn, false));
    }
}

void interleaved_fill(struct memory *memory)
{
    IOInterleavedMemoryDescriptor *descriptor =
        OSDynamicCast(IOInterleavedMemoryDescriptor, memory->descriptor);

    for (unsigned tries = 1 + (unsigned)below(PARTS_MAX); tries != 0; tries--) {
        struct memory *part = memory_any_part(memory);
        uint64_t offset, length;

        if (part != NULL) {
            offset = below(part->view.length + 1);
            offset = one_in(2) ? trunc_page(offset) : offset;
            length = random_length(part->view.length - offset);
            if (memory_add_window(memory, part, offset, length)) {
                assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(
                    descriptor, part->descriptor, offset, length));
            }
        }
    }
}

static void make_interleaved(struct memory *memory)
{
    IOInterleavedMemoryDescriptor *descriptor =
        IOInterleavedMemoryDescriptor_withCapacity(PARTS_MAX, kIODirectionOutIn);

    expect_done(descriptor);
    memory->descriptor = IOMemoryDescriptor_upcast(descriptor);
    interleaved_fill(memory);
}

static void make(struct memory *memory)
{
    switch (memory->kind) {
    case LEAF:
        if (!one_in(3)) {
            make_general(memory);
        } else if (one_in(3)) {
            make_wired_buffer(memory);
            return; /* has its references */
        } else {
            make_pageable_buffer(memory);
        }
        break;
    case WINDOW:
        make_window(memory);
        break;
    case CHAIN:
        make_chain(memory);
        break;
    case INTERLEAVED:
        make_interleaved(memory);
        break;
    }
    view_retain(&memory->view);
}

void step_create(void)
{
    static const enum memory_kind kinds[] = {LEAF, LEAF, LEAF, WINDOW, CHAIN, INTERLEAVED};
    const enum memory_kind kind = kinds[below(6)];
    struct memory *memory = memory_new(kind);

    if (memory == NULL) {
        return;
    }
    make(memory);
    if (memory->descriptor == NULL) {
        /* Only a composite may find no parts. */
        assert_int_not_equal(kind, LEAF);
        assert_int_equal(memory->part_count, 0);
        memory_release(memory);
        return;
    }
    assert_int_equal(IOMemoryDescriptor_getLength(memory->descriptor), memory->view.length);
}

void step_release_memory(void)
{
    struct memory *memory = memory_any();

    if (memory != NULL) {
        memory_let_go(memory);
    }
}

void step_prepare(void)
{
    static const IODirection directions[] = {kIODirectionNone, kIODirectionIn, kIODirectionOut,
                                             kIODirectionOutIn};
    const IODirection direction = directions[below(4)];
    struct memory *memory = memory_any();

    IOReturn status;

    if (memory == NULL) {
        return;
    }
    shortage_begin(true);
    status = IOMemoryDescriptor_prepare(memory->descriptor, direction);
    if (!shortage_end() || status == kIOReturnSuccess) {
        assert_int_equal(status, memory_prepare(memory, direction));
    }
}

void step_complete(void)
{
    struct memory *memory = memory_any();

    if (memory != NULL) {
        memory_settle(memory);
        shortage_begin(true); /* it takes none */
        assert_int_equal(IOMemoryDescriptor_complete(memory->descriptor, kIODirectionNone),
                         memory_complete(memory));
        shortage_end();
    }
}
