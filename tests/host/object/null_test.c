/* SPDX-License-Identifier: BSD-2-Clause */
/* Every method of every class, called for no object: an answer, never a fault. */
#include "descriptors/IOBigMemoryCursor.h"
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOGeneralMemoryDescriptor.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOLittleMemoryCursor.h"
#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryCursor.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/IOMemoryMapping.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IORangeAllocator.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/OSArray.h"
#include "descriptors/OSObject.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/host/object/null_calls.h"

static IOMemoryDescriptor *const no_memory;
static IOMemoryCursor *const no_cursor;
static OSObject *const no_object;

static void om_9_no_IOBigMemoryCursor(void **state)
{
    (void)state;
    FAILS(IOBigMemoryCursor_initWithSpecification(NULL, 0, 0, 0));
    assert_int_equal(IOBigMemoryCursor_getPhysicalSegments(NULL, no_memory, 0, NULL, 0, 0, NULL),
                     0);
    assert_null(IOBigMemoryCursor_getMetaClass(NULL));
}

static void om_9_no_IOBufferMemoryDescriptor(void **state)
{
    (void)state;
    FAILS(IOBufferMemoryDescriptor_initWithPhysicalMask(NULL, NULL, 0, 0, 0, 0));
    FAILS(IOBufferMemoryDescriptor_initControlWithPhysicalMask(NULL, NULL, 0, 0, 0, 0));
    FAILS(IOBufferMemoryDescriptor_initWithGuardPages(NULL, NULL, 0, 0));
    IOBufferMemoryDescriptor_free(NULL);
    assert_int_equal(IOBufferMemoryDescriptor_getCapacity(NULL), 0);
    IOBufferMemoryDescriptor_setLength(NULL, 0);
    IOBufferMemoryDescriptor_setDirection(NULL, 0);
    FAILS(IOBufferMemoryDescriptor_appendBytes(NULL, NULL, 0));
    assert_null(IOBufferMemoryDescriptor_getBytesNoCopy(NULL));
    NOTHING(IOBufferMemoryDescriptor_getBytesNoCopyRange(NULL, 0, 0));
    assert_null(IOBufferMemoryDescriptor_getMetaClass(NULL));
}

static void om_9_no_IOMemoryDescriptor(void **state)
{
    (void)state;
    REFUSED(IOMemoryDescriptor_dmaCommandOperation(no_memory, 0, NULL, 0));
    REFUSED(IOMemoryDescriptor_dmaMap(no_memory, NULL, no_memory, NULL, NULL, 0, 0, NULL, NULL));
    REFUSED(IOMemoryDescriptor_dmaUnmap(no_memory, NULL, NULL, 0, 0, 0));
    IOMemoryDescriptor_dmaMapRecord(no_memory, NULL, NULL, 0);
    FAILS(IOMemoryDescriptor_initWithOptions(no_memory, NULL, 0, 0, NULL, 0, NULL));
    IOMemoryDescriptor_free(no_memory);
    assert_int_equal(IOMemoryDescriptor_getDirection(no_memory), 0);
    assert_int_equal(IOMemoryDescriptor_getLength(no_memory), 0);
    assert_int_equal(IOMemoryDescriptor_getFlags(no_memory), 0);
    assert_null(IOMemoryDescriptor_getMetaClass(no_memory));
    IOMemoryDescriptor_setTag(no_memory, 0);
    assert_int_equal(IOMemoryDescriptor_getTag(no_memory), 0);
    IOMemoryDescriptor_setVMTags(no_memory, 0, 0);
    assert_int_equal(IOMemoryDescriptor_getVMTag(no_memory, NULL), 0);
    IOMemoryDescriptor_setMapperOptions(no_memory, 0);
    assert_int_equal(IOMemoryDescriptor_getMapperOptions(no_memory), 0);
    IOMemoryDescriptor_setContext(no_memory, no_object);
    assert_null(IOMemoryDescriptor_copyContext(no_memory));
    IOMemoryDescriptor_setDescriptorID(no_memory);
    assert_int_equal(IOMemoryDescriptor_getDescriptorID(no_memory), 0);
    assert_null(IOMemoryDescriptor_getKernelReserved(no_memory));
    REFUSED(IOMemoryDescriptor_prepare(no_memory, 0));
    REFUSED(IOMemoryDescriptor_complete(no_memory, 0));
    assert_int_equal(IOMemoryDescriptor_getPreparationID(no_memory), 0);
    IOMemoryDescriptor_setPreparationID(no_memory);
    assert_int_equal(IOMemoryDescriptor_readBytes(no_memory, 0, NULL, 0), 0);
    assert_int_equal(IOMemoryDescriptor_writeBytes(no_memory, 0, NULL, 0), 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(no_memory, 0, NULL, 0), 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalAddress(no_memory), 0);
    REFUSED(IOMemoryDescriptor_performOperation(no_memory, 0, 0, 0));
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(no_memory, NULL), 0);
    NOTHING(IOMemoryDescriptor_createMappingInTask(no_memory, NULL, 0, 0, 0, 0));
    NOTHING(IOMemoryDescriptor_map(no_memory, 0));
    NOTHING(IOMemoryDescriptor_setMapping(no_memory, NULL, 0, 0));
    REFUSED(IOMemoryDescriptor_setPurgeable(no_memory, 0, NULL));
    REFUSED(IOMemoryDescriptor_setOwnership(no_memory, NULL, 0, 0));
    REFUSED(IOMemoryDescriptor_getPageCounts(no_memory, NULL, NULL));
    NOTHING(IOMemoryDescriptor_makeMapping(no_memory, no_memory, NULL, 0, 0, 0, 0));
    REFUSED(IOMemoryDescriptor_doMap(no_memory, NULL, NULL, 0, 0, 0));
    REFUSED(IOMemoryDescriptor_doUnmap(no_memory, NULL, 0, 0));
    IOMemoryDescriptor_addMapping(no_memory, NULL);
    IOMemoryDescriptor_removeMapping(no_memory, NULL);
    REFUSED(IOMemoryDescriptor_redirect(no_memory, NULL, false));
    REFUSED(IOMemoryDescriptor_handleFault(no_memory, NULL, 0, 0));
    REFUSED(IOMemoryDescriptor_populateDevicePager(no_memory, NULL, NULL, 0, 0, 0, 0));
}

static void om_9_no_IOGeneralMemoryDescriptor(void **state)
{
    (void)state;
    assert_false(IOGeneralMemoryDescriptor_serialize(NULL, NULL));
}

static void om_9_no_IOGuardPageMemoryDescriptor(void **state)
{
    (void)state;
    FAILS(IOGuardPageMemoryDescriptor_initWithSize(NULL, 0));
    REFUSED(IOGuardPageMemoryDescriptor_doMap(NULL, NULL, NULL, 0, 0, 0));
    IOGuardPageMemoryDescriptor_free(NULL);
}

static void om_9_no_IOInterleavedMemoryDescriptor(void **state)
{
    (void)state;
    FAILS(IOInterleavedMemoryDescriptor_initWithCapacity(NULL, 0, 0));
    FAILS(IOInterleavedMemoryDescriptor_setMemoryDescriptor(NULL, no_memory, 0, 0));
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(NULL, 0);
    assert_int_equal(IOInterleavedMemoryDescriptor_getPhysicalSegment(NULL, 0, NULL, 0), 0);
    REFUSED(IOInterleavedMemoryDescriptor_prepare(NULL, 0));
    REFUSED(IOInterleavedMemoryDescriptor_complete(NULL, 0));
    IOInterleavedMemoryDescriptor_free(NULL);
}

static void om_9_no_IOLittleMemoryCursor(void **state)
{
    (void)state;
    FAILS(IOLittleMemoryCursor_initWithSpecification(NULL, 0, 0, 0));
    assert_int_equal(IOLittleMemoryCursor_getPhysicalSegments(NULL, no_memory, 0, NULL, 0, 0, NULL),
                     0);
    assert_null(IOLittleMemoryCursor_getMetaClass(NULL));
}

static void om_9_no_IOMapper(void **state)
{
    (void)state;
    REFUSED(IOMapper_iovmMapMemory(NULL, no_memory, 0, 0, 0, NULL, NULL, NULL, NULL, NULL));
    REFUSED(IOMapper_iovmUnmapMemory(NULL, no_memory, NULL, 0, 0));
}

static void om_9_no_IOMemoryCursor(void **state)
{
    (void)state;
    FAILS(IOMemoryCursor_initWithSpecification(no_cursor, NULL, 0, 0, 0));
    assert_int_equal(IOMemoryCursor_genPhysicalSegments(no_cursor, no_memory, 0, NULL, 0, 0, NULL),
                     0);
    assert_null(IOMemoryCursor_getMetaClass(no_cursor));
}

static void om_9_no_IOMemoryMap(void **state)
{
    (void)state;
    assert_int_equal(IOMemoryMap_getVirtualAddress(NULL), 0);
    assert_int_equal(IOMemoryMap_getAddress(NULL), 0);
    assert_int_equal(IOMemoryMap_getLength(NULL), 0);
    assert_int_equal(IOMemoryMap_getSize(NULL), 0);
    assert_null(IOMemoryMap_getAddressTask(NULL));
    assert_null(IOMemoryMap_getMemoryDescriptor(NULL));
    assert_int_equal(IOMemoryMap_getMapOptions(NULL), 0);
    assert_int_equal(IOMemoryMap_getPhysicalSegment(NULL, 0, NULL, 0), 0);
    assert_int_equal(IOMemoryMap_getPhysicalAddress(NULL), 0);
    assert_null(IOMemoryMap_getMetaClass(NULL));
    REFUSED(IOMemoryMap_unmap(NULL));
    REFUSED(IOMemoryMap_redirect(NULL, no_memory, 0, 0));
    REFUSED(IOMemoryMap_wireRange(NULL, 0, 0, 0));
    FAILS(IOMemoryMap_init(NULL, NULL, 0, 0, 0, 0));
    FAILS(IOMemoryMap_setMemoryDescriptor(NULL, no_memory, 0));
    assert_null(IOMemoryMap_copyCompatible(NULL, NULL));
    IOMemoryMap_taskDied(NULL);
    REFUSED(IOMemoryMap_userClientUnmap(NULL));
    REFUSED(IOMemoryMap_redirectTask(NULL, NULL, false));
    IOMemoryMap_free(NULL);
}

static void om_9_no_IOMultiMemoryDescriptor(void **state)
{
    (void)state;
    FAILS(IOMultiMemoryDescriptor_initWithDescriptors(NULL, NULL, 0, 0, false));
    assert_int_equal(IOMultiMemoryDescriptor_getPhysicalSegment(NULL, 0, NULL, 0), 0);
    REFUSED(IOMultiMemoryDescriptor_prepare(NULL, 0));
    REFUSED(IOMultiMemoryDescriptor_complete(NULL, 0));
    assert_int_equal(IOMultiMemoryDescriptor_getPreparationID(NULL), 0);
    assert_null(IOMultiMemoryDescriptor_getMetaClass(NULL));
    REFUSED(IOMultiMemoryDescriptor_setPurgeable(NULL, 0, NULL));
    REFUSED(IOMultiMemoryDescriptor_setOwnership(NULL, NULL, 0, 0));
    REFUSED(IOMultiMemoryDescriptor_getPageCounts(NULL, NULL, NULL));
    REFUSED(IOMultiMemoryDescriptor_doMap(NULL, NULL, NULL, 0, 0, 0));
    IOMultiMemoryDescriptor_free(NULL);
}

static void om_9_no_IONaturalMemoryCursor(void **state)
{
    (void)state;
    FAILS(IONaturalMemoryCursor_initWithSpecification(NULL, 0, 0, 0));
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(NULL, no_memory, 0, NULL, 0, 0, NULL), 0);
    assert_null(IONaturalMemoryCursor_getMetaClass(NULL));
}

static void om_9_no_IORangeAllocator(void **state)
{
    (void)state;
    FAILS(IORangeAllocator_init(NULL, 0, 0, 0, 0));
    IORangeAllocator_free(NULL);
    FAILS(IORangeAllocator_allocate(NULL, 0, NULL, 0));
    FAILS(IORangeAllocator_allocateRange(NULL, 0, 0));
    REFUSED(IORangeAllocator_deallocate(NULL, 0, 0));
    assert_int_equal(IORangeAllocator_getFragmentCount(NULL), 0);
    assert_int_equal(IORangeAllocator_getFragmentCapacity(NULL), 0);
    IORangeAllocator_setFragmentCapacityIncrement(NULL, 0);
    assert_int_equal(IORangeAllocator_getFreeCount(NULL), 0);
    FAILS(IORangeAllocator_getFragment(NULL, 0, NULL, NULL));
    FAILS(IORangeAllocator_serialize(NULL, NULL));
    assert_null(IORangeAllocator_getMetaClass(NULL));
}

static void om_9_no_IOSubMemoryDescriptor(void **state)
{
    (void)state;
    FAILS(IOSubMemoryDescriptor_initSubRange(NULL, no_memory, 0, 0, 0));
    assert_int_equal(IOSubMemoryDescriptor_getPhysicalSegment(NULL, 0, NULL, 0), 0);
    REFUSED(IOSubMemoryDescriptor_prepare(NULL, 0));
    REFUSED(IOSubMemoryDescriptor_complete(NULL, 0));
    assert_int_equal(IOSubMemoryDescriptor_getPreparationID(NULL), 0);
    REFUSED(IOSubMemoryDescriptor_setPurgeable(NULL, 0, NULL));
    REFUSED(IOSubMemoryDescriptor_setOwnership(NULL, NULL, 0, 0));
    REFUSED(IOSubMemoryDescriptor_getPageCounts(NULL, NULL, NULL));
    NOTHING(IOSubMemoryDescriptor_makeMapping(NULL, no_memory, NULL, 0, 0, 0, 0));
    REFUSED(IOSubMemoryDescriptor_redirect(NULL, NULL, false));
    IOSubMemoryDescriptor_free(NULL);
}

static void om_9_no_OSArray(void **state)
{
    (void)state;
    FAILS(OSArray_setObject(NULL, no_object));
    assert_null(OSArray_getObject(NULL, 0));
    assert_int_equal(OSArray_getCount(NULL), 0);
}

static void om_9_no_OSObject(void **state)
{
    (void)state;
    assert_false(OSObject_init(no_object));
    OSObject_retain(no_object);
    assert_false(OSObject_taggedTryRetain(no_object, NULL));
    OSObject_release(no_object);
    OSObject_releaseWhen(no_object, 0);
    assert_int_equal(OSObject_getRetainCount(no_object), 0);
    OSObject_free(no_object);
    assert_null(OSObject_getMetaClass(no_object));
    assert_false(OSObject_isEqualTo(no_object, no_object));
}

static void om_9_no_OSMetaClassBase(void **state)
{
    (void)state;
    assert_null(OSMetaClassBase_safeMetaCast(no_object, NULL));
    assert_null(OSMetaClassBase_requiredMetaCast(no_object, NULL));
}

/* Where there is more to see than the answer. */
static void count_segment(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    (void)segment, (void)segments, (void)index;
}

static void om_9_null_objects(void **state)
{
    OSObject *const none = NULL;

    (void)state;
    assert_false(OSObject_init(none));
    OSObject_retain(none);
    OSObject_release(none);
    OSObject_releaseWhen(none, 3);
    OSObject_free(none);
    assert_false(OSObject_taggedTryRetain(none, NULL));
    assert_int_equal(OSObject_getRetainCount(none), 0);
    assert_null(OSObject_getMetaClass(none));
    assert_false(OSObject_isEqualTo(none, none));
    assert_null(OSMetaClass_getClassName(NULL));
    assert_null(OSMetaClass_getSuperClass(NULL));
    assert_int_equal(OSMetaClass_getClassSize(NULL), 0);
    assert_int_equal(OSMetaClass_getInstanceCount(NULL), 0);
}

static void om_9_null_descriptors(void **state)
{
    IOMemoryDescriptor *const none = NULL;
    IOByteCount length = 7;
    uint64_t offset = 7;
    char byte = 7;

    (void)state;
    FAILS(IOMemoryDescriptor_initWithOptions(none, NULL, 0, 0, NULL, 0, NULL));
    assert_int_equal(IOMemoryDescriptor_getDirection(none), 0);
    assert_int_equal(IOMemoryDescriptor_getLength(none), 0);
    assert_int_equal(IOMemoryDescriptor_getFlags(none), 0);
    assert_null(IOMemoryDescriptor_getMetaClass(none));
    IOMemoryDescriptor_setTag(none, 1);
    assert_int_equal(IOMemoryDescriptor_getTag(none), 0);
    IOMemoryDescriptor_setVMTags(none, 1, 1);
    assert_int_equal(IOMemoryDescriptor_getVMTag(none, kernel_map), 0);
    IOMemoryDescriptor_setMapperOptions(none, 1);
    assert_int_equal(IOMemoryDescriptor_getMapperOptions(none), 0);
    IOMemoryDescriptor_setContext(none, none);
    assert_null(IOMemoryDescriptor_copyContext(none));
    IOMemoryDescriptor_setDescriptorID(none);
    assert_int_equal(IOMemoryDescriptor_getDescriptorID(none), 0);
    IOMemoryDescriptor_setPreparationID(none);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(none), 0);
    assert_int_equal(IOMemoryDescriptor_prepare(none, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_complete(none, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_readBytes(none, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryDescriptor_writeBytes(none, 0, &byte, 1), 0);
    assert_int_equal(byte, 7);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(none, 0, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalAddress(none), 0);
    assert_int_equal(IOMemoryDescriptor_performOperation(none, 1, 0, 0), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(none, &offset), 0);
    assert_int_equal(offset, 0);
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(none, kIOMDSetDMAActive, NULL, 0),
                     kIOReturnBadArgument);
    IOMemoryDescriptor_free(none);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
}

static void om_9_null_subclasses(void **state)
{
    IOPhysicalSegment list[1];
    IOByteCount size = 7;

    (void)state;
    FAILS(
        IOBufferMemoryDescriptor_initWithPhysicalMask(NULL, kernel_task, kIODirectionIn, 1, 1, 0));
    FAILS(IOBufferMemoryDescriptor_initControlWithPhysicalMask(NULL, kernel_task, kIODirectionIn, 1,
                                                               1, 0));
    assert_int_equal(IOBufferMemoryDescriptor_getCapacity(NULL), 0);
    IOBufferMemoryDescriptor_setLength(NULL, 1);
    IOBufferMemoryDescriptor_setDirection(NULL, kIODirectionIn);
    FAILS(IOBufferMemoryDescriptor_appendBytes(NULL, list, 1));
    assert_null(IOBufferMemoryDescriptor_getBytesNoCopy(NULL));
    NOTHING(IOBufferMemoryDescriptor_getBytesNoCopyRange(NULL, 0, 0));
    assert_null(IOBufferMemoryDescriptor_getMetaClass(NULL));
    IOBufferMemoryDescriptor_free(NULL);
    FAILS(IOSubMemoryDescriptor_initSubRange(NULL, (IOMemoryDescriptor *)NULL, 0, 0, 0));
    assert_int_equal(IOSubMemoryDescriptor_prepare(NULL, 0), kIOReturnBadArgument);
    assert_int_equal(IOSubMemoryDescriptor_complete(NULL, 0), kIOReturnBadArgument);
    assert_int_equal(IOSubMemoryDescriptor_getPhysicalSegment(NULL, 0, &size, 0), 0);
    assert_int_equal(IOSubMemoryDescriptor_getPreparationID(NULL), 0);
    IOSubMemoryDescriptor_free(NULL);
    FAILS(IOMultiMemoryDescriptor_initWithDescriptors(NULL, NULL, 0, 0, false));
    assert_int_equal(IOMultiMemoryDescriptor_prepare(NULL, 0), kIOReturnBadArgument);
    assert_int_equal(IOMultiMemoryDescriptor_complete(NULL, 0), kIOReturnBadArgument);
    assert_int_equal(IOMultiMemoryDescriptor_getPhysicalSegment(NULL, 0, NULL, 0), 0);
    assert_int_equal(IOMultiMemoryDescriptor_getPreparationID(NULL), 0);
    assert_null(IOMultiMemoryDescriptor_getMetaClass(NULL));
    IOMultiMemoryDescriptor_free(NULL);
    FAILS(IOMemoryCursor_initWithSpecification((IOMemoryCursor *)NULL, count_segment, 0, 0, 1));
    size = 7;
    assert_int_equal(IOMemoryCursor_genPhysicalSegments(
                         (IOMemoryCursor *)NULL, (IOMemoryDescriptor *)NULL, 0, list, 1, 0, &size),
                     0);
    assert_int_equal(size, 0);
    assert_null(IOMemoryCursor_getMetaClass((IOMemoryCursor *)NULL));
    FAILS(IONaturalMemoryCursor_initWithSpecification(NULL, 0, 0, 1));
    assert_int_equal(IONaturalMemoryCursor_getPhysicalSegments(NULL, (IOMemoryDescriptor *)NULL, 0,
                                                               list, 1, 0, NULL),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(om_9_null_objects),
        BALANCED(om_9_null_descriptors),
        BALANCED(om_9_null_subclasses),
        BALANCED(om_9_no_IOBigMemoryCursor),
        BALANCED(om_9_no_IOBufferMemoryDescriptor),
        BALANCED(om_9_no_IOMemoryDescriptor),
        BALANCED(om_9_no_IOGeneralMemoryDescriptor),
        BALANCED(om_9_no_IOGuardPageMemoryDescriptor),
        BALANCED(om_9_no_IOInterleavedMemoryDescriptor),
        BALANCED(om_9_no_IOLittleMemoryCursor),
        BALANCED(om_9_no_IOMapper),
        BALANCED(om_9_no_IOMemoryCursor),
        BALANCED(om_9_no_IOMemoryMap),
        BALANCED(om_9_no_IOMultiMemoryDescriptor),
        BALANCED(om_9_no_IONaturalMemoryCursor),
        BALANCED(om_9_no_IORangeAllocator),
        BALANCED(om_9_no_IOSubMemoryDescriptor),
        BALANCED(om_9_no_OSArray),
        BALANCED(om_9_no_OSObject),
        BALANCED(om_9_no_OSMetaClassBase),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
