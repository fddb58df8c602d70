/* SPDX-License-Identifier: BSD-2-Clause */
/* The cards of SD host controllers, and what callers ask of them. */
#include "drivers/sdhci/sdhci.h"

#include "drivers/sdhci/sdhci_private.h"

#define CLASS_SDHCI 0x080500u /* base system peripheral, SD host controller, any interface */

static struct pci_function *next(struct pci_function *after)
{
    return pci_find_class(CLASS_SDHCI, 0xffff00u, after);
}

static IOReturn open_function(struct pci_function *function)
{
    IOReturn status;

    sdhci_open(function, &status);
    return status;
}

static struct bus_devices cards = {.driver = "sdhci", .next = next, .open = open_function};

void sdhci_add(struct sdhci_card *card)
{
    bus_devices_add(&cards, &card->device);
}

void sdhci_remove(struct sdhci_card *card)
{
    bus_devices_remove(&cards, &card->device);
}

unsigned sdhci_count(void)
{
    return bus_devices_count(&cards);
}

struct sdhci_card *sdhci_get(unsigned index)
{
    return bus_devices_get(&cards, index);
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
