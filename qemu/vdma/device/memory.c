/* SPDX-License-Identifier: BSD-2-Clause */
/* How the device reaches memory: its translation table, then the door's. */
#include "qemu/vdma/device/vdma_private.h"

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Where the door has it. */
static void place(struct vdma *device, struct vdma_spot *spot, unsigned access)
{
    const uint64_t length =
        device->ports->translate(device->context, spot->bus, spot->length, access, &spot->memory);

    spot->length = lesser(length, spot->length);
}

/* The table itself lies at addresses that nothing translates. */
static bool read_entry(struct vdma *device, uint64_t page, uint64_t *entry)
{
    struct vdma_spot spot = {.bus = device->table + 8 * page, .length = sizeof(*entry)};

    place(device, &spot, VDMA_READS);
    return spot.length == sizeof(*entry) &&
           device->ports->read(device->context, spot.memory, entry, sizeof(*entry));
}

/* Through the table: where the page of `spot->bus` lies. */
static bool look_up(struct vdma *device, struct vdma_spot *spot, unsigned access)
{
    const uint64_t page = spot->bus / VDMA_PAGE;
    const uint64_t inside = spot->bus % VDMA_PAGE;
    uint64_t entry = 0;

    spot->value = spot->bus;
    spot->rule = R49;
    if (page >= device->table_entries || !read_entry(device, page, &entry)) {
        return false;
    }
    if ((entry & (VDMA_ENTRY_READ | VDMA_ENTRY_WRITE)) == 0 ||
        (entry & ~(VDMA_ENTRY_ADDRESS | VDMA_ENTRY_READ | VDMA_ENTRY_WRITE)) != 0) {
        return false;
    }
    if ((entry & (access == VDMA_WRITES ? VDMA_ENTRY_WRITE : VDMA_ENTRY_READ)) == 0) {
        spot->rule = R50;
        spot->value = entry;
        return false;
    }
    spot->bus = (entry & VDMA_ENTRY_ADDRESS) + inside;
    spot->length = lesser(spot->length, VDMA_PAGE - inside);
    return true;
}

struct vdma_spot vdma_reach(struct vdma *device, bool data, uint64_t address, uint64_t length,
                            unsigned access)
{
    struct vdma_spot spot = {.bus = address, .length = length};

    /* What reaches beyond 2^64 is refused by rule; until then it must not wrap here. */
    if (address + length < address) {
        spot.length = -address;
    }
    if ((data || device->guarded != 0) && device->table_entries != 0 &&
        !look_up(device, &spot, access)) {
        spot.length = 0;
        return spot;
    }
    place(device, &spot, access);
    spot.rule = R48;
    spot.value = address;
    return spot;
}

bool vdma_there(struct vdma *device, uint64_t bus, uint64_t length, unsigned access)
{
    while (length != 0) {
        const struct vdma_spot spot = vdma_reach(device, false, bus, length, access);

        if (spot.length == 0) {
            return false;
        }
        bus += spot.length;
        length -= spot.length;
    }
    return true;
}

bool vdma_read(struct vdma *device, bool data, uint64_t address, void *to, uint64_t length)
{
    uint8_t *bytes = to;

    while (length != 0) {
        const struct vdma_spot spot = vdma_reach(device, data, address, length, VDMA_READS);

        if (spot.length == 0 ||
            !device->ports->read(device->context, spot.memory, bytes, (uint32_t)spot.length)) {
            return false;
        }
        bytes += spot.length;
        address += spot.length;
        length -= spot.length;
    }
    return true;
}

bool vdma_write(struct vdma *device, bool data, uint64_t address, const void *from, uint64_t length)
{
    const uint8_t *bytes = from;

    while (length != 0) {
        const struct vdma_spot spot = vdma_reach(device, data, address, length, VDMA_WRITES);

        if (spot.length == 0 ||
            !device->ports->write(device->context, spot.memory, bytes, (uint32_t)spot.length)) {
            return false;
        }
        bytes += spot.length;
        address += spot.length;
        length -= spot.length;
    }
    return true;
}

void vdma_barrier(struct vdma *device)
{
    if (device->ports->barrier != NULL) {
        device->ports->barrier(device->context);
    }
}
