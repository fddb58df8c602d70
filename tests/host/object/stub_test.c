/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stubs and a kernel that answers what it should not: this program is the way to it
 * (IORPC_deliver), so that each reply can be had.
 */
#include "descriptors/driverkit/IORPC_stub.h"
#include "tests/host/machine/driver_good.h"

static uint64_t answer[kIORPCMessageMost / 8], sent[kIORPCMessageMost / 8];
static kern_return_t answer_status;
static const void *sent_to;

kern_return_t IORPC_deliver(const void *target, IORPCMessage *request, uint32_t requestSize,
                            IORPCMessage *reply, uint32_t replySize)
{
    assert_true(requestSize <= sizeof(sent) && replySize <= sizeof(answer));
    memset(sent, 0xee, sizeof(sent));
    memcpy(sent, request, requestSize);
    sent_to = target;
    memcpy(reply, answer, replySize);
    return answer_status;
}

uint64_t IORPC_reference(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

uint64_t IORPC_classReference(uint64_t handle, const OSMetaClass *meta)
{
    (void)meta;
    return handle;
}

kern_return_t IORPC_adopt(uint64_t reference, const OSMetaClass *meta, OSObject **object)
{
    (void)meta;
    *object = (OSObject *)(uintptr_t)reference;
    return reference == 1 ? kIOReturnBadArgument : kIOReturnSuccess;
}

/* The method's number, flags and how many objects come along. */
static void answers(uint64_t msgid, uint64_t flags, uint64_t refs)
{
    const IORPCMessage header = {.msgid = msgid, .flags = flags, .objectRefs = refs};

    memset(answer, 0, sizeof(answer));
    memcpy(answer, &header, sizeof(header));
    answer_status = kIOReturnSuccess;
}

static void answers_of_another_method_are_none(void **state)
{
    IOMemoryDescriptor *const memory = (IOMemoryDescriptor *)(uintptr_t)64; /* never looked at */
    _IOMDPrivateState got;

    (void)state;
    answers(IOMemoryDescriptor__CopyState_ID, 0, IOMemoryDescriptor__CopyState_RplRefs);
    GOOD(IOMemoryDescriptor__CopyState(memory, &got));
    answers(IOMemoryMap__CopyState_ID, 0, IOMemoryDescriptor__CopyState_RplRefs);
    assert_int_equal(IOMemoryDescriptor__CopyState(memory, &got), kIOReturnIPCError);
    answers(IOMemoryDescriptor__CopyState_ID, kIORPCMessageError,
            IOMemoryDescriptor__CopyState_RplRefs);
    assert_int_equal(IOMemoryDescriptor__CopyState(memory, &got), kIOReturnIPCError);
    answers(IOMemoryDescriptor__CopyState_ID, 0, IOMemoryDescriptor__CopyState_RplRefs + 1);
    assert_int_equal(IOMemoryDescriptor__CopyState(memory, &got), kIOReturnIPCError);
    answers(IOMemoryDescriptor__CopyState_ID, 0, IOMemoryDescriptor__CopyState_RplRefs);
    answer_status = kIOReturnNoMemory;
    assert_int_equal(IOMemoryDescriptor__CopyState(memory, &got), kIOReturnNoMemory);
}

/* More segments than there is room for would be stored beside it. */
static void more_segments_than_there_is_room_for_are_none(void **state)
{
    IODMACommand *const command = (IODMACommand *)(uintptr_t)64;
    IOAddressSegment segments[kIODMACommandSegmentsMax] = {{.address = 5}};
    IODMACommand_PrepareForDMA_Rpl reply = {
        .header = {.msgid = IODMACommand_PrepareForDMA_ID,
                   .objectRefs = IODMACommand_PrepareForDMA_RplRefs},
        .segmentsCount = 3,
        .segments = {{.address = 7}, {.address = 8}, {.address = 9}},
        .flags = kIODirectionIn};
    uint64_t flags = 0;
    uint32_t count = 2;

    (void)state;
    answer_status = kIOReturnSuccess;
    memcpy(answer, &reply, sizeof(reply));
    assert_int_equal(IODMACommand_PrepareForDMA(command, 0, (IOMemoryDescriptor *)NULL, 0, 0,
                                                &flags, &count, segments),
                     kIOReturnIPCError);
    assert_int_equal(segments[0].address, 5);
    assert_int_equal(count, 2);
    assert_int_equal(flags, 0);
    count = 3;
    GOOD(IODMACommand_PrepareForDMA(command, 0, (IOMemoryDescriptor *)NULL, 0, 0, &flags, &count,
                                    segments));
    assert_int_equal(segments[2].address, 9);
    assert_int_equal(flags, kIODirectionIn);
}

/* An object that cannot be had here is none, and nothing else of the answer is told. */
static void objects_that_cannot_be_adopted_are_told(void **state)
{
    IODMACommand *const command = (IODMACommand *)(uintptr_t)64;
    IODMACommand_GetPreparation_Rpl reply = {
        .header = {.msgid = IODMACommand_GetPreparation_ID,
                   .objectRefs = IODMACommand_GetPreparation_RplRefs},
        .memory = 1,
        .offset = 3,
        .length = 4};
    uint64_t offset = 0, length = 0;
    IOMemoryDescriptor *memory = NULL;

    (void)state;
    answer_status = kIOReturnSuccess;
    memcpy(answer, &reply, sizeof(reply));
    assert_int_equal(IODMACommand_GetPreparation(command, &offset, &length, &memory),
                     kIOReturnBadArgument);
    assert_int_equal(offset + length, 0);
    assert_null(memory);
    reply.memory = 128;
    memcpy(answer, &reply, sizeof(reply));
    GOOD(IODMACommand_GetPreparation(command, &offset, &length, &memory));
    assert_int_equal(offset, 3);
    assert_int_equal(length, 4);
    assert_ptr_equal(memory, (void *)128);
    reply.memory = 0;
    memcpy(answer, &reply, sizeof(reply));
    GOOD(IODMACommand_GetPreparation(command, NULL, NULL, NULL));
}

/* --- Each word of each method ----------------------------------------------------------------- */

#define OBJECT(Class) ((Class *)(uintptr_t)0x4000) /* never looked at */
#define OTHER         ((IOMemoryDescriptor *)(uintptr_t)0x5000)
#define NEW           0x6000u
#define FIRST         (sizeof(IORPCMessage) / 8) /* word behind the header */

/* What was sent last: to whom, by which number, and these words. */
static void expect_sent(const void *target, uint64_t msgid, uint64_t refs, const uint64_t *words,
                        unsigned count)
{
    const IORPCMessage *const header = (const void *)sent;

    assert_ptr_equal(sent_to, target);
    assert_int_equal(header->msgid, msgid);
    assert_int_equal(header->objectRefs, refs);
    assert_int_equal(header->flags, 0);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(sent[FIRST + i], words[i]);
    }
}

#define SENT(target, Method, ...)                                                                  \
    expect_sent(target, Method##_ID, Method##_Refs, (const uint64_t[]){__VA_ARGS__},               \
                sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

static void every_word_of_memorys_methods_travels(void **state)
{
    IOMemoryDescriptor *const self = OBJECT(IOMemoryDescriptor), *made = OTHER;
    IOMemoryDescriptor *parts[kIORPCDescriptorsMost + 1];
    IOBufferMemoryDescriptor *buffer;
    _IOMemoryMapPrivateState where;
    _IOMDPrivateState now;
    IOMemoryMap *map;

    (void)state;
    answers(IOMemoryDescriptor__CopyState_ID, 0, 0);
    answer[FIRST] = 7;
    answer[FIRST + 1] = 8;
    GOOD(IOMemoryDescriptor__CopyState(self, &now));
    SENT(self, IOMemoryDescriptor__CopyState, (uintptr_t)self);
    assert_true(now.length == 7 && now.options == 8);
    answer[FIRST] = 9;
    answer_status = kIOReturnNoMemory;
    assert_int_equal(IOMemoryDescriptor__CopyState(self, &now), kIOReturnNoMemory);
    assert_int_equal(now.length, 7);

    answers(IOMemoryMap__CopyState_ID, 0, 0);
    for (unsigned i = 0; i < 4; i++) {
        answer[FIRST + i] = 20 + i;
    }
    GOOD(IOMemoryMap__CopyState(OBJECT(IOMemoryMap), &where));
    SENT(self, IOMemoryMap__CopyState, (uintptr_t)self);
    assert_true(where.length == 20 && where.offset == 21 && where.options == 22);
    assert_int_equal(where.address, 23);
    answer[FIRST + 3] = 9;
    answer_status = kIOReturnNoMemory;
    assert_int_equal(IOMemoryMap__CopyState(OBJECT(IOMemoryMap), &where), kIOReturnNoMemory);
    assert_int_equal(where.address, 23);

    answers(IOMemoryDescriptor_CreateMapping_ID, 0, 1);
    answer[FIRST] = NEW;
    GOOD(IOMemoryDescriptor_CreateMapping(self, 1, 2, 3, 4, 5, &map));
    SENT(self, IOMemoryDescriptor_CreateMapping, (uintptr_t)self, 1, 2, 3, 4, 5);
    assert_int_equal((uintptr_t)map, NEW);
    answer_status = kIOReturnNoMemory;
    assert_int_equal(IOMemoryDescriptor_CreateMapping(self, 1, 2, 3, 4, 5, &map),
                     kIOReturnNoMemory);
    assert_null(map);

    map = OBJECT(IOMemoryMap);
    assert_int_equal(IOMemoryDescriptor_CreateMapping(NULL, 1, 2, 3, 4, 5, &map),
                     kIOReturnBadArgument);
    assert_null(map);

    answers(IOMemoryDescriptor_CreateSubMemoryDescriptor_ID, 0, 1);
    answer[FIRST] = NEW;
    GOOD(IOMemoryDescriptor_CreateSubMemoryDescriptor(1, 2, 3, self, &made));
    SENT(OSTypeID(IOMemoryDescriptor), IOMemoryDescriptor_CreateSubMemoryDescriptor,
         kIORPCHandleIOMemoryDescriptor, (uintptr_t)self, 1, 2, 3);
    assert_int_equal((uintptr_t)made, NEW);
    answer_status = kIOReturnNoMemory;
    assert_int_equal(IOMemoryDescriptor_CreateSubMemoryDescriptor(1, 2, 3, self, &made),
                     kIOReturnNoMemory);
    assert_null(made);

    answers(IOMemoryDescriptor_CreateWithMemoryDescriptors_ID, 0, 1);
    answer[FIRST] = NEW;
    for (unsigned i = 0; i <= kIORPCDescriptorsMost; i++) {
        parts[i] = (IOMemoryDescriptor *)(uintptr_t)(0x7000 + i);
    }
    for (unsigned count = 0; count <= kIORPCDescriptorsMost; count += kIORPCDescriptorsMost / 2) {
        GOOD(IOMemoryDescriptor_CreateWithMemoryDescriptors(3, count, parts, &made));
        SENT(OSTypeID(IOMemoryDescriptor), IOMemoryDescriptor_CreateWithMemoryDescriptors,
             kIORPCHandleIOMemoryDescriptor);
        assert_int_equal((uintptr_t)made, NEW);
        for (unsigned i = 0; i < kIORPCDescriptorsMost; i++) {
            assert_int_equal(sent[FIRST + 1 + i], i < count ? (uintptr_t)parts[i] : 0);
        }
        assert_int_equal(sent[FIRST + 1 + kIORPCDescriptorsMost], 3);
        assert_int_equal((uint32_t)sent[FIRST + 2 + kIORPCDescriptorsMost], count);
    }
    assert_int_equal(
        IOMemoryDescriptor_CreateWithMemoryDescriptors(3, kIORPCDescriptorsMost + 1, parts, &made),
        kIOReturnOverrun);
    assert_null(made);
    made = OTHER;
    assert_int_equal(IOMemoryDescriptor_CreateWithMemoryDescriptors(3, 1, NULL, &made),
                     kIOReturnBadArgument);
    assert_null(made);

    answers(IOBufferMemoryDescriptor_Create_ID, 0, 1);
    answer[FIRST] = NEW;
    GOOD(IOBufferMemoryDescriptor_Create(1, 2, 3, &buffer));
    SENT(OSTypeID(IOBufferMemoryDescriptor), IOBufferMemoryDescriptor_Create,
         kIORPCHandleIOBufferMemoryDescriptor, 1, 2, 3);
    assert_int_equal((uintptr_t)buffer, NEW);
    answers(IOBufferMemoryDescriptor_SetLength_ID, 0, 0);
    GOOD(IOBufferMemoryDescriptor_SetLength(OBJECT(IOBufferMemoryDescriptor), 9));
    SENT(self, IOBufferMemoryDescriptor_SetLength, (uintptr_t)self, 9);
}

static void every_word_of_commands_methods_travels(void **state)
{
    const IODMACommandSpecification wide = {.options = 0x11, .maxAddressBits = 48};
    IODMACommand *const self = OBJECT(IODMACommand);
    IOAddressSegment segments[kIODMACommandSegmentsMax] = {{0, 0}};
    IODMACommand *made = self;
    uint64_t flags;
    uint32_t count = 3;

    (void)state;
    answers(IODMACommand_Create_ID, 0, 1);
    answer[FIRST] = NEW;
    GOOD(IODMACommand_Create(OBJECT(IOService), 2, &wide, &made));
    SENT(OSTypeID(IODMACommand), IODMACommand_Create, kIORPCHandleIODMACommand, (uintptr_t)self, 2,
         0x11, 48);
    assert_int_equal((uintptr_t)made, NEW);
    assert_int_equal(IODMACommand_Create(OBJECT(IOService), 2, NULL, &made), kIOReturnBadArgument);
    assert_null(made);
    assert_int_equal(IODMACommand_Create(OBJECT(IOService), 2, &wide, NULL), kIOReturnBadArgument);

    answers(IODMACommand_PrepareForDMA_ID, 0, 0);
    answer[FIRST] = 5;     /* flags */
    answer[FIRST + 1] = 2; /* segments */
    for (unsigned i = 0; i < 6; i++) {
        answer[FIRST + 2 + i] = 30 + i;
    }
    GOOD(IODMACommand_PrepareForDMA(self, 1, OTHER, 2, 3, &flags, &count, segments));
    SENT(self, IODMACommand_PrepareForDMA, (uintptr_t)self, (uintptr_t)OTHER, 1, 2, 3);
    assert_int_equal((uint32_t)sent[FIRST + 5], 3);
    assert_true(flags == 5 && count == 2);
    assert_true(segments[0].address == 30 && segments[1].length == 33);
    assert_int_equal(segments[2].address | segments[2].length, 0); /* there are two */

    answers(IODMACommand_CompleteDMA_ID, 0, 0);
    GOOD(IODMACommand_CompleteDMA(self, 4));
    SENT(self, IODMACommand_CompleteDMA, (uintptr_t)self, 4);
    answers(IODMACommand_GetPreparation_ID, 0, 1);
    GOOD(IODMACommand_GetPreparation(self, NULL, NULL, NULL));
    SENT(self, IODMACommand_GetPreparation, (uintptr_t)self);
    answers(IODMACommand_PerformOperation_ID, 0, 0);
    GOOD(IODMACommand_PerformOperation(self, 1, 2, 3, 4, OTHER));
    SENT(self, IODMACommand_PerformOperation, (uintptr_t)self, (uintptr_t)OTHER, 1, 2, 3, 4);
    assert_int_equal(IODMACommand_CompleteDMA(NULL, 0), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_GetPreparation(NULL, NULL, NULL, NULL), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_PerformOperation(NULL, 0, 0, 0, 0, OTHER), kIOReturnBadArgument);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(IODMACommand_PrepareForDMA(i == 0 ? NULL : self, 0, OTHER, 0, 0,
                                                    i == 1 ? NULL : &flags, i == 2 ? NULL : &count,
                                                    i == 3 ? NULL : segments),
                         kIOReturnBadArgument);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_another_method_are_none),
        cmocka_unit_test(more_segments_than_there_is_room_for_are_none),
        cmocka_unit_test(objects_that_cannot_be_adopted_are_told),
        cmocka_unit_test(every_word_of_memorys_methods_travels),
        cmocka_unit_test(every_word_of_commands_methods_travels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
