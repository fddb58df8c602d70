/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device on PCI that knows which accesses are legal, and the machine that it is in. */
#ifndef TESTS_HOST_PCI_TRANSPORT_PCI_FIXTURE_H
#define TESTS_HOST_PCI_TRANSPORT_PCI_FIXTURE_H

#include <stdio.h>

#include "drivers/virtio/transport_pci.h"
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "tests/host/pci/pci_machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define BAR_SIZE 0x4000u
#define COMMON   0x0000u
#define ISR      0x1000u
#define DEVICE   0x2000u
#define NOTIFY   0x3000u

/* What the structures at the BAR answer. */
static struct {
    struct sim_registers registers; /* first */
    uint32_t feature_select[2];
    uint64_t offered, accepted;
    uint16_t queues, queue, size, enabled, notify_off;
    uint16_t vectors[2]; /* of the configuration, of the queue */
    uint32_t halves[6];
    uint8_t status, isr;
    uint8_t generation;
    bool moving, refuses_choice, refuses_vector, refuses_queue;
    unsigned reset_reads;
    char order[256]; /* what was done, a letter each */
} disk_state;

static inline void note(char what)
{
    const size_t length = strlen(disk_state.order);

    if (length + 1 < sizeof(disk_state.order)) {
        disk_state.order[length] = what;
        disk_state.order[length + 1] = 0;
    }
}

/* Field by field its own width (section 4.1.3.1); the address fields are halves. */
static inline unsigned width_of(uint64_t at)
{
    static const uint8_t widths[COMMON_BYTES] = {
        [0x00] = 4, [0x04] = 4, [0x08] = 4, [0x0c] = 4, [0x10] = 2, [0x12] = 2, [0x14] = 1,
        [0x15] = 1, [0x16] = 2, [0x18] = 2, [0x1a] = 2, [0x1c] = 2, [0x1e] = 2, [0x20] = 4,
        [0x24] = 4, [0x28] = 4, [0x2c] = 4, [0x30] = 4, [0x34] = 4,
    };

    assert_in_range(at, 0, COMMON_BYTES - 1);
    return widths[at];
}

static inline uint64_t read_common(uint64_t at, unsigned width)
{
    assert_int_equal(width, width_of(at));
    switch (at) {
    case COMMON_DEVICE_FEATURE:
        return (uint32_t)(disk_state.offered >> 32 * disk_state.feature_select[0]);
    case COMMON_CONFIG_VECTOR:
        return disk_state.refuses_vector ? 0xffff : disk_state.vectors[0];
    case COMMON_QUEUES:
        return disk_state.queues;
    case COMMON_STATUS:
        if (disk_state.reset_reads != 0 && --disk_state.reset_reads == 0) {
            disk_state.status = 0;
        }
        return disk_state.status;
    case COMMON_GENERATION:
        return disk_state.moving ? disk_state.generation++ : disk_state.generation;
    case COMMON_QUEUE_SIZE:
        return disk_state.size;
    case COMMON_QUEUE_VECTOR:
        return disk_state.refuses_vector ? 0xffff : disk_state.vectors[1];
    case COMMON_QUEUE_ENABLE:
        return disk_state.enabled;
    case COMMON_QUEUE_NOTIFY_OFF:
        return disk_state.notify_off * disk_state.queue;
    default:
        fail_msg("a read of %#x", (unsigned)at);
        return 0;
    }
}

static inline uint64_t read_bar(struct sim_registers *self, uint64_t at, unsigned width)
{
    (void)self;
    if (at < COMMON_BYTES) {
        return read_common(at, width);
    }
    if (at == ISR) {
        const uint8_t isr = disk_state.isr;

        assert_int_equal(width, 1);
        disk_state.isr = 0; /* reading quiets the line */
        return isr;
    }
    assert_in_range(at, DEVICE, DEVICE + 63);
    return 0x1122334455667788 >> 8 * (at % 8);
}

static inline void write_common(uint64_t at, uint64_t value, unsigned width)
{
    assert_int_equal(width, width_of(at));
    switch (at) {
    case COMMON_DEVICE_FEATURE_SELECT:
        disk_state.feature_select[0] = (uint32_t)value;
        break;
    case COMMON_DRIVER_FEATURE_SELECT:
        disk_state.feature_select[1] = (uint32_t)value;
        break;
    case COMMON_DRIVER_FEATURE:
        disk_state.accepted |= value << 32 * disk_state.feature_select[1];
        break;
    case COMMON_CONFIG_VECTOR:
        disk_state.vectors[0] = (uint16_t)value;
        note('c');
        break;
    case COMMON_STATUS:
        if (value == 0 && disk_state.reset_reads != 0) {
            break;
        }
        disk_state.status = (uint8_t)value & (uint8_t) ~(disk_state.refuses_choice ? 8 : 0);
        note(value == 0 ? '0' : (value & 4) != 0 ? 'D' : (value & 8) != 0 ? 'F' : 's');
        break;
    case COMMON_QUEUE_SELECT:
        disk_state.queue = (uint16_t)value;
        break;
    case COMMON_QUEUE_SIZE:
        disk_state.size = (uint16_t)value;
        note('z');
        break;
    case COMMON_QUEUE_VECTOR:
        disk_state.vectors[1] = (uint16_t)value;
        note('v');
        break;
    case COMMON_QUEUE_ENABLE:
        assert_int_equal(value, 1);
        disk_state.enabled = !disk_state.refuses_queue;
        note('e');
        break;
    default:
        assert_in_range(at, COMMON_QUEUE_DESC, COMMON_BYTES - 1);
        disk_state.halves[(at - COMMON_QUEUE_DESC) / 4] = (uint32_t)value;
        note('a');
    }
}

static inline void write_bar(struct sim_registers *self, uint64_t at, uint64_t value,
                             unsigned width)
{
    (void)self;
    if (at < COMMON_BYTES) {
        write_common(at, value, width);
        return;
    }
    assert_true(at >= NOTIFY);
    assert_int_equal(width, 2);
    note('n');
}

/* --- Machines --------------------------------------------------------------------------------- */

static struct fake_function *function;

static inline unsigned structure(unsigned type, unsigned bar, uint32_t offset, uint32_t size)
{
    const unsigned bytes = type == VIRTIO_PCI_NOTIFY ? 20 : 16;
    const unsigned at = fake_capability(function, PCI_CAP_VENDOR, bytes);

    fake_put(function, at + 2, bytes, 1);
    fake_put(function, at + 3, type, 1);
    fake_put(function, at + 4, bar, 1);
    fake_put(function, at + 8, offset, 4);
    fake_put(function, at + 12, size, 4);
    return at;
}

/* A disk as QEMU has it, but for what the caller adds before and changes after. */
static inline void begin_disk(void)
{
    fake_begin();
    function = fake_add(0, 1, VIRTIO_PCI_VENDOR, 0x1042);
    function->bars[4] = (struct fake_bar){BAR_SIZE, 0xc};
    function->bars[0] = (struct fake_bar){64, 1};
    fake_put(function, PCI_PIN, 1, 1);
    sim_console_forget();
}

static unsigned at_common, at_notify;

static inline void add_structures(void)
{
    at_common = structure(VIRTIO_PCI_COMMON, 4, COMMON, 0x1000);
    structure(VIRTIO_PCI_ISR, 4, ISR, 0x1000);
    structure(VIRTIO_PCI_DEVICE, 4, DEVICE, 0x40);
    at_notify = structure(VIRTIO_PCI_NOTIFY, 4, NOTIFY, 0x1000);
    fake_put(function, at_notify + 16, 4, 4);
}

static struct virtio_device *last_found;

/* Those of earlier machines do not answer any more. */
static inline void forget_all_before(const struct pci_function *found)
{
    for (struct pci_function *at = pci_next(NULL); at != found; at = pci_next(at)) {
        pci_claim(at, "a test that is over");
    }
}

/* Search; the device that was found, NULL: none. */
static inline struct virtio_pci_device *look(void)
{
    struct pci_function *found = fake_search(&fake_virt);
    struct virtio_device *claimed;
    struct pci_bar bar;

    if (pci_get_bar(found, 4, &bar) == kIOReturnSuccess) {
        memset(&disk_state, 0, sizeof(disk_state));
        disk_state.registers = (struct sim_registers){.start = phys_to_virt(bar.base),
                                                      .size = bar.size,
                                                      .read = read_bar,
                                                      .write = write_bar};
        disk_state.offered = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;
        disk_state.queues = 2;
        disk_state.size = 256;
        disk_state.notify_off = 1;
        sim_mmio_plug(&disk_state.registers);
    }
    forget_all_before(found);
    virtio_pci.find();
    claimed = virtio_claim(VIRTIO_ID_BLOCK);
    if (claimed == last_found) {
        return NULL;
    }
    last_found = claimed;
    return (struct virtio_pci_device *)claimed;
}

#endif
