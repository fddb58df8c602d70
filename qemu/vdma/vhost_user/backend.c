/* SPDX-License-Identifier: BSD-2-Clause */
/* The back end as a whole: its beginning, one front end after the other, its end. */
#include "qemu/vdma/vhost_user/backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "qemu/vdma/vhost_user/backend_private.h"

void backend_say(struct backend *backend, const char *format, ...)
{
    char line[200];
    va_list arguments;

    if (backend->options.say == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    backend->options.say(line);
}

void backend_lock(struct backend *backend)
{
    atomic_store(&backend->hurry, true);
    pthread_mutex_lock(&backend->core_lock);
}

void backend_unlock(struct backend *backend)
{
    atomic_store(&backend->hurry, false);
    pthread_mutex_unlock(&backend->core_lock);
}

static void signal_event(int event)
{
    const uint64_t one = 1;

    /* It fails where the counter is full, and then nobody has slept through it either. */
    if (write(event, &one, sizeof(one)) < 0) {
        return;
    }
}

void backend_stop(struct backend *backend)
{
    signal_event(backend->stop);
}

#define BLK_F_GEOMETRY (1ull << 4) /* virtio 1.2, section 5.2.3 */

bool backend_init(struct backend *backend, const struct backend_options *options)
{
    const struct vdma_options device = {
        .limits = options->limits,
        .profile = options->profile,
        .id = options->id,
        .disk = options->disk,
        .sectors = options->sectors,
        .queues = options->queues,
        .queue_size = VDMA_QUEUE_MAX,
        .features = VDMA_F_ACCESS_PLATFORM | VHOST_F_PROTOCOL_FEATURES |
                    (options->vendor ? BLK_F_GEOMETRY : 0),
    };

    memset(backend, 0, sizeof(*backend));
    backend->options = *options;
    backend->socket = -1;
    backend->channel = -1;
    backend->deadline = VDMA_NEVER;
    for (unsigned i = 0; i < VDMA_QUEUES; i++) {
        backend->rings[i].kick = backend->rings[i].call = backend->rings[i].error = -1;
    }
    backend->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    backend->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&backend->core_lock, NULL);
    pthread_rwlock_init(&backend->map_lock, NULL);
    if (backend->wake >= 0 && backend->stop >= 0 &&
        vdma_init(&backend->device, &backend_ports, backend, &device) &&
        pthread_create(&backend->copier, NULL, rings_copy, backend) == 0) {
        return true;
    }
    close(backend->wake);
    close(backend->stop);
    return false;
}

/* All that the front end has given. */
static void forget(struct backend *backend)
{
    backend_lock(backend);
    rings_forget(backend);
    inflight_drop(backend);
    memory_clear(backend);
    translation_forget(backend);
    backend->features = 0;
    backend->features_set = false;
    backend->protocol = 0;
    ring_set_fd(backend, &backend->channel, -1);
    backend_unlock(backend);
}

void backend_serve(struct backend *backend, int socket)
{
    struct message message;

    backend->socket = socket;
    while (message_receive(backend, &message)) {
        const bool go_on = request_handle(backend, &message);

        message_close(&message);
        if (!go_on) {
            break;
        }
    }
    forget(backend);
    backend->socket = -1;
    close(socket);
}

void backend_destroy(struct backend *backend)
{
    atomic_store(&backend->finished, true);
    signal_event(backend->wake);
    pthread_join(backend->copier, NULL);
    close(backend->wake);
    close(backend->stop);
    pthread_mutex_destroy(&backend->core_lock);
    pthread_rwlock_destroy(&backend->map_lock);
}
