/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOService: a device as the classes know it: a name, properties, and the objects that
 * others have attached to it. A device-tree node, a PCI function, or something made by
 * hand. Not the reference's service life cycle: no matching, no termination.
 *
 * A property is a row of bytes under a name, as in a device tree: numbers are 32-bit
 * cells in big-endian order. Properties come from a reader that the maker supplies (so a
 * node is never copied) or are set one by one; a set one hides the reader's. Thread
 * context, except getters, which are for any.
 */
#ifndef DESCRIPTORS_IOSERVICE_H
#define DESCRIPTORS_IOSERVICE_H

#include "descriptors/OSObject.h"

/* The class object. */
extern const OSMetaClass IOService_metaClass;

/*
 * The bytes of property `key` and their number; NULL: there is none. They stay valid as
 * long as the service. Any context.
 */
typedef const void *IOService_Reader(const void *context, const char *key, UInt32 *length);

/* A service of this name (copied), +1. reader may be NULL. NULL: kIOReturnNoMemory, or no name. */
IOService *IOService_withReader(const char *name, IOService_Reader *reader, const void *context);

/* The name that it was made with; NULL of NULL. Any context. */
const char *IOService_getName(const IOService *self);

/* See IOService_Reader; *length may be NULL. */
const void *IOService_getProperty(const IOService *self, const char *key, UInt32 *length);

/* Set, or with length 0 and bytes NULL remove; both are copied. kIOReturnNoMemory,
 * kIOReturnBadArgument. */
IOReturn IOService_setProperty(IOService *self, const char *key, const void *bytes, UInt32 length);

/* Set one 32-bit cell. */
IOReturn IOService_setCell(IOService *self, const char *key, UInt32 value);

/*
 * Cell `index` of a property of 32-bit cells. kIOReturnNotFound: there is no such property, or
 * its length is no multiple of a cell; kIOReturnOverrun: it has fewer cells.
 */
IOReturn IOService_getCell(const IOService *self, const char *key, UInt32 index, UInt32 *value);

/* Cells of a property; 0: none, or it is not made of cells. */
UInt32 IOService_countCells(const IOService *self, const char *key);

/*
 * Attach an object under a name, retained in place of what was there; NULL detaches. Such
 * as "iommu-parent": the mapper in front of the device.
 */
IOReturn IOService_setObject(IOService *self, const char *key, OSObjectRef object);
OSObject *IOService_getObject(const IOService *self, const char *key); /* not retained */

#endif
