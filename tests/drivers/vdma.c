/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for vdma at EL0 (copy_job.h): it reads from the device's disk, copies from memory to
 * memory, and lets the device sum up both sides. It has no mapping of the data.
 */
#include "qemu/vdma/wire.h"
#include "tests/drivers/check.h"
#include "tests/drivers/copy_job.h"

#define QUEUE_SEL        0x030
#define QUEUE_NUM        0x038
#define QUEUE_READY      0x044
#define QUEUE_NOTIFY     0x050
#define INTERRUPT_STATUS 0x060
#define INTERRUPT_ACK    0x064
#define QUEUE_DESC       0x080
#define QUEUE_AVAIL      0x090
#define QUEUE_USED       0x0a0

#define DESC_NEXT    1u
#define DESC_WRITE   2u
#define READ_SECTORS 0u /* virtio-blk's, with a header of 16 bytes and a status of 1 */
#define SECTOR       512u
#define SIZE         128u /* of the ring; header, both sides' lists and status are 66 */

/* The ring, which has one request at a time, and what that begins and ends with. */
struct ring {
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } desc[SIZE];
    struct {
        uint16_t flags, index, heads[SIZE], wanted; /* interrupt at this one */
    } avail;
    _Alignas(4) struct {
        uint16_t flags, index;
        uint32_t entries[SIZE][2];
        uint16_t wanted;
    } used;
    _Alignas(8) struct vdma_request request;
    struct vdma_status status;
};

struct list {
    IODMACommand *command;
    uint32_t count;
    IOAddressSegment segments[kIODMACommandSegmentsMax];
};

static IOService *device;
static uint64_t registers, bus; /* of the ring, for the device */
static volatile struct ring *ring;
static volatile struct copy_job *job;

static void write_address(uint64_t offset, uint64_t address)
{
    driver_write32(registers, offset, (uint32_t)address);
    driver_write32(registers, offset + 4, (uint32_t)(address >> 32));
}

static kern_return_t prepare(struct list *list, IOMemoryDescriptor *memory, uint64_t at,
                             uint64_t length)
{
    const IODMACommandSpecification any = {.maxAddressBits = 64};
    uint64_t flags;

    if (list->command == NULL) {
        GOOD(IODMACommand_Create(device, 0, &any, &list->command));
    }
    list->count = kIODMACommandSegmentsMax;
    return IODMACommand_PrepareForDMA(list->command, 0, memory, at, length, &flags, &list->count,
                                      list->segments);
}

static void *map(OSObject *object)
{
    uint64_t address, length;

    GOOD(IOMemoryDescriptor_Map(OSDynamicCast(IOMemoryDescriptor, object), 0, 0, 0, 0, &address,
                                &length));
    return (void *)address;
}

static void set_up_ring(void)
{
    struct list list = {0};
    IOBufferMemoryDescriptor *memory;

    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, sizeof(*ring), 0, &memory));
    GOOD(prepare(&list, (IOMemoryDescriptor *)memory, 0, 0));
    CHECK(list.count == 1);
    ring = map((OSObject *)memory);
    bus = list.segments[0].address;
    driver_write32(registers, QUEUE_SEL, 0);
    driver_write32(registers, QUEUE_NUM, SIZE);
    write_address(QUEUE_DESC, bus + offsetof(struct ring, desc));
    write_address(QUEUE_AVAIL, bus + offsetof(struct ring, avail));
    write_address(QUEUE_USED, bus + offsetof(struct ring, used));
    driver_write32(registers, QUEUE_READY, 1);
    CHECK(driver_read32(registers, QUEUE_READY) == 1);
}

static unsigned put(unsigned at, uint64_t address, uint64_t length, unsigned flags)
{
    ring->desc[at].address = address;
    ring->desc[at].length = (uint32_t)length;
    ring->desc[at].flags = (uint16_t)flags;
    ring->desc[at].next = (uint16_t)(at + 1);
    return at + 1;
}

static unsigned put_list(unsigned at, const struct list *list, unsigned flags)
{
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        at = put(at, list->segments[i].address, list->segments[i].length, flags | DESC_NEXT);
        job->segments++;
    }
    return at;
}

/* One request, until the device has it back. What it answers. */
static uint64_t perform(uint32_t type, const struct list *in, const struct list *out)
{
    const bool is_blk = type == READ_SECTORS;
    const uint64_t status = bus + offsetof(struct ring, status);
    const uint16_t before = ring->used.index;
    unsigned at;

    ring->request.type = type;
    ring->request.tag = 0; /* the first sector, too */
    ring->status.code = 0xff;
    at = put(0, bus + offsetof(struct ring, request), is_blk ? 16 : sizeof(ring->request),
             DESC_NEXT);
    at = put_list(put_list(at, in, 0), out, DESC_WRITE);
    put(at, is_blk ? status + offsetof(struct vdma_status, code) : status,
        is_blk ? 1 : sizeof(ring->status), DESC_WRITE);
    ring->avail.heads[ring->avail.index % SIZE] = 0;
    ring->avail.wanted = before;
    driver_barrier();
    ring->avail.index++;
    driver_barrier();
    driver_write32(registers, QUEUE_NOTIFY, 0);
    job->requests++;
    while (ring->used.index == before) {
        GOOD(driver_wait(device, 10000000000ull, NULL));
        driver_write32(registers, INTERRUPT_ACK, driver_read32(registers, INTERRUPT_STATUS));
    }
    driver_barrier();
    CHECK(ring->status.code == VDMA_STATUS_OK);
    return ring->status.value;
}

/* As much of both as their lists have room for. */
static uint64_t prepare_both(struct list *in, IOMemoryDescriptor *source, struct list *out,
                             IOMemoryDescriptor *target, uint64_t at, uint64_t length)
{
    for (;; length /= 2) {
        kern_return_t status = prepare(in, source, at, length);

        if (status == kIOReturnSuccess) {
            if ((status = prepare(out, target, at, length)) == kIOReturnSuccess) {
                return length;
            }
            GOOD(IODMACommand_CompleteDMA(in->command, 0));
        }
        GIVES(status, kIOReturnNoSpace);
    }
}

int driver_main(unsigned count, OSObject *const objects[])
{
    IOMemoryDescriptor *const source = OSDynamicCast(IOMemoryDescriptor, objects[COPY_JOB_SOURCE]);
    IOMemoryDescriptor *const target = OSDynamicCast(IOMemoryDescriptor, objects[COPY_JOB_TARGET]);
    struct list in = {0}, out = {0};

    CHECK(count == COPY_JOB_OBJECTS);
    device = OSDynamicCast(IOService, objects[COPY_JOB_DEVICE]);
    job = map(objects[COPY_JOB_WORDS]);
    registers = (uint64_t)map(objects[COPY_JOB_REGISTERS]);
    set_up_ring();
    if (job->sectors != 0) {
        GOOD(prepare(&in, source, 0, job->sectors * SECTOR));
        perform(READ_SECTORS, NULL, &in);
        GOOD(IODMACommand_CompleteDMA(in.command, 0));
    }
    for (uint64_t at = 0; at < job->length; at = job->forever && at >= job->length ? 0 : at) {
        const uint64_t left = job->length - at, part = left < job->part ? left : job->part;
        const uint64_t here = prepare_both(&in, source, &out, target, at, part);

        perform(VDMA_COPY, &in, &out);
        CHECK(perform(VDMA_CHECKSUM, &in, NULL) == perform(VDMA_CHECKSUM, &out, NULL));
        GOOD(IODMACommand_CompleteDMA(out.command, 0));
        GOOD(IODMACommand_CompleteDMA(in.command, 0));
        job->copied += here;
        at += here;
    }
    return 0;
}
