/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A back end that dies, and the one after it: what was taken and not given back is done again,
 * once, and what cannot be done twice is said to be lost.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/host/vhost_user/client.h"

static const struct vdma_request copy_request = {.type = VDMA_COPY};

/* The front end keeps the file, as QEMU does. */
static int keep_inflight(struct client *client)
{
    struct vhost_inflight inflight = {.queues = 2, .queue_size = RING_SIZE};
    int fd = -1;

    send_message(client, VHOST_GET_INFLIGHT_FD, VHOST_VERSION, &inflight, sizeof(inflight), NULL,
                 0);
    assert_int_equal(read_answer(client, &inflight, sizeof(inflight), &fd), sizeof(inflight));
    assert_true(inflight.size >= 2 * (16 + 16 * RING_SIZE));
    return fd;
}

static int give_inflight(struct client *client, int fd)
{
    const struct vhost_inflight inflight = {.size = 4096, .queues = 2, .queue_size = RING_SIZE};

    return ask(client, VHOST_SET_INFLIGHT_FD, &inflight, sizeof(inflight), fd);
}

/* A file in which some heads of queue 0 are under way, in this order of taking. */
static int inflight_with(const uint16_t *heads, unsigned count, uint16_t used)
{
    const int fd = memfd_create("inflight", MFD_CLOEXEC);
    struct vhost_inflight_queue *queue;

    assert_int_equal(ftruncate(fd, 4096), 0);
    queue = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    queue->version = 1;
    queue->count = RING_SIZE;
    queue->used_index = used;
    queue->last_batch_head = RING_SIZE - 1;
    for (unsigned i = 0; i < count; i++) {
        queue->descriptors[heads[i]].inflight = 1;
        queue->descriptors[heads[i]].counter = 100 + i;
    }
    munmap(queue, 4096);
    return fd;
}

static void set_used(struct client *client, uint16_t index)
{
    memcpy(client->ram + USED + 2, &index, sizeof(index));
}

static unsigned under_way(int fd)
{
    struct vhost_inflight_queue *queue = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    unsigned count = 0;

    for (unsigned i = 0; i < RING_SIZE; i++) {
        count += queue->descriptors[i].inflight;
    }
    munmap(queue, 4096);
    return count;
}

static void what_was_under_way_is_done_in_its_order(void **state)
{
    struct client *client = *state;
    /* Requests 0, 1, 2, 3 were taken; 1 came back; then death. They are heads 0, 4, 8, 12. */
    const uint16_t heads[] = {8, 0, 12};
    const int fd = inflight_with(heads, 3, 1);

    client_connect(client);
    for (unsigned i = 0; i < 5; i++) {
        pattern(client, DATA + 4096 * i, 64, i);
        lay(client, i, &copy_request, (struct piece){DATA + 4096 * i, 64},
            (struct piece){SINK + 4096 * i, 64});
        publish(client, i);
    }
    set_used(client, 1);
    assert_int_equal(get_number(client, VHOST_GET_QUEUE_NUM), 2);
    {
        uint64_t protocol = PROTOCOL;

        send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
    }
    assert_int_equal(give_inflight(client, fd), 0);
    start_ring(client, FEATURES, 1);
    assert_true(wait_used(client, 5));
    assert_int_equal(used_id(client, 1), 8);
    assert_int_equal(used_id(client, 2), 0);
    assert_int_equal(used_id(client, 3), 12);
    assert_int_equal(used_id(client, 4), 16);
    for (unsigned i = 0; i < 5; i++) {
        if (i != 1) {
            assert_memory_equal(client->ram + SINK + 4096 * i, client->ram + DATA + 4096 * i, 64);
        }
    }
    assert_int_equal(client->ram[SINK + 4096], 0);
    /* The doorbell's thread has let go of all by the time the ring is stopped. */
    assert_int_equal(ask_state(client, VHOST_SET_VRING_ENABLE, 0, 0), 0);
    assert_int_equal(under_way(fd), 0);
    close(fd);
}

/* The used index was written, and then there was no time to note it. */
static void the_last_one_is_not_done_twice(void **state)
{
    struct client *client = *state;
    const uint16_t heads[] = {0, 4};
    const int fd = inflight_with(heads, 2, 0);
    struct vhost_inflight_queue *queue =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    queue->last_batch_head = 0;
    munmap(queue, 4096);
    client_connect(client);
    for (unsigned i = 0; i < 2; i++) {
        lay(client, i, &copy_request, (struct piece){DATA, 64},
            (struct piece){SINK + 4096 * i, 64});
        publish(client, i);
    }
    pattern(client, DATA, 64, 1);
    set_used(client, 1);
    {
        uint64_t protocol = PROTOCOL;

        send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
    }
    assert_int_equal(give_inflight(client, fd), 0);
    start_ring(client, FEATURES, 1);
    assert_true(wait_used(client, 2));
    usleep(20000);
    assert_int_equal(used_index(client), 2);
    assert_int_equal(used_id(client, 1), 4);
    assert_int_equal(client->ram[SINK], 0);
    close(fd);
}

static void what_cannot_be_done_twice_is_lost(void **state)
{
    struct client *client = *state;
    const uint16_t heads[] = {0, 4, 8, 12, 16};
    const int fd = inflight_with(heads, 5, 0);
    const struct vdma_request inject = {.type = VDMA_INJECT, .arguments = {VDMA_INJECT_FAULTS}};
    const struct vdma_request log = {.type = VDMA_READ_LOG};
    const struct vdma_request fill = {.type = VDMA_FILL, .arguments = {0x42, 1}};
    const struct vdma_fault fault = {.kind = VDMA_FAULT_ERROR};

    client_connect(client);
    memcpy(client->ram + DATA, &fault, sizeof(fault));
    pattern(client, DATA + 4096, 200, 7);
    lay(client, 0, &inject, (struct piece){DATA, sizeof(fault)}, (struct piece){0, 0});
    lay(client, 1, &log, (struct piece){0, 0}, (struct piece){SINK, 64});
    lay(client, 2, &copy_request, (struct piece){DATA + 4096, 100},
        (struct piece){DATA + 4100, 100});
    lay(client, 3, &copy_request, (struct piece){DATA, 64}, (struct piece){SINK + 4096, 64});
    lay(client, 4, &fill, (struct piece){0, 0}, (struct piece){SINK + 8192, 64});
    for (unsigned i = 0; i < 5; i++) {
        publish(client, i);
    }
    {
        uint64_t protocol = PROTOCOL;

        send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
    }
    assert_int_equal(give_inflight(client, fd), 0);
    start_ring(client, FEATURES, 0);
    assert_true(wait_used(client, 5));
    assert_int_equal(status_of(client, 0).code, VDMA_STATUS_LOST);
    assert_int_equal(status_of(client, 1).code, VDMA_STATUS_LOST);
    assert_int_equal(status_of(client, 2).code, VDMA_STATUS_LOST);
    assert_int_equal(status_of(client, 3).code, VDMA_STATUS_OK);
    assert_int_equal(status_of(client, 4).code, VDMA_STATUS_OK);
    assert_int_equal(client->ram[SINK], 0);
    assert_int_equal(client->ram[SINK + 8192 + 63], 0x42);
    close(fd);
}

#define BATCH 14u

static void ask_for(struct client *client, unsigned seed)
{
    for (unsigned i = 0; i < BATCH; i++) {
        pattern(client, DATA + 8192 * i, 777, seed + i);
        lay(client, i, &copy_request, (struct piece){DATA + 8192 * i, 777},
            (struct piece){SINK + 8192 * i, 777});
        publish(client, i);
    }
    kick(client);
}

static void all_arrived(struct client *client)
{
    for (unsigned i = 0; i < BATCH; i++) {
        assert_int_equal(status_of(client, i).code, VDMA_STATUS_OK);
        assert_memory_equal(client->ram + SINK + 8192 * i, client->ram + DATA + 8192 * i, 777);
    }
}

/* From now on requests come late, and in another order. */
static void disturb(struct client *client, unsigned seed)
{
    const struct vdma_request inject = {.type = VDMA_INJECT, .arguments = {VDMA_INJECT_SCRIPT}};
    const struct vdma_script script = {.seed = seed,
                                       .kinds = 1u << VDMA_FAULT_DELAY | 1u << VDMA_FAULT_REORDER,
                                       .rate = 32768,
                                       .argument_max = 2000000};

    memcpy(client->ram + 0x8000, &script, sizeof(script));
    lay(client, 15, &inject, (struct piece){0x8000, sizeof(script)}, (struct piece){0, 0});
    publish(client, 15);
    kick(client);
    assert_true(wait_used(client, client->avail));
}

/* Every life but the last is ended with requests under way. */
static void a_thousand_requests_over_twenty_deaths(void **state)
{
    struct client *client = *state;
    const unsigned rounds = 4;
    int fd = -1;

    for (unsigned life = 0; life <= 20; life++) {
        uint64_t protocol = PROTOCOL;

        client_fork(client);
        send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
        if (fd < 0) {
            fd = keep_inflight(client);
        } else {
            assert_int_equal(give_inflight(client, fd), 0);
        }
        start_ring(client, FEATURES, used_index(client));
        assert_true(wait_used(client, client->avail));
        if (life != 0) {
            all_arrived(client);
        }
        disturb(client, life + 1);
        for (unsigned round = 0; round < rounds; round++) {
            ask_for(client, life * rounds + round);
            if (round != rounds - 1) {
                assert_true(wait_used(client, client->avail));
                all_arrived(client);
            }
        }
        /* A part of them may be back. */
        usleep(life * 100);
        client_die(client);
    }
    assert_int_not_equal(fd, -1);
    close(fd);
}

/* A file that is none of ours, or says what cannot be. */
static void files_that_cannot_be(void **state)
{
    struct client *client = *state;
    const int fd = memfd_create("small", MFD_CLOEXEC);
    struct vhost_inflight inflight = {.size = 4096, .queues = 2, .queue_size = RING_SIZE};
    uint64_t protocol = PROTOCOL;
    uint16_t heads[RING_SIZE];
    int full;

    client_connect(client);
    send_message(client, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, 8, NULL, 0);
    assert_int_equal(ftruncate(fd, 2047), 0);
    assert_int_equal(give_inflight(client, fd), 1);
    inflight.queues = 0;
    assert_int_equal(ask(client, VHOST_SET_INFLIGHT_FD, &inflight, sizeof(inflight), fd), 1);
    inflight.queues = 5;
    assert_int_equal(ask(client, VHOST_SET_INFLIGHT_FD, &inflight, sizeof(inflight), fd), 1);
    inflight = (struct vhost_inflight){
        .size = 4096, .offset = UINT64_MAX - 4095, .queues = 2, .queue_size = RING_SIZE};
    assert_int_equal(ask(client, VHOST_SET_INFLIGHT_FD, &inflight, sizeof(inflight), fd), 1);
    inflight = (struct vhost_inflight){.size = 4096, .queues = 2, .queue_size = 65535};
    assert_int_equal(ask(client, VHOST_SET_INFLIGHT_FD, &inflight, sizeof(inflight), fd), 1);
    close(fd);
    /* All are under way, with the same number or none: each at most once, and no hang. */
    for (unsigned i = 0; i < RING_SIZE; i++) {
        heads[i] = (uint16_t)i;
    }
    full = inflight_with(heads, RING_SIZE, 0);
    assert_int_equal(give_inflight(client, full), 0);
    start_ring(client, FEATURES, 0);
    assert_int_equal(get_number(client, VHOST_GET_QUEUE_NUM), 2);
    close(full);
}

#define IN_SESSION(test) cmocka_unit_test_setup_teardown(test, client_setup, client_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SESSION(what_was_under_way_is_done_in_its_order),
        IN_SESSION(the_last_one_is_not_done_twice),
        IN_SESSION(what_cannot_be_done_twice_is_lost),
        cmocka_unit_test_setup_teardown(a_thousand_requests_over_twenty_deaths, client_setup_apart,
                                        client_teardown),
        IN_SESSION(files_that_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
