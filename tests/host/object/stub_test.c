/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stubs and a kernel that answers what it should not: this program is the way to it
 * (IORPC_deliver), so that each reply can be had.
 */
#include "descriptors/driverkit/IORPC_stub.h"
#include "tests/host/machine/driver_good.h"

static uint64_t answer[kIORPCMessageMost / 8];
static kern_return_t answer_status;

kern_return_t IORPC_deliver(const void *target, IORPCMessage *request, uint32_t requestSize,
                            IORPCMessage *reply, uint32_t replySize)
{
    (void)target, (void)request, (void)requestSize;
    assert_true(replySize <= sizeof(answer));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_another_method_are_none),
        cmocka_unit_test(more_segments_than_there_is_room_for_are_none),
        cmocka_unit_test(objects_that_cannot_be_adopted_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
