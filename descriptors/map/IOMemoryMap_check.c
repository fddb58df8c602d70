/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of a map and those that borrow from it; debug builds only. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOAssert.h"

#ifdef DEBUG

static _Noreturn void damaged(const char *what, const IOMemoryMap *borrower)
{
    platform_fatal("IOMemoryMap: %s, borrower %p", what, (const void *)borrower);
}

static void check_borrower(const IOMemoryMap *self, const IOMemoryMap *borrower)
{
    const uint64_t skip = borrower->address - self->address;

    /* A borrower keeps alive only the map that it names: this one could end with it on the list. */
    if (borrower->superMap != self) {
        damaged("a borrower from another map", borrower);
    }
    if (!borrower->mapped || borrower->map != self->map) {
        damaged("a borrower that is not mapped there", borrower);
    }
    /* Its address is all it has of its own: outside, it would show other memory. */
    if (skip > self->length || borrower->length > self->length - skip) {
        damaged("a borrower outside the map", borrower);
    }
}

void IOMemoryMap_checkBorrowers(const IOMemoryMap *self)
{
    const IOMemoryMap *borrower = self->borrowers;

    for (unsigned i = 0; borrower != NULL && i < IOCHECK_MOST; i++) {
        check_borrower(self, borrower);
        borrower = borrower->nextBorrower;
    }
}

#endif
