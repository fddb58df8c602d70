/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator at random, against a map of one byte a page. */
#include "tests/host/kernel/page_machine.h"

/* The model: one byte a page (0 free), and a table of what is held. */
struct holding {
    uint64_t first; /* page number from RAM */
    uint64_t count;
    enum page_owner owner;
    unsigned pinned; /* page offset + 1 of a pinned page, or 0 */
};

#define MODEL_PAGES    (96 * SIM_MIB / PAGE_SIZE)
#define MODEL_HOLDINGS 600
#define MODEL_STEPS    200000

struct model {
    uint64_t random;
    uint8_t used[MODEL_PAGES];
    struct holding held[MODEL_HOLDINGS];
    unsigned count;
    uint64_t pages;
};

static void model_alloc(struct model *model)
{
    uint64_t r = sim_random(&model->random);
    struct page_request request = {.count = 1, .owner = 1 + r % (PAGE_OWNER_COUNT - 1)};
    kern_return_t status;
    paddr_t first;
    struct holding *held = &model->held[model->count];

    r >>= 8;
    if (r % 4 == 0) {
        request.count = 1 + (r >> 8) % ((r >> 32) % 16 == 0 ? 3000 : 20);
    }
    if ((r >> 2) % 8 == 0) {
        request.alignment = PAGE_SIZE << (r >> 48) % 8;
    }
    if ((r >> 5) % 8 == 0) {
        request.highest = RAM + (r >> 16) % (100 * SIM_MIB);
    }
    if (request.count == 1 && !request.alignment && !request.highest) {
        status = page_alloc(0, request.owner, &first);
    } else {
        status = page_alloc_run(&request, &first);
    }
    if (status != KERN_SUCCESS) {
        assert_int_equal(status, KERN_RESOURCE_SHORTAGE);
        return;
    }
    *held = (struct holding){(first.value - RAM) / PAGE_SIZE, request.count, request.owner, 0};
    if (request.alignment) {
        assert_int_equal(first.value % request.alignment, 0);
    }
    if (request.highest) {
        assert_true(first.value + request.count * PAGE_SIZE - 1 <= request.highest);
    }
    for (uint64_t i = 0; i < request.count; i++) {
        assert_true(held->first + i < MODEL_PAGES);
        assert_int_equal(model->used[held->first + i], 0);
        model->used[held->first + i] = 1;
    }
    model->pages += request.count;
    model->count++;
}

static void model_free(struct model *model)
{
    struct holding *held = &model->held[sim_random(&model->random) % model->count];
    paddr_t first = paddr(RAM + held->first * PAGE_SIZE);

    assert_int_equal(page_get_owner(first), held->owner);
    assert_int_equal(page_get_state(paddr(first.value + (held->count - 1) * PAGE_SIZE)),
                     PAGE_ALLOCATED);
    if (held->pinned) {
        assert_int_equal(page_free_run(first, held->count), KERN_FAILURE);
        assert_int_equal(page_unpin(paddr(first.value + (held->pinned - 1) * PAGE_SIZE)),
                         KERN_SUCCESS);
    }
    assert_int_equal(page_free_run(first, held->count + 1), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_free_run(first, held->count), KERN_SUCCESS);
    memset(&model->used[held->first], 0, held->count);
    model->pages -= held->count;
    *held = model->held[--model->count];
}

static void model_pin(struct model *model)
{
    struct holding *held = &model->held[sim_random(&model->random) % model->count];

    if (held->pinned) {
        return;
    }
    held->pinned = 1 + (unsigned)(sim_random(&model->random) % held->count);
    assert_int_equal(page_pin(paddr(RAM + (held->first + held->pinned - 1) * PAGE_SIZE)),
                     KERN_SUCCESS);
}

static void test_random_against_model(void **state)
{
    struct model *model = calloc(1, sizeof(*model));
    struct page_stats before;

    (void)state;
    machine(RAM, 96 * SIM_MIB);
    before = stats();
    model->random = 1;
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        uint64_t choice = sim_random(&model->random) % 100;
        unsigned fill = (step / 2000) % 2 ? 60 : 40; /* tides */

        if (model->count < MODEL_HOLDINGS && (choice < fill || model->count == 0)) {
            model_alloc(model);
        } else if (choice < 95 && model->count > 0) {
            model_free(model);
        } else if (model->count > 0) {
            model_pin(model);
        }
        if (step % 500 == 0) {
            assert_int_equal(stats().allocated, model->pages);
        }
    }
    while (model->count > 0) {
        model_free(model);
    }
    assert_same_stats(before, stats());
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_random_against_model, detach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
