/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The disk driver over vdma's core, which misbehaves on demand: each fault of the data sheet
 * by itself, then mixtures of them drawn from a seed. Whatever the device does, each
 * request ends once, with an error that the driver's manual names; what the driver cannot see,
 * the test's own copies of disk and memory show; and no harm is left that nobody has seen.
 * Without faults every access of the device is to what the driver has described.
 *
 * FAULTS: how many faults the mixtures bring (100,000); SEED: which ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/drivers/vdma_batch.h"

#define LIFE 40u  /* batches of one power-on */
#define EACH 200u /* of each kind by itself */

/* These alone may leave wrong bytes behind a success. */
#define HARMFUL                                                                                    \
    (KIND(SHORT) | KIND(CORRUPT) | KIND(PAST_END) | KIND(LATE_WRITE) | KIND(AFTER_RESET))

/* Of all of them. */
static struct tally {
    uint64_t batches, injected, by_driver, by_test, harmless, unseen;
} tally[KINDS + 1];

static void one_batch(struct tally *at)
{
    const struct batch batch = batch_run();
    bool error = batch.reset;

    for (unsigned i = 0; i < BATCH_REQUESTS; i++) {
        /* That the disk is shorter than it was is no error of the driver's. */
        error |= batch.status[i] != kIOReturnSuccess &&
                 !(batch.status[i] == kIOReturnOverrun && (batch.life & KIND(CONFIG)) != 0);
    }
    /* Wrong bytes come of a fault that may do so, and of nothing else. */
    assert_true(!batch.wrong || (batch.done & HARMFUL) != 0);
    /* What has ended is the client's again. */
    assert_true(!batch.late || (batch.done & (KIND(LATE_WRITE) | KIND(AFTER_RESET))) != 0);
    /* And a driver that has nothing to complain of does not. */
    assert_true(!error || batch.done != 0);
    assert_true(batch.done != 0 || batch.strays == 0);
    at->batches++;
    at->injected += batch.faults;
    at->by_driver += error;
    at->by_test += batch.wrong;
    at->harmless += batch.faults != 0 && batch.shown == 0;
    at->unseen += batch.shown != 0 && !error && !batch.wrong;
}

/* --- Lives of a device ------------------------------------------------------------------------ */

static void print(const char *what, const struct tally *at)
{
    print_message("# %-24s %7llu batches, %7llu faults: %6llu seen by the driver, %6llu by the "
                  "test, %6llu harmless, %llu unseen\n",
                  what, (unsigned long long)at->batches, (unsigned long long)at->injected,
                  (unsigned long long)at->by_driver, (unsigned long long)at->by_test,
                  (unsigned long long)at->harmless, (unsigned long long)at->unseen);
}

static const struct {
    const char *name;
    uint64_t least, most; /* argument */
} kinds[KINDS] = {
    [1] = {"error status", 0, 0},
    [2] = {"short transfer", 0, 511},
    [3] = {"corrupt byte", 0, 511},
    [4] = {"delay", 0, 5000},
    [5] = {"reorder", 0, 5000},
    [6] = {"wrong used id", 0, 600},
    [7] = {"wrong used length", 4098, UINT32_MAX},
    [8] = {"duplicate completion", 0, 0},
    [9] = {"missing completion", 0, 0},
    [10] = {"dropped interrupt", 0, 0},
    [11] = {"spurious interrupt", 0, 0},
    [12] = {"late interrupt", 1, 5000},
    [13] = {"write past the end", 1, 64},
    [14] = {"late write", 1, 5000},
    [15] = {"write after reset", 0, 5000},
    [16] = {"needs reset", 0, 0},
    [17] = {"configuration", 0, BATCH_SECTORS * 2},
    [18] = {"wrong register", 0x60, 0x60},
};

/* --- Tests ------------------------------------------------------------------------------------ */

static void without_faults(void **state)
{
    const struct vdma_script none = {0};

    (void)state;
    for (unsigned life = 0; life < 20; life++) {
        batch_power_on(&none);
        for (unsigned i = 0; i < LIFE; i++) {
            one_batch(&tally[0]);
        }
        batch_power_off();
    }
    assert_int_equal(tally[0].by_driver + tally[0].by_test + tally[0].injected, 0);
    print("no fault", &tally[0]);
}

static void each_fault(void **state)
{
    const struct vdma_script none = {0};

    (void)state;
    for (unsigned kind = 1; kind < KINDS; kind++) {
        struct tally *at = &tally[kind];

        for (unsigned i = 0; i < EACH; i++) {
            if (i % LIFE == 0 || kind == VDMA_FAULT_CONFIG) {
                if (i != 0) {
                    batch_power_off();
                }
                batch_power_on(&none);
            }
            batch_inject((uint16_t)kind,
                         kinds[kind].least +
                             batch_draw_word() % (kinds[kind].most - kinds[kind].least + 1));
            one_batch(at);
        }
        batch_power_off();
        print(kinds[kind].name, at);
        assert_true(at->injected > EACH / 4);
        assert_int_equal(at->unseen, 0);
        if ((SHOWN & 1u << kind) == 0) { /* it is slower, and no more than that */
            assert_int_equal(at->by_test, 0);
            assert_int_equal(at->by_driver, 0);
        }
    }
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void mixtures(void **state)
{
    static const uint32_t rates[] = {2000, 8000, 20000, 50000, 65536};
    /* Of times; of bytes; and ids of others that the device has. */
    static const uint64_t most[] = {5000, 600, 16};
    const uint64_t budget = from_environment("FAULTS", 100000);
    struct tally *all = &tally[KINDS];
    uint64_t requests = 0;

    (void)state;
    while (all->injected < budget) {
        const struct vdma_script script = {
            .seed = batch_draw_word(),
            .kinds = batch_draw(4) == 0 ? 0x7fffeu : ((uint32_t)batch_draw_word() & 0x7fffeu),
            .rate = rates[batch_draw(5)],
            .argument_max = most[batch_draw(3)]};

        batch_power_on(&script);
        for (unsigned i = 0; i < LIFE; i++) {
            one_batch(all);
            requests += BATCH_REQUESTS;
        }
        batch_power_off();
    }
    print("mixtures", all);
    print_message("# %llu requests, %llu %% of them with a fault\n", (unsigned long long)requests,
                  (unsigned long long)(100 * all->injected / requests));
    assert_int_equal(all->unseen, 0);
}

static int start(void **state)
{
    (void)state;
    batch_begin(from_environment("SEED", 1));
    return 0;
}

static struct holdings before;

static int hold(void **state)
{
    (void)state;
    before = holdings_now();
    return 0;
}

static int same(void **state)
{
    (void)state;
    return sim_holds(&before) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_faults, hold, same),
        cmocka_unit_test_setup_teardown(each_fault, hold, same),
        cmocka_unit_test_setup_teardown(mixtures, hold, same),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
