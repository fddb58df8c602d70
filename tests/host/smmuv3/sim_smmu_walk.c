/* SPDX-License-Identifier: BSD-2-Clause */
/* How a simulated SMMUv3 translates: what it reads of streams and tables, and what it keeps. */
#include "tests/host/smmuv3/sim_smmu_private.h"

/* --- Memory ------------------------------------------------------------------------------------
 */

const uint64_t *sim_words_at(uint64_t physical, uint64_t size)
{
    /* Not aligned to its size, hardware would cut the low bits off and read somewhere else. */
    assert_int_equal(physical & (size - 1), 0);
    return phys_to_virt(paddr(physical));
}

uint64_t sim_base_of(uint64_t value)
{
    return value & 0x000fffffffffffe0ull;
}

unsigned sim_split_bits(void)
{
    return sim.strtab_cfg >> 6 & 0x1f;
}

/* The stream's entry; NULL: it has none. */
static const uint64_t *entry_of(uint32_t stream)
{
    const unsigned bits = sim.strtab_cfg & 0x3f;
    uint64_t first;

    if (stream >> bits != 0) {
        return NULL;
    }
    if (sim.strtab_cfg >> 16 == 0) {
        return sim_words_at(sim_base_of(sim.strtab), 64ull << bits) + stream * STE_WORDS;
    }
    first = sim_words_at(sim_base_of(sim.strtab),
                         8ull << (bits - sim_split_bits()))[stream >> sim_split_bits()];
    if ((first & STREAM_L1_SPAN) == 0 ||
        (stream & ((1u << sim_split_bits()) - 1)) >> ((first & STREAM_L1_SPAN) - 1) != 0) {
        return NULL;
    }
    return sim_words_at(first & STREAM_L1_TABLE, 64ull << ((first & STREAM_L1_SPAN) - 1)) +
           (stream & ((1u << sim_split_bits()) - 1)) * STE_WORDS;
}

/* --- Events ------------------------------------------------------------------------------------
 */

void sim_put_event(unsigned type, uint32_t stream, uint64_t address, bool write)
{
    const unsigned log2 = sim.eventq & 0x1f;
    const uint32_t mask = (2u << log2) - 1;
    uint64_t *event;

    assert_true((sim.cr0 & CR0_EVENTS) != 0);
    if (((sim.event_prod - sim.event_cons) & mask) == 1u << log2) {
        sim.gerror = (sim.gerror & ~GERROR_EVENTS_ABORTED) | (~sim.gerrorn & GERROR_EVENTS_ABORTED);
        return;
    }
    event = (uint64_t *)sim_words_at(sim_base_of(sim.eventq), 32ull << log2) +
            4 * (sim.event_prod & ((1u << log2) - 1));
    event[0] = type | (uint64_t)stream << 32;
    event[1] = write ? 0 : 1ull << 35;
    event[2] = address;
    event[3] = 0;
    sim.event_prod = (sim.event_prod + 1) & mask;
}

/* --- Accesses ----------------------------------------------------------------------------------
 */

void sim_check_streams(void)
{
    for (unsigned i = 0; i < SIM_STREAMS; i++) {
        const struct sim_stream *stream = &sim.streams[i];

        if (stream->known && !stream->invalid && (stream->at[0] & STE_VALID) != 0) {
            assert_memory_equal(stream->at, stream->entry, STE_BYTES);
        }
    }
}

/* Where the entry that it knows says. */
static void read_context(struct sim_stream *stream)
{
    if (!stream->keeps_context) {
        memcpy(stream->context, sim_words_at(stream->entry[0] & STE_CONTEXT, CD_BYTES), CD_BYTES);
    }
    stream->keeps_context = true;
}

static struct sim_stream *stream_of(uint32_t number)
{
    struct sim_stream *free_one = NULL;
    const uint64_t *entry;

    sim_check_streams();
    for (unsigned i = 0; i < SIM_STREAMS; i++) {
        if (sim.streams[i].known && sim.streams[i].number == number) {
            if (sim.streams[i].invalid) {
                sim_put_event(sim.streams[i].at == NULL ? EVENT_BAD_STREAM : EVENT_BAD_STE, number,
                              0, false);
                return NULL;
            }
            read_context(&sim.streams[i]);
            return &sim.streams[i];
        }
        if (!sim.streams[i].known &&
            (free_one == NULL || !free_one->keeps_context || free_one->number != number)) {
            free_one = &sim.streams[i];
        }
    }
    assert_non_null(free_one);
    entry = entry_of(number);
    if (entry == NULL || (entry[0] & STE_VALID) == 0) {
        /* That it is invalid may be kept as well. */
        *free_one =
            (struct sim_stream){.known = true, .invalid = true, .number = number, .at = entry};
        sim_put_event(entry == NULL ? EVENT_BAD_STREAM : EVENT_BAD_STE, number, 0, false);
        return NULL;
    }
    assert_int_equal(entry[0] & 0xf, STE_VALID | STE_STAGE1);
    assert_int_equal(entry[1], 1ull << 2 | 1ull << 4 | 3ull << 6 | 1ull << 44);
    free_one->keeps_context = free_one->keeps_context && free_one->number == number;
    free_one->known = true;
    free_one->invalid = false;
    free_one->number = number;
    free_one->at = entry;
    memcpy(free_one->entry, entry, STE_BYTES);
    read_context(free_one);
    /* Valid, AArch64's, abort and record set, one table of 4 KiB pages, of 39 bits. */
    assert_int_equal(free_one->context[0] & 0x0000fff8c000c0ffull,
                     25 | 1ull << 30 | 1ull << 31 | 1ull << 41 | 7ull << 45);
    assert_int_equal(free_one->context[2] | free_one->context[4] | free_one->context[5] |
                         free_one->context[6] | free_one->context[7],
                     0);
    return free_one;
}

uint64_t sim_span_of(unsigned level)
{
    return 1ull << 9 * (2 - level);
}

static void remember(uint16_t asid, unsigned level, uint64_t page, uint64_t entry, bool leaf)
{
    sim.cache[sim.next_cached] = (struct sim_cached){
        .known = true,
        .leaf = leaf,
        .level = level,
        .asid = asid,
        .page = page & ~(sim_span_of(level) - 1),
        .entry = entry,
    };
    if (sim.cached_end <= sim.next_cached) {
        sim.cached_end = sim.next_cached + 1;
    }
    sim.next_cached = (sim.next_cached + 1) % SIM_CACHED;
}

static const struct sim_cached *recall(uint16_t asid, uint64_t page, bool leaf)
{
    const struct sim_cached *deepest = NULL;

    for (unsigned i = 0; i < sim.cached_end; i++) {
        const struct sim_cached *at = &sim.cache[i];

        if (at->known && at->leaf == leaf && at->asid == asid &&
            page - at->page < sim_span_of(at->level) &&
            (deepest == NULL || at->level > deepest->level)) {
            deepest = at;
        }
    }
    return deepest;
}

/* The leaf; 0: there is none. */
static uint64_t walk(const struct sim_stream *stream, uint64_t page, unsigned *level)
{
    const uint16_t asid = (uint16_t)(stream->context[0] >> 48);
    const struct sim_cached *leaf = recall(asid, page, true), *table = recall(asid, page, false);
    uint64_t next = stream->context[1] & ENTRY_ADDRESS;

    if (leaf != NULL) {
        *level = leaf->level;
        return leaf->entry;
    }
    *level = 0;
    if (table != NULL) {
        *level = table->level + 1;
        next = table->entry & ENTRY_ADDRESS;
    }
    for (;; ++*level) {
        const uint64_t entry =
            sim_words_at(next, PAGE_SIZE)[page >> 9 * (2 - *level) & (SPACE_ENTRIES - 1)];

        if ((entry & ENTRY_VALID) == 0) {
            return 0;
        }
        if (*level == 2 || (entry & ENTRY_TABLE) == 0) {
            assert_true(*level != 2 || (entry & ENTRY_TABLE) != 0);
            assert_true((entry & ENTRY_ACCESSED) != 0);
            assert_int_equal(entry & ENTRY_ADDRESS & (ptoa(sim_span_of(*level)) - 1), 0);
            remember(asid, *level, page, entry, true);
            return entry;
        }
        remember(asid, *level, page, entry, false);
        next = entry & ENTRY_ADDRESS;
    }
}

bool sim_access(uint32_t number, uint64_t address, bool write, uint64_t *physical)
{
    const struct sim_stream *stream;
    unsigned level;
    uint64_t entry = 0;

    if ((sim.cr0 & CR0_ENABLE) == 0) {
        *physical = address;
        return true;
    }
    stream = stream_of(number);
    if (stream == NULL) {
        return false;
    }
    if (address >> SPACE_BITS == 0) {
        entry = walk(stream, atop(address), &level);
    }
    if (entry == 0 || (write && (entry & ENTRY_READ_ONLY) != 0)) {
        sim_put_event(entry == 0 ? EVENT_TRANSLATION : EVENT_PERMISSION, number, address, write);
        return false;
    }
    *physical = (entry & ENTRY_ADDRESS) | (address & (ptoa(sim_span_of(level)) - 1));
    return true;
}

bool sim_reads(uint32_t stream, uint64_t address, uint8_t *byte)
{
    uint64_t physical;

    if (!sim_access(stream, address, false, &physical)) {
        return false;
    }
    *byte = *(uint8_t *)phys_to_virt(paddr(physical));
    return true;
}

bool sim_writes(uint32_t stream, uint64_t address, uint8_t byte)
{
    uint64_t physical;

    if (!sim_access(stream, address, true, &physical)) {
        return false;
    }
    *(uint8_t *)phys_to_virt(paddr(physical)) = byte;
    return true;
}

uint8_t sim_attributes(uint32_t number, uint64_t address)
{
    const struct sim_stream *stream = stream_of(number);
    unsigned level;
    uint64_t entry;

    assert_non_null(stream);
    entry = walk(stream, atop(address), &level);
    assert_int_not_equal(entry, 0);
    return (uint8_t)(stream->context[3] >> 8 * (entry >> 2 & 7));
}

void sim_drop_events(void)
{
    sim.event_cons = sim.event_prod;
}
