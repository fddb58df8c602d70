/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * vdma as a DMA engine: copies from descriptor to descriptor with the calls of any engine, cut
 * where its limits ask for it.
 */
#include "qemu/vdma/monitor/monitor.h"
#include "tests/target/vdma_sides.h"

VDMA_MONITOR(16);

/* A whole copy of `length` bytes between lists of so many pieces: arrives, or ends as said. */
static void copy_between(unsigned source_pieces, unsigned target_pieces, uint64_t length,
                         IODirection direction, IOReturn result)
{
    struct client client = client_of_service(vdma_get_service());
    struct side source = side_of(source_pieces, length, kIODirectionOut);
    struct side target = side_of(target_pieces, length, kIODirectionIn);

    ASSERT_EQ(prepare_side(&source, 0, 0), kIOReturnSuccess);
    ASSERT_EQ(prepare_side(&target, 0, 0), kIOReturnSuccess);
    if (result == kIOReturnNoSpace) {
        EXPECT_EQ(start_copy(&client, &source, &target, direction), result);
    } else {
        EXPECT_EQ(start_copy(&client, &source, &target, direction), kIOReturnSuccess);
        wait_for_ends(&client, 1);
        EXPECT_EQ(ends[0].status, result);
    }
    complete_side(&source);
    complete_side(&target);
    if (result == kIOReturnSuccess) {
        EXPECT_EQ(ends[0].bytes, length);
        EXPECT_EQ(alike(&target, 0, 0, length), length);
    }
    disk_memory_drop(&source.scatter);
    disk_memory_drop(&target.scatter);
    client_drop(&client);
}

/* --- Limits ----------------------------------------------------------------------------------- */

/* The numbers are the data sheet's. */
TEST(options_are_what_the_device_says)
{
    static const struct {
        uint32_t profile;
        IODMACommand_SegmentOptions options;
    } cases[] = {
        {0, {56, 64, UINT32_MAX, 0, 1, 1, 1, 0, 0, 1, 0}},
        {1, {56, 31, UINT32_MAX, 0, 1, 1, 1, 0, 0, 1, 0}},
        {2, {56, 32, 4 << 20, 32 << 20, 2, 2, 2, 0, 0, 1, 0}},
        {3, {56, 64, 4096, 512 << 10, 4, 4, 4096, 0, 4096, 4096, 0}},
        {4, {56, 64, 65536, 0, 1, 1, 1, 0, 65536, 1, 0}},
        {5, {56, 32, 65536, 65535 * 512, 4, 4, 4, 0, 0, 1, 0}},
        {6, {56, 64, UINT32_MAX, 0, 1, 1, 1, 0, 0, 1, 0}},
        {7, {56, 64, UINT32_MAX, 0, 8, 8, 8, 0, 0, 1, 0}},
        {8, {56, 24, 65536, 1 << 20, 1, 1, 1, 0, 65536, 1, 0}},
        {9, {56, 28, UINT32_MAX, 0, 1, 1, 1, 0, 0, 1, 0}},
    };
    IODMACommand_SegmentOptions options;

    if (!vdma_present()) {
        EXPECT_EQ(vdma_get_segment_options(&options), kIOReturnNoDevice);
        EXPECT_TRUE(vdma_get_service() == NULL);
        return;
    }
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const IODMACommand_SegmentOptions *wanted = &cases[i].options;

        EXPECT_EQ(vdma_set_profile(cases[i].profile), kIOReturnSuccess);
        EXPECT_EQ(vdma_get_segment_options(&options), kIOReturnSuccess);
        EXPECT_EQ(options.fStructSize, wanted->fStructSize);
        EXPECT_EQ(options.fNumAddressBits, wanted->fNumAddressBits);
        EXPECT_EQ(options.fMaxSegmentSize, wanted->fMaxSegmentSize);
        EXPECT_EQ(options.fMaxTransferSize, wanted->fMaxTransferSize);
        EXPECT_EQ(options.fAlignment, wanted->fAlignment);
        EXPECT_EQ(options.fAlignmentLength, wanted->fAlignmentLength);
        EXPECT_EQ(options.fAlignmentInternalSegments, wanted->fAlignmentInternalSegments);
        EXPECT_EQ(options.fSegmentBoundary, wanted->fSegmentBoundary);
        EXPECT_EQ(options.fAlignmentInternalEnd, wanted->fAlignmentInternalEnd);
    }
    EXPECT_EQ(vdma_set_profile(99), kIOReturnNotAligned); /* refused: R41 */
    EXPECT_EQ(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/* More pieces than a request has room for, on one side or on both, from either end. */
TEST(copies_arrive_within_every_profile)
{
    static const struct {
        unsigned source, target;
        uint64_t length;
    } cases[] = {{1, 1, 8}, {3, 40, 4096}, {130, 20, 65536}, {20, 300, 65536}, {260, 270, 262144}};

    for (uint32_t profile = 0; vdma_present() && profile < VDMA_PROFILE_ISA24; profile++) {
        ASSERT_EQ(vdma_set_profile(profile), kIOReturnSuccess);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            copy_between(cases[i].source, cases[i].target, cases[i].length,
                         i % 2 == 0 ? kIODirectionIn : kIODirectionOut, kIOReturnSuccess);
        }
    }
    vdma_set_profile(VDMA_PROFILE_OPEN);
}

/* RAM begins at 2^30: such a device reaches none of it by itself. */
TEST(without_a_table_few_bits_reach_no_memory)
{
    for (uint32_t profile = VDMA_PROFILE_ISA24; vdma_present() && profile < VDMA_PROFILES;
         profile++) {
        struct side side = side_of(3, 8192, kIODirectionOut);

        ASSERT_EQ(vdma_set_profile(profile), kIOReturnSuccess);
        EXPECT_EQ(prepare_side(&side, 0, 0), kIOReturnNoResources);
        EXPECT_EQ(IODMACommand_clearMemoryDescriptor(side.command, false), kIOReturnSuccess);
        OSObject_release(side.command);
        disk_memory_drop(&side.scatter);
    }
    vdma_set_profile(VDMA_PROFILE_OPEN);
}

/* What options cannot say: few segments, few requests; cuts where both sides may go on. */
TEST(copies_are_cut_as_few_segments_ask)
{
    static const struct vdma_limits cases[] = {
        {.segments_max = 1},
        {.segments_max = 3, .depth = 1},
        {.segments_max = 2, .alignment = 4, .alignment_length = 4, .alignment_internal = 4},
        {.segments_max = 5,
         .alignment = 4,
         .alignment_length = 4,
         .alignment_internal = 4096,
         .alignment_end = 4096,
         .boundary = 4096},
        {.transfer_max = 100000, .segments_max = 7, .boundary = 512},
        {.segments_max = 16, .alignment = 8, .alignment_length = 4, .alignment_internal = 4},
    };

    for (unsigned i = 0; vdma_present() && i < sizeof(cases) / sizeof(cases[0]); i++) {
        limit(&cases[i]);
        copy_between(57, 41, 65536, kIODirectionIn, kIOReturnSuccess);
        copy_between(1, 64, 4000, kIODirectionOut, kIOReturnSuccess);
    }
    vdma_set_profile(VDMA_PROFILE_OPEN);
}

/* Parts of preparations, neither of them from its first byte on. */
TEST(a_part_of_each_list)
{
    struct client client;
    struct side source, target;

    if (!vdma_present()) {
        return;
    }
    ASSERT_EQ(vdma_set_profile(VDMA_PROFILE_PRP), kIOReturnSuccess);
    client = client_of_service(vdma_get_service());
    source = side_of(30, 100000, kIODirectionOut);
    target = side_of(40, 100000, kIODirectionIn);
    ASSERT_EQ(prepare_side(&source, 1000, 60000), kIOReturnSuccess);
    ASSERT_EQ(prepare_side(&target, 5000, 80000), kIOReturnSuccess);
    target.transfer.type = VDMA_COPY;
    target.transfer.other = source.command;
    target.transfer.other_offset = 4444;
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 50000, 7776), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnSuccess);
    EXPECT_EQ(ends[0].bytes, 50000);
    EXPECT_EQ(target.transfer.moved, 50000);
    complete_side(&source);
    complete_side(&target);
    EXPECT_EQ(alike(&target, 12776, 5444, 50000), 50000);
    EXPECT_EQ(*scatter_at(&target.scatter, 12775), 0);
    EXPECT_EQ(*scatter_at(&target.scatter, 62776), 0);
    disk_memory_drop(&source.scatter);
    disk_memory_drop(&target.scatter);
    client_drop(&client);
    vdma_set_profile(VDMA_PROFILE_OPEN);
}

/* What has been stored since it was prepared: a device may not look into the CPU's cache. */
static void show_again(struct side *side)
{
    EXPECT_EQ(IODMACommand_complete(side->command, true, true), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_prepare(side->command, 0, 0, true, true), kIOReturnSuccess);
}

/* A fill in many requests goes on with its pattern where the last one ended. */
TEST(fills_sums_and_comparisons)
{
    static const struct vdma_limits few = {.segments_max = 1};
    struct client client;
    struct side side;

    if (!vdma_present()) {
        return;
    }
    limit(&few);
    client = client_of_service(vdma_get_service());
    side = side_of(25, 9999, kIODirectionIn);
    ASSERT_EQ(prepare_side(&side, 0, 0), kIOReturnSuccess);
    side.transfer.type = VDMA_FILL;
    side.transfer.arguments[0] = 0x0807060504030201;
    side.transfer.arguments[1] = 8;
    EXPECT_EQ(start(&client, side.command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnSuccess);
    complete_side(&side);
    for (uint64_t i = 0; i < 9999; i++) {
        if (*scatter_at(&side.scatter, i) != i % 8 + 1) {
            EXPECT_EQ(i, 9999);
            break;
        }
    }
    disk_memory_drop(&side.scatter);

    side = side_of(5, 8000, kIODirectionOut);
    ASSERT_EQ(prepare_side(&side, 0, 0), kIOReturnSuccess);
    side.transfer.type = VDMA_CHECKSUM;
    EXPECT_EQ(start(&client, side.command, kIODirectionOut, 0, 0), kIOReturnNoSpace);
    complete_side(&side);
    vdma_set_profile(VDMA_PROFILE_OPEN);
    ASSERT_EQ(prepare_side(&side, 0, 0), kIOReturnSuccess);
    side.transfer.type = VDMA_CHECKSUM;
    EXPECT_EQ(start(&client, side.command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 2);
    EXPECT_EQ(ends[1].status, kIOReturnSuccess);

    struct cksum sum = CKSUM_INIT;

    scatter_cksum(&side.scatter, 8000, &sum);
    EXPECT_EQ(side.transfer.status.value, cksum_final(&sum));
    side.transfer.type = VDMA_COMPARE;
    EXPECT_EQ(start(&client, side.command, kIODirectionOut, 7999, 0), kIOReturnBadArgument);
    EXPECT_EQ(start(&client, side.command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 3);
    EXPECT_EQ(ends[2].status, kIOReturnSuccess);
    EXPECT_EQ(ends[2].bytes, 8000);
    EXPECT_EQ(side.transfer.status.code, VDMA_STATUS_DIFFERENT);
    for (uint64_t i = 0; i < 4000; i++) {
        *scatter_at(&side.scatter, 4000 + i) = pattern(i);
    }
    *scatter_at(&side.scatter, 7000) ^= 1;
    show_again(&side);
    EXPECT_EQ(start(&client, side.command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 4);
    EXPECT_EQ(side.transfer.status.value, 3000);
    *scatter_at(&side.scatter, 7000) ^= 1;
    show_again(&side);
    EXPECT_EQ(start(&client, side.command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 5);
    EXPECT_EQ(side.transfer.status.code, VDMA_STATUS_OK);
    EXPECT_EQ(ends[4].bytes, 8000);
    complete_side(&side);
    disk_memory_drop(&side.scatter);
    client_drop(&client);
}

TEST(a_direction_that_the_device_lacks)
{
    static const struct vdma_limits reads_only = {.directions = VDMA_READS};
    struct client client;
    struct side source, target;

    if (!vdma_present()) {
        return;
    }
    limit(&reads_only);
    client = client_of_service(vdma_get_service());
    source = side_of(2, 100, kIODirectionOut);
    target = side_of(2, 100, kIODirectionIn);
    ASSERT_EQ(prepare_side(&source, 0, 0), kIOReturnSuccess);
    ASSERT_EQ(prepare_side(&target, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(start_copy(&client, &source, &target, kIODirectionIn), kIOReturnUnsupported);
    EXPECT_EQ(start_copy(&client, &source, &target, kIODirectionOut), kIOReturnUnsupported);
    source.transfer.type = VDMA_CHECKSUM;
    EXPECT_EQ(start(&client, source.command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnSuccess);
    complete_side(&source);
    complete_side(&target);
    disk_memory_drop(&source.scatter);
    disk_memory_drop(&target.scatter);
    client_drop(&client);
    vdma_set_profile(VDMA_PROFILE_OPEN);
}

TEST(starts_that_are_refused)
{
    struct client client;
    struct side source, target;

    if (!vdma_present()) {
        return;
    }
    client = client_of_service(vdma_get_service());
    source = side_of(2, 100, kIODirectionOut);
    target = side_of(2, 100, kIODirectionIn);
    ASSERT_EQ(prepare_side(&source, 0, 0), kIOReturnSuccess);
    ASSERT_EQ(prepare_side(&target, 0, 0), kIOReturnSuccess);
    target.transfer.type = VDMA_COPY;
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    target.transfer.other = target.command; /* which the device may not read */
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    target.transfer.other = source.command;
    EXPECT_EQ(start(&client, target.command, kIODirectionOut, 0, 0), kIOReturnBadArgument);
    target.transfer.other_offset = 1;
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 100, 0), kIOReturnBadArgument);
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 99, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    target.transfer.other_offset = 0;
    target.transfer.type = VDMA_CHECKSUM; /* reads */
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    target.transfer.type = VDMA_NOP;
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    target.transfer.type = VDMA_FILL;
    target.transfer.arguments[1] = 3;
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    target.transfer.type = VDMA_COPY;
    IODMACommand_setRefCon(source.command, NULL); /* not one of this device's any more */
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    IODMACommand_setRefCon(source.command, &source.transfer);
    EXPECT_EQ(IODMACommand_complete(source.command, true, true), kIOReturnSuccess);
    EXPECT_EQ(start(&client, target.command, kIODirectionIn, 0, 0), kIOReturnNotReady);
    EXPECT_EQ(IODMACommand_prepare(source.command, 0, 0, true, true), kIOReturnSuccess);
    EXPECT_EQ(end_count, 1);
    complete_side(&source);
    complete_side(&target);
    disk_memory_drop(&source.scatter);
    disk_memory_drop(&target.scatter);
    client_drop(&client);
}

/* --- Watching --------------------------------------------------------------------------------- */

static unsigned watched_reads, watched_writes;

static void watch(void *context, const struct vdma_transfer *transfer,
                  const struct virtq_chain *chain)
{
    struct virtq_entry entry;

    EXPECT_TRUE(context == &watched_reads);
    for (unsigned i = 0; virtq_chain_entry(chain, i, &entry); i++) {
        if ((entry.flags & VIRTQ_WRITE) != 0) {
            watched_writes += entry.length;
        } else {
            watched_reads += entry.length;
        }
    }
    EXPECT_EQ(transfer->type, VDMA_COPY);
}

TEST(what_the_device_is_told_can_be_watched)
{
    if (!vdma_present()) {
        return;
    }
    watched_reads = watched_writes = 0;
    /* Not around what only prepares: the watcher is to see copies alone. */
    struct client client = client_of_service(vdma_get_service());
    struct side source = side_of(3, 1000, kIODirectionOut);
    struct side target = side_of(4, 1000, kIODirectionIn);

    ASSERT_EQ(prepare_side(&source, 0, 0), kIOReturnSuccess);
    ASSERT_EQ(prepare_side(&target, 0, 0), kIOReturnSuccess);
    vdma_watch(watch, &watched_reads);
    EXPECT_EQ(start_copy(&client, &source, &target, kIODirectionIn), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    vdma_watch(NULL, NULL);
    EXPECT_EQ(watched_reads, 64 + 1000);
    EXPECT_EQ(watched_writes, 1000 + 32);
    complete_side(&source);
    complete_side(&target);
    disk_memory_drop(&source.scatter);
    disk_memory_drop(&target.scatter);
    client_drop(&client);
}
