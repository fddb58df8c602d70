/* SPDX-License-Identifier: BSD-2-Clause */
/* Proxies: one for each handle that a driver holds, and what their classes do at the end. */
#include "descriptors/driverkit/user/user_private.h"

#define BUCKETS 64

static struct proxy *buckets[BUCKETS];

static struct proxy **bucket_of(uint64_t handle)
{
    return &buckets[handle % BUCKETS];
}

uint64_t driver_handle(const void *object)
{
    return IORPC_reference(object);
}

static void release_handle(uint64_t handle)
{
    driver_call(SYS_DK_RELEASE, handle, 0, 0, 0, NULL);
}

void proxy_free(OSObject *object)
{
    struct proxy *const proxy = (struct proxy *)object;
    struct proxy **link = bucket_of(proxy->handle);

    while (*link != NULL && *link != proxy) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = proxy->next;
    }
    release_handle(proxy->handle);
    OSObject_free(object);
}

/* A proxy has one count of its handle: what comes with a second answer is given back. */
static struct proxy *find(uint64_t handle)
{
    struct proxy *proxy = *bucket_of(handle);

    while (proxy != NULL && proxy->handle != handle) {
        proxy = proxy->next;
    }
    return proxy;
}

/* What a new proxy knows of its object from the start. */
static kern_return_t ask(struct proxy *proxy)
{
    if (proxy->super.metaClass == OSTypeID(IOMemoryMap)) {
        IOMemoryMap *const map = (IOMemoryMap *)proxy;

        return IOMemoryMap__CopyState(map, &map->state);
    }
    if (proxy->super.metaClass == OSTypeID(IOBufferMemoryDescriptor)) {
        IOBufferMemoryDescriptor *const buffer = (IOBufferMemoryDescriptor *)proxy;

        return IOMemoryDescriptor_GetLength(&buffer->super, &buffer->capacity);
    }
    return kIOReturnSuccess;
}

static kern_return_t adopt_again(struct proxy *proxy, const OSMetaClass *meta, OSObject **object)
{
    release_handle(proxy->handle);
    *object = OSMetaClassBase_safeMetaCast(&proxy->super, meta);
    OSObject_retain(*object);
    return *object != NULL ? kIOReturnSuccess : kIOReturnBadArgument;
}

kern_return_t IORPC_adopt(uint64_t reference, const OSMetaClass *meta, OSObject **object)
{
    struct proxy *proxy = find(reference);
    kern_return_t status;

    *object = NULL;
    if (reference == 0) {
        return kIOReturnSuccess;
    }
    if (proxy != NULL) {
        return adopt_again(proxy, meta, object);
    }
    proxy = meta != NULL ? (struct proxy *)OSMetaClass_allocate(meta) : NULL;
    if (proxy == NULL) {
        release_handle(reference);
        return meta != NULL ? kIOReturnNoMemory : kIOReturnBadArgument;
    }
    proxy->handle = reference;
    proxy->next = *bucket_of(reference);
    *bucket_of(reference) = proxy;
    status = ask(proxy);
    if (status != kIOReturnSuccess) {
        OSObject_release(&proxy->super);
        return status;
    }
    *object = &proxy->super;
    return kIOReturnSuccess;
}

/* --- Classes --------------------------------------------------------------------------------- */

static void descriptor_free(OSObject *object)
{
    IOMemoryDescriptor *const self = (IOMemoryDescriptor *)object;

    while (self->maps != NULL) {
        struct kept_map *const kept = self->maps;

        self->maps = kept->next;
        OSObject_release(kept->map);
        driver_free(kept);
    }
    proxy_free(object);
}

static void buffer_free(OSObject *object)
{
    OSObject_release(((IOBufferMemoryDescriptor *)object)->whole);
    descriptor_free(object);
}

#define PROXY_CLASS(Class, Parent, free)                                                           \
    static uint32_t Class##_instances;                                                             \
    OS_CLASS(OSMetaClass, Class);                                                                  \
    const OSMetaClass Class##_class = {#Class, &Parent##_metaClass, sizeof(Class),                 \
                                       &Class##_instances, free};

PROXY_CLASS(IOMemoryDescriptor, OSObject, descriptor_free)
PROXY_CLASS(IOBufferMemoryDescriptor, IOMemoryDescriptor, buffer_free)
PROXY_CLASS(IOMemoryMap, OSObject, proxy_free)
PROXY_CLASS(IODMACommand, OSObject, proxy_free)
PROXY_CLASS(IOService, OSObject, proxy_free)

void IOMemoryDescriptor_free(IOMemoryDescriptorRef self)
{
    descriptor_free((OSObject *)self.descriptor);
}

void IOBufferMemoryDescriptor_free(IOBufferMemoryDescriptor *self)
{
    buffer_free((OSObject *)self);
}

bool IOMemoryDescriptor_init(IOMemoryDescriptor *self)
{
    return OSObject_init((OSObject *)self);
}

bool IOBufferMemoryDescriptor_init(IOBufferMemoryDescriptor *self)
{
    return OSObject_init((OSObject *)self);
}
