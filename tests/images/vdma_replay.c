/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does vdma do the same again? A device that misbehaves by a script, requests of random
 * lengths, sleeps between them, and its whole log on the console, times and PCs included;
 * for tests/outside/vdma-replay.sh, which compares one run with another.
 *
 * No disk and nothing else of the host's, or the host's time would have a say.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/irq.h"
#include "kernel/options.h"
#include "kernel/timer.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/vdma_raw.h"

#define REQUESTS  400u
#define ROUND     20u      /* requests between two readings of the log, which holds 1024 records */
#define PATIENCE  5000000u /* nanoseconds */
#define INTID     48u
#define ALL_KINDS 0x7fffeu
#define RATE      30000u /* of 65536 */
#define TICKS_MAX 20000u

VDMA_MONITOR(64);
PROGRAM("vdma_replay", "let vdma misbehave by a script, and print its log");
OPTION(seed, "seed", "N", "the script's faults and the requests");

static uint64_t seed = 1;
static unsigned interrupts, resets;
static bool is_late;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static enum irq_result interrupt(void *context)
{
    const uint32_t causes = raw_read(0x060);

    (void)context;
    interrupts++;
    raw_write(0x064, causes & 3);
    return IRQ_SERVED;
}

static void give_up(void *context)
{
    (void)context;
    is_late = true;
}

/* Asleep until the request has come back, or is not going to. */
static void await(const struct raw_request *request)
{
    struct timer timer = {.callback = give_up};
    irq_state_t state;

    is_late = false;
    timer_start(&timer, PATIENCE);
    state = irq_mask();
    while (!raw_answer_of(request).came && !is_late && !raw_needs_reset()) {
        irq_wait();
    }
    irq_restore(state);
    timer_cancel(&timer);
    if (is_late || raw_needs_reset()) {
        resets++;
        raw_start(RAW_VERSION_1);
    }
}

static void request_one(void)
{
    const uint64_t length = 1 + draw() % 9000;
    const struct raw_request copy = {
        .type = RAW_COPY,
        .sector = draw(),
        .data = {{.at = {RAW_ARENA, RAW_DATA + draw() % 4096}, .length = length},
                 {.at = {RAW_ARENA, RAW_SINK + draw() % 4096}, .length = length, .write = true}}};

    raw_lay(&copy);
    raw_publish(0);
    raw_ring();
    await(&copy);
}

static void print_log(void)
{
    const unsigned count = raw_log_read();

    for (unsigned i = 0; i < count; i++) {
        const struct raw_record *record = raw_log_record(i);

        printf("%" PRIu64 " %" PRIx64 " event %u rule %u request %" PRIu32 " type %" PRIx32
               " slot %u queue %u segment %" PRIx32 " code %u address %" PRIx64 " length %" PRIu64
               " value %" PRIx64 " lost %" PRIu32 "\n",
               record->tick, record->pc, record->event, record->rule, record->request, record->type,
               record->slot, record->queue, record->segment, record->code, record->address,
               record->length, record->value, record->lost);
    }
}

int main(void)
{
    const char *const value = option_value("seed");

    if (value != NULL) {
        seed = strtoull(value, NULL, 0) | 1;
    }
    if (!raw_begin()) {
        puts("there is no vdma in this machine; it takes one that is entered at EL2");
        return 77;
    }
    if (irq_register(INTID, interrupt, NULL) != KERN_SUCCESS) {
        return EXIT_FAILURE;
    }
    raw_start(RAW_VERSION_1);
    if (!raw_script(seed, ALL_KINDS, RATE, TICKS_MAX)) {
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        request_one();
        if (i % ROUND == ROUND - 1) {
            /* As long as faults are drawn for it, nothing of the device can be believed. */
            print_log();
        }
    }
    printf("%u interrupts, %u resets, %" PRIu64 " ns\n", interrupts, resets, timer_now());
    irq_unregister(INTID);
    raw_end();
    return EXIT_SUCCESS;
}
