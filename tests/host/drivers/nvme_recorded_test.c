/* SPDX-License-Identifier: BSD-2-Clause */
/* The lists of an NVMe disk, as they are shown to who watches, and recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/drivers/nvme_client.h"
#include "tests/host/drivers/recorded.h"

static struct nvme_transfer transfer;

static struct {
    unsigned count;
    uint64_t offset[8];
    unsigned pieces[8];
    uint64_t bytes[8], list_address[8];
} shown;

static void look(void *context, const struct nvme_operation *operation)
{
    struct nvme_piece piece;
    uint64_t bytes = 0;

    assert_ptr_equal(context, &shown);
    for (unsigned i = 0; nvme_get_piece(operation, i, &piece); i++) {
        assert_true(transfer.format == NVME_SGL ||
                    piece.address % operation->page + piece.length <= operation->page);
        assert_true(transfer.format == NVME_SGL || i == 0 || piece.address % operation->page == 0);
        bytes += piece.length;
    }
    assert_int_equal(bytes, operation->length);
    assert_in_range(shown.count, 0, 7);
    assert_int_equal(operation->channel, 0);
    assert_false(nvme_get_piece(operation, operation->pieces, &piece));
    shown.offset[shown.count] = operation->offset;
    shown.pieces[shown.count] = operation->pieces;
    shown.list_address[shown.count] = operation->list_address;
    shown.bytes[shown.count++] = operation->length;
}

/* What was shown is what was recorded, entry by entry where they stand. */
static void expect_recorded(IODMACommand *command, unsigned flags)
{
    static struct recorded_list list;
    const bool pages = transfer.format == NVME_PRP;
    UInt64 prepared;

    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, &prepared, NULL),
                     kIOReturnSuccess);
    for (unsigned i = 0; i < shown.count; i++) {
        const unsigned in_command = shown.pieces[i] <= (pages ? 2u : 1u) ? shown.pieces[i]
                                    : pages                              ? 1
                                                                         : 0;

        assert_true(recorded_list(i, &list));
        assert_ptr_equal(list.command, command);
        assert_int_equal(list.offset, prepared + shown.offset[i]);
        assert_int_equal(list.bytes, shown.bytes[i]);
        assert_int_equal(list.count, shown.pieces[i]);
        assert_int_equal(list.device, (uint64_t)&controller->queues[0]);
        assert_int_equal(shown.list_address[i] != 0, in_command < list.count);
        for (unsigned j = 0; j < list.count; j++) {
            const struct recorded_entry *const entry = &list.entries[j];

            assert_ptr_equal(entry->transfer, command);
            assert_int_equal(entry->flags, flags);
            assert_int_equal(entry->list, j >= in_command ? TRACE_LIST_list
                                          : pages         ? TRACE_LIST_PRP
                                                          : TRACE_LIST_SGL);
            assert_int_equal(entry->index, j < in_command ? j + 1 : j - in_command);
        }
    }
    assert_false(recorded_list(shown.count, &list));
    assert_int_not_equal(recorded_count(TRACE_doorbell), 0);
}

/* Each command's list is shown and recorded, of either format, there and back. */
static void lists_are_recorded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        /* At last from the midst of a page to the midst of another. */
        IODMACommand *command = client_command(&transfer, i / 2 % 2 == 0 ? NVME_PRP : NVME_SGL,
                                               i < 4 || i >= 8 ? whole : odd, i < 8 ? 0 : 1028,
                                               i < 4   ? 4096
                                               : i < 8 ? 65536
                                                       : 12288);

        transfer.block = 0;
        client_end_count = shown.count = 0;
        nvme_watch(disk, look, &shown);
        recorded_begin();
        assert_int_equal(
            client_start(0, command, i % 2 == 0 ? kIODirectionIn : kIODirectionOut, 0, 0),
            kIOReturnSuccess);
        client_run();
        recorded_end();
        assert_int_equal(client_ends[0].status, kIOReturnSuccess);
        expect_recorded(command, i % 2 == 0 ? TRACE_SLOT_WRITES : 0);
        client_drop(command);
    }
    /* Shown without a recording, and recorded without a watcher. */
    for (unsigned i = 0; i < 2; i++) {
        IODMACommand *command = client_command(&transfer, NVME_PRP, whole, 0, 4096);

        shown.count = 0;
        nvme_watch(disk, i == 0 ? look : NULL, &shown);
        trace_start();
        if (i == 0) {
            trace_stop();
        }
        assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        trace_stop();
        client_run();
        assert_int_equal(shown.count, i == 0 ? 1 : 0);
        assert_int_equal(recorded_count(TRACE_dma_issue), i);
        client_drop(command);
    }
    client_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lists_are_recorded, client_open_usual),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
