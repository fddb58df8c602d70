/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of every wrong form are refused, and leave nothing. */
#include "tests/host/machine/driver_good.h"

/* --- Layout ---------------------------------------------------------------------------------- */

#define AT(type, member, offset)                                                                   \
    _Static_assert(offsetof(type, member) == (offset), #type "." #member)
#define SIZES(Method, request, reply)                                                              \
    _Static_assert(sizeof(Method##_Msg) == (request) && sizeof(Method##_Rpl) == (reply), #Method)

AT(IORPCMessage, msgid, 0);
AT(IORPCMessage, flags, 8);
AT(IORPCMessage, objectRefs, 16);
_Static_assert(sizeof(IORPCMessage) == 24, "header");
SIZES(IOMemoryDescriptor__CopyState, 32, 40);
SIZES(IOMemoryDescriptor_CreateMapping, 72, 32);
SIZES(IOMemoryDescriptor_CreateSubMemoryDescriptor, 64, 32);
SIZES(IOMemoryDescriptor_CreateWithMemoryDescriptors, 304, 32);
SIZES(IOBufferMemoryDescriptor_Create, 56, 32);
SIZES(IOBufferMemoryDescriptor_SetLength, 40, 24);
SIZES(IOMemoryMap__CopyState, 32, 56);
SIZES(IODMACommand_Create, 192, 32);
SIZES(IODMACommand_PrepareForDMA, 72, 552);
SIZES(IODMACommand_CompleteDMA, 40, 24);
SIZES(IODMACommand_GetPreparation, 32, 48);
SIZES(IODMACommand_PerformOperation, 72, 24);
AT(IOMemoryDescriptor__CopyState_Rpl, state.length, 24);
AT(IOMemoryDescriptor__CopyState_Rpl, state.options, 32);
AT(IOMemoryDescriptor_CreateMapping_Msg, options, 32);
AT(IOMemoryDescriptor_CreateMapping_Msg, address, 40);
AT(IOMemoryDescriptor_CreateMapping_Msg, offset, 48);
AT(IOMemoryDescriptor_CreateMapping_Msg, length, 56);
AT(IOMemoryDescriptor_CreateMapping_Msg, alignment, 64);
AT(IOMemoryDescriptor_CreateSubMemoryDescriptor_Msg, ofDescriptor, 32);
AT(IOMemoryDescriptor_CreateSubMemoryDescriptor_Msg, options, 40);
AT(IOMemoryDescriptor_CreateSubMemoryDescriptor_Msg, offset, 48);
AT(IOMemoryDescriptor_CreateSubMemoryDescriptor_Msg, length, 56);
AT(IOMemoryDescriptor_CreateWithMemoryDescriptors_Msg, descriptors, 32);
AT(IOMemoryDescriptor_CreateWithMemoryDescriptors_Msg, options, 288);
AT(IOMemoryDescriptor_CreateWithMemoryDescriptors_Msg, count, 296);
AT(IOBufferMemoryDescriptor_Create_Msg, options, 32);
AT(IOBufferMemoryDescriptor_Create_Msg, capacity, 40);
AT(IOBufferMemoryDescriptor_Create_Msg, alignment, 48);
AT(IOBufferMemoryDescriptor_SetLength_Msg, length, 32);
AT(IOMemoryMap__CopyState_Rpl, state.length, 24);
AT(IOMemoryMap__CopyState_Rpl, state.offset, 32);
AT(IOMemoryMap__CopyState_Rpl, state.options, 40);
AT(IOMemoryMap__CopyState_Rpl, state.address, 48);
AT(IODMACommand_Create_Msg, device, 32);
AT(IODMACommand_Create_Msg, options, 40);
AT(IODMACommand_Create_Msg, specification, 48);
AT(IODMACommand_PrepareForDMA_Msg, memory, 32);
AT(IODMACommand_PrepareForDMA_Msg, options, 40);
AT(IODMACommand_PrepareForDMA_Msg, offset, 48);
AT(IODMACommand_PrepareForDMA_Msg, length, 56);
AT(IODMACommand_PrepareForDMA_Msg, segmentsCount, 64);
AT(IODMACommand_PrepareForDMA_Rpl, flags, 24);
AT(IODMACommand_PrepareForDMA_Rpl, segmentsCount, 32);
AT(IODMACommand_PrepareForDMA_Rpl, segments, 40);
AT(IODMACommand_CompleteDMA_Msg, options, 32);
AT(IODMACommand_GetPreparation_Rpl, memory, 24);
AT(IODMACommand_GetPreparation_Rpl, offset, 32);
AT(IODMACommand_GetPreparation_Rpl, length, 40);
AT(IODMACommand_PerformOperation_Msg, data, 32);
AT(IODMACommand_PerformOperation_Msg, options, 40);
AT(IODMACommand_PerformOperation_Msg, dmaOffset, 48);
AT(IODMACommand_PerformOperation_Msg, length, 56);
AT(IODMACommand_PerformOperation_Msg, dataOffset, 64);

/* The numbers are those of the published interface, and the table has each once. */
static void dk_12_the_table_is_that_of_the_interface(void **state)
{
    static const struct {
        uint64_t msgid;
        const char *name;
        uint16_t refs;
    } rows[] = {
        {0xA2C0861D4118CE5E, "IOMemoryDescriptor::_CopyState", 1},
        {0xC5E69B0414FF6EE5, "IOMemoryDescriptor::CreateMapping", 1},
        {0xB085B5EE60AC732F, "IOMemoryDescriptor::CreateSubMemoryDescriptor", 2},
        {0xBA1530C996C4FEBC, "IOMemoryDescriptor::CreateWithMemoryDescriptors", 33},
        {0xB78DE684E17D5A4B, "IOBufferMemoryDescriptor::Create", 1},
        {0xC115230C191A6A9A, "IOBufferMemoryDescriptor::SetLength", 1},
        {0xFC92B3D7F2D48EC7, "IOMemoryMap::_CopyState", 1},
        {0xD3A0000000000001, "IODMACommand::Create", 2},
        {0xD3A0000000000002, "IODMACommand::PrepareForDMA", 2},
        {0xD3A0000000000003, "IODMACommand::CompleteDMA", 1},
        {0xD3A0000000000004, "IODMACommand::GetPreparation", 1},
        {0xD3A0000000000005, "IODMACommand::PerformOperation", 2},
    };
    const unsigned count = sizeof(rows) / sizeof(rows[0]);

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        const IORPCMethod *method = IORPCMethod_find(rows[i].msgid);

        assert_non_null(method);
        assert_string_equal(method->name, rows[i].name);
        assert_int_equal(method->requestRefs, rows[i].refs);
        assert_ptr_equal(IORPCMethod_at(i), method);
    }
    assert_null(IORPCMethod_at(count));
    assert_null(IORPCMethod_find(0));
}

/* --- Forms --- */

/* What no driver reaches. */
static uint8_t kernel_bytes[64];

/* A reply shorter than the layout is refused before anything is made (N44 too). */
static void dk_6_truncated_messages_are_refused(void **state)
{
    struct good good;
    union any message, reply;

    (void)state;
    good_start(&good);
    for (unsigned i = 0; i < METHODS; i++) {
        const IORPCMethod *method = IORPCMethod_at(i);
        const struct holdings before = holdings_now();

        good_request(&good, i, &message);
        for (uint64_t size = 0; size < method->request; size++) {
            assert_int_equal(driver_send(&one, &message, size, &reply, method->reply),
                             kIOReturnIPCError);
        }
        for (uint64_t size = 0; size < method->reply; size++) {
            assert_int_equal(driver_send(&one, &message, method->request, &reply, size),
                             kIOReturnIPCError);
        }
        assert_true(sim_holds(&before));
    }
    good_end(&good);
}

/* --- From the kernel itself, whose memory the messages lie in --- */

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

static void dk_6_counts_of_references_are_exact(void **state)
{
    struct good good;
    union any message, reply;

    (void)state;
    good_start(&good);
    for (unsigned i = 0; i < METHODS; i++) {
        const IORPCMethod *method = IORPCMethod_at(i);
        const struct holdings before = holdings_now();

        for (uint64_t refs = 0; refs <= 40; refs++) {
            IOReturn status;

            if (refs == method->requestRefs) {
                continue;
            }
            good_request(&good, i, &message);
            message.header.objectRefs = refs;
            status =
                driver_send(&one, &message, sizeof(IORPCMessage) + 8 * 41, &reply, method->reply);
            /* What more references name is looked up before their number is judged. */
            assert_true(status == kIOReturnIPCError ||
                        (status == kIOReturnBadArgument && refs > method->requestRefs));
        }
        good_request(&good, i, &message);
        message.header.objectRefs = UINT64_MAX / 8 + 1;
        assert_int_equal(driver_send(&one, &message, method->request, &reply, method->reply),
                         kIOReturnIPCError);
        assert_true(sim_holds(&before));
    }
    good_end(&good);
}

/* Every object in place of every other: wrong classes, nobody's handles, classes as arguments. */
static bool is_open(struct driver *driver, uint64_t handle)
{
    OSObject *const object = IODriverTask_copyObject(driver->table, handle);

    OSObject_release(object);
    return object != NULL;
}

/* A handle of the second driver's whose number means nothing to the first. */
static uint64_t foreign_handle(void)
{
    uint64_t handle;

    do {
        handle = driver_buffer(&two, kIOMemoryDirectionInOut, PAGE_SIZE);
    } while (is_open(&one, handle));
    assert_true(is_open(&two, handle));
    return handle;
}

/* Neither by another's number, nor by the same number that means something else to each. */
static void r_2_no_object_but_its_own_is_reached(void **state)
{
    const uint64_t mine = driver_buffer(&one, kIOMemoryDirectionInOut, PAGE_SIZE);
    const uint64_t theirs = driver_buffer(&two, kIOMemoryDirectionInOut, 3 * PAGE_SIZE);
    const uint64_t foreign = foreign_handle();
    _IOMDPrivateState now;

    (void)state;
    assert_int_equal(mine, theirs);
    GOOD(driver_state(&one, mine, &now));
    assert_int_equal(now.length, PAGE_SIZE);
    GOOD(driver_state(&two, theirs, &now));
    assert_int_equal(now.length, 3 * PAGE_SIZE);
    GOOD(driver_state(&two, foreign, &now));
    assert_int_equal(driver_state(&one, foreign, &now), kIOReturnBadArgument);
    assert_int_equal(IODriverTask_retainHandle(one.table, foreign), kIOReturnBadArgument);
    assert_int_equal(IODriverTask_releaseHandle(one.table, foreign), kIOReturnBadArgument);
    GOOD(driver_state(&two, foreign, &now));
    IODriverTask_closeAll(one.table);
    GOOD(driver_state(&two, theirs, &now));
    IODriverTask_closeAll(two.table);
}

static void dk_6_wrong_objects_are_refused(void **state)
{
    struct good good;
    union any message, reply;
    uint64_t foreign, stale;

    (void)state;
    good_start(&good);
    foreign = foreign_handle();
    stale = driver_buffer(&one, 3, PAGE_SIZE);
    GOOD(IODriverTask_releaseHandle(one.table, stale));
    assert_int_not_equal(driver_buffer(&one, 3, PAGE_SIZE),
                         stale); /* the slot, but not the number */
    for (unsigned i = 0; i < METHODS; i++) {
        const IORPCMethod *method = IORPCMethod_at(i);
        const uint64_t refs = method->requestRefs;
        const struct {
            uint64_t handle;
            IOReturn target, argument;
        } wrong[] = {
            {0, kIOReturnBadArgument, 0},
            {foreign, kIOReturnBadArgument, kIOReturnBadArgument},
            {stale, kIOReturnBadArgument, kIOReturnBadArgument},
            {UINT64_MAX, kIOReturnBadArgument, kIOReturnBadArgument},
            {4, kIOReturnBadArgument, kIOReturnBadArgument}, /* no class's */
            {good.buffer & UINT32_MAX, 0, kIOReturnBadArgument},
            {good.device, kIOReturnUnsupported,
             method->msgid == IODMACommand_Create_ID ? 0 : kIOReturnBadArgument},
            {good.map, method->msgid == IOMemoryMap__CopyState_ID ? 0 : kIOReturnUnsupported,
             kIOReturnBadArgument},
            {kIORPCHandleIOMemoryDescriptor, 0, kIOReturnBadArgument},
        };

        for (unsigned k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
            good_request(&good, i, &message);
            message.words[3] = wrong[k].handle;
            if (wrong[k].target != 0) {
                assert_int_equal(
                    driver_send(&one, &message, method->request, &reply, method->reply),
                    wrong[k].target);
            }
            if (refs > 1 && wrong[k].argument != 0 &&
                method->msgid != IODMACommand_PerformOperation_ID) {
                good_request(&good, i, &message);
                message.words[2 + refs] = wrong[k].handle; /* the last one */
                assert_int_equal(
                    driver_send(&one, &message, method->request, &reply, method->reply),
                    wrong[k].argument);
            }
        }
    }
    good_end(&good);
    IODriverTask_closeAll(two.table);
}

/* Numbers that nobody has, and those of others: statics are not inherited. */
static void dk_8_unknown_numbers_are_unsupported(void **state)
{
    struct good good;
    union any message, reply;

    (void)state;
    good_start(&good);
    for (unsigned i = 0; i < METHODS; i++) {
        const uint64_t targets[] = {kIORPCHandleIOMemoryDescriptor,
                                    kIORPCHandleIOBufferMemoryDescriptor,
                                    kIORPCHandleIODMACommand,
                                    good.buffer,
                                    good.map,
                                    good.command,
                                    good.device};

        for (unsigned k = 0; k < 7; k++) {
            IOReturn status;

            good_request(&good, i, &message);
            if (message.words[3] == targets[k]) {
                continue;
            }
            message.words[3] = targets[k];
            status = driver_send(&one, &message, 1024, &reply, 1024);
            assert_int_equal(status, kIOReturnUnsupported);
            message.header.msgid ^= 1ull << (i + k);
            assert_int_equal(driver_send(&one, &message, 1024, &reply, 1024), kIOReturnUnsupported);
        }
    }
    good_end(&good);
    assert_int_equal(IOMemoryDescriptor_MetaClass_Dispatch((IORPC){0}), kIOReturnIPCError);
    assert_int_equal(IOBufferMemoryDescriptor_MetaClass_Dispatch((IORPC){0}), kIOReturnIPCError);
    assert_int_equal(IODMACommand_MetaClass_Dispatch((IORPC){0}), kIOReturnIPCError);
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

/* Sizes that are too much together, or wrap, before any byte is looked at. */
static void messages_that_are_too_large_are_refused(void **state)
{
    static const uint64_t sizes[][2] = {
        {2048, 1},       {1, 2048}, {1025, 1024}, {UINT64_MAX, 1}, {32, UINT64_MAX - 7},
        {1ull << 32, 40}};
    uint64_t replied;

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(IODriverTask_invoke(one.table, 1, sizes[i][0], 1, sizes[i][1], &replied),
                         kIOReturnMessageTooLarge);
    }
    assert_int_equal(IODriverTask_invoke(one.table, 1, 2048, 1, 0, &replied), kIOReturnVMError);
    assert_int_equal(IODriverTask_invoke(one.table, one.pages, 23, 1, 0, &replied),
                     kIOReturnIPCError);
    assert_int_equal(IODriverTask_invoke(NULL, 0, 0, 0, 0, &replied), kIOReturnBadArgument);
    assert_int_equal(IODriverTask_invoke(one.table, 0, 0, 0, 0, NULL), kIOReturnBadArgument);
}

/* From a page's last bytes, over its end, from the kernel, from nowhere. */
static void requests_are_read_where_the_driver_can_read(void **state)
{
    const uint64_t end = one.pages + DRIVER_PAGES * PAGE_SIZE, apart = new_pages(one.task, 1, 0);
    const uint64_t wrong[] = {end - 31, end, 0, UINT64_MAX - 40, (uint64_t)&kernel_bytes, apart};
    const uint64_t buffer = driver_buffer(&one, 3, 1);
    const IOMemoryDescriptor__CopyState_Msg request = {
        .header = HEADER(IOMemoryDescriptor, _CopyState, 1), .self = buffer};
    uint64_t replied;

    (void)state;
    driver_put(&one, end - sizeof(request), &request, sizeof(request));
    GOOD(IODriverTask_invoke(one.table, end - sizeof(request), sizeof(request), one.pages, 40,
                             &replied));
    assert_int_equal(replied, 40);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(IODriverTask_invoke(one.table, wrong[i], 32, one.pages, 40, &replied),
                         kIOReturnVMError);
    }
    /* The same page for both: the request has been read when the reply is written. */
    driver_put(&one, one.pages, &request, sizeof(request));
    GOOD(IODriverTask_invoke(one.table, one.pages, 32, one.pages, 40, &replied));
    GOOD(IODriverTask_invoke(one.table, end - sizeof(request), 32, end - 40, 40, &replied));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(dk_12_the_table_is_that_of_the_interface),
        DRIVER_TEST(dk_6_truncated_messages_are_refused),
        DRIVER_TEST(dk_6_counts_of_references_are_exact),
        DRIVER_TEST(replies_are_written_after_success),
        DRIVER_TEST(what_is_copied_in_is_what_counts),
        DRIVER_TEST(r_2_no_object_but_its_own_is_reached),
        DRIVER_TEST(dk_6_wrong_objects_are_refused),
        DRIVER_TEST(dk_8_unknown_numbers_are_unsupported),
        DRIVER_TEST(routers_need_a_message),
        DRIVER_TEST(routers_take_a_message_in_the_kernel),
        DRIVER_TEST(messages_that_are_too_large_are_refused),
        DRIVER_TEST(requests_are_read_where_the_driver_can_read),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
