/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A place for every BAR. All of a bus is placed in the order of falling alignment, which
 * leaves no holes between BARs; a bridge's windows are as large as the same procedure, from
 * address 0 on, finds that what is behind it needs.
 */
#include "drivers/pci/pci_private.h"
#include "kernel/console.h"

#define LOW_END 0x100000000ull /* BARs of 32 bits, and windows that are not prefetchable */

/* --- Sizes ------------------------------------------------------------------------------------ */

static unsigned bar_count(const struct pci_function *function)
{
    return function->info.is_bridge ? 2 : PCI_BARS;
}

/* What remains of a BAR when all ones are written to it: the bits that it decodes are ones. */
static uint32_t probe(struct pci_function *function, unsigned at)
{
    const uint32_t before = pci_config_read32(function, at);
    uint32_t answer;

    pci_config_write32(function, at, UINT32_MAX);
    answer = pci_config_read32(function, at);
    pci_config_write32(function, at, before);
    return answer;
}

/* Decoding is off (silence): the address that stands there for a moment hits nobody. */
void pci_measure_bars(struct pci_function *function)
{
    const unsigned header = pci_config_read8(function, PCI_HEADER) & PCI_HEADER_TYPE;

    if (header > PCI_HEADER_BRIDGE) {
        return; /* a kind that nobody builds any more, with BARs in other places */
    }
    for (unsigned i = 0; i < bar_count(function); i++) {
        const unsigned at = PCI_BAR + 4 * i;
        const uint32_t answer = probe(function, at);
        struct pci_place *place = &function->bars[i];
        struct pci_bar *bar = &place->bar;
        uint64_t mask;

        bar->is_io = (answer & PCI_BAR_IO) != 0;
        mask = answer & ~(bar->is_io ? PCI_BAR_IO_FLAGS : PCI_BAR_MEMORY_FLAGS);
        bar->is_wide = !bar->is_io && (answer & PCI_BAR_TYPE) == PCI_BAR_WIDE;
        if (bar->is_wide && i + 1 < bar_count(function)) {
            mask |= (uint64_t)probe(function, at + 4) << 32;
            i++;
        } else {
            bar->is_wide = false;
        }
        bar->prefetchable = !bar->is_io && (answer & PCI_BAR_PREFETCHABLE) != 0;
        /* The lowest bit that is decoded is the size. */
        bar->size = mask & -mask;
        place->align = bar->size;
        if (bar->is_io && bar->size > 0x10000) {
            bar->size = 0x10000; /* ports have 16 bits, and the upper half may be wired to 0 */
        }
    }
}

/* --- What wants a place ----------------------------------------------------------------------- */

/* Which kind of window a BAR would rather be in. */
static enum pci_window_kind kind_of(const struct pci_bar *bar)
{
    return bar->is_wide && bar->prefetchable ? PCI_HIGH : PCI_LOW;
}

static bool wants_place(const struct pci_place *place)
{
    return place->bar.size != 0 && !place->bar.is_io && !place->placed && !place->dropped;
}

/* The next one of a bus to be placed in windows of this kind: the one with the largest alignment.
 */
static struct pci_place *next_place(struct pci_bus *bus, enum pci_window_kind kind,
                                    struct pci_function **owner)
{
    struct pci_place *best = NULL;

    for (struct pci_function *function = bus->first; function != NULL;
         function = function->sibling) {
        struct pci_place *const window = &function->windows[kind];

        for (unsigned i = 0; i < PCI_BARS; i++) {
            struct pci_place *place = &function->bars[i];

            if (wants_place(place) && kind_of(&place->bar) == kind &&
                (best == NULL || place->align > best->align)) {
                best = place;
                *owner = function;
            }
        }
        if (function->below != NULL && wants_place(window) &&
            (best == NULL || window->align > best->align)) {
            best = window;
            *owner = function;
        }
    }
    return best;
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

static void unplace(struct pci_bus *bus, enum pci_window_kind kind)
{
    for (struct pci_function *function = bus->first; function != NULL;
         function = function->sibling) {
        for (unsigned i = 0; i < PCI_BARS; i++) {
            if (kind_of(&function->bars[i].bar) == kind) {
                function->bars[i].placed = false;
            }
        }
        function->windows[kind].placed = false;
    }
}

/* How much a bus and all behind it need of one kind of window, as the window of its bridge. */
static void measure_bus(struct pci_bus *bus, enum pci_window_kind kind, struct pci_place *need)
{
    struct pci_function *owner;
    struct pci_place *place;
    uint64_t end = 0;

    for (struct pci_function *function = bus->first; function != NULL;
         function = function->sibling) {
        if (function->below != NULL) {
            measure_bus(function->below, kind, &function->windows[kind]);
        }
    }
    *need = (struct pci_place){.align = PCI_WINDOW_GRANULE};
    while ((place = next_place(bus, kind, &owner)) != NULL) {
        if (place->align > need->align) {
            need->align = place->align;
        }
        end = round_up(end, place->align) + place->bar.size;
        place->placed = true;
    }
    unplace(bus, kind);
    need->bar.size = round_up(end, PCI_WINDOW_GRANULE);
}

/* --- Places ----------------------------------------------------------------------------------- */

static void write_bar(struct pci_function *function, unsigned index)
{
    const struct pci_bar *bar = &function->bars[index].bar;

    pci_config_write32(function, PCI_BAR + 4 * index, (uint32_t)bar->bus);
    if (bar->is_wide) {
        pci_config_write32(function, PCI_BAR + 4 * index + 4, (uint32_t)(bar->bus >> 32));
    }
}

/*
 * Base and limit of a bridge, of which the lowest 20 bits are implied; a base above the limit
 * closes the window (PCI-to-PCI Bridge, sections 3.2.5.8 and 3.2.5.9).
 */
static void write_window(struct pci_function *bridge, enum pci_window_kind kind)
{
    const struct pci_place *window = &bridge->windows[kind];
    uint64_t first = 0xfff00000, last = 0;

    if (window->placed) {
        first = window->bar.bus;
        last = first + window->bar.size - 1;
    }

    const uint32_t both =
        (uint32_t)(first >> 16 & 0xfff0) | ((uint32_t)(last >> 16 & 0xfff0) << 16);

    if (kind == PCI_LOW) {
        pci_config_write32(bridge, PCI_MEMORY_BASE, both);
        return;
    }
    /*
     * Closed before its halves change, and by the lower half last: between the writes it must not
     * decode what is another's.
     */
    pci_config_write32(bridge, PCI_PREFETCH_BASE, 0x0000fff0);
    pci_config_write32(bridge, PCI_PREFETCH_UPPER, (uint32_t)(first >> 32));
    pci_config_write32(bridge, PCI_PREFETCH_UPPER + 4, (uint32_t)(last >> 32));
    pci_config_write32(bridge, PCI_PREFETCH_BASE, both);
}

static void put(struct pci_function *owner, struct pci_place *place, uint64_t bus, uint64_t cpu)
{
    place->bar.bus = bus;
    place->bar.base = paddr(cpu);
    place->placed = true;
    if (place >= owner->bars && place < owner->bars + PCI_BARS) {
        write_bar(owner, (unsigned)(place - owner->bars));
    }
}

/* All of a bus in the window of its bridge, which has been measured to fit. */
static void place_behind(struct pci_function *bridge, enum pci_window_kind kind)
{
    const struct pci_place *window = &bridge->windows[kind];
    uint64_t at = window->bar.bus;
    struct pci_function *owner;
    struct pci_place *place;

    while (window->placed && (place = next_place(bridge->below, kind, &owner)) != NULL) {
        at = round_up(at, place->align);
        put(owner, place, at, at - window->bar.bus + window->bar.base.value);
        at += place->bar.size;
    }
    for (struct pci_function *function = bridge->below->first; function != NULL;
         function = function->sibling) {
        if (function->below != NULL) {
            place_behind(function, kind);
        }
    }
}

/* Written so that no sum can wrap. */
static bool fits(uint64_t at, uint64_t size, uint64_t end)
{
    return size <= end && at <= end - size;
}

/* Room for one of the root bus's in a window of the host bridge. */
static bool take_room(struct pci_window *window, const struct pci_place *place, uint64_t end,
                      uint64_t *offset)
{
    /* Where this wraps it is too far from the beginning of a window, which does not. */
    const uint64_t at = round_up(window->bus + window->used, place->align);
    const uint64_t size = place->bar.size;

    if (!fits(at - window->bus, size, window->size) || !fits(at, size, end)) {
        return false;
    }
    *offset = at - window->bus;
    window->used = *offset + size;
    return true;
}

/*
 * What cannot have effects when it is read, or decodes 64 bits, may be in the other window, too.
 * The window of a bridge that is not prefetchable has 32 bits, whatever is behind it.
 */
static bool place_on_root(struct pci_host *host, struct pci_function *owner,
                          struct pci_place *place, enum pci_window_kind kind)
{
    const bool is_window = place == &owner->windows[kind];
    const bool may_be_high = kind == PCI_HIGH || (!is_window && place->bar.is_wide);
    const enum pci_window_kind order[] = {kind, kind == PCI_LOW ? PCI_HIGH : PCI_LOW};

    for (unsigned i = 0; i < 2; i++) {
        struct pci_window *window = &host->windows[order[i]];
        uint64_t offset;

        if (order[i] == PCI_HIGH && !may_be_high) {
            continue;
        }
        if (take_room(window, place, may_be_high ? UINT64_MAX : LOW_END, &offset)) {
            put(owner, place, window->bus + offset, window->cpu + offset);
            return true;
        }
    }
    return false;
}

/* The largest BAR of a kind on a bus and behind it. */
static struct pci_place *largest(struct pci_bus *bus, enum pci_window_kind kind,
                                 struct pci_function **owner)
{
    struct pci_place *best = NULL;

    for (struct pci_function *function = bus->first; function != NULL;
         function = function->sibling) {
        for (unsigned i = 0; i < PCI_BARS; i++) {
            struct pci_place *place = &function->bars[i];

            if (wants_place(place) && kind_of(&place->bar) == kind &&
                (best == NULL || place->bar.size > best->bar.size)) {
                best = place;
                *owner = function;
            }
        }
        if (function->below != NULL) {
            struct pci_function *there = NULL;
            struct pci_place *place = largest(function->below, kind, &there);

            if (place != NULL && (best == NULL || place->bar.size > best->bar.size)) {
                best = place;
                *owner = there;
            }
        }
    }
    return best;
}

static void drop(struct pci_function *owner, struct pci_place *place)
{
    const struct pci_info *info = &owner->info;

    place->dropped = true;
    kprintf("pci: %02x:%02x.%u (%04x:%04x): no window has room for its BAR %u of 0x%llx bytes\n",
            info->bus, info->slot, info->number, info->vendor, info->device,
            (unsigned)(place - owner->bars), (unsigned long long)place->bar.size);
}

/* Room for the window of a bridge; behind it the largest BAR is left out until it fits. */
static void place_bridge(struct pci_host *host, struct pci_function *bridge,
                         enum pci_window_kind kind)
{
    struct pci_place *window = &bridge->windows[kind];

    while (window->bar.size != 0 && !place_on_root(host, bridge, window, kind)) {
        struct pci_function *owner = NULL;
        /* There is one: a window has a size by what wants a place in it. */
        struct pci_place *place = largest(bridge->below, kind, &owner);

        drop(owner, place);
        measure_bus(bridge->below, kind, window);
    }
    place_behind(bridge, kind);
}

static void place_root(struct pci_host *host, struct pci_bus *root, enum pci_window_kind kind)
{
    struct pci_function *owner = NULL;
    struct pci_place *place;

    while ((place = next_place(root, kind, &owner)) != NULL) {
        if (place == &owner->windows[kind]) {
            place_bridge(host, owner, kind);
        } else if (!place_on_root(host, owner, place, kind)) {
            drop(owner, place);
        }
    }
}

/* What bridges let through upwards and downwards, once their windows are right. */
static void open_bridges(struct pci_bus *bus)
{
    for (struct pci_function *function = bus->first; function != NULL;
         function = function->sibling) {
        if (function->below == NULL) {
            continue;
        }
        for (unsigned kind = 0; kind < PCI_WINDOWS; kind++) {
            write_window(function, kind);
        }
        pci_config_write16(function, PCI_IO_BASE, 0x00f0); /* no ports */
        open_bridges(function->below);
        /* Mastering passes on what is behind it; of itself it sends nothing before it is asked to.
         */
        pci_config_write16(
            function, PCI_COMMAND,
            (uint16_t)(pci_config_read16(function, PCI_COMMAND) | PCI_MEMORY | PCI_MASTER));
    }
}

void pci_assign(struct pci_host *host, struct pci_bus *root)
{
    for (unsigned kind = 0; kind < PCI_WINDOWS; kind++) {
        for (struct pci_function *function = root->first; function != NULL;
             function = function->sibling) {
            if (function->below != NULL) {
                measure_bus(function->below, kind, &function->windows[kind]);
            }
        }
    }
    /*
     * The high kind first: what finds no room there is placed low, before the low window is full of
     * small ones.
     */
    place_root(host, root, PCI_HIGH);
    place_root(host, root, PCI_LOW);
    open_bridges(root);
}
