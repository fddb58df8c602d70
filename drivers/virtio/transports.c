/* SPDX-License-Identifier: BSD-2-Clause */
/* The buses on which virtio devices are looked for, in this order. */
#include "drivers/virtio/transport.h"
#include "drivers/virtio/transport_mmio.h"
#include "drivers/virtio/transport_pci.h"

/* The one that drives its devices first: what the other has to say about its own comes after it. */
const struct virtio_transport *const virtio_transports[] = {&virtio_mmio, &virtio_pci, NULL};
