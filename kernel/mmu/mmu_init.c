/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct map: RAM at start-up, devices when drivers ask. Nothing is ever
 * taken out of it, and what boot mapped (the image, the device tree, a UART)
 * keeps its permissions.
 */
#include "boot/boot_info.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "kernel/mmu/mmu_arch.h"
#include "kernel/mmu/mmu_private.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/startup.h"

extern char __image_start[], __image_end[];

/* How many entries from one on are as it is, empty or not, of those that `size` bytes have. */
static unsigned alike(const pte_t *entry, unsigned room, unsigned level)
{
    unsigned count = 1;

    /* Most are pages that are empty: of those nothing else is asked. */
    if (entry[0] == 0) {
        while (count < room && entry[count] == 0) {
            count++;
        }
        return count;
    }
    while (count < room && entry[count] != 0 && !pte_is_table(entry[count], level)) {
        count++;
    }
    return count;
}

/*
 * The entries of one table that cover pa and what follows: fill the empty ones; `page` is
 * what a page has besides its address. Returns how many bytes are done; 0: no table to be had.
 */
static uint64_t fill_table(paddr_t pa, uint64_t size, pte_t page)
{
    const vaddr_t va = (vaddr_t)phys_to_virt(pa);
    const unsigned fitting = mmu_leaf_level(va, pa, size);
    struct mmu_found at;

    while (at = mmu_find(mmu_kernel, va), at.level < fitting && *at.entry == 0) {
        if (mmu_add_tables(mmu_kernel, va, fitting) != KERN_SUCCESS) {
            return 0;
        }
    }
    /*
     * From one walk as far as this table goes: a walk for each of the 512 would be most of
     * start-up.
     */
    const uint64_t span = LEVEL_SPAN(at.level), left = size >> LEVEL_SHIFT(at.level);
    const unsigned room = TABLE_ENTRIES - (unsigned)LEVEL_INDEX(va, at.level);
    const unsigned count = alike(at.entry, left < room ? (unsigned)left : room, at.level);

    /* Mapped already, by boot or for another driver: left as it is, rights and type. */
    if (*at.entry == 0) {
        for (unsigned i = 0; i < count; i++) {
            pte_set(&at.entry[i], (pa.value | mmu_encoded_at(page, at.level)) + i * span);
        }
        mmu_count_entries(at.parent, (int)count);
    }
    /* A block that boot mapped may begin before and reach beyond. */
    return count * span - (pa.value & (span - 1));
}

/* Pages that are left as they are. */
struct hole {
    uint64_t start, end;
};

/* Outward: a page that is only partly somebody else's is not touched. */
static struct hole pages_of(uint64_t base, uint64_t size)
{
    return (struct hole){base & ~PAGE_MASK, (base + size + PAGE_MASK) & ~PAGE_MASK};
}

/*
 * The first hole in [start, end), or nothing at its end. The image: boot has mapped it,
 * and its own holes are stack guards. Memory that the tree marks no-map: somebody else
 * owns it, so not even a speculative access may go there, which any mapping allows.
 */
static struct hole first_hole(uint64_t start, uint64_t end)
{
    const struct devicetree_machine *machine = devicetree_machine();
    const uint64_t image = virt_to_phys(__image_start).value;
    struct hole first = {end, end};
    struct hole next = pages_of(image, (uint64_t)(__image_end - __image_start));

    for (unsigned i = 0;; i++) {
        if (next.start < first.start && next.end > start) {
            first = next;
        }
        while (i < machine->reserved_count && !machine->no_map[i]) {
            i++;
        }
        if (i == machine->reserved_count) {
            return first;
        }
        next = pages_of(machine->reserved[i].base.value, machine->reserved[i].size);
    }
}

/*
 * Tables for all of RAM. How many depends on its pieces, so they come from RAM itself, and
 * what holds them must be mapped first, by the few that the image brings along.
 */
#define TABLES_A_PIECE 6 /* at either end one of each level */
#define TABLES_A_CALL  3 /* the most that one call of fill_table can add */

static bool asked; /* for tables in RAM, once */

static struct devicetree_range withheld[MMU_WITHHELD_MAX];
static unsigned withheld_count;

/* An upper bound: of a piece there are its ends, and a table for each 512 GiB of 1 GiB blocks. */
static unsigned tables_for_ram(void)
{
    const struct devicetree_machine *machine = devicetree_machine();
    unsigned count = TABLES_A_PIECE * (machine->reserved_count + 1);

    for (unsigned i = 0; i < machine->memory_count; i++) {
        count += TABLES_A_PIECE + (unsigned)(machine->memory[i].size / LEVEL_SPAN(0));
    }
    return count;
}

/* In the way of `size` bytes at `start`: the image or something reserved; or NULL. */
static const struct hole *obstacle(uint64_t start, uint64_t size, struct hole *found)
{
    const struct devicetree_machine *machine = devicetree_machine();

    *found = pages_of(virt_to_phys(__image_start).value, (uint64_t)(__image_end - __image_start));
    for (unsigned i = 0;; i++) {
        if (found->start < start + size && start < found->end) {
            return found;
        }
        if (i == machine->reserved_count) {
            return NULL;
        }
        *found = pages_of(machine->reserved[i].base.value, machine->reserved[i].size);
    }
}

/* The first place in a bank for `size` bytes that nothing is in the way of; 0: none. */
static uint64_t place_in(const struct devicetree_range *bank, uint64_t size)
{
    const uint64_t end = bank->base.value + bank->size;
    uint64_t start = (bank->base.value + PAGE_MASK) & ~PAGE_MASK;
    struct hole found;

    while (start != 0 && start < end && end - start >= size) {
        if (obstacle(start, size, &found) == NULL) {
            return start;
        }
        /* Whole pages still: holes are. */
        start = found.end;
    }
    return 0;
}

static void add_tables(struct mmu_attributes ram);

/* Map what is not mapped yet of [pa, pa + size); whole pages. */
static kern_return_t fill(paddr_t pa, uint64_t size, struct mmu_attributes attributes)
{
    uint64_t done;
    pte_t page;

    mmu_encode(mmu_kernel, attributes, LEAF_LEVEL, &page);
    for (uint64_t at = 0; at < size; at += done) {
        /* Between two calls: what add_tables maps may need the entry that a call is about. */
        if (page_last() == 0 && !asked &&
            mmu_early_tables_left() < TABLES_A_PIECE + TABLES_A_CALL) {
            asked = true;
            add_tables(attributes);
        }
        done = fill_table(paddr_add(pa, at), size - at, page);
        if (done == 0) {
            return KERN_RESOURCE_SHORTAGE;
        }
    }
    mmu_arch_publish();
    return KERN_SUCCESS;
}

static void add_tables(struct mmu_attributes ram)
{
    const struct devicetree_machine *machine = devicetree_machine();

    for (unsigned count = tables_for_ram(); count != 0; count /= 2) {
        for (unsigned i = 0; i < machine->memory_count; i++) {
            const uint64_t start = place_in(&machine->memory[i], count * PAGE_SIZE);

            /*
             * Fewer rather than none: what they do not reach is given up, and the rest can be used.
             */
            if (start != 0 && fill(paddr(start), count * PAGE_SIZE, ram) == KERN_SUCCESS) {
                mmu_early_tables_add(paddr(start), count);
                return;
            }
        }
    }
}

/* A bank is given up once at most; one entry is for the tables themselves. */
_Static_assert(DEVICETREE_MEMORY_MAX < MMU_WITHHELD_MAX, "room for every bank");

/* What no table is left for is nobody's: it is told, and never handed out. */
static void give_up(uint64_t start, uint64_t end)
{
    kprintf("mmu: no tables for %#llx bytes of memory at %#llx, which are not used\n",
            (unsigned long long)(end - start), (unsigned long long)start);
    withheld[withheld_count++] = (struct devicetree_range){paddr(start), end - start};
}

static void map_ram(uint64_t start, uint64_t end)
{
    const struct mmu_attributes ram = {.access = MMU_READ | MMU_WRITE, .memory = MMU_NORMAL};

    while (start < end) {
        const struct hole hole = first_hole(start, end);

        if (start < hole.start && fill(paddr(start), hole.start - start, ram) != KERN_SUCCESS) {
            /*
             * All the rest of the piece, though a part of it may be mapped by now: how far the
             * tables went is known to nobody.
             */
            give_up(start, end);
            return;
        }
        start = hole.end;
    }
}

/*
 * A handler's window. The first page there is mapped in name only and for good, so that the
 * tables to the second never have to be made; the second always shows something, so that what
 * is mapped is the same before and after.
 */
#define BORROW_BASE MMU_KERNEL_MAP_END

static void borrow_init(void)
{
    const struct mmu_attributes nothing = {.access = 0};

    if (mmu_map(mmu_kernel, BORROW_BASE, paddr(0), 2 * PAGE_SIZE, nothing) != KERN_SUCCESS) {
        panic("mmu: no page for the tables of a handler's window");
    }
    mmu_count_mapped(mmu_kernel, -2); /* nobody's mappings */
}

/* The image's bank first: everything else can be done without. */
static bool holds_image(const struct devicetree_range *bank)
{
    const uint64_t image = virt_to_phys(__image_start).value;

    return image >= bank->base.value && image - bank->base.value < bank->size;
}

static void map_bank(const struct devicetree_range *bank)
{
    /* Inward: a page that is only partly RAM may have something else's registers in it. */
    const uint64_t start = (bank->base.value + PAGE_MASK) & ~PAGE_MASK;
    const uint64_t end = (bank->base.value + bank->size) & ~PAGE_MASK;

    map_ram(start, end);
}

void mmu_init(void)
{
    const struct devicetree_machine *machine = devicetree_machine();

    /* Boot's own table goes on being used: the image runs in it. */
    mmu_kernel->root = paddr(boot_info.kernel_root_table);
    /* Before any leaf is made: what its bits mean depends on it. */
    mmu_dirty_init();
    borrow_init(); /* first: it cannot do without tables, as memory can */
    for (unsigned i = 0; i < machine->memory_count; i++) {
        if (holds_image(&machine->memory[i])) {
            map_bank(&machine->memory[i]);
        }
    }
    for (unsigned i = 0; i < machine->memory_count; i++) {
        if (!holds_image(&machine->memory[i])) {
            map_bank(&machine->memory[i]);
        }
    }
}

volatile void *mmu_borrow_device(paddr_t pa)
{
    const struct mmu_attributes device = {.access = MMU_READ | MMU_WRITE, .memory = MMU_DEVICE};
    const vaddr_t va = BORROW_BASE + PAGE_SIZE;
    const paddr_t page = paddr(pa.value & ~PAGE_MASK);

    if (pa.value >= DIRECT_MAP_SIZE || page_get_state(page) != PAGE_FOREIGN) {
        return NULL;
    }
    /* Break before make: the window shows something else now. */
    mmu_clear(mmu_kernel, va, PAGE_SIZE);
    if (mmu_map(mmu_kernel, va, page, PAGE_SIZE, device) != KERN_SUCCESS) {
        return NULL;
    }
    return (volatile void *)(va + (pa.value & PAGE_MASK));
}

unsigned mmu_withheld(struct devicetree_range ranges[MMU_WITHHELD_MAX])
{
    unsigned tables, count = 0;
    paddr_t first;

    while (count < withheld_count) {
        ranges[count] = withheld[count];
        count++;
    }
    /* Those that were not needed are ordinary memory again. */
    tables = mmu_early_tables_used(&first);
    if (tables != 0) {
        ranges[count++] = (struct devicetree_range){first, tables * PAGE_SIZE};
    }
    return count;
}

volatile void *mmu_map_device(paddr_t pa, uint64_t size)
{
    const struct mmu_attributes device = {.access = MMU_READ | MMU_WRITE, .memory = MMU_DEVICE};
    paddr_t start = paddr(pa.value & ~PAGE_MASK);
    uint64_t bytes;

    if (size == 0 || pa.value >= DIRECT_MAP_SIZE || size > DIRECT_MAP_SIZE - pa.value) {
        return NULL;
    }
    bytes = (pa.value + size - start.value + PAGE_MASK) & ~PAGE_MASK;
    for (uint64_t at = 0; at < bytes; at += PAGE_SIZE) {
        /*
         * RAM is in the direct map as cacheable: a second view as Device would be mismatched
         * attributes (Arm ARM, "Mismatched memory attributes").
         */
        if (page_get_state(paddr_add(start, at)) != PAGE_FOREIGN) {
            return NULL;
        }
    }
    if (fill(start, bytes, device) != KERN_SUCCESS) {
        return NULL;
    }
    /* For good, and the same address each time: two devices in one page share the mapping of it. */
    return phys_to_virt(pa);
}
