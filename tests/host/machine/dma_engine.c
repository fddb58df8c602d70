/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine of the controllers' tests, and its client. */
#include "tests/host/machine/dma_engine.h"

#include "descriptors/OSArray.h"

struct engine *engine;
IOService *device;
OSObject *client;
IOWorkLoop *loop;

struct end ends[ENDS_MAX];
unsigned end_count, notes, notes_at_end[ENDS_MAX];

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

void finish(IOReturn status, IOByteCount bytes)
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

static IOReturn engine_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct engine *it = (struct engine *)self;

    (void)index;
    if (it->count == DEPTH) {
        return kIOReturnBusy;
    }
    it->jobs[it->count++] = (struct job){command, direction, count, offset};
    if (it->immediate) {
        finish(kIOReturnSuccess, 3);
    }
    return kIOReturnSuccess;
}

static IOReturn engine_stop(IODMAController *self, UInt32 index, bool flush, uint64_t timeout)
{
    struct engine *it = (struct engine *)self;

    (void)index, (void)flush, (void)timeout;
    if (it->deaf) {
        return kIOReturnTimeout;
    }
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

int engine_power_up(void **state)
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

int engine_power_down(void **state)
{
    const bool open = !IOWorkLoop_inGate(loop);

    OSObject_release(loop);
    OSObject_release(client);
    OSObject_release(device);
    OSObject_release(&engine->super);
    return map_stop(state) == 0 && open ? 0 : -1;
}

/* --- The client ------------------------------------------------------------------------------- */

static void note(OSObject *source_owner, IODMAEventSource *source, IODMACommand *command,
                 IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    (void)source_owner, (void)source, (void)command, (void)status, (void)bytes, (void)when;
    notes++;
}

void arrive(OSObject *source_owner, IODMAEventSource *source, IODMACommand *command,
            IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    assert_ptr_equal(source_owner, client);
    assert_true(IOWorkLoop_inGate(IOEventSource_getWorkLoop(source)));
    assert_true(end_count < ENDS_MAX);
    notes_at_end[end_count] = notes;
    ends[end_count++] = (struct end){command, status, bytes, when};
}

IODMAEventSource *new_source(IODMAEventSource_Action completion)
{
    IODMAEventSource *source = IODMAEventSource_dmaEventSource(client, device, completion, note, 0);

    assert_non_null(source);
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    end_count = notes = 0;
    return source;
}

void drop_source(IODMAEventSource *source)
{
    if (IOEventSource_getWorkLoop(source) != NULL) {
        IOWorkLoop_removeEventSource(loop, source);
    }
    OSObject_release(source);
}

static const IODMACommand_SegmentOptions any = {.fStructSize = 40};

IODMACommand *new_transfer(uint64_t at, uint64_t length, IODirection direction)
{
    IOMemoryDescriptor *memory = dma_memory(at, length, 0, 0, direction);
    IODMACommand *command = dma_command(&any, kMapped, memory);

    OSObject_release(memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    return command;
}

void end_transfer(IODMACommand *command)
{
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
}

IOReturn go(IODMAEventSource *source, IODMACommand *command, IODirection direction,
            IOByteCount count, IOByteCount offset)
{
    IOReturn status;

    IOWorkLoop_closeGate(loop);
    status = IODMAEventSource_startDMACommand(source, command, direction, count, offset);
    IOWorkLoop_openGate(loop);
    return status;
}
