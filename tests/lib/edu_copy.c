/* SPDX-License-Identifier: BSD-2-Clause */
/* Through the edu device and back, piece by piece. */
#include "tests/lib/edu_copy.h"

#include <string.h>

#include "descriptors/OSArray.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "tests/lib/copy_meter.h"
#include "tests/lib/mapper_of.h"

/* What a device of 28 bits has left where all below is taken, and where interrupts are written to.
 */
#define HIGH 0xe000000ull
#define V2M  0x8020000ull
#define ITS  0x8090000ull

static OSArray *owner;

static void watch(void *context, const struct edu_transfer *transfer, const struct edu_piece *piece)
{
    struct edu_copy *copy = context;

    (void)transfer;
    if (copy->shown_count < EDU_COPY_SHOWN) {
        copy->shown[copy->shown_count++] = *piece;
    }
}

/* --- Beginning ---------------------------------------------------------------------------------
 */

/* All low I/O addresses, and every other page above. */
static bool take_low(struct edu_copy *copy)
{
    static const uint64_t ranges[EDU_COPY_HELD][2] = {{0x1000, V2M - 0x1000},
                                                      {V2M, PAGE_SIZE},
                                                      {V2M + PAGE_SIZE, ITS - V2M - PAGE_SIZE},
                                                      {ITS, PAGE_SIZE},
                                                      {ITS + PAGE_SIZE, HIGH - ITS - PAGE_SIZE},
                                                      {HIGH + PAGE_SIZE, PAGE_SIZE}};

    for (unsigned i = 0; i < EDU_COPY_HELD; i++) {
        copy->held[i][0] = ranges[i][0];
        /* Where interrupts go on this machine the mapper has kept the page for them. */
        if (IOMapper_iovmMapMemory(copy->mapper, (IOMemoryDescriptor *)NULL, 0, ranges[i][1],
                                   kIODMAMapFixedAddress, NULL, NULL, NULL, &copy->held[i][0],
                                   &copy->held[i][1]) != kIOReturnSuccess &&
            ranges[i][0] != V2M && ranges[i][0] != ITS) {
            kprintf("transfer: the I/O address 0x%llx is not free\n",
                    (unsigned long long)ranges[i][0]);
            return false;
        }
    }
    return true;
}

static bool attach(struct edu_copy *copy)
{
    IOService *service = edu_get_service(copy->device);

    owner = OSArray_withCapacity(1);
    copy->loop = IOWorkLoop_workLoop();
    if (service == NULL || owner == NULL || copy->loop == NULL) {
        return false;
    }
    /* Without a completion: a start sleeps until its end. */
    copy->source = IODMAEventSource_dmaEventSource(OSObject_upcast(owner), service, NULL, NULL, 0);
    return copy->source != NULL &&
           IOWorkLoop_addEventSource(copy->loop, copy->source) == kIOReturnSuccess;
}

bool edu_copy_open(struct edu_copy *copy, const char *mapper, uint64_t most)
{
    *copy = (struct edu_copy){.most = most};
    if (mapper == NULL) {
        return true;
    }
    copy->high = strcmp(mapper, "high") == 0;
    if (!copy->high && strcmp(mapper, "smmu") != 0 && strcmp(mapper, "none") != 0) {
        kprintf("transfer: transfer.edu=%s: smmu, high or none, please\n", mapper);
        return false;
    }
    copy->device = edu_get(0);
    if (copy->device == NULL) {
        kprintf("transfer: there is no edu device; start QEMU with -device edu\n");
        return false;
    }
    copy->mapper = mapper_of(edu_get_function(copy->device));
    if ((copy->mapper == NULL) != (strcmp(mapper, "none") == 0)) {
        kprintf("transfer: %s is in front of the edu device\n",
                copy->mapper == NULL ? "nothing" : "an SMMU");
        return false;
    }
    if (copy->mapper == NULL) {
        edu_set_address_bits(copy->device, 32);
    }
    if (!attach(copy) || (copy->high && !take_low(copy))) {
        kprintf("transfer: the edu device cannot be used\n");
        return false;
    }
    edu_watch(copy->device, watch, copy);
    return true;
}

/* --- A stretch ---------------------------------------------------------------------------------
 */

/* Of a preparation that begins at this byte of the memory. */
static void print_pieces(const struct edu_copy *copy, IOMemoryDescriptor *memory, uint64_t from)
{
    for (unsigned i = 0; i < copy->shown_count; i++) {
        const struct edu_piece *const piece = &copy->shown[i];
        IOByteCount there;
        const addr64_t physical = IOMemoryDescriptor_getPhysicalSegment(
            memory, from + piece->offset, &there, kIOMemoryMapperNone);

        kprintf("  %10llu  0x%-14llx  0x%-10llx %6u  %s 0x%x\n",
                (unsigned long long)(copy->position + piece->offset), (unsigned long long)physical,
                (unsigned long long)piece->address.value, piece->length,
                piece->to_memory ? "<-" : "->", 0x40000 + piece->position);
    }
}

/* One way: the memory's bytes [0, length) into the device, or out of it. */
static IOReturn go(struct edu_copy *copy, IOMemoryDescriptor *memory, uint64_t from,
                   uint64_t length, IODirection direction)
{
    struct edu_transfer transfer;
    IODMACommand *command = edu_create_command(copy->device, NULL, kMapped, &transfer);
    IOReturn status, ended;

    if (command == NULL) {
        return IOMemoryLastError();
    }
    copy->shown_count = 0;
    status = IODMACommand_setMemoryDescriptor(command, memory, false);
    if (status == kIOReturnSuccess) {
        status = IODMACommand_prepare(command, from, length, true, true);
        if (status == kIOReturnSuccess) {
            IOWorkLoop_closeGate(copy->loop);
            status = IODMAEventSource_startDMACommand(copy->source, command, direction, 0, 0);
            IOWorkLoop_openGate(copy->loop);
            print_pieces(copy, memory, from);
            ended = IODMACommand_complete(command, true, true);
            status = status == kIOReturnSuccess ? ended : status;
        }
        IODMACommand_clearMemoryDescriptor(command, false);
    }
    OSObject_release(command);
    return status;
}

static IOReturn copy_some(struct edu_copy *copy, const struct scatter *window, uint64_t at,
                          uint64_t length, uint32_t seed)
{
    IOReturn status = kIOReturnNoMemory;

    if (!scatter_create(&copy->target, length, seed)) {
        return status;
    }
    status = go(copy, window->memory, at, length, kIODirectionOut);
    if (status == kIOReturnSuccess) {
        status = go(copy, copy->target.memory, 0, length, kIODirectionIn);
    }
    for (uint64_t i = 0; i < length && status == kIOReturnSuccess; i++) {
        if (*scatter_at(&copy->target, i) != *scatter_at(window, at + i)) {
            kprintf("transfer: byte %llu came back from edu as another one\n",
                    (unsigned long long)(copy->position + at + i));
            status = kIOReturnDMAError;
        }
    }
    if (!scatter_canaries_intact(&copy->target)) {
        kprintf("transfer: edu wrote outside the memory it was given\n");
        status = kIOReturnDMAError;
    }
    scatter_destroy(&copy->target);
    copy->copied += status == kIOReturnSuccess ? length : 0;
    return status;
}

IOReturn edu_copy_window(struct edu_copy *copy, const struct scatter *window, uint64_t length,
                         uint64_t position)
{
    IOReturn status = kIOReturnSuccess;

    if (copy->device == NULL || position >= copy->most) {
        return kIOReturnSuccess;
    }
    if (length > copy->most - position) {
        length = copy->most - position;
    }
    copy_meter_stop(); /* what is looked at here is no copy of the job's */
    if (position == 0) {
        kprintf("edu: %u bits of address, %s\n      offset  physical address  I/O address   bytes"
                "  in the device\n",
                copy->mapper == NULL ? 32 : EDU_ADDRESS_BITS,
                copy->mapper == NULL ? "nothing in front" : "an SMMU in front");
    }
    for (uint64_t at = 0; at < length && status == kIOReturnSuccess; at += EDU_BYTES_MAX) {
        const uint64_t here = length - at < EDU_BYTES_MAX ? length - at : EDU_BYTES_MAX;

        copy->position = position + at;
        status = copy_some(copy, window, at, here, (uint32_t)(4000 + at));
    }
    copy_meter_start();
    return status;
}

/* --- End ---------------------------------------------------------------------------------------
 */

void edu_copy_end(struct edu_copy *copy)
{
    struct edu_counters counters;

    if (copy->device == NULL) {
        return;
    }
    edu_watch(copy->device, NULL, NULL);
    edu_get_counters(copy->device, &counters);
    kprintf("copied by edu: %llu bytes, there and back in %llu pieces with %llu interrupts\n",
            (unsigned long long)copy->copied, (unsigned long long)counters.pieces,
            (unsigned long long)counters.interrupts);
    for (unsigned i = 0; i < EDU_COPY_HELD && copy->high; i++) {
        IOMapper_iovmUnmapMemory(copy->mapper, (IOMemoryDescriptor *)NULL, NULL, copy->held[i][0],
                                 copy->held[i][1]);
    }
    IOWorkLoop_removeEventSource(copy->loop, copy->source);
    OSObject_release(copy->source);
    OSObject_release(copy->loop);
    OSObject_release(owner);
    OSObject_release(copy->mapper);
}
