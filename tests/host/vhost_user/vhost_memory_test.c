/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory table: what it may be, and another one while rings run. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/host/vhost_user/client.h"

static const struct vdma_request copy_request = {.type = VDMA_COPY};

static bool copies(struct client *client, unsigned seed)
{
    pattern(client, DATA, 5000, seed);
    memset(client->ram + SINK, 0, 5000);
    lay(client, 0, &copy_request, (struct piece){DATA, 5000}, (struct piece){SINK, 5000});
    publish(client, 0);
    kick(client);
    return wait_used(client, client->avail) && status_of(client, 0).code == VDMA_STATUS_OK &&
           memcmp(client->ram + SINK, client->ram + DATA, 5000) == 0;
}

static int set_table(struct client *client, const struct vhost_memory *memory, unsigned fds)
{
    const int files[] = {client->memory, client->memory, client->memory, client->memory,
                         client->memory, client->memory, client->memory, client->memory};
    uint64_t number;

    send_message(client, VHOST_SET_MEM_TABLE, VHOST_VERSION | VHOST_NEED_REPLY, memory,
                 8 + 32 * (memory->count <= VHOST_REGIONS_MAX ? memory->count : VHOST_REGIONS_MAX),
                 files, fds);
    return read_answer(client, &number, sizeof(number), NULL) < 0 ? -1 : (int)number;
}

/* The same memory elsewhere in the front end, and no word about the ring. */
static void a_table_that_moves_the_memory(void **state)
{
    struct client *client = *state;

    client_connect(client);
    start_ring(client, FEATURES, 0);
    assert_true(copies(client, 1));
    /* Both the old and the new place are in it: the ring's addresses stay good. */
    {
        const struct vhost_memory memory = {
            .count = 2,
            .regions = {{GUEST, SIZE / 2, USER, 0},
                        {GUEST + SIZE / 2, SIZE / 2, USER + (1ull << 32), SIZE / 2}}};

        assert_int_equal(set_table(client, &memory, 2), 0);
    }
    assert_true(copies(client, 2));
    /* The old place is gone: the ring stops until it is told where it is. */
    share_memory(client, USER + (1ull << 33));
    lay(client, 0, &copy_request, (struct piece){DATA, 64}, (struct piece){SINK, 64});
    publish(client, 0);
    kick(client);
    usleep(20000);
    assert_int_equal(used_index(client), client->avail - 1);
    assert_int_equal(set_addresses(client, USER + (1ull << 33)), 0);
    assert_true(wait_used(client, client->avail));
    assert_true(copies(client, 3));
}

/* With requests that wait: they end, and do not touch what was taken away. */
static void a_table_that_loses_memory_under_a_request(void **state)
{
    struct client *client = *state;
    const struct vdma_request inject = {.type = VDMA_INJECT, .arguments = {VDMA_INJECT_FAULTS}};
    const struct vdma_fault delay = {.kind = VDMA_FAULT_DELAY, .argument = 3600ull * 1000000000};
    const struct vhost_memory half = {.count = 1, .regions = {{GUEST, SIZE / 4, USER, 0}}};

    client_connect(client);
    start_ring(client, FEATURES, 0);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(client->ram + DATA + 32 * i, &delay, sizeof(delay));
    }
    lay(client, 8, &inject, (struct piece){DATA, 8 * sizeof(delay)}, (struct piece){0, 0});
    publish(client, 8);
    kick(client);
    assert_true(wait_used(client, 1));
    for (unsigned i = 0; i < 8; i++) {
        lay(client, i, &copy_request, (struct piece){DATA + 4096 * i, 64},
            (struct piece){SINK + 4096 * i, 64});
        publish(client, i);
    }
    kick(client);
    usleep(20000);
    assert_int_equal(set_table(client, &half, 1), 0);
    /* Those that were taken are done; SINK is out of reach of those that were not. */
    assert_true(wait_used(client, client->avail));
    for (unsigned i = 0; i < 8; i++) {
        assert_true(status_of(client, i).code == VDMA_STATUS_OK || status_of(client, i).rule == 48);
    }
    lay(client, 0, &copy_request, (struct piece){DATA, 64}, (struct piece){SINK, 64});
    memset(client->ram + SINK, 0x77, 64);
    publish(client, 0);
    kick(client);
    assert_true(wait_used(client, client->avail));
    assert_int_equal(status_of(client, 0).rule, 48);
    assert_int_equal(client->ram[SINK], 0x77);
}

/* Each is refused whole, and what was there before stays. */
static void tables_that_cannot_be(void **state)
{
    struct client *client = *state;
    const struct vhost_region good = {GUEST, 4096, USER, 0};
    const struct {
        struct vhost_memory memory;
        unsigned fds;
    } bad[] = {
        {{.count = 0}, 0},
        {{.count = 1, .regions = {good}}, 0},
        {{.count = 1, .regions = {good}}, 2},
        {{.count = 2, .regions = {good, {GUEST + 4096, 4096, USER + 4096, 0}}}, 1},
        {{.count = 9, .regions = {good}}, 8},
        {{.count = 0xffffffff, .regions = {good}}, 8},
        {{.count = 1, .regions = {{GUEST, 0, USER, 0}}}, 1},
        {{.count = 1, .regions = {{GUEST, 4096, USER, 1}}}, 1},
        {{.count = 1, .regions = {{GUEST, SIZE + 1, USER, 0}}}, 1},
        {{.count = 1, .regions = {{GUEST, SIZE, USER, 4096}}}, 1},
        {{.count = 1, .regions = {{UINT64_MAX - 4094, 4096, USER, 0}}}, 1},
        {{.count = 1, .regions = {{GUEST, 4096, UINT64_MAX - 4094, 0}}}, 1},
        {{.count = 1, .regions = {{GUEST, 8192, USER, UINT64_MAX - 4095}}}, 1},
        {{.count = 2, .regions = {good, {GUEST + 4095, 4096, USER + 8192, 0}}}, 2},
        {{.count = 2, .regions = {good, {GUEST + 8192, 4096, USER + 4095, 0}}}, 2},
    };
    const unsigned files = open_files();

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        client_connect(client);
        start_ring(client, FEATURES, client->avail);
        assert_int_equal(set_table(client, &bad[i].memory, bad[i].fds), 1);
        assert_true(copies(client, (unsigned)i));
        client_disconnect(client);
        assert_int_equal(open_files(), files);
    }
}

static void it_is_read_to_the_last_byte(void **state)
{
    struct client *client = *state;

    client_connect(client);
    start_ring(client, FEATURES, 0);
    pattern(client, SIZE - 100, 100, 4);
    lay(client, 0, &copy_request, (struct piece){SIZE - 100, 100}, (struct piece){SINK, 100});
    lay(client, 1, &copy_request, (struct piece){SIZE - 100, 101},
        (struct piece){SINK + 4096, 101});
    publish(client, 0);
    publish(client, 1);
    kick(client);
    assert_true(wait_used(client, 2));
    assert_memory_equal(client->ram + SINK, client->ram + SIZE - 100, 100);
    assert_int_equal(status_of(client, 1).rule, 48);
    assert_int_equal(status_of(client, 1).value, GUEST + SIZE);
    assert_int_equal(client->ram[SINK + 4096], 0);
}

#define IN_SESSION(test) cmocka_unit_test_setup_teardown(test, client_setup, client_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SESSION(a_table_that_moves_the_memory),
        IN_SESSION(a_table_that_loses_memory_under_a_request),
        IN_SESSION(tables_that_cannot_be),
        IN_SESSION(it_is_read_to_the_last_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
