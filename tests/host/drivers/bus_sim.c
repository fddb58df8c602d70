/* SPDX-License-Identifier: BSD-2-Clause */
/* A PCI bus of one function, in place of drivers/pci. */
#include "tests/host/drivers/bus_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "descriptors/IOMapper.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/host/sim/sim_order.h"

/* Behind its registers is somebody else's: a page that nobody may touch. */
#define BEHIND 4096u
static uint8_t *space;
static struct bus_sim *current;

struct pci_function {
    char unused;
};

static struct pci_function only;
struct pci_function *const bus_sim_function = &only;

/* There is no other. */
static void expect_ours(const struct pci_function *function)
{
    assert_ptr_equal(function, bus_sim_function);
}

static void count_barrier(enum sim_step step, uint64_t detail)
{
    (void)detail;
    current->barriers += step == SIM_BARRIER;
}

void bus_sim_create(struct bus_sim *sim, unsigned bar,
                    uint64_t (*read)(struct sim_registers *self, uint64_t offset, unsigned width),
                    void (*write)(struct sim_registers *self, uint64_t offset, uint64_t value,
                                  unsigned width))
{
    if (space == NULL) {
        space = mmap(NULL, BUS_SIM_REGISTERS + BEHIND, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(space, MAP_FAILED);
        assert_int_equal(mprotect(space + BUS_SIM_REGISTERS, BEHIND, PROT_NONE), 0);
    }
    *sim = (struct bus_sim){
        .registers = {.start = space, .size = BUS_SIM_REGISTERS, .read = read, .write = write},
        .bar = bar,
        .size = BUS_SIM_REGISTERS,
        .vectors = BUS_SIM_VECTORS,
    };
    current = sim;
    sim_mmio_unplug_all();
    sim_mmio_plug(&sim->registers);
    sim_witness = count_barrier;
}

/* --- The function's accesses ------------------------------------------------------------------ */

void *bus_sim_memory(const struct bus_sim *sim, uint64_t address, uint64_t length, bool writes)
{
    const uint32_t access = writes ? kIODMAMapWriteAccess : kIODMAMapReadAccess;
    uint64_t physical = address;

    assert_true(sim->master_on);
    assert_true((address & PAGE_MASK) + length <= PAGE_SIZE);
    if (sim->mapper != NULL) {
        assert_int_equal(IOMapper_translate(sim->mapper, address, access, &physical, NULL),
                         kIOReturnSuccess);
    }
    assert_true(page_overlaps_ram(paddr(physical), 1));
    return phys_to_virt(paddr(physical));
}

static void move(const struct bus_sim *sim, uint64_t address, uint8_t *bytes, uint64_t length,
                 bool writes)
{
    while (length != 0) {
        const uint64_t left = PAGE_SIZE - (address & PAGE_MASK);
        const uint64_t here = left < length ? left : length;
        uint8_t *const memory = bus_sim_memory(sim, address, here, writes);

        memcpy(writes ? memory : bytes, writes ? bytes : memory, here);
        address += here;
        bytes += here;
        length -= here;
    }
}

void bus_sim_read(const struct bus_sim *sim, uint64_t address, void *bytes, uint64_t length)
{
    move(sim, address, bytes, length, false);
}

void bus_sim_write(const struct bus_sim *sim, uint64_t address, const void *bytes, uint64_t length)
{
    move(sim, address, (uint8_t *)bytes, length, true);
}

void bus_sim_expect_barrier(struct bus_sim *sim)
{
    assert_int_not_equal(sim->barriers, 0);
    sim->barriers = 0;
}

bool bus_sim_interrupt(struct bus_sim *sim)
{
    bool any = false;

    for (unsigned i = 0; i < sim->granted; i++) {
        const bool before = sim_in_handler;

        if (!sim->pending[i] || sim->handlers[i] == NULL) {
            continue;
        }
        sim->pending[i] = false;
        sim_in_handler = true;
        sim->served += sim->handlers[i](sim->contexts[i]) == IRQ_SERVED;
        sim_in_handler = before;
        assert_false(sim->is_up != NULL && sim->is_up(sim));
        any = true;
    }
    return any;
}

/* --- drivers/pci/pci.h ------------------------------------------------------------------------ */

struct pci_function *pci_find(uint16_t vendor, uint16_t device, struct pci_function *after)
{
    (void)vendor, (void)device;
    return pci_find_class(0, 0, after);
}

struct pci_function *pci_find_class(uint32_t class_code, uint32_t mask, struct pci_function *after)
{
    (void)class_code, (void)mask;
    /* As a rule tests open it by hand. */
    return after == NULL && current != NULL && current->is_found ? bus_sim_function : NULL;
}

void pci_get_info(const struct pci_function *function, struct pci_info *info)
{
    expect_ours(function);
    *info = (struct pci_info){
        .bus = BUS_SIM_REQUESTER >> 8,
        .slot = BUS_SIM_REQUESTER >> 3 & 31,
        .number = BUS_SIM_REQUESTER & 7,
        .requester = BUS_SIM_REQUESTER,
        .claimed = current->claimed ? "another" : NULL,
    };
}

IOReturn pci_claim(struct pci_function *function, const char *driver)
{
    expect_ours(function);
    (void)driver;
    if (current->claimed) {
        return kIOReturnExclusiveAccess;
    }
    current->claimed = true;
    return kIOReturnSuccess;
}

void pci_release(struct pci_function *function)
{
    expect_ours(function);
    assert_true(current->claimed);
    pci_free_vectors(function);
    current->claimed = current->master_on = false;
}

IOReturn pci_get_bar(const struct pci_function *function, unsigned index, struct pci_bar *at)
{
    expect_ours(function);
    if (index == current->memory_index && current->memory_bar.size != 0) {
        *at = current->memory_bar;
        return kIOReturnSuccess;
    }
    if (index != current->bar) {
        return kIOReturnNotFound;
    }
    *at = (struct pci_bar){.base = paddr(BUS_SIM_AT), .bus = BUS_SIM_AT, .size = current->size};
    return current->refused[BUS_SIM_GET_BAR];
}

volatile void *pci_map_bar(struct pci_function *function, unsigned index, uint64_t offset,
                           uint64_t length)
{
    expect_ours(function);
    (void)length;
    assert_true(index == current->bar && offset == 0);
    if (current->refused[BUS_SIM_MAP_BAR] != kIOReturnSuccess) {
        IOMemory_fail(current->refused[BUS_SIM_MAP_BAR]);
        return NULL;
    }
    return space;
}

IOReturn pci_enable(struct pci_function *function, unsigned what)
{
    const IOReturn status =
        current->refused[(what & PCI_MEMORY) != 0 ? BUS_SIM_ENABLE_MEMORY : BUS_SIM_ENABLE_MASTER];

    expect_ours(function);
    if (status != kIOReturnSuccess) {
        return status;
    }
    current->memory_on |= (what & PCI_MEMORY) != 0;
    current->master_on |= (what & PCI_MASTER) != 0;
    return kIOReturnSuccess;
}

void pci_disable(struct pci_function *function, unsigned what)
{
    expect_ours(function);
    current->master_on &= (what & PCI_MASTER) == 0;
}

IOReturn pci_allocate_vectors(struct pci_function *function, unsigned least, unsigned most,
                              unsigned kinds, unsigned *granted)
{
    expect_ours(function);
    (void)least, (void)kinds;
    if (current->has_no_vectors) {
        return kIOReturnNoInterrupt;
    }
    current->granted = *granted = current->vectors < most ? current->vectors : most;
    return kIOReturnSuccess;
}

void pci_free_vectors(struct pci_function *function)
{
    for (unsigned i = 0; i < current->granted; i++) {
        pci_detach_vector(function, i);
    }
    current->granted = 0;
}

unsigned pci_interrupt_kind(const struct pci_function *function)
{
    expect_ours(function);
    return current->granted == 0                           ? 0
           : current->vectors == 1 && !current->is_message ? PCI_INTX
                                                           : PCI_MSIX;
}

IOReturn pci_attach_vector(struct pci_function *function, unsigned vector, irq_handler_t *handler,
                           void *context)
{
    expect_ours(function);
    assert_true(vector < current->granted && current->handlers[vector] == NULL);
    if (current->refused[BUS_SIM_ATTACH] != kIOReturnSuccess) {
        return current->refused[BUS_SIM_ATTACH];
    }
    current->handlers[vector] = handler;
    current->contexts[vector] = context;
    return kIOReturnSuccess;
}

void pci_detach_vector(struct pci_function *function, unsigned vector)
{
    expect_ours(function);
    current->handlers[vector] = NULL;
}

bool pci_is_coherent(const struct pci_function *function)
{
    expect_ours(function);
    return true;
}

IOReturn pci_copy_mapper(struct pci_function *function, IOMapper **mapper)
{
    expect_ours(function);
    *mapper = current->mapper_status == kIOReturnSuccess ? current->mapper : NULL;
    if (*mapper != NULL) {
        OSObject_retain(*mapper);
    }
    return current->mapper_status;
}
