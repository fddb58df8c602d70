/* SPDX-License-Identifier: BSD-2-Clause */
/* An SD host controller and a card that keep the rules and insist on them. */
#include "tests/host/drivers/sdhci_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NONE 64u

static void check(const struct sdhci_sim *sim, bool holds)
{
    assert_true(holds || sim->lenient);
}

/* A line that nobody lowers calls for ever. */
static bool is_up(const struct bus_sim *bus)
{
    const struct sdhci_sim *sim = (const struct sdhci_sim *)bus;

    return !sim->lenient && !sim->gone && (sim->status & sim->signal_on) != 0;
}

static void say(struct sdhci_sim *sim, uint32_t status)
{
    sim->status |= status & sim->status_on;
    sim->status |= (status & 0xffff0000u) != 0 ? SDHCI_ERROR : 0;
    sim->bus.pending[0] |= (sim->status & sim->signal_on) != 0;
}

/* --- Transfers -------------------------------------------------------------------------------- */

static void move_piece(const struct sdhci_sim *sim, uint64_t address, uint8_t *bytes,
                       uint64_t length)
{
    check(sim, (address & 3) == 0);
    if ((sim->transfer & SDHCI_MODE_READ) != 0) {
        bus_sim_write(&sim->bus, address, bytes, length);
    } else {
        bus_sim_read(&sim->bus, address, bytes, length);
    }
}

/* Host specification, section 1.13: exactly as many bytes as the command moves. */
static void move_list(const struct sdhci_sim *sim, uint8_t *bytes, uint64_t length)
{
    for (unsigned i = 0; length != 0; i++) {
        struct sdhci_entry entry;
        uint64_t piece;

        bus_sim_read(&sim->bus, sim->list + i * sizeof(entry), &entry, sizeof(entry));
        piece = entry.length == 0 ? 65536 : entry.length;
        check(sim, i < SDHCI_ENTRIES && piece <= length && (piece & 3) == 0);
        check(sim, (entry.flags & ~SDHCI_ENTRY_END) == (SDHCI_ENTRY_VALID | SDHCI_ENTRY_MOVE));
        check(sim, ((entry.flags & SDHCI_ENTRY_END) != 0) == (piece == length));
        if (i == SDHCI_ENTRIES || piece > length) {
            return;
        }
        move_piece(sim, entry.address, bytes, piece);
        bytes += piece;
        length -= piece;
    }
}

static void take(struct sdhci_sim *sim)
{
    const uint32_t mode = SDHCI_MODE_DMA | SDHCI_MODE_COUNT | SDHCI_MODE_STOP | SDHCI_MODE_MULTI;

    bus_sim_expect_barrier(&sim->bus);
    check(sim, !sim->busy && sim->bus.master_on);
    check(sim, (sim->status & ~SDHCI_DONE_COMMAND) == 0); /* or its end would be here already */
    check(sim, (sim->transfer & 0xffff & ~SDHCI_MODE_READ) == mode);
    check(sim, ((sim->transfer & SDHCI_MODE_READ) != 0) == (sim->transfer >> 24 == 18));
    check(sim, (sim->blocks & 0xfff) == SDHCI_BLOCK && (sim->blocks & 0x7000) == 0x7000);
    sim->bytes = (sim->blocks >> 16) * (uint64_t)SDHCI_BLOCK;
    check(sim, sim->bytes != 0 && (sim->by_blocks || sim->argument % SDHCI_BLOCK == 0));
    sim->block = sim->by_blocks ? sim->argument : sim->argument / SDHCI_BLOCK;
    check(sim, sim->bytes / SDHCI_BLOCK <= sim->card_blocks &&
                   sim->block <= sim->card_blocks - sim->bytes / SDHCI_BLOCK);
    check(sim, !sim->is_protected || sim->transfer >> 24 == 18);
    sim->busy = true;
    sim->transfers++;
}

void sdhci_sim_end(struct sdhci_sim *sim, uint32_t status)
{
    sim->busy = false;
    sim->is_dirty = (status & 0xffff0000u) != 0;
    say(sim, status);
}

void sdhci_sim_answer(struct sdhci_sim *sim)
{
    uint8_t *bytes = sim->disk + sim->block * SDHCI_BLOCK;

    assert_true(sim->busy);
    if ((sim->control & 0x18) == SDHCI_CONTROL_ADMA2) {
        move_list(sim, bytes, sim->bytes);
    } else {
        /* It would stop at the boundary, and want to be told to go on. */
        check(sim, (sim->address ^ (sim->address + sim->bytes - 1)) < SDHCI_BOUNDARY);
        move_piece(sim, sim->address, bytes, sim->bytes);
    }
    sdhci_sim_end(sim, SDHCI_DONE_COMMAND | SDHCI_DONE_DATA);
}

/* --- Commands --------------------------------------------------------------------------------- */

#define ADDRESS 0xabcd0000u /* which the card gives itself */

/* What each is asked for (physical layer, section 4.7.4): of those without a row, nothing. */
static uint32_t argument_of(const struct sdhci_sim *sim, unsigned number)
{
    switch (number) {
    case 8:
        return 0x1aa;
    case 41: /* all voltages, and the large kind of who has answered command 8 */
        return 0xff8000u | (sim->is_old ? 0 : 0x40000000u);
    case 7:
    case 9:
        return ADDRESS;
    case 16:
        return SDHCI_BLOCK;
    default:
        return 0;
    }
}

static void answer(struct sdhci_sim *sim, unsigned number)
{
    check(sim, sim->argument == argument_of(sim, number));
    memset(sim->response, 0, sizeof(sim->response));
    switch (number) {
    case 8:
        sim->response[0] = sim->argument;
        break;
    case 9:
        memcpy(sim->response, sim->csd, sizeof(sim->response));
        break;
    case 3:
        sim->response[0] = ADDRESS | 0x500; /* and its state */
        break;
    case 41:
        sim->response[0] = (sim->never_up ? 0 : 0x80000000u) | (sim->by_blocks ? 0x40000000u : 0);
        break;
    }
    say(sim, SDHCI_DONE_COMMAND);
}

static void command(struct sdhci_sim *sim, uint32_t value)
{
    const unsigned number = value >> 24;

    check(sim, (sim->clock & SDHCI_CLOCK_CARD) != 0 && (sim->clock & SDHCI_RESET_LINES) == 0);
    check(sim, (sim->control & SDHCI_CONTROL_POWER) == SDHCI_CONTROL_POWER);
    if (number == 12) {
        check(sim, sim->argument == 0);
        sim->stops++;
        sim->busy = false;
        say(sim, SDHCI_DONE_COMMAND | SDHCI_DONE_DATA); /* which nobody waits for */
        return;
    }
    check(sim, !sim->busy && !sim->is_dirty);
    /* Until the card has an address its clock is slow (physical layer, section 4.2.1). */
    check(sim, number > 8 && number != 41 && number != 55
                   ? true
                   : (sim->clock & 0xff00) == SDHCI_CLOCK_SLOW);
    if (number == sim->silent) {
        sim->owes = sim->is_late;
        return;
    }
    if (number == sim->failing || (number == 8 && sim->is_old)) {
        sim->is_dirty = true;
        say(sim, number == 8 ? 0x10000 : 0x20000);
        return;
    }
    sim->transfer = value;
    if ((value & SDHCI_WITH_DATA << 16) != 0) {
        check(sim, number == 18 || number == 25);
        take(sim);
    } else {
        answer(sim, number);
    }
}

/* --- Registers -------------------------------------------------------------------------------- */

static uint64_t read_register(struct sim_registers *self, uint64_t offset, unsigned width)
{
    struct sdhci_sim *sim = (struct sdhci_sim *)self;

    assert_true(sim->bus.memory_on && width == 4);
    if (sim->gone) {
        return UINT32_MAX;
    }
    switch (offset) {
    case SDHCI_RESPONSE:
    case SDHCI_RESPONSE + 4:
    case SDHCI_RESPONSE + 8:
    case SDHCI_RESPONSE + 12:
        return sim->response[(offset - SDHCI_RESPONSE) / 4];
    case SDHCI_PRESENT:
        if (sim->owes) {
            sim->owes = false;
            say(sim, 0x10000);
        }
        return (sim->is_absent ? 0 : SDHCI_PRESENT_CARD) |
               (sim->is_protected ? 0 : SDHCI_PRESENT_WRITABLE) |
               (sim->busy || sim->always_busy ? SDHCI_PRESENT_BUSY : 0);
    case SDHCI_CLOCK:
        return sim->clock;
    case SDHCI_STATUS:
        return sim->status;
    case SDHCI_CAPABILITIES:
        return sim->capabilities;
    }
    fail_msg("register 0x%llx is read", (unsigned long long)offset);
    return 0;
}

static void set_clock(struct sdhci_sim *sim, uint32_t value)
{
    if ((value & (SDHCI_RESET_ALL | SDHCI_RESET_LINES)) != 0) {
        sim->resets++;
        sim->is_dirty = sim->busy = false;
    }
    if ((value & SDHCI_RESET_ALL) != 0 && !sim->never_reset) {
        sim->signal_on = sim->status_on = sim->status = sim->control = 0;
    }
    value &= ~(sim->never_reset ? 0 : SDHCI_RESET_ALL);
    value &= ~(sim->never_lets_go ? 0 : SDHCI_RESET_LINES);
    value &= ~SDHCI_CLOCK_STABLE;
    if ((value & SDHCI_CLOCK_ON) != 0 && !sim->never_stable) {
        value |= SDHCI_CLOCK_STABLE;
    }
    check(sim, (value & SDHCI_CLOCK_CARD) == 0 || (sim->clock & SDHCI_CLOCK_STABLE) != 0);
    sim->clock = value;
}

static void write_register(struct sim_registers *self, uint64_t offset, uint64_t value64,
                           unsigned width)
{
    struct sdhci_sim *sim = (struct sdhci_sim *)self;
    const uint32_t value = (uint32_t)value64;

    assert_true(sim->bus.memory_on && width == 4);
    if (sim->gone) {
        return;
    }
    switch (offset) {
    case SDHCI_SDMA_ADDRESS:
        sim->address = value;
        return;
    case SDHCI_BLOCKS:
        sim->blocks = value;
        return;
    case SDHCI_ARGUMENT:
        sim->argument = value;
        return;
    case SDHCI_COMMAND:
        command(sim, value);
        return;
    case SDHCI_CONTROL:
        sim->control = value;
        return;
    case SDHCI_CLOCK:
        set_clock(sim, value);
        return;
    case SDHCI_STATUS:
        sim->status &= ~value;
        if ((sim->status & 0xffff0000u) == 0) {
            sim->status &= ~SDHCI_ERROR; /* it is a summary */
        }
        return;
    case SDHCI_STATUS_ON:
        sim->status_on = value;
        return;
    case SDHCI_SIGNAL_ON:
        check(sim, value == 0 || sim->status == 0); /* it would call for what is long over */
        sim->signal_on = value;
        return;
    case SDHCI_ADMA_ADDRESS:
        check(sim, (value & 3) == 0);
        sim->list = value;
        return;
    }
    fail_msg("register 0x%llx is written", (unsigned long long)offset);
}

void sdhci_sim_create(struct sdhci_sim *sim, uint8_t *disk, uint64_t disk_bytes)
{
    *sim = (struct sdhci_sim){
        .capabilities = SDHCI_CAP_ADMA2 | SDHCI_CAP_SDMA,
        .by_blocks = true,
        /* The second kind of CSD: units of 512 KiB, less one. */
        .csd = {0, (uint32_t)(disk_bytes / (512 << 10) - 1) << 8, 0, 1u << 22},
        .card_blocks = disk_bytes / SDHCI_BLOCK,
        .silent = NONE,
        .failing = NONE,
        .disk = disk,
    };
    bus_sim_create(&sim->bus, 0, read_register, write_register);
    sim->bus.vectors = 1;
    sim->bus.is_up = is_up;
}
