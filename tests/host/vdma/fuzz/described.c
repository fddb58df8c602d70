/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's rings describe: more than the device may take, never less. */
#include "tests/host/vdma/fuzz/described.h"

#include <string.h>

struct chain {
    uint8_t header[64];
    unsigned length; /* of it */
};

static void allow(struct guest *guest, uint64_t bus, uint64_t length)
{
    if (bus - FUZZ_BASE < FUZZ_RAM) {
        const uint64_t at = bus - FUZZ_BASE;

        memset(guest->described + at, 1, length < FUZZ_RAM - at ? length : FUZZ_RAM - at);
    }
}

static bool load(const struct guest *guest, uint64_t bus, void *to, uint64_t length)
{
    if (bus - FUZZ_BASE > FUZZ_RAM || length > FUZZ_RAM - (bus - FUZZ_BASE)) {
        return false;
    }
    memcpy(to, guest->ram + (bus - FUZZ_BASE), length);
    return true;
}

static uint64_t swap(uint64_t value, unsigned bytes)
{
    return __builtin_bswap64(value) >> (64 - 8 * bytes);
}

/* All that the list may mean in its format. */
static void describe_list(struct guest *guest, const uint8_t *list)
{
    uint64_t address, word[2];
    uint32_t entries;
    uint16_t format;
    unsigned bytes;

    memcpy(&address, list, 8);
    memcpy(&entries, list + 8, 4);
    memcpy(&format, list + 12, 2);
    bytes = format >= 1 && format <= 3 ? 4 : 8;
    for (uint32_t i = 0; i < entries && i < 1024; i++) {
        word[0] = word[1] = 0;
        if (!load(guest, address + 2ull * bytes * i, &word[0], bytes) ||
            !load(guest, address + 2ull * bytes * i + bytes, &word[1], bytes)) {
            return;
        }
        if (format == 2 || format == 5 || format == 8) {
            word[0] = swap(word[0], bytes);
            word[1] = swap(word[1], bytes);
        }
        allow(guest, word[0], word[1]);
    }
}

/* Through a table of translations every page with an entry to write may be meant. */
static void describe_table(struct guest *guest)
{
    for (uint64_t i = 0; i < guest->table_entries && i < FUZZ_RAM / 8; i++) {
        uint64_t entry;

        if (load(guest, guest->table + 8 * i, &entry, 8) && (entry & 2) != 0) {
            allow(guest, entry & 0x000ffffffffff000ull, 4096);
        }
    }
}

static void describe_header(struct guest *guest, const struct chain *chain)
{
    uint32_t type;

    if (chain->length < 64) {
        return;
    }
    memcpy(&type, chain->header, 4);
    if (type == 0x56440112) {
        memcpy(&guest->table, chain->header + 16, 8);
        memcpy(&guest->table_entries, chain->header + 24, 8);
    }
    if (type == 0x56440113) {
        guest->faults = true;
    }
    describe_list(guest, chain->header + 48);
}

static void describe_chain(struct guest *guest, uint64_t table, uint32_t entries, uint32_t at,
                           struct chain *chain, unsigned depth)
{
    for (unsigned count = 0; count <= entries && at < entries; count++) {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
        uint8_t raw[16];

        if (!load(guest, table + 16ull * at, raw, 16)) {
            return;
        }
        memcpy(&address, raw, 8);
        memcpy(&length, raw + 8, 4);
        memcpy(&flags, raw + 12, 2);
        memcpy(&next, raw + 14, 2);
        if ((flags & 4) != 0) {
            if (depth == 0) {
                describe_chain(guest, address, length / 16, 0, chain, 1);
            }
            return;
        }
        if ((flags & 2) != 0) {
            allow(guest, address, length);
        } else {
            const unsigned room = 64 - chain->length;
            const unsigned here = length < room ? length : room;

            if (load(guest, address, chain->header + chain->length, here)) {
                chain->length += here;
            }
        }
        if ((flags & 1) == 0) {
            return;
        }
        at = next;
    }
}

void describe(struct guest *guest)
{
    for (unsigned i = 0; i < guest->size && i < 64; i++) {
        struct chain chain = {.length = 0};
        uint16_t head = 0;

        if (load(guest, guest->avail_at + 4 + 2 * i, &head, 2)) {
            describe_chain(guest, guest->desc, guest->size, head, &chain, 0);
            describe_header(guest, &chain);
        }
    }
    allow(guest, guest->used, 6 + 8ull * guest->size);
    describe_table(guest);
}

static void half(uint64_t *word, bool high, uint64_t value)
{
    *word = high ? (*word & 0xffffffff) | value << 32 : (*word & ~0xffffffffull) | value;
}

void describe_register(struct guest *guest, uint32_t offset, uint32_t value, bool ready)
{
    const bool high = (offset & 4) != 0;

    if (offset == 0x030) {
        guest->queue = value;
    }
    /* There is one queue, and it keeps what it has while it is ready. */
    if (ready || guest->queue != 0) {
        return;
    }
    switch (offset) {
    case 0x038:
        guest->size = value > 64 ? 0 : value;
        break;
    case 0x080:
    case 0x084:
        half(&guest->desc, high, value);
        break;
    case 0x090:
    case 0x094:
        half(&guest->avail_at, high, value);
        break;
    case 0x0a0:
    case 0x0a4:
        half(&guest->used, high, value);
        break;
    default:
        break;
    }
}
