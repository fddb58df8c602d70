/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random sequences of everything that descriptors and maps can do, against the model
 * of tests/host/model. A sequence is all that its seed says, so a failing one is
 * printed as the line that replays it.
 *
 * Environment: SEED=n runs that sequence alone; OPS=n is how many operations there are
 * in all; SOAK=minutes goes on for so long, 0 for ever.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/host/model/model.h"

#define SEQUENCE_OPS 2500
#define DEFAULT_OPS  750000 /* half of them reach what all of them do; SOAK has no end */

static const struct {
    void (*step)(void);
    unsigned weight;
} steps[] = {
    {step_create, 10},
    {step_release_memory, 6},
    {step_prepare, 10},
    {step_complete, 8},
    {step_map, 12},
    {step_unmap, 1},
    {step_release_map, 6},
    {step_redirect, 6},
    {step_through_map, 40},
    {step_through_bytes, 20},
    {step_through_device, 20},
    {step_through_owner, 20},
    {step_purge, 6},
    {step_reclaim, 1},
    {step_wire, 6},
    {step_hold_up, 4},
    {step_guest_dies, 1},
    {step_reinitialise, 3},
    {step_retarget, 3},
    {step_overwrite, 4},
    {step_processor_mode, 2},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static struct {
    uint64_t seed, operation;
    bool running;
} sequence;

/* Also when a sanitizer or a panic ends the program. */
static void print_replay(void)
{
    char line[100];
    int length;

    if (sequence.running) {
        length =
            snprintf(line, sizeof(line), "# replay with SEED=%llu OPS=%llu\n",
                     (unsigned long long)sequence.seed, (unsigned long long)sequence.operation + 1);
        if (write(STDERR_FILENO, line, (size_t)length) < 0) {
            return;
        }
    }
}

#ifdef __SANITIZE_ADDRESS__
void __sanitizer_set_death_callback(void (*callback)(void));
#endif

static void on_abort(int number)
{
    print_replay();
    signal(number, SIG_DFL);
    raise(number);
}

static void step(void)
{
    unsigned sum = 0, i;
    uint64_t choice;

    for (i = 0; i < STEPS; i++) {
        sum += steps[i].weight;
    }
    choice = below(sum);
    for (i = 0; choice >= steps[i].weight; i++) {
        choice -= steps[i].weight;
    }
    steps[i].step();
}

/* Give back everything, in any order; the tasks go in the middle of it. */
static void release_all(void)
{
    unsigned used;

    do {
        if (one_in(40) && owner != NULL) {
            mappings_unwire_in(owner);
            task_release(owner);
            owner = NULL;
        }
        if (one_in(8)) {
            commands_release();
        } else if (one_in(2)) {
            step_release_map();
        } else {
            step_release_memory();
        }
        used = 0;
        for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
            used += world.mappings[i].map != NULL;
        }
        for (unsigned i = 0; i < MEMORIES_MAX; i++) {
            used += world.memories[i].refs != 0;
        }
    } while (used != 0 || commands_release());
    world_release();
}

static void run_sequence(uint64_t seed, uint64_t operations)
{
    sequence.seed = seed;
    sequence.running = true;
    memset(&world, 0, sizeof(world));
    world.random = seed;
    assert_int_equal(map_start(NULL), 0);
    sim_set_notes_stores(seed % 2 != 0);
    world_create();
    commands_begin(seed);
    for (sequence.operation = 0; sequence.operation < operations; sequence.operation++) {
        step();
        commands_step();
    }
    world_check();
    commands_check();
    release_all();
    commands_end();
    for (unsigned i = 0; i < STORES_MAX; i++) {
        assert_int_equal(world.stores[i].users, 0);
    }
    assert_int_equal(map_stop(NULL), 0); /* as it was before */
    sequence.running = false;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void random_sequences(void **state)
{
    const uint64_t minutes = from_environment("SOAK", 0);
    const bool soak = getenv("SOAK") != NULL;
    const time_t start = time(NULL);
    uint64_t left = from_environment("OPS", DEFAULT_OPS), seed, done = 0;

    (void)state;
    if (getenv("SEED") != NULL) {
        run_sequence(from_environment("SEED", 0), left == DEFAULT_OPS ? SEQUENCE_OPS : left);
        return;
    }
    for (seed = soak ? (uint64_t)start * 1000 : 1; left != 0 || soak; seed++) {
        const uint64_t operations = soak || left > SEQUENCE_OPS ? SEQUENCE_OPS : left;

        if (soak && minutes != 0 && time(NULL) - start >= (time_t)minutes * 60) {
            break;
        }
        run_sequence(seed, operations);
        done++;
        left -= soak ? 0 : operations;
    }
    printf("# %llu sequences of up to %d operations\n", (unsigned long long)done, SEQUENCE_OPS);
}

static int after(void **state)
{
    (void)state;
    print_replay();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(random_sequences, after),
    };

#ifdef __SANITIZE_ADDRESS__ /* not where coverage is counted */
    __sanitizer_set_death_callback(print_replay);
#endif
    signal(SIGABRT, on_abort);
    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
