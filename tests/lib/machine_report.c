/* SPDX-License-Identifier: BSD-2-Clause */
/* What a machine is made of, in lines for a reader. */
#include "tests/lib/machine_report.h"

#include "boot/boot_info.h"
#include "drivers/pci/pci.h"
#include "drivers/virtio/blk.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/irq.h"
#include "kernel/timer.h"
#include "kernel/version.h"

#define MIDR_PART(midr) ((unsigned)((midr) >> 4) & 0xfff)
#define MIB             (1u << 20)

static const struct {
    unsigned part;
    const char *name;
} cpus[] = {
    {0xd03, "Cortex-A53"},  {0xd04, "Cortex-A35"},  {0xd05, "Cortex-A55"},  {0xd07, "Cortex-A57"},
    {0xd08, "Cortex-A72"},  {0xd0b, "Cortex-A76"},  {0xd0c, "Neoverse N1"}, {0xd40, "Neoverse V1"},
    {0xd47, "Cortex-A710"}, {0xd49, "Neoverse N2"},
};

static const char *cpu_name(uint64_t midr)
{
    for (unsigned i = 0; i < sizeof(cpus) / sizeof(cpus[0]); i++) {
        if (cpus[i].part == MIDR_PART(midr)) {
            return cpus[i].name;
        }
    }
    return "unknown";
}

static void report_memory(void)
{
    const struct devicetree_machine *machine = devicetree_machine();

    for (unsigned i = 0; i < machine->memory_count; i++) {
        kprintf("  RAM     0x%llx, %llu MiB\n", (unsigned long long)machine->memory[i].base.value,
                (unsigned long long)machine->memory[i].size / MIB);
    }
}

/* Of the functions of the bus, without the host bridge, which every machine has. */
static void report_bus(void)
{
    static const char *const kinds[] = {
        [PCI_INTX] = ", its line", [PCI_MSI] = ", MSI", [PCI_MSIX] = ", MSI-X"};
    struct pci_function *function = NULL;

    while ((function = pci_next(function)) != NULL) {
        const unsigned kind = pci_interrupt_kind(function);
        struct pci_info info;

        pci_get_info(function, &info);
        if (info.class_code >> 8 != 0x0600) {
            kprintf("  PCI     %02x:%02x.%u %04x:%04x class %06x, %s%s\n", info.bus, info.slot,
                    info.number, info.vendor, info.device, info.class_code,
                    info.claimed != NULL ? info.claimed : "no driver",
                    kind != 0 ? kinds[kind] : "");
        }
    }
}

static void report_disk(struct virtio_blk *disk)
{
    char serial[VIRTIO_BLK_ID_LENGTH + 1] = "";
    struct virtio_blk_info info;

    virtio_blk_get_info(disk, &info);
    virtio_blk_get_id(disk, serial);
    kprintf("  disk    \"%s\" virtio-blk, %llu bytes%s, interrupt %u, queue of %u, %u segments\n",
            serial, (unsigned long long)info.sectors * VIRTIO_BLK_SECTOR,
            info.read_only ? " read-only" : "", info.intid, info.queue_size, info.segments_max);
}

void machine_report(void)
{
    uint64_t midr;

    __asm__("mrs %0, midr_el1" : "=r"(midr));
    kprintf("dmakit %s\n", dmakit_version);
    kprintf("machine\n");
    kprintf("  CPU     %s (MIDR 0x%llx), entered at EL%u, runs at EL1\n", cpu_name(midr),
            (unsigned long long)midr, boot_info.entry_level);
    report_memory();
    kprintf("  irq     %s\n", irq_controller_name());
    kprintf("  timer   %llu Hz\n", (unsigned long long)timer_frequency());
    report_bus();
    for (unsigned i = 0; i < virtio_blk_count(); i++) {
        report_disk(virtio_blk_get(i));
    }
}
