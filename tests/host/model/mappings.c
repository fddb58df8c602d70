/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps: requests, their answers, redirection and removal. */
#include "descriptors/IOMemoryMap_class.h"
#include "tests/host/model/model.h"

/* Addresses that maps are asked for, far behind those that the system picks. */
#define FIXED_STRIDE 0x20000ull
#define FIXED_SLOTS  16

struct mapping *mapping_any(bool mapped, bool unique)
{
    const unsigned start = (unsigned)below(MAPPINGS_MAX);

    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        struct mapping *mapping = &world.mappings[(start + i) % MAPPINGS_MAX];

        if (mapping->map != NULL && (!mapped || (mapping->address != 0 && !mapping->covered)) &&
            (!unique || mapping->unique)) {
            return mapping;
        }
    }
    return NULL;
}

struct mapping *mapping_free(void)
{
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        if (world.mappings[i].map == NULL) {
            return &world.mappings[i];
        }
    }
    return NULL;
}

struct request {
    struct memory *memory; /* asked */
    struct view slice;     /* what is asked for */
    task_t task;
    uint64_t address, offset, length;
    IOOptionBits options;
};

static bool slot_is_taken(task_t task, uint64_t address)
{
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        const struct mapping *mapping = &world.mappings[i];

        if (mapping->map != NULL && mapping->task == task && mapping->address >= address &&
            mapping->address < address + FIXED_STRIDE) {
            return true;
        }
    }
    return false;
}

/* At an address of our own, if it is free and the first byte is known. */
static void choose_address(struct request *request)
{
    const uint64_t base =
        request->task == kernel_task ? MMU_KERNEL_VA_BASE + 0x40000000ull : 0x4000000000ull;
    const uint64_t slot = base + below(FIXED_SLOTS) * FIXED_STRIDE;

    request->options |= kIOMapAnywhere;
    if (one_in(4) && request->slice.count != 0 && !slot_is_taken(request->task, slot)) {
        request->options &= ~kIOMapAnywhere;
        request->address = slot + (request->slice.extents[0].offset & PAGE_MASK);
    } else if (one_in(5)) {
        request->options |= kIOMapGuardedSmall;
    }
}

/* A composite counts as prepared when all its parts are, asked for or not. */
static bool is_prepared(const struct memory *memory)
{
    if (memory->kind == LEAF) {
        return memory->physical || memory->prepares != 0;
    }
    for (unsigned i = 0; i < memory->part_count; i++) {
        if (!is_prepared(memory->parts[i])) {
            return false;
        }
    }
    return true;
}

/* What the kernel always sees keeps its mode. */
static bool may_have_mode(const struct view *slice)
{
    for (unsigned i = 0; i < slice->count; i++) {
        if (slice->extents[i].store->linear || slice->extents[i].leaf->physical) {
            return false;
        }
    }
    return true;
}

static bool make_request(struct request *request)
{
    static const IOOptionBits modes[] = {kIOMapInhibitCache, kIOMapWriteThruCache,
                                         kIOMapCopybackCache, kIOMapWriteCombineCache,
                                         kIOMapCopybackInnerCache};
    const task_t tasks[] = {owner, other, kernel_task, world.guest};

    *request = (struct request){.memory = memory_any(), .task = tasks[below(4)]};
    if (request->memory == NULL) {
        return false;
    }
    if (one_in(2) && request->memory->view.length != 0) {
        request->offset = below(request->memory->view.length);
        request->offset = one_in(2) ? trunc_page(request->offset) : request->offset;
        request->length = 1 + below(request->memory->view.length - request->offset);
        view_slice(&request->memory->view, request->offset, request->length, &request->slice);
    } else {
        request->slice = request->memory->view;
    }
    request->options |= one_in(4) ? kIOMapReadOnly : 0;
    request->options |= one_in(3) ? kIOMapUnique : 0;
    request->options |=
        one_in(8) && !view_faults(&request->slice, 0, request->slice.length) ? kIOMapPrefault : 0;
    request->options |= one_in(10) && may_have_mode(&request->slice) ? modes[below(5)] : 0;
    choose_address(request);
    return true;
}

static bool is_scattered(const struct view *slice)
{
    for (unsigned i = 1; i < slice->count; i++) {
        const struct extent *before = &slice->extents[i - 1], *after = &slice->extents[i];

        if (before->store->address + before->offset + before->length !=
            after->store->address + after->offset) {
            return true;
        }
    }
    return false;
}

/* What the descriptor that the map will belong to has to say. */
static IOReturn expect(const struct request *request, bool mappable)
{
    const struct memory *memory = memory_behind_windows(request->memory);

    if (request->slice.length == 0) {
        return kIOReturnBadArgument;
    }
    if (memory->kind == LEAF && memory->physical && (request->options & kIOMapUnique) != 0 &&
        is_scattered(&request->slice)) {
        return kIOReturnUnsupported;
    }
    if ((request->options & kIOMapPrefault) != 0 && !is_prepared(memory)) {
        return kIOReturnNotReady;
    }
    return mappable ? kIOReturnSuccess : kIOReturnNotAligned;
}

/* The map of Unique physical memory belongs to a descriptor of its own. */
static struct memory *expected_memory(const struct request *request)
{
    struct memory *memory = memory_behind_windows(request->memory);

    return memory->kind == LEAF && memory->physical && (request->options & kIOMapUnique) != 0
               ? NULL
               : memory;
}

void mapping_remember(struct mapping *mapping, IOMemoryMap *map, struct memory *memory,
                      const struct view *shown, task_t task)
{
    *mapping = (struct mapping){
        .map = map,
        .memory = memory,
        .view = *shown,
        .task = task,
        .address = IOMemoryMap_getAddress(map),
    };
    view_retain(&mapping->view);
    if (memory != NULL) {
        memory_retain(memory);
        assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), memory->descriptor);
    }
    assert_int_equal(IOMemoryMap_getLength(map), shown->length);
    assert_ptr_equal(IOMemoryMap_getAddressTask(map), task);
    assert_int_equal(mapping->address & PAGE_MASK, shown->extents[0].offset & PAGE_MASK);
}

/* The window of the descriptor behind windows that part of a descriptor is. */
static struct memory *behind_windows(const struct memory *memory, uint64_t *offset)
{
    while (memory->kind == WINDOW) {
        *offset += memory->part_at[0];
        memory = memory->parts[0];
    }
    return (struct memory *)memory;
}

static void keep_parts(struct mapping *mapping, const struct memory *memory, uint64_t offset,
                       uint64_t end)
{
    uint64_t begin = 0;

    for (unsigned i = 0; i < memory->part_count; i++) {
        const uint64_t stop = begin + memory->part_length[i];
        const uint64_t from = offset > begin ? offset : begin, to = end < stop ? end : stop;
        uint64_t at = memory->part_at[i] + (from - begin);

        if (from < to) {
            struct memory *const part = behind_windows(memory->parts[i], &at);

            if (!mapping->kept[part - world.memories]) {
                mapping->kept[part - world.memories] = true;
                memory_retain(part);
            }
            keep_parts(mapping, part, at, at + (to - from));
        }
        begin = stop;
    }
}

uint32_t overwrite_pages(uint64_t address, uint64_t length)
{
    uint32_t pages = 0;

    for (uint64_t i = 0; i < OVERWRITE_PAGES; i++) {
        const uint64_t page = OVERWRITE_AT + ptoa(i);

        pages |= (uint32_t)(page + PAGE_SIZE > address && page < address + length) << i;
    }
    return pages;
}

/*
 * Whoever looks through the same pages keeps the same. A map that somebody has mapped over
 * is still an answer: who does that knows what he does.
 */
static bool keep_alike(struct mapping *mapping)
{
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        const struct mapping *one = &world.mappings[i];

        if (one != mapping && one->map != NULL && one->address != 0 && one->own == mapping->own) {
            mapping->lost = one->lost;
            mapping->covered =
                (one->lost & overwrite_pages(mapping->address, mapping->view.length)) != 0;
            memcpy(mapping->kept, one->kept, sizeof(mapping->kept));
            for (unsigned k = 0; k < MEMORIES_MAX; k++) {
                if (mapping->kept[k]) {
                    memory_retain(&world.memories[k]);
                }
            }
            return true;
        }
    }
    return false;
}

void mapping_keep(struct mapping *mapping, const struct memory *memory, uint64_t offset,
                  uint64_t length)
{
    mapping->own = mapping->map->superMap != NULL ? mapping->map->superMap : mapping->map;
    if (!keep_alike(mapping)) {
        memory = behind_windows(memory, &offset);
        keep_parts(mapping, memory, offset, offset + length);
    }
}

static void keep_nothing(struct mapping *mapping)
{
    for (unsigned i = 0; i < MEMORIES_MAX; i++) {
        if (mapping->kept[i]) {
            mapping->kept[i] = false;
            memory_release(&world.memories[i]);
        }
    }
}

void mapping_forget(struct mapping *mapping)
{
    mapping->address = 0;
    keep_nothing(mapping);
}

static void remember(struct mapping *mapping, const struct request *request, IOMemoryMap *map,
                     const struct view *shown)
{
    mapping_remember(mapping, map, expected_memory(request), shown, request->task);
    mapping_keep(mapping, request->memory, request->offset, shown->length);
    mapping->read_only = (request->options & kIOMapReadOnly) != 0;
    mapping->unique = (request->options & kIOMapUnique) != 0;
    if ((request->options & kIOMapAnywhere) == 0) {
        assert_int_equal(mapping->address, request->address);
    }
}

/* Freeze the images that the request will; false: which ones would be hard to say. */
bool mapping_show(const struct view *slice, bool sure, struct view *shown, bool *mappable)
{
    *mappable = view_is_mappable(slice);
    if (memory_has_unfrozen(slice)) {
        if (!sure || !*mappable) {
            return false;
        }
        memory_freeze(slice);
    }
    memory_shown(slice, shown);
    *mappable = view_is_mappable(shown);
    return true;
}

void step_map(void)
{
    struct mapping *mapping = mapping_free();
    struct request request;
    struct view shown;
    bool mappable, frozen, failed;
    IOMemoryMap *map;
    IOReturn status;

    if (mapping == NULL || !make_request(&request)) {
        return;
    }
    frozen = !memory_has_unfrozen(&request.slice);
    if (!mapping_show(&request.slice, (request.options & kIOMapPrefault) == 0, &shown, &mappable)) {
        return;
    }
    status = expect(&request, mappable);
    shortage_begin(frozen);
    map = IOMemoryDescriptor_createMappingInTask(request.memory->descriptor, request.task,
                                                 request.address, request.options, request.offset,
                                                 request.length);
    failed = shortage_end();
    if (map == NULL && failed) {
        return;
    }
    if (status != kIOReturnSuccess) {
        assert_null(map);
        assert_int_equal(IOMemoryLastError(), status);
        return;
    }
    expect_done(map);
    remember(mapping, &request, map, &shown);
}

/* Another answer of the same kind may be the same map, or borrow pages of it. */
static bool may_be_of(const struct mapping *mapping, const struct mapping *one)
{
    return mapping->memory == one->memory && mapping->task == one->task && !mapping->unique &&
           mapping->address >= one->address &&
           mapping->address + mapping->view.length <= one->address + one->view.length;
}

void step_unmap(void)
{
    struct mapping *one = mapping_any(false, false);
    const struct mapping before = one != NULL ? *one : (struct mapping){.map = NULL};

    if (one == NULL) {
        return;
    }
    mappings_unwire(one->memory);
    mapping_unwire(one);
    shortage_begin(true); /* it takes none */
    assert_int_equal(IOMemoryMap_unmap(one->map), kIOReturnSuccess);
    shortage_end();
    assert_int_equal(IOMemoryMap_getLength(one->map), one->view.length);
    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        struct mapping *mapping = &world.mappings[i];

        if (mapping->map == before.map && before.map != NULL) {
            assert_int_equal(IOMemoryMap_getAddress(mapping->map), 0);
            mapping_forget(mapping);
        } else if (mapping->map != NULL && mapping->address != 0 && may_be_of(mapping, &before)) {
            if (IOMemoryMap_getAddress(mapping->map) == 0) {
                mapping_forget(mapping);
            }
            assert_int_equal(IOMemoryMap_getAddress(mapping->map), mapping->address);
        } else if (mapping->map != NULL) {
            assert_int_equal(IOMemoryMap_getAddress(mapping->map), mapping->address);
        }
    }
}

void step_release_map(void)
{
    struct mapping *mapping = mapping_any(false, false);

    if (mapping == NULL) {
        return;
    }
    mapping_unwire(mapping);
    shortage_begin(true);
    OSObject_release(mapping->map);
    shortage_end();
    mapping->map = NULL;
    keep_nothing(mapping);
    view_release(&mapping->view);
    if (mapping->memory != NULL) {
        memory_release(mapping->memory);
    }
}

static void block(struct mapping *mapping, bool on)
{
    IOMemoryDescriptor *const memory = on ? NULL : IOMemoryMap_getMemoryDescriptor(mapping->map);
    IOReturn status;
    bool failed;

    shortage_begin(true);
    status = IOMemoryMap_redirect(mapping->map, memory, 0, 0);
    failed = shortage_end();
    if (status != kIOReturnSuccess && failed) {
        return;
    }
    assert_int_equal(status, kIOReturnSuccess);
    mapping->blocked = on;
}

static void show_other(struct mapping *mapping)
{
    struct memory *memory = memory_any(), *former = mapping->memory;
    const uint64_t length = mapping->view.length;
    const bool read_only = one_in(4);
    IOReturn expected = kIOReturnSuccess, status;
    struct view slice, shown;
    uint64_t offset;
    bool mappable, frozen, failed;

    if (memory == NULL || memory == former || memory->view.length < length) {
        return;
    }
    offset = below(memory->view.length - length + 1);
    view_slice(&memory->view, offset, length, &slice);
    if (one_in(2)) { /* as often as not it shall fit */
        const uint64_t skew = (mapping->address - slice.extents[0].offset) & PAGE_MASK;

        offset = offset + skew + length <= memory->view.length ? offset + skew : offset;
        view_slice(&memory->view, offset, length, &slice);
    }
    frozen = !memory_has_unfrozen(&slice);
    if (((mapping->address ^ slice.extents[0].offset) & PAGE_MASK) != 0) {
        expected = kIOReturnNotAligned; /* and no image is frozen by that, */
    } else if (mapping->wired != 0) {
        expected = kIOReturnBusy; /* nor by this */
    } else if (!mapping_show(&slice, true, &shown, &mappable)) {
        return;
    } else if (!mappable) {
        expected = kIOReturnNotAligned;
    }
    shortage_begin(frozen);
    status = IOMemoryMap_redirect(mapping->map, memory->descriptor, read_only ? kIOMapReadOnly : 0,
                                  offset);
    failed = shortage_end();
    assert_int_equal(IOMemoryMap_getAddress(mapping->map), mapping->address);
    if (status != kIOReturnSuccess && failed) {
        return;
    }
    assert_int_equal(status, expected);
    if (status != kIOReturnSuccess) {
        return;
    }
    view_retain(&shown);
    view_release(&mapping->view);
    mapping->view = shown;
    mapping->memory = memory_behind_windows(memory);
    memory_retain(mapping->memory);
    keep_nothing(mapping);
    mapping_keep(mapping, memory, offset, length);
    if (former != NULL) {
        memory_release(former);
    }
    mapping->read_only = read_only;
    mapping->blocked = false;
}

void step_redirect(void)
{
    struct mapping *mapping = mapping_any(false, !one_in(8));

    if (mapping == NULL) {
        return;
    }
    if (!mapping->unique) {
        assert_int_equal(IOMemoryMap_redirect(mapping->map, (IOMemoryDescriptor *)NULL, 0, 0),
                         kIOReturnUnsupported);
    } else if (mapping->address == 0) {
        assert_int_equal(IOMemoryMap_redirect(mapping->map, (IOMemoryDescriptor *)NULL, 0, 0),
                         kIOReturnNotReady);
    } else if (one_in(4) && !mapping->left) {
        block(mapping, !mapping->blocked);
    } else {
        show_other(mapping);
    }
}
