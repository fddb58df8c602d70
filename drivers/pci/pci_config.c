/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration space: single accesses, and the lists of capabilities in it. */
#include "drivers/pci/pci_private.h"
#include "kernel/console.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"

#define SHIFT_BUS      20
#define SHIFT_SLOT     15
#define SHIFT_FUNCTION 12

/*
 * Lists are a device's word. Each capability has four bytes at least, so this many is all that the
 * space behind the header has room for, and a list that is longer goes round.
 */
#define LIST_MAX          ((PCI_SPACE - 0x40u) / 4)
#define EXTENDED_LIST_MAX ((PCI_EXTENDED_SPACE - PCI_SPACE) / 4)

volatile char *pci_host_config(struct pci_host *host, unsigned bus, unsigned slot, unsigned number)
{
    const uint64_t start = (uint64_t)(bus - host->first_bus) << SHIFT_BUS;

    /*
     * Buses are mapped as they are met, two at a time: that is one block of the page tables, where
     * all 256 would be 128.
     */
    if (start >= host->mapped) {
        const uint64_t end = (start & ~(uint64_t)PCI_BUS_SIZE) + 2 * PCI_BUS_SIZE;
        const uint64_t most = end < host->size ? end : host->size;

        if (mmu_map_device(paddr_add(host->base, host->mapped), most - host->mapped) == NULL) {
            return NULL;
        }
        host->mapped = most;
    }
    return host->space + start + ((size_t)slot << SHIFT_SLOT) + ((size_t)number << SHIFT_FUNCTION);
}

static bool is_inside(const struct pci_function *function, unsigned offset, unsigned width)
{
    return offset % width == 0 && offset < function->config_size;
}

uint8_t pci_config_read8(const struct pci_function *function, unsigned offset)
{
    return is_inside(function, offset, 1) ? mmio_read8(function->config, offset) : UINT8_MAX;
}

uint16_t pci_config_read16(const struct pci_function *function, unsigned offset)
{
    return is_inside(function, offset, 2) ? mmio_read16(function->config, offset) : UINT16_MAX;
}

uint32_t pci_config_read32(const struct pci_function *function, unsigned offset)
{
    return is_inside(function, offset, 4) ? mmio_read32(function->config, offset) : UINT32_MAX;
}

void pci_config_write8(struct pci_function *function, unsigned offset, uint8_t value)
{
    if (is_inside(function, offset, 1)) {
        mmio_write8(function->config, offset, value);
    }
}

void pci_config_write16(struct pci_function *function, unsigned offset, uint16_t value)
{
    if (is_inside(function, offset, 2)) {
        mmio_write16(function->config, offset, value);
    }
}

void pci_config_write32(struct pci_function *function, unsigned offset, uint32_t value)
{
    if (is_inside(function, offset, 4)) {
        mmio_write32(function->config, offset, value);
    }
}

/* --- Capabilities ----------------------------------------------------------------------------- */

/* The pointer at `at`, without its low bits, which are reserved (PCI Local Bus, section 6.7). */
static unsigned pointer_at(const struct pci_function *function, unsigned at)
{
    return pci_config_read8(function, at) & ~3u;
}

/*
 * The capability behind `at`, 0: the first. 0: no more. Nothing but the header lies below 0x40: a
 * pointer to there is none.
 */
static unsigned next_of(const struct pci_function *function, unsigned at)
{
    const unsigned next = pointer_at(function, at == 0 ? PCI_CAPABILITIES : at + 1);

    return next >= 0x40 ? next : 0;
}

static bool has_list(const struct pci_function *function)
{
    return (pci_config_read16(function, PCI_STATUS) & PCI_STATUS_LIST) != 0 &&
           !function->info.is_malformed;
}

unsigned pci_find_capability(const struct pci_function *function, uint8_t id, unsigned after)
{
    unsigned at = after;

    if (!has_list(function) || (after != 0 && (after < 0x40 || after >= PCI_SPACE))) {
        return 0;
    }
    for (unsigned i = 0; i < LIST_MAX; i++) {
        at = next_of(function, at);
        if (at == 0 || pci_config_read8(function, at) == id) {
            return at;
        }
    }
    return 0;
}

/*
 * Once, by the search: whoever walks the list later may rely on its end. Said once, too, and
 * the function is left to a driver that can do without.
 */
void pci_check_capabilities(struct pci_function *function)
{
    const struct pci_info *info = &function->info;
    unsigned at = 0, count = 0;
    const char *wrong = NULL;

    if (!has_list(function)) {
        return;
    }
    while (wrong == NULL) {
        const unsigned next = pointer_at(function, at == 0 ? PCI_CAPABILITIES : at + 1);

        if (next == 0) {
            return;
        }
        if (next < 0x40) {
            wrong = "points into the header";
        } else if (pci_config_read8(function, next) == UINT8_MAX) {
            wrong = "leads to where nothing is";
        } else if (++count > LIST_MAX) {
            wrong = "goes round";
        }
        at = next;
    }
    function->info.is_malformed = true;
    kprintf("pci: %02x:%02x.%u (%04x:%04x): its list of capabilities %s; it is not used\n",
            info->bus, info->slot, info->number, info->vendor, info->device, wrong);
}

unsigned pci_find_extended_capability(const struct pci_function *function, uint16_t id,
                                      unsigned after)
{
    unsigned at = after;

    if (after != 0 && after < PCI_SPACE) {
        return 0;
    }
    for (unsigned i = 0; i < EXTENDED_LIST_MAX; i++) {
        /* Of the first there is no pointer: it is where the space begins. */
        at = at == 0 ? PCI_SPACE : pci_config_read32(function, at) >> 20 & ~3u;
        if (at < PCI_SPACE) {
            return 0;
        }

        const uint32_t header = pci_config_read32(function, at);

        /* All ones: a function without the space, or nobody; 0: the list is empty. */
        if (header == PCI_NOBODY || header == 0) {
            return 0;
        }
        if ((header & 0xffff) == id) {
            return at;
        }
    }
    return 0;
}
