/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The right way with a device that does not look into the CPU's cache: copies of all lengths and
 * places, under maintenance, of which no watch has anything to say (tests/outside/watch.sh).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cache.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_cached.h"

#define ROUNDS 40u
#define ROOM   8192u /* of a buffer, in lines that are nobody else's */

VDMA_MONITOR(8);

static bool copy(unsigned round)
{
    const uint32_t from = RAW_DATA + round * 7 % 61, to = RAW_SINK + round * 13 % 64;
    const uint32_t length = 1 + round * 163 % 7000;
    const struct raw_request request = {
        .type = RAW_COPY,
        .data = {{.at = {RAW_ARENA, from}, .length = length},
                 {.at = {RAW_ARENA, to}, .length = length, .write = true}}};
    struct raw_answer answer;

    for (uint32_t i = 0; i < length; i++) {
        raw_at(from)[i] = (uint8_t)(i * 5 + round);
    }
    memset(raw_at(RAW_SINK), 0xcc, ROOM);
    cache_clean(raw_at(RAW_DATA), ROOM);
    cache_clean_invalidate(raw_at(RAW_SINK), ROOM);
    cached_submit(&request);
    do {
        answer = cached_answer(&request);
    } while (!answer.came);
    cache_clean_invalidate(raw_at(RAW_SINK), ROOM);
    return answer.came && answer.code == 0 && memcmp(raw_at(from), raw_at(to), length) == 0 &&
           raw_at(to)[length] == 0xcc;
}

int main(void)
{
    if (!cached_begin()) {
        puts("there is no vdma in this machine; it takes one that is entered at EL2");
        return 77;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!copy(round)) {
            printf("copy %u is wrong\n", round);
            return EXIT_FAILURE;
        }
    }
    raw_end();
    puts("all copies are right");
    return EXIT_SUCCESS;
}
