/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The drivers of SD and SATA controllers against ones that answer anything at all: any register
 * holds anything at any look, interrupts come at any time, and what the driver shares with the
 * device is written over. Whatever it does, each transfer that was taken ends once and only
 * once, every call returns in its time, and nothing is left over.
 *
 * WRITES: how many lies of the device (20,000); SEED: which ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/ahci_sim.h"
#include "tests/host/drivers/client.h"
#include "tests/host/drivers/sdhci_sim.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define TRANSFERS 12u
#define PATIENCE  20000000000ull /* nanoseconds that no call may take */

static union {
    struct bus_sim bus; /* of either */
    struct ahci_sim ahci;
    struct sdhci_sim sdhci;
} device;

static uint8_t content[4u << 20];
static struct ahci_controller *controller;
static struct sdhci_card *card;
static union {
    struct ahci_transfer ahci;
    struct sdhci_transfer sdhci;
} transfers[TRANSFERS];
static IODMACommand *commands[TRANSFERS];
static bool outstanding[TRANSFERS];
static uint64_t lies, taken, ended;
static unsigned malice; /* of 256: how likely a lie is where one can be told */
static uint64_t (*honest)(struct sim_registers *self, uint64_t offset, unsigned width);

static bool chance(unsigned of_256)
{
    return client_random(256) < of_256;
}

/* --- The kinds -------------------------------------------------------------------------------- */

struct kind {
    void (*create)(void);
    IOReturn (*open)(void);
    IOService *(*service)(void); /* NULL: nothing that can be used was found */
    void (*close)(void);
    IODMACommand *(*command)(unsigned index);
    void (*seek)(unsigned index);
    bool (*is_busy)(void); /* it has something to answer */
    void (*end)(bool well);
    void (*scribble)(void); /* on what it shares with the driver */
};

static void ahci_create(void)
{
    ahci_sim_create(&device.ahci, content, sizeof(content));
    device.ahci.lenient = true;
}

static IOReturn ahci_open_it(void)
{
    IOReturn status;

    controller = ahci_open(bus_sim_function, &status);
    return status;
}

static IOService *ahci_service(void)
{
    struct ahci_disk *disk = ahci_get(0);

    return disk != NULL ? ahci_get_service(disk) : NULL;
}

static void ahci_close_it(void)
{
    ahci_close(controller);
}

static IODMACommand *ahci_command(unsigned index)
{
    return ahci_create_command(ahci_get(0), NULL, kMapped, &transfers[index].ahci);
}

static void ahci_seek(unsigned index)
{
    transfers[index].ahci.block = client_random(8192);
}

static bool ahci_is_busy(void)
{
    return device.ahci.ports[0].busy;
}

static void ahci_end(bool well)
{
    ahci_sim_end(&device.ahci, well ? 1 : 0x40000000u, (uint32_t)device.ahci.ports[0].bytes);
}

static void ahci_scribble(void)
{
    struct ahci_disk *disk = ahci_get(0);
    uint32_t *words;

    if (disk != NULL) {
        words = disk->memory.bytes;
        words[chance(128) ? 1 : client_random(sizeof(struct ahci_shared) / 4)] =
            chance(128) ? 0 : (uint32_t)client_random(UINT32_MAX);
    }
}

static void sdhci_create(void)
{
    sdhci_sim_create(&device.sdhci, content, sizeof(content));
    device.sdhci.lenient = true;
}

static IOReturn sdhci_open_it(void)
{
    IOReturn status;

    card = sdhci_open(bus_sim_function, &status);
    return status;
}

static IOService *sdhci_service(void)
{
    return card != NULL ? sdhci_get_service(card) : NULL;
}

static void sdhci_close_it(void)
{
    sdhci_close(card);
}

static IODMACommand *sdhci_command(unsigned index)
{
    return sdhci_create_command(card, chance(128) ? SDHCI_ADMA2 : SDHCI_SDMA, NULL, kMapped,
                                &transfers[index].sdhci);
}

static void sdhci_seek(unsigned index)
{
    transfers[index].sdhci.block = client_random(8192);
}

static bool sdhci_is_busy(void)
{
    return device.sdhci.busy;
}

static void sdhci_end(bool well)
{
    sdhci_sim_end(&device.sdhci, well ? SDHCI_DONE_DATA : 0x00200000u);
}

static void sdhci_scribble(void)
{
    if (card != NULL && card->list.bytes != NULL) {
        ((uint32_t *)card->list.bytes)[client_random(2 * SDHCI_ENTRIES)] =
            chance(128) ? 0 : (uint32_t)client_random(UINT32_MAX);
    }
}

static const struct kind kinds[] = {
    {ahci_create, ahci_open_it, ahci_service, ahci_close_it, ahci_command, ahci_seek, ahci_is_busy,
     ahci_end, ahci_scribble},
    {sdhci_create, sdhci_open_it, sdhci_service, sdhci_close_it, sdhci_command, sdhci_seek,
     sdhci_is_busy, sdhci_end, sdhci_scribble},
};
static const struct kind *kind;

/* --- The device ------------------------------------------------------------------------------- */

static uint64_t lie(struct sim_registers *self, uint64_t offset, unsigned width)
{
    const uint64_t truth = honest(self, offset, width);

    if (malice == 0 || !chance(malice)) {
        return truth;
    }
    lies++;
    kind->scribble();
    switch (client_random(4)) {
    case 0:
        return (uint32_t)client_random(UINT32_MAX);
    case 1:
        return chance(128) ? UINT32_MAX : 0;
    default:
        return truth ^ 1u << client_random(32);
    }
}

/* --- The client ------------------------------------------------------------------------------- */

static void take_ends(void)
{
    client_end_count = 0;
    IOWorkLoop_runEventSources(client_loop);
    for (unsigned i = 0; i < client_end_count; i++) {
        unsigned which = 0;

        while (which < TRANSFERS && commands[which] != client_ends[i].command) {
            which++;
        }
        assert_true(which < TRANSFERS && outstanding[which]);
        assert_true(client_ends[i].bytes <= IOMemoryDescriptor_getLength(whole));
        outstanding[which] = false;
        ended++;
    }
}

static void start_some(void)
{
    for (unsigned left = 1 + (unsigned)client_random(TRANSFERS); left != 0; left--) {
        const unsigned i = (unsigned)client_random(TRANSFERS);

        if (outstanding[i]) {
            continue;
        }
        kind->seek(i);
        if (client_start(0, commands[i], chance(128) ? kIODirectionIn : kIODirectionOut,
                         512 * (1 + client_random(chance(32) ? 3000 : 40)),
                         0) == kIOReturnSuccess) {
            outstanding[i] = true;
            taken++;
        }
    }
}

static void step(void)
{
    const uint64_t start = sim_time;

    switch (client_random(8)) {
    case 0 ... 2:
        start_some();
        break;
    case 3 ... 5:
        for (unsigned i = 0; i < 10 && kind->is_busy(); i++) {
            kind->end(!chance(32));
            bus_sim_interrupt(&device.bus);
        }
        break;
    case 6:
        device.bus.pending[0] = true;
        bus_sim_interrupt(&device.bus);
        break;
    default:
        if (chance(32)) {
            const bool waits = chance(128);

            IODMAEventSource_stopDMACommand(client_sources[0], waits, waits ? 500000 : UINT64_MAX);
        }
        break;
    }
    take_ends();
    assert_true(sim_time - start <= PATIENCE);
    assert_true(sim_irq_masked == 0 && !sim_in_handler);
}

/* It keeps the rules from now on: what is under way ends. */
static void make_peace(void)
{
    malice = 0;
    IODMAEventSource_stopDMACommand(client_sources[0], false, UINT64_MAX);
    take_ends();
    for (unsigned i = 0; i < TRANSFERS; i++) {
        assert_false(outstanding[i]);
    }
}

static void live(void)
{
    static const unsigned malices[] = {0, 1, 4, 20, 80};
    const unsigned steps = 20 + (unsigned)client_random(200);
    const bool from_the_start = chance(64);
    const struct holdings before = holdings_now();
    IOReturn status;

    kind = &kinds[client_random(2)];
    kind->create();
    honest = device.bus.registers.read;
    device.bus.registers.read = lie;
    malice = from_the_start ? malices[1 + client_random(3)] : 0;
    status = kind->open();
    assert_true(from_the_start || status == kIOReturnSuccess);
    if (status != kIOReturnSuccess) {
        malice = 0;
        return;
    }
    if (kind->service() != NULL) {
        client_attach(kind->service(), 1);
        for (unsigned i = 0; i < TRANSFERS; i++) {
            commands[i] = kind->command(i);
            if (commands[i] == NULL) { /* it is said to have another way alone */
                assert_true(from_the_start && kind == &kinds[1]);
                i--;
                continue;
            }
            client_prepare(commands[i], chance(128) ? odd : whole, 0, 512 * 3000);
        }
        malice = malices[client_random(5)];
        for (unsigned i = 0; i < steps; i++) {
            step();
        }
        make_peace();
        for (unsigned i = 0; i < TRANSFERS; i++) {
            client_drop(commands[i]);
        }
        client_detach();
    }
    malice = 0;
    kind->close();
    /* While it is opened a port may not stop, and keep its memory. */
    assert_true(sim_holds(&before) || from_the_start);
}

static void any_answers_at_all(void **state)
{
    const uint64_t budget = getenv("WRITES") != NULL ? strtoull(getenv("WRITES"), NULL, 0) : 20000;
    unsigned lives = 0;

    (void)state;
    while (lies < budget) {
        live();
        lives++;
    }
    assert_true(taken == ended && taken > lives);
    print_message("# %llu lies in %u lives, %llu transfers taken and ended\n",
                  (unsigned long long)lies, lives, (unsigned long long)taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_answers_at_all),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
