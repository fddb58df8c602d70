/* SPDX-License-Identifier: BSD-2-Clause */
/* Answering a request with a map that exists, so that alike requests cost no new tables. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOAssert.h"

static bool has_cache(const IOMemoryMap *self, unsigned cache)
{
    return platform_map_has_cache(self->map, IOMemoryMap_firstPage(self),
                                  IOMemoryMap_pageBytes(self), cache);
}

/*
 * Is this the mode in which the pages are seen now? Several modes look the same there; the
 * one that was asked for tells them apart as long as nobody has changed it since.
 */
static bool is_seen_in(const IOMemoryMap *self, unsigned cache)
{
    if (self->recorded || (self->cache != kIODefaultCache && has_cache(self, self->cache))) {
        return cache == self->cache;
    }
    return has_cache(self, cache);
}

/* Would the bytes be seen in the same way? */
static bool looks_alike(const IOMemoryMap *self, const IOMemoryMap *request)
{
    const unsigned cache = (request->options & kIOMapCacheMask) >> kIOMapCacheShift;

    return ((self->options ^ request->options) & kIOMapReadOnly) == 0 &&
           IOMemoryMap_guardSize(self->options) == IOMemoryMap_guardSize(request->options) &&
           (cache == kIODefaultCache || is_seen_in(self, cache));
}

/*
 * Inside the bytes, and at the address that is asked for: a borrower has no view of its own that
 * could be put elsewhere.
 */
static bool covers(const IOMemoryMap *self, const IOMemoryMap *request)
{
    const uint64_t skip = request->offset - self->offset;

    if (request->offset < self->offset || skip > self->length ||
        request->length > self->length - skip) {
        return false;
    }
    return (request->options & kIOMapAnywhere) != 0 || request->address == self->address + skip;
}

bool (*IOMemoryMap_isAtHome)(const IOMemoryMap *self);

/* What most maps are not asked. */
static __attribute__((noinline)) bool may_share(const IOMemoryMap *self)
{
    if ((self->options & (kIOMapUnique | IOMAP_PART)) != 0) {
        return false;
    }
    return self->recorded || (self->memory->flags & kIOMemoryPersistent) == 0 ||
           IOMemoryMap_isAtHome(self);
}

IOMemoryMap *IOMemoryMap_copyCompatible(IOMemoryMap *self, IOMemoryMap *request)
{
    if (self == NULL || request == NULL || !self->mapped || request->mapped ||
        request->map != self->map || self->outlived || !covers(self, request) ||
        !looks_alike(self, request) ||
        ((self->options & (kIOMapUnique | IOMAP_PART | kIOMapStatic)) != 0 && !may_share(self))) {
        return NULL;
    }
    if (self->length != request->length && self->superMap != NULL) {
        return NULL; /* what it borrows from covers the request too */
    }
    /* Its last release may have begun: then it is nobody's to hand out. */
    if (!OSObject_taggedTryRetain(self, NULL)) {
        return NULL;
    }
    if (self->length == request->length) {
        return self;
    }
    /* The retain above is the borrower's: the view lives as long as somebody looks through it. */
    IOASSERT(request->superMap == NULL && request->pins == NULL && request->parts == NULL);
    request->superMap = self;
    request->nextBorrower = self->borrowers;
    request->borrowerLink = &self->borrowers;
    if (request->nextBorrower != NULL) {
        request->nextBorrower->borrowerLink = &request->nextBorrower;
    }
    self->borrowers = request;
    request->address = self->address + (request->offset - self->offset);
    request->cache = self->cache;
    request->mapped = true;
    if ((self->options & kIOMapStatic) != 0) { /* so is what is part of it */
        request->options |= kIOMapStatic;
        request->recorded = self->recorded;
    }
    IOMemoryMap_checkBorrowers(self);
    return request;
}
