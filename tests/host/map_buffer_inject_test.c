/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fail the n-th, for buffers: each creation is repeated with its 1st, 2nd, 3rd ...
 * request for memory failing, until none does. Whatever failed, the answer is an error
 * of the contract (OM-10), and nothing is left over.
 */
#include "descriptors/IOBufferMemoryDescriptor_private.h"
#include "kernel/inject.h"
#include "tests/host/map_fixture.h"

typedef IOBufferMemoryDescriptor *creation_t(void);

static uint64_t source; /* three pages of the owner, two of them written */

static IOBufferMemoryDescriptor *wired(void)
{
    return IOBufferMemoryDescriptor_withCapacity(20000, kIODirectionOutIn, false);
}

static IOBufferMemoryDescriptor *small(void)
{
    return IOBufferMemoryDescriptor_withBytes("abc", 3, kIODirectionOutIn, false);
}

static IOBufferMemoryDescriptor *guarded(void)
{
    return IOBufferMemoryDescriptor_inTaskWithGuardPages(kernel_task, kIODirectionOutIn, 9000);
}

static IOBufferMemoryDescriptor *uncached(void)
{
    return IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn | kIOMapInhibitCache, 9000, 1);
}

static IOBufferMemoryDescriptor *in_task(void)
{
    return IOBufferMemoryDescriptor_inTaskWithOptions(
        owner, kIODirectionOutIn | kIOMemoryPageable | kIOMapPrefault, 9000, 1);
}

static IOBufferMemoryDescriptor *nowhere(void)
{
    return IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
        TASK_NULL, kIODirectionOutIn | kIOMemoryPageable, 9000, 0xffffffff);
}

static IOBufferMemoryDescriptor *aligned(void)
{
    return IOBufferMemoryDescriptor_inTaskWithOptions(owner, kIODirectionOutIn | kIOMemoryPageable,
                                                      9000, 64 * 1024);
}

static IOBufferMemoryDescriptor *shared_copy(void)
{
    return IOBufferMemoryDescriptor_withCopy(other, kIODirectionOutIn | kIOMemoryPageable,
                                             task_map(owner), source, 9000);
}

static IOBufferMemoryDescriptor *own_copy(void)
{
    return IOBufferMemoryDescriptor_withCopy(other, kIODirectionOutIn | kIOMemoryPageable,
                                             task_map(owner), source + 7, 9000);
}

static const struct {
    const char *name;
    creation_t *run;
} creations[] = {
    {"wired", wired},
    {"small", small},
    {"guarded", guarded},
    {"uncached", uncached},
    {"in a task", in_task},
    {"mapped nowhere", nowhere},
    {"aligned", aligned},
    {"copy that shares", shared_copy},
    {"copy of its own", own_copy},
};

static bool is_shortage(IOReturn status)
{
    return status == kIOReturnNoMemory || status == kIOReturnNoResources;
}

/* What a buffer is used for; every step may want memory. */
static bool use(IOBufferMemoryDescriptor *buffer)
{
    IOMemoryMap *map;
    IOReturn status;

    IOBufferMemoryDescriptor_setLength(buffer, 1);
    if (!IOBufferMemoryDescriptor_appendBytes(buffer, "x", 1)) {
        return is_shortage(IOMemoryLastError());
    }
    status = IOMemoryDescriptor_prepare(buffer, 0);
    if (status != kIOReturnSuccess) {
        return is_shortage(status);
    }
    map = IOMemoryDescriptor_createMappingInTask(
        buffer, kernel_task, 0, kIOMapAnywhere | kIOMapUnique | kIOMapPrefault, 0, 0);
    if (map == NULL) {
        return is_shortage(IOMemoryLastError());
    }
    OSObject_release(map);
    return true; /* and is released as it is */
}

/* One attempt; true if the n-th point was reached. */
static bool attempt(creation_t *run, uint64_t nth, uint64_t *leaked)
{
    const struct sim_balance before = sim_balance();
    struct sim_balance after;
    struct inject_report report;
    IOBufferMemoryDescriptor *buffer;

    source = new_pages(owner, 3, RW);
    fill(owner, source, 2 * PAGE_SIZE, 1);
    platform_set_last_error(0);
    inject_begin(nth);
    buffer = run();
    if (buffer == NULL) {
        assert_true(is_shortage(IOMemoryLastError()));
    } else {
        assert_true(use(buffer));
    }
    inject_end(&report);
    assert_true(buffer != NULL || report.failed);
    OSObject_release(buffer);
    remove_pages(owner, source, 3);
    after = sim_balance();
    *leaked += memcmp(&before, &after, sizeof(before)) != 0;
    return report.failed;
}

static void nothing_leaks_whichever_request_fails(void **state)
{
    uint64_t leaked = 0;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(creations) / sizeof(creations[0]); i++) {
        uint64_t points = 0;

        while (attempt(creations[i].run, points + 1, &leaked)) {
            points++;
        }
        print_message("%s: %llu points failed, %llu leaked\n", creations[i].name,
                      (unsigned long long)points, (unsigned long long)leaked);
        assert_true(points > 2);
    }
    assert_int_equal(leaked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(nothing_leaks_whichever_request_fails),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
