/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is under way, in a file that outlives this process: the front end keeps it and gives it
 * to the next back end, which does again what was taken and not given back.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "qemu/vdma/vhost_user/backend_private.h"

#define INFLIGHT_VERSION 1u
#define QUEUE_ALIGNMENT  64u

static uint64_t queue_bytes(uint64_t queue_size)
{
    const uint64_t bytes =
        sizeof(struct vhost_inflight_queue) + queue_size * sizeof(struct vhost_inflight_descriptor);

    return (bytes + QUEUE_ALIGNMENT - 1) / QUEUE_ALIGNMENT * QUEUE_ALIGNMENT;
}

uint64_t inflight_size(unsigned queues, unsigned queue_size)
{
    if (queues == 0 || queues > VDMA_QUEUES || queue_size == 0 || queue_size > VDMA_QUEUE_MAX) {
        return 0;
    }
    return queues * queue_bytes(queue_size);
}

void inflight_drop(struct backend *backend)
{
    if (backend->inflight != NULL) {
        munmap(backend->inflight, backend->inflight_size);
    }
    backend->inflight = NULL;
}

/* NULL: nobody keeps one of this queue. */
static struct vhost_inflight_queue *queue_of(const struct backend *backend, unsigned queue)
{
    if (backend->inflight == NULL || queue >= backend->inflight_queues) {
        return NULL;
    }
    return (struct vhost_inflight_queue *)(void *)(backend->inflight +
                                                   queue * queue_bytes(backend->inflight_depth));
}

bool inflight_use(struct backend *backend, const struct vhost_inflight *told, int fd)
{
    const uint64_t size = inflight_size(told->queues, told->queue_size);
    struct stat file;
    void *at;

    if (size == 0 || told->size < size || told->offset % 4096 != 0 || fstat(fd, &file) != 0 ||
        told->offset + size < told->offset || told->offset + size > (uint64_t)file.st_size) {
        return false;
    }
    at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)told->offset);
    if (at == MAP_FAILED) {
        return false;
    }
    inflight_drop(backend);
    backend->inflight = at;
    backend->inflight_size = size;
    backend->inflight_queues = told->queues;
    backend->inflight_depth = told->queue_size;
    return true;
}

/* The last entry of the used ring was published, and perhaps that was not noted any more. */
static void finish_batch(struct vhost_inflight_queue *queue, uint64_t depth, uint16_t used)
{
    if (queue->used_index != used && queue->last_batch_head < depth) {
        queue->descriptors[queue->last_batch_head].inflight = 0;
    }
    queue->used_index = used;
}

unsigned inflight_recover(struct backend *backend, unsigned queue, uint16_t used, uint16_t *heads)
{
    struct vhost_inflight_queue *kept = queue_of(backend, queue);
    const unsigned depth = (unsigned)backend->inflight_depth;
    uint64_t before = 0;
    unsigned count = 0;

    if (kept == NULL || depth > backend->rings[queue].size) {
        return 0;
    }
    if (kept->version != INFLIGHT_VERSION || kept->count != depth) {
        memset(kept, 0, queue_bytes(depth));
        kept->version = INFLIGHT_VERSION;
        kept->count = (uint16_t)depth;
        kept->used_index = used;
        return 0;
    }
    finish_batch(kept, depth, used);
    /* Counters differ, whatever the file says: each round takes the lowest above the last. */
    for (;;) {
        unsigned next = depth;

        for (unsigned i = 0; i < depth; i++) {
            const struct vhost_inflight_descriptor *one = &kept->descriptors[i];

            if (one->inflight == 1 && one->counter > before &&
                (next == depth || one->counter < kept->descriptors[next].counter)) {
                next = i;
            }
        }
        if (next == depth) {
            break;
        }
        before = kept->descriptors[next].counter;
        heads[count++] = (uint16_t)next;
    }
    if (before > backend->inflight_counter) {
        backend->inflight_counter = before;
    }
    return count;
}

void inflight_note(struct backend *backend, unsigned queue, uint16_t head, unsigned progress)
{
    struct vhost_inflight_queue *kept = queue_of(backend, queue);

    if (kept == NULL || head >= backend->inflight_depth) {
        return;
    }
    /* Death may come between any two of these: each step is whole before the next. */
    switch (progress) {
    case VDMA_TAKEN:
        kept->descriptors[head].counter = ++backend->inflight_counter;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        kept->descriptors[head].inflight = 1;
        break;
    case VDMA_GIVING:
        kept->descriptors[head].next = kept->last_batch_head;
        kept->last_batch_head = head;
        break;
    default:
        kept->descriptors[head].inflight = 0;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        kept->used_index++;
        break;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
