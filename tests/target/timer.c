/* SPDX-License-Identifier: BSD-2-Clause */
/* Time and deadlines. Nothing here depends on how fast the host is: only order and lower bounds. */
#include "kernel/timer.h"

#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "tests/harness/harness.h"

#define MICROSECOND 1000UL
#define MILLISECOND 1000000UL

/* Who fired, in order. */
static unsigned fired_count;
static const struct timer *fired_order[16];
static uint64_t fired_at[16];
static bool fired_in_handler;

static void note(void *context)
{
    fired_at[fired_count % 16] = timer_now();
    fired_order[fired_count++ % 16] = context;
    fired_in_handler = irq_in_handler();
}

static void wait_for_fired(unsigned count)
{
    const irq_state_t state = irq_mask();

    while (fired_count < count) {
        irq_wait();
    }
    irq_restore(state);
}

TEST(frequency_is_the_cpus)
{
    EXPECT_EQ(timer_frequency(), cpu_read_sysreg(cntfrq_el0));
    EXPECT_GT(timer_frequency(), 0);
}

TEST(now_never_goes_back_and_goes_on)
{
    const uint64_t begin = timer_now();
    uint64_t before = begin;

    for (unsigned i = 0; i < 100000; i++) {
        const uint64_t now = timer_now();

        if (now < before) {
            EXPECT_GE(now, before);
            break;
        }
        before = now;
    }
    EXPECT_GT(before, begin);
}

/* A conversion by multiplication loses bits somewhere: compare with the division. */
TEST(now_is_the_counter_in_nanoseconds)
{
    const uint64_t ticks_before = cpu_read_sysreg(cntvct_el0);
    const uint64_t now = timer_now();
    const uint64_t ticks_after = cpu_read_sysreg(cntvct_el0);
    const unsigned __int128 billion = 1000000000;

    EXPECT_LE((uint64_t)(ticks_before * billion / timer_frequency()), now);
    EXPECT_GE((uint64_t)(ticks_after * billion / timer_frequency()), now);
}

TEST(delay_lasts_at_least_as_long)
{
    static const uint64_t spans[] = {0, 1, 15, 16, 17, 999, MICROSECOND, MILLISECOND + 1};

    for (unsigned i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        const uint64_t begin = timer_now();

        timer_delay(spans[i]);
        EXPECT_GE(timer_now() - begin, spans[i]);
    }
}

TEST(fires_once_in_a_handler_and_never_early)
{
    struct timer timer = {.callback = note, .context = &timer};
    const uint64_t begin = timer_now();

    fired_count = 0;
    timer_start(&timer, 2 * MILLISECOND + 7);
    wait_for_fired(1);
    EXPECT_TRUE(fired_in_handler);
    EXPECT_EQ(fired_order[0], &timer);
    EXPECT_GE(fired_at[0] - begin, 2 * MILLISECOND + 7);
    timer_delay(MILLISECOND);
    EXPECT_EQ(fired_count, 1);
    EXPECT_FALSE(timer_cancel(&timer));
}

TEST(fires_by_deadline_not_by_start)
{
    static const uint64_t after[4] = {3, 1, 4, 2};
    struct timer timers[4];
    uint64_t begin;

    /* Again if the host paused us in between: the deadlines might be in another order. */
    fired_count = 0;
    const irq_state_t state = irq_mask();

    do {
        begin = timer_now();
        for (unsigned i = 0; i < 4; i++) {
            timer_cancel(&timers[i]);
            timers[i] = (struct timer){.callback = note, .context = &timers[i]};
            timer_start(&timers[i], after[i] * 5 * MILLISECOND);
        }
    } while (timer_now() - begin >= 5 * MILLISECOND);
    irq_restore(state);
    wait_for_fired(4);
    EXPECT_EQ(fired_order[0], &timers[1]);
    EXPECT_EQ(fired_order[1], &timers[3]);
    EXPECT_EQ(fired_order[2], &timers[0]);
    EXPECT_EQ(fired_order[3], &timers[2]);
}

TEST(cancelled_timer_does_not_fire)
{
    struct timer first = {.callback = note, .context = &first};
    struct timer second = {.callback = note, .context = &second};
    struct timer third = {.callback = note, .context = &third};
    const irq_state_t state = irq_mask();
    const uint64_t served = irq_count();

    fired_count = 0;
    timer_start(&first, MILLISECOND);
    timer_start(&second, 2 * MILLISECOND);
    timer_start(&third, 3 * MILLISECOND);
    EXPECT_TRUE(timer_cancel(&first)); /* the head: the next deadline must be programmed */
    EXPECT_TRUE(timer_cancel(&third));
    EXPECT_FALSE(timer_cancel(&first));
    irq_restore(state);
    wait_for_fired(1);
    timer_delay(2 * MILLISECOND);
    EXPECT_EQ(fired_count, 1);
    EXPECT_EQ(fired_order[0], &second);
    EXPECT_EQ(irq_count() - served, 1); /* nor does it interrupt for nothing */
}

TEST(start_of_a_running_timer_moves_it)
{
    struct timer moved = {.callback = note, .context = &moved};
    struct timer other = {.callback = note, .context = &other};
    const irq_state_t state = irq_mask();

    fired_count = 0;
    timer_start(&moved, MILLISECOND);
    timer_start(&other, 4 * MILLISECOND);
    timer_start(&moved, 8 * MILLISECOND);
    irq_restore(state);
    wait_for_fired(2);
    EXPECT_EQ(fired_order[0], &other);
    EXPECT_EQ(fired_order[1], &moved);
    timer_delay(MILLISECOND);
    EXPECT_EQ(fired_count, 2);
}

static struct timer periodic;

static void note_and_restart(void *context)
{
    note(context);
    if (fired_count < 5) {
        timer_start(&periodic, 100 * MICROSECOND);
    }
}

TEST(callback_may_start_its_timer_again)
{
    fired_count = 0;
    periodic = (struct timer){.callback = note_and_restart, .context = &periodic};
    timer_start(&periodic, 0);
    wait_for_fired(5);
    for (unsigned i = 1; i < 5; i++) {
        EXPECT_GE(fired_at[i] - fired_at[i - 1], 100 * MICROSECOND);
    }
    EXPECT_FALSE(timer_cancel(&periodic));
}

/* A callback without end, but the interrupted code still gets its turns. */
static void restart_at_once(void *context)
{
    fired_count++;
    timer_start(context, 0);
}

TEST(timer_restarted_with_zero_does_not_keep_the_cpu)
{
    struct timer timer = {.callback = restart_at_once, .context = &timer};
    const irq_state_t state = irq_mask();

    fired_count = 0;
    timer_start(&timer, 0);
    while (fired_count < 3) {
        irq_wait();
    }
    EXPECT_TRUE(timer_cancel(&timer));
    irq_restore(state);
}

/* Deadlines beyond the end of the counter: not now, not soon, and no wrap to the past. */
TEST(far_deadlines_do_not_wrap)
{
    static const uint64_t far[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2, 1UL << 62};

    for (unsigned i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        struct timer distant = {.callback = note, .context = &distant};
        struct timer near = {.callback = note, .context = &near};

        fired_count = 0;
        timer_start(&distant, far[i]);
        timer_start(&near, MILLISECOND);
        wait_for_fired(1);
        EXPECT_EQ(fired_count, 1);
        EXPECT_EQ(fired_order[0], &near);
        EXPECT_TRUE(timer_cancel(&distant));
    }
}

TEST(masked_deadline_is_late_not_lost)
{
    struct timer timer = {.callback = note, .context = &timer};
    const irq_state_t state = irq_mask();

    fired_count = 0;
    timer_start(&timer, 10 * MICROSECOND);
    timer_delay(MILLISECOND);
    EXPECT_EQ(fired_count, 0);
    irq_restore(state);
    wait_for_fired(1);
    EXPECT_EQ(fired_count, 1);
}
