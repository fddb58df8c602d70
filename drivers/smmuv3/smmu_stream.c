/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream table: whose tables a device's accesses go through. An entry without its valid
 * bit blocks the device, and what it tried is an event. So all of them are zero at first.
 */
#include <string.h>

#include "drivers/smmuv3/smmu_private.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
#include "kernel/panic.h"

/*
 * Bits of a stream's number that choose in the second level: then its tables are a page, and are to
 * be had whatever has become of memory. Of the first level, two pages with all 16 bits, half is
 * enough for the buses below 128.
 */
#define SPLIT         6u
#define TABLE_BYTES   (STE_BYTES << SPLIT)
#define STREAM_MAX    16u /* bits: what a PCI requester has */
#define ASIDS_OF(cfg) ((cfg)->wide_asid ? 1u << 16 : 1u << 8)
#define ASIDS_OF_MAP  (8u * (unsigned)PAGE_SIZE)

_Static_assert(TABLE_BYTES == PAGE_SIZE, "a page each");

/* A block of the allocator, zeroed; it is aligned to its size, as these tables have to be (6.3.24).
 */
static uint64_t *make_table(uint64_t bytes, unsigned *order)
{
    paddr_t block;

    *order = 0;
    while (PAGE_SIZE << *order < bytes) {
        ++*order;
    }
    if (page_alloc(*order, PAGE_OWNER_DRIVER, &block) != KERN_SUCCESS) {
        return NULL;
    }
    return memset(phys_to_virt(block), 0, PAGE_SIZE << *order);
}

static void free_table(uint64_t *table, unsigned order)
{
    KERNEL_CHECK(table == NULL || page_free(virt_to_phys(table), order) == KERN_SUCCESS);
}

static bool make_first_level(struct smmu *unit)
{
    if (unit->stream_bits > STREAM_MAX) {
        unit->stream_bits = STREAM_MAX;
    }
    unit->two_levels = unit->two_levels && unit->stream_bits > SPLIT;
    if (!unit->two_levels) {
        unit->streams = make_table((uint64_t)STE_BYTES << unit->stream_bits, &unit->stream_order);
        return unit->streams != NULL;
    }
    for (;;) {
        unit->streams =
            make_table(sizeof(uint64_t) << (unit->stream_bits - SPLIT), &unit->stream_order);
        if (unit->streams != NULL || unit->stream_order == 0) {
            return unit->streams != NULL;
        }
        /* Streams without an entry are blocked, and recorded, like those with one of zeros. */
        unit->stream_bits--;
    }
}

static bool make_asids(struct smmu *unit)
{
    unsigned order;

    for (unsigned i = 0; i < SMMU_ASID_MAPS && i * ASIDS_OF_MAP < ASIDS_OF(unit); i++) {
        unit->asids[i] = make_table(PAGE_SIZE, &order);
        if (unit->asids[i] == NULL) {
            return false;
        }
    }
    return true;
}

IOReturn smmu_streams_create(struct smmu *unit)
{
    if (!make_first_level(unit) || !make_asids(unit)) {
        return kIOReturnNoMemory;
    }
    mmio_write64(unit->registers, SMMU_STRTAB_BASE,
                 virt_to_phys(unit->streams).value | BASE_ALLOCATES);
    mmio_write32(unit->registers, SMMU_STRTAB_BASE_CFG,
                 (unit->two_levels ? STRTAB_TWO_LEVELS | STRTAB_SPLIT(SPLIT) : 0) |
                     unit->stream_bits);
    return kIOReturnSuccess;
}

/* The second level that an entry of the first leads to; NULL: it has none. */
static uint64_t *table_at(uint64_t first)
{
    return first == 0 ? NULL : phys_to_virt(paddr(first & STREAM_L1_TABLE));
}

void smmu_streams_destroy(struct smmu *unit)
{
    const unsigned tables =
        unit->streams != NULL && unit->two_levels ? 1u << (unit->stream_bits - SPLIT) : 0;

    for (unsigned i = 0; i < tables; i++) {
        free_table(table_at(unit->streams[i]), 0);
    }
    free_table(unit->streams, unit->stream_order);
    for (unsigned i = 0; i < SMMU_ASID_MAPS; i++) {
        free_table(unit->asids[i], 0);
    }
}

static void store(uint64_t *word, uint64_t value)
{
    *(volatile uint64_t *)word = value;
}

/* Under the lock. */
static bool tell_stream(struct smmu *unit, uint32_t stream, bool leaf)
{
    smmu_command(unit, COMMAND_CFGI_STE | COMMAND_STREAM(stream), leaf ? COMMAND_LEAF : 0);
    return smmu_sync(unit);
}

/* The words of a stream's entry; NULL: no memory for the table that has it. */
static uint64_t *entry_of(struct smmu *unit, uint32_t stream)
{
    const uint32_t group = stream >> SPLIT, within = stream & ((1u << SPLIT) - 1);
    lock_state_t state;
    uint64_t *table;
    unsigned order;

    if (!unit->two_levels) {
        return unit->streams + (uint64_t)stream * STE_WORDS;
    }
    table = table_at(unit->streams[group]);
    if (table == NULL) {
        /* Of some slots once one has a driver; it stays, as long as the unit. */
        table = make_table(TABLE_BYTES, &order);
        if (table == NULL) {
            return NULL;
        }
        cpu_dmb_sy(); /* the zeros, which block, before what leads to them, in one store */
        store(&unit->streams[group], virt_to_phys(table).value | (SPLIT + 1));
        state = lock_take(&unit->lock);
        tell_stream(unit, stream, false);
        lock_release(&unit->lock, state);
    }
    return table + (uint64_t)within * STE_WORDS;
}

static uint64_t *asid_word(struct smmu *unit, uint32_t asid)
{
    return &unit->asids[asid / ASIDS_OF_MAP][asid % ASIDS_OF_MAP / 64];
}

/* The lowest that is free; 0, which is nobody's: there is none. */
static uint16_t take_asid(struct smmu *unit)
{
    for (uint32_t asid = 1; asid < ASIDS_OF(unit); asid++) {
        uint64_t *const word = asid_word(unit, asid);

        if ((*word >> asid % 64 & 1) == 0) {
            *word |= 1ull << asid % 64;
            return (uint16_t)asid;
        }
    }
    return 0;
}

static void write_context(const struct smmu_domain *domain)
{
    uint64_t *const words = domain->words;

    memset(words, 0, CD_BYTES);
    words[1] = virt_to_phys(domain->space.root->entries).value;
    words[3] = CD_MEMORY;
    words[0] = CD_INPUT(SPACE_BITS) | CD_CACHEABLE | CD_NO_TABLE1 | CD_VALID |
               CD_OUTPUT(domain->unit->output_code) | CD_AARCH64 | CD_RECORD | CD_ABORT |
               CD_ASID_OWN | CD_ASID(domain->asid);
}

IOReturn smmu_attach(struct smmu_domain *domain)
{
    struct smmu *const unit = domain->unit;
    uint64_t *entry;
    lock_state_t state;
    bool told;

    if (domain->stream >> unit->stream_bits != 0) {
        return kIOReturnNoDevice;
    }
    entry = entry_of(unit, domain->stream);
    domain->words = heap_alloc_aligned(CD_BYTES, CD_BYTES);
    domain->asid = entry != NULL && domain->words != NULL ? take_asid(unit) : 0;
    if (domain->asid == 0) {
        heap_free(domain->words);
        return kIOReturnNoResources;
    }
    domain->forget = COMMAND_TLBI_NH_VA | COMMAND_ASID(domain->asid);
    write_context(domain);
    store(&entry[1], STE_CACHEABLE | STE_SHARED); /* those behind it are zeros, always */
    /* The valid bit last, and with all of its word: the unit may read the entry at any time. */
    cpu_dmb_sy();
    store(&entry[0], STE_VALID | STE_STAGE1 | (virt_to_phys(domain->words).value & STE_CONTEXT));
    state = lock_take(&unit->lock);
    told = tell_stream(unit, domain->stream, true);
    lock_release(&unit->lock, state);
    domain->attached = true;
    return told ? kIOReturnSuccess : kIOReturnNotResponding;
}

bool smmu_detach(struct smmu_domain *domain)
{
    struct smmu *const unit = domain->unit;
    lock_state_t state;
    bool forgotten;

    store(entry_of(unit, domain->stream), 0);
    state = lock_take(&unit->lock);
    /* All that it knows by this number: the next who has it must not find it (4.3 and 4.4). */
    smmu_command(unit, COMMAND_CFGI_STE | COMMAND_STREAM(domain->stream), COMMAND_LEAF);
    smmu_command(unit, COMMAND_CFGI_CD | COMMAND_STREAM(domain->stream), COMMAND_LEAF);
    smmu_command(unit, COMMAND_TLBI_NH_ASID | COMMAND_ASID(domain->asid), 0);
    forgotten = smmu_sync(unit);
    lock_release(&unit->lock, state);
    if (!forgotten) {
        return false;
    }
    *asid_word(unit, domain->asid) &= ~(1ull << domain->asid % 64);
    heap_free(domain->words);
    return true;
}
