/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for vdma that wants what is not its own. The job (copy_job.h) says how many requests,
 * what memory of the kernel's is worth something (`part`), and where chance begins (`sectors`). It
 * exits with 0, or with 1 when it has brought the device to needing a reset. Or, if that is what
 * `forever` says, it ends in the middle of one good request: by a fault, by a loop, or in order.
 */
#include <string.h>

#include "qemu/vdma/wire.h"
#include "tests/drivers/check.h"
#include "tests/drivers/copy_job.h"

#define BYTES  0x4000u /* of all that it may reach */
#define SIZE   16u
#define AVAIL  0x400u
#define USED   0x800u
#define HEADER 0xc00u
#define STATUS 0xc80u
#define LIST   0xd00u
#define DATA   0x1000u

static volatile struct copy_job *job;
static uint8_t *memory;
static uint64_t registers, bus;
static uint32_t seed;

static uint32_t chance(uint32_t count)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % count;
}

static void *map(OSObject *object)
{
    uint64_t address, length;

    GOOD(IOMemoryDescriptor_Map(OSDynamicCast(IOMemoryDescriptor, object), 0, 0, 0, 0, &address,
                                &length));
    return (void *)address;
}

/* An address: its own as a rule, or the kernel's. */
static uint64_t somewhere(uint32_t own, unsigned honest)
{
    const uint64_t others[] = {job->part, job->part + 8, 0x40000000,
                               0,         0x0a000000,    UINT64_MAX - 64};

    return chance(10) < honest ? bus + own : others[chance(6)];
}

static void put(uint32_t at, uint64_t value, unsigned bytes)
{
    memcpy(memory + at, &value, bytes);
}

static void put_desc(unsigned index, uint64_t address, uint32_t length, unsigned flags)
{
    put(16 * index, address, 8);
    put(16 * index + 8, length, 4);
    put(16 * index + 12, flags, 2);
    put(16 * index + 14, index + 1, 2);
}

static void begin(void)
{
    const unsigned honest = job->forever == 0 && chance(8) == 0 ? 5 : 10;
    const uint64_t places[] = {somewhere(0, honest), somewhere(AVAIL, honest),
                               somewhere(USED, honest)};

    driver_write32(registers, 0x030, 0);
    driver_write32(registers, 0x038, SIZE);
    for (unsigned i = 0; i < 3; i++) {
        driver_write32(registers, 0x080 + 0x10 * i, (uint32_t)places[i]);
        driver_write32(registers, 0x084 + 0x10 * i, (uint32_t)(places[i] >> 32));
    }
    driver_write32(registers, 0x044, 1);
}

static void request(uint16_t index)
{
    static const uint32_t types[] = {0,          1,          8,          0x56440101,
                                     0x56440102, 0x56440103, 0x56440104, 0x56440110,
                                     0x56440111, 0x56440112, 0x56440113, 0x56440114};
    const uint32_t type = types[chance(12)];
    const bool is_private = type >> 16 != 0;
    const unsigned lists = is_private ? chance(4) : 0;

    memset(memory + HEADER, 0, 64);
    put(HEADER, type, 4);
    put(HEADER + 4, lists, 4);
    put(HEADER + 16, chance(2) != 0 ? job->part : chance(9), 8);
    put(HEADER + 24, chance(2) != 0 ? 1 : 4096, 8);
    for (unsigned side = 0; side < 2; side++) {
        put(HEADER + 32 + 16 * side, somewhere(LIST, 7), 8);
        put(HEADER + 40 + 16 * side, 1, 4);
        put(HEADER + 44 + 16 * side, VDMA_FORMAT_LITTLE64, 2);
    }
    put(LIST, somewhere(DATA, 5), 8);
    put(LIST + 8, 512, 8);
    put_desc(0, somewhere(HEADER, 9), is_private ? 64 : 16, 1);
    put_desc(1, somewhere(DATA, 6), 512, 1);
    put_desc(2, somewhere(DATA + 0x800, 6), 512, 3);
    /* A status that is not there is the end: nobody could be told of it but by failing. */
    put_desc(3, chance(50) == 0 ? somewhere(STATUS, 0) : bus + STATUS, is_private ? 32 : 1, 2);
    if (chance(2) != 0) { /* one side only */
        put(14, 2, 2);
    } else if (chance(2) != 0) {
        put(16 + 14, 3, 2);
    }
    put(AVAIL + 4 + 2 * (index % SIZE), 0, 2);
    driver_barrier();
    put(AVAIL + 2, index + 1, 2);
    driver_barrier();
    driver_write32(registers, 0x050, 0);
    job->requests++;
}

/* The device writes to this memory, some time. */
static void leave_it_at_work(uint64_t how)
{
    memset(memory + HEADER, 0, 64);
    put(HEADER, VDMA_FILL, 4);
    put(HEADER + 16, 0xabababababababab, 8);
    put(HEADER + 24, 8, 8);
    put_desc(0, bus + HEADER, 64, 1);
    put_desc(1, bus + DATA, BYTES - DATA, 3);
    put_desc(2, bus + STATUS, 32, 2);
    put(AVAIL + 2, 1, 2);
    driver_barrier();
    driver_write32(registers, 0x050, 0);
    if (how == 1) {
        driver_write32(0, 8, 0);
    }
    while (how == 2) {
        driver_barrier();
    }
    driver_exit(0);
}

int driver_main(unsigned count, OSObject *const objects[])
{
    const IODMACommandSpecification any = {.maxAddressBits = 64};
    IOBufferMemoryDescriptor *buffer;
    IOAddressSegment list[kIODMACommandSegmentsMax];
    IODMACommand *command;
    uint32_t segments = 1;
    uint64_t flags;

    CHECK(count == COPY_JOB_OBJECTS);
    job = map(objects[COPY_JOB_WORDS]);
    registers = (uint64_t)map(objects[COPY_JOB_REGISTERS]);
    seed = (uint32_t)job->sectors;
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, BYTES, 0, &buffer));
    memory = map((OSObject *)buffer);
    GOOD(
        IODMACommand_Create(OSDynamicCast(IOService, objects[COPY_JOB_DEVICE]), 0, &any, &command));
    GOOD(IODMACommand_PrepareForDMA(command, 0, (IOMemoryDescriptor *)buffer, 0, 0, &flags,
                                    &segments, list));
    bus = list[0].address;
    begin();
    if (job->forever != 0) {
        leave_it_at_work(job->forever);
    }
    for (uint16_t i = 0; i < job->length; i++) {
        request(i);
        /* A register, of its own or not: a reset, a guard, features, anything. */
        driver_write32(registers, 4 * chance(0x400), chance(3));
        driver_read32(registers, 4 * chance(0x400));
        driver_write32(registers, 0x070, 0);
        driver_write32(registers, 0x0f0, 0);
        CHECK(driver_read32(registers, 0x070) >= 15);
        if ((driver_read32(registers, 0x070) & 0x40) != 0) {
            return 1;
        }
        if (chance(16) == 0) {
            GOOD(IODMACommand_CompleteDMA(command, 0)); /* with whatever is under way */
            segments = 1;
            GOOD(IODMACommand_PrepareForDMA(command, 0, (IOMemoryDescriptor *)buffer, 0, 0, &flags,
                                            &segments, list));
            CHECK(list[0].address == bus);
        }
    }
    return 0;
}
