/* SPDX-License-Identifier: BSD-2-Clause */
/* The checksum of POSIX cksum, so that the host's tool can say if bytes arrived. */
#include "tests/lib/cksum.h"

#define POLYNOMIAL 0x04c11db7u
#define SLICES     8

/*
 * table[k][b] is the CRC of byte b followed by k zero bytes: eight input bytes
 * are folded with eight independent look-ups instead of eight dependent steps.
 */
static uint32_t table[SLICES][256];

static void fill_table(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint32_t crc = byte << 24;

        for (int bit = 0; bit < 8; bit++) {
            crc = (crc << 1) ^ ((crc & 0x80000000u) != 0 ? POLYNOMIAL : 0);
        }
        table[0][byte] = crc;
    }
    for (unsigned slice = 1; slice < SLICES; slice++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint32_t crc = table[slice - 1][byte];

            table[slice][byte] = (crc << 8) ^ table[0][crc >> 24];
        }
    }
}

static uint32_t step(uint32_t crc, uint8_t byte)
{
    return (crc << 8) ^ table[0][(crc >> 24) ^ byte];
}

static uint32_t fold_eight(uint32_t crc, const uint8_t *in)
{
    return table[7][in[0] ^ (crc >> 24)] ^ table[6][in[1] ^ (crc >> 16 & 0xff)] ^
           table[5][in[2] ^ (crc >> 8 & 0xff)] ^ table[4][in[3] ^ (crc & 0xff)] ^ table[3][in[4]] ^
           table[2][in[5]] ^ table[1][in[6]] ^ table[0][in[7]];
}

void cksum_update(struct cksum *sum, const void *bytes, size_t length)
{
    const uint8_t *in = bytes;
    const uint8_t *end = in + length;
    uint32_t crc = sum->crc;

    if (table[0][1] == 0) {
        fill_table();
    }
    for (; (size_t)(end - in) >= SLICES; in += SLICES) {
        crc = fold_eight(crc, in);
    }
    while (in != end) {
        crc = step(crc, *in++);
    }
    sum->crc = crc;
    sum->length += length;
}

uint32_t cksum_final(const struct cksum *sum)
{
    uint32_t crc = sum->crc;

    if (table[0][1] == 0) {
        fill_table();
    }
    for (uint64_t left = sum->length; left != 0; left >>= 8) {
        crc = step(crc, left & 0xff);
    }
    return ~crc;
}
