/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the simulated virtio device: what both kinds of ring are read with. */
#ifndef TESTS_HOST_DRIVERS_VIRTIO_SIM_PRIVATE_H
#define TESTS_HOST_DRIVERS_VIRTIO_SIM_PRIVATE_H

#include "tests/host/drivers/virtio_sim.h"

static inline bool virtio_sim_has(const struct virtio_sim *sim, uint64_t feature)
{
    return (sim->device.features & feature) != 0;
}

/* May it access all of this? Behind a mapper only what is mapped, and in that direction. */
bool virtio_sim_reaches(const struct virtio_sim *sim, uint64_t address, uint64_t length,
                        bool write);

/* One more buffer of a chain; false: it breaks a rule of section 2.7. */
bool virtio_sim_add(const struct virtio_sim *sim, struct virtio_sim_chain *chain, uint64_t address,
                    uint32_t length, bool write);

/* virtio_sim_packed.c: as virtio_sim_take and virtio_sim_give, of a packed ring. */
bool virtio_sim_take_packed(struct virtio_sim *sim, struct virtio_sim_chain *chain);
void virtio_sim_give_packed(struct virtio_sim *sim, unsigned head, uint32_t length);

#endif
