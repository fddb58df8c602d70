/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * The rules of vdma's data sheet for registers and for where rings lie: for each, just inside
 * and just outside; outside, the log has exactly that rule, register and value.
 */
#include "kernel/init.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/target/vdma_rules.h"

VDMA_MONITOR(64);

/* --- Where the rings lie ---------------------------------------------------------------------- */

struct set_up {
    unsigned rule;
    uint32_t size;
    struct raw_place desc, avail, used;
    struct raw_place value; /* nowhere: it is inside */
};

static const struct set_up set_ups[] = {
    {12, 1, A(RAW_DESC), A(RAW_AVAIL), A(RAW_USED), {0}},
    {12, 256, A(RAW_DESC), A(RAW_AVAIL), A(RAW_USED), {0}},
    {12, 0, A(RAW_DESC), A(RAW_AVAIL), A(RAW_USED), N(0)},
    {12, 24, A(RAW_DESC), A(RAW_AVAIL), A(RAW_USED), N(24)},
    {12, 512, A(RAW_DESC), A(RAW_AVAIL), A(RAW_USED), N(512)},
    {13, 16, A(RAW_DESC + 16), A(RAW_AVAIL), A(RAW_USED), {0}},
    {13, 16, A(RAW_DESC + 8), A(RAW_AVAIL), A(RAW_USED), A(RAW_DESC + 8)},
    {14, 16, A(RAW_DESC), A(RAW_AVAIL + 2), A(RAW_USED), {0}},
    {14, 16, A(RAW_DESC), A(RAW_AVAIL + 1), A(RAW_USED), A(RAW_AVAIL + 1)},
    {15, 16, A(RAW_DESC), A(RAW_AVAIL), A(RAW_USED + 4), {0}},
    {15, 16, A(RAW_DESC), A(RAW_AVAIL), A(RAW_USED + 2), A(RAW_USED + 2)},
    {16, 16, END(-256), A(RAW_AVAIL), A(RAW_USED), {0}},
    {16, 16, END(-240), A(RAW_AVAIL), A(RAW_USED), END(-240)},
    {16, 16, A(RAW_DESC), END(-38), A(RAW_USED), {0}},
    {16, 16, A(RAW_DESC), END(-36), A(RAW_USED), END(-36)},
    {16, 16, A(RAW_DESC), A(RAW_AVAIL), END(-136), {0}},
    {16, 16, A(RAW_DESC), A(RAW_AVAIL), END(-132), END(-132)},
    {17, 16, A(RAW_DESC), A(RAW_DESC + 256), A(RAW_DESC + 296), {0}},
    {17, 16, A(RAW_DESC), A(RAW_DESC + 254), A(RAW_DESC + 296), A(RAW_DESC + 254)},
    {17, 16, A(RAW_DESC), A(RAW_DESC + 256), A(RAW_DESC + 292), A(RAW_DESC + 292)},
};

static void tell_place(uint32_t offset, struct raw_place place)
{
    raw_write(offset, (uint32_t)raw_address(place));
    raw_write(offset + 4, (uint32_t)(raw_address(place) >> 32));
}

TEST(r12_to_r17_where_the_rings_lie)
{
    if (!raw_begin()) {
        return; /* entered at EL1 there is none */
    }
    raw_start(FEATURES);
    raw_log_read();
    for (unsigned i = 0; i < sizeof(set_ups) / sizeof(set_ups[0]); i++) {
        const struct set_up *set_up = &set_ups[i];
        const bool outside = set_up->value.base != RAW_NOWHERE;

        TEST_NOTE("R%02u, case %u", set_up->rule, i);
        raw_start_to_queue(FEATURES);
        raw_write(0x038, set_up->size);
        tell_place(0x080, set_up->desc);
        tell_place(0x090, set_up->avail);
        tell_place(0x0a0, set_up->used);
        raw_write(0x044, 1);
        EXPECT_EQ(raw_read(0x044), !outside);
        EXPECT_EQ(raw_needs_reset(), outside);
        if (outside) {
            expect_refusal(set_up->rule, 3, RAW_NONE, raw_address(set_up->value));
        } else {
            raw_start(FEATURES);
            EXPECT_TRUE(raw_log_refusal() == NULL);
        }
    }
    raw_end();
}

/* --- Registers -------------------------------------------------------------------------------- */

/* Status after a reset as far as DRIVER, with these features chosen. */
static void choose_features(uint64_t features)
{
    raw_write(0x070, 0);
    raw_write(0x070, 1);
    raw_write(0x070, 3);
    raw_write(0x024, 0);
    raw_write(0x020, (uint32_t)features);
    raw_write(0x024, 1);
    raw_write(0x020, (uint32_t)(features >> 32));
}

static void as_far_as_the_queue(bool outside)
{
    outside ? raw_start_to_queue(FEATURES) : raw_start(FEATURES);
}

static void with_a_queue(bool outside)
{
    outside ? raw_start(FEATURES) : raw_start_to_queue(FEATURES);
}

static void failed(bool outside)
{
    raw_start(FEATURES);
    if (outside) {
        raw_publish(99);
        raw_ring();
        EXPECT_TRUE(raw_needs_reset());
    }
}

static void with_features(bool outside)
{
    choose_features(FEATURES);
    if (outside) {
        raw_write(0x070, 11);
    }
}

static void acknowledged(bool outside)
{
    (void)outside;
    raw_write(0x070, 0);
    raw_write(0x070, 1);
}

static void busy(bool outside)
{
    raw_start(FEATURES);
    if (outside) {
        let_another_wait();
    }
}

static void with_a_strange_feature(bool outside)
{
    choose_features(FEATURES | (outside ? 1u << 5 : 0));
}

static void with_an_answer(bool outside)
{
    (void)outside;
    raw_start(FEATURES);
    publish(&nop, 0);
    raw_ring();
}

static void started(bool outside)
{
    (void)outside;
    raw_start(FEATURES);
}

struct access {
    uint32_t offset;
    unsigned size;
    bool write;
    uint32_t value;
};

static const struct register_rule {
    unsigned rule;
    void (*enter)(bool outside);
    struct access inside, outside;
    uint32_t segment;
    uint64_t value;
} register_rules[] = {
    {59, with_a_queue, {0x038, 4, true, 8}, {0x038, 4, true, 8}, 0x038, 8},
    {59, with_a_queue, {0x0a4, 4, true, 0}, {0x0a4, 4, true, 0}, 0x0a4, 0},
    {60, as_far_as_the_queue, {0x050, 4, true, 0}, {0x050, 4, true, 0}, RAW_NONE, 0},
    {60, started, {0x050, 4, true, 0}, {0x050, 4, true, 1}, RAW_NONE, 1},
    {61, failed, {0x050, 4, true, 0}, {0x050, 4, true, 0}, RAW_NONE, 0},
    {62, with_features, {0x020, 4, true, 1}, {0x020, 4, true, 1}, 0x020, 1},
    {63, acknowledged, {0x070, 4, true, 3}, {0x070, 4, true, 2}, 0x070, 2},
    {63, acknowledged, {0x070, 4, true, 0x81}, {0x070, 4, true, 0x11}, 0x070, 0x11},
    {64, busy, {0x044, 4, true, 0}, {0x044, 4, true, 0}, 0x044, 1},
    {65, started, {0x100, 2, false, 0}, {0x000, 2, false, 0}, 0x000, 2},
    {65, started, {0x070, 4, true, 15}, {0x070, 1, true, 15}, 0x070, 1},
    {66, started, {0x0fc, 4, false, 0}, {0x014, 4, false, 0}, 0x014, 1},
    {66, started, {0x014, 4, true, 0}, {0x010, 4, true, 0}, 0x010, 2},
    {67, with_a_strange_feature, {0x070, 4, true, 11}, {0x070, 4, true, 11}, 0x070, 1u << 5},
    {68, with_an_answer, {0x064, 4, true, 1}, {0x064, 4, true, 3}, 0x064, 3},
};

static uint64_t access(const struct access *access)
{
    volatile void *const registers = raw_registers();

    switch (access->size) {
    case 1:
        mmio_write8(registers, access->offset, (uint8_t)access->value);
        return 0;
    case 2:
        return mmio_read16(registers, access->offset);
    default:
        if (!access->write) {
            return mmio_read32(registers, access->offset);
        }
        raw_write(access->offset, access->value);
        return 0;
    }
}

static void set_table(void)
{
    const struct raw_limits limits = {.address_bits = 64, .table_entries = 16};
    const struct raw_request request = {
        .type = RAW_SET_TABLE, .arguments = {RAW_TABLE, 16}, .first_is_place = true};

    memset(raw_at(RAW_TABLE), 0, 16 * 8);
    EXPECT_TRUE(raw_set_limits(&limits));
    EXPECT_EQ(raw_run(&request).code, 0);
}

TEST(r70_guard)
{
    if (!raw_begin()) {
        return;
    }
    raw_start(FEATURES);
    raw_log_read();
    raw_write(0x0f0, 1); /* neither a table nor an idle queue */
    expect_refusal(70, 3, 0x0f0, 1);
    set_table();
    raw_log_read();
    raw_write(0x0f0, 1); /* a queue */
    expect_refusal(70, 3, 0x0f0, 1);
    set_table();
    raw_write(0x044, 0);
    raw_write(0x0f0, 1);
    EXPECT_EQ(raw_read(0x0f0), 1);
    raw_write(0x0f0, 0);
    expect_refusal(70, 3, 0x0f0, 0);
    EXPECT_EQ(raw_read(0x0f0), 0); /* a reset has taken it back */
    raw_end();
}

static volatile void *queues;

/* Before any test looks at what is held: a mapping of registers is for good. */
static void map_queues(void)
{
    queues = mmu_map_device(paddr(VDMA_MONITOR_QUEUES), PAGE_SIZE);
}

INITIALISER(INIT_CLASS, map_queues);

/*
 * By the queues' page: a ring at the device's addresses, and what it must not ask. Page 0 of those
 * is the arena's with rings, header and status in a row.
 */
TEST(r69_requests_about_the_device)
{
    if (!raw_begin()) {
        return;
    }
    ASSERT_TRUE(queues != NULL);
    EXPECT_EQ(mmio_read32(queues, 0), 0);
    raw_start(FEATURES);
    set_table();
    for (unsigned page = 0; page < 16; page++) {
        const uint64_t entry = raw_address((struct raw_place){RAW_ARENA, page * PAGE_SIZE}) | 3;

        memcpy(raw_at(RAW_TABLE) + 8 * page, &entry, sizeof(entry));
    }
    raw_write(0x044, 0);
    raw_write(0x0f0, 1);
    memset(raw_at(RAW_AVAIL), 0, 4 + 2 * RAW_SIZE);
    memset(raw_at(RAW_USED), 0, 4 + 8 * RAW_SIZE);
    memset(raw_at(RAW_HEADER), 0, 64);
    memcpy(raw_at(RAW_HEADER), &(uint32_t){RAW_SET_TABLE}, 4);
    raw_desc_at(RAW_DESC, 0, RAW_HEADER, 64, RAW_NEXT, 1);
    raw_desc_at(RAW_DESC, 1, RAW_STATUS, 32, RAW_WRITE, 0);
    memcpy(raw_at(RAW_AVAIL) + 2, &(uint16_t){1}, 2);
    mmio_write32(queues, 0x030, 0);
    mmio_write32(queues, 0x038, RAW_SIZE);
    mmio_write32(queues, 0x080, RAW_DESC);
    mmio_write32(queues, 0x090, RAW_AVAIL);
    mmio_write32(queues, 0x0a0, RAW_USED);
    mmio_write32(queues, 0x044, 1);
    EXPECT_EQ(mmio_read32(queues, 0x044), 1);
    __asm__ volatile("dsb ishst" : : : "memory");
    mmio_write32(queues, 0x050, 0);
    EXPECT_EQ(*(volatile uint16_t *)(raw_at(RAW_USED) + 2), 1);
    EXPECT_EQ(raw_at(RAW_STATUS)[31], 3);
    EXPECT_EQ(*(volatile uint16_t *)(raw_at(RAW_STATUS) + 28), 69);
    mmio_write32(queues, 0x070, 0); /* not its register: no reset */
    EXPECT_EQ(mmio_read32(queues, 0x070), 15);
    EXPECT_EQ(mmio_read32(queues, 0x044), 1);
    raw_end();
    EXPECT_EQ(mmio_read32(queues, 0x044), 0);
}

TEST(r59_to_r68_registers)
{
    if (!raw_begin()) {
        return;
    }
    raw_start(FEATURES);
    raw_log_read();
    for (unsigned i = 0; i < sizeof(register_rules) / sizeof(register_rules[0]); i++) {
        const struct register_rule *rule = &register_rules[i];

        TEST_NOTE("R%02u, case %u", rule->rule, i);
        rule->enter(false);
        access(&rule->inside);
        raw_start(FEATURES);
        EXPECT_TRUE(raw_log_refusal() == NULL);
        rule->enter(true);
        EXPECT_EQ(access(&rule->outside), 0);
        expect_refusal(rule->rule, 3, rule->segment, rule->value);
    }
    raw_end();
}
