/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver does with memory by messages: buffers, and maps with all their options. */
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/driver_good.h"
#include "tests/host/machine/map_composite.h"
#include "tests/lib/portable/driverkit_calls.h"

/* The driver stores, the kernel reads the same bytes and the device's segments show them; and back.
 */
static void dk_1_a_buffer_shows_the_same_bytes_to_all(void **state)
{
    const uint64_t handle = driver_buffer(&one, kIOMemoryDirectionInOut, 3 * PAGE_SIZE + 5);
    const uint64_t address =
        driver_address(&one, driver_map_all(&one, handle, kIOMemoryMapGuardedDefault));
    IOBufferMemoryDescriptor *buffer =
        OSDynamicCast(IOBufferMemoryDescriptor, driver_object(&one, handle));
    _IOMDPrivateState now;
    uint8_t byte;

    (void)state;
    assert_non_null(buffer);
    GOOD(driver_state(&one, handle, &now));
    assert_int_equal(now.length, 3 * PAGE_SIZE + 5);
    assert_int_equal(now.options & kIOMemoryDirectionMask, kIODirectionOutIn);
    assert_true((now.options & kIOMemoryThreadSafe) != 0);
    for (uint64_t i = 0; i < now.length; i++) {
        assert_int_equal(load(one.task, address + i), 0);
    }
    fill(one.task, address, now.length, 7);
    for (uint64_t i = 0; i < now.length; i += 501) {
        IOByteCount length;
        const addr64_t at =
            IOMemoryDescriptor_getPhysicalSegment(buffer, i, &length, kIOMemoryMapperNone);

        assert_int_equal(IOMemoryDescriptor_readBytes(buffer, i, &byte, 1), 1);
        assert_int_equal(byte, pattern(i, 7));
        assert_int_equal(*dma_bytes(at), pattern(i, 7));
        byte = (uint8_t)i;
        assert_int_equal(IOMemoryDescriptor_writeBytes(buffer, i, &byte, 1), 1);
        assert_int_equal(load(one.task, address + i), (uint8_t)i);
    }
}

static void dk_2_lengths_stay_within_the_capacity(void **state)
{
    const uint64_t handle = driver_buffer(&one, kIOMemoryDirectionIn, 5000);
    const uint64_t map = driver_map_all(&one, handle, 0);
    const uint64_t address = driver_address(&one, map);
    _IOMDPrivateState now;

    (void)state;
    for (uint64_t length = 0; length <= 5000; length += 625) {
        GOOD(driver_set_length(&one, handle, length));
        GOOD(driver_state(&one, handle, &now));
        assert_int_equal(now.length, length);
    }
    assert_int_equal(driver_address(&one, map), address);
}

/* The reference answers success, and changes nothing. */
static void k_6_a_length_beyond_the_capacity_is_refused(void **state)
{
    const uint64_t handle = driver_buffer(&one, kIOMemoryDirectionIn, 5000);
    _IOMDPrivateState now;

    (void)state;
    assert_int_equal(driver_set_length(&one, handle, 5001), kIOReturnBadArgument);
    assert_int_equal(driver_set_length(&one, handle, UINT64_MAX), kIOReturnBadArgument);
    GOOD(driver_state(&one, handle, &now));
    assert_int_equal(now.length, 5000);
}

static void buffers_of_no_or_too_many_bytes_are_refused(void **state)
{
    static const uint64_t wrong[] = {0, UINT64_MAX, UINT64_MAX - PAGE_SIZE + 2};
    IOReturn status;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(driver_create(&one, kIOMemoryDirectionIn, wrong[i], &status), 0);
        assert_int_equal(status, kIOReturnBadArgument);
    }
    for (unsigned bit = 2; bit < 64; bit++) {
        assert_int_equal(driver_create(&one, 1ull << bit, 1, &status), 0);
        assert_int_equal(status, kIOReturnBadArgument);
    }
    assert_int_equal(driver_handles(&one), 0);
}

static void expect_map_refused(uint64_t handle, uint64_t options, uint64_t address, uint64_t offset,
                               uint64_t length, IOReturn reason)
{
    const uint64_t before = ranges_now();
    IOReturn status;

    assert_int_equal(driver_map(&one, handle, options, address, offset, length, &status), 0);
    assert_int_equal(status, reason);
    assert_int_equal(ranges_now(), before);
}

static void dk_3_every_option_of_a_mapping_is_obeyed(void **state)
{
    static const struct {
        uint64_t asked;
        unsigned mode;
    } modes[] = {{kIOMemoryMapCacheModeDefault, MMU_NORMAL},
                 {kIOMemoryMapCacheModeInhibit, MMU_NONCACHED},
                 {kIOMemoryMapCacheModeCopyback, MMU_NORMAL},
                 {kIOMemoryMapCacheModeWriteThrough, MMU_WRITE_THROUGH},
                 {kIOMemoryMapCacheModeRealTime, MMU_NONCACHED}};
    static const uint64_t guards[] = {kIOMemoryMapGuardedDefault, kIOMemoryMapGuardedSmall,
                                      kIOMemoryMapGuardedLarge, kIOMemoryMapGuardedNone};
    static const uint64_t sizes[] = {PAGE_SIZE, PAGE_SIZE, 65536, 0};
    const uint64_t handle = driver_buffer(&one, kIOMemoryDirectionInOut, 2 * PAGE_SIZE);
    uint64_t map, at;
    IOReturn status;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct vm_range range;
        uint64_t size;

        map = driver_map_all(&one, handle, guards[i]);
        at = driver_address(&one, map);
        GOOD(vm_map_lookup(task_map(one.task), at, &range, &size));
        assert_int_equal(size, 2 * PAGE_SIZE);
        if (sizes[i] != 0) {
            /* A range without an object: nothing is ever placed there, and every access faults. */
            GOOD(vm_map_lookup(task_map(one.task), at - sizes[i], &range, &size));
            assert_null(range.object);
            assert_int_equal(size, sizes[i]);
            GOOD(vm_map_lookup(task_map(one.task), at + 2 * PAGE_SIZE, &range, &size));
            assert_null(range.object);
            assert_int_equal(size, sizes[i]);
            assert_int_not_equal(try_load(one.task, at - 1), KERN_SUCCESS);
            assert_int_not_equal(try_load(one.task, at + 2 * PAGE_SIZE), KERN_SUCCESS);
        }
        GOOD(IODriverTask_releaseHandle(one.table, map));
        assert_int_not_equal(try_load(one.task, at), KERN_SUCCESS);
    }
    map = driver_map_all(&one, handle, kIOMemoryMapReadOnly);
    at = driver_address(&one, map);
    GOOD(try_load(one.task, at));
    assert_int_equal(try_store(one.task, at), KERN_PROTECTION_FAILURE);
    GOOD(IODriverTask_releaseHandle(one.table, map));

    map = driver_map(&one, handle, kIOMemoryMapFixedAddress, 0x12340000, PAGE_SIZE, PAGE_SIZE,
                     &status);
    GOOD(status);
    assert_int_equal(driver_address(&one, map), 0x12340000);
    expect_map_refused(handle, kIOMemoryMapFixedAddress, 0x12340000 - PAGE_SIZE, 0, 0,
                       kIOReturnNoSpace);
    expect_map_refused(handle, kIOMemoryMapFixedAddress, 0x12350001, 0, 0, kIOReturnNotAligned);
    expect_map_refused(handle, kIOMemoryMapFixedAddress, 0xffff000000000000, 0, 0,
                       kIOReturnNoSpace);
    GOOD(IODriverTask_releaseHandle(one.table, map));

    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct mmu_translation page;

        map = driver_map_all(&one, handle, modes[i].asked);
        at = driver_address(&one, map);
        load(one.task, at);
        assert_true(translate(one.task, at, &page));
        assert_int_equal(page.attributes.memory, modes[i].mode);
        GOOD(IODriverTask_releaseHandle(one.table, map));
        driver_map(&one, handle, kIOMemoryMapCacheModeCopyback, 0, 0, 0, &status);
        GOOD(status); /* what a mode does to the pages lasts */
    }
    expect_map_refused(handle, 0, 0, 1, 2 * PAGE_SIZE, kIOReturnBadArgument);
    expect_map_refused(handle, 0, 0, 1, 0, kIOReturnBadArgument);
    expect_map_refused(handle, 0, 0, UINT64_MAX, 2, kIOReturnBadArgument);
}

/* The reference ignores them, and takes guards that are none for small ones. */
static void k_2_undefined_options_are_refused(void **state)
{
    const uint64_t handle = driver_buffer(&one, kIOMemoryDirectionInOut, 2 * PAGE_SIZE);

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t defined = kIOMemoryMapFixedAddress | kIOMemoryMapReadOnly | 0xc | 0xf00;

        if ((defined & 1ull << bit) == 0) {
            expect_map_refused(handle, 1ull << bit, 0, 0, 0, kIOReturnBadArgument);
        }
    }
    for (uint64_t guard = 0x10; guard <= 0x1c; guard += 4) {
        expect_map_refused(handle, guard, 0, 0, 0, kIOReturnBadArgument);
    }
    for (uint64_t field = 1; field < 256; field++) {
        if ((field & (field - 1)) != 0) {
            expect_map_refused(handle, field << 8, 0, 0, 0, kIOReturnBadArgument);
        }
    }
}

/* The reference ignores it, and the map lies where it lies. */
static void k_3_an_alignment_is_refused(void **state)
{
    IOMemoryDescriptor_CreateMapping_Msg aligned = {
        .header = HEADER(IOMemoryDescriptor, CreateMapping, 1),
        .self = driver_buffer(&one, kIOMemoryDirectionInOut, PAGE_SIZE)};
    IOMemoryDescriptor_CreateMapping_Rpl reply;
    const uint64_t before = ranges_now();

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        aligned.alignment = 1ull << bit;
        assert_int_equal(driver_send(&one, &aligned, sizeof(aligned), &reply, sizeof(reply)),
                         kIOReturnUnsupported);
    }
    assert_int_equal(ranges_now(), before);
    assert_int_equal(driver_handles(&one), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(dk_1_a_buffer_shows_the_same_bytes_to_all),
        DRIVER_TEST(dk_2_lengths_stay_within_the_capacity),
        DRIVER_TEST(buffers_of_no_or_too_many_bytes_are_refused),
        DRIVER_TEST(dk_3_every_option_of_a_mapping_is_obeyed),
        DRIVER_TEST(k_2_undefined_options_are_refused),
        DRIVER_TEST(k_3_an_alignment_is_refused),
        DRIVER_TEST(k_6_a_length_beyond_the_capacity_is_refused),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
