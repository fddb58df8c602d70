/* SPDX-License-Identifier: BSD-2-Clause */
/* A front end and a driver, see client.h. */
#include "tests/host/vhost_user/client.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S 20 /* for what comes at once, on a machine that is busy */

static void init_backend(struct client *client)
{
    const struct backend_options options = {
        .queues = 2, .queue_size = RING_SIZE, .disk = client->disk, .sectors = DISK_SIZE / 512};

    assert_true(backend_init(&client->backend, &options));
}

int client_setup_apart(void **state)
{
    struct client *client = calloc(1, sizeof(*client));

    client->socket = client->channel = -1;
    client->memory = memfd_create("guest", MFD_CLOEXEC);
    assert_int_equal(ftruncate(client->memory, (off_t)SIZE), 0);
    client->ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, client->memory, 0);
    assert_ptr_not_equal(client->ram, MAP_FAILED);
    client->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    client->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (unsigned i = 0; i < DISK_SIZE; i++) {
        client->disk[i] = (uint8_t)(i * 7 + i / 512);
    }
    client->apart = true;
    *state = client;
    return 0;
}

int client_setup(void **state)
{
    struct client *client;

    client_setup_apart(state);
    client = *state;
    client->apart = false;
    init_backend(client);
    return 0;
}

int client_teardown(void **state)
{
    struct client *client = *state;

    if (client->process != 0) {
        client_die(client);
    } else if (client->socket >= 0) {
        client_disconnect(client);
    }
    if (!client->apart) {
        backend_destroy(&client->backend);
    }
    munmap(client->ram, SIZE);
    close(client->memory);
    close(client->kick);
    close(client->call);
    free(client);
    return 0;
}

struct serving {
    struct backend *backend;
    int socket;
};

static void *serve(void *context)
{
    struct serving *serving = context;

    backend_serve(serving->backend, serving->socket);
    free(serving);
    return NULL;
}

void client_connect(struct client *client)
{
    const struct timeval limit = {.tv_sec = LIMIT_S};
    struct serving *serving = malloc(sizeof(*serving));
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    client->socket = pair[0];
    *serving = (struct serving){&client->backend, pair[1]};
    assert_int_equal(pthread_create(&client->server, NULL, serve, serving), 0);
}

void client_disconnect(struct client *client)
{
    close(client->socket);
    client->socket = -1;
    if (client->channel >= 0) {
        close(client->channel);
        client->channel = -1;
    }
    pthread_join(client->server, NULL);
}

void client_fork(struct client *client)
{
    const struct timeval limit = {.tv_sec = LIMIT_S};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    client->process = fork();
    assert_int_not_equal(client->process, -1);
    if (client->process == 0) {
        close(pair[0]);
        init_backend(client);
        backend_serve(&client->backend, pair[1]);
        _exit(0);
    }
    close(pair[1]);
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    client->socket = pair[0];
}

void client_die(struct client *client)
{
    kill(client->process, SIGKILL);
    waitpid(client->process, NULL, 0);
    client->process = 0;
    close(client->socket);
    client->socket = -1;
}

void send_message(struct client *client, uint32_t request, uint32_t flags, const void *payload,
                  uint32_t size, const int *fds, unsigned fd_count)
{
    const struct vhost_header header = {request, flags, size};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 16)];
    } control = {.bytes = {0}};
    struct iovec vectors[] = {{(void *)&header, sizeof(header)}, {(void *)payload, size}};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};

    if (fd_count != 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * fd_count);
    }
    /* That it fails means the same as that nothing is answered. */
    sendmsg(client->socket, &message, MSG_NOSIGNAL);
}

int read_answer(struct client *client, void *payload, uint32_t size, int *fd)
{
    struct vhost_header header;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vector = {&header, sizeof(header)};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    const ssize_t count = recvmsg(client->socket, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);

    if (count <= 0) {
        assert_false(count < 0 && errno == EAGAIN); /* it hangs */
        return -1;
    }
    assert_int_equal(count, sizeof(header));
    assert_int_equal(header.flags & (VHOST_REPLY | VHOST_VERSION_MASK),
                     VHOST_REPLY | VHOST_VERSION);
    assert_true(header.size <= size);
    assert_int_equal(recv(client->socket, payload, header.size, MSG_WAITALL), header.size);
    if (fd != NULL) {
        assert_true(message.msg_controllen >= CMSG_LEN(sizeof(int)));
        memcpy(fd, CMSG_DATA(&control.align), sizeof(int));
    }
    return (int)header.size;
}

int ask(struct client *client, uint32_t request, const void *payload, uint32_t size, int fd)
{
    uint64_t number;

    send_message(client, request, VHOST_VERSION | VHOST_NEED_REPLY, payload, size, &fd, fd >= 0);
    return read_answer(client, &number, sizeof(number), NULL) < 0 ? -1 : (int)number;
}

int ask_number(struct client *client, uint32_t request, uint64_t number, int fd)
{
    return ask(client, request, &number, sizeof(number), fd);
}

int ask_state(struct client *client, uint32_t request, uint32_t index, uint32_t number)
{
    const struct vhost_vring_state state = {index, number};

    return ask(client, request, &state, sizeof(state), -1);
}

uint64_t get_number(struct client *client, uint32_t request)
{
    uint64_t number;

    send_message(client, request, VHOST_VERSION, NULL, 0, NULL, 0);
    assert_int_equal(read_answer(client, &number, sizeof(number), NULL), sizeof(number));
    return number;
}

void share_memory(struct client *client, uint64_t user)
{
    const struct vhost_memory memory = {.count = 1, .regions = {{GUEST, SIZE, user, 0}}};

    assert_int_equal(ask(client, VHOST_SET_MEM_TABLE, &memory, 8 + 32, client->memory), 0);
}

int set_addresses(struct client *client, uint64_t user)
{
    const uint64_t base = client->iova != 0 ? bus(client, 0) : user;
    const struct vhost_vring_addr addr = {
        .index = 0, .desc = base + DESC, .avail = base + AVAIL, .used = base + USED};

    return ask(client, VHOST_SET_VRING_ADDR, &addr, sizeof(addr), -1);
}

void start_ring(struct client *client, uint64_t features, uint16_t base)
{
    uint64_t protocol = PROTOCOL;

    /* The first one cannot ask for an answer: that is what it settles. */
    send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
    assert_int_equal(ask_number(client, VHOST_SET_FEATURES, features, -1), 0);
    share_memory(client, USER);
    assert_int_equal(ask_state(client, VHOST_SET_VRING_NUM, 0, RING_SIZE), 0);
    assert_int_equal(ask_state(client, VHOST_SET_VRING_BASE, 0, base), 0);
    assert_int_equal(set_addresses(client, USER), 0);
    assert_int_equal(ask_number(client, VHOST_SET_VRING_KICK, 0, client->kick), 0);
    assert_int_equal(ask_number(client, VHOST_SET_VRING_CALL, 0, client->call), 0);
    assert_int_equal(ask_state(client, VHOST_SET_VRING_ENABLE, 0, 1), 0);
}

uint64_t bus(const struct client *client, uint64_t at)
{
    return GUEST + at + client->iova;
}

static void put_desc(struct client *client, unsigned index, struct piece piece, unsigned flags)
{
    const struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } desc = {bus(client, piece.at), piece.length, (uint16_t)flags, (uint16_t)(index + 1)};

    memcpy(client->ram + DESC + 16 * (size_t)index, &desc, sizeof(desc));
}

void lay(struct client *client, unsigned slot, const struct vdma_request *request, struct piece in,
         struct piece out)
{
    const bool private = VDMA_TYPE_IS_VDMA(request->type);
    unsigned at = 4 * slot;

    memcpy(client->ram + HEADER + 64 * (size_t)slot, request, sizeof(*request));
    memset(client->ram + STATUS + 32 * (size_t)slot, 0xee, 32);
    put_desc(client, at++, (struct piece){HEADER + 64 * slot, private ? 64 : 16}, 1);
    if (in.length != 0) {
        put_desc(client, at++, in, 1);
    }
    if (out.length != 0) {
        put_desc(client, at++, out, 1 | 2);
    }
    put_desc(client, at, (struct piece){STATUS + 32 * slot, private ? 32 : 1}, 2);
}

void publish(struct client *client, unsigned slot)
{
    const uint16_t head = (uint16_t)(4 * slot);

    memcpy(client->ram + AVAIL + 4 + 2 * (size_t)(client->avail % RING_SIZE), &head, 2);
    client->avail++;
    __atomic_store_n((uint16_t *)(void *)(client->ram + AVAIL + 2), client->avail,
                     __ATOMIC_RELEASE);
}

void kick(struct client *client)
{
    const uint64_t one = 1;

    assert_int_equal(write(client->kick, &one, sizeof(one)), sizeof(one));
}

uint16_t used_index(struct client *client)
{
    return __atomic_load_n((uint16_t *)(void *)(client->ram + USED + 2), __ATOMIC_ACQUIRE);
}

bool wait_used(struct client *client, uint16_t index)
{
    const struct timespec nap = {.tv_nsec = 1000000};

    for (unsigned waited = 0; waited < LIMIT_S * 1000; waited++) {
        if (used_index(client) == index) {
            return true;
        }
        nanosleep(&nap, NULL);
    }
    return false;
}

uint32_t used_id(struct client *client, unsigned position)
{
    uint32_t id;

    memcpy(&id, client->ram + USED + 4 + 8 * (size_t)(position % RING_SIZE), sizeof(id));
    return id;
}

struct vdma_status status_of(struct client *client, unsigned slot)
{
    struct vdma_status status;

    memcpy(&status, client->ram + STATUS + 32 * (size_t)slot, sizeof(status));
    return status;
}

void pattern(struct client *client, uint64_t at, uint64_t length, unsigned seed)
{
    for (uint64_t i = 0; i < length; i++) {
        client->ram[at + i] = (uint8_t)(seed + i * 13 + (i >> 8) * 5);
    }
}

unsigned open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}
