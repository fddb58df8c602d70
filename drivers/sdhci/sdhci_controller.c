/* SPDX-License-Identifier: BSD-2-Clause */
/* A host controller from its function to a card that works, and back. */
#include "drivers/sdhci/sdhci_private.h"
#include "kernel/heap.h"

static IOReturn start(struct sdhci_card *card)
{
    unsigned granted;
    IOReturn status;

    card->registers = pci_map_bar(card->function, 0, 0, 0);
    if (card->registers == NULL) {
        return IOMemoryLastError();
    }
    status = pci_enable(card->function, PCI_MEMORY);
    if (status == kIOReturnSuccess) {
        status = sdhci_start_card(card);
    }
    if (status == kIOReturnSuccess) {
        status = pci_copy_mapper(card->function, &card->mapper);
    }
    if (status == kIOReturnSuccess) {
        status = bus_memory_create(&card->list, card->mapper, 32,
                                   SDHCI_ENTRIES * sizeof(struct sdhci_entry), PAGE_SIZE);
    }
    if (status == kIOReturnSuccess) {
        status = sdhci_create_engine(card);
    }
    if (status == kIOReturnSuccess) {
        status = pci_allocate_vectors(card->function, 1, 1, PCI_ANY_INTERRUPT, &granted);
    }
    if (status == kIOReturnSuccess) {
        status = pci_enable(card->function, PCI_MASTER);
    }
    return status == kIOReturnSuccess ? pci_attach_vector(card->function, 0, sdhci_interrupt, card)
                                      : status;
}

/* Nothing is under way: a list that is not named by a command is not read. */
static void give_back(struct sdhci_card *card)
{
    pci_release(card->function); /* without interrupts, and without the bus */
    OSObject_release((IODMAController *)card->engine);
    OSObject_release(card->service);
    bus_memory_destroy(&card->list);
    OSObject_release(card->mapper);
    heap_free(card);
}

struct sdhci_card *sdhci_open(struct pci_function *function, IOReturn *status)
{
    struct sdhci_card *card;

    *status = pci_claim(function, "sdhci");
    if (*status != kIOReturnSuccess) {
        return NULL;
    }
    card = heap_alloc_zero(sizeof(*card));
    if (card == NULL) {
        pci_release(function);
        *status = kIOReturnNoMemory;
        return NULL;
    }
    card->function = function;
    *status = start(card);
    if (*status != kIOReturnSuccess) {
        give_back(card);
        return NULL;
    }
    sdhci_add(card);
    return card;
}

bool sdhci_close(struct sdhci_card *card)
{
    /* One that was lost may be in the middle of a list still. */
    const bool stopped = sdhci_stop(card);

    sdhci_remove(card);
    if (!stopped) {
        bus_memory_abandon(&card->list);
    }
    give_back(card);
    return stopped;
}
