/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory cursors that align what they cut. */
#include "descriptors/IOMapper.h"
#include "tests/host/cursor/cursor_calls.h"

static void mc_11_misaligned_runs(void **state)
{
    static const uint64_t alignments[] = {2, 4, 512, 4096};
    IOMemoryDescriptor *misaligned = IOMemoryDescriptor_withPhysicalAddress(0x10001, 100, 1);
    IOByteCount size;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const uint64_t a = alignments[i];
        IOAddressRange ranges[] = {{0x10000, a}, {0x20000 + a, 3 * a}, {0x40000 + a / 2, a}};
        IOMemoryDescriptor *memory = physical(ranges, 3);
        IOMemoryCursor *cursor = cursor_with(2 * a, 0, a);

        assert_int_equal(gen(cursor, misaligned, 0, 64, 0, &size), 0);
        assert_int_equal(IOMemoryLastError(), kIOReturnNotAligned);
        assert_int_equal(calls, 0);
        assert_int_equal(size, 0);
        assert_int_equal(gen(cursor, memory, 0, 64, 0, &size), 3);
        assert_int_equal(size, 4 * a);
        expect_entry(2, 0x20000 + 3 * a, a);
        /* The next call starts there and says why. */
        assert_int_equal(gen(cursor, memory, 4 * a, 64, 0, &size), 0);
        assert_int_equal(IOMemoryLastError(), kIOReturnNotAligned);
        OSObject_release(cursor);
        OSObject_release(memory);
    }
    OSObject_release(misaligned);
}

/* Prepared memory that is one run in one entry is looked at as any other. */
static void mc_11_one_run_that_is_misaligned(void **state)
{
    IOByteCount size;

    (void)state;
    IOMapper_setMapperRequired(false); /* as on this machine: nobody translates */
    for (uint64_t a = 1; a <= 512; a *= 2) {
        IOMemoryDescriptor *memory = describe_pages(256, 512, kIODirectionOutIn);
        IOMemoryCursor *cursor = cursor_with(4096, 0, a);
        const bool aligned = a <= 256;

        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        assert_int_equal(gen(cursor, memory, 0, 64, 0, &size), aligned ? 1 : 0);
        assert_int_equal(size, aligned ? 512 : 0);
        assert_int_equal(gen(cursor, memory, 1, 64, 0, &size), a == 1 ? 1 : 0);
        if (a != 1) {
            assert_int_equal(IOMemoryLastError(), kIOReturnNotAligned);
        }
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        OSObject_release(cursor);
        OSObject_release(memory);
    }
}

/* A cut by the byte limit leaves the next call an aligned start, unless nothing would be left. */
static void mc_11_transfer_limit_keeps_alignment(void **state)
{
    IOAddressRange ranges[] = {{0x1000, 100}, {0x2000, 20}};
    IOMemoryDescriptor *memory = physical(ranges, 2);
    IOMemoryCursor *cursor = cursor_with(0, 0, 16);
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(cursor, memory, 0, 64, 70, &size), 1);
    assert_int_equal(size, 64);
    assert_int_equal(gen(cursor, memory, 0, 64, 100, &size), 1); /* the run ends there anyway */
    assert_int_equal(size, 100);
    assert_int_equal(gen(cursor, memory, 0, 64, 108, &size), 1); /* 8 bytes would not do */
    assert_int_equal(size, 100);
    assert_int_equal(gen(cursor, memory, 0, 64, 10, &size), 1); /* better than nothing */
    assert_int_equal(size, 10);
    OSObject_release(cursor);
    OSObject_release(memory);
}

/* Fewest pieces of `run` bytes with cuts at multiples of a and pieces of at most m, by trying all.
 */
static UInt32 fewest(uint64_t run, uint64_t m, uint64_t a)
{
    UInt32 best = run <= m ? 1 : UINT32_MAX;

    for (uint64_t cut = a; cut < run && cut <= m; cut += a) {
        const UInt32 rest = fewest(run - cut, m, a);

        if (rest != UINT32_MAX && rest + 1 < best) {
            best = rest + 1;
        }
    }
    return best;
}

static void mc_12_aligned_cuts_are_minimal(void **state)
{
    (void)state;
    for (uint64_t a = 1; a <= 8; a *= 2) {
        for (uint64_t m = a; m <= 2 * a + 5; m++) {
            IOMemoryCursor *cursor = cursor_with(m, 0, a);

            for (uint64_t run = 1; run <= 18 + a; run++) {
                IOMemoryDescriptor *memory =
                    IOMemoryDescriptor_withPhysicalAddress(0x1000, run, kIODirectionIn);
                IOByteCount size;
                UInt32 i, count = gen(cursor, memory, 0, 64, 0, &size);

                assert_int_equal(size, run);
                assert_int_equal(count, fewest(run, m, a));
                for (i = 0; i < count; i++) {
                    assert_int_equal(list[i].location % a, 0);
                    assert_true(list[i].length <= m);
                }
                OSObject_release(memory);
            }
            OSObject_release(cursor);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(mc_11_misaligned_runs),
        WITH_PAGES(mc_11_one_run_that_is_misaligned),
        BALANCED(mc_11_transfer_limit_keeps_alignment),
        BALANCED(mc_12_aligned_cuts_are_minimal),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
