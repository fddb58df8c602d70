/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of classes against the records: each class says of itself what the list says,
 * and no record has a hole. (tests/outside/records.sh looks at what fills the slots.)
 */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAController_class.h"
#include "descriptors/IOEventSource_class.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOMapper_class.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IORangeAllocator.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/dma/IODMACommand_private.h"
#include "tests/host/machine/map_fixture.h"

/* Every class, public header or none: the name is all that this test needs. */
#define DECLARE(Of, Class, member, Parent) extern const OSMetaClass Class##_metaClass;
OSOBJECT_FAMILY(DECLARE, )

static const struct listed {
    const OSMetaClass *meta;
    const char *name;
    const char *parent; /* "": none */
} classes[] = {
#define ROW(Of, Class, member, Parent) {&Class##_metaClass, #Class, #Parent},
    OSOBJECT_FAMILY(ROW, )};

static void a_class_is_what_the_list_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
        const struct listed *class = &classes[i];
        const OSMetaClass *parent = class->meta->super;

        assert_string_equal(class->meta->name, class->name);
        assert_string_equal(parent == NULL ? "" : parent->name, class->parent);
        assert_true(parent == NULL || class->meta->size >= parent->size);
        assert_non_null(class->meta->free);
    }
}

/* A union holds a pointer to any member of its family and nothing besides. */
static void unions_are_pointers(void **state)
{
    IOMultiMemoryDescriptor *multi = (IOMultiMemoryDescriptor *)(void *)state;

    assert_int_equal(sizeof(OSObjectRef), sizeof(void *));
    assert_int_equal(sizeof(IOMemoryDescriptorConstRef), sizeof(void *));
    assert_ptr_equal(OSObject_upcast(multi), multi);
    assert_ptr_equal(IOMemoryDescriptor_upcast(multi), multi);
}

static void assert_no_hole(const OSMetaClass *meta, size_t size)
{
    const unsigned char *record = (const unsigned char *)meta;

    for (size_t at = sizeof(OSMetaClass); at < size; at += sizeof(void (*)(void))) {
        void (*method)(void);

        memcpy(&method, record + at, sizeof(method));
        if (method == NULL) {
            fail_msg("%s: nothing at byte %zu of its record", meta->name, at);
        }
    }
}

static void records_have_no_holes(void **state)
{
    (void)state;
#define NO_HOLE(Record, Class, member, Parent) assert_no_hole(&Class##_metaClass, sizeof(Record));
    OSOBJECT_FAMILY(NO_HOLE, OSMetaClass)
    IOMEMORYDESCRIPTOR_FAMILY(NO_HOLE, IOMemoryDescriptorClass)
    IOMAPPER_FAMILY(NO_HOLE, IOMapperClass)
    IOEVENTSOURCE_FAMILY(NO_HOLE, IOEventSourceClass)
    IODMACONTROLLER_FAMILY(NO_HOLE, IODMAControllerClass)
    NO_HOLE(IODMACommandClass, IODMACommand, , )
    assert_no_hole(&IODMACommand_metaClass, sizeof(IODMACommandClass));
}

/* Whoever asks the abstract class by mistake is refused, and does not jump to 0. */
static void the_abstract_class_refuses(void **state)
{
    IOPhysicalSegment segment;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_class.prepare(NULL, 0), kIOReturnUnsupported);
    assert_int_equal(IOMemoryDescriptor_class.complete(NULL, 0), kIOReturnUnsupported);
    assert_int_equal(IOMemoryDescriptor_class.getPhysicalSegment(NULL, 0, 0, &segment),
                     kIOReturnUnsupported);
    assert_int_equal(IOMemoryDescriptor_class.doMap(NULL, NULL, 0, 0, 0), kIOReturnUnsupported);
    assert_false(IOMemoryDescriptor_class.initWithOptions(NULL, NULL, 0, 0, NULL, 0, NULL));
    assert_int_equal(IOMemoryDescriptor_class.setPurgeable(NULL, 0, NULL), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_class.setOwnership(NULL, TASK_NULL, 0, 0),
                     kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_class.getPageCounts(NULL, NULL, NULL), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_class.getPreparationID(NULL), kIOPreparationIDUnsupported);
}

/* A unit that says nothing of its own is ready, and maps nothing. */
static void a_mapper_without_methods(void **state)
{
    static IOMapper mapper;

    (void)state;
    assert_true(IOMapper_class.initHardware(&mapper, NULL));
    assert_int_equal(IOMapper_class.getPageSize(&mapper), PAGE_SIZE);
    assert_int_equal(
        IOMapper_class.iovmMapMemory(&mapper, NULL, 0, 1, 0, NULL, NULL, NULL, NULL, NULL),
        kIOReturnUnsupported);
    assert_int_equal(IOMapper_class.iovmUnmapMemory(&mapper, NULL, NULL, 0, 0), kIOReturnNotFound);
    assert_int_equal(IOMapper_class.iovmInsert(&mapper, 0, 0, 0, 0, PAGE_SIZE),
                     kIOReturnUnsupported);
    assert_int_equal(IOMapper_class.translate(&mapper, 0, 0, NULL, NULL), kIOReturnNotFound);
}

/* For who holds the only reference, `free` is the last release. */
static void to_free_is_to_release(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    IOMemoryMap *map = map_all(memory, other, 0);
    const uint64_t at = IOMemoryMap_getAddress(map);
    const unsigned objects = OSMetaClass_getTotalInstanceCount();
    uint8_t byte;

    (void)state;
    IOMemoryMap_free(map);
    assert_int_equal(sim_load(task_map(other), at, &byte), KERN_INVALID_ADDRESS);
    IOMultiMemoryDescriptor_free(
        IOMultiMemoryDescriptor_withDescriptors(&memory, 1, kIODirectionOut, false));
    IOSubMemoryDescriptor_free(IOSubMemoryDescriptor_withSubRange(memory, 0, 8, kIODirectionOut));
    IOMemoryDescriptor_free(memory);
    IOInterleavedMemoryDescriptor_free(
        IOInterleavedMemoryDescriptor_withCapacity(8, kIODirectionOut));
    IOBufferMemoryDescriptor_free(IOBufferMemoryDescriptor_withCapacity(8, kIODirectionOut, false));
    IOGuardPageMemoryDescriptor_free(IOGuardPageMemoryDescriptor_withSize(8));
    IORangeAllocator_free(IORangeAllocator_withRange(0x1000, 0, 0, 0));
    assert_int_equal(OSMetaClass_getTotalInstanceCount(), objects - 2);
    IOMemoryMap_free(NULL);
    IOMemoryDescriptor_free((IOMemoryDescriptor *)NULL);
    IORangeAllocator_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_class_is_what_the_list_says),
        cmocka_unit_test(unions_are_pointers),
        cmocka_unit_test(records_have_no_holes),
        cmocka_unit_test(the_abstract_class_refuses),
        cmocka_unit_test(a_mapper_without_methods),
        MAP_TEST(to_free_is_to_release),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
