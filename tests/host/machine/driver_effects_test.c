/* SPDX-License-Identifier: BSD-2-Clause */
/* What messages do, and what is left when they cannot be answered, or their driver dies. */
#include "kernel/direct_map.h"
#include "tests/host/machine/driver_good.h"
#include "tests/host/sim/sim_preempt.h"

/* What no driver reaches. */
static uint8_t kernel_bytes[64];

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

/* A device that goes on writing after its driver's death goes on into pages that are nobody else's.
 */
static void a_device_that_does_not_stop_keeps_its_pages(void **state)
{
    struct good good;
    union any message, reply;
    IODMACommand *command;
    uint64_t offset, length;

    (void)state;
    good_start(&good);
    command = (IODMACommand *)driver_object(&one, good.command);
    good_request(&good, 8, &message);
    GOOD(driver_send(&one, &message, 72, &reply, 552));
    IODriverTask_keepDMA(one.table);
    task_terminate(one.task);
    assert_int_equal(told.unmaps, 0);
    GOOD(IODMACommand_getPreparedOffsetAndLength(command, &offset, &length));
    assert_int_equal(length, 2 * PAGE_SIZE);
    assert_int_equal(OSObject_getRetainCount(command), 1); /* what nobody will ever release */
    GOOD(IODMACommand_CompleteDMA(command, 0));
    assert_int_equal(told.unmaps, 1);
    OSObject_release(command);
    OSObject_release(good.service);
    OSObject_release(good.mapper);
}

/* A driver that has a command of the kernel's ends neither what that has prepared, nor does its
 * end.
 */
static void what_the_kernel_has_prepared_is_not_the_drivers_to_complete(void **state)
{
    IOMemoryDescriptor *memory =
        describe(new_pages(two.task, 1, RW), PAGE_SIZE, kIODirectionOutIn, two.task);
    struct good good;
    union any message, reply;
    IODMACommand *command;

    (void)state;
    good_start(&good);
    command = (IODMACommand *)driver_object(&one, good.command);
    OSObject_retain(command);
    GOOD(IOMemoryDescriptor_prepare(memory, 0));
    GOOD(IODMACommand_setMemoryDescriptor(command, memory, true));
    good_request(&good, 9, &message); /* complete */
    assert_int_equal(driver_send(&one, &message, 40, &reply, 24), kIOReturnNotPermitted);
    task_terminate(one.task);
    assert_ptr_equal(current_task(), kernel_task);
    GOOD(IODMACommand_complete(command, true, true));
    GOOD(IOMemoryDescriptor_complete(memory, 0));
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(good.service);
    OSObject_release(good.mapper);
}

/* --- Another CPU writes to the request ------------------------------------------------------- */

static union any calm, changed;
static void *request;    /* the driver's page, as another CPU sees it */
static uint64_t written; /* bytes */
static IOReturn answered;
static uint64_t made;

static void send_calm(void)
{
    uint64_t replied;

    answered =
        IODriverTask_invoke(one.table, one.pages, written, one.pages + PAGE_SIZE, 32, &replied);
    made = 0;
    if (answered == kIOReturnSuccess) {
        driver_get(&one, one.pages + PAGE_SIZE + 24, &made, sizeof(made));
    }
}

static void change_it(void)
{
    memcpy(request, &changed, written);
}

/*
 * Before each instruction of the kernel's in turn (some are passed over) the request becomes
 * another one: it is answered as it was, or as the other one, and never as a bit of both.
 */
static void r_1_requests_are_read_once(void **state)
{
    static const struct {
        unsigned word;
        uint64_t value;
        IOReturn reason;
    } changes[] = {
        {37, UINT32_MAX, kIOReturnOverrun}, /* the count */
        {2, 0, kIOReturnIPCError},          /* of references */
    };
    struct mmu_translation at;
    struct good good;
    unsigned both = 0;

    (void)state;
    store(one.task, one.pages, 0);
    assert_true(translate(one.task, one.pages, &at));
    request = phys_to_virt(at.pa);
    good_start(&good);
    good_request(&good, 3, &calm);
    written = sizeof(IOMemoryDescriptor_CreateWithMemoryDescriptors_Msg);
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        bool was = false, is = false, met = true;

        changed = calm;
        changed.words[changes[i].word] = changes[i].value;
        for (uint64_t nth = 0; met; nth = 2 * nth + 1) {
            _IOMDPrivateState now;

            driver_put(&one, one.pages, &calm, written);
            store(one.task, one.pages + PAGE_SIZE, 0);
            met = sim_preempt(send_calm, change_it, nth);
            if (answered != kIOReturnSuccess) {
                assert_int_equal(answered, changes[i].reason);
                is = true;
                continue;
            }
            was = true;
            GOOD(driver_state(&one, made, &now));
            assert_int_equal(now.length, 4 * PAGE_SIZE);
            GOOD(IODriverTask_releaseHandle(one.table, made));
        }
        both += was && is;
    }
    assert_true(both == 0 || both == sizeof(changes) / sizeof(changes[0])); /* 0: no stepping */
    good_end(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(dk_7_undeliverable_replies_make_nothing),
        DRIVER_TEST(dk_9_a_dead_driver_holds_nothing),
        DRIVER_TEST(commands_are_prepared_by_messages),
        DRIVER_TEST(devices_gain_no_right_for_a_driver),
        DRIVER_TEST(a_device_that_does_not_stop_keeps_its_pages),
        DRIVER_TEST(what_the_kernel_has_prepared_is_not_the_drivers_to_complete),
        DRIVER_TEST(r_1_requests_are_read_once),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
