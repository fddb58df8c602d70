/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * The rules of vdma's data sheet that a request with a status can break: for each, one just
 * inside and one just outside, in raw bytes. Outside it is refused with exactly that rule,
 * segment and value, in the status and in the log, and not a byte has moved.
 */
#include <string.h>

#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/harness/harness.h"
#include "tests/lib/vdma_raw.h"

#define SECTORS 64u

VDMA_MONITOR(SECTORS);

enum where {
    CHAIN,
    SOURCE,
    TARGET
};

enum state {
    ALONE,
    TRANSLATED,      /* its addresses go through a table of 16 pages */
    OTHER_WAITS,     /* a copy of 256 bytes from RAW_DATA to RAW_SINK waits */
    OTHER_WAITS_ONCE /* for the one outside, alone */
};

struct rule {
    unsigned number;
    struct raw_limits limits;
    enum state state;
    struct raw_request inside, outside;
    unsigned inside_rule; /* a later one that it breaks: nothing can lie there */
    enum where where;
    uint32_t segment;
    struct raw_place value;
};

static const struct rule rules[] = {
#include "tests/target/vdma_rules.def"
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

static uint8_t before[RAW_BYTES];

/* --- The state in which a request comes ------------------------------------------------------- */

static void use_table(void)
{
    const struct raw_place pages[] = {A(RAW_DATA + 3), A(RAW_DATA + 0x5000 + 1), N(0),
                                      A(RAW_SINK + 2)};
    const struct raw_request request = {
        .type = RAW_SET_TABLE, .arguments = {RAW_TABLE, 16}, .first_is_place = true};

    memset(raw_at(RAW_TABLE), 0, 16 * 8);
    for (unsigned i = 0; i < 16; i++) {
        const uint64_t entry = raw_address(i < 4 ? pages[i] : (struct raw_place)A(RAW_DATA + 1));

        memcpy(raw_at(RAW_TABLE + 8 * i), &entry, 8);
    }
    EXPECT_EQ(raw_run(&request).code, 0);
}

static void let_another_wait(void)
{
    const struct raw_request other = {.type = RAW_COPY,
                                      .head = 8,
                                      .header_at = RAW_HEADER + 0x300,
                                      .status_at = RAW_STATUS + 0x400,
                                      .data = {IN(RAW_DATA, 256), OUT(RAW_SINK, 256)}};

    EXPECT_TRUE(raw_inject(4, 0, 1ull << 40)); /* for longer than this image runs */
    EXPECT_FALSE(raw_run(&other).came);
}

static void enter(const struct rule *rule, bool is_outside)
{
    raw_start(RAW_VERSION_1 | RAW_INDIRECT_DESC);
    EXPECT_TRUE(raw_set_limits(&rule->limits));
    if (rule->state == TRANSLATED) {
        use_table();
    }
    if (rule->state == OTHER_WAITS || (rule->state == OTHER_WAITS_ONCE && is_outside)) {
        let_another_wait();
    }
    for (unsigned i = 0; i < 0x10000; i++) {
        raw_at(RAW_DATA)[i] = (uint8_t)(i * 13 + (i >> 8) * 5);
        raw_at(RAW_SINK)[i] = (uint8_t)(i * 7 + 1);
    }
    raw_log_read();
}

/* --- What comes of it ------------------------------------------------------------------------- */

static bool is_private(const struct raw_request *request)
{
    return request->type >> 16 == 0x5644;
}

/* The last bytes of RAM are somebody's: they are lent for one request, with interrupts masked. */
static struct raw_answer run_borrowing(const struct raw_request *request)
{
    void *const last = phys_to_virt(paddr(raw_address((struct raw_place)END(-16))));
    const irq_state_t state = irq_mask();
    struct raw_answer answer;
    uint8_t theirs[16];

    memcpy(theirs, last, sizeof(theirs));
    if (request->target.at.base == RAW_FROM_END) {
        const uint64_t entry[2] = {raw_address(request->list[0].at), request->list[0].length};

        memcpy(last, entry, sizeof(entry));
    }
    raw_lay(request);
    memcpy(before, raw_at(0), RAW_BYTES);
    raw_publish(request->head);
    memcpy(before + RAW_AVAIL, raw_at(RAW_AVAIL), 64);
    raw_ring();
    answer = raw_answer_of(request);
    memcpy(last, theirs, sizeof(theirs));
    irq_restore(state);
    return answer;
}

static void inside(const struct rule *rule)
{
    struct raw_answer answer;

    enter(rule, false);
    answer = run_borrowing(&rule->inside);
    EXPECT_TRUE(answer.came);
    EXPECT_EQ(answer.id, 0);
    EXPECT_EQ(answer.rule, rule->inside_rule);
    EXPECT_EQ(answer.code, rule->inside_rule != 0 ? 3 : 0);
}

static void outside(const struct rule *rule)
{
    const uint64_t value = raw_address(rule->value);
    const struct raw_record *record;
    struct raw_answer answer;

    enter(rule, true);
    answer = run_borrowing(&rule->outside);
    EXPECT_TRUE(answer.came);
    EXPECT_EQ(answer.id, 0);
    if (is_private(&rule->outside)) {
        EXPECT_EQ(answer.code, 3);
        EXPECT_EQ(answer.rule, rule->number);
        EXPECT_EQ(answer.where, rule->where);
        EXPECT_EQ(answer.segment, rule->segment);
        EXPECT_EQ(answer.value, value);
        EXPECT_EQ(answer.moved, 0);
        EXPECT_EQ(answer.length, 32);
    } else {
        EXPECT_EQ(answer.code, 1);
        EXPECT_EQ(answer.length, 1);
    }
    /* Not a byte but those of the status and of the used ring. */
    memcpy(before + RAW_STATUS, raw_at(RAW_STATUS), is_private(&rule->outside) ? 32 : 1);
    memcpy(before + RAW_USED, raw_at(RAW_USED), 6 + 8 * RAW_SIZE);
    EXPECT_MEM_EQ(before, raw_at(0), RAW_BYTES);

    record = raw_log_refusal();
    ASSERT_TRUE(record != NULL);
    EXPECT_EQ(record->rule, rule->number);
    EXPECT_EQ(record->code, rule->where);
    EXPECT_EQ(record->segment, rule->segment);
    EXPECT_EQ(record->value, value);
    EXPECT_EQ(record->slot, 0);
    EXPECT_EQ(record->length, 0);
    EXPECT_NE(record->tick, 0);
    EXPECT_NE(record->pc, 0);
}

static void check(unsigned first, unsigned last)
{
    unsigned seen = 0;

    if (!raw_begin()) {
        return; /* entered at EL1 there is none */
    }
    for (unsigned i = 0; i < RULES; i++) {
        if (rules[i].number >= first && rules[i].number <= last) {
            TEST_NOTE("R%02u, case %u", rules[i].number, i);
            inside(&rules[i]);
            outside(&rules[i]);
            seen++;
        }
    }
    EXPECT_NE(seen, 0);
    raw_set_limits(&(struct raw_limits){0});
    raw_end();
}

TEST(r01_to_r10_limits)
{
    check(1, 10);
}

TEST(r22_to_r31_descriptors)
{
    check(22, 31);
}

TEST(r33_to_r41_what_a_request_says)
{
    check(33, 41);
}

TEST(r42_to_r47_lists)
{
    check(42, 47);
}

TEST(r48_to_r54_ownership)
{
    check(48, 54);
}

TEST(r58_lifetime)
{
    check(58, 58);
}
