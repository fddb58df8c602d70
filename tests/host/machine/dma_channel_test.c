/* SPDX-License-Identifier: BSD-2-Clause */
/* The book of a channel, and what controllers and their clients refuse, call by call. */
#include "descriptors/OSArray.h"
#include "kernel/inject.h"
#include "tests/host/machine/dma_engine.h"

#define REFUSED(call) assert_int_equal(call, kIOReturnBadArgument)

static IODMAEventSource *const somebody = (IODMAEventSource *)&notes; /* never looked at */

static void a_channel_has_one_client_and_its_commands(void **state)
{
    IODMAChannel channel = {0};
    IODMACommand *one = IODMACommand_withRefCon(NULL), *two = IODMACommand_withRefCon(NULL);

    (void)state;
    REFUSED(IODMAChannel_open(&channel, NULL));
    assert_int_equal(IODMAChannel_open(&channel, somebody), kIOReturnSuccess);
    assert_int_equal(IODMAChannel_open(&channel, somebody), kIOReturnNoChannels);
    assert_null(IODMAChannel_current(&channel));
    assert_int_equal(IODMAChannel_take(&channel, one), kIOReturnSuccess);
    assert_int_equal(IODMAChannel_take(&channel, one), kIOReturnBusy); /* it is in it */
    assert_int_equal(IODMAChannel_take(&channel, two), kIOReturnSuccess);
    assert_ptr_equal(IODMAChannel_current(&channel), one);
    assert_int_equal(channel.count, 2);
    IODMAChannel_refuse(&channel, one);
    IODMAChannel_refuse(&channel, one); /* it has left */
    assert_ptr_equal(IODMAChannel_current(&channel), two);
    assert_int_equal(IODMAChannel_take(&channel, one), kIOReturnSuccess);
    IODMAChannel_refuse(&channel, one); /* the last of two */
    assert_int_equal(channel.count, 1);
    assert_int_equal(channel.most, 2);
    IODMAChannel_refuse(&channel, two);
    IODMAChannel_end(&channel, NULL, two, kIOReturnSuccess, 0); /* of nothing it has */
    assert_int_equal(channel.count, 0);
    IODMAChannel_close(&channel);
    assert_int_equal(IODMAChannel_open(&channel, somebody), kIOReturnSuccess);
    OSObject_release(one);
    OSObject_release(two);
}

static void queues_take_a_command_once(void **state)
{
    struct IOCommandQueue queue = {0};
    IODMACommand *one = IODMACommand_withRefCon(NULL), *two = IODMACommand_withRefCon(NULL);
    IODMACommand *three = IODMACommand_withRefCon(NULL);

    (void)state;
    assert_false(IOCommandQueue_put(NULL, one));
    assert_false(IOCommandQueue_put(&queue, (IOCommand *)NULL));
    assert_null(IOCommandQueue_take(NULL));
    assert_null(IOCommandQueue_take(&queue));
    assert_false(IOCommandQueue_remove(NULL, one));
    assert_false(IOCommandQueue_remove(&queue, (IOCommand *)NULL));
    assert_false(IOCommandQueue_remove(&queue, one));
    assert_true(IOCommandQueue_put(&queue, one));
    assert_false(IOCommandQueue_put(&queue, one));
    assert_false(IOCommandQueue_remove(&queue, two));
    assert_true(IOCommandQueue_put(&queue, two));
    assert_true(IOCommandQueue_remove(&queue, two));
    assert_ptr_equal(IOCommandQueue_take(&queue), one);
    assert_false(IOCommand_isQueued(one));
    /* From the middle, and the last. */
    assert_true(IOCommandQueue_put(&queue, one));
    assert_true(IOCommandQueue_put(&queue, two));
    assert_true(IOCommandQueue_put(&queue, three));
    assert_true(IOCommandQueue_remove(&queue, two));
    assert_true(IOCommandQueue_put(&queue, two));
    assert_true(IOCommandQueue_remove(&queue, two));
    assert_false(IOCommand_isQueued(two));
    assert_ptr_equal(IOCommandQueue_take(&queue), one);
    assert_ptr_equal(IOCommandQueue_take(&queue), three);
    assert_null(IOCommandQueue_take(&queue));
    OSObject_release(three);
    OSObject_release(one);
    OSObject_release(two);
}

static IODMAChannel busy;
static unsigned polls;

static bool poll_until_third(void *context)
{
    assert_ptr_equal(context, &busy);
    if (++polls < 3) {
        return false;
    }
    busy.count = 0;
    return true;
}

static void nothing_happens(void)
{
}

static void a_wait_ends_with_the_last_command_or_the_time(void **state)
{
    uint64_t before;

    (void)state;
    sim_time += 5000; /* so that a difference would be a time, too */
    before = sim_time;
    busy = (IODMAChannel){0};
    polls = 0;
    assert_true(IODMAChannel_wait(&busy, 1000, poll_until_third, &busy)); /* nothing to wait for */
    assert_int_equal(polls, 0);
    busy.count = 1;
    assert_false(IODMAChannel_wait(&busy, 1000, NULL, NULL));
    assert_in_range(sim_time, before + 1000, before + 1999);
    sim_while_waiting = nothing_happens;
    assert_true(IODMAChannel_wait(&busy, UINT64_MAX, poll_until_third, &busy));
    sim_while_waiting = NULL;
    assert_int_equal(polls, 3);
}

/* Engines are found by number: it must be there, and be no other's. */
static void an_engine_is_registered_once_and_alone(void **state)
{
    IODMAController *second =
        (IODMAController *)OSMetaClass_allocate(((OSObject *)engine)->metaClass);
    IOService *numberless = IOService_withReader("engine", NULL, NULL);
    IOService *own;

    (void)state;
    assert_ptr_equal(IODMAController_getMetaClass(&engine->super), ((OSObject *)engine)->metaClass);
    assert_false(IODMAController_start(&engine->super, device)); /* it is */
    assert_false(IODMAController_start(second, NULL));
    assert_int_equal(IODMAController_registerDMAController(&engine->super, 0), kIOReturnBusy);
    assert_true(IODMAController_start(second, numberless));
    assert_int_equal(IODMAController_registerDMAController(second, 0), kIOReturnNotFound);
    assert_int_equal(IOService_setCell(numberless, "linux,phandle", PHANDLE), kIOReturnSuccess);
    assert_int_equal(IODMAController_registerDMAController(second, 0), kIOReturnExclusiveAccess);
    assert_int_equal(IOService_setCell(numberless, "linux,phandle", PHANDLE + 1), kIOReturnSuccess);
    assert_int_equal(IODMAController_registerDMAController(second, 0), kIOReturnSuccess);
    OSObject_release(second);
    OSObject_release(numberless);
    assert_null(
        IODMAController_withOwnService(((OSObject *)engine)->metaClass, "own", PHANDLE, &own));
    assert_int_equal(IOMemoryLastError(), kIOReturnExclusiveAccess);
    assert_null(own);
    second =
        IODMAController_withOwnService(((OSObject *)engine)->metaClass, "own", PHANDLE + 2, &own);
    assert_non_null(second);
    OSObject_release(second);
    OSObject_release(own);
}

/* A device that is its own engine: whichever request for memory fails, there is none. */
static void each_allocation_of_an_own_service_fails(void **state)
{
    struct inject_report report;
    uint64_t nth = 0;

    (void)state;
    do {
        IODMAController *second;
        IOService *own = device;

        inject_begin(++nth);
        second = IODMAController_withOwnService(((OSObject *)engine)->metaClass, "own", PHANDLE + 2,
                                                &own);
        inject_end(&report);
        assert_int_equal(second == NULL, report.failed);
        if (second == NULL) {
            assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
            assert_null(own);
        } else {
            OSObject_release(second);
            OSObject_release(own);
        }
    } while (report.failed);
    assert_true(nth > 3);
}

static void doors_refuse_what_is_missing(void **state)
{
    IODMAEventSource *source = new_source(NULL);
    IODMACommand *command = new_transfer(DMA_LOW, 100, kIODirectionIn);
    UInt32 index;

    (void)state;
    assert_false(IODMAEventSource_init(source, client, device, NULL, NULL, 0)); /* it is one */
    assert_null(IODMAEventSource_dmaEventSource(client, NULL, NULL, NULL, 0));
    assert_null(IODMAEventSource_dmaEventSource(NULL, device, NULL, NULL, 0));
    assert_ptr_equal(IODMAEventSource_getMetaClass(source), &IODMAEventSource_metaClass);
    REFUSED(IODMAEventSource_startDMACommand(source, NULL, kIODirectionIn, 0, 0));
    REFUSED(IODMAController_initDMAChannel(&engine->super, device, NULL, &index, 0));
    REFUSED(IODMAController_initDMAChannel(&engine->super, device, source, NULL, 0));
    REFUSED(IODMAController_startDMACommand(&engine->super, 0, NULL, kIODirectionIn, 1, 0));
    assert_int_not_equal(
        IODMAController_startDMACommand(&engine->super, 0, command, kIODirectionOut, 1, 0),
        kIOReturnSuccess); /* the memory is for the other way */
    IODMAController_notifyDMACommand(&engine->super, source, NULL, kIOReturnSuccess, 0, 0);
    IODMAController_completeDMACommand(&engine->super, NULL, command);
    IODMAController_queryDMACommand(&engine->super, 0, NULL, NULL, false);
    /* An end of a command that this client has not started is none of its ends. */
    IODMAController_notifyDMACommand(&engine->super, source, command, kIOReturnSuccess, 5, 0);
    IODMAController_completeDMACommand(&engine->super, source, command);
    assert_int_equal(end_count, 0);
    /* Waiting is for threads. */
    IOWorkLoop_closeGate(loop);
    sim_in_handler = true;
    assert_int_equal(IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 0, 0),
                     kIOReturnNotPermitted);
    sim_in_handler = false;
    IOWorkLoop_openGate(loop);
    end_transfer(command);
    drop_source(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(a_channel_has_one_client_and_its_commands),
        ENGINE_TEST(queues_take_a_command_once),
        ENGINE_TEST(a_wait_ends_with_the_last_command_or_the_time),
        ENGINE_TEST(an_engine_is_registered_once_and_alone),
        ENGINE_TEST(each_allocation_of_an_own_service_fails),
        ENGINE_TEST(doors_refuse_what_is_missing),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
