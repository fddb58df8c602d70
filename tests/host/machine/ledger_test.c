/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: is each mistake reported, by its number and with its bytes, and nothing else? And
 * what becomes of it when there is no room?
 */
#include "descriptors/IOMalloc.h"
#include "descriptors/ledger/IOLedger.h"
#include "kernel/inject.h"
#include "tests/host/machine/dma_engine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/lib/portable/test_mapper.h"

#define LENGTH 8192u

static struct IOLedgerReport heard[8];
static unsigned count;

static void hear(const struct IOLedgerReport *report)
{
    assert_in_range(count, 0, 7);
    heard[count++] = *report;
}

static int power_up(void **state)
{
    const int failed = engine_power_up(state);

    count = 0;
    IOLedger_listen(hear);
    return failed;
}

static int power_down(void **state)
{
    IOLedger_listen(NULL);
    return engine_power_down(state);
}

/* One report, of this number about this object; and none after it. */
static void expect(unsigned rule, const void *object)
{
    assert_int_equal(count, 1);
    assert_int_equal(heard[0].rule, rule);
    assert_ptr_equal(heard[0].subject.object, object);
    assert_non_null(heard[0].title);
    assert_non_null(heard[0].advice);
    count = 0;
}

static void what_is_right_is_not_reported(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *one = new_transfer(DMA_LOW, 256, kIODirectionOut);
    IODMACommand *two = new_transfer(DMA_LOW, 256, kIODirectionOut);
    IODMACommand *behind = new_transfer(DMA_LOW + 256, 256, kIODirectionIn);

    (void)state;
    /* Two that read, and a neighbour that writes, at the same time. */
    assert_int_equal(go(source, one, kIODirectionOut, 0, 0), kIOReturnSuccess);
    assert_int_equal(go(source, two, kIODirectionOut, 0, 0), kIOReturnSuccess);
    assert_int_equal(go(source, behind, kIODirectionIn, 0, 0), kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        finish(kIOReturnSuccess, 256);
    }
    IOWorkLoop_runEventSources(loop);
    end_transfer(behind);
    end_transfer(two);
    end_transfer(one);
    drop_source(source);
    IOLedger_judgeEnd();
    assert_int_equal(count, 0);
}

static void bytes_for_two_transfers(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *writes = new_transfer(DMA_LOW, 256, kIODirectionIn);
    IODMACommand *reads = new_transfer(DMA_LOW + 200, 256, kIODirectionOut);

    (void)state;
    assert_int_equal(go(source, writes, kIODirectionIn, 0, 0), kIOReturnSuccess);
    /* Of the preparation only the part that is started counts. */
    assert_int_equal(go(source, reads, kIODirectionOut, 100, 56), kIOReturnSuccess);
    assert_int_equal(count, 0);
    finish(kIOReturnSuccess, 256);
    finish(kIOReturnSuccess, 100);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(go(source, writes, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(go(source, reads, kIODirectionOut, 0, 0), kIOReturnSuccess);
    assert_int_equal(heard[0].subject.address, DMA_LOW + 200);
    expect(kIOLedgerConflict, reads);
    finish(kIOReturnSuccess, 256);
    finish(kIOReturnSuccess, 256);
    IOWorkLoop_runEventSources(loop);
    /* One after the other is fine. */
    assert_int_equal(go(source, reads, kIODirectionOut, 0, 0), kIOReturnSuccess);
    finish(kIOReturnSuccess, 256);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(count, 0);
    end_transfer(reads);
    end_transfer(writes);
    drop_source(source);
}

/* The last complete, or the end of the object, is what the calls come after. */
static void a_command_after_its_complete(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 256, kIODirectionOut);
    IODMACommand_Segment64 segment;
    UInt64 offset = 0;
    UInt32 room = 1;

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, &segment, &room),
                     kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(count, 0);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnNotReady);
    expect(kIOLedgerUseAfter, command);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, &segment, &room),
                     kIOReturnNotReady);
    expect(kIOLedgerUseAfter, command);
    assert_int_equal(IODMACommand_readBytes(command, 0, &segment, 1), 0);
    expect(kIOLedgerUseAfter, command);
    assert_int_equal(IODMACommand_synchronize(command, kIODirectionIn), kIOReturnNotReady);
    expect(kIOLedgerUseAfter, command);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnNotReady);
    expect(kIOLedgerUseAfter, command);
    OSObject_release(command);

    command = dma_command(&(IODMACommand_SegmentOptions){.fStructSize = 40}, kMapped, NULL);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnNotReady);
    assert_int_equal(count, 0); /* that was never prepared: it is another object now */
    OSObject_release(command);
    drop_source(source);
}

static void freed_and_completed_too_early(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 256, kIODirectionIn);
    IOMemoryDescriptor *memory;
    void *block = IOMalloc(LENGTH);

    (void)state;
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnBusy);
    assert_int_equal(heard[0].subject.address, DMA_LOW);
    assert_int_equal(heard[0].subject.length, 256);
    expect(kIOLedgerEarlyComplete, command);
    finish(kIOReturnSuccess, 256);
    IOWorkLoop_runEventSources(loop);
    OSObject_release(command);
    expect(kIOLedgerFreed, command);

    memory = IOMemoryDescriptor_withAddressRange((uintptr_t)block + 100, 50, kIODirectionIn,
                                                 kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    command = dma_command(&(IODMACommand_SegmentOptions){.fStructSize = 40}, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    IOFree(block, LENGTH);
    assert_int_equal(heard[0].subject.address,
                     IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0));
    expect(kIOLedgerFreed, command);
    IODMACommand_complete(command, true, true);
    OSObject_release(command);
    /* Completed once, and once more than that. */
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    expect(kIOLedgerUnbalanced, memory);
    OSObject_release(memory);
    drop_source(source);
}

/* What is above 31 bits is bounced: the copy has to be filled, and to be brought home. */
static void copies_that_nobody_moves(void **state)
{
    static const IODMACommand_SegmentOptions low = {.fStructSize = 40, .fNumAddressBits = 31};
    IODMAEventSource *source = new_source(arrive);
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 256, 0, 0, kIODirectionOutIn);
    IODMACommand *command = dma_command(&low, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, false), kIOReturnSuccess);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    expect(kIOLedgerUnfilled, command);
    finish(kIOReturnSuccess, 256);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(IODMACommand_complete(command, true, false), kIOReturnSuccess);
    assert_int_equal(count, 0); /* it was only read */

    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, false), kIOReturnSuccess);
    IODMACommand_synchronize(command, kIODirectionOut);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    assert_int_equal(count, 0);
    finish(kIOReturnSuccess, 256);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnBusy);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    finish(kIOReturnSuccess, 256);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(IODMACommand_complete(command, true, false), kIOReturnSuccess);
    expect(kIOLedgerUnfetched, command);

    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    finish(kIOReturnSuccess, 256);
    IOWorkLoop_runEventSources(loop);
    IODMACommand_synchronize(command, kIODirectionIn);
    assert_int_equal(IODMACommand_complete(command, true, false), kIOReturnSuccess);
    assert_int_equal(count, 0);
    OSObject_release(command);
    OSObject_release(memory);
    drop_source(source);
}

static void what_is_mapped_and_unmapped(void **state)
{
    struct test_mapper *mapper = test_mapper_new(0x1000);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 2 * LENGTH, 0, 0, kIODirectionOutIn);
    const uint32_t access = kIODMAMapReadAccess | kIODMAMapWriteAccess;
    uint64_t address, length;

    (void)state;
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, memory, 0, 2 * LENGTH, access, NULL,
                                            NULL, NULL, &address, &length),
                     kIOReturnSuccess);
    IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address, LENGTH);
    expect(kIOLedgerWrongUnmap, &mapper->super);
    IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address + LENGTH, LENGTH);
    expect(kIOLedgerWrongUnmap, &mapper->super);
    IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address + 2 * LENGTH, LENGTH);
    assert_int_equal(count, 0); /* nothing was ever there */
    IOLedger_judgeEnd();
    assert_int_equal(heard[0].subject.address, address);
    expect(kIOLedgerLeak, &mapper->super);
    IOMapper_keepMapped(&mapper->super, address);
    IOLedger_judgeEnd();
    assert_int_equal(count, 0);
    assert_int_equal(IOMapper_iovmUnmapMemory(&mapper->super, memory, NULL, address, length),
                     kIOReturnSuccess);
    IOLedger_judgeEnd();
    assert_int_equal(count, 0);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

#define AT_ONCE 0x7000 /* an I/O address */

static uint64_t map_at_once(IOMapper *self, uint64_t physical, uint64_t length, uint32_t access,
                            uint64_t *mapLength)
{
    (void)self, (void)physical, (void)access;
    *mapLength = length;
    return AT_ONCE;
}

/* A run that a mapper maps where it is found is a mapping as any. */
static void what_is_mapped_at_once(void **state)
{
    struct test_mapper *mapper = test_mapper_new(0x1000);
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRange(DMA_LOW, LENGTH, kIODirectionOutIn, TASK_NULL);
    OSObject *object = (OSObject *)&mapper->super;
    const OSMetaClass *own = object->metaClass;
    IOMapperClass quick = *(const IOMapperClass *)own;
    uint64_t address, length;

    (void)state;
    mapper->super.pageSize = PAGE_SIZE; /* as a start would set it */
    quick.mapRun = map_at_once;
    object->metaClass = &quick.meta;
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, memory, 0, LENGTH, kIODMAMapReadAccess,
                                            NULL, NULL, NULL, &address, &length),
                     kIOReturnSuccess);
    object->metaClass = own;
    assert_int_equal(address, AT_ONCE);
    IOLedger_judgeEnd();
    assert_int_equal(heard[0].subject.address, AT_ONCE);
    expect(kIOLedgerLeak, &mapper->super);
    IOLedger_unmapped(&mapper->super, AT_ONCE);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* With its mapper a mapping is gone: nobody can be told of it, or take it away. */
static void what_a_mapper_that_ends_has_mapped(void **state)
{
    struct test_mapper *mapper = test_mapper_new(0x1000);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, LENGTH, 0, 0, kIODirectionOutIn);
    uint64_t address, length;

    (void)state;
    assert_int_equal(IOMapper_iovmMapMemory(&mapper->super, memory, 0, LENGTH, kIODMAMapReadAccess,
                                            NULL, NULL, NULL, &address, &length),
                     kIOReturnSuccess);
    OSObject_release(&mapper->super);
    OSObject_release(memory);
    IOLedger_judgeEnd();
    assert_int_equal(count, 0);
}

static void what_is_left(void **state)
{
    const uint64_t at = new_pages(owner, 1, VM_PROT_READ | VM_PROT_WRITE);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, kIODirectionOut, owner);
    IODMACommand *command;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    IOLedger_judgeEnd();
    expect(kIOLedgerLeak, memory); /* the first prepare lasts until the last complete */
    command = dma_command(&(IODMACommand_SegmentOptions){.fStructSize = 40}, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    IOLedger_judgeEnd();
    expect(kIOLedgerLeak, command); /* whose end would have been the descriptor's, too */
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnBusy);
    expect(kIOLedgerUnbalanced, memory);
    IODMACommand_keepPrepared(command);
    IOLedger_judgeEnd();
    assert_int_equal(count, 0); /* for as long as the image runs, and so is its memory */
    IODMACommand_complete(command, true, true);
    IOMemoryDescriptor_complete(memory, 0);
    IOLedger_judgeEnd();
    assert_int_equal(count, 0);
    OSObject_release(command);
    OSObject_release(memory);
}

/* More than there is room for at first: pages, which come back; and none to be had. */
static void it_grows_and_loses_track(void **state)
{
    static IODMACommand *commands[1000];
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_LOW + LENGTH, 64, kIODirectionOut);
    const struct holdings before = holdings_now();
    struct inject_report report;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        commands[i] =
            dma_command(&(IODMACommand_SegmentOptions){.fStructSize = 40}, kMapped, memory);
        assert_int_equal(IODMACommand_prepare(commands[i], 0, 0, true, true), kIOReturnSuccess);
    }
    IOLedger_listen(NULL);
    sim_console_forget();
    sim_console_set_quiet(true);
    IOLedger_judgeEnd();
    sim_console_set_quiet(false);
    assert_true(sim_console_said("ledger: L01: 512 times by now"));
    for (unsigned i = 1000; i-- > 0;) {
        IODMACommand_complete(commands[i], true, true);
        OSObject_release(commands[i]);
    }
    assert_true(sim_holds(&before));

    sim_console_forget();
    for (unsigned i = 0; i < 300; i++) {
        commands[i] =
            dma_command(&(IODMACommand_SegmentOptions){.fStructSize = 40}, kMapped, memory);
        inject_begin(1); /* whatever memory the preparation asks for is not to be had */
        assert_int_equal(IODMACommand_prepare(commands[i], 0, 0, true, true), kIOReturnSuccess);
        inject_end(&report);
    }
    assert_true(sim_console_said("it has lost track of 1 things"));
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(IODMACommand_complete(commands[i], true, true), kIOReturnSuccess);
        OSObject_release(commands[i]);
    }
    assert_true(sim_holds(&before));
    OSObject_release(memory);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, power_up, power_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(what_is_right_is_not_reported),
        LEDGER_TEST(bytes_for_two_transfers),
        LEDGER_TEST(a_command_after_its_complete),
        LEDGER_TEST(freed_and_completed_too_early),
        LEDGER_TEST(copies_that_nobody_moves),
        LEDGER_TEST(what_is_mapped_and_unmapped),
        LEDGER_TEST(what_is_mapped_at_once),
        LEDGER_TEST(what_a_mapper_that_ends_has_mapped),
        LEDGER_TEST(what_is_left),
        LEDGER_TEST(it_grows_and_loses_track),
    };
    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
