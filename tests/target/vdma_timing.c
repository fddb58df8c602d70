/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * What vdma does early, late or only in part, as seen by a client: no wake-up is lost wherever
 * the end falls, a stop that gave up gives nothing back, and bytes that the device did not
 * write are what they were.
 */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "drivers/vdma/vdma.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "kernel/page.h"
#include "kernel/timer.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

#define TURNS    5000u
#define WAKE_MAX 700u /* ticks: as long as a start takes to go to sleep */
#define BYTES    8192u
#define SHORT    100u
#define BOUNCED  509u /* from the third byte of a page up to an aligned address */
#define PAGES    256u /* that somebody else gets meanwhile */
#define CANARY   0xc5
#define SECRET   0x53

VDMA_MONITOR(16);

/* What the driver takes at its first use it keeps: before any test looks at what is held. */
static void use_it(void)
{
    vdma_present();
}

INITIALISER(INIT_CLASS, use_it);

static struct vdma_transfer source_transfer, target_transfer;

static IODMACommand *command_for(IOMemoryDescriptor *memory, struct vdma_transfer *transfer,
                                 const IODMACommand_SegmentOptions *options, bool synchronize)
{
    IODMACommand *command = vdma_create_command(options, kMapped, transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, synchronize), kIOReturnSuccess);
    return command;
}

static void control(uint64_t what, const void *in, uint32_t bytes)
{
    const uint64_t arguments[2] = {what, 0};

    EXPECT_EQ(vdma_control(VDMA_INJECT, arguments, in, bytes, NULL, 0, NULL), kIOReturnSuccess);
}

static void inject(uint16_t kind, uint64_t argument)
{
    const struct vdma_fault fault = {.kind = kind, .argument = argument};

    control(VDMA_INJECT_FAULTS, &fault, sizeof(fault));
}

/* --- Ends before, at and after the sleep ------------------------------------------------------ */

/*
 * The device ends before the start has returned from its doorbell, or at any tick of the way from
 * there into the sleep. Nothing else would wake the CPU: one that is lost is the last.
 */
TEST(a_wakeup_is_never_lost)
{
    const struct vdma_script delays = {
        .seed = 7, .kinds = 1u << VDMA_FAULT_DELAY, .rate = 65536, .argument_max = WAKE_MAX};
    struct client client = {0};
    struct scatter from, to;
    IODMACommand *source, *target;

    if (!vdma_present()) {
        return; /* entered at EL1 there is none */
    }
    from = disk_memory(1, 64, kIODirectionOut);
    to = disk_memory(1, 64, kIODirectionIn);
    source = command_for(from.memory, &source_transfer, NULL, true);
    target = command_for(to.memory, &target_transfer, NULL, true);
    client.owner = OSArray_withCapacity(1);
    client.loop = IOWorkLoop_workLoop();
    /* Nobody to be called: a start sleeps until its end. */
    client.source = IODMAEventSource_dmaEventSource(OSObject_upcast(client.owner),
                                                    vdma_get_service(), NULL, NULL, 0);
    ASSERT_TRUE(client.source != NULL);
    ASSERT_EQ(IOWorkLoop_addEventSource(client.loop, client.source), kIOReturnSuccess);
    target_transfer.type = VDMA_COPY;
    target_transfer.other = source;
    for (unsigned way = 0; way < 2; way++) {
        unsigned good = 0;

        if (way == 1) {
            control(VDMA_INJECT_SCRIPT, &delays, sizeof(delays));
        }
        for (unsigned i = 0; i < TURNS; i++) {
            memset(scatter_at(&from, 0), (int)(i + way), 64);
            good += start(&client, target, kIODirectionIn, 0, 0) == kIOReturnSuccess &&
                    *scatter_at(&to, 63) == (uint8_t)(i + way);
        }
        EXPECT_EQ(good, TURNS);
    }
    control(VDMA_INJECT_CLEAR, NULL, 0);
    command_drop(target);
    command_drop(source);
    client_drop(&client);
    disk_memory_drop(&to);
    disk_memory_drop(&from);
}

/* --- A stop that gave up ---------------------------------------------------------------------- */

/* The device still writes: until it has ended, its memory is nobody else's. */
TEST(a_stop_that_gave_up_gives_nothing_back)
{
    static paddr_t others[PAGES];
    IOBufferMemoryDescriptor *buffer;
    IODMACommand *source, *target, *current = NULL;
    uint8_t arrived[BYTES];
    struct client client;
    struct scatter from;
    uint64_t foreign = 0, wrong = 0;

    if (!vdma_present()) {
        return;
    }
    client = client_of_service(vdma_get_service());
    from = disk_memory(5, BYTES, kIODirectionOut);
    scatter_fill(&from, 0x99);
    buffer = IOBufferMemoryDescriptor_withCapacity(BYTES, kIODirectionIn, false);
    ASSERT_TRUE(buffer != NULL);
    source = command_for(from.memory, &source_transfer, NULL, true);
    target = command_for((IOMemoryDescriptor *)buffer, &target_transfer, NULL, true);
    OSObject_release(buffer);
    target_transfer.type = VDMA_COPY;
    target_transfer.other = source;

    /* An eighth of a second: time to look at what is going on, on a busy host too. */
    inject(VDMA_FAULT_DELAY, (uint32_t)(timer_frequency() / 8));
    EXPECT_EQ(start(&client, target, kIODirectionIn, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, 1000000), kIOReturnTimeout);
    EXPECTS_REPORT(10);
    EXPECT_EQ(IODMACommand_complete(target, true, true), kIOReturnBusy);
    EXPECT_EQ(IODMACommand_complete(source, true, true), kIOReturnBusy);
    EXPECT_EQ(IODMAEventSource_queryDMACommand(client.source, &current, NULL, false),
              kIOReturnSuccess);
    EXPECT_TRUE(current == target);
    EXPECT_EQ(end_count, 0);
    for (unsigned i = 0; i < PAGES; i++) {
        ASSERT_EQ(page_alloc(0, PAGE_OWNER_IMAGE, &others[i]), KERN_SUCCESS);
        memset(phys_to_virt(others[i]), CANARY, PAGE_SIZE);
    }
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnSuccess);
    EXPECT_EQ(ends[0].bytes, BYTES);
    for (unsigned i = 0; i < PAGES; i++) {
        const uint8_t *bytes = phys_to_virt(others[i]);

        for (unsigned k = 0; k < PAGE_SIZE; k++) {
            foreign += bytes[k] != CANARY;
        }
        EXPECT_EQ(page_free(others[i], 0), KERN_SUCCESS);
    }
    EXPECT_EQ(foreign, 0);
    EXPECT_EQ(IODMACommand_readBytes(target, 0, arrived, BYTES), BYTES);
    for (unsigned i = 0; i < BYTES; i++) {
        wrong += arrived[i] != 0x99;
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(end_count, 1);
    command_drop(target);
    command_drop(source);
    client_drop(&client);
    disk_memory_drop(&from);
}

/* --- Bytes that were not written -------------------------------------------------------------- */

struct bounced {
    struct scatter from;
    uint8_t *pages;
    IOMemoryDescriptor *memory; /* at an odd place, so that its beginning is bounced */
    struct client client;
};

/* A transfer of which the device writes so many bytes; the status and the bytes that it says. */
static void receive(struct bounced *here, uint64_t written, bool filled, unsigned synchronizations,
                    struct end *end)
{
    const IODMACommand_SegmentOptions aligned = {
        .fStructSize = 40, .fNumAddressBits = 64, .fAlignment = 512};
    IODMACommand *source = command_for(here->from.memory, &source_transfer, NULL, true);
    IODMACommand *target = command_for(here->memory, &target_transfer, &aligned, filled);

    EXPECT_EQ(IODMACommand_getBounceLength(target), BOUNCED);
    target_transfer.type = VDMA_COPY;
    target_transfer.other = source;
    if (written < BYTES) {
        inject(VDMA_FAULT_SHORT, written);
    }
    end_count = 0;
    EXPECT_EQ(start(&here->client, target, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&here->client, 1);
    *end = ends[0];
    for (unsigned i = 0; i < synchronizations; i++) {
        EXPECT_EQ(IODMACommand_synchronize(target, kIODirectionIn), kIOReturnSuccess);
    }
    command_drop(target);
    command_drop(source);
}

static uint64_t other_than(const uint8_t *bytes, uint64_t count, uint8_t byte)
{
    uint64_t others = 0;

    for (uint64_t i = 0; i < count; i++) {
        others += bytes[i] != byte;
    }
    return others;
}

TEST(what_the_device_did_not_write_is_what_it_was)
{
    struct bounced here = {0};
    paddr_t block;
    uint8_t *data;
    struct end end;

    if (!vdma_present()) {
        return;
    }
    ASSERT_EQ(page_alloc(2, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
    here.pages = phys_to_virt(block);
    data = here.pages + 3;
    here.memory =
        IOMemoryDescriptor_withAddressRange((uint64_t)data, BYTES, kIODirectionIn, kernel_task);
    ASSERT_TRUE(here.memory != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(here.memory, kIODirectionNone), kIOReturnSuccess);
    here.from = disk_memory(4, BYTES, kIODirectionOut);
    here.client = client_of_service(vdma_get_service());

    for (unsigned way = 0; way < 4; way++) {
        const bool filled = way != 3;

        /* Bounce memory that another command leaves behind, full of what is nobody's business. */
        scatter_fill(&here.from, SECRET);
        receive(&here, BYTES, true, 0, &end);
        EXPECT_EQ(end.status, kIOReturnSuccess);
        EXPECT_EQ(other_than(data, BYTES, SECRET), 0);

        memset(here.pages, 0x70, 4 * PAGE_SIZE);
        scatter_fill(&here.from, 0x99);
        receive(&here, SHORT, filled, way == 2 ? 2 : way, &end);
        EXPECT_EQ(end.status, kIOReturnUnderrun);
        EXPECT_EQ(end.bytes, SHORT);
        EXPECT_EQ(other_than(data, SHORT, 0x99), 0);
        EXPECT_EQ(other_than(data + SHORT, BOUNCED - SHORT, filled ? 0x70 : 0), 0);
        EXPECT_EQ(other_than(data + BOUNCED, BYTES - BOUNCED, 0x70), 0);
        EXPECT_EQ(other_than(here.pages, 3, 0x70), 0);
        EXPECT_EQ(other_than(data + BYTES, 4 * PAGE_SIZE - BYTES - 3, 0x70), 0);
    }
    client_drop(&here.client);
    disk_memory_drop(&here.from);
    EXPECT_EQ(IOMemoryDescriptor_complete(here.memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(here.memory);
    EXPECT_EQ(page_free(block, 2), KERN_SUCCESS);
}
