/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's driver over vdma's core, several copies at once, the device misbehaving by scripts with
 * seeds. The driver trusts nothing: a success means that the bytes are there, but for what no
 * driver can see (a corrupt byte, a write past the end, a late one), which the test's copies
 * show; everything else ends with an error of the manual, once, and nothing is left over. Without
 * faults the device touches only what the driver has described.
 *
 * FAULTS: how many (100,000); SEED: which ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODMAEventSource.h"
#include "descriptors/IOMapper.h"
#include "descriptors/OSArray.h"
#include "drivers/vdma/vdma_private.h"
#include "drivers/virtio/queue_private.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/host/drivers/vdma_sim.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define COPIES 6u /* at once */
#define PAGES  3u /* of each side */
#define BYTES  6000u
#define STATUS 32u /* bytes, of which the used length has to tell as well */
#define LIFE   40u /* batches of one script */
#define LATEST 5000u
#define KINDS  19u

#define KIND(name) (1u << VDMA_FAULT_##name)
/* No driver can see them; the test must. */
#define HIDDEN (KIND(CORRUPT) | KIND(PAST_END) | KIND(LATE_WRITE) | KIND(AFTER_RESET))
/* A driver must see them. */
#define PLAIN                                                                                      \
    (KIND(ERROR) | KIND(SHORT) | KIND(WRONG_ID) | KIND(WRONG_LENGTH) | KIND(DUPLICATE) |           \
     KIND(MISSING) | KIND(NEEDS_RESET))

struct side {
    IOMemoryDescriptor *memory;
    IODMACommand *command;
    struct vdma_transfer transfer;
    uint8_t *pages;
    uint64_t base;
    IOAddressRange ranges[PAGES];
    uint8_t before[PAGES * PAGE_SIZE], at_end[PAGES * PAGE_SIZE];
};

static struct copy {
    struct side source, target;
    bool outstanding;
    IOReturn status;
    IOByteCount bytes;
} copies[COPIES];

static struct vdma_sim sim;
static uint64_t seed;
static OSArray *owner;
static IOWorkLoop *loop;
static IODMAEventSource *events;
static unsigned turns, ended;
static IOReturn other_status; /* of what is no copy */

/* Of one batch. */
static uint32_t done, seen;
static uint64_t faults;
static unsigned wrong_ids;

static struct {
    uint64_t batches, injected, by_driver, by_test, harmless, unseen;
} tally;

/* --- What the device says --------------------------------------------------------------------- */

static bool can_be_seen(const struct vdma_record *record)
{
    switch (record->rule) {
    case VDMA_FAULT_SHORT:
        return record->value < BYTES;
    case VDMA_FAULT_WRONG_ID:
        return (uint32_t)record->value != record->slot;
    case VDMA_FAULT_WRONG_LENGTH:
        return (uint32_t)record->value != BYTES + STATUS;
    default:
        return ((HIDDEN | PLAIN) & 1u << record->rule) != 0;
    }
}

static void note(struct vdma_sim *unused, const struct vdma_record *record)
{
    static uint32_t ever;

    (void)unused;
    if (record->event == VDMA_EVENT_FAULT && record->code == 0) {
        done |= 1u << record->rule;
        ever |= 1u << record->rule;
        seen |= can_be_seen(record) ? 1u << record->rule : 0;
        faults++;
        wrong_ids += record->rule == VDMA_FAULT_WRONG_ID;
    } else if (record->event == VDMA_EVENT_REFUSED) {
        /* A driver that keeps the rules; one that reads a wrong cause acknowledges it. */
        assert_true(done != 0 || (record->rule == 68 && (ever & KIND(REGISTER)) != 0));
    }
}

static bool in_pages(const void *start, size_t pages, uint64_t address, uint64_t length)
{
    const uint64_t first = start != NULL ? virt_to_phys(start).value : 0;

    return start != NULL && address >= first && address + length <= first + pages * PAGE_SIZE;
}

static bool in_ranges(const struct side *side, uint64_t address, uint64_t length)
{
    for (unsigned i = 0; i < PAGES; i++) {
        const uint64_t start = side->base + (side->ranges[i].address - (uint64_t)side->pages);

        if (address >= start && address + length <= start + side->ranges[i].length) {
            return true;
        }
    }
    return false;
}

static bool is_described(struct vdma_sim *unused, uint64_t address, uint64_t length,
                         unsigned access)
{
    const struct virtq *queue = vdma_state.queue;

    (void)unused;
    if (done != 0 || queue == NULL || in_pages(queue->desc, queue->ring_pages, address, length) ||
        in_pages(queue->chains, queue->table_pages, address, length) ||
        in_pages(vdma_state.frames, 4, address, length)) {
        return true;
    }
    for (unsigned i = 0; i < COPIES; i++) {
        if (copies[i].outstanding &&
            in_ranges(access == VDMA_READS ? &copies[i].source : &copies[i].target, address,
                      length)) {
            return true;
        }
    }
    return false;
}

/* --- Memory ----------------------------------------------------------------------------------- */

static unsigned draw(unsigned below)
{
    return (unsigned)(sim_random(&seed) % below);
}

/* Of the upper half: what a stray write writes and what a corrupt byte becomes is not in it. */
static void fill(uint8_t *bytes, size_t length)
{
    static uint8_t pool[65536];

    for (size_t i = 0; i < sizeof(pool) && (i != 0 || pool[0] == 0); i += 8) {
        const uint64_t word = sim_random(&seed) | 0x8080808080808080;

        memcpy(pool + i, &word, 8);
    }
    memcpy(bytes, pool + draw((unsigned)(sizeof(pool) - length)), length);
}

/* BYTES in pieces of pages, none of which touches its page's ends. */
static void make_side(struct side *side, IODirection direction)
{
    const struct page_request run = {.count = PAGES, .owner = PAGE_OWNER_IMAGE};
    uint64_t left = BYTES;
    paddr_t first;

    assert_int_equal(page_alloc_run(&run, &first), KERN_SUCCESS);
    side->base = first.value;
    side->pages = phys_to_virt(first);
    for (unsigned i = 0; i < PAGES; i++) {
        const uint64_t length = i == PAGES - 1 ? left : left / (PAGES - i) + draw(400) - 200;

        side->ranges[i].address =
            (uint64_t)side->pages + i * PAGE_SIZE + 1 + draw((unsigned)(PAGE_SIZE - length - 100));
        side->ranges[i].length = length;
        left -= length;
    }
    side->memory =
        IOMemoryDescriptor_withAddressRanges(side->ranges, PAGES, direction, kernel_task);
    assert_non_null(side->memory);
    assert_int_equal(IOMemoryDescriptor_prepare(side->memory, kIODirectionNone), kIOReturnSuccess);
    side->command = vdma_create_command(NULL, kMapped, &side->transfer);
    assert_non_null(side->command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(side->command, side->memory, true),
                     kIOReturnSuccess);
}

static void drop_side(struct side *side)
{
    assert_int_equal(IODMACommand_clearMemoryDescriptor(side->command, true), kIOReturnSuccess);
    OSObject_release(side->command);
    assert_int_equal(IOMemoryDescriptor_complete(side->memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(side->memory);
    assert_int_equal(page_free_run(paddr(side->base), PAGES), KERN_SUCCESS);
}

static void take_bytes(const struct side *side, uint8_t *bytes)
{
    for (unsigned i = 0; i < PAGES; i++) {
        memcpy(bytes, (void *)side->ranges[i].address, side->ranges[i].length);
        bytes += side->ranges[i].length;
    }
}

/* --- One batch -------------------------------------------------------------------------------- */

static void arrive(OSObject *whose, IODMAEventSource *from, IODMACommand *command, IOReturn status,
                   IOByteCount bytes, AbsoluteTime when)
{
    (void)whose, (void)from, (void)when;
    for (unsigned i = 0; i < COPIES; i++) {
        if (copies[i].target.command == command) {
            assert_true(copies[i].outstanding);
            copies[i].outstanding = false;
            copies[i].status = status;
            copies[i].bytes = bytes;
            memcpy(copies[i].target.at_end, copies[i].target.pages, PAGES * PAGE_SIZE);
            ended++;
        } else if (copies[i].source.command == command) {
            other_status = status;
            ended++;
        }
    }
    IOWorkLoop_wakeupGate(loop, &ended, false);
}

/* While the driver sleeps: the device works, tells of it, and time passes. */
static void turn(void)
{
    turns++;
    assert_in_range(turns, 1, 100);
    vdma_sim_work(&sim);
    if (vdma_sim_interrupt(&sim) || vdma_sim_pass_time(&sim)) {
        turns = 0;
    } else if (turns > 2 && vdma_poll() == 0) {
        vdma_reset(); /* patience is over, and looking does not help */
    }
}

static void settle(void)
{
    while (vdma_sim_interrupt(&sim) || vdma_sim_pass_time(&sim)) {
        vdma_sim_work(&sim);
    }
}

static bool documented(IOReturn status)
{
    return status == kIOReturnSuccess || status == kIOReturnIOError ||
           status == kIOReturnUnderrun || status == kIOReturnDeviceError ||
           status == kIOReturnAborted;
}

/* Nothing beside the target's bytes has changed, and these are right behind a success. */
static bool is_right(struct copy *copy)
{
    uint8_t sent[BYTES], arrived[BYTES];
    bool right;

    assert_true(documented(copy->status));
    assert_true(copy->status != kIOReturnSuccess || copy->bytes == BYTES);
    take_bytes(&copy->source, sent);
    take_bytes(&copy->target, arrived);
    right = copy->status != kIOReturnSuccess || memcmp(sent, arrived, BYTES) == 0;
    for (unsigned i = 0; i < PAGES; i++) {
        const IOAddressRange *range = &copy->target.ranges[i];

        memcpy(copy->target.before + (range->address - (uint64_t)copy->target.pages),
               (void *)range->address, range->length);
    }
    return right &&
           memcmp(copy->target.before, copy->target.pages, sizeof(copy->target.before)) == 0 &&
           memcmp(copy->source.before, copy->source.pages, sizeof(copy->source.before)) == 0;
}

static void start_all(void)
{
    ended = 0;
    IOWorkLoop_closeGate(loop);
    vdma_hold_doorbell(draw(2) != 0);
    for (unsigned i = 0; i < COPIES; i++) {
        struct copy *copy = &copies[i];

        fill(copy->source.pages, PAGES * PAGE_SIZE);
        fill(copy->target.pages, PAGES * PAGE_SIZE);
        memcpy(copy->source.before, copy->source.pages, sizeof(copy->source.before));
        memcpy(copy->target.before, copy->target.pages, sizeof(copy->target.before));
        copy->target.transfer.type = VDMA_COPY;
        copy->target.transfer.other = copy->source.command;
        copy->outstanding = true;
        assert_int_equal(
            IODMAEventSource_startDMACommand(events, copy->target.command, kIODirectionIn, 0, 0),
            kIOReturnSuccess);
    }
    vdma_hold_doorbell(false);
    while (ended < COPIES) {
        IOWorkLoop_sleepGate(loop, &ended, THREAD_UNINT);
    }
    IOWorkLoop_openGate(loop);
}

static void one_batch(void)
{
    bool error = false, wrong = false, late = false;

    done = seen = 0;
    faults = wrong_ids = 0;
    sim.strays = 0;
    turns = 0;
    sim.waits = draw(2) != 0;
    start_all();
    settle();
    if ((done & KIND(AFTER_RESET)) != 0) {
        assert_int_equal(vdma_reset(), kIOReturnSuccess);
        settle();
    }
    for (unsigned i = 0; i < COPIES; i++) {
        error |= copies[i].status != kIOReturnSuccess;
        late |= memcmp(copies[i].target.at_end, copies[i].target.pages, PAGES * PAGE_SIZE) != 0;
        wrong |= !is_right(&copies[i]);
    }
    if (wrong_ids > 1) {
        seen &= ~KIND(WRONG_ID); /* two that change places are both right, if both are done */
    }
    assert_true(!wrong || (done & HIDDEN) != 0);
    assert_true(!error || done != 0);
    /* Whatever it ended with, the device had done with it: its memory is the client's again. */
    assert_true(!late || (done & (KIND(LATE_WRITE) | KIND(AFTER_RESET))) != 0);
    assert_true(done != 0 || sim.strays == 0);
    tally.batches++;
    tally.injected += faults;
    tally.by_driver += error;
    tally.by_test += wrong;
    tally.harmless += faults != 0 && seen == 0;
    tally.unseen += ((seen & PLAIN) != 0 && !error) || (seen != 0 && !error && !wrong);
}

/* --- Tests ------------------------------------------------------------------------------------ */

static struct holdings before;

static int begin(void **state)
{
    (void)state;
    before = holdings_now();
    memset(&tally, 0, sizeof(tally));
    for (unsigned i = 0; i < COPIES; i++) {
        make_side(&copies[i].source, kIODirectionOut);
        make_side(&copies[i].target, kIODirectionIn);
    }
    owner = OSArray_withCapacity(1);
    loop = IOWorkLoop_workLoop();
    events = IODMAEventSource_dmaEventSource(OSObject_upcast(owner), vdma_get_service(), arrive,
                                             NULL, 0);
    if (events == NULL || IOWorkLoop_addEventSource(loop, events) != kIOReturnSuccess) {
        return -1;
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    vdma_faults_clear(sim.core);
    IOWorkLoop_removeEventSource(loop, events);
    OSObject_release(events);
    OSObject_release(loop);
    OSObject_release(owner);
    for (unsigned i = 0; i < COPIES; i++) {
        drop_side(&copies[i].source);
        drop_side(&copies[i].target);
    }
    return sim_holds(&before) ? 0 : -1;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void print(const char *what)
{
    print_message("# %s: %llu copies, %llu faults; batches: %llu seen by the driver, %llu by the "
                  "test, %llu harmless, %llu unseen\n",
                  what, (unsigned long long)(COPIES * tally.batches),
                  (unsigned long long)tally.injected, (unsigned long long)tally.by_driver,
                  (unsigned long long)tally.by_test, (unsigned long long)tally.harmless,
                  (unsigned long long)tally.unseen);
}

static void without_faults(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        one_batch();
    }
    assert_int_equal(tally.injected + tally.by_driver + tally.by_test, 0);
    print("no fault");
}

static void mixtures(void **state)
{
    static const uint32_t rates[] = {2000, 8000, 20000, 50000, 65536};
    /* Of times; of bytes; and ids of others that the device has. */
    static const uint64_t most[] = {LATEST, 300, COPIES};
    const uint64_t budget = from_environment("FAULTS", 100000);

    (void)state;
    while (tally.injected < budget) {
        const struct vdma_script script = {.seed = sim_random(&seed),
                                           .kinds = draw(4) == 0 ? (1u << KINDS) - 2
                                                                 : (uint32_t)sim_random(&seed) &
                                                                       ((1u << KINDS) - 2),
                                           .rate = rates[draw(5)],
                                           .argument_max = most[draw(3)]};

        vdma_faults_script(sim.core, &script);
        for (unsigned i = 0; i < LIFE; i++) {
            one_batch();
        }
    }
    vdma_faults_clear(sim.core);
    done = 0;
    one_batch(); /* and it is as good as new */
    print("mixtures");
    assert_int_equal(tally.unseen, 0);
    assert_int_equal(vdma_present(), true);
}

/* Both halves of one side, wherever the transfer says that they are, which is not for it to say. */
static void comparisons(void **state)
{
    struct side *const side = &copies[0].source;

    (void)state;
    done = 0;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *last = (uint8_t *)side->ranges[PAGES - 1].address;

        turns = ended = 0;
        sim.waits = false;
        memset(side->pages, 0x33, PAGES * PAGE_SIZE);
        last[side->ranges[PAGES - 1].length - 2] = 0x33 + (uint8_t)i;
        side->transfer.type = VDMA_COMPARE;
        side->transfer.arguments[0] = 5;
        side->transfer.arguments[1] = 1000;
        side->transfer.other = copies[0].target.command; /* of which it is no copy */
        IOWorkLoop_closeGate(loop);
        assert_int_equal(
            IODMAEventSource_startDMACommand(events, side->command, kIODirectionOut, 0, 0),
            kIOReturnSuccess);
        while (ended == 0) {
            IOWorkLoop_sleepGate(loop, &ended, THREAD_UNINT);
        }
        IOWorkLoop_openGate(loop);
        assert_int_equal(other_status, kIOReturnSuccess);
        assert_int_equal(side->transfer.status.code,
                         i == 0 ? VDMA_STATUS_OK : VDMA_STATUS_DIFFERENT);
        assert_true(i == 0 || side->transfer.status.value == BYTES / 2 - 2);
    }
}

/* Who flushes sleeps while there is nothing, and looks by himself where no interrupt comes. */
static void flushes(void **state)
{
    (void)state;
    done = 0;
    for (unsigned i = 0; i < 2; i++) {
        turns = ended = 0;
        sim.waits = true;
        copies[0].target.transfer.type = VDMA_COPY;
        copies[0].target.transfer.other = copies[0].source.command;
        copies[0].outstanding = true;
        IOWorkLoop_closeGate(loop);
        assert_int_equal(IODMAEventSource_startDMACommand(events, copies[0].target.command,
                                                          kIODirectionIn, 0, 0),
                         kIOReturnSuccess);
        if (i == 1) {
            vdma_sim_work(&sim); /* it has ended, which nobody says */
            sim.waits = false;
        }
        assert_int_equal(IODMAEventSource_stopDMACommand(events, true, UINT64_MAX),
                         kIOReturnSuccess);
        while (ended == 0) {
            IOWorkLoop_sleepGate(loop, &ended, THREAD_UNINT);
        }
        IOWorkLoop_openGate(loop);
        assert_int_equal(copies[0].status, kIOReturnSuccess);
    }
}

static int start(void **state)
{
    (void)state;
    sim_machine_start(VDMA_SIM_RAM);
    IOMapper_setMapperRequired(false); /* as a machine knows once it has started */
    sim_console_set_quiet(true);       /* thousands of resets */
    sim_while_waiting = turn;
    seed = from_environment("SEED", 1);
    vdma_sim_create(&sim, &(struct vdma_options){0});
    virtio_add_device(&sim.device.device);
    sim.record = note;
    sim.described = is_described;
    return vdma_present() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comparisons, begin, end),
        cmocka_unit_test_setup_teardown(flushes, begin, end),
        cmocka_unit_test_setup_teardown(without_faults, begin, end),
        cmocka_unit_test_setup_teardown(mixtures, begin, end),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
