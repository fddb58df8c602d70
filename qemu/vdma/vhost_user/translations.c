/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Behind an IOMMU: what the front end has said of the device's addresses. An entry leads to
 * an address of the front end's process. There is no address space number in them; who
 * changes a device's space has to invalidate.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "qemu/vdma/vhost_user/backend_private.h"

#define PATIENCE_MS 1000 /* for an answer, which comes at once from one that lives */
#define SLICE_MS    10   /* until somebody may be in a hurry */

/* Map, for writing: nothing of [iova, + size) is known any more; size 0: of anything. */
static void drop(struct backend *backend, uint64_t iova, uint64_t size)
{
    for (unsigned i = 0; i < backend->translation_count;) {
        const struct vhost_iotlb *known = &backend->translations[i];

        if (size == 0 || known->iova - iova < size || iova - known->iova < known->size) {
            backend->translations[i] = backend->translations[--backend->translation_count];
        } else {
            i++;
        }
    }
}

static void add(struct backend *backend, const struct vhost_iotlb *told)
{
    unsigned place = backend->translation_count;

    if (place == TRANSLATIONS) {
        place = backend->translation_next++ % TRANSLATIONS;
    } else {
        backend->translation_count++;
    }
    backend->translations[place] = *told;
}

bool translation_told(struct backend *backend, const struct vhost_iotlb *told)
{
    const bool update = told->type == VHOST_IOTLB_UPDATE;

    if (!update && told->type != VHOST_IOTLB_INVALIDATE) {
        return false;
    }
    /* The whole of 2^64 does not fit in a size, and comes as 0. */
    if (update && (told->size == 0 || told->iova + (told->size - 1) < told->iova ||
                   told->user + (told->size - 1) < told->user || told->access == 0 ||
                   told->access > (VHOST_ACCESS_READ | VHOST_ACCESS_WRITE))) {
        return false;
    }
    pthread_rwlock_wrlock(&backend->map_lock);
    drop(backend, told->iova, told->size);
    if (update) {
        add(backend, told);
    }
    pthread_rwlock_unlock(&backend->map_lock);
    return true;
}

static unsigned access_of(unsigned access)
{
    return access == VDMA_WRITES ? VHOST_ACCESS_WRITE : VHOST_ACCESS_READ;
}

uint64_t translation_find(const struct backend *backend, uint64_t iova, unsigned access,
                          uint64_t *user)
{
    for (unsigned i = 0; i < backend->translation_count; i++) {
        const struct vhost_iotlb *known = &backend->translations[i];

        if (iova - known->iova < known->size && (known->access & access_of(access)) != 0) {
            *user = known->user + (iova - known->iova);
            return known->size - (iova - known->iova);
        }
    }
    return 0;
}

/* An answer to a request on the channel: a number, 0 if all is well. False: none came whole. */
static bool read_answer(struct backend *backend, uint64_t *number)
{
    struct {
        struct vhost_header header;
        uint64_t number;
    } __attribute__((packed)) answer;

    if (recv(backend->channel, &answer, sizeof(answer), MSG_WAITALL) != (ssize_t)sizeof(answer) ||
        answer.header.request != VHOST_BACKEND_IOTLB_MSG ||
        (answer.header.flags & VHOST_REPLY) == 0) {
        return false;
    }
    *number = answer.number;
    return true;
}

/* Those that nobody waited for any more come before the last one's: they have no names. */
static bool answered(struct backend *backend)
{
    struct pollfd wait = {.fd = backend->channel, .events = POLLIN};
    uint64_t number = 1;
    unsigned waited = 0;

    while (waited < PATIENCE_MS) {
        if (poll(&wait, 1, SLICE_MS) > 0) {
            if (!read_answer(backend, &number)) {
                break;
            }
            if (--backend->unanswered == 0) {
                return number == 0;
            }
        } else if (atomic_load(&backend->hurry) || atomic_load(&backend->finished)) {
            return false;
        } else {
            waited += SLICE_MS;
        }
    }
    backend_say(backend, "the front end does not answer what address it has");
    return false;
}

bool translation_ask(struct backend *backend, uint64_t iova, unsigned access)
{
    const struct vhost_header header = {.request = VHOST_BACKEND_IOTLB_MSG,
                                        .flags = VHOST_VERSION | VHOST_NEED_REPLY,
                                        .size = sizeof(struct vhost_iotlb)};
    const struct vhost_iotlb miss = {
        .iova = iova, .access = (uint8_t)access_of(access), .type = VHOST_IOTLB_MISS};

    /* Nobody would hear what the front end says before it answers. */
    if (backend->channel < 0 || atomic_load(&backend->hurry) ||
        !message_send(backend->channel, &header, &miss, -1)) {
        return false;
    }
    backend->unanswered++;
    return answered(backend);
}

void translation_forget(struct backend *backend)
{
    pthread_rwlock_wrlock(&backend->map_lock);
    backend->translation_count = 0;
    pthread_rwlock_unlock(&backend->map_lock);
}
