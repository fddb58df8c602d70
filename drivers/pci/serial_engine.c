/* SPDX-License-Identifier: BSD-2-Clause */
/* Engines of one transfer at a time: the line, the cuts and the ends. */
#include "drivers/pci/serial_engine.h"

#include "kernel/irq.h"

void serial_init(struct serial_engine *engine, const struct serial_class *methods, const char *name)
{
    engine->methods = methods;
    engine->lock = (struct lock)LOCK_INITIAL(name, LOCK_RANK_DEVICE);
    (void)name; /* release builds have none */
}

static IOReturn issue(struct serial_engine *engine, struct serial_transfer *transfer)
{
    const IOReturn status = engine->methods->issue(engine, transfer, &engine->bytes);

    if (status == kIOReturnSuccess) {
        transfer->issued += engine->bytes;
        engine->busy = true;
        engine->commands++;
    }
    return status;
}

static void end_first(struct serial_engine *engine, IOReturn status)
{
    struct serial_transfer *transfer = engine->first;
    const bool before = engine->ending;

    engine->first = transfer->next;
    engine->ending = true;
    IODMAChannel_end(&engine->super.channel, &engine->super.super, transfer->command, status,
                     transfer->moved);
    engine->ending = before;
}

/* The next of the line that can be started; those that cannot end with why. */
static void issue_next(struct serial_engine *engine)
{
    while (engine->first != NULL && !engine->busy) {
        const IOReturn status = issue(engine, engine->first);

        if (status != kIOReturnSuccess) {
            end_first(engine, status);
        }
    }
}

void serial_answer(struct serial_engine *engine, IOReturn status, uint64_t moved)
{
    struct serial_transfer *transfer = engine->first;

    if (!engine->busy) {
        return;
    }
    engine->busy = false;
    transfer->moved += status == kIOReturnSuccess ? engine->bytes : moved;
    if (status != kIOReturnSuccess || transfer->issued == transfer->length) {
        end_first(engine, status);
    }
    issue_next(engine);
}

IOReturn serial_reset(struct serial_engine *engine, IOReturn status)
{
    struct serial_transfer *last = engine->last;

    if (!engine->methods->reset(engine)) {
        engine->lost = true;
        status = kIOReturnNotResponding;
    }
    /*
     * Those of now: what their ends start gets in line behind them. It is busy as long as anything
     * is in line: nothing is started in between.
     */
    for (bool more = engine->first != NULL; more;) {
        more = engine->first != last;
        end_first(engine, status);
    }
    engine->busy = false;
    if (engine->lost) {
        return kIOReturnNotResponding; /* which their ends' starts were told as well */
    }
    issue_next(engine);
    return kIOReturnSuccess;
}

/* --- What the class calls --------------------------------------------------------------------- */

/* The lock is held: an end can come between the start and what follows it. */
static IOReturn submit(struct serial_engine *engine, struct serial_transfer *transfer)
{
    /* In the channel's book before the device has it, where its end can find it. */
    IOReturn status = IODMAChannel_take(&engine->super.channel, transfer->command);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (!engine->busy && engine->first == NULL) {
        status = issue(engine, transfer);
    }
    if (status != kIOReturnSuccess) {
        IODMAChannel_refuse(&engine->super.channel, transfer->command);
        return status;
    }
    transfer->next = NULL;
    if (engine->first == NULL) {
        engine->first = transfer;
    } else {
        engine->last->next = transfer;
    }
    engine->last = transfer;
    return kIOReturnSuccess;
}

IOReturn serial_start(IODMAController *self, UInt32 index, IODMACommand *command,
                      IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct serial_engine *engine = (struct serial_engine *)self;
    struct serial_transfer *transfer = IODMACommand_getRefCon(command);
    lock_state_t state;
    IOReturn status;

    /*
     * A command of somebody else's has another refCon: it must name the command back before it is
     * used as a transfer.
     */
    if (index != 0 || transfer == NULL || transfer->command != command) {
        return kIOReturnBadArgument;
    }
    /* Again: a notification, which runs under this lock, may start. */
    state = lock_take_again(&engine->lock);
    if (engine->lost) {
        status = kIOReturnNotResponding;
    } else {
        transfer->offset = offset;
        transfer->length = count;
        transfer->issued = transfer->moved = 0;
        transfer->writes = direction == kIODirectionOut;
        status = engine->methods->check(engine, transfer);
    }
    if (status == kIOReturnSuccess) {
        status = submit(engine, transfer);
    }
    lock_release(&engine->lock, state);
    return status;
}

IOReturn serial_abort(IODMAController *self, UInt32 index, uint64_t timeout)
{
    struct serial_engine *engine = (struct serial_engine *)self;
    lock_state_t state;
    IOReturn status;

    (void)index, (void)timeout;
    if (engine->ending) {
        return kIOReturnNotPermitted;
    }
    state = lock_take(&engine->lock);
    status = serial_reset(engine, kIOReturnAborted);
    lock_release(&engine->lock, state);
    return status;
}

IOByteCount serial_moved(IODMAController *self, IODMACommand *command)
{
    (void)self;
    return ((struct serial_transfer *)IODMACommand_getRefCon(command))->moved;
}
