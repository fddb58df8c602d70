/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding SD host controllers, and what callers ask of their cards. */
#include "drivers/sdhci/sdhci.h"

#include "drivers/sdhci/sdhci_private.h"
#include "kernel/console.h"

#define CLASS_SDHCI 0x080500u /* base system peripheral, SD host controller, any interface */

static struct sdhci_card cards[SDHCI_CARDS_MAX];
static unsigned card_count;

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
    if (status != kIOReturnSuccess) {
        return status;
    }
    card->mapper = pci_copy_mapper(card->function);
    status = bus_memory_create(&card->list, card->mapper, 32,
                               SDHCI_ENTRIES * sizeof(struct sdhci_entry), PAGE_SIZE);
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

static void give_up(struct sdhci_card *card)
{
    pci_disable(card->function, PCI_MASTER);
    pci_free_vectors(card->function);
    if (card->engine != NULL) {
        OSObject_release((IODMAController *)card->engine);
        OSObject_release(card->service);
    }
    bus_memory_destroy(&card->list);
    if (card->mapper != NULL) {
        OSObject_release(card->mapper);
    }
    pci_release(card->function);
    *card = (struct sdhci_card){0};
}

static void add(struct pci_function *function)
{
    struct sdhci_card *card = &cards[card_count];
    struct pci_info info;
    IOReturn status;

    pci_get_info(function, &info);
    if (card_count == SDHCI_CARDS_MAX || pci_claim(function, "sdhci") != kIOReturnSuccess) {
        return;
    }
    card->function = function;
    status = start(card);
    if (status == kIOReturnSuccess) {
        card_count++;
        return;
    }
    give_up(card);
    kprintf("sdhci: the controller at %02x:%02x.%x cannot be used: %s\n", info.bus, info.slot,
            info.number, IOReturn_name(status));
}

static void search(void)
{
    static bool searched;
    struct pci_function *function = NULL;

    if (searched) {
        return;
    }
    searched = true;
    while ((function = pci_find_class(CLASS_SDHCI, 0xffff00u, function)) != NULL) {
        add(function);
    }
}

unsigned sdhci_count(void)
{
    search();
    return card_count;
}

struct sdhci_card *sdhci_get(unsigned index)
{
    search();
    return index < card_count ? &cards[index] : NULL;
}

void sdhci_get_info(const struct sdhci_card *card, struct sdhci_info *info)
{
    *info = (struct sdhci_info){
        .blocks = card->blocks,
        .read_only = card->read_only,
        .has_adma2 = card->has_adma2,
        .has_sdma = card->has_sdma,
    };
}

IOService *sdhci_get_service(struct sdhci_card *card)
{
    return card->service;
}

uint64_t sdhci_commands(const struct sdhci_card *card)
{
    return card->engine->commands;
}

void sdhci_watch(struct sdhci_card *card, sdhci_watch_t *watch, void *context)
{
    const lock_state_t state = lock_take_again(&card->engine->lock);

    card->watch = watch;
    card->watch_context = context;
    lock_release(&card->engine->lock, state);
}
