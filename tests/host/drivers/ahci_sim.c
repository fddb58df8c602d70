/* SPDX-License-Identifier: BSD-2-Clause */
/* An AHCI controller that keeps the rules and insists on them. */
#include "tests/host/drivers/ahci_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/sim/sim_irq.h"

static uint64_t wide(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

static void check(const struct ahci_sim *sim, bool holds)
{
    assert_true(holds || sim->lenient);
}

/* A line that nobody lowers calls for ever. */
static bool is_up(const struct bus_sim *bus)
{
    const struct ahci_sim *sim = (const struct ahci_sim *)bus;

    return !sim->lenient && !sim->gone && (sim->control & AHCI_GHC_IE) != 0 && sim->status != 0;
}

/* What a link says as it comes up, and keeps until somebody has read it. */
static void come_up(struct ahci_sim_port *port)
{
    port->errors = 1u << 26;
    port->status = 0x08000041;
}

/* --- Commands --------------------------------------------------------------------------------- */

static struct ahci_head head_of(const struct ahci_sim *sim, const struct ahci_sim_port *port)
{
    struct ahci_head head;

    bus_sim_read(&sim->bus, wide(port->lists, port->lists_high), &head, sizeof(head));
    return head;
}

static void put_moved(const struct ahci_sim *sim, const struct ahci_sim_port *port, uint32_t moved)
{
    bus_sim_write(&sim->bus,
                  wide(port->lists, port->lists_high) + offsetof(struct ahci_head, moved), &moved,
                  sizeof(moved));
}

/* Section 4.2.3: exactly as many bytes as the command moves. */
static void move(const struct ahci_sim *sim, const struct ahci_sim_port *port, uint8_t *bytes,
                 uint64_t length, bool writes)
{
    const struct ahci_head head = head_of(sim, port);
    const uint64_t table = wide(head.table, head.table_high) + 128;
    const unsigned count = head.flags >> 16;

    check(sim, count != 0 && count <= AHCI_PIECES);
    for (unsigned i = 0; i < count; i++) {
        struct ahci_entry entry;
        uint64_t piece;

        bus_sim_read(&sim->bus, table + i * sizeof(entry), &entry, sizeof(entry));
        piece = (uint64_t)entry.length + 1;
        check(sim, (entry.address & 1) == 0 && (entry.length & 1) == 1);
        check(sim, piece <= AHCI_PIECE_MAX && piece <= length);
        check(sim, sim->wide || entry.address_high == 0);
        if (piece > length) {
            return;
        }
        if (writes) {
            bus_sim_read(&sim->bus, wide(entry.address, entry.address_high), bytes, piece);
        } else {
            bus_sim_write(&sim->bus, wide(entry.address, entry.address_high), bytes, piece);
        }
        bytes += piece;
        length -= piece;
    }
    check(sim, length == 0);
}

static void interrupt(struct ahci_sim *sim, unsigned number, uint32_t causes)
{
    struct ahci_sim_port *port = &sim->ports[number];

    port->status |= causes;
    if (causes != 0 && (port->command & AHCI_CMD_FR) != 0) {
        static const uint8_t answer[20] = {0x34};

        bus_sim_write(&sim->bus, wide(port->received, port->received_high) + 0x40, answer,
                      sizeof(answer));
    }
    if ((port->status & port->enabled) != 0) {
        sim->status |= 1u << number;
    }
    sim->bus.pending[0] |= (sim->control & AHCI_GHC_IE) != 0 && sim->status != 0;
}

static void identify(struct ahci_sim *sim, unsigned number)
{
    struct ahci_sim_port *port = &sim->ports[number];
    uint16_t words[256] = {[83] = port->is_old ? 0 : 1 << 10};

    if (port->is_silent) {
        return;
    }
    if (port->fails_to_say) {
        interrupt(sim, number, 0x40000000);
        return;
    }
    memcpy(&words[100], &port->blocks, sizeof(port->blocks));
    for (unsigned i = 0; i < AHCI_SERIAL_LENGTH; i++) {
        const size_t length = strlen(port->serial);

        ((uint8_t *)&words[10])[i ^ 1] = i < length ? (uint8_t)port->serial[i] : ' ';
    }
    move(sim, port, (uint8_t *)words, sizeof(words), false);
    put_moved(sim, port, sizeof(words) - port->says_less);
    port->issued = 0;
    interrupt(sim, number, 1);
}

/* Serial ATA, section 10.5.5, and the head of section 4.2.2. */
static void take(struct ahci_sim *sim, unsigned number)
{
    struct ahci_sim_port *port = &sim->ports[number];
    const struct ahci_head head = head_of(sim, port);
    uint8_t fis[20];

    bus_sim_expect_barrier(&sim->bus);
    check(sim, (port->command & AHCI_CMD_ST) != 0 && head.moved.value == 0);
    check(sim, (head.flags & 0x1f) == AHCI_HEAD_FIS && (head.table & 127) == 0);
    bus_sim_read(&sim->bus, wide(head.table, head.table_high), fis, sizeof(fis));
    check(sim, fis[0] == 0x27 && fis[1] == 0x80);
    if (fis[2] == AHCI_IDENTIFY) {
        identify(sim, number);
        return;
    }
    check(sim, number == 0 && fis[7] == 0x40 && (fis[2] == AHCI_READ || fis[2] == AHCI_WRITE));
    check(sim, ((head.flags & AHCI_HEAD_WRITES) != 0) == (fis[2] == AHCI_WRITE));
    check(sim, !port->busy);
    port->busy = true;
    port->transfers++;
    port->writes = fis[2] == AHCI_WRITE;
    port->block = fis[4] | fis[5] << 8 | fis[6] << 16 | (uint64_t)fis[8] << 24 |
                  (uint64_t)fis[9] << 32 | (uint64_t)fis[10] << 40;
    port->bytes = (fis[12] | fis[13] << 8) * 512ull;
    port->bytes = port->bytes == 0 ? 65536 * 512ull : port->bytes;
    check(sim,
          port->bytes / 512 <= port->blocks && port->block <= port->blocks - port->bytes / 512);
}

void ahci_sim_end(struct ahci_sim *sim, uint32_t causes, uint32_t moved)
{
    struct ahci_sim_port *port = &sim->ports[0];

    put_moved(sim, port, moved);
    if ((causes & AHCI_IS_ERRORS) == 0) {
        port->issued = 0;
        port->busy = false;
    }
    interrupt(sim, 0, causes);
}

void ahci_sim_answer(struct ahci_sim *sim)
{
    struct ahci_sim_port *port = &sim->ports[0];

    assert_true(port->busy);
    move(sim, port, sim->disk + port->block * 512, port->bytes, port->writes);
    ahci_sim_end(sim, 1, (uint32_t)port->bytes);
}

/* --- Registers -------------------------------------------------------------------------------- */

static uint32_t read_port(struct ahci_sim *sim, struct ahci_sim_port *port, unsigned at)
{
    const bool down = (port->link_control & 0xf) != 0 || (port->link_stays_down && port->resets);

    switch (at) {
    case AHCI_PxIS:
        return port->status;
    case AHCI_PxIE:
        return port->enabled;
    case AHCI_PxCMD:
        return port->command;
    case AHCI_PxTFD:
        return port->busy || port->is_always_busy ? 0x80 : 0x50;
    case AHCI_PxSIG:
        return port->is_optical ? 0xeb140101u : AHCI_SIG_DISK;
    case AHCI_PxSSTS:
        return port->has_disk && !down ? 0x113 : 0;
    case AHCI_PxCI:
        return port->issued;
    }
    check(sim, false);
    return 0;
}

static uint64_t read_register(struct sim_registers *self, uint64_t offset, unsigned width)
{
    struct ahci_sim *sim = (struct ahci_sim *)self;

    assert_true(sim->bus.memory_on && width == 4);
    if (sim->goes_after != 0 && --sim->goes_after == 0) {
        sim->gone = true;
    }
    if (sim->gone) {
        return UINT32_MAX;
    }
    if (offset >= AHCI_PORT(0)) {
        const unsigned number = (unsigned)(offset - AHCI_PORT(0)) / 0x80;

        check(sim, (sim->control & AHCI_GHC_AE) != 0);
        check(sim, number < AHCI_SIM_PORTS);
        return number < AHCI_SIM_PORTS ? read_port(sim, &sim->ports[number], offset & 0x7f) : 0;
    }
    switch (offset) {
    case AHCI_CAP:
        return sim->wide ? AHCI_CAP_WIDE : 0;
    case AHCI_GHC:
        return sim->control;
    case AHCI_IS:
        return sim->status;
    case AHCI_PORTS:
        return (1u << AHCI_SIM_PORTS) - 1;
    }
    fail_msg("register 0x%llx is read", (unsigned long long)offset);
    return 0;
}

/* Sections 10.3.1 and 10.3.2. */
static void command(struct ahci_sim *sim, unsigned number, uint32_t value)
{
    struct ahci_sim_port *port = &sim->ports[number];
    const uint32_t before = port->command;
    uint32_t running = before & (AHCI_CMD_CR | AHCI_CMD_FR);

    if ((value & AHCI_CMD_ST) != 0) {
        check(sim, (value & AHCI_CMD_FRE) != 0 && (running & AHCI_CMD_FR) != 0);
        check(sim, !port->busy && (wide(port->lists, port->lists_high) & 1023) == 0);
        /* Section 10.1.2: what came before is not its own. */
        check(sim, (running & AHCI_CMD_CR) != 0 || (port->errors == 0 && port->status == 0));
        running |= port->never_starts ? 0 : AHCI_CMD_CR;
    } else if (!port->never_stops) {
        running &= ~AHCI_CMD_CR;
        port->issued = 0;
        if (sim->rings_at_stop == number + 1) {
            /* What shares its line does, while it says that each of its disks has something. */
            sim->status = UINT32_MAX >> (32 - AHCI_SIM_PORTS);
            sim->bus.pending[0] = true;
            bus_sim_interrupt(&sim->bus);
        }
    }
    if ((value & AHCI_CMD_FRE) != 0) {
        check(sim, (wide(port->received, port->received_high) & 255) == 0);
        running |= port->never_receives ? 0 : AHCI_CMD_FR;
    } else {
        check(sim, (running & AHCI_CMD_CR) == 0);
        running &= ~AHCI_CMD_FR;
    }
    port->command = (value & ~(AHCI_CMD_CR | AHCI_CMD_FR)) | running;
}

static void write_port(struct ahci_sim *sim, unsigned number, unsigned at, uint32_t value)
{
    struct ahci_sim_port *port = &sim->ports[number];
    const bool stopped = (port->command & (AHCI_CMD_CR | AHCI_CMD_FR)) == 0;

    switch (at) {
    case AHCI_PxCLB:
    case AHCI_PxCLBU:
        check(sim, stopped);
        *(at == AHCI_PxCLB ? &port->lists : &port->lists_high) = value;
        return;
    case AHCI_PxFB:
    case AHCI_PxFBU:
        check(sim, stopped);
        *(at == AHCI_PxFB ? &port->received : &port->received_high) = value;
        return;
    case AHCI_PxIS:
        port->status &= ~value;
        return;
    case AHCI_PxIE:
        port->enabled = value;
        port->was_enabled |= value != 0;
        interrupt(sim, number, 0);
        return;
    case AHCI_PxCMD:
        command(sim, number, value);
        return;
    case AHCI_PxSCTL:
        check(sim, (port->command & AHCI_CMD_CR) == 0); /* section 10.4.2 */
        if ((port->link_control & 0xf) == 0 && (value & 0xf) == 1) {
            port->resets++;
            port->busy = false;
            port->reset_at = sim_time;
            come_up(port);
        }
        /* As long as the link takes to notice (section 10.4.2). */
        check(sim, (value & 0xf) == 1 || sim_time - port->reset_at >= 1000000);
        port->link_control = value;
        return;
    case AHCI_PxSERR:
        port->errors &= ~value;
        return;
    case AHCI_PxCI:
        check(sim, value == 1 && (port->issued == 0));
        port->issued = value;
        take(sim, number);
        return;
    }
    check(sim, false);
}

static void write_register(struct sim_registers *self, uint64_t offset, uint64_t value,
                           unsigned width)
{
    struct ahci_sim *sim = (struct ahci_sim *)self;

    assert_true(sim->bus.memory_on && width == 4);
    if (sim->gone) {
        check(sim, offset != AHCI_IS || value != UINT32_MAX); /* which are no causes */
        return;
    }
    if (offset >= AHCI_PORT(0)) {
        const unsigned number = (unsigned)(offset - AHCI_PORT(0)) / 0x80;

        check(sim, (sim->control & AHCI_GHC_AE) != 0);
        check(sim, number < AHCI_SIM_PORTS);
        if (number < AHCI_SIM_PORTS) {
            write_port(sim, number, offset & 0x7f, (uint32_t)value);
        }
        return;
    }
    switch (offset) {
    case AHCI_GHC:
        check(sim, (value & AHCI_GHC_AE) != 0);
        if ((value & AHCI_GHC_RESET) != 0) {
            check(sim, (sim->control & AHCI_GHC_AE) != 0);
            value = sim->never_reset ? value : 0;
        }
        sim->control = (uint32_t)value;
        interrupt(sim, 0, 0);
        return;
    case AHCI_IS:
        check(sim, value != 0); /* each store is an exit of a guest: none for nothing */
        sim->status &= ~(uint32_t)value;
        for (unsigned i = 0; i < AHCI_SIM_PORTS; i++) {
            interrupt(sim, i, 0); /* what a port has still is there again */
        }
        return;
    }
    fail_msg("register 0x%llx is written", (unsigned long long)offset);
}

void ahci_sim_create(struct ahci_sim *sim, uint8_t *disk, uint64_t disk_bytes)
{
    *sim = (struct ahci_sim){
        .wide = true,
        .ports = {{.has_disk = true, .blocks = disk_bytes / 512, .serial = "simulated"},
                  {.has_disk = true, .is_optical = true}},
        .disk = disk,
    };
    for (unsigned i = 0; i < AHCI_SIM_PORTS; i++) {
        struct ahci_sim_port *port = &sim->ports[i];

        /* As somebody has left it. */
        port->lists = port->received = 0xffffff00;
        port->lists_high = port->received_high = 0xffff;
        come_up(port);
    }
    bus_sim_create(&sim->bus, AHCI_BAR, read_register, write_register);
    sim->bus.vectors = 1;
    sim->bus.is_up = is_up;
}
