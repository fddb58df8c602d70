/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of random shape, with the list of their bytes' addresses. */
#include "tests/lib/portable/random_memory.h"

#include <stdlib.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"

const struct random_world *random_world;

static uint64_t state;

void random_seed(uint64_t seed)
{
    state = seed;
}

static uint64_t random_next(void)
{
    uint64_t x;

    state += 0x9e3779b97f4a7c15ull; /* splitmix64 */
    x = state;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

uint64_t random_below(uint64_t limit)
{
    return random_next() % limit;
}

uint64_t random_length(uint64_t most)
{
    static const uint64_t scales[] = {4, 40, 600, 5000, 20000};
    const uint64_t scale = scales[random_below(5)];

    return random_below(scale < most ? scale + 1 : most + 1);
}

static void add_byte(struct described_bytes *bytes, uint64_t address)
{
    bytes->at[bytes->count++] = address;
}

/* A class of a stranger: knows its bytes one by one and answers in random pieces. */
typedef struct {
    IOMemoryDescriptor super;
    struct described_bytes *bytes;
    uint64_t pieces; /* state of its moods */
} Stranger;

static IOReturn stranger_get_physical_segment(IOMemoryDescriptor *base, IOByteCount offset,
                                              IOOptionBits options, IOPhysicalSegment *segment)
{
    Stranger *self = (Stranger *)base;
    const struct described_bytes *bytes = self->bytes;
    uint64_t n = 1, most;

    (void)options;
    self->pieces = self->pieces * 6364136223846793005ull + 1442695040888963407ull;
    most = 1 + (self->pieces >> 33) % ((self->pieces >> 60) < 8 ? 8 : 5000);
    while (n < most && offset + n < bytes->count &&
           bytes->at[offset + n] == bytes->at[offset] + n) {
        n++;
    }
    *segment = (IOPhysicalSegment){bytes->at[offset], n};
    return kIOReturnSuccess;
}

static IOReturn stranger_prepare(IOMemoryDescriptor *self, IODirection direction)
{
    (void)self, (void)direction;
    return kIOReturnSuccess;
}

static uint32_t strangers;
OS_CLASS(IOMemoryDescriptorClass, Stranger);
const IOMemoryDescriptorClass Stranger_class = {
    .meta = {"Stranger", &IOMemoryDescriptor_metaClass, sizeof(Stranger), &strangers,
             descriptor_free},
    .initWithOptions = descriptor_refuse_init,
    .prepare = stranger_prepare,
    .complete = stranger_prepare,
    .announceComplete = descriptor_announce_complete,
    .getPreparationID = descriptor_get_preparation_id,
    .getPhysicalSegment = stranger_get_physical_segment,
    .walk = descriptor_walk,
    DESCRIPTOR_BYTES,
    DESCRIPTOR_DMA,
    DESCRIPTOR_MAPS,
    DESCRIPTOR_ACCOUNTS,
};

IOMemoryDescriptor *random_memory_stranger(struct described_bytes *bytes)
{
    Stranger *self = (Stranger *)OSMetaClass_allocate(&Stranger_class.meta);

    self->bytes = bytes;
    self->pieces = random_next();
    self->super.length = bytes->count;
    self->super.flags = kIODirectionOutIn;
    return &self->super;
}

#define RANGES_MAX 24

/* Ranges that often touch: the next begins where one ended, at a page's end, or anywhere. */
static UInt32 random_ranges(IOAddressRange *ranges, uint64_t base, uint64_t size, uint64_t budget)
{
    const UInt32 count = 1 + (UInt32)random_below(RANGES_MAX);
    uint64_t next = random_below(size);

    for (UInt32 i = 0; i < count; i++) {
        uint64_t length;

        switch (random_below(4)) {
        case 0:
            next = random_below(size);
            break;
        case 1:
            next = trunc_page(random_below(size));
            break;
        default:
            break; /* go on */
        }
        length = random_length(budget < size - next ? budget : size - next);
        ranges[i] = (IOAddressRange){base + next, length};
        next = (next + length) % size;
        budget -= length;
    }
    return count;
}

static IOMemoryDescriptor *make_virtual(struct described_bytes *bytes, uint64_t budget)
{
    IOAddressRange ranges[RANGES_MAX];
    const UInt32 count =
        random_ranges(ranges, (uintptr_t)random_world->arena, random_world->size, budget);

    for (UInt32 i = 0; i < count; i++) {
        for (uint64_t k = 0; k < ranges[i].length; k++) {
            add_byte(bytes, random_world->physical((void *)(ranges[i].address + k)));
        }
    }
    return IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, kernel_task);
}

static IOMemoryDescriptor *make_physical(struct described_bytes *bytes, uint64_t budget)
{
    IOAddressRange ranges[RANGES_MAX];
    const uint64_t base = random_below(4) == 0 ? 0 : random_world->ram_base;
    const UInt32 count = random_ranges(ranges, base, random_world->size, budget);

    for (UInt32 i = 0; i < count; i++) {
        for (uint64_t k = 0; k < ranges[i].length; k++) {
            add_byte(bytes, ranges[i].address + k);
        }
    }
    return IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, TASK_NULL);
}

static IOMemoryDescriptor *make_buffer(struct described_bytes *bytes, uint64_t budget)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
        kIODirectionOutIn, 1 + random_length(budget - 1), 1ull << random_below(14));
    const uint8_t *first = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);

    IOBufferMemoryDescriptor_setLength(
        buffer, random_below(IOBufferMemoryDescriptor_getCapacity(buffer) + 1));
    for (uint64_t k = 0; k < IOMemoryDescriptor_getLength(buffer); k++) {
        add_byte(bytes, random_world->physical(first + k));
    }
    return IOMemoryDescriptor_upcast(buffer);
}

void random_memory_drop(struct random_memory *memory)
{
    OSObject_release(memory->memory);
    free(memory->bytes);
}

static IOMemoryDescriptor *make_multi(struct described_bytes *bytes, unsigned depth,
                                      uint64_t budget)
{
    const UInt32 count = 1 + (UInt32)random_below(6);
    IOMemoryDescriptor *children[6];
    struct random_memory child = {0};
    IOMultiMemoryDescriptor *multi;

    for (UInt32 i = 0; i < count; i++) {
        child = random_memory_make(depth - 1, budget / count);
        children[i] = child.memory;
        for (uint64_t k = 0; k < child.bytes->count; k++) {
            add_byte(bytes, child.bytes->at[k]);
        }
        free(child.bytes);
    }
    multi = IOMultiMemoryDescriptor_withDescriptors(children, count, kIODirectionOutIn, false);
    for (UInt32 i = 0; i < count; i++) {
        OSObject_release(children[i]);
    }
    return IOMemoryDescriptor_upcast(multi);
}

static IOMemoryDescriptor *make_sub(struct described_bytes *bytes, unsigned depth, uint64_t budget)
{
    struct random_memory parent = random_memory_make(depth - 1, budget);
    const uint64_t start = random_below(parent.bytes->count + 1);
    const uint64_t length = random_below(parent.bytes->count - start + 1);
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(parent.memory, start, length, kIODirectionOutIn);

    for (uint64_t k = 0; k < length; k++) {
        add_byte(bytes, parent.bytes->at[start + k]);
    }
    random_memory_drop(&parent);
    return IOMemoryDescriptor_upcast(sub);
}

struct random_memory random_memory_make(unsigned depth, uint64_t budget)
{
    struct random_memory pair = {NULL, malloc(sizeof(struct described_bytes))};

    pair.bytes->count = 0;
    switch (random_below(depth == 0 ? 5 : 9)) {
    case 0:
    case 1:
        pair.memory = make_virtual(pair.bytes, budget);
        break;
    case 2:
    case 3:
        pair.memory = make_physical(pair.bytes, budget);
        break;
    case 4:
        pair.memory = make_buffer(pair.bytes, budget);
        break;
    case 5:
    case 6:
        pair.memory = make_sub(pair.bytes, depth, budget);
        break;
    default:
        pair.memory = make_multi(pair.bytes, depth, budget);
        break;
    }
    return pair;
}
