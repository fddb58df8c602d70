/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-mmio transport: which slots are found, and the start-up of a device, by register. */
#include "tests/host/pci/transport_mmio_fixture.h"

static void test_found_by_falling_address(void **state)
{
    unsigned fillers = 0;
    struct virtio_device *device;
    uint64_t last = UINT64_MAX;

    (void)state;
    sim_console_forget();
    claim_disk();
    assert_int_equal(disk->intid, FIRST_LINE + DISK_HIGH);
    assert_false(disk->uncached);
    assert_true(sim_console_said("virtio: device type 2 at 0xa000400 speaks the legacy interface "
                                 "(version 1); start QEMU with "
                                 "-global virtio-mmio.force-legacy=false\n"));
    assert_false(sim_console_said("type 0"));
    assert_true(sim_console_said("has no registers of 512 bytes, or no interrupt"));

    device = virtio_claim(VIRTIO_ID_BLOCK);
    assert_non_null(device);
    assert_int_equal(device->address.value, slot_base(DISK_LOW));
    assert_int_equal(device->intid, FIRST_LINE + DISK_LOW);
    assert_true(device->uncached);
    assert_null(virtio_claim(VIRTIO_ID_BLOCK));
    device = virtio_claim_of(VIRTIO_ID_BLOCK, VIRTIO_VENDOR_VDMA);
    assert_non_null(device);
    assert_int_equal(device->address.value, slot_base(BESIDE));
    device = virtio_claim_of(VIRTIO_ID_BLOCK, VIRTIO_VENDOR_VDMA);
    assert_non_null(device);
    assert_int_equal(device->address.value, slot_base(VDMA));
    assert_null(virtio_claim_of(VIRTIO_ID_BLOCK, VIRTIO_VENDOR_VDMA));
    device = virtio_claim(VIRTIO_ID_ENTROPY);
    assert_non_null(device);
    assert_int_equal(device->address.value, slot_base(ENTROPY));

    /* As many as there is room for, from the tree's first on. */
    while ((device = virtio_claim(FILLER_ID)) != NULL) {
        assert_true(device->address.value < last);
        last = device->address.value;
        fillers++;
    }
    assert_int_equal(fillers, 64 - 5);
    assert_int_equal(last, slot_base(SLOT_COUNT));
}

/* The order of section 3.1.1, nothing left out and nothing written twice. */
static void test_negotiation(void **state)
{
    static const uint64_t expected[][2] = {{0x070, 0}, {0x070, 1}, {0x070, 3},          {0x014, 0},
                                           {0x014, 1}, {0x024, 0}, {0x020, 0x20000000}, {0x024, 1},
                                           {0x020, 1}, {0x070, 11}};

    (void)state;
    assert_int_equal(virtio_negotiate(disk, WANTED, VIRTIO_F_VERSION_1), kIOReturnSuccess);
    assert_int_equal(disk->features, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
    assert_int_equal(disk_slot->accepted, disk->features);
    assert_written(expected, sizeof(expected) / sizeof(expected[0]));
}

static void test_refused_negotiation(void **state)
{
    static const uint64_t lacking[][2] = {{0x070, 0}, {0x070, 1}, {0x070, 3},
                                          {0x014, 0}, {0x014, 1}, {0x070, 0x83}};
    static const uint64_t reset[][2] = {{0x070, 0}};

    (void)state;
    assert_int_equal(virtio_negotiate(disk, WANTED, 1u << 5), kIOReturnUnsupported);
    assert_written(lacking, sizeof(lacking) / sizeof(lacking[0]));
    disk_slot->refuses_choice = true;
    assert_int_equal(virtio_negotiate(disk, WANTED, VIRTIO_F_VERSION_1), kIOReturnUnsupported);
    assert_int_equal(disk_slot->status, 0x83);

    disk_slot->refuses_reset = true;
    log_forget();
    assert_false(virtio_reset(disk));
    assert_int_equal(log_count, 1 + 1000); /* every wait ends */
    log_forget();
    assert_int_equal(virtio_negotiate(disk, WANTED, VIRTIO_F_VERSION_1), kIOReturnNotResponding);
    log_count = 1;
    assert_written(reset, 1);
}

/* Real hardware takes some looks. */
static void test_slow_reset(void **state)
{
    (void)state;
    disk_slot->status = 0xf;
    disk_slot->reset_reads = 1000;
    assert_true(virtio_reset(disk));
    disk_slot->status = 0xf;
    disk_slot->reset_reads = 1001;
    assert_false(virtio_reset(disk));
    assert_true(virtio_reset(disk));
}

static void test_ready(void **state)
{
    static const uint64_t expected[][2] = {{0x070, 15}};

    (void)state;
    disk_slot->status = 11;
    assert_false(virtio_needs_reset(disk));
    assert_int_equal(virtio_ready(disk), kIOReturnSuccess);
    assert_written(expected, 1);
    for (uint32_t bit = 0x40; bit <= 0x80; bit *= 2) {
        disk_slot->status = 11;
        disk_slot->fails_with = bit;
        assert_int_equal(virtio_ready(disk), kIOReturnDeviceError);
        assert_true(virtio_needs_reset(disk));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_falling_address),
        cmocka_unit_test_setup(test_negotiation, again),
        cmocka_unit_test_setup(test_refused_negotiation, again),
        cmocka_unit_test_setup(test_slow_reset, again),
        cmocka_unit_test_setup(test_ready, again),
    };

    return cmocka_run_group_tests(tests, start, machine_stop);
}
