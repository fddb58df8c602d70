/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CRC of POSIX `cksum`: polynomial 0x04C11DB7, most significant bit first,
 * over the bytes and then over their count. What this computes in the guest is
 * what the host's own tool prints for the same bytes.
 */
#ifndef TESTS_LIB_CKSUM_H
#define TESTS_LIB_CKSUM_H

#include "kernel/types.h"

struct cksum {
    uint32_t crc;
    uint64_t length; /* bytes so far */
};

#define CKSUM_INIT ((struct cksum){0, 0})

void cksum_update(struct cksum *sum, const void *bytes, size_t length);
/*
 * The same of bytes that lie in many places, and are many: begin, add them in their order, and end.
 * With CKSUM_MANY bytes and more it is several times as fast, with fewer than eight it is wrong.
 * One at a time.
 */
#define CKSUM_MANY 65536

void cksum_begin(const struct cksum *sum);
void cksum_add(const void *bytes, size_t length);
void cksum_end(struct cksum *sum);

uint32_t cksum_final(const struct cksum *sum); /* more bytes may follow afterwards */

#endif
