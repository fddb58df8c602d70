/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma in the hands of a driver process: who does not get it, what is refused meanwhile, and that
 * the kernel has it back, as it was, whatever failed on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODMAController_class.h"
#include "descriptors/IODeviceMemory.h"
#include "descriptors/IODriver.h"
#include "descriptors/IOMapper.h"
#include "kernel/inject.h"
#include "kernel/mmu.h"
#include "kernel/user.h"
#include "tests/host/drivers/vdma_spoiled.h"
#include "tests/host/machine/driver_program.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/lib/portable/test_mapper.h"

#define QUEUE_PAGE  0x0b000000ull
#define QUEUE_SEL   0x030u
#define QUEUE_READY 0x044u

/* --- A driver process, which never runs --------------------------------------------------------
 */

void user_init(struct user_state *state, vaddr_t pc, vaddr_t sp)
{
    memset(state, 0, sizeof(*state));
    state->context.frame.elr = pc;
    (void)sp;
}

enum user_stop user_run_until(struct task *task, struct user_state *state, const bool *over)
{
    (void)task, (void)state, (void)over;
    fail_msg("it was given a turn");
    return USER_STOP_OTHER;
}

static IODriver *new_driver(void)
{
    IODriver *driver;

    assert_int_equal(IODriver_create(&driver_program, sizeof(driver_program), NULL, &driver),
                     kIOReturnSuccess);
    return driver;
}

/* --- The device --------------------------------------------------------------------------------
 */

static struct sim_registers guarded; /* the device's registers where the guard is set */
static bool guard_is_deaf;           /* it has none */
static IODriver *driver;
static struct holdings before;

static uint64_t read_guarded(struct sim_registers *self, uint64_t offset, unsigned width)
{
    (void)self;
    return offset == VDMA_REGISTER_GUARD && guard_is_deaf
               ? 0
               : spoiled->mmio.read(&spoiled->mmio, offset, width);
}

static void write_guarded(struct sim_registers *self, uint64_t offset, uint64_t value,
                          unsigned width)
{
    (void)self;
    spoiled->mmio.write(&spoiled->mmio, offset, value, width);
}

static uint32_t device_register(uint64_t offset)
{
    return (uint32_t)spoiled->mmio.read(&spoiled->mmio, offset, 4);
}

static IOReturn checksum(void)
{
    struct vdma_job job = {.type = VDMA_CHECKSUM, .source = pair, .length = 64};

    return vdma_perform(&job);
}

static void set_limits(uint64_t transfer_max, uint32_t entries)
{
    const struct vdma_limits limits = {.transfer_max = transfer_max, .table_entries = entries};

    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
}

static int start_device(void **state)
{
    if (spoiled_start(state) != 0) {
        return -1;
    }
    assert_int_equal(vdma_lend((IODriver *)&driver), kIOReturnNoDevice); /* whoever that is */
    spoiled_add(&(struct vdma_options){.queue_page = QUEUE_PAGE});
    guarded = (struct sim_registers){.start = mmu_map_device(paddr(0x0a000000), 512),
                                     .size = 512,
                                     .read = read_guarded,
                                     .write = write_guarded};
    sim_mmio_plug(&guarded);
    assert_true(vdma_present());
    assert_int_equal(checksum(), kIOReturnSuccess);
    /* What a process is lent once is mapped for good. */
    set_limits(1 << 20, 64);
    driver = new_driver();
    assert_int_equal(vdma_lend(driver), kIOReturnSuccess);
    IODriver_release(driver);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    set_limits(1 << 20, 64);
    before = holdings_now();
    driver = new_driver();
    return 0;
}

/* It is the kernel's, works without a table of the loan's, and nothing is kept. */
static void expect_at_home(void)
{
    assert_false(vdma_state.lent);
    assert_int_equal(checksum(), kIOReturnSuccess);
    assert_int_equal(device_register(VDMA_REGISTER_GUARD), 0);
}

static int end(void **state)
{
    IODriverStatus status;

    (void)state;
    IODriver_getStatus(driver, &status);
    assert_int_equal(status.usage.handles, vdma_state.lent ? 2 : 0);
    IODriver_release(driver);
    expect_at_home();
    assert_true(sim_holds(&before));
    return 0;
}

/* After one question: what it can. */
static void expect_refused(IOReturn status)
{
    struct virtq_counters counters, now;

    vdma_get_counters(&counters);
    assert_int_equal(vdma_lend(driver), status);
    vdma_get_counters(&now);
    assert_int_equal(now.requests, counters.requests + 1);
    expect_at_home();
}

/* --- Who does not get it -----------------------------------------------------------------------
 */

static void nobody_and_from_nowhere(void **state)
{
    IODriver *dead = new_driver();
    struct virtq_counters before_it, counters;

    (void)state;
    vdma_get_counters(&before_it);
    assert_int_equal(vdma_lend(NULL), kIOReturnBadArgument);
    sim_in_handler = true;
    assert_int_equal(vdma_lend(driver), kIOReturnNotPermitted);
    sim_in_handler = false;
    IODriver_kill(dead);
    assert_int_equal(vdma_lend(dead), kIOReturnBusy);
    IODriver_release(dead);
    /* The device has heard nothing of them. */
    vdma_get_counters(&counters);
    assert_int_equal(counters.requests, before_it.requests);
}

static struct vdma_capabilities *said(void)
{
    return (struct vdma_capabilities *)vdma_state.data->out;
}

static void no_queue_page(void)
{
    said()->queue_page = 0;
}

static void devices_that_are_not_safe_to_lend(void **state)
{
    (void)state;
    set_limits(1 << 20, 0);
    expect_refused(kIOReturnUnsupported);
    set_limits(0, 64);
    expect_refused(kIOReturnUnsupported);
    set_limits(1 << 20, 64);
    spoil = no_queue_page;
    expect_refused(kIOReturnUnsupported);
    vdma_state.device->uncached = true;
    expect_refused(kIOReturnUnsupported);
    vdma_state.device->uncached = false;
    spoiled_answer = (struct vdma_status){.code = VDMA_STATUS_ERROR};
    spoil = spoil_answer;
    expect_refused(kIOReturnIOError);
}

/* Of the request that tells of a table: what is asked before is answered as it is. */
static void spoil_table(void)
{
    for (unsigned slot = 0; slot < VDMA_DEPTH; slot++) {
        const struct vdma_frame *frame = &vdma_state.frames[slot];

        if (frame->status.tag == vdma_state.tag && frame->request.type == VDMA_SET_TABLE) {
            spoil_answer();
            return;
        }
    }
    spoil = spoil_table;
}

static void a_device_that_takes_no_table(void **state)
{
    (void)state;
    spoiled_answer = (struct vdma_status){.code = VDMA_STATUS_ERROR};
    spoil = spoil_table;
    assert_int_equal(vdma_lend(driver), kIOReturnIOError);
    assert_null(spoil);
    assert_null(vdma_state.table);
}

/* The guard does not stay set. */
static void a_device_without_a_guard(void **state)
{
    (void)state;
    guard_is_deaf = true;
    assert_int_equal(vdma_lend(driver), kIOReturnUnsupported);
    guard_is_deaf = false;
}

/* Its registers are nowhere: such as in RAM. */
static void a_device_without_registers(void **state)
{
    const paddr_t address = vdma_state.device->address;

    (void)state;
    vdma_state.device->address = paddr(SIM_RAM_BASE);
    assert_int_equal(vdma_lend(driver), kIOReturnNoMemory);
    vdma_state.device->address = address;
}

/* Mappings behind the kernel's own table are somebody's; without them the table goes. */
static void the_kernels_own_table_is_off(void **state)
{
    struct vdma_transfer transfer;
    IODMACommand *command;

    (void)state;
    assert_int_equal(vdma_use_table(true), kIOReturnSuccess);
    command = vdma_create_command(NULL, kMapped, &transfer);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, pair, true), kIOReturnSuccess);
    assert_int_equal(vdma_lend(driver), kIOReturnBusy);
    assert_false(vdma_state.lent);
    assert_non_null(vdma_state.table);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
    assert_int_equal(vdma_lend(driver), kIOReturnSuccess);
    assert_null(vdma_state.table);
}

/* --- Requests in between -----------------------------------------------------------------------
 */

static struct vdma_transfer late;
static IOReturn late_started;
static unsigned late_ends;

static void late_ended(struct vdma_transfer *transfer)
{
    assert_ptr_equal(transfer, &late);
    late_ends++;
}

/* While the device is told of the loan's table: it goes on to the device when that is done. */
static void start_late(void)
{
    late = (struct vdma_transfer){.type = VDMA_NOP, .ended = late_ended};
    late_started = vdma_submit(&late);
}

static void then_start_late(void)
{
    spoil = start_late;
}

static void a_request_that_is_just_in_time(void **state)
{
    (void)state;
    late_ends = 0;
    spoiled->waits = true; /* it works when somebody sleeps for it */
    spoil = then_start_late;
    assert_int_equal(vdma_lend(driver), kIOReturnBusy);
    spoiled->waits = false;
    assert_int_equal(late_started, kIOReturnSuccess);
    expect_at_home();
    assert_int_equal(late_ends, 1);
    assert_int_equal(late.result, kIOReturnSuccess);
}

/* --- Lent --------------------------------------------------------------------------------------
 */

static void what_is_refused_while_it_is_lent(void **state)
{
    IODriver *other = new_driver();
    IODriverStatus status;

    (void)state;
    write_guarded(&guarded, QUEUE_SEL, 1, 4); /* as somebody left it */
    assert_int_equal(vdma_lend(driver), kIOReturnSuccess);
    assert_true(vdma_state.lent);
    IODriver_getStatus(driver, &status);
    assert_int_equal(status.usage.handles, 2); /* the device and its registers */
    assert_int_equal(device_register(VDMA_REGISTER_GUARD), 1);
    write_guarded(&guarded, QUEUE_SEL, 0, 4);
    assert_int_equal(device_register(QUEUE_READY), 0); /* the kernel's queue is off */
    assert_int_equal(checksum(), kIOReturnBusy);
    assert_int_equal(vdma_reset(), kIOReturnBusy);
    assert_int_equal(vdma_poll(), 0);
    assert_int_equal(vdma_lend(driver), kIOReturnBusy);
    assert_int_equal(vdma_lend(other), kIOReturnBusy);
    IODriver_release(other);
    assert_true(vdma_state.lent); /* that one had nothing of it */
    IODriver_kill(driver);
    expect_at_home();
    /* And again, to another. */
    other = new_driver();
    assert_int_equal(vdma_lend(other), kIOReturnSuccess);
    IODriver_release(other);
}

static bool stop_nothing(void *context)
{
    (void)context;
    return true;
}

/* What has a device already is given no second one. */
static void a_driver_with_another_device(void **state)
{
    struct test_mapper *mapper = test_mapper_new(0x100);
    IODriverDevice device = {
        .service = IOService_withReader("unit", NULL, NULL), .interrupt = -1, .stop = stop_nothing};

    (void)state;
    assert_true(IOMapper_start(&mapper->super, device.service));
    assert_int_equal(IOService_setObject(device.service, "iommu-parent", &mapper->super),
                     kIOReturnSuccess);
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnSuccess);
    assert_int_equal(vdma_lend(driver), kIOReturnBusy);
    expect_at_home();
    IODriver_kill(driver);
    IOService_setObject(device.service, "iommu-parent", NULL);
    OSObject_release(device.service);
    OSObject_release(&mapper->super);
}

/* The n-th piece of memory is missing. */
static void loans_without_memory(void **state)
{
    struct inject_report report = {.failed = true};
    unsigned failures = 0;

    (void)state;
    for (uint64_t nth = 1; report.failed; nth++) {
        IOReturn status;

        inject_begin(nth);
        status = vdma_lend(driver);
        inject_end(&report);
        assert_int_equal(status == kIOReturnSuccess, !report.failed);
        assert_true(status == kIOReturnSuccess || status == kIOReturnNoMemory ||
                    status == kIOReturnNoResources);
        if (status != kIOReturnSuccess) {
            failures++;
            expect_at_home();
        }
        IODriver_release(driver);
        expect_at_home();
        assert_true(sim_holds(&before));
        driver = new_driver();
    }
    assert_in_range(failures, 5, 60);
}

/* --- Devices that do not come back -------------------------------------------------------------
 */

static bool refuse_attach(struct virtio_device *device)
{
    (void)device;
    return false;
}

static void what_does_not_come_back_is_lost(void **state)
{
    (void)state;
    assert_int_equal(vdma_lend(driver), kIOReturnSuccess);
    spoiled_by.attach = refuse_attach;
    IODriver_kill(driver);
    assert_false(vdma_state.lent);
    assert_false(vdma_present());
    assert_int_equal(checksum(), kIOReturnNotResponding);
    IODriver_release(driver);
}

int main(void)
{
#define LENT(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        LENT(nobody_and_from_nowhere),
        LENT(devices_that_are_not_safe_to_lend),
        LENT(a_device_that_takes_no_table),
        LENT(a_device_without_a_guard),
        LENT(a_device_without_registers),
        LENT(the_kernels_own_table_is_off),
        LENT(a_request_that_is_just_in_time),
        LENT(what_is_refused_while_it_is_lent),
        LENT(a_driver_with_another_device),
        LENT(loans_without_memory),
        cmocka_unit_test_setup(what_does_not_come_back_is_lost, begin), /* last: it is gone */
    };

    return cmocka_run_group_tests(tests, start_device, NULL);
}
