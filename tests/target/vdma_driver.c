/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * vdma in the hands of a driver at EL0: it works, its death ends its transfers before its memory
 * goes, and it reaches nothing but what its commands have prepared.
 */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODriver.h"
#include "drivers/vdma/vdma.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "kernel/inject.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/drivers/copy_job.h"
#include "tests/harness/harness.h"
#include "tests/lib/drivers.h"

DRIVER_IMAGE(vdma);
DRIVER_IMAGE(vdma_hostile);

#define BYTES   0x4000ull /* of source and target */
#define LONG    60000000000ull
#define SECTORS 4
#define CANARY  0xc5ull

VDMA_MONITOR(SECTORS);

/* What a driver process is lent once is mapped for good: before any test looks at what is held. */
static void use_it(void)
{
    IODriver *driver;

    if (vdma_present() &&
        IODriver_create(DRIVER_PROGRAM(vdma), NULL, &driver) == kIOReturnSuccess) {
        vdma_lend(driver);
        IODriver_release(driver);
    }
}

INITIALISER(INIT_CLASS, use_it);

/* --- A driver with its device and its memory ---------------------------------------------------
 */

struct fixture {
    IODriver *driver;
    IOBufferMemoryDescriptor *words, *source, *target;
    struct copy_job *job;
    uint8_t *from, *to;
    uint64_t limit; /* nanoseconds of a turn; 0: the default */
};

/* Limits that a loan can have. */
static void set_limits(uint64_t latency)
{
    const struct vdma_limits limits = {
        .transfer_max = 1 << 20, .latency = latency, .table_entries = 4096};
    const uint64_t custom[2] = {VDMA_CUSTOM, 0};

    EXPECT_EQ(vdma_control(VDMA_SET_LIMITS, custom, &limits, sizeof(limits), NULL, 0, NULL),
              kIOReturnSuccess);
}

static IOBufferMemoryDescriptor *buffer_of(uint64_t bytes)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
        kIODirectionOutIn | kIOMemoryKernelUserShared | kIOMemoryThreadSafe, bytes, PAGE_SIZE);

    ASSERT_NE(buffer, NULL);
    return buffer;
}

static void make_memory(struct fixture *f)
{
    f->words = buffer_of(PAGE_SIZE);
    f->source = buffer_of(BYTES);
    f->target = buffer_of(BYTES);
    f->job = IOBufferMemoryDescriptor_getBytesNoCopy(f->words);
    f->from = IOBufferMemoryDescriptor_getBytesNoCopy(f->source);
    f->to = IOBufferMemoryDescriptor_getBytesNoCopy(f->target);
}

static void drop_memory(struct fixture *f)
{
    OSObject_release(f->words);
    OSObject_release(f->source);
    OSObject_release(f->target);
}

/* A process with all of it; the device may go to nobody else until it ends. */
static IOReturn start(struct fixture *f, const uint8_t *program, uint64_t size)
{
    const IODriverOptions options = {.nanoseconds = f->limit};
    IOReturn status;

    ASSERT_EQ(IODriver_create(program, size, &options, &f->driver), kIOReturnSuccess);
    ASSERT_EQ(IODriver_give(f->driver, f->words), kIOReturnSuccess);
    ASSERT_EQ(IODriver_give(f->driver, f->source), kIOReturnSuccess);
    ASSERT_EQ(IODriver_give(f->driver, f->target), kIOReturnSuccess);
    status = vdma_lend(f->driver);
    if (status != kIOReturnSuccess) {
        IODriver_release(f->driver);
        f->driver = NULL;
    }
    return status;
}

static uint8_t pattern(uint64_t index)
{
    return (uint8_t)(index * 7 + (index >> 12) * 31);
}

/* The device is the kernel's, and works. */
static void expect_at_home(struct fixture *f)
{
    struct vdma_job job = {
        .type = VDMA_CHECKSUM, .source = (IOMemoryDescriptor *)f->source, .length = BYTES};

    EXPECT_EQ(vdma_perform(&job), kIOReturnSuccess);
    EXPECT_EQ(job.moved, BYTES);
}

/* --- Work --------------------------------------------------------------------------------------
 */

TEST(a_driver_at_el0_reads_copies_and_checks)
{
    struct fixture f = {0};
    IODriverStatus status;
    unsigned wrong = 0;

    if (!vdma_present()) {
        return; /* entered at EL1 there is none */
    }
    set_limits(0);
    make_memory(&f);
    for (uint64_t i = 0; i < BYTES; i++) {
        f.from[i] = pattern(i);
    }
    *f.job = (struct copy_job){.length = BYTES, .part = 0x1800, .sectors = SECTORS};
    ASSERT_EQ(start(&f, DRIVER_PROGRAM(vdma)), kIOReturnSuccess);
    EXPECT_EQ(IODriver_runAll(LONG), kIOReturnSuccess);
    IODriver_getStatus(f.driver, &status);
    EXPECT_EQ(status.state, kIODriverExited);
    EXPECT_EQ(status.exitStatus, 0);
    EXPECT_EQ(status.savedProgram & 0xf, 0); /* EL0, by the processor's own word */
    EXPECT_EQ(status.usage.refused, 0);
    EXPECT_EQ(f.job->copied, BYTES);
    EXPECT_GE(f.job->requests, 1 + 3 * (BYTES / 0x1800));
    for (uint64_t i = 0; i < BYTES; i++) {
        /* The disk is zeros, and was read to where the source begins. */
        wrong += f.to[i] != (i < SECTORS * 512 ? 0 : pattern(i));
    }
    EXPECT_EQ(wrong, 0);
    IODriver_release(f.driver);
    expect_at_home(&f);
    drop_memory(&f);
}

TEST(while_it_is_lent_it_is_nobody_elses)
{
    struct vdma_capabilities can;
    struct fixture f = {0}, other = {0};

    if (!vdma_present()) {
        EXPECT_EQ(vdma_lend(NULL), kIOReturnBadArgument);
        return;
    }
    make_memory(&f);
    make_memory(&other);
    EXPECT_EQ(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
    EXPECT_EQ(start(&f, DRIVER_PROGRAM(vdma)), kIOReturnUnsupported); /* it has no table */
    EXPECT_EQ(vdma_set_profile(VDMA_PROFILE_NARROW28), kIOReturnSuccess);
    EXPECT_EQ(start(&f, DRIVER_PROGRAM(vdma)), kIOReturnUnsupported); /* nor a longest transfer */
    set_limits(0);
    *f.job = (struct copy_job){.length = BYTES, .part = 4096, .forever = 1};
    ASSERT_EQ(start(&f, DRIVER_PROGRAM(vdma)), kIOReturnSuccess);
    EXPECT_EQ(start(&other, DRIVER_PROGRAM(vdma)), kIOReturnBusy);
    EXPECT_EQ(vdma_control(VDMA_CAPABILITIES, NULL, NULL, 0, &can, sizeof(can), NULL),
              kIOReturnBusy);
    EXPECT_EQ(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnBusy);
    EXPECT_EQ(vdma_use_table(true), kIOReturnBusy);
    EXPECT_EQ(vdma_reset(), kIOReturnBusy);
    EXPECT_EQ(vdma_poll(), 0);
    while (f.job->copied < 2 * BYTES) {
        IODriver_turn(f.driver);
    }
    IODriver_release(f.driver);
    EXPECT_EQ(vdma_lend(NULL), kIOReturnBadArgument);
    expect_at_home(&f);
    EXPECT_EQ(vdma_use_table(true), kIOReturnSuccess);
    EXPECT_EQ(vdma_use_table(false), kIOReturnSuccess);
    drop_memory(&other);
    drop_memory(&f);
}

/* --- Death -------------------------------------------------------------------------------------
 */

#define DEATHS 500 /* on each of two machines */
#define TARGETS                                                                                    \
    8           /* in turn: each is looked at when it comes again, long after its request's time */
#define PAGES 4 /* of what the dead have had, or others */

struct grave {
    struct fixture f;
    paddr_t pages[PAGES];
    bool filled;
};

static bool is_canary(const uint8_t *bytes, uint64_t length)
{
    const uint64_t *const words = (const uint64_t *)bytes; /* whole pages */
    uint64_t other = 0;

    for (uint64_t i = 0; i < length / sizeof(*words); i++) {
        other |= words[i] ^ CANARY * 0x0101010101010101;
    }
    return other == 0;
}

/* What may not be written any more. */
static void fill(struct grave *grave)
{
    memset(grave->f.to, CANARY, BYTES);
    for (unsigned i = 0; i < PAGES; i++) {
        ASSERT_EQ(page_alloc(0, PAGE_OWNER_IMAGE, &grave->pages[i]), KERN_SUCCESS);
        memset(phys_to_virt(grave->pages[i]), CANARY, PAGE_SIZE);
    }
    grave->filled = true;
}

static void look(struct grave *grave)
{
    bool intact = grave->filled && is_canary(grave->f.to, BYTES);

    if (!grave->filled) {
        return;
    }
    for (unsigned i = 0; i < PAGES; i++) {
        intact = intact && is_canary(phys_to_virt(grave->pages[i]), PAGE_SIZE);
        EXPECT_EQ(page_free(grave->pages[i], 0), KERN_SUCCESS);
    }
    EXPECT_TRUE(intact);
    grave->filled = false;
}

/* Requests that resets have ended since the last time. */
static uint64_t ended_by_reset(void)
{
    struct vdma_record records[VDMA_CONTROL_MAX / sizeof(struct vdma_record)];
    const unsigned most = sizeof(records) / sizeof(records[0]);
    struct vdma_status status = {.value = most};
    uint64_t ended = 0;

    while (status.value == most) {
        ASSERT_EQ(vdma_control(VDMA_READ_LOG, NULL, NULL, 0, records, sizeof(records), &status),
                  kIOReturnSuccess);
        for (unsigned i = 0; i < status.value; i++) {
            ended += records[i].event == VDMA_EVENT_RESET ? records[i].value : 0;
        }
    }
    return ended;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/*
 * At any of its turns, with the device at work for it as a rule: at once, in a while, or in so long
 * a time that nothing ever comes of it. No byte is written afterwards, where it had memory or where
 * others have it now.
 */
#ifdef DEBUG /* in others nothing can be made to fail */

/* The n-th request for memory of a loan fails, each once: then the device is at home. */
TEST(a_loan_without_memory_is_none)
{
    struct fixture f = {0};
    struct inject_report report;
    unsigned refused = 0;
    uint64_t nth = 0;

    if (!vdma_present()) {
        return;
    }
    make_memory(&f);
    set_limits(0);
    do {
        IOReturn status;

        ASSERT_EQ(IODriver_create(DRIVER_PROGRAM(vdma), NULL, &f.driver), kIOReturnSuccess);
        inject_begin(++nth);
        status = vdma_lend(f.driver);
        inject_end(&report);
        if (status != kIOReturnSuccess) {
            EXPECT_TRUE(status == kIOReturnNoMemory || status == kIOReturnNoResources);
            EXPECT_TRUE(report.failed);
            refused++;
            expect_at_home(&f);
        } else {
            EXPECT_EQ(vdma_reset(), kIOReturnBusy);
        }
        IODriver_release(f.driver);
        expect_at_home(&f);
    } while (report.failed);
    TEST_NOTE("%llu requests, of which %u refuse it", (unsigned long long)nth, refused);
    EXPECT_GE(refused, 4);
    drop_memory(&f);
}

#endif

static void lend_in_a_handler(void *status)
{
    *(IOReturn *)status = vdma_lend((IODriver *)status); /* it is not looked at */
}

/* What lends waits, which no handler may. */
TEST(a_handler_lends_nothing)
{
    IOReturn status = kIOReturnSuccess;
    struct timer timer = {.callback = lend_in_a_handler, .context = &status};

    timer_start(&timer, 0);
    timer_delay(1000000);
    EXPECT_EQ(status, vdma_present() ? kIOReturnNotPermitted : kIOReturnNoDevice);
}

TEST(a_thousand_drivers_die_with_dma_in_flight)
{
    static const uint64_t latencies[] = {0, 20000, 125000, 1ull << 36};
    static struct grave graves[TARGETS];
    uint32_t random = 14;
    uint64_t in_flight = 0;

    if (!vdma_present()) {
        return;
    }
    for (unsigned i = 0; i < TARGETS; i++) {
        make_memory(&graves[i].f);
    }
    for (unsigned round = 0; round < DEATHS; round++) {
        struct grave *const grave = &graves[round % TARGETS];
        const unsigned turns = next_random(&random) % 60;
        IODriverStatus status;

        look(grave);
        set_limits(latencies[next_random(&random) % 4]);
        *grave->f.job = (struct copy_job){.length = BYTES, .part = 0x1000, .forever = 1};
        ASSERT_EQ(start(&grave->f, DRIVER_PROGRAM(vdma)), kIOReturnSuccess);
        for (unsigned i = 0; i < turns; i++) {
            IODriver_turn(grave->f.driver);
        }
        if (round % 2 == 0) {
            IODriver_kill(grave->f.driver);
        } else {
            task_terminate(IODriver_getTask(grave->f.driver));
            EXPECT_FALSE(IODriver_turn(grave->f.driver));
        }
        fill(grave);
        IODriver_getStatus(grave->f.driver, &status);
        EXPECT_EQ(status.state, kIODriverKilled);
        EXPECT_EQ(status.usage.handles, 0);
        EXPECT_EQ(status.usage.bufferBytes, 0);
        IODriver_release(grave->f.driver);
        if (round % 4 == 3) { /* the log has room for as many */
            in_flight += ended_by_reset();
        }
    }
    TEST_NOTE("%llu requests were the device's at a death", (unsigned long long)in_flight);
    EXPECT_GT(in_flight, 100);
    timer_delay(5000000); /* beyond the time of the last that could still come */
    for (unsigned i = 0; i < TARGETS; i++) {
        look(&graves[i]);
        drop_memory(&graves[i].f);
    }
}

/* It ends by itself, with the device at work for it. */
TEST(a_driver_ends_in_any_way_with_dma_in_flight)
{
    static const unsigned states[] = {0, kIODriverFaulted, kIODriverLooped, kIODriverExited};
    static const uint64_t latencies[] = {30000, 1ull << 36};
    static struct grave grave;

    if (!vdma_present()) {
        return;
    }
    make_memory(&grave.f);
    ended_by_reset();
    for (unsigned how = 1; how <= 3; how++) {
        const unsigned rounds = how == 2 ? 2 : 10; /* a loop takes its time */

        grave.f.limit = how == 2 ? 200000000 : 0;
        for (unsigned round = 0; round < rounds; round++) {
            IODriverStatus status;

            set_limits(latencies[round % 2]);
            *grave.f.job = (struct copy_job){.forever = how, .sectors = 7};
            ASSERT_EQ(start(&grave.f, DRIVER_PROGRAM(vdma_hostile)), kIOReturnSuccess);
            EXPECT_EQ(IODriver_runAll(LONG), kIOReturnSuccess);
            fill(&grave);
            IODriver_getStatus(grave.f.driver, &status);
            EXPECT_EQ(status.state, states[how]);
            IODriver_release(grave.f.driver);
            if (round % 2 != 0 && how != 2) {
                EXPECT_EQ(ended_by_reset(), 1);
            } else {
                ended_by_reset(); /* it may have come just in time */
                timer_delay(1000000);
            }
            look(&grave);
            set_limits(0);
            expect_at_home(&grave.f);
        }
    }
    drop_memory(&grave.f);
}

/* --- Malice ------------------------------------------------------------------------------------
 */

#define LIVES 60

/*
 * It says to the device whatever comes to its mind: memory of the kernel's as data, lists, headers,
 * status and rings, requests that are the kernel's, registers that are.
 */
TEST(a_hostile_driver_reaches_nothing)
{
    static uint8_t secret[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    unsigned failed = 0;
    struct fixture f = {0};
    uint64_t requests = 0;

    if (!vdma_present()) {
        return;
    }
    make_memory(&f);
    memset(f.from, CANARY, BYTES);
    memset(f.to, CANARY, BYTES);
    for (unsigned life = 0; life < LIVES; life++) {
        IODriverStatus status;

        set_limits(life % 3 == 0 ? 2000 : 0);
        memset(secret, CANARY, sizeof(secret));
        *f.job = (struct copy_job){
            .length = 200, .part = virt_to_phys(secret).value, .sectors = life + 1};
        ASSERT_EQ(start(&f, DRIVER_PROGRAM(vdma_hostile)), kIOReturnSuccess);
        EXPECT_EQ(IODriver_runAll(LONG), kIOReturnSuccess);
        IODriver_getStatus(f.driver, &status);
        EXPECT_EQ(status.state, kIODriverExited);
        EXPECT_TRUE(status.exitStatus == 0 || status.exitStatus == 1);
        failed += status.exitStatus == 1;
        requests += f.job->requests;
        IODriver_release(f.driver);
        EXPECT_TRUE(is_canary(secret, sizeof(secret)));
        EXPECT_TRUE(is_canary(f.from, BYTES)); /* what it has not prepared */
        EXPECT_TRUE(is_canary(f.to, BYTES));
        expect_at_home(&f);
    }
    TEST_NOTE("%llu requests, %u devices that needed a reset", (unsigned long long)requests,
              failed);
    EXPECT_GT(requests, 1000);
    EXPECT_GT(failed, 10);
    drop_memory(&f);
}
