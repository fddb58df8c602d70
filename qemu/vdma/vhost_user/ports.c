/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the device's core reaches the world by: the guest's memory, the queues' interrupts, time.
 *
 * A "memory" address stays what it was on the bus, and what lies there is looked up for each
 * piece of a copy: what has been taken away meanwhile is not touched any more.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "qemu/vdma/vhost_user/backend_private.h"

uint64_t backend_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Map. */
static uint64_t locate(const struct backend *backend, uint64_t bus, unsigned access, uint8_t **at)
{
    uint64_t user;
    uint64_t length;

    if (!translates(backend)) {
        return memory_at(backend, bus, at);
    }
    length = translation_find(backend, bus, access, &user);
    return length == 0 ? 0 : lesser(length, memory_at_user(backend, user, at));
}

static uint64_t port_translate(void *context, uint64_t bus, uint64_t length, unsigned access,
                               uint64_t *memory)
{
    struct backend *backend = context;
    bool asked = false;
    uint64_t there;
    uint8_t *at;

    *memory = bus;
    for (;;) {
        pthread_rwlock_rdlock(&backend->map_lock);
        there = locate(backend, bus, access, &at);
        pthread_rwlock_unlock(&backend->map_lock);
        if (there != 0 || asked || !translates(backend)) {
            return lesser(there, length);
        }
        /* Once: what is told and dropped again at once is not there. */
        asked = true;
        if (!translation_ask(backend, bus, access)) {
            return 0;
        }
    }
}

/*
 * The guest runs on meanwhile, so that an index has to be read and written in one access; what
 * is larger is ordered by the barriers around it.
 */
static void copy_in(void *to, const uint8_t *at, uint64_t length)
{
    if (length == 2 && (uintptr_t)at % 2 == 0) {
        const uint16_t value =
            __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);

        memcpy(to, &value, 2);
    } else if (length == 4 && (uintptr_t)at % 4 == 0) {
        const uint32_t value =
            __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);

        memcpy(to, &value, 4);
    } else {
        memcpy(to, at, length);
    }
}

static void copy_out(uint8_t *at, const void *from, uint64_t length)
{
    if (length == 2 && (uintptr_t)at % 2 == 0) {
        uint16_t value;

        memcpy(&value, from, 2);
        __atomic_store_n((uint16_t *)(void *)at, value, __ATOMIC_RELEASE);
    } else {
        memcpy(at, from, length);
    }
}

static bool copy(struct backend *backend, uint64_t bus, uint8_t *to, const uint8_t *from,
                 uint64_t length)
{
    const unsigned access = to != NULL ? VDMA_READS : VDMA_WRITES;

    for (uint64_t done = 0; done < length;) {
        uint8_t *at;
        uint64_t there;

        pthread_rwlock_rdlock(&backend->map_lock);
        there = lesser(locate(backend, bus + done, access, &at), length - done);
        if (there != 0 && to != NULL) {
            copy_in(to + done, at, there);
        } else if (there != 0) {
            copy_out(at, from + done, there);
        }
        pthread_rwlock_unlock(&backend->map_lock);
        if (there == 0) {
            return false;
        }
        done += there;
    }
    return true;
}

static bool port_read(void *context, uint64_t memory, void *to, uint32_t length)
{
    return copy(context, memory, to, NULL, length);
}

static bool port_write(void *context, uint64_t memory, const void *from, uint32_t length)
{
    return copy(context, memory, NULL, from, length);
}

static void port_barrier(void *context)
{
    (void)context;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* QEMU reads the configuration again and tells the guest. */
static void tell_configuration(struct backend *backend)
{
    const struct vhost_header header = {.request = VHOST_BACKEND_CONFIG_CHANGE,
                                        .flags = VHOST_VERSION};

    if (backend->channel < 0 || !message_send(backend->channel, &header, NULL, -1)) {
        backend_say(backend, "the configuration has changed, and nobody can be told");
    }
}

static void port_line(void *context, unsigned vector, bool high)
{
    const uint64_t one = 1;
    struct backend *backend = context;

    if (!high) {
        return;
    }
    if (vector >= VDMA_QUEUES) {
        tell_configuration(backend);
    } else if (backend->rings[vector].call >= 0 &&
               write(backend->rings[vector].call, &one, sizeof(one)) < 0) {
        backend_say(backend, "queue %u: its interrupt cannot be raised", vector);
    }
}

static void port_deadline(void *context, uint64_t tick)
{
    struct backend *backend = context;

    backend->deadline = tick;
}

static void port_progress(void *context, unsigned queue, uint16_t head, enum vdma_progress progress)
{
    inflight_note(context, queue, head, progress);
}

const struct vdma_ports backend_ports = {
    .translate = port_translate,
    .read = port_read,
    .write = port_write,
    .barrier = port_barrier,
    .line = port_line,
    .deadline = port_deadline,
    .progress = port_progress,
};
