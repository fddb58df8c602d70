/* SPDX-License-Identifier: BSD-2-Clause */
/* A device: its name, its properties, and what is attached to it. */
#include <string.h>

#include "descriptors/IOService_class.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/platform.h"

/* A property that was set, or an attached object. */
struct IOServiceEntry {
    struct IOServiceEntry *next;
    OSObject *object; /* NULL: bytes */
    UInt32 length;
    UInt32 keyLength;
    uint8_t text[]; /* the key with its NUL, then the bytes */
};

#define CELL 4u

static void service_free(OSObject *base)
{
    IOService *self = (IOService *)base;

    while (self->entries != NULL) {
        struct IOServiceEntry *entry = self->entries;

        /* Off the list first: the release may end an object that looks at its device. */
        self->entries = entry->next;
        OSObject_release(entry->object);
        platform_free(entry);
    }
    platform_free(self->name);
    OSObject_free(base);
}

static uint32_t instances;

const OSMetaClass IOService_class = {"IOService", &OSObject_metaClass, sizeof(IOService),
                                     &instances, service_free};

IOService *IOService_withReader(const char *name, IOService_Reader *reader, const void *context)
{
    IOService *self;
    size_t length;

    if (name == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    self = (IOService *)OSMetaClass_allocate(&IOService_metaClass);
    if (self == NULL) {
        return NULL;
    }
    length = strlen(name) + 1;
    self->name = platform_alloc(length);
    if (self->name == NULL) {
        OSObject_release(&self->super);
        IOMemory_fail(kIOReturnNoMemory);
        return NULL;
    }
    /* A copy: the caller's text may be on its stack. */
    memcpy(self->name, name, length);
    self->reader = reader;
    self->readerContext = context;
    return self;
}

const char *IOService_getName(const IOService *self)
{
    return self == NULL ? NULL : self->name;
}

/*
 * Where the entry of this key and kind hangs; the end of the list: there is none.
 * Bytes and objects are two name spaces: a property of the device tree and what a driver attaches
 * may have one key. The link, so that finding serves removing.
 */
static struct IOServiceEntry **find(const IOService *self, const char *key, bool object)
{
    struct IOServiceEntry **link = (struct IOServiceEntry **)&self->entries;

    while (*link != NULL &&
           (((*link)->object != NULL) != object || strcmp((const char *)(*link)->text, key) != 0)) {
        link = &(*link)->next;
    }
    return link;
}

static void unlink_entry(struct IOServiceEntry **link)
{
    struct IOServiceEntry *entry = *link;

    if (entry != NULL) {
        *link = entry->next;
        OSObject_release(entry->object);
        platform_free(entry);
    }
}

/* A new entry in place of the one of this key; that stays if there is no memory. */
static IOReturn put(IOService *self, const char *key, OSObject *object, const void *bytes,
                    UInt32 length)
{
    const size_t keyLength = strlen(key) + 1;
    /* The sum does not wrap: a length has 32 bits, and the key is in memory. */
    struct IOServiceEntry *entry = platform_alloc(sizeof(*entry) + keyLength + length);

    if (entry == NULL) {
        return kIOReturnNoMemory;
    }
    OSObject_retain(object);
    entry->object = object;
    entry->length = length;
    entry->keyLength = (UInt32)keyLength;
    memcpy(entry->text, key, keyLength);
    if (length != 0) {
        memcpy(entry->text + keyLength, bytes, length);
    }
    /* After the new one is complete: its bytes may be those of the old one. */
    unlink_entry(find(self, key, object != NULL));
    entry->next = self->entries;
    self->entries = entry;
    return kIOReturnSuccess;
}

IOReturn IOService_setProperty(IOService *self, const char *key, const void *bytes, UInt32 length)
{
    if (self == NULL || key == NULL || (bytes == NULL && length != 0)) {
        return kIOReturnBadArgument;
    }
    if (bytes == NULL) {
        unlink_entry(find(self, key, false));
        return kIOReturnSuccess;
    }
    return put(self, key, NULL, bytes, length);
}

IOReturn IOService_setCell(IOService *self, const char *key, UInt32 value)
{
    /* Big-endian whatever the CPU is, as in a device tree (Devicetree Specification, 2.2.4). */
    const uint8_t cell[CELL] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
                                (uint8_t)(value >> 8), (uint8_t)value};

    return IOService_setProperty(self, key, cell, CELL);
}

const void *IOService_getProperty(const IOService *self, const char *key, UInt32 *length)
{
    const struct IOServiceEntry *entry;
    UInt32 unused;

    if (length == NULL) {
        length = &unused;
    }
    *length = 0;
    if (self == NULL || key == NULL) {
        return NULL;
    }
    entry = *find(self, key, false);
    /* What was set stands before what the reader has: a driver can correct the tree. */
    if (entry != NULL) {
        *length = entry->length;
        return entry->text + entry->keyLength;
    }
    return self->reader == NULL ? NULL : self->reader(self->readerContext, key, length);
}

UInt32 IOService_countCells(const IOService *self, const char *key)
{
    UInt32 length;

    return IOService_getProperty(self, key, &length) == NULL || length % CELL != 0 ? 0
                                                                                   : length / CELL;
}

IOReturn IOService_getCell(const IOService *self, const char *key, UInt32 index, UInt32 *value)
{
    UInt32 length;
    const uint8_t *bytes = IOService_getProperty(self, key, &length);

    if (value == NULL) {
        return kIOReturnBadArgument;
    }
    /* Bytes that are no whole cells are a property of another kind, and not a number cut short. */
    if (bytes == NULL || length == 0 || length % CELL != 0) {
        return kIOReturnNotFound;
    }
    if (index >= length / CELL) {
        return kIOReturnOverrun;
    }
    bytes += (size_t)index * CELL;
    /* By bytes: a property that was set begins behind its key, at any address. */
    *value = (UInt32)bytes[0] << 24 | (UInt32)bytes[1] << 16 | (UInt32)bytes[2] << 8 | bytes[3];
    return kIOReturnSuccess;
}

IOReturn IOService_setObject(IOService *self, const char *key, OSObjectRef object)
{
    if (self == NULL || key == NULL) {
        return kIOReturnBadArgument;
    }
    /*
     * No object takes away what is there: the other way to say "none" would need a name of its own.
     */
    if (object.object == NULL) {
        unlink_entry(find(self, key, true));
        return kIOReturnSuccess;
    }
    return put(self, key, object.object, NULL, 0);
}

OSObject *IOService_getObject(const IOService *self, const char *key)
{
    const struct IOServiceEntry *entry =
        self == NULL || key == NULL ? NULL : *find(self, key, true);

    return entry == NULL ? NULL : entry->object;
}
