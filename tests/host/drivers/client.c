/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory to move, and who moves it. */
#include "tests/host/drivers/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/IOMapper.h"
#include "descriptors/OSArray.h"
#include "kernel/lock.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"

IOWorkLoop *client_loop;
IODMAEventSource *client_sources[CLIENT_CHANNELS];
IOMemoryDescriptor *odd, *whole;
struct client_end client_ends[CLIENT_ENDS];
unsigned client_end_count, notified;
void (*client_at_notification)(void);

/* A client may hold any mutex: an engine's lock stands behind them all. */
static struct mutex outer = LOCK_INITIAL("a client's", LOCK_RANK_MAPPING);

static OSArray *owner;
static paddr_t odd_first, whole_first;

uint64_t client_random(uint64_t limit)
{
    static uint64_t seed;

    if (seed == 0) {
        seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 0) : 11;
    }
    return sim_random(&seed) % limit;
}

static uint64_t piece_start(uint64_t piece)
{
    return (uint64_t)phys_to_virt(odd_first) + piece * 2 * PAGE_SIZE + piece % 95;
}

uint8_t *odd_byte(uint64_t at)
{
    return (uint8_t *)piece_start(at / CLIENT_PIECE) + at % CLIENT_PIECE;
}

uint8_t *whole_byte(uint64_t at)
{
    return (uint8_t *)phys_to_virt(whole_first) + at;
}

int client_start_machine(void **state)
{
    static IOAddressRange ranges[CLIENT_PIECES];
    struct page_request run = {.count = 2 * CLIENT_PIECES, .owner = PAGE_OWNER_IMAGE, .zero = true};
    IOAddressRange all;

    (void)state;
    sim_machine_start(64 * SIM_MIB);
    IOMapper_setMapperRequired(false); /* as a machine knows once it has started */
    sim_console_set_quiet(true);
    assert_int_equal(page_alloc_run(&run, &odd_first), KERN_SUCCESS);
    run.count = CLIENT_PIECES;
    run.alignment = 1 << 20;
    assert_int_equal(page_alloc_run(&run, &whole_first), KERN_SUCCESS);
    for (unsigned i = 0; i < CLIENT_PIECES; i++) {
        ranges[i] = (IOAddressRange){piece_start(i), CLIENT_PIECE};
    }
    odd =
        IOMemoryDescriptor_withAddressRanges(ranges, CLIENT_PIECES, kIODirectionInOut, kernel_task);
    all = (IOAddressRange){(uint64_t)whole_byte(0), CLIENT_PIECES * PAGE_SIZE};
    whole = IOMemoryDescriptor_withAddressRanges(&all, 1, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(odd, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(whole, kIODirectionNone), kIOReturnSuccess);
    return 0;
}

static void arrive(OSObject *whose, IODMAEventSource *from, IODMACommand *command, IOReturn status,
                   IOByteCount bytes, AbsoluteTime when)
{
    (void)whose, (void)from, (void)when;
    assert_true(client_end_count < CLIENT_ENDS);
    client_ends[client_end_count++] = (struct client_end){command, status, bytes};
}

static void note(OSObject *whose, IODMAEventSource *from, IODMACommand *command, IOReturn status,
                 IOByteCount bytes, AbsoluteTime when)
{
    void (*call)(void) = client_at_notification;

    (void)whose, (void)from, (void)command, (void)status, (void)bytes, (void)when;
    notified++;
    client_at_notification = NULL;
    if (call != NULL) {
        call();
    }
}

void client_attach(IOService *service, unsigned channels)
{
    owner = OSArray_withCapacity(1);
    client_loop = IOWorkLoop_workLoop();
    client_end_count = notified = 0;
    client_at_notification = NULL;
    for (unsigned i = 0; i < channels; i++) {
        client_sources[i] =
            IODMAEventSource_dmaEventSource(OSObject_upcast(owner), service, arrive, note, i);
        assert_non_null(client_sources[i]);
        assert_int_equal(IOWorkLoop_addEventSource(client_loop, client_sources[i]),
                         kIOReturnSuccess);
    }
}

void client_detach(void)
{
    for (unsigned i = 0; i < CLIENT_CHANNELS; i++) {
        if (client_sources[i] != NULL) {
            IOWorkLoop_removeEventSource(client_loop, client_sources[i]);
            OSObject_release(client_sources[i]);
            client_sources[i] = NULL;
        }
    }
    OSObject_release(client_loop);
    OSObject_release(owner);
}

void client_expect_device(const IOService *device, const char *name, UInt32 number, UInt32 requests,
                          IOMapper *mapper)
{
    UInt32 cell;

    assert_string_equal(IOService_getName(device), name);
    assert_int_equal(IOService_getCell(device, "phandle", 0, &cell), kIOReturnSuccess);
    assert_int_equal(cell, number);
    assert_int_equal(IOService_countCells(device, "dma-parent"), requests);
    for (UInt32 i = 0; i < requests; i++) {
        assert_int_equal(IOService_getCell(device, "dma-parent", i, &cell), kIOReturnSuccess);
        assert_int_equal(cell, number);
    }
    assert_ptr_equal(IOService_getObject(device, "iommu-parent"), mapper);
}

void client_drop_mapper(IOMapper *mapper)
{
    assert_int_equal(OSObject_getRetainCount(mapper), 1);
    OSObject_release(mapper);
}

void client_prepare(IODMACommand *command, IOMemoryDescriptor *memory, uint64_t offset,
                    uint64_t length)
{
    assert_non_null(command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, offset, length, true, true), kIOReturnSuccess);
}

void client_drop(IODMACommand *command)
{
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
}

IOReturn client_start(unsigned channel, IODMACommand *command, IODirection direction,
                      uint64_t count, uint64_t offset)
{
    IOReturn status;

    IOWorkLoop_closeGate(client_loop);
    mutex_take(&outer);
    status = IODMAEventSource_startDMACommand(client_sources[channel], command, direction, count,
                                              offset);
    mutex_release(&outer);
    IOWorkLoop_openGate(client_loop);
    return status;
}
