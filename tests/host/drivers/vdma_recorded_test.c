/* SPDX-License-Identifier: BSD-2-Clause */
/* vdma's requests, as they are shown to who watches, and recorded, over vdma's core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/drivers/recorded.h"
#include "tests/host/drivers/vdma_spoiled.h"

static unsigned watched;

static void look(void *context, const struct vdma_transfer *transfer,
                 const struct virtq_chain *chain)
{
    static uint64_t last_tag;
    struct vdma_view source, target;

    assert_ptr_equal(context, &watched);
    assert_true(transfer->tag > last_tag); /* no two have the same */
    last_tag = transfer->tag;
    assert_int_equal(vdma_state.frames[virtq_chain_slot(chain)].request.tag, last_tag);
    assert_true(virtq_chain_entries(chain) >= 2);
    vdma_get_view(transfer, false, &source);
    vdma_get_view(transfer, true, &target);
    if (transfer->type == VDMA_COPY) {
        assert_int_equal(source.offset, 0);
        assert_int_equal(source.bytes, 4096);
        assert_int_equal(target.bytes, 4096);
    } else if (!vdma_is_control(transfer->type)) {
        assert_true(source.command == NULL || target.command == NULL);
    }
    watched++;
}

/* Both sides of a copy, and what of the command's memory the device was asked for; an answer. */
static void expect_recorded(uint32_t type)
{
    static struct recorded_list list;
    const unsigned sides = vdma_reads(type) + vdma_writes(type);
    uint64_t name = 0, values[3];

    assert_int_equal(recorded_count(TRACE_dma_issue), sides);
    assert_int_equal(recorded_count(TRACE_dma_start), sides != 0);
    assert_int_equal(recorded_count(TRACE_dma_end), sides != 0);
    assert_int_equal(recorded_count(TRACE_dma_lent), sides == 2);
    assert_int_equal(recorded_count(TRACE_dma_limits), sides);
    assert_int_equal(recorded_count(TRACE_vdma_answer), sides + 1); /* a command asks for limits */
    if (recorded_event(TRACE_dma_start, 0, values)) {
        name = values[0];
        assert_int_equal(values[1], 4096);
        assert_int_equal(values[2], vdma_reads(type) ? kIODirectionOut : kIODirectionIn);
    }
    if (recorded_event(TRACE_dma_lent, 0, values)) {
        assert_int_equal(values[1], name);
        assert_int_equal(values[2], kIODirectionIn);
    }
    for (unsigned i = 0; i < sides; i++) {
        const bool target = i == 1 || !vdma_reads(type);

        assert_true(recorded_list(i, &list));
        assert_int_equal(list.command == (const void *)name, i == 0);
        recorded_expect(&list, list.command, target ? 4096 : 0, 4096, list.entries[0].list,
                        list.entries[0].index, target ? TRACE_SLOT_WRITES : 0);
        assert_true(list.entries[0].list == TRACE_LIST_ring ||
                    list.entries[0].list == TRACE_LIST_table);
    }
    assert_true(recorded_event(TRACE_vdma_answer, sides, values));
    assert_int_equal(values[0], name);
    assert_int_equal(values[1], VDMA_STATUS_OK);
    if (recorded_event(TRACE_dma_end, 0, values)) {
        assert_int_equal(values[0], name);
        assert_int_equal(values[1], 4096);
        assert_int_equal((IOReturn)values[2], kIOReturnSuccess);
    }
}

static void requests_are_seen_and_recorded(void **state)
{
    static const uint32_t types[] = {VDMA_NOP, VDMA_COPY, VDMA_FILL, VDMA_CHECKSUM};

    (void)state;
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const unsigned requests = 1 + vdma_reads(types[i]) + vdma_writes(types[i]);
        struct vdma_job job = {.type = types[i],
                               .source = vdma_reads(types[i]) ? pair : NULL,
                               .target = vdma_writes(types[i]) ? pair : NULL,
                               .target_offset = 4096,
                               .length = 4096,
                               .arguments = {0, types[i] == VDMA_FILL ? 1 : 0}};

        vdma_watch(look, &watched);
        recorded_begin();
        assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
        recorded_end();
        expect_recorded(types[i]);
        /* Watched without a recording, and recorded without a watcher. */
        assert_int_equal(watched, requests);
        trace_start();
        trace_stop();
        assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
        assert_int_equal(watched, 2 * requests);
        assert_int_equal(trace_count(), 0);
        vdma_watch(NULL, NULL);
        recorded_begin();
        assert_int_equal(vdma_perform(&job), kIOReturnSuccess);
        recorded_end();
        expect_recorded(types[i]);
        watched = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_seen_and_recorded),
    };

    return cmocka_run_group_tests(tests, spoiled_start_present, NULL);
}
