/* SPDX-License-Identifier: BSD-2-Clause */
/* The device's side of a packed ring (virtio 1.2, section 2.8), for host tests. */
#include <string.h>

#include "tests/host/drivers/virtio_sim_private.h"

#define FLAG_AVAIL 0x0080u
#define FLAG_USED  0x8000u

#define EVENT_WRAP    0x8000u
#define EVENT_ENABLE  0u
#define EVENT_DISABLE 1u
#define EVENT_PLACE   2u

struct desc {
    uint64_t address;
    uint32_t length;
    uint16_t id, flags;
};

static uint8_t *ring_at(const struct virtio_sim *sim, unsigned place)
{
    return virtio_sim_at(sim, sim->queue.desc.value + 16ull * place);
}

/* The flags alone come with an order: what they expose is there when they are. */
static struct desc read_desc(const struct virtio_sim *sim, unsigned place)
{
    struct desc desc;

    desc.flags = __atomic_load_n((uint16_t *)(ring_at(sim, place) + 14), __ATOMIC_ACQUIRE);
    memcpy(&desc, ring_at(sim, place), 14);
    return desc;
}

static void step(const struct virtio_sim *sim, struct virtio_sim_place *place, unsigned count)
{
    place->at = (uint16_t)(place->at + count);
    if (place->at >= sim->queue.size) {
        place->at = (uint16_t)(place->at - sim->queue.size);
        place->wrap = !place->wrap;
    }
}

static bool is_ours(const struct desc *desc, bool wrap)
{
    return ((desc->flags & FLAG_AVAIL) != 0) == wrap && ((desc->flags & FLAG_USED) != 0) != wrap;
}

/* One more entry of the chain; false: it breaks a rule. */
static bool add(const struct virtio_sim *sim, struct virtio_sim_chain *chain,
                const struct desc *desc)
{
    return virtio_sim_add(sim, chain, desc->address, desc->length,
                          (desc->flags & VIRTQ_WRITE) != 0);
}

/* A table has entries in order, of whose flags one counts (section 2.8.8). */
static bool read_table(const struct virtio_sim *sim, struct virtio_sim_chain *chain,
                       const struct desc *point)
{
    const unsigned count = point->length / 16;

    if (!virtio_sim_has(sim, VIRTIO_F_INDIRECT_DESC) || point->length % 16 != 0 || count == 0 ||
        count > sim->queue.size || (point->flags & VIRTQ_NEXT) != 0 ||
        !virtio_sim_reaches(sim, point->address, point->length, false)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        struct desc desc;

        memcpy(&desc, virtio_sim_at(sim, point->address + 16ull * i), 16);
        if (!add(sim, chain, &desc)) {
            return false;
        }
    }
    return true;
}

/* From the place where the next chain begins, of which so many entries were taken. */
static bool read_chain(struct virtio_sim *sim, struct virtio_sim_chain *chain, unsigned *taken)
{
    struct virtio_sim_place place = sim->next;
    bool right = true;

    for (*taken = 1; *taken <= sim->queue.size; ++*taken) {
        const struct desc desc = read_desc(sim, place.at);

        chain->head = desc.id; /* of the last one (section 2.8.6) */
        if (!is_ours(&desc, place.wrap)) {
            return false; /* the rest of a chain must be there when its first entry is */
        }
        if ((desc.flags & VIRTQ_INDIRECT) != 0) {
            return right && *taken == 1 && read_table(sim, chain, &desc);
        }
        right = right && add(sim, chain, &desc);
        if ((desc.flags & VIRTQ_NEXT) == 0) {
            return right;
        }
        step(sim, &place, 1);
    }
    *taken = sim->queue.size;
    return false;
}

bool virtio_sim_take_packed(struct virtio_sim *sim, struct virtio_sim_chain *chain)
{
    const struct desc first = read_desc(sim, sim->next.at);
    uint16_t event[2] = {0, EVENT_ENABLE};
    unsigned taken;

    if (virtio_sim_has(sim, VIRTIO_F_EVENT_IDX)) {
        event[0] = (uint16_t)(sim->next.at | (sim->next.wrap ? EVENT_WRAP : 0));
        event[1] = EVENT_PLACE;
    }
    memcpy(virtio_sim_at(sim, sim->queue.device.value), event, 4);
    if (!is_ours(&first, sim->next.wrap)) {
        return false;
    }
    *chain = (struct virtio_sim_chain){.broken = false};
    chain->broken = !read_chain(sim, chain, &taken);
    if (chain->head < VIRTIO_SIM_IDS) {
        sim->entries[chain->head] = (uint16_t)taken;
    } else {
        chain->broken = true;
    }
    step(sim, &sim->next, taken);
    return true;
}

/* Is an interrupt owed for what has become used from `before` to now? It need not be the last. */
static bool owes_interrupt(const struct virtio_sim *sim, const struct virtio_sim_place *before,
                           unsigned count)
{
    struct virtio_sim_place at = *before;
    uint16_t event[2];

    memcpy(event, virtio_sim_at(sim, sim->queue.driver.value), 4);
    if ((event[1] & 3) != EVENT_PLACE || !virtio_sim_has(sim, VIRTIO_F_EVENT_IDX)) {
        return (event[1] & 3) != EVENT_DISABLE;
    }
    for (unsigned i = 0; i < count; i++) {
        if (event[0] == (at.at | (at.wrap ? EVENT_WRAP : 0))) {
            return true;
        }
        step(sim, &at, 1);
    }
    return false;
}

void virtio_sim_give_packed(struct virtio_sim *sim, unsigned head, uint32_t length)
{
    const struct virtio_sim_place before = sim->used;
    const unsigned count =
        head < VIRTIO_SIM_IDS && sim->entries[head] != 0 ? sim->entries[head] : 1;
    uint8_t *const at = ring_at(sim, before.at);
    const uint16_t id = (uint16_t)head;

    memcpy(at + 8, &length, 4);
    memcpy(at + 12, &id, 2);
    __atomic_store_n((uint16_t *)(at + 14), before.wrap ? FLAG_AVAIL | FLAG_USED : 0,
                     __ATOMIC_RELEASE);
    step(sim, &sim->used, count);
    sim->given++;
    sim->used_pending |= owes_interrupt(sim, &before, count);
}
