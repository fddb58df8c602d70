/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages as interrupts, sent by the CPU itself: a store to the doorbell. To an ITS that is
 * sender 0, as which no device of this machine sends anything.
 */
#include "kernel/msi.h"

#include "kernel/cpu.h"
#include "kernel/init.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "tests/harness/harness.h"

#define MOST 1024u

static int controller;
static volatile void *page; /* the doorbell's */
static unsigned calls[MOST];

static int find_controller(void)
{
    const int its = devicetree_next_compatible(-1, "arm,gic-v3-its");

    return its >= 0 ? its : devicetree_next_compatible(-1, "arm,gic-v2m-frame");
}

#define SENDERS 200u

static uint32_t sender(unsigned index)
{
    return 8 + index * 97;
}

static bool is_its(void)
{
    return devicetree_next_compatible(-1, "arm,gic-v3-its") >= 0;
}

/* What a controller makes for good is made before the tests, or the first would be blamed for it.
 */
static void prepare(void)
{
    struct devicetree_range range;
    struct msi_block *block;

    controller = find_controller();
    for (unsigned i = 0; i < SENDERS; i++) {
        const struct msi_request request = {
            .node = controller, .requester = sender(i), .least = 1, .most = 1};

        if (controller >= 0 && msi_allocate(&request, &block) == KERN_SUCCESS) {
            msi_free(block);
        }
    }
    if (controller >= 0 && msi_doorbell(controller, &range) == KERN_SUCCESS) {
        page = mmu_map_device(range.base, range.size);
    }
}

INITIALISER(INIT_CLASS, prepare);

static enum irq_result count(void *context)
{
    ++*(unsigned *)context;
    return IRQ_SERVED;
}

static struct msi_block *allocate(unsigned least, unsigned most, bool consecutive)
{
    const struct msi_request request = {
        .node = controller, .least = least, .most = most, .consecutive = consecutive};
    struct msi_block *block = NULL;

    EXPECT_EQ(msi_allocate(&request, &block), KERN_SUCCESS);
    return block;
}

static void fire(const struct msi_block *block, unsigned index)
{
    struct msi_message message;

    msi_message(block, index, &message);
    cpu_dsb_sy();
    mmio_write32(page, message.address & PAGE_MASK, message.data);
}

/* A CPU takes an interrupt some instructions after what has raised it. */
static unsigned seen(unsigned index, unsigned expected)
{
    for (unsigned i = 0; i < 100000 && *(volatile unsigned *)&calls[index] < expected; i++) {
        cpu_isb();
    }
    return calls[index];
}

static void attach(const struct msi_block *block)
{
    for (unsigned i = 0; i < msi_count(block); i++) {
        calls[i] = 0;
        ASSERT_EQ(irq_register(msi_intid(block, i), count, &calls[i]), KERN_SUCCESS);
    }
}

static void detach(struct msi_block *block)
{
    for (unsigned i = 0; i < msi_count(block); i++) {
        EXPECT_EQ(irq_unregister(msi_intid(block, i)), KERN_SUCCESS);
    }
    msi_free(block);
}

static unsigned total(void)
{
    struct msi_stats stats;

    msi_get_stats(&stats);
    return stats.total;
}

TEST(there_are_enough)
{
    ASSERT_TRUE(page != NULL);
    EXPECT_EQ(total(), is_its() ? 1024 : 64);
}

/* Each calls its own handler, once for each message, and nobody else's. */
TEST(every_one_arrives)
{
    struct msi_block *block = allocate(total(), MOST, false);

    ASSERT_NE(block, NULL);
    EXPECT_EQ(msi_count(block), total());
    attach(block);
    for (unsigned i = 0; i < msi_count(block); i++) {
        fire(block, i);
        EXPECT_EQ(seen(i, 1), 1);
    }
    for (unsigned i = msi_count(block); i-- > 0;) {
        fire(block, i);
        EXPECT_EQ(seen(i, 2), 2);
    }
    for (unsigned i = 0; i < msi_count(block); i++) {
        EXPECT_EQ(calls[i], 2);
    }
    detach(block);
}

/* N25: a sender's table has a power of two of entries, whatever is asked for. */
TEST(odd_numbers_of_vectors)
{
    static const unsigned counts[] = {1, 3, 5, 17, 33, 63};

    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct msi_block *block = allocate(counts[i], counts[i], false);

        ASSERT_NE(block, NULL);
        EXPECT_EQ(msi_count(block), counts[i]);
        attach(block);
        for (unsigned round = 1; round <= 100; round++) {
            for (unsigned j = 0; j < counts[i]; j++) {
                fire(block, j);
            }
            for (unsigned j = 0; j < counts[i]; j++) {
                EXPECT_EQ(seen(j, round), round);
            }
        }
        detach(block);
    }
}

/* A message while the line is closed waits; several are one. */
TEST(closed_ones_wait)
{
    struct msi_block *block = allocate(2, 2, false);

    ASSERT_NE(block, NULL);
    /* Before anybody is attached: it is delivered when somebody is. */
    calls[0] = calls[1] = 0;
    fire(block, 1);
    attach(block);
    EXPECT_EQ(seen(1, 1), 1);
    EXPECT_EQ(irq_disable(msi_intid(block, 0)), KERN_SUCCESS);
    fire(block, 0);
    fire(block, 0);
    fire(block, 1);
    EXPECT_EQ(seen(1, 2), 2);
    EXPECT_EQ(calls[0], 0);
    EXPECT_EQ(irq_enable(msi_intid(block, 0)), KERN_SUCCESS);
    EXPECT_EQ(seen(0, 1), 1);
    EXPECT_EQ(seen(0, 2), 1);
    detach(block);
}

/* What a former owner's device has sent is no interrupt of the next one. */
TEST(nothing_is_inherited)
{
    struct msi_block *block = allocate(1, 1, false);

    ASSERT_NE(block, NULL);
    fire(block, 0);
    msi_free(block);
    block = allocate(1, 1, false);
    ASSERT_NE(block, NULL);
    attach(block);
    EXPECT_EQ(seen(0, 1), 0);
    fire(block, 0);
    EXPECT_EQ(seen(0, 1), 1);
    detach(block);
}

/* Plain MSI: the words follow each other, from a multiple of their number. */
TEST(consecutive_words)
{
    const struct msi_request beside = {
        .node = controller, .requester = sender(0), .least = 1, .most = 1};
    struct msi_block *odd, *block;
    struct msi_message first, other;

    ASSERT_EQ(msi_allocate(&beside, &odd), KERN_SUCCESS);

    for (unsigned most = 1; most <= 32; most++) {
        unsigned expected = 1;

        while (expected * 2 <= most) {
            expected *= 2;
        }
        block = allocate(1, most, true);
        ASSERT_NE(block, NULL);
        EXPECT_EQ(msi_count(block), expected);
        msi_message(block, 0, &first);
        EXPECT_EQ(first.data % expected, 0);
        for (unsigned i = 0; i < expected; i++) {
            msi_message(block, i, &other);
            EXPECT_EQ(other.data, first.data + i);
            EXPECT_EQ(other.address, first.address);
        }
        msi_free(block);
    }
    msi_free(odd);
}

/* N26: fewer than wanted, then none, and nothing left behind. */
TEST(until_none_is_left)
{
    struct msi_request request = {.node = controller, .least = 1, .most = MOST};
    struct msi_block *first = allocate(1, total() - 2, false), *second, *third = NULL;
    struct msi_stats stats;

    ASSERT_NE(first, NULL);
    second = allocate(1, 65, false);
    ASSERT_NE(second, NULL);
    EXPECT_EQ(msi_count(first), total() - 2);
    EXPECT_EQ(msi_count(second), 2);
    EXPECT_EQ(msi_allocate(&request, &third), KERN_NO_SPACE);
    EXPECT_EQ(third, NULL);
    attach(second);
    fire(second, 1);
    EXPECT_EQ(seen(1, 1), 1);
    detach(second);
    request.least = 3;
    EXPECT_EQ(msi_allocate(&request, &third), KERN_NO_SPACE);
    request.least = 2;
    EXPECT_EQ(msi_allocate(&request, &third), KERN_SUCCESS);
    msi_free(third);
    msi_free(first);
    msi_get_stats(&stats);
    EXPECT_EQ(stats.in_use, 0);
}

TEST(refusals)
{
    struct msi_request request = {.node = controller, .least = 1, .most = 1};
    struct msi_block *block = NULL;
    struct devicetree_range range;

    EXPECT_EQ(msi_allocate(NULL, &block), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(msi_allocate(&request, NULL), KERN_INVALID_ARGUMENT);
    request.least = 0;
    EXPECT_EQ(msi_allocate(&request, &block), KERN_INVALID_ARGUMENT);
    request.least = 2;
    EXPECT_EQ(msi_allocate(&request, &block), KERN_INVALID_ARGUMENT);
    request.most = request.least = total() + 1;
    EXPECT_EQ(msi_allocate(&request, &block), KERN_NO_SPACE);
    request.node = devicetree_next_compatible(-1, "arm,pl011");
    EXPECT_EQ(msi_allocate(&request, &block), KERN_INVALID_ADDRESS);
    EXPECT_EQ(msi_doorbell(request.node, &range), KERN_INVALID_ADDRESS);
    if (is_its()) {
        /* A sender beyond what its table has room for. */
        request = (struct msi_request){controller, 0x10000000, 1, 1, false};
        EXPECT_EQ(msi_allocate(&request, &block), KERN_NO_SPACE);
    }
    EXPECT_EQ(block, NULL);
    msi_free(NULL);
    EXPECT_EQ(irq_register(0x2400, NULL, NULL), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_register(0x2400 + 1024, count, NULL), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_register(0x23ff, count, NULL), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_register(1020, count, NULL), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_set_trigger(31, IRQ_EDGE), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_set_trigger(1020, IRQ_EDGE), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_set_trigger(0x2400, IRQ_EDGE), KERN_INVALID_ARGUMENT);
}

/* 200 senders of one vector each, as many as a machine of many buses has. */
TEST(two_hundred_senders)
{
    static struct msi_block *blocks[SENDERS];
    const unsigned most = is_its() ? SENDERS : 60;

    for (unsigned i = 0; i < most; i++) {
        const struct msi_request request = {
            .node = controller, .requester = sender(i), .least = 1, .most = 1};

        ASSERT_EQ(msi_allocate(&request, &blocks[i]), KERN_SUCCESS);
        for (unsigned j = 0; j < i; j++) {
            EXPECT_NE(msi_intid(blocks[i], 0), msi_intid(blocks[j], 0));
        }
    }
    for (unsigned i = 0; i < most; i++) {
        msi_free(blocks[i]);
    }
}
