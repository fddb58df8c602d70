/* SPDX-License-Identifier: BSD-2-Clause */
/* Damage that debug builds find by themselves: each kind of it, by its name. */
#include "kernel/page/page_private.h"
#include "kernel/range_tree.h"
#include "tests/host/kernel/page_machine.h"
#include "tests/host/sim/sim_console.h"

/* --- Range trees ------------------------------------------------------------------------------ */

#define RANGES 8
#define LOW    0x10000u

static struct {
    struct range_tree tree;
    struct range_node nodes[RANGES];
} sound, here;

/* Balanced: 3 is the root, 1 and 5 are below it; 7 makes the right side the higher one. */
static void grow(void)
{
    memset(&here, 0, sizeof(here));
    range_tree_init(&here.tree, LOW, LOW + 0x100000);
    for (unsigned i = 0; i < RANGES; i++) {
        here.nodes[i].start = LOW + 0x1000 * (2 * i + 1);
        here.nodes[i].end = here.nodes[i].start + 0x800;
        range_tree_insert(&here.tree, &here.nodes[i]);
    }
    sound = here;
    assert_ptr_equal(here.tree.ranges.root, &here.nodes[3]);
}

static void heal(void)
{
    here = sound;
}

#define FINDS(words, damage, check)                                                                \
    do {                                                                                           \
        heal();                                                                                    \
        check; /* is quiet without the damage */                                                   \
        damage;                                                                                    \
        assert_true(SIM_PANICS_WITH("range tree: " words, check));                                 \
        heal();                                                                                    \
    } while (0)

static void check_node(unsigned i)
{
    range_tree_check_node(&here.tree, &here.nodes[i]);
}

static void check_all(void)
{
    range_tree_check(&here.tree);
}

static void test_order(void **state)
{
    (void)state;
    grow();
    check_all();
    range_tree_check_node(&here.tree, &here.tree.last);
    FINDS("left is not below", here.nodes[1].start = here.nodes[3].start + 1, check_node(3));
    FINDS("left is not below", here.nodes[1].start = here.nodes[3].start, check_node(3));
    FINDS("right is not above", here.nodes[5].start = here.nodes[3].start - 1, check_node(3));
    FINDS("right is not above", here.nodes[5].start = here.nodes[3].start, check_node(3));
    FINDS("no way from the root", here.nodes[1].node.left = NULL; here.nodes[1].node.height = 2;
          here.nodes[1].max_gap = here.nodes[1].max_gap, check_node(0));
    /* By the way down, also where the links are right. */
    FINDS("no way from the root", here.nodes[2].start = here.nodes[3].start, check_node(2));
}

static void test_balance(void **state)
{
    (void)state;
    grow();
    FINDS("out of balance", here.nodes[1].node.height += 3, check_node(3));
    FINDS("out of balance", here.nodes[5].node.height += 1, check_node(3));
    FINDS("wrong height", here.nodes[3].node.height++, check_node(3));
    FINDS("wrong height", here.nodes[3].node.height--, check_node(3));
    FINDS("wrong height", here.nodes[0].node.height = 0, check_node(0));
    FINDS("wrong largest gap", here.nodes[3].max_gap++, check_node(3));
    FINDS("wrong largest gap", here.nodes[0].max_gap--, check_node(0));
    /* Of its own gap and of either child's. */
    FINDS("wrong largest gap", here.nodes[0].max_gap = 0x80000, check_node(1));
    FINDS("wrong largest gap", here.nodes[2].max_gap = 0x80000, check_node(1));
}

static void test_neighbours(void **state)
{
    (void)state;
    grow();
    FINDS("an empty range", here.nodes[2].end = here.nodes[2].start, check_node(2));
    FINDS("overlapping ranges", here.nodes[1].end = here.nodes[2].start + 1, check_node(2));
    FINDS("wrong gap", here.nodes[1].end--, check_node(2));
    FINDS("wrong gap", here.tree.low--, check_node(0));
    FINDS("overlapping ranges", here.tree.low = here.nodes[0].start + 1, check_node(0));
    FINDS("the one before does not lead here", here.nodes[1].next = &here.nodes[3], check_node(2));
    FINDS("the one behind does not lead back", here.nodes[3].prev = &here.nodes[1], check_node(2));
    FINDS("the one behind does not lead back", here.nodes[2].next = NULL, check_node(2));
    /* And of the one behind it. */
    FINDS("wrong gap at 0x17000", here.nodes[2].end--, check_node(2));
    FINDS("wrong gap", here.nodes[6].end--, check_node(7));
    FINDS("wrong gap", here.tree.last.gap = here.tree.last.max_gap = 1,
          range_tree_check_node(&here.tree, &here.tree.last));
}

static void test_whole_tree(void **state)
{
    (void)state;
    grow();
    FINDS("more ranges than were counted", here.tree.count--, check_all());
    FINDS("fewer ranges than were counted", here.tree.count++, check_all());
    for (volatile unsigned i = 0; i < RANGES; i++) {
        FINDS("", here.nodes[i].node.height = 0, check_all());
    }
}

/* What is changed is looked at, with its neighbours. */
static void test_doors(void **state)
{
    struct range_node more = {.start = LOW + 0x2c00, .end = LOW + 0x2d00};

    (void)state;
    grow();
    here.nodes[0].end += 0x2000;
    assert_true(SIM_PANICS_WITH("range tree: ", range_tree_insert(&here.tree, &more)));
    heal();
    assert_true(SIM_PANICS_WITH("range tree: overlapping ranges",
                                range_tree_resize(&here.tree, &here.nodes[2], here.nodes[2].start,
                                                  here.nodes[3].start + 1)));
    heal();
    here.nodes[5].end = here.nodes[7].start + 1;
    assert_true(SIM_PANICS_WITH("range tree: ", range_tree_remove(&here.tree, &here.nodes[6])));
    heal();
}

/* --- Free pages ------------------------------------------------------------------------------- */

#define BLOCKS 6

static struct page *blocks[BLOCKS]; /* on one free list: each is behind the one before it */
static struct page_pool sound_pool;
static struct page sound_blocks[BLOCKS];

/* A machine some of whose free blocks are of two pages. */
static int start(void **state)
{
    paddr_t pages[4 * BLOCKS];
    unsigned count = 0;

    (void)state;
    machine(RAM, 16 * SIM_MIB);
    for (unsigned i = 0; i < 4 * BLOCKS; i++) {
        assert_int_equal(page_alloc(1, PAGE_OWNER_IMAGE, &pages[i]), KERN_SUCCESS);
    }
    for (unsigned i = 0; i < 4 * BLOCKS; i += 2) {
        assert_int_equal(page_free(pages[i], 1), KERN_SUCCESS);
    }
    for (struct page *page = page_pool.free[PAGE_ZONE_LOW][1]; page != NULL && count < BLOCKS;
         page = page->next) {
        blocks[count++] = page;
    }
    assert_int_equal(count, BLOCKS);
    sound_pool = page_pool;
    for (unsigned i = 0; i < BLOCKS; i++) {
        sound_blocks[i] = *blocks[i];
    }
    return 0;
}

static void heal_pages(void)
{
    page_pool = sound_pool;
    for (unsigned i = 0; i < BLOCKS; i++) {
        *blocks[i] = sound_blocks[i];
    }
}

#define FINDS_PAGE(words, damage, check)                                                           \
    do {                                                                                           \
        check;                                                                                     \
        damage;                                                                                    \
        assert_true(SIM_PANICS_WITH("page: " words, check));                                       \
        heal_pages();                                                                              \
    } while (0)

static void test_blocks(void **state)
{
    struct page *const outside = page_record(page_pool.last + 1);
    struct page *const between = (struct page *)((uintptr_t)blocks[2] + 8);

    (void)state;
    FINDS_PAGE("no free block", blocks[1]->state = RECORD_FREE, page_check_block(blocks[1]));
    FINDS_PAGE("no free block", blocks[1]->order = PAGE_ORDER_MAX + 1, /* in no zone */
               page_check_block(blocks[1]));
    FINDS_PAGE("a misaligned free block", blocks[1]->order = PAGE_ORDER_MAX,
               page_check_block(blocks[1]));
    FINDS_PAGE("free list leads out of the records", blocks[1]->next = outside,
               page_check_block(blocks[1]));
    FINDS_PAGE("free list leads out of the records", blocks[1]->next = between,
               page_check_block(blocks[1]));
    FINDS_PAGE("free list leads out of the records", blocks[1]->previous = outside,
               page_check_block(blocks[1]));
    FINDS_PAGE("free list holds what is no free block of its size", blocks[2]->state = RECORD_BLOCK,
               page_check_block(blocks[1]));
    FINDS_PAGE("free list holds what is no free block of its size", blocks[2]->order++,
               page_check_block(blocks[1]));
    FINDS_PAGE("free list holds what is no free block of its size", blocks[0]->order++,
               page_check_block(blocks[1]));
    FINDS_PAGE("free list does not lead back", blocks[2]->previous = blocks[3],
               page_check_block(blocks[1]));
    FINDS_PAGE("a free block is first of no list", blocks[1]->previous = NULL,
               page_check_block(blocks[1]));
    FINDS_PAGE("free list does not lead here", blocks[0]->next = blocks[2],
               page_check_block(blocks[1]));
}

static void test_lists(void **state)
{
    (void)state;
    FINDS_PAGE("more free blocks than were counted", page_pool.free_blocks[1]--, page_check());
    page_pool.free_blocks[1]++;
    assert_true(SIM_PANICS_WITH(" free blocks of order 1 are counted, ", page_check()));
    heal_pages();
    for (volatile int by = -1; by <= 1; by += 2) {
        page_pool.free_pages += (uint64_t)by;
        assert_true(SIM_PANICS_WITH(" free pages are counted, ", page_check()));
        heal_pages();
    }
    FINDS_PAGE("no free block", blocks[4]->state = RECORD_FREE;
               blocks[4]->order = 1, page_check_block(blocks[4]));
    FINDS_PAGE("free list", blocks[4]->previous = blocks[2], page_check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_whole_tree),
        cmocka_unit_test(test_doors),
        cmocka_unit_test_setup_teardown(test_blocks, start, detach),
        cmocka_unit_test_setup_teardown(test_lists, start, detach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
