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
    assert_int_equal(IODMAChannel_take(&channel, one), kIOReturnSuccess);
    assert_int_equal(channel.most, 2); /* so far */
    IODMAChannel_refuse(&channel, one);
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
    assert_true(IOCommandQueue_put(&queue, two)); /* behind who is the last now */
    assert_ptr_equal(IOCommandQueue_take(&queue), one);
    assert_ptr_equal(IOCommandQueue_take(&queue), three);
    assert_ptr_equal(IOCommandQueue_take(&queue), two);
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
    assert_ptr_equal(IODMAController_getController(own, 0), second);
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

/* An engine of one channel, which holds back what it has taken until it is told to begin. */
struct single {
    IODMASingleController super;
    unsigned published, aborted;
    bool ends; /* what is published ends at once */
};

static void end_all(IODMAController *self, IOReturn status, IOByteCount bytes)
{
    IODMAChannel *const channel = &((struct single *)self)->super.channel;

    while (IODMAChannel_current(channel) != NULL) {
        IODMAChannel_end(channel, self, IODMAChannel_current(channel), status, bytes);
    }
}

static IOReturn single_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    (void)index, (void)direction, (void)count, (void)offset;
    return IODMAChannel_take(&((struct single *)self)->super.channel, command);
}

static void single_publish(IODMAController *self, UInt32 index)
{
    assert_int_equal(index, 0);
    ((struct single *)self)->published++;
    if (((struct single *)self)->ends) {
        end_all(self, kIOReturnSuccess, 64);
    }
}

static IOReturn single_abort(IODMAController *self, UInt32 index, uint64_t timeout)
{
    assert_int_equal(index, 0);
    assert_int_equal(timeout, 77);
    ((struct single *)self)->aborted++;
    end_all(self, kIOReturnAborted, 3);
    return kIOReturnSuccess;
}

static IOByteCount single_moved(IODMAController *self, IODMACommand *command)
{
    assert_ptr_equal(command, IODMAChannel_current(&((struct single *)self)->super.channel));
    return 5;
}

static uint32_t singles;

static const IODMAChannelControllerClass single_class = {
    .super =
        {
            .meta = {"SingleEngine", &IODMAController_metaClass, sizeof(struct single), &singles,
                     controller_free},
            .startDMACommand = single_start,
            CONTROLLER_WITHOUT_FIFO,
            CONTROLLER_WITH_CHANNELS,
        },
    .getChannel = IODMASingleController_getChannel,
    .publish = single_publish,
    .poll = IODMAChannelController_pollNothing,
    .abort = single_abort,
    .getMoved = single_moved,
};

static void an_engine_of_one_channel_is_stopped_and_asked(void **state)
{
    IOService *own;
    IODMAController *const one =
        IODMAController_withOwnService(&single_class.super.meta, "single", PHANDLE + 3, &own);
    struct single *const single = (struct single *)one;
    IODMAEventSource *source = IODMAEventSource_dmaEventSource(client, own, arrive, NULL, 0);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut), *current = command;
    IOByteCount moved = 7;
    uint64_t before;

    (void)state;
    end_count = 0;
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    assert_null(IODMAEventSource_dmaEventSource(client, own, arrive, NULL, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoChannels);
    assert_null(IODMAEventSource_dmaEventSource(client, own, arrive, NULL, 1)); /* one parent */
    REFUSED(IODMAController_stopDMACommand(one, 1, true, 77));
    REFUSED(IODMAController_queryDMACommand(one, 1, &current, &moved, true));
    /* Idle: nobody has to suffer for it. */
    assert_int_equal(IODMAEventSource_stopDMACommand(source, true, 77), kIOReturnSuccess);
    assert_int_equal(IODMAEventSource_stopDMACommand(source, false, 77), kIOReturnSuccess);
    assert_int_equal(IODMAEventSource_queryDMACommand(source, &current, &moved, false),
                     kIOReturnSuccess);
    assert_null(current);
    assert_int_equal(moved, 0);
    assert_int_equal(single->published + single->aborted, 0);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    assert_int_equal(IODMAEventSource_queryDMACommand(source, &current, &moved, false),
                     kIOReturnSuccess);
    assert_ptr_equal(current, command);
    assert_int_equal(moved, 5);
    assert_int_equal(single->published, 0);
    before = sim_time;
    assert_int_equal(IODMAEventSource_stopDMACommand(source, true, 77), kIOReturnTimeout);
    assert_int_equal(sim_time, before + 77);
    assert_int_equal(single->published, 1);
    assert_int_equal(single->super.channel.count, 1);
    assert_int_equal(IODMAEventSource_stopDMACommand(source, false, 77), kIOReturnSuccess);
    assert_int_equal(single->aborted, 1);
    assert_int_equal(single->super.channel.count, 0);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].status, kIOReturnAborted);
    assert_int_equal(ends[0].bytes, 3);
    assert_int_equal(ends[0].when, sim_time);
    single->ends = true;
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
        assert_int_equal(i == 1 ? IODMAEventSource_stopDMACommand(source, true, 77)
                                : IODMAEventSource_queryDMACommand(source, &current, &moved, true),
                         kIOReturnSuccess);
        assert_int_equal(single->published, i + 1);
        IOWorkLoop_runEventSources(loop);
        assert_int_equal(end_count, i + 1);
        assert_int_equal(ends[i].status, kIOReturnSuccess);
    }
    assert_null(current);
    assert_int_equal(moved, 0);
    assert_int_equal(single->super.channel.most, 1);
    /* Closed, it is there for the next one. */
    drop_source(source);
    assert_null(single->super.channel.client);
    source = IODMAEventSource_dmaEventSource(client, own, arrive, NULL, 0);
    assert_non_null(source);
    OSObject_release(source);
    end_transfer(command);
    OSObject_release(one);
    OSObject_release(own);
}

static void doors_refuse_what_is_missing(void **state)
{
    IODMAEventSource *source = new_source(NULL);
    IODMACommand *command = new_transfer(DMA_LOW, 100, kIODirectionIn);
    UInt32 index;

    (void)state;
    assert_false(IODMAEventSource_init(source, client, device, NULL, NULL, 0)); /* it is one */
    IOMemory_fail(kIOReturnSuccess);
    assert_null(IODMAEventSource_dmaEventSource(client, NULL, NULL, NULL, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IODMAEventSource_dmaEventSource(NULL, device, NULL, NULL, 0));
    assert_false(IODMAEventSource_init(NULL, client, device, NULL, NULL, 0));
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
        ENGINE_TEST(an_engine_of_one_channel_is_stopped_and_asked),
        ENGINE_TEST(doors_refuse_what_is_missing),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
