/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max
// BUILDS: default:gcc-release smmu:clang-release el2v3:gcc-debug-monitored
/*
 * Driver processes that were given a device: its registers, its interrupt and its mapper, and that
 * it stops and lets go of everything when they end, however they end.
 */
#include <string.h>

#include "descriptors/IODeviceMemory.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "tests/lib/portable/test_mapper.h"
#include "tests/target/driver_fixture.h"

DRIVER_IMAGE(clock);

struct device {
    IODriverDevice device;
    struct test_mapper *mapper;
    unsigned stops;
    uint64_t mapped; /* pages that it reached when it was stopped */
    bool refuses;
};

static bool stop(void *context)
{
    struct device *device = context;

    device->stops++;
    device->mapped = device->mapper->entries;
    return !device->refuses;
}

static void make_device(struct device *device, int line)
{
    memset(device, 0, sizeof(*device));
    device->mapper = test_mapper_new(0x40);
    device->device = (IODriverDevice){.service = IOService_withReader("device", NULL, NULL),
                                      .interrupt = line,
                                      .stop = stop,
                                      .context = device};
    ASSERT_EQ(IOService_setObject(device->device.service, "iommu-parent", &device->mapper->super),
              kIOReturnSuccess);
}

static void drop_device(struct device *device)
{
    OSObject_release(device->device.service);
    OSObject_release(&device->mapper->super);
}

#define TURNS_MAX 23 /* before a driver dies, below */

/*
 * Hundreds of deaths, most of them while a command is prepared: the device is stopped while its
 * pages are still there, then they go. Each way to die after each number of turns comes seven
 * times.
 */
TEST(dk_9_a_driver_dies_with_a_transfer_under_way)
{
    struct device device;
    unsigned reached = 0;

    make_device(&device, -1);
    for (unsigned round = 0; round < 7 * 2 * TURNS_MAX; round++) {
        const unsigned turns = round * 7 % TURNS_MAX;
        struct fixture f;

        set_up(&f, NULL);
        ASSERT_EQ(IODriver_giveDevice(f.driver, &device.device), kIOReturnSuccess);
        f.words[0] = HOLDS_AND_LOOPS;
        for (unsigned i = 0; i < turns; i++) {
            IODriver_turn(f.driver);
        }
        if (round % 2 == 0) {
            IODriver_kill(f.driver);
        } else {
            task_terminate(IODriver_getTask(f.driver)); /* by somebody else */
            EXPECT_FALSE(IODriver_turn(f.driver));
        }
        EXPECT_EQ(status_of(&f).state, kIODriverKilled);
        EXPECT_EQ(device.stops, round + 1);
        EXPECT_EQ(device.mapper->entries, 0);
        EXPECT_EQ(status_of(&f).usage.bufferBytes, 0);
        EXPECT_TRUE(device.mapped == 0 || device.mapped == 3);
        reached += device.mapped == 3;
        tear_down(&f);
    }
    EXPECT_GT(reached, 2 * TURNS_MAX);
    drop_device(&device);
}

/* A device without a mapper in front would reach all memory. */
TEST(devices_without_a_mapper_are_not_given)
{
    IODriverDevice device = {
        .service = IOService_withReader("bare", NULL, NULL), .interrupt = -1, .stop = stop};
    struct fixture f;

    set_up(&f, NULL);
    EXPECT_EQ(IODriver_giveDevice(f.driver, &device), kIOReturnNotPermitted);
    EXPECT_EQ(IODriver_giveDevice(f.driver, NULL), kIOReturnBadArgument);
    EXPECT_EQ(IODriver_giveDevice(NULL, &device), kIOReturnBadArgument);
    EXPECT_EQ(run(&f, BEHAVES, 1).exitStatus, 1);
    EXPECT_EQ(IODriver_give(f.driver, f.buffer), kIOReturnBusy);
    tear_down(&f);
    OSObject_release(device.service);
}

/* Waiting for time alone, and for an interrupt that does not come. */
TEST(waits_end_when_their_time_is_over)
{
    struct device device;
    struct fixture f, other;
    const uint64_t before = timer_now();

    make_device(&device, 32 + 100); /* a line that nobody raises */
    set_up(&f, NULL);
    ASSERT_EQ(IODriver_giveDevice(f.driver, &device.device), kIOReturnSuccess);
    EXPECT_EQ(IODriver_giveDevice(f.driver, &device.device), kIOReturnBusy);
    set_up(&other, NULL); /* whose line has a handler: what was given with it is taken back */
    EXPECT_EQ(IODriver_giveDevice(other.driver, &device.device), kIOReturnBusy);
    EXPECT_EQ(status_of(&other).usage.handles, 1);
    EXPECT_EQ(IODriver_give(other.driver, device.device.service), kIOReturnSuccess);
    tear_down(&other);
    EXPECT_EQ(run(&f, WAITS_FOR_DEVICE, 3000000).exitStatus, 0);
    EXPECT_EQ((int32_t)f.words[3], kIOReturnTimeout);
    EXPECT_GE(timer_now() - before, 3000000);
    EXPECT_EQ(device.stops, 1);
    tear_down(&f);
    drop_device(&device);
}

/*
 * A whole driver at EL0: the clock's registers, mapped for it alone, and its interrupt. What it has
 * no mapping of stays out of its reach: half a page of them is not shown.
 */
TEST(a_driver_works_with_registers_and_interrupts)
{
    const uint64_t registers = 0x9010000; /* of the machine's PL031; its line is SPI 2 */
    IODeviceMemory *page = IODeviceMemory_withRange(registers, PAGE_SIZE);
    struct device device;
    struct fixture f;
    IODriver *driver;
    IODriverStatus status;

    make_device(&device, 32 + 2);
    device.device.registers = page;
    set_up(&f, NULL); /* for its buffer */
    ASSERT_EQ(IODriver_create(DRIVER_PROGRAM(clock), NULL, &driver), kIOReturnSuccess);
    ASSERT_EQ(IODriver_give(driver, f.buffer), kIOReturnSuccess);
    ASSERT_EQ(IODriver_giveDevice(driver, &device.device), kIOReturnSuccess);
    IODriver_kill(f.driver);
    EXPECT_EQ(IODriver_runAll(100000000000ull), kIOReturnSuccess);
    IODriver_getStatus(driver, &status);
    EXPECT_EQ(status.state, kIODriverExited);
    EXPECT_EQ(status.exitStatus, 5);
    EXPECT_GT(f.words[1], f.words[0]);
    EXPECT_EQ(device.stops, 1);
    IODriver_release(driver);
    tear_down(&f);
    drop_device(&device);
    OSObject_release(page);
}
