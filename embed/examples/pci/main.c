/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of a PCI device, outside the tree: QEMU's "edu" computes factorials and tells of the
 * result by an interrupt. Found by its identity, claimed, its registers mapped, a vector
 * attached: a message where the machine has those, else the line of its slot.
 */
#include <stdio.h>

#include "drivers/pci/pci.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"

#define VENDOR 0x1234
#define DEVICE 0x11e8

/* Registers in BAR 0, 32 bits each. */
#define IDENTIFICATION 0x00 /* 0xMMmm00ed: version MM.mm */
#define INVERTED       0x04
#define FACTORIAL      0x08
#define STATUS         0x20
#define CAUSES         0x24
#define QUIET          0x64

#define STATUS_INTERRUPT 0x80u /* when it is done */

struct edu {
    struct pci_function *function;
    volatile void *registers;
    volatile unsigned done;
};

/* On a line that others may share: find out whether it was this device, and quiet it. */
static enum irq_result interrupt(void *context)
{
    struct edu *edu = context;
    const uint32_t causes = mmio_read32(edu->registers, CAUSES);

    if (causes == 0) {
        return IRQ_NOTHING;
    }
    mmio_write32(edu->registers, QUIET, causes);
    edu->done++;
    return IRQ_SERVED;
}

static IOReturn start(struct edu *edu)
{
    unsigned granted;
    IOReturn status;

    edu->function = pci_find(VENDOR, DEVICE, NULL);
    if (edu->function == NULL) {
        return kIOReturnNoDevice;
    }
    status = pci_claim(edu->function, "the example");
    if (status != kIOReturnSuccess) {
        return status;
    }
    edu->registers = pci_map_bar(edu->function, 0, 0, 0);
    if (edu->registers == NULL) {
        return IOMemoryLastError();
    }
    /* A message is a store of the device's own, so it needs the bus as well. */
    status = pci_enable(edu->function, PCI_MEMORY | PCI_MASTER);
    if (status == kIOReturnSuccess) {
        status = pci_allocate_vectors(edu->function, 1, 1, PCI_ANY_INTERRUPT, &granted);
    }
    if (status == kIOReturnSuccess) {
        status = pci_attach_vector(edu->function, 0, interrupt, edu);
    }
    return status;
}

static uint32_t factorial(struct edu *edu, uint32_t number)
{
    const unsigned before = edu->done;
    /* Masked from the test to the sleep: what comes in between ends the sleep. */
    const irq_state_t state = irq_mask();

    mmio_write32(edu->registers, STATUS, STATUS_INTERRUPT);
    mmio_write32(edu->registers, FACTORIAL, number);
    while (edu->done == before) {
        irq_wait();
    }
    irq_restore(state);
    return mmio_read32(edu->registers, FACTORIAL);
}

int main(void)
{
    static const char *const kinds[] = {"?", "its line", "MSI", "?", "MSI-X"};
    struct edu edu = {0};
    const IOReturn status = start(&edu);
    uint32_t expected = 1;

    if (status != kIOReturnSuccess) {
        printf("no edu: %s (start with -device edu)\n", IOReturn_name(status));
        pci_release(edu.function);
        return 1;
    }
    printf("edu %08x, interrupts by %s\n", (unsigned)mmio_read32(edu.registers, IDENTIFICATION),
           kinds[pci_interrupt_kind(edu.function)]);
    mmio_write32(edu.registers, INVERTED, 0x12345678);
    if (mmio_read32(edu.registers, INVERTED) != ~0x12345678u) {
        puts("it does not invert");
        return 1;
    }
    for (uint32_t number = 1; number <= 12; number++) {
        expected *= number;
        if (factorial(&edu, number) != expected) {
            printf("%u! is not %u\n", (unsigned)number, (unsigned)expected);
            return 1;
        }
    }
    printf("12! = %u, told by %u interrupts\n", (unsigned)expected, edu.done);
    pci_release(edu.function);
    return 0;
}
