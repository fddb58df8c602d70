/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers at I/O addresses: each access is one of its width, or none. */
#include "descriptors/IOMapper.h"
#include "kernel/direct_map.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_mmio.h"

static struct {
    uint64_t offset, value;
    unsigned width, count;
    bool write;
} last;

static uint64_t read_register(struct sim_registers *self, uint64_t offset, unsigned width)
{
    (void)self;
    last.offset = offset;
    last.width = width;
    last.write = false;
    last.count++;
    return 0x8877665544332211;
}

static void write_register(struct sim_registers *self, uint64_t offset, uint64_t value,
                           unsigned width)
{
    (void)self;
    last.offset = offset;
    last.value = value;
    last.width = width;
    last.write = true;
    last.count++;
}

static struct sim_registers registers = {
    .size = 2 * PAGE_SIZE, .read = read_register, .write = write_register};

static int plug(void **state)
{
    const int result = map_power_on(state);

    registers.start = phys_to_virt(paddr(DEVICE));
    sim_mmio_plug(&registers);
    /* What is mapped of devices stays: before anything is counted. */
    return mmu_map_device(paddr(DEVICE), registers.size) != NULL ? result : -1;
}

static void expect(unsigned count, uint64_t offset, unsigned width, bool write)
{
    assert_int_equal(last.count, count);
    assert_int_equal(last.offset, offset);
    assert_int_equal(last.width, width);
    assert_int_equal(last.write, write);
}

static void every_width_is_one_access(void **state)
{
    (void)state;
    memset(&last, 0, sizeof(last));
    assert_int_equal(IOMappedRead8(DEVICE + 3), 0x11);
    expect(1, 3, 1, false);
    assert_int_equal(IOMappedRead16(DEVICE + 6), 0x2211);
    expect(2, 6, 2, false);
    assert_int_equal(IOMappedRead32(DEVICE + 12), 0x44332211);
    expect(3, 12, 4, false);
    assert_int_equal(IOMappedRead64(DEVICE + PAGE_SIZE + 8), 0x8877665544332211);
    expect(4, PAGE_SIZE + 8, 8, false);
    IOMappedWrite8(DEVICE + 5, 0xa1);
    expect(5, 5, 1, true);
    assert_int_equal(last.value, 0xa1);
    IOMappedWrite16(DEVICE + 2, 0xa1b2);
    expect(6, 2, 2, true);
    assert_int_equal(last.value, 0xa1b2);
    IOMappedWrite32(DEVICE + 8, 0xa1b2c3d4);
    expect(7, 8, 4, true);
    assert_int_equal(last.value, 0xa1b2c3d4);
    IOMappedWrite64(DEVICE + 16, 0xa1b2c3d4e5f60718);
    expect(8, 16, 8, true);
    assert_int_equal(last.value, 0xa1b2c3d4e5f60718);
}

/* A register that is touched in parts has been given two commands. */
static void misaligned_registers_are_not_touched(void **state)
{
    (void)state;
    memset(&last, 0, sizeof(last));
    assert_int_equal(IOMappedRead16(DEVICE + 1), 0xffff);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotAligned);
    assert_int_equal(IOMappedRead32(DEVICE + 2), 0xffffffff);
    assert_int_equal(IOMappedRead64(DEVICE + 4), UINT64_MAX);
    assert_int_equal(IOMappedRead64(DEVICE + PAGE_SIZE - 4), UINT64_MAX);
    IOMappedWrite16(DEVICE + PAGE_SIZE - 1, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotAligned);
    IOMappedWrite32(DEVICE + 1, 0);
    IOMappedWrite64(DEVICE + 12, 0);
    assert_int_equal(last.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(every_width_is_one_access),
        MAP_TEST(misaligned_registers_are_not_touched),
    };

    return cmocka_run_group_tests(tests, plug, map_power_off);
}
