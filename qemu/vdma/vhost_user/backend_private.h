/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the back end. "Core" and "map": which lock the caller holds. */
#ifndef QEMU_VDMA_VHOST_USER_BACKEND_PRIVATE_H
#define QEMU_VDMA_VHOST_USER_BACKEND_PRIVATE_H

#include "qemu/vdma/vhost_user/backend.h"

#define FDS_MAX 8u /* that one message can bring */

/* One message as it came. */
struct message {
    struct vhost_header header;
    union vhost_payload payload;
    int fds[FDS_MAX]; /* a handler that keeps one puts -1 here; the others are closed */
    unsigned fd_count;
};

void backend_say(struct backend *backend, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The core lock, for the socket's thread: the copier gives up waiting for translations. */
void backend_lock(struct backend *backend);
void backend_unlock(struct backend *backend);

/* socket.c ------------------------------------------------------------------- */

/*
 * The next message. False: the front end has gone, has sent what cannot be one, or the back
 * end is to stop; nothing is left open of it.
 */
bool message_receive(struct backend *backend, struct message *message);
/* Header and payload are the answer's. False: the front end has gone. */
bool message_send(int socket, const struct vhost_header *header, const void *payload, int fd);
void message_close(struct message *message);

/* requests.c: do what it says. False: this connection is to be ended. ---------- */
bool request_handle(struct backend *backend, struct message *message);

/* memory.c ------------------------------------------------------------------- */

/* Core. Map all of it, or change nothing (false). */
bool memory_set(struct backend *backend, const struct vhost_memory *memory, const int *fds);
/* Core. */
void memory_clear(struct backend *backend);
/* What a user address of the front end's is to the guest. False: it is in no region. */
bool memory_of_user(struct backend *backend, uint64_t user, uint64_t *guest);
/* Map. How many bytes from `guest` on are in one region, and where; 0: none. */
uint64_t memory_at(const struct backend *backend, uint64_t guest, uint8_t **at);
/* Map. The same of a user address. */
uint64_t memory_at_user(const struct backend *backend, uint64_t user, uint8_t **at);

/* ports.c: what the core reaches the world by. --------------------------------- */
extern const struct vdma_ports backend_ports;
uint64_t backend_now(void);

/* translations.c --------------------------------------------------------------- */

bool translation_told(struct backend *backend, const struct vhost_iotlb *told);
/* Map. 0: not known, or not for this access. */
uint64_t translation_find(const struct backend *backend, uint64_t iova, unsigned access,
                          uint64_t *user);
/* Core, by the copier: ask the front end. False: it has none, or did not answer. */
bool translation_ask(struct backend *backend, uint64_t iova, unsigned access);
void translation_forget(struct backend *backend);
static inline bool translates(const struct backend *backend)
{
    return (backend->features & VDMA_F_ACCESS_PLATFORM) != 0;
}

/* rings.c: all with the core lock. ---------------------------------------------- */

/* Start or stop a ring, as what is known of it says. */
void ring_update(struct backend *backend, unsigned index);
/* Its position is in `base` afterwards. */
void ring_stop(struct backend *backend, unsigned index);
void ring_set_fd(struct backend *backend, int *slot, int fd);
void rings_forget(struct backend *backend);
/* The copier's thread. */
void *rings_copy(void *backend);

/* inflight.c: core. -------------------------------------------------------------- */

/* Bytes of a file for so many queues of so many entries; 0: there cannot be one. */
uint64_t inflight_size(unsigned queues, unsigned queue_size);
/* Use a file; false: it is not one of ours. */
bool inflight_use(struct backend *backend, const struct vhost_inflight *told, int fd);
void inflight_drop(struct backend *backend);
/*
 * What was under way when the last back end of this ring ended, in the order of taking; the
 * used index is that in memory. At most `ring->size`.
 */
unsigned inflight_recover(struct backend *backend, unsigned queue, uint16_t used, uint16_t *heads);
void inflight_note(struct backend *backend, unsigned queue, uint16_t head, unsigned progress);

#endif
