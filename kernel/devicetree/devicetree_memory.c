/* SPDX-License-Identifier: BSD-2-Clause */
/* Where RAM is and what of it is taken, and places for what the tree wants taken somewhere. */
#include <libfdt.h>

#include "kernel/console.h"
#include "kernel/devicetree/devicetree_private.h"
#include "kernel/direct_map.h"

/* Weak, for host tests of the reader alone: there is no image then. */
extern char __image_start[] __attribute__((weak)), __image_end[] __attribute__((weak));

/* A child of /reserved-memory with a size and no place (Devicetree Specification, 3.5). */
struct area {
    int node;
    uint64_t size, alignment;
    struct property ranges; /* where it may be; none: anywhere */
    uint8_t address_cells, size_cells;
    bool no_map;
    struct devicetree_range place; /* size 0: none was found */
};

#define AREAS_MAX 16

static struct devicetree_machine machine;
static struct area areas[AREAS_MAX];
static unsigned area_count;
static bool overfull;

const struct devicetree_machine *devicetree_machine(void)
{
    return &machine;
}

void memory_forget(void)
{
    machine.memory_count = 0;
    machine.reserved_count = 0;
    area_count = 0;
    overfull = false;
}

bool memory_is_overfull(void)
{
    return overfull;
}

void memory_reserve(uint64_t base, uint64_t size, bool no_map)
{
    if (size == 0) {
        return;
    }
    if (machine.reserved_count < DEVICETREE_RESERVED_MAX) {
        machine.no_map[machine.reserved_count] = no_map;
        machine.reserved[machine.reserved_count++] = (struct devicetree_range){paddr(base), size};
    } else {
        /*
         * Told at the end of the walk: what is forgotten here would be handed out as free memory.
         */
        overfull = true;
    }
}

static uint64_t end_of(const struct devicetree_range *range)
{
    return range->base.value + range->size;
}

/*
 * Banks that touch are one: QEMU has a node for each NUMA node, whose sizes may be odd. Those
 * that overlap say twice what is there once.
 */
static bool join(struct devicetree_range *bank, const struct devicetree_range *other)
{
    const uint64_t start =
        bank->base.value < other->base.value ? bank->base.value : other->base.value;
    const uint64_t end = end_of(bank) > end_of(other) ? end_of(bank) : end_of(other);

    if (bank->base.value > end_of(other) || other->base.value > end_of(bank)) {
        return false;
    }
    *bank = (struct devicetree_range){paddr(start), end - start};
    return true;
}

static bool holds_image(const struct devicetree_range *bank)
{
    const uint64_t image = virt_to_phys(__image_start).value;

    return image >= bank->base.value && image - bank->base.value < bank->size;
}

/* Which of the banks, and of one more, to do without: the smallest, but not where we run. */
static void give_up_bank(struct devicetree_range *bank)
{
    for (unsigned i = 0; i < machine.memory_count; i++) {
        struct devicetree_range *const other = &machine.memory[i];

        if (holds_image(bank) || (other->size < bank->size && !holds_image(other))) {
            const struct devicetree_range kept = *bank;

            *bank = *other;
            *other = kept;
        }
    }
    kprintf("devicetree: more than %u banks; %#llx bytes at %#llx are not used\n",
            DEVICETREE_MEMORY_MAX, (unsigned long long)bank->size,
            (unsigned long long)bank->base.value);
}

static void add_bank(struct devicetree_range bank)
{
    for (unsigned i = 0; i < machine.memory_count;) {
        if (join(&bank, &machine.memory[i])) {
            machine.memory[i] = machine.memory[--machine.memory_count];
            i = 0; /* it may touch one that it did not touch before */
        } else {
            i++;
        }
    }
    if (machine.memory_count == DEVICETREE_MEMORY_MAX) {
        give_up_bank(&bank);
        return;
    }
    machine.memory[machine.memory_count++] = bank;
}

void memory_add(const struct device *node)
{
    struct devicetree_range bank;

    for (unsigned i = 0; device_read_reg(node, i, &bank) == KERN_SUCCESS; i++) {
        if (bank.base.value >= DIRECT_MAP_SIZE || bank.size > DIRECT_MAP_SIZE - bank.base.value) {
            kprintf("devicetree: of %#llx bytes at %#llx what lies above %#llx is not used\n",
                    (unsigned long long)bank.size, (unsigned long long)bank.base.value,
                    (unsigned long long)DIRECT_MAP_SIZE);
            if (bank.base.value >= DIRECT_MAP_SIZE) {
                continue;
            }
            bank.size = DIRECT_MAP_SIZE - bank.base.value;
        }
        /* Less RAM is no danger, so it is only said; forgetting a reservation is one. */
        if (bank.size != 0) {
            add_bank(bank);
        }
    }
}

/* To be placed when the walk is over: what lies further on in the tree may be in the way. */
static void add_area(const struct device *node, const struct property *properties)
{
    struct area area = {.node = node->node,
                        .alignment = PAGE_SIZE, /* and whole pages: nobody else's share them */
                        .ranges = properties[ALLOC_RANGES],
                        .address_cells = node->address_cells,
                        .size_cells = node->size_cells,
                        .no_map = properties[NO_MAP].value != NULL};
    uint64_t alignment = 0;

    if (!cells_read_property(&properties[SIZE], &area.size) || area.size == 0 ||
        area.size > DIRECT_MAP_SIZE) {
        return;
    }
    area.size = (area.size + PAGE_MASK) & ~PAGE_MASK;
    if (cells_read_property(&properties[ALIGNMENT], &alignment) && alignment > PAGE_SIZE) {
        area.alignment = alignment;
    }
    if (area_count == AREAS_MAX) {
        overfull = true;
        return;
    }
    areas[area_count++] = area;
}

/*
 * /reserved-memory must say `ranges;`. Where it does not, its children mean the root's
 * addresses all the same: not to keep clear of them would hand out memory in use.
 */
void memory_add_reserved(const struct device *node, const struct property *properties)
{
    const bool no_map = properties[NO_MAP].value != NULL;
    struct device in_root = *node;
    struct devicetree_range range;

    if (properties[REG].value == NULL) {
        add_area(node, properties);
        return;
    }
    in_root.depth = 1;
    for (unsigned i = 0; device_read_reg(node, i, &range) == KERN_SUCCESS ||
                         device_read_reg(&in_root, i, &range) == KERN_SUCCESS;
         i++) {
        memory_reserve(range.base.value, range.size, no_map);
    }
}

/* Is anything in the way of [start, start + size)? Then where the lowest of it begins. */
static bool is_taken(uint64_t start, uint64_t size, uint64_t *lowest)
{
    const struct devicetree_range image = {virt_to_phys(__image_start),
                                           (uint64_t)(__image_end - __image_start)};

    *lowest = UINT64_MAX;
    for (unsigned i = 0; i <= machine.reserved_count; i++) {
        const struct devicetree_range *const taken =
            i < machine.reserved_count ? &machine.reserved[i] : &image;
        const uint64_t base = taken->base.value;

        /* By distances: a reservation may say that it ends beyond 2^64. */
        if (taken->size != 0 && base < start + size &&
            (base >= start || start - base < taken->size) && base < *lowest) {
            *lowest = base;
        }
    }
    return *lowest != UINT64_MAX;
}

/* The highest place for an area in [low, high) of a bank; 0: there is none. */
static uint64_t highest_place(const struct area *area, uint64_t low, uint64_t high)
{
    while (high > low && high - low >= area->size) {
        const uint64_t start = (high - area->size) & ~(area->alignment - 1);
        uint64_t lowest;

        if (start < low) {
            return 0;
        }
        if (!is_taken(start, area->size, &lowest)) {
            return start;
        }
        high = lowest; /* which is less: each round leaves one reservation behind */
    }
    return 0;
}

static uint64_t place_in_banks(const struct area *area, uint64_t low, uint64_t high)
{
    uint64_t best = 0;

    for (unsigned i = 0; i < machine.memory_count; i++) {
        const struct devicetree_range *const bank = &machine.memory[i];
        const uint64_t from = bank->base.value > low ? bank->base.value : low;
        const uint64_t to = end_of(bank) < high ? end_of(bank) : high;
        const uint64_t place = highest_place(area, from, to);

        /* As low as may be: devices that cannot address everything are who asks for such areas. */
        if (place != 0 && (best == 0 || place < best)) {
            best = place;
        }
    }
    return best;
}

/* In the first of its ranges that has room, or, without any, anywhere. */
static uint64_t place_of(const struct area *area)
{
    const unsigned pair = area->address_cells + area->size_cells;

    if (area->ranges.value == NULL) {
        return place_in_banks(area, 0, DIRECT_MAP_SIZE);
    }
    for (unsigned at = 0; pair != 0 && (at + pair) * 4 <= area->ranges.length; at += pair) {
        const char *const cells = area->ranges.value + at * 4;
        uint64_t base, size, place;

        if (!cells_read(cells, area->address_cells, &base) ||
            !cells_read(cells + area->address_cells * 4, area->size_cells, &size) ||
            base >= DIRECT_MAP_SIZE) {
            continue;
        }
        place = place_in_banks(area, base,
                               size < DIRECT_MAP_SIZE - base ? base + size : DIRECT_MAP_SIZE);
        if (place != 0) {
            return place;
        }
    }
    return 0;
}

void memory_place_areas(void)
{
    for (unsigned i = 0; i < area_count; i++) {
        struct area *const area = &areas[i];
        const uint64_t place = is_power_of_two(area->alignment) ? place_of(area) : 0;

        if (place == 0) {
            const char *const name = fdt_get_name(devicetree(), area->node, NULL);

            kprintf("devicetree: no place for the %#llx bytes of /reserved-memory/%s\n",
                    (unsigned long long)area->size, name != NULL ? name : "?");
            continue;
        }
        area->place = (struct devicetree_range){paddr(place), area->size};
        memory_reserve(place, area->size, area->no_map);
    }
}

kern_return_t devicetree_reserved(int node, struct devicetree_range *range)
{
    for (unsigned i = 0; i < area_count; i++) {
        if (areas[i].node == node && areas[i].place.size != 0) {
            *range = areas[i].place;
            return KERN_SUCCESS;
        }
    }
    return KERN_INVALID_ADDRESS;
}
