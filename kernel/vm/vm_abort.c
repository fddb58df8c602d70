/* SPDX-License-Identifier: BSD-2-Clause */
/* Translation and permission faults, offered to the address space that they hit. */
#include "kernel/vm_abort.h"

#include "kernel/console.h"
#include "kernel/exception.h"
#include "kernel/irq.h"
#include "kernel/startup.h"

static unsigned access_of(uint64_t esr)
{
    unsigned class = ESR_CLASS(esr);

    /* WnR belongs to data aborts: of a fetch that bit is RES0, and would say "read". */
    if (class == ESR_CLASS_FETCH_ABORT || class == ESR_CLASS_FETCH_ABORT_EL0) {
        return MMU_EXECUTE;
    }
    /* Cache maintenance needs no more than a load does, whatever it says of writing. */
    return ESR_ABORT_WRITE(esr) && !ESR_ABORT_CACHE(esr) ? MMU_WRITE : MMU_READ;
}

kern_return_t vm_abort_resolve(struct vm_map *map, uint64_t esr, vaddr_t address)
{
    switch (ESR_ABORT_STATUS(esr) & ~3u) {
        /*
         * The two that an address space can cure. Alignment, external aborts and the like say that
         * the access itself was wrong, wherever the page is.
         */
    case ESR_ABORT_TRANSLATION:
    case ESR_ABORT_PERMISSION:
        return vm_fault(map, address, access_of(esr));
    default:
        return KERN_FAILURE;
    }
}

/*
 * The kernel touched a range of its own map. Not for interrupt handlers: they
 * may have interrupted the very code that would resolve it, so they must use
 * pinned memory only.
 */
static bool resolve_kernel(struct exception_frame *frame)
{
    kern_return_t status;

    if (ESR_ABORT_NO_FAR(frame->esr) || irq_was_in_handler(frame->spsr)) {
        return false;
    }
    /* The direct map and the lower half have no ranges: a wild pointer there finds none. */
    status = vm_abort_resolve(kernel_map, frame->esr, frame->far);
    /*
     * Nobody can wait for the redirection to end, with one thread: said here, as the panic that
     * follows knows of a permission fault only.
     */
    if (status == KERN_ABORTED) {
        kprintf("vm: kernel access to %p, which is redirected\n", (void *)frame->far);
    }
    return status == KERN_SUCCESS;
}

void vm_abort_init(void)
{
    /* For EL1 alone: faults of EL0 go to user_run, which knows whose address space it is in. */
    exception_set_fault_handler(resolve_kernel);
}
