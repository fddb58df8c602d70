/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller from its function to work, its reset, and its shutdown (NVM Express 1.4,
 * section 7.6). */
#include "drivers/nvme/nvme_private.h"
#include "drivers/pci/bus_wait.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"
#include "kernel/timer.h"

/* --- Off and on ------------------------------------------------------------------------------- */

/* What it says that it needs at the most, but never less than a second. */
static uint64_t ready_timeout(const struct nvme_controller *controller)
{
    const uint64_t stated = NVME_CAP_TO(controller->cap) * 500000000ull;

    return stated > NVME_READY_LEAST ? stated : NVME_READY_LEAST;
}

/*
 * Wait for bits of its status. kIOReturnNotResponding: not in time, or nobody is there;
 * kIOReturnDeviceError: it says that it has failed, and `fatal` is asked about.
 */
static IOReturn await_status(struct nvme_controller *controller, uint32_t mask, uint32_t wanted,
                             uint64_t timeout, bool fatal)
{
    const uint64_t start = timer_now();

    for (;;) {
        /* The time before the status: one that is late by our own sleep is in time. */
        const bool late = timer_now() - start >= timeout;
        const uint32_t status = mmio_read32(controller->registers, NVME_CSTS);

        if (status == NVME_GONE) {
            return kIOReturnNotResponding;
        }
        if (fatal && (status & NVME_CSTS_CFS) != 0) {
            return kIOReturnDeviceError;
        }
        if ((status & mask) == wanted) {
            return kIOReturnSuccess;
        }
        if (late) {
            return kIOReturnNotResponding;
        }
        bus_rest(NVME_REST);
    }
}

static IOReturn disable(struct nvme_controller *controller)
{
    const uint32_t configuration = mmio_read32(controller->registers, NVME_CC);

    if (configuration == NVME_GONE) {
        return kIOReturnNotResponding;
    }
    if ((configuration & NVME_CC_EN) != 0) {
        /* On the way up it may not be turned off (section 3.1.5), unless it has failed there. */
        await_status(controller, NVME_CSTS_RDY, NVME_CSTS_RDY, ready_timeout(controller), true);
        mmio_write32(controller->registers, NVME_CC, configuration & ~NVME_CC_EN);
    }
    return await_status(controller, NVME_CSTS_RDY, 0, ready_timeout(controller), false);
}

static IOReturn enable(struct nvme_controller *controller)
{
    volatile void *registers = controller->registers;
    struct nvme_queue *admin = &controller->admin;
    IOReturn status;

    nvme_queue_restart(admin);
    mmio_write32(registers, NVME_AQA, (admin->size - 1) << 16 | (admin->size - 1));
    mmio_write64(registers, NVME_ASQ, bus_memory_address(&admin->memory, admin->commands));
    mmio_write64(registers, NVME_ACQ, bus_memory_address(&admin->memory, admin->answers));
    mmio_write32(registers, NVME_CC,
                 NVME_CC_MPS(controller->page_shift) | NVME_CC_IOSQES | NVME_CC_IOCQES |
                     NVME_CC_EN);
    status =
        await_status(controller, NVME_CSTS_RDY, NVME_CSTS_RDY, ready_timeout(controller), true);
    admin->exists = status == kIOReturnSuccess;
    return status;
}

/* Queues as before, of a controller that knows none. */
static IOReturn add_queues(struct nvme_controller *controller)
{
    unsigned granted;
    IOReturn status = nvme_set_queues(controller, controller->queue_count, &granted);

    if (status == kIOReturnSuccess && granted < controller->queue_count) {
        status = kIOReturnNoResources;
    }
    for (unsigned i = 0; i < controller->queue_count && status == kIOReturnSuccess; i++) {
        struct nvme_queue *queue = &controller->queues[i];

        nvme_queue_restart(queue);
        status = nvme_add_queue(queue, nvme_vector(queue));
    }
    return status;
}

/* --- Reset ------------------------------------------------------------------------------------ */

static void pause_queues(struct nvme_controller *controller, bool paused)
{
    for (unsigned i = 0; i < controller->queue_count; i++) {
        controller->queues[i].paused = paused;
        controller->queues[i].stopping = paused; /* what is answered meanwhile was stopped */
    }
}

/* It is off: nothing that it had will be answered. The lock is held. */
static void end_all(struct nvme_controller *controller, IOReturn status)
{
    controller->admin.exists = false;
    nvme_drop_all(&controller->admin, kIOReturnAborted);
    for (unsigned i = 0; i < controller->queue_count; i++) {
        struct nvme_queue *queue = &controller->queues[i];

        queue->exists = false;
        nvme_end_waiting(queue,
                         status); /* first, or what the others' ends start would be among it */
        nvme_drop_all(queue, status);
    }
}

/*
 * It does not do what it is told: nothing it sends goes out from now on, and nothing it has had
 * goes back, since what is on the way may arrive. The lock is held.
 */
static void lose(struct nvme_controller *controller)
{
    pci_disable(controller->function, PCI_MASTER);
    controller->lost = true;
    controller->admin.exists = false; /* no doorbell is rung, and no answer read */
    for (unsigned i = 0; i < controller->queue_count; i++) {
        controller->queues[i].exists = false;
    }
    kprintf("nvme %s: the controller is lost: it does not come back from its reset\n",
            controller->serial);
}

static void resume(struct nvme_controller *controller, IOReturn status)
{
    const lock_state_t state = lock_take(&controller->lock);

    if (status != kIOReturnSuccess && !controller->lost) {
        lose(controller);
    }
    pause_queues(controller, false);
    for (unsigned i = 0; i < controller->queue_count; i++) {
        if (controller->lost) {
            nvme_end_waiting(&controller->queues[i], kIOReturnNotResponding);
        } else {
            nvme_issue_waiting(&controller->queues[i]);
        }
    }
    lock_release(&controller->lock, state);
}

/* As far as it answers. What was rung for has ended then. */
static void remove_queues(struct nvme_controller *controller)
{
    IOReturn status = kIOReturnSuccess;

    for (unsigned i = 0; i < controller->queue_count && status == kIOReturnSuccess; i++) {
        if (controller->queues[i].exists) {
            status = nvme_remove_queue(&controller->queues[i]);
        }
    }
}

IOReturn nvme_restart(struct nvme_controller *controller, IOReturn ending)
{
    lock_state_t state = lock_take(&controller->lock);
    IOReturn status;

    pause_queues(controller, true);
    lock_release(&controller->lock, state);
    status = disable(controller); /* may take seconds, and interrupts come meanwhile */
    state = lock_take(&controller->lock);
    if (status != kIOReturnSuccess) {
        lose(controller);
        ending = kIOReturnNotResponding;
    }
    end_all(controller, ending);
    lock_release(&controller->lock, state);
    if (status == kIOReturnSuccess) {
        status = enable(controller);
    }
    if (status == kIOReturnSuccess) {
        status = add_queues(controller);
    }
    resume(controller, status);
    return controller->lost ? kIOReturnNotResponding : kIOReturnSuccess;
}

IOReturn nvme_reset_orderly(struct nvme_controller *controller)
{
    const lock_state_t state = lock_take(&controller->lock);

    pause_queues(controller, true);
    lock_release(&controller->lock, state);
    /*
     * QEMU's controller waits at its reset for what it has fetched. A command whose doorbell was
     * rung just before is fetched while it waits, put off until the reset is over, and carried
     * out into memory that is not its own any more, QEMU's and the guest's; the deletion of its
     * queue ends it.
     */
    remove_queues(controller);
    return nvme_restart(controller, kIOReturnAborted);
}

IOReturn nvme_renew_queue(struct nvme_queue *queue)
{
    struct nvme_controller *controller = queue->controller;
    lock_state_t state = lock_take(&controller->lock);
    IOReturn status;

    queue->paused = true;
    queue->stopping = true;
    nvme_end_waiting(queue, kIOReturnAborted);
    lock_release(&controller->lock, state);
    status = nvme_remove_queue(queue);
    if (status == kIOReturnSuccess) {
        state = lock_take(&controller->lock);
        nvme_drop_all(queue, kIOReturnAborted);
        nvme_queue_restart(queue);
        lock_release(&controller->lock, state);
        status = nvme_add_queue(queue, nvme_vector(queue));
    }
    if (status != kIOReturnSuccess) {
        /* Then all of it: its queues, and those of others. */
        status = nvme_restart(controller, kIOReturnAborted);
    }
    state = lock_take(&controller->lock);
    queue->stopping = false;
    queue->paused = false;
    nvme_issue_waiting(queue);
    lock_release(&controller->lock, state);
    return status;
}

/* --- Opening and closing ---------------------------------------------------------------------- */

/* Doorbells are where the stride says, and that must be in the BAR. */
static unsigned doorbells(const struct nvme_controller *controller)
{
    const uint64_t pair = 8ull << NVME_CAP_DSTRD(controller->cap);

    return (unsigned)((controller->registers_size - NVME_DOORBELLS) / pair);
}

static IOReturn map_registers(struct nvme_controller *controller)
{
    struct pci_bar bar;
    IOReturn status = pci_get_bar(controller->function, 0, &bar);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (bar.size < NVME_DOORBELLS) {
        return kIOReturnUnsupported;
    }
    /* First: with registers it will be shut down, whatever else fails. */
    status = pci_enable(controller->function, PCI_MEMORY);
    if (status != kIOReturnSuccess) {
        return status;
    }
    controller->registers_size = bar.size;
    controller->registers = pci_map_bar(controller->function, 0, 0, 0);
    if (controller->registers == NULL) {
        return IOMemoryLastError();
    }
    controller->cap = mmio_read64(controller->registers, NVME_CAP);
    if (controller->cap == UINT64_MAX) {
        return kIOReturnNotResponding;
    }
    controller->page_shift = NVME_CAP_MPSMIN(controller->cap);
    /* The doorbells of the first two queues: one of commands to the controller, one to its disk. */
    return NVME_CAP_NVM(controller->cap) && NVME_CAP_MQES(controller->cap) != 0 &&
                   nvme_page(controller) <= NVME_PAGE_MAX && doorbells(controller) >= 2
               ? kIOReturnSuccess
               : kIOReturnUnsupported;
}

static unsigned entries(const struct nvme_controller *controller, unsigned wanted)
{
    const unsigned most = NVME_CAP_MQES(controller->cap) + 1;

    return wanted < most ? wanted : most;
}

static IOReturn start_admin(struct nvme_controller *controller)
{
    IOReturn status =
        nvme_queue_create(&controller->admin, 0, entries(controller, NVME_ADMIN_SIZE), false);

    if (status == kIOReturnSuccess) {
        status = bus_memory_create(&controller->identify, controller->mapper, 0,
                                   NVME_IDENTIFY_BYTES, nvme_page(controller));
    }
    /* Off before it may reach memory: firmware may have left it running, with queues anywhere. */
    if (status == kIOReturnSuccess) {
        status = disable(controller);
    }
    if (status == kIOReturnSuccess) {
        status = pci_enable(controller->function, PCI_MASTER);
    }
    return status == kIOReturnSuccess ? enable(controller) : status;
}

/* As many queues as it has doorbells and interrupts for, and likes to have. */
static IOReturn start_queues(struct nvme_controller *controller)
{
    unsigned wanted = NVME_QUEUES_MAX, granted;
    IOReturn status;

    if (wanted > doorbells(controller) - 1) {
        wanted = doorbells(controller) - 1;
    }
    /* Fewer than queues: what there is, is for these, or one for all. */
    if (controller->vectors > 1 && wanted > controller->vectors - 1) {
        wanted = controller->vectors - 1;
    }
    status = nvme_set_queues(controller, wanted, &granted);
    if (status != kIOReturnSuccess) {
        return status;
    }
    for (unsigned i = 0; i < granted; i++) {
        controller->queues[i].controller = controller;
        status = nvme_queue_create(&controller->queues[i], i + 1,
                                   entries(controller, NVME_QUEUE_SIZE), true);
        controller->queue_count = i + 1;
        if (status != kIOReturnSuccess) {
            return status;
        }
    }
    return add_queues(controller);
}

static IOReturn start(struct nvme_controller *controller)
{
    IOReturn status = map_registers(controller);

    if (status == kIOReturnSuccess) {
        status = pci_copy_mapper(controller->function, &controller->mapper);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    nvme_open_buffer(controller); /* before anything else has I/O addresses */
    status = pci_allocate_vectors(controller->function, 1, 1 + NVME_QUEUES_MAX, PCI_ANY_INTERRUPT,
                                  &controller->vectors);
    if (status == kIOReturnSuccess) {
        status = start_admin(controller);
    }
    if (status == kIOReturnSuccess) {
        status = nvme_attach(controller);
    }
    if (status == kIOReturnSuccess) {
        status = nvme_read_identity(controller);
    }
    return status == kIOReturnSuccess ? start_queues(controller) : status;
}

struct nvme_controller *nvme_open(struct pci_function *function, IOReturn *status)
{
    struct nvme_controller *controller;

    *status = pci_claim(function, "nvme");
    if (*status != kIOReturnSuccess) {
        return NULL;
    }
    controller = heap_alloc_zero(sizeof(*controller));
    if (controller == NULL) {
        pci_release(function);
        *status = kIOReturnNoMemory;
        return NULL;
    }
    controller->lock = (struct lock)LOCK_INITIAL("an NVMe controller", LOCK_RANK_DEVICE);
    controller->function = function;
    controller->admin.controller = controller;
    *status = start(controller);
    if (*status != kIOReturnSuccess) {
        nvme_close(controller);
        return NULL;
    }
    return controller;
}

/* Section 7.6.2: queues deleted, commands before answers, told to shut down, and off. */
static bool shut_down(struct nvme_controller *controller)
{
    const uint32_t configuration = mmio_read32(controller->registers, NVME_CC);

    remove_queues(controller);
    if (configuration != NVME_GONE && (configuration & NVME_CC_EN) != 0) {
        mmio_write32(controller->registers, NVME_CC,
                     (configuration & ~NVME_CC_SHN) | NVME_CC_SHN_NORMAL);
        await_status(controller, NVME_CSTS_SHST, NVME_CSTS_SHST_DONE, NVME_PATIENCE, true);
    }
    return disable(controller) == kIOReturnSuccess;
}

static void free_memory(struct nvme_controller *controller)
{
    for (unsigned i = 0; i < controller->queue_count; i++) {
        nvme_queue_destroy(&controller->queues[i]);
    }
    nvme_queue_destroy(&controller->admin);
    bus_memory_destroy(&controller->identify);
    OSObject_release(controller->mapper);
    heap_free(controller);
}

bool nvme_stop(struct nvme_controller *controller)
{
    const bool there = controller->registers != NULL && controller->cap != UINT64_MAX;
    bool stopped = !there;
    lock_state_t state = lock_take(&controller->lock);

    pause_queues(controller, true);
    for (unsigned i = 0; i < controller->queue_count; i++) {
        nvme_end_waiting(&controller->queues[i], kIOReturnAborted);
    }
    lock_release(&controller->lock, state);
    if (there) {
        stopped = shut_down(controller);
    }
    pci_disable(controller->function, PCI_MASTER);
    state = lock_take(&controller->lock);
    controller->lost = true; /* nothing can be started any more */
    /* With what the first ends have started meanwhile. */
    end_all(controller, stopped ? kIOReturnAborted : kIOReturnNotResponding);
    lock_release(&controller->lock, state);
    return stopped;
}

bool nvme_close(struct nvme_controller *controller)
{
    struct pci_function *function = controller->function;
    const bool stopped = controller->shut || nvme_stop(controller);

    nvme_remove_namespaces(controller);
    pci_free_vectors(function);
    nvme_close_buffer(controller);
    OSObject_release(controller->engine);
    OSObject_release(controller->service);
    pci_release(function);
    /* What one that does not stop may still read and write stays where it is. */
    if (stopped) {
        free_memory(controller);
    }
    return stopped;
}

IOReturn nvme_shut_down(struct nvme_namespace *disk)
{
    struct nvme_controller *controller = disk->controller;

    if (controller->finishing || irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    if (!controller->lost) {
        controller->shut = nvme_stop(controller);
    }
    return controller->shut ? kIOReturnSuccess : kIOReturnNotResponding;
}
