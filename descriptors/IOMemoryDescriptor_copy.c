/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU at the described memory: readBytes, writeBytes and cache maintenance.
 * Everything goes by physical address, so it works for memory of any task and
 * sees what a device would see.
 */
#include <string.h>

#include "descriptors/IOMemoryDescriptor_private.h"

/* The state of one operation, handed from segment to segment. */
struct cpu_walk {
    uint8_t *bytes;      /* the caller's side of a copy, advancing; NULL: zeros */
    IOOptionBits option; /* of performOperation */
    IOByteCount done;    /* bytes */
    bool write;          /* to the described memory */
    bool stopped;        /* the CPU could not reach the memory */
};

/* As if byte by byte from the first to the last, also where the two overlap. */
static void copy_ascending(uint8_t *to, const uint8_t *from, uint64_t length)
{
    uint64_t i;

    if (to > from && (uint64_t)(to - from) < length) {
        for (i = 0; i < length; i++) {
            to[i] = from[i];
        }
    } else {
        memmove(to, from, length);
    }
}

/* The widest natural access at this register address within `length` bytes. */
static unsigned device_access_size(volatile const uint8_t *at, uint64_t length)
{
    unsigned size = 8;

    while (((uintptr_t)at & (size - 1)) != 0 || size > length) {
        size /= 2;
    }
    return size;
}

static void device_read(uint8_t *to, volatile const uint8_t *from, uint64_t length)
{
    while (length != 0) {
        const unsigned size = device_access_size(from, length);
        uint64_t value;

        switch (size) {
        case 8:
            value = *(volatile const uint64_t *)from;
            break;
        case 4:
            value = *(volatile const uint32_t *)from;
            break;
        case 2:
            value = *(volatile const uint16_t *)from;
            break;
        default:
            value = *from;
        }
        memcpy(to, &value, size);
        to += size;
        from += size;
        length -= size;
    }
}

/* from NULL: zeros. */
static void device_write(volatile uint8_t *to, const uint8_t *from, uint64_t length)
{
    while (length != 0) {
        const unsigned size = device_access_size(to, length);
        uint64_t value = 0;

        if (from != NULL) {
            memcpy(&value, from, size);
            from += size;
        }
        switch (size) {
        case 8:
            *(volatile uint64_t *)to = value;
            break;
        case 4:
            *(volatile uint32_t *)to = (uint32_t)value;
            break;
        case 2:
            *(volatile uint16_t *)to = (uint16_t)value;
            break;
        default:
            *to = (uint8_t)value;
        }
        to += size;
        length -= size;
    }
}

static void read_window(struct cpu_walk *walk, const struct platform_window *window)
{
    if (window->device) {
        device_read(walk->bytes, window->address, window->length);
    } else {
        copy_ascending(walk->bytes, (const uint8_t *)window->address, window->length);
    }
    walk->bytes += window->length;
}

static void write_window(struct cpu_walk *walk, const struct platform_window *window)
{
    if (window->device) {
        device_write(window->address, walk->bytes, window->length);
    } else if (walk->bytes == NULL) {
        memset((void *)window->address, 0, window->length);
    } else {
        copy_ascending((uint8_t *)window->address, walk->bytes, window->length);
    }
    if (walk->bytes != NULL) {
        walk->bytes += window->length;
    }
}

static void operate_window(struct cpu_walk *walk, const struct platform_window *window)
{
    if (window->device) {
        return; /* never cached */
    }
    if (walk->option == kIOMemoryIncoherentIOFlush) {
        platform_cache_clean_invalidate(window->address, window->length);
    } else {
        platform_cache_clean(window->address, window->length);
    }
}

/* Open the windows of a segment one after another. */
static inline void each_window(IOPhysicalSegment segment, struct cpu_walk *walk,
                               void (*visit)(struct cpu_walk *, const struct platform_window *))
{
    struct platform_window window;

    while (segment.length != 0 && !walk->stopped) {
        if (platform_window(paddr(segment.location), segment.length, walk->write, &window) !=
            KERN_SUCCESS) {
            walk->stopped = true;
            return;
        }
        visit(walk, &window);
        walk->done += window.length;
        segment.location += window.length;
        segment.length -= window.length;
    }
}

static void read_segment(IOPhysicalSegment segment, void *walk, UInt32 index)
{
    (void)index;
    each_window(segment, walk, read_window);
}

static void write_segment(IOPhysicalSegment segment, void *walk, UInt32 index)
{
    (void)index;
    each_window(segment, walk, write_window);
}

static void operate_segment(IOPhysicalSegment segment, void *walk, UInt32 index)
{
    (void)index;
    each_window(segment, walk, operate_window);
}

/* Run one operation over bytes [offset, offset + length), which lie inside the descriptor. */
static IOReturn run(IOMemoryDescriptor *self, IOSegmentOutput *output, IOOptionBits view,
                    IOByteCount offset, IOByteCount length, struct cpu_walk *walk)
{
    struct IOSegmentSink sink = {
        .output = output,
        .segments = walk,
        .view = view,
        .maxSegments = UINT32_MAX,
        .maxSegment = UINT64_MAX,
        .cut = UINT64_MAX,
    };
    IOReturn status;

    if (length == 0) {
        return kIOReturnSuccess;
    }
    status = IOMemoryDescriptor_methods(self)->walk(self, &sink, offset, offset + length);
    IOSegmentSink_finish(&sink);
    if (status == kIOReturnSuccess && walk->done < length) {
        status = kIOReturnVMError;
    }
    return status;
}

IOByteCount descriptor_read_bytes(IOMemoryDescriptor *self, IOByteCount offset, void *bytes,
                                  IOByteCount withLength)
{
    struct cpu_walk walk = {.bytes = bytes};
    IOReturn status = run(self, read_segment, IOSEGMENT_READ, offset, withLength, &walk);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return walk.done;
}

IOByteCount descriptor_write_bytes(IOMemoryDescriptor *self, IOByteCount offset, const void *bytes,
                                   IOByteCount withLength)
{
    struct cpu_walk walk = {.bytes = (uint8_t *)bytes, .write = true};
    IOReturn status = run(self, write_segment, IOSEGMENT_WRITE, offset, withLength, &walk);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    if (bytes == NULL) {
        struct cpu_walk flush = {.option = kIOMemoryIncoherentIOFlush};

        run(self, operate_segment, IOSEGMENT_READ, offset, walk.done, &flush);
    }
    return walk.done;
}

IOReturn descriptor_perform_operation(IOMemoryDescriptor *self, IOOptionBits options,
                                      IOByteCount offset, IOByteCount length)
{
    struct cpu_walk walk = {.option = options};
    IOReturn status;

    if (options != kIOMemoryIncoherentIOFlush && options != kIOMemoryIncoherentIOStore) {
        return kIOReturnUnsupported;
    }
    status = run(self, operate_segment, IOSEGMENT_READ, offset, length, &walk);
    switch (status) {
    case kIOReturnSuccess:
    case kIOReturnNotReady:
    case kIOReturnNotAttached:
        return status;
    default:
        return kIOReturnUnderrun;
    }
}

IOByteCount IOMemoryDescriptor_readBytes(IOMemoryDescriptorRef self, IOByteCount offset,
                                         void *bytes, IOByteCount withLength)
{
    if (self.descriptor == NULL || (bytes == NULL && withLength != 0) ||
        !IOMemoryDescriptor_holds(self.descriptor, offset, withLength)) {
        IOMemory_fail(kIOReturnBadArgument);
        return 0;
    }
    return IOMemoryDescriptor_methods(self.descriptor)
        ->readBytes(self.descriptor, offset, bytes, withLength);
}

IOByteCount IOMemoryDescriptor_writeBytes(IOMemoryDescriptorRef self, IOByteCount offset,
                                          const void *bytes, IOByteCount withLength)
{
    if (self.descriptor == NULL || !IOMemoryDescriptor_holds(self.descriptor, offset, withLength)) {
        IOMemory_fail(kIOReturnBadArgument);
        return 0;
    }
    return IOMemoryDescriptor_methods(self.descriptor)
        ->writeBytes(self.descriptor, offset, bytes, withLength);
}

IOReturn IOMemoryDescriptor_performOperation(IOMemoryDescriptorRef self, IOOptionBits options,
                                             IOByteCount offset, IOByteCount length)
{
    IOMemoryDescriptor *descriptor = self.descriptor;

    if (descriptor == NULL) {
        return kIOReturnBadArgument;
    }
    if ((descriptor->flags & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    if (offset > descriptor->length) {
        return kIOReturnBadArgument;
    }
    if (length > descriptor->length - offset) {
        length = descriptor->length - offset;
    }
    return IOMemoryDescriptor_methods(descriptor)
        ->performOperation(descriptor, options, offset, length);
}
