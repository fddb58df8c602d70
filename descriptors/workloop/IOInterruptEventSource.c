/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts noted by a handler, delivered on a work loop. */
#include "descriptors/IOInterruptEventSource.h"

#include "descriptors/IOEventSource_class.h"
#include "descriptors/platform_wait.h"

/* A GIC's interrupt specifier: three cells. */
#define SPECIFIER_CELLS 3
#define SPECIFIER_SPI   0
#define SPECIFIER_PPI   1
#define SPI_FIRST       32 /* GIC architecture: INTIDs of shared peripherals */
#define PPI_FIRST       16
#define FLAGS_LEVEL     0xCu /* high or low; else an edge */

struct IOInterruptEventSource {
    IOEventSource super;
    IOService *provider; /* retained; NULL: software */
    int index;
    unsigned line; /* the controller's number */
    bool level;
    bool noteTime;    /* of each interrupt */
    bool wantsEnable; /* the client's word; the line may be masked until delivery all the same */
    volatile uint32_t produced;
    uint32_t consumed;
    volatile uint64_t time;
};

static void count_one(IOInterruptEventSource *self)
{
    /* Before the count: who sees the interrupt counted finds its time. */
    if (self->noteTime) {
        self->time = platform_now();
    }
    __atomic_add_fetch(&self->produced, 1, __ATOMIC_RELAXED);
    IOEventSource_signalWorkAvailable(self);
}

void IOInterruptEventSource_normalInterruptOccurred(IOInterruptEventSource *self, void *refcon,
                                                    IOService *provider, int index)
{
    (void)refcon, (void)provider, (void)index;
    if (self != NULL) {
        count_one(self);
    }
}

void IOInterruptEventSource_disableInterruptOccurred(IOInterruptEventSource *self, void *refcon,
                                                     IOService *provider, int index)
{
    (void)refcon, (void)provider, (void)index;
    if (self == NULL) {
        return;
    }
    /* Its device still asserts it: it would come again at once, for ever. */
    platform_interrupt_enable(self->line, self, false);
    count_one(self);
}

void IOInterruptEventSource_interruptOccurred(IOInterruptEventSource *self, void *refcon,
                                              IOService *provider, int index)
{
    if (self != NULL && self->level) {
        IOInterruptEventSource_disableInterruptOccurred(self, refcon, provider, index);
    } else {
        IOInterruptEventSource_normalInterruptOccurred(self, refcon, provider, index);
    }
}

static void handle(void *context)
{
    IOInterruptEventSource *self = context;

    IOInterruptEventSource_interruptOccurred(self, NULL, self->provider, self->index);
}

/* As the client wants it. A line whose interrupt waits for delivery is let through after that. */
static void set_line(IOInterruptEventSource *self)
{
    platform_interrupt_enable(
        self->line, self, self->wantsEnable && (!self->level || self->produced == self->consumed));
}

static void interrupt_enable(IOEventSource *base)
{
    IOInterruptEventSource *self = (IOInterruptEventSource *)base;

    self->wantsEnable = true;
    source_enable(base);
    set_line(self);
}

static void interrupt_disable(IOEventSource *base)
{
    IOInterruptEventSource *self = (IOInterruptEventSource *)base;

    /* The client's word first: a delivery that is under way must not let the line through again. */
    self->wantsEnable = false;
    source_disable(base);
    set_line(self);
}

static bool interrupt_check(IOEventSource *base)
{
    IOInterruptEventSource *self = (IOInterruptEventSource *)base;
    const uint32_t now = __atomic_load_n(&self->produced, __ATOMIC_RELAXED);
    /* Modulo 2^32, as both are: that one of them has wrapped does not show in the difference. */
    const uint32_t count = now - self->consumed;

    if (!base->enabled || count == 0) {
        return false;
    }
    /* Before the action: what comes during it is counted for the next one. */
    self->consumed = now;
    if (base->action != NULL) {
        ((IOInterruptEventSource_Action)(void (*)(void))base->action)(
            base->owner, self, count > INT32_MAX ? INT32_MAX : (int)count);
    }
    /*
     * After it: until the client has quieted the device, the line would come again at once. The
     * client may have disabled the source in its action, which counts.
     */
    if (self->level && self->wantsEnable) {
        platform_interrupt_enable(self->line, self, true);
    }
    /* What came during the action: the scan comes again for it, after the other sources. */
    return self->produced != self->consumed;
}

/* The handler is there while the source is on a loop, and no longer. */
static void interrupt_set_work_loop(IOEventSource *base, IOWorkLoop *workLoop)
{
    IOInterruptEventSource *self = (IOInterruptEventSource *)base;

    if (workLoop == NULL) {
        /* The line, then the handler, then the loop: nothing comes for a source that has none. */
        interrupt_disable(base);
        platform_interrupt_detach(self->line, self);
        base->workLoop = NULL;
        return;
    }
    /* Before the handler is there: it signals this loop. */
    base->workLoop = workLoop;
    if (self->provider == NULL) {
        return;
    }
    if (platform_interrupt_attach(self->line, self->level, handle, self) != KERN_SUCCESS) {
        platform_log("IOInterruptEventSource %p: line %u cannot be had", (void *)self, self->line);
        return;
    }
    /*
     * Registering has let the line through: the client may not have asked for that yet, or the
     * handler has run meanwhile.
     */
    set_line(self);
}

static void interrupt_free(OSObject *base)
{
    IOInterruptEventSource_free((IOInterruptEventSource *)base);
}

static uint32_t instances;

OS_CLASS(IOEventSourceClass, IOInterruptEventSource);
const IOEventSourceClass IOInterruptEventSource_class = {
    .meta = {"IOInterruptEventSource", &IOEventSource_metaClass, sizeof(IOInterruptEventSource),
             &instances, interrupt_free},
    .isPassive = source_is_passive,
    .checkForWork = interrupt_check,
    .enable = interrupt_enable,
    .disable = interrupt_disable,
    .setWorkLoop = interrupt_set_work_loop,
};

void IOInterruptEventSource_free(IOInterruptEventSource *self)
{
    if (self == NULL) {
        return;
    }
    /* A handler that stayed would be called with an object that is gone. */
    platform_interrupt_detach(self->line, self);
    OSObject_release(self->provider);
    OSObject_free(&self->super.super);
}

/* Which line a specifier of the provider names. */
static IOReturn find_line(IOInterruptEventSource *self, const IOService *provider, int index)
{
    /* May have wrapped: judged below, before it is used. */
    const UInt32 at = (UInt32)index * SPECIFIER_CELLS;
    UInt32 type, number, flags;

    if ((UInt32)index > UINT32_MAX / SPECIFIER_CELLS ||
        IOService_getCell(provider, "interrupts", at, &type) != kIOReturnSuccess ||
        IOService_getCell(provider, "interrupts", at + 1, &number) != kIOReturnSuccess ||
        IOService_getCell(provider, "interrupts", at + 2, &flags) != kIOReturnSuccess ||
        type > SPECIFIER_PPI || number > UINT16_MAX) {
        return kIOReturnNoInterrupt;
    }
    self->line = number + (type == SPECIFIER_SPI ? SPI_FIRST : PPI_FIRST);
    self->level = (flags & FLAGS_LEVEL) != 0;
    return kIOReturnSuccess;
}

bool IOInterruptEventSource_init(IOInterruptEventSource *self, OSObject *owner,
                                 IOInterruptEventSource_Action action, IOService *provider,
                                 int intIndex)
{
    if (self == NULL || intIndex < 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    /* Once: by another line, nobody would take the handler off the first one. */
    if (self->super.owner != NULL) {
        IOMemory_fail(kIOReturnNotPermitted);
        return false;
    }
    if (provider != NULL) {
        const IOReturn status = find_line(self, provider, intIndex);

        if (status != kIOReturnSuccess) {
            IOMemory_fail(status);
            return false;
        }
    }
    if (!IOEventSource_init(self, owner, (IOEventSource_Action)(void (*)(void))action)) {
        return false;
    }
    OSObject_retain(provider);
    self->provider = provider;
    self->index = intIndex;
    self->super.enabled = provider == NULL; /* a line is off until it is asked for */
    return true;
}

IOInterruptEventSource *IOInterruptEventSource_interruptEventSource(
    OSObject *owner, IOInterruptEventSource_Action action, IOService *provider, int intIndex)
{
    IOInterruptEventSource *self =
        (IOInterruptEventSource *)OSMetaClass_allocate(&IOInterruptEventSource_metaClass);

    if (self != NULL && !IOInterruptEventSource_init(self, owner, action, provider, intIndex)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

void IOInterruptEventSource_enable(IOInterruptEventSource *self)
{
    IOEventSource_enable(self);
}

void IOInterruptEventSource_disable(IOInterruptEventSource *self)
{
    IOEventSource_disable(self);
}

bool IOInterruptEventSource_checkForWork(IOInterruptEventSource *self)
{
    return IOEventSource_checkForWork(self);
}

void IOInterruptEventSource_setWorkLoop(IOInterruptEventSource *self, IOWorkLoop *workLoop)
{
    IOEventSource_setWorkLoop(self, workLoop);
}

const IOService *IOInterruptEventSource_getProvider(const IOInterruptEventSource *self)
{
    return self == NULL ? NULL : self->provider;
}

int IOInterruptEventSource_getIntIndex(const IOInterruptEventSource *self)
{
    return self == NULL ? -1 : self->index;
}

bool IOInterruptEventSource_getAutoDisable(const IOInterruptEventSource *self)
{
    return self != NULL && self->level;
}

void IOInterruptEventSource_enablePrimaryInterruptTimestamp(IOInterruptEventSource *self,
                                                            bool enable)
{
    if (self != NULL) {
        self->noteTime = enable;
    }
}

uint64_t IOInterruptEventSource_getPrimaryInterruptTimestamp(const IOInterruptEventSource *self)
{
    return self == NULL || !self->noteTime ? UINT64_MAX : self->time;
}

IOReturn IOInterruptEventSource_warmCPU(IOInterruptEventSource *self, uint64_t abstime)
{
    (void)self, (void)abstime;
    return kIOReturnUnsupported;
}
