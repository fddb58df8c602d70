/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * vdma misbehaves, by one fault at a time and by scripts with a seed: what its driver can see ends
 * in an error of the driver's manual, what it cannot the test's copies and canaries show, the
 * rest succeeds, and the next transfer is unharmed. What was done to a transfer is taken from the
 * device's own log.
 */
#include <string.h>

#include "drivers/vdma/vdma.h"
#include "kernel/init.h"
#include "kernel/timer.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/target/disk.h"

#define BYTES     9000u
#define FROM      23u /* pieces */
#define TO        17u
#define KINDS     19u
#define EACH      12u
#define MIXTURES  6u
#define TRANSFERS 60u   /* of each mixture */
#define LATE_MAX  2000u /* ticks: 32 us */
#define LATE_NS   200000u
#define TICK_NS   1000000u /* of the test's patience, which has so many: */
#define PATIENCE  6u

#define KIND(name) (1u << VDMA_FAULT_##name)
/* The driver or the test can see them, as the data sheet has it. */
#define SHOWN                                                                                      \
    (KIND(ERROR) | KIND(SHORT) | KIND(CORRUPT) | KIND(WRONG_ID) | KIND(WRONG_LENGTH) |             \
     KIND(DUPLICATE) | KIND(MISSING) | KIND(PAST_END) | KIND(LATE_WRITE) | KIND(AFTER_RESET) |     \
     KIND(NEEDS_RESET))
/* These leave wrong bytes behind a success. */
#define HARMFUL (KIND(CORRUPT) | KIND(PAST_END) | KIND(LATE_WRITE) | KIND(AFTER_RESET))

VDMA_MONITOR(64);

/* What the driver takes at its first use it keeps: before any test looks at what is held. */
static void use_it(void)
{
    vdma_present();
}

INITIALISER(INIT_CLASS, use_it);

static struct scatter from, to;

/* Of one transfer. */
static uint32_t done, shown;
static unsigned faults;
static uint16_t taken; /* its slot */

static struct tally {
    unsigned transfers, injected, by_driver, by_test, harmless, unseen;
} tally;

/* --- What the device says --------------------------------------------------------------------- */

/* False where this one, with its argument, changes nothing that anybody could see. */
static bool can_be_seen(const struct vdma_record *record)
{
    switch (record->rule) {
    case VDMA_FAULT_SHORT:
        return record->value < BYTES;
    case VDMA_FAULT_WRONG_ID:
        return (uint32_t)record->value != taken;
    case VDMA_FAULT_WRONG_LENGTH: /* status and target */
        return (uint32_t)record->value != BYTES + 32;
    default:
        return (SHOWN & 1u << record->rule) != 0;
    }
}

static void look(const struct vdma_record *record)
{
    if (record->event == VDMA_EVENT_TAKEN && record->type == VDMA_COPY) {
        taken = record->slot;
    }
    if (record->event == VDMA_EVENT_FAULT && record->code == 0) {
        done |= 1u << record->rule;
        shown |= can_be_seen(record) ? 1u << record->rule : 0;
        faults++;
    }
}

static void read_log(void)
{
    static struct vdma_record records[VDMA_CONTROL_MAX / sizeof(struct vdma_record)];
    struct vdma_status status;

    done = shown = faults = 0;
    do {
        EXPECT_EQ(vdma_control(VDMA_READ_LOG, NULL, NULL, 0, records, sizeof(records), &status),
                  kIOReturnSuccess);
        for (uint64_t i = 0; i < status.value; i++) {
            look(&records[i]);
        }
    } while (status.value == sizeof(records) / sizeof(records[0]));
}

/* --- One transfer ----------------------------------------------------------------------------- */

/* Ticks, and not a time: of a host that was away for long, only one passes. */
static struct timer watch;
static unsigned ticks;

static void look_after_it(void *unused)
{
    (void)unused;
    timer_start(&watch, TICK_NS);
    if (vdma_poll() == 0 && ++ticks == PATIENCE) {
        ticks = 0;
        vdma_reset();
    }
}

static void make_target(void)
{
    to = disk_memory(TO, BYTES, kIODirectionIn);
}

static void drop_target(void)
{
    EXPECT_EQ(IOMemoryDescriptor_complete(to.memory, kIODirectionNone), kIOReturnSuccess);
    scatter_destroy(&to);
}

static bool is_right(void)
{
    for (uint64_t i = 0; i < BYTES; i++) {
        if (*scatter_at(&to, i) != *scatter_at(&from, i)) {
            return false;
        }
    }
    return true;
}

static bool documented(IOReturn status)
{
    return status == kIOReturnSuccess || status == kIOReturnIOError ||
           status == kIOReturnUnderrun || status == kIOReturnDeviceError ||
           status == kIOReturnAborted;
}

static IOReturn perform(void)
{
    struct vdma_job job = {
        .type = VDMA_COPY, .source = from.memory, .target = to.memory, .length = BYTES};

    watch = (struct timer){.callback = look_after_it};
    ticks = 0;
    timer_start(&watch, TICK_NS);

    const IOReturn status = vdma_perform(&job);

    timer_cancel(&watch);
    return status;
}

static IOReturn one_transfer(void)
{
    bool wrong, canaries;
    IOReturn status;

    scatter_fill(&to, 0x11);
    status = perform();
    timer_delay(LATE_NS);
    read_log();
    if ((done & KIND(AFTER_RESET)) != 0) {
        EXPECT_EQ(vdma_reset(), kIOReturnSuccess);
        timer_delay(LATE_NS);
    }
    canaries = scatter_canaries_intact(&to);
    wrong = (status == kIOReturnSuccess && !is_right()) || !canaries;

    EXPECT_TRUE(documented(status));
    EXPECT_TRUE(status == kIOReturnSuccess || done != 0);
    EXPECT_TRUE(!wrong || (done & HARMFUL) != 0);
    EXPECT_TRUE(canaries || (done & KIND(PAST_END)) != 0);
    EXPECT_TRUE(scatter_canaries_intact(&from));
    tally.transfers++;
    tally.injected += faults;
    tally.by_driver += status != kIOReturnSuccess;
    tally.by_test += wrong;
    tally.harmless += faults != 0 && shown == 0;
    tally.unseen += shown != 0 && status == kIOReturnSuccess && !wrong;
    if (!canaries) {
        drop_target();
        make_target();
    }
    return status;
}

static bool set_up(void)
{
    if (!vdma_present()) {
        return false; /* entered at EL1 there is none */
    }
    from = disk_memory(FROM, BYTES, kIODirectionOut);
    make_target();
    /* The upper half alone: a stray write and a corrupt byte are of the lower. */
    for (uint64_t i = 0; i < BYTES; i++) {
        *scatter_at(&from, i) = (uint8_t)(0x80 | (i * 13 + i / 257));
    }
    memset(&tally, 0, sizeof(tally));
    read_log();
    return true;
}

static void drop(void)
{
    const uint64_t nothing[2] = {VDMA_INJECT_CLEAR, 0};

    EXPECT_EQ(vdma_control(VDMA_INJECT, nothing, NULL, 0, NULL, 0, NULL), kIOReturnSuccess);
    EXPECT_EQ(perform(), kIOReturnSuccess);
    EXPECT_TRUE(is_right());
    drop_target();
    disk_memory_drop(&from);
}

static void print(const char *what)
{
    TEST_NOTE("%s: %u transfers, %u faults: %u seen by the driver, %u by the test, %u harmless, "
              "%u unseen",
              what, tally.transfers, tally.injected, tally.by_driver, tally.by_test, tally.harmless,
              tally.unseen);
}

/* --- One fault at a time ---------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint64_t argument;
    IOReturn result;
    bool wrong; /* behind a success */
} kinds[KINDS] = {
    [1] = {"error status", 0, kIOReturnIOError, false},
    [2] = {"short transfer", 100, kIOReturnUnderrun, false},
    [3] = {"corrupt byte", 4321, kIOReturnSuccess, true},
    [4] = {"delay", LATE_MAX, kIOReturnSuccess, false},
    [5] = {"reorder", LATE_MAX, kIOReturnSuccess, false},
    [6] = {"wrong used id", 77, kIOReturnDeviceError, false},
    [7] = {"wrong used length", 1u << 30, kIOReturnDeviceError, false},
    [8] = {"duplicate completion", 0, kIOReturnDeviceError, false},
    [9] = {"missing completion", 0, kIOReturnAborted, false},
    [10] = {"dropped interrupt", 0, kIOReturnSuccess, false},
    [11] = {"spurious interrupt", 0, kIOReturnSuccess, false},
    [12] = {"late interrupt", LATE_MAX, kIOReturnSuccess, false},
    [13] = {"write past the end", 9, kIOReturnSuccess, true},
    [14] = {"late write", LATE_MAX, kIOReturnSuccess, true},
    [15] = {"write after reset", LATE_MAX, kIOReturnSuccess, true},
    [16] = {"needs reset", 0, kIOReturnDeviceError, false},
    [17] = {"configuration", 7, kIOReturnSuccess, false},
    [18] = {"wrong register", 0x60, kIOReturnSuccess, false},
};

TEST(each_fault_ends_as_documented)
{
    if (!set_up()) {
        return;
    }
    for (uint16_t kind = 1; kind < KINDS; kind++) {
        memset(&tally, 0, sizeof(tally));
        for (unsigned i = 0; i < EACH; i++) {
            const struct vdma_fault fault = {
                .kind = kind, .argument = kinds[kind].argument, .second = i % 4};
            const uint64_t arguments[2] = {VDMA_INJECT_FAULTS, 0};

            EXPECT_EQ(vdma_control(VDMA_INJECT, arguments, &fault, sizeof(fault), NULL, 0, NULL),
                      kIOReturnSuccess);
            EXPECT_EQ(one_transfer(), kinds[kind].result);
            EXPECT_EQ(done, 1u << kind);
            EXPECT_EQ(one_transfer(), kIOReturnSuccess);
            EXPECT_EQ(done, 0);
        }
        print(kinds[kind].name);
        EXPECT_EQ(tally.by_test, kinds[kind].wrong ? EACH : 0);
    }
    drop();
}

/* --- Mixtures --------------------------------------------------------------------------------- */

TEST(mixtures_leave_no_harm_unseen)
{
    const uint64_t arguments[2] = {VDMA_INJECT_SCRIPT, 0};

    if (!set_up()) {
        return;
    }
    for (uint64_t seed = 1; seed <= MIXTURES; seed++) {
        const struct vdma_script script = {.seed = seed * 0x9e3779b97f4a7c15ull,
                                           .kinds = (1u << KINDS) - 2,
                                           .rate = (uint32_t)(65536 * seed / MIXTURES),
                                           .argument_max = LATE_MAX};

        EXPECT_EQ(vdma_control(VDMA_INJECT, arguments, &script, sizeof(script), NULL, 0, NULL),
                  kIOReturnSuccess);
        for (unsigned i = 0; i < TRANSFERS; i++) {
            one_transfer();
        }
    }
    print("mixtures");
    TEST_NOTE("rate: %u of 100 transfers with a fault", 100 * tally.injected / tally.transfers);
    EXPECT_EQ(tally.unseen, 0);
    drop();
}
