/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "tests/host/platform/platform_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descriptors/OSObject.h"

#define REGIONS 4096

/* One stretch of kernel virtual memory. */
struct region {
    uint8_t *base; /* NULL: unused */
    uint64_t count;
    uint64_t *numbers; /* the physical page behind each page */
    enum host_page_kind *kind;
    void *reserved; /* the whole reservation, guards included */
    uint64_t reserved_size;
};

/* The address spaces. There is only the kernel's. */
struct vm_map {
    bool is_kernel;
};
struct task {
    struct vm_map *map;
};
static struct vm_map the_kernel_map = {true};
static struct task the_kernel_task = {&the_kernel_map};
struct vm_map *const kernel_map = &the_kernel_map;
struct task *const kernel_task = &the_kernel_task;

static int ram_file = -1;
static uint8_t *ram; /* linear view */
static bool taken[HOST_RAM_PAGES];
static uint32_t pins[HOST_RAM_PAGES];
static struct region regions[REGIONS];
static struct host_random scatter = {1};
static uint64_t blocks;
static unsigned fail_in;
static bool memory_short;
static struct {
    uint64_t physical, size;
    void *registers;
} device;

uint64_t host_cleaned, host_flushed;
jmp_buf *host_fatal;

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "simulated platform: %s\n", what);
        abort();
    }
}

static __attribute__((constructor)) void start(void)
{
    ram_file = memfd_create("ram", 0);
    require(ram_file >= 0 && ftruncate(ram_file, (off_t)ptoa(HOST_RAM_PAGES)) == 0, "no memory");
    ram = mmap(NULL, ptoa(HOST_RAM_PAGES), PROT_READ | PROT_WRITE, MAP_SHARED, ram_file, 0);
    require(ram != MAP_FAILED, "no memory");
}

uint64_t host_random(struct host_random *random)
{
    uint64_t x;

    random->state += 0x9e3779b97f4a7c15ull; /* splitmix64 */
    x = random->state;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

uint64_t host_random_below(struct host_random *random, uint64_t limit)
{
    return host_random(random) % limit;
}

static bool should_fail(void)
{
    return fail_in != 0 && --fail_in == 0;
}

void host_fail_allocation(unsigned nth)
{
    fail_in = nth;
}

/* Physical pages ---------------------------------------------------------- */

static uint64_t page_index(uint64_t number)
{
    return number - atop(HOST_RAM_BASE);
}

static bool run_is_free(uint64_t index, uint64_t count)
{

    for (uint64_t i = 0; i < count; i++) {
        if (index + i >= HOST_RAM_PAGES || taken[index + i]) {
            return false;
        }
    }
    return true;
}

/* Lowest run from a random start on, around the end. */
static bool take_run(uint64_t *numbers, uint64_t count, uint64_t alignment, uint64_t highest)
{
    const uint64_t begin = host_random_below(&scatter, HOST_RAM_PAGES);

    for (uint64_t k = 0; k < HOST_RAM_PAGES; k++) {
        const uint64_t index = (begin + k) % HOST_RAM_PAGES;
        const uint64_t address = HOST_RAM_BASE + ptoa(index);

        if ((address & (alignment - 1)) != 0 ||
            (highest != 0 && address + ptoa(count) - 1 > highest) || !run_is_free(index, count)) {
            continue;
        }
        for (uint64_t i = 0; i < count; i++) {
            taken[index + i] = true;
            numbers[i] = atop(address) + i;
        }
        return true;
    }
    return false;
}

static bool take_scattered(uint64_t *numbers, uint64_t count, uint64_t highest)
{

    for (uint64_t i = 0; i < count; i++) {
        if (!take_run(&numbers[i], 1, PAGE_SIZE, highest)) {
            host_return_pages(numbers, i);
            return false;
        }
    }
    return true;
}

void host_take_pages(uint64_t *numbers, uint64_t count, bool contiguous)
{
    require(contiguous ? take_run(numbers, count, PAGE_SIZE, 0) : take_scattered(numbers, count, 0),
            "out of pages");
}

void host_return_pages(const uint64_t *numbers, uint64_t count)
{

    for (uint64_t i = 0; i < count; i++) {
        require(taken[page_index(numbers[i])], "page returned twice");
        require(pins[page_index(numbers[i])] == 0, "pinned page returned");
        taken[page_index(numbers[i])] = false;
    }
}

uint8_t *host_ram(uint64_t physical)
{
    return physical >= HOST_RAM_BASE && physical < HOST_RAM_END ? &ram[physical - HOST_RAM_BASE]
                                                                : NULL;
}

uint32_t host_pins(uint64_t physical)
{
    return pins[page_index(atop(physical))];
}

/* Virtual memory ---------------------------------------------------------- */

static struct region *region_of(const void *address)
{

    for (size_t i = 0; i < REGIONS; i++) {
        struct region *region = &regions[i];

        if (region->base != NULL && (const uint8_t *)address >= region->base &&
            (const uint8_t *)address < region->base + ptoa(region->count)) {
            return region;
        }
    }
    return NULL;
}

static struct region *unused_region(void)
{

    for (size_t i = 0; i < REGIONS; i++) {
        if (regions[i].base == NULL) {
            return &regions[i];
        }
    }
    require(false, "out of regions");
    return NULL;
}

static void *map_pages(const uint64_t *numbers, uint64_t count, uint64_t alignment)
{
    struct region *region = unused_region();
    const uint64_t size = ptoa(count + 2) + alignment;
    uint8_t *reserved = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    require(reserved != MAP_FAILED, "no address space");
    region->reserved = reserved;
    region->reserved_size = size;
    region->base =
        (uint8_t *)(((uintptr_t)reserved + PAGE_SIZE + alignment - 1) & ~(alignment - 1));
    region->count = count;
    region->numbers = malloc(count * sizeof(*region->numbers));
    region->kind = calloc(count, sizeof(*region->kind));
    memcpy(region->numbers, numbers, count * sizeof(*numbers));
    for (uint64_t i = 0; i < count; i++) {
        require(mmap(region->base + ptoa(i), PAGE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED, ram_file,
                     (off_t)ptoa(page_index(numbers[i]))) != MAP_FAILED,
                "cannot map");
    }
    return region->base;
}

void *host_map_pages(const uint64_t *numbers, uint64_t count)
{
    return map_pages(numbers, count, PAGE_SIZE);
}

static void unmap_region(struct region *region)
{
    munmap(region->reserved, region->reserved_size);
    free(region->numbers);
    free(region->kind);
    memset(region, 0, sizeof(*region));
}

void host_unmap_pages(void *base)
{
    struct region *region = region_of(base);

    require(region != NULL, "not mapped");
    unmap_region(region);
}

void *host_scatter(uint64_t count)
{
    uint64_t *numbers = malloc(count * sizeof(*numbers));
    void *base;

    host_take_pages(numbers, count, false);
    base = host_map_pages(numbers, count);
    free(numbers);
    return base;
}

void host_unscatter(void *base)
{
    struct region *region = region_of(base);

    require(region != NULL, "not mapped");
    host_return_pages(region->numbers, region->count);
    unmap_region(region);
}

uint64_t host_physical(const void *address)
{
    const struct region *region = region_of(address);
    uint64_t offset;

    require(region != NULL, "not mapped");
    offset = (uint64_t)((const uint8_t *)address - region->base);
    return ptoa(region->numbers[atop(offset)]) + (offset & PAGE_MASK);
}

void host_set_page(void *page, enum host_page_kind kind)
{
    struct region *region = region_of(page);

    require(region != NULL, "not mapped");
    region->kind[atop((uint64_t)((uint8_t *)page - region->base))] = kind;
}

void host_set_device(uint64_t physical, void *registers, uint64_t size)
{
    device.physical = physical;
    device.registers = registers;
    device.size = size;
}

void host_set_memory_short(bool is_short)
{
    memory_short = is_short;
}

struct host_holdings host_held(void)
{
    struct host_holdings held = {.blocks = blocks};

    for (size_t i = 0; i < HOST_RAM_PAGES; i++) {
        held.pages += taken[i];
        held.pins += pins[i];
    }
    for (size_t i = 0; i < REGIONS; i++) {
        held.regions += regions[i].base != NULL;
    }
    held.objects = OSMetaClass_getTotalInstanceCount();
    return held;
}

/* The seam ---------------------------------------------------------------- */

vm_map_t get_task_map(task_t task)
{
    return task == TASK_NULL ? NULL : task->map;
}

void *platform_alloc(size_t size)
{
    void *block = should_fail() || size > ptoa(HOST_RAM_PAGES) ? NULL : calloc(1, size);

    blocks += block != NULL;
    return block;
}

void platform_free(void *block)
{
    blocks -= block != NULL;
    free(block);
}

kern_return_t platform_memory_alloc(const struct platform_memory_request *request, void **memory)
{
    const uint64_t alignment = request->alignment < PAGE_SIZE ? PAGE_SIZE : request->alignment;
    const uint64_t count = atop(round_page(request->size));
    uint64_t *numbers;

    require(request->size >= PAGE_SIZE || (request->alignment < PAGE_SIZE && request->highest == 0),
            "small memory with large demands");
    if (should_fail() || count > HOST_RAM_PAGES) {
        return KERN_RESOURCE_SHORTAGE;
    }
    numbers = malloc(count * sizeof(*numbers));
    if (!(request->contiguous ? take_run(numbers, count, alignment, request->highest)
                              : take_scattered(numbers, count, request->highest))) {
        free(numbers);
        return KERN_RESOURCE_SHORTAGE;
    }
    *memory = map_pages(numbers, count, alignment);
    for (uint64_t i = 0; i < count; i++) {
        memset((uint8_t *)*memory + ptoa(i), 0, PAGE_SIZE);
    }
    free(numbers);
    if (request->size < PAGE_SIZE) { /* at the end, so that an overrun faults */
        *memory = (uint8_t *)*memory + ((PAGE_SIZE - request->size) & ~(request->alignment - 1));
    }
    return KERN_SUCCESS;
}

void platform_memory_free(void *memory, uint64_t size)
{
    const struct region *region = region_of(memory);

    require(region != NULL && region->count == atop(round_page(size)), "wrong memory freed");
    host_unscatter((void *)trunc_page((uintptr_t)memory));
}

uint64_t platform_ram_pages(void)
{
    return HOST_RAM_PAGES;
}

uint64_t platform_last_page(void)
{
    return atop(HOST_RAM_END - 1);
}

bool platform_is_ram(uint64_t start, uint64_t length)
{
    return length != 0 && start < HOST_RAM_END && start + length > HOST_RAM_BASE;
}

bool platform_memory_is_short(void)
{
    return memory_short;
}

bool platform_map_is_legal(vm_map_t map, uint64_t start, uint64_t size)
{
    return map->is_kernel && start >= PAGE_SIZE && size <= UINT64_MAX - start;
}

/* What pinning one page would answer. */
static kern_return_t judge_page(uint64_t address, unsigned flags, uint64_t *number)
{
    const struct region *region = region_of((void *)address);
    enum host_page_kind kind;

    if (region == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    *number = region->numbers[atop(address - (uintptr_t)region->base)];
    kind = region->kind[atop(address - (uintptr_t)region->base)];
    if (kind == HOST_PAGE_UNMAPPED) {
        return KERN_INVALID_ADDRESS;
    }
    if (kind == HOST_PAGE_READ_ONLY && (flags & PLATFORM_WIRE_WRITE) != 0) {
        return KERN_PROTECTION_FAILURE;
    }
    if ((kind == HOST_PAGE_ABSENT && (flags & PLATFORM_WIRE_NO_FAULT) != 0) || should_fail()) {
        return KERN_MEMORY_ERROR;
    }
    return KERN_SUCCESS;
}

kern_return_t platform_wire(vm_map_t map, uint64_t start, uint64_t count, unsigned flags,
                            paddr_t *pages)
{
    uint64_t number = 0;

    require(map->is_kernel && (start & PAGE_MASK) == 0, "wire of nonsense");
    for (uint64_t i = 0; i < count; i++) {
        const kern_return_t status = judge_page(start + ptoa(i), flags, &number);

        if (status != KERN_SUCCESS) {
            platform_unwire(pages, i);
            return status;
        }
        pins[page_index(number)]++;
        pages[i] = paddr(ptoa(number));
    }
    return KERN_SUCCESS;
}

void platform_unwire(const paddr_t *pages, uint64_t count)
{

    for (uint64_t i = 0; i < count; i++) {
        require(pins[page_index(atop(pages[i].value))]-- != 0, "unpinned once too often");
    }
}

bool platform_quarantine(paddr_t page)
{
    if (!platform_is_ram(page.value, 1)) {
        return false;
    }
    pins[page_index(atop(page.value))]++;
    return true;
}

kern_return_t platform_window(paddr_t start, uint64_t length, bool write,
                              struct platform_window *window)
{
    const uint64_t page = PAGE_SIZE - (start.value & PAGE_MASK);

    (void)write;
    window->length = length < page ? length : page;
    window->device = false;
    window->address = host_ram(start.value);
    if (window->address != NULL) {
        return KERN_SUCCESS;
    }
    if (start.value >= device.physical && start.value - device.physical < device.size) {
        const uint64_t offset = start.value - device.physical;

        window->address = (uint8_t *)device.registers + offset;
        window->device = true;
        if (window->length > device.size - offset) {
            window->length = device.size - offset;
        }
        return KERN_SUCCESS;
    }
    return KERN_INVALID_ADDRESS;
}

bool platform_try(void (*touch)(void *argument), void *argument)
{
    touch(argument);
    return true;
}

void platform_barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void platform_cache_clean(volatile const void *address, uint64_t length)
{
    (void)address;
    host_cleaned += length;
}

void platform_cache_clean_invalidate(volatile const void *address, uint64_t length)
{
    (void)address;
    host_flushed += length;
}

bool host_in_interrupt;

bool platform_in_interrupt(void)
{
    return host_in_interrupt;
}

static int32_t last_error;

void platform_set_last_error(int32_t error)
{
    last_error = error;
}

int32_t platform_get_last_error(void)
{
    return last_error;
}

bool host_log_quiet;
unsigned host_log_lines;

void platform_log(const char *format, ...)
{
    va_list arguments;

    host_log_lines++;
    if (host_log_quiet) {
        return;
    }
    va_start(arguments, format);
    fputs("# ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

_Noreturn void platform_fatal(const char *format, ...)
{
    va_list arguments;
    jmp_buf *back = host_fatal;

    if (back != NULL) {
        host_fatal = NULL;
        longjmp(*back, 1);
    }
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    abort();
}
