/* SPDX-License-Identifier: BSD-2-Clause */
/* Who hears of a fault: the driver, the transfer whose pages it was in, or all that are under way.
 */
#include "kernel/page.h"
#include "tests/host/machine/mapper_fixture.h"

/* Who of these has heard of this fault, in bits from the first one on. */
static unsigned hear(struct IOMapperUse *uses, unsigned count, IOMapperFault fault)
{
    unsigned heard = 0;

    IOMapper_deliverFault(&mapper->super, &fault);
    for (unsigned i = 0; i < count; i++) {
        heard |= uses[i].hasFault ? 1u << i : 0;
        uses[i].hasFault = false;
    }
    return heard;
}

static unsigned faults; /* that the driver was told of */

static void hear_fault(void *context, IOMapper *self, const IOMapperFault *fault)
{
    assert_ptr_equal(context, &faults);
    assert_ptr_equal(self, &mapper->super);
    assert_int_equal(fault->address, 0x1234);
    faults++;
}

/* Who drives the unit is told of each, whether anybody has mapped there or not. */
static void a_fault_is_told_to_the_driver(void **state)
{
    const IOMapperFault fault = {.address = 0x1234, .reason = kIOReturnDMAError, .count = 1};

    (void)state;
    faults = 0;
    IOMapper_deliverFault(&mapper->super, &fault);
    IOMapper_setFaultHandler(&mapper->super, hear_fault, &faults);
    IOMapper_deliverFault(&mapper->super, &fault);
    IOMapper_deliverFault(&mapper->super, &fault);
    assert_int_equal(faults, 2);
    IOMapper_setFaultHandler(&mapper->super, NULL, NULL);
    IOMapper_deliverFault(&mapper->super, &fault);
    assert_int_equal(faults, 2);
}

/* It is of those in whose pages it was; of nobody's, it is of all that the device has. */
static void a_fault_is_of_those_whose_pages_they_are(void **state)
{
    const uint64_t at = ptoa(BASE_PAGE);
    const struct {
        IOMapperFault fault;
        unsigned heard;
    } rows[] = {
        {{.address = at}, 1},
        {{.address = at + 2 * PAGE_SIZE - 1}, 1},
        {{.address = at + 2 * PAGE_SIZE}, 2 | 4}, /* of two */
        {{.address = at + 3 * PAGE_SIZE - 1}, 2 | 4},
        {{.address = at + 3 * PAGE_SIZE}, 2},
        {{.address = at + 4 * PAGE_SIZE}, 8 | 2},
        {{.address = at - 1}, 8 | 2},
        {{.address = at, .reason = kIOReturnOverrun}, 8 | 2}}; /* more than there was room */
    struct IOMapperUse uses[4];

    (void)state;
    memset(uses, 0xff, sizeof(uses));
    IOMapper_addUse(&mapper->super, &uses[0], at + 8, 2 * PAGE_SIZE);
    IOMapper_addUse(&mapper->super, &uses[1], at + 3 * PAGE_SIZE - 1, 2 * PAGE_SIZE);
    IOMapper_addUse(&mapper->super, &uses[2], at + 2 * PAGE_SIZE, PAGE_SIZE);
    IOMapper_addUse(&mapper->super, &uses[3], 0, PAGE_SIZE);
    for (unsigned i = 0; i < 4; i++) {
        assert_false(uses[i].isRunning || uses[i].hasFault);
    }
    assert_int_equal(hear(uses, 4, (IOMapperFault){.address = at - 1}), 0);
    uses[1].isRunning = uses[3].isRunning = true;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(hear(uses, 4, rows[i].fault), rows[i].heard);
    }
    /* What has been heard once stays, whatever others have. */
    uses[3].hasFault = true;
    uses[3].isRunning = false;
    assert_int_equal(hear(uses, 4, (IOMapperFault){.address = at - 1}), 8 | 2);
    /* Whose use is over hears nothing more: from the middle, from either end, the last. */
    for (unsigned i = 0; i < 4; i++) {
        static const unsigned order[] = {1, 3, 0, 2}, left[] = {1 | 4 | 8, 1 | 4, 4, 0};

        IOMapper_removeUse(&uses[order[i]]);
        IOMapper_removeUse(&uses[order[i]]);
        for (unsigned k = 0; k < 4; k++) {
            uses[k].isRunning = true;
        }
        assert_int_equal(hear(uses, 4, (IOMapperFault){.address = at - 1}), left[i]);
    }
    assert_null(mapper->super.uses);
}

/* Memory that is not mapped is in nobody's transfer. */
static void a_transfer_that_does_not_begin_has_no_use(void **state)
{
    IOMemoryDescriptor *memory =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    struct IOMapperUse use = {0};
    uint64_t at, size;

    (void)state;
    assert_int_equal(
        IOMapper_beginTransfer(&mapper->super, &use, memory, 0, PAGE_SIZE, BOTH, &at, &size),
        kIOReturnNotReady);
    assert_null(use.link);
    assert_null(mapper->super.uses);
    OSObject_release(memory);
}

static int stop_without_balance(void **state)
{
    mapper_stop(state);
    return 0;
}

/* A transfer's faults are those in its own pages; what a unit does not unmap is in quarantine. */
static void a_transfer_has_its_own_pages(void **state)
{
    const struct page_request request = {.count = 4, .owner = PAGE_OWNER_IMAGE};
    IOMemoryDescriptor *memory;
    const IOMapperFault before = {.address = ptoa(BASE_PAGE)};
    struct IOMapperUse use = {0}, other_use = {0};
    uint64_t at, size;
    paddr_t first;

    (void)state;
    assert_int_equal(page_alloc_run(&request, &first), KERN_SUCCESS);
    memory = dma_memory(first.value + 16, 3 * PAGE_SIZE - 16, 0, 0, kIODirectionOutIn);
    IOMapper_addUse(&mapper->super, &other_use, 0, PAGE_SIZE);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(IOMapper_beginTransfer(&mapper->super, &use, memory, PAGE_SIZE, PAGE_SIZE,
                                                BOTH, &at, &size),
                         kIOReturnSuccess);
        assert_int_equal(at, before.address + i * 2 * PAGE_SIZE + 16);
        assert_int_equal(size, 2 * PAGE_SIZE);
        assert_true(use.isRunning);
        other_use.isRunning = true; /* which has no part in these */
        assert_int_equal(hear(&use, 1, (IOMapperFault){.address = at - 16}), 1);
        assert_int_equal(hear(&use, 1, (IOMapperFault){.address = at - 16 + size - 1}), 1);
        assert_false(other_use.hasFault);
        assert_int_equal(hear(&use, 1, (IOMapperFault){.address = at - 17}), 1);
        assert_true(other_use.hasFault); /* nobody's, and so it is of both */
        other_use.hasFault = false;
        mapper->unmapAnswer = i == 0 ? kIOReturnTimeout : kIOReturnNotFound;
        assert_int_equal(IOMapper_endTransfer(&mapper->super, &use, memory, PAGE_SIZE, at, size),
                         mapper->unmapAnswer);
        for (uint64_t page = 0; page < 4; page++) {
            assert_int_equal(page_pin_count(paddr(first.value + ptoa(page))),
                             page == 1 || page == 2);
        }
    }
    IOMapper_removeUse(&other_use);
    OSObject_release(memory);
}

static void tell_fault(IOMapper *self)
{
    const IOMapperFault fault = {.address = 0x1234, .reason = kIOReturnDMAError, .count = 1};

    IOMapper_deliverFault(self, &fault);
}

/* What the unit has on record when a transfer ends is that transfer's, if nobody else's. */
static void faults_are_collected_at_the_end(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    OSObject *const object = (OSObject *)&mapper->super;
    const OSMetaClass *const own = object->metaClass;
    IOMapperClass class = *(const IOMapperClass *)own;
    struct IOMapperUse use = {0};
    uint64_t at, size;

    (void)state;
    class.collectFaults = tell_fault;
    object->metaClass = &class.meta;
    assert_int_equal(
        IOMapper_beginTransfer(&mapper->super, &use, memory, 0, PAGE_SIZE, BOTH, &at, &size),
        kIOReturnSuccess);
    assert_int_equal(IOMapper_endTransfer(&mapper->super, &use, memory, 0, at, size),
                     kIOReturnDMAError);
    object->metaClass = own;
    OSObject_release(memory);
}

/* What was blocked in one transfer is not the next one's, whose record the driver has again. */
static void a_transfer_begins_without_faults(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    struct IOMapperUse use;
    uint64_t at, size;

    (void)state;
    memset(&use, 0xff, sizeof(use));
    assert_true(IOMapper_start(&mapper->super, unit));
    for (unsigned i = 0; i < 4; i++) {
        const IOMapperFault fault = {.address = ptoa(BASE_PAGE), .reason = kIOReturnDMAError};

        assert_int_equal(
            IOMapper_beginTransfer(&mapper->super, &use, memory, 0, PAGE_SIZE, BOTH, &at, &size),
            kIOReturnSuccess);
        assert_int_equal(at, fault.address);
        if (i % 2 == 0) {
            IOMapper_deliverFault(&mapper->super, &fault);
        }
        assert_int_equal(IOMapper_endTransfer(&mapper->super, &use, memory, 0, at, size),
                         i % 2 == 0 ? kIOReturnDMAError : kIOReturnSuccess);
    }
    OSObject_release(memory);
}

static unsigned gaps; /* in which an interrupt may come */

static void count_gap(void)
{
    gaps++;
}

/* A fault that comes in the middle would be told to one handler with the other's context. */
static void a_fault_handler_is_set_in_one_step(void **state)
{
    (void)state;
    gaps = 0;
    sim_unmasked = count_gap;
    IOMapper_setFaultHandler(&mapper->super, NULL, &gaps);
    sim_unmasked = NULL;
    assert_int_equal(gaps, 1); /* before the step */
    IOMapper_setFaultHandler(&mapper->super, NULL, NULL);
}

/* A unit of software keeps no faults; one that is not there has none. */
static void mappers_without_faults_have_none_to_tell(void **state)
{
    (void)state;
    IOMapper_setFaultHandler(NULL, NULL, NULL);
    IOMapper_collectFaults(NULL);
    IOMapper_forgetFaults(NULL);
    IOMapper_collectFaults(&mapper->super);
    IOMapper_forgetFaults(&mapper->super);
    IOMapper_free(NULL);
    /* What the record of the abstract class says, a subclass may have said as well. */
    IOMapper_class.meta.free((OSObject *)new_mapper());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAPPER_TEST(a_fault_is_told_to_the_driver),
        MAPPER_TEST(a_fault_is_of_those_whose_pages_they_are),
        MAPPER_TEST(a_transfer_that_does_not_begin_has_no_use),
        cmocka_unit_test_setup_teardown(a_transfer_has_its_own_pages, mapper_start,
                                        stop_without_balance),
        MAPPER_TEST(faults_are_collected_at_the_end),
        MAPPER_TEST(a_transfer_begins_without_faults),
        MAPPER_TEST(a_fault_handler_is_set_in_one_step),
        MAPPER_TEST(mappers_without_faults_have_none_to_tell),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
