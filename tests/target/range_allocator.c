/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* IORangeAllocator, used by thread context and by an interrupt handler at the same time. */
#include "descriptors/IORangeAllocator.h"
#include "kernel/irq.h"
#include "kernel/timer.h"
#include "tests/harness/harness.h"

#define NUMBERS    512
#define HELD       32 /* live allocations of one context, at most */
#define INTERRUPTS 500
#define PERIOD     20000 /* nanoseconds from one interrupt to the next */

struct holding {
    IORangeScalar start, size;
};

/* One context: what it holds, and how often it did what. */
struct user {
    struct holding held[HELD];
    unsigned count;
    uint32_t seed;
    unsigned calls, granted, clashes, refused_frees;
};

static IORangeAllocator *allocator;
static uint8_t holders[NUMBERS]; /* contexts that hold a number: 0 or 1 */
static struct user thread, handler;
static struct timer timer;

static unsigned next(struct user *user)
{
    user->seed = user->seed * 1664525u + 1013904223u;
    return user->seed >> 16;
}

/* Add to the holders of every number; returns how many others held one. */
static unsigned change(struct holding holding, int by)
{
    unsigned others = 0;

    for (uint64_t i = 0; i < holding.size; i++) {
        others += __atomic_fetch_add(&holders[holding.start + i], by, __ATOMIC_RELAXED) !=
                  (by < 0 ? 1 : 0);
    }
    return others;
}

static void give_one(struct user *user)
{
    const unsigned pick = next(user) % user->count;
    const struct holding holding = user->held[pick];

    user->held[pick] = user->held[--user->count];
    user->clashes += change(holding, -1);
    user->refused_frees +=
        IORangeAllocator_deallocate(allocator, holding.start, holding.size) != kIOReturnSuccess;
}

static void take_one(struct user *user)
{
    struct holding holding = {.size = 1 + next(user) % 20};

    if (!IORangeAllocator_allocate(allocator, holding.size, &holding.start, 1u << next(user) % 4)) {
        return;
    }
    user->clashes += change(holding, 1);
    user->held[user->count++] = holding;
    user->granted++;
}

static void use(struct user *user)
{
    user->calls++;
    if (user->count == HELD || (user->count != 0 && next(user) % 2)) {
        give_one(user);
    } else {
        take_one(user);
    }
}

static void interrupt(void *context)
{
    use(context);
    if (handler.calls < INTERRUPTS) {
        timer_start(&timer, PERIOD);
    }
}

static void expect_sane(const struct user *user)
{
    EXPECT_GT(user->granted, 0);
    EXPECT_EQ(user->clashes, 0);
    EXPECT_EQ(user->refused_frees, 0);
}

TEST(ra_11_two_contexts_never_hold_the_same_number)
{
    IORangeScalar start, end;

    allocator = IORangeAllocator_withRange(NUMBERS - 1, 0, 4 * HELD, IORangeAllocator_kLocking);
    ASSERT_NE(allocator, NULL);
    thread = (struct user){.seed = 1};
    handler = (struct user){.seed = 2};
    timer = (struct timer){.callback = interrupt, .context = &handler};
    timer_start(&timer, PERIOD);
    while (__atomic_load_n(&handler.calls, __ATOMIC_RELAXED) < INTERRUPTS) {
        use(&thread);
    }
    expect_sane(&thread);
    expect_sane(&handler);
    while (thread.count != 0) {
        give_one(&thread);
    }
    while (handler.count != 0) {
        give_one(&handler);
    }
    EXPECT_EQ(IORangeAllocator_getFragmentCount(allocator), 1);
    EXPECT_TRUE(IORangeAllocator_getFragment(allocator, 0, &start, &end));
    EXPECT_EQ(start, 0);
    EXPECT_EQ(end, NUMBERS - 1);
    TEST_NOTE("%u calls by the thread, %u by the handler", thread.calls, handler.calls);
    OSObject_release(allocator);
}

/* Growing takes memory, which a handler may not ask for. */
static bool handler_answer;
static volatile bool handler_done;

static void ask(void *context)
{
    IORangeScalar start;

    handler_answer = IORangeAllocator_allocate(context, 1, &start, 0);
    handler_done = true;
}

TEST(a_handler_does_not_make_the_list_grow)
{
    IORangeAllocator *small = IORangeAllocator_withRange(99, 0, 1, IORangeAllocator_kLocking);
    struct timer once = {.callback = ask, .context = small};
    irq_state_t before;
    IORangeScalar start;

    ASSERT_NE(small, NULL);
    handler_done = false;
    timer_start(&once, 1000);
    before = irq_mask();
    while (!handler_done) {
        irq_wait();
    }
    irq_restore(before);
    EXPECT_FALSE(handler_answer);
    EXPECT_EQ(IORangeAllocator_getFragmentCapacity(small), 1);
    EXPECT_TRUE(IORangeAllocator_allocate(small, 1, &start, 0));
    OSObject_release(small);
}
