/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/*
 * A driver in an afternoon: the template of drivers/README.md, which quotes it, and its tests.
 *
 * The device is as simple as one with a list can be: registers for the list's address and
 * length, a doorbell, a status; entries of address and length; an interrupt at the end. Here it
 * is played by the last third of this file: what the driver sees of it is registers.
 */
#include <string.h>

#include "descriptors/IODMAController_class.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
#include "tests/target/dma_client.h"

/* --- 1. What the data sheet says -------------------------------------------------------------- */

#define LIST   0x00 /* 64 bits: physical address of the list */
#define COUNT  0x08 /* 32 bits: entries; writing it starts the device */
#define STATUS 0x0c /* 32 bits: */
#define DONE   1u
#define FAILED 2u

struct entry {
    uint64_t address;
    uint64_t length; /* bytes, at most ENTRY_MAX; the device writes so many there */
};

#define ENTRY_MAX 4096u
#define LIST_MAX  32u

/* --- 2. The engine ---------------------------------------------------------------------------- */

struct engine {
    IODMASingleController super; /* one channel, number 0 */
    volatile void *registers;
    struct entry *list; /* a page, which the device reads */
    IOByteCount started;
};

/* What it can be told of memory: whoever makes a command for it says so. */
static const IODMACommand_SegmentOptions options = {
    .fStructSize = sizeof(options),
    .fNumAddressBits = 64,
    .fMaxSegmentSize = ENTRY_MAX,
    .fAlignment = 4, /* of each address; what is not aligned is bounced */
    .fAlignmentLength = 1,
};

/* --- 3. The segment function: one entry, straight into what the device reads ------------------ */

static bool output_entry(IODMACommand *command, IODMACommand_Segment64 segment, void *list,
                         UInt32 index)
{
    struct entry *const entries = list;

    (void)command;
    entries[index] = (struct entry){segment.fIOVMAddr, segment.fLength};
    return true;
}

/* --- 4. Start, and the end -------------------------------------------------------------------- */

/* How many of these entries hold so many bytes, the last one cut; 0: they hold fewer. */
static UInt32 cut(struct entry *list, UInt32 entries, IOByteCount bytes)
{
    for (UInt32 i = 0; i < entries; i++) {
        if (list[i].length >= bytes) {
            list[i].length = bytes;
            return i + 1;
        }
        bytes -= list[i].length;
    }
    return 0;
}

/* Judged before: the command is prepared, the range is not empty and inside it. */
static IOReturn engine_start(IODMAController *self, UInt32 index, IODMACommand *command,
                             IODirection direction, IOByteCount count, IOByteCount offset)
{
    struct engine *const engine = (struct engine *)self;
    IODMAChannel *const channel = &engine->super.channel;
    UInt32 entries = LIST_MAX;
    UInt64 position = offset;
    irq_state_t state;
    IOReturn status;

    if (index != 0 || direction != kIODirectionIn) {
        return kIOReturnBadArgument; /* one channel; and this device only writes */
    }
    state = irq_mask(); /* the handler ends commands */
    if (IODMAChannel_current(channel) != NULL) {
        irq_restore(state);
        return kIOReturnBusy; /* it has one list */
    }
    status = IODMACommand_genIOVMSegments(command, &position, engine->list, &entries);
    if (status == kIOReturnSuccess) {
        entries = cut(engine->list, entries, count);
        status = entries == 0 ? kIOReturnNoSpace : IODMAChannel_take(channel, command);
    }
    if (status == kIOReturnSuccess) {
        engine->started = count;
        cpu_dmb_sy(); /* the list, before the store that has it read */
        mmio_write64(engine->registers, LIST, virt_to_phys(engine->list).value);
        mmio_write32(engine->registers, COUNT, entries);
    }
    irq_restore(state);
    return status;
}

/* irq_register has it called, interrupts masked. */
static enum irq_result engine_interrupt(void *context)
{
    struct engine *const engine = context;
    IODMAChannel *const channel = &engine->super.channel;
    IODMACommand *const command = IODMAChannel_current(channel);
    const uint32_t status = mmio_read32(engine->registers, STATUS);

    if (command == NULL || (status & (DONE | FAILED)) == 0) {
        return IRQ_NOTHING; /* another device's, on a line that is shared */
    }
    mmio_write32(engine->registers, STATUS, 0);
    IODMAChannel_end(channel, &engine->super.super, command,
                     (status & FAILED) != 0 ? kIOReturnIOError : kIOReturnSuccess,
                     (status & FAILED) != 0 ? 0 : engine->started);
    return IRQ_SERVED;
}

/* A device that can be stopped is stopped here, and its commands ended with kIOReturnAborted. */
static IOReturn engine_abort(IODMAController *self, UInt32 index, uint64_t timeout)
{
    (void)self, (void)index, (void)timeout;
    return kIOReturnNotPermitted;
}

static IOByteCount engine_moved(IODMAController *self, IODMACommand *command)
{
    (void)self, (void)command;
    return 0; /* it does not say before the end */
}

/* --- 5. The record: which method is whose ----------------------------------------------------- */

static void engine_free(OSObject *self)
{
    struct engine *const engine = (struct engine *)self;

    if (engine->list != NULL) {
        page_free(virt_to_phys(engine->list), 0);
    }
    controller_free(self);
}

static uint32_t engines;

static const IODMAChannelControllerClass engine_class = {
    .super = {.meta = {"TemplateEngine", &IODMAController_metaClass, sizeof(struct engine),
                       &engines, engine_free},
              .startDMACommand = engine_start,
              CONTROLLER_WITH_CHANNELS,
              CONTROLLER_WITHOUT_FIFO},
    .getChannel = IODMASingleController_getChannel,
    .publish = IODMAChannelController_publishNothing,
    .poll = IODMAChannelController_pollNothing,
    .abort = engine_abort,
    .getMoved = engine_moved,
};

/* --- 6. Finding the device -------------------------------------------------------------------- */

/*
 * A driver of the tree does this in an INITIALISER(INIT_DRIVER, ...) of its own: it looks for
 * its device (devicetree_next_compatible, pci_find), maps the registers (mmu_map_device,
 * pci_map_bar), attaches engine_interrupt (irq_register, pci_attach_vector), and keeps the service
 * for its clients.
 */
static struct engine *engine_at(volatile void *registers, UInt32 identity, IOService **service)
{
    struct engine *const engine = (struct engine *)IODMAController_withOwnService(
        &engine_class.super.meta, "template", identity, service);
    paddr_t list;

    if (engine == NULL) {
        return NULL;
    }
    engine->registers = registers;
    if (page_alloc(0, PAGE_OWNER_DRIVER, &list) != KERN_SUCCESS) {
        OSObject_release(*service);
        OSObject_release(&engine->super.super);
        return NULL;
    }
    engine->list = phys_to_virt(list);
    return engine;
}

/* --- The device, which is hardware elsewhere -------------------------------------------------- */

static struct {
    uint64_t list;
    uint32_t count, status;
} device;

/* It has been started: every byte that it was told of becomes an x. */
static void work(struct engine *engine, uint32_t status)
{
    const struct entry *const entries = phys_to_virt(paddr(device.list));

    ASSERT_NE(device.count, 0);
    for (uint32_t i = 0; i < device.count; i++) {
        EXPECT_EQ(entries[i].address % 4, 0);
        EXPECT_LE(entries[i].length, ENTRY_MAX);
        memset(phys_to_virt(paddr(entries[i].address)), 'x', entries[i].length);
    }
    device.count = 0;
    device.status = status;

    const irq_state_t state = irq_mask();
    EXPECT_EQ(engine_interrupt(engine), IRQ_SERVED);
    EXPECT_EQ(engine_interrupt(engine), IRQ_NOTHING);
    irq_restore(state);
}

/* --- Its tests -------------------------------------------------------------------------------- */

struct setup {
    IOService *service;
    struct engine *engine;
    struct client client;
    IODMACommand *command;
};

/* Pages that lie apart, the first of them from an odd byte on: 2 * bytes + 3. */
static IOMemoryDescriptor *make_memory(char **bytes, unsigned pages)
{
    static IOAddressRange ranges[LIST_MAX + 1];
    const struct page_request request = {
        .count = 2 * pages, .owner = PAGE_OWNER_IMAGE, .zero = true};
    paddr_t first;

    ASSERT_EQ(page_alloc_run(&request, &first), KERN_SUCCESS);
    *bytes = phys_to_virt(first);
    for (unsigned i = 0; i < pages; i++) {
        ranges[i] = (IOAddressRange){(uintptr_t)*bytes + 2 * i * PAGE_SIZE, PAGE_SIZE};
    }
    ranges[0].address += 3;
    ranges[0].length -= 3;
    return IOMemoryDescriptor_withAddressRanges(ranges, pages, kIODirectionIn, kernel_task);
}

static struct setup begin(IOMemoryDescriptor *memory)
{
    struct setup setup = {0};

    setup.engine = engine_at(&device, 0x7e, &setup.service);
    ASSERT_TRUE(setup.engine != NULL && memory != NULL);
    setup.client = client_of_service(setup.service);
    setup.command = IODMACommand_withSpecificationOptions(output_entry, &options,
                                                          kIODMAMapOptionMapped, NULL, NULL);
    ASSERT_TRUE(setup.command != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(setup.command, memory, true), kIOReturnSuccess);
    return setup;
}

static void end(struct setup *setup, IOMemoryDescriptor *memory, char *bytes, unsigned pages)
{
    EXPECT_EQ(IODMACommand_clearMemoryDescriptor(setup->command, true), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(setup->command);
    client_drop(&setup->client);
    OSObject_release(setup->service);
    OSObject_release(&setup->engine->super.super);
    OSObject_release(memory);
    EXPECT_EQ(page_free_run(virt_to_phys(bytes), 2 * pages), KERN_SUCCESS);
}

TEST(every_byte_arrives_where_the_descriptor_says)
{
    char *bytes;
    IOMemoryDescriptor *const memory = make_memory(&bytes, 3);
    struct setup setup = begin(memory);

    EXPECT_EQ(start(&setup.client, setup.command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(start(&setup.client, setup.command, kIODirectionIn, 0, 0), kIOReturnBusy);
    work(setup.engine, DONE);
    wait_for_ends(&setup.client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnSuccess);
    EXPECT_EQ(ends[0].bytes, 3 * PAGE_SIZE - 3);
    EXPECT_EQ(IODMACommand_complete(setup.command, true, true), kIOReturnSuccess);
    for (unsigned i = 0; i < 6 * PAGE_SIZE; i++) {
        ASSERT_EQ(bytes[i], i >= 3 && i / PAGE_SIZE % 2 == 0 ? 'x' : 0);
    }
    end(&setup, memory, bytes, 3);
}

TEST(a_part_is_moved_alone)
{
    char *bytes;
    IOMemoryDescriptor *const memory = make_memory(&bytes, 2);
    struct setup setup = begin(memory);

    /* Of both pages some: the last hundred bytes of one, and five of the other. */
    EXPECT_EQ(start(&setup.client, setup.command, kIODirectionIn, 105, PAGE_SIZE - 103),
              kIOReturnSuccess);
    work(setup.engine, DONE);
    wait_for_ends(&setup.client, 1);
    EXPECT_EQ(ends[0].bytes, 105);
    EXPECT_EQ(IODMACommand_complete(setup.command, true, true), kIOReturnSuccess);
    for (unsigned i = 0; i < 4 * PAGE_SIZE; i++) {
        ASSERT_EQ(bytes[i], (i >= PAGE_SIZE - 100 && i < PAGE_SIZE) ||
                                    (i >= 2 * PAGE_SIZE && i < 2 * PAGE_SIZE + 5)
                                ? 'x'
                                : 0);
    }
    end(&setup, memory, bytes, 2);
}

TEST(a_failure_is_told)
{
    char *bytes;
    IOMemoryDescriptor *const memory = make_memory(&bytes, 1);
    struct setup setup = begin(memory);

    EXPECT_EQ(start(&setup.client, setup.command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    work(setup.engine, FAILED);
    wait_for_ends(&setup.client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnIOError);
    EXPECT_EQ(ends[0].bytes, 0);
    end(&setup, memory, bytes, 1);
}

TEST(what_the_list_cannot_hold_is_not_started)
{
    char *bytes;
    IOMemoryDescriptor *const memory = make_memory(&bytes, LIST_MAX + 1);
    struct setup setup = begin(memory);

    EXPECT_EQ(start(&setup.client, setup.command, kIODirectionIn, 0, 0), kIOReturnNoSpace);
    EXPECT_EQ(device.count, 0);
    EXPECT_EQ(end_count, 0);
    end(&setup, memory, bytes, LIST_MAX + 1);
}
