/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * vdma's own translation table as a mapper: devices of 24 and of 28 address bits reach scattered
 * memory above 2^30, nothing else, and do so again after a reset.
 */
#include "drivers/vdma/vdma.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/target/disk.h"

#define READ  kIODMAMapReadAccess
#define WRITE kIODMAMapWriteAccess

VDMA_MONITOR(16);

/* What the driver takes at its first use it keeps: before any test looks at what is held. */
static void use_it(void)
{
    vdma_present();
}

INITIALISER(INIT_CLASS, use_it);

static bool begin(uint32_t profile)
{
    if (!vdma_present()) {
        EXPECT_EQ(vdma_use_table(true), kIOReturnNoDevice);
        return false;
    }
    ASSERT_EQ(vdma_set_profile(profile), kIOReturnSuccess);
    ASSERT_EQ(vdma_use_table(true), kIOReturnSuccess);
    return true;
}

static void end(void)
{
    EXPECT_EQ(vdma_use_table(false), kIOReturnSuccess);
    EXPECT_EQ(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnSuccess);
}

static IOMapper *mapper(void)
{
    IOMapper *found = IOMapper_copyMapperForDevice(vdma_get_service());

    ASSERT_TRUE(found != NULL);
    OSObject_release(found); /* the service has it */
    return found;
}

/* --- Moving bytes through it ------------------------------------------------------------------ */

static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i * 31 + i / 253 + 7);
}

static uint64_t highest;

static void watch(void *context, const struct vdma_transfer *transfer,
                  const struct virtq_chain *chain)
{
    struct virtq_entry entry, next;

    (void)context, (void)transfer;
    for (unsigned i = 1; virtq_chain_entry(chain, i, &entry) &&
                         virtq_chain_entry(chain, i + 1, &next); /* not header and status */
         i++) {
        if (transfer->length != 0 && entry.address.value + entry.length > highest) {
            highest = entry.address.value + entry.length;
        }
    }
}

static IOReturn copy(struct scatter *from, struct scatter *to, uint64_t length)
{
    struct vdma_job job = {
        .type = VDMA_COPY, .source = from->memory, .target = to->memory, .length = length};

    return vdma_perform(&job);
}

static void expect_copied(const struct scatter *to, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        if (*scatter_at(to, i) != pattern(i)) {
            EXPECT_EQ(i, length);
            return;
        }
    }
}

static struct scatter source_of(unsigned pieces, uint64_t length)
{
    struct scatter scatter = disk_memory(pieces, length, kIODirectionOut);

    for (uint64_t i = 0; i < length; i++) {
        *scatter_at(&scatter, i) = pattern(i);
    }
    return scatter;
}

TEST(narrow_devices_reach_scattered_memory)
{
    static const struct {
        uint32_t profile;
        unsigned bits;
    } cases[] = {{VDMA_PROFILE_ISA24, 24}, {VDMA_PROFILE_NARROW28, 28}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]) && begin(cases[i].profile); i++) {
        struct scatter from = source_of(300, 300000);
        struct scatter to = disk_memory(211, 300000, kIODirectionIn);

        highest = 0;
        vdma_watch(watch, NULL);
        EXPECT_EQ(copy(&from, &to, 300000), kIOReturnSuccess);
        vdma_watch(NULL, NULL);
        EXPECT_NE(highest, 0);
        EXPECT_LE(highest, 1ull << cases[i].bits);
        expect_copied(&to, 300000);
        EXPECT_EQ(copy(&from, &to, 1), kIOReturnSuccess);
        disk_memory_drop(&from);
        disk_memory_drop(&to);
        end();
    }
}

/* It is nobody's fault that a device forgets its table in a reset. */
TEST(it_is_there_again_after_a_reset)
{
    const struct vdma_fault fault = {.kind = VDMA_FAULT_NEEDS_RESET};
    const uint64_t arguments[2] = {VDMA_INJECT_FAULTS, 0};
    struct scatter from, to;

    if (!begin(VDMA_PROFILE_ISA24)) {
        return;
    }
    from = source_of(20, 20000);
    to = disk_memory(30, 20000, kIODirectionIn);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(vdma_control(VDMA_INJECT, arguments, &fault, sizeof(fault), NULL, 0, NULL),
                  kIOReturnSuccess);
        EXPECT_EQ(copy(&from, &to, 20000), kIOReturnDeviceError);
        EXPECT_EQ(copy(&from, &to, 20000), kIOReturnSuccess);
        EXPECT_EQ(vdma_reset(), kIOReturnSuccess);
        EXPECT_EQ(copy(&from, &to, 20000), kIOReturnSuccess);
    }
    expect_copied(&to, 20000);
    disk_memory_drop(&from);
    disk_memory_drop(&to);
    end();
}

TEST(on_and_off)
{
    struct vdma_transfer transfer, before;
    IODMACommand *command, *old;
    struct scatter memory;
    IOMapper *found;

    if (!vdma_present()) {
        return;
    }
    EXPECT_EQ(vdma_use_table(true), kIOReturnUnsupported); /* the open profile has none */
    EXPECT_TRUE(IOMapper_copyMapperForDevice(vdma_get_service()) == NULL);
    ASSERT_EQ(vdma_set_profile(VDMA_PROFILE_NARROW28), kIOReturnSuccess);
    old = vdma_create_command(NULL, kMapped, &before);
    EXPECT_EQ(vdma_use_table(true), kIOReturnSuccess);
    EXPECT_EQ(vdma_use_table(true), kIOReturnSuccess);
    found = mapper();
    EXPECT_TRUE(mapper() == found);
    EXPECT_EQ(IOMapper_getPageSize(found), 4096);
    memory = disk_memory(3, 10000, kIODirectionOut);
    command = vdma_create_command(NULL, kMapped, &transfer);
    ASSERT_TRUE(command != NULL);
    EXPECT_EQ(IODMACommand_setMemoryDescriptor(command, memory.memory, true), kIOReturnSuccess);
    EXPECT_EQ(vdma_use_table(false), kIOReturnBusy);
    EXPECT_EQ(vdma_set_profile(VDMA_PROFILE_OPEN), kIOReturnBusy);
    EXPECT_EQ(vdma_control(VDMA_SET_TABLE, NULL, NULL, 0, NULL, 0, NULL), kIOReturnBusy);
    EXPECT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    EXPECT_EQ(vdma_use_table(false), kIOReturnSuccess);
    EXPECT_TRUE(IOMapper_copyMapperForDevice(vdma_get_service()) == NULL);
    EXPECT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNoDevice);
    IODMACommand_clearMemoryDescriptor(command, false);
    OSObject_release(command);

    /* RAM lies where 28 bits do not reach, and without a mapper nothing leads there. */
    EXPECT_EQ(IODMACommand_setMemoryDescriptor(old, memory.memory, false), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_prepare(old, 0, 0, true, true), kIOReturnNoResources);
    IODMACommand_clearMemoryDescriptor(old, false);
    OSObject_release(old);
    disk_memory_drop(&memory);
    end();
}

/* New limits turn it off, as the data sheet says, and the driver knows. */
TEST(new_limits_turn_it_off)
{
    if (!begin(VDMA_PROFILE_ISA24)) {
        return;
    }
    EXPECT_EQ(vdma_set_profile(VDMA_PROFILE_NARROW28), kIOReturnSuccess);
    EXPECT_TRUE(IOMapper_copyMapperForDevice(vdma_get_service()) == NULL);
    end();
}

TEST(a_transfer_larger_than_the_largest)
{
    struct vdma_transfer transfer;
    struct scatter memory;
    IODMACommand *command;

    if (!begin(VDMA_PROFILE_ISA24)) {
        return;
    }
    memory = disk_memory(300, (1 << 20) + 1, kIODirectionOut);
    command = vdma_create_command(NULL, kMapped, &transfer);
    EXPECT_EQ(IODMACommand_setMemoryDescriptor(command, memory.memory, false), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_prepare(command, 0, (1 << 20) + 1, true, true), kIOReturnNoSpace);
    EXPECT_EQ(IODMACommand_prepare(command, 0, 1 << 20, true, true), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    IODMACommand_clearMemoryDescriptor(command, false);
    OSObject_release(command);
    disk_memory_drop(&memory);
    end();
}

/* --- The mapper's contract -------------------------------------------------------------------- */

static IOReturn map(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                    uint32_t options, uint8_t bits, uint64_t *address, uint64_t *taken)
{
    const IODMAMapSpecification specification = {.numAddressBits = bits};

    return IOMapper_iovmMapMemory(self, memory, offset, length, options, &specification, NULL, NULL,
                                  address, taken);
}

/* MP-1, MP-2, MP-5, MP-8: every byte leads where it lies, with its rights, until it is unmapped. */
TEST(every_byte_leads_where_it_lies)
{
    uint64_t address, taken, again, more;
    struct scatter memory;
    IOMapper *self;

    if (!begin(VDMA_PROFILE_ISA24)) {
        return;
    }
    self = mapper();
    memory = disk_memory(50, 70000, kIODirectionOut);
    ASSERT_EQ(map(self, memory.memory, 100, 60000, READ, 0, &address, &taken), kIOReturnSuccess);
    EXPECT_GE(address, 4096);
    EXPECT_EQ(taken % 4096, 0);

    uint64_t at = trunc_page(address), offset = 100;

    for (uint64_t end = at + taken; offset < 60100;) {
        IOByteCount piece;
        const uint64_t physical = IOMemoryDescriptor_getPhysicalSegment(
            memory.memory, offset, &piece, kIOMemoryMapperNone);
        uint64_t there = 0, length;

        /* Each run stands at its own place in a page, the next one in a page behind it. */
        at = offset == 100 ? address : round_page(at) + (physical & PAGE_MASK);
        piece = piece < 60100 - offset ? piece : 60100 - offset;
        EXPECT_EQ(IOMapper_translate(self, at, READ, &there, &length), kIOReturnSuccess);
        EXPECT_EQ(there, physical);
        EXPECT_GE(length, piece);
        EXPECT_EQ(IOMapper_translate(self, at, WRITE, &there, &length), kIOReturnNotPermitted);
        at += piece;
        offset += piece;
        ASSERT_LE(at, end);
    }
    EXPECT_EQ(IOMapper_translate(self, trunc_page(address) + taken, READ, &again, &more),
              kIOReturnNotFound);
    EXPECTS_REPORT(5);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(self, memory.memory, NULL, address, taken + 4096),
              kIOReturnNotFound);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(self, memory.memory, NULL, address + 4096, taken - 4096),
              kIOReturnNotFound);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(self, memory.memory, NULL, address, taken),
              kIOReturnSuccess);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(self, memory.memory, NULL, address, taken),
              kIOReturnNotFound);
    EXPECT_EQ(IOMapper_translate(self, address, READ, &again, &more), kIOReturnNotFound);
    disk_memory_drop(&memory);
    end();
}

/* MP-3, MP-4, MP-7: widths, fixed places, and no more than there is. */
TEST(there_is_room_for_so_many_pages)
{
    uint64_t address[8], taken[8], other, length;
    struct scatter memory;
    unsigned count = 0;
    IOMapper *self;

    if (!begin(VDMA_PROFILE_ISA24)) {
        return;
    }
    self = mapper();
    memory = disk_memory(1, 100, kIODirectionOut);
    EXPECT_EQ(map(self, memory.memory, 0, 100, READ, 12, &other, &length), kIOReturnNoSpace);
    EXPECT_EQ(other | length, 0);
    EXPECT_EQ(map(self, memory.memory, 0, 100, READ, 13, &other, &length), kIOReturnSuccess);
    EXPECT_EQ(trunc_page(other), 4096);
    EXPECT_EQ(map(self, memory.memory, 0, 100, READ, 13, &address[0], &taken[0]), kIOReturnNoSpace);
    address[0] = other;
    EXPECT_EQ(
        map(self, memory.memory, 0, 100, READ | kIODMAMapFixedAddress, 0, &address[0], &taken[0]),
        kIOReturnNoSpace);
    address[0] = other + 1;
    EXPECT_EQ(
        map(self, memory.memory, 0, 100, READ | kIODMAMapFixedAddress, 0, &address[0], &taken[0]),
        kIOReturnNotAligned);
    address[0] = other & PAGE_MASK; /* page 0, on request */
    EXPECT_EQ(
        map(self, memory.memory, 0, 100, READ | kIODMAMapFixedAddress, 0, &address[0], &taken[0]),
        kIOReturnSuccess);
    EXPECT_EQ(address[0], other & PAGE_MASK);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(self, memory.memory, NULL, address[0], taken[0]),
              kIOReturnSuccess);
    /* RAM's own addresses are beyond what it has. */
    EXPECT_EQ(
        map(self, memory.memory, 0, 100, READ | kIODMAMapIdentityMap, 0, &address[0], &taken[0]),
        kIOReturnNoSpace);
    EXPECT_EQ(
        map(self, memory.memory, 0, 100, READ | kIODMAMapDeviceMemory, 0, &address[0], &taken[0]),
        kIOReturnUnsupported);

    /* 16 MiB less two pages, in pieces of 4 MiB. */
    for (; count < 8; count++) {
        const IOReturn status = map(self, NULL, 0, 4 << 20, 0, 0, &address[count], &taken[count]);

        if (status != kIOReturnSuccess) {
            EXPECT_EQ(status, kIOReturnNoSpace);
            break;
        }
    }
    EXPECT_EQ(count, 3);
    while (count-- != 0) {
        EXPECT_EQ(IOMapper_iovmUnmapMemory(self, NULL, NULL, address[count], taken[count]),
                  kIOReturnSuccess);
    }
    EXPECT_EQ(IOMapper_iovmUnmapMemory(self, memory.memory, NULL, other, length), kIOReturnSuccess);
    EXPECT_EQ(map(self, NULL, 0, (16 << 20) - 4096, 0, 0, &other, &length), kIOReturnSuccess);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(self, NULL, NULL, other, length), kIOReturnSuccess);
    EXPECT_EQ(map(self, NULL, 0, (16 << 20) + 1, 0, 0, &other, &length), kIOReturnNoSpace);
    disk_memory_drop(&memory);
    end();
}

/* MP-6: page by page into what is reserved. */
TEST(pages_are_inserted_one_by_one)
{
    uint64_t address, taken, there, length, physical;
    struct scatter memory;
    IOMapper *self;

    if (!begin(VDMA_PROFILE_NARROW28)) {
        return;
    }
    self = mapper();
    memory = disk_memory(2, 5000, kIODirectionOut);
    physical = trunc_page(
        IOMemoryDescriptor_getPhysicalSegment(memory.memory, 0, NULL, kIOMemoryMapperNone));
    ASSERT_EQ(map(self, NULL, 0, 8192, 0, 0, &address, &taken), kIOReturnSuccess);
    EXPECT_EQ(taken, 8192);
    EXPECT_EQ(IOMapper_translate(self, address, 0, &there, &length), kIOReturnNotFound);
    EXPECT_EQ(IOMapper_iovmInsert(self, 0, address, 4096, physical, 4096), kIOReturnSuccess);
    EXPECT_EQ(IOMapper_translate(self, address, 0, &there, &length), kIOReturnNotFound);
    EXPECT_EQ(IOMapper_translate(self, address + 4099, READ | WRITE, &there, &length),
              kIOReturnSuccess);
    EXPECT_EQ(there, physical + 3);
    EXPECT_EQ(length, 4093);
    EXPECT_EQ(IOMapper_iovmInsert(self, 0, address, 8192, physical, 4096), kIOReturnBadArgument);
    EXPECT_EQ(IOMapper_iovmInsert(self, 0, address, 0, 1ull << 52, 4096), kIOReturnMessageTooLarge);
    EXPECT_EQ(IOMapper_iovmUnmapMemory(self, NULL, NULL, address, taken), kIOReturnSuccess);
    EXPECT_EQ(IOMapper_translate(self, address + 4096, 0, &there, &length), kIOReturnNotFound);
    disk_memory_drop(&memory);
    end();
}
