/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A front end for the vhost-user back end, in one process with it: the socket's other end, the
 * guest's memory, and a driver that writes rings in raw bytes.
 */
#ifndef TESTS_HOST_VHOST_USER_CLIENT_H
#define TESTS_HOST_VHOST_USER_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "qemu/vdma/vhost_user/backend.h"

/* The guest's memory, and where the front end says that it has it. */
#define GUEST 0x40000000ull
#define USER  0x7f1234560000ull
#define SIZE  (4ull << 20)

/* In it, from its beginning. */
#define RING_SIZE 64u
#define DESC      0x0000u
#define AVAIL     0x2000u
#define USED      0x3000u
#define HEADER    0x4000u /* 64 bytes for each head */
#define STATUS    0x6000u /* 32 bytes for each head */
#define DATA      0x10000u
#define SINK      0x200000u

#define DISK_SIZE (64u << 10)

#define FEATURES (VDMA_F_VERSION_1 | VDMA_F_FLUSH | VDMA_F_INDIRECT | VHOST_F_PROTOCOL_FEATURES)
#define PROTOCOL                                                                                   \
    (VHOST_PROTOCOL_MQ | VHOST_PROTOCOL_REPLY_ACK | VHOST_PROTOCOL_BACKEND_REQ |                   \
     VHOST_PROTOCOL_CONFIG | VHOST_PROTOCOL_INFLIGHT)

struct client {
    struct backend backend;
    pthread_t server;
    bool apart;    /* none of that is here */
    pid_t process; /* or this serves, if it is not 0 */
    int socket;    /* this end; -1: nobody is served */
    int channel;   /* what the back end asks by; -1 */
    int memory;    /* the file */
    uint8_t *ram;
    uint8_t disk[DISK_SIZE];
    int kick, call;
    uint16_t avail; /* index */
    uint64_t iova;  /* what is added to the guest's addresses in rings, behind an IOMMU */
};

/* cmocka's setup and teardown: a back end, and the memory; nothing is connected. */
int client_setup(void **state);
int client_teardown(void **state);

/* The same without a back end in this process, for client_fork. */
int client_setup_apart(void **state);

/* A new connection: another front end, or the same again. */
void client_connect(struct client *client);
/* Close this end, and wait until the back end has noticed. */
void client_disconnect(struct client *client);
/* Connect to a back end in a process of its own, and kill it. */
void client_fork(struct client *client);
void client_die(struct client *client);

/* Send a message; with files. */
void send_message(struct client *client, uint32_t request, uint32_t flags, const void *payload,
                  uint32_t size, const int *fds, unsigned fd_count);
/* Its answer's payload; -1: the connection was ended. How many bytes. One file goes to *fd. */
int read_answer(struct client *client, void *payload, uint32_t size, int *fd);
/* Send with NEED_REPLY. 0 done, 1 refused, -1 the connection was ended. */
int ask(struct client *client, uint32_t request, const void *payload, uint32_t size, int fd);
int ask_number(struct client *client, uint32_t request, uint64_t number, int fd);
int ask_state(struct client *client, uint32_t request, uint32_t index, uint32_t number);
/* One that is answered with a number. */
uint64_t get_number(struct client *client, uint32_t request);

/* The memory table with one region, at `user` in the front end. */
void share_memory(struct client *client, uint64_t user);
/* The addresses of ring 0, for a front end that has the memory at `user`. */
int set_addresses(struct client *client, uint64_t user);
/* Everything from the features to an enabled ring that begins at `base`. */
void start_ring(struct client *client, uint64_t features, uint16_t base);

/* The driver ------------------------------------------------------------------- */

struct piece {
    uint64_t at; /* in `ram` */
    uint32_t length;
};

/* Lay a request of up to one piece each way into descriptors 4 * slot ...; it is not published. */
void lay(struct client *client, unsigned slot, const struct vdma_request *request, struct piece in,
         struct piece out);
void publish(struct client *client, unsigned slot);
void kick(struct client *client);
/* Wait for the used index, a bounded time. False: it did not come. */
bool wait_used(struct client *client, uint16_t index);
struct vdma_status status_of(struct client *client, unsigned slot);
uint16_t used_index(struct client *client);
uint32_t used_id(struct client *client, unsigned position);
uint64_t bus(const struct client *client, uint64_t at);
void pattern(struct client *client, uint64_t at, uint64_t length, unsigned seed);

/* Files that this process has open. */
unsigned open_files(void);

#endif
