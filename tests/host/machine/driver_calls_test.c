/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver processes by what they are told: answers of calls, waits for time and for a device's
 * interrupts, and devices that cannot be given as a whole.
 */
#include "descriptors/IODriver.h"
#include "descriptors/driverkit/IODriverTask_private.h"
#include "descriptors/driverkit/IODriver_private.h"
#include "descriptors/driverkit/IORPC_check.h"
#include "tests/host/machine/driver_good.h"
#include "tests/host/machine/driver_program.h"
#include "tests/host/machine/driver_script.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define STACK_END 0x7f0000000000ull
#define LINE      100

static IODriver *new_driver(const IODriverOptions *options)
{
    IODriver *driver;

    GOOD(IODriver_create(&driver_program, sizeof(driver_program), options, &driver));
    return driver;
}

static IODriverStatus status_of(const IODriver *driver)
{
    IODriverStatus status;

    IODriver_getStatus(driver, &status);
    return status;
}

/* A turn whose stop is this, and what its program finds at the beginning of the next one. */
static void expect_answer(IODriver *driver, struct stop call, IOReturn status, uint64_t second)
{
    const struct stop stops[] = {call, {.why = USER_STOP_BLOCKED}};

    script = stops;
    assert_true(IODriver_turn(driver));
    assert_true(IODriver_turn(driver));
    assert_int_equal(script_seen[0], (uint32_t)status);
    assert_int_equal(script_seen[1], second);
}

/* --- Calls ------------------------------------------------------------------------------------ */

static void calls_are_answered(void **state)
{
    IODriver *driver = new_driver(NULL);
    IODriverStatus status;
    uint64_t handle;

    (void)state;
    assert_int_equal(status_of(driver).turns, 0);
    assert_int_equal(status_of(driver).pc, 0); /* it has not begun */
    GOOD(task_grant(IODriver_getTask(driver), IOService_withReader("d", NULL, NULL), &handle));
    OSObject_release(driver_object(&(struct driver){.table = driver->table}, handle));
    expect_answer(driver, (struct stop){USER_STOP_CALL, .number = 1, .x = {1, 2}},
                  kIOReturnUnsupported, 0);
    status = status_of(driver);
    assert_int_equal(status.turns, 2);
    assert_int_equal(status.pc, TEXT_AT);
    assert_int_equal(status.address, 0);
    assert_int_equal(status.savedProgram, SCRIPT_STATE);
#define CALL(what, first, second)                                                                  \
    (struct stop)                                                                                  \
    {                                                                                              \
        USER_STOP_CALL, .number = what, .x = { first, second, 5, 6 }                               \
    }
    expect_answer(driver, CALL(SYS_DK_RETAIN, handle, 7), kIOReturnSuccess, 0);
    expect_answer(driver, CALL(SYS_DK_RELEASE, handle, 7), kIOReturnSuccess, 0);
    expect_answer(driver, CALL(SYS_DK_RELEASE, handle, 7), kIOReturnSuccess, 0);
    expect_answer(driver, CALL(SYS_DK_RELEASE, handle, 7), kIOReturnBadArgument, 0);
    expect_answer(driver, CALL(SYS_DK_RETAIN, handle, 7), kIOReturnBadArgument, 0);
    assert_int_equal(platform_user_write(get_task_map(IODriver_getTask(driver)), STACK_END - 16,
                                         "from a driver\n", 14),
                     KERN_SUCCESS);
    sim_console_set_quiet(true);
    expect_answer(driver, CALL(SYS_DK_WRITE, STACK_END - 16, 14), kIOReturnSuccess, 0);
    assert_true(sim_console_said("from a driver\n"));
    assert_int_equal(status_of(driver).bytesWritten, 14);
    expect_answer(driver, CALL(SYS_DK_WRITE, TEXT_AT, kIORPCMessageMost + 1),
                  kIOReturnMessageTooLarge, 0);
    assert_int_equal(status_of(driver).bytesWritten, 14);
    expect_answer(driver, CALL(SYS_DK_WRITE, TEXT_AT, kIORPCMessageMost), kIOReturnSuccess, 0);
    assert_int_equal(status_of(driver).bytesWritten, 14 + kIORPCMessageMost);
    /* What can be read of it is written. */
    expect_answer(driver, CALL(SYS_DK_WRITE, TEXT_AT + 2 * PAGE_SIZE - 300, 600), kIOReturnVMError,
                  0);
    assert_int_equal(status_of(driver).bytesWritten, 14 + kIORPCMessageMost + 256);
    sim_console_set_quiet(false);
    IODriver_release(driver);
}

/* What a sender says of itself is taken from its message; how long the reply is, it is told. */
static void messages_are_answered(void **state)
{
    IOBufferMemoryDescriptor_Create_Msg request = {
        .header = {.msgid = IOBufferMemoryDescriptor_Create_ID,
                   .flags = UINT64_MAX,
                   .objectRefs = IOBufferMemoryDescriptor_Create_Refs},
        .self = kIORPCHandleIOBufferMemoryDescriptor,
        .options = kIOMemoryDirectionInOut,
        .capacity = 1};
    IODriver *driver = new_driver(NULL);
    const uint64_t at = STACK_END - PAGE_SIZE, room = sizeof(IOBufferMemoryDescriptor_Create_Rpl);

    (void)state;
    assert_int_equal(
        platform_user_write(get_task_map(IODriver_getTask(driver)), at, &request, sizeof(request)),
        KERN_SUCCESS);
    expect_answer(driver,
                  (struct stop){USER_STOP_CALL, .number = SYS_DK_INVOKE,
                                .x = {at, sizeof(request), at + 2048, room + 8}},
                  kIOReturnSuccess, room);
    assert_int_equal(((IORPCMessage *)driver->table->request)->flags,
                     ~(uint64_t)(kIORPCMessageKernel | kIORPCMessageRemote | kIORPCMessageError));
    expect_answer(driver,
                  (struct stop){USER_STOP_CALL, .number = SYS_DK_INVOKE,
                                .x = {at, sizeof(request), at + 2048, room - 1}},
                  kIOReturnIPCError, 0);
    assert_int_equal(status_of(driver).usage.messages, 2);
    assert_int_equal(status_of(driver).usage.refused, 1);
    IODriver_release(driver);
}

static enum irq_result nobody(void *context)
{
    (void)context;
    return IRQ_NOTHING;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static unsigned stopped;

static bool stop_device(void *context)
{
    assert_ptr_equal(context, &stopped);
    stopped++;
    return true;
}

static IOService *service;
static IOMapper *mapper;

/* A device behind a mapper. */
static int start_with_device(void **state)
{
    const int result = driver_start(state);

    service = IOService_withReader("device", NULL, NULL);
    mapper = new_mapper();
    GOOD(IOService_setObject(service, "iommu-parent", mapper));
    stopped = 0;
    sim_console_forget();
    return result;
}

static int stop_with_device(void **state)
{
    OSObject_release(mapper);
    OSObject_release(service);
    return driver_stop(state);
}

static IODriverDevice device_of(IODeviceMemory *registers, int line)
{
    return (IODriverDevice){service, registers, line, stop_device, &stopped};
}

static void waits_end_with_an_interrupt_or_their_time(void **state)
{
    IODriver *driver = new_driver(NULL);
    const IODriverDevice device = device_of(NULL, LINE);
    struct stop stops[] = {CALL(SYS_DK_WAIT, 0, 1000), {.why = USER_STOP_BLOCKED}};
    uint64_t before;

    (void)state;
    GOOD(IODriver_giveDevice(driver, &device));
    for (unsigned way = 0; way < 5; way++) {
        const bool interrupted = way % 2 == 0;

        before = sim_time;
        stops[0].x[0] = way == 1 ? 0 : driver->deviceHandle;
        if (way == 0) { /* before it waits: it stays closed */
            assert_int_equal(sim_interrupt(LINE), IRQ_SERVED);
            assert_false(sim_line_is_enabled(LINE));
        }
        script = stops;
        assert_true(IODriver_turn(driver));
        assert_int_equal(sim_line_is_enabled(LINE), way > 1);
        if (interrupted && way != 0) {
            assert_false(IODriver_turn(driver));
            assert_int_equal(sim_interrupt(LINE), IRQ_SERVED);
            assert_false(sim_line_is_enabled(LINE)); /* until the driver has answered its device */
        }
        if (!interrupted) {
            assert_int_equal(IODriver_runAll(999), kIOReturnTimeout);
            assert_false(IODriver_turn(driver));
            assert_int_equal(IODriver_runAll(1), kIOReturnTimeout);
            assert_int_equal(sim_time - before, 1000);
        } else {
            assert_true(IODriver_turn(driver));
            assert_int_equal(sim_time, before);
        }
        assert_int_equal(script_seen[0], way == 3 ? (uint32_t)kIOReturnTimeout : kIOReturnSuccess);
        assert_int_equal(script_seen[1], interrupted ? 1 : 0);
    }
    expect_answer(driver, CALL(SYS_DK_WAIT, driver->deviceHandle + 1, 5), kIOReturnBadArgument, 0);
    IODriver_release(driver);
    assert_int_equal(stopped, 1);
    assert_false(sim_line_is_enabled(LINE)); /* nobody's any more */
    assert_int_equal(irq_register(LINE, nobody, NULL), KERN_SUCCESS);
    assert_int_equal(irq_unregister(LINE), KERN_SUCCESS);
}

/* It runs the handler while the device is being given. */
static void an_interrupt_may_be_there_already(void **state)
{
    IODriver *driver = new_driver(NULL);
    const IODriverDevice device = device_of(NULL, LINE);

    (void)state;
    assert_int_equal(sim_interrupt(LINE), IRQ_NOTHING);
    GOOD(IODriver_giveDevice(driver, &device));
    assert_false(sim_line_is_enabled(LINE));
    expect_answer(driver, CALL(SYS_DK_WAIT, driver->deviceHandle, 5), kIOReturnSuccess, 1);
    IODriver_release(driver);
}

static void waits_for_what_does_not_come_are_refused(void **state)
{
    IODriver *driver = new_driver(NULL), *other_driver = new_driver(NULL);
    const IODriverDevice device = device_of(NULL, -1);

    (void)state;
    GOOD(IODriver_giveDevice(driver, &device));
    expect_answer(driver, CALL(SYS_DK_WAIT, driver->deviceHandle, 5), kIOReturnBadArgument, 0);
    expect_answer(other_driver, CALL(SYS_DK_WAIT, driver->deviceHandle, 5), kIOReturnBadArgument,
                  0);
    IODriver_release(driver);
    IODriver_release(other_driver);
}

/* Whoever wants to be told first that nothing came ends the sleep of all, or the owner's time. */
static void the_first_deadline_ends_a_sleep(void **state)
{
    static const struct stop stops[] = {CALL(SYS_DK_WAIT, 0, 5000), CALL(SYS_DK_WAIT, 0, 2000),
                                        CALL(SYS_DK_WAIT, 0, UINT64_MAX)};
    IODriver *drivers[3];
    const uint64_t before = sim_time;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        drivers[i] = new_driver(NULL);
    }
    script = stops;
    script_turns = 0;
    assert_int_equal(IODriver_runAll(1500), kIOReturnTimeout);
    assert_int_equal(script_turns, 3);
    assert_int_equal(sim_time - before, 1500);
    assert_int_equal(drivers[2]->deadline, UINT64_MAX);
    for (unsigned i = 0; i < 3; i++) {
        IODriver_release(drivers[i]);
    }
    GOOD(IODriver_runAll(UINT64_MAX)); /* there are none */
}

static IODriver *doomed;

static void just_before_it_sleeps(void)
{
    sim_unmasked = NULL;
    if (doomed != NULL) {
        task_terminate(IODriver_getTask(doomed));
    } else {
        assert_int_equal(sim_interrupt(LINE), IRQ_SERVED);
    }
}

/* What comes after each has been asked whether it can go on, and before all sleep, is seen. */
static void what_comes_just_before_a_sleep_ends_it(void **state)
{
    const IODriverDevice device = device_of(NULL, LINE);
    const uint64_t before = sim_time;
    IODriver *ended = new_driver(NULL), *other_driver = new_driver(NULL), *driver;
    struct stop stops[] = {CALL(SYS_DK_WAIT, 0, UINT64_MAX), CALL(SYS_DK_WAIT, 0, 5000),
                           CALL(SYS_DK_WAIT, 0, 10000)};

    (void)state;
    IODriver_kill(ended);
    driver = new_driver(NULL);
    GOOD(IODriver_giveDevice(driver, &device));
    stops[1].x[0] = driver->deviceHandle;
    script = stops;
    assert_true(IODriver_turn(other_driver));
    assert_true(IODriver_turn(driver));
    doomed = NULL;
    sim_unmasked = just_before_it_sleeps;
    assert_int_equal(IODriver_runAll(1000), kIOReturnTimeout);
    assert_null(sim_unmasked);
    assert_int_equal(script_seen[1], 1);
    assert_int_equal(driver->deadline, before + 10000); /* nobody had slept */
    assert_int_equal(sim_time, before + 1000);
    IODriver_release(other_driver);
    doomed = driver;
    sim_unmasked = just_before_it_sleeps;
    GOOD(IODriver_runAll(1000)); /* the last has died */
    assert_int_equal(sim_time, before + 1000);
    IODriver_release(driver);
    IODriver_release(ended);
}

/* --- Devices ---------------------------------------------------------------------------------- */

/* Of a device that cannot be given as a whole nothing is given, and what was stays. */
static void devices_are_given_as_a_whole(void **state)
{
    IODeviceMemory *registers = IODeviceMemory_withRange(DEVICE, PAGE_SIZE);
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOutIn, false);
    IODriverDevice device = device_of(registers, LINE);
    IODriver *driver;

    (void)state;
    /* One handle is not enough for two objects. */
    driver = new_driver(&(IODriverOptions){.limits = {.handles = 1}});
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnNoResources);
    assert_int_equal(status_of(driver).usage.handles, 0);
    device.registers = NULL;
    GOOD(IODriver_giveDevice(driver, &device));
    assert_int_equal(status_of(driver).usage.handles, 1);
    IODriver_release(driver);
    assert_int_equal(stopped, 1);
    device.registers = registers;
    /* Nor one place among the gifts. */
    driver = new_driver(NULL);
    GOOD(IODriver_giveDevice(driver, &device));
    assert_int_equal(status_of(driver).usage.handles, 2);
    assert_int_equal(driver->registers[0], 2);
    IODriver_release(driver);
    driver = new_driver(NULL);
    for (unsigned i = 0; i < kIODriverObjectsMost - 1; i++) {
        GOOD(IODriver_give(driver, buffer));
    }
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnNoSpace);
    assert_int_equal(status_of(driver).usage.handles, 1);
    assert_int_equal(driver->registers[0], kIODriverObjectsMost - 1);
    GOOD(IODriver_give(driver, buffer));
    IODriver_release(driver);
    /* Its line is somebody else's. */
    assert_int_equal(irq_register(LINE, nobody, NULL), KERN_SUCCESS);
    driver = new_driver(NULL);
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnBusy);
    assert_int_equal(status_of(driver).usage.handles, 0);
    assert_int_equal(driver->registers[0], 0);
    assert_int_equal(irq_unregister(LINE), KERN_SUCCESS);
    device.interrupt = 0; /* a line as any other */
    GOOD(IODriver_giveDevice(driver, &device));
    assert_true(sim_line_is_enabled(0));
    script = (const struct stop[]){CALL(SYS_DK_WAIT, driver->deviceHandle, 5)};
    assert_true(IODriver_turn(driver));
    assert_false(IODriver_turn(driver)); /* it waits */
    IODriver_release(driver);
    assert_int_equal(stopped, 3);
    assert_false(sim_line_is_enabled(0));
    OSObject_release(buffer);
    OSObject_release(registers);
}

/* Its task dies of something else: it has had its last turn, and its device stops. */
static void tasks_may_die_under_their_drivers(void **state)
{
    static const struct stop stops[] = {{.why = USER_STOP_BLOCKED}};
    const IODriverDevice device = device_of(NULL, LINE);
    IODriver *driver = new_driver(NULL);

    (void)state;
    GOOD(IODriver_giveDevice(driver, &device));
    script = stops;
    assert_true(IODriver_turn(driver));
    task_terminate(IODriver_getTask(driver));
    assert_int_equal(stopped, 1);
    assert_false(IODriver_turn(driver));
    assert_int_equal(status_of(driver).state, kIODriverKilled);
    assert_ptr_equal(IODriver_getTask(driver), TASK_NULL);
    assert_false(IODriver_turn(driver));
    GOOD(IODriver_runAll(0));
    IODriver_release(driver);
    assert_int_equal(stopped, 1);
    /* Nor is one given a device that has ended before it began. */
    driver = new_driver(NULL);
    IODriver_kill(driver);
    assert_int_equal(IODriver_giveDevice(driver, &device), kIOReturnBusy);
    GOOD(IODriver_runAll(0)); /* nobody has a turn any more */
    IODriver_release(driver);
    assert_int_equal(stopped, 1);
}

/* Of what is joined as of all else no more is shown than there is. */
static void maps_end_with_their_memory(void **state)
{
    const uint64_t buffer = driver_buffer(&one, kIOMemoryDirectionInOut, PAGE_SIZE);
    const uint64_t parts[] = {buffer, buffer};
    IOReturn status;
    const uint64_t both = driver_join(&one, parts, 2, kIOMemoryDirectionInOut, &status);

    (void)state;
    GOOD(status);
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t memory = i == 0 ? buffer : both, end = (i + 1) * PAGE_SIZE;

        driver_map(&one, memory, 0, 0, end, 1, &status);
        assert_int_equal(status, kIOReturnBadArgument);
        driver_map(&one, memory, 0, 0, end + 2 * PAGE_SIZE, PAGE_SIZE, &status);
        assert_int_equal(status, kIOReturnBadArgument);
        driver_map(&one, memory, 0, 0, 1, end, &status);
        assert_int_equal(status, kIOReturnBadArgument);
        driver_map(&one, memory, 0, 0, end - 1, 1, &status);
        GOOD(status);
    }
}

static const void *terminate_asker(const void *context, const char *key, UInt32 *length)
{
    (void)context, (void)key;
    *length = 0;
    if (IODriverTask_of(one.task) != NULL) {
        task_terminate(one.task);
    }
    return NULL;
}

/* Also in the middle of its own message: nobody is there to be answered. */
static void tasks_may_die_in_their_messages(void **state)
{
    IOService *killer = IOService_withReader("device", terminate_asker, NULL);
    IODMACommand_Create_Msg request = {.header = HEADER(IODMACommand, Create, 2),
                                       .self = kIORPCHandleIODMACommand,
                                       .specification = {.maxAddressBits = 64}};
    const struct holdings before = holdings_now();
    uint64_t replied = 1;

    (void)state;
    GOOD(task_grant(one.task, killer, &request.device));
    driver_put(&one, one.pages, &request, sizeof(request));
    assert_int_equal(
        IODriverTask_invoke(one.table, one.pages, sizeof(request), one.pages, 32, &replied),
        kIOReturnVMError);
    assert_int_equal(replied, 0);
    assert_int_equal(driver_handles(&one), 0);
    assert_int_equal(OSObject_getRetainCount(killer), 1);
    assert_int_equal(holdings_now().instances, before.instances);
    OSObject_release(killer);
}

/* A command that somebody else holds as well is completed all the same when its driver dies. */
static void commands_end_with_their_driver(void **state)
{
    struct good good;
    union any message, reply;
    IODMACommand *command;

    (void)state;
    good_start(&good);
    good_request(&good, 8, &message);
    GOOD(driver_send(&one, &message, sizeof(IODMACommand_PrepareForDMA_Msg), &reply,
                     sizeof(IODMACommand_PrepareForDMA_Rpl)));
    command = (IODMACommand *)driver_object(&one, good.command);
    OSObject_retain(command);
    GOOD(IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL));
    task_terminate(one.task);
    assert_int_not_equal(IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL),
                         kIOReturnSuccess);
    assert_int_equal(OSObject_getRetainCount(command), 1);
    OSObject_release(command);
    OSObject_release(good.service);
    OSObject_release(good.mapper);
}

int main(void)
{
#define DEVICE_TEST(name) cmocka_unit_test_setup_teardown(name, start_with_device, stop_with_device)
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(calls_are_answered),
        DRIVER_TEST(messages_are_answered),
        DEVICE_TEST(waits_end_with_an_interrupt_or_their_time),
        DEVICE_TEST(an_interrupt_may_be_there_already),
        DEVICE_TEST(waits_for_what_does_not_come_are_refused),
        DEVICE_TEST(the_first_deadline_ends_a_sleep),
        DEVICE_TEST(what_comes_just_before_a_sleep_ends_it),
        DEVICE_TEST(devices_are_given_as_a_whole),
        DEVICE_TEST(tasks_may_die_under_their_drivers),
        DRIVER_TEST(maps_end_with_their_memory),
        DRIVER_TEST(tasks_may_die_in_their_messages),
        DRIVER_TEST(commands_end_with_their_driver),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
