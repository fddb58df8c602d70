/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA controllers: names, the registry, and calls that are refused or handed on. */
#include "descriptors/ledger/IOLedger.h"
#include "tests/host/machine/dma_engine.h"
#include "tests/host/sim/sim_console.h"

/* CT-1 */
static void ct_1_names_and_the_registry(void **state)
{
    char name[kIODMAControllerNameLength];
    IOService *other_device = IOService_withReader("other", NULL, NULL);

    (void)state;
    assert_true(IODMAController_createControllerName(PHANDLE, name));
    assert_string_equal(name, "IODMAController00008003");
    assert_false(IODMAController_createControllerName(1, NULL));
    assert_ptr_equal(IODMAController_getController(device, 0), &engine->super);
    assert_ptr_equal(IODMAController_getController(device, 7), &engine->super); /* the only one */
    assert_null(IODMAController_getController(NULL, 0));
    assert_null(IODMAController_getController(other_device, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    IOService_setProperty(other_device, "dma-parent", "abc", 3);
    assert_null(IODMAController_getController(other_device, 0));
    IOService_setProperty(other_device, "dma-parent", "\0\0\x80\3\0\0\0\1", 8);
    assert_ptr_equal(IODMAController_getController(other_device, 0), &engine->super);
    assert_null(IODMAController_getController(other_device, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnTimeout);
    assert_null(IODMAController_getController(other_device, 2));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IODMAController_registerDMAController(&engine->super, 0), kIOReturnBusy);
    OSObject_release(other_device);
}

/* CT-1: an engine that has no number, or another's, is not published. */
static void ct_1_engines_that_cannot_be_found_are_refused(void **state)
{
    IOService *node = IOService_withReader("second", NULL, NULL);
    struct engine *second = (struct engine *)OSMetaClass_allocate(engine->super.super.metaClass);

    (void)state;
    assert_int_equal(IODMAController_registerDMAController(&second->super, 0), kIOReturnNotFound);
    assert_true(IODMAController_start(&second->super, node));
    assert_int_equal(IODMAController_registerDMAController(&second->super, 0), kIOReturnNotFound);
    IOService_setCell(node, "phandle", PHANDLE);
    assert_int_equal(IODMAController_registerDMAController(&second->super, 0),
                     kIOReturnExclusiveAccess);
    assert_ptr_equal(IODMAController_getController(device, 0), &engine->super);
    IOService_setCell(node, "phandle", PHANDLE + 1);
    assert_int_equal(IODMAController_registerDMAController(&second->super, 0), kIOReturnSuccess);
    OSObject_release(&second->super);
    OSObject_release(node);
}

/* CT-2 */
static void ct_2_creations_that_fail_leave_the_channel_free(void **state)
{
    IOService *orphan = IOService_withReader("orphan", NULL, NULL);
    IODMAEventSource *source;

    (void)state;
    assert_null(IODMAEventSource_dmaEventSource(NULL, device, arrive, NULL, 0));
    assert_null(IODMAEventSource_dmaEventSource(client, NULL, arrive, NULL, 0));
    assert_null(IODMAEventSource_dmaEventSource(client, orphan, arrive, NULL, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotFound);
    assert_null(IODMAEventSource_dmaEventSource(client, device, arrive, NULL, CHANNELS));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    source = new_source(arrive);
    assert_null(IODMAEventSource_dmaEventSource(client, device, arrive, NULL, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoChannels);
    assert_int_equal(OSObject_getRetainCount(&engine->super), 2);
    drop_source(source);
    assert_int_equal(OSObject_getRetainCount(&engine->super), 1);
    drop_source(new_source(arrive));
    OSObject_release(orphan);
}

/* CT-6 */
static void ct_6_refused_starts_end_nowhere(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(go(source, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionOutIn, 0, 0), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionNone, 0, 0), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 64), kIOReturnBadArgument);
    assert_int_equal(go(source, command, kIODirectionOut, 5, 60), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(go(source, command, kIODirectionOut, 0, 0), kIOReturnNotReady);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count + notes + engine->count, 0);
    OSObject_release(command);
    drop_source(source);
}

/* CT-10: ends that come twice, for another's command, or without a result. */
static void ct_10_ends_that_are_not_due_change_nothing(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);
    IODMACommand *strange = new_transfer(DMA_LOW + 64, 64, kIODirectionOut);

    (void)state;
    go(source, command, kIODirectionOut, 0, 0);
    IODMAEventSource_completeDMACommand(source, strange);
    IODMAController_completeDMACommand(&engine->super, NULL, command);
    IODMAController_notifyDMACommand(&engine->super, source, NULL, 0, 0, 0);
    engine->count = 0;
    IODMAEventSource_completeDMACommand(source, command); /* the engine forgot to notify */
    IODMAEventSource_completeDMACommand(source, command); /* and comes twice */
    IOWorkLoop_runEventSources(loop);
    IODMAEventSource_completeDMACommand(source, command);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(end_count, 1);
    assert_int_equal(ends[0].status, kIOReturnInternalError);
    end_transfer(command);
    end_transfer(strange);
    drop_source(source);
}

/* CT-13 */
static void ct_13_calls_are_handed_on(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMAEventSource *none = (IODMAEventSource *)OSMetaClass_allocate(&IODMAEventSource_metaClass);
    IODMACommand *command;

    (void)state;
    assert_int_equal(IODMAEventSource_setDMAConfig(source, 1), kIOReturnSuccess);
    assert_int_equal(engine->config, 1);
    assert_true(IODMAEventSource_validDMAConfig(source, 1));
    assert_false(IODMAEventSource_validDMAConfig(source, 9));
    assert_int_equal(IODMAEventSource_setFrameSize(source, 0), kIOReturnBadArgument);
    assert_int_equal(IODMAEventSource_setFrameSize(source, 4), kIOReturnUnsupported);
    assert_int_equal(IODMAEventSource_getFIFODepth(source, kIODirectionNone), 0);
    assert_int_equal(IODMAEventSource_setFIFODepth(source, 16), kIOReturnUnsupported);
    assert_int_equal(IODMAEventSource_setDMAConfig(none, 1), kIOReturnError);
    assert_false(IODMAEventSource_validDMAConfig(none, 1));
    assert_int_equal(IODMAEventSource_validFIFODepth(none, 1, 0), 0);
    assert_int_equal(IODMAEventSource_setFrameSize(none, 1), kIOReturnError);
    assert_int_equal(IODMAEventSource_stopDMACommand(none, false, 0), kIOReturnError);
    command = new_transfer(DMA_LOW, 64, kIODirectionOut);
    assert_int_equal(IODMAEventSource_startDMACommand(none, command, kIODirectionOut, 64, 0),
                     kIOReturnError);
    assert_int_equal(IODMAEventSource_startDMACommand(NULL, command, kIODirectionOut, 64, 0),
                     kIOReturnBadArgument);
    assert_int_equal(IODMAEventSource_startDMACommand(source, NULL, kIODirectionOut, 64, 0),
                     kIOReturnBadArgument);
    end_transfer(command);
    OSObject_release(none);
    drop_source(source);
}

/* What a class inherits that has nothing of its own: no channel, no transfer, no depth. */
static void an_engine_without_methods_can_do_nothing(void **state)
{
    static uint32_t bare_engines;
    static const IODMAControllerClass bare_class = {
        .meta = {"BareEngine", &IODMAController_metaClass, sizeof(IODMAController), &bare_engines,
                 controller_free},
        .initDMAChannel = controller_init_channel,
        .startDMACommand = controller_start_command,
        .stopDMACommand = controller_stop_command,
        .queryDMACommand = controller_query_command,
        CONTROLLER_WITHOUT_FIFO,
        .releaseDMAChannel = controller_release_channel,
    };
    IODMAController *bare = (IODMAController *)OSMetaClass_allocate(&bare_class.meta);
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut), *current = command;
    IOByteCount moved = 5;
    UInt32 index = 7;

    (void)state;
    assert_int_equal(IODMAController_initDMAChannel(bare, device, source, &index, 0),
                     kIOReturnUnsupported);
    assert_int_equal(IODMAController_startDMACommand(bare, 0, command, kIODirectionOut, 64, 0),
                     kIOReturnUnsupported);
    assert_int_equal(IODMAController_stopDMACommand(bare, 0, false, 0), kIOReturnUnsupported);
    assert_int_equal(IODMAController_queryDMACommand(bare, 0, &current, &moved, false),
                     kIOReturnUnsupported);
    assert_int_equal(IODMAController_getFIFODepth(bare, 0, kIODirectionOut), 0);
    assert_int_equal(IODMAController_setFIFODepth(bare, 0, 1), kIOReturnUnsupported);
    assert_int_equal(IODMAController_validFIFODepth(bare, 0, 1, kIODirectionOut), 0);
    assert_int_equal(IODMAController_setFrameSize(bare, 0, 1), kIOReturnUnsupported);
    assert_int_equal(IODMAController_setDMAConfig(bare, 0, device, 0), kIOReturnUnsupported);
    assert_false(IODMAController_validDMAConfig(bare, 0, device, 0));
    IODMAController_releaseDMAChannel(bare, 0, source);
    assert_int_equal(IODMAEventSource_validFIFODepth(source, 1, kIODirectionOut), 0);
    /* The refused command is the client's again. */
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(bare);
    drop_source(source);
}

/* The other side of a copy: prepared until it is given back, by each who has it. */
static void borrowed_commands_stay_prepared(void **state)
{
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(IODMAController_borrowCommand(NULL, kIODirectionOut, 1, 0),
                     kIOReturnBadArgument);
    assert_int_equal(IODMAController_borrowCommand(command, kIODirectionIn, 64, 0),
                     kIOReturnBadArgument);
    assert_int_equal(IODMAController_borrowCommand(command, kIODirectionOut, 0, 0),
                     kIOReturnBadArgument);
    assert_int_equal(IODMAController_borrowCommand(command, kIODirectionOut, 64, 1),
                     kIOReturnBadArgument);
    assert_int_equal(IODMAController_borrowCommand(command, kIODirectionOut, 1, 64),
                     kIOReturnBadArgument);
    assert_int_equal(IODMAController_borrowCommand(command, kIODirectionOut, 64, 0),
                     kIOReturnSuccess);
    assert_int_equal(IODMAController_borrowCommand(command, kIODirectionOut, 1, 63),
                     kIOReturnSuccess);
    sim_console_set_quiet(true); /* it names who refuses */
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnBusy);
    IODMAController_returnCommand(command);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnBusy);
    sim_console_set_quiet(false);
    IODMAController_returnCommand(command);
    IODMAController_returnCommand(NULL);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMAController_borrowCommand(command, kIODirectionOut, 64, 0),
                     kIOReturnNotReady);
    OSObject_release(command);
}

/* Who lets go of it all the same has lost it: an engine moves bytes there. */
static void a_borrowed_command_that_is_released_is_kept(void **state)
{
    IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionOut);

    (void)state;
    assert_int_equal(IODMAController_borrowCommand(command, kIODirectionOut, 64, 0),
                     kIOReturnSuccess);
    OSObject_retain(command);
    sim_console_set_quiet(true);
    IODMACommand_free(command); /* what the last release calls */
    sim_console_set_quiet(false);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnBusy);
    IODMAController_returnCommand(command);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(command);
}

/* What an engine may put out without a walk: the beginning of what is one entry. */
static void an_entry_is_told_from_a_list(void **state)
{
    const IODMACommand_SegmentOptions halves = {.fStructSize = sizeof(halves),
                                                .fNumAddressBits = 64,
                                                .fMaxSegmentSize = 32,
                                                .fAlignment = 1};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IODMACommand *command = new_transfer(DMA_LOW + 8, 64, kIODirectionOut);
    IODMACommand *cut = dma_command(&halves, kMapped, memory);
    struct IODMAEntry entry;

    (void)state;
    assert_int_equal(IODMACommand_prepare(cut, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMAController_oneEntry(cut).length, 0);
    entry = IODMAController_oneEntry(command);
    assert_int_equal(entry.address, DMA_LOW + 8);
    assert_int_equal(entry.length, 64);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMAController_oneEntry(command).length, 0);
    assert_int_equal(IODMACommand_complete(cut, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(cut);
    OSObject_release(memory);
}

static unsigned reports;

static void count_report(const struct IOLedgerReport *report)
{
    (void)report;
    reports++;
}

/* Of two transfers of the same bytes the first is over when it is given back: no conflict. */
static void what_was_given_back_is_nobodys(void **state)
{
    IODMACommand *out = new_transfer(DMA_LOW, 64, kIODirectionOut);
    IODMACommand *in = new_transfer(DMA_LOW, 64, kIODirectionIn);

    (void)state;
    reports = 0;
    IOLedger_listen(count_report);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IODMAController_borrowCommand(out, kIODirectionOut, 64, 0),
                         kIOReturnSuccess);
        if (i == 0) {
            IODMAController_returnCommand(out);
        }
        assert_int_equal(IODMAController_borrowCommand(in, kIODirectionIn, 64, 0),
                         kIOReturnSuccess);
        assert_int_equal(reports, i); /* the second time the device has both at once */
        IODMAController_returnCommand(in);
    }
    IODMAController_returnCommand(out);
    end_transfer(out);
    end_transfer(in);
    assert_int_equal(reports, 1);
    IOLedger_listen(NULL);
}

/* A start that was refused was none: the next one's end is the end of it. */
static void what_was_not_started_is_nobodys(void **state)
{
    IODMAEventSource *source = new_source(arrive);
    IODMACommand *out = new_transfer(DMA_LOW, 64, kIODirectionOut);
    IODMACommand *in = new_transfer(DMA_LOW, 64, kIODirectionIn);

    (void)state;
    reports = 0;
    IOLedger_listen(count_report);
    assert_int_equal(go(source, out, kIODirectionOut, 5, 60), kIOReturnBadArgument);
    assert_int_equal(go(source, out, kIODirectionOut, 0, 0), kIOReturnSuccess);
    finish(kIOReturnSuccess, 64);
    IOWorkLoop_runEventSources(loop);
    assert_int_equal(IODMAController_borrowCommand(in, kIODirectionIn, 64, 0), kIOReturnSuccess);
    IODMAController_returnCommand(in);
    end_transfer(out);
    end_transfer(in);
    drop_source(source);
    assert_int_equal(reports, 0);
    IOLedger_listen(NULL);
}

/* A copy of all that nobody has fetched is found when the command completes. */
static void bytes_in_a_double_buffer_are_missed(void **state)
{
    (void)state;
    reports = 0;
    IOLedger_listen(count_report);
    for (unsigned fetched = 0; fetched < 2; fetched++) {
        IODMACommand *command = new_transfer(DMA_LOW, 64, kIODirectionIn);

        assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
        assert_int_equal(IODMAController_borrowCommand(command, kIODirectionIn, 64, 0),
                         kIOReturnSuccess);
        IODMAController_returnCommand(command);
        assert_int_equal(IODMACommand_complete(command, true, fetched != 0), kIOReturnSuccess);
        assert_int_equal(reports, 1);
        OSObject_release(command);
    }
    IOLedger_listen(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(ct_1_names_and_the_registry),
        ENGINE_TEST(ct_1_engines_that_cannot_be_found_are_refused),
        ENGINE_TEST(ct_2_creations_that_fail_leave_the_channel_free),
        ENGINE_TEST(ct_6_refused_starts_end_nowhere),
        ENGINE_TEST(ct_10_ends_that_are_not_due_change_nothing),
        ENGINE_TEST(ct_13_calls_are_handed_on),
        ENGINE_TEST(an_engine_without_methods_can_do_nothing),
        ENGINE_TEST(borrowed_commands_stay_prepared),
        ENGINE_TEST(a_borrowed_command_that_is_released_is_kept),
        ENGINE_TEST(an_entry_is_told_from_a_list),
        ENGINE_TEST(what_was_given_back_is_nobodys),
        ENGINE_TEST(what_was_not_started_is_nobodys),
        ENGINE_TEST(bytes_in_a_double_buffer_are_missed),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
