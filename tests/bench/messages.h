/* SPDX-License-Identifier: BSD-2-Clause */
/* What an interrupt of a PCI function costs, raised by a store to an edu device's register. */
#ifndef TESTS_BENCH_MESSAGES_H
#define TESTS_BENCH_MESSAGES_H

#include "drivers/pci/pci.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"
#include "tests/bench/bench.h"

#define MESSAGE_ROUNDS 1000
#define EDU_CAUSES     0x24
#define EDU_RAISE      0x60
#define EDU_QUIET      0x64

struct message_source {
    volatile void *registers;
    bool is_line;
    uint64_t served;
};

/* What a handler has to do at least: of a line, find out whether it was meant, and quiet it. */
static enum irq_result message_served(void *context)
{
    struct message_source *source = context;

    if (source->is_line) {
        const uint32_t causes = mmio_read32(source->registers, EDU_CAUSES);

        if (causes == 0) {
            return IRQ_NOTHING;
        }
        mmio_write32(source->registers, EDU_QUIET, causes);
    }
    source->served++;
    return IRQ_SERVED;
}

/* It is taken before the next call: some instructions after the store. */
static void message_raise(void *context)
{
    struct message_source *source = context;
    const uint64_t before = source->served;

    mmio_write32(source->registers, EDU_RAISE, 1);
    while (*(volatile uint64_t *)&source->served == before) {
        cpu_isb();
    }
}

/* The row: kind is PCI_INTX or PCI_MSI. */
static inline void message_bench(struct bench_result *result, unsigned kind)
{
    struct pci_function *function = pci_find(0x1234, 0x11e8, NULL);
    struct message_source source = {.is_line = kind == PCI_INTX};
    unsigned granted;

    if (function == NULL || (source.registers = pci_map_bar(function, 0, 0, 0)) == NULL ||
        pci_enable(function, PCI_MEMORY | PCI_MASTER) != kIOReturnSuccess ||
        pci_allocate_vectors(function, 1, 1, kind, &granted) != kIOReturnSuccess ||
        pci_attach_vector(function, 0, message_served, &source) != kIOReturnSuccess) {
        result->skipped = "no edu device with such an interrupt";
        return;
    }
    result->operations = MESSAGE_ROUNDS;
    result->measured = bench_calls(message_raise, &source, MESSAGE_ROUNDS);
    pci_free_vectors(function);
}

#endif
