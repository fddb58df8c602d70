/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings: when they run, and the thread that carries out what is in them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "qemu/vdma/vhost_user/backend_private.h"

void ring_set_fd(struct backend *backend, int *slot, int fd)
{
    const uint64_t one = 1;

    if (*slot >= 0) {
        close(*slot);
    }
    if (fd >= 0) {
        /* Whatever it is: nobody shall have to wait for it. */
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    *slot = fd;
    if (write(backend->wake, &one, sizeof(one)) < 0) {
        return; /* it is about to wake */
    }
}

/* Where the parts of a ring are on the bus. False: not in memory. */
static bool place(struct backend *backend, const struct vhost_vring_addr *told,
                  struct vdma_queue_setup *setup)
{
    if (translates(backend)) {
        setup->desc = told->desc;
        setup->avail = told->avail;
        setup->used = told->used;
        return true;
    }
    return memory_of_user(backend, told->desc, &setup->desc) &&
           memory_of_user(backend, told->avail, &setup->avail) &&
           memory_of_user(backend, told->used, &setup->used);
}

static bool any_running(const struct backend *backend)
{
    for (unsigned i = 0; i < VDMA_QUEUES; i++) {
        if (backend->rings[i].running) {
            return true;
        }
    }
    return false;
}

/* Where the last back end of this ring was, if there was one. */
static void recover(struct backend *backend, unsigned index, struct vdma_queue_setup *setup,
                    uint16_t *again)
{
    uint64_t memory;
    uint16_t used;

    if (backend->inflight == NULL ||
        backend_ports.translate(backend, setup->used + 2, 2, VDMA_READS, &memory) < 2 ||
        !backend_ports.read(backend, memory, &used, 2)) {
        return;
    }
    setup->again = again;
    setup->again_count = inflight_recover(backend, index, used, again);
    if (setup->again_count != 0) {
        /* The front end only knows what came back. */
        setup->next = (uint16_t)(used + setup->again_count);
        backend_say(backend, "queue %u: %u requests are done again", index, setup->again_count);
    }
}

static void start(struct backend *backend, unsigned index)
{
    struct ring *ring = &backend->rings[index];
    struct vdma_queue_setup setup = {.size = ring->size, .next = ring->base};
    uint16_t again[VDMA_QUEUE_MAX];

    if (!any_running(backend) && !vdma_set_features(&backend->device, backend->features)) {
        backend_say(backend, "features 0x%llx cannot be had",
                    (unsigned long long)backend->features);
        return;
    }
    if (!place(backend, &ring->addr, &setup)) {
        backend_say(backend, "queue %u: its ring is not in memory", index);
        return;
    }
    recover(backend, index, &setup, again);
    if (!vdma_queue_start(&backend->device, index, &setup)) {
        backend_say(backend, "queue %u: its ring breaks a rule, see the device's log", index);
        return;
    }
    ring->running = true;
    /* Doorbells may have been heard by one who is not there any more. */
    vdma_doorbell(&backend->device, index, 0);
}

void ring_stop(struct backend *backend, unsigned index)
{
    struct ring *ring = &backend->rings[index];

    if (!ring->running) {
        return;
    }
    ring->base = vdma_queue_stop(&backend->device, index, backend_now());
    ring->running = false;
    if (!any_running(backend)) {
        /* This is how a front end resets its device. */
        vdma_reset_device(&backend->device, backend_now());
    }
}

static bool wanted(const struct backend *backend, const struct ring *ring)
{
    return ring->enabled && ring->has_addr && ring->size != 0 && ring->kick >= 0 &&
           backend->features_set && backend->region_count != 0;
}

void ring_update(struct backend *backend, unsigned index)
{
    const uint64_t one = 1;
    struct ring *ring = &backend->rings[index];

    ring->failed = false;
    if (!wanted(backend, ring)) {
        ring_stop(backend, index);
    }
    if (write(backend->wake, &one, sizeof(one)) < 0) {
        return; /* it is about to wake */
    }
}

/*
 * By the copier, true if there is something to do: a ring behind an IOMMU is found by asking the
 * front end, whose answer the socket's thread has to be free for.
 */
static bool start_wanted(struct backend *backend)
{
    bool started = false;

    for (unsigned i = 0; i < VDMA_QUEUES; i++) {
        struct ring *ring = &backend->rings[i];

        if (!ring->running && !ring->failed && wanted(backend, ring)) {
            start(backend, i);
            ring->failed = !ring->running;
            started = started || ring->running;
        }
    }
    return started;
}

void rings_forget(struct backend *backend)
{
    for (unsigned i = 0; i < VDMA_QUEUES; i++) {
        struct ring *ring = &backend->rings[i];

        ring_stop(backend, i);
        ring_set_fd(backend, &ring->kick, -1);
        ring_set_fd(backend, &ring->call, -1);
        ring_set_fd(backend, &ring->error, -1);
        *ring = (struct ring){.kick = -1, .call = -1, .error = -1};
    }
}

/* Core. What to wait for; the first is the wake event. */
static unsigned gather(const struct backend *backend, struct pollfd *wait)
{
    unsigned count = 1;

    wait[0] = (struct pollfd){.fd = backend->wake, .events = POLLIN};
    for (unsigned i = 0; i < VDMA_QUEUES; i++) {
        if (backend->rings[i].running) {
            wait[count++] = (struct pollfd){.fd = backend->rings[i].kick, .events = POLLIN};
        }
    }
    return count;
}

static void sleep_until(struct backend *backend, uint64_t deadline, struct pollfd *wait,
                        unsigned count)
{
    uint64_t event;
    struct timespec left = {0};
    const uint64_t now = backend_now();

    if (deadline > now) {
        left.tv_sec = (time_t)((deadline - now) / 1000000000u);
        left.tv_nsec = (long)((deadline - now) % 1000000000u);
    }
    ppoll(wait, count, deadline == VDMA_NEVER ? NULL : &left, NULL);
    if (read(backend->wake, &event, sizeof(event)) < 0) {
        return; /* it was another one */
    }
}

/* Core. A file that cannot be waited for would keep the copier from ever sleeping. */
static void hear(struct backend *backend, unsigned index)
{
    struct ring *ring = &backend->rings[index];
    uint64_t event;
    ssize_t count;

    if (!ring->running) {
        return;
    }
    count = read(ring->kick, &event, sizeof(event));
    if (count == (ssize_t)sizeof(event)) {
        vdma_doorbell(&backend->device, index, 0);
    } else if (count >= 0 || (errno != EAGAIN && errno != EINTR)) {
        backend_say(backend, "queue %u: its doorbell is no event", index);
        ring_set_fd(backend, &ring->kick, -1);
        ring_update(backend, index);
    }
}

void *rings_copy(void *context)
{
    struct backend *backend = context;

    while (!atomic_load(&backend->finished)) {
        struct pollfd wait[1 + VDMA_QUEUES];
        uint64_t deadline;
        unsigned count;
        bool more = true;

        pthread_mutex_lock(&backend->core_lock);
        deadline = start_wanted(backend) ? 0 : backend->deadline;
        count = gather(backend, wait);
        pthread_mutex_unlock(&backend->core_lock);
        sleep_until(backend, deadline, wait, count);
        pthread_mutex_lock(&backend->core_lock);
        for (unsigned i = 0; i < VDMA_QUEUES; i++) {
            hear(backend, i);
        }
        pthread_mutex_unlock(&backend->core_lock);
        /* One request at a time, so that the socket's thread gets its turn. */
        while (more && !atomic_load(&backend->finished)) {
            pthread_mutex_lock(&backend->core_lock);
            more = vdma_step(&backend->device, backend_now());
            pthread_mutex_unlock(&backend->core_lock);
            while (atomic_load(&backend->hurry)) {
                sched_yield();
            }
        }
    }
    return NULL;
}
