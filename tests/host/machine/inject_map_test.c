/* SPDX-License-Identifier: BSD-2-Clause */
/* Fail the n-th: mappings with each of their options, and what is done to maps. */
#include "descriptors/IOMemoryMapping.h"
#include "tests/host/machine/inject_sweep.h"

#define FIXED 0x70000010ull /* free in other, without page tables; page offset of the memory */

static IOReturn map_at(void *memory, uint64_t address, IOOptionBits options)
{
    return inject_made(
        IOMemoryDescriptor_createMappingInTask(memory, other, address, options, 0, 0));
}

static IOReturn map(void *memory, IOOptionBits options)
{
    return map_at(memory, 0, kIOMapAnywhere | kIOMapUnique | options);
}

static IOReturn anywhere(void)
{
    return map(things.memory, 0);
}

static IOReturn persistent(void)
{
    return map(things.persistent, kIOMapReadOnly);
}

static IOReturn fixed(void)
{
    return map_at(things.memory, FIXED, 0);
}

static IOReturn write_through(void)
{
    return map(things.memory, kIOMapWriteThruCache);
}

static IOReturn guarded_small(void)
{
    return map(things.memory, kIOMapGuardedSmall);
}

static IOReturn guarded_large(void)
{
    return map_at(things.memory, 0, kIOMapAnywhere | kIOMapGuardedLarge);
}

static IOReturn prefault(void)
{
    return map_at(things.prepared, trunc_page(FIXED), kIOMapPrefault);
}

/* The owner's own view does, but it may be without page tables by now. */
static IOReturn prefault_in_place(void)
{
    return inject_made(IOMemoryDescriptor_createMappingInTask(
        things.prepared, owner, 0, kIOMapAnywhere | kIOMapPrefault, 0, 0));
}

static IOReturn overwrite(void)
{
    const uint64_t address = IOMemoryMap_getAddress(things.map);
    IOMemoryMap *over = IOMemoryDescriptor_createMappingInTask(
        things.memory, other, address, kIOMapOverwrite | kIOMapUnique, 0, 0);

    return inject_made(over);
}

static IOReturn recorded(void)
{
    return map_at(things.memory, IOMemoryMap_getAddress(things.map), kIOMapStatic);
}

static IOReturn set_mapping(void)
{
    return inject_made(IOMemoryDescriptor_setMapping(
        things.memory, other, IOMemoryMap_getAddress(things.map), kIOMapReadOnly));
}

static IOReturn same_again(void)
{
    return map_at(things.memory, 0, kIOMapAnywhere);
}

static IOReturn reference(void)
{
    return map_at(things.memory, 0, kIOMapAnywhere | kIOMapReference);
}

static IOReturn borrowed(void)
{
    return inject_made(
        IOMemoryDescriptor_createMappingInTask(things.memory, other, 0, kIOMapAnywhere, 5000, 100));
}

static IOReturn in_kernel(void)
{
    return inject_made(IOMemoryDescriptor_map(things.memory, kIOMapReadOnly));
}

static IOReturn copy_on_write(void)
{
    IOMemoryDescriptor *image = IOMemoryDescriptor_withAddressRange(
        things.at, 2 * PAGE_SIZE, kIODirectionOutIn | kIOMemoryMapCopyOnWrite, owner);
    IOReturn status;

    if (image == NULL) {
        return IOMemoryLastError();
    }
    status = map(image, 0);
    OSObject_release(image);
    return status;
}

static IOReturn scattered(void)
{
    IOAddressRange ranges[] = {{things.at + PAGE_SIZE, 2 * PAGE_SIZE}, {things.at, PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);
    IOReturn status;

    if (memory == NULL) {
        return IOMemoryLastError();
    }
    status = map(memory, 0);
    OSObject_release(memory);
    return status;
}

static IOMemoryMap *map_unique(IOMemoryDescriptor *memory, uint64_t address, IOOptionBits options)
{
    return IOMemoryDescriptor_createMappingInTask(memory, other, address, kIOMapUnique | options, 0,
                                                  0);
}

/* Pieces in the place of others, and no access through them shall fault. */
static IOReturn scattered_over(void)
{
    IOAddressRange ranges[] = {{things.at + PAGE_SIZE, PAGE_SIZE}, {things.at, PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);
    IOReturn status = memory != NULL ? IOMemoryDescriptor_prepare(memory, 0) : IOMemoryLastError();

    if (status == kIOReturnSuccess) {
        IOMemoryMap *first = map_unique(memory, trunc_page(FIXED), 0), *over = NULL;

        status = IOMemoryLastError();
        if (first != NULL) {
            const uint64_t at = IOMemoryMap_getAddress(first);
            struct mmu_translation page;

            over = map_unique(memory, at, kIOMapOverwrite | kIOMapPrefault);
            if (over != NULL) {
                status = kIOReturnSuccess;
                assert_true(translate(other, at, &page) && translate(other, at + PAGE_SIZE, &page));
            } else {
                status = IOMemoryLastError();
                assert_int_equal(load(other, at + PAGE_SIZE + 16), 42); /* the first one stays */
            }
        }
        OSObject_release(over);
        OSObject_release(first);
        IOMemoryDescriptor_complete(memory, 0);
    }
    OSObject_release(memory);
    return status;
}

static IOReturn physical(void)
{
    return map_at(things.physical, 0, kIOMapAnywhere | kIOMapInhibitCache);
}

static IOReturn registers(void)
{
    return map(things.device, 0);
}

static IOReturn guard(void)
{
    return map_at(things.guard, 0, kIOMapAnywhere);
}

static IOReturn purgeable(void)
{
    return map(things.purgeable, 0);
}

static IOReturn window(void)
{
    return inject_made(IOMemoryDescriptor_createMappingInTask(
        things.sub, other, 0, kIOMapAnywhere | kIOMapReadOnly, PAGE_SIZE, 100));
}

/* Children that fit together at page boundaries, as mapping composites needs. */
static IOReturn multi(void)
{
    IOMemoryDescriptor *children[] = {things.prepared, (IOMemoryDescriptor *)things.guard,
                                      things.prepared};
    IOMultiMemoryDescriptor *self =
        IOMultiMemoryDescriptor_withDescriptors(children, 3, kIODirectionOutIn, false);
    IOReturn status;

    if (self == NULL) {
        return IOMemoryLastError();
    }
    status = map_at(self, 0, kIOMapAnywhere);
    OSObject_release(self);
    return status;
}

static IOReturn interleaved(void)
{
    IOInterleavedMemoryDescriptor *self =
        IOInterleavedMemoryDescriptor_withCapacity(2, kIODirectionOutIn);
    IOReturn status;

    if (self == NULL) {
        return IOMemoryLastError();
    }
    status = inject_done(
        IOInterleavedMemoryDescriptor_setMemoryDescriptor(self, things.prepared, 0, PAGE_SIZE) &&
        IOInterleavedMemoryDescriptor_setMemoryDescriptor(self, things.prepared, PAGE_SIZE, 100));
    if (status == kIOReturnSuccess) {
        status = map_at(self, 0, kIOMapAnywhere);
    }
    OSObject_release(self);
    return status;
}

static IOReturn unmap(void)
{
    IOMemoryMap *gone = IOMemoryDescriptor_createMappingInTask(
        things.memory, other, 0, kIOMapAnywhere | kIOMapGuardedSmall, 0, 0);
    IOReturn status;

    if (gone == NULL) {
        return IOMemoryLastError();
    }
    status = IOMemoryMap_unmap(gone);
    OSObject_release(gone);
    return status;
}

static IOReturn wire_range(void)
{
    const IOReturn status =
        IOMemoryMap_wireRange(things.map, VM_PROT_READ | VM_PROT_WRITE, PAGE_SIZE, 2 * PAGE_SIZE);

    if (status == kIOReturnSuccess) {
        assert_int_equal(IOMemoryMap_wireRange(things.map, 0, PAGE_SIZE, 2 * PAGE_SIZE), status);
    }
    return status;
}

/* Back again under the same conditions, without points of failure in between. */
static IOReturn redirect(void)
{
    IOReturn status = IOMemoryMap_redirect(things.unique, things.persistent, kIOMapReadOnly, 0);
    struct inject_report report;

    if (status == kIOReturnSuccess) {
        inject_end(&report);
        assert_int_equal(IOMemoryMap_redirect(things.unique, things.memory, 0, 0), status);
    }
    return status;
}

static IOReturn block(void)
{
    IOReturn status = IOMemoryMap_redirect(things.unique, (IOMemoryDescriptor *)NULL, 0, 0);
    IOReturn back = IOMemoryMap_redirect(things.unique, things.memory, 0, 0);

    if (back != kIOReturnSuccess) {
        assert_int_equal(IOMemoryMap_redirect(things.unique, things.memory, 0, 0),
                         kIOReturnSuccess);
    }
    return status == kIOReturnSuccess ? back : status;
}

/* All maps of registers, from any task but one. */
static IOReturn redirect_all(void)
{
    IOMemoryMap *seen =
        IOMemoryDescriptor_createMappingInTask(things.device, other, 0, kIOMapAnywhere, 0, 0);
    IOReturn status, back;

    if (seen == NULL) {
        return IOMemoryLastError();
    }
    status = IOMemoryDescriptor_redirect(things.device, owner, true);
    back = IOMemoryDescriptor_redirect(things.device, owner, false);
    OSObject_release(seen);
    return status == kIOReturnSuccess ? back : status;
}

/* A whole whose parts share a page, so that one of them has borders to be made. */
struct sharing {
    IOSubMemoryDescriptor *first, *second;
    IOMultiMemoryDescriptor *whole; /* NULL: not enough memory */
};

static struct sharing share_a_page(void)
{
    struct sharing it = {
        .first = IOSubMemoryDescriptor_withSubRange(things.prepared, 0, 100, kIODirectionOutIn),
        .second = IOSubMemoryDescriptor_withSubRange(things.prepared, 100, 2 * PAGE_SIZE - 100,
                                                     kIODirectionOutIn),
    };

    if (it.first != NULL && it.second != NULL) {
        IOMemoryDescriptor *parts[] = {(IOMemoryDescriptor *)it.first,
                                       (IOMemoryDescriptor *)it.second};

        it.whole = IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false);
    }
    return it;
}

static void drop_sharing(struct sharing it)
{
    OSObject_release(it.whole);
    OSObject_release(it.second);
    OSObject_release(it.first);
}

static IOReturn map_in(IOMultiMemoryDescriptor *whole, IOMemoryMap **seen)
{
    *seen = IOMemoryDescriptor_createMappingInTask(whole, other, 0, kIOMapAnywhere, 0, 0);
    return *seen != NULL ? kIOReturnSuccess : IOMemoryLastError();
}

static IOReturn redirect_part(void)
{
    IOMemoryMap *seen;
    const struct sharing it = share_a_page();
    IOReturn status = it.whole != NULL ? map_in(it.whole, &seen) : IOMemoryLastError();

    if (status == kIOReturnSuccess) {
        status = IOMemoryDescriptor_redirect(it.first, TASK_NULL, true);
        if (status == kIOReturnSuccess) {
            status = IOMemoryDescriptor_redirect(it.first, TASK_NULL, false);
        } else if (IOMemoryDescriptor_redirect(it.first, TASK_NULL, true) == kIOReturnSuccess) {
            /* One that was refused has not begun: one end is enough. */
            assert_int_equal(IOMemoryDescriptor_redirect(it.first, TASK_NULL, false),
                             kIOReturnSuccess);
            load(other, IOMemoryMap_getAddress(seen));
        }
        OSObject_release(seen);
    }
    drop_sharing(it);
    return status;
}

/* Mapped while a part of it is redirected. */
static IOReturn map_redirected(void)
{
    IOMemoryMap *seen;
    const struct sharing it = share_a_page();
    IOReturn status = it.whole != NULL ? IOMemoryDescriptor_redirect(it.first, TASK_NULL, true)
                                       : IOMemoryLastError();

    if (status == kIOReturnSuccess) {
        status = map_in(it.whole, &seen);
        if (status == kIOReturnSuccess) {
            OSObject_release(seen);
        }
        IOMemoryDescriptor_redirect(it.first, TASK_NULL, false);
    }
    drop_sharing(it);
    return status;
}

/* Whose own descriptor, made for the map, has to wait as the registers do. */
static IOReturn registers_redirected(void)
{
    IOReturn status = IOMemoryDescriptor_redirect(things.device, TASK_NULL, true);
    IOReturn back = kIOReturnSuccess;

    if (status == kIOReturnSuccess) {
        status = map(things.device, 0);
        back = IOMemoryDescriptor_redirect(things.device, TASK_NULL, false);
    }
    return status == kIOReturnSuccess ? back : status;
}

/* Reservations that cannot be made to wait go, or leave the one that was there before. */
static IOReturn guard_redirected(void)
{
    IOMemoryMap *first =
        IOMemoryDescriptor_createMappingInTask(things.guard, other, 0, kIOMapAnywhere, 0, 0);
    IOReturn status = first != NULL ? IOMemoryDescriptor_redirect(things.guard, TASK_NULL, true)
                                    : IOMemoryLastError();
    IOReturn back = kIOReturnSuccess;

    if (status == kIOReturnSuccess) {
        status = map(things.guard, 0);
        if (status == kIOReturnSuccess) {
            status =
                map_at(things.guard, IOMemoryMap_getAddress(first), kIOMapOverwrite | kIOMapUnique);
        }
        back = IOMemoryDescriptor_redirect(things.guard, TASK_NULL, false);
    }
    OSObject_release(first);
    return status == kIOReturnSuccess ? back : status;
}

/* A whole takes the place of another map, and no access through it shall fault. */
static IOReturn take_place(void)
{
    IOMemoryDescriptor *parts[] = {things.prepared};
    IOMultiMemoryDescriptor *whole =
        IOMultiMemoryDescriptor_withDescriptors(parts, 1, kIODirectionOutIn, false);
    IOMemoryMap *first = NULL;
    IOReturn status = whole != NULL ? map_in(whole, &first) : IOMemoryLastError();

    if (status == kIOReturnSuccess) {
        status = map_at(whole, IOMemoryMap_getAddress(first),
                        kIOMapOverwrite | kIOMapUnique | kIOMapPrefault);
    }
    OSObject_release(first);
    OSObject_release(whole);
    return status;
}

static IOReturn populate(void)
{
    IOMemoryMap *seen =
        IOMemoryDescriptor_createMappingInTask(things.device, other, 0, kIOMapAnywhere, 0, 0);
    IOReturn status;

    if (seen == NULL) {
        return IOMemoryLastError();
    }
    vm_map_drop_tables(task_map(other), IOMemoryMap_getAddress(seen), 2 * PAGE_SIZE);
    status = IOMemoryDescriptor_populateDevicePager(
        things.device, NULL, task_map(other), IOMemoryMap_getAddress(seen), 0, 2 * PAGE_SIZE, 0);
    OSObject_release(seen);
    return status;
}

static const struct inject_operation operations[] = {
    {"anywhere", anywhere, false, 0},
    {"persistent memory, read-only", persistent, false, 0},
    {"at an address", fixed, false, 0},
    {"write-through", write_through, false, 0},
    {"guard page on either side", guarded_small, false, 0},
    {"large guards", guarded_large, false, 0},
    {"prefault at an address", prefault, false, 0},
    {"prefault where it is", prefault_in_place, false, 0},
    {"overwrite", overwrite, false, 0},
    {"static", recorded, false, 0},
    {"setMapping", set_mapping, false, 0},
    {"same request again", same_again, false, 0},
    {"reference", reference, false, 0},
    {"part of an existing map", borrowed, false, 0},
    {"in the kernel, read-only", in_kernel, false, 0},
    {"copy-on-write", copy_on_write, false, 0},
    {"several ranges", scattered, false, 0},
    /* What asks for page tables asks for them once more. */
    {"several ranges in place of others", scattered_over, false, 2},
    {"physical ranges, uncached", physical, false, 0},
    {"device memory, unique", registers, false, 0},
    {"guard pages", guard, false, 0},
    {"purgeable buffer", purgeable, false, 0},
    {"part of a sub-descriptor, read-only", window, false, 0},
    {"multi", multi, false, 0},
    {"interleaved", interleaved, false, 0},
    {"unmap", unmap, false, 0},
    {"wireRange", wire_range, true, 0},
    {"redirect of a map", redirect, false, 0},
    {"block and unblock a map", block, false, 0},
    {"redirect of a descriptor", redirect_all, false, 0},
    {"redirect of a part", redirect_part, false, 1}, /* what is blocked again asks for nothing */
    {"multi with a redirected part", map_redirected, false, 0},
    {"redirected device memory, unique", registers_redirected, false, 0},
    {"redirected guard pages", guard_redirected, false, 0},
    {"multi in place of another map", take_place, false, 0},
    {"populateDevicePager", populate, true, 0},
};

int main(void)
{
    return inject_main(operations, sizeof(operations) / sizeof(operations[0]));
}
