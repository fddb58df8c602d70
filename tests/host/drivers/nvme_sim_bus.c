/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus that the simulated NVMe controller is on, for drivers/pci/pci.h: one function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/host/drivers/nvme_sim.h"

uint8_t nvme_sim_registers[NVME_SIM_REGISTERS] __attribute__((aligned(4096)));
static struct nvme_sim *current;

void nvme_sim_plug(struct nvme_sim *sim)
{
    current = sim;
}

struct pci_function {
    char unused;
};

static struct pci_function only;
struct pci_function *const nvme_sim_function = &only;

struct pci_function *pci_find_class(uint32_t class_code, uint32_t mask, struct pci_function *after)
{
    (void)class_code, (void)mask, (void)after;
    return NULL; /* tests open it by hand */
}

void pci_get_info(const struct pci_function *function, struct pci_info *info)
{
    (void)function;
    *info = (struct pci_info){.slot = 3, .requester = 3 << 3};
}

IOReturn pci_claim(struct pci_function *function, const char *driver)
{
    (void)function, (void)driver;
    assert_false(current->claimed);
    current->claimed = true;
    return kIOReturnSuccess;
}

void pci_release(struct pci_function *function)
{
    (void)function;
    assert_true(current->claimed);
    current->claimed = current->master_on = false;
}

IOReturn pci_get_bar(const struct pci_function *function, unsigned index, struct pci_bar *at)
{
    (void)function;
    if (index != 0) {
        return kIOReturnNotFound;
    }
    *at =
        (struct pci_bar){.base = paddr(0x10000000), .bus = 0x10000000, .size = NVME_SIM_REGISTERS};
    return kIOReturnSuccess;
}

volatile void *pci_map_bar(struct pci_function *function, unsigned index, uint64_t offset,
                           uint64_t length)
{
    (void)function, (void)length;
    assert_true(index == 0 && offset == 0);
    return nvme_sim_registers;
}

IOReturn pci_enable(struct pci_function *function, unsigned what)
{
    (void)function;
    current->memory_on |= (what & PCI_MEMORY) != 0;
    current->master_on |= (what & PCI_MASTER) != 0;
    return kIOReturnSuccess;
}

void pci_disable(struct pci_function *function, unsigned what)
{
    (void)function;
    current->master_on &= (what & PCI_MASTER) == 0;
}

IOReturn pci_allocate_vectors(struct pci_function *function, unsigned least, unsigned most,
                              unsigned kinds, unsigned *granted)
{
    (void)function, (void)least, (void)kinds;
    *granted = current->vectors < most ? current->vectors : most;
    return kIOReturnSuccess;
}

void pci_free_vectors(struct pci_function *function)
{
    (void)function;
    for (unsigned i = 0; i < NVME_SIM_VECTORS; i++) {
        assert_null(current->handlers[i]); /* they are detached one by one */
    }
}

unsigned pci_interrupt_kind(const struct pci_function *function)
{
    (void)function;
    return current->vectors == 1 ? PCI_INTX : PCI_MSIX;
}

IOReturn pci_attach_vector(struct pci_function *function, unsigned vector, irq_handler_t *handler,
                           void *context)
{
    (void)function;
    assert_true(vector < current->vectors && current->handlers[vector] == NULL);
    current->handlers[vector] = handler;
    current->contexts[vector] = context;
    return kIOReturnSuccess;
}

void pci_detach_vector(struct pci_function *function, unsigned vector)
{
    (void)function;
    assert_non_null(current->handlers[vector]);
    current->handlers[vector] = NULL;
}

IOMapper *pci_copy_mapper(struct pci_function *function)
{
    (void)function;
    return NULL;
}
