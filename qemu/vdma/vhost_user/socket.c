/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages and the files that come along with them, on a stream that may be cut anywhere. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "qemu/vdma/vhost_user/backend_private.h"

void message_close(struct message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++) {
        if (message->fds[i] >= 0) {
            close(message->fds[i]);
        }
    }
    message->fd_count = 0;
}

/* Those that are more than any message may have are closed at once. */
static void take_fds(struct message *message, const struct msghdr *header)
{
    for (const struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
         part = CMSG_NXTHDR((struct msghdr *)header, (struct cmsghdr *)part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t at = 0; at + CMSG_LEN(sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
            int fd;

            memcpy(&fd, CMSG_DATA(part) + at, sizeof(fd));
            if (message->fd_count < FDS_MAX) {
                message->fds[message->fd_count++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

/* Something to read, before the end is asked for. */
static bool wait_readable(const struct backend *backend, int socket)
{
    struct pollfd wait[] = {{.fd = socket, .events = POLLIN},
                            {.fd = backend->stop, .events = POLLIN}};

    while (poll(wait, 2, -1) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return wait[1].revents == 0;
}

int backend_accept(struct backend *backend, int listener)
{
    const struct timeval limit = {.tv_sec = 1};
    int fd;

    do {
        if (!wait_readable(backend, listener)) {
            return -1;
        }
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EAGAIN));
    if (fd >= 0) {
        /* Who does not read what it has asked for is left. */
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    }
    return fd;
}

static bool receive(struct backend *backend, struct message *message, void *to, size_t length)
{
    uint8_t *bytes = to;

    while (length != 0) {
        union {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(sizeof(int) * (FDS_MAX + 8))];
        } control;
        struct iovec vector = {.iov_base = bytes, .iov_len = length};
        struct msghdr header = {.msg_iov = &vector,
                                .msg_iovlen = 1,
                                .msg_control = control.bytes,
                                .msg_controllen = sizeof(control.bytes)};
        ssize_t count;

        if (!wait_readable(backend, backend->socket)) {
            return false;
        }
        count = recvmsg(backend->socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        take_fds(message, &header);
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

bool message_receive(struct backend *backend, struct message *message)
{
    const struct vhost_header *header = &message->header;

    memset(message, 0, sizeof(*message));
    if (receive(backend, message, &message->header, sizeof(message->header))) {
        /* Before anything is done with the size. */
        if ((header->flags & VHOST_VERSION_MASK) != VHOST_VERSION ||
            (header->flags & VHOST_REPLY) != 0 || header->size > sizeof(message->payload)) {
            backend_say(backend, "no message: request %u, flags 0x%x, %u bytes", header->request,
                        header->flags, header->size);
        } else if (receive(backend, message, &message->payload, header->size)) {
            return true;
        }
    }
    message_close(message);
    return false;
}

bool message_send(int socket, const struct vhost_header *header, const void *payload, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec vectors[] = {
        {.iov_base = (void *)header, .iov_len = sizeof(*header)},
        {.iov_base = (void *)payload, .iov_len = header->size},
    };
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};
    ssize_t count;

    if (fd >= 0) {
        struct cmsghdr *part = &control.align;

        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(part), &fd, sizeof(fd));
    }
    do {
        /* All of these are shorter than what a stream takes at once. */
        count = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (count < 0 && errno == EINTR);
    return count == (ssize_t)(sizeof(*header) + header->size);
}
