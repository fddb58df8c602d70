/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ledger hears of a preparation: whose bytes they are, and what the device may do. */
#ifdef DEBUG
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/ledger/IOLedger.h"

static bool tell_run(void *context, uint64_t address, uint64_t length)
{
    IOLedger_covers(context, address, length);
    return true;
}

void IODMACommand_tellPrepared(IODMACommand *self, bool filled)
{
    const struct IOLedgerClaim claim = {
        .owner = self,
        .memory = self->memory,
        .length = self->length,
        .writes = self->direction != kIODirectionOut,
        .isCopied = IODMACommand_bounces(self),
        .isFilled = filled,
        .isNonCoherent = IODMACommand_isNonCoherent(self),
    };

    /* Who only lists addresses moves nothing, and may not even have any here. */
    if ((self->spec.options & kIODMAMapOptionIterateOnly) == 0 && IOLedger_prepared(&claim)) {
        /* Where they are at home: a copy is nobody else's anyway. */
        IODMACommand_walkHost(self->memory, self->offset, self->length, tell_run, self);
    }
}
#endif
