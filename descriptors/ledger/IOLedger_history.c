/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has ended, by its owner: who uses a command after its complete shall be told where that
 * was. A place for each of 256 owners, taken over by the next one that falls on it: what is
 * forgotten so is not reported, and nothing wrong is.
 */
#ifdef DEBUG
#include "descriptors/ledger/IOLedger_private.h"

#define PLACES 256

static struct IOLedgerPast past[PLACES];

/* Objects are multiples of 16 apart, and not of much more. */
static struct IOLedgerPast *place_of(const void *owner)
{
    return &past[((uintptr_t)owner >> 4 ^ (uintptr_t)owner >> 12) % PLACES];
}

void IOLedger_remember(const void *owner)
{
    struct IOLedgerPast *const place = place_of(owner);

    place->owner = owner;
    IOLedger_here(&place->ended);
}

void IOLedger_forget(const void *owner)
{
    struct IOLedgerPast *const place = place_of(owner);

    if (place->owner == owner) {
        place->owner = NULL;
    }
}

const struct IOLedgerPast *IOLedger_recall(const void *owner)
{
    const struct IOLedgerPast *const place = place_of(owner);

    return place->owner == owner ? place : NULL;
}
#endif
