/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes over the socket of a vhost-user device: numbers and layouts of "Vhost-user
 * Protocol" in QEMU's interoperability documentation. Both sides are on one machine, so
 * everything is in its byte order.
 */
#ifndef QEMU_VDMA_VHOST_USER_PROTOCOL_H
#define QEMU_VDMA_VHOST_USER_PROTOCOL_H

#include <stdint.h>

enum vhost_request {
    VHOST_GET_FEATURES = 1,
    VHOST_SET_FEATURES = 2,
    VHOST_SET_OWNER = 3,
    VHOST_RESET_OWNER = 4,
    VHOST_SET_MEM_TABLE = 5,
    VHOST_SET_VRING_NUM = 8,
    VHOST_SET_VRING_ADDR = 9,
    VHOST_SET_VRING_BASE = 10,
    VHOST_GET_VRING_BASE = 11,
    VHOST_SET_VRING_KICK = 12,
    VHOST_SET_VRING_CALL = 13,
    VHOST_SET_VRING_ERR = 14,
    VHOST_GET_PROTOCOL_FEATURES = 15,
    VHOST_SET_PROTOCOL_FEATURES = 16,
    VHOST_GET_QUEUE_NUM = 17,
    VHOST_SET_VRING_ENABLE = 18,
    VHOST_SET_BACKEND_REQ_FD = 21,
    VHOST_IOTLB_MSG = 22,
    VHOST_GET_CONFIG = 24,
    VHOST_SET_CONFIG = 25,
    VHOST_GET_INFLIGHT_FD = 31,
    VHOST_SET_INFLIGHT_FD = 32,
    VHOST_REQUESTS = 33, /* one more than the last that is known here */
};

/* On the channel in the other direction. */
#define VHOST_BACKEND_IOTLB_MSG     1u
#define VHOST_BACKEND_CONFIG_CHANGE 2u

#define VHOST_VERSION      1u
#define VHOST_VERSION_MASK 3u
#define VHOST_REPLY        4u
#define VHOST_NEED_REPLY   8u

struct vhost_header {
    uint32_t request;
    uint32_t flags;
    uint32_t size; /* of the payload */
};

#define VHOST_F_PROTOCOL_FEATURES (1ull << 30)

#define VHOST_PROTOCOL_MQ          (1ull << 0)
#define VHOST_PROTOCOL_REPLY_ACK   (1ull << 3)
#define VHOST_PROTOCOL_BACKEND_REQ (1ull << 5)
#define VHOST_PROTOCOL_CONFIG      (1ull << 9)
#define VHOST_PROTOCOL_INFLIGHT    (1ull << 12)

struct vhost_vring_state {
    uint32_t index;
    uint32_t number;
};

struct vhost_vring_addr {
    uint32_t index;
    uint32_t flags;
    uint64_t desc, used, avail; /* of the front end's process; behind an IOMMU the device's */
    uint64_t log;
};

/* The payload of KICK, CALL and ERR: a queue, and whether a file comes along. */
#define VHOST_VRING_INDEX 0xffull
#define VHOST_VRING_NO_FD 0x100ull

#define VHOST_REGIONS_MAX 8u

struct vhost_region {
    uint64_t guest;  /* physical address */
    uint64_t size;   /* bytes */
    uint64_t user;   /* address in the front end's process */
    uint64_t offset; /* in the file that comes along */
};

struct vhost_memory {
    uint32_t count;
    uint32_t padding;
    struct vhost_region regions[VHOST_REGIONS_MAX];
};

#define VHOST_CONFIG_MAX 256u

struct vhost_config {
    uint32_t offset, size, flags;
    uint8_t bytes[VHOST_CONFIG_MAX];
};

#define VHOST_IOTLB_MISS       1u
#define VHOST_IOTLB_UPDATE     2u
#define VHOST_IOTLB_INVALIDATE 3u

#define VHOST_ACCESS_READ  1u
#define VHOST_ACCESS_WRITE 2u

struct vhost_iotlb {
    uint64_t iova, size, user;
    uint8_t access;
    uint8_t type;
    uint8_t padding[6];
};

struct vhost_inflight {
    uint64_t size, offset;
    uint16_t queues;
    uint16_t queue_size;
    uint32_t padding; /* sent as well */
};

union vhost_payload {
    uint64_t number;
    struct vhost_vring_state state;
    struct vhost_vring_addr addr;
    struct vhost_memory memory;
    struct vhost_config config;
    struct vhost_iotlb iotlb;
    struct vhost_inflight inflight;
};

/*
 * What a back end remembers of a split ring for the one that comes after it, in a file that
 * the front end keeps: "Inflight I/O tracking" of the same document.
 */
struct vhost_inflight_descriptor {
    uint8_t inflight;
    uint8_t padding[5];
    uint16_t next;
    uint64_t counter; /* order of taking */
};

struct vhost_inflight_queue {
    uint64_t features;
    uint16_t version;
    uint16_t count; /* of descriptors */
    uint16_t last_batch_head;
    uint16_t used_index;
    struct vhost_inflight_descriptor descriptors[];
};

_Static_assert(sizeof(struct vhost_header) == 12 && sizeof(struct vhost_iotlb) == 32 &&
                   sizeof(struct vhost_inflight) == 24 && sizeof(struct vhost_vring_addr) == 40 &&
                   sizeof(struct vhost_memory) == 264 &&
                   sizeof(struct vhost_inflight_descriptor) == 16 &&
                   sizeof(struct vhost_inflight_queue) == 16,
               "the layouts of the protocol");

#endif
