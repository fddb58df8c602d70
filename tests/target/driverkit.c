/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 el3 max ram64m smmu
/* Driver processes at EL0: what they can do, and that nothing they do harms anybody else. */
#include <string.h>

#include "kernel/task.h"
#include "kernel/vm_map.h"
#include "tests/lib/portable/driverkit_calls.h"
#include "tests/lib/portable/test_mapper.h"
#include "tests/target/driver_fixture.h"

DRIVER_IMAGE(methods);
DRIVER_IMAGE(proxies);

/* A driver of its own for one misbehaviour, and then another one that works as if nothing had been.
 */
static IODriverStatus misbehave(enum misbehaviour mode, uint64_t word)
{
    /* Its time runs by the host's: enough on a busy one, but for what is to run out of it. */
    const IODriverOptions options = {.nanoseconds = mode == LOOPS ? 50000000 : LONG,
                                     .limits = {.handles = 100, .bufferBytes = 64 * PAGE_SIZE}};
    struct fixture f, after;
    IODriverStatus status;

    set_up(&f, &options);
    status = run(&f, mode, word);
    set_up(&after, NULL);
    EXPECT_EQ(run(&after, BEHAVES, 42).exitStatus, 42);
    EXPECT_EQ(status_of(&after).state, kIODriverExited);
    tear_down(&after);
    EXPECT_EQ(IODriver_getTask(f.driver), NULL);
    EXPECT_EQ(status.usage.handles, 0);
    tear_down(&f);
    return status;
}

static uint8_t pattern(uint64_t index)
{
    return (uint8_t)(index * 7 + (index >> 12) * 31);
}

/* tests/drivers/methods.c, at EL0, with a buffer of 3 pages and 5 bytes and a device. */
TEST(dk_1_2_3_5_every_method_from_el0)
{
    const uint64_t length = 3 * PAGE_SIZE + 5;
    IOService *service = IOService_withReader("device", NULL, NULL);
    struct test_mapper *mapper = test_mapper_new(0x40);
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
        kIODirectionOutIn | kIOMemoryKernelUserShared, length, PAGE_SIZE);
    uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    IODriverStatus status;
    IODriver *driver;
    unsigned wrong = 0;

    for (uint64_t i = 0; i < length; i++) {
        bytes[i] = pattern(i);
    }
    ASSERT_EQ(IOService_setObject(service, "iommu-parent", &mapper->super), kIOReturnSuccess);
    ASSERT_EQ(IODriver_create(DRIVER_PROGRAM(methods), NULL, &driver), kIOReturnSuccess);
    ASSERT_EQ(IODriver_give(driver, buffer), kIOReturnSuccess);
    ASSERT_EQ(IODriver_give(driver, service), kIOReturnSuccess);
    EXPECT_EQ(IODriver_runAll(LONG), kIOReturnSuccess);
    IODriver_getStatus(driver, &status);
    EXPECT_EQ(status.state, kIODriverExited);
    EXPECT_EQ(status.exitStatus, 0);
    EXPECT_EQ(status.savedProgram & 0xf, 0); /* EL0, by the processor's own word */
    EXPECT_GT(status.usage.messages, 50);
    EXPECT_EQ(status.usage.handles, 0);
    EXPECT_EQ(status.usage.bufferBytes, 0);
    for (uint64_t i = 0; i < length; i++) {
        wrong += (uint8_t)(bytes[i] ^ pattern(i)) != 0xff;
    }
    EXPECT_EQ(wrong, 0);
    IODriver_release(driver);
    OSObject_release(buffer);
    OSObject_release(service);
    OSObject_release(&mapper->super);
}

/* tests/drivers/proxies.c: all that it may have is given back again and again. */
TEST(what_a_driver_has_of_its_own)
{
    const IODriverOptions options = {.limits = {.handles = 110, .maps = 12}};
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, PAGE_SIZE, PAGE_SIZE);
    IODriverStatus status;
    IODriver *driver;

    ASSERT_EQ(IODriver_create(DRIVER_PROGRAM(proxies), &options, &driver), kIOReturnSuccess);
    for (unsigned i = 0; i < kIODriverObjectsMost; i++) {
        ASSERT_EQ(IODriver_give(driver, buffer), kIOReturnSuccess);
    }
    EXPECT_EQ(IODriver_runAll(LONG), kIOReturnSuccess);
    IODriver_getStatus(driver, &status);
    EXPECT_EQ(status.state, kIODriverExited);
    EXPECT_EQ(status.exitStatus, 77);
    EXPECT_EQ(status.bytesWritten, 5000);
    EXPECT_EQ(status.usage.handles, 0);
    IODriver_release(driver);
    OSObject_release(buffer);
}

TEST(a_driver_that_faults_ends_alone)
{
    static uint64_t secret = 77;

    EXPECT_EQ(misbehave(READS_NULL, 0).state, kIODriverFaulted);
    EXPECT_EQ(misbehave(READS_KERNEL, (uint64_t)&secret).address, (uint64_t)&secret);
    EXPECT_EQ(misbehave(WRITES_TEXT, 0).state, kIODriverFaulted);
    EXPECT_EQ(misbehave(RUNS_STACK, 0).state, kIODriverFaulted);
    EXPECT_EQ(misbehave(OVERFLOWS_STACK, 0).state, kIODriverFaulted);
    EXPECT_EQ(misbehave(IS_PRIVILEGED, 0).state, kIODriverFaulted);
    EXPECT_EQ(secret, 77);
}

/* By its own library, which says what was wrong. */
TEST(a_driver_that_is_fatal_to_itself_ends_alone)
{
    const IODriverStatus status = misbehave(IS_FATAL, 0);

    EXPECT_EQ(status.state, kIODriverExited);
    EXPECT_EQ(status.exitStatus, kIOReturnInternalError);
}

TEST(a_driver_that_loops_is_ended)
{
    EXPECT_EQ(misbehave(LOOPS, 0).state, kIODriverLooped);
}

TEST(calls_that_are_none_are_refused)
{
    const IODriverStatus status = misbehave(CALLS_UNKNOWN, 0);

    EXPECT_EQ(status.state, kIODriverExited);
    EXPECT_EQ(status.exitStatus, 7);
}

TEST(a_driver_has_what_it_may_and_no_more)
{
    EXPECT_EQ(misbehave(FLOODS_HANDLES, 0).exitStatus, 8);
}

/* A bounded share of what tests/host/machine/driver_hostile_test.c does a million times. */
TEST(dk_6_random_messages_from_el0)
{
    EXPECT_EQ(misbehave(SENDS_RANDOM, 3000).exitStatus, 9);
}

TEST(a_released_mapping_is_gone)
{
    const IODriverStatus status = misbehave(TOUCHES_RELEASED, 0x70000000);

    EXPECT_EQ(status.state, kIODriverFaulted);
    EXPECT_EQ(status.address, 0x70000010);
}

/* One floods, one loops, one waits for ever: the fourth comes to its end. */
TEST(drivers_have_their_turns)
{
    const IODriverOptions short_turns = {.nanoseconds = 20000000};
    struct fixture floods, loops, waits, counts;
    IODriverStatus status;

    set_up(&floods, NULL);
    set_up(&loops, &short_turns);
    set_up(&waits, NULL);
    set_up(&counts, NULL);
    floods.words[0] = FLOODS_MESSAGES;
    loops.words[0] = LOOPS;
    waits.words[0] = WAITS_FOR_EVER;
    counts.words[0] = COUNTS_TURNS;
    counts.words[1] = 200;
    while (status_of(&counts).state == kIODriverRuns) {
        ASSERT_EQ(IODriver_runAll(1000000), kIOReturnTimeout);
    }
    EXPECT_EQ(counts.words[2], 200);
    EXPECT_GE(floods.words[2], 190); /* no more turns than others, and no fewer */
    EXPECT_LE(floods.words[2], 260);
    EXPECT_EQ(status_of(&loops).state, kIODriverLooped);
    EXPECT_EQ(status_of(&waits).state, kIODriverRuns);
    IODriver_kill(floods.driver);
    status = status_of(&floods);
    EXPECT_EQ(status.state, kIODriverKilled);
    EXPECT_FALSE(IODriver_turn(floods.driver));
    IODriver_kill(waits.driver);
    EXPECT_EQ(IODriver_runAll(LONG), kIOReturnSuccess);
    tear_down(&floods);
    tear_down(&loops);
    tear_down(&waits);
    tear_down(&counts);
}

/* Three drivers take turns in the middle of everything, all of them with one buffer in common. */
TEST(dk_11_drivers_change_between_messages_and_lose_nothing)
{
    struct fixture f[3];

    for (unsigned i = 0; i < 3; i++) {
        set_up(&f[i], NULL);
        ASSERT_EQ(IODriver_give(f[i].driver, f[0].buffer), kIOReturnSuccess);
        f[i].words[0] = CHURNS;
        f[i].words[1] = 30;
        f[i].words[2] = i + 1;
    }
    EXPECT_EQ(IODriver_runAll(LONG), kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(status_of(&f[i]).exitStatus, 6);
        EXPECT_EQ(status_of(&f[i]).usage.bufferBytes, 0);
        EXPECT_EQ(status_of(&f[i]).usage.refused, 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        tear_down(&f[i]);
    }
}

/* What one driver only reads, another has made; the descriptor came by task_grant. */
TEST(dk_4_a_second_driver_cannot_store_to_what_it_may_read)
{
    IOBufferMemoryDescriptor *outgoing;
    struct fixture f;
    IODriverStatus status;

    ASSERT_EQ(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionOut, PAGE_SIZE, 0, &outgoing),
              kIOReturnSuccess);
    memset(IOBufferMemoryDescriptor_getBytesNoCopy(outgoing), 55, PAGE_SIZE);
    set_up(&f, NULL);
    ASSERT_EQ(IODriver_give(f.driver, outgoing), kIOReturnSuccess);
    status = run(&f, WRITES_GIVEN, 0);
    EXPECT_EQ(status.state, kIODriverFaulted);
    EXPECT_EQ(f.words[2], 55);
    EXPECT_EQ(*(uint8_t *)IOBufferMemoryDescriptor_getBytesNoCopy(outgoing), 55);
    tear_down(&f);
    OSObject_release(outgoing);
}

/* What lies beside a descriptor's bytes in their pages is the kernel's. */
TEST(r_4_pages_with_bytes_of_others_are_not_shown)
{
    static uint8_t mixed[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    IOService *service = IOService_withReader("device", NULL, NULL);
    struct test_mapper *mapper = test_mapper_new(0x40);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
        (uint64_t)mixed, PAGE_SIZE + 1, kIODirectionOutIn, kernel_task);
    struct fixture f;

    ASSERT_EQ(IOService_setObject(service, "iommu-parent", &mapper->super), kIOReturnSuccess);
    ASSERT_NE(memory, NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    set_up(&f, NULL);
    ASSERT_EQ(IODriver_give(f.driver, memory), kIOReturnSuccess);
    ASSERT_EQ(IODriver_give(f.driver, service), kIOReturnSuccess);
    EXPECT_EQ(run(&f, WANTS_NEIGHBOURS, 0).exitStatus, 10);
    EXPECT_EQ(mapper->entries, 0);
    tear_down(&f);
    EXPECT_EQ(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
    OSObject_release(service);
    OSObject_release(&mapper->super);
}

/* The stubs here, for the same task: the same answers. */
TEST(dk_10_stubs_in_the_kernel_answer_the_same)
{
    IOService *service = IOService_withReader("device", NULL, NULL);
    struct fixture f;

    set_up(&f, NULL);
    EXPECT_EQ(driverkit_calls(IODriver_getTask(f.driver), service), 0); /* or the line */
    EXPECT_EQ(status_of(&f).usage.bufferBytes, 0);
    tear_down(&f);
    OSObject_release(service);
}

/* Programs that are none: each a copy with one number changed. */
TEST(programs_that_are_none_are_refused)
{
    static const struct {
        unsigned offset;
        uint64_t value;
        unsigned size;
    } damage[] = {
        {0, 0, 1},
        {4, 1, 1},
        {5, 2, 1},
        {16, 3, 2},
        {18, 62, 2},
        {24, 0, 8},
        {24, 2, 8},
        {32, UINT64_MAX, 8},
        {54, 55, 2},
        {56, 0, 2},
        {56, 0xffff, 2},
        {64 + 4, 7, 4},
        {64 + 4, 0, 4},
        {64 + 8, UINT64_MAX, 8},
        {64 + 16, 1, 8},
        {64 + 16, 0xffff000000000000, 8},
        {64 + 32, UINT64_MAX, 8},
        {64 + 40, 0, 8},
        {64 + 40, UINT64_MAX, 8},
        {64 + 40, 1, 8},
        {64 + 16, 0x7effffff0000, 8},
    };
    const uint64_t size = (uint64_t)(driver_misbehaving_end - driver_misbehaving_begin);
    IOBufferMemoryDescriptor *copy =
        IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, size, PAGE_SIZE);
    uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(copy);
    IODriver *driver;

    for (unsigned i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        memcpy(bytes, driver_misbehaving_begin, size);
        memcpy(bytes + damage[i].offset, &damage[i].value, damage[i].size);
        EXPECT_EQ(IODriver_create(bytes, size, NULL, &driver), kIOReturnBadArgument);
        EXPECT_EQ(driver, NULL);
    }
    for (uint64_t length = 0; length < 64 + 56 * 3; length++) {
        EXPECT_EQ(IODriver_create(driver_misbehaving_begin, length, NULL, &driver),
                  kIOReturnBadArgument);
    }
    EXPECT_EQ(IODriver_create(NULL, size, NULL, &driver), kIOReturnBadArgument);
    EXPECT_EQ(IODriver_create(bytes, size, NULL, NULL), kIOReturnBadArgument);
    EXPECT_EQ(IODriver_create(driver_misbehaving_begin, size,
                              &(IODriverOptions){.stackBytes = UINT64_MAX}, &driver),
              kIOReturnBadArgument);
    OSObject_release(copy);
}

/* Nothing that a driver has is both writable and executable, and its stack lies between guards. */
TEST(no_page_of_a_driver_is_writable_and_executable)
{
    struct fixture f;
    unsigned executable = 0, guards = 0;
    uint64_t size;

    set_up(&f, NULL);
    for (vaddr_t at = 0x10000000; at < 0x10100000; at += PAGE_SIZE) {
        struct vm_range range;

        if (vm_map_lookup(task_map(IODriver_getTask(f.driver)), at, &range, &size) ==
            KERN_SUCCESS) {
            EXPECT_FALSE((range.max_access & (MMU_WRITE | MMU_EXECUTE)) ==
                         (MMU_WRITE | MMU_EXECUTE));
            executable += (range.access & MMU_EXECUTE) != 0;
        }
    }
    EXPECT_GT(executable, 0);
    for (int64_t step = -2; step <= 0; step++) {
        struct vm_range range;

        EXPECT_EQ(vm_map_lookup(task_map(IODriver_getTask(f.driver)),
                                (vaddr_t)(0x7f0000000000 + step * 0x10000), &range, &size),
                  KERN_SUCCESS);
        EXPECT_EQ(size, 0x10000);
        guards += range.object == NULL;
    }
    EXPECT_EQ(guards, 2);
    EXPECT_EQ(run(&f, BEHAVES, 0).state, kIODriverExited);
    tear_down(&f);
}
