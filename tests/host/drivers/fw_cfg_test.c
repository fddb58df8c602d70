/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware configuration driver against an engine of the test's own, which keeps the
 * rules of QEMU's, fails where it is told to, or never ends. SEED, CASES: random transfers.
 */
#include "descriptors/IODMAController_class.h"
#include "descriptors/IODMAEventSource.h"
#include "descriptors/IODeviceMemory.h"
#include "descriptors/OSArray.h"
#include "kernel/inject.h"
#include "kernel/page.h"
#include "tests/host/drivers/fw_cfg_sim.h"
#include "tests/host/drivers/recorded.h"
#include "tests/host/machine/sim_machine.h"
#include "tests/host/sim/sim_console.h"

#define RAM   (64 * SIM_MIB)
#define PAGES 600

static OSArray *owner;
static IOWorkLoop *loop;
static IODMAEventSource *source;
static IODMACommand *command;
static struct fw_cfg_transfer transfer;
static paddr_t first_page;
static IOMemoryDescriptor *memory; /* every second page, from odd byte to odd byte */
static struct holdings before;
static unsigned end_count;
static IOReturn end_status;
static IOByteCount end_bytes;

static void arrive(OSObject *whose, IODMAEventSource *from, IODMACommand *ended, IOReturn status,
                   IOByteCount bytes, AbsoluteTime when)
{
    (void)whose, (void)from, (void)when;
    assert_ptr_equal(ended, command);
    end_count++;
    end_status = status;
    end_bytes = bytes;
}

static uint8_t *byte_at(uint64_t at)
{
    return (uint8_t *)phys_to_virt(first_page) + at / 4001 * 2 * PAGE_SIZE + 17 + at % 4001;
}

static int start_machine(void **state)
{
    static IOAddressRange ranges[PAGES / 2];
    const struct page_request run = {.count = PAGES, .owner = PAGE_OWNER_IMAGE, .zero = true};

    (void)state;
    sim_machine_start(RAM);
    sim_console_set_quiet(true);
    assert_int_equal(page_alloc_run(&run, &first_page), KERN_SUCCESS);
    for (unsigned i = 0; i < PAGES / 2; i++) {
        ranges[i] = (IOAddressRange){(uint64_t)byte_at(4001 * i), 4001};
    }
    memory =
        IOMemoryDescriptor_withAddressRanges(ranges, PAGES / 2, kIODirectionInOut, kernel_task);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    return 0;
}

static int open_device(void **state)
{
    (void)state;
    before = holdings_now();
    power_on();
    owner = OSArray_withCapacity(1);
    loop = IOWorkLoop_workLoop();
    source = IODMAEventSource_dmaEventSource(OSObject_upcast(owner), fw_cfg_get_service(), arrive,
                                             NULL, 0);
    assert_non_null(source);
    assert_int_equal(IOWorkLoop_addEventSource(loop, source), kIOReturnSuccess);
    command = fw_cfg_create_command(NULL, kMapped, &transfer);
    assert_int_equal(fw_cfg_find("etc/vmcoreinfo", &transfer.item), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    end_count = 0;
    return 0;
}

/* `lost`: the page that the device may still write stays its own. */
static void close_device(bool lost)
{
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    IOWorkLoop_removeEventSource(loop, source);
    OSObject_release(source);
    OSObject_release(loop);
    OSObject_release(owner);
    fw_cfg_detach();
    assert_false(fw_cfg_present());
    assert_true(sim_holds(&before) != lost);
}

static IOReturn go(IODirection direction, uint64_t count, uint64_t offset)
{
    IOReturn status;

    IOWorkLoop_closeGate(loop);
    status = IODMAEventSource_startDMACommand(source, command, direction, count, offset);
    IOWorkLoop_openGate(loop);
    IOWorkLoop_runEventSources(loop);
    return status;
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void what_is_no_engine_is_left_alone(void **state)
{
    (void)state;
    memset(registers, 0, sizeof(registers));
    assert_false(fw_cfg_attach(registers, paddr(0x9020000)));
    assert_false(fw_cfg_present());
    IOMemory_fail(kIOReturnBusy);
    assert_null(fw_cfg_get_service());
    assert_int_equal(IOMemoryLastError(), kIOReturnNoDevice);
    assert_int_equal(fw_cfg_count(), 0);
    assert_int_equal(fw_cfg_find("opt/1", &transfer.item), kIOReturnNoDevice);
    assert_int_equal(fw_cfg_find(NULL, &transfer.item), kIOReturnBadArgument);
    assert_int_equal(fw_cfg_get_file(0, NULL), kIOReturnBadArgument);
    assert_int_equal(fw_cfg_operations(), 0);
    fw_cfg_watch(NULL, NULL);
}

static unsigned lists;

/* Somebody who comes between two blocks: the transfer cannot be stopped, or started again. */
static void come_between(void *context, const struct fw_cfg_transfer *of,
                         const struct fw_cfg_operation *operation)
{
    IODMACommand *current = NULL;
    IOByteCount moved = 7;

    (void)context, (void)of;
    if (operation->slot != 0 || lists++ != 0) {
        return;
    }
    assert_int_equal(IODMAEventSource_stopDMACommand(source, false, 0), kIOReturnNotPermitted);
    assert_int_equal(IODMAEventSource_queryDMACommand(source, &current, &moved, false),
                     kIOReturnSuccess);
    assert_ptr_equal(current, command);
    assert_int_equal(moved, 0);
    assert_int_not_equal(IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 4001, 0),
                         kIOReturnSuccess);
}

static void transfers_are_of_a_command_and_whole(void **state)
{
    (void)state;
    IOMemory_fail(kIOReturnBusy);
    assert_null(fw_cfg_create_command(NULL, kMapped, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    transfer.position = 0;
    IODMACommand_setRefCon(command, NULL); /* somebody else's */
    assert_int_equal(go(kIODirectionIn, 4001, 0), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, &transfer);
    assert_int_equal(end_count, 0);
    lists = 0;
    fw_cfg_watch(come_between, NULL);
    assert_int_equal(go(kIODirectionIn, 200 * 4001, 0), kIOReturnSuccess);
    fw_cfg_watch(NULL, NULL);
    assert_int_equal(lists, 2);
    assert_int_equal(end_count, 1);
    assert_int_equal(end_status, kIOReturnSuccess);
    assert_int_equal(end_bytes, 200 * 4001);
    assert_true(fw_cfg_operations() > 200);
    /* All of the item, and its end; and no byte behind that. */
    assert_int_equal(go(kIODirectionIn, BYTES, 0), kIOReturnSuccess);
    assert_int_equal(end_bytes, BYTES);
    transfer.position = BYTES - 10;
    assert_int_equal(go(kIODirectionIn, 10, 0), kIOReturnSuccess);
    assert_int_equal(end_bytes, 10);
    assert_int_equal(go(kIODirectionIn, 11, 0), kIOReturnOverrun);
    transfer.position = 1;
    assert_int_equal(go(kIODirectionIn, BYTES, 0), kIOReturnOverrun);
    close_device(false);
}

/* By the engine's own door: another channel, another's transfer, and while its end is unheard. */
static void starts_of_somebody_elses(void **state)
{
    IODMAController *const engine = fw_cfg_device()->engine;
    struct fw_cfg_transfer copied = transfer;

    (void)state;
#define START(index)                                                                               \
    IODMAController_startDMACommand(engine, index, command, kIODirectionIn, 4001, 0)
    assert_int_equal(START(1), kIOReturnBadArgument);
    copied.command = NULL;
    IODMACommand_setRefCon(command, &copied);
    assert_int_equal(START(0), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, &transfer);
    transfer.position = BYTES - 4000; /* one too many */
    assert_int_equal(START(0), kIOReturnOverrun);
    transfer.position = 0;
    transfer.item.size = 4000;
    assert_int_equal(START(0), kIOReturnOverrun);
    transfer.item.size = BYTES;
    transfer.item.writable = false;
    assert_int_equal(go(kIODirectionOut, 4001, 0), kIOReturnNotWritable);
    IOWorkLoop_closeGate(loop);
    assert_int_equal(IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 4001, 0),
                     kIOReturnSuccess);
    assert_int_equal(START(0), kIOReturnBusy);
    IOWorkLoop_openGate(loop);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    close_device(false);
}

/* A client's own options allow a piece that is longer than a block can say. */
static void a_piece_of_8_gib(void **state)
{
    const IODMACommand_SegmentOptions anything = {
        .fStructSize = sizeof(anything), .fNumAddressBits = 64, .fAlignment = 1};
    IOMemoryDescriptor *large =
        (IOMemoryDescriptor *)IODeviceMemory_withRange(1ull << 40, 8ull << 30);
    const struct fw_cfg_item found = transfer.item;

    (void)state;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    memset(&transfer, 0xee, sizeof(transfer)); /* whatever stood there */
    command = fw_cfg_create_command(&anything, kMapped, &transfer);
    assert_true(transfer.position == 0 && transfer.item.key == 0 && transfer.item.size == 0);
    transfer.item = found;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, large, true), kIOReturnSuccess);
    assert_int_equal(go(kIODirectionIn, 4001, 0), kIOReturnSuccess);
    assert_int_equal(end_status, kIOReturnMessageTooLarge);
    assert_int_equal(end_bytes, 0);
    OSObject_release(large);
    close_device(false);
}

static struct {
    uint64_t offset, moved;
    unsigned lists, slot, control;
} watched;

/* Each list finds its place and goes on where the one before has ended. */
static void look(void *context, const struct fw_cfg_transfer *of,
                 const struct fw_cfg_operation *operation)
{
    assert_ptr_equal(context, &watched);
    assert_ptr_equal(of, &transfer);
    assert_int_equal(operation->slot, operation->slot == 0 ? 0 : watched.slot + 1);
    assert_true(operation->slot < operation->count);
    assert_int_equal(operation->offset, watched.offset + watched.moved);
    watched.slot = operation->slot;
    if (operation->slot == 0) {
        watched.lists++;
        assert_int_equal(operation->control,
                         (FILE_KEY + FILES - 1) << 16 | FW_CFG_SELECT | FW_CFG_SKIP);
        assert_int_equal(operation->length, transfer.position + watched.moved);
        return;
    }
    assert_int_equal(operation->control, watched.control);
    assert_int_equal(operation->address,
                     virt_to_phys(byte_at(watched.offset + watched.moved)).value);
    watched.moved += operation->length;
}

static void a_watcher_sees_each_block(void **state)
{
    static struct recorded_list list;
    const uint64_t bytes = 200 * 4001ull - 10;

    (void)state;
    fw_cfg_watch(look, &watched);
    for (unsigned i = 0; i < 4; i++) {
        const bool writes = i % 2 != 0;

        memset(&watched, 0, sizeof(watched));
        watched.offset = 7;
        watched.control = writes ? FW_CFG_WRITE : FW_CFG_READ;
        transfer.position = 300;
        if (i >= 2) { /* recorded alone */
            fw_cfg_watch(NULL, NULL);
        }
        recorded_begin();
        assert_int_equal(go(writes ? kIODirectionOut : kIODirectionIn, bytes, 7), kIOReturnSuccess);
        recorded_end();
        assert_int_equal(end_status, kIOReturnSuccess);
        assert_int_equal(watched.moved, i < 2 ? bytes : 0);
        assert_int_equal(watched.lists, i < 2 ? 2 : 0);
        assert_true(recorded_list(0, &list));
        recorded_expect(&list, command, 7, 127 * 4001 - 7, TRACE_LIST_block, 1,
                        writes ? 0 : TRACE_SLOT_WRITES);
        assert_true(recorded_list(1, &list));
        recorded_expect(&list, command, 127 * 4001, bytes + 7 - 127 * 4001, TRACE_LIST_block, 1,
                        writes ? 0 : TRACE_SLOT_WRITES);
        assert_false(recorded_list(2, &list));
    }
    /* Watched alone. */
    fw_cfg_watch(look, &watched);
    memset(&watched, 0, sizeof(watched));
    watched.control = FW_CFG_READ;
    trace_start();
    trace_stop();
    assert_int_equal(go(kIODirectionIn, 4001, 0), kIOReturnSuccess);
    assert_int_equal(watched.moved, 4001);
    assert_int_equal(trace_count(), 0);
    fw_cfg_watch(NULL, NULL);
    close_device(false);
}

/* Between two lists a handler's transfer finds that the device does not answer. */
static void lose(void *context, const struct fw_cfg_transfer *of,
                 const struct fw_cfg_operation *operation)
{
    (void)context, (void)of, (void)operation;
    fw_cfg_device()->lost = true;
}

static void a_device_lost_between_two_lists(void **state)
{
    (void)state;
    transfer.position = 0;
    fw_cfg_watch(lose, NULL);
    assert_int_equal(go(kIODirectionIn, 250 * 4001, 0), kIOReturnSuccess);
    fw_cfg_watch(NULL, NULL);
    assert_int_equal(end_status, kIOReturnNotResponding);
    assert_int_equal(end_bytes, 127 * 4001);
    fw_cfg_device()->lost = false;
    close_device(false);
}

static void without_memory(void **state)
{
    struct inject_report report = {.failed = true};
    unsigned failures = 0;

    (void)state;
    power_on();
    fw_cfg_detach(); /* nobody has asked for its engine */
    inject_begin(1); /* no page for its blocks */
    assert_false(fw_cfg_attach(registers, paddr(0x9020000)));
    inject_end(&report);
    assert_true(report.failed);
    power_on();
    for (uint64_t nth = 1; report.failed; nth++) {
        IOService *service;

        inject_begin(nth);
        service = fw_cfg_get_service();
        inject_end(&report);
        assert_int_equal(service == NULL, report.failed);
        failures += service == NULL;
    }
    assert_true(failures >= 3);
    fw_cfg_detach();
}

static void the_directory_is_longer_than_one_look(void **state)
{
    struct fw_cfg_item found;

    (void)state;
    assert_int_equal(fw_cfg_count(), FILES);
    for (unsigned i = 0; i < FILES; i++) {
        assert_int_equal(fw_cfg_get_file(i, &found), kIOReturnSuccess);
        assert_int_equal(found.key, FILE_KEY + i);
        assert_int_equal(found.size, i == FILES - 1 ? BYTES : i);
        assert_int_equal(found.writable, i == FILES - 1);
    }
    assert_int_equal(fw_cfg_get_file(FILES, &found), kIOReturnNotFound);
    assert_int_equal(fw_cfg_find("opt/68", &found), kIOReturnSuccess);
    assert_int_equal(found.size, 68);
    /* What stood behind the end in looks before is no file. */
    put_big(directory, 68, 4);
    assert_int_equal(fw_cfg_find("opt/67", &found), kIOReturnSuccess);
    assert_int_equal(fw_cfg_find("opt/68", &found), kIOReturnNotFound);
    put_big(directory, FILES, 4);
    /* A name that has no end in its entry has one here. */
    memset(directory + 4 + 64 * 5 + 8, 'x', FW_CFG_NAME_LENGTH);
    memset(&found, 0xee, sizeof(found));
    assert_int_equal(fw_cfg_get_file(5, &found), kIOReturnSuccess);
    assert_int_equal(strlen(found.name), FW_CFG_NAME_LENGTH - 1);
    fail_at = 2;
    assert_int_equal(fw_cfg_find("opt/68", &found), kIOReturnIOError);
    close_device(false);
}

/* More than there are keys: with 32 bits of them the search would not end either. */
static void a_directory_of_too_many_is_none(void **state)
{
    static const uint32_t counts[] = {0x3fe1, UINT32_MAX};
    struct fw_cfg_item found;

    (void)state;
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        put_big(directory, counts[i], 4);
        assert_int_equal(fw_cfg_count(), 0);
        assert_int_equal(fw_cfg_find("opt/no such file", &found), kIOReturnIOError);
        assert_int_equal(fw_cfg_get_file(0, &found), kIOReturnIOError);
        assert_int_equal(found.key, 0);
    }
    put_big(directory, counts[0] - 1, 4);
    assert_int_equal(fw_cfg_count(), counts[0] - 1);
    put_big(directory, FILES, 4);
    assert_int_equal(fw_cfg_count(), FILES);
    assert_ptr_equal(fw_cfg_get_service(), fw_cfg_get_service()); /* made once */
    /* Both that it reads itself lie in the page that it has. */
    assert_int_equal(trunc_page((uint64_t)fw_cfg_device()->buffer),
                     trunc_page((uint64_t)fw_cfg_device()->list));
    assert_true(fw_cfg_device()->buffer >= (uint8_t *)(fw_cfg_device()->list + FW_CFG_LIST));
    close_device(false);
}

static uint64_t below(uint64_t limit)
{
    static uint64_t seed;

    if (seed == 0) {
        seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 0) : 7;
    }
    return sim_random(&seed) % limit;
}

/* Any part of the memory from and to any part of the item: these bytes, and no other. */
static void random_transfers(void **state)
{
    const uint64_t cases = getenv("CASES") != NULL ? strtoull(getenv("CASES"), NULL, 0) : 100;
    const uint64_t length = IOMemoryDescriptor_getLength(memory);
    static uint8_t model_item[BYTES], model_memory[PAGES / 2 * 4001];

    (void)state;
    for (uint64_t i = 0; i < BYTES; i++) {
        model_item[i] = item[i] = (uint8_t)below(256);
    }
    for (uint64_t i = 0; i < length; i++) {
        model_memory[i] = *byte_at(i);
    }
    for (uint64_t i = 1; i <= cases; i++) {
        const uint64_t count = 1 + below(below(2) != 0 ? length : 9000);
        const uint64_t offset = below(length - count + 1);
        const bool writes = below(2) != 0;

        if (count > BYTES) {
            continue;
        }
        transfer.position = (uint32_t)below(BYTES - count + 1);
        assert_int_equal(go(writes ? kIODirectionOut : kIODirectionIn, count, offset),
                         kIOReturnSuccess);
        assert_int_equal(end_status, kIOReturnSuccess);
        assert_int_equal(end_bytes, count);
        if (writes) {
            memcpy(model_item + transfer.position, model_memory + offset, count);
        } else {
            memcpy(model_memory + offset, model_item + transfer.position, count);
        }
        assert_memory_equal(item, model_item, BYTES);
        for (uint64_t k = 0; k < length; k++) {
            assert_int_equal(*byte_at(k), model_memory[k]);
        }
    }
    close_device(false);
}

/* The n-th piece fails, in the first list or a later one: the bytes before it are told. */
static void an_error_tells_what_was_moved(void **state)
{
    static const unsigned at[] = {1, 2, 127, 128, 129, 200};

    (void)state;
    transfer.position = 0;
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        fail_at = at[i];
        assert_int_equal(go(kIODirectionIn, 250 * 4001, 0), kIOReturnSuccess);
        assert_int_equal(end_count, i + 1);
        assert_int_equal(end_status, kIOReturnIOError);
        assert_int_equal(end_bytes, (at[i] - 1) * 4001);
    }
    assert_int_equal(go(kIODirectionIn, 250 * 4001, 0), kIOReturnSuccess);
    assert_int_equal(end_status, kIOReturnSuccess);
    close_device(false);
}

/* Given up after so many looks, and taken nothing more: it may still write. */
static void a_device_that_never_ends_is_lost(void **state)
{
    struct fw_cfg_item found;

    (void)state;
    never_ends = true;
    transfer.position = 0;
    assert_int_equal(go(kIODirectionIn, 4001, 0), kIOReturnSuccess);
    assert_int_equal(end_status, kIOReturnNotResponding);
    assert_int_equal(end_bytes, 0);
    never_ends = false;
    assert_int_equal(go(kIODirectionIn, 4001, 0), kIOReturnNotResponding);
    assert_int_equal(end_count, 1);
    assert_int_equal(fw_cfg_find("opt/1", &found), kIOReturnNotResponding);
    close_device(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_engine_is_left_alone),
        cmocka_unit_test_setup(the_directory_is_longer_than_one_look, open_device),
        cmocka_unit_test_setup(a_directory_of_too_many_is_none, open_device),
        cmocka_unit_test_setup(transfers_are_of_a_command_and_whole, open_device),
        cmocka_unit_test_setup(starts_of_somebody_elses, open_device),
        cmocka_unit_test_setup(a_piece_of_8_gib, open_device),
        cmocka_unit_test_setup(a_watcher_sees_each_block, open_device),
        cmocka_unit_test_setup(a_device_lost_between_two_lists, open_device),
        cmocka_unit_test(without_memory),
        cmocka_unit_test_setup(random_transfers, open_device),
        cmocka_unit_test_setup(an_error_tells_what_was_moved, open_device),
        cmocka_unit_test_setup(a_device_that_never_ends_is_lost, open_device),
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
