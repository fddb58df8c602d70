/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-pci transport (virtio 1.2, section 4.1), which only looks so far. */
#ifndef DRIVERS_VIRTIO_TRANSPORT_PCI_H
#define DRIVERS_VIRTIO_TRANSPORT_PCI_H

#include "drivers/virtio/transport.h"

/* Its methods. */
extern const struct virtio_transport virtio_pci;

#endif
