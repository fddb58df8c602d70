/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that nobody has written. Memory that an allocator gives out is filled with a pattern of
 * eight different bytes: where eight bytes in a row have it, at whatever place it begins, they have
 * been written by nobody, or copied from such. That costs nothing while a program runs, and takes
 * no memory; holes of fewer bytes are not seen.
 *
 * What a transfer leaves of its target is watched where it holds the pattern.
 */
#include "qemu/vdma/watch/watch_private.h"

#define PERIOD 8u

static const uint8_t pattern[PERIOD] = {0xb3, 0x5e, 0xd9, 0x4c, 0xe7, 0x2a, 0x96, 0x71};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* By byte: where in the pattern it stands, counted from 1; 0: nowhere. */
static const uint8_t phases[256] = {
    [0xb3] = 1, [0x5e] = 2, [0xd9] = 3, [0x4c] = 4, [0xe7] = 5, [0x2a] = 6, [0x96] = 7, [0x71] = 8};

/* The first run of the pattern, eight bytes or more: its length, and where; 0: there is none. */
static uint64_t find_run(const uint8_t *bytes, uint64_t length, uint64_t *at)
{
    uint64_t i = 0;

    while (i + PERIOD <= length) {
        uint64_t end = i + 1;

        /* A run that begins at any of these eight would have this byte. */
        if (phases[bytes[i + PERIOD - 1]] == 0) {
            i += PERIOD;
            continue;
        }
        while (end < length && phases[bytes[i]] != 0 &&
               bytes[end] == pattern[phases[bytes[end - 1]] % PERIOD]) {
            end++;
        }
        if (end - i >= PERIOD) {
            *at = i;
            return end - i;
        }
        i = end;
    }
    return 0;
}

/* --- Allocation ------------------------------------------------------------------------------- */

/* In the phase of the address, so that whole words are alike. */
static void fill(uint8_t *to, uint64_t memory, uint64_t bytes)
{
    uint64_t word, at = 0;

    __builtin_memcpy(&word, pattern, sizeof(word));
    while (at < bytes) {
        if ((memory + at) % PERIOD == 0 && bytes - at >= PERIOD) {
            *(uint64_t *)(void *)__builtin_assume_aligned(to + at, 8) = word;
            at += PERIOD;
        } else {
            to[at] = pattern[(memory + at) % PERIOD];
            at++;
        }
    }
}

void watch_allocated(struct watch *watch, uint64_t memory, uint64_t bytes)
{
    struct watch_block *block = &watch->blocks[watch->block % WATCH_BLOCKS];

    if ((watch->what & WATCH_INIT) == 0) {
        return;
    }
    watch->block++;
    watch_filled(watch, memory, bytes);
    fill(watch->door->memory(watch->context, memory), memory, bytes);
    block->memory = memory;
    block->bytes = bytes;
    watch_get_calls(watch, &block->calls);
}

const struct watch_block *watch_block_of(struct watch *watch, uint64_t memory)
{
    for (uint64_t i = 0; i < WATCH_BLOCKS && i < watch->block; i++) {
        const struct watch_block *block = &watch->blocks[(watch->block - 1 - i) % WATCH_BLOCKS];

        if (memory >= block->memory && memory - block->memory < block->bytes) {
            return block;
        }
    }
    return NULL;
}

void watch_look_for_unwritten(struct watch *watch, uint64_t memory, const void *bytes,
                              uint64_t length)
{
    uint64_t at, run;

    if ((watch->what & WATCH_INIT) == 0) {
        return;
    }
    run = find_run(bytes, length, &at);
    if (run != 0) {
        watch_report_unwritten(watch, W21, NULL, memory + at, run, NULL);
    }
}

/* --- What a transfer has left ----------------------------------------------------------------- */

static void add(struct watch *watch, const struct watch_rest *rest)
{
    if (watch->rest_count < WATCH_RESTS) {
        watch->rests[watch->rest_count++] = *rest;
        watch_update(watch, rest->memory, rest->length);
    }
}

/* Of one target: each run of it that nobody has written. */
static void leave(struct watch *watch, struct watch_rest rest)
{
    while (rest.length != 0) {
        const uint64_t piece = least(rest.length, WATCH_PAGE - rest.memory % WATCH_PAGE);
        const uint8_t *bytes = watch->door->memory(watch->context, rest.memory);
        uint64_t from = 0, at, run;

        while ((run = find_run(bytes + from, piece - from, &at)) != 0) {
            struct watch_rest found = rest;

            found.memory += from + at;
            found.length = run;
            add(watch, &found);
            from += at + run;
        }
        rest.memory += piece;
        rest.length -= piece;
    }
}

void watch_filled(struct watch *watch, uint64_t memory, uint64_t length)
{
    for (unsigned i = watch->rest_count; i-- > 0;) {
        const struct watch_rest rest = watch->rests[i];
        const uint64_t end = memory + length, rest_end = rest.memory + rest.length;

        if (memory >= rest_end || rest.memory >= end) {
            continue;
        }
        watch->rests[i] = watch->rests[--watch->rest_count];
        watch_update(watch, rest.memory, rest.length);
        if (rest.memory < memory) {
            struct watch_rest before = rest;

            before.length = memory - rest.memory;
            add(watch, &before);
        }
        if (end < rest_end) {
            struct watch_rest behind = rest;

            behind.memory = end;
            behind.length = rest_end - end;
            add(watch, &behind);
        }
    }
}

bool watch_has_rest(const struct watch *watch, uint64_t page)
{
    for (unsigned i = 0; i < watch->rest_count; i++) {
        if (watch->rests[i].memory < page + WATCH_PAGE &&
            page < watch->rests[i].memory + watch->rests[i].length) {
            return true;
        }
    }
    return false;
}

bool watch_rest_access(struct watch *watch, const struct watch_access *access)
{
    const uint64_t end = access->memory + access->bytes;
    bool wrong = false;

    for (unsigned i = 0; i < watch->rest_count && access->reads && !wrong; i++) {
        const struct watch_rest *rest = &watch->rests[i];

        if (access->memory < rest->memory + rest->length && rest->memory < end) {
            wrong = true;
            watch_report_unwritten(watch, W22, access, access->memory, access->bytes, rest);
        }
    }
    if (access->writes) {
        watch_filled(watch, access->memory, access->bytes);
    }
    return wrong;
}

/* --- Requests, by the device's records -------------------------------------------------------- */

static void end_of(struct watch *watch, const struct vdma_record *record)
{
    uint64_t moved = record->length;

    for (unsigned i = 0; i < watch->target_count;) {
        struct watch_rest *target = &watch->targets[i];
        const uint64_t here = least(moved, target->length);

        if (target->request != record->request) {
            i++;
            continue;
        }
        moved -= here;
        if (here < target->length) {
            struct watch_rest rest = *target;

            rest.memory += here;
            rest.length -= here;
            rest.moved = record->length;
            leave(watch, rest);
        }
        /* In their order, in which they are filled. */
        for (unsigned j = i + 1; j < watch->target_count; j++) {
            watch->targets[j - 1] = watch->targets[j];
        }
        watch->target_count--;
    }
}

void watch_unwritten_record(struct watch *watch, const struct vdma_record *record)
{
    if (record->event == VDMA_EVENT_SEGMENT && record->code == VDMA_WRITES) {
        watch_filled(watch, record->address, record->length);
        if (watch->target_count < WATCH_TARGETS) {
            watch->targets[watch->target_count++] = (struct watch_rest){.request = record->request,
                                                                        .type = record->type,
                                                                        .memory = record->address,
                                                                        .length = record->length};
        }
    } else if (record->event == VDMA_EVENT_DONE) {
        end_of(watch, record);
    } else if (record->event == VDMA_EVENT_RESET) {
        watch->target_count = 0;
    }
}
