/* SPDX-License-Identifier: BSD-2-Clause */
/* Device registers: never pinned, and copied by accesses that a register can take. */
#include "descriptors/IODeviceMemory.h"

#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/OSArray.h"
#include "descriptors/object/IORefuse.h"

/*
 * In the class tree this stands beside IOGeneralMemoryDescriptor; its state and its
 * methods are those of a general descriptor over one physical range.
 */
struct IODeviceMemory {
    IOGeneralMemoryDescriptor super;
    IODeviceMemory *parent; /* retained; NULL: a range of its own */
};

static void device_free(OSObject *object)
{
    /* Read first: the pointer lies in what the superclass gives back to the heap. */
    IODeviceMemory *const parent = ((IODeviceMemory *)object)->parent;

    if (parent != NULL) {
        descriptor_end_window((IOMemoryDescriptor *)object, &parent->super.super);
    }
    IOGeneralMemoryDescriptor_class.meta.free(object);
    OSObject_release(parent);
}

static IODeviceMemory *device_of(IOMemoryDescriptor *self)
{
    return (IODeviceMemory *)self;
}

/* A window's maps are the parent's: who redirects that one reaches them all. */
static IOMemoryMap *device_make_mapping(IOMemoryDescriptor *self, IOMemoryMap *map,
                                        IOOptionBits options, IOByteCount offset)
{
    IODeviceMemory *const parent = device_of(self)->parent;

    if (parent == NULL) {
        return descriptor_make_mapping(self, map, options, offset);
    }
    return descriptor_map_window(self, &parent->super.super,
                                 device_of(self)->super.range.address - parent->super.range.address,
                                 map, options, offset);
}

/*
 * The window's own mark answers handleFault; the maps through it are in the parent's set, so that
 * redirecting the window alone would block none of them.
 */
static IOReturn device_redirect(IOMemoryDescriptor *self, task_t safeTask, bool doRedirect)
{
    IODeviceMemory *const parent = device_of(self)->parent;

    return parent == NULL
               ? descriptor_redirect(self, safeTask, doRedirect)
               : descriptor_redirect_window(self, &parent->super.super, safeTask, doRedirect);
}

static uint32_t instances;

OS_CLASS(IOMemoryDescriptorClass, IODeviceMemory);
const IOMemoryDescriptorClass IODeviceMemory_class = {
    .meta = {"IODeviceMemory", &IOMemoryDescriptor_metaClass, sizeof(IODeviceMemory), &instances,
             device_free},
    .initWithOptions = descriptor_refuse_init,
    .prepare = general_prepare,
    .complete = general_complete,
    .announceComplete = descriptor_announce_complete,
    .getPhysicalSegment = general_get_physical_segment,
    .walk = general_walk,
    .getPreparationID = general_get_preparation_id,
    DESCRIPTOR_BYTES,
    .addDMAMapSize = general_add_dma_map_size,
    .dmaCommandOperation = descriptor_dma_command_operation,
    .getCharacteristics = general_get_characteristics,
    .setDMAActive = descriptor_set_dma_active,
    .addReach = descriptor_add_reach,
    .mapSpecification = descriptor_map_specification,
    .copyPageList = descriptor_copy_page_list,
    .makeMapping = device_make_mapping,
    .doMap = general_do_map,
    .ownsPages = general_owns_pages,
    .doUnmap = descriptor_do_unmap,
    .copyForUnique = general_copy_for_unique,
    .redirect = device_redirect,
    .holdMemory = general_hold_memory,
    .setPurgeable = general_set_purgeable,
    .setOwnership = general_set_ownership,
    .getPageCounts = general_get_page_counts,
};

/* True if it is one now; else the last error says why not. */
static bool initialise(IODeviceMemory *self, IOPhysicalAddress start, IOPhysicalLength length)
{
    /* No mapper: registers are where the bus has them, and nothing translates that. */
    IOAddressRange range = {start, length};

    if (!general_init_with_options(&self->super.super, &range, 1, 0, TASK_NULL,
                                   kIOMemoryTypePhysical | kIOMemoryMapperNone, NULL)) {
        return false;
    }
    /*
     * RAM would work, but as what it is: cached, copied by bytes, and somebody's. The promise that
     * accesses go to a register one by one would be broken silently.
     */
    if (IOREFUSE(platform_is_ram(start, length), "[%#llx, +%#llx) is RAM, no device's registers",
                 IOULL(start), IOULL(length))) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    return true;
}

IODeviceMemory *IODeviceMemory_withRange(IOPhysicalAddress start, IOPhysicalLength length)
{
    OSObject *object = OSMetaClass_allocate(&IODeviceMemory_metaClass);
    IODeviceMemory *self = (IODeviceMemory *)object;

    if (self != NULL && !initialise(self, start, length)) {
        OSObject_release(object);
        return NULL;
    }
    return self;
}

IODeviceMemory *IODeviceMemory_withSubRange(IODeviceMemory *of, IOPhysicalAddress offset,
                                            IOPhysicalLength length)
{
    IODeviceMemory *self;

    if (IOREFUSE(of == NULL, "of is NULL") ||
        IOREFUSE(!IOMemoryDescriptor_holds(&of->super.super, offset, length),
                 "offset %llu + length %llu is beyond the %llu bytes of it", IOULL(offset),
                 IOULL(length), IOULL(of->super.super.length)) ||
        IOREFUSE(of->super.super.depth >= DESCRIPTOR_DEPTH_MAX,
                 "nested too deeply (at most %u levels)", (unsigned)DESCRIPTOR_DEPTH_MAX)) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    self = IODeviceMemory_withRange(of->super.range.address + offset, length);
    if (self != NULL) {
        /* Its set holds the maps that are made through this window. */
        OSObject_retain(of);
        self->parent = of;
        self->super.super.depth = of->super.super.depth + 1; /* for good: neither changes */
        self->super.super.tag = of->super.super.tag;
    }
    return self;
}

/* Append one element to the array. */
static bool append(OSArray *array, const IODeviceMemory_InitElement *element)
{
    IODeviceMemory *memory = IODeviceMemory_withRange(element->start, element->length);
    bool done;

    if (memory == NULL) {
        return false;
    }
    IOMemoryDescriptor_setTag(memory, element->tag);
    done = OSArray_setObject(array, memory);
    OSObject_release(memory); /* the array has its own reference */
    return done;
}

OSArray *IODeviceMemory_arrayFromList(IODeviceMemory_InitElement list[], IOItemCount count)
{
    OSArray *array;

    if (list == NULL && count != 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    /* All elements or none: a caller that numbers its registers by index must not find a gap. */
    array = OSArray_withCapacity(count);
    for (IOItemCount i = 0; array != NULL && i < count; i++) {
        if (!append(array, &list[i])) {
            OSSafeReleaseNULL(array);
        }
    }
    return array;
}
