/* SPDX-License-Identifier: BSD-2-Clause */
/* As null_test.c, for commands, controllers, work loops, mappers and services. */
#include "descriptors/IOBigMemoryCursor.h"
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOCommand.h"
#include "descriptors/IOCommandGate.h"
#include "descriptors/IODMACommand.h"
#include "descriptors/IODMAController.h"
#include "descriptors/IODMAEventSource.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOEventSource.h"
#include "descriptors/IOGeneralMemoryDescriptor.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOInterruptEventSource.h"
#include "descriptors/IOLittleMemoryCursor.h"
#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryCursor.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/IOMemoryMapping.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IORangeAllocator.h"
#include "descriptors/IOService.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/IOWorkLoop.h"
#include "descriptors/OSArray.h"
#include "descriptors/OSObject.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/host/object/null_calls.h"

static void om_9_no_IOCommand(void **state)
{
    (void)state;
    assert_false(IOCommand_isQueued((IOCommand *)NULL));
}

static void om_9_no_IOCommandGate(void **state)
{
    (void)state;
    FAILS(IOCommandGate_init(NULL, NULL, 0));
    REFUSED(IOCommandGate_runAction(NULL, 0, NULL, NULL, NULL, NULL));
    REFUSED(IOCommandGate_runCommand(NULL, NULL, NULL, NULL, NULL));
    REFUSED(IOCommandGate_attemptAction(NULL, 0, NULL, NULL, NULL, NULL));
    REFUSED(IOCommandGate_attemptCommand(NULL, NULL, NULL, NULL, NULL));
    REFUSED(IOCommandGate_commandSleep(NULL, NULL, 0));
    REFUSED(IOCommandGate_commandSleepDeadline(NULL, NULL, 0, 0));
    IOCommandGate_commandWakeup(NULL, NULL, false);
    IOCommandGate_enable(NULL);
    IOCommandGate_disable(NULL);
}

static void om_9_no_IODMACommand(void **state)
{
    (void)state;
    FAILS(IODMACommand_initWithSpecification(NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL));
    FAILS(IODMACommand_initWithSpecificationOptions(NULL, NULL, NULL, 0, NULL, NULL));
    FAILS(IODMACommand_initWithRefCon(NULL, NULL));
    NOTHING(IODMACommand_cloneCommand(NULL, NULL));
    IODMACommand_free(NULL);
    assert_null(IODMACommand_getRefCon(NULL));
    IODMACommand_setRefCon(NULL, NULL);
    assert_int_equal(IODMACommand_getNumAddressBits(NULL), 0);
    assert_int_equal(IODMACommand_getAlignment(NULL), 0);
    assert_int_equal(IODMACommand_getAlignmentLength(NULL), 0);
    assert_int_equal(IODMACommand_getAlignmentInternalSegments(NULL), 0);
    assert_int_equal(IODMACommand_getSegmentBoundary(NULL), 0);
    assert_int_equal(IODMACommand_getAlignmentInternalEnd(NULL), 0);
    assert_null(IODMACommand_getMetaClass(NULL));
    REFUSED(IODMACommand_setMemoryDescriptor(NULL, (IOMemoryDescriptor *)NULL, false));
    REFUSED(IODMACommand_clearMemoryDescriptor(NULL, false));
    assert_null(IODMACommand_getMemoryDescriptor(NULL));
    assert_null(IODMACommand_getIOMemoryDescriptor(NULL));
    REFUSED(IODMACommand_prepare(NULL, 0, 0, false, false));
    REFUSED(
        IODMACommand_prepareWithSpecification(NULL, NULL, 0, 0, 0, 0, 0, NULL, 0, 0, false, false));
    REFUSED(IODMACommand_prepareWithSpecificationOptions(NULL, NULL, NULL, 0, NULL, 0, 0, false,
                                                         false));
    REFUSED(IODMACommand_complete(NULL, false, false));
    REFUSED(IODMACommand_synchronize(NULL, 0));
    REFUSED(IODMACommand_getPreparedOffsetAndLength(NULL, NULL, NULL));
    assert_int_equal(IODMACommand_getBounceLength(NULL), 0);
    NOTHING(IODMACommand_createCopyBuffer(NULL, 0, 0));
    REFUSED(IODMACommand_genIOVMSegments(NULL, NULL, NULL, NULL));
    REFUSED(IODMACommand_genIOVMSegmentsFunction(NULL, NULL, NULL, NULL, NULL));
    REFUSED(IODMACommand_genIOVMSegmentsRow(NULL, NULL, NULL, NULL, NULL, NULL));
    REFUSED(IODMACommand_gen32IOVMSegments(NULL, NULL, NULL, NULL));
    REFUSED(IODMACommand_gen64IOVMSegments(NULL, NULL, NULL, NULL));
    assert_int_equal(IODMACommand_readBytes(NULL, 0, NULL, 0), 0);
    assert_int_equal(IODMACommand_writeBytes(NULL, 0, NULL, 0), 0);
    REFUSED(IODMACommand_PrepareForDMA(NULL, 0, (IOMemoryDescriptor *)NULL, 0, 0, NULL, NULL, 0));
    REFUSED(IODMACommand_CompleteDMA(NULL, 0));
    REFUSED(IODMACommand_GetPreparation(NULL, NULL, NULL, NULL));
    REFUSED(IODMACommand_PerformOperation(NULL, 0, 0, 0, 0, (IOMemoryDescriptor *)NULL));
}

static void om_9_no_IODMAController(void **state)
{
    (void)state;
    FAILS(IODMAController_start((IODMAController *)NULL, NULL));
    REFUSED(IODMAController_registerDMAController((IODMAController *)NULL, 0));
    IODMAController_notifyDMACommand((IODMAController *)NULL, NULL, NULL, 0, 0, 0);
    IODMAController_completeDMACommand((IODMAController *)NULL, NULL, NULL);
    REFUSED(IODMAController_initDMAChannel((IODMAController *)NULL, NULL, NULL, NULL, 0));
    REFUSED(IODMAController_startDMACommand((IODMAController *)NULL, 0, NULL, 0, 0, 0));
    REFUSED(IODMAController_stopDMACommand((IODMAController *)NULL, 0, false, 0));
    REFUSED(IODMAController_queryDMACommand((IODMAController *)NULL, 0, NULL, NULL, false));
    assert_int_equal(IODMAController_getFIFODepth((IODMAController *)NULL, 0, 0), 0);
    REFUSED(IODMAController_setFIFODepth((IODMAController *)NULL, 0, 0));
    assert_int_equal(IODMAController_validFIFODepth((IODMAController *)NULL, 0, 0, 0), 0);
    REFUSED(IODMAController_setFrameSize((IODMAController *)NULL, 0, 0));
    REFUSED(IODMAController_setDMAConfig((IODMAController *)NULL, 0, NULL, 0));
    assert_false(IODMAController_validDMAConfig((IODMAController *)NULL, 0, NULL, 0));
    IODMAController_releaseDMAChannel((IODMAController *)NULL, 0, NULL);
    assert_null(IODMAController_getMetaClass((IODMAController *)NULL));
}

static void om_9_no_IODMAEventSource(void **state)
{
    (void)state;
    FAILS(IODMAEventSource_init(NULL, NULL, NULL, 0, 0, 0));
    IODMAEventSource_free(NULL);
    REFUSED(IODMAEventSource_startDMACommand(NULL, NULL, 0, 0, 0));
    assert_int_equal(IODMAEventSource_stopDMACommand(NULL, false, 0),
                     kIOReturnError); /* it has no channel */
    assert_int_equal(IODMAEventSource_queryDMACommand(NULL, NULL, NULL, false),
                     kIOReturnError); /* it has no channel */
    assert_int_equal(IODMAEventSource_getFIFODepth(NULL, 0), 0);
    assert_int_equal(IODMAEventSource_setFIFODepth(NULL, 0),
                     kIOReturnError); /* it has no channel */
    assert_int_equal(IODMAEventSource_validFIFODepth(NULL, 0, 0), 0);
    assert_int_equal(IODMAEventSource_setFrameSize(NULL, 0),
                     kIOReturnError); /* it has no channel */
    assert_int_equal(IODMAEventSource_setDMAConfig(NULL, 0),
                     kIOReturnError); /* it has no channel */
    assert_false(IODMAEventSource_validDMAConfig(NULL, 0));
    IODMAEventSource_notifyDMACommand(NULL, NULL, 0, 0, 0);
    IODMAEventSource_completeDMACommand(NULL, NULL);
    assert_false(IODMAEventSource_checkForWork(NULL));
    assert_null(IODMAEventSource_getMetaClass(NULL));
}

static void om_9_no_IOEventSource(void **state)
{
    (void)state;
    FAILS(IOEventSource_init((IOEventSource *)NULL, NULL, 0));
    IOEventSource_enable((IOEventSource *)NULL);
    IOEventSource_disable((IOEventSource *)NULL);
    assert_false(IOEventSource_isEnabled((IOEventSource *)NULL));
    assert_null(IOEventSource_getWorkLoop((IOEventSource *)NULL));
    IOEventSource_setWorkLoop((IOEventSource *)NULL, NULL);
    assert_null(IOEventSource_getNext((IOEventSource *)NULL));
    IOEventSource_setNext((IOEventSource *)NULL, NULL);
    assert_int_equal(IOEventSource_getAction((IOEventSource *)NULL), 0);
    IOEventSource_setAction((IOEventSource *)NULL, 0);
    assert_null(IOEventSource_getRefcon((IOEventSource *)NULL));
    IOEventSource_setRefcon((IOEventSource *)NULL, NULL);
    assert_false(IOEventSource_onThread((IOEventSource *)NULL));
    assert_false(IOEventSource_checkForWork((IOEventSource *)NULL));
    IOEventSource_signalWorkAvailable((IOEventSource *)NULL);
    IOEventSource_openGate((IOEventSource *)NULL);
    IOEventSource_closeGate((IOEventSource *)NULL);
    assert_false(IOEventSource_tryCloseGate((IOEventSource *)NULL));
    assert_int_equal(IOEventSource_sleepGate((IOEventSource *)NULL, NULL, 0), THREAD_RESTART);
    IOEventSource_wakeupGate((IOEventSource *)NULL, NULL, false);
}

static void om_9_no_IOInterruptEventSource(void **state)
{
    (void)state;
    FAILS(IOInterruptEventSource_init(NULL, NULL, 0, NULL, 0));
    IOInterruptEventSource_free(NULL);
    IOInterruptEventSource_enable(NULL);
    IOInterruptEventSource_disable(NULL);
    assert_false(IOInterruptEventSource_checkForWork(NULL));
    IOInterruptEventSource_setWorkLoop(NULL, NULL);
    IOInterruptEventSource_interruptOccurred(NULL, NULL, NULL, 0);
    IOInterruptEventSource_normalInterruptOccurred(NULL, NULL, NULL, 0);
    IOInterruptEventSource_disableInterruptOccurred(NULL, NULL, NULL, 0);
    assert_null(IOInterruptEventSource_getProvider(NULL));
    assert_int_equal(IOInterruptEventSource_getIntIndex(NULL), -1);
    assert_false(IOInterruptEventSource_getAutoDisable(NULL));
    IOInterruptEventSource_enablePrimaryInterruptTimestamp(NULL, false);
    assert_true(IOInterruptEventSource_getPrimaryInterruptTimestamp(NULL) == UINT64_MAX);
    assert_int_equal(IOInterruptEventSource_warmCPU(NULL, 0), kIOReturnUnsupported);
}

static void om_9_no_IOMapper(void **state)
{
    (void)state;
    REFUSED(IOMapper_iovmInsert(NULL, 0, 0, 0, 0, 0));
    REFUSED(IOMapper_translate(NULL, 0, 0, NULL, NULL));
    assert_int_equal(IOMapper_mapToPhysicalAddress(NULL, 0), 0);
    assert_int_equal(IOMapper_getPageSize(NULL), 0);
    assert_null(IOMapper_getMetaClass(NULL));
    FAILS(IOMapper_start(NULL, NULL));
    assert_false(IOMapper_initHardware(NULL, NULL));
}

static void om_9_no_IOService(void **state)
{
    (void)state;
    assert_null(IOService_getName(NULL));
    assert_null(IOService_getProperty(NULL, NULL, NULL));
    REFUSED(IOService_setProperty(NULL, NULL, NULL, 0));
    REFUSED(IOService_setCell(NULL, NULL, 0));
    REFUSED(IOService_getCell(NULL, NULL, 0, NULL));
    assert_int_equal(IOService_countCells(NULL, NULL), 0);
    REFUSED(IOService_setObject(NULL, NULL, (OSObject *)NULL));
    assert_null(IOService_getObject(NULL, NULL));
}

static void om_9_no_IOWorkLoop(void **state)
{
    (void)state;
    FAILS(IOWorkLoop_init(NULL));
    REFUSED(IOWorkLoop_addEventSource(NULL, (IOEventSource *)NULL));
    REFUSED(IOWorkLoop_removeEventSource(NULL, (IOEventSource *)NULL));
    assert_false(IOWorkLoop_runEventSources(NULL));
    REFUSED(IOWorkLoop_runAction(NULL, 0, NULL, NULL, NULL, NULL, NULL));
    assert_false(IOWorkLoop_inGate(NULL));
    assert_false(IOWorkLoop_onThread(NULL));
    assert_int_equal(IOWorkLoop_getThread(NULL), 0);
    IOWorkLoop_enableAllEventSources(NULL);
    IOWorkLoop_disableAllEventSources(NULL);
    IOWorkLoop_enableAllInterrupts(NULL);
    IOWorkLoop_disableAllInterrupts(NULL);
    IOWorkLoop_setMaximumLockTime(NULL, 0, 0);
    IOWorkLoop_signalWorkAvailable(NULL);
    IOWorkLoop_closeGate(NULL);
    IOWorkLoop_openGate(NULL);
    assert_false(IOWorkLoop_tryCloseGate(NULL));
    assert_int_equal(IOWorkLoop_sleepGate(NULL, NULL, 0), THREAD_RESTART);
    assert_int_equal(IOWorkLoop_sleepGateDeadline(NULL, NULL, 0, 0), THREAD_RESTART);
    assert_int_equal(IOWorkLoop_sleepGateWhile(NULL, NULL, NULL), THREAD_RESTART);
    IOWorkLoop_wakeupGate(NULL, NULL, false);
    assert_null(IOWorkLoop_getMetaClass(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(om_9_no_IOCommand),
        BALANCED(om_9_no_IOCommandGate),
        BALANCED(om_9_no_IODMACommand),
        BALANCED(om_9_no_IODMAController),
        BALANCED(om_9_no_IODMAEventSource),
        BALANCED(om_9_no_IOEventSource),
        BALANCED(om_9_no_IOInterruptEventSource),
        BALANCED(om_9_no_IOMapper),
        BALANCED(om_9_no_IOService),
        BALANCED(om_9_no_IOWorkLoop),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
