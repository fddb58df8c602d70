/* SPDX-License-Identifier: BSD-2-Clause */
/* Drivers, and their messages. */
#include "tests/host/machine/driver_fixture.h"

struct driver one, two;

static int start(void **state, const IODriverLimits *limits)
{
    if (map_start(state) != 0) {
        return -1;
    }
    one = (struct driver){.task = owner, .pages = new_pages(owner, DRIVER_PAGES, RW)};
    two = (struct driver){.task = other, .pages = new_pages(other, DRIVER_PAGES, RW)};
    return IODriverTask_create(owner, limits, &one.table) == kIOReturnSuccess &&
                   IODriverTask_create(other, limits, &two.table) == kIOReturnSuccess
               ? 0
               : -1;
}

int driver_start(void **state)
{
    return start(state, NULL);
}

int driver_start_small(void **state)
{
    static const IODriverLimits few = {.handles = 4, .maps = 2, .bufferBytes = 4 * PAGE_SIZE};

    return start(state, &few);
}

int driver_stop(void **state)
{
    IODriverTask_release(one.table);
    IODriverTask_release(two.table);
    assert_ptr_equal(current_task(), kernel_task);
    return map_stop(state);
}

void driver_put(const struct driver *driver, uint64_t at, const void *bytes, uint64_t size)
{
    uint64_t done;

    assert_int_equal(vm_map_write(task_map(driver->task), at, bytes, size, &done), KERN_SUCCESS);
}

void driver_get(const struct driver *driver, uint64_t at, void *bytes, uint64_t size)
{
    uint64_t done;

    assert_int_equal(vm_map_read(task_map(driver->task), at, bytes, size, &done), KERN_SUCCESS);
}

IOReturn driver_send(struct driver *driver, const void *request, uint64_t requestSize, void *reply,
                     uint64_t replySize)
{
    const uint64_t answer = driver->pages + PAGE_SIZE;
    uint64_t replied = 1;
    IOReturn status;

    driver_put(driver, driver->pages, request, requestSize);
    status =
        IODriverTask_invoke(driver->table, driver->pages, requestSize, answer, replySize, &replied);
    if (status == kIOReturnSuccess) {
        assert_true(replied <= replySize);
        driver_get(driver, answer, reply, replied);
    } else {
        assert_int_equal(replied, 0);
    }
    return status;
}

uint64_t driver_create(struct driver *driver, uint64_t options, uint64_t capacity, IOReturn *status)
{
    const IOBufferMemoryDescriptor_Create_Msg request = {
        .header = HEADER(IOBufferMemoryDescriptor, Create, 1),
        .self = kIORPCHandleIOBufferMemoryDescriptor,
        .options = options,
        .capacity = capacity};
    IOBufferMemoryDescriptor_Create_Rpl reply = {.memory = 0};

    *status = driver_send(driver, &request, sizeof(request), &reply, sizeof(reply));
    return reply.memory;
}

uint64_t driver_map(struct driver *driver, uint64_t memory, uint64_t options, uint64_t address,
                    uint64_t offset, uint64_t length, IOReturn *status)
{
    const IOMemoryDescriptor_CreateMapping_Msg request = {
        .header = HEADER(IOMemoryDescriptor, CreateMapping, 1),
        .self = memory,
        .options = options,
        .address = address,
        .offset = offset,
        .length = length};
    IOMemoryDescriptor_CreateMapping_Rpl reply = {.map = 0};

    *status = driver_send(driver, &request, sizeof(request), &reply, sizeof(reply));
    return reply.map;
}

uint64_t driver_sub(struct driver *driver, uint64_t memory, uint64_t options, uint64_t offset,
                    uint64_t length, IOReturn *status)
{
    const IOMemoryDescriptor_CreateSubMemoryDescriptor_Msg request = {
        .header = HEADER(IOMemoryDescriptor, CreateSubMemoryDescriptor, 2),
        .self = kIORPCHandleIOMemoryDescriptor,
        .ofDescriptor = memory,
        .options = options,
        .offset = offset,
        .length = length};
    IOMemoryDescriptor_CreateSubMemoryDescriptor_Rpl reply = {.memory = 0};

    *status = driver_send(driver, &request, sizeof(request), &reply, sizeof(reply));
    return reply.memory;
}

uint64_t driver_join(struct driver *driver, const uint64_t *parts, uint32_t count, uint64_t options,
                     IOReturn *status)
{
    IOMemoryDescriptor_CreateWithMemoryDescriptors_Msg request = {
        .header = HEADER(IOMemoryDescriptor, CreateWithMemoryDescriptors, 33),
        .self = kIORPCHandleIOMemoryDescriptor,
        .options = options,
        .count = count};
    IOMemoryDescriptor_CreateWithMemoryDescriptors_Rpl reply = {.memory = 0};

    for (uint32_t i = 0; i < count && i < kIORPCDescriptorsMost; i++) {
        request.descriptors[i] = parts[i];
    }
    *status = driver_send(driver, &request, sizeof(request), &reply, sizeof(reply));
    return reply.memory;
}

IOReturn driver_set_length(struct driver *driver, uint64_t buffer, uint64_t length)
{
    const IOBufferMemoryDescriptor_SetLength_Msg request = {
        .header = HEADER(IOBufferMemoryDescriptor, SetLength, 1), .self = buffer, .length = length};
    IOBufferMemoryDescriptor_SetLength_Rpl reply;

    return driver_send(driver, &request, sizeof(request), &reply, sizeof(reply));
}

IOReturn driver_state(struct driver *driver, uint64_t memory, _IOMDPrivateState *state)
{
    const IOMemoryDescriptor__CopyState_Msg request = {
        .header = HEADER(IOMemoryDescriptor, _CopyState, 1), .self = memory};
    IOMemoryDescriptor__CopyState_Rpl reply = {.state = {0}};
    const IOReturn status = driver_send(driver, &request, sizeof(request), &reply, sizeof(reply));

    *state = reply.state;
    return status;
}

IOReturn driver_map_state(struct driver *driver, uint64_t map, _IOMemoryMapPrivateState *state)
{
    const IOMemoryMap__CopyState_Msg request = {.header = HEADER(IOMemoryMap, _CopyState, 1),
                                                .self = map};
    IOMemoryMap__CopyState_Rpl reply = {.state = {0}};
    const IOReturn status = driver_send(driver, &request, sizeof(request), &reply, sizeof(reply));

    *state = reply.state;
    return status;
}

uint64_t driver_buffer(struct driver *driver, uint64_t options, uint64_t capacity)
{
    IOReturn status;
    const uint64_t handle = driver_create(driver, options, capacity, &status);

    assert_int_equal(status, kIOReturnSuccess);
    assert_int_not_equal(handle, 0);
    return handle;
}

uint64_t driver_map_all(struct driver *driver, uint64_t memory, uint64_t options)
{
    IOReturn status;
    const uint64_t handle = driver_map(driver, memory, options, 0, 0, 0, &status);

    assert_int_equal(status, kIOReturnSuccess);
    return handle;
}

uint64_t driver_address(struct driver *driver, uint64_t map)
{
    _IOMemoryMapPrivateState state;

    assert_int_equal(driver_map_state(driver, map, &state), kIOReturnSuccess);
    assert_int_not_equal(state.address, 0);
    return state.address;
}

OSObject *driver_object(struct driver *driver, uint64_t handle)
{
    OSObject *object = IODriverTask_copyObject(driver->table, handle);

    assert_non_null(object);
    OSObject_release(object);
    return object;
}

uint32_t driver_handles(const struct driver *driver)
{
    IODriverUsage usage;

    IODriverTask_getUsage(driver->table, &usage);
    return usage.handles;
}
