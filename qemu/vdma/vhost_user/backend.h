/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma as a process beside QEMU: the back end of a vhost-user-blk device.
 *
 *     static struct backend backend;
 *     backend_init(&backend, &options);
 *     backend_serve(&backend, socket);        until its front end goes
 *     backend_serve(&backend, the next one);
 *     backend_destroy(&backend);
 *
 * Two threads: the caller's reads the socket, one of the back end's own moves the bytes. So
 * that neither waits for the other for long:
 *
 *     core lock   the device and its rings; held for one request at a time
 *     map lock    what memory is where; held for one piece of a copy, at most 4096 bytes
 *
 * The core lock is taken first. Messages about translations need the second one alone, for
 * the copier asks for a translation, and waits for it, with the first one held.
 */
#ifndef QEMU_VDMA_VHOST_USER_BACKEND_H
#define QEMU_VDMA_VHOST_USER_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>

#include "qemu/vdma/device/vdma.h"
#include "qemu/vdma/vhost_user/protocol.h"

struct backend_options {
    const struct vdma_limits *limits; /* NULL: those of `profile` */
    uint32_t profile;
    const char *id; /* what GET_ID says; NULL: "vdma" */
    bool vendor;    /* it is known by its configuration (wire.h): for a driver of its own */
    uint8_t *disk;
    uint64_t sectors;
    unsigned queues; /* 1 ... VDMA_QUEUES */
    /* Entries of the front end's rings, 4 ... VDMA_QUEUE_MAX: the segments of a request fit. */
    unsigned queue_size;
    /* Where lines for a person go; NULL: nowhere. From either thread. */
    void (*say)(const char *line);
};

struct region {
    struct vhost_region is;
    uint8_t *at; /* here */
};

#define TRANSLATIONS 512u /* that are remembered; the oldest go */

struct ring {
    unsigned size;
    uint16_t base;
    struct vhost_vring_addr addr;
    bool has_addr, enabled, running;
    bool failed;           /* it cannot run as it is */
    int kick, call, error; /* -1: none */
};

struct backend {
    struct backend_options options;
    struct vdma_ports ports;

    pthread_mutex_t core_lock;
    struct vdma device;
    struct ring rings[VDMA_QUEUES];
    uint64_t features, protocol;
    bool features_set;
    uint64_t deadline; /* ns of CLOCK_MONOTONIC, VDMA_NEVER */

    pthread_rwlock_t map_lock;
    struct region regions[VHOST_REGIONS_MAX];
    unsigned region_count;
    struct vhost_iotlb translations[TRANSLATIONS];
    unsigned translation_count, translation_next;

    uint8_t *inflight; /* NULL: no front end keeps one */
    uint64_t inflight_size, inflight_queues, inflight_depth, inflight_counter;

    int socket;           /* -1: nobody is there */
    int channel;          /* to the front end, for what it has to translate; -1 */
    unsigned unanswered;  /* questions on the channel */
    atomic_bool hurry;    /* the socket's thread has, or wants, the core lock */
    int wake;             /* eventfd: the copier looks at its rings anew */
    int stop;             /* eventfd: see backend_stop */
    atomic_bool finished; /* the copier ends */
    pthread_t copier;
};

/* False: options that no device can have, or no thread is to be had. */
bool backend_init(struct backend *backend, const struct backend_options *options);
/* Ends the copier and closes what is open, the disk apart. */
void backend_destroy(struct backend *backend);

/* The next front end at a listening socket; -1: backend_stop was called, or the socket is none. */
int backend_accept(struct backend *backend, int listener);
/*
 * Serve one front end until it goes, sends what is no message, or backend_stop is called; the
 * socket is closed. What belonged to it is forgotten; limits, faults, log and disk stay.
 */
void backend_serve(struct backend *backend, int socket);
/* Let backend_serve return. From any thread or signal handler. */
void backend_stop(struct backend *backend);

#endif
