/* SPDX-License-Identifier: BSD-2-Clause */
/* An active command, and what else can be done to its memory, its task and itself meanwhile. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOMemoryMapping.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/sim/sim_cache.h"
#include "tests/lib/portable/test_mapper.h"

#define LENGTH (2 * PAGE_SIZE)
#define SKIP   8 /* of the memory in its first page: not where the device wants it */

/* Only the first bytes are bounced: up to where alignment 512 is met. */
static const IODMACommand_SegmentOptions coarse = {.fStructSize = 40, .fAlignment = 512},
                                         any = {.fStructSize = 40};

#define BOUNCED (512 - SKIP)

struct transfer {
    uint64_t at; /* in owner */
    IOMemoryDescriptor *memory;
    IODMACommand *command;
};

/* Pages of a task, prepared, with an active command over all of it. */
static struct transfer begin(const IODMACommand_SegmentOptions *limits, IODirection direction)
{
    struct transfer it = {.at = new_pages(owner, 3, RW) + SKIP};

    fill(owner, it.at, LENGTH, 1);
    it.memory = describe(it.at, LENGTH, direction, owner);
    assert_int_equal(IOMemoryDescriptor_prepare(it.memory, 0), kIOReturnSuccess);
    it.command = dma_command(limits, kMapped, it.memory);
    assert_int_equal(IODMACommand_prepare(it.command, 0, 0, true, true), kIOReturnSuccess);
    return it;
}

static void let_go(struct transfer *it)
{
    OSObject_release(it->command);
    assert_int_equal(IOMemoryDescriptor_complete(it->memory, 0), kIOReturnSuccess);
    OSObject_release(it->memory);
}

/* One byte in a copy, and one in place. */
static void device_writes_both(IODMACommand *command, uint8_t byte)
{
    dma_device_writes(command, 1, byte);
    dma_device_writes(command, LENGTH - 1, byte);
}

/* Accesses by maps are held up; the device is not, nor is what it has written lost. */
static void redirection_does_not_reach_the_device(void **state)
{
    struct transfer it = begin(&coarse, kIODirectionOutIn);
    IOMemoryMap *map = map_all(it.memory, other, 0);
    const uint64_t shown = IOMemoryMap_getAddress(map);

    (void)state;
    assert_int_equal(IODMACommand_getBounceLength(it.command), BOUNCED);
    assert_int_equal(IOMemoryDescriptor_redirect(it.memory, NULL, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, shown), KERN_ABORTED);
    assert_int_equal(dma_device_reads(it.command, 5), pattern(5, 1));
    device_writes_both(it.command, 0x77);
    assert_int_equal(IODMACommand_synchronize(it.command, kIODirectionIn), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(it.command, true, true), kIOReturnSuccess);
    /* And one that begins meanwhile. */
    assert_int_equal(IODMACommand_prepare(it.command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(dma_device_reads(it.command, 1), 0x77);
    assert_int_equal(IODMACommand_complete(it.command, true, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_redirect(it.memory, NULL, false), kIOReturnSuccess);
    assert_int_equal(load(other, shown + 1), 0x77);
    assert_int_equal(load(other, shown + LENGTH - 1), 0x77);
    OSObject_release(map);
    let_go(&it);
}

/* A map that is aimed at other memory takes the CPU there, and the command stays where it was. */
static void a_map_of_other_memory_takes_no_command_along(void **state)
{
    struct transfer it = begin(&coarse, kIODirectionOutIn);
    const uint64_t elsewhere = new_pages(owner, 3, RW) + SKIP;
    IOMemoryDescriptor *another = describe(elsewhere, LENGTH, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(it.memory, other, kIOMapUnique);

    (void)state;
    fill(owner, elsewhere, LENGTH, 2);
    assert_int_equal(IOMemoryMap_redirect(map, another, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), pattern(0, 2));
    assert_int_equal(dma_device_reads(it.command, LENGTH - 1), pattern(LENGTH - 1, 1));
    device_writes_both(it.command, 0x78);
    assert_int_equal(IODMACommand_complete(it.command, true, true), kIOReturnSuccess);
    assert_int_equal(load(owner, it.at + 1), 0x78);
    assert_int_equal(load(owner, elsewhere + 1), pattern(1, 2));
    OSObject_release(map);
    OSObject_release(another);
    let_go(&it);
}

/* Memory cannot be made anew under the device; once it is done, it can. */
static void memory_is_not_made_anew_under_a_command(void **state)
{
    struct transfer it = begin(&any, kIODirectionOutIn);
    IOAddressRange other_range = {new_pages(owner, 1, RW), 100};
    IODMACommand_Segment64 before[4], after[4];
    const unsigned count = dma_list(it.command, before, 4);

    (void)state;
    assert_false(IOMemoryDescriptor_initWithOptions(it.memory, &other_range, 1, 0, owner,
                                                    kIOMemoryTypeVirtual | kIODirectionIn, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_getLength(it.memory), LENGTH);
    assert_int_equal(dma_list(it.command, after, 4), count);
    assert_memory_equal(before, after, count * sizeof(before[0]));
    assert_int_equal(IODMACommand_complete(it.command, true, true), kIOReturnSuccess);
    assert_true(IOMemoryDescriptor_initWithOptions(it.memory, &other_range, 1, 0, owner,
                                                   kIOMemoryTypeVirtual | kIODirectionIn, NULL));
    /* The command looks at it afresh: it is not prepared now. */
    assert_int_equal(IODMACommand_prepare(it.command, 0, 0, true, true), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(it.memory, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(it.command, 0, 101, true, true), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_prepare(it.command, 0, 100, true, true), kIOReturnSuccess);
    let_go(&it);
}

/* Pages that a device uses are not purged, and what comes back from a copy is in them. */
static void what_is_prepared_is_not_purged(void **state)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithOptions(
        owner, kIODirectionOutIn | kIOMemoryPageable | kIOMemoryPurgeable, LENGTH, 1);
    const uint64_t at = (uintptr_t)IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    const IODMACommand_SegmentOptions words = {
        .fStructSize = 40, .fAlignment = 512, .fAlignmentLength = 4};
    IODMACommand *command;
    IOOptionBits former;

    (void)state;
    fill(owner, at, LENGTH, 3);
    assert_int_equal(IOMemoryDescriptor_prepare(buffer, 0), kIOReturnSuccess);
    command = dma_command(&words, kMapped, IOMemoryDescriptor_upcast(buffer));
    assert_int_equal(IODMACommand_prepare(command, 4, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 508);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(buffer, kIOMemoryPurgeableEmpty, &former),
                     kIOReturnSuccess);
    assert_int_equal(former, kIOMemoryPurgeableNonVolatile);
    assert_int_equal(dma_device_reads(command, 600), pattern(604, 3));
    dma_device_writes(command, 0, 0x55);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(load(owner, at + 4), 0x55);
    assert_int_equal(load(owner, at + 5), pattern(5, 3));
    OSObject_release(command);
    assert_int_equal(IOMemoryDescriptor_complete(buffer, 0), kIOReturnSuccess);
    OSObject_release(buffer);
}

/* A buffer is not made shorter under the device, whose last bytes could not come back. */
static void a_length_stays_while_a_command_is_active(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, LENGTH, 16);
    uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    IODMACommand *command = dma_command(&coarse, kMapped, IOMemoryDescriptor_upcast(buffer));

    (void)state;
    memset(bytes, 1, LENGTH);
    assert_int_equal(IODMACommand_prepare(command, 16, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    IOBufferMemoryDescriptor_setLength(buffer, 100);
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), LENGTH);
    dma_device_writes(command, LENGTH - 17, 9);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(bytes[LENGTH - 1], 9);
    IOBufferMemoryDescriptor_setLength(buffer, 100);
    assert_int_equal(IOMemoryDescriptor_getLength(buffer), 100);
    /* The next one is of the new length. */
    assert_int_equal(IODMACommand_prepare(command, 16, 85, true, true), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_prepare(command, 16, 84, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(buffer);
}

/* A part in use by another command: the whole transfers, and completes when both are done. */
static void a_part_in_use_holds_up_the_whole(void **state)
{
    struct transfer it = begin(&any, kIODirectionOutIn);
    IOMemoryDescriptor *parts[2] = {it.memory, NULL};
    IOMultiMemoryDescriptor *whole;
    IODMACommand *command;

    (void)state;
    parts[1] = describe(new_pages(owner, 1, RW), 100, kIODirectionOutIn, owner);
    whole = IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false);
    command = dma_command(&any, kMapped, IOMemoryDescriptor_upcast(whole));
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(whole, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    dma_device_writes(command, LENGTH + 5, 0x31);
    dma_device_writes(it.command, 7, 0x32);
    assert_int_equal(dma_device_reads(command, 7), 0x32);
    assert_int_equal(IOMemoryDescriptor_complete(whole, 0), kIOReturnBusy);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    /* The whole's own transfer is over; its last complete leaves the part's as it is. */
    assert_int_equal(IOMemoryDescriptor_complete(whole, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(whole, 0), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_complete(it.memory, 0), kIOReturnBusy);
    dma_device_writes(it.command, 8, 0x33);
    assert_int_equal(load(owner, it.at + 8), 0x33);
    OSObject_release(command);
    OSObject_release(whole);
    OSObject_release(parts[1]);
    let_go(&it);
}

/* The whole is emptied under its command: refused, or the device would lose its memory. */
static void a_whole_is_not_refilled_under_a_command(void **state)
{
    struct transfer it = begin(&any, kIODirectionOutIn);
    IOInterleavedMemoryDescriptor *whole =
        IOInterleavedMemoryDescriptor_withCapacity(2, kIODirectionOutIn);
    IODMACommand *command;

    (void)state;
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(whole, it.memory, 8, 100));
    assert_int_equal(IOMemoryDescriptor_prepare(whole, 0), kIOReturnSuccess);
    command = dma_command(&any, kMapped, IOMemoryDescriptor_upcast(whole));
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(whole, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_getLength(whole), 100);
    assert_false(IOInterleavedMemoryDescriptor_setMemoryDescriptor(whole, it.memory, 0, 8));
    assert_int_equal(dma_device_reads(command, 0), pattern(8, 1));
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(whole, 0);
    assert_int_equal(IOMemoryDescriptor_getLength(whole), 0);
    OSObject_release(command);
    OSObject_release(whole);
    let_go(&it);
}

/* Pages of a part that are pinned for reading are for reading behind whatever stands above it. */
static void a_part_for_reading_makes_the_whole_so(void **state)
{
    struct test_mapper *mapper = test_mapper_new(1);
    const uint64_t at = new_pages(owner, 3, RW) + SKIP;
    IOMemoryDescriptor *parts[2] = {describe(at, PAGE_SIZE, kIODirectionOutIn, owner),
                                    describe(at + PAGE_SIZE, PAGE_SIZE, kIODirectionOutIn, owner)};
    IOMultiMemoryDescriptor *whole =
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false);
    IODMACommand *mapped = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &any,
                                                                 kMapped, &mapper->super, NULL);
    IODMACommand *bounced;
    IODMACommand_Segment64 list[4];
    uint64_t bytes;

    (void)state;
    fill(owner, at, LENGTH, 1);
    assert_int_equal(IOMemoryDescriptor_prepare(parts[0], 0), kIOReturnSuccess); /* both ways */
    assert_int_equal(IOMemoryDescriptor_prepare(whole, kIODirectionOut), kIOReturnSuccess);
    IODMACommand_setMemoryDescriptor(mapped, whole, true);
    dma_list(mapped, list, 4);
    assert_false(test_mapper_write(mapper, list[0].fIOVMAddr, 1));
    bounced = dma_command(&coarse, kMapped, IOMemoryDescriptor_upcast(whole));
    assert_int_equal(IODMACommand_prepare(bounced, 0, 0, true, true), kIOReturnSuccess);
    dma_device_writes(bounced, 0, 0xee);
    assert_int_equal(IODMACommand_synchronize(bounced, kIODirectionIn), kIOReturnNotWritable);
    bytes = IODMACommand_getBounceLength(bounced);
    assert_int_equal(IODMACommand_synchronize(bounced, kForceDoubleBuffer), kIOReturnNotWritable);
    assert_int_equal(IODMACommand_getBounceLength(bounced), bytes); /* it is what it was */
    assert_int_equal(dma_device_reads(bounced, 0), 0xee);
    assert_int_equal(IODMACommand_complete(bounced, true, true), kIOReturnNotWritable);
    assert_int_equal(load(owner, at), pattern(0, 1));
    /* The part that may be written can be, by itself. */
    assert_int_equal(IODMACommand_prepare(bounced, 0, 100, true, true), kIOReturnSuccess);
    dma_device_writes(bounced, 0, 0xee);
    assert_int_equal(IODMACommand_complete(bounced, true, true), kIOReturnSuccess);
    assert_int_equal(load(owner, at), 0xee);
    OSObject_release(bounced);
    OSObject_release(mapped);
    OSObject_release(whole);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
    OSObject_release(&mapper->super);
}

/* Strict and whole: in the pages of the copy there is the transfer, and zeros. */
static void a_strict_double_buffer_shows_zeros_beside_it(void **state)
{
    struct transfer it = begin(&any, kIODirectionOutIn);
    IODMACommand *command = dma_command(&any, kIODMAMapOptionStrict, it.memory);
    IODMACommand_Segment64 list[4];
    struct sim_cache caches;
    uint64_t end;

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 5, 1000, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 1000);
    caches = sim_cache;
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    assert_int_equal(sim_cache.cleaned, caches.cleaned); /* the device sees what the CPU does */
    assert_int_equal(sim_cache.flushed, caches.flushed);
    assert_int_equal(dma_list(command, list, 4), 1);
    assert_int_equal(dma_device_reads(command, 0), pattern(5, 1));
    end = list[0].fIOVMAddr + list[0].fLength;
    for (uint64_t at = trunc_page(list[0].fIOVMAddr); at < round_page(end); at++) {
        assert_true((at >= list[0].fIOVMAddr && at < end) || *dma_bytes(at) == 0);
    }
    dma_device_writes(command, 999, 0x44);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(load(owner, it.at + 1004), 0x44);
    OSObject_release(command);
    let_go(&it);
}

/* A clone of an active command is another one: its memory, its mapping, its end. */
static void a_clone_shares_nothing_but_what_it_was_told(void **state)
{
    struct test_mapper *mapper = test_mapper_new(1);
    struct transfer it = begin(&any, kIODirectionOutIn);
    IODMACommand *first = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &any,
                                                                kMapped, &mapper->super, NULL);
    IODMACommand *clone;
    uint64_t mapped;

    (void)state;
    IODMACommand_setMemoryDescriptor(first, it.memory, true);
    mapped = mapper->entries;
    clone = IODMACommand_cloneCommand(first, NULL);
    assert_int_equal(mapper->entries, mapped);
    assert_int_equal(IODMACommand_complete(clone, true, true), kIOReturnNotReady);
    assert_int_equal(IODMACommand_setMemoryDescriptor(clone, it.memory, true), kIOReturnSuccess);
    assert_int_equal(mapper->entries, 2 * mapped);
    OSObject_release(first);
    assert_int_equal(mapper->entries, mapped);
    assert_int_equal(IODMACommand_complete(it.command, true, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(it.memory, 0), kIOReturnBusy); /* the clone's */
    OSObject_release(clone);
    assert_int_equal(mapper->entries, 0);
    let_go(&it);
    OSObject_release(&mapper->super);
}

/* What preparing was left to the command, clearing leaves to it as well. */
static void clearing_after_an_automatic_preparation(void **state)
{
    struct transfer it = begin(&coarse, kIODirectionOutIn);

    (void)state;
    assert_int_equal(IODMACommand_complete(it.command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(it.command, it.memory, true),
                     kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(it.command, 0, 0, true, true), kIOReturnSuccess);
    device_writes_both(it.command, 0x61);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(it.command, false), kIOReturnNotReady);
    assert_int_equal(IODMACommand_getBounceLength(it.command), BOUNCED);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(it.command, true), kIOReturnSuccess);
    assert_int_equal(load(owner, it.at + 1), 0x61); /* both prepares, with their copy back */
    assert_null(IODMACommand_getMemoryDescriptor(it.command));
    assert_int_equal(IODMACommand_clearMemoryDescriptor(it.command, false), kIOReturnSuccess);
    /* Set without preparing, there is nothing to complete. */
    assert_int_equal(IODMACommand_setMemoryDescriptor(it.command, it.memory, false),
                     kIOReturnSuccess);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(it.command, false), kIOReturnSuccess);
    let_go(&it);
}

/* The task goes, and the device goes on in pages that are nobody else's meanwhile. */
static void the_task_may_die_under_a_command(void **state)
{
    struct transfer it = begin(&coarse, kIODirectionOutIn);
    const uint64_t other_at = new_pages(other, 3, RW);
    uint8_t byte;

    (void)state;
    task_terminate(owner);
    task_release(owner);
    owner = NULL;
    fill(other, other_at, 3 * PAGE_SIZE, 7); /* pages that became free would be these */
    assert_int_equal(dma_device_reads(it.command, 9), pattern(9, 1));
    device_writes_both(it.command, 0x71);
    assert_int_equal(IODMACommand_synchronize(it.command, kForceDoubleBuffer), kIOReturnSuccess);
    assert_int_equal(dma_device_reads(it.command, LENGTH - 1), 0x71);
    dma_device_writes(it.command, 2, 0x72);
    assert_int_equal(IODMACommand_complete(it.command, true, true), kIOReturnSuccess);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(IOMemoryDescriptor_readBytes(it.memory,
                                                      i == 0   ? 1
                                                      : i == 1 ? 2
                                                               : LENGTH - 1,
                                                      &byte, 1),
                         1);
        assert_int_equal(byte, i == 1 ? 0x72 : 0x71);
    }
    assert_int_equal(load(other, other_at + 5), pattern(5, 7));
    let_go(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(redirection_does_not_reach_the_device),
        MAP_TEST(a_map_of_other_memory_takes_no_command_along),
        MAP_TEST(memory_is_not_made_anew_under_a_command),
        MAP_TEST(what_is_prepared_is_not_purged),
        MAP_TEST(a_length_stays_while_a_command_is_active),
        MAP_TEST(a_part_in_use_holds_up_the_whole),
        MAP_TEST(a_whole_is_not_refilled_under_a_command),
        MAP_TEST(a_part_for_reading_makes_the_whole_so),
        MAP_TEST(a_strict_double_buffer_shows_zeros_beside_it),
        MAP_TEST(a_clone_shares_nothing_but_what_it_was_told),
        MAP_TEST(clearing_after_an_automatic_preparation),
        MAP_TEST(the_task_may_die_under_a_command),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
