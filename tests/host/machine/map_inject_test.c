/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fail the n-th: each operation that maps, redirects or prepares is repeated with
 * its 1st, 2nd, 3rd ... request for memory failing, until none does. Whatever
 * failed, the answer is a shortage, what was there is as it was, and nothing leaks.
 */
#include "kernel/inject.h"
#include "tests/host/machine/map_fixture.h"

#define PAGES 5

static uint64_t at;                /* of the owner: PAGES pages of two objects, one written */
static IOMemoryDescriptor *memory; /* all but some bytes of them */
static IOMemoryDescriptor *frozen; /* the same, copy-on-write */
static IOMemoryMap *shown;         /* a Unique map of the first 5000 bytes */

static bool made(IOMemoryMap *map)
{
    OSObject_release(map);
    return map != NULL;
}

static bool map_with(IOOptionBits options)
{
    return made(
        IOMemoryDescriptor_createMappingInTask(memory, other, 0, options | kIOMapAnywhere, 0, 0));
}

static bool create(void)
{
    IOMemoryDescriptor *made = IOMemoryDescriptor_withAddressRange(
        at, 5000, kIODirectionOutIn | kIOMemoryPersistent, owner);

    OSObject_release(made);
    return made != NULL;
}

static bool map_lazily(void)
{
    return map_with(0);
}

static bool map_guarded(void)
{
    return map_with(kIOMapGuardedLarge);
}

static bool map_image(void)
{
    return made(IOMemoryDescriptor_createMappingInTask(frozen, other, 0, kIOMapAnywhere, 16, 8000));
}

static bool map_prefaulted(void)
{
    bool done = IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess;

    if (done) {
        done = map_with(kIOMapPrefault);
        assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    }
    return done;
}

static bool map_device(void)
{
    IOMemoryDescriptor *device = IOMemoryDescriptor_withPhysicalAddress(DEVICE, 6000, 3);
    const bool done = device != NULL && made(IOMemoryDescriptor_createMappingInTask(
                                            device, other, 0, kIOMapAnywhere | kIOMapUnique, 0, 0));

    OSObject_release(device);
    return done;
}

/* A reservation of the caller's is a reservation still. */
static bool overwrite(void)
{
    const struct vm_range nothing = {.object = NULL};
    uint64_t place = 1ull << 40;
    bool done =
        vm_map_enter(task_map(other), &place, 8 * PAGE_SIZE, 0, &nothing, 0) == KERN_SUCCESS;

    if (!done) {
        return false;
    }
    done = made(IOMemoryDescriptor_createMappingInTask(memory, other, place + PAGE_SIZE + 16,
                                                       kIOMapOverwrite, 0, 0));
    if (!done) {
        assert_int_equal(try_load(other, place), KERN_PROTECTION_FAILURE);
        assert_int_equal(try_load(other, place + 2 * PAGE_SIZE), KERN_PROTECTION_FAILURE);
    }
    assert_int_equal(vm_map_remove(task_map(other), place, 8 * PAGE_SIZE), KERN_SUCCESS);
    return done;
}

static bool borrow(void)
{
    IOMemoryMap *whole =
        IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, 0, 0);
    const bool done =
        whole != NULL &&
        made(IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, 100, 100));

    OSObject_release(whole);
    return done;
}

static bool redirect(void)
{
    return IOMemoryMap_redirect(shown, frozen, 0, 2 * PAGE_SIZE) == kIOReturnSuccess;
}

static bool wire(void)
{
    if (IOMemoryMap_wireRange(shown, VM_PROT_READ | VM_PROT_WRITE, 0, 5000) != kIOReturnSuccess) {
        return false;
    }
    assert_int_equal(IOMemoryMap_wireRange(shown, 0, 0, 5000), kIOReturnSuccess);
    return true;
}

static bool prepare(void)
{
    if (IOMemoryDescriptor_prepare(memory, kIODirectionNone) != kIOReturnSuccess) {
        return false;
    }
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    return true;
}

static bool count_pages(void)
{
    IOByteCount resident = 99;
    const bool done = IOMemoryDescriptor_getPageCounts(frozen, &resident, NULL) == kIOReturnSuccess;

    assert_int_equal(resident, done ? 1 : 99);
    return done;
}

static const struct {
    const char *name;
    bool (*run)(void);
} operations[] = {
    {"create a persistent descriptor", create},
    {"map", map_lazily},
    {"map with guards", map_guarded},
    {"map copy-on-write", map_image},
    {"prepare and map prefaulted", map_prefaulted},
    {"map a device", map_device},
    {"map over a reservation", overwrite},
    {"map a part of what is mapped", borrow},
    {"redirect a map", redirect},
    {"wire through a map", wire},
    {"prepare", prepare},
    {"count pages", count_pages},
};

static void fresh_state(void)
{
    at = new_pages(owner, 2, RW);
    assert_int_equal(new_pages(owner, PAGES - 2, RW), at + 2 * PAGE_SIZE);
    store(owner, at + 17, 42);
    memory = describe(at + 16, PAGES * PAGE_SIZE - 100, kIODirectionOutIn, owner);
    frozen = describe(at + 16, PAGES * PAGE_SIZE - 100, kIODirectionOutIn | kIOMemoryMapCopyOnWrite,
                      owner);
    shown = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere | kIOMapUnique,
                                                   0, 5000);
    assert_non_null(shown);
}

static void drop_state(void)
{
    OSObject_release(shown);
    OSObject_release(memory);
    OSObject_release(frozen);
    remove_pages(owner, at, PAGES);
}

static bool is_shortage(IOReturn reason)
{
    return reason == kIOReturnNoMemory || reason == kIOReturnNoResources;
}

/* One attempt; true if the n-th point was reached. */
static bool attempt(bool (*run)(void), uint64_t nth, uint64_t *leaked, uint64_t *spared)
{
    const struct holdings start = holdings_now();
    struct inject_report report;
    bool done;

    fresh_state();
    inject_begin(nth);
    done = run();
    inject_end(&report);
    assert_true(done || report.failed);
    *spared += done && report.failed;
    if (!done) {
        assert_int_equal(load(owner, at + 17), 42);
        assert_int_equal(load(other, IOMemoryMap_getAddress(shown) + 1), 42);
        assert_true(run()); /* and with memory it works */
    }
    drop_state();
    *leaked += !sim_holds(&start);
    return report.failed;
}

static void nothing_leaks_whichever_request_fails(void **state)
{
    uint64_t leaked = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        uint64_t points = 0, spared = 0;

        while (attempt(operations[i].run, points + 1, &leaked, &spared)) {
            points++;
        }
        print_message("%s: %llu points failed, %llu of them spared, %llu leaked\n",
                      operations[i].name, (unsigned long long)points, (unsigned long long)spared,
                      (unsigned long long)leaked);
        assert_true(points > 0);
        assert_int_equal(spared, 0); /* none has another way: each shortage is told */
    }
    assert_int_equal(leaked, 0);
}

/* The answer to a shortage says so. */
static void a_shortage_is_told(void **state)
{
    struct inject_report report;

    (void)state;
    fresh_state();
    inject_begin(1);
    assert_false(map_lazily());
    inject_end(&report);
    assert_true(is_shortage(IOMemoryLastError()));
    drop_state();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(nothing_leaks_whichever_request_fails),
        MAP_TEST(a_shortage_is_told),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
