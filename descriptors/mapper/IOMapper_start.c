/* SPDX-License-Identifier: BSD-2-Clause */
/* Which mappers there are: the system's, and those that devices name. */
#include "descriptors/IOMapper_class.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/platform.h"

#define NO_MAPPER  ((IOMapper *)0) /* decided: none */
#define UNKNOWN    ((IOMapper *)1)
#define HAS_MAPPER ((IOMapper *)2) /* announced */

/* Of an entry behind the unit's identity; the binding has units with one or two. */
#define CELLS_MAX 4

IOMapper *IOMapper_gSystem = UNKNOWN;

static IOMapper *started; /* those that have an identity */

/* The two marks are no addresses: an object's are multiples of 8 at least. */
static bool is_undecided(void)
{
    return ((uintptr_t)IOMapper_gSystem & 3) != 0;
}

void IOMapper_setMapperRequired(bool hasMapper)
{
    /*
     * Mappings through it exist: taking it away, devices would read their I/O addresses as
     * physical.
     */
    if (!is_undecided() && IOMapper_gSystem != NO_MAPPER) {
        platform_log("IOMapper: the system mapper is there; a decision about it is ignored");
        return;
    }
    IOMapper_gSystem = hasMapper ? HAS_MAPPER : NO_MAPPER;
}

IOReturn IOMapper_waitForSystemMapper(void)
{
    /* One thread, and it is here: whoever would decide cannot run before this returns. */
    return is_undecided() ? kIOReturnTimeout : kIOReturnSuccess;
}

void IOMapper_checkForSystemMapper(void)
{
    /* Nothing comes of a question: there is nobody who would decide meanwhile. */
}

IOMapper *IOMapper_systemMapper(void)
{
    return is_undecided() ? NULL : IOMapper_gSystem;
}

bool IOMapper_initHardware(IOMapper *self, IOService *provider)
{
    return self != NULL &&
           ((const IOMapperClass *)self->super.metaClass)->initHardware(self, provider);
}

static IOMapper *find(uint32_t identity)
{
    /* A handful at most: a machine has an IOMMU or two. */
    for (IOMapper *mapper = started; mapper != NULL; mapper = mapper->next) {
        if (mapper->identity == identity) {
            return mapper;
        }
    }
    return NULL;
}

/*
 * Another one in its place would answer for what is mapped through it: devices would reach other
 * memory by their I/O addresses, and the same device would be given two mappers.
 */
static bool takes_a_place(const IOMapper *self, bool isNamed)
{
    return (self->fIsSystem && IOMapper_systemMapper() != NULL) ||
           (isNamed && find(self->identity) != NULL);
}

bool IOMapper_start(IOMapper *self, IOService *provider)
{
    const IOMapperClass *methods;
    uint64_t page;
    bool isNamed;

    if (IOREFUSE(self == NULL, "self is NULL") || IOREFUSE(provider == NULL, "provider is NULL") ||
        IOREFUSE(self->provider != NULL, "it was started before")) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    methods = (const IOMapperClass *)self->super.metaClass;
    /*
     * Before it can be found: a device that is given a unit which does not work would lose its
     * transfers.
     */
    if (!IOMapper_initHardware(self, provider)) {
        IOMemory_fail(kIOReturnNoDevice);
        return false;
    }
    page = methods->getPageSize(self);
    /* Masks and roundings everywhere are made of it. */
    if (IOREFUSE(!is_power_of_two(page) || page > UINT32_MAX,
                 "a page of %llu bytes is no power of two of 32 bits", IOULL(page))) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    isNamed = IOService_getCell(provider, "iommu-id", 0, &self->identity) == kIOReturnSuccess ||
              IOService_getCell(provider, "phandle", 0, &self->identity) == kIOReturnSuccess;
    if (IOREFUSE(takes_a_place(self, isNamed), "there is one in its place")) {
        IOMemory_fail(kIOReturnExclusiveAccess);
        return false;
    }
    self->pageSize = page;
    /* Nothing was kept before this: a start that was refused can be tried again. */
    OSObject_retain(provider);
    self->provider = provider;
    if (isNamed) {
        self->next = started;
        started = self;
    }
    /* Last: from here on every command that names no mapper goes through it. */
    if (self->fIsSystem) {
        IOMapper_gSystem = self;
    }
    return true;
}

void IOMapper_free(IOMapper *self)
{
    if (self == NULL) {
        return;
    }
    IOASSERT(self->uses == NULL); /* whose transfers have mapped through it */
    /* The list holds no references, or no mapper would ever end; so whoever ends leaves it. */
    for (IOMapper **link = &started; *link != NULL; link = &(*link)->next) {
        if (*link == self) {
            *link = self->next;
            break;
        }
    }
    if (IOMapper_gSystem == self) {
        IOMapper_gSystem = NO_MAPPER;
    }
    IOLEDGER(mapperEnds(self));
    OSObject_release(self->provider);
    OSObject_free(&self->super);
}

/* Entry `index` of a property of entries with this many cells behind the identity. */
static IOReturn identity_of(const IOService *device, const char *key, UInt32 cells, unsigned index,
                            uint32_t *identity)
{
    const uint64_t at = (uint64_t)index * (cells + 1);

    return at > UINT32_MAX ? kIOReturnOverrun
                           : IOService_getCell(device, key, (UInt32)at, identity);
}

/*
 * Which unit the device's properties name, and how many cells follow its identity, which are 0 if
 * it does not say so. kIOReturnNotFound: they name none.
 */
static IOReturn named_by(const IOService *device, unsigned index, IOMapper **unit, uint64_t *cell,
                         UInt32 *cells)
{
    uint32_t identity;
    IOReturn status = identity_of(device, "iommu-parent", 0, index, &identity);

    if (status == kIOReturnNotFound) {
        /* The device tree's binding: entries of a phandle and what its #iommu-cells says. */
        status = identity_of(device, "iommus", 0, 0, &identity);
        /*
         * How many cells an entry has is the unit's to say, not the device's: unknown, entry 0 is
         * all that can be found.
         */
        if (status == kIOReturnSuccess && find(identity) != NULL) {
            IOService_getCell(find(identity)->provider, "#iommu-cells", 0, cells);
        }
        status = identity_of(device, "iommus", *cells, index, &identity);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    *cell = (uint64_t)index * (*cells + 1) + 1;
    *unit = find(identity);
    return *unit == NULL ? kIOReturnNoDevice : kIOReturnSuccess;
}

/* What the unit makes of the device, by the cells of its entry in "iommus". */
static IOMapper *copy_from(IOMapper *unit, IOService *device, uint64_t cell, UInt32 count)
{
    UInt32 cells[CELLS_MAX];

    if (count > CELLS_MAX) {
        IOMemory_fail(kIOReturnUnsupported);
        return NULL;
    }
    for (UInt32 i = 0; i < count; i++) {
        const IOReturn status = IOService_getCell(device, "iommus", (UInt32)cell + i, &cells[i]);

        if (status != kIOReturnSuccess) {
            IOMemory_fail(kIOReturnBadArgument);
            return NULL;
        }
    }
    return ((const IOMapperClass *)unit->super.metaClass)
        ->copyForDevice(unit, device, cells, count);
}

IOMapper *IOMapper_copyMapperForDeviceWithIndex(IOService *device, unsigned index)
{
    IOMapper *mapper = NULL;
    uint64_t cell = 0;
    UInt32 count = 0;
    IOReturn status;

    if (device == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    if (index == 0) {
        mapper = OSDynamicCast(IOMapper, IOService_getObject(device, "iommu-parent"));
    }
    if (mapper != NULL) {
        OSObject_retain(mapper);
        return mapper;
    }
    status = named_by(device, index, &mapper, &cell, &count);
    if (status == kIOReturnNotFound) {
        return NULL; /* it has none: that is no error */
    }
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status == kIOReturnOverrun ? kIOReturnBadArgument : status);
        return NULL;
    }
    return copy_from(mapper, device, cell, count);
}

IOMapper *IOMapper_copyMapperForDevice(IOService *device)
{
    return IOMapper_copyMapperForDeviceWithIndex(device, 0);
}

IOReturn IOMapper_findForDevice(IOService *device, unsigned index, IOMapper **mapper)
{
    *mapper = IOMapper_copyMapperForDeviceWithIndex(device, index);
    if (*mapper != NULL) {
        return kIOReturnSuccess;
    }
    /* Where nothing names one, nothing has failed. */
    return device != NULL && IOService_countCells(device, "iommu-parent") == 0 &&
                   IOService_countCells(device, "iommus") == 0
               ? kIOReturnSuccess
               : IOMemoryLastError();
}
