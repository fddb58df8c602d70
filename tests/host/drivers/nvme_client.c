/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of the simulated NVMe controller. */
#include "tests/host/drivers/nvme_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/OSArray.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"

struct nvme_sim sim;
uint8_t sim_disk[CLIENT_DISK];
struct nvme_controller *controller;
struct nvme_namespace *disk;
IOWorkLoop *client_loop;
IODMAEventSource *client_sources[NVME_QUEUES_MAX];
IOMemoryDescriptor *odd, *whole;
struct client_end client_ends[CLIENT_ENDS];
unsigned client_end_count, notified;
void (*client_at_notification)(void);

static OSArray *owner;
static paddr_t odd_first, whole_first;
static struct holdings before;

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

void client_create(void)
{
    nvme_sim_create(&sim, sim_disk, sizeof(sim_disk));
    before = holdings_now();
    client_end_count = notified = 0;
    client_at_notification = NULL;
}

IOReturn client_open(void)
{
    IOReturn status;

    controller = nvme_open(nvme_sim_function, &status);
    if (controller == NULL) {
        return status;
    }
    nvme_add_namespaces(controller);
    disk = nvme_get(0);
    if (disk == NULL) {
        return kIOReturnNoDevice;
    }
    owner = OSArray_withCapacity(1);
    client_loop = IOWorkLoop_workLoop();
    for (unsigned i = 0; i < controller->queue_count; i++) {
        client_sources[i] = IODMAEventSource_dmaEventSource(
            OSObject_upcast(owner), nvme_get_service(disk), arrive, note, i);
        assert_non_null(client_sources[i]);
        assert_int_equal(IOWorkLoop_addEventSource(client_loop, client_sources[i]),
                         kIOReturnSuccess);
    }
    return kIOReturnSuccess;
}

int client_open_usual(void **state)
{
    (void)state;
    client_create();
    assert_int_equal(client_open(), kIOReturnSuccess);
    return 0;
}

/* Whether it stopped, and all is given back. */
static void leave(bool *stopped, bool *holds)
{
    for (unsigned i = 0; i < NVME_QUEUES_MAX; i++) {
        if (client_sources[i] != NULL) {
            IOWorkLoop_removeEventSource(client_loop, client_sources[i]);
            OSObject_release(client_sources[i]);
            client_sources[i] = NULL;
        }
    }
    OSObject_release(client_loop);
    OSObject_release(owner);
    nvme_remove_namespaces(controller);
    *stopped = nvme_close(controller);
    assert_false(sim.master_on || sim.claimed);
    *holds = sim_holds(&before);
}

void client_close(void)
{
    bool stopped, holds;

    leave(&stopped, &holds);
    assert_true(stopped);
    assert_true(holds);
}

void client_leave(void)
{
    bool stopped, holds;

    leave(&stopped, &holds);
}

void client_abandon(void)
{
    bool stopped, holds;

    leave(&stopped, &holds);
    assert_false(stopped);
    assert_false(holds);
}

IODMACommand *client_command(struct nvme_transfer *transfer, enum nvme_format format,
                             IOMemoryDescriptor *memory, uint64_t offset, uint64_t length)
{
    IODMACommand *command = nvme_create_command(disk, format, NULL, kMapped, transfer);

    assert_non_null(command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, offset, length, true, true), kIOReturnSuccess);
    return command;
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
    status = IODMAEventSource_startDMACommand(client_sources[channel], command, direction, count,
                                              offset);
    IOWorkLoop_openGate(client_loop);
    return status;
}

void client_deliver(void)
{
    nvme_sim_interrupt(&sim);
    IOWorkLoop_runEventSources(client_loop);
}

void client_run(void)
{
    for (unsigned left = 1; left != 0;) {
        left = 0;
        nvme_sim_take(&sim);
        for (unsigned i = 0; i < sim.taken_count; i++) {
            left += !sim.taken[i].answered;
        }
        if (left != 0) {
            unsigned nth = (unsigned)client_random(left);

            for (unsigned i = 0; i < sim.taken_count; i++) {
                if (!sim.taken[i].answered && nth-- == 0) {
                    nvme_sim_answer(&sim, i, 0);
                    break;
                }
            }
            if (client_random(3) == 0 || left == 1) {
                client_deliver();
            }
        } else {
            sim.taken_count = 0;
        }
    }
    client_deliver();
}
