/* SPDX-License-Identifier: BSD-2-Clause */
/* A front end as QEMU is one: what is settled, rings that start and stop, requests between. */
#include <poll.h>
#include <unistd.h>

#include "tests/host/vhost_user/client.h"

static const struct piece nothing;

static struct vdma_request copy_request(uint64_t tag)
{
    return (struct vdma_request){.type = VDMA_COPY, .tag = tag};
}

static void it_says_what_it_is(void **state)
{
    struct client *client = *state;
    struct vhost_config config = {.offset = 0, .size = 57};
    uint64_t capacity;
    uint32_t seg_max;

    client_connect(client);
    assert_int_equal(get_number(client, VHOST_GET_FEATURES) & FEATURES, FEATURES);
    assert_int_equal(get_number(client, VHOST_GET_PROTOCOL_FEATURES), PROTOCOL);
    assert_int_equal(get_number(client, VHOST_GET_QUEUE_NUM), 2);
    send_message(client, VHOST_GET_CONFIG, VHOST_VERSION, &config, 12 + 57, NULL, 0);
    assert_int_equal(read_answer(client, &config, sizeof(config), NULL), 12 + 57);
    memcpy(&capacity, config.bytes, sizeof(capacity));
    assert_int_equal(capacity, DISK_SIZE / 512);
    memcpy(&seg_max, config.bytes + 12, sizeof(seg_max));
    assert_int_equal(seg_max, RING_SIZE - 2);
    /* The middle of it, up to its end, and nothing behind. */
    config = (struct vhost_config){.offset = 250, .size = 6};
    send_message(client, VHOST_GET_CONFIG, VHOST_VERSION, &config, 12 + 6, NULL, 0);
    assert_int_equal(read_answer(client, &config, sizeof(config), NULL), 12 + 6);
    config = (struct vhost_config){.offset = 251, .size = 6};
    send_message(client, VHOST_GET_CONFIG, VHOST_VERSION, &config, 12 + 6, NULL, 0);
    assert_int_equal(read_answer(client, &config, sizeof(config), NULL), -1);
}

static void a_copy_and_its_interrupt(void **state)
{
    struct client *client = *state;
    struct vdma_request request = copy_request(0x1122334455667788);
    struct pollfd wait;

    client_connect(client);
    start_ring(client, FEATURES, 0);
    pattern(client, DATA, 100000, 3);
    lay(client, 0, &request, (struct piece){DATA + 1, 99999}, (struct piece){SINK + 3, 99999});
    publish(client, 0);
    kick(client);
    assert_true(wait_used(client, 1));
    assert_memory_equal(client->ram + SINK + 3, client->ram + DATA + 1, 99999);
    assert_int_equal(client->ram[SINK + 2], 0);
    assert_int_equal(client->ram[SINK + 3 + 99999], 0);
    assert_int_equal(status_of(client, 0).tag, 0x1122334455667788);
    assert_int_equal(status_of(client, 0).code, VDMA_STATUS_OK);
    assert_int_equal(status_of(client, 0).moved, 99999);
    wait = (struct pollfd){.fd = client->call, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 20000), 1);
}

static void an_ordinary_disk(void **state)
{
    struct client *client = *state;
    struct vdma_request read_it = {.type = 0, .tag = 3}; /* sector 3 */
    struct vdma_request write_it = {.type = 1, .tag = 100};

    client_connect(client);
    start_ring(client, FEATURES, 0);
    lay(client, 0, &read_it, nothing, (struct piece){SINK, 1024});
    publish(client, 0);
    pattern(client, DATA, 512, 9);
    lay(client, 1, &write_it, (struct piece){DATA, 512}, nothing);
    publish(client, 1);
    kick(client);
    assert_true(wait_used(client, 2));
    assert_memory_equal(client->ram + SINK, client->disk + 3 * 512, 1024);
    assert_memory_equal(client->disk + 100 * 512, client->ram + DATA, 512);
    assert_int_equal(client->ram[STATUS], 0);
    assert_int_equal(client->ram[STATUS + 32], 0);
}

/* One that was there before the doorbell could be heard. */
static void a_request_that_waits_for_the_ring(void **state)
{
    struct client *client = *state;
    struct vdma_request request = copy_request(1);

    client_connect(client);
    pattern(client, DATA, 10, 1);
    lay(client, 0, &request, (struct piece){DATA, 10}, (struct piece){SINK, 10});
    publish(client, 0);
    start_ring(client, FEATURES, 0);
    assert_true(wait_used(client, 1));
    assert_memory_equal(client->ram + SINK, client->ram + DATA, 10);
}

static void stopped_it_goes_on_where_it_was(void **state)
{
    struct client *client = *state;
    struct vdma_request request = copy_request(1);
    struct vhost_vring_state base = {.index = 0};

    client_connect(client);
    start_ring(client, FEATURES, 0);
    for (unsigned round = 0; round < 100; round++) {
        pattern(client, DATA, 64, round);
        lay(client, round % 8, &request, (struct piece){DATA, 64}, (struct piece){SINK, 64});
        publish(client, round % 8);
        kick(client);
        assert_true(wait_used(client, (uint16_t)(round + 1)));
        assert_memory_equal(client->ram + SINK, client->ram + DATA, 64);
        if (round % 10 == 9) {
            assert_int_equal(ask_state(client, VHOST_SET_VRING_ENABLE, 0, 0), 0);
            send_message(client, VHOST_GET_VRING_BASE, VHOST_VERSION, &base, 8, NULL, 0);
            assert_int_equal(read_answer(client, &base, sizeof(base), NULL), 8);
            assert_int_equal(base.number, round + 1);
            start_ring(client, FEATURES, (uint16_t)base.number);
        }
    }
}

/* A ring that was taken away is not looked at, whatever is in it. */
static void a_stopped_ring_is_left_alone(void **state)
{
    struct client *client = *state;
    struct vdma_request request = copy_request(1);

    client_connect(client);
    start_ring(client, FEATURES, 0);
    lay(client, 0, &request, (struct piece){DATA, 64}, (struct piece){SINK, 64});
    assert_int_equal(ask_state(client, VHOST_SET_VRING_ENABLE, 0, 0), 0);
    publish(client, 0);
    kick(client);
    /* An answer shows that what is behind the switch has been served. */
    assert_int_equal(get_number(client, VHOST_GET_QUEUE_NUM), 2);
    usleep(20000);
    assert_int_equal(used_index(client), 0);
    assert_int_equal(ask_state(client, VHOST_SET_VRING_ENABLE, 0, 1), 0);
    assert_true(wait_used(client, 1));
}

static void the_next_front_end_is_served(void **state)
{
    struct client *client = *state;
    struct vdma_request request = copy_request(1);

    for (unsigned round = 0; round < 5; round++) {
        client_connect(client);
        start_ring(client, FEATURES, client->avail);
        lay(client, 0, &request, (struct piece){DATA, 64}, (struct piece){SINK, 64});
        publish(client, 0);
        kick(client);
        assert_true(wait_used(client, client->avail));
        client_disconnect(client);
    }
}

static void features_that_were_not_offered(void **state)
{
    struct client *client = *state;
    uint64_t protocol = PROTOCOL;

    client_connect(client);
    send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
    assert_int_equal(ask_number(client, VHOST_SET_FEATURES, FEATURES | 1ull << 34, -1), 1);
    assert_int_equal(ask_number(client, VHOST_SET_FEATURES, FEATURES, -1), 0);
    assert_int_equal(ask_number(client, VHOST_SET_PROTOCOL_FEATURES, PROTOCOL | 1ull << 60, -1), 1);
}

static void rings_that_cannot_be(void **state)
{
    struct client *client = *state;
    const uint32_t sizes[] = {0, 3, 2048, 65536};
    uint64_t protocol = PROTOCOL;

    client_connect(client);
    send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(ask_state(client, VHOST_SET_VRING_NUM, 0, sizes[i]), 1);
    }
    assert_int_equal(ask_state(client, VHOST_SET_VRING_NUM, 2, RING_SIZE), 1);
    assert_int_equal(ask_state(client, VHOST_SET_VRING_BASE, 0, 65536), 1);
    assert_int_equal(ask_state(client, VHOST_SET_VRING_ENABLE, 0, 2), 1);
    assert_int_equal(ask_state(client, VHOST_SET_VRING_NUM, 1, RING_SIZE), 0);
}

/* It waits, and is done at once when the ring is taken away. */
static void a_slow_request_does_not_hold_up_the_socket(void **state)
{
    struct client *client = *state;
    struct vdma_request inject = {.type = VDMA_INJECT, .arguments = {VDMA_INJECT_FAULTS}};
    const struct vdma_fault delay = {.kind = VDMA_FAULT_DELAY, .argument = 3600ull * 1000000000};
    struct vdma_request request = copy_request(1);
    struct vhost_vring_state base = {.index = 0};

    client_connect(client);
    start_ring(client, FEATURES, 0);
    memcpy(client->ram + DATA, &delay, sizeof(delay));
    lay(client, 0, &inject, (struct piece){DATA, sizeof(delay)}, nothing);
    publish(client, 0);
    kick(client);
    assert_true(wait_used(client, 1));
    pattern(client, DATA, 64, 5);
    lay(client, 1, &request, (struct piece){DATA, 64}, (struct piece){SINK, 64});
    publish(client, 1);
    kick(client);
    assert_int_equal(get_number(client, VHOST_GET_QUEUE_NUM), 2);
    send_message(client, VHOST_GET_VRING_BASE, VHOST_VERSION, &base, 8, NULL, 0);
    assert_int_equal(read_answer(client, &base, sizeof(base), NULL), 8);
    /* Taken or not, what is behind the base has not been touched. */
    assert_int_equal(base.number, used_index(client));
}

#define IN_SESSION(test) cmocka_unit_test_setup_teardown(test, client_setup, client_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SESSION(it_says_what_it_is),
        IN_SESSION(a_copy_and_its_interrupt),
        IN_SESSION(an_ordinary_disk),
        IN_SESSION(a_request_that_waits_for_the_ring),
        IN_SESSION(stopped_it_goes_on_where_it_was),
        IN_SESSION(a_stopped_ring_is_left_alone),
        IN_SESSION(the_next_front_end_is_served),
        IN_SESSION(features_that_were_not_offered),
        IN_SESSION(rings_that_cannot_be),
        IN_SESSION(a_slow_request_does_not_hold_up_the_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
