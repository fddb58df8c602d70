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

/* Every object in place of every other: wrong classes, nobody's handles, classes as arguments. */
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

/* What no driver reaches. */
static uint8_t kernel_bytes[64];

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
        DRIVER_TEST(r_2_no_object_but_its_own_is_reached),
        DRIVER_TEST(dk_6_wrong_objects_are_refused),
        DRIVER_TEST(dk_8_unknown_numbers_are_unsupported),
        DRIVER_TEST(messages_that_are_too_large_are_refused),
        DRIVER_TEST(requests_are_read_where_the_driver_can_read),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
