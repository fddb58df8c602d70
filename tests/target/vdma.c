/* SPDX-License-Identifier: BSD-2-Clause */
/* vdma and its driver: do bytes arrive, and does what goes wrong end as it is documented? */
#include "drivers/vdma/vdma.h"

#include <string.h>

#include "drivers/virtio/blk.h"
#include "kernel/init.h"
#include "kernel/timer.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/cksum.h"
#include "tests/target/disk.h"

#define BYTES 200000u

VDMA_MONITOR(2048);

/* What the driver takes at its first use it keeps: before any test looks at what is held. */
static void use_it(void)
{
    vdma_present();
}

INITIALISER(INIT_CLASS, use_it);

static struct scatter from, to;

static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i * 13 + i / 257 + 1);
}

static bool set_up(void)
{
    if (!vdma_present()) {
        return false;
    }
    from = disk_memory(97, BYTES, kIODirectionOut);
    to = disk_memory(61, BYTES, kIODirectionIn);
    for (uint64_t i = 0; i < BYTES; i++) {
        *scatter_at(&from, i) = pattern(i);
    }
    return true;
}

static void drop(void)
{
    disk_memory_drop(&to);
    disk_memory_drop(&from);
}

/* Bytes of the target from `first` on that are the source's, up to the first that is not. */
static uint64_t alike(uint64_t first, uint64_t from_first, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        if (*scatter_at(&to, first + i) != pattern(from_first + i)) {
            return i;
        }
    }
    return length;
}

static IOReturn copy(uint64_t target, uint64_t source, uint64_t length, struct vdma_job *out)
{
    struct vdma_job transfer = {.type = VDMA_COPY,
                                .source = from.memory,
                                .target = to.memory,
                                .source_offset = source,
                                .target_offset = target,
                                .length = length};
    const IOReturn status = vdma_perform(&transfer);

    if (out != NULL) {
        *out = transfer;
    }
    return status;
}

static void inject(uint16_t kind, uint64_t argument)
{
    const struct vdma_fault fault = {.kind = kind, .argument = argument};
    const uint64_t arguments[2] = {VDMA_INJECT_FAULTS, 0};

    EXPECT_EQ(vdma_control(VDMA_INJECT, arguments, &fault, sizeof(fault), NULL, 0, NULL),
              kIOReturnSuccess);
}

TEST(it_is_no_disk_unless_asked)
{
    EXPECT_EQ(virtio_blk_count(), 0);
}

TEST(capabilities_are_those_of_the_data_sheet)
{
    struct vdma_capabilities can;

    if (!vdma_present()) {
        EXPECT_EQ(vdma_control(VDMA_CAPABILITIES, NULL, NULL, 0, &can, sizeof(can), NULL),
                  kIOReturnNoDevice);
        return;
    }
    EXPECT_EQ(vdma_control(VDMA_CAPABILITIES, NULL, NULL, 0, &can, sizeof(can), NULL),
              kIOReturnSuccess);
    EXPECT_EQ(can.size, 112);
    EXPECT_EQ(can.version, 1);
    EXPECT_EQ(can.rules, 70);
    EXPECT_EQ(can.sectors, 2048);
    EXPECT_EQ(can.profile, 0);
}

TEST(copies_of_any_length_between_any_pieces)
{
    static const uint64_t lengths[] = {1, 2, 63, 4095, 4096, 4097, 65536, BYTES - 7};

    if (!set_up()) {
        return;
    }
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct vdma_job done;

        for (uint64_t at = 0; at < BYTES; at++) {
            *scatter_at(&to, at) = 0;
        }
        EXPECT_EQ(copy(7, 3 < BYTES - 7 - lengths[i] ? 3 : 0, lengths[i], &done), kIOReturnSuccess);
        EXPECT_EQ(done.moved, lengths[i]);
        EXPECT_EQ(alike(7, 3 < BYTES - 7 - lengths[i] ? 3 : 0, lengths[i]), lengths[i]);
        EXPECT_EQ(*scatter_at(&to, 6), 0);
        if (7 + lengths[i] < BYTES) {
            EXPECT_EQ(*scatter_at(&to, 7 + lengths[i]), 0);
        }
    }
    drop();
}

TEST(fill_sum_and_comparison)
{
    struct vdma_job transfer = {.type = VDMA_CHECKSUM};
    struct cksum sum = CKSUM_INIT;

    if (!set_up()) {
        return;
    }
    transfer.source = from.memory;
    transfer.length = BYTES;
    EXPECT_EQ(vdma_perform(&transfer), kIOReturnSuccess);
    for (uint64_t i = 0; i < BYTES; i++) {
        cksum_update(&sum, scatter_at(&from, i), 1);
    }
    EXPECT_EQ(transfer.status.value, cksum_final(&sum));

    transfer = (struct vdma_job){.type = VDMA_FILL,
                                 .target = to.memory,
                                 .target_offset = 5,
                                 .length = 10000,
                                 .arguments = {0x11223344, 4}};
    EXPECT_EQ(vdma_perform(&transfer), kIOReturnSuccess);
    EXPECT_EQ(*scatter_at(&to, 5), 0x44);
    EXPECT_EQ(*scatter_at(&to, 10004), 0x11);
    EXPECT_EQ(*scatter_at(&to, 10005), 0);

    transfer = (struct vdma_job){
        .type = VDMA_COMPARE, .source = from.memory, .length = 2000, .arguments = {1000, 0}};
    EXPECT_EQ(vdma_perform(&transfer), kIOReturnSuccess);
    EXPECT_EQ(transfer.status.code, VDMA_STATUS_DIFFERENT);
    EXPECT_EQ(transfer.status.value, 0);
    drop();
}

/* Work that is due later comes by the monitor's own timer, while this CPU sleeps. */
TEST(delayed_requests_wake_the_sleeper)
{
    if (!set_up()) {
        return;
    }
    for (unsigned i = 0; i < 20; i++) {
        const uint64_t before = timer_now();

        inject(VDMA_FAULT_DELAY, 50000);
        EXPECT_EQ(copy(0, 0, 5000, NULL), kIOReturnSuccess);
        EXPECT_GE(timer_now() - before, 50000 * (1000000000 / timer_frequency()));
        EXPECT_EQ(alike(0, 0, 5000), 5000);
    }
    drop();
}

/* What a driver can see ends in an error, and the next transfer is unharmed. */
TEST(faults_end_as_documented)
{
    static const struct {
        uint16_t kind;
        uint64_t argument;
        IOReturn result;
    } cases[] = {
        {VDMA_FAULT_ERROR, 0, kIOReturnIOError},
        {VDMA_FAULT_SHORT, 100, kIOReturnUnderrun},
        {VDMA_FAULT_WRONG_ID, 77, kIOReturnDeviceError},
        {VDMA_FAULT_WRONG_LENGTH, 1u << 30, kIOReturnDeviceError},
        {VDMA_FAULT_NEEDS_RESET, 0, kIOReturnDeviceError},
        {VDMA_FAULT_SPURIOUS, 0, kIOReturnSuccess},
        {VDMA_FAULT_LATE_INTERRUPT, 5000, kIOReturnSuccess},
    };

    if (!set_up()) {
        return;
    }
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        inject(cases[i].kind, cases[i].argument);
        EXPECT_EQ(copy(0, 0, 3000, NULL), cases[i].result);
        EXPECT_EQ(copy(0, 0, 3000, NULL), kIOReturnSuccess);
        EXPECT_EQ(alike(0, 0, 3000), 3000);
    }
    drop();
}

/* Again and again: the first time may come before the request is in line. */
static void reset_it(void *context)
{
    vdma_reset();
    timer_start(context, 1000000);
}

/* A request that never comes back: the way out is a reset. */
TEST(a_lost_request_is_taken_back)
{
    struct timer timer = {.callback = reset_it, .context = &timer};

    if (!set_up()) {
        return;
    }
    inject(VDMA_FAULT_MISSING, 0);
    timer_start(&timer, 1000000);
    EXPECT_EQ(copy(0, 0, 3000, NULL), kIOReturnAborted);
    timer_cancel(&timer);
    EXPECT_EQ(copy(0, 0, 3000, NULL), kIOReturnSuccess);
    EXPECT_EQ(alike(0, 0, 3000), 3000);
    drop();
}

TEST(bad_arguments)
{
    struct vdma_job transfer = {.type = VDMA_COPY, .length = 8};

    if (!set_up()) {
        EXPECT_EQ(vdma_perform(&transfer), kIOReturnNoDevice);
        EXPECT_EQ(vdma_reset(), kIOReturnNoDevice);
        return;
    }
    EXPECT_EQ(vdma_perform(NULL), kIOReturnBadArgument);
    EXPECT_EQ(vdma_perform(&transfer), kIOReturnBadArgument);
    EXPECT_EQ(copy(0, 0, 0, NULL), kIOReturnBadArgument);
    EXPECT_EQ(copy(0, 1, BYTES, NULL), kIOReturnOverrun);
    EXPECT_EQ(copy(BYTES, 0, 1, NULL), kIOReturnOverrun);
    transfer.source = to.memory;
    transfer.target = from.memory;
    EXPECT_EQ(vdma_perform(&transfer), kIOReturnNotPermitted);
    EXPECT_EQ(vdma_control(VDMA_COPY, NULL, NULL, 0, NULL, 0, NULL), kIOReturnBadArgument);
    drop();
}
