/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages at random: defined errors alone, and nothing gained. */
#include "tests/host/machine/driver_good.h"

#define BATCH 1000 /* messages between two looks at the balances */

static bool is_error(IOReturn status)
{
    return status == kIOReturnBadArgument || status == kIOReturnIPCError ||
           status == kIOReturnUnsupported || status == kIOReturnNotReady ||
           status == kIOReturnMessageTooLarge || status == kIOReturnVMError ||
           status == kIOReturnNoResources || status == kIOReturnNotPermitted ||
           status == kIOReturnOverrun || status == kIOReturnNoSpace || status == kIOReturnBusy ||
           status == kIOReturnNotAligned || status == kIOReturnNoMemory ||
           status == kIOReturnUnderrun || status == kIOReturnNotWritable;
}

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Nothing that looks like an address of this process, which is the kernel here (DK-13). */
static void expect_no_pointers(const union any *reply, uint64_t size)
{
    for (uint64_t i = 0; i < size / 8; i++) {
        const uint64_t word = reply->words[i];

        assert_false(word >= 0x500000000000 && word < 0x800000000000);
        assert_false(word >= 0xffff000000000000 && word != UINT64_MAX);
    }
}

static uint64_t interesting(const struct good *good)
{
    const uint64_t values[] = {0,
                               1,
                               2,
                               3,
                               32,
                               33,
                               PAGE_SIZE,
                               UINT64_MAX,
                               UINT64_MAX - PAGE_SIZE,
                               UINT32_MAX,
                               1ull << 63,
                               good->buffer,
                               good->map,
                               good->command,
                               good->device,
                               one.pages,
                               kIOMemoryMapFixedAddress,
                               next_random(),
                               1ull << (next_random() % 64),
                               next_random() % 4096};

    return values[next_random() % (sizeof(values) / sizeof(values[0]))];
}

/*
 * MESSAGES of them (environment; 1,000,000), damaged in up to four words, with sizes and places of
 * any kind: defined errors alone, and balances after each thousand.
 */
static void dk_6_13_hostile_messages_gain_nothing(void **state)
{
    const char *const asked = getenv("MESSAGES");
    const unsigned long messages = asked != NULL ? strtoul(asked, NULL, 0) : 1000000;
    const uint64_t end = one.pages + DRIVER_PAGES * PAGE_SIZE;
    struct holdings before;
    struct good good;
    unsigned long good_ones = 0;

    (void)state;
    random_state = 0x9e3779b97f4a7c15;
    /* Pages of messages that are absent would come meanwhile. */
    store(one.task, one.pages, 0);
    store(one.task, one.pages + PAGE_SIZE, 0);
    before = holdings_now();
    for (unsigned long i = 0; i < messages; i++) {
        union any message, reply;
        const IORPCMethod *method;
        uint64_t size, room, to, replied;
        IOReturn status;

        if (i % BATCH == 0) {
            good_start(&good);
        }
        good_request(&good, (unsigned)(next_random() % METHODS), &message);
        method = IORPCMethod_find(message.header.msgid);
        for (uint64_t damage = next_random() % 5; damage > 0; damage--) {
            message.words[next_random() % (method->request / 8 + 1)] = interesting(&good);
        }
        size = next_random() % 8 == 0 ? next_random() % 2100 : method->request;
        room = next_random() % 8 == 0 ? next_random() % 2100 : method->reply;
        to = next_random() % 16 == 0 ? interesting(&good) : one.pages + PAGE_SIZE;
        to = next_random() % 16 == 0 ? end - next_random() % 64 : to;
        driver_put(&one, one.pages, &message, size < PAGE_SIZE ? size % sizeof(message) : 0);
        status = IODriverTask_invoke(one.table, one.pages, size, to, room, &replied);
        assert_true(status == kIOReturnSuccess
                        ? replied == method->reply || method->msgid != message.header.msgid
                        : is_error(status) && replied == 0);
        if (status == kIOReturnSuccess) {
            driver_get(&one, to, &reply, replied);
            expect_no_pointers(&reply, replied);
            good_ones++;
        }
        if (i % BATCH == BATCH - 1 || i == messages - 1) {
            good_end(&good);
            assert_int_equal(driver_handles(&one), 0);
            assert_int_equal(holdings_now().instances, before.instances);
            assert_int_equal(holdings_now().pins, before.pins);
            assert_int_equal(holdings_now().of_owner[PAGE_OWNER_BUFFER],
                             before.of_owner[PAGE_OWNER_BUFFER]);
        }
    }
    assert_true(good_ones > messages / 20); /* else too much is damaged to come far */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(dk_6_13_hostile_messages_gain_nothing),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
