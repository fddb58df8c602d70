/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the virtio-mmio transport (virtio 1.2, section 4.2): its registers and its devices. */
#ifndef DRIVERS_VIRTIO_TRANSPORT_MMIO_H
#define DRIVERS_VIRTIO_TRANSPORT_MMIO_H

#include "drivers/virtio/transport.h"

/* Register offsets, bytes (section 4.2.2). All are 32 bits wide. */
#define MMIO_MAGIC               0x000
#define MMIO_VERSION             0x004
#define MMIO_DEVICE_ID           0x008
#define MMIO_VENDOR_ID           0x00c
#define MMIO_DEVICE_FEATURES     0x010
#define MMIO_DEVICE_FEATURES_SEL 0x014
#define MMIO_DRIVER_FEATURES     0x020
#define MMIO_DRIVER_FEATURES_SEL 0x024
#define MMIO_QUEUE_SEL           0x030
#define MMIO_QUEUE_NUM_MAX       0x034
#define MMIO_QUEUE_NUM           0x038
#define MMIO_QUEUE_READY         0x044
#define MMIO_QUEUE_NOTIFY        0x050
#define MMIO_INTERRUPT_STATUS    0x060
#define MMIO_INTERRUPT_ACK       0x064
#define MMIO_STATUS              0x070
#define MMIO_QUEUE_DESC          0x080 /* low half; the high half follows */
#define MMIO_QUEUE_DRIVER        0x090
#define MMIO_QUEUE_DEVICE        0x0a0
#define MMIO_CONFIG_GENERATION   0x0fc
#define MMIO_CONFIG              0x100

/* What the first registers say: the transport, and its second version. */
#define MMIO_MAGIC_VALUE    0x74726976u /* "virt" */
#define MMIO_VERSION_MODERN 2u

/* Causes of an interrupt (InterruptStatus). */
#define MMIO_INTERRUPT_USED   1u /* a buffer came back */
#define MMIO_INTERRUPT_CONFIG 2u /* the configuration changed, or the device needs a reset */
#define MMIO_INTERRUPT_ALL    (MMIO_INTERRUPT_USED | MMIO_INTERRUPT_CONFIG)

/* A device behind this transport. */
struct mmio_device {
    struct virtio_device device; /* first: the other is found from it */
    volatile void *registers;
};

/* Its methods. */
extern const struct virtio_transport virtio_mmio;

#endif
