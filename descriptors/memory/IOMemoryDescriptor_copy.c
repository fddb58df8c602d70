/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU at the described memory: readBytes, writeBytes and cache maintenance.
 * Everything goes by physical address, so it works for memory of any task and
 * sees what a device would see.
 */
#include <string.h>

#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/segments/IOSegmentSink.h"

/* The state of one operation, handed from segment to segment. */
struct cpu_walk {
    uint8_t *bytes;      /* the caller's side of a copy, advancing; NULL: zeros */
    IOOptionBits option; /* of performOperation */
    IOByteCount done;    /* bytes */
    bool write;          /* to the described memory */
    bool stopped;        /* the CPU could not reach the memory */
};

/* Do `length` bytes at one physical address and at another have some in common? */
static bool overlap(uint64_t one, uint64_t other, uint64_t length)
{
    return one < other ? other - one < length : one - other < length;
}

static void copy_bytewise(uint8_t *to, const uint8_t *from, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        ((volatile uint8_t *)to)[i] = from[i];
    }
}

/*
 * Between a window on memory, which begins at physical address `at`, and the caller's side:
 * as if byte by byte from the first to the last, also where the two have bytes in common.
 * Addresses do not tell: the caller may have the same memory at another one.
 */
static void copy_ascending(uint8_t *window, uint64_t at, uint8_t *caller, uint64_t length,
                           bool store)
{
    while (length != 0) {
        uint8_t *const to = store ? window : caller;
        const uint8_t *const from = store ? caller : window;
        uint64_t part = length;
        paddr_t there;

        if (platform_locate(caller, &there, &part)
                ? overlap(at, there.value, part)
                : overlap((uintptr_t)window, (uintptr_t)caller, part)) {
            copy_bytewise(to, from, part);
        } else {
            memcpy(to, from, part);
        }
        window += part;
        caller += part;
        at += part;
        length -= part;
    }
}

/* The widest natural access at this register address within `length` bytes. */
static unsigned device_access_size(volatile const uint8_t *at, uint64_t length)
{
    /* Ends at 1, which every address and every length allows. */
    unsigned size = 8;

    while (((uintptr_t)at & (size - 1)) != 0 || size > length) {
        size /= 2;
    }
    return size;
}

/*
 * A copy to or from registers, step by step. The device may not answer: then the
 * copy ends by a fault, and `left` says where, which is why it must be in memory.
 */
struct device_copy {
    volatile uint8_t *at;
    uint8_t *bytes; /* the caller's side; NULL: zeros */
    volatile uint64_t left;
};

/*
 * Each access is exactly one load of its width: a library's memcpy may load a register twice, or
 * bytes of its neighbours, and either can have an effect on the device.
 */
static void device_read(void *context)
{
    struct device_copy *copy = context;

    while (copy->left != 0) {
        const unsigned size = device_access_size(copy->at, copy->left);
        const uint64_t value = platform_register_read(copy->at, size);

        memcpy(copy->bytes, &value, size);
        copy->bytes += size;
        copy->at += size;
        copy->left -= size;
    }
}

static void device_write(void *context)
{
    struct device_copy *copy = context;

    while (copy->left != 0) {
        const unsigned size = device_access_size(copy->at, copy->left);
        uint64_t value = 0;

        if (copy->bytes != NULL) {
            memcpy(&value, copy->bytes, size);
            copy->bytes += size;
        }
        platform_register_write(copy->at, size, value);
        copy->at += size;
        copy->left -= size;
    }
}

/* Bytes of the window that were moved. */
static uint64_t device_window(struct cpu_walk *walk, const struct platform_window *window,
                              void (*move)(void *))
{
    struct device_copy copy = {.at = window->address, .bytes = walk->bytes, .left = window->length};

    /*
     * A register that does not answer aborts the access (external abort): caught, it is a short
     * copy and not the end of the image.
     */
    walk->stopped = !platform_try(move, &copy);
    return window->length - copy.left;
}

static uint64_t read_window(struct cpu_walk *walk, const struct platform_window *window,
                            uint64_t at)
{
    if (window->device) {
        return device_window(walk, window, device_read);
    }
    copy_ascending((uint8_t *)window->address, at, walk->bytes, window->length, false);
    return window->length;
}

static uint64_t write_window(struct cpu_walk *walk, const struct platform_window *window,
                             uint64_t at)
{
    if (window->device) {
        return device_window(walk, window, device_write);
    }
    if (walk->bytes == NULL) {
        memset((void *)window->address, 0, window->length);
    } else {
        copy_ascending((uint8_t *)window->address, at, walk->bytes, window->length, true);
    }
    return window->length;
}

static uint64_t operate_window(struct cpu_walk *walk, const struct platform_window *window,
                               uint64_t at)
{
    (void)at;
    if (window->device) {
        return window->length; /* never cached */
    }
    if (walk->option == kIOMemoryIncoherentIOFlush) {
        platform_cache_clean_invalidate(window->address, window->length);
    } else {
        platform_cache_clean(window->address, window->length);
    }
    return window->length;
}

/* Open the windows of a segment one after another. */
static inline void each_window(IOPhysicalSegment segment, struct cpu_walk *walk,
                               uint64_t (*visit)(struct cpu_walk *, const struct platform_window *,
                                                 uint64_t))
{
    struct platform_window window;
    uint64_t done;

    /*
     * Ends: a window is never empty; what stops is remembered, as later segments come all the same.
     */
    while (segment.length != 0 && !walk->stopped) {
        if (platform_window(paddr(segment.location), segment.length, walk->write, &window) !=
            KERN_SUCCESS) {
            walk->stopped = true;
            return;
        }
        done = visit(walk, &window, segment.location);
        if (walk->write && !window.device) { /* as dirty as by a store through a mapping */
            platform_mark_written(paddr(segment.location), done);
        }
        walk->done += done;
        if (walk->bytes != NULL) {
            walk->bytes += done;
        }
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

/* Run one operation over bytes [offset, end), segment by segment. */
static __attribute__((noinline)) IOReturn run_segments(IOMemoryDescriptor *self,
                                                       IOSegmentOutput *output, IOOptionBits view,
                                                       IOByteCount offset, IOByteCount end,
                                                       struct cpu_walk *walk)
{
    struct IOSegmentSink sink = {
        .output = output,
        .segments = walk,
        .view = view,
        /* No limits of a device: the CPU takes runs as they are. */
        .maxSegments = UINT32_MAX,
        .maxSegment = UINT64_MAX,
        .cut = UINT64_MAX,
    };
    const IOReturn status = IOMemoryDescriptor_methods(self)->walk(self, &sink, offset, end);

    /* Also after a failure: what was collected before it was walked, and counts as done. */
    IOSegmentSink_finish(&sink);
    return status;
}

/* The same of bytes [offset, offset + length), which lie inside the descriptor, as a whole. */
static IOReturn run(IOMemoryDescriptor *self, IOSegmentOutput *output, IOOptionBits view,
                    IOByteCount offset, IOByteCount length, struct cpu_walk *walk)
{
    IOReturn status = kIOReturnSuccess;
    IOPhysicalAddress address;

    if (length == 0) {
        return kIOReturnSuccess;
    }
    /* Who may not store is told so by the walk. */
    if (((view & IOSEGMENT_STORE) == 0 || (self->flags & kIOMemoryPreparedReadOnly) == 0) &&
        IOMemoryDescriptor_isOneRun(self, offset, length, &address)) {
        output((IOPhysicalSegment){address, length}, walk, 0);
    } else {
        status = run_segments(self, output, view, offset, offset + length, walk);
    }
    /* The walk was whole, so the CPU could not reach some of it. */
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
        /*
         * Zeros are to hide what was there, also from a device or a view that looks past the cache.
         */
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
        /*
         * Which part was not reached does not matter to a caller who must not start the device
         * then.
         */
        return kIOReturnUnderrun;
    }
}

IOByteCount IOMemoryDescriptor_readBytes(IOMemoryDescriptorRef self, IOByteCount offset,
                                         void *bytes, IOByteCount withLength)
{
    IOByteCount done;
    bool locked;

    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE(bytes == NULL && withLength != 0, "bytes is NULL") ||
        IOREFUSE(!IOMemoryDescriptor_holds(self.descriptor, offset, withLength),
                 "offset %llu + length %llu is beyond the descriptor's %llu bytes", IOULL(offset),
                 IOULL(withLength), IOULL(self.descriptor->length))) {
        IOMemory_fail(kIOReturnBadArgument);
        return 0;
    }
    locked = IOMemoryDescriptor_lock(self.descriptor);
    done = IOMemoryDescriptor_methods(self.descriptor)
               ->readBytes(self.descriptor, offset, bytes, withLength);
    IOMemoryDescriptor_unlock(self.descriptor, locked);
    return done;
}

IOByteCount IOMemoryDescriptor_writeBytes(IOMemoryDescriptorRef self, IOByteCount offset,
                                          const void *bytes, IOByteCount withLength)
{
    IOByteCount done;
    bool locked;

    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE(!IOMemoryDescriptor_holds(self.descriptor, offset, withLength),
                 "offset %llu + length %llu is beyond the descriptor's %llu bytes", IOULL(offset),
                 IOULL(withLength), IOULL(self.descriptor->length))) {
        IOMemory_fail(kIOReturnBadArgument);
        return 0;
    }
    locked = IOMemoryDescriptor_lock(self.descriptor);
    done = IOMemoryDescriptor_methods(self.descriptor)
               ->writeBytes(self.descriptor, offset, bytes, withLength);
    IOMemoryDescriptor_unlock(self.descriptor, locked);
    return done;
}

IOReturn IOMemoryDescriptor_performOperation(IOMemoryDescriptorRef self, IOOptionBits options,
                                             IOByteCount offset, IOByteCount length)
{
    IOMemoryDescriptor *descriptor = self.descriptor;
    IOReturn status;
    bool locked;

    if (descriptor == NULL) {
        return kIOReturnBadArgument;
    }
    /*
     * Caches of this processor hold nothing of another's memory that maintenance here could reach.
     */
    if ((descriptor->flags & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    if (IOREFUSE(offset > descriptor->length, "offset %llu is behind the descriptor's %llu bytes",
                 IOULL(offset), IOULL(descriptor->length))) {
        return kIOReturnBadArgument;
    }
    if (length > descriptor->length - offset) {
        length = descriptor->length - offset;
    }
    locked = IOMemoryDescriptor_lock(descriptor);
    status = IOMemoryDescriptor_methods(descriptor)
                 ->performOperation(descriptor, options, offset, length);
    IOMemoryDescriptor_unlock(descriptor, locked);
    return status;
}
