/* SPDX-License-Identifier: BSD-2-Clause */
/* A process for each window: started, given memory and device, and judged by what it leaves. */
#include "tests/lib/driver_copy.h"

#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "drivers/vdma/vdma.h"
#include "kernel/console.h"
#include "tests/drivers/copy_job.h"
#include "tests/lib/copy_meter.h"
#include "tests/lib/mover.h"

#define PART         (128u << 10) /* of a request: what a window makes fits into the log */
#define TRANSFER_MAX (1u << 20)
#define TABLE        65536u             /* pages: both windows and more */
#define LIMIT        300000000000ull    /* nanoseconds for a window */
#define LEVEL(saved) ((saved) >> 2 & 3) /* Arm ARM, SPSR_EL1.M[3:2] */

/* --- The program -------------------------------------------------------------------------------
 */

/* All of an item in one transfer; the engine calls nobody: a start sleeps until its end. */
static IOReturn fetch(struct mover *mover, IOBufferMemoryDescriptor *buffer)
{
    OSArray *owner = OSArray_withCapacity(1);
    IOWorkLoop *loop = IOWorkLoop_workLoop();
    IODMAEventSource *source = IODMAEventSource_dmaEventSource(
        OSObject_upcast(owner), mover->kind->get_service(mover), NULL, NULL, 0);
    union mover_transfer transfer;
    IODMACommand *command = mover->kind->create_command(mover, &transfer);
    IOReturn status = source != NULL && loop != NULL && command != NULL
                          ? IOWorkLoop_addEventSource(loop, source)
                          : IOMemoryLastError();

    if (status == kIOReturnSuccess) {
        status = IODMACommand_setMemoryDescriptor(command, (IOMemoryDescriptor *)buffer, true);
        if (status == kIOReturnSuccess) {
            IOWorkLoop_closeGate(loop);
            status = IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 0, 0);
            IOWorkLoop_openGate(loop);
            IODMACommand_clearMemoryDescriptor(command, true);
        }
        IOWorkLoop_removeEventSource(loop, source);
    }
    OSObject_release(command);
    OSObject_release(source);
    OSObject_release(loop);
    OSObject_release(owner);
    return status;
}

static bool load(struct driver_copy *copy)
{
    struct mover mover;
    IODriver *driver;
    IOReturn status;

    if (!mover_open(&mover, mover_kind("fw_cfg"), "driver", 0) || mover.bytes == 0) {
        kprintf("transfer: the driver %s is not there: it is a file, opt/driver of fw_cfg\n",
                copy->name);
        return false;
    }
    copy->program = IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, mover.bytes, PAGE_SIZE);
    status = copy->program != NULL ? fetch(&mover, copy->program) : IOMemoryLastError();
    if (status == kIOReturnSuccess) {
        status = IODriver_create(IOBufferMemoryDescriptor_getBytesNoCopy(copy->program),
                                 mover.bytes, NULL, &driver);
        IODriver_release(driver);
    }
    if (status != kIOReturnSuccess) {
        kprintf("transfer: %s cannot be loaded as a driver: %s\n", copy->name,
                IOReturn_name(status));
    }
    return status == kIOReturnSuccess;
}

static IOReturn set_limits(void)
{
    const struct vdma_limits limits = {.transfer_max = TRANSFER_MAX, .table_entries = TABLE};
    const uint64_t custom[2] = {VDMA_CUSTOM, 0};

    return vdma_control(VDMA_SET_LIMITS, custom, &limits, sizeof(limits), NULL, 0, NULL);
}

bool driver_copy_open(struct driver_copy *copy, const char *name)
{
    IOReturn status;

    if (name == NULL) {
        return true;
    }
    copy->name = name;
    if (!vdma_present()) {
        kprintf("transfer: no vdma for the driver %s: this machine does not start at EL2, as "
                "MACHINE=el2 does\n",
                name);
        return false;
    }
    status = set_limits();
    if (status != kIOReturnSuccess) {
        kprintf("transfer: vdma does not take limits: %s\n", IOReturn_name(status));
        return false;
    }
    copy->words = IOBufferMemoryDescriptor_withOptions(
        kIODirectionOutIn | kIOMemoryKernelUserShared | kIOMemoryThreadSafe, PAGE_SIZE, PAGE_SIZE);
    return copy->words != NULL && load(copy);
}

bool driver_copy_begin(struct driver_copy *copy, uint64_t bytes, uint32_t seed)
{
    return copy->name == NULL || bytes == 0 ||
           scatter_create_whole(&copy->target, round_page(bytes), seed);
}

/* --- A window ----------------------------------------------------------------------------------
 */

/* What the device was told, from its own log. */
static IOReturn take_log(struct driver_copy *copy, const struct scatter *source)
{
    struct vdma_record records[VDMA_CONTROL_MAX / sizeof(struct vdma_record)];
    const unsigned most = sizeof(records) / sizeof(records[0]);
    struct vdma_status status = {.value = most};
    IOReturn result = kIOReturnSuccess;

    copy->table.next = 0;
    while (result == kIOReturnSuccess && status.value == most) {
        result = vdma_control(VDMA_READ_LOG, NULL, NULL, 0, records, sizeof(records), &status);
        for (unsigned i = 0; i < status.value && i < most; i++) {
            copy_table_add_record(&copy->table, &records[i], source->memory, copy->target.memory);
        }
    }
    return result;
}

/* NULL: how it ended is good. */
static const char *judge(const struct driver_copy *copy, const IODriverStatus *status,
                         uint64_t length)
{
    const struct copy_job *job = IOBufferMemoryDescriptor_getBytesNoCopy(copy->words);

    switch (status->state) {
    case kIODriverExited:
        return status->exitStatus != 0            ? "gave up"
               : job->copied != length            ? "says that it has not copied all"
               : LEVEL(status->savedProgram) != 0 ? "did not run at EL0"
                                                  : NULL;
    case kIODriverFaulted:
        return "touched what it must not";
    case kIODriverLooped:
        return "computed for too long";
    default:
        return "did not come to an end";
    }
}

static IOReturn start(struct driver_copy *copy, const struct scatter *source, IODriver **driver)
{
    IOReturn status = IODriver_create(IOBufferMemoryDescriptor_getBytesNoCopy(copy->program),
                                      IOMemoryDescriptor_getLength(copy->program), NULL, driver);

    if (status == kIOReturnSuccess) {
        status = IODriver_give(*driver, copy->words);
    }
    if (status == kIOReturnSuccess) {
        status = IODriver_give(*driver, source->memory);
    }
    if (status == kIOReturnSuccess) {
        status = IODriver_give(*driver, copy->target.memory);
    }
    return status == kIOReturnSuccess ? vdma_lend(*driver) : status;
}

static IOReturn finish(struct driver_copy *copy, IODriver *driver, uint64_t length)
{
    IODriverStatus status;
    const char *wrong;

    IODriver_kill(driver); /* if it has not come to an end, it has had its time */
    IODriver_getStatus(driver, &status);
    copy->runs++;
    copy->messages += status.usage.messages;
    copy->refused += status.usage.refused;
    copy->faults += status.state == kIODriverFaulted;
    copy->saved_program = status.savedProgram;
    wrong = judge(copy, &status, length);
    if (wrong == NULL) {
        return kIOReturnSuccess;
    }
    kprintf("transfer: the driver %s %s: status %d, at %#llx, address %#llx\n", copy->name, wrong,
            (int)status.exitStatus, (unsigned long long)status.pc,
            (unsigned long long)status.address);
    return kIOReturnError;
}

IOReturn driver_copy_window(struct driver_copy *copy, const struct scatter *source, uint64_t length)
{
    struct copy_job *job;
    uint64_t before, bytes = round_page(length);
    IODriver *driver = NULL;
    IOReturn status;

    if (copy->name == NULL) {
        return kIOReturnSuccess;
    }
    job = IOBufferMemoryDescriptor_getBytesNoCopy(copy->words);
    *job = (struct copy_job){.length = bytes, .part = PART};
    copy_meter_stop();
    scatter_fill(&copy->target, 0); /* what arrives there is the driver's doing */
    before = copy_meter_bytes();
    copy_meter_watch(source, &copy->target);
    copy_meter_start();
    status = start(copy, source, &driver);
    if (status == kIOReturnSuccess) {
        IODriver_runAll(LIMIT);
        status = finish(copy, driver, bytes);
    } else {
        kprintf("transfer: the driver %s does not start: %s\n", copy->name, IOReturn_name(status));
    }
    copy_meter_stop();
    copy_meter_watch(NULL, NULL);
    copy->data_bytes += copy_meter_bytes() - before;
    IODriver_release(driver);
    if (status == kIOReturnSuccess) {
        status = take_log(copy, source);
    }
    copy->copied += status == kIOReturnSuccess ? length : 0;
    copy_meter_start();
    return status;
}

bool driver_copy_end(struct driver_copy *copy)
{
    bool intact = true;

    if (copy->target.memory != NULL) {
        intact = scatter_canaries_intact(&copy->target);
        scatter_destroy(&copy->target);
        if (!intact) {
            kprintf("transfer: the driver %s wrote outside the memory it was given\n", copy->name);
        }
    }
    OSObject_release(copy->program);
    OSObject_release(copy->words);
    return intact;
}

void driver_copy_print(const struct driver_copy *copy)
{
    if (copy->runs == 0) {
        return;
    }
    copy_table_print(&copy->table);
    kprintf("copied by driver %s at EL%u (saved program status %#llx): %llu bytes\n", copy->name,
            (unsigned)LEVEL(copy->saved_program), (unsigned long long)copy->saved_program,
            (unsigned long long)copy->copied);
    kprintf("  %llu processes, %llu messages, %llu refused, %llu faults, %llu data bytes copied by "
            "the CPU\n",
            (unsigned long long)copy->runs, (unsigned long long)copy->messages,
            (unsigned long long)copy->refused, (unsigned long long)copy->faults,
            (unsigned long long)copy->data_bytes);
}
