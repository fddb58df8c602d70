/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the virtio-pci transport (virtio 1.2, section 4.1): its structures and its devices. */
#ifndef DRIVERS_VIRTIO_TRANSPORT_PCI_H
#define DRIVERS_VIRTIO_TRANSPORT_PCI_H

#include "drivers/pci/pci.h"
#include "drivers/virtio/transport.h"

/* All of virtio has one vendor, whoever built the device (section 4.1.2). */
#define VIRTIO_PCI_VENDOR       0x1af4u
#define VIRTIO_PCI_TRANSITIONAL 0x1000u /* up to MODERN: the type is in the subsystem */
#define VIRTIO_PCI_MODERN       0x1040u /* and the type */
#define VIRTIO_PCI_END          0x1080u

/* A vendor's capability (section 4.1.4): offsets from its beginning, bytes. */
#define VIRTIO_PCI_CAP_LENGTH     2u
#define VIRTIO_PCI_CAP_TYPE       3u
#define VIRTIO_PCI_CAP_BAR        4u
#define VIRTIO_PCI_CAP_OFFSET     8u
#define VIRTIO_PCI_CAP_SIZE       12u
#define VIRTIO_PCI_CAP_MULTIPLIER 16u /* of the notification structure */

/* What is where in BARs, by the types of capabilities. */
enum virtio_pci_structure {
    VIRTIO_PCI_COMMON = 1,
    VIRTIO_PCI_NOTIFY = 2,
    VIRTIO_PCI_ISR = 3,
    VIRTIO_PCI_DEVICE = 4,
    VIRTIO_PCI_STRUCTURES
};

/* The common configuration (section 4.1.4.3); widths are those of the accesses. */
#define COMMON_DEVICE_FEATURE_SELECT 0x00u /* 32 */
#define COMMON_DEVICE_FEATURE        0x04u /* 32 */
#define COMMON_DRIVER_FEATURE_SELECT 0x08u /* 32 */
#define COMMON_DRIVER_FEATURE        0x0cu /* 32 */
#define COMMON_CONFIG_VECTOR         0x10u /* 16 */
#define COMMON_QUEUES                0x12u /* 16 */
#define COMMON_STATUS                0x14u /* 8 */
#define COMMON_GENERATION            0x15u /* 8 */
#define COMMON_QUEUE_SELECT          0x16u /* 16 */
#define COMMON_QUEUE_SIZE            0x18u /* 16 */
#define COMMON_QUEUE_VECTOR          0x1au /* 16 */
#define COMMON_QUEUE_ENABLE          0x1cu /* 16 */
#define COMMON_QUEUE_NOTIFY_OFF      0x1eu /* 16 */
#define COMMON_QUEUE_DESC            0x20u /* two of 32, as the next two */
#define COMMON_QUEUE_DRIVER          0x28u
#define COMMON_QUEUE_DEVICE          0x30u
#define COMMON_BYTES                 0x38u

/* What a vector reads as that the device has no room for. */
#define VIRTIO_PCI_NO_VECTOR 0xffffu

/* Causes of an interrupt by the line (section 4.1.4.5). */
#define VIRTIO_PCI_ISR_USED   1u
#define VIRTIO_PCI_ISR_CONFIG 2u

/* What the handler of one queue's vector needs. */
struct virtio_pci_vector {
    struct virtio_device *device;
    unsigned queue;
};

/* A device of this bus. */
struct virtio_pci_device {
    struct virtio_device device; /* first: the other is found from it */
    struct pci_function *function;
    volatile void *structures[VIRTIO_PCI_STRUCTURES]; /* NULL: it has none of this type */
    uint32_t sizes[VIRTIO_PCI_STRUCTURES];            /* bytes */
    uint32_t multiplier;                              /* bytes between doorbells */
    unsigned vectors;                                 /* granted; 0: none are attached */
    unsigned queues;                                  /* that it says it has */
    struct virtio_pci_vector *queue_vectors;          /* one a queue, or one for all */
};

/* Its methods. */
extern const struct virtio_transport virtio_pci;

#endif
