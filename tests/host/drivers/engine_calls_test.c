/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engines of disks and of the entropy device, door by door: channels and requests that
 * there are none of, commands of somebody else, and questions while nothing goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODMAController_class.h"
#include "descriptors/IODMAEventSource.h"
#include "descriptors/IOMapper.h"
#include "descriptors/OSArray.h"
#include "drivers/virtio/blk_dma.h"
#include "drivers/virtio/blk_private.h"
#include "drivers/virtio/rng_private.h"
#include "kernel/inject.h"
#include "kernel/page.h"
#include "tests/host/drivers/virtio_sim.h"
#include "tests/host/sim/sim_console.h"

#define REFUSED(call) assert_int_equal(call, kIOReturnBadArgument)

static struct virtio_sim sim;
static struct holdings before;
static IOMemoryDescriptor *memory; /* one page */
static OSArray *owner;
static IOWorkLoop *loop;
static IODMAEventSource *source;
static struct virtio_blk *disk;
static struct virtio_rng rng;
static IODMAController *engine; /* of either */

static void arrive(OSObject *whose, IODMAEventSource *from, IODMACommand *command, IOReturn status,
                   IOByteCount bytes, AbsoluteTime when)
{
    (void)whose, (void)from, (void)command, (void)status, (void)bytes, (void)when;
}

static int start_machine(void **state)
{
    paddr_t page;

    (void)state;
    sim_machine_start(VIRTIO_SIM_RAM);
    IOMapper_setMapperRequired(false); /* as a machine knows once it has started */
    sim_console_set_quiet(true);
    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
    memory = IOMemoryDescriptor_withAddress(phys_to_virt(page), PAGE_SIZE, kIODirectionInOut);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    return 0;
}

static void attach(IOService *device)
{
    assert_non_null(device);
    owner = OSArray_withCapacity(1);
    loop = IOWorkLoop_workLoop();
    source = IODMAEventSource_dmaEventSource(OSObject_upcast(owner), device, arrive, NULL, 0);
    assert_non_null(source);
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
}

static void detach(void)
{
    IOWorkLoop_removeEventSource(loop, source);
    OSObject_release(source);
    OSObject_release(loop);
    OSObject_release(owner);
}

static int new_disk(void **state)
{
    (void)state;
    before = holdings_now();
    virtio_sim_create(&sim, VIRTIO_ID_BLOCK, VIRTIO_F_VERSION_1, 256);
    sim.device.address = paddr(0xa003e00);
    virtio_sim_set(&sim, 0, 4096, 8);
    disk = blk_create(&sim.device);
    assert_non_null(disk);
    return 0;
}

static int drop_disk(void **state)
{
    (void)state;
    assert_null(sim.complaint);
    blk_destroy(disk);
    assert_true(sim_holds(&before));
    return 0;
}

static int new_rng(void **state)
{
    (void)state;
    before = holdings_now();
    virtio_sim_create(&sim, VIRTIO_ID_ENTROPY, VIRTIO_F_VERSION_1, 8);
    sim.device.address = paddr(0xa003c00);
    assert_true(rng_create(&rng, &sim.device));
    attach(rng_get_service(&rng));
    engine = rng.engine;
    return 0;
}

static int drop_rng(void **state)
{
    (void)state;
    detach();
    rng_destroy(&rng);
    assert_true(sim_holds(&before));
    return 0;
}

static IODMACommand *prepared(IODMACommand *command, bool prepare)
{
    assert_non_null(command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    if (prepare) {
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    }
    return command;
}

static void drop(IODMACommand *command)
{
    if (IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL) == kIOReturnSuccess) {
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    }
    OSObject_release(command);
}

/* One channel, request 0: what else is asked for is none, and changes nothing. */
static void expect_doors(void)
{
    IODMACommand *command = (IODMACommand *)1;
    IODMACommand *stranger = prepared(
        IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, 0, kMapped, 0, 1, NULL, NULL),
        true);
    IOByteCount moved = 1;
    UInt32 index = 9;

    REFUSED(IODMAController_initDMAChannel(engine, NULL, source, &index, 1));
    assert_int_equal(IODMAController_initDMAChannel(engine, NULL, source, &index, 0),
                     kIOReturnNoChannels);
    assert_int_equal(index, 9);
    REFUSED(IODMAController_stopDMACommand(engine, 1, false, 0));
    assert_int_equal(IODMAController_stopDMACommand(engine, 0, false, 0), kIOReturnSuccess);
    assert_int_equal(IODMAController_stopDMACommand(engine, 0, true, 0), kIOReturnSuccess);
    REFUSED(IODMAController_queryDMACommand(engine, 1, &command, &moved, false));
    assert_int_equal(IODMAController_queryDMACommand(engine, 0, &command, &moved, true),
                     kIOReturnSuccess);
    assert_null(command);
    assert_int_equal(moved, 0);
    REFUSED(IODMAController_startDMACommand(engine, 0, stranger, kIODirectionIn, 512, 0));
    REFUSED(IODMAController_startDMACommand(engine, 1, stranger, kIODirectionIn, 512, 0));
    drop(stranger);
}

static void a_disks_engine_has_one_door(void **state)
{
    (void)state;
    attach(virtio_blk_get_service(disk));
    engine = disk->engine;
    expect_doors();
    assert_ptr_equal(virtio_blk_get_service(disk), virtio_blk_get_service(disk)); /* made once */
    detach();
}

static void the_entropy_engine_has_one_door(void **state)
{
    struct virtio_rng_transfer transfer, copied;
    IODMACommand *command = prepared(virtio_rng_create_command(NULL, kMapped, &transfer), true);

    (void)state;
    expect_doors();
    IOMemory_fail(kIOReturnBusy);
    assert_null(virtio_rng_create_command(NULL, kMapped, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    REFUSED(IODMAController_startDMACommand(engine, 0, command, kIODirectionOut, 10, 0));
    copied = transfer;
    IODMACommand_setRefCon(command, &copied);
    copied.command = NULL; /* another's transfer */
    REFUSED(IODMAController_startDMACommand(engine, 0, command, kIODirectionIn, 10, 0));
    IODMACommand_setRefCon(command, &transfer);
    assert_ptr_equal(rng_get_service(&rng), rng_get_service(&rng)); /* made once */
    /* What a lost one refuses is not on its channel's book. */
    rng.lost = true;
    for (unsigned i = 0; i < 2; i++) {
        IODMACommand *running = command;
        IOByteCount moved;

        assert_int_equal(IODMAController_startDMACommand(engine, 0, command, kIODirectionIn, 10, 0),
                         kIOReturnNotResponding);
        assert_int_equal(IODMAController_queryDMACommand(engine, 0, &running, &moved, true),
                         kIOReturnSuccess);
        assert_null(running);
    }
    rng.lost = false;
    /* While it is under way it is not started again, and goes on as it was started. */
    assert_int_equal(IODMAController_startDMACommand(engine, 0, command, kIODirectionIn, 10, 0),
                     kIOReturnSuccess);
    assert_int_equal(IODMAController_startDMACommand(engine, 0, command, kIODirectionIn, 20, 4),
                     kIOReturnBusy);
    assert_ptr_equal(rng.first, &transfer.request);
    assert_null(rng.first->next);
    assert_int_equal(transfer.request.length, 10);
    assert_int_equal(IODMAController_stopDMACommand(engine, 0, false, UINT64_MAX),
                     kIOReturnSuccess);
    assert_int_equal(transfer.request.status, kIOReturnAborted);
    IOWorkLoop_runEventSources(loop);
    drop(command);
}

static void transfers_are_of_one_disk_and_prepared(void **state)
{
    struct virtio_blk_transfer transfer, copied;
    IODMACommand *command;

    (void)state;
    attach(virtio_blk_get_service(disk));
    engine = disk->engine;
    for (unsigned i = 0; i < 2; i++) {
        IOMemory_fail(kIOReturnBusy);
        assert_null(virtio_blk_create_command(i == 0 ? NULL : disk, NULL, kMapped,
                                              i == 0 ? &transfer : NULL));
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    }
    command = prepared(virtio_blk_create_command(disk, NULL, kMapped, &transfer), true);
    copied = transfer;
    copied.disk = NULL;
    IODMACommand_setRefCon(command, &copied);
    REFUSED(IODMAController_startDMACommand(engine, 0, command, kIODirectionIn, 512, 0));
    copied.disk = transfer.disk;
    copied.command = NULL;
    REFUSED(IODMAController_startDMACommand(engine, 0, command, kIODirectionIn, 512, 0));
    IODMACommand_setRefCon(command, &transfer);
    /* Started and held: it is there, and no second time. */
    virtio_blk_hold_doorbell(disk, true);
    IOWorkLoop_closeGate(loop);
    assert_int_equal(IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 512, 0),
                     kIOReturnSuccess);
    IOWorkLoop_openGate(loop);
    assert_ptr_equal(virtio_blk_command_of(&transfer.request), command);
    assert_true(virtq_has_unpublished(disk->queue));
    virtio_blk_hold_doorbell(disk, true); /* as it is */
    assert_true(virtq_has_unpublished(disk->queue));
    assert_int_equal(IODMAController_startDMACommand(engine, 0, command, kIODirectionIn, 512, 0),
                     kIOReturnBusy);
    virtio_blk_hold_doorbell(disk, false);
    assert_false(virtq_has_unpublished(disk->queue));
    assert_int_equal(IODMAController_stopDMACommand(engine, 0, false, 0), kIOReturnSuccess);
    IOWorkLoop_runEventSources(loop);
    /* Who waits for its end lets the device have it. */
    virtio_blk_hold_doorbell(disk, true);
    IOWorkLoop_closeGate(loop);
    assert_int_equal(IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 512, 0),
                     kIOReturnSuccess);
    IOWorkLoop_openGate(loop);
    assert_true(virtq_has_unpublished(disk->queue));
    assert_int_equal(IODMAController_stopDMACommand(engine, 0, true, 0), kIOReturnTimeout);
    assert_false(virtq_has_unpublished(disk->queue));
    virtio_blk_hold_doorbell(disk, false);
    assert_int_equal(IODMAController_stopDMACommand(engine, 0, false, 0), kIOReturnSuccess);
    IOWorkLoop_runEventSources(loop);
    drop(command);
    detach();
}

/* Without the n-th piece of memory there is no service, and the disk is as it was. */
static void a_disk_without_memory_for_its_engine(void **state)
{
    struct inject_report report = {.failed = true};
    unsigned failures = 0;

    (void)state;
    for (uint64_t nth = 1; report.failed; nth++) {
        IOService *service;

        inject_begin(nth);
        service = virtio_blk_get_service(disk);
        inject_end(&report);
        assert_int_equal(service == NULL, report.failed);
        assert_int_equal(disk->engine == NULL, report.failed);
        failures += report.failed;
    }
    assert_true(failures >= 2);
}

static void a_disk_without_an_engine_has_no_depth(void **state)
{
    struct virtio_blk_request request = {0};
    struct virtio_blk_depth depth = {5, 5};

    (void)state;
    IOMemory_fail(kIOReturnBusy);
    assert_null(virtio_blk_get_service(NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    virtio_blk_hold_doorbell(disk, true); /* nobody can have started anything */
    virtio_blk_get_depth(disk, &depth);
    assert_int_equal(depth.now, 0);
    assert_int_equal(depth.most, 0);
    assert_null(virtio_blk_command_of(&request));
}

/*
 * The 1st, 2nd, 3rd ... request for memory fails while a device is brought up, with split rings and
 * with packed ones: it is given up whole, and with the memory it works.
 */
static void devices_without_memory_are_given_up(void **state)
{
    static const uint64_t offers[] = {VIRTIO_F_VERSION_1,
                                      VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED};

    (void)state;
    before = holdings_now();
    for (unsigned i = 0; i < 4; i++) {
        const bool is_disk = i / 2 == 0;
        struct inject_report report = {.failed = true};
        unsigned failures = 0;

        for (uint64_t nth = 1; report.failed; nth++) {
            bool made;

            virtio_sim_create(&sim, is_disk ? VIRTIO_ID_BLOCK : VIRTIO_ID_ENTROPY, offers[i % 2],
                              is_disk ? 256 : 8);
            virtio_sim_set(&sim, 0, 4096, 8);
            inject_begin(nth);
            if (is_disk) {
                disk = blk_create(&sim.device);
                made = disk != NULL;
            } else {
                made = rng_create(&rng, &sim.device);
            }
            inject_end(&report);
            failures += !made;
            if (made && is_disk) {
                blk_destroy(disk);
            } else if (made) {
                rng_destroy(&rng);
            }
            assert_true(made || report.failed);
            assert_true(sim_holds(&before));
        }
        assert_true(failures >= 4);
    }
}

#define DISK_TEST(name) cmocka_unit_test_setup_teardown(name, new_disk, drop_disk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(a_disks_engine_has_one_door),
        DISK_TEST(transfers_are_of_one_disk_and_prepared),
        DISK_TEST(a_disk_without_an_engine_has_no_depth),
        DISK_TEST(a_disk_without_memory_for_its_engine),
        cmocka_unit_test(devices_without_memory_are_given_up),
        cmocka_unit_test_setup_teardown(the_entropy_engine_has_one_door, new_rng, drop_rng),
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
