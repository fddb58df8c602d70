/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For a driver at EL0: what it begins with, and what it can do besides DriverKit's methods
 * (descriptors/IODriverKit.h) on the objects that it holds. There is no libc but the mem and str
 * functions of <string.h>, and kprintf, which writes to the console.
 *
 * An object here is a proxy: retain and release count it, and with the last release the kernel's
 * object is let go of. What a proxy keeps (Map, GetAddressRange) is unmapped then.
 */
#ifndef DESCRIPTORS_DRIVERKIT_USER_DRIVER_H
#define DESCRIPTORS_DRIVERKIT_USER_DRIVER_H

#include "descriptors/IODeviceMemory.h"
#include "descriptors/IODriverKit.h"
#include "descriptors/OSObject.h"
#include "kernel/console.h"

/*
 * The driver's own. objects: what its owner gave it, in that order, for as long as it runs; each is
 * an IOMemoryDescriptor, IOBufferMemoryDescriptor, IOMemoryMap, IODMACommand or IOService. The
 * answer is its exit status.
 */
int driver_main(unsigned count, OSObject *const objects[]);

/* The end, with a status for the owner. */
__attribute__((noreturn)) void driver_exit(int status);

/*
 * Wait for an interrupt of the driver's device (NULL: for nothing), so many nanoseconds at most.
 * *interrupts, which may be NULL: how many came since the last time. kIOReturnTimeout: none;
 * kIOReturnBadArgument: not its device, or it has no line.
 */
kern_return_t driver_wait(IOService *device, uint64_t nanoseconds, uint64_t *interrupts);

/* Zeroed memory, 16-byte aligned, out of 256 KiB; NULL: there is none. */
void *driver_alloc(size_t size);
void driver_free(void *block); /* NULL: no effect */

/* A system call as it is: IORPC.h. *second, which may be NULL: what x1 has after it. */
kern_return_t driver_call(uint64_t number, uint64_t first, uint64_t second, uint64_t third,
                          uint64_t fourth, uint64_t *answer);

/* The handle behind a proxy; 0 for NULL. */
uint64_t driver_handle(const void *object);

/* --- Registers: one plain load or store each, naturally aligned ------------------------------ */

static inline uint32_t driver_read32(uint64_t registers, uint64_t offset)
{
    uint32_t value;

    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(registers + offset) : "memory");
    return value;
}

static inline void driver_write32(uint64_t registers, uint64_t offset, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(registers + offset) : "memory");
}

static inline uint64_t driver_read64(uint64_t registers, uint64_t offset)
{
    uint64_t value;

    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(registers + offset) : "memory");
    return value;
}

static inline void driver_write64(uint64_t registers, uint64_t offset, uint64_t value)
{
    __asm__ volatile("str %0, [%1]" : : "r"(value), "r"(registers + offset) : "memory");
}

/* Memory accesses so far before all later ones, of the device too (Arm ARM, DMB). */
static inline void driver_barrier(void)
{
    __asm__ volatile("dmb sy" : : : "memory");
}

#endif
