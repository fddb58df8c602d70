/* SPDX-License-Identifier: BSD-2-Clause */
/* The checksum of POSIX cksum, so that the host's tool can say if bytes arrived. */
#include "tests/lib/cksum.h"

#include <string.h>

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
    uint64_t word;

    memcpy(&word, in, sizeof(word)); /* one load, where eight cost a machine in software eight */
    word = __builtin_bswap64(word) ^ (uint64_t)crc << 32;
    return table[7][word >> 56] ^ table[6][word >> 48 & 0xff] ^ table[5][word >> 40 & 0xff] ^
           table[4][word >> 32 & 0xff] ^ table[3][word >> 24 & 0xff] ^ table[2][word >> 16 & 0xff] ^
           table[1][word >> 8 & 0xff] ^ table[0][word & 0xff];
}

static uint32_t sum_up(uint32_t crc, const uint8_t *in, size_t length)
{
    const uint8_t *const end = in + length;

    if (table[0][1] == 0) {
        fill_table();
    }
    for (; (size_t)(end - in) >= SLICES; in += SLICES) {
        crc = fold_eight(crc, in);
    }
    while (in != end) {
        crc = step(crc, *in++);
    }
    return crc;
}

void cksum_update(struct cksum *sum, const void *bytes, size_t length)
{
    sum->crc = sum_up(sum->crc, bytes, length);
    sum->length += length;
}

/*
 * A long message is shortened first, to one of WORDS words that has the same CRC, by no more than
 * three exclusive ors a word. Of x^3006 + x^2866 + x^2215 + 1 the polynomial is a factor (no
 * polynomial of fewer terms and a lower degree has it), and so of what it is with x^64 for x, since
 * squaring a sum of powers of x modulo 2 squares each power. So a word is worth as much as itself
 * in three later places: 3006 - 2866, 3006 - 2215 and 3006 words on.
 *
 * Each place of the ring holds the last word that came there with all that earlier words have added
 * to it. Which byte of a word is which does not matter to that.
 */
#define WORDS 3006
#define NEAR  140
#define FAR   791

static struct {
    uint64_t ring[WORDS];
    size_t at;       /* the next word's place, which holds the oldest */
    uint64_t part;   /* of a word: bytes that have come, the first one lowest */
    unsigned bytes;  /* so many */
    uint64_t length; /* in all, bytes */
} message;

static size_t before(size_t at, size_t distance)
{
    return at >= distance ? at - distance : at + WORDS - distance;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void add_words(const uint8_t *in, size_t count)
{
    while (count != 0) {
        const size_t near = before(message.at, NEAR), far = before(message.at, FAR);
        uint64_t *const to = &message.ring[message.at];
        const uint64_t *const from_near = &message.ring[near], *const from_far = &message.ring[far];
        /* As far as none of the three comes to the ring's end: no question within the loop. */
        const size_t run =
            least(least(count, WORDS - message.at), least(WORDS - near, WORDS - far));

#pragma GCC unroll 4
        for (size_t i = 0; i < run; i++) {
            uint64_t word;

            memcpy(&word, in + i * sizeof(word), sizeof(word));
            to[i] ^= word ^ from_near[i] ^ from_far[i];
        }
        message.at += run;
        message.at = message.at == WORDS ? 0 : message.at;
        in += run * sizeof(uint64_t);
        count -= run;
    }
}

void cksum_begin(const struct cksum *sum)
{
    const uint32_t crc = __builtin_bswap32(sum->crc);

    memset(&message, 0, sizeof(message));
    /* What came before is the same as this in the first bytes, which go by the first place. */
    memcpy(message.ring, &crc, sizeof(crc));
}

/* One byte of a word that is not whole. Not by memcpy: whoever counts copies would count these. */
static void add_byte(uint8_t byte)
{
    message.part |= (uint64_t)byte << 8 * message.bytes;
    if (++message.bytes == sizeof(message.part)) {
        const uint64_t word = message.part;

        message.part = 0;
        message.bytes = 0;
        add_words((const uint8_t *)&word, 1);
    }
}

void cksum_add(const void *bytes, size_t length)
{
    const uint8_t *in = bytes;
    const uint8_t *const end = in + length;
    size_t words;

    message.length += length;
    while (message.bytes != 0 && in != end) {
        add_byte(*in++);
    }
    words = (size_t)(end - in) / sizeof(message.part);
    add_words(in, words);
    in += words * sizeof(message.part);
    while (in != end) {
        add_byte(*in++);
    }
}

void cksum_end(struct cksum *sum)
{
    const uint8_t *const ring = (const uint8_t *)message.ring;
    const size_t at = message.at;
    uint32_t crc;

    /*
     * The words that are left have not been worth anything elsewhere: what one has added to another
     * of them is taken back. From the last to the first, so that each is met as it was.
     */
    for (size_t i = WORDS; i-- > NEAR;) {
        const size_t place = (at + i) % WORDS;

        message.ring[place] ^= message.ring[before(place, NEAR)];
        if (i >= FAR) {
            message.ring[place] ^= message.ring[before(place, FAR)];
        }
    }
    crc = sum_up(0, ring + at * sizeof(uint64_t), (WORDS - at) * sizeof(uint64_t));
    crc = sum_up(crc, ring, at * sizeof(uint64_t));
    sum->crc = sum_up(crc, (const uint8_t *)&message.part, message.bytes);
    sum->length += message.length;
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
