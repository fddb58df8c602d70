/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the PCI bus: what the search leaves behind, and the registers that it reads. */
#ifndef DRIVERS_PCI_PCI_PRIVATE_H
#define DRIVERS_PCI_PCI_PRIVATE_H

#include "drivers/pci/pci.h"

/* Configuration space, offsets in bytes (PCI Local Bus, section 6.1; Bridge, section 3.2). */
#define PCI_ID             0x00u /* vendor; device in the upper half; all ones: nobody is there */
#define PCI_COMMAND        0x04u
#define PCI_STATUS         0x06u
#define PCI_REVISION       0x08u /* class code in the upper 24 bits */
#define PCI_HEADER         0x0eu
#define PCI_BAR            0x10u
#define PCI_BUSES          0x18u /* primary, secondary, subordinate: a byte each */
#define PCI_IO_BASE        0x1cu /* base, limit: a byte each */
#define PCI_MEMORY_BASE    0x20u /* base, limit: 16 bits each */
#define PCI_PREFETCH_BASE  0x24u
#define PCI_PREFETCH_UPPER 0x28u /* base, limit: the upper 32 bits each */
#define PCI_SUBSYSTEM      0x2cu
#define PCI_CAPABILITIES   0x34u
#define PCI_PIN            0x3du /* 1 to 4: INTA to INTD; 0: no line */

#define PCI_NOBODY           0xffffffffu
#define PCI_COMMAND_IO       0x001u
#define PCI_COMMAND_NO_INTX  0x400u
#define PCI_STATUS_LIST      0x10u /* there is a list of capabilities */
#define PCI_HEADER_TYPE      0x7fu
#define PCI_HEADER_BRIDGE    0x01u
#define PCI_HEADER_FUNCTIONS 0x80u /* it has more functions than the first */

#define PCI_BAR_IO           0x1u
#define PCI_BAR_TYPE         0x6u
#define PCI_BAR_WIDE         0x4u
#define PCI_BAR_PREFETCHABLE 0x8u
#define PCI_BAR_MEMORY_FLAGS 0xfu
#define PCI_BAR_IO_FLAGS     0x3u
#define PCI_WINDOW_WIDE      0x1u /* of a bridge's prefetchable base: it has an upper half */
#define PCI_WINDOW_GRANULE   0x100000u

/* In the PCI Express capability. */
#define PCI_EXPRESS_FLAGS      0x2u
#define PCI_EXPRESS_PORT(x)    ((x) >> 4 & 0xfu)
#define PCI_EXPRESS_ROOT       4u
#define PCI_EXPRESS_DOWNSTREAM 6u
#define PCI_EXPRESS_TO_PCI     7u

#define PCI_SPACE          256u
#define PCI_EXTENDED_SPACE 4096u
#define PCI_SLOTS          32u
#define PCI_FUNCTIONS      8u
#define PCI_BUS_SIZE       0x100000u /* of configuration space: 4096 bytes a function */

/* The two kinds of window that a bridge has, and a host bridge in place of them. */
enum pci_window_kind {
    PCI_LOW,  /* below 4 GiB; all that reads may have effects in, and all of 32 bits */
    PCI_HIGH, /* anywhere: prefetchable BARs of 64 bits */
    PCI_WINDOWS
};

struct pci_window {
    uint64_t bus;  /* first address, as the bus has it */
    uint64_t size; /* bytes; 0: there is none */
    uint64_t cpu;  /* first address, as the CPU has it; of a host bridge */
    uint64_t used; /* bytes given out; of a host bridge */
};

struct pci_host {
    int node;
    volatile char *space; /* configuration space of the first bus */
    paddr_t base;
    uint64_t mapped; /* bytes of it that are mapped */
    uint64_t size;
    struct pci_window windows[PCI_WINDOWS];
    unsigned first_bus;
    unsigned last_bus;
    unsigned next_bus; /* number of the next one that is found */
};

struct pci_bus {
    struct pci_host *host;
    struct pci_function *bridge; /* NULL: this is the host bridge's */
    struct pci_function *first;  /* its functions, by slot and number */
    struct pci_function *last;
    uint8_t number;
    bool one_slot;        /* a link of PCI Express: nobody but slot 0 is on it */
    bool is_conventional; /* behind a bridge from PCI Express */
    bool extended;        /* extended configuration space is reached through all that is above */
};

/* A BAR, or the window of a bridge: something that wants a place. */
struct pci_place {
    struct pci_bar bar;
    uint64_t align; /* bytes; of a BAR its size */
    bool placed;
    bool dropped; /* nobody has room for it: said, and left out */
};

struct pci_vector {
    unsigned intid;
    irq_handler_t *handler; /* NULL: none is attached */
};

#define PCI_CELLS 5 /* of the longest property but "interrupts" */

struct pci_function {
    struct pci_function *next;    /* of all, in the order of the search */
    struct pci_function *sibling; /* on the same bus */
    struct pci_bus *bus;
    struct pci_bus *below; /* of a bridge: the bus behind it; NULL: none, or closed */
    volatile char *config;
    unsigned config_size; /* bytes that may be read */
    struct pci_info info;
    struct pci_place bars[PCI_BARS];
    struct pci_place windows[PCI_WINDOWS]; /* of a bridge */

    IOService *service;  /* NULL: nobody has asked */
    uint8_t *interrupts; /* the property: 12 bytes each */
    unsigned interrupt_count;
    uint8_t cells[8][PCI_CELLS * 4]; /* the other properties, as a reader gives them */

    unsigned kind; /* PCI_INTX, PCI_MSI, PCI_MSIX; 0: no vectors */
    unsigned vector_count;
    struct pci_vector *vectors; /* so many */
    struct msi_block *messages; /* of a kind that sends any */
    volatile void *table;       /* MSI-X */
    struct irq_sharer line;

    bool asked_mapper;
    bool untranslated;
    IOMapper *mapper; /* retained */
};

extern struct pci_function *pci_functions;

/* pci_host.c: the whole search, once; later calls have no effect. */
void pci_search(void);
void pci_add_host(int node); /* one bridge of it */

/* pci_scan.c: the functions of a bus and of all behind it. */
void pci_scan_bus(struct pci_bus *bus);

/* pci_assign.c: a place for every BAR of a host bridge's functions. */
void pci_assign(struct pci_host *host, struct pci_bus *root);
void pci_measure_bars(struct pci_function *function);

/* pci_config.c. */
volatile char *pci_host_config(struct pci_host *host, unsigned bus, unsigned slot, unsigned number);
void pci_check_capabilities(struct pci_function *function);

/* pci_interrupt.c: the line's number at the interrupt controller; 0: it has none. */
unsigned pci_line_of(const struct pci_function *function);

/* pci_message.c: PCI_MSI or PCI_MSIX. kIOReturnNoInterrupt: not so many of this kind. */
IOReturn pci_allocate_messages(struct pci_function *function, unsigned kind, unsigned least,
                               unsigned most);
void pci_free_messages(struct pci_function *function);

/* pci_service.c: vectors have come or gone. kIOReturnNoMemory. */
IOReturn pci_update_interrupts(struct pci_function *function);

/* pci_list.c: what the boot argument asks for; NULL: nothing. */
void pci_list(const char *value);

/* pci_function.c: the mapper's driver, if it has not been asked yet. */
IOReturn pci_ask_mapper(struct pci_function *function);

#endif
