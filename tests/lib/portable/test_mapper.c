/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O addresses from an allocator, translations in two levels of tables. */
#include "tests/lib/portable/test_mapper.h"

#include "descriptors/platform.h"
#include "descriptors/segments/IOMappedLayout.h"

#define ACCESS (kIODMAMapReadAccess | kIODMAMapWriteAccess) /* in the low bits of an entry */

static uint64_t *entry_of(struct test_mapper *self, uint64_t page)
{
    uint64_t *table = page >> 9 < TEST_MAPPER_TABLES ? self->tables[page >> 9] : NULL;

    return table == NULL ? NULL : &table[page % TEST_MAPPER_SLOTS];
}

/* The tables of a range; false: there is no memory. */
static bool make_tables(struct test_mapper *self, uint64_t first, uint64_t count)
{
    for (uint64_t at = first >> 9; at <= (first + count - 1) >> 9; at++) {
        if (self->tables[at] == NULL) {
            self->tables[at] = platform_alloc(TEST_MAPPER_SLOTS * sizeof(uint64_t));
        }
        if (self->tables[at] == NULL) {
            return false;
        }
    }
    return true;
}

static void enter(struct test_mapper *self, uint64_t page, uint64_t physical, uint32_t access)
{
    uint64_t *entry = entry_of(self, page);

    self->entries += *entry == 0 ? 1 : 0;
    *entry = trunc_page(physical) | (access & ACCESS);
}

static void clear(struct test_mapper *self, uint64_t first, uint64_t count)
{
    for (uint64_t page = first; page < first + count; page++) {
        uint64_t *entry = entry_of(self, page);

        if (entry != NULL && *entry != 0) {
            *entry = 0;
            self->entries--;
            self->invalidations++;
        }
    }
}

/* A walk over the runs of memory: where each piece lies, one after another. */
static IOReturn each_run(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                         IOReturn (*visit)(void *context, uint64_t physical, uint64_t bytes),
                         void *context)
{
    const uint64_t end = offset + length;

    while (offset < end) {
        IOByteCount bytes;
        const uint64_t at =
            IOMemoryDescriptor_getPhysicalSegment(memory, offset, &bytes, kIOMemoryMapperNone);
        IOReturn status;

        if (bytes == 0) {
            return IOMemoryLastError();
        }
        bytes = bytes < end - offset ? bytes : end - offset;
        status = visit(context, at, bytes);
        if (status != kIOReturnSuccess) {
            return status;
        }
        offset += bytes;
    }
    return kIOReturnSuccess;
}

struct placement {
    struct test_mapper *mapper;
    struct IOMappedLayout layout;
    bool begun, enters;
    uint64_t first; /* offset of the first byte in its page */
    uint64_t base;  /* I/O address of that page */
    uint32_t access;
};

static IOReturn place(void *context, uint64_t physical, uint64_t bytes)
{
    struct placement *to = context;
    uint64_t at;

    if (!to->begun) {
        to->begun = true;
        to->first = physical & PAGE_MASK;
        to->layout = IOMappedLayout_begin(to->first);
    }
    if (!IOMappedLayout_place(&to->layout, physical, bytes, &at)) {
        return kIOReturnInternalError;
    }
    for (uint64_t page = trunc_page(at); to->enters && page < at + bytes; page += PAGE_SIZE) {
        enter(to->mapper, (to->base + page) >> PAGE_SHIFT, physical - at + page, to->access);
    }
    return kIOReturnSuccess;
}

/* As many free pages, below the width, where they are wanted. */
static IOReturn take_space(struct test_mapper *self, uint64_t pages, uint32_t options,
                           const IODMAMapSpecification *spec, uint64_t wanted, uint64_t *first)
{
    const unsigned bits = spec->numAddressBits == 0 || spec->numAddressBits > TEST_MAPPER_BITS
                              ? TEST_MAPPER_BITS
                              : spec->numAddressBits;
    const uint64_t alignment = spec->alignment <= PAGE_SIZE ? 1 : spec->alignment >> PAGE_SHIFT;

    if ((options & (kIODMAMapFixedAddress | kIODMAMapIdentityMap)) != 0) {
        *first = wanted >> PAGE_SHIFT;
        if (*first + pages > (uint64_t)1 << (bits - PAGE_SHIFT) ||
            !IORangeAllocator_allocateRange(self->space, *first, pages)) {
            return kIOReturnNoSpace;
        }
        return kIOReturnSuccess;
    }
    if (!IORangeAllocator_allocate(self->space, pages, first, alignment)) {
        return kIOReturnNoSpace;
    }
    if (*first + pages > (uint64_t)1 << (bits - PAGE_SHIFT)) {
        IORangeAllocator_deallocate(self->space, *first, pages);
        return kIOReturnNoSpace;
    }
    return kIOReturnSuccess;
}

static struct test_mapping **find(struct test_mapper *self, uint64_t first, uint64_t count)
{
    struct test_mapping **link = &self->mappings;

    while (*link != NULL && ((*link)->first != first || (*link)->count != count)) {
        link = &(*link)->next;
    }
    return link;
}

/* Where a fixed or identical address has to be; not congruent: kIOReturnNotAligned. */
static IOReturn judge_wanted(uint32_t options, uint64_t address, uint64_t firstPhysical,
                             uint64_t *wanted)
{
    *wanted = (options & kIODMAMapIdentityMap) != 0 ? firstPhysical : address;
    return (options & (kIODMAMapFixedAddress | kIODMAMapIdentityMap)) != 0 &&
                   ((*wanted ^ firstPhysical) & PAGE_MASK) != 0
               ? kIOReturnNotAligned
               : kIOReturnSuccess;
}

static IOReturn test_map(IOMapper *base, IOMemoryDescriptor *memory, uint64_t offset,
                         uint64_t length, uint32_t options, const IODMAMapSpecification *spec,
                         IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                         uint64_t *mapLength)
{
    struct test_mapper *self = (struct test_mapper *)base;
    struct placement to = {.mapper = self, .access = options};
    struct test_mapping *mapping = platform_alloc(sizeof(*mapping));
    uint64_t first, pages, wanted = 0, unused;
    IOReturn status = kIOReturnSuccess;

    (void)command, (void)list;
    self->lastOptions = options;
    if (mapping == NULL) {
        return kIOReturnNoResources;
    }
    if (memory != NULL) {
        status = each_run(memory, offset, length, place, &to);
        if (status == kIOReturnSuccess) {
            status = judge_wanted(
                options, *mapAddress,
                IOMemoryDescriptor_getPhysicalSegment(memory, offset, &unused, kIOMemoryMapperNone),
                &wanted);
        }
    }
    pages = (memory != NULL ? round_page(to.layout.next) : round_page(length)) >> PAGE_SHIFT;
    if (status == kIOReturnSuccess) {
        status = take_space(self, pages, options, spec, wanted, &first);
    }
    if (status != kIOReturnSuccess) {
        platform_free(mapping);
        return status;
    }
    if (!make_tables(self, first, pages)) {
        IORangeAllocator_deallocate(self->space, first, pages);
        platform_free(mapping);
        return kIOReturnNoResources;
    }
    if (memory != NULL) {
        to.begun = false;
        to.enters = true;
        to.base = first << PAGE_SHIFT;
        each_run(memory, offset, length, place, &to);
    }
    *mapping = (struct test_mapping){first, pages, self->mappings};
    self->mappings = mapping;
    *mapAddress = (first << PAGE_SHIFT) + to.first;
    *mapLength = pages << PAGE_SHIFT;
    return kIOReturnSuccess;
}

static IOReturn test_unmap(IOMapper *base, IOMemoryDescriptor *memory, IODMACommand *command,
                           uint64_t mapAddress, uint64_t mapLength)
{
    struct test_mapper *self = (struct test_mapper *)base;
    struct test_mapping **link = find(self, mapAddress >> PAGE_SHIFT, mapLength >> PAGE_SHIFT);
    struct test_mapping *mapping = *link;

    (void)memory, (void)command;
    if (mapping == NULL) {
        return kIOReturnNotFound;
    }
    *link = mapping->next;
    if (self->unmapAnswer == kIOReturnSuccess) {
        clear(self, mapping->first, mapping->count);
        IORangeAllocator_deallocate(self->space, mapping->first, mapping->count);
    } /* else its addresses are out of use */
    platform_free(mapping);
    return self->unmapAnswer;
}

static IOReturn test_insert(IOMapper *base, uint32_t options, uint64_t mapAddress, uint64_t offset,
                            uint64_t physicalAddress, uint64_t length)
{
    struct test_mapper *self = (struct test_mapper *)base;
    const uint64_t first = (mapAddress + offset) >> PAGE_SHIFT, count = length >> PAGE_SHIFT;

    (void)options;
    for (const struct test_mapping *at = self->mappings; at != NULL; at = at->next) {
        if (mapAddress >> PAGE_SHIFT == at->first && first + count <= at->first + at->count) {
            clear(self, first, count);
            for (uint64_t i = 0; i < count; i++) {
                enter(self, first + i, physicalAddress + (i << PAGE_SHIFT), ACCESS);
            }
            return kIOReturnSuccess;
        }
    }
    return kIOReturnBadArgument;
}

static IOReturn test_translate(IOMapper *base, uint64_t address, uint32_t access,
                               uint64_t *physicalAddress, uint64_t *contiguousLength)
{
    struct test_mapper *self = (struct test_mapper *)base;
    const uint64_t *entry = entry_of(self, address >> PAGE_SHIFT), *next;
    uint64_t page = address >> PAGE_SHIFT;

    if (entry == NULL || *entry == 0) {
        return kIOReturnNotFound;
    }
    if ((*entry & access) != access) {
        return kIOReturnNotPermitted;
    }
    *physicalAddress = trunc_page(*entry) | (address & PAGE_MASK);
    *contiguousLength = PAGE_SIZE - (address & PAGE_MASK);
    for (next = entry_of(self, ++page); next != NULL && *next == *entry + PAGE_SIZE;
         next = entry_of(self, ++page)) {
        entry = next;
        *contiguousLength += PAGE_SIZE;
    }
    return kIOReturnSuccess;
}

static bool test_init_hardware(IOMapper *base, IOService *provider)
{
    (void)provider;
    return !((struct test_mapper *)base)->refuses;
}

static uint64_t test_page_size(const IOMapper *base)
{
    return ((const struct test_mapper *)base)->pageSize;
}

static void test_free(OSObject *base)
{
    struct test_mapper *self = (struct test_mapper *)base;

    while (self->mappings != NULL) {
        struct test_mapping *mapping = self->mappings;

        self->mappings = mapping->next;
        platform_free(mapping);
    }
    for (unsigned i = 0; i < TEST_MAPPER_TABLES; i++) {
        platform_free(self->tables[i]);
    }
    OSObject_release(self->space);
    IOMapper_free(&self->super);
}

static uint32_t instances;

static const IOMapperClass test_class = {
    .meta = {"TestMapper", &IOMapper_metaClass, sizeof(struct test_mapper), &instances, test_free},
    .initHardware = test_init_hardware,
    .getPageSize = test_page_size,
    .iovmMapMemory = test_map,
    .iovmUnmapMemory = test_unmap,
    .iovmInsert = test_insert,
    .translate = test_translate,
};

struct test_mapper *test_mapper_new(uint64_t firstPage)
{
    struct test_mapper *self = (struct test_mapper *)OSMetaClass_allocate(&test_class.meta);
    const uint64_t pages = (uint64_t)1 << (TEST_MAPPER_BITS - PAGE_SHIFT);

    if (self == NULL) {
        return NULL;
    }
    self->pageSize = PAGE_SIZE;
    self->unmapAnswer = kIOReturnSuccess;
    self->space = IORangeAllocator_withRange(0, 0, 64, 0);
    if (self->space == NULL || IORangeAllocator_deallocate(self->space, firstPage,
                                                           pages - firstPage) != kIOReturnSuccess) {
        OSObject_release(&self->super);
        return NULL;
    }
    return self;
}

/* The byte behind an I/O address for this access; NULL: blocked. */
static uint8_t *reach(struct test_mapper *self, uint64_t address, uint32_t access)
{
    struct platform_window window;
    uint64_t physical, length;

    if (test_translate(&self->super, address, access, &physical, &length) != kIOReturnSuccess ||
        platform_window(paddr(physical), 1, access == kIODMAMapWriteAccess, &window) !=
            KERN_SUCCESS) {
        return NULL;
    }
    return (uint8_t *)window.address;
}

bool test_mapper_read(struct test_mapper *self, uint64_t address, uint8_t *byte)
{
    const uint8_t *at = reach(self, address, kIODMAMapReadAccess);

    if (at != NULL) {
        *byte = *at;
    }
    return at != NULL;
}

bool test_mapper_write(struct test_mapper *self, uint64_t address, uint8_t byte)
{
    uint8_t *at = reach(self, address, kIODMAMapWriteAccess);

    if (at != NULL) {
        *at = byte;
    }
    return at != NULL;
}
