/* SPDX-License-Identifier: BSD-2-Clause */
/* What each message of the front end does. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "qemu/vdma/vhost_user/backend_private.h"

#define PROTOCOL_FEATURES                                                                          \
    (VHOST_PROTOCOL_MQ | VHOST_PROTOCOL_REPLY_ACK | VHOST_PROTOCOL_BACKEND_REQ |                   \
     VHOST_PROTOCOL_CONFIG | VHOST_PROTOCOL_INFLIGHT)

enum outcome {
    DONE,     /* and told so, if that was asked for */
    REFUSED,  /* nothing has changed */
    ANSWERED, /* the payload is the answer */
};

static int take_fd(struct message *message)
{
    const int fd = message->fd_count != 0 ? message->fds[0] : -1;

    if (fd >= 0) {
        message->fds[0] = -1;
    }
    return fd;
}

/* An answer of so many bytes. */
static enum outcome answer(struct message *message, size_t size)
{
    message->header.size = (uint32_t)size;
    return ANSWERED;
}

static enum outcome answer_number(struct message *message, uint64_t number)
{
    message->payload.number = number;
    return answer(message, sizeof(number));
}

static enum outcome get_features(struct backend *backend, struct message *message)
{
    return answer_number(message, vdma_features(&backend->device));
}

static enum outcome set_features(struct backend *backend, struct message *message)
{
    const uint64_t features = message->payload.number;

    if ((features & ~vdma_features(&backend->device)) != 0) {
        return REFUSED;
    }
    for (unsigned i = 0; i < VDMA_QUEUES; i++) {
        if (backend->rings[i].running && features != backend->features) {
            return REFUSED; /* they are settled before a ring is used */
        }
    }
    backend->features = features;
    backend->features_set = true;
    return DONE;
}

static enum outcome nothing(struct backend *backend, struct message *message)
{
    (void)backend;
    (void)message;
    return DONE;
}

static enum outcome get_protocol(struct backend *backend, struct message *message)
{
    (void)backend;
    return answer_number(message, PROTOCOL_FEATURES);
}

static enum outcome set_protocol(struct backend *backend, struct message *message)
{
    if ((message->payload.number & ~PROTOCOL_FEATURES) != 0) {
        return REFUSED;
    }
    backend->protocol = message->payload.number;
    return DONE;
}

static enum outcome get_queue_num(struct backend *backend, struct message *message)
{
    return answer_number(message, backend->options.queues);
}

/*
 * What the device still has is done while it can be reached; then rings are found anew, for the
 * same memory may be elsewhere in the front end.
 */
static enum outcome set_mem_table(struct backend *backend, struct message *message)
{
    const struct vhost_memory *memory = &message->payload.memory;
    bool set;

    if (message->header.size < 8 || memory->count > VHOST_REGIONS_MAX ||
        message->header.size != 8 + memory->count * sizeof(memory->regions[0]) ||
        message->fd_count != memory->count) {
        return REFUSED;
    }
    for (unsigned i = 0; i < VDMA_QUEUES; i++) {
        ring_stop(backend, i);
    }
    set = memory_set(backend, memory, message->fds);
    for (unsigned i = 0; i < VDMA_QUEUES; i++) {
        ring_update(backend, i);
    }
    return set ? DONE : REFUSED;
}

static struct ring *ring_of(struct backend *backend, uint64_t index)
{
    return index < backend->options.queues ? &backend->rings[index] : NULL;
}

static enum outcome set_vring_num(struct backend *backend, struct message *message)
{
    const struct vhost_vring_state *state = &message->payload.state;
    struct ring *ring = ring_of(backend, state->index);

    if (ring == NULL || ring->running || state->number == 0 || state->number > VDMA_QUEUE_MAX ||
        (state->number & (state->number - 1)) != 0) {
        return REFUSED;
    }
    ring->size = state->number;
    return DONE;
}

static enum outcome set_vring_addr(struct backend *backend, struct message *message)
{
    const struct vhost_vring_addr *addr = &message->payload.addr;
    struct ring *ring = ring_of(backend, addr->index);

    if (ring == NULL) {
        return REFUSED;
    }
    ring_stop(backend, addr->index);
    ring->addr = *addr;
    ring->has_addr = true;
    ring_update(backend, addr->index);
    return DONE;
}

static enum outcome set_vring_base(struct backend *backend, struct message *message)
{
    const struct vhost_vring_state *state = &message->payload.state;
    struct ring *ring = ring_of(backend, state->index);

    if (ring == NULL || ring->running || state->number > UINT16_MAX) {
        return REFUSED;
    }
    ring->base = (uint16_t)state->number;
    return DONE;
}

/* Also ends the ring, until there is a new doorbell. */
static enum outcome get_vring_base(struct backend *backend, struct message *message)
{
    const uint32_t index = message->payload.state.index;
    struct ring *ring = ring_of(backend, index);

    if (ring == NULL) {
        return REFUSED;
    }
    ring_stop(backend, index);
    ring_set_fd(backend, &ring->kick, -1);
    message->payload.state.number = ring->base;
    return answer(message, sizeof(message->payload.state));
}

/* KICK, CALL and ERR: a file, or the word that there is none. */
static enum outcome set_vring_fd(struct backend *backend, struct message *message)
{
    const uint64_t number = message->payload.number;
    const bool without = (number & VHOST_VRING_NO_FD) != 0;
    struct ring *ring = ring_of(backend, number & VHOST_VRING_INDEX);

    if (ring == NULL || (number & ~(VHOST_VRING_INDEX | VHOST_VRING_NO_FD)) != 0 ||
        message->fd_count != (without ? 0 : 1)) {
        return REFUSED;
    }
    if (message->header.request == VHOST_SET_VRING_CALL) {
        ring_set_fd(backend, &ring->call, take_fd(message));
    } else if (message->header.request == VHOST_SET_VRING_ERR) {
        ring_set_fd(backend, &ring->error, take_fd(message));
    } else {
        ring_set_fd(backend, &ring->kick, take_fd(message));
        /* Where nobody has to enable it, a ring runs from its doorbell on. */
        ring->enabled = ring->enabled || (backend->features & VHOST_F_PROTOCOL_FEATURES) == 0;
        ring_update(backend, (unsigned)(number & VHOST_VRING_INDEX));
    }
    return DONE;
}

static enum outcome set_vring_enable(struct backend *backend, struct message *message)
{
    const struct vhost_vring_state *state = &message->payload.state;
    struct ring *ring = ring_of(backend, state->index);

    if (ring == NULL || state->number > 1) {
        return REFUSED;
    }
    ring->enabled = state->number != 0;
    ring_update(backend, state->index);
    return DONE;
}

static enum outcome set_channel(struct backend *backend, struct message *message)
{
    const struct timeval limit = {.tv_sec = 1};

    if (message->fd_count != 1) {
        return REFUSED;
    }
    /* One that stops in the middle of a message holds nobody up for longer. */
    setsockopt(message->fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(message->fds[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    ring_set_fd(backend, &backend->channel, take_fd(message));
    backend->unanswered = 0;
    return DONE;
}

static enum outcome iotlb(struct backend *backend, struct message *message)
{
    return translation_told(backend, &message->payload.iotlb) ? DONE : REFUSED;
}

#define CONFIG_SEG_MAX 12u /* its place; virtio 1.2, section 5.2.4 */

/*
 * The guest makes its rings as large as the front end lets it, and those are served; but what
 * it is told of a request's segments has to fit into the smallest that it may choose.
 */
static void whole_config(struct backend *backend, uint8_t *bytes)
{
    const uint32_t fits = backend->options.queue_size - 2;
    const uint32_t vendor = VDMA_VENDOR;
    uint32_t seg_max;

    vdma_config(&backend->device, 0, bytes, VHOST_CONFIG_MAX);
    memcpy(&seg_max, bytes + CONFIG_SEG_MAX, sizeof(seg_max));
    if (seg_max > fits) {
        memcpy(bytes + CONFIG_SEG_MAX, &fits, sizeof(fits));
    }
    if (backend->options.vendor) {
        memcpy(bytes + VDMA_CONFIG_VENDOR, &vendor, sizeof(vendor));
    }
}

static enum outcome get_config(struct backend *backend, struct message *message)
{
    struct vhost_config *config = &message->payload.config;
    const size_t head = sizeof(*config) - VHOST_CONFIG_MAX;
    uint8_t bytes[VHOST_CONFIG_MAX];

    if (message->header.size < head || config->size > VHOST_CONFIG_MAX ||
        config->offset > VHOST_CONFIG_MAX - config->size ||
        message->header.size != head + config->size) {
        return REFUSED;
    }
    whole_config(backend, bytes);
    memcpy(config->bytes, bytes + config->offset, config->size);
    return answer(message, head + config->size);
}

/* Nothing of a disk's configuration is the driver's to write. */
static enum outcome set_config(struct backend *backend, struct message *message)
{
    (void)backend;
    (void)message;
    return REFUSED;
}

static enum outcome get_inflight(struct backend *backend, struct message *message)
{
    struct vhost_inflight *inflight = &message->payload.inflight;
    const uint64_t size = inflight_size(inflight->queues, inflight->queue_size);
    const int fd = size != 0 ? memfd_create("vdma-inflight", MFD_CLOEXEC) : -1;

    inflight->size = size;
    inflight->offset = 0;
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0 || !inflight_use(backend, inflight, fd)) {
        if (fd >= 0) {
            close(fd);
        }
        return REFUSED;
    }
    message->fds[0] = fd;
    message->fd_count = 1;
    return answer(message, sizeof(*inflight));
}

static enum outcome set_inflight(struct backend *backend, struct message *message)
{
    if (message->fd_count != 1 ||
        !inflight_use(backend, &message->payload.inflight, message->fds[0])) {
        return REFUSED;
    }
    return DONE;
}

#define ANY_SIZE UINT32_MAX /* its handler looks */

/* Of each: its payload, the files that may come along, and whether the core lock is needed. */
static const struct handler {
    enum outcome (*handle)(struct backend *backend, struct message *message);
    uint32_t size;
    uint8_t fds_max;
    bool answers, unlocked;
} handlers[VHOST_REQUESTS] = {
    [VHOST_GET_FEATURES] = {get_features, 0, 0, true, false},
    [VHOST_SET_FEATURES] = {set_features, 8, 0, false, false},
    [VHOST_SET_OWNER] = {nothing, 0, 0, false, false},
    [VHOST_RESET_OWNER] = {nothing, 0, 0, false, false},
    [VHOST_SET_MEM_TABLE] = {set_mem_table, ANY_SIZE, VHOST_REGIONS_MAX, false, false},
    [VHOST_SET_VRING_NUM] = {set_vring_num, 8, 0, false, false},
    [VHOST_SET_VRING_ADDR] = {set_vring_addr, 40, 0, false, false},
    [VHOST_SET_VRING_BASE] = {set_vring_base, 8, 0, false, false},
    [VHOST_GET_VRING_BASE] = {get_vring_base, 8, 0, true, false},
    [VHOST_SET_VRING_KICK] = {set_vring_fd, 8, 1, false, false},
    [VHOST_SET_VRING_CALL] = {set_vring_fd, 8, 1, false, false},
    [VHOST_SET_VRING_ERR] = {set_vring_fd, 8, 1, false, false},
    [VHOST_GET_PROTOCOL_FEATURES] = {get_protocol, 0, 0, true, false},
    [VHOST_SET_PROTOCOL_FEATURES] = {set_protocol, 8, 0, false, false},
    [VHOST_GET_QUEUE_NUM] = {get_queue_num, 0, 0, true, false},
    [VHOST_SET_VRING_ENABLE] = {set_vring_enable, 8, 0, false, false},
    [VHOST_SET_BACKEND_REQ_FD] = {set_channel, 0, 1, false, false},
    [VHOST_IOTLB_MSG] = {iotlb, 32, 0, false, true},
    [VHOST_GET_CONFIG] = {get_config, ANY_SIZE, 0, true, false},
    [VHOST_SET_CONFIG] = {set_config, ANY_SIZE, 0, false, false},
    [VHOST_GET_INFLIGHT_FD] = {get_inflight, 24, 0, true, false},
    [VHOST_SET_INFLIGHT_FD] = {set_inflight, 24, 1, false, false},
};

static enum outcome handle(struct backend *backend, const struct handler *handler,
                           struct message *message)
{
    enum outcome outcome;

    if (handler == NULL || handler->handle == NULL || message->fd_count > handler->fds_max ||
        (handler->size != ANY_SIZE && message->header.size != handler->size)) {
        return REFUSED;
    }
    if (handler->unlocked) {
        return handler->handle(backend, message);
    }
    backend_lock(backend);
    outcome = handler->handle(backend, message);
    backend_unlock(backend);
    return outcome;
}

static bool reply(struct backend *backend, struct message *message, int fd)
{
    message->header.flags = VHOST_VERSION | VHOST_REPLY;
    return message_send(backend->socket, &message->header, &message->payload, fd);
}

bool request_handle(struct backend *backend, struct message *message)
{
    const uint32_t request = message->header.request;
    const struct handler *handler = request < VHOST_REQUESTS ? &handlers[request] : NULL;
    const bool acknowledge = (backend->protocol & VHOST_PROTOCOL_REPLY_ACK) != 0 &&
                             (message->header.flags & VHOST_NEED_REPLY) != 0;
    const enum outcome outcome = handle(backend, handler, message);

    if (outcome == ANSWERED) {
        return reply(backend, message, message->fd_count != 0 ? message->fds[0] : -1);
    }
    if (outcome == REFUSED) {
        backend_say(backend, "request %u with %u bytes and %u files is refused", request,
                    message->header.size, message->fd_count);
        /* One that waits for an answer of another kind can only be left. */
        if (!acknowledge || (handler != NULL && handler->answers)) {
            return false;
        }
    }
    if (acknowledge) {
        answer_number(message, outcome == REFUSED);
        return reply(backend, message, -1);
    }
    return true;
}
