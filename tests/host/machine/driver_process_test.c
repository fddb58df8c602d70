/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver processes on this machine: each stop of their programs, and every request for memory
 * beneath them fails once.
 */
#include "descriptors/IODriver.h"
#include "descriptors/OSArray.h"
#include "descriptors/driverkit/IODriver_private.h"
#include "descriptors/driverkit/IORPC_stub.h"
#include "kernel/inject.h"
#include "kernel/irq.h"
#include "tests/host/machine/driver_good.h"
#include "tests/host/machine/driver_program.h"
#include "tests/host/machine/driver_script.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

/* --- Programs --------------------------------------------------------------------------------- */

static IODriver *new_driver(void)
{
    IODriver *driver;

    GOOD(IODriver_create(&driver_program, sizeof(driver_program), NULL, &driver));
    assert_non_null(driver);
    return driver;
}

static IODriverStatus status_of(const IODriver *driver)
{
    IODriverStatus status;

    IODriver_getStatus(driver, &status);
    return status;
}

/* --- Tests ------------------------------------------------------------------------------------ */

/* Each stop that a program can make, and what becomes of the driver. */
static void every_stop_is_served(void **state)
{
    static const struct stop stops[] = {
        {.why = USER_STOP_BLOCKED},
        {.why = USER_STOP_CALL, .number = SYS_DK_WRITE, .x = {TEXT_AT, 300}},
        {.why = USER_STOP_CALL, .number = SYS_DK_WRITE, .x = {1, 1}},
        {.why = USER_STOP_CALL, .number = SYS_DK_WAIT, .x = {0, UINT64_MAX}},
    };
    static const struct stop ends[] = {
        {.why = USER_STOP_TIME},
        {.why = USER_STOP_FAULT},
        {.why = USER_STOP_OTHER},
        {.why = USER_STOP_CALL, .call = 1}, /* SVC #1 */
        {.why = USER_STOP_CALL, .number = SYS_DK_EXIT, .x = {9}},
    };
    static const unsigned states[] = {kIODriverLooped, kIODriverFaulted, kIODriverFaulted,
                                      kIODriverFaulted, kIODriverExited};
    IODriver *driver = new_driver();

    (void)state;
    script = stops;
    sim_console_set_quiet(true); /* what it writes */
    assert_true(IODriver_turn(driver));
    assert_int_equal(status_of(driver).state, kIODriverRuns);
    assert_true(IODriver_turn(driver)); /* goes on as it was */
    assert_int_equal(status_of(driver).bytesWritten, 300);
    assert_true(IODriver_turn(driver));
    assert_int_equal(script_seen[0], kIOReturnSuccess);
    assert_true(IODriver_turn(driver));
    assert_int_equal((int32_t)script_seen[0], kIOReturnVMError);
    assert_false(IODriver_turn(driver)); /* it waits */
    sim_console_set_quiet(false);
    assert_int_equal(IODriver_runAll(1000), kIOReturnTimeout);
    IODriver_release(driver);
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        driver = new_driver();
        script = &ends[i];
        assert_true(IODriver_turn(driver));
        assert_int_equal(status_of(driver).state, states[i]);
        assert_int_equal(status_of(driver).address, i == 1 ? 0x1234 : 0);
        assert_false(IODriver_turn(driver));
        IODriver_release(driver);
    }
}

/*
 * One timer goes on over all turns: what it finds where it was the time before has had its time. It
 * stops when nobody computes, and is there again when somebody does.
 */
static void turns_have_their_time(void **state)
{
    static const struct stop stops[] = {
        {.why = USER_STOP_BLOCKED, .ticks = 1}, /* begun just before */
        {.why = USER_STOP_BLOCKED, .ticks = 1}, /* another turn than the timer has seen */
        {.why = USER_STOP_BLOCKED, .ticks = 2}, /* the same */
        {.why = USER_STOP_BLOCKED},
        {.why = USER_STOP_BLOCKED, .ticks = 1},
        {.why = USER_STOP_BLOCKED, .ticks = 1},
        {.why = USER_STOP_BLOCKED, .ticks = 2},
    };
    const IODriverOptions options = {.nanoseconds = 1000};
    const uint64_t before = sim_time;
    IODriver *driver;

    (void)state;
    GOOD(IODriver_create(&driver_program, sizeof(driver_program), &options, &driver));
    script = stops;
    for (unsigned i = 0; i < 7; i++) {
        assert_true(IODriver_turn(driver));
        assert_int_equal(script_is_over, stops[i].ticks == 2);
        assert_true(sim_timer_is_running());
        if (i == 3) {
            irq_wait(); /* it finds nobody */
            assert_false(sim_timer_is_running());
        }
    }
    assert_int_equal(sim_time - before, (4 + 1 + 4) * 1000);
    IODriver_release(driver);
    assert_false(sim_timer_is_running());
}

/* Two that wait for different times are both served before the longer one's end. */
static void all_drivers_have_their_turns(void **state)
{
    static const struct stop stops[] = {
        {.why = USER_STOP_CALL, .number = SYS_DK_WAIT, .x = {0, 5000}},
        {.why = USER_STOP_CALL, .number = SYS_DK_WAIT, .x = {0, 1000}},
        {.why = USER_STOP_CALL, .number = SYS_DK_EXIT, .x = {1}},
        {.why = USER_STOP_CALL, .number = SYS_DK_EXIT, .x = {2}},
    };
    IODriver *first = new_driver(), *second = new_driver();

    (void)state;
    script = stops;
    GOOD(IODriver_runAll(UINT64_MAX));
    assert_int_equal(status_of(first).exitStatus, 2);
    assert_int_equal(status_of(second).exitStatus, 1);
    IODriver_release(first); /* the first of the list, and then the last */
    IODriver_release(second);
}

/* By its first class, each object has a kind, which the program is told; so many and no more. */
static void objects_of_every_kind_are_given(void **state)
{
    static const struct stop exits = {.why = USER_STOP_CALL, .number = SYS_DK_EXIT};
    static const uint64_t kinds[] = {kIODriverKindBuffer, kIODriverKindDescriptor, kIODriverKindMap,
                                     kIODriverKindCommand, kIODriverKindService};
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOutIn, false);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(0x1000, 8, kIODirectionIn);
    IOMemoryMap *map = IOMemoryDescriptor_map(buffer, 0);
    IODMACommand *command = IODMACommand_withRefCon(NULL);
    IOService *service = IOService_withReader("device", NULL, NULL);
    OSArray *other_kind = OSArray_withCapacity(1);
    const OSObject *const objects[] = {(OSObject *)buffer, (OSObject *)memory, (OSObject *)map,
                                       (OSObject *)command, (OSObject *)service};
    struct IODriverGift gifts[kIODriverObjectsMost];
    IODriver *driver = new_driver();

    (void)state;
    for (unsigned i = 0; i < kIODriverObjectsMost; i++) {
        GOOD(IODriver_give(driver, (OSObject *)(uintptr_t)objects[i % 5]));
    }
    assert_int_equal(IODriver_give(driver, buffer), kIOReturnNoSpace);
    assert_int_equal(IODriver_give(driver, other_kind), kIOReturnBadArgument);
    assert_int_equal(IODriver_give(driver, (OSObject *)NULL), kIOReturnBadArgument);
    assert_int_equal(IODriver_give(NULL, buffer), kIOReturnBadArgument);
    assert_int_equal(platform_user_read(get_task_map(IODriver_getTask(driver)),
                                        0x7f0000000000 - sizeof(gifts), gifts, sizeof(gifts)),
                     KERN_SUCCESS);
    for (unsigned i = 0; i < kIODriverObjectsMost; i++) {
        assert_int_equal(gifts[i].kind, kinds[i % 5]);
        assert_int_equal(gifts[i].handle, gifts[i % 5].handle);
    }
    script = &exits;
    assert_true(IODriver_turn(driver));
    assert_int_equal(script_seen[0], kIODriverObjectsMost);
    assert_int_equal(script_seen[1], 0x7f0000000000 - sizeof(gifts));
    assert_int_equal(IODriver_give(driver, buffer), kIOReturnBusy);
    IODriver_release(driver);
    OSObject_release(other_kind);
    OSObject_release(service);
    OSObject_release(command);
    OSObject_release(map);
    OSObject_release(memory);
    OSObject_release(buffer);
}

static bool stops_in_time;

static bool stop_device(void *context)
{
    ++*(unsigned *)context;
    return stops_in_time;
}

/* The 1st, 2nd, 3rd ... request for memory fails while a driver with a device is made. */
static void drivers_survive_every_want_of_memory(void **state)
{
    IOService *service = IOService_withReader("device", NULL, NULL);
    IOMapper *mapper = new_mapper();
    IODeviceMemory *registers = IODeviceMemory_withRange(DEVICE, PAGE_SIZE);
    unsigned stopped = 0, failures = 0;
    const IODriverDevice device = {service, registers, 100, stop_device, &stopped};
    struct inject_report report = {.failed = true};
    struct holdings before;

    (void)state;
    GOOD(IOService_setObject(service, "iommu-parent", mapper));
    stops_in_time = true;
    for (uint64_t nth = 0; nth <= 1 || report.failed; nth++) {
        IODriver *driver = NULL;
        IOReturn status, given = kIOReturnSuccess;

        if (nth == 1) { /* after one that worked: tables of the kernel's stay */
            before = holdings_now();
        }
        inject_begin(nth);
        status = IODriver_create(&driver_program, sizeof(driver_program), NULL, &driver);
        if (status == kIOReturnSuccess) {
            given = IODriver_giveDevice(driver, &device);
        }
        inject_end(&report);
        if (status != kIOReturnSuccess) {
            assert_null(driver);
            assert_int_equal(status, kIOReturnNoMemory);
        }
        if (given != kIOReturnSuccess) {
            assert_true(given == kIOReturnNoMemory || given == kIOReturnNoResources);
            assert_int_equal(status_of(driver).usage.handles, 0); /* what was given is taken back */
            GOOD(IODriver_giveDevice(driver, &device));
        }
        failures += status != kIOReturnSuccess || given != kIOReturnSuccess;
        stopped = 0;
        IODriver_release(driver);
        assert_int_equal(stopped, status == kIOReturnSuccess);
        if (nth > 0) {
            assert_int_equal(holdings_now().instances, before.instances);
            assert_int_equal(holdings_now().pins, before.pins);
        }
    }
    assert_true(failures > 12);
    OSObject_release(registers);
    OSObject_release(mapper);
    OSObject_release(service);
}

/* Devices that cannot be given: nothing is held of them, and nothing stopped. */
static void devices_that_cannot_be_given_are_refused(void **state)
{
    IOService *service = IOService_withReader("device", NULL, NULL);
    IOMapper *mapper = new_mapper();
    unsigned stopped = 0;
    IODriverDevice device = {service, NULL, SIM_LINES + 5, stop_device, &stopped};
    IODriver *driver = new_driver();

    (void)state;
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnNotPermitted);
    GOOD(IOService_setObject(service, "iommu-parent", mapper));
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnBadArgument); /* no line */
    device.stop = NULL;
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnBadArgument);
    device.stop = stop_device;
    device.service = NULL;
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnBadArgument);
    assert_int_equal(IODriver_giveDevice(NULL, &device), kIOReturnBadArgument);
    assert_int_equal(IODriver_giveDevice(driver, NULL), kIOReturnBadArgument);
    assert_int_equal(status_of(driver).usage.handles, 0);
    device.service = service;
    device.interrupt = -1;
    GOOD(IODriver_giveDevice(driver, &device));
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnBusy);
    stops_in_time = false; /* it keeps what its commands have, of which there are none */
    IODriver_kill(driver);
    assert_int_equal(stopped, 1);
    IODriver_release(driver);
    OSObject_release(mapper);
    OSObject_release(service);
}

/* Whoever is asked on behalf of a driver, and ends it. */
static const void *kill_asker(const void *context, const char *key, UInt32 *length)
{
    IODriver *const *const driver = context;

    (void)key;
    *length = 0;
    IODriver_kill(*driver);
    IODriver_kill(*driver); /* which it is already */
    return NULL;
}

/* Killed by what its message asks for: the message is served, and the turn is its last. */
static void drivers_may_be_killed_by_their_own_messages(void **state)
{
    IODMACommand_Create_Msg request = {
        .header = {.msgid = IODMACommand_Create_ID, .objectRefs = IODMACommand_Create_Refs},
        .self = kIORPCHandleIODMACommand,
        .specification = {.maxAddressBits = 64}};
    struct stop stops[] = {{.why = USER_STOP_CALL,
                            .number = SYS_DK_INVOKE,
                            .x = {0, sizeof(request), 0, sizeof(IODMACommand_Create_Rpl)}}};
    IODriver *driver = new_driver();
    IOService *service = IOService_withReader("device", kill_asker, &driver);
    struct holdings before;
    uint64_t at;

    (void)state;
    GOOD(IODriver_give(driver, service));
    at = driver->gifts - sizeof(request); /* on its stack */
    GOOD(task_grant(IODriver_getTask(driver), service, &request.device));
    assert_int_equal(
        platform_user_write(get_task_map(IODriver_getTask(driver)), at, &request, sizeof(request)),
        KERN_SUCCESS);
    stops[0].x[0] = stops[0].x[2] = at;
    script = stops;
    before = holdings_now();
    assert_true(IODriver_turn(driver));
    assert_int_equal(status_of(driver).state, kIODriverKilled);
    assert_int_equal(status_of(driver).usage.messages, 1);
    assert_int_equal(status_of(driver).usage.refused, 0);
    assert_int_equal(status_of(driver).usage.handles, 0);
    assert_int_equal(holdings_now().instances, before.instances); /* the command is gone */
    assert_ptr_equal(IODriver_getTask(driver), TASK_NULL);
    assert_false(IODriver_turn(driver));
    IODriver_release(driver);
    OSObject_release(service);
}

static void no_driver_is_no_fault(void **state)
{
    IOService *service = IOService_withReader("device", NULL, NULL);
    IODriverStatus status;
    IODriver *driver = new_driver(), *kept = driver;

    (void)state;
    IODriver_release(NULL);
    IODriver_kill(NULL);
    IODriver_getStatus(driver, NULL);
    IODriver_getStatus(NULL, &status);
    assert_int_equal(status.state, kIODriverKilled);
    assert_null(IODriver_getTable(NULL));
    assert_ptr_equal(IODriver_getTable(driver), IODriverTask_of(IODriver_getTask(driver)));
    assert_ptr_equal(IODriver_getTask(NULL), TASK_NULL);
    assert_false(IODriver_turn(NULL));
    assert_int_equal(IODriver_create(&driver_program, sizeof(driver_program), NULL, NULL),
                     kIOReturnBadArgument);
    assert_int_equal(IODriver_create(&driver_program, sizeof(driver_program),
                                     &(IODriverOptions){.stackBytes = UINT64_MAX}, &driver),
                     kIOReturnBadArgument);
    assert_null(driver);
    driver = kept;
    IODriver_kill(driver);
    assert_int_equal(IODriver_give(driver, service), kIOReturnBusy); /* it has ended */
    OSObject_release(service);
    IODriver_release(driver);
    GOOD(IODriver_runAll(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(every_stop_is_served),
        DRIVER_TEST(turns_have_their_time),
        DRIVER_TEST(all_drivers_have_their_turns),
        DRIVER_TEST(objects_of_every_kind_are_given),
        DRIVER_TEST(drivers_survive_every_want_of_memory),
        DRIVER_TEST(devices_that_cannot_be_given_are_refused),
        DRIVER_TEST(drivers_may_be_killed_by_their_own_messages),
        DRIVER_TEST(no_driver_is_no_fault),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
