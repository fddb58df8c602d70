/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap over a simulated machine; host builds have its guards (DEBUG). */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/heap/heap_private.h"
#include "tests/host/sim/sim_ram.h"

static const struct page_range ram = {0x40000000, 64 * SIM_MIB};

static int setup(void **state)
{
    (void)state;
    sim_ram_attach(&ram, 1);
    assert_true(page_setup(&ram, 1, NULL, 0));
    return 0;
}

/* Every test ends with nothing held. */
static int teardown(void **state)
{
    struct heap_stats heap;
    struct page_stats pages;

    (void)state;
    heap_trim();
    heap_get_stats(&heap);
    page_get_stats(&pages);
    assert_int_equal(heap.blocks, 0);
    assert_int_equal(heap.bytes, 0);
    assert_int_equal(heap.pages, 0);
    assert_int_equal(pages.allocated, 0);
    assert_int_equal(pages.owned[PAGE_OWNER_HEAP], 0);
    sim_ram_detach();
    return 0;
}

static void test_sizes_and_alignment(void **state)
{
    (void)state;
    assert_null(heap_alloc(0));
    for (size_t size = 1; size < 20000; size += size < 300 ? 1 : 97) {
        uint8_t *block = heap_alloc(size);

        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        assert_true(heap_size(block) >= size);
        memset(block, 0x11, size);
        heap_free(block);
    }
    heap_free(NULL);
}

static void test_release_blocks_without_guards(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 3 * PAGE_SIZE; size += 7) {
        void *block = heap_block_alloc(size, HEAP_ALIGNMENT);

        assert_true(heap_block_size(block) >= size);
        assert_true(heap_block_size(block) <= size + size / 2 + PAGE_SIZE);
        heap_block_free(block);
    }
    for (size_t alignment = 1; alignment <= 64 * 1024; alignment <<= 1) {
        for (size_t size = 1; size <= 10000; size = size * 3 + 1) {
            void *block = heap_block_alloc(size, alignment);

            assert_int_equal((uintptr_t)block % alignment, 0);
            assert_true(heap_block_size(block) >= size);
            heap_block_free(block);
        }
    }
}

static void test_aligned(void **state)
{
    (void)state;
    assert_null(heap_alloc_aligned(10, 0));
    assert_null(heap_alloc_aligned(10, 24));
    assert_null(heap_alloc_aligned(0, 16));
    for (size_t alignment = 1; alignment <= 128 * 1024; alignment <<= 1) {
        void *block = heap_alloc_aligned(100, alignment);

        assert_non_null(block);
        assert_int_equal((uintptr_t)block % alignment, 0);
        memset(block, 0x22, 100);
        heap_free(block);
    }
    assert_null(heap_alloc_aligned(100, (size_t)1 << 63));
}

static void test_zero(void **state)
{
    uint8_t *block = heap_alloc(200);

    (void)state;
    memset(block, 0xff, 200);
    heap_free(block);
    block = heap_alloc_zero(200);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(block[i], 0);
    }
    heap_free(block);
    assert_null(heap_alloc_zero(0));
}

static void test_realloc_keeps_content(void **state)
{
    static const size_t sizes[] = {10, 100, 64, 5000, 4000, 100000, 3, 2048, 2049};
    uint8_t *block = heap_realloc(NULL, 1);
    size_t before = 1;

    (void)state;
    block[0] = 0;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t kept = before < sizes[i] ? before : sizes[i];

        block = heap_realloc(block, sizes[i]);
        assert_non_null(block);
        for (size_t j = 0; j < kept; j++) {
            assert_int_equal(block[j], (uint8_t)(j * 7));
        }
        for (size_t j = 0; j < sizes[i]; j++) {
            block[j] = (uint8_t)(j * 7);
        }
        before = sizes[i];
    }
    assert_null(heap_realloc(block, SIZE_MAX)); /* and the block is still ours */
    assert_int_equal(block[7], 49);
    assert_null(heap_realloc(block, 0));
}

static void test_exhaustion_is_null(void **state)
{
    static void *blocks[20000];
    struct heap_stats before, after;
    unsigned count = 0;
    void *block;

    (void)state;
    heap_get_stats(&before);
    assert_null(heap_alloc(SIZE_MAX));
    assert_null(heap_alloc(SIZE_MAX - 20));
    assert_null(heap_alloc(ram.size));
    while ((block = heap_alloc(4000)) != NULL) {
        blocks[count++] = block;
    }
    assert_true(count > 7000);
    while ((block = heap_alloc(16)) != NULL) {
        blocks[count++] = block;
    }
    heap_get_stats(&after);
    assert_int_equal(after.failures, before.failures + 5);
    assert_int_equal(after.blocks, count);
    while (count > 0) {
        heap_free(blocks[--count]);
    }
}

#define MODEL_BLOCKS 400
#define MODEL_STEPS  100000

static void test_random_against_model(void **state)
{
    static struct {
        uint8_t *block;
        size_t size;
        uint8_t fill;
    } held[MODEL_BLOCKS];
    uint64_t random = 7;

    (void)state;
    for (unsigned step = 0; step < MODEL_STEPS + MODEL_BLOCKS; step++) {
        unsigned i = step < MODEL_STEPS ? (unsigned)(sim_random(&random) % MODEL_BLOCKS)
                                        : step - MODEL_STEPS;
        uint64_t r = sim_random(&random);

        for (size_t j = 0; held[i].block != NULL && j < held[i].size; j++) {
            assert_int_equal(held[i].block[j], held[i].fill);
        }
        if (held[i].block != NULL && (r % 4 != 0 || step >= MODEL_STEPS)) {
            heap_free(held[i].block);
            held[i].block = NULL;
            continue;
        }
        if (step >= MODEL_STEPS) {
            continue;
        }
        held[i].size = 1 + (r >> 8) % ((r >> 40) % 50 == 0 ? 30000 : 400);
        if (held[i].block != NULL) {
            held[i].block = heap_realloc(held[i].block, held[i].size);
        } else if ((r >> 50) % 8 == 0) {
            held[i].block = heap_alloc_aligned(held[i].size, 16u << (r >> 56) % 9);
        } else {
            held[i].block = heap_alloc(held[i].size);
        }
        assert_non_null(held[i].block);
        held[i].fill = (uint8_t)r;
        memset(held[i].block, held[i].fill, held[i].size);
    }
}

/* Does this abort, as panic does on the host? In a child, so that it may. */
static bool panics(void (*mistake)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        mistake();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void write_behind(void)
{
    char *block = heap_alloc(24);

    block[24] = 1;
    heap_free(block);
}

static void write_in_front(void)
{
    char *block = heap_alloc(24);

    block[-1] = 1;
    heap_free(block);
}

static void free_twice(void)
{
    void *block = heap_alloc(24);

    heap_free(block);
    heap_free(block);
}

static void free_inside(void)
{
    heap_free((char *)heap_alloc(100) + 16);
}

static void free_foreign(void)
{
    heap_block_free(phys_to_virt(paddr(ram.base + 32 * SIM_MIB)));
}

static void free_page_of_another(void)
{
    paddr_t page;

    page_alloc(0, PAGE_OWNER_DRIVER, &page);
    heap_block_free(phys_to_virt(page));
}

static void write_after_free(void)
{
    char *block = heap_alloc(100);

    heap_free(block);
    block[50] = 1;
    heap_alloc(100);
}

static void no_mistake(void)
{
    heap_free(heap_alloc(100));
}

static void test_mistakes_panic(void **state)
{
    (void)state;
    assert_true(panics(write_behind));
    assert_true(panics(write_in_front));
    assert_true(panics(free_twice));
    assert_true(panics(free_inside));
    assert_true(panics(free_foreign));
    assert_true(panics(free_page_of_another));
    assert_true(panics(write_after_free));
    assert_false(panics(no_mistake));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sizes_and_alignment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_release_blocks_without_guards, setup, teardown),
        cmocka_unit_test_setup_teardown(test_aligned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(test_realloc_keeps_content, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exhaustion_is_null, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_against_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes_panic, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
