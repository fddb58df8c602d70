/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores of A64 (Arm ARM, "A64 instruction set encoding", "Loads and stores"). */
#include "qemu/vdma/watch/watch.h"

#define DC_ZVA 0xd50b7420u /* without its register */

static uint32_t field(uint32_t word, unsigned high, unsigned low)
{
    return word >> low & ((1u << (high - low + 1)) - 1);
}

static bool bit(uint32_t word, unsigned number)
{
    return (word >> number & 1) != 0;
}

static int64_t sign_extended(uint32_t value, unsigned bits)
{
    return (int64_t)((uint64_t)value << (64 - bits)) >> (64 - bits);
}

/* Exclusive, ordered, and compare and swap. */
static void decode_exclusive(uint32_t word, struct watch_instruction *it)
{
    const bool ordered = bit(word, 23), pair = bit(word, 21);
    const uint32_t size = field(word, 31, 30);

    it->bytes = 1u << size;
    it->reads = bit(word, 22);
    it->writes = !it->reads;
    if (pair && (ordered || size < 2)) { /* CAS, CASP */
        it->reads = it->writes = true;
        it->bytes = ordered ? it->bytes : size == 0 ? 8 : 16;
        return;
    }
    it->exclusive = !ordered;
    if (pair) {
        it->bytes *= 2;
    }
}

static void decode_literal(uint32_t word, struct watch_instruction *it)
{
    static const uint8_t general[4] = {4, 8, 4, 1}, vector[4] = {4, 8, 16, 1};

    it->literal = true;
    it->reads = true;
    it->bytes = (bit(word, 26) ? vector : general)[field(word, 31, 30)];
    it->offset = sign_extended(field(word, 23, 5), 19) * 4;
}

static void decode_pair(uint32_t word, struct watch_instruction *it)
{
    const uint32_t kind = field(word, 31, 30);
    const uint32_t size = bit(word, 26) ? 4u << kind : kind == 2 ? 8 : 4;

    it->bytes = 2 * size;
    it->reads = bit(word, 22);
    it->writes = !it->reads;
    if (field(word, 24, 23) != 1) { /* that is: unless the base is changed only afterwards */
        it->offset = sign_extended(field(word, 21, 15), 7) * size;
    }
}

static void decode_register_offset(uint32_t word, uint32_t scale, struct watch_instruction *it)
{
    it->index = (uint8_t)field(word, 20, 16);
    it->extend = (uint8_t)field(word, 15, 13);
    it->shift = (uint8_t)(bit(word, 12) ? scale : 0);
}

/* LDADD, SWP and the like; LDAPR is one that only reads. */
static void decode_atomic(uint32_t word, struct watch_instruction *it)
{
    it->bytes = 1u << field(word, 31, 30);
    it->reads = true;
    it->writes = field(word, 15, 12) != 12;
}

static void decode_single(uint32_t word, struct watch_instruction *it)
{
    const uint32_t kind = field(word, 23, 22);
    uint32_t scale = field(word, 31, 30);

    if (bit(word, 26)) {
        scale += kind >= 2 ? 4 : 0;
        it->reads = bit(word, 22);
    } else {
        it->reads = kind != 0;
    }
    it->writes = !it->reads;
    it->bytes = 1u << scale;
    if (field(word, 25, 24) == 1) {
        it->offset = (int64_t)((uint64_t)field(word, 21, 10) << scale);
    } else if (!bit(word, 21)) {
        it->offset = field(word, 11, 10) == 1 ? 0 : sign_extended(field(word, 20, 12), 9);
    } else if (field(word, 11, 10) == 2) {
        decode_register_offset(word, scale, it);
    } else {
        decode_atomic(word, it);
    }
}

/* LDAPUR, STLUR. */
static void decode_ordered_offset(uint32_t word, struct watch_instruction *it)
{
    it->bytes = 1u << field(word, 31, 30);
    it->reads = field(word, 23, 22) != 0;
    it->writes = !it->reads;
    it->offset = sign_extended(field(word, 20, 12), 9);
}

static bool decode_structures(uint32_t word, struct watch_instruction *it)
{
    static const uint8_t registers[16] = {
        [0] = 4, [2] = 4, [4] = 3, [6] = 3, [7] = 1, [8] = 2, [10] = 2};

    it->reads = bit(word, 22);
    it->writes = !it->reads;
    if (!bit(word, 24)) {
        it->bytes = registers[field(word, 15, 12)] * (bit(word, 30) ? 16u : 8u);
    } else {
        const uint32_t elements = (bit(word, 13) ? 2u : 0u) + (bit(word, 21) ? 1u : 0u) + 1;
        const uint32_t scale = field(word, 15, 14);

        it->bytes = elements << (scale == 3   ? field(word, 11, 10)
                                 : scale == 2 ? (bit(word, 10) ? 3 : 2)
                                              : scale);
    }
    return it->bytes != 0;
}

bool watch_decode(uint32_t word, uint32_t zva, struct watch_instruction *it)
{
    *it = (struct watch_instruction){.base = (uint8_t)field(word, 9, 5), .index = 31};
    if ((word & ~0x1fu) == DC_ZVA) {
        it->base = (uint8_t)field(word, 4, 0);
        it->block = it->bytes = zva;
        it->writes = true;
    } else if (!bit(word, 27) || bit(word, 25)) {
        return false; /* no load and no store */
    } else if (field(word, 29, 24) == 0x08) {
        decode_exclusive(word, it);
    } else if (!bit(word, 31) && field(word, 29, 25) == 0x06) {
        return decode_structures(word, it);
    } else if (field(word, 29, 27) == 3 && field(word, 25, 24) == 0) {
        decode_literal(word, it);
    } else if (field(word, 29, 24) == 0x19 && !bit(word, 21)) {
        decode_ordered_offset(word, it);
    } else if (field(word, 29, 27) == 5) {
        decode_pair(word, it);
    } else if (field(word, 29, 27) == 7) {
        decode_single(word, it);
    } else {
        return false;
    }
    return true;
}

static uint64_t extended(uint64_t value, unsigned extend)
{
    switch (extend) {
    case 2:
        return (uint32_t)value;
    case 6:
        return (uint64_t)(int64_t)(int32_t)value;
    default:
        return value;
    }
}

uint64_t watch_address(const struct watch_instruction *it, const uint64_t x[31], uint64_t sp,
                       uint64_t pc)
{
    uint64_t address = it->literal ? pc : it->base == 31 ? sp : x[it->base];

    if (it->block != 0) { /* where register 31 is zero */
        return (it->base == 31 ? 0 : address) & ~(uint64_t)(it->block - 1);
    }
    address += (uint64_t)it->offset;
    if (it->index != 31) {
        address += extended(x[it->index], it->extend) << it->shift;
    }
    return address;
}
