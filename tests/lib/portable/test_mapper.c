/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O addresses from an allocator, translations in two levels of tables. */
#include "tests/lib/portable/test_mapper.h"

#include "descriptors/IOMappedLayout.h"
#include "descriptors/platform.h"

#define ACCESS (kIODMAMapReadAccess | kIODMAMapWriteAccess) /* in the low bits of an entry */

static struct test_entry *entry_of(struct test_mapper *self, uint64_t page)
{
    const uint64_t at = (page - self->base) >> 9;
    struct test_table *table = at < TEST_MAPPER_TABLES ? self->tables[at] : NULL;

    return table == NULL ? NULL : &table->entries[page % TEST_MAPPER_SLOTS];
}

/* Pages from `page` on, of `count`, that have their entries in one table. */
static uint64_t in_one_table(uint64_t page, uint64_t count)
{
    const uint64_t room = TEST_MAPPER_SLOTS - page % TEST_MAPPER_SLOTS;

    return count < room ? count : room;
}

static void drop_tables(struct test_mapper *self, uint64_t page, uint64_t count)
{
    while (count != 0) {
        struct test_table **table = &self->tables[(page - self->base) >> 9];
        const uint64_t here = in_one_table(page, count);

        (*table)->taken -= (unsigned)here;
        if ((*table)->taken == 0) {
            platform_free(*table);
            *table = NULL;
        }
        page += here;
        count -= here;
    }
}

/* The tables of a range; false: there is no memory, and nothing has changed. */
static bool take_tables(struct test_mapper *self, uint64_t first, uint64_t count)
{
    for (uint64_t page = first, here; page < first + count; page += here) {
        struct test_table **table = &self->tables[(page - self->base) >> 9];

        here = in_one_table(page, first + count - page);
        if (*table == NULL) {
            *table = platform_alloc(sizeof(**table));
        }
        if (*table == NULL) {
            drop_tables(self, first, page - first);
            return false;
        }
        (*table)->taken += (unsigned)here;
    }
    return true;
}

static void enter(struct test_mapper *self, uint64_t page, uint64_t physical, uint32_t access)
{
    struct test_entry *entry = entry_of(self, page);

    self->entries += entry->physical == 0 ? 1 : 0;
    entry->physical = trunc_page(physical) | (access & ACCESS);
}

static void clear(struct test_mapper *self, uint64_t first, uint64_t count)
{
    for (uint64_t page = first; page < first + count; page++) {
        struct test_entry *entry = entry_of(self, page);

        if (entry->physical != 0) {
            entry->physical = 0;
            self->entries--;
            self->invalidations++;
        }
    }
}

typedef IOReturn run_visitor(void *context, uint64_t physical, uint64_t bytes);

/* The pages that a descriptor handed over in place of a walk. */
static IOReturn each_page(const IODMAMapPageList *list, uint64_t length, run_visitor *visit,
                          void *context)
{
    uint64_t skip = list->pageOffset;

    for (uint32_t i = 0; i < list->pageListCount && length != 0; i++) {
        const uint64_t room = PAGE_SIZE - skip, bytes = length < room ? length : room;
        const IOReturn status =
            visit(context, ((uint64_t)list->pageList[i].phys_addr << PAGE_SHIFT) + skip, bytes);

        if (status != kIOReturnSuccess) {
            return status;
        }
        length -= bytes;
        skip = 0;
    }
    return length == 0 ? kIOReturnSuccess : kIOReturnBadArgument;
}

/* A walk over the runs of memory: where each piece lies, one after another. */
static IOReturn each_run(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                         run_visitor *visit, void *context)
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
    uint64_t physical; /* address of the first byte */
    uint64_t first;    /* its offset in its page */
    uint64_t base;     /* I/O address of that page */
    uint32_t access;
};

static IOReturn place(void *context, uint64_t physical, uint64_t bytes)
{
    struct placement *to = context;
    uint64_t at;

    if (!to->begun) {
        to->begun = true;
        to->physical = physical;
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
    const uint64_t all = self->base + ((uint64_t)1 << (TEST_MAPPER_BITS - PAGE_SHIFT));
    const uint64_t reach = spec->numAddressBits == 0 || spec->numAddressBits >= 64
                               ? UINT64_MAX
                               : (uint64_t)1 << (spec->numAddressBits - PAGE_SHIFT);
    const uint64_t limit = reach < all ? reach : all;
    const uint64_t alignment = spec->alignment <= PAGE_SIZE ? 1 : spec->alignment >> PAGE_SHIFT;

    if ((options & (kIODMAMapFixedAddress | kIODMAMapIdentityMap)) != 0) {
        *first = wanted >> PAGE_SHIFT;
        if (*first + pages > limit || !IORangeAllocator_allocateRange(self->space, *first, pages)) {
            return kIOReturnNoSpace;
        }
        return kIOReturnSuccess;
    }
    if (!IORangeAllocator_allocate(self->space, pages, first, alignment)) {
        return kIOReturnNoSpace;
    }
    if (*first + pages > limit) {
        IORangeAllocator_deallocate(self->space, *first, pages);
        return kIOReturnNoSpace;
    }
    return kIOReturnSuccess;
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

/* What is to be mapped: its runs, as many times as somebody asks. */
struct source {
    IOMemoryDescriptor *memory; /* NULL: nothing, only addresses are wanted */
    uint64_t offset, length;
    const IODMAMapPageList *list; /* NULL: to be walked */
};

static IOReturn place_all(const struct source *from, struct placement *to)
{
    to->begun = false;
    if (from->memory == NULL) {
        to->layout = IOMappedLayout_begin(from->length);
        return kIOReturnSuccess;
    }
    return from->list != NULL ? each_page(from->list, from->length, place, to)
                              : each_run(from->memory, from->offset, from->length, place, to);
}

static IOReturn test_map(IOMapper *base, IOMemoryDescriptor *memory, uint64_t offset,
                         uint64_t length, uint32_t options, const IODMAMapSpecification *spec,
                         IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                         uint64_t *mapLength)
{
    struct test_mapper *self = (struct test_mapper *)base;
    const struct source from = {memory, offset, length, list};
    struct placement to = {.mapper = self, .access = options};
    uint64_t first, pages, wanted;
    IOReturn status;

    (void)command;
    self->lastOptions = options;
    self->usedPageList = list != NULL;
    status = place_all(&from, &to);
    pages = round_page(to.layout.next) >> PAGE_SHIFT;
    if (status == kIOReturnSuccess) {
        status = judge_wanted(options, *mapAddress, to.physical, &wanted);
    }
    if (status == kIOReturnSuccess) {
        status = take_space(self, pages, options, spec, wanted, &first);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (!take_tables(self, first, pages)) {
        IORangeAllocator_deallocate(self->space, first, pages);
        return kIOReturnNoResources;
    }
    to.enters = memory != NULL;
    to.base = first << PAGE_SHIFT;
    place_all(&from, &to);
    entry_of(self, first)->count = pages;
    *mapAddress = to.base + to.first;
    *mapLength = pages << PAGE_SHIFT;
    return kIOReturnSuccess;
}

/* Pages of the allocation that begins there; 0: none does. */
static uint64_t allocated_at(struct test_mapper *self, uint64_t address)
{
    const struct test_entry *entry = entry_of(self, address >> PAGE_SHIFT);

    return entry == NULL ? 0 : entry->count;
}

static IOReturn test_unmap(IOMapper *base, IOMemoryDescriptor *memory, IODMACommand *command,
                           uint64_t mapAddress, uint64_t mapLength)
{
    struct test_mapper *self = (struct test_mapper *)base;
    const uint64_t first = mapAddress >> PAGE_SHIFT, count = allocated_at(self, mapAddress);

    (void)memory, (void)command;
    if (count == 0 || mapLength != count << PAGE_SHIFT) {
        return kIOReturnNotFound;
    }
    entry_of(self, first)->count = 0;
    if (self->unmapAnswer == kIOReturnSuccess) {
        clear(self, first, count);
        drop_tables(self, first, count);
        IORangeAllocator_deallocate(self->space, first, count);
    } /* else its addresses are out of use */
    return self->unmapAnswer;
}

static IOReturn test_insert(IOMapper *base, uint32_t options, uint64_t mapAddress, uint64_t offset,
                            uint64_t physicalAddress, uint64_t length)
{
    struct test_mapper *self = (struct test_mapper *)base;
    const uint64_t first = (mapAddress + offset) >> PAGE_SHIFT, count = length >> PAGE_SHIFT;

    (void)options;
    if ((offset + length) >> PAGE_SHIFT > allocated_at(self, mapAddress)) {
        return kIOReturnBadArgument;
    }
    clear(self, first, count);
    for (uint64_t i = 0; i < count; i++) {
        enter(self, first + i, physicalAddress + (i << PAGE_SHIFT), ACCESS);
    }
    return kIOReturnSuccess;
}

static IOReturn test_translate(IOMapper *base, uint64_t address, uint32_t access,
                               uint64_t *physicalAddress, uint64_t *contiguousLength)
{
    struct test_mapper *self = (struct test_mapper *)base;
    uint64_t page = address >> PAGE_SHIFT;
    const struct test_entry *entry = entry_of(self, page), *next;

    if (entry == NULL || entry->physical == 0) {
        return kIOReturnNotFound;
    }
    if ((entry->physical & access) != access) {
        return kIOReturnNotPermitted;
    }
    *physicalAddress = trunc_page(entry->physical) | (address & PAGE_MASK);
    *contiguousLength = PAGE_SIZE - (address & PAGE_MASK);
    for (next = entry_of(self, ++page);
         next != NULL && next->count == 0 && next->physical == entry->physical + PAGE_SIZE;
         next = entry_of(self, ++page)) {
        entry = next;
        *contiguousLength += PAGE_SIZE;
    }
    if (self->isShort) {
        *contiguousLength = 0;
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
    MAPPER_OF_ALL,
};

struct test_mapper *test_mapper_new(uint64_t firstPage)
{
    struct test_mapper *self = (struct test_mapper *)OSMetaClass_allocate(&test_class.meta);
    const uint64_t pages = (uint64_t)1 << (TEST_MAPPER_BITS - PAGE_SHIFT);
    const uint64_t base = firstPage & ~(pages - 1);

    if (self == NULL) {
        return NULL;
    }
    self->base = base;
    self->pageSize = PAGE_SIZE;
    self->unmapAnswer = kIOReturnSuccess;
    self->space = IORangeAllocator_withRange(0, 0, 64, 0);
    if (self->space == NULL ||
        IORangeAllocator_deallocate(self->space, firstPage, base + pages - firstPage) !=
            kIOReturnSuccess) {
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
