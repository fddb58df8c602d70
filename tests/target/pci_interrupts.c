/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default el2v3 gicv3 pcilow smmu
// QEMU: -device edu,addr=1.0 -device edu,addr=5.0
// QEMU: -device pcie-root-port,id=p,chassis=1,addr=2.0
// QEMU: -blockdev driver=null-co,node-name=disk0,size=1048576
// QEMU: -device nvme,bus=p,serial=a,drive=disk0,cmb_size_mb=64
// QEMU: -device pcie-root-port,id=q,chassis=2,addr=3.0 -device pcie-pci-bridge,id=b,bus=q
// QEMU: -device edu,bus=b,addr=2.0
// QEMU: -blockdev driver=null-co,node-name=disk1,size=1048576
// QEMU: -device nvme,addr=7.0,serial=b,drive=disk1
/* Interrupts of the PCI bus: a line that two share, messages, vectors for whoever wants many. */
#include "descriptors/IOInterruptEventSource.h"
#include "descriptors/IOWorkLoop.h"
#include "kernel/cpu.h"
#include "kernel/init.h"
#include "kernel/inject.h"
#include "kernel/mmio.h"
#include "kernel/msi.h"
#include "tests/harness/harness.h"
#include "tests/target/pci_edu.h"

/*
 * What lasts for ever is made before the tests begin, or each would be blamed for it: page
 * tables of registers, and a function's service.
 */
static volatile void *edu_registers[3];

static void prepare(void)
{
    unsigned granted;

    for (unsigned i = 0; i < 3; i++) {
        edu_registers[i] = pci_map_bar(edu(i), 0, 0, 0);
        pci_get_service(edu(i));
    }
    /* What the interrupt controller keeps of messages. */
    pci_allocate_vectors(edu(0), 1, 1, PCI_MSI, &granted);
    pci_free_vectors(edu(0));
    /* And of NVMe controllers their tables, and mappers where there are some. */
    for (unsigned bus = 0; bus < 2; bus++) {
        struct pci_function *function = at(bus, bus == 0 ? 7 : 0);

        pci_enable(function, PCI_MEMORY | PCI_MASTER);
        pci_allocate_vectors(function, 1, 1, PCI_MSIX, &granted);
        pci_free_vectors(function);
        pci_disable(function, PCI_MEMORY | PCI_MASTER);
    }
}

INITIALISER(INIT_CLASS, prepare);

/* --- The line --------------------------------------------------------------------------------- */

struct line {
    struct pci_function *function;
    volatile void *registers;
    volatile unsigned calls, served;
};

static enum irq_result count(void *context)
{
    struct line *line = context;
    const uint32_t causes = mmio_read32(line->registers, EDU_CAUSES);

    line->calls++;
    if (causes == 0) {
        return IRQ_NOTHING;
    }
    mmio_write32(line->registers, EDU_QUIET, causes);
    line->served++;
    return IRQ_SERVED;
}

static void open_line(struct line *line, unsigned index)
{
    unsigned granted = 0;

    *line = (struct line){.function = edu(index)};
    ASSERT_EQ(pci_claim(line->function, "a test"), kIOReturnSuccess);
    ASSERT_EQ(pci_enable(line->function, PCI_MEMORY), kIOReturnSuccess);
    line->registers = pci_map_bar(line->function, 0, 0, 0);
    ASSERT_EQ(pci_allocate_vectors(line->function, 1, 1, PCI_INTX, &granted), kIOReturnSuccess);
    ASSERT_EQ(granted, 1);
}

/* The CPU takes an interrupt some instructions after the store that has raised it. */
static unsigned served(const struct line *line, unsigned expected)
{
    for (unsigned i = 0; i < 100000 && line->served < expected; i++) {
        cpu_isb();
    }
    return line->served;
}

static void close_line(struct line *line)
{
    pci_disable(line->function, PCI_MEMORY);
    pci_release(line->function);
}

/* N11: slots 1 and 5 share a line. */
TEST(two_devices_on_one_line)
{
    struct line first, second;

    open_line(&first, 0);
    open_line(&second, 1);
    EXPECT_EQ(pci_vector_intid(first.function, 0), pci_vector_intid(second.function, 0));
    EXPECT_EQ(pci_interrupt_kind(first.function), PCI_INTX);
    ASSERT_EQ(pci_attach_vector(first.function, 0, count, &first), kIOReturnSuccess);
    EXPECT_EQ(pci_attach_vector(first.function, 0, count, &first), kIOReturnExclusiveAccess);
    /* Raised before its driver is there: kept back by the function itself. */
    mmio_write32(second.registers, EDU_RAISE, 1);
    mmio_write32(first.registers, EDU_RAISE, 1);
    EXPECT_EQ(served(&first, 1), 1);
    EXPECT_EQ(second.served, 0);
    ASSERT_EQ(pci_attach_vector(second.function, 0, count, &second), kIOReturnSuccess);
    EXPECT_EQ(served(&second, 1), 1);
    for (unsigned i = 0; i < 5000; i++) {
        const irq_state_t state = irq_mask();

        mmio_write32(first.registers, EDU_RAISE, 1);
        mmio_write32(second.registers, EDU_RAISE, 1);
        irq_restore(state);
    }
    EXPECT_EQ(served(&first, 5001), 5001);
    EXPECT_EQ(served(&second, 5001), 5001);

    /* The user of one closes it for both, for one of them is asserted. */
    pci_enable_vector(second.function, 0, false);
    mmio_write32(second.registers, EDU_RAISE, 1);
    mmio_write32(first.registers, EDU_RAISE, 1);
    EXPECT_EQ(served(&first, 5002), 5001);
    /* Removed with its line asserted: the other goes on. */
    close_line(&second);
    EXPECT_EQ(served(&first, 5002), 5002);
    mmio_write32(first.registers, EDU_RAISE, 1);
    EXPECT_EQ(served(&first, 5003), 5003);
    EXPECT_EQ(served(&second, 5001), 5001);
    pci_enable(second.function, PCI_MEMORY);
    mmio_write32(second.registers, EDU_QUIET, 1);
    pci_disable(second.function, PCI_MEMORY);
    close_line(&first);
}

/* Behind bridges the pin is turned by the slot at each. */
TEST(a_line_behind_bridges)
{
    struct line line;

    open_line(&line, 2);
    ASSERT_EQ(pci_attach_vector(line.function, 0, count, &line), kIOReturnSuccess);
    mmio_write32(line.registers, EDU_RAISE, 1);
    EXPECT_EQ(served(&line, 1), 1);
    close_line(&line);
}

/* --- Messages --------------------------------------------------------------------------------- */

/* N26: an edge each, a thousand of them, and then as many as two at once are: one or two. */
TEST(messages)
{
    struct line line = {.function = edu(0), .registers = edu_registers[0]};
    unsigned granted = 0;

    ASSERT_EQ(pci_enable(line.function, PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    TEST_KEEPS("a function's mapper, where it has one, is asked for once");
    ASSERT_EQ(pci_allocate_vectors(line.function, 1, 8, PCI_ANY_INTERRUPT, &granted),
              kIOReturnSuccess);
    EXPECT_EQ(granted, 1); /* it has no more, nor MSI-X */
    EXPECT_EQ(pci_interrupt_kind(line.function), PCI_MSI);
    EXPECT_EQ(pci_allocate_vectors(line.function, 1, 1, PCI_INTX, &granted), kIOReturnBusy);
    EXPECT_NE(pci_vector_intid(line.function, 0), 0);
    ASSERT_EQ(pci_attach_vector(line.function, 0, count, &line), kIOReturnSuccess);
    for (unsigned i = 1; i <= 1000; i++) {
        mmio_write32(line.registers, EDU_RAISE, 1);
        EXPECT_EQ(served(&line, i), i);
    }
    /* Closed, it waits. */
    pci_enable_vector(line.function, 0, false);
    mmio_write32(line.registers, EDU_RAISE, 1);
    mmio_write32(line.registers, EDU_RAISE, 2);
    EXPECT_EQ(served(&line, 1001), 1000);
    pci_enable_vector(line.function, 0, true);
    EXPECT_EQ(served(&line, 1001), 1001);
    pci_free_vectors(line.function);
    EXPECT_EQ(pci_interrupt_kind(line.function), 0);
    /* Without vectors nothing comes, and nothing is asserted. */
    mmio_write32(line.registers, EDU_RAISE, 4);
    EXPECT_EQ(served(&line, 1002), 1001);
    mmio_write32(line.registers, EDU_QUIET, 4);
    pci_disable(line.function, PCI_MEMORY | PCI_MASTER);
}

/* --- Two that want 65 each -------------------------------------------------------------------- */

static unsigned messages_in_use(void)
{
    struct msi_stats stats;

    msi_get_stats(&stats);
    return stats.in_use;
}

static enum irq_result ignore(void *context)
{
    (void)context;
    return IRQ_SERVED;
}

/* All of its vectors, each with a handler. */
static void attach_all(struct pci_function *function, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        EXPECT_EQ(pci_attach_vector(function, i, ignore, NULL), kIOReturnSuccess);
        for (unsigned j = 0; j < i && pci_interrupt_kind(function) == PCI_MSIX; j++) {
            EXPECT_NE(pci_vector_intid(function, i), pci_vector_intid(function, j));
        }
    }
}

/* N26: fewer than wanted, or the line as the last resort; what one gives back the other can have.
 */
TEST(two_of_65_vectors)
{
    struct pci_function *first = at(1, 0), *second = at(0, 7);
    struct msi_stats stats;
    unsigned granted = 0, rest;

    msi_get_stats(&stats);
    ASSERT_EQ(stats.in_use, 0);
    ASSERT_EQ(pci_enable(first, PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    ASSERT_EQ(pci_enable(second, PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    ASSERT_EQ(pci_allocate_vectors(first, 1, 65, PCI_ANY_INTERRUPT, &granted), kIOReturnSuccess);
    EXPECT_EQ(pci_interrupt_kind(first), PCI_MSIX);
    EXPECT_EQ(granted, stats.total < 65 ? stats.total : 65);
    attach_all(first, granted);
    rest = stats.total - granted;
    /* More of its own kind than are left: a code, and nothing is taken. */
    if (rest < 65) {
        EXPECT_EQ(pci_allocate_vectors(second, rest + 1, 65, PCI_MSIX, &granted),
                  kIOReturnNoInterrupt);
        EXPECT_EQ(messages_in_use(), stats.total - rest);
        EXPECT_EQ(pci_interrupt_kind(second), 0);
    }
    ASSERT_EQ(pci_allocate_vectors(second, 1, 65, PCI_ANY_INTERRUPT, &granted), kIOReturnSuccess);
    EXPECT_EQ(pci_interrupt_kind(second), rest == 0 ? PCI_INTX : PCI_MSIX);
    EXPECT_EQ(granted, rest == 0 ? 1 : rest < 65 ? rest : 65);
    attach_all(second, granted);
    pci_free_vectors(second);
    pci_free_vectors(first);
    EXPECT_EQ(messages_in_use(), 0);
    /* The first is gone: the second has all that it wants, as far as there are so many. */
    ASSERT_EQ(pci_allocate_vectors(second, 1, 65, PCI_ANY_INTERRUPT, &granted), kIOReturnSuccess);
    EXPECT_EQ(granted, stats.total < 65 ? stats.total : 65);
    attach_all(second, granted);
    /* And with four taken of those there are, the first works with what is left. */
    pci_free_vectors(second);
    ASSERT_EQ(pci_allocate_vectors(first, 1, 60, PCI_MSIX, &granted), kIOReturnSuccess);
    EXPECT_EQ(granted, 60);
    ASSERT_EQ(pci_allocate_vectors(second, 1, 65, PCI_MSIX, &granted), kIOReturnSuccess);
    EXPECT_EQ(granted, stats.total - 60 < 65 ? stats.total - 60 : 65);
    pci_free_vectors(first);
    pci_free_vectors(second);
    pci_disable(first, PCI_MEMORY | PCI_MASTER);
    pci_disable(second, PCI_MEMORY | PCI_MASTER);
}

#ifdef DEBUG /* in others nothing can be made to fail */

/* The n-th request for memory fails, each once: a code or another kind, and nothing left behind. */
TEST(vectors_without_memory)
{
    struct pci_function *function = at(0, 7);
    struct inject_report report;
    unsigned failures = 0, refused = 0;
    uint64_t nth = 0;

    ASSERT_EQ(pci_enable(function, PCI_MEMORY | PCI_MASTER), kIOReturnSuccess);
    do {
        unsigned granted = 0, attached = 0;
        IOReturn status;

        inject_begin(++nth);
        status = pci_allocate_vectors(function, 1, 17, PCI_ANY_INTERRUPT, &granted);
        while (status == kIOReturnSuccess && attached < granted &&
               pci_attach_vector(function, attached, ignore, NULL) == kIOReturnSuccess) {
            attached++;
        }
        inject_end(&report);
        failures += report.failed;
        if (status != kIOReturnSuccess) {
            refused++;
            EXPECT_EQ(status, kIOReturnNoMemory);
            EXPECT_EQ(pci_interrupt_kind(function), 0);
            EXPECT_EQ(messages_in_use(), 0);
        } else if (!report.failed) {
            EXPECT_EQ(granted, 17);
            EXPECT_EQ(attached, 17);
        }
        pci_free_vectors(function);
        EXPECT_EQ(messages_in_use(), 0);
    } while (report.failed);
    TEST_NOTE("%u failures, %u of them refusals", failures, refused);
    EXPECT_GE(failures, 2);
    pci_disable(function, PCI_MEMORY | PCI_MASTER);
}

/* The line itself needs memory once, and its number to nobody else. */
TEST(a_line_without_memory)
{
    struct pci_function *function = edu(0);
    struct inject_report report;
    unsigned granted = 0, intid;

    ASSERT_EQ(pci_claim(function, "a test"), kIOReturnSuccess);
    inject_begin(1);
    EXPECT_EQ(pci_allocate_vectors(function, 1, 1, PCI_INTX, &granted), kIOReturnNoMemory);
    inject_end(&report);
    EXPECT_TRUE(report.failed);
    EXPECT_EQ(granted, 0);
    EXPECT_EQ(pci_interrupt_kind(function), 0);
    ASSERT_EQ(pci_allocate_vectors(function, 1, 1, PCI_INTX, &granted), kIOReturnSuccess);
    pci_print(); /* and says that it is in use */
    intid = pci_vector_intid(function, 0);
    ASSERT_EQ(irq_register(intid, ignore, NULL), KERN_SUCCESS);
    EXPECT_EQ(pci_attach_vector(function, 0, ignore, NULL), kIOReturnNoInterrupt);
    EXPECT_EQ(irq_unregister(intid), KERN_SUCCESS);
    EXPECT_EQ(pci_attach_vector(function, 0, ignore, NULL), kIOReturnSuccess);
    pci_release(function);
}

#endif

/* --- By event sources ------------------------------------------------------------------------- */

struct source {
    struct pci_function *function;
    volatile void *registers;
    IOInterruptEventSource *source;
    unsigned calls, quieted;
};

static struct source sources[2];

static void quiet(OSObject *owner, IOInterruptEventSource *sender, int interrupts)
{
    struct source *self = &sources[sender == sources[1].source];
    const uint32_t causes = mmio_read32(self->registers, EDU_CAUSES);

    (void)owner, (void)interrupts;
    self->calls++;
    if (causes != 0) {
        mmio_write32(self->registers, EDU_QUIET, causes);
        self->quieted++;
    }
}

static void run_until(IOWorkLoop *loop, unsigned index, unsigned expected)
{
    for (unsigned i = 0; i < 10000 && sources[index].quieted < expected; i++) {
        IOWorkLoop_runEventSources(loop);
    }
    EXPECT_EQ(sources[index].quieted, expected);
}

/* N11, as IOKit has it: both on one line, one of them disabled by its user, one removed. */
TEST(event_sources_share_a_line)
{
    IOWorkLoop *loop = IOWorkLoop_workLoop();

    ASSERT_TRUE(loop != NULL);
    for (unsigned i = 0; i < 2; i++) {
        struct source *self = &sources[i];

        *self = (struct source){.function = edu(i), .registers = edu_registers[i]};
        ASSERT_EQ(pci_enable(self->function, PCI_MEMORY), kIOReturnSuccess);
        self->source = IOInterruptEventSource_interruptEventSource(
            (OSObject *)loop, quiet, pci_get_service(self->function), 0);
        ASSERT_TRUE(self->source != NULL);
        EXPECT_TRUE(IOInterruptEventSource_getAutoDisable(self->source));
        ASSERT_EQ(IOWorkLoop_addEventSource(loop, (IOEventSource *)self->source), kIOReturnSuccess);
        IOInterruptEventSource_enable(self->source);
        pci_enable_line(self->function, true);
    }
    for (unsigned i = 1; i <= 500; i++) {
        mmio_write32(sources[0].registers, EDU_RAISE, 1);
        mmio_write32(sources[1].registers, EDU_RAISE, 1);
        run_until(loop, 0, i);
        run_until(loop, 1, i);
    }
    /* A user's word closes the line for both, until it is taken back. */
    IOInterruptEventSource_disable(sources[1].source);
    mmio_write32(sources[0].registers, EDU_RAISE, 1);
    for (unsigned i = 0; i < 100; i++) {
        IOWorkLoop_runEventSources(loop);
    }
    EXPECT_EQ(sources[0].quieted, 500);
    IOInterruptEventSource_enable(sources[1].source);
    run_until(loop, 0, 501);
    /* Removed while it asserts, after its function has let go of the line: the other goes on. */
    mmio_write32(sources[1].registers, EDU_RAISE, 1);
    pci_enable_line(sources[1].function, false);
    EXPECT_EQ(IOWorkLoop_removeEventSource(loop, (IOEventSource *)sources[1].source),
              kIOReturnSuccess);
    mmio_write32(sources[0].registers, EDU_RAISE, 1);
    run_until(loop, 0, 502);
    pci_enable_line(sources[0].function, false);
    EXPECT_EQ(IOWorkLoop_removeEventSource(loop, (IOEventSource *)sources[0].source),
              kIOReturnSuccess);
    for (unsigned i = 0; i < 2; i++) {
        mmio_write32(sources[i].registers, EDU_QUIET, 1);
        pci_disable(sources[i].function, PCI_MEMORY);
        OSObject_release(sources[i].source);
    }
    OSObject_release(loop);
}
