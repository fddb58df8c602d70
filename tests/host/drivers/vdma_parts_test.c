/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vdma is asked where its limits are narrow, over vdma's core: transfers in parts, where one
 * may begin and end, and what goes on from one to the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODMAController_class.h"
#include "descriptors/IODeviceMemory.h"
#include "tests/host/drivers/vdma_spoiled.h"

static void limits_and_what_follows(void **state)
{
    const struct vdma_limits reads = {.directions = VDMA_READS, .segment_max = UINT32_MAX};
    const struct vdma_limits writes = {.directions = VDMA_WRITES};
    struct vdma_job job = {.type = VDMA_FILL, .target = pair, .length = 64, .arguments = {0, 1}};
    IODMACommand_SegmentOptions options;

    (void)state;
    assert_int_equal(spoiled_set_limits(&reads), kIOReturnSuccess);
    assert_int_equal(vdma_get_segment_options(&options), kIOReturnSuccess);
    assert_int_equal(options.fMaxSegmentSize, UINT32_MAX);
    assert_int_equal(vdma_perform(&job), kIOReturnUnsupported);
    assert_int_equal(vdma_use_table(true), kIOReturnUnsupported);
    assert_int_equal(spoiled_set_limits(&writes), kIOReturnSuccess);
    job = (struct vdma_job){.type = VDMA_CHECKSUM, .source = pair, .length = 64};
    assert_int_equal(vdma_perform(&job), kIOReturnUnsupported);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
    assert_int_equal(vdma_set_profile(99), kIOReturnNotAligned);
    /* Each limit has its option; where there is none, whatever a descriptor can say. */
    assert_int_equal(spoiled_set_limits(&(struct vdma_limits){0}), kIOReturnSuccess);
    assert_int_equal(vdma_get_segment_options(&options), kIOReturnSuccess);
    assert_int_equal(options.fNumAddressBits, 64);
    assert_int_equal(options.fMaxSegmentSize, UINT32_MAX);
    assert_int_equal(options.fMaxTransferSize | options.fSegmentBoundary, 0);
    assert_int_equal(options.fAlignment, 1);
    assert_int_equal(options.fAlignmentLength, 1);
    assert_int_equal(options.fAlignmentInternalSegments, 1);
    assert_int_equal(options.fAlignmentInternalEnd, 1);
    assert_int_equal(spoiled_set_limits(&(struct vdma_limits){.address_bits = 40,
                                                              .alignment = 8,
                                                              .alignment_length = 4,
                                                              .alignment_internal = 16,
                                                              .alignment_end = 32,
                                                              .segment_max = 4096,
                                                              .transfer_max = 1 << 20,
                                                              .boundary = 65536}),
                     kIOReturnSuccess);
    assert_int_equal(vdma_get_segment_options(&options), kIOReturnSuccess);
    assert_int_equal(options.fNumAddressBits, 40);
    assert_int_equal(options.fMaxSegmentSize, 4096);
    assert_int_equal(options.fMaxTransferSize, 1 << 20);
    assert_int_equal(options.fSegmentBoundary, 65536);
    assert_int_equal(options.fAlignment, 8);
    assert_int_equal(options.fAlignmentLength, 4);
    assert_int_equal(options.fAlignmentInternalSegments, 16);
    assert_int_equal(options.fAlignmentInternalEnd, 32);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/*
 * In parts of two segments of 1008 bytes, which begin at multiples of 16, over two pieces of which
 * the second does not: where a part may begin is found from either side, and from the piece before.
 */
static void parts_begin_where_the_device_takes_them(void **state)
{
    const struct vdma_limits limits = {.alignment = 16, .segment_max = 1008, .segments_max = 2};
    static const struct {
        unsigned first, second; /* bytes of the first piece; where in its page the other begins */
        unsigned parts;         /* as few as can be */
    } rows[] = {{996, 10, 4}, {996, 0, 3}, {990, 10, 4}, {1000, 6, 4}, {3000, 1, 3}};

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IOAddressRange ranges[] = {
            {(uint64_t)pair_bytes, rows[i].first},
            {(uint64_t)pair_bytes + 4096 + rows[i].second, 4000 - rows[i].first}};
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionInOut, kernel_task);
        struct vdma_job fill = {
            .type = VDMA_FILL, .target = memory, .length = 4000, .arguments = {0x5a + i, 1}};
        struct vdma_job sum = {.type = VDMA_CHECKSUM, .source = memory, .length = 900};
        struct virtq_counters before, counters;

        assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
        memset(pair_bytes, 0, PAIR_BYTES);
        vdma_get_counters(&before);
        assert_int_equal(vdma_perform(&fill), kIOReturnSuccess);
        vdma_get_counters(&counters);
        assert_int_equal(counters.requests - before.requests, rows[i].parts);
        assert_int_equal(fill.moved, 4000);
        for (unsigned k = 0; k < 2; k++) {
            for (uint64_t at = 0; at < ranges[k].length; at++) {
                assert_int_equal(((uint8_t *)ranges[k].address)[at], 0x5a + i);
            }
            assert_int_equal(((uint8_t *)ranges[k].address)[ranges[k].length], 0);
        }
        assert_int_equal(vdma_perform(&sum), kIOReturnSuccess);
        sum.length = 4000; /* what is summed has no parts */
        assert_int_equal(vdma_perform(&sum), kIOReturnNoSpace);
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
        OSObject_release(memory);
    }
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/* As many as the ring has entries, but for header and status; one more is another request. */
static void as_many_pieces_as_there_are_entries(void **state)
{
    static IOAddressRange ranges[255];

    (void)state;
    for (unsigned count = 254; count <= 255; count++) {
        struct vdma_job fill = {.type = VDMA_FILL, .length = 16 * count, .arguments = {count, 1}};
        struct virtq_counters before, counters;

        for (unsigned i = 0; i < count; i++) {
            ranges[i] = (IOAddressRange){(uint64_t)pair_bytes + 32 * i, 16};
        }
        fill.target =
            IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionInOut, kernel_task);
        assert_int_equal(IOMemoryDescriptor_prepare(fill.target, kIODirectionNone),
                         kIOReturnSuccess);
        memset(pair_bytes, 0, PAIR_BYTES);
        vdma_get_counters(&before);
        assert_int_equal(vdma_perform(&fill), kIOReturnSuccess);
        vdma_get_counters(&counters);
        /* One asks for the limits. */
        assert_int_equal(counters.requests - before.requests, 1 + (count == 254 ? 1 : 2));
        for (unsigned at = 0; at < 32 * count; at++) {
            assert_int_equal(pair_bytes[at], at % 32 < 16 ? count : 0);
        }
        IOMemoryDescriptor_complete(fill.target, kIODirectionNone);
        OSObject_release(fill.target);
    }
}

/* Of sides that have room for different numbers of bytes, each part moves what both have. */
static void sides_that_do_not_agree(void **state)
{
    static IOAddressRange ranges[300];
    IOMemoryDescriptor *memory;
    struct vdma_job copy = {.type = VDMA_COPY, .length = 2400}, sum = {.type = VDMA_CHECKSUM};

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        ranges[i] = (IOAddressRange){(uint64_t)pair_bytes + 16 * i, 8};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 300, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    for (unsigned way = 0; way < 2; way++) {
        copy.source = way == 0 ? pair : memory;
        copy.target = way == 0 ? memory : pair;
        copy.source_offset = way == 0 ? 5000 : 0;
        copy.target_offset = way == 0 ? 0 : 5000;
        for (unsigned i = 0; i < PAIR_BYTES; i++) {
            pair_bytes[i] = (uint8_t)(i * 7 + i / 256 + way);
        }
        assert_int_equal(vdma_perform(&copy), kIOReturnSuccess);
        for (unsigned i = 0; i < 300; i++) {
            assert_memory_equal(pair_bytes + 16 * i, pair_bytes + 5000 + 8 * i, 8);
        }
    }
    /* One side alone has all the room there is. */
    sum.source = memory;
    sum.length = 8 * 254;
    assert_int_equal(vdma_perform(&sum), kIOReturnSuccess);
    sum.length += 8;
    assert_int_equal(vdma_perform(&sum), kIOReturnNoSpace);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
}

/*
 * A part ends at a multiple of the device's unit, back to where the next may begin: the second
 * piece has no such place, so that it is in the first.
 */
static void parts_of_whole_units(void **state)
{
    const struct vdma_limits limits = {
        .transfer_max = 700, .alignment = 16, .alignment_length = 16};
    const IODMACommand_SegmentOptions anything = {.fStructSize = sizeof(anything),
                                                  .fNumAddressBits = 64,
                                                  .fAlignment = 16,
                                                  .fAlignmentInternalSegments = 1};
    IOAddressRange ranges[] = {{(uint64_t)pair_bytes, 480}, {(uint64_t)pair_bytes + 4096 + 8, 512}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionInOut, kernel_task);
    struct vdma_limits anywhere = {0};
    struct vdma_transfer fill;
    IODMACommand *command;

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = vdma_create_command(&anything, kMapped, &fill);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    memset(pair_bytes, 0, PAIR_BYTES);
    fill = (struct vdma_transfer){
        .type = VDMA_FILL, .length = 992, .arguments = {0x33, 1}, .target = {.command = command}};
    assert_int_equal(vdma_submit_and_wait(&fill), kIOReturnSuccess);
    assert_int_equal(fill.moved, 992);
    assert_int_equal(pair_bytes[479], 0x33);
    assert_int_equal(pair_bytes[480], 0);
    assert_int_equal(pair_bytes[4096 + 8 + 511], 0x33);
    /* Units of lengths alone. */
    anywhere.transfer_max = 700;
    anywhere.alignment_length = 16;
    assert_int_equal(spoiled_set_limits(&anywhere), kIOReturnSuccess);
    fill = (struct vdma_transfer){
        .type = VDMA_FILL, .length = 992, .arguments = {0x55, 1}, .target = {.command = command}};
    assert_int_equal(vdma_submit_and_wait(&fill), kIOReturnSuccess);
    assert_int_equal(pair_bytes[4096 + 8 + 511], 0x55);
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    /* One that is no number of units is the device's to refuse, in one piece or in more. */
    for (unsigned length = 500; length <= 990; length += 490) {
        fill = (struct vdma_transfer){.type = VDMA_FILL,
                                      .length = length,
                                      .arguments = {0x44, 1},
                                      .target = {.command = command}};
        assert_int_equal(vdma_submit_and_wait(&fill), kIOReturnNotAligned);
        assert_int_equal(pair_bytes[0], length == 500 ? 0x55 : 0x44);
    }
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/* A pattern goes on where the part before has ended, in the middle of it. */
static void patterns_go_on(void **state)
{
    const struct vdma_limits limits = {.transfer_max = 1001};
    const IODMACommand_SegmentOptions anything = {
        .fStructSize = sizeof(anything), .fNumAddressBits = 64, .fAlignment = 1};
    struct vdma_transfer fill;
    IODMACommand *command;

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    command = vdma_create_command(&anything, kMapped, &fill);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, pair, true), kIOReturnSuccess);
    for (unsigned size = 2; size <= 8; size *= 2) {
        fill = (struct vdma_transfer){.type = VDMA_FILL,
                                      .length = 4096,
                                      .owner = command, /* of a life before */
                                      .arguments = {0x8877665544332211, size},
                                      .target = {.command = command}};
        assert_int_equal(vdma_submit_and_wait(&fill), kIOReturnSuccess);
        assert_int_equal(fill.moved, 4096);
        for (unsigned i = 0; i < 4096; i++) {
            assert_int_equal(pair_bytes[i], 0x11 * (i % size + 1));
        }
    }
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/* Equal or not, it ends well: looked at as far as was needed, which is all of it. */
static void comparisons_that_end_well(void **state)
{
    struct vdma_job job = {.type = VDMA_COMPARE, .source = pair, .length = 128};

    (void)state;
    memset(pair_bytes, 7, 128);
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
    assert_int_equal(job.status.code, VDMA_STATUS_OK);
    assert_int_equal(job.moved, 128);
    pair_bytes[64 + 10] = 8;
    assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
    assert_int_equal(job.status.code, VDMA_STATUS_DIFFERENT);
    assert_int_equal(job.status.value, 10);
    assert_int_equal(job.moved, 128);
}

/* A piece may be where no transfer begins: not one that begins with it. */
static void a_beginning_that_the_device_does_not_take(void **state)
{
    const struct vdma_limits limits = {.alignment = 16, .segment_max = 1008};
    IOAddressRange ranges[] = {{(uint64_t)pair_bytes, 96},
                               {(uint64_t)pair_bytes + 4096 + 5, 64},
                               {(uint64_t)pair_bytes + 512, 64}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionInOut, kernel_task);
    struct virtq_counters before, counters;
    struct vdma_transfer fill;
    IODMACommand *command;

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = vdma_create_command(NULL, kMapped, &fill);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    vdma_get_counters(&before);
    for (unsigned i = 0; i < 3; i++) {
        const unsigned start = i == 0 ? 0 : 96;

        fill = (struct vdma_transfer){
            .type = VDMA_FILL,
            .length = i == 2 ? 80 : 32,
            .arguments = {1, 1},
            .target = {.command = command, .segment = start, .position = start}};
        assert_int_equal(vdma_submit_and_wait(&fill),
                         i == 0 ? kIOReturnSuccess : kIOReturnNotAligned);
    }
    vdma_get_counters(&counters);
    assert_int_equal(counters.requests, before.requests + 3); /* it is the device that refuses */
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/*
 * What only further pieces must keep to does not matter to the first byte of a transfer, wherever
 * in a piece that is: the list is walked from the piece's beginning, which is left out.
 */
static void a_start_inside_a_piece(void **state)
{
    const struct vdma_limits limits = {.alignment_internal = 16};
    IOAddressRange ranges[] = {{(uint64_t)pair_bytes, 96},
                               {(uint64_t)pair_bytes + 512, 64},
                               {(uint64_t)pair_bytes + 1024, 48}};
    static const unsigned starts[] = {0, 1, 8, 95, 96, 97, 104, 159, 160, 161, 207};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionInOut, kernel_task);
    struct vdma_transfer fill;
    IODMACommand *command;

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    command = vdma_create_command(NULL, kMapped, &fill);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        const unsigned start = starts[i];

        memset(pair_bytes, 0, PAIR_BYTES);
        fill = (struct vdma_transfer){
            .type = VDMA_FILL,
            .length = 208 - start,
            .arguments = {0x60 + i, 1},
            .target = {.command = command, .segment = start, .position = start}};
        assert_int_equal(vdma_submit_and_wait(&fill), kIOReturnSuccess);
        assert_int_equal(fill.moved, 208 - start);
        for (unsigned at = 0; at < 208; at++) {
            const uint8_t *const byte = at < 96    ? pair_bytes + at
                                        : at < 160 ? pair_bytes + 512 + at - 96
                                                   : pair_bytes + 1024 + at - 160;

            assert_int_equal(*byte, at < start ? 0 : 0x60 + i);
        }
        assert_int_equal(pair_bytes[96] | pair_bytes[512 + 64] | pair_bytes[1024 + 48], 0);
    }
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/*
 * A command of a client's own options may be longer than the device's longest transfer, which is
 * cut at multiples of its unit; a copy, where both of its sides may go on.
 */
static void parts_of_longer_transfers(void **state)
{
    const struct vdma_limits limits = {
        .transfer_max = 1000, .alignment = 16, .alignment_length = 16, .segment_max = 512};
    const IODMACommand_SegmentOptions anything = {.fStructSize = sizeof(anything),
                                                  .fNumAddressBits = 64,
                                                  .fMaxSegmentSize = 512,
                                                  .fAlignment = 16};
    struct vdma_transfer other, fill, copy;
    IODMACommand *to, *from;

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    to = vdma_create_command(&anything, kMapped, &fill);
    from = vdma_create_command(&anything, kMapped, &other);
    assert_int_equal(IODMACommand_setMemoryDescriptor(to, pair, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(from, pair, true), kIOReturnSuccess);
    fill = (struct vdma_transfer){
        .type = VDMA_FILL, .length = 4096, .arguments = {0x77, 1}, .target = {.command = to}};
    assert_int_equal(vdma_submit_and_wait(&fill), kIOReturnSuccess);
    assert_int_equal(fill.moved, 4096);
    assert_int_equal(pair_bytes[4095], 0x77);
    copy = (struct vdma_transfer){.type = VDMA_COPY,
                                  .length = 4000,
                                  .source = {.command = from},
                                  .target = {.command = to, .segment = 4096, .position = 4096}};
    memset(pair_bytes + 4096, 0, 4096);
    assert_int_equal(vdma_submit_and_wait(&copy), kIOReturnSuccess);
    assert_memory_equal(pair_bytes, pair_bytes + 4096, 4000);
    assert_int_equal(pair_bytes[4096 + 4000], 0);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(to, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(from, true), kIOReturnSuccess);
    OSObject_release(to);
    OSObject_release(from);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/*
 * A copy whose sides miss the multiples by different bytes for a while: no part ends there, but
 * further back, where both of them can begin the next one.
 */
static void parts_begin_where_both_sides_may(void **state)
{
    const struct vdma_limits limits = {.transfer_max = 60, .alignment = 16};
    const IODMACommand_SegmentOptions anything = {
        .fStructSize = sizeof(anything), .fNumAddressBits = 64, .fAlignment = 16};
    IOAddressRange ranges[] = {{(uint64_t)pair_bytes, 40},
                               {(uint64_t)pair_bytes + 1024, 24},
                               {(uint64_t)pair_bytes + 2048, 960}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionInOut, kernel_task);
    struct vdma_transfer other, copy;
    IODMACommand *from, *to;

    (void)state;
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    for (unsigned i = 0; i < PAIR_BYTES; i++) {
        pair_bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    from = vdma_create_command(&anything, kMapped, &other);
    to = vdma_create_command(&anything, kMapped, &copy);
    assert_int_equal(IODMACommand_setMemoryDescriptor(from, memory, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(to, pair, true), kIOReturnSuccess);
    copy = (struct vdma_transfer){.type = VDMA_COPY,
                                  .length = 1024,
                                  .source = {.command = from},
                                  .target = {.command = to, .segment = 4096, .position = 4096}};
    assert_int_equal(vdma_submit_and_wait(&copy), kIOReturnSuccess);
    assert_int_equal(copy.moved, 1024);
    assert_memory_equal(pair_bytes + 4096, pair_bytes, 40);
    assert_memory_equal(pair_bytes + 4096 + 40, pair_bytes + 1024, 24);
    assert_memory_equal(pair_bytes + 4096 + 64, pair_bytes + 2048, 960);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(from, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(to, true), kIOReturnSuccess);
    OSObject_release(from);
    OSObject_release(to);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/* Memory in one piece goes in one request up to the device's longest, from its beginning or not. */
static void one_piece_in_as_few_parts_as_can_be(void **state)
{
    const struct vdma_limits limits = {.transfer_max = 1000};
    static const struct {
        unsigned offset, length, parts;
    } rows[] = {{0, 1, 1}, {0, 1000, 1}, {0, 1001, 2}, {0, 2000, 2}, {8, 1000, 1}, {8, 1001, 2}};
    const IODMACommand_SegmentOptions anything = {
        .fStructSize = sizeof(anything), .fNumAddressBits = 64, .fAlignment = 1};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
        (uint64_t)pair_bytes, 4000, kIODirectionInOut, kernel_task);
    struct vdma_transfer from_transfer, copy;
    IODMACommand *from, *to;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(spoiled_set_limits(&limits), kIOReturnSuccess);
    from = vdma_create_command(&anything, kMapped, &from_transfer);
    to = vdma_create_command(&anything, kMapped, &copy);
    assert_int_equal(IODMACommand_setMemoryDescriptor(from, memory, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(to, memory, false), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(to, 2000, 2000, true, true), kIOReturnSuccess);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct vdma_place place = {to, rows[i].offset, rows[i].offset};
        struct virtq_counters before, counters;

        for (unsigned k = 0; k < 2000; k++) {
            pair_bytes[k] = (uint8_t)(k + i);
            pair_bytes[2000 + k] = 0xee;
        }
        copy = (struct vdma_transfer){.type = VDMA_COPY,
                                      .length = rows[i].length,
                                      .source = {.command = from},
                                      .target = place};
        vdma_get_counters(&before);
        assert_int_equal(vdma_submit_and_wait(&copy), kIOReturnSuccess);
        vdma_get_counters(&counters);
        assert_int_equal(counters.requests - before.requests, rows[i].parts);
        assert_int_equal(copy.moved, copy.length);
        for (unsigned k = 0; k < 2000; k++) {
            const bool moved = k - rows[i].offset < copy.length;

            assert_int_equal(pair_bytes[2000 + k],
                             moved ? (uint8_t)(k - rows[i].offset + i) : 0xee);
        }
    }
    assert_int_equal(IODMACommand_clearMemoryDescriptor(from, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(to, true), kIOReturnSuccess);
    OSObject_release(from);
    OSObject_release(to);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    assert_int_equal(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

/* A client's own options allow a piece that no descriptor can say. */
static void a_piece_of_8_gib(void **state)
{
    const IODMACommand_SegmentOptions anything = {
        .fStructSize = sizeof(anything), .fNumAddressBits = 64, .fAlignment = 1};
    IOMemoryDescriptor *large =
        (IOMemoryDescriptor *)IODeviceMemory_withRange(1ull << 40, 8ull << 30);
    struct vdma_transfer transfer;
    IODMACommand *command = vdma_create_command(&anything, kMapped, &transfer);
    unsigned now = 1, most = 1;

    (void)state;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, large, true), kIOReturnSuccess);
    transfer.type = VDMA_FILL;
    transfer.arguments[1] = 1;
    assert_int_equal(IODMAController_startDMACommand(vdma_state.engine, 0, command, kIODirectionIn,
                                                     0 /* all */, 0),
                     kIOReturnMessageTooLarge);
    vdma_get_depth(&now, &most);
    assert_int_equal(now, 0);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_and_what_follows),
        cmocka_unit_test(parts_begin_where_the_device_takes_them),
        cmocka_unit_test(as_many_pieces_as_there_are_entries),
        cmocka_unit_test(sides_that_do_not_agree),
        cmocka_unit_test(parts_of_whole_units),
        cmocka_unit_test(patterns_go_on),
        cmocka_unit_test(comparisons_that_end_well),
        cmocka_unit_test(a_beginning_that_the_device_does_not_take),
        cmocka_unit_test(a_start_inside_a_piece),
        cmocka_unit_test(parts_of_longer_transfers),
        cmocka_unit_test(parts_begin_where_both_sides_may),
        cmocka_unit_test(one_piece_in_as_few_parts_as_can_be),
        cmocka_unit_test(a_piece_of_8_gib),
    };

    return cmocka_run_group_tests(tests, spoiled_start_present, NULL);
}
