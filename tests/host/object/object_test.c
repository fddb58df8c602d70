/* SPDX-License-Identifier: BSD-2-Clause */
/* The object model: the checks OM-1 to OM-9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOBigMemoryCursor.h"
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOCommand.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOLittleMemoryCursor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/object/OSObject_private.h"
#include "tests/host/machine/kernel_pages.h"

/* Every status and its number. */
#define STATUS_CODES(CODE)                                                                         \
    CODE(Success, 0)                                                                               \
    CODE(Invalid, 0xE0000001)                                                                      \
    CODE(Error, 0xE00002BC)                                                                        \
    CODE(NoMemory, 0xE00002BD)                                                                     \
    CODE(NoResources, 0xE00002BE)                                                                  \
    CODE(IPCError, 0xE00002BF)                                                                     \
    CODE(NoDevice, 0xE00002C0)                                                                     \
    CODE(NotPrivileged, 0xE00002C1)                                                                \
    CODE(BadArgument, 0xE00002C2)                                                                  \
    CODE(LockedRead, 0xE00002C3)                                                                   \
    CODE(LockedWrite, 0xE00002C4)                                                                  \
    CODE(ExclusiveAccess, 0xE00002C5)                                                              \
    CODE(BadMessageID, 0xE00002C6)                                                                 \
    CODE(Unsupported, 0xE00002C7)                                                                  \
    CODE(VMError, 0xE00002C8)                                                                      \
    CODE(InternalError, 0xE00002C9)                                                                \
    CODE(IOError, 0xE00002CA)                                                                      \
    CODE(CannotLock, 0xE00002CC)                                                                   \
    CODE(NotOpen, 0xE00002CD)                                                                      \
    CODE(NotReadable, 0xE00002CE)                                                                  \
    CODE(NotWritable, 0xE00002CF)                                                                  \
    CODE(NotAligned, 0xE00002D0)                                                                   \
    CODE(BadMedia, 0xE00002D1)                                                                     \
    CODE(StillOpen, 0xE00002D2)                                                                    \
    CODE(RLDError, 0xE00002D3)                                                                     \
    CODE(DMAError, 0xE00002D4)                                                                     \
    CODE(Busy, 0xE00002D5)                                                                         \
    CODE(Timeout, 0xE00002D6)                                                                      \
    CODE(Offline, 0xE00002D7)                                                                      \
    CODE(NotReady, 0xE00002D8)                                                                     \
    CODE(NotAttached, 0xE00002D9)                                                                  \
    CODE(NoChannels, 0xE00002DA)                                                                   \
    CODE(NoSpace, 0xE00002DB)                                                                      \
    CODE(PortExists, 0xE00002DD)                                                                   \
    CODE(CannotWire, 0xE00002DE)                                                                   \
    CODE(NoInterrupt, 0xE00002DF)                                                                  \
    CODE(NoFrames, 0xE00002E0)                                                                     \
    CODE(MessageTooLarge, 0xE00002E1)                                                              \
    CODE(NotPermitted, 0xE00002E2)                                                                 \
    CODE(NoPower, 0xE00002E3)                                                                      \
    CODE(NoMedia, 0xE00002E4)                                                                      \
    CODE(UnformattedMedia, 0xE00002E5)                                                             \
    CODE(UnsupportedMode, 0xE00002E6)                                                              \
    CODE(Underrun, 0xE00002E7)                                                                     \
    CODE(Overrun, 0xE00002E8)                                                                      \
    CODE(DeviceError, 0xE00002E9)                                                                  \
    CODE(NoCompletion, 0xE00002EA)                                                                 \
    CODE(Aborted, 0xE00002EB)                                                                      \
    CODE(NoBandwidth, 0xE00002EC)                                                                  \
    CODE(NotResponding, 0xE00002ED)                                                                \
    CODE(IsoTooOld, 0xE00002EE)                                                                    \
    CODE(IsoTooNew, 0xE00002EF)                                                                    \
    CODE(NotFound, 0xE00002F0)

/* Every pair of an address or the like and a length: two 64-bit numbers in this order. */
#define PAIRS(PAIR)                                                                                \
    PAIR(IOAddressRange, address, length)                                                          \
    PAIR(IOVirtualRange, address, length)                                                          \
    PAIR(IOPhysicalRange, address, length)                                                         \
    PAIR(IOPhysicalSegment, location, length)                                                      \
    PAIR(IOAddressSegment, address, length)

static void om_6_status_codes_have_their_numbers(void **state)
{
    (void)state;
#define EXPECT_CODE(name, value) assert_int_equal(kIOReturn##name, (IOReturn)(value));
    STATUS_CODES(EXPECT_CODE)
}

static void every_status_has_its_name(void **state)
{
    (void)state;
#define EXPECT_NAME(name, value)                                                                   \
    assert_string_equal(IOReturn_name(kIOReturn##name), "kIOReturn" #name);
    STATUS_CODES(EXPECT_NAME)
    assert_string_equal(IOReturn_name((IOReturn)0xE0000002), "an unknown IOReturn");
}

static void om_7_pairs_are_two_numbers_in_order(void **state)
{
    (void)state;
#define EXPECT_PAIR(type, first, second)                                                           \
    assert_int_equal(sizeof(type), 16);                                                            \
    assert_int_equal(offsetof(type, first), 0);                                                    \
    assert_int_equal(offsetof(type, second), 8);
    PAIRS(EXPECT_PAIR)
}

/* A class with a free of its own, derived from OSObject as drivers do it. */
typedef struct {
    OSObject super;
    int *freed;
} Probe;

static void probe_free(OSObject *object)
{
    ++*((Probe *)object)->freed;
    OSObject_release(object); /* ignored while it is being freed */
    assert_false(OSObject_taggedTryRetain(object, NULL));
    OSObject_free(object);
}

static uint32_t probes;
OS_CLASS(OSMetaClass, Probe);
const OSMetaClass Probe_class = {"Probe", &OSObject_metaClass, sizeof(Probe), &probes, probe_free};

static Probe *probe(int *freed)
{
    Probe *self = (Probe *)OSMetaClass_allocate(&Probe_class);

    assert_true(OSObject_init(&self->super));
    self->freed = freed;
    *freed = 0;
    return self;
}

static void om_1_counts_references_and_frees_once(void **state)
{
    int freed;
    Probe *self = probe(&freed);

    (void)state;
    assert_int_equal(OSObject_getRetainCount(&self->super), 1);
    assert_int_equal(OSMetaClass_getInstanceCount(&Probe_class), 1);
    OSObject_retain(&self->super);
    assert_true(OSObject_taggedTryRetain(&self->super, &freed));
    assert_int_equal(OSObject_getRetainCount(&self->super), 3);
    OSObject_release(&self->super);
    OSObject_release(&self->super);
    assert_int_equal(OSObject_getRetainCount(&self->super), 1);
    assert_int_equal(freed, 0);
    OSObject_release(&self->super);
    assert_int_equal(freed, 1);
    assert_int_equal(OSMetaClass_getInstanceCount(&Probe_class), 0);
}

static void om_1_release_when_frees_early(void **state)
{
    int freed;
    Probe *self = probe(&freed);

    (void)state;
    OSObject_retain(&self->super);
    OSObject_retain(&self->super);
    OSObject_releaseWhen(&self->super, 2);
    assert_int_equal(freed, 0);
    OSObject_releaseWhen(&self->super, 2);
    assert_int_equal(freed, 1);
}

static void retaining_a_dying_object_is_fatal(void **state)
{
    int freed;
    Probe *self = probe(&freed);
    bool died;

    (void)state;
    self->super.references = OSOBJECT_FREEING;
    died = SIM_PANICS(OSObject_retain(&self->super));
    assert_true(died);
    self->super.references = 1;
    OSObject_release(&self->super);
}

static void om_2_casts_follow_the_class_tree(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOutIn, false);
    bool died;

    (void)state;
    assert_ptr_equal(OSDynamicCast(IOBufferMemoryDescriptor, buffer), buffer);
    assert_ptr_equal(OSDynamicCast(IOGeneralMemoryDescriptor, buffer), buffer);
    assert_ptr_equal(OSDynamicCast(IOMemoryDescriptor, buffer), buffer);
    assert_ptr_equal(OSDynamicCast(OSObject, buffer), buffer);
    assert_null(OSDynamicCast(IOMultiMemoryDescriptor, buffer));
    assert_null(OSDynamicCast(IOMemoryCursor, buffer));
    assert_null(OSDynamicCast(IOMemoryDescriptor, (IOMemoryDescriptor *)NULL));
    assert_null(OSMetaClassBase_safeMetaCast(buffer, NULL));
    assert_ptr_equal(OSRequiredCast(IOMemoryDescriptor, buffer), buffer);
    assert_null(OSRequiredCast(IOMemoryDescriptor, (IOMemoryDescriptor *)NULL));
    died = SIM_PANICS(OSRequiredCast(IOMemoryCursor, buffer));
    assert_true(died);
    OSObject_release(buffer);
    buffer = NULL;

    IOMemoryDescriptor *general = IOMemoryDescriptor_withPhysicalAddress(0, 1, kIODirectionIn);

    assert_null(OSDynamicCast(IOBufferMemoryDescriptor, general)); /* a descendant */
    OSSafeReleaseNULL(general);
    assert_null(general);
}

/* One live object of every concrete class. */
struct zoo {
    IOMemoryDescriptor *general;
    IOBufferMemoryDescriptor *buffer;
    IOSubMemoryDescriptor *sub;
    IOMultiMemoryDescriptor *multi;
    IOMemoryCursor *cursor;
    IONaturalMemoryCursor *natural;
    IOBigMemoryCursor *big;
    IOLittleMemoryCursor *little;
};

static void count_segment(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    (void)segment, (void)segments, (void)index;
}

static struct zoo open_zoo(void)
{
    struct zoo zoo;

    zoo.general = IOMemoryDescriptor_withPhysicalAddress(0x1000, 100, kIODirectionOutIn);
    zoo.buffer = IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOutIn, false);
    zoo.sub = IOSubMemoryDescriptor_withSubRange(zoo.general, 10, 20, kIODirectionIn);
    zoo.multi = IOMultiMemoryDescriptor_withDescriptors(&zoo.general, 1, kIODirectionIn, false);
    zoo.cursor = IOMemoryCursor_withSpecification(count_segment, 0, 0, 1);
    zoo.natural = IONaturalMemoryCursor_withSpecification(0, 0, 1);
    zoo.big = IOBigMemoryCursor_withSpecification(0, 0, 1);
    zoo.little = IOLittleMemoryCursor_withSpecification(0, 0, 1);
    return zoo;
}

static void close_zoo(struct zoo *zoo)
{
    OSObject_release(zoo->general);
    OSObject_release(zoo->buffer);
    OSObject_release(zoo->sub);
    OSObject_release(zoo->multi);
    OSObject_release(zoo->cursor);
    OSObject_release(zoo->natural);
    OSObject_release(zoo->big);
    OSObject_release(zoo->little);
}

static void expect_class(OSObjectConstRef object, const OSMetaClass *meta, const char *name,
                         const OSMetaClass *parent)
{
    assert_ptr_equal(OSObject_getMetaClass(object), meta);
    assert_string_equal(OSMetaClass_getClassName(meta), name);
    assert_ptr_equal(OSMetaClass_getSuperClass(meta), parent);
    assert_int_equal(OSMetaClass_getInstanceCount(meta), 1);
    assert_true(OSMetaClass_getClassSize(meta) > OSMetaClass_getClassSize(&OSObject_metaClass));
}

static void om_3_class_objects_name_the_dynamic_class(void **state)
{
    struct zoo zoo = open_zoo();

    (void)state;
    expect_class(zoo.general, &IOGeneralMemoryDescriptor_metaClass, "IOGeneralMemoryDescriptor",
                 &IOMemoryDescriptor_metaClass);
    expect_class(zoo.buffer, &IOBufferMemoryDescriptor_metaClass, "IOBufferMemoryDescriptor",
                 &IOGeneralMemoryDescriptor_metaClass);
    expect_class(zoo.sub, &IOSubMemoryDescriptor_metaClass, "IOSubMemoryDescriptor",
                 &IOMemoryDescriptor_metaClass);
    expect_class(zoo.multi, &IOMultiMemoryDescriptor_metaClass, "IOMultiMemoryDescriptor",
                 &IOMemoryDescriptor_metaClass);
    expect_class(zoo.cursor, &IOMemoryCursor_metaClass, "IOMemoryCursor", &OSObject_metaClass);
    expect_class(zoo.natural, &IONaturalMemoryCursor_metaClass, "IONaturalMemoryCursor",
                 &IOMemoryCursor_metaClass);
    expect_class(zoo.big, &IOBigMemoryCursor_metaClass, "IOBigMemoryCursor",
                 &IOMemoryCursor_metaClass);
    expect_class(zoo.little, &IOLittleMemoryCursor_metaClass, "IOLittleMemoryCursor",
                 &IOMemoryCursor_metaClass);
    assert_ptr_equal(IOMemoryDescriptor_getMetaClass(zoo.buffer),
                     &IOBufferMemoryDescriptor_metaClass);
    assert_ptr_equal(IOBufferMemoryDescriptor_getMetaClass(zoo.buffer),
                     &IOBufferMemoryDescriptor_metaClass);
    assert_ptr_equal(IOMultiMemoryDescriptor_getMetaClass(zoo.multi),
                     &IOMultiMemoryDescriptor_metaClass);
    assert_ptr_equal(IOMemoryCursor_getMetaClass(zoo.big), &IOBigMemoryCursor_metaClass);
    assert_ptr_equal(IONaturalMemoryCursor_getMetaClass(zoo.natural),
                     &IONaturalMemoryCursor_metaClass);
    assert_ptr_equal(IOBigMemoryCursor_getMetaClass(zoo.big), &IOBigMemoryCursor_metaClass);
    assert_ptr_equal(IOLittleMemoryCursor_getMetaClass(zoo.little),
                     &IOLittleMemoryCursor_metaClass);
    assert_null(OSMetaClass_getSuperClass(&OSObject_metaClass));
    assert_int_equal(OSMetaClass_getInstanceCount(&IOMemoryDescriptor_metaClass), 0); /* abstract */
    assert_true(OSObject_isEqualTo(zoo.general, zoo.general));
    assert_false(OSObject_isEqualTo(zoo.general, zoo.buffer));
    close_zoo(&zoo);
}

static void om_4_a_saturated_count_is_pegged(void **state)
{
    int freed;
    Probe *self = probe(&freed);

    (void)state;
    self->super.references = OSOBJECT_PEGGED - 1;
    OSObject_retain(&self->super);
    assert_int_equal(self->super.references, OSOBJECT_PEGGED);
    OSObject_retain(&self->super);
    OSObject_release(&self->super);
    OSObject_release(&self->super);
    OSObject_releaseWhen(&self->super, 100);
    assert_int_equal(self->super.references, OSOBJECT_PEGGED);
    assert_int_equal(OSObject_getRetainCount(&self->super), INT32_MAX);
    assert_int_equal(freed, 0);
    self->super.references = 1;
    OSObject_release(&self->super);
}

static void om_8_round_page_tells_of_overflow(void **state)
{
    uint64_t rounded;

    (void)state;
    for (uint64_t x = UINT64_MAX - PAGE_SIZE + 1; x != 0; x++) {
        assert_int_equal(round_page_overflow(x, &rounded), x != -PAGE_SIZE);
    }
    assert_false(round_page_overflow(-PAGE_SIZE - 1, &rounded));
    assert_int_equal(rounded, -PAGE_SIZE);
    assert_false(round_page_overflow(0, &rounded));
    assert_int_equal(rounded, 0);
    assert_false(round_page_overflow(1, &rounded));
    assert_int_equal(rounded, PAGE_SIZE);
}

/* Every status in every activity: what a driver is told. */
static void mach_codes_are_translated(void **state)
{
#define SAME(x)                                                                                    \
    {                                                                                              \
        x, x, x, x, x, x                                                                           \
    }
    static const struct {
        kern_return_t status;
        IOReturn told[6]; /* other, prepare, pin, make, reach, show */
    } rules[] = {
        {KERN_SUCCESS, SAME(kIOReturnSuccess)},
        {KERN_INVALID_ADDRESS,
         {kIOReturnVMError, kIOReturnCannotWire, kIOReturnVMError, kIOReturnVMError,
          kIOReturnVMError, kIOReturnNoSpace}},
        {KERN_PROTECTION_FAILURE,
         {kIOReturnNotPermitted, kIOReturnNotWritable, kIOReturnNotPermitted, kIOReturnNotPermitted,
          kIOReturnNotPermitted, kIOReturnNotPermitted}},
        {KERN_NO_SPACE,
         {kIOReturnNoSpace, kIOReturnNoMemory, kIOReturnNoSpace, kIOReturnNoSpace, kIOReturnNoSpace,
          kIOReturnNoSpace}},
        {KERN_INVALID_ARGUMENT, SAME(kIOReturnBadArgument)},
        {KERN_FAILURE,
         {kIOReturnError, kIOReturnCannotWire, kIOReturnNoResources, kIOReturnError, kIOReturnError,
          kIOReturnError}},
        {KERN_RESOURCE_SHORTAGE,
         {kIOReturnNoResources, kIOReturnNoMemory, kIOReturnNoMemory, kIOReturnNoMemory,
          kIOReturnNoResources, kIOReturnNoMemory}},
        {KERN_NO_ACCESS, SAME(kIOReturnNotPrivileged)},
        {KERN_MEMORY_ERROR,
         {kIOReturnVMError, kIOReturnNoResources, kIOReturnNoResources, kIOReturnVMError,
          kIOReturnNoResources, kIOReturnNoMemory}},
        {KERN_ABORTED, SAME(kIOReturnAborted)},
        {KERN_NOT_SUPPORTED, SAME(kIOReturnUnsupported)},
        {4711, SAME(kIOReturnError)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        for (int doing = kIOReturnDoingOther; doing <= kIOReturnDoingShow; doing++) {
            assert_int_equal(IOReturn_fromKernel(rules[i].status, (enum IOReturnDoing)doing),
                             rules[i].told[doing]);
        }
    }
}

/* IOKit's names of pages are names only: they leave members and variables to the user. */
static void names_of_pages_may_be_a_users(void **state)
{
    struct {
        int page_size, page_shift, page_mask;
        uint64_t (*trunc_page)(uint64_t x);
        uint64_t (*atop)(uint64_t x);
    } mine = {1, 2, 3, round_page, ptoa};
    uint64_t page_size = 5;

    (void)state;
    assert_int_equal(mine.page_size + mine.page_shift + mine.page_mask, 6);
    assert_int_equal(mine.trunc_page(1), PAGE_SIZE); /* round_page, called by another name */
    assert_int_equal(mine.atop(page_size), 5 << page_shift);
    _Static_assert(page_mask == PAGE_SIZE - 1, "a constant");
    assert_int_equal(trunc_page(UINT64_MAX), ~(uint64_t)page_mask);
    assert_int_equal(round_page(UINT64_MAX), 0);
    assert_int_equal(atop(ptoa(7) + page_mask), 7);
}

#ifdef DEBUG
static void a_stranger_in_a_void_pointer_is_caught(void **state)
{
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 1);
    void *stranger = cursor;
    bool died;

    (void)state;
    died = SIM_PANICS(IOMemoryDescriptor_prepare(stranger, 0));
    assert_true(died);
    OSObject_release(cursor);
}
#endif

/* Bases, which nobody subclasses to have one. */
static void objects_of_base_classes_end(void **state)
{
    OSObject *object = OSMetaClass_allocate(&OSObject_metaClass);
    OSObject *command = OSMetaClass_allocate(&IOCommand_metaClass);

    (void)state;
    assert_int_equal(OSMetaClass_getTotalInstanceCount(), 2);
    OSObject_release(object);
    OSObject_release(command);
    assert_int_equal(OSMetaClass_getTotalInstanceCount(), 0);
}

/* Known by their place. */
static const char one[] = "one", two[] = "two", first[] = "%d", second[] = "%u";
static unsigned heard;

static void listen(const char *function, const char *format, va_list arguments)
{
    assert_ptr_equal(function, one);
    assert_string_equal(format, first);
    assert_int_equal(va_arg(arguments, int), heard);
    heard++;
}

/* Of a row of the same refusals the log has the 1st, 2nd, 4th, 8th; whoever listens has all. */
static void the_same_refusal_is_said_ever_less_often(void **state)
{
    unsigned said = 0;

    (void)state;
    IOReturn_listenToRefusals(NULL);
    for (int i = 0; i < 15; i++) {
        said += IORefuse_voice(one, first) == platform_log;
    }
    assert_int_equal(said, 4);
    assert_ptr_equal(IORefuse_voice(one, second), platform_log); /* another reason */
    assert_ptr_equal(IORefuse_voice(two, second), platform_log); /* another call */
    assert_ptr_equal(IORefuse_voice(two, second), platform_log);
    assert_ptr_not_equal(IORefuse_voice(two, second), platform_log);
    IORefuse_voice(two, second)("%s: %u", two, 4u); /* the fourth */
    IORefuse_voice(two, second)("%s: %u", two, 5u); /* to nobody */
    IOReturn_listenToRefusals(listen);
    for (int i = 0; i < 15; i++) {
        IORefuse_voice(one, first)("%s: %d", one, i);
    }
    assert_int_equal(heard, 15);
    IOReturn_listenToRefusals(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(om_6_status_codes_have_their_numbers),
        BALANCED(objects_of_base_classes_end),
        BALANCED(the_same_refusal_is_said_ever_less_often),
        BALANCED(every_status_has_its_name),
        BALANCED(om_7_pairs_are_two_numbers_in_order),
        BALANCED(om_1_counts_references_and_frees_once),
        BALANCED(om_1_release_when_frees_early),
        BALANCED(retaining_a_dying_object_is_fatal),
        BALANCED(om_2_casts_follow_the_class_tree),
        BALANCED(om_3_class_objects_name_the_dynamic_class),
        BALANCED(om_4_a_saturated_count_is_pegged),
        BALANCED(om_8_round_page_tells_of_overflow),
        BALANCED(mach_codes_are_translated),
        BALANCED(names_of_pages_may_be_a_users),
#ifdef DEBUG
        BALANCED(a_stranger_in_a_void_pointer_is_caught),
#endif
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
