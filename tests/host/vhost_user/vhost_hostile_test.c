/* SPDX-License-Identifier: BSD-2-Clause */
/* Front ends that send what is no message, or the wrong files with it: nothing stays open. */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/host/vhost_user/client.h"

#define REQUESTS 46u

static uint64_t random_state = 1;

/* xorshift64* */
static uint64_t draw(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull;
}

static void settle(struct client *client)
{
    uint64_t protocol = PROTOCOL;

    client_connect(client);
    send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
}

/* The back end is there, and serves who behaves. */
static void still_well(struct client *client, unsigned files)
{
    client_disconnect(client);
    assert_int_equal(open_files(), files);
    client_connect(client);
    assert_int_equal(get_number(client, VHOST_GET_QUEUE_NUM), 2);
    client_disconnect(client);
    settle(client);
}

static void every_request_with_any_files_and_sizes(void **state)
{
    struct client *client = *state;
    const uint32_t sizes[] = {0, 1, 7, 8, 9, 12, 24, 31, 32, 33, 39, 40, 41, 264, 268};
    const unsigned files = open_files();
    uint8_t payload[268];
    int fds[8];

    for (unsigned i = 0; i < 8; i++) {
        fds[i] = client->memory;
    }
    settle(client);
    for (uint32_t request = 0; request < REQUESTS; request++) {
        for (unsigned fd_count = 0; fd_count <= 8; fd_count++) {
            for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                memset(payload, (int)(draw() % 3), sizeof(payload));
                send_message(client, request, VHOST_VERSION, payload, sizes[i], fds, fd_count);
                still_well(client, files);
            }
        }
    }
    client_disconnect(client);
}

static void what_is_no_message(void **state)
{
    struct client *client = *state;
    const unsigned files = open_files();
    const struct vhost_header bad[] = {
        {VHOST_GET_FEATURES, 0, 0},
        {VHOST_GET_FEATURES, 3, 0},
        {VHOST_GET_FEATURES, VHOST_VERSION | VHOST_REPLY, 0},
        {VHOST_SET_FEATURES, VHOST_VERSION, 0xffffffff},
        {VHOST_SET_FEATURES, VHOST_VERSION, 4096},
        {0xffffffff, VHOST_VERSION, 8},
    };
    const uint8_t bytes[8] = {0};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t byte;

        client_connect(client);
        send(client->socket, &bad[i], sizeof(bad[i]), MSG_NOSIGNAL);
        send(client->socket, bytes, sizeof(bytes), MSG_NOSIGNAL);
        assert_true(recv(client->socket, &byte, 1, 0) <= 0); /* it has hung up */
        client_disconnect(client);
    }
    assert_int_equal(open_files(), files);
}

/* In a header, behind it, in a payload; with files under way. */
static void cut_anywhere(void **state)
{
    struct client *client = *state;
    const struct vhost_memory memory = {.count = 1, .regions = {{GUEST, SIZE, USER, 0}}};
    const unsigned files = open_files();
    uint8_t whole[12 + 40];
    const struct vhost_header header = {VHOST_SET_MEM_TABLE, VHOST_VERSION, 40};

    memcpy(whole, &header, 12);
    memcpy(whole + 12, &memory, 40);
    for (unsigned cut = 0; cut < sizeof(whole); cut++) {
        union {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(sizeof(int))];
        } control = {.bytes = {0}};
        struct iovec vector = {whole, cut};
        struct msghdr message = {.msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes)};

        control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), &client->memory, sizeof(int));
        client_connect(client);
        if (cut != 0) {
            assert_int_equal(sendmsg(client->socket, &message, 0), cut);
        }
        client_disconnect(client);
        assert_int_equal(open_files(), files);
    }
    /* And the same in single bytes is a message. */
    settle(client);
    {
        uint64_t number;
        struct vhost_header get = {VHOST_GET_QUEUE_NUM, VHOST_VERSION, 0};

        for (unsigned i = 0; i < sizeof(get); i++) {
            send(client->socket, (uint8_t *)&get + i, 1, 0);
        }
        assert_int_equal(read_answer(client, &number, sizeof(number), NULL), 8);
        assert_int_equal(number, 2);
    }
}

/* Files come along with what takes none, more than one may bring, and again and again. */
static void files_that_nobody_asked_for(void **state)
{
    struct client *client = *state;
    const unsigned files = open_files();
    int fds[16];

    for (unsigned i = 0; i < 16; i++) {
        fds[i] = client->memory;
    }
    for (unsigned count = 1; count <= 16; count++) {
        settle(client);
        send_message(client, VHOST_SET_OWNER, VHOST_VERSION, NULL, 0, fds, count);
        send_message(client, VHOST_SET_VRING_CALL, VHOST_VERSION, &(uint64_t){0x100}, 8, fds,
                     count);
        client_disconnect(client);
        assert_int_equal(open_files(), files);
    }
    settle(client);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(ask_number(client, VHOST_SET_VRING_CALL, 0, client->call), 0);
        assert_int_equal(ask_number(client, VHOST_SET_VRING_KICK, 1, client->kick), 0);
        assert_int_equal(ask_number(client, VHOST_SET_VRING_ERR, 1, client->call), 0);
    }
    client_disconnect(client);
    assert_int_equal(open_files(), files);
}

/* A doorbell that is no event: the copier does not turn round it for ever. */
static void a_doorbell_that_is_a_file(void **state)
{
    struct client *client = *state;

    client_connect(client);
    start_ring(client, FEATURES, 0);
    assert_int_equal(ask_number(client, VHOST_SET_VRING_KICK, 0, client->memory), 0);
    usleep(50000);
    assert_int_equal(get_number(client, VHOST_GET_QUEUE_NUM), 2);
    assert_int_equal(ask_number(client, VHOST_SET_VRING_KICK, 0, client->kick), 0);
    lay(client, 0, &(struct vdma_request){.type = VDMA_NOP}, (struct piece){0, 0},
        (struct piece){0, 0});
    publish(client, 0);
    kick(client);
    assert_true(wait_used(client, 1));
}

/* Random messages, some of which are right, between a ring that works. */
static void a_long_mixture(void **state)
{
    struct client *client = *state;
    const unsigned files = open_files();
    const char *writes = getenv("WRITES");
    const unsigned long count = writes != NULL ? strtoul(writes, NULL, 10) : 20000;
    uint8_t payload[268];
    uint8_t answer[512];

    settle(client);
    for (unsigned long i = 0; i < count; i++) {
        const uint32_t request = (uint32_t)(draw() % REQUESTS);
        const uint32_t right[] = {0, 8, 40, 32, 24, 57 + 12};
        const uint32_t size = draw() % 8 != 0 ? right[draw() % 6] : (uint32_t)(draw() % 269);
        struct pollfd wait = {.fd = client->socket, .events = POLLIN};
        int fd = draw() % 2 != 0 ? client->memory : client->kick;

        for (unsigned j = 0; j < sizeof(payload); j++) {
            payload[j] = draw() % 4 == 0 ? (uint8_t)draw() : (uint8_t)(draw() % 3 == 0);
        }
        if (draw() % 4 == 0) {
            const struct vhost_memory memory = {.count = 1, .regions = {{GUEST, SIZE, USER, 0}}};

            memcpy(payload, &memory, 40);
        }
        send_message(client, request, VHOST_VERSION | (draw() % 2 != 0 ? VHOST_NEED_REPLY : 0),
                     payload, size, &fd, (unsigned)(draw() % 2));
        kick(client);
        while (poll(&wait, 1, 0) > 0) {
            if (recv(client->socket, answer, sizeof(answer), MSG_DONTWAIT) <= 0) {
                client_disconnect(client);
                settle(client);
                break;
            }
        }
    }
    client_disconnect(client);
    assert_int_equal(open_files(), files);
}

#define IN_SESSION(test) cmocka_unit_test_setup_teardown(test, client_setup, client_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SESSION(every_request_with_any_files_and_sizes),
        IN_SESSION(what_is_no_message),
        IN_SESSION(cut_anywhere),
        IN_SESSION(files_that_nobody_asked_for),
        IN_SESSION(a_doorbell_that_is_a_file),
        IN_SESSION(a_long_mixture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
