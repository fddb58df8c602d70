/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma for a driver at EL0: the queues' page, a translation table of its own, and the guard in
 * front of everything else; and back again, whatever that driver was in the middle of.
 */
#include "descriptors/IODeviceMemory.h"
#include "drivers/vdma/vdma_private.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"

#define SLOT_SIZE   0x200u
#define QUEUE_SEL   0x030u
#define QUEUE_READY 0x044u

/* Its mapper has none of the kernel's own mappings, through which the borrower could reach. */
static struct {
    IOService *service;
    struct vdma_table *table;
} loan;

static void drop_loan(void)
{
    if (loan.table != NULL) {
        IOService_setObject(loan.service, "iommu-parent", NULL); /* each holds the other */
        vdma_table_retire(loan.table);
    }
    OSObject_release(loan.service);
    loan.service = NULL;
    loan.table = NULL;
}

static IOReturn make_loan(void)
{
    IOReturn status;

    loan.service = IOService_withReader("vdma", NULL, NULL);
    if (loan.service == NULL) {
        return IOMemoryLastError();
    }
    loan.table = vdma_table_create(loan.service, vdma_state.can.limits.table_entries);
    if (loan.table == NULL) {
        return IOMemoryLastError();
    }
    status = vdma_tell_device(loan.table);
    return status == kIOReturnSuccess ? vdma_table_attach(loan.table, loan.service) : status;
}

/* From here on the kernel's own requests are refused. */
static IOReturn close_door(void)
{
    const lock_state_t state = lock_take_again(&vdma_state.lock);
    const bool idle = vdma_state.first == NULL && virtq_in_flight(vdma_state.queue) == 0;

    vdma_state.lent = idle;
    vdma_judge_usual();
    lock_release(&vdma_state.lock, state);
    return idle ? kIOReturnSuccess : kIOReturnBusy;
}

static IOReturn set_guard(void)
{
    volatile void *const registers = mmu_map_device(vdma_state.device->address, SLOT_SIZE);

    if (registers == NULL) {
        return kIOReturnNoMemory;
    }
    mmio_write32(registers, QUEUE_SEL, 0);
    mmio_write32(registers, QUEUE_READY, 0);
    mmio_write32(registers, VDMA_REGISTER_GUARD, 1);
    return mmio_read32(registers, VDMA_REGISTER_GUARD) == 1 ? kIOReturnSuccess
                                                            : kIOReturnUnsupported;
}

/*
 * The borrower's end: the reset ends what it has at the device, before its memory goes, and the
 * guard with it.
 */
static bool take_back(void *context)
{
    const lock_state_t state = lock_take_again(&vdma_state.lock);
    const bool stopped = virtio_reset(vdma_state.device);

    (void)context;
    vdma_state.lent = false;
    vdma_recover(kIOReturnAborted, false);
    if (!vdma_state.lost && vdma_attach() != kIOReturnSuccess) {
        vdma_state.lost = true;
        vdma_judge_usual();
    }
    lock_release(&vdma_state.lock, state);
    drop_loan();
    return stopped;
}

static IOReturn give(IODriver *driver)
{
    IODriverDevice device = {
        .service = loan.service, .interrupt = (int)vdma_state.device->intid, .stop = take_back};
    IOReturn status;

    device.registers = IODeviceMemory_withRange(vdma_state.can.queue_page, VDMA_PAGE);
    if (device.registers == NULL) {
        return IOMemoryLastError();
    }
    status = IODriver_giveDevice(driver, &device);
    OSObject_release(device.registers);
    return status;
}

/* What makes lending it safe. */
static IOReturn check_limits(void)
{
    const IOReturn status = vdma_read_capabilities();

    if (status != kIOReturnSuccess) {
        return status;
    }
    /* The driver's memory is cached, and nobody would tell it to maintain that. */
    return !vdma_state.device->uncached && vdma_state.can.queue_page != 0 &&
                   vdma_state.can.limits.table_entries != 0 &&
                   vdma_state.can.limits.transfer_max != 0
               ? kIOReturnSuccess
               : kIOReturnUnsupported;
}

IOReturn vdma_lend(IODriver *driver)
{
    IOReturn status;

    if (driver == NULL) {
        return kIOReturnBadArgument;
    }
    if (!vdma_found()) {
        return kIOReturnNoDevice;
    }
    if (irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    if (vdma_state.lent || IODriver_getTask(driver) == TASK_NULL) {
        return kIOReturnBusy;
    }
    status = check_limits();
    if (status == kIOReturnSuccess) {
        status = vdma_table_off();
    }
    if (status == kIOReturnSuccess) {
        status = make_loan();
    }
    if (status == kIOReturnSuccess) {
        status = close_door();
    }
    if (status != kIOReturnSuccess) {
        if (loan.table != NULL) {
            vdma_tell_device(NULL);
        }
        drop_loan();
        return status;
    }
    virtio_detach(vdma_state.device); /* its line is the borrower's */
    status = set_guard();
    if (status == kIOReturnSuccess) {
        status = give(driver);
    }
    if (status != kIOReturnSuccess) {
        take_back(NULL);
    }
    return status;
}
