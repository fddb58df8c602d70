/* SPDX-License-Identifier: BSD-2-Clause */
/* Behind an IOMMU: rings and data by the device's addresses, which the front end translates. */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/host/vhost_user/client.h"

#define IOVA_OFFSET 0x1000000000ull

/* Answers misses, as QEMU does, from a table of what the guest's IOMMU lets through. */
struct iommu {
    struct client *client;
    pthread_t thread;
    atomic_bool ended;
    atomic_uint misses, refused;
    uint8_t access[SIZE / 4096]; /* of each page of the guest's memory */
    pthread_mutex_t lock;        /* the socket is used by the test as well */
};

static struct iommu iommu;

static int tell(struct client *client, unsigned type, uint64_t iova, uint64_t size, uint64_t user,
                unsigned access)
{
    const struct vhost_iotlb told = {iova, size, user, (uint8_t)access, (uint8_t)type, {0}};
    int outcome;

    pthread_mutex_lock(&iommu.lock);
    outcome = ask(client, VHOST_IOTLB_MSG, &told, sizeof(told), -1);
    pthread_mutex_unlock(&iommu.lock);
    return outcome;
}

static void answer(int channel, uint64_t number)
{
    struct {
        struct vhost_header header;
        uint64_t number;
    } __attribute__((packed))
    reply = {{VHOST_BACKEND_IOTLB_MSG, VHOST_VERSION | VHOST_REPLY, sizeof(number)}, number};

    send(channel, &reply, sizeof(reply), MSG_NOSIGNAL);
}

static void *translate(void *context)
{
    struct {
        struct vhost_header header;
        struct vhost_iotlb miss;
    } __attribute__((packed)) asked;
    struct client *client = context;

    while (!atomic_load(&iommu.ended)) {
        struct pollfd wait = {.fd = client->channel, .events = POLLIN};

        if (poll(&wait, 1, 10) <= 0 ||
            recv(client->channel, &asked, sizeof(asked), MSG_WAITALL) != sizeof(asked)) {
            continue;
        }
        {
            const uint64_t at = asked.miss.iova - IOVA_OFFSET - GUEST;
            const bool known =
                at < SIZE && (iommu.access[at / 4096] & asked.miss.access) == asked.miss.access;

            atomic_fetch_add(known ? &iommu.misses : &iommu.refused, 1);
            if (known) {
                tell(client, VHOST_IOTLB_UPDATE, asked.miss.iova & ~4095ull, 4096,
                     USER + (at & ~4095ull), iommu.access[at / 4096]);
            }
            /* QEMU says 0 also where there is nothing. */
            answer(client->channel, 0);
        }
    }
    return NULL;
}

static int setup(void **state)
{
    struct client *client;
    uint64_t protocol = PROTOCOL;
    int pair[2];

    client_setup(state);
    client = *state;
    memset(&iommu, 0, sizeof(iommu));
    memset(iommu.access, VHOST_ACCESS_READ | VHOST_ACCESS_WRITE, sizeof(iommu.access));
    pthread_mutex_init(&iommu.lock, NULL);
    client_connect(client);
    send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(ask(client, VHOST_SET_BACKEND_REQ_FD, NULL, 0, pair[1]), 0);
    close(pair[1]);
    client->channel = pair[0];
    client->iova = IOVA_OFFSET;
    pthread_create(&iommu.thread, NULL, translate, client);
    pthread_mutex_lock(&iommu.lock);
    start_ring(client, FEATURES | VDMA_F_ACCESS_PLATFORM, 0);
    pthread_mutex_unlock(&iommu.lock);
    return 0;
}

static int teardown(void **state)
{
    atomic_store(&iommu.ended, true);
    pthread_join(iommu.thread, NULL);
    pthread_mutex_destroy(&iommu.lock);
    return client_teardown(state);
}

static struct vdma_status copy(struct client *client, uint64_t from, uint64_t to, uint32_t length)
{
    const struct vdma_request request = {.type = VDMA_COPY};

    lay(client, 0, &request, (struct piece){from, length}, (struct piece){to, length});
    publish(client, 0);
    kick(client);
    assert_true(wait_used(client, client->avail));
    return status_of(client, 0);
}

static void everything_by_io_addresses(void **state)
{
    struct client *client = *state;
    unsigned misses;

    pattern(client, DATA, 20000, 3);
    assert_int_equal(copy(client, DATA + 5, SINK + 9, 20000 - 5).code, VDMA_STATUS_OK);
    assert_memory_equal(client->ram + SINK + 9, client->ram + DATA + 5, 20000 - 5);
    misses = atomic_load(&iommu.misses);
    assert_true(misses >= 10);
    /* What was told once is known. */
    assert_int_equal(copy(client, DATA + 5, SINK + 9, 20000 - 5).code, VDMA_STATUS_OK);
    assert_int_equal(atomic_load(&iommu.misses), misses);
    assert_int_equal(atomic_load(&iommu.refused), 0);
}

static void a_page_without_an_entry(void **state)
{
    struct client *client = *state;
    struct vdma_status status;

    iommu.access[(SINK + 8192) / 4096] = 0;
    memset(client->ram + SINK, 0x77, 16384);
    status = copy(client, DATA, SINK, 16384);
    assert_int_equal(status.rule, 48);
    assert_int_equal(status.value, GUEST + IOVA_OFFSET + SINK + 8192);
    for (unsigned i = 0; i < 16384; i++) {
        assert_int_equal(client->ram[SINK + i], 0x77);
    }
    /* Asked for once, for each request. */
    assert_int_equal(atomic_load(&iommu.refused), 1);
    iommu.access[(SINK + 8192) / 4096] = VHOST_ACCESS_WRITE;
    assert_int_equal(copy(client, DATA, SINK, 16384).code, VDMA_STATUS_OK);
}

static void a_page_that_may_only_be_read(void **state)
{
    struct client *client = *state;

    iommu.access[SINK / 4096] = VHOST_ACCESS_READ;
    assert_int_equal(copy(client, SINK, SINK + 4096, 64).code, VDMA_STATUS_OK);
    client->ram[SINK] = 0x77;
    assert_int_equal(copy(client, DATA, SINK, 64).rule, 48);
    assert_int_equal(client->ram[SINK], 0x77);
}

/* By page, and by the two ways in which QEMU says "all". */
static void what_is_invalidated_is_asked_for_again(void **state)
{
    struct client *client = *state;
    const struct {
        uint64_t iova, size;
    } all[] = {{GUEST + IOVA_OFFSET + SINK, 4096}, {0, 1ull << 48}, {0, 0}};

    for (unsigned i = 0; i < 3; i++) {
        iommu.access[SINK / 4096] = VHOST_ACCESS_READ | VHOST_ACCESS_WRITE;
        assert_int_equal(copy(client, DATA, SINK, 64).code, VDMA_STATUS_OK);
        iommu.access[SINK / 4096] = 0;
        /* Still known: it is the front end that has to say so. */
        assert_int_equal(copy(client, DATA, SINK, 64).code, VDMA_STATUS_OK);
        assert_int_equal(tell(client, VHOST_IOTLB_INVALIDATE, all[i].iova, all[i].size, 0, 0), 0);
        client->ram[SINK] = 0x77;
        assert_int_equal(copy(client, DATA, SINK, 64).rule, 48);
        assert_int_equal(client->ram[SINK], 0x77);
    }
}

static void entries_that_cannot_be(void **state)
{
    struct client *client = *state;

    assert_int_equal(tell(client, VHOST_IOTLB_UPDATE, 0, 0, USER, 3), 1);
    assert_int_equal(tell(client, VHOST_IOTLB_UPDATE, UINT64_MAX - 4094, 4096, USER, 3), 1);
    assert_int_equal(tell(client, VHOST_IOTLB_UPDATE, 0, 4096, UINT64_MAX - 4094, 3), 1);
    assert_int_equal(tell(client, VHOST_IOTLB_UPDATE, 0, 4096, USER, 0), 1);
    assert_int_equal(tell(client, VHOST_IOTLB_UPDATE, 0, 4096, USER, 4), 1);
    assert_int_equal(tell(client, 4, 0, 4096, USER, 3), 1);
    /* One that leads out of the memory. */
    iommu.access[SINK / 4096] = 0;
    assert_int_equal(
        tell(client, VHOST_IOTLB_UPDATE, GUEST + IOVA_OFFSET + SINK, 4096, USER - 4096, 3), 0);
    assert_int_equal(copy(client, DATA, SINK, 64).rule, 48);
    /* More than are remembered. */
    for (unsigned i = 0; i < 2 * TRANSLATIONS; i++) {
        assert_int_equal(
            tell(client, VHOST_IOTLB_UPDATE, (1ull << 40) + 4096ull * i, 4096, USER, 3), 0);
    }
    assert_int_equal(copy(client, DATA, SINK + 4096, 64).code, VDMA_STATUS_OK);
}

/* One that never answers costs a request, not the back end. */
static void a_front_end_that_does_not_answer(void **state)
{
    struct client *client = *state;
    const struct vdma_request request = {.type = VDMA_COPY};

    assert_int_equal(copy(client, DATA, SINK, 64).code, VDMA_STATUS_OK);
    atomic_store(&iommu.ended, true);
    pthread_join(iommu.thread, NULL);
    lay(client, 0, &request, (struct piece){DATA, 64}, (struct piece){SINK + 65536, 64});
    publish(client, 0);
    kick(client);
    assert_int_equal(get_number(client, VHOST_GET_QUEUE_NUM), 2);
    assert_true(wait_used(client, client->avail));
    assert_int_equal(status_of(client, 0).rule, 48);
    atomic_store(&iommu.ended, false);
    pthread_create(&iommu.thread, NULL, translate, client);
    assert_int_equal(copy(client, DATA, SINK + 8192, 64).code, VDMA_STATUS_OK);
}

#define IN_SESSION(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SESSION(everything_by_io_addresses),
        IN_SESSION(a_page_without_an_entry),
        IN_SESSION(a_page_that_may_only_be_read),
        IN_SESSION(what_is_invalidated_is_asked_for_again),
        IN_SESSION(entries_that_cannot_be),
        IN_SESSION(a_front_end_that_does_not_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
