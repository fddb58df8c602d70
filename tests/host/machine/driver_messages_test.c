/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of every wrong form, and what they leave: nothing. */
#include "descriptors/IODeviceMemory.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/driver_fixture.h"
#include "tests/host/machine/fake_mapper.h"

#define GOOD(status) assert_int_equal(status, kIOReturnSuccess)

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

/* --- Correct messages to damage -------------------------------------------------------------- */

/* What no driver reaches. */
static uint8_t kernel_bytes[64];

/* One good request of every method, for driver one. */
struct good {
    uint64_t buffer, map, command, device;
    IOService *service;
    IOMapper *mapper;
};

static void good_start(struct good *good)
{
    IODMACommand_Create_Msg request = {.header = HEADER(IODMACommand, Create, 2),
                                       .self = kIORPCHandleIODMACommand,
                                       .specification = {.maxAddressBits = 64}};
    IODMACommand_Create_Rpl reply;

    good->buffer = driver_buffer(&one, kIOMemoryDirectionInOut, 2 * PAGE_SIZE);
    good->map = driver_map_all(&one, good->buffer, 0);
    good->service = IOService_withReader("device", NULL, NULL);
    good->mapper = new_mapper();
    GOOD(IOService_setObject(good->service, "iommu-parent", good->mapper));
    GOOD(task_grant(one.task, good->service, &good->device));
    request.device = good->device;
    GOOD(driver_send(&one, &request, sizeof(request), &reply, sizeof(reply)));
    good->command = reply.command;
}

static void good_end(struct good *good)
{
    IODriverTask_closeAll(one.table);
    OSObject_release(good->service);
    OSObject_release(good->mapper);
}

union any {
    IORPCMessage header;
    uint64_t words[kIORPCMessageMost / 8];
    uint8_t bytes[kIORPCMessageMost];
};

static void good_request(const struct good *good, unsigned index, union any *message)
{
    const IORPCMethod *method = IORPCMethod_at(index);

    memset(message, 0, sizeof(*message));
    message->header = (IORPCMessage){.msgid = method->msgid, .objectRefs = method->requestRefs};
    switch (method->msgid) {
    case IOMemoryDescriptor__CopyState_ID:
    case IOMemoryDescriptor_CreateMapping_ID:
        message->words[3] = good->buffer;
        break;
    case IOBufferMemoryDescriptor_SetLength_ID:
        message->words[3] = good->buffer;
        message->words[4] = PAGE_SIZE;
        break;
    case IOMemoryDescriptor_CreateSubMemoryDescriptor_ID:
        message->words[3] = kIORPCHandleIOMemoryDescriptor;
        message->words[4] = good->buffer;
        break;
    case IOMemoryDescriptor_CreateWithMemoryDescriptors_ID:
        message->words[3] = kIORPCHandleIOMemoryDescriptor;
        message->words[4] = message->words[5] = good->buffer;
        message->words[37] = 2;
        break;
    case IOBufferMemoryDescriptor_Create_ID:
        message->words[3] = kIORPCHandleIOBufferMemoryDescriptor;
        message->words[4] = kIOMemoryDirectionIn;
        message->words[5] = 100;
        break;
    case IOMemoryMap__CopyState_ID:
        message->words[3] = good->map;
        break;
    case IODMACommand_Create_ID:
        message->words[3] = kIORPCHandleIODMACommand;
        message->words[4] = good->device;
        message->words[7] = 64;
        break;
    case IODMACommand_PrepareForDMA_ID:
        message->words[3] = good->command;
        message->words[4] = good->buffer;
        message->words[8] = 32;
        break;
    case IODMACommand_PerformOperation_ID:
        message->words[5] = kIODMACommandPerformOperationOptionZero;
        message->words[7] = 8;
        message->words[3] = good->command;
        break;
    default:
        message->words[3] = good->command;
    }
}

/* No handle is more or less than before, and no byte of the kernel's memory. */
#define METHODS 12
#define BATCH   1000 /* messages between two looks at the balances */

static bool is_error(IOReturn status)
{
    return status == kIOReturnBadArgument || status == kIOReturnIPCError ||
           status == kIOReturnUnsupported || status == kIOReturnNotReady ||
           status == kIOReturnMessageTooLarge || status == kIOReturnVMError ||
           status == kIOReturnNoResources || status == kIOReturnNotPermitted ||
           status == kIOReturnOverrun || status == kIOReturnNoSpace || status == kIOReturnBusy ||
           status == kIOReturnNotAligned || status == kIOReturnNoMemory ||
           status == kIOReturnUnderrun || status == kIOReturnNotWritable;
}

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
static void dk_6_wrong_objects_are_refused(void **state)
{
    struct good good;
    union any message, reply;
    uint64_t foreign, stale;

    (void)state;
    good_start(&good);
    foreign = driver_buffer(&two, 3, PAGE_SIZE);
    foreign = driver_buffer(&two, 3, PAGE_SIZE) + 100; /* a number that is another's alone */
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

/* A reply that cannot be written has made nothing: in each method that makes something. */
static void dk_7_undeliverable_replies_make_nothing(void **state)
{
    const uint64_t end = one.pages + DRIVER_PAGES * PAGE_SIZE;
    const uint64_t read_only = new_pages(one.task, 1, MMU_READ);
    struct good good;
    union any message;
    struct holdings before;
    uint32_t handles;

    (void)state;
    good_start(&good);
    before = holdings_now();
    handles = driver_handles(&one);
    for (unsigned i = 0; i < METHODS; i++) {
        const IORPCMethod *method = IORPCMethod_at(i);
        const uint64_t places[] = {end - method->reply + 1, end, 0, read_only,
                                   (uint64_t)&kernel_bytes};

        if (method->replyRefs == 0 || method->msgid == IODMACommand_GetPreparation_ID) {
            continue;
        }
        good_request(&good, i, &message);
        driver_put(&one, one.pages, &message, method->request);
        for (unsigned k = 0; k < 5 * 200; k++) {
            uint64_t replied;

            assert_int_equal(IODriverTask_invoke(one.table, one.pages, method->request,
                                                 places[k % 5], method->reply, &replied),
                             kIOReturnVMError);
        }
        assert_int_equal(driver_handles(&one), handles);
        assert_true(sim_holds(&before));
    }
    good_end(&good);
}

/* What a driver dies with goes, and what a device still has stays where it is. */
static void dk_9_a_dead_driver_holds_nothing(void **state)
{
    struct good good;
    union any message, reply;
    const uint64_t private = new_pages(one.task, 1, RW);
    uint64_t handle, replied;
    IOMemoryDescriptor *kept;
    IODriverUsage usage;

    (void)state;
    good_start(&good);
    kept = (IOMemoryDescriptor *)driver_object(&one, good.buffer);
    OSObject_retain(kept); /* somebody in the kernel uses it, too */
    GOOD(IOMemoryDescriptor_prepare(kept, 0));
    good_request(&good, 8, &message);
    GOOD(driver_send(&one, &message, sizeof(IODMACommand_PrepareForDMA_Msg), &reply,
                     sizeof(IODMACommand_PrepareForDMA_Rpl)));
    assert_int_equal(told.maps, 1);
    store(one.task, private, 1);
    task_terminate(one.task);
    assert_int_equal(told.unmaps, 1);
    IODriverTask_getUsage(one.table, &usage);
    assert_int_equal(usage.handles, 0);
    assert_int_equal(usage.maps, 0);
    assert_int_equal(usage.bufferBytes, 2 * PAGE_SIZE);
    assert_null(IODriverTask_of(one.task));
    assert_int_equal(OSObject_getRetainCount(kept), 1);
    GOOD(IOMemoryDescriptor_complete(kept, 0)); /* it was still prepared */
    OSObject_release(kept);
    IODriverTask_getUsage(one.table, &usage);
    assert_int_equal(usage.bufferBytes, 0);
    assert_int_equal(IODriverTask_invoke(one.table, one.pages, 32, one.pages, 40, &replied),
                     kIOReturnOffline);
    assert_int_equal(IODriverTask_releaseHandle(one.table, good.buffer), kIOReturnBadArgument);
    assert_int_equal(task_grant(one.task, good.service, &handle), kIOReturnBadArgument);
    assert_int_equal(IODriverTask_grant(one.table, good.service, &handle), kIOReturnBadArgument);
    OSObject_release(good.service);
    OSObject_release(good.mapper);
}

/* A driver's DMA through messages: prepared, listed, moved by hand, completed, and refused. */
static void commands_are_prepared_by_messages(void **state)
{
    struct good good;
    union any message, answer;
    IODMACommand_PrepareForDMA_Rpl *const list = (void *)&answer;
    IODMACommand_GetPreparation_Rpl *const prepared = (void *)&answer;
    uint64_t address;

    (void)state;
    good_start(&good);
    address = driver_address(&one, good.map);
    for (unsigned round = 0; round < 2; round++) {
        good_request(&good, 9, &message); /* complete */
        assert_int_equal(driver_send(&one, &message, 40, &answer, 24), kIOReturnNotReady);
        good_request(&good, 8, &message);
        message.words[6] = 100;
        message.words[7] = 5000;
        memset(&answer, 0xee, sizeof(answer));
        GOOD(driver_send(&one, &message, 72, &answer, 552));
        assert_int_equal(list->flags, kIOMemoryDirectionInOut);
        assert_int_equal(list->segmentsCount, 1);
        assert_int_equal(list->unused, 0);
        assert_int_equal(list->segments[0].address, IOVA + 100);
        assert_int_equal(list->segments[0].length, 5000);
        for (unsigned i = 1; i < 32; i++) {
            assert_int_equal(list->segments[i].address | list->segments[i].length, 0);
        }
        assert_int_equal(driver_send(&one, &message, 72, &answer, 552), kIOReturnBusy);
        good_request(&good, 10, &message);
        GOOD(driver_send(&one, &message, 32, &answer, 48));
        assert_int_equal(prepared->memory, good.buffer); /* the very handle */
        assert_int_equal(prepared->offset, 100);
        assert_int_equal(prepared->length, 5000);
        GOOD(IODriverTask_releaseHandle(one.table, prepared->memory));
        store(one.task, address + 100, 7);
        good_request(&good, 11, &message); /* zero */
        GOOD(driver_send(&one, &message, 72, &answer, 24));
        assert_int_equal(load(one.task, address + 100), 0);
        good_request(&good, 9, &message);
        GOOD(driver_send(&one, &message, 40, &answer, 24));
    }
    good_end(&good);
}

/* A device writes for a driver only where the driver itself may. */
static void devices_gain_no_right_for_a_driver(void **state)
{
    struct good good;
    union any message, answer;
    uint64_t granted, window, command;
    IOReturn status;
    IODMACommand_Create_Msg create = {.header = HEADER(IODMACommand, Create, 2),
                                      .self = kIORPCHandleIODMACommand,
                                      .specification = {.maxAddressBits = 64}};

    (void)state;
    good_start(&good);
    for (uint64_t direction = 0; direction < 4; direction += 2) {
        const uint64_t own = driver_buffer(&one, direction, PAGE_SIZE);

        GOOD(task_grant(two.task, driver_object(&one, own), &granted));
        window = driver_sub(&two, granted, kIOMemoryDirectionNone, 0, PAGE_SIZE, &status);
        GOOD(status);
        GOOD(task_grant(two.task, good.service, &create.device));
        GOOD(driver_send(&two, &create, sizeof(create), &answer, 32));
        command = ((IODMACommand_Create_Rpl *)&answer)->command;
        good_request(&good, 8, &message);
        message.words[3] = command;
        message.words[4] = window; /* would go both ways */
        assert_int_equal(driver_send(&two, &message, 72, &answer, 552), kIOReturnNotPermitted);
        message.words[4] = granted;
        status = driver_send(&two, &message, 72, &answer, 552);
        if (direction == kIOMemoryDirectionNone) {
            assert_int_equal(status, kIOReturnNotPermitted);
            continue;
        }
        GOOD(status);
        assert_int_equal(((IODMACommand_PrepareForDMA_Rpl *)&answer)->flags, kIOMemoryDirectionOut);
        good_request(&good, 11, &message);
        message.words[3] = command;
        assert_int_equal(driver_send(&two, &message, 72, &answer, 24), kIOReturnNotPermitted);
        message.words[4] = granted;
        message.words[5] = kIODMACommandPerformOperationOptionRead;
        assert_int_equal(driver_send(&two, &message, 72, &answer, 24), kIOReturnNotPermitted);
    }
    IODriverTask_closeAll(two.table);
    good_end(&good);
}

/* --- At random ------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Nothing that looks like an address of this process, which is the kernel here (DK-13). */
static void expect_no_pointers(const union any *reply, uint64_t size)
{
    for (uint64_t i = 0; i < size / 8; i++) {
        const uint64_t word = reply->words[i];

        assert_false(word >= 0x500000000000 && word < 0x800000000000);
        assert_false(word >= 0xffff000000000000 && word != UINT64_MAX);
    }
}

static uint64_t interesting(const struct good *good)
{
    const uint64_t values[] = {0,
                               1,
                               2,
                               3,
                               32,
                               33,
                               PAGE_SIZE,
                               UINT64_MAX,
                               UINT64_MAX - PAGE_SIZE,
                               UINT32_MAX,
                               1ull << 63,
                               good->buffer,
                               good->map,
                               good->command,
                               good->device,
                               one.pages,
                               kIOMemoryMapFixedAddress,
                               next_random(),
                               1ull << (next_random() % 64),
                               next_random() % 4096};

    return values[next_random() % (sizeof(values) / sizeof(values[0]))];
}

/*
 * MESSAGES of them (environment; 20,000), damaged in up to four words, with sizes and places of
 * any kind: defined errors alone, and balances after each thousand.
 */
static void dk_6_13_hostile_messages_gain_nothing(void **state)
{
    const char *const asked = getenv("MESSAGES");
    const unsigned long messages = asked != NULL ? strtoul(asked, NULL, 0) : 20000;
    const uint64_t end = one.pages + DRIVER_PAGES * PAGE_SIZE;
    struct holdings before;
    struct good good;
    unsigned long good_ones = 0;

    (void)state;
    random_state = 0x9e3779b97f4a7c15;
    /* Pages of messages that are absent would come meanwhile. */
    store(one.task, one.pages, 0);
    store(one.task, one.pages + PAGE_SIZE, 0);
    before = holdings_now();
    for (unsigned long i = 0; i < messages; i++) {
        union any message, reply;
        const IORPCMethod *method;
        uint64_t size, room, to, replied;
        IOReturn status;

        if (i % BATCH == 0) {
            good_start(&good);
        }
        good_request(&good, (unsigned)(next_random() % METHODS), &message);
        method = IORPCMethod_find(message.header.msgid);
        for (uint64_t damage = next_random() % 5; damage > 0; damage--) {
            message.words[next_random() % (method->request / 8 + 1)] = interesting(&good);
        }
        size = next_random() % 8 == 0 ? next_random() % 2100 : method->request;
        room = next_random() % 8 == 0 ? next_random() % 2100 : method->reply;
        to = next_random() % 16 == 0 ? interesting(&good) : one.pages + PAGE_SIZE;
        to = next_random() % 16 == 0 ? end - next_random() % 64 : to;
        driver_put(&one, one.pages, &message, size < PAGE_SIZE ? size % sizeof(message) : 0);
        status = IODriverTask_invoke(one.table, one.pages, size, to, room, &replied);
        assert_true(status == kIOReturnSuccess
                        ? replied == method->reply || method->msgid != message.header.msgid
                        : is_error(status) && replied == 0);
        if (status == kIOReturnSuccess) {
            driver_get(&one, to, &reply, replied);
            expect_no_pointers(&reply, replied);
            good_ones++;
        }
        if (i % BATCH == BATCH - 1 || i == messages - 1) {
            good_end(&good);
            assert_int_equal(driver_handles(&one), 0);
            assert_int_equal(holdings_now().instances, before.instances);
            assert_int_equal(holdings_now().pins, before.pins);
            assert_int_equal(holdings_now().of_owner[PAGE_OWNER_BUFFER],
                             before.of_owner[PAGE_OWNER_BUFFER]);
        }
    }
    assert_true(good_ones > messages / 20); /* else too much is damaged to come far */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(dk_12_the_table_is_that_of_the_interface),
        DRIVER_TEST(dk_6_truncated_messages_are_refused),
        DRIVER_TEST(dk_6_counts_of_references_are_exact),
        DRIVER_TEST(dk_6_wrong_objects_are_refused),
        DRIVER_TEST(dk_8_unknown_numbers_are_unsupported),
        DRIVER_TEST(routers_need_a_message),
        DRIVER_TEST(messages_that_are_too_large_are_refused),
        DRIVER_TEST(requests_are_read_where_the_driver_can_read),
        DRIVER_TEST(dk_7_undeliverable_replies_make_nothing),
        DRIVER_TEST(dk_9_a_dead_driver_holds_nothing),
        DRIVER_TEST(commands_are_prepared_by_messages),
        DRIVER_TEST(devices_gain_no_right_for_a_driver),
        DRIVER_TEST(dk_6_13_hostile_messages_gain_nothing),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
