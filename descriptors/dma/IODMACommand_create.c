/* SPDX-License-Identifier: BSD-2-Clause */
/* Specifications: judged as a whole before anything of them is kept. */
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/object/IORefuse.h"

#define OPTIONS_DOCUMENTED 40 /* bytes: what the documentation has */
#define OPTIONS_EXTENDED   56 /* with this project's two fields */
#define OPTION_BITS                                                                                \
    (kIODMAMapOptionTypeMask | kIODMAMapOptionNoCacheStore | kIODMAMapOptionOnChip |               \
     kIODMAMapOptionIterateOnly | kIODMAMapOptionDextOwner | kIODMAMapOptionStrict)
#define BITS_LEAST PAGE_SHIFT /* a device that cannot address one page is no device */

_Static_assert(sizeof(IODMACommand_SegmentOptions) == OPTIONS_EXTENDED, "as its size says");
_Static_assert(offsetof(IODMACommand_SegmentOptions, fSegmentBoundary) == OPTIONS_DOCUMENTED,
               "the extension follows the documented part");

static bool is_32_bit(IODMACommand_SegmentFunction output)
{
    return output == IODMACommand_OutputHost32 || output == IODMACommand_OutputBig32 ||
           output == IODMACommand_OutputLittle32;
}

static uint64_t or_one(uint64_t value)
{
    return value == 0 ? 1 : value;
}

/* The address bits: 0 is none, unless the function has no more than 32 to give. */
static bool choose_bits(IODMACommand_SegmentFunction output, uint8_t asked, uint8_t *bits)
{
    if (is_32_bit(output)) {
        /*
         * An entry of 32 bits is a limit whatever the client says: higher memory is bounced, and
         * not cut.
         */
        *bits = asked == 0 ? 32 : asked;
        return *bits <= 32 && *bits >= BITS_LEAST;
    }
    *bits = asked;
    return asked == 0 || (asked >= BITS_LEAST && asked <= 64);
}

/* The six fields and the extension as limits; alignments as masks. */
static IOReturn make_limits(struct IODMALimits *limits, IODMACommand_SegmentFunction output,
                            const IODMACommand_SegmentOptions *asked, uint8_t bits)
{
    const bool extended = asked->fStructSize == OPTIONS_EXTENDED;
    const uint64_t first = or_one(asked->fAlignment);
    const uint64_t size = or_one(asked->fAlignmentLength);
    const uint64_t start =
        /* Unsaid, inner segments are as the first: a device with one rule states it once. */
        asked->fAlignmentInternalSegments == 0 ? first : asked->fAlignmentInternalSegments;
    const uint64_t end = or_one(extended ? asked->fAlignmentInternalEnd : 0);
    const uint64_t boundary = extended ? asked->fSegmentBoundary : 0;
    const uint64_t unit = (first - 1) | (size - 1) | (start - 1) | (end - 1);
    const uint64_t longest = asked->fMaxSegmentSize == 0 ? UINT64_MAX : asked->fMaxSegmentSize;

    if (IOREFUSE(!is_power_of_two(first), "fAlignment %llu is no power of two", IOULL(first)) ||
        IOREFUSE(!is_power_of_two(size), "fAlignmentLength %llu is no power of two", IOULL(size)) ||
        IOREFUSE(!is_power_of_two(start), "fAlignmentInternalSegments %llu is no power of two",
                 IOULL(start)) ||
        IOREFUSE(!is_power_of_two(end), "fAlignmentInternalEnd %llu is no power of two",
                 IOULL(end))) {
        return kIOReturnBadArgument;
    }
    if (IOREFUSE(longest < size || longest < start || longest < end,
                 "fMaxSegmentSize %llu is less than an alignment (length %llu, inner segments "
                 "%llu, inner ends %llu)",
                 IOULL(longest), IOULL(size), IOULL(start), IOULL(end))) {
        return kIOReturnBadArgument; /* no interior cut could be made */
    }
    /* Coarser than every alignment, or a segment that obeys the one could never obey the other. */
    if (IOREFUSE(boundary != 0 &&
                     (!is_power_of_two(boundary) || boundary < 8 || boundary < unit + 1),
                 "fSegmentBoundary %llu is no power of two, or less than 8 or than the largest "
                 "alignment, %llu",
                 IOULL(boundary), IOULL(unit + 1))) {
        return kIOReturnBadArgument;
    }
    if (IOREFUSE(extended && asked->fReserved1 != 0, "fReserved1 is not 0")) {
        return kIOReturnBadArgument;
    }
    /* No address but 0 would be a multiple of that alignment. */
    if (IOREFUSE(bits != 0 && bits < 64 && unit >> bits != 0,
                 "with %u address bits only 0 is a multiple of the alignment %llu", bits,
                 IOULL(unit + 1))) {
        return kIOReturnBadArgument;
    }
    /* Of 64 bits there is no limit, and no shift either: by 64 it would be undefined. */
    *limits = (struct IODMALimits){
        .highest = bits == 0 || bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1,
        .longest = longest,
        .transfer = asked->fMaxTransferSize == 0 ? UINT64_MAX : asked->fMaxTransferSize,
        .firstMask = first - 1,
        .startMask = start - 1,
        .lengthMask = size - 1,
        .endMask = end - 1,
        .boundaryMask = boundary - 1, /* none: all ones */
    };
    if (is_32_bit(output) && longest > UINT32_MAX) {
        /* The entry has no bit for more, and the length must stay a multiple. */
        limits->longest = size == 1 ? UINT32_MAX : ((uint64_t)1 << 32) - size;
    }
    return kIOReturnSuccess;
}

/* Which mapper serves these options. *mapper is not retained. */
static IOReturn choose_mapper(uint32_t mapping, IOMapper *asked, IOMapper **mapper)
{
    const uint32_t type = mapping & kIODMAMapOptionTypeMask;

    *mapper = asked;
    if (IOREFUSE(type > kIODMAMapOptionUnmapped, "%u is no type of mapping", type) ||
        IOREFUSE((mapping & ~(uint32_t)OPTION_BITS) != 0, "mapping options %#x are undefined",
                 mapping & ~(uint32_t)OPTION_BITS)) {
        return kIOReturnBadArgument;
    }
    if (type == kIODMAMapOptionUnmapped) {
        return IOREFUSE(asked != NULL, "a mapper is given, with kIODMAMapOptionUnmapped")
                   ? kIOReturnBadArgument
                   : kIOReturnSuccess;
    }
    if (asked == NULL) {
        *mapper = IOMapper_systemMapper();
    }
    /*
     * No IOMMU of this machine lets single transfers through: physical addresses would be refused
     * by it, or worse, translated.
     */
    return IOREFUSE(type == kIODMAMapOptionBypassed && *mapper != NULL,
                    "a mapper is in front of the device, which kIODMAMapOptionBypassed cannot pass")
               ? kIOReturnBadArgument
               : kIOReturnSuccess;
}

IOReturn IODMASpecification_make(struct IODMASpecification *spec,
                                 IODMACommand_SegmentFunction output,
                                 const IODMACommand_SegmentOptions *options, uint32_t mapping,
                                 IOMapper *mapper)
{
    /* Made aside and copied at the end: the caller's stays what it was on every failure. */
    struct IODMASpecification made = {.output = output, .options = mapping};
    IOReturn status;

    if (IOREFUSE(output == NULL, "the segment function is NULL") ||
        IOREFUSE(options == NULL, "the segment options are NULL") ||
        IOREFUSE(options->fStructSize != OPTIONS_DOCUMENTED &&
                     options->fStructSize != OPTIONS_EXTENDED,
                 "fStructSize %u is neither of the sizes that there are", options->fStructSize) ||
        IOREFUSE(!choose_bits(output, options->fNumAddressBits, &made.addressBits),
                 "fNumAddressBits %u is not in %u to %u", options->fNumAddressBits, BITS_LEAST,
                 is_32_bit(output) ? 32u : 64u)) {
        return kIOReturnBadArgument;
    }
    status = make_limits(&made.limits, output, options, made.addressBits);
    if (status == kIOReturnSuccess) {
        status = choose_mapper(mapping, mapper, &made.mapper);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    made.isPlain = IODMALimits_isPlain(&made.limits) &&
                   (mapping & (kIODMAMapOptionIterateOnly | kIODMAMapOptionStrict)) == 0;
    made.takesAll = made.isPlain && made.limits.highest == UINT64_MAX && made.mapper == NULL &&
                    (mapping & kIODMAMapOptionTypeMask) != kIODMAMapOptionNonCoherent;
    /* After everything that can fail: a specification that is refused holds nothing. */
    OSObject_retain(made.mapper);
    *spec = made;
    return kIOReturnSuccess;
}

IODMACommand_SegmentOptions IODMASpecification_options(UInt8 numAddressBits, UInt64 maxSegmentSize,
                                                       UInt64 maxTransferSize, UInt32 alignment)
{
    return (IODMACommand_SegmentOptions){
        .fStructSize = OPTIONS_DOCUMENTED,
        .fNumAddressBits = numAddressBits,
        .fMaxSegmentSize = maxSegmentSize,
        .fMaxTransferSize = maxTransferSize,
        .fAlignment = alignment,
        /*
         * This form has no word for it: lengths are free, as they were before there was the other
         * form.
         */
        .fAlignmentLength = 1,
        .fAlignmentInternalSegments = alignment,
    };
}

bool IODMACommand_initWithRefCon(IODMACommand *self, void *refCon)
{
    if (self == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    /* Once: a second specification would change what an earlier preparation was planned by. */
    if (self->spec.output != NULL) {
        IOMemory_fail(kIOReturnNotPermitted);
        return false;
    }
    self->fRefCon = refCon;
    return true;
}

bool IODMACommand_initWithSpecificationOptions(IODMACommand *self,
                                               IODMACommand_SegmentFunction outSegFunc,
                                               const IODMACommand_SegmentOptions *segmentOptions,
                                               uint32_t mappingOptions, IOMapper *mapper,
                                               void *refCon)
{
    struct IODMASpecification spec;
    IOReturn status =
        IODMASpecification_make(&spec, outSegFunc, segmentOptions, mappingOptions, mapper);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return false;
    }
    /* Judged before it, so that a command which is refused has not been half initialised. */
    if (!IODMACommand_initWithRefCon(self, refCon)) {
        /* Nobody has taken over what the specification holds. */
        OSObject_release(spec.mapper);
        return false;
    }
    self->spec = spec;
    return true;
}

bool IODMACommand_initWithSpecification(IODMACommand *self, IODMACommand_SegmentFunction outSegFunc,
                                        UInt8 numAddressBits, UInt64 maxSegmentSize,
                                        IODMACommand_MappingOptions mappingOptions,
                                        UInt64 maxTransferSize, UInt32 alignment, IOMapper *mapper,
                                        void *refCon)
{
    const IODMACommand_SegmentOptions options =
        IODMASpecification_options(numAddressBits, maxSegmentSize, maxTransferSize, alignment);

    return IODMACommand_initWithSpecificationOptions(self, outSegFunc, &options, mappingOptions,
                                                     mapper, refCon);
}

static IODMACommand *allocate(void)
{
    return (IODMACommand *)OSMetaClass_allocate(&IODMACommand_metaClass);
}

IODMACommand *IODMACommand_withSpecificationOptions(
    IODMACommand_SegmentFunction outSegFunc, const IODMACommand_SegmentOptions *segmentOptions,
    uint32_t mappingOptions, IOMapper *mapper, void *refCon)
{
    IODMACommand *self = allocate();

    if (self != NULL && !IODMACommand_initWithSpecificationOptions(
                            self, outSegFunc, segmentOptions, mappingOptions, mapper, refCon)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

IODMACommand *IODMACommand_withSpecification(IODMACommand_SegmentFunction outSegFunc,
                                             UInt8 numAddressBits, UInt64 maxSegmentSize,
                                             IODMACommand_MappingOptions mappingOptions,
                                             UInt64 maxTransferSize, UInt32 alignment,
                                             IOMapper *mapper, void *refCon)
{
    const IODMACommand_SegmentOptions options =
        IODMASpecification_options(numAddressBits, maxSegmentSize, maxTransferSize, alignment);

    return IODMACommand_withSpecificationOptions(outSegFunc, &options, mappingOptions, mapper,
                                                 refCon);
}

IODMACommand *IODMACommand_withRefCon(void *refCon)
{
    IODMACommand *self = allocate();

    if (self != NULL) {
        IODMACommand_initWithRefCon(self, refCon);
    }
    return self;
}

IOReturn IODMACommand_weakWithSpecification(IODMACommand **newCommand,
                                            IODMACommand_SegmentFunction outSegFunc,
                                            UInt8 numAddressBits, UInt64 maxSegmentSize,
                                            IODMACommand_MappingOptions mapType,
                                            UInt64 maxTransferSize, UInt32 alignment,
                                            IOMapper *mapper, void *refCon)
{
    IODMACommand *self;

    if (newCommand == NULL) {
        return kIOReturnBadArgument;
    }
    *newCommand = NULL;
    self = allocate();
    if (self == NULL) {
        return kIOReturnUnsupported;
    }
    if (!IODMACommand_initWithSpecification(self, outSegFunc, numAddressBits, maxSegmentSize,
                                            mapType, maxTransferSize, alignment, mapper, refCon)) {
        OSObject_release(self);
        /*
         * "Weak" answers with a status and no last error, and has this one word for every bad
         * argument.
         */
        return kIOReturnError;
    }
    *newCommand = self;
    return kIOReturnSuccess;
}

IODMACommand *IODMACommand_cloneCommand(IODMACommand *self, void *refCon)
{
    IODMACommand *clone;

    if (self == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    clone = IODMACommand_withRefCon(refCon);
    if (clone != NULL) {
        /* Both are good for release on their own, so each holds the mapper. */
        clone->spec = self->spec;
        OSObject_retain(clone->spec.mapper);
    }
    return clone;
}
