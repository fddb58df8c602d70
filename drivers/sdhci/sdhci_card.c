/* SPDX-License-Identifier: BSD-2-Clause */
/* A card from power-on to transfers (physical layer, section 4.2; host, section 3). */
#include "drivers/pci/bus_wait.h"
#include "drivers/sdhci/sdhci_private.h"
#include "kernel/mmio.h"

static uint32_t get(const struct sdhci_card *card, unsigned at)
{
    return mmio_read32(card->registers, at);
}

static void put(struct sdhci_card *card, unsigned at, uint32_t value)
{
    mmio_write32(card->registers, at, value);
}

/* --- The controller --------------------------------------------------------------------------- */

static bool reset(struct sdhci_card *card, uint32_t what)
{
    put(card, SDHCI_CLOCK, (get(card, SDHCI_CLOCK) & 0xffffffu) | what);
    for (unsigned i = 0; i < SDHCI_READS; i++) {
        if ((get(card, SDHCI_CLOCK) & what) == 0) {
            return true;
        }
    }
    return false;
}

bool sdhci_reset_lines(struct sdhci_card *card)
{
    if (!reset(card, SDHCI_RESET_LINES)) {
        return false;
    }
    /* The card may still be sending: nobody listens for the answer. */
    put(card, SDHCI_ARGUMENT, 0);
    put(card, SDHCI_COMMAND, SDHCI_DO(12, SDHCI_ANSWER_BUSY));
    for (unsigned i = 0; i < SDHCI_READS && (get(card, SDHCI_PRESENT) & SDHCI_PRESENT_BUSY) != 0;
         i++) {
        continue;
    }
    put(card, SDHCI_STATUS, get(card, SDHCI_STATUS));
    return reset(card, SDHCI_RESET_LINES);
}

bool sdhci_stop(struct sdhci_card *card)
{
    put(card, SDHCI_SIGNAL_ON, 0);
    return reset(card, SDHCI_RESET_ALL);
}

static bool is_stable(void *context)
{
    return (get(context, SDHCI_CLOCK) & SDHCI_CLOCK_STABLE) != 0;
}

static IOReturn set_clock(struct sdhci_card *card, uint32_t divider)
{
    /* The internal clock first, and the card's when that is steady. */
    put(card, SDHCI_CLOCK, SDHCI_TIMEOUT_MOST | divider | SDHCI_CLOCK_ON);
    if (!bus_wait(is_stable, card, SDHCI_PATIENCE)) {
        return kIOReturnNotResponding;
    }
    put(card, SDHCI_CLOCK, SDHCI_TIMEOUT_MOST | divider | SDHCI_CLOCK_ON | SDHCI_CLOCK_CARD);
    return kIOReturnSuccess;
}

static IOReturn start_controller(struct sdhci_card *card)
{
    const uint32_t capabilities = get(card, SDHCI_CAPABILITIES);

    if (capabilities == UINT32_MAX || !reset(card, SDHCI_RESET_ALL)) {
        return kIOReturnNotResponding;
    }
    card->has_adma2 = (capabilities & SDHCI_CAP_ADMA2) != 0;
    card->has_sdma = (capabilities & SDHCI_CAP_SDMA) != 0;
    if (!card->has_adma2 && !card->has_sdma) {
        return kIOReturnUnsupported;
    }
    put(card, SDHCI_STATUS_ON, 0xffff0000u | SDHCI_DONE_COMMAND | SDHCI_DONE_DATA);
    put(card, SDHCI_CONTROL, SDHCI_CONTROL_POWER);
    return (get(card, SDHCI_PRESENT) & SDHCI_PRESENT_CARD) != 0 ? set_clock(card, SDHCI_CLOCK_SLOW)
                                                                : kIOReturnNoMedia;
}

/* --- Commands without data -------------------------------------------------------------------- */

static bool is_idle(void *context)
{
    return (get(context, SDHCI_PRESENT) & SDHCI_PRESENT_BUSY) == 0;
}

static bool is_done(void *context)
{
    return (get(context, SDHCI_STATUS) & (SDHCI_DONE_COMMAND | SDHCI_ERROR)) != 0;
}

/* *answer (may be NULL): the first word. */
static IOReturn command(struct sdhci_card *card, uint32_t what, uint32_t argument, uint32_t *answer)
{
    uint32_t status;

    if (!bus_wait(is_idle, card, SDHCI_PATIENCE)) {
        return kIOReturnTimeout;
    }
    put(card, SDHCI_STATUS, UINT32_MAX);
    put(card, SDHCI_ARGUMENT, argument);
    put(card, SDHCI_COMMAND, what);
    if (!bus_wait(is_done, card, SDHCI_PATIENCE)) {
        return kIOReturnTimeout;
    }
    status = get(card, SDHCI_STATUS);
    if ((status & SDHCI_ERROR) != 0) {
        reset(card, SDHCI_RESET_LINES);
        return (status & SDHCI_ERROR_TIME) != 0 ? kIOReturnTimeout : kIOReturnIOError;
    }
    if (answer != NULL) {
        *answer = get(card, SDHCI_RESPONSE);
    }
    return kIOReturnSuccess;
}

/* --- The card --------------------------------------------------------------------------------- */

#define VOLTAGES 0xff8000u   /* 2.7 to 3.6 V */
#define LARGE    0x40000000u /* it may have more than 2 GiB, and counts in blocks then */
#define READY    0x80000000u

struct power_up {
    struct sdhci_card *card;
    uint32_t offer, answer;
    IOReturn status;
};

static bool is_up(void *context)
{
    struct power_up *power = context;

    power->status = command(power->card, SDHCI_DO(55, SDHCI_ANSWER), 0, NULL);
    if (power->status == kIOReturnSuccess) {
        power->status =
            command(power->card, SDHCI_DO(41, SDHCI_ANSWER_OCR), power->offer, &power->answer);
    }
    return power->status != kIOReturnSuccess || (power->answer & READY) != 0;
}

static IOReturn power_up(struct sdhci_card *card)
{
    struct power_up power = {.card = card, .offer = VOLTAGES};
    uint32_t echo;
    IOReturn status = command(card, SDHCI_DO(0, SDHCI_NO_ANSWER), 0, NULL);

    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Only a card that knows this may be told of large ones; an older one keeps silent. */
    if (command(card, SDHCI_DO(8, SDHCI_ANSWER), 0x1aa, &echo) == kIOReturnSuccess &&
        (echo & 0xfff) == 0x1aa) {
        power.offer |= LARGE;
    }
    if (!bus_wait(is_up, &power, SDHCI_PATIENCE)) {
        return kIOReturnTimeout;
    }
    card->by_blocks = (power.answer & LARGE) != 0;
    return power.status;
}

/* From the CSD (physical layer, section 5.3), of which the answer lacks the lowest 8 bits. */
static IOReturn read_capacity(struct sdhci_card *card)
{
    const uint32_t low = get(card, SDHCI_RESPONSE + 4), high = get(card, SDHCI_RESPONSE + 8);
    const unsigned version = get(card, SDHCI_RESPONSE + 12) >> 22 & 3;

    if (version == 1) {
        card->blocks = ((uint64_t)(low >> 8 & 0x3fffff) + 1) * 1024;
    } else if (version == 0) {
        const unsigned shift = (low >> 7 & 7) + 2 + (high >> 8 & 0xf);

        card->blocks = ((uint64_t)((high & 3) << 10 | low >> 22) + 1) << shift >> 9;
    } else {
        return kIOReturnUnsupported;
    }
    if (card->blocks == 0) {
        return kIOReturnNoMedia;
    }
    /* By bytes what lies beyond 4 GiB has no name: it would be that of something else. */
    return card->by_blocks || card->blocks <= (1ull << 32) / SDHCI_BLOCK ? kIOReturnSuccess
                                                                         : kIOReturnUnsupported;
}

static IOReturn select(struct sdhci_card *card)
{
    uint32_t answer = 0, address;
    IOReturn status = command(card, SDHCI_DO(2, SDHCI_ANSWER_LONG), 0, NULL);

    if (status == kIOReturnSuccess) {
        status = command(card, SDHCI_DO(3, SDHCI_ANSWER), 0, &answer);
    }
    address = answer & 0xffff0000u;
    if (status == kIOReturnSuccess) {
        status = command(card, SDHCI_DO(9, SDHCI_ANSWER_LONG), address, NULL);
    }
    if (status == kIOReturnSuccess) {
        status = read_capacity(card);
    }
    if (status == kIOReturnSuccess) {
        status = command(card, SDHCI_DO(7, SDHCI_ANSWER_BUSY), address, NULL);
    }
    return status == kIOReturnSuccess ? command(card, SDHCI_DO(16, SDHCI_ANSWER), SDHCI_BLOCK, NULL)
                                      : status;
}

IOReturn sdhci_start_card(struct sdhci_card *card)
{
    IOReturn status = start_controller(card);

    if (status == kIOReturnSuccess) {
        status = power_up(card);
    }
    if (status == kIOReturnSuccess) {
        status = select(card);
    }
    if (status == kIOReturnSuccess) {
        status = set_clock(card, SDHCI_CLOCK_FAST);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    card->read_only = (get(card, SDHCI_PRESENT) & SDHCI_PRESENT_WRITABLE) == 0;
    put(card, SDHCI_STATUS, UINT32_MAX);
    /* From here on ends are told by interrupts: of data alone, or of what went wrong. */
    put(card, SDHCI_SIGNAL_ON, 0xffff0000u | SDHCI_DONE_DATA);
    return kIOReturnSuccess;
}
