/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA controllers and event sources, with an engine that moves bytes when the test says so. */
#include "descriptors/IODMAController_class.h"
#include "descriptors/OSArray.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/sim/sim_irq.h"

#define PHANDLE  0x8003
#define CHANNELS 2
#define DEPTH    4

/* One transfer that the engine has. */
struct job {
    IODMACommand *command;
    IODirection direction;
    IOByteCount count, offset;
};

struct engine {
    IODMAController super;
    IODMAEventSource *clients[CHANNELS];
    struct job jobs[DEPTH];
    unsigned count;
    uint8_t data[256]; /* the device's side */
    UInt32 config;
};

static struct engine *engine;
static IOService *device;
static OSObject *client;
static IOWorkLoop *loop;

static IOReturn engine_init_channel(IODMAController *self, IOService *provider,
                                    IODMAEventSource *source, UInt32 *index, UInt32 request)
{
    struct engine *it = (struct engine *)self;

    (void)provider;
    if (request >= CHANNELS) {
        return kIOReturnBadArgument;
    }
    if (it->clients[request] != NULL) {
        return kIOReturnNoChannels;
    }
    it->clients[request] = source;
    *index = request;
    return kIOReturnSuccess;
}

static void engine_release_channel(IODMAController *self, UInt32 index, IODMAEventSource *source)
{
    struct engine *it = (struct engine *)self;

    assert_ptr_equal(it->clients[index], source);
    it->clients[index] = NULL;
}

static IOReturn engine_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct engine *it = (struct engine *)self;

    (void)index;
    if (it->count == DEPTH) {
        return kIOReturnBusy;
    }
    it->jobs[it->count++] = (struct job){command, direction, count, offset};
    return kIOReturnSuccess;
}

/* The oldest transfer ends so. */
static void finish(IOReturn status, IOByteCount bytes)
{
    const struct job job = engine->jobs[0];

    assert_true(engine->count != 0);
    engine->count--;
    memmove(engine->jobs, engine->jobs + 1, engine->count * sizeof(job));
    for (uint64_t i = 0; i < bytes; i++) {
        if (job.direction == kIODirectionOut) {
            engine->data[i] = dma_device_reads(job.command, job.offset + i);
        } else {
            dma_device_writes(job.command, job.offset + i, engine->data[i]);
        }
    }
    IODMAController_notifyDMACommand(&engine->super, engine->clients[0], job.command, status, bytes,
                                     sim_time);
    IODMAController_completeDMACommand(&engine->super, engine->clients[0], job.command);
}

static IOReturn engine_stop(IODMAController *self, UInt32 index, bool flush, uint64_t timeout)
{
    struct engine *it = (struct engine *)self;

    (void)index, (void)flush, (void)timeout;
    while (it->count != 0) {
        finish(kIOReturnAborted, 0);
    }
    return kIOReturnSuccess;
}

static IOReturn engine_query(IODMAController *self, UInt32 index, IODMACommand **command,
                             IOByteCount *bytes, bool waitForIdle)
{
    struct engine *it = (struct engine *)self;

    (void)index;
    while (waitForIdle && it->count != 0) {
        finish(kIOReturnSuccess, it->jobs[0].count);
    }
    *command = it->count == 0 ? NULL : it->jobs[0].command;
    *bytes = 0;
    return kIOReturnSuccess;
}

static IOReturn engine_set_config(IODMAController *self, UInt32 index, IOService *provider,
                                  UInt32 request)
{
    (void)index, (void)provider;
    ((struct engine *)self)->config = request;
    return kIOReturnSuccess;
}

static bool engine_valid_config(IODMAController *self, UInt32 index, IOService *provider,
                                UInt32 request)
{
    (void)self, (void)index, (void)provider;
    return request < CHANNELS;
}

static uint32_t engines;

static const IODMAControllerClass engine_class = {
    .meta = {"TestEngine", &IODMAController_metaClass, sizeof(struct engine), &engines,
             controller_free},
    .initDMAChannel = engine_init_channel,
    .startDMACommand = engine_start,
    .stopDMACommand = engine_stop,
    .queryDMACommand = engine_query,
    .getFIFODepth = controller_get_fifo_depth,
    .setFIFODepth = controller_set_fifo_depth,
    .validFIFODepth = controller_valid_fifo_depth,
    .setFrameSize = controller_set_frame_size,
    .setDMAConfig = engine_set_config,
    .validDMAConfig = engine_valid_config,
    .releaseDMAChannel = engine_release_channel,
};

static int start(void **state)
{
    IOService *node;

    if (map_start(state) != 0) {
        return -1;
    }
    node = IOService_withReader("engine", NULL, NULL);
    IOService_setCell(node, "phandle", PHANDLE);
    engine = (struct engine *)OSMetaClass_allocate(&engine_class.meta);
    if (!IODMAController_start(&engine->super, node) ||
        IODMAController_registerDMAController(&engine->super, 0) != kIOReturnSuccess) {
        return -1;
    }
    OSObject_release(node);
    device = IOService_withReader("device", NULL, NULL);
    IOService_setCell(device, "dma-parent", PHANDLE);
    client = OSObject_upcast(OSArray_withCapacity(1));
    loop = IOWorkLoop_workLoop();
    return 0;
}

static int stop(void **state)
{
    OSObject_release(loop);
    OSObject_release(client);
    OSObject_release(device);
    OSObject_release(&engine->super);
    return map_stop(state);
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

/* --- What arrives ---------------------------------------------------------------------------- */

#define ENDS_MAX 16

static struct end {
    IODMACommand *command;
    IOReturn status;
    IOByteCount bytes;
} ends[ENDS_MAX];
static unsigned end_count, notes, notes_at_end[ENDS_MAX];

static void note(OSObject *source_owner, IODMAEventSource *source, IODMACommand *command,
                 IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    (void)source_owner, (void)source, (void)command, (void)status, (void)bytes, (void)when;
    notes++;
}

static void arrive(OSObject *source_owner, IODMAEventSource *source, IODMACommand *command,
                   IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    assert_ptr_equal(source_owner, client);
    assert_true(IOWorkLoop_inGate(IOEventSource_getWorkLoop(source)));
    (void)when;
    assert_true(end_count < ENDS_MAX);
    notes_at_end[end_count] = notes;
    ends[end_count++] = (struct end){command, status, bytes};
}

static IODMAEventSource *new_source(IODMAEventSource_Action completion)
{
    IODMAEventSource *source = IODMAEventSource_dmaEventSource(client, device, completion, note, 0);

    assert_non_null(source);
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    end_count = notes = 0;
    return source;
}

static void drop_source(IODMAEventSource *source)
{
    if (IOEventSource_getWorkLoop(source) != NULL) {
        IOWorkLoop_removeEventSource(loop, source);
    }
    OSObject_release(source);
}

static const IODMACommand_SegmentOptions any = {.fStructSize = 40};

static IODMACommand *new_transfer(uint64_t at, uint64_t length, IODirection direction)
{
    IOMemoryDescriptor *memory = dma_memory(at, length, 0, 0, direction);
    IODMACommand *command = dma_command(&any, kMapped, memory);

    OSObject_release(memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    return command;
}

static void end_transfer(IODMACommand *command)
{
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
}

static IOReturn go(IODMAEventSource *source, IODMACommand *command, IODirection direction,
                   IOByteCount count, IOByteCount offset)
{
    IOReturn status;

    IOWorkLoop_closeGate(loop);
    status = IODMAEventSource_startDMACommand(source, command, direction, count, offset);
    IOWorkLoop_openGate(loop);
    return status;
}

/* CT-1 */
static void ct_1_names_and_the_registry(void **state)
{
    char name[kIODMAControllerNameLength];
    IOService *other_device = IOService_withReader("other", NULL, NULL);

    (void)state;
    assert_true(IODMAController_createControllerName(PHANDLE, name));
    assert_string_equal(name, "IODMAController00008003");
    assert_false(IODMAController_createControllerName(1, NULL));
    assert_ptr_equal(IODMAController_getController(device, 0), &engine->super);
    assert_ptr_equal(IODMAController_getController(device, 7), &engine->super); /* the only one */
    assert_null(IODMAController_getController(NULL, 0));
    assert_null(IODMAController_getController(other_device, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    IOService_setProperty(other_device, "dma-parent", "abc", 3);
    assert_null(IODMAController_getController(other_device, 0));
    IOService_setProperty(other_device, "dma-parent", "\0\0\x80\3\0\0\0\1", 8);
    assert_ptr_equal(IODMAController_getController(other_device, 0), &engine->super);
    assert_null(IODMAController_getController(other_device, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnTimeout);
    assert_null(IODMAController_getController(other_device, 2));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IODMAController_registerDMAController(&engine->super, 0), kIOReturnBusy);
    OSObject_release(other_device);
}

/* CT-2 */
static void ct_2_creations_that_fail_leave_the_channel_free(void **state)
{
    IOService *orphan = IOService_withReader("orphan", NULL, NULL);
    IODMAEventSource *source;

    (void)state;
    assert_null(IODMAEventSource_dmaEventSource(NULL, device, arrive, NULL, 0));
    assert_null(IODMAEventSource_dmaEventSource(client, NULL, arrive, NULL, 0));
    assert_null(IODMAEventSource_dmaEventSource(client, orphan, arrive, NULL, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    assert_null(IODMAEventSource_dmaEventSource(client, device, arrive, NULL, CHANNELS));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    source = new_source(arrive);
    assert_null(IODMAEventSource_dmaEventSource(client, device, arrive, NULL, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoChannels);
    assert_int_equal(OSObject_getRetainCount(&engine->super), 2);
    drop_source(source);
    assert_int_equal(OSObject_getRetainCount(&engine->super), 1);
    drop_source(new_source(arrive));
    OSObject_release(orphan);
}

/* CT-3, CT-4: in the order of completion, once each, noted before they arrive. */
static void ct_3_ends_arrive_in_order_with_the_gate_held(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *commands[DEPTH];

    (void)state;
    for (unsigned i = 0; i < DEPTH; i++) {
        commands[i] = new_transfer(DMA_LOW + 64 * i, 64, kIODirectionOut);
        assert_int_equal(go(source, commands[i], kIODirectionOut, 0, 0), kIOReturnSuccess);
    }
    assert_int_equal(go(source, commands[0], kIODirectionOut, 0, 0), kIOReturnBusy);
    sim_in_handler = true;
    for (unsigned i = 0; i < DEPTH; i++) {
        finish(i == 2 ? kIOReturnIOError : kIOReturnSuccess, 64 - i);
    }
    sim_in_handler = false;
    assert_int_equal(end_count, 0);
    assert_int_equal(notes, DEPTH);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, DEPTH);
    for (unsigned i = 0; i < DEPTH; i++) {
        assert_ptr_equal(ends[i].command, commands[i]);
        assert_int_equal(ends[i].status, i == 2 ? kIOReturnIOError : kIOReturnSuccess);
        assert_int_equal(ends[i].bytes, 64 - i);
        end_transfer(commands[i]);
    }
    drop_source(source);
}

static void ct_4_notification_is_at_once(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    finish(kIOReturnSuccess, 64);
    assert_int_equal(notes, 1);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(notes_at_end[0], 1);
    end_transfer(command);
    drop_source(source);
}

static void finish_badly(void)
{
    sim_in_handler = true;
    finish(kIOReturnIOError, 3);
    sim_in_handler = false;
}

/* CT-5 */
static void ct_5_a_synchronous_start_returns_the_transfers_status(void **state)
{
    IODMAEventSource *source = new_source(NULL);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(IODMAEventSource_startDMACommand(source, command, kIODirectionOut, 0, 0),
                     kIOReturnNotPermitted); /* the gate is open */
    sim_while_waiting = finish_badly;
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnIOError);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnIOError); /* usable */
    sim_while_waiting = NULL;
    end_transfer(command);
    drop_source(source);
}

/* CT-6 */
static void ct_6_refused_starts_end_nowhere(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionOutIn, 0, 0), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionNone, 0, 0), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 64), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionOut, 5, 60), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnNotReady);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count + notes + engine->count, 0);
    OSObject_release(command);
    drop_source(source);
}

/* CT-7 */
static void ct_7_parts_move_their_bytes_alone(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command;

    (void)state;
    dma_fill(DMA_LOW, 64, 7);
    command = new_transfer(DMA_LOW, 64, kIODirectionIn);
    memset(engine->data, 0xee, sizeof(engine->data));
    assert_int_equal(go(source, command, kIODirectionIn, 8, 16), kIOReturnSuccess);
    finish(kIOReturnSuccess, engine->jobs[0].count);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 60), kIOReturnBusy); /* not delivered */
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 60), kIOReturnSuccess);
    assert_int_equal(engine->jobs[0].count, 4);
    finish(kIOReturnSuccess, 4);
    IOWorkLoop_runEventSources(loop);
    for (uint64_t i = 0; i < 64; i++) {
        const bool moved = (i >= 16 && i < 24) || i >= 60;

        assert_int_equal(dma_bytes(DMA_LOW)[i], moved ? 0xee : pattern(i, 7));
    }
    end_transfer(command);
    drop_source(source);
}

/* CT-8, CT-9 */
static void ct_8_stopping_ends_everything_once(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *one = new_transfer(DMA_LOW, 64, kIODirectionOut);
    IODMACommand *two = new_transfer(DMA_LOW + 64, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(IODMAEventSource_stopDMACommand(source, false, UINT64_MAX), kIOReturnSuccess);
    go(source, one, kIODirectionOut, 0, 0);
    go(source, two, kIODirectionOut, 0, 0);
    assert_int_equal(IODMAEventSource_stopDMACommand(source, false, UINT64_MAX), kIOReturnSuccess);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 2);
    assert_int_equal(ends[0].status, kIOReturnAborted);
    assert_int_equal(ends[1].status, kIOReturnAborted);
    end_transfer(one);
    end_transfer(two);
    drop_source(source);
}

static void ct_9_asking_and_waiting(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut), *current = command;

    (void)state;
    assert_int_equal(IODMAEventSource_queryDMACommand(source, &current, NULL, false),
                     kIOReturnSuccess);
    assert_null(current);
    go(source, command, kIODirectionOut, 0, 0);
    IODMAEventSource_queryDMACommand(source, &current, NULL, false);
    assert_ptr_equal(current, command);
    assert_int_equal(IODMAEventSource_queryDMACommand(source, &current, NULL, true),
                     kIOReturnSuccess);
    assert_null(current);
    assert_int_equal(notes, 1);
    IOWorkLoop_runEventSources(loop);
    end_transfer(command);
    drop_source(source);
}

/* CT-10: ends that come twice, for another's command, or without a result. */
static void ct_10_ends_that_are_not_due_change_nothing(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);
    IODMACommand *strange = new_transfer(DMA_LOW + 64, 64, kIODirectionOut);

    (void)state;
    go(source, command, kIODirectionOut, 0, 0);
    IODMAEventSource_completeDMACommand(source, strange);
    IODMAController_completeDMACommand(&engine->super, NULL, command);
    IODMAController_notifyDMACommand(&engine->super, source, NULL, 0, 0, 0);
    engine->count = 0;
    IODMAEventSource_completeDMACommand(source, command); /* the engine forgot to notify */
    IODMAEventSource_completeDMACommand(source, command); /* and comes twice */
    IOWorkLoop_runEventSources(loop);
    IODMAEventSource_completeDMACommand(source, command);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].status, kIOReturnInternalError);
    end_transfer(command);
    end_transfer(strange);
    drop_source(source);
}

/* CT-11, CT-16 */
static void ct_11_16_a_silent_source_keeps_what_came(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    go(source, command, kIODirectionOut, 0, 0);
    IOEventSource_disable(source);
    finish(kIOReturnSuccess, 64);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 0);
    IOEventSource_enable(source);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    go(source, command, kIODirectionOut, 0, 0);
    assert_int_equal(IOWorkLoop_removeEventSource(loop, source), kIOReturnSuccess);
    finish(kIOReturnSuccess, 64);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    IOWorkLoop_addEventSource(loop, source);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 2);
    end_transfer(command);
    drop_source(source);
}

/* CT-12 */
static void ct_12_a_source_freed_during_a_transfer_stops_it(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    go(source, command, kIODirectionOut, 0, 0);
    drop_source(source);
    assert_int_equal(engine->count, 0);
    assert_null(engine->clients[0]);
    assert_int_equal(end_count, 0);
    end_transfer(command);
    drop_source(new_source(arrive));
}

/* CT-13 */
static void ct_13_calls_are_handed_on(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMAEventSource *none = (IODMAEventSource *)OSMetaClass_allocate(&IODMAEventSource_metaClass);

    (void)state;
    assert_int_equal(IODMAEventSource_setDMAConfig(source, 1), kIOReturnSuccess);
    assert_int_equal(engine->config, 1);
    assert_true(IODMAEventSource_validDMAConfig(source, 1));
    assert_false(IODMAEventSource_validDMAConfig(source, 9));
    assert_int_equal(IODMAEventSource_setFrameSize(source, 0), kIOReturnBadArgument);
    assert_int_equal(IODMAEventSource_setFrameSize(source, 4), kIOReturnUnsupported);
    assert_int_equal(IODMAEventSource_getFIFODepth(source, kIODirectionNone), 0);
    assert_int_equal(IODMAEventSource_setFIFODepth(source, 16), kIOReturnUnsupported);
    assert_int_equal(IODMAEventSource_setDMAConfig(none, 1), kIOReturnError);
    assert_false(IODMAEventSource_validDMAConfig(none, 1));
    assert_int_equal(IODMAEventSource_validFIFODepth(none, 1, 0), 0);
    assert_int_equal(IODMAEventSource_setFrameSize(none, 1), kIOReturnError);
    assert_int_equal(IODMAEventSource_stopDMACommand(none, false, 0), kIOReturnError);
    OSObject_release(none);
    drop_source(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(ct_1_names_and_the_registry),
        ENGINE_TEST(ct_2_creations_that_fail_leave_the_channel_free),
        ENGINE_TEST(ct_3_ends_arrive_in_order_with_the_gate_held),
        ENGINE_TEST(ct_4_notification_is_at_once),
        ENGINE_TEST(ct_5_a_synchronous_start_returns_the_transfers_status),
        ENGINE_TEST(ct_6_refused_starts_end_nowhere),
        ENGINE_TEST(ct_7_parts_move_their_bytes_alone),
        ENGINE_TEST(ct_8_stopping_ends_everything_once),
        ENGINE_TEST(ct_9_asking_and_waiting),
        ENGINE_TEST(ct_10_ends_that_are_not_due_change_nothing),
        ENGINE_TEST(ct_11_16_a_silent_source_keeps_what_came),
        ENGINE_TEST(ct_12_a_source_freed_during_a_transfer_stops_it),
        ENGINE_TEST(ct_13_calls_are_handed_on),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
