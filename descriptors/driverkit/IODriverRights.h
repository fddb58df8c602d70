/* SPDX-License-Identifier: BSD-2-Clause */
/* What the task that calls may do with memory, and how much of it it may have. */
#ifndef DESCRIPTORS_DRIVERKIT_IODRIVERRIGHTS_H
#define DESCRIPTORS_DRIVERKIT_IODRIVERRIGHTS_H

#include "descriptors/IODriverKit.h"
#include "descriptors/IODriverTask.h"

/*
 * Who is served now: the driver of current_task. NULL: the kernel itself. False: a task that
 * is no driver, for which nothing can be counted.
 */
bool IODriverRights_caller(IODriverTask **driver);

/* The caller has made this buffer itself, by IOBufferMemoryDescriptor_Create. */
bool IODriverRights_isCreator(IOMemoryDescriptor *memory);

/*
 * The caller may store there: what its direction says, and its creator may anyway. No direction
 * counts as reading only for all others.
 */
bool IODriverRights_mayWrite(IOMemoryDescriptor *memory);

/*
 * The same for what a device does on behalf of the caller. The kernel may do anything; for a
 * driver, memory without a direction, which transfers both ways, is its creator's alone.
 */
bool IODriverRights_mayTransfer(IOMemoryDescriptor *memory);
bool IODriverRights_mayStore(IOMemoryDescriptor *memory);

/*
 * No page of bytes [offset, offset + length), at least one, which there are, has bytes that belong
 * to others: a map would show them to the caller, and so would a mapper to its device.
 */
bool IODriverRights_ownsPages(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length);

/*
 * Room for a buffer of the caller's: an object that gives it back when it is freed, and tells
 * whose the buffer is. *charge +1. kIOReturnNoResources: the driver has as much as it may.
 */
IOReturn IODriverRights_charge(uint64_t bytes, OSObject **charge);

/* kIOReturnNoResources: the caller has as many maps as it may. */
IOReturn IODriverRights_checkMaps(void);

#endif
