/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/drivers/virtio_fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "descriptors/IOMapper.h"
#include "drivers/shared.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define STATUS_NEEDS_RESET 0x40u
#define PATIENCE           40  /* turns of a wait until the test gives up */
#define NO_WAY_OUT         100 /* and until it says that this did not help */

static struct fuzz *playing;
static bool in_turn;
static uint64_t first_seed;

_Noreturn void fuzz_fail(struct fuzz *fuzz, const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s; after %llu writes of the device, with SEED=%llu\n", file, line,
            what, (unsigned long long)fuzz->writes, (unsigned long long)first_seed);
    abort();
}

unsigned fuzz_random(struct fuzz *fuzz, unsigned below)
{
    return (unsigned)(sim_random(&fuzz->seed) % below);
}

bool fuzz_chance(struct fuzz *fuzz, unsigned of_256)
{
    return fuzz_random(fuzz, 256) < of_256;
}

/* --- What a device can write ------------------------------------------------------------------ */

static void scribble(struct fuzz *fuzz, void *start, size_t bytes)
{
    ((uint8_t *)start)[sim_random(&fuzz->seed) % bytes] = (uint8_t)sim_random(&fuzz->seed);
}

/* A number that is right, nearly right, or anything. */
static uint32_t doubtful(struct fuzz *fuzz, uint32_t right)
{
    static const uint32_t special[] = {0, 1, 0xffff, 0x8000, 0x10000, 0xffffffff};

    switch (fuzz_random(fuzz, 4)) {
    case 0:
        return right + fuzz_random(fuzz, 5) - 2;
    case 1:
        return special[fuzz_random(fuzz, sizeof(special) / sizeof(special[0]))];
    case 2:
        return (uint32_t)sim_random(&fuzz->seed);
    default:
        return right;
    }
}

/* Of a packed ring: the driver's copies of what a split one has are out of the device's reach. */
static void write_packed(struct fuzz *fuzz)
{
    struct virtq *queue = fuzz->queue;
    struct virtq_packed *packed = queue->packed;
    uint64_t *rest = &packed->ring[packed->used].rest;
    const uint64_t slot = fuzz_random(fuzz, virtq_slots(queue));

    switch (fuzz_random(fuzz, 7)) {
    case 0: /* used, or as it was before, or neither */
        *rest ^= (uint64_t)(fuzz_random(fuzz, 2) * 0x0080 + fuzz_random(fuzz, 2) * 0x8000) << 48;
        break;
    case 1:
        *rest = (*rest & ~(0xffffull << 32)) | (doubtful(fuzz, (uint32_t)slot) & 0xffffull) << 32;
        break;
    case 2:
        *rest = (*rest & ~0xffffffffull) | doubtful(fuzz, (uint32_t)*rest);
        break;
    case 3: /* a good one, with a name that may be wrong */
        *rest = (packed->used_wrap ? 0x8080ull << 48 : 0) | slot << 32;
        break;
    case 4:
        packed->device_event->value = doubtful(fuzz, 0x20000u | packed->next);
        break;
    case 5:
        scribble(fuzz, packed->ring, packed->ring_pages * PAGE_SIZE);
        break;
    default:
        if (queue->tables == VIRTQ_PACKED_TABLES) {
            scribble(fuzz, queue->chains, queue->table_pages * PAGE_SIZE);
        }
        break;
    }
}

static void write_ring(struct fuzz *fuzz)
{
    struct virtq *queue = fuzz->queue;
    struct virtq_used_element *element = &queue->used->ring[queue->used_index & queue->mask];

    switch (fuzz_random(fuzz, 7)) {
    case 0:
        queue->used->index.value = (uint16_t)doubtful(fuzz, queue->used->index.value + 1u);
        break;
    case 1:
        element->id.value =
            doubtful(fuzz, fuzz_random(fuzz, virtq_slots(queue)) << queue->id_shift);
        break;
    case 2:
        element->length.value = doubtful(fuzz, element->length.value);
        break;
    case 3:
        queue->used->flags.value = (uint16_t)doubtful(fuzz, 1);
        break;
    case 4:
        queue->avail_event->value = (uint16_t)doubtful(fuzz, queue->published);
        break;
    case 5:
        scribble(fuzz, queue->desc, queue->ring_pages * PAGE_SIZE);
        break;
    default:
        if (queue->tables != VIRTQ_IN_RING) {
            scribble(fuzz, queue->chains, queue->table_pages * PAGE_SIZE);
        }
        break;
    }
}

/* A field that becomes 0 or small is worth more than one that becomes noise. */
static void write_configuration(struct fuzz *fuzz)
{
    struct virtio_sim *sim = &fuzz->sim;
    const unsigned at = fuzz_random(fuzz, VIRTIO_SIM_CONFIG / 4) * 4;
    uint32_t value;

    memcpy(&value, sim->config + at, 4);
    value = fuzz_chance(fuzz, 128) ? value >> fuzz_random(fuzz, 20) : doubtful(fuzz, value);
    memcpy(sim->config + at, &value, 4);
    sim->generation += fuzz_random(fuzz, 2);
    sim->changed_pending |= fuzz_chance(fuzz, 128);
}

static void write_register(struct fuzz *fuzz)
{
    struct virtio_sim *sim = &fuzz->sim;

    switch (fuzz_random(fuzz, 8)) {
    case 0:
        sim->status |= STATUS_NEEDS_RESET;
        break;
    case 1:
        sim->status = (uint8_t)sim_random(&fuzz->seed);
        break;
    case 2:
        sim->offered ^= 1ull << fuzz_random(fuzz, 41);
        break;
    case 3:
        sim->queue_size_max = doubtful(fuzz, 256);
        break;
    case 4:
        sim->generation++;
        break;
    case 5:
        sim->refuses_reset = fuzz_chance(fuzz, 8);
        break;
    default:
        sim->used_pending |= fuzz_chance(fuzz, 128);
        sim->changed_pending |= fuzz_chance(fuzz, 64);
        break;
    }
}

void fuzz_write(struct fuzz *fuzz)
{
    const unsigned kind = fuzz_random(fuzz, 16);

    fuzz->writes++;
    if (kind < 8 && fuzz->queue != NULL) {
        if (fuzz->queue->packed != NULL) {
            write_packed(fuzz);
        } else {
            write_ring(fuzz);
        }
    } else if (kind < 12 && fuzz->shared_count != 0) {
        const struct fuzz_shared *shared = &fuzz->shared[fuzz_random(fuzz, fuzz->shared_count)];

        scribble(fuzz, shared->start, shared->bytes);
    } else if (kind < 14) {
        write_configuration(fuzz);
    } else {
        write_register(fuzz);
    }
}

/* --- Power ------------------------------------------------------------------------------------ */

void fuzz_power_on(struct fuzz *fuzz, uint32_t id, uint64_t offered, uint32_t queue_size_max)
{
    virtio_sim_create(&fuzz->sim, id, offered, queue_size_max);
    fuzz->mapper = fuzz_chance(fuzz, 128) ? virtio_sim_mapper_new() : NULL;
    fuzz->sim.mapper = fuzz->mapper != NULL ? &fuzz->mapper->super : NULL;
}

void fuzz_power_off(struct fuzz *fuzz)
{
    if (fuzz->mapper != NULL) {
        /* Whatever was mapped for transfers is not any more; all else went with the driver. */
        FUZZ_ASSERT(fuzz, fuzz->sim.resets_refused != 0 || fuzz->mapper->taken == 0);
        OSObject_release(&fuzz->mapper->super);
        fuzz->mapper = NULL;
    }
}

void fuzz_fill(struct fuzz *fuzz, uint64_t address, uint32_t length, uint8_t value)
{
    for (uint32_t i = 0, here; i < length; i += here) {
        uint8_t *const at = virtio_sim_at(&fuzz->sim, address + i);
        const uint64_t room = PAGE_SIZE - ((address + i) & PAGE_MASK);
        const uint64_t behind = at != NULL ? virt_to_phys(at).value - fuzz->data.value : 0;

        here = room < length - i ? (uint32_t)room : length - i;
        if (at != NULL && behind < fuzz->data_bytes && here <= fuzz->data_bytes - behind) {
            memset(at, value, here);
        }
    }
}

/* --- When ------------------------------------------------------------------------------------- */

static void turn(void)
{
    struct fuzz *fuzz = playing;

    if (in_turn) {
        return;
    }
    in_turn = true;
    while (fuzz_chance(fuzz, fuzz->malice)) {
        fuzz_write(fuzz);
    }
    if (fuzz->flickers && fuzz->queue != NULL) {
        if (fuzz->queue->packed != NULL) {
            fuzz->queue->packed->ring[fuzz->queue->packed->used].rest ^= 0x8000ull << 48;
        } else {
            fuzz->queue->used->index.value ^= 1;
        }
        fuzz->writes++;
    }
    if (fuzz->answers && fuzz_chance(fuzz, 32)) {
        fuzz->work(fuzz);
    }
    in_turn = false;
}

/* An interrupt can come wherever it may. */
static void unmasked(void)
{
    struct fuzz *fuzz = playing;

    if (sim_in_handler || in_turn || !fuzz_chance(fuzz, 16)) {
        return;
    }
    if (fuzz->happen != NULL) {
        fuzz->happen(fuzz);
    }
    fuzz->work(fuzz);
    virtio_sim_interrupt(&fuzz->sim);
}

/* The driver sleeps, or polls: the device works, its interrupts come, and at last a timer. */
static void wait(void)
{
    struct fuzz *fuzz = playing;

    fuzz->waits++;
    FUZZ_ASSERT(fuzz, sim_irq_masked != 0 && !sim_in_handler);
    FUZZ_ASSERT(fuzz, fuzz->waits < NO_WAY_OUT);
    if (fuzz->sleeping != NULL) {
        fuzz->sleeping(fuzz);
    }
    turn();
    if (fuzz_chance(fuzz, 128)) {
        fuzz->work(fuzz);
    }
    virtio_sim_interrupt(&fuzz->sim);
    if (fuzz->waits > PATIENCE) {
        sim_in_handler = true;
        fuzz->give_up(fuzz);
        sim_in_handler = false;
    }
}

void fuzz_play(struct fuzz *fuzz)
{
    playing = fuzz;
    sim_device_turn = fuzz != NULL ? turn : NULL;
    sim_unmasked = fuzz != NULL ? unmasked : NULL;
    sim_while_waiting = fuzz != NULL ? wait : NULL;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

void fuzz_begin(struct fuzz *fuzz, uint64_t writes)
{
    static bool started;

    if (!started) {
        sim_machine_start(VIRTIO_SIM_RAM);
        IOMapper_setMapperRequired(false); /* as a machine knows once it has started */
        started = true;
    }
    sim_console_set_quiet(true); /* thousands of devices that have to be reset */
    first_seed = from_environment("SEED", 1);
    fuzz->seed = first_seed;
    fuzz->budget = from_environment("WRITES", writes);
}
