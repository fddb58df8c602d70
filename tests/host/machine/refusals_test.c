/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a call was refused: which argument, by which rule, once, and to whom it is said. */
#include <stdio.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMACommand.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/object/IORefuse.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/sim/sim_console.h"

static unsigned lines;
static char heard[200]; /* the last line */

static void listen(const char *function, const char *format, va_list arguments)
{
    const int length = snprintf(heard, sizeof(heard), "%s: ", function);

    vsnprintf(heard + length, sizeof(heard) - (size_t)length, format, arguments);
    lines++;
}

static int power_on(void **state)
{
    IOReturn_listenToRefusals(listen);
    return dma_power_on(state);
}

/* One line for what was just refused, and this one. */
#define said(call, words)                                                                          \
    do {                                                                                           \
        lines = 0;                                                                                 \
        heard[0] = '\0';                                                                           \
        (void)(call);                                                                              \
        assert_string_equal(heard, words);                                                         \
        assert_int_equal(lines, 1);                                                                \
    } while (0)

static void the_offending_argument_is_named(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(4096, kIODirectionOut, false);
    IODMACommand_SegmentOptions options = {.fStructSize = 40, .fNumAddressBits = 64};
    IODMACommand *command;
    UInt64 offset = 0;
    UInt32 count = 0;

    (void)state;
    assert_non_null(buffer);
    command = dma_command(&options, kIODMAMapOptionMapped, IOMemoryDescriptor_upcast(buffer));
    said(IODMACommand_prepare(command, 8192, 0, true, true),
         "IODMACommand_prepare: offset 8192 is behind the memory's 4096 bytes");
    said(IODMACommand_prepare(command, 96, 4001, true, true),
         "IODMACommand_prepare: offset 96 + length 4001 is beyond the memory's 4096 bytes");
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    said(IODMACommand_prepare(command, 0, 1, true, true),
         "IODMACommand_prepare: bytes [0, +4096) are prepared; again only the same, not [0, +1)");
    said(IODMACommand_gen64IOVMSegments(command, &offset, NULL, &count),
         "IODMACommand_genIOVMSegments: segments is NULL, and the command's segment function "
         "stores to it");
    said(IODMACommand_synchronize(command, kIODirectionOutIn),
         "IODMACommand_synchronize: both directions at once, without kForceDoubleBuffer");
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);

    options.fAlignmentLength = 4;
    command = dma_command(&options, kIODMAMapOptionMapped, IOMemoryDescriptor_upcast(buffer));
    said(IODMACommand_prepare(command, 0, 63, true, true),
         "IODMACommand_prepare.c: 63 bytes are no multiple of fAlignmentLength 4");
    OSObject_release(command);
    options.fAlignmentLength = 0;
    options.fAlignment = 24;
    said(IODMACommand_withSpecificationOptions(IODMACommand_OutputHost64, &options, 0, NULL, NULL),
         "IODMACommand_create.c: fAlignment 24 is no power of two");
    options.fAlignment = 0;
    options.fNumAddressBits = 33;
    said(
        IODMACommand_withSpecificationOptions(IODMACommand_OutputLittle32, &options, 0, NULL, NULL),
        "IODMASpecification_make: fNumAddressBits 33 is not in 12 to 32");
    said(IOMemoryDescriptor_createMappingInTask(buffer, kernel_task, 0,
                                                kIOMapAnywhere | kIOMapOverwrite, 0, 0),
         "IOMemoryDescriptor_map.c: kIOMapOverwrite goes with an address, not with kIOMapAnywhere");
    said(IOSubMemoryDescriptor_withSubRange(buffer, 1, 4096, kIODirectionOut),
         "IOSubMemoryDescriptor.c: offset 1 + length 4096 is beyond the parent's 4096 bytes");
    OSObject_release(buffer);
}

/* Of options that are right and options that are not, the latter. */
static void only_what_is_wrong_of_the_options_is_named(void **state)
{
    const IODMACommand_SegmentOptions limits = {.fStructSize = 40};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOutIn);
    IODMACommand *command = dma_command(&limits, kMapped, memory);
    IOMapper *mapper = new_mapper();
    IOAddressRange range = {DMA_LOW, 64};
    IOMemoryMap *map;
    IOByteCount length;
    uint64_t address;

    (void)state;
    said(IOMapper_iovmMapMemory(mapper, memory, 0, 64, kIODMAMapReadAccess | 0x4000, NULL, NULL,
                                NULL, &address, &length),
         "IOMapper.c: mapOptions 0x4000 are undefined");
    said(IODMACommand_withSpecificationOptions(
             IODMACommand_OutputHost64, &limits,
             kIODMAMapOptionOnChip | kIODMAMapOptionUnmapped | 0x4000, NULL, NULL),
         "IODMACommand_create.c: mapping options 0x4000 are undefined");
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    said(IODMACommand_synchronize(command, kIODirectionOut | kForceDoubleBuffer | 0x4000),
         "IODMACommand_synchronize: options 0x4000 are undefined");
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    said(IOMemoryDescriptor_setOwnership(memory, TASK_NULL, 0,
                                         kIOMemoryLedgerFlagNoFootprint | 0x10),
         "IOMemoryDescriptor_setOwnership: newLedgerOptions 0x10 are undefined");
    said(IOMemoryDescriptor_createMappingInTask(memory, owner, 0, kIOMapAnywhere | 0x2, 0, 0),
         "IOMemoryDescriptor_map.c: options 0x2 are undefined");
    map = map_all(memory, owner, kIOMapUnique);
    said(IOMemoryMap_redirect(map, memory, 0xa00, 0), "IOMemoryMap_redirect: 10 is no cache mode");
    OSObject_release(map);
    said(IOMemoryDescriptor_populateDevicePager(memory, NULL, task_map(owner), PAGE_SIZE, 0, 8,
                                                kIOMapReadOnly | kIOMapStatic),
         "IOMemoryDescriptor_populateDevicePager: options 0x1000000 are undefined");
    said(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, kIOMemoryMapperNone | 0x4000),
         "IOMemoryDescriptor_getPhysicalSegment: options 0x4000 are undefined");
    said(IOBufferMemoryDescriptor_withOptions(kIODirectionOut | 0x01000000, 8, 1),
         "IOBufferMemoryDescriptor_placement.c: options 0x1000000 mean nothing for a buffer");
    said(IOMemoryDescriptor_withAddressRanges(&range, 1, kIODirectionOut | 0x01000000, TASK_NULL),
         "IOGeneralMemoryDescriptor.c: options 0x1000000 are undefined");
    said(IOMemoryDescriptor_withAddressRanges(&range, 1, kIODirectionOut | kIOMemoryTypeVirtual,
                                              owner),
         "IOMemoryDescriptor_withAddressRanges: options name a type of address (0x10), which the "
         "task says");
    OSObject_release(mapper);
    OSObject_release(command);
    OSObject_release(memory);
}

/* An alignment is named as a number of bytes, not as a mask. */
static void alignments_are_named_in_bytes(void **state)
{
    IODMACommand_SegmentOptions options = {.fStructSize = 56,
                                           .fNumAddressBits = 12,
                                           .fAlignment = 8192,
                                           .fAlignmentLength = 64,
                                           .fAlignmentInternalEnd = 128};

    (void)state;
    said(IODMACommand_withSpecificationOptions(IODMACommand_OutputHost64, &options, kMapped, NULL,
                                               NULL),
         "IODMACommand_create.c: with 12 address bits only 0 is a multiple of the alignment 8192");
    options.fSegmentBoundary = 4096;
    said(IODMACommand_withSpecificationOptions(IODMACommand_OutputHost64, &options, kMapped, NULL,
                                               NULL),
         "IODMACommand_create.c: fSegmentBoundary 4096 is no power of two, or less than 8 or than "
         "the largest alignment, 8192");
}

/* The byte, and where it is, and not where a piece begins. */
static void a_byte_out_of_place_is_named(void **state)
{
    IOAddressRange ranges[] = {{DMA_LOW + 0x400, PAGE_SIZE - 0x400}, {DMA_LOW + 0x4100, 16}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, TASK_NULL);

    (void)state;
    said(IOMemoryDescriptor_populateDevicePager(memory, NULL, task_map(owner), 0x7500, 0x100,
                                                PAGE_SIZE - 0x4f8, 0),
         "IOMemoryDescriptor_redirect.c: byte 3072 lies at 0x50004100, elsewhere in its page than "
         "in "
         "that at 0x8000");
    OSObject_release(memory);
}

/* Nor is one heard that is no refusal: an end, a state that passes, a success. */
static void success_and_ends_say_nothing(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(4096, kIODirectionOut, false);
    IOByteCount length;

    (void)state;
    lines = 0;
    IOMemoryDescriptor_getPhysicalSegment(buffer, 0, &length, 0);
    IOMemoryDescriptor_getPhysicalSegment(buffer, 4096, &length, 0);
    assert_int_equal(IOMemoryDescriptor_readBytes(buffer, 4096, heard, 0), 0);
    OSObject_release(buffer);
    assert_int_equal(lines, 0);
}

static void nobody_listening_the_log_has_it_and_is_not_buried(void **state)
{
    uint64_t before;

    (void)state;
    IOReturn_listenToRefusals(NULL);
    sim_console_set_quiet(true);
    sim_console_forget();
    before = sim_console_lines();
    for (unsigned i = 0; i < 1000; i++) {
        IOInterleavedMemoryDescriptor_withCapacity(0, kIODirectionOut);
    }
    assert_int_equal(sim_console_lines() - before, 10); /* the 1st, 2nd, 4th, ... 512th */
    assert_true(sim_console_said("IOInterleavedMemoryDescriptor.c: capacity is 0\n"));
    IOInterleavedMemoryDescriptor_withCapacity(1, 0x100);
    assert_int_equal(sim_console_lines() - before, 11);
    assert_true(sim_console_said("IOInterleavedMemoryDescriptor.c: direction 0x100 is none\n"));
    IOInterleavedMemoryDescriptor_withCapacity(0, kIODirectionOut); /* another row begins */
    assert_int_equal(sim_console_lines() - before, 12);
    /* The same words of others are another row. */
    for (unsigned i = 0; i < 5; i++) {
        IORefuse_voice(i % 2 == 0 ? "f" : "g", "%s: x")("%s: x", i % 2 == 0 ? "f" : "g");
    }
    assert_int_equal(sim_console_lines() - before, 17);
    sim_console_set_quiet(false);
}

/* Who stops listening while a refusal is on its way to him hears nothing more. */
static void the_last_refusal_may_come_too_late(void **state)
{
    const uint64_t before = sim_console_lines();
    IORefuse_Voice *voice;

    (void)state;
    IOReturn_listenToRefusals(listen);
    voice = IORefuse_voice("f", "x");
    lines = 0;
    voice("%s: %s", "f", "x");
    assert_int_equal(lines, 1);
    assert_string_equal(heard, "f: x");
    IOReturn_listenToRefusals(NULL);
    voice("%s: %s", "f", "y");
    assert_int_equal(lines, 1);
    assert_int_equal(sim_console_lines(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(the_offending_argument_is_named),
        MAP_TEST(only_what_is_wrong_of_the_options_is_named),
        MAP_TEST(alignments_are_named_in_bytes),
        MAP_TEST(a_byte_out_of_place_is_named),
        MAP_TEST(success_and_ends_say_nothing),
        MAP_TEST(nobody_listening_the_log_has_it_and_is_not_buried),
        MAP_TEST(the_last_refusal_may_come_too_late),
    };

    return cmocka_run_group_tests(tests, power_on, map_power_off);
}
