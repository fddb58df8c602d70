/* SPDX-License-Identifier: BSD-2-Clause */
/* The class, its attributes, and the dispatch of prepare and complete. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IORefuse.h"

ppnum_t gIOLastPage;

void IOMemoryDescriptor_initialize(void)
{
    gIOLastPage = (ppnum_t)platform_last_page();
}

bool descriptor_refuse_init(IOMemoryDescriptor *self, void *buffers, UInt32 count, UInt32 offset,
                            task_t task, IOOptionBits options, IOMapper *mapper)
{
    (void)self, (void)buffers, (void)count, (void)offset, (void)task, (void)options, (void)mapper;
    IOMemory_fail(kIOReturnUnsupported);
    return false;
}

/* The base has no memory: a subclass that can be prepared names its own method. */
IOReturn descriptor_refuse_transfer(IOMemoryDescriptor *self, IODirection forDirection)
{
    (void)self, (void)forDirection;
    return kIOReturnUnsupported;
}

IOReturn descriptor_refuse_segment(IOMemoryDescriptor *self, IOByteCount offset,
                                   IOOptionBits options, IOPhysicalSegment *segment)
{
    (void)self, (void)offset, (void)options, (void)segment;
    return kIOReturnUnsupported;
}

bool IOMemoryDescriptor_initWithOptions(IOMemoryDescriptorRef self, void *buffers, UInt32 count,
                                        UInt32 offset, task_t task, IOOptionBits options,
                                        IOMapper *mapper)
{
    bool locked, done;

    if (self.descriptor == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    locked = IOMemoryDescriptor_lock(self.descriptor);
    done = IOMemoryDescriptor_methods(self.descriptor)
               ->initWithOptions(self.descriptor, buffers, count, offset, task, options, mapper);
    IOMemoryDescriptor_unlock(self.descriptor, locked);
    return done;
}

/*
 * The context is the one thing that the base retains; what a subclass has, its own end gives back
 * before it calls this.
 */
void descriptor_free(OSObject *object)
{
    IOMemoryDescriptor *self = (IOMemoryDescriptor *)object;

    IOASSERT(self->announced == 0);
    IOMemoryDescriptor_dropSystemMap(self); /* of a class that knows nothing of it */
    IOMemoryDescriptor_endRedirections(self);
    OSObject_release(self->reserved.context);
    OSObject_free(self);
}

/* Abstract: it refuses what only a subclass can know. */
const IOMemoryDescriptorClass IOMemoryDescriptor_class = {
    .meta = {"IOMemoryDescriptor", &OSObject_metaClass, sizeof(IOMemoryDescriptor), NULL,
             descriptor_free},
    .initWithOptions = descriptor_refuse_init,
    .prepare = descriptor_refuse_transfer,
    .complete = descriptor_refuse_transfer,
    .announceComplete = descriptor_announce_complete,
    .getPreparationID = descriptor_get_preparation_id,
    .getPhysicalSegment = descriptor_refuse_segment,
    .walk = descriptor_walk,
    DESCRIPTOR_BYTES,
    DESCRIPTOR_DMA,
    DESCRIPTOR_MAPS,
    DESCRIPTOR_ACCOUNTS,
};

void IOMemoryDescriptor_free(IOMemoryDescriptorRef self)
{
    if (self.descriptor != NULL) {
        self.descriptor->super.metaClass->free(&self.descriptor->super);
    }
}

IODirection IOMemoryDescriptor_getDirection(IOMemoryDescriptorConstRef self)
{
    return self.descriptor == NULL ? 0 : self.descriptor->flags & kIOMemoryDirectionMask;
}

IOByteCount IOMemoryDescriptor_getLength(IOMemoryDescriptorConstRef self)
{
    return self.descriptor == NULL ? 0 : self.descriptor->length;
}

uint64_t IOMemoryDescriptor_getFlags(IOMemoryDescriptorRef self)
{
    return self.descriptor == NULL ? 0 : self.descriptor->flags;
}

const OSMetaClass *IOMemoryDescriptor_getMetaClass(IOMemoryDescriptorConstRef self)
{
    return self.descriptor == NULL ? NULL : self.descriptor->super.metaClass;
}

void IOMemoryDescriptor_setTag(IOMemoryDescriptorRef self, IOOptionBits tag)
{
    if (self.descriptor != NULL) {
        self.descriptor->tag = tag;
    }
}

IOOptionBits IOMemoryDescriptor_getTag(IOMemoryDescriptorRef self)
{
    return self.descriptor == NULL ? 0 : self.descriptor->tag;
}

void IOMemoryDescriptor_setVMTags(IOMemoryDescriptorRef self, uint32_t kernelTag, uint32_t userTag)
{
    if (self.descriptor == NULL) {
        return;
    }
    /* Cut to 16 bits, it would be another tag. */
    if (kernelTag > UINT16_MAX || userTag > UINT16_MAX) {
        IOMemory_fail(kIOReturnBadArgument);
        return;
    }
    self.descriptor->kernelTag = (vm_tag_t)kernelTag;
    self.descriptor->userTag = (vm_tag_t)userTag;
}

uint32_t IOMemoryDescriptor_getVMTag(IOMemoryDescriptorRef self, vm_map_t map)
{
    const IOMemoryDescriptor *descriptor = self.descriptor;

    if (descriptor == NULL) {
        return VM_KERN_MEMORY_NONE;
    }
    if (map == kernel_map) {
        return descriptor->kernelTag != 0 ? descriptor->kernelTag : VM_KERN_MEMORY_IOKIT;
    }
    return descriptor->userTag != 0 ? descriptor->userTag : VM_MEMORY_IOKIT;
}

void IOMemoryDescriptor_setMapperOptions(IOMemoryDescriptorRef self, uint16_t options)
{
    if (self.descriptor != NULL) {
        self.descriptor->mapperOptions = options;
    }
}

uint16_t IOMemoryDescriptor_getMapperOptions(IOMemoryDescriptorRef self)
{
    return self.descriptor == NULL ? 0 : self.descriptor->mapperOptions;
}

/* Over the context pointers of all descriptors. */
static struct platform_short_lock context_lock = PLATFORM_SHORT_LOCK("contexts");

void IOMemoryDescriptor_setContext(IOMemoryDescriptorRef self, OSObjectRef context)
{
    OSObject *former;
    platform_short_state state;

    if (self.descriptor == NULL) {
        return;
    }
    /*
     * Retained before it can be seen, and the former one released after the lock: its end may
     * run anything, and take this lock itself.
     */
    OSObject_retain(context.object);
    state = platform_short_lock(&context_lock);
    former = self.descriptor->reserved.context;
    self.descriptor->reserved.context = context.object;
    platform_short_unlock(&context_lock, state);
    OSObject_release(former);
}

OSObject *IOMemoryDescriptor_copyContext(IOMemoryDescriptorConstRef self)
{
    OSObject *context;
    platform_short_state state;

    if (self.descriptor == NULL) {
        return NULL;
    }
    state = platform_short_lock(
        &context_lock); /* between the load and the retain it must not be replaced */
    context = self.descriptor->reserved.context;
    OSObject_retain(context);
    platform_short_unlock(&context_lock, state);
    return context;
}

/* Store a number unless there is one already. */
static void assign_once(uint64_t *slot, uint64_t number)
{
    uint64_t none = 0;

    /*
     * Two callers at once get one number between them; the other number is lost, which nobody
     * notices, where a lock would be taken by every caller for ever.
     */
    __atomic_compare_exchange_n(slot, &none, number, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void IOMemoryDescriptor_setDescriptorID(IOMemoryDescriptorRef self)
{
    static uint64_t last;

    if (self.descriptor != NULL &&
        /* Asked before a number is drawn: most calls find one, and then no counter is touched. */
        self.descriptor->reserved.descriptorID == kIODescriptorIDInvalid) {
        assign_once(&self.descriptor->reserved.descriptorID,
                    __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED));
    }
}

uint64_t IOMemoryDescriptor_getDescriptorID(IOMemoryDescriptorRef self)
{
    if (self.descriptor == NULL) {
        return kIODescriptorIDInvalid;
    }
    IOMemoryDescriptor_setDescriptorID(self);
    return self.descriptor->reserved.descriptorID;
}

uint64_t IOMemoryDescriptor_newPreparationID(void)
{
    /* Above 32 bits: the numbers below are the constants (unprepared, unsupported, always). */
    static uint64_t next = 1ull << 32;

    return __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
}

void IOMemoryDescriptor_setPreparationID(IOMemoryDescriptorRef self)
{
    if (self.descriptor != NULL && self.descriptor->reserved.preparationID == 0) {
        assign_once(&self.descriptor->reserved.preparationID,
                    IOMemoryDescriptor_newPreparationID());
    }
}

uint64_t descriptor_get_preparation_id(IOMemoryDescriptor *self)
{
    (void)self;
    return kIOPreparationIDUnsupported;
}

uint64_t IOMemoryDescriptor_getPreparationID(IOMemoryDescriptorRef self)
{
    if (self.descriptor == NULL) {
        return kIOPreparationIDUnprepared;
    }
    IOMemoryDescriptor_settle(self.descriptor);
    return IOMemoryDescriptor_methods(self.descriptor)->getPreparationID(self.descriptor);
}

IOMemoryDescriptorReserved *IOMemoryDescriptor_getKernelReserved(IOMemoryDescriptorRef self)
{
    return self.descriptor == NULL ? NULL : &self.descriptor->reserved;
}

IOReturn descriptor_announce_complete(IOMemoryDescriptor *self, uint32_t count, bool coming)
{
    const uint32_t left = self->wireCount - self->announced;

    if (!coming) {
        self->announced -= count;
        return kIOReturnSuccess;
    }
    /* The last prepare stays while a device uses the pages; one of the object's own stays anyway.
     */
    if ((self->flags & kIOMemoryAutoPrepare) == 0 && left != 0 && count >= left &&
        __atomic_load_n(&self->dmaActive, __ATOMIC_RELAXED) != 0) {
        return kIOReturnBusy;
    }
    self->announced += count;
    return kIOReturnSuccess;
}

/* Would a complete answer kIOReturnBusy, if it were the last of all that there can be? */
static bool is_used_by_device(IOMemoryDescriptor *self)
{
    const IOMemoryDescriptorClass *methods = IOMemoryDescriptor_methods(self);

    if (methods->announceComplete(self, UINT32_MAX, true) != kIOReturnSuccess) {
        return true;
    }
    methods->announceComplete(self, UINT32_MAX, false); /* none is coming */
    return false;
}

static __attribute__((noinline)) void settle_owed(IOMemoryDescriptor *self)
{
    /* Prepare locks come before the mapping lock: under that one, what is owed stays so. */
    if (IOMemory_isLocked()) {
        return;
    }
    /*
     * Completes that a device has kept back; while it goes on, they stay owed. Also where others
     * have prepared it since: their own completes, and the taking back of a prepare that has come
     * to nothing, must find it as it was.
     */
    if (is_used_by_device(self)) {
        return;
    }
    while (self->owed != 0 &&
           IOMemoryDescriptor_methods(self)->complete(self, kIODirectionNone) != kIOReturnBusy) {
        self->owed--;
    }
}

void IOMemoryDescriptor_settle(IOMemoryDescriptor *self)
{
    /* Nothing is, as a rule, and each complete comes by here. */
    if (self->owed != 0) {
        settle_owed(self);
    }
}

void IOMemoryDescriptor_takeBackPrepare(IOMemoryDescriptor *self)
{
    const bool locked = IOMemoryDescriptor_lock(self);

    IOMemoryDescriptor_methods(self)->complete(self, DESCRIPTOR_TAKE_BACK);
    IOMemoryDescriptor_unlock(self, locked);
}

IOReturn IOMemoryDescriptor_completeSometime(IOMemoryDescriptor *self)
{
    const IOReturn status = IOMemoryDescriptor_complete(self, kIODirectionNone);

    if (status != kIOReturnBusy) {
        return status;
    }
    self->owed++;
    return kIOReturnSuccess;
}

/*
 * Around the method and not in it: a subclass need not know of the lock, and a composite's
 * parts have their own.
 */
static __attribute__((noinline)) IOReturn call_serialised(IOMemoryDescriptor *self,
                                                          IODirection forDirection,
                                                          IOReturn (*method)(IOMemoryDescriptor *,
                                                                             IODirection))
{
    const bool locked = IOMemoryDescriptor_lock(self);
    IOReturn status;

    IOMemoryDescriptor_settle(self);
    status = method(self, forDirection);
    IOMemoryDescriptor_unlock(self, locked);
    return status;
}

/* prepare or complete. */
static inline IOReturn call(IOMemoryDescriptor *self,
                            IOReturn (*method)(IOMemoryDescriptor *, IODirection),
                            IODirection forDirection)
{
    /* Most have no lock and owe nothing: then there is nothing around it. */
    return (self->flags & kIOMemoryThreadSafe) == 0 && self->owed == 0
               ? method(self, forDirection)
               : call_serialised(self, forDirection, method);
}

#define PREPARE_OPTIONS                                                                            \
    (kIOMemoryDirectionMask | kIODirectionPrepareNoFault | kIODirectionPrepareNoZeroFill |         \
     kIODirectionPrepareNonCoherent | kIODirectionPrepareAvoidThrottling)
#define COMPLETE_OPTIONS                                                                           \
    (kIOMemoryDirectionMask | kIODirectionCompleteWithError | kIODirectionCompleteWithDataValid)

IOReturn IOMemoryDescriptor_prepare(IOMemoryDescriptorRef self, IODirection forDirection)
{
    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE((forDirection & ~PREPARE_OPTIONS) != 0, "direction %#x has undefined bits",
                 forDirection)) {
        return kIOReturnBadArgument;
    }
    return call(self.descriptor, IOMemoryDescriptor_methods(self.descriptor)->prepare,
                forDirection);
}

IOReturn IOMemoryDescriptor_complete(IOMemoryDescriptorRef self, IODirection forDirection)
{
    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE((forDirection & ~COMPLETE_OPTIONS) != 0, "direction %#x has undefined bits",
                 forDirection)) {
        return kIOReturnBadArgument;
    }
    return call(self.descriptor, IOMemoryDescriptor_methods(self.descriptor)->complete,
                forDirection);
}
