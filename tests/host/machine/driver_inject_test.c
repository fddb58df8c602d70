/* SPDX-License-Identifier: BSD-2-Clause */
/* Fail the n-th: every message, with its 1st, 2nd, 3rd ... request for memory failing. */
#include "kernel/inject.h"
#include "tests/host/machine/driver_good.h"

/* Undo what a message has done. */
static void undo(const struct good *good, const IORPCMethod *method, const union any *reply)
{
    union any message, answer;

    if (method->replyRefs == 1) {
        GOOD(IODriverTask_releaseHandle(one.table, reply->words[3]));
    }
    if (method->msgid == IODMACommand_PrepareForDMA_ID) {
        good_request(good, 9, &message);
        GOOD(driver_send(&one, &message, 40, &answer, 24));
    }
}

/* The 1st, 2nd, 3rd ... request for memory of each message fails: nothing is made, nothing lost. */
static void messages_survive_every_want_of_memory(void **state)
{
    struct good good;
    unsigned failures = 0;

    (void)state;
    good_start(&good);
    for (unsigned i = 0; i < METHODS; i++) {
        const IORPCMethod *method = IORPCMethod_at(i);
        struct inject_report report = {.failed = true};
        struct holdings before;
        union any message, reply;

        if (method->msgid == IODMACommand_CompleteDMA_ID ||
            method->msgid == IODMACommand_GetPreparation_ID ||
            method->msgid == IODMACommand_PerformOperation_ID) {
            good_request(&good, 8, &message);
            GOOD(driver_send(&one, &message, 72, &reply, 552));
        }
        /* Once before: tables of the driver's and of the mapper's stay when they have come. */
        good_request(&good, i, &message);
        GOOD(driver_send(&one, &message, method->request, &reply, method->reply));
        undo(&good, method, &reply);
        if (method->msgid == IODMACommand_CompleteDMA_ID) {
            continue; /* it asks for nothing, and is done */
        }
        before = holdings_now();
        for (uint64_t nth = 1; report.failed; nth++) {
            IOReturn status;

            inject_begin(nth);
            status = driver_send(&one, &message, method->request, &reply, method->reply);
            inject_end(&report);
            if (status == kIOReturnSuccess) {
                undo(&good, method, &reply); /* it did without, or nothing failed */
            } else {
                assert_true(report.failed);
                assert_true(status == kIOReturnNoMemory || status == kIOReturnNoResources);
                failures++;
            }
            assert_true(sim_holds(&before));
        }
        if (method->msgid == IODMACommand_GetPreparation_ID ||
            method->msgid == IODMACommand_PerformOperation_ID) {
            good_request(&good, 9, &message);
            GOOD(driver_send(&one, &message, 40, &reply, 24));
        }
    }
    assert_true(failures >= 8);
    good_end(&good);
}

/* The table of handles itself grows while a reply is delivered. */
static void tables_that_cannot_grow_refuse(void **state)
{
    struct holdings before;
    unsigned failures = 0;

    (void)state;
    store(one.task, one.pages, 0); /* messages need none themselves */
    store(one.task, one.pages + PAGE_SIZE, 0);
    for (unsigned i = 0; i < 200; i++) {
        struct inject_report report = {.failed = true};

        for (uint64_t nth = 1; report.failed; nth++) {
            IOReturn status;
            uint64_t handle;

            before = holdings_now();
            inject_begin(nth);
            handle = driver_create(&one, 0, 1, &status);
            inject_end(&report);
            if (status != kIOReturnSuccess) {
                assert_true(status == kIOReturnNoMemory);
                assert_int_equal(handle, 0);
                assert_true(sim_holds(&before));
                failures++;
            } else if (report.failed) {
                GOOD(IODriverTask_releaseHandle(one.table, handle));
            }
        }
        assert_int_equal(driver_handles(&one), i + 1);
    }
    assert_true(failures >= 200 * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(messages_survive_every_want_of_memory),
        DRIVER_TEST(tables_that_cannot_grow_refuse),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
