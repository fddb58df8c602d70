/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages from the kernel itself, in whose memory they lie, to the routers of the classes. */
#include "tests/host/machine/driver_good.h"

/* As the table of a driver makes it: what handles stand for. Whom it is for. */
static const void *by_pointers(union any *message, unsigned index)
{
    static const OSMetaClass *const classes[] = {
        OSTypeID(IOMemoryDescriptor), OSTypeID(IOBufferMemoryDescriptor), OSTypeID(IODMACommand)};
    const bool is_static = message->words[3] <= 3;

    for (unsigned i = is_static ? 1 : 0; i < IORPCMethod_at(index)->requestRefs; i++) {
        if (message->words[3 + i] != 0) {
            message->words[3 + i] = (uint64_t)driver_object(&one, message->words[3 + i]);
        }
    }
    return is_static ? (const void *)classes[message->words[3] - 1]
                     : (const void *)message->words[3];
}

static IOReturn invoke(const void *target, union any *message, uint64_t size, union any *reply,
                       uint64_t room)
{
    const IORPC rpc = {.message = &message->header,
                       .reply = &reply->header,
                       .sendSize = (uint32_t)size,
                       .replySize = (uint32_t)room};

    memset(reply, 0xee, sizeof(*reply));
    return OSMetaClassBase_Invoke((OSMetaClassBase *)(uintptr_t)target, rpc);
}

static bool is_untouched(const union any *reply)
{
    for (unsigned i = 0; i < sizeof(reply->bytes); i++) {
        if (reply->bytes[i] != 0xee) {
            return false;
        }
    }
    return true;
}

/* The word of a request, behind the header, by which the method refuses it. */
static const struct {
    unsigned word;
    uint64_t value;
} refused[METHODS] = {[1] = {4, 1ull << 40}, [2] = {5, 1ull << 40}, [3] = {37, 0},
                      [4] = {5, 0},          [5] = {4, 1ull << 40}, [7] = {5, 1},
                      [9] = {4, 0},          [10] = {4, 0},         [11] = {5, 1ull << 40}};

/* Where there is no room for it, and where the method refuses, no reply is written. */
static void replies_are_written_after_success(void **state)
{
    struct good good;
    union any message, reply;

    (void)state;
    good_start(&good);
    task_set_current(one.task);
    for (unsigned i = 0; i < METHODS; i++) {
        const IORPCMethod *method = IORPCMethod_at(i);
        const void *target;

        good_request(&good, i, &message);
        target = by_pointers(&message, i);
        assert_int_equal(invoke(target, &message, method->request, &reply, method->reply - 1),
                         kIOReturnIPCError);
        assert_true(is_untouched(&reply));
        assert_int_equal(invoke(target, &message, method->request - 1, &reply, method->reply),
                         kIOReturnIPCError);
        assert_true(is_untouched(&reply));
        message.header.objectRefs++;
        assert_int_equal(invoke(target, &message, method->request, &reply, method->reply),
                         kIOReturnIPCError);
        assert_true(is_untouched(&reply));
        message.header.objectRefs--;
        if (refused[i].word != 0) {
            message.words[refused[i].word] = refused[i].value;
            assert_int_not_equal(invoke(target, &message, method->request, &reply, method->reply),
                                 kIOReturnSuccess);
            assert_true(is_untouched(&reply));
        }
    }
    task_set_current(kernel_task);
    good_end(&good);
}

static kern_return_t join_never(uint64_t options, uint32_t count,
                                IOMemoryDescriptor *const descriptors[],
                                IOMemoryDescriptor **memory)
{
    (void)options, (void)count, (void)descriptors, (void)memory;
    fail();
    return kIOReturnSuccess;
}

/* The copy is what is looked at, where there is one; a handler is never told of more than it has.
 */
static void what_is_copied_in_is_what_counts(void **state)
{
    struct good good;
    union any message, wrong = {.words = {0}}, reply;
    IORPC rpc = {
        .message = &wrong.header, .reply = &reply.header, .kernelContent = &message.header};

    (void)state;
    good_start(&good);
    good_request(&good, 0, &message);
    rpc.sendSize = IORPCMethod_at(0)->request;
    rpc.replySize = IORPCMethod_at(0)->reply;
    GOOD(OSMetaClassBase_Invoke((OSMetaClassBase *)(uintptr_t)by_pointers(&message, 0), rpc));
    good_request(&good, 3, &message);
    by_pointers(&message, 3);
    message.words[37] = kIORPCDescriptorsMost + 1;
    rpc.sendSize = IORPCMethod_at(3)->request;
    assert_int_equal(IOMemoryDescriptor_CreateWithMemoryDescriptors_Invoke(rpc, join_never),
                     kIOReturnOverrun);
    good_end(&good);
}

/* A router without a message, of each class. */
static void routers_need_a_message(void **state)
{
    struct good good;

    (void)state;
    good_start(&good);
    assert_int_equal(IOMemoryDescriptor_Dispatch(
                         (IOMemoryDescriptor *)driver_object(&one, good.buffer), (IORPC){0}),
                     kIOReturnIPCError);
    assert_int_equal(IOBufferMemoryDescriptor_Dispatch(
                         (IOBufferMemoryDescriptor *)driver_object(&one, good.buffer), (IORPC){0}),
                     kIOReturnIPCError);
    assert_int_equal(IOMemoryMap_Dispatch((IOMemoryMap *)driver_object(&one, good.map), (IORPC){0}),
                     kIOReturnIPCError);
    assert_int_equal(
        IODMACommand_Dispatch((IODMACommand *)driver_object(&one, good.command), (IORPC){0}),
        kIOReturnIPCError);
    assert_int_equal(OSObject_Dispatch(driver_object(&one, good.device), (IORPC){0}),
                     kIOReturnIPCError);
    good_end(&good);
    assert_int_equal(IOMemoryDescriptor_MetaClass_Dispatch((IORPC){0}), kIOReturnIPCError);
    assert_int_equal(IOBufferMemoryDescriptor_MetaClass_Dispatch((IORPC){0}), kIOReturnIPCError);
    assert_int_equal(IODMACommand_MetaClass_Dispatch((IORPC){0}), kIOReturnIPCError);
}

static IOReturn nothing_is_known(IOMemoryDescriptor *self, _IOMDPrivateState *state)
{
    (void)self;
    state->length = 7; /* which a refusal does not show */
    return kIOReturnOffline;
}

/* A router with a message of its class; and a handler of somebody's own, which refuses. */
static void routers_take_a_message_in_the_kernel(void **state)
{
    IOMemoryDescriptor__CopyState_Msg request = {.header =
                                                     HEADER(IOMemoryDescriptor, _CopyState, 1)};
    IOMemoryDescriptor__CopyState_Rpl reply = {.state = {.length = 5}};
    const IORPC rpc = {.message = &request.header,
                       .reply = &reply.header,
                       .sendSize = sizeof(request),
                       .replySize = sizeof(reply),
                       .kernelContent = &request.header};
    IOMemoryMap__CopyState_Msg of_map = {.header = HEADER(IOMemoryMap, _CopyState, 1)};
    IOMemoryMap__CopyState_Rpl answer;
    const IORPC map_rpc = {.message = &of_map.header,
                           .reply = &answer.header,
                           .sendSize = sizeof(of_map),
                           .replySize = sizeof(answer),
                           .kernelContent = &of_map.header};
    IOMemoryDescriptor *memory;
    struct good good;

    (void)state;
    good_start(&good);
    memory = (IOMemoryDescriptor *)driver_object(&one, good.buffer);
    assert_int_equal(IOMemoryDescriptor__CopyState_Invoke(rpc, memory, nothing_is_known),
                     kIOReturnOffline);
    assert_int_equal(reply.state.length, 5);
    GOOD(IOMemoryDescriptor_Dispatch(memory, rpc));
    assert_int_equal(reply.state.length, memory->length);
    reply.state.length = 5;
    GOOD(IOBufferMemoryDescriptor_Dispatch((IOBufferMemoryDescriptor *)memory, rpc));
    assert_int_equal(reply.state.length, memory->length);
    GOOD(IOMemoryMap_Dispatch((IOMemoryMap *)driver_object(&one, good.map), map_rpc));
    assert_int_equal(answer.state.length,
                     IOMemoryMap_getLength((IOMemoryMap *)driver_object(&one, good.map)));
    /* A command knows nothing of it. */
    assert_int_equal(IODMACommand_Dispatch((IODMACommand *)driver_object(&one, good.command), rpc),
                     kIOReturnUnsupported);
    good_end(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(replies_are_written_after_success),
        DRIVER_TEST(what_is_copied_in_is_what_counts),
        DRIVER_TEST(routers_need_a_message),
        DRIVER_TEST(routers_take_a_message_in_the_kernel),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
