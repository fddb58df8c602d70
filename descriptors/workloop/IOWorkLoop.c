/* SPDX-License-Identifier: BSD-2-Clause */
/* The gate, the sources, and the scan that does their work. */
#include "descriptors/object/IORefuse.h"
#include "descriptors/platform_wait.h"
#include "descriptors/workloop/IOWorkLoop_private.h"

static IOWorkLoop *loops; /* all there are; changed in thread context only */

static void loop_free(OSObject *base)
{
    IOWorkLoop *self = (IOWorkLoop *)base;

    /*
     * First: taking sources off runs code of theirs, which must not start a scan of what is left.
     */
    self->shuttingDown = true;
    while (self->sources != NULL) {
        IOWorkLoop_removeEventSource(self, self->sources);
    }
    while (self->passive != NULL) {
        IOWorkLoop_removeEventSource(self, self->passive);
    }
    for (IOWorkLoop **link = &loops; *link != NULL; link = &(*link)->next) {
        if (*link == self) {
            *link = self->next;
            break;
        }
    }
    OSObject_free(base);
}

static uint32_t instances;

const OSMetaClass IOWorkLoop_class = {"IOWorkLoop", &OSObject_metaClass, sizeof(IOWorkLoop),
                                      &instances, loop_free};

bool IOWorkLoop_init(IOWorkLoop *self)
{
    if (self == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    for (const IOWorkLoop *loop = loops; loop != NULL; loop = loop->next) {
        /* Linked twice, the list would be a ring. */
        if (loop == self) {
            IOMemory_fail(kIOReturnNotPermitted);
            return false;
        }
    }
    /* Without a reference, which would keep every loop for ever: who ends leaves the list. */
    self->next = loops;
    loops = self;
    return true;
}

IOWorkLoop *IOWorkLoop_workLoopWithOptions(IOOptionBits options)
{
    IOWorkLoop *self;

    /*
     * The two are accepted and have nothing to act on: a loop has no stack and no lock of its own.
     */
    if ((options & ~(IOOptionBits)(kPreciousStack | kTimeLockPanics)) != 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    self = (IOWorkLoop *)OSMetaClass_allocate(&IOWorkLoop_metaClass);
    if (self != NULL) {
        /* Cannot be refused: a new object is in no list. */
        IOWorkLoop_init(self);
    }
    return self;
}

IOWorkLoop *IOWorkLoop_workLoop(void)
{
    return IOWorkLoop_workLoopWithOptions(0);
}

const OSMetaClass *IOWorkLoop_getMetaClass(const IOWorkLoop *self)
{
    return self == NULL ? NULL : self->super.metaClass;
}

void IOWorkLoop_closeGate(IOWorkLoop *self)
{
    if (self != NULL) {
        /* A count and no lock: with one thread nobody else can hold it, and it nests. */
        self->gate++;
    }
}

void IOWorkLoop_openGate(IOWorkLoop *self)
{
    if (self == NULL) {
        return;
    }
    /* Said and not counted: below 0 the gate would seem closed for ever. */
    if (self->gate == 0) {
        platform_log("IOWorkLoop %p: its gate is opened and was not closed", (void *)self);
        return;
    }
    self->gate--;
}

/* Nobody else can hold it, so that an attempt never has to give up. */
bool IOWorkLoop_tryCloseGate(IOWorkLoop *self)
{
    IOWorkLoop_closeGate(self);
    return self != NULL;
}

bool IOWorkLoop_inGate(const IOWorkLoop *self)
{
    return self != NULL && self->gate != 0;
}

bool IOWorkLoop_onThread(const IOWorkLoop *self)
{
    return self != NULL && self->running != 0;
}

/* One thread runs them all: what tells loops apart is the loop itself. */
IOThread IOWorkLoop_getThread(const IOWorkLoop *self)
{
    return self;
}

void IOWorkLoop_signalWorkAvailable(IOWorkLoop *self)
{
    if (self != NULL) {
        self->workToDo = true;
    }
}

static IOEventSource **chain_of(IOWorkLoop *self, const IOEventSource *source)
{
    return ((const IOEventSourceClass *)source->super.metaClass)->isPassive(source)
               ? &self->passive
               : &self->sources;
}

IOReturn IOWorkLoop_addEventSource(IOWorkLoop *self, IOEventSourceRef sourceRef)
{
    IOEventSource *source = sourceRef.source;
    IOEventSource **link;

    if (IOREFUSE(self == NULL, "self is NULL") || IOREFUSE(source == NULL, "the source is NULL")) {
        return kIOReturnBadArgument;
    }
    if (source->workLoop != NULL) {
        /* One link: on two loops at once it would tie their chains into one. */
        return source->workLoop == self ? kIOReturnSuccess : kIOReturnExclusiveAccess;
    }
    IOWorkLoop_closeGate(self);
    /* The loop's own, until the source is taken off. */
    OSObject_retain(&source->super);
    /* At the end: sources are asked in the order in which they were added. */
    for (link = chain_of(self, source); *link != NULL; link = &(*link)->next) {
    }
    source->next = NULL;
    *link = source;
    /* In the chain before its methods run: what they signal is found by the next scan. */
    IOEventSource_setWorkLoop(source, self);
    IOWorkLoop_signalWorkAvailable(self);
    IOWorkLoop_openGate(self);
    return kIOReturnSuccess;
}

IOReturn IOWorkLoop_removeEventSource(IOWorkLoop *self, IOEventSourceRef sourceRef)
{
    IOEventSource *source = sourceRef.source;

    if (IOREFUSE(self == NULL, "self is NULL") || IOREFUSE(source == NULL, "the source is NULL") ||
        IOREFUSE(source->workLoop != self, "the source is on another loop, or on none")) {
        return kIOReturnBadArgument;
    }
    IOWorkLoop_closeGate(self);
    for (IOEventSource **link = chain_of(self, source); *link != NULL; link = &(*link)->next) {
        if (*link == source) {
            *link = source->next;
            break;
        }
    }
    /* Out of the chain before its methods run: they may take the next one off as well. */
    source->next = NULL;
    IOEventSource_setWorkLoop(source, NULL);
    self->removals++; /* a scan that is under way follows the links of the chain as it was */
    IOWorkLoop_openGate(self);
    /* Last, since it may end the source, whose own method was called just before. */
    OSObject_release(&source->super);
    return kIOReturnSuccess;
}

/* Ask each source once. True: one has more, or somebody has left the chain under the scan. */
static bool scan(IOWorkLoop *self)
{
    const uint32_t removals = self->removals;
    bool more = false;

    for (IOEventSource *source = self->sources; source != NULL; source = source->next) {
        /* Its action may take it off the loop: it must live until the scan has left it. */
        OSObject_retain(&source->super);
        more |= IOEventSource_checkForWork(source);
        /* Its links cannot be followed from one that has left. */
        if (self->removals != removals) {
            OSObject_release(&source->super);
            return true;
        }
        OSObject_release(&source->super);
    }
    return more;
}

bool IOWorkLoop_runEventSources(IOWorkLoop *self)
{
    if (self == NULL || self->shuttingDown) {
        return false;
    }
    /* An action may let go of the loop, whose gate is still to be opened. */
    OSObject_retain(&self->super);
    IOWorkLoop_closeGate(self);
    /* Counted: an action that sleeps runs the sources again, inside this run. */
    self->running++;
    do {
        self->workToDo = false; /* before the scan: what is signalled during it counts */
        while (scan(self)) {
        }
    } while (self->workToDo);
    self->running--;
    IOWorkLoop_openGate(self);
    OSObject_release(&self->super);
    return true;
}

IOReturn IOWorkLoop_runAction(IOWorkLoop *self, IOWorkLoop_Action action, OSObject *target,
                              void *arg0, void *arg1, void *arg2, void *arg3)
{
    IOReturn status;

    if (self == NULL || action == NULL) {
        return kIOReturnBadArgument;
    }
    IOWorkLoop_closeGate(self);
    status = action(target, arg0, arg1, arg2, arg3);
    IOWorkLoop_openGate(self);
    return status;
}

static void each_source(IOEventSource *chain, const OSMetaClass *kind, bool enable)
{
    for (IOEventSource *source = chain, *next; source != NULL; source = next) {
        /* Before its method, which may take the source off the loop. */
        next = source->next;
        if (OSMetaClassBase_safeMetaCast(&source->super, kind) == NULL) {
            continue;
        }
        if (enable) {
            IOEventSource_enable(source);
        } else {
            IOEventSource_disable(source);
        }
    }
}

static void each_of_loop(IOWorkLoop *self, const OSMetaClass *kind, bool enable)
{
    if (self != NULL) {
        each_source(self->sources, kind, enable);
        each_source(self->passive, kind, enable);
    }
}

void IOWorkLoop_enableAllEventSources(IOWorkLoop *self)
{
    each_of_loop(self, &IOEventSource_metaClass, true);
}

void IOWorkLoop_disableAllEventSources(IOWorkLoop *self)
{
    each_of_loop(self, &IOEventSource_metaClass, false);
}

extern const OSMetaClass IOInterruptEventSource_metaClass;

void IOWorkLoop_enableAllInterrupts(IOWorkLoop *self)
{
    each_of_loop(self, &IOInterruptEventSource_metaClass, true);
}

void IOWorkLoop_disableAllInterrupts(IOWorkLoop *self)
{
    each_of_loop(self, &IOInterruptEventSource_metaClass, false);
}

/* Nothing to limit: the gate is a count, for which nobody waits. */
void IOWorkLoop_setMaximumLockTime(IOWorkLoop *self, uint64_t interval, uint32_t options)
{
    (void)self, (void)interval, (void)options;
}

/* --- Sleeping on the gate -------------------------------------------------------------------- */

/* One who sleeps; on its own stack, newest first. Handlers read the list. */
struct sleeper {
    struct sleeper *outer;
    const IOWorkLoop *loop;
    const void *event;
    void *volatile *condition; /* NULL, or the sleep is over when it becomes NULL */
    volatile bool woken;
};

static struct sleeper *sleepers;

/* A loop that has something to do; NULL: none has. */
static IOWorkLoop *find_work(void)
{
    IOWorkLoop *loop = loops;

    /* Any loop's work, not only that of the sleeper's: there is no other thread to do it. */
    while (loop != NULL && (!loop->workToDo || loop->shuttingDown)) {
        loop = loop->next;
    }
    return loop;
}

/*
 * The tests and the wait are one with interrupts masked, so that no wake falls between
 * them; the work of the loops is done with interrupts as they were.
 */
static int sleep_until_woken(struct sleeper *sleeper, AbsoluteTime deadline)
{
    for (;;) {
        const platform_irq_state state = platform_irq_mask();
        IOWorkLoop *loop;

        const bool woken =
            sleeper->woken || (sleeper->condition != NULL && *sleeper->condition == NULL);

        /* A wake at the deadline is a wake: what was waited for has happened. */
        if (woken || (deadline != UINT64_MAX && platform_now() >= deadline)) {
            const int result = woken ? THREAD_AWAKENED : THREAD_TIMED_OUT;

            /* Whoever went to sleep later, inside this one's work, has returned before. */
            sleepers = sleeper->outer;
            platform_irq_restore(state);
            return result;
        }
        loop = find_work();
        if (loop == NULL) {
            platform_wait(deadline);
        }
        platform_irq_restore(state);
        IOWorkLoop_runEventSources(loop); /* NULL: nobody has any, and nothing is done */
    }
}

static int sleep_gate(IOWorkLoop *self, void *event, AbsoluteTime deadline,
                      void *volatile *condition)
{
    struct sleeper sleeper = {.loop = self, .event = event, .condition = condition};
    platform_irq_state state;
    unsigned depth;
    int result;

    if (self == NULL || self->gate == 0 || event == NULL || platform_in_interrupt()) {
        platform_log("IOWorkLoop %p: a sleep without its gate held, or on no event", (void *)self);
        return THREAD_RESTART;
    }
    /* All of it is opened: a sleeper that kept one closing would shut out who is to wake it. */
    depth = self->gate;
    /* Whoever runs meanwhile may let go of the loop, whose gate is set again below. */
    OSObject_retain(&self->super);
    state = platform_irq_mask();
    sleeper.outer = sleepers;
    sleepers = &sleeper;
    self->gate = 0;
    platform_irq_restore(state);
    result = sleep_until_woken(&sleeper, deadline);
    /* As deep as before: the caller opens it as often as it has closed it. */
    self->gate = depth;
    OSObject_release(&self->super);
    return result;
}

int IOWorkLoop_sleepGateDeadline(IOWorkLoop *self, void *event, AbsoluteTime deadline,
                                 UInt32 interuptibleType)
{
    (void)interuptibleType;
    return sleep_gate(self, event, deadline, NULL);
}

int IOWorkLoop_sleepGateWhile(IOWorkLoop *self, void *event, void *volatile *condition)
{
    return sleep_gate(self, event, UINT64_MAX, condition);
}

int IOWorkLoop_sleepGate(IOWorkLoop *self, void *event, UInt32 interuptibleType)
{
    return IOWorkLoop_sleepGateDeadline(self, event, UINT64_MAX, interuptibleType);
}

void IOWorkLoop_wakeupGate(IOWorkLoop *self, void *event, bool oneThread)
{
    platform_irq_state state;

    if (self == NULL || event == NULL) {
        platform_log("IOWorkLoop %p: a wake-up of no event", (void *)self);
        return;
    }
    state = platform_irq_mask();
    for (struct sleeper *sleeper = sleepers; sleeper != NULL; sleeper = sleeper->outer) {
        if (sleeper->loop == self && sleeper->event == event && !sleeper->woken) {
            /* A mark and no jump: who sleeps looks at it when it gets the CPU back. */
            sleeper->woken = true;
            if (oneThread) {
                break;
            }
        }
    }
    platform_irq_restore(state);
}
