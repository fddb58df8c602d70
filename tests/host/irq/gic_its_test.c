/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of an ITS and one that keeps its own books: each command is judged, tables are
 * looked at when they are given and when they are taken back, and every event has to end as the
 * LPI that its owner was told.
 */
#include "kernel/direct_map.h"
#include "kernel/irq/msi_private.h"
#include "kernel/page.h"
#include "tests/host/bus/machine.h"
#include "tests/host/sim/sim_console.h"

#define SENDERS 256u
#define EVENTS  2048u
#define ENTRY   16u /* bytes of an event, as TYPER says */
#define MARK    0x6d

/* What it knows of a sender. */
struct sender {
    bool valid, leaving;
    uint32_t requester;
    unsigned bits;
    uint8_t *table;
    unsigned lpis[EVENTS]; /* 0: the event is not mapped */
};

static struct {
    uint64_t queue, write, tables[8], typer;
    bool is_flat; /* the table of devices has one level only */
    bool stalled;
    unsigned commands, collection;
    const char *complaint;
    struct sender senders[SENDERS];
} its;

static struct msi_controller controller;

static void complain(const char *what)
{
    if (its.complaint == NULL) {
        its.complaint = what;
    }
}

/* The redistributor's side, which gic_lpi.c has. */
bool lpi_start(void)
{
    return true;
}

uint64_t lpi_target(bool by_address)
{
    assert_false(by_address);
    return 3 << 16;
}

/* --- Commands --------------------------------------------------------------------------------- */

static struct sender *sender_of(uint32_t requester)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        if (its.senders[i].valid && its.senders[i].requester == requester) {
            return &its.senders[i];
        }
    }
    return NULL;
}

static bool is_marked(const struct sender *sender)
{
    for (unsigned i = 0; i < ENTRY << sender->bits; i++) {
        if (sender->table[i] != MARK) {
            return false;
        }
    }
    return true;
}

/* The first 512 senders are in one page of the second level: who leads there must be valid. */
static bool is_known(uint32_t requester)
{
    const uint64_t *level1;

    if (its.is_flat) {
        return true;
    }
    level1 = phys_to_virt(paddr(its.tables[0] & 0xfffffffff000));
    return level1[requester / 512] >> 63 != 0;
}

static void map_device(uint32_t requester, unsigned bits, uint64_t third)
{
    struct sender *sender = sender_of(requester);
    const bool valid = third >> 63 != 0;

    if (!is_known(requester)) {
        complain("a sender that the table of devices has no room for");
    }
    if (!valid) {
        if (sender == NULL || !is_marked(sender)) {
            complain("a sender's table is somebody else's while it is still known");
        } else {
            sender->leaving = true;
        }
        return;
    }
    for (unsigned i = 0; sender == NULL && i < SENDERS; i++) {
        sender = its.senders[i].valid ? NULL : &its.senders[i];
    }
    if (sender == NULL || sender->valid || ((third & 0xfffffffffffff) & 255) != 0) {
        complain("a sender's table is given twice, or not aligned to 256 bytes");
        return;
    }
    *sender = (struct sender){.valid = true, .requester = requester, .bits = bits};
    sender->table = phys_to_virt(paddr(third & 0xfffffffffff00));
    for (unsigned i = 0; i < ENTRY << bits; i++) {
        if (sender->table[i] != 0) {
            complain("a sender's table is not cleared");
        }
    }
    memset(sender->table, MARK, ENTRY << bits);
}

static void synchronise(void)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        struct sender *sender = &its.senders[i];

        if (sender->valid && sender->leaving) {
            /* Until here it may look at the table; from here on it does not. */
            if (!is_marked(sender)) {
                complain("a sender's table is given away before that is confirmed");
            }
            sender->valid = false;
        }
    }
}

static void carry_out(const uint64_t *words)
{
    const uint32_t requester = (uint32_t)(words[0] >> 32), event = (uint32_t)words[1];
    struct sender *sender = sender_of(requester);
    const unsigned lpi = (unsigned)(words[1] >> 32);

    its.commands++;
    switch (words[0] & 0xff) {
    case 0x05:
        synchronise();
        break;
    case 0x08:
        map_device(requester, (unsigned)(words[1] & 31) + 1, words[2]);
        break;
    case 0x09:
        its.collection++;
        break;
    case 0x0a:
        if (sender == NULL || event >= 1u << sender->bits || sender->lpis[event] != 0 ||
            lpi < LPI_FIRST || lpi >= LPI_FIRST + LPI_COUNT) {
            complain("an event that the sender's table has no room for, or a wrong LPI");
        } else {
            sender->lpis[event] = lpi;
        }
        break;
    case 0x0c:
    case 0x0f:
        if (sender == NULL || event >= 1u << sender->bits || sender->lpis[event] == 0) {
            complain("a command about an event that is not mapped");
        } else if ((words[0] & 0xff) == 0x0f) {
            sender->lpis[event] = 0;
        }
        break;
    default:
        complain("a command that there is not");
        break;
    }
}

/* --- Registers -------------------------------------------------------------------------------- */

static uint64_t read_register(struct sim_registers *self, uint64_t offset, unsigned width)
{
    (void)self, (void)width;
    switch (offset) {
    case 0x000:
        return 0x80000000;
    case 0x008:
        return its.typer;
    case 0x090:
        return its.stalled ? its.write | 1 : its.write;
    case 0x100 ... 0x13f:
        return its.tables[(offset - 0x100) / 8];
    }
    return 0;
}

static void write_register(struct sim_registers *self, uint64_t offset, uint64_t value,
                           unsigned width)
{
    (void)self, (void)width;
    switch (offset) {
    case 0x080:
        its.queue = value & 0xffffffffff000;
        break;
    case 0x088:
        while (!its.stalled && its.write != value) {
            carry_out((uint64_t *)((char *)phys_to_virt(paddr(its.queue)) + its.write));
            its.write = (its.write + 32) % 4096;
        }
        break;
    /* Devices, entries of 8 bytes; collections, of 8. Pages of 4 KiB and no other. */
    case 0x100:
        its.tables[0] =
            (value & ~(0xffull << 48 | 7ull << 56 | 3ull << 8)) | 1ull << 56 | 7ull << 48;
        its.tables[0] &= its.is_flat ? ~(1ull << 62) : ~0ull;
        break;
    case 0x108:
        its.tables[1] =
            (value & ~(0xffull << 48 | 7ull << 56 | 3ull << 8)) | 4ull << 56 | 7ull << 48;
        break;
    }
}

static struct sim_registers registers = {
    .size = 0x20000, .read = read_register, .write = write_register};

static void start_unit(bool is_flat, unsigned event_bits, unsigned device_bits)
{
    memset(&its, 0, sizeof(its));
    its.is_flat = is_flat;
    its.typer =
        (ENTRY - 1) << 4 | (uint64_t)(event_bits - 1) << 8 | (uint64_t)(device_bits - 1) << 13;
    its.tables[0] = 1ull << 56;
    its.tables[1] = 4ull << 56;
    controller = (struct msi_controller){.ops = &gic_its, .range.base = paddr(0x8080000)};
    controller.registers = (volatile void *)(uintptr_t)0x7f0000000000;
    registers.start = controller.registers;
    sim_mmio_plug(&registers);
    assert_true(gic_its.start(&controller));
    assert_int_equal(its.collection, 1);
}

static void stop_unit(void)
{
    assert_string_equal(its.complaint != NULL ? its.complaint : "", "");
    sim_mmio_unplug_all();
}

static struct msi_block *take(uint32_t requester, unsigned least, unsigned most,
                              kern_return_t expected)
{
    const struct msi_request request = {.requester = requester, .least = least, .most = most};
    struct msi_block *block = calloc(1, sizeof(*block) + most * sizeof(block->intids[0]));

    block->controller = &controller;
    assert_int_equal(gic_its.allocate(&controller, &request, block), expected);
    if (expected != KERN_SUCCESS) {
        free(block);
        return NULL;
    }
    return block;
}

static void give_back(struct msi_block *block)
{
    gic_its.free(&controller, block);
    free(block);
}

/* Each event that the sender is told to send is the LPI that its owner waits for. */
static void assert_delivered(const struct msi_block *block, uint32_t requester)
{
    const struct sender *sender = sender_of(requester);

    assert_non_null(sender);
    for (unsigned i = 0; i < block->count; i++) {
        struct msi_message message;

        gic_its.message(&controller, block, i, &message);
        assert_int_equal(message.address, 0x8080000 + 0x10040);
        assert_in_range(message.data, 0, (1u << sender->bits) - 1);
        assert_int_equal(sender->lpis[message.data], block->intids[i]);
    }
}

/* --- Tests ------------------------------------------------------------------------------------ */

/* N25: numbers of vectors that are no power of two, one after another and with more than before. */
static void tables_are_powers_of_two(void **state)
{
    static const unsigned counts[] = {3, 5, 17, 65, 4, 33, 129, 1, 255, 257};

    (void)state;
    for (unsigned flat = 0; flat < 2; flat++) {
        start_unit(flat != 0, 16, 16);
        for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            struct msi_block *block = take(8, counts[i], counts[i], KERN_SUCCESS);

            assert_int_equal(block->count, counts[i]);
            assert_true(1u << sender_of(8)->bits >= counts[i]);
            assert_delivered(block, 8);
            give_back(block);
            assert_null(sender_of(8));
        }
        stop_unit();
    }
}

/* As many senders as a machine of many buses has, each with a number of its own. */
static void two_hundred_senders(void **state)
{
    static struct msi_block *blocks[200];
    static bool seen[LPI_COUNT];

    (void)state;
    start_unit(false, 16, 16);
    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < 200; i++) {
        blocks[i] = take(8 + 97 * i, 1, 1, KERN_SUCCESS);
        assert_delivered(blocks[i], 8 + 97 * i);
        assert_false(seen[blocks[i]->intids[0] - LPI_FIRST]);
        seen[blocks[i]->intids[0] - LPI_FIRST] = true;
    }
    /* In another order than they came. */
    for (unsigned i = 0; i < 200; i++) {
        give_back(blocks[i * 7 % 200]);
        blocks[i * 7 % 200] = NULL;
    }
    /* All numbers are there again. */
    blocks[0] = take(1, LPI_COUNT, LPI_COUNT, KERN_SUCCESS);
    assert_delivered(blocks[0], 1);
    give_back(blocks[0]);
    stop_unit();
}

/* What its registers say is less than the driver would like. */
static void few_events_and_senders(void **state)
{
    struct msi_block *block;

    (void)state;
    start_unit(true, 6, 8);
    take(256, 1, 1, KERN_NO_SPACE);
    take(255, 65, 65, KERN_NO_SPACE);
    assert_null(sender_of(255));
    block = take(255, 1, 65, KERN_SUCCESS);
    assert_int_equal(block->count, 64);
    assert_delivered(block, 255);
    give_back(block);
    stop_unit();
}

/* More LPIs than there are: fewer, then none, and what was taken for it goes back. */
static void until_none_is_left(void **state)
{
    struct msi_block *first, *second;

    (void)state;
    start_unit(false, 16, 16);
    first = take(8, 1, LPI_COUNT - 4, KERN_SUCCESS);
    second = take(16, 1, 65, KERN_SUCCESS);
    assert_int_equal(second->count, 4);
    assert_delivered(second, 16);
    take(24, 1, 1, KERN_NO_SPACE);
    assert_null(sender_of(24));
    give_back(second);
    take(24, 5, 5, KERN_NO_SPACE);
    assert_null(sender_of(24));
    give_back(first);
    stop_unit();
}

/* One that stops: nobody waits for ever, and its tables stay where it may still read them. */
static void a_stalled_unit(void **state)
{
    struct msi_block *block;
    unsigned commands;

    (void)state;
    start_unit(false, 16, 16);
    block = take(8, 3, 3, KERN_SUCCESS);
    its.stalled = true;
    take(16, 1, 1, KERN_FAILURE);
    assert_true(sim_console_said("no more messages are set up"));
    commands = its.commands;
    take(24, 1, 1, KERN_FAILURE);
    give_back(block);
    its.stalled = false;
    take(32, 1, 1, KERN_FAILURE);
    assert_int_equal(its.commands, commands);
    assert_true(is_marked(sender_of(8)));
    stop_unit();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_powers_of_two), cmocka_unit_test(two_hundred_senders),
        cmocka_unit_test(few_events_and_senders),   cmocka_unit_test(until_none_is_left),
        cmocka_unit_test(a_stalled_unit),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
