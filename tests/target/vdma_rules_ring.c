/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * The rules of vdma's data sheet that leave no status to answer in: available rings, chains
 * that cannot be followed. For each, just inside and just outside, in raw bytes; outside, the
 * device fails, the log has exactly that rule, place and value, and not a byte has moved.
 */
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/target/vdma_rules.h"

VDMA_MONITOR(64);

static uint8_t before[RAW_BYTES];

/* --- What is in the rings --------------------------------------------------------------------- */

static void r18(bool outside)
{
    raw_lay(&table_nop);
    put16(RAW_AVAIL + 2, outside ? 17 : 16); /* all of them chain 0 */
}

static void r18_back(bool outside)
{
    /* The reading of the log was the first entry. */
    publish(&nop, 0);
    if (outside) {
        raw_ring();
        put16(RAW_AVAIL + 2, 0);
    }
}

static void r19(bool outside)
{
    const struct raw_request last = {.type = RAW_NOP, .head = 15, .indirect = true};

    publish(&last, outside ? 16 : 15);
}

static void r20(bool outside)
{
    publish(&nop, 0);
    raw_desc_at(RAW_DESC, 15, arena(RAW_STATUS), 32, RAW_WRITE, 0);
    put16(RAW_DESC + 14, outside ? 16 : 15);
}

static void r20_in_a_table(bool outside)
{
    publish(&table_nop, 0);
    put16(RAW_INDIRECT + 14, outside ? 2 : 1);
}

/* Sixteen descriptors, or in a loop. */
static void r21(bool outside)
{
    publish(&nop, 0);
    for (unsigned i = 1; i < 15; i++) {
        raw_desc_at(RAW_DESC, i, arena(RAW_DATA) + i, 1, RAW_NEXT, i + 1);
    }
    raw_desc_at(RAW_DESC, 15, arena(RAW_STATUS), 32, RAW_WRITE | (outside ? RAW_NEXT : 0), 0);
    raw_at(RAW_HEADER)[0] = 4; /* a checksum */
}

static void r23(bool outside)
{
    raw_start(outside ? RAW_VERSION_1 : FEATURES);
    publish(&table_nop, 0);
}

static void r24(bool outside)
{
    publish(&table_nop, 0);
    put16(RAW_DESC + 12, outside ? 5 : 4);
}

static void r25(bool outside)
{
    publish(&table_nop, 0);
    put16(RAW_INDIRECT + 12, outside ? 5 : 1);
}

static void r26(bool outside)
{
    publish(&table_nop, 0);
    raw_desc_at(RAW_DESC, 0, arena(RAW_INDIRECT), outside ? 33 : 32, RAW_INDIRECTLY, 0);
}

static void r26_empty(bool outside)
{
    publish(&table_nop, 0);
    raw_desc_at(RAW_DESC, 0, arena(RAW_INDIRECT), outside ? 0 : 48, RAW_INDIRECTLY, 0);
}

static void r27(bool outside)
{
    publish(&table_nop, 0);
    raw_desc_at(RAW_DESC, 0, arena(RAW_INDIRECT), 16 * (outside ? 17 : 16), RAW_INDIRECTLY, 0);
}

/* Whose the last bytes of RAM are may not matter: they are given back before interrupts come. */
static void r28(bool outside)
{
    const struct raw_place last = END(-32);

    publish(&table_nop, 0);
    memcpy(phys_to_virt(paddr(raw_address(last))), raw_at(RAW_INDIRECT), 32);
    raw_desc_at(RAW_DESC, 0, raw_address(last) + (outside ? 16 : 0), 32, RAW_INDIRECTLY, 0);
}

static void r32(bool outside)
{
    publish(&nop, 0);
    put16(RAW_AVAIL, outside ? 2 : 1);
}

static void r35(bool outside)
{
    publish(&nop, 0);
    raw_desc_at(RAW_DESC, 1, arena(RAW_STATUS), outside ? 31 : 32, RAW_WRITE, 0);
}

static void r48_of_a_status(bool outside)
{
    publish(&nop, 0);
    if (outside) {
        raw_desc_at(RAW_DESC, 1, raw_address((struct raw_place)END(-16)), 32, RAW_WRITE, 0);
    }
}

static void r55(bool outside)
{
    let_another_wait();
    publish(&nop, outside ? 8 : 0);
}

static void r56(bool outside)
{
    let_another_wait();
    publish(&nop, 0);
    if (outside) {
        put16(RAW_DESC + 14, 9);
    }
}

struct broken {
    unsigned rule;
    void (*publish)(bool outside);
    uint32_t segment;
    struct raw_place value;
};

static const struct broken broken[] = {
    {18, r18, RAW_NONE, N(17)},
    {18, r18_back, RAW_NONE, N(0)},
    {19, r19, 0, N(16)},
    {20, r20, 0, N(16)},
    {20, r20_in_a_table, 0, N(2)},
    {21, r21, 16, N(16)},
    {23, r23, 0, N(4)},
    {24, r24, 0, N(5)},
    {25, r25, 0, N(5)},
    {26, r26, 0, N(33)},
    {26, r26_empty, 0, N(0)},
    {27, r27, 0, N(17)},
    {28, r28, 0, END(-16)},
    {32, r32, RAW_NONE, N(2)},
    {35, r35, 1, N(31)},
    {48, r48_of_a_status, 1, END(-16)},
    {55, r55, 0, N(8)},
    {56, r56, 1, N(9)},
};

static void look_at(const struct broken *rule, bool outside)
{
    uint8_t *const last = phys_to_virt(paddr(raw_address((struct raw_place)END(-32))));
    irq_state_t state;
    uint8_t theirs[32];
    unsigned used;

    raw_start(FEATURES);
    raw_log_read();
    raw_start(FEATURES);
    state = irq_mask();
    memcpy(theirs, last, sizeof(theirs));
    rule->publish(outside);
    used = raw_used();
    memcpy(before, raw_at(0), RAW_BYTES);
    raw_ring();
    EXPECT_EQ(raw_needs_reset(), outside);
    if (outside) {
        EXPECT_EQ(raw_used(), used);
        EXPECT_EQ(raw_read(0x060) & 2, 2); /* the configuration */
        EXPECT_MEM_EQ(before, raw_at(0), RAW_BYTES);
    } else {
        EXPECT_NE(raw_used(), used);
        EXPECT_EQ(raw_at(RAW_STATUS)[31], 0);
    }
    memcpy(last, theirs, sizeof(theirs));
    irq_restore(state);
}

TEST(r18_to_r56_chains_that_cannot_be_followed)
{
    if (!raw_begin()) {
        return;
    }
    for (unsigned i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        TEST_NOTE("R%02u, case %u", broken[i].rule, i);
        look_at(&broken[i], false);
        look_at(&broken[i], true);
        expect_refusal(broken[i].rule, 0, broken[i].segment, raw_address(broken[i].value));
    }
    raw_end();
}

/* --- Two that need more than one descriptor or time ------------------------------------------- */

static void publish_nops(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct raw_request request = {.type = RAW_NOP,
                                            .head = 2 * i,
                                            .sector = i,
                                            .header_at = RAW_DATA + 64 * i,
                                            .status_at = RAW_SINK + 32 * i};

        publish(&request, 2 * i);
    }
}

TEST(r11_depth)
{
    if (!raw_begin()) {
        return;
    }
    raw_start(FEATURES);
    EXPECT_TRUE(raw_set_limits(&(struct raw_limits){.depth = 3}));
    for (unsigned count = 3; count <= 4; count++) {
        raw_log_read();
        publish_nops(count);
        raw_ring();
        for (unsigned i = 0; i < 3; i++) {
            EXPECT_EQ(raw_at(RAW_SINK + 32 * i)[31], 0);
        }
    }
    EXPECT_EQ(raw_at(RAW_SINK + 96)[31], 3);
    EXPECT_EQ(raw_at(RAW_SINK + 96)[28], 11);
    EXPECT_EQ(raw_at(RAW_SINK + 96)[8], 4);
    expect_refusal(11, 0, RAW_NONE, 4);
    raw_set_limits(&(struct raw_limits){0});
    raw_end();
}

/*
 * 2^32 bytes in all, by reading the same 64 MiB again and again, for a request that is not known,
 * so that none of them is moved.
 */
TEST(r31_bytes_of_a_chain)
{
    enum {
        ENTRIES = 128,
        PIECE = 1 << 26,
        PIECES = 64
    };
    const uint64_t start = 0x44000000;

    if (!raw_begin()) {
        return;
    }
    for (unsigned outside = 0; outside <= 1; outside++) {
        struct raw_answer answer;

        raw_start_to_queue(FEATURES);
        raw_write(0x038, ENTRIES);
        raw_write(0x044, 1);
        raw_write(0x070, 15);
        raw_lay(&nop);
        raw_at(RAW_HEADER)[0] = 0x77;
        raw_desc_at(RAW_DESC, 0, arena(RAW_HEADER), 64, RAW_NEXT, 1);
        for (unsigned i = 1; i <= PIECES; i++) {
            raw_desc_at(RAW_DESC, i, start, i < PIECES ? PIECE : PIECE - 96 + outside, RAW_NEXT,
                        i + 1);
        }
        raw_desc_at(RAW_DESC, PIECES + 1, arena(RAW_STATUS), 32, RAW_WRITE, 0);
        raw_publish(0);
        raw_ring();
        answer = raw_answer_of(&nop);
        EXPECT_TRUE(answer.came);
        EXPECT_EQ(answer.code, outside ? 3 : 2);
        EXPECT_EQ(answer.rule, outside ? 31 : 0);
        EXPECT_EQ(answer.segment, outside ? PIECES + 1 : RAW_NONE);
        EXPECT_EQ(answer.value, outside ? 0x100000001 : 0);
        EXPECT_EQ(answer.moved, 0);
    }
    raw_end();
}

TEST(r57_a_translation_that_changes)
{
    static const struct raw_request fill = {
        .type = RAW_FILL, .arguments = {7, 1}, .data = {{.at = N(0), .length = 64, .write = true}}};
    static const struct raw_request table = {
        .type = RAW_SET_TABLE, .arguments = {RAW_TABLE, 2}, .first_is_place = true};
    struct raw_answer answer;

    if (!raw_begin()) {
        return;
    }
    raw_start(FEATURES);
    EXPECT_TRUE(raw_set_limits(&(struct raw_limits){.table_entries = 16}));
    EXPECT_EQ(raw_run(&table).code, 0);
    for (unsigned outside = 0; outside <= 1; outside++) {
        const uint64_t entries[2] = {arena(RAW_SINK) | 3, arena(RAW_DATA) | 3};

        memcpy(raw_at(RAW_TABLE), entries, sizeof(entries));
        memset(raw_at(RAW_SINK), 0, 64);
        raw_inject(4, 0, 625000); /* 10 ms */
        EXPECT_FALSE(raw_run(&fill).came);
        memset(raw_at(RAW_TABLE + (outside ? 0 : 8)), 0, 8);
        EXPECT_TRUE(raw_wait());
        answer = raw_answer_of(&fill);
        EXPECT_EQ(answer.code, outside ? 3 : 0);
        EXPECT_EQ(answer.rule, outside ? 57 : 0);
        EXPECT_EQ(answer.segment, RAW_NONE);
        EXPECT_EQ(answer.moved, outside ? 0 : 64);
        EXPECT_EQ(raw_at(RAW_SINK)[0], outside ? 0 : 7);
    }
    raw_set_limits(&(struct raw_limits){0});
    raw_end();
}
