/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI: the functions of the machine, for their drivers. Every host bridge of the device
 * tree that has its configuration space in memory (ECAM) is searched at start-up, behind
 * bridges too, and every memory BAR is given a place in the windows of its bridge.
 *
 *     struct pci_function *function = pci_find(0x1234, 0x11e8, NULL);
 *
 *     if (function == NULL || pci_claim(function, "edu") != kIOReturnSuccess) {
 *         return;
 *     }
 *     registers = pci_map_bar(function, 0, 0, 0);
 *     pci_allocate_vectors(function, 1, 1, PCI_ANY_INTERRUPT, &granted);
 *     pci_attach_vector(function, 0, handler, device);
 *     pci_enable(function, PCI_MEMORY | PCI_MASTER);
 *
 * A driver outside the tree does the same. Functions are there for the life of the image.
 * Nothing decodes addresses, masters the bus or interrupts before it is enabled here.
 *
 * Thread context unless it says otherwise. Errors are IOReturns; a call that fails has
 * changed nothing. NULL, or bits that mean nothing, are kIOReturnBadArgument.
 *
 * Sources: PCI Local Bus 3.0, PCI-to-PCI Bridge 1.2, PCI Express Base 4.0 (section 7), PCI
 * Firmware 3.2 (ECAM), PCI bus binding to IEEE 1275.
 */
#ifndef DRIVERS_PCI_PCI_H
#define DRIVERS_PCI_PCI_H

#include "descriptors/IODeviceMemory.h"
#include "descriptors/IOMapper.h"
#include "descriptors/IOReturn.h"
#include "descriptors/IOService.h"
#include "kernel/irq.h"
#include "kernel/types.h"

struct pci_function;

/* --- Finding ---------------------------------------------------------------------------------- */

/* Who a function is, and where. */
struct pci_info {
    uint16_t vendor;
    uint16_t device;
    uint16_t subsystem_vendor; /* 0: a bridge, which has none */
    uint16_t subsystem;
    uint32_t class_code; /* class << 16 | subclass << 8 | programming interface */
    uint8_t revision;
    uint8_t bus;
    uint8_t slot;   /* 0 to 31 */
    uint8_t number; /* of the function in its slot, 0 to 7 */
    /*
     * Who it is to an IOMMU and to an interrupt controller: bus << 8 | slot << 3 | number, or
     * that of the bridge which speaks for all behind it, where that is not PCI Express.
     */
    uint16_t requester;
    bool is_bridge;
    bool is_express;     /* has a PCI Express capability */
    bool is_malformed;   /* its list of capabilities makes no sense; none is found in it */
    const char *claimed; /* by this driver; NULL: by nobody */
};

/* Any context. */
void pci_get_info(const struct pci_function *function, struct pci_info *info);

/*
 * The next function behind `after`, in the order of the search: by bus, slot and number, what
 * is behind a bridge after it; NULL: the first. All, those with an identity, those whose
 * class_code is `class_code` where `mask` has ones. NULL: no more.
 */
struct pci_function *pci_next(struct pci_function *after);
struct pci_function *pci_find(uint16_t vendor, uint16_t device, struct pci_function *after);
struct pci_function *pci_find_class(uint32_t class_code, uint32_t mask, struct pci_function *after);

/*
 * Have it for one driver, whose name (not copied) others are told. kIOReturnExclusiveAccess:
 * another one has it. Release gives it back, without bus mastering and without vectors.
 */
IOReturn pci_claim(struct pci_function *function, const char *driver);
void pci_release(struct pci_function *function);

/*
 * As a device of the classes, +0; NULL: no memory. Its name is "pci@BB:SS.F"; its properties,
 * one cell each, are those of the IEEE 1275 binding: "vendor-id", "device-id",
 * "subsystem-vendor-id", "subsystem-id", "class-code", "revision-id"; "reg" (five cells: where
 * its configuration space is); and "interrupts" for IOInterruptEventSource: index 0 is its
 * INTx line, index 1 and up the vectors 0 and up that pci_allocate_vectors has granted as
 * messages.
 */
IOService *pci_get_service(struct pci_function *function);

/* The function of such a service; NULL: it is of something else. */
struct pci_function *pci_from_service(const IOService *service);

/*
 * All of them on the console, a line each and one for each BAR: who it is, its interrupts, its
 * stream, its driver. The boot argument pci=list does so when drivers have started.
 */
void pci_print(void);

/* --- Configuration space ---------------------------------------------------------------------- */

/*
 * One access of this width at a multiple of it. Outside what the function has (256 bytes, or
 * 4096 with extended configuration space) reads give all ones and writes do nothing, as for a
 * function that is not there. BARs are not to be written. Any context.
 */
uint8_t pci_config_read8(const struct pci_function *function, unsigned offset);
uint16_t pci_config_read16(const struct pci_function *function, unsigned offset);
uint32_t pci_config_read32(const struct pci_function *function, unsigned offset);
void pci_config_write8(struct pci_function *function, unsigned offset, uint8_t value);
void pci_config_write16(struct pci_function *function, unsigned offset, uint16_t value);
void pci_config_write32(struct pci_function *function, unsigned offset, uint32_t value);

/* Capabilities. */
#define PCI_CAP_MSI     0x05u
#define PCI_CAP_VENDOR  0x09u
#define PCI_CAP_EXPRESS 0x10u
#define PCI_CAP_MSIX    0x11u

/*
 * Where the next capability with this identity is, behind the one at `after` (0: the first);
 * 0: there is none. Lists that loop or leave the space end. Any context.
 */
unsigned pci_find_capability(const struct pci_function *function, uint8_t id, unsigned after);
unsigned pci_find_extended_capability(const struct pci_function *function, uint16_t id,
                                      unsigned after);

/* --- Registers and memory --------------------------------------------------------------------- */

/* The most base address registers of a function. */
#define PCI_BARS 6u

/* What a base address register shows, and where. */
struct pci_bar {
    paddr_t base;  /* where the CPU reaches it */
    uint64_t bus;  /* what other functions put on the bus to reach it */
    uint64_t size; /* bytes, a power of two */
    bool is_io;    /* ports; they are not assigned, and base and bus are 0 */
    bool is_wide;  /* 64 bits: the BAR behind it is its upper half */
    bool prefetchable;
};

/*
 * kIOReturnNotFound: it has no BAR there; kIOReturnNoSpace: it has, but no window had room for
 * it (*bar says how large it is). Any context.
 */
IOReturn pci_get_bar(const struct pci_function *function, unsigned index, struct pci_bar *bar);

/*
 * `length` bytes (0: all that follow) of a BAR from `offset` on, mapped as device registers
 * (kernel/mmio.h) for good. NULL (last error): kIOReturnNotFound and kIOReturnNoSpace as
 * above, kIOReturnBadArgument: outside the BAR; kIOReturnUnsupported: ports;
 * kIOReturnNoMemory: no tables.
 */
volatile void *pci_map_bar(struct pci_function *function, unsigned index, uint64_t offset,
                           uint64_t length);

/* A whole BAR as memory of the device, +1. NULL (last error): as above. */
IODeviceMemory *pci_copy_bar_memory(struct pci_function *function, unsigned index);

#define PCI_MEMORY 0x2u /* it answers at its memory BARs */
#define PCI_MASTER 0x4u /* its DMA and its messages go out */

/*
 * kIOReturnNoSpace: PCI_MEMORY, but a BAR has no place, and would answer where somebody else
 * is; PCI_MASTER: what pci_set_mapper_source's function says, where an IOMMU is in front.
 */
IOReturn pci_enable(struct pci_function *function, unsigned what);
void pci_disable(struct pci_function *function, unsigned what); /* any context */

/* --- Interrupts ------------------------------------------------------------------------------- */

/* Kinds of interrupt, for pci_allocate_vectors. */
#define PCI_INTX          1u /* the line; level, and maybe shared with others */
#define PCI_MSI           2u
#define PCI_MSIX          4u
#define PCI_ANY_INTERRUPT 7u

/*
 * Interrupts of one of these kinds, the best there is (MSI-X, MSI, INTx): as many as there
 * are, at most `most` and at least `least`; *granted says how many. No handler is called yet.
 * A message is an edge, and goes out only with PCI_MASTER. kIOReturnNoInterrupt: not so many are to
 * be had of any of these kinds; kIOReturnBusy: it has some; kIOReturnBadArgument;
 * kIOReturnNoMemory.
 */
IOReturn pci_allocate_vectors(struct pci_function *function, unsigned least, unsigned most,
                              unsigned kinds, unsigned *granted);

/* Detaches what is attached, then gives them back. Without vectors: no effect. */
void pci_free_vectors(struct pci_function *function);

/* PCI_INTX, PCI_MSI or PCI_MSIX; 0: none are allocated. Any context. */
unsigned pci_interrupt_kind(const struct pci_function *function);

/* What the interrupt controller calls it, for who wants to show it; 0: no such vector. */
unsigned pci_vector_intid(const struct pci_function *function, unsigned vector);

/*
 * Let a vector call a handler (kernel/irq.h). The handler of a line must find out by its
 * device's registers whether it was meant, and quiet it; that of a message need not.
 * kIOReturnBadArgument: no such vector, or no handler; kIOReturnExclusiveAccess: it has one;
 * kIOReturnNoInterrupt: its interrupt is somebody else's, who does not share it.
 */
IOReturn pci_attach_vector(struct pci_function *function, unsigned vector, irq_handler_t *handler,
                           void *context);
void pci_detach_vector(struct pci_function *function, unsigned vector);

/*
 * Keep the interrupts of an attached vector pending, or let them come again. Of a line: all
 * that share it wait. Any context.
 */
void pci_enable_vector(struct pci_function *function, unsigned vector, bool enable);

/*
 * Let the function assert its line, or not. pci_attach_vector does so; to be called by who
 * attaches to the line by an IOInterruptEventSource instead, once that is enabled. Any context.
 */
void pci_enable_line(struct pci_function *function, bool enable);

/* --- An IOMMU in front ------------------------------------------------------------------------ */

/*
 * Which stream of which IOMMU (a node of the device tree) a function's accesses are, by the
 * iommu-map of its host bridge. False: nothing is in front of it. Any context.
 */
bool pci_get_stream(const struct pci_function *function, int *node, uint32_t *stream);

/*
 * The driver of an IOMMU says who makes mappers: the function is called once for each PCI
 * function that has a stream, before it may master the bus or when its mapper is first asked
 * for. It gives a mapper (+1), or NULL: this stream is not translated; or an error, and then
 * the function is not enabled. To be called before drivers run, at INIT_CONSOLE for
 * instance; the machine's functions are searched later.
 */
typedef IOReturn pci_mapper_source_t(struct pci_function *function, int node, uint32_t stream,
                                     IOMapper **mapper);
void pci_set_mapper_source(pci_mapper_source_t *source);

/* Does what is on its bus look into the CPU's cache? devicetree_is_coherent of the host bridge. */
bool pci_is_coherent(const struct pci_function *function);

/*
 * The mapper in front of a function, +1, which is also what
 * IOMapper_copyMapperForDevice(pci_get_service(function)) gives once the function may master
 * the bus; NULL: there is none. Any error: nothing is known of it, and a driver that went on
 * would tell its device addresses that mean nothing to it.
 */
IOReturn pci_copy_mapper(struct pci_function *function, IOMapper **mapper);

/*
 * The function's accesses do not pass its IOMMU, though its messages may: from now on it has no
 * mapper for memory. Such as a virtio device that has not been offered ACCESS_PLATFORM.
 */
void pci_set_untranslated(struct pci_function *function);

#endif
