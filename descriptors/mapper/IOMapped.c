/* SPDX-License-Identifier: BSD-2-Clause */
/* The system mapper page by page, and the CPU at an I/O address. */
#include <string.h>

#include "descriptors/IOMapper.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/platform.h"

ppnum_t IOMapperIOVMAlloc(unsigned pages)
{
    IOMapper *mapper = IOMapper_systemMapper();
    uint64_t address, length;
    IOReturn status;

    if (mapper == NULL || pages == 0) {
        IOMemory_fail(mapper == NULL ? kIOReturnNotFound : kIOReturnBadArgument);
        return 0;
    }
    /* No memory: an interval of I/O addresses alone, which InsertPage fills page by page. */
    status = IOMapper_iovmMapMemory(
        mapper, (IOMemoryDescriptor *)NULL, 0, (uint64_t)pages << PAGE_SHIFT,
        kIODMAMapReadAccess | kIODMAMapWriteAccess, NULL, NULL, NULL, &address, &length);
    if (status == kIOReturnSuccess && address >> PAGE_SHIFT > UINT32_MAX) {
        /* It does not fit the answer; whoever cannot name it cannot give it back either. */
        IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL, address, length);
        status = kIOReturnNoSpace;
    }
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return 0;
    }
    return (ppnum_t)(address >> PAGE_SHIFT);
}

void IOMapperIOVMFree(ppnum_t addr, unsigned pages)
{
    IOMapper *mapper = IOMapper_systemMapper();

    /* Page 0 is the answer of a failed allocation: never given out, so never given back. */
    if (addr == 0 || IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL,
                                              (uint64_t)addr << PAGE_SHIFT,
                                              (uint64_t)pages << PAGE_SHIFT) != kIOReturnSuccess) {
        IOMemory_fail(kIOReturnNotFound);
    }
}

ppnum_t IOMapperInsertPage(ppnum_t addr, unsigned offset, ppnum_t page)
{
    IOMapper *mapper = IOMapper_systemMapper();
    IOReturn status;

    /* Nothing translates: the page is its own I/O page. */
    if (mapper == NULL) {
        return page;
    }
    status = addr == 0 ? kIOReturnBadArgument
                       : IOMapper_iovmInsert(mapper, 0, (uint64_t)addr << PAGE_SHIFT,
                                             (uint64_t)offset << PAGE_SHIFT,
                                             (uint64_t)page << PAGE_SHIFT, PAGE_SIZE);
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return 0;
    }
    return addr + offset;
}

/* --- Access ---------------------------------------------------------------------------------- */

/* One access: `size` bytes at the caller's side, to or from what lies at a window. */
struct access {
    uint8_t *bytes;
    unsigned size;
    bool write;
    volatile void *at;
};

/* A single access of the named width, which is all that registers understand. */
static void touch(void *context)
{
    struct access *access = context;
    uint64_t value = 0;

    if (access->write) {
        memcpy(&value, access->bytes, access->size);
        platform_register_write(access->at, access->size, value);
    } else {
        value = platform_register_read(access->at, access->size);
        memcpy(access->bytes, &value, access->size);
    }
}

/* Where the CPU finds the byte at an I/O address, and how many follow there. */
static IOReturn open_window(uint64_t address, const struct access *access,
                            struct platform_window *window)
{
    IOMapper *mapper = IOMapper_systemMapper();
    uint64_t physical = address, contiguous = access->size;

    /*
     * What a device alone may write the CPU may look at; what no device may write is perhaps
     * shared with somebody, and is not for it either.
     */
    if (mapper != NULL &&
        IOMapper_translate(mapper, address, access->write ? kIODMAMapWriteAccess : 0, &physical,
                           &contiguous) != kIOReturnSuccess) {
        return kIOReturnNotFound;
    }
    /* The CPU's view may be cut finer than the device's: it is asked for these bytes only. */
    if (contiguous > access->size) {
        contiguous = access->size;
    }
    return platform_window(paddr(physical), contiguous, access->write, window) == KERN_SUCCESS
               ? kIOReturnSuccess
               : kIOReturnNotFound;
}

static IOReturn run(uint64_t address, struct access access)
{
    const unsigned whole = access.size;
    struct platform_window window;
    IOReturn status;

    /* Ends: a window that opens shows at least one byte. */
    while (access.size != 0) {
        bool fits;

        status = open_window(address, &access, &window);
        if (status != kIOReturnSuccess) {
            return status;
        }
        fits = access.size == whole && window.length == whole &&
               ((uintptr_t)window.address & (whole - 1)) == 0;
        /*
         * A register that is touched twice, or in parts, has been given two commands: one access or
         * none.
         */
        if (window.device && !fits) {
            return kIOReturnNotAligned;
        }
        if (fits) {
            access.at = window.address;
            return platform_try(touch, &access) ? kIOReturnSuccess : kIOReturnNotFound;
        }
        /* RAM, misaligned or in two pages that lie apart: byte by byte, not atomic. */
        for (uint64_t i = 0; i < window.length; i++) {
            volatile uint8_t *there = (volatile uint8_t *)window.address + i;

            if (access.write) {
                *there = access.bytes[i];
            } else {
                access.bytes[i] = *there;
            }
        }
        access.bytes += window.length;
        access.size -= (unsigned)window.length;
        address += window.length;
    }
    return kIOReturnSuccess;
}

static UInt64 read(IOPhysicalAddress address, unsigned size)
{
    UInt64 value = 0;
    const IOReturn status = run(address, (struct access){.bytes = (uint8_t *)&value, .size = size});

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        /* All ones, as a bus reads where nobody answers. */
        return UINT64_MAX;
    }
    return value;
}

static void write(IOPhysicalAddress address, UInt64 value, unsigned size)
{
    const IOReturn status =
        run(address, (struct access){.bytes = (uint8_t *)&value, .size = size, .write = true});

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
}

UInt8 IOMappedRead8(IOPhysicalAddress address)
{
    return (UInt8)read(address, 1);
}

UInt16 IOMappedRead16(IOPhysicalAddress address)
{
    return (UInt16)read(address, 2);
}

UInt32 IOMappedRead32(IOPhysicalAddress address)
{
    return (UInt32)read(address, 4);
}

UInt64 IOMappedRead64(IOPhysicalAddress address)
{
    return read(address, 8);
}

void IOMappedWrite8(IOPhysicalAddress address, UInt8 value)
{
    write(address, value, 1);
}

void IOMappedWrite16(IOPhysicalAddress address, UInt16 value)
{
    write(address, value, 2);
}

void IOMappedWrite32(IOPhysicalAddress address, UInt32 value)
{
    write(address, value, 4);
}

void IOMappedWrite64(IOPhysicalAddress address, UInt64 value)
{
    write(address, value, 8);
}
