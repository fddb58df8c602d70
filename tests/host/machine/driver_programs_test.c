/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of driver processes: which are none, where they lie, and the stacks that they get. */
#include "descriptors/IODriver.h"
#include "tests/host/machine/driver_good.h"
#include "tests/host/machine/driver_program.h"

#define STACK_END 0x7f0000000000ull
#define STACK     0x10000ull

/* How a copy of the program is taken, one number of which is another. */
static IOReturn with(unsigned offset, uint64_t value, unsigned size)
{
    static uint8_t copy[sizeof(driver_program)];
    IODriver *driver = NULL;
    IOReturn status;

    memcpy(copy, &driver_program, sizeof(copy));
    memcpy(copy + offset, &value, size);
    status = IODriver_create(copy, sizeof(copy), NULL, &driver);
    assert_true((driver != NULL) == (status == kIOReturnSuccess));
    IODriver_release(driver);
    return status;
}

#define HEADER_OF(member, value)                                                                   \
    with(offsetof(__typeof__(driver_program), member), value, sizeof(driver_program.member))
#define SEGMENT(index, member, value)                                                              \
    with(offsetof(__typeof__(driver_program), segments[index].member), value, 8)
#define RIGHTS(index, value)                                                                       \
    with(offsetof(__typeof__(driver_program), segments[index].flags), value, 4)

static void programs_are_judged(void **state)
{
    const uint64_t size = sizeof(driver_program), text = 2 * PAGE_SIZE;

    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(with(i, 0x55, 1), kIOReturnBadArgument);
    }
    GOOD(with(7, 0x55, 1)); /* of which nothing is said */
    assert_int_equal(HEADER_OF(type, 3), kIOReturnBadArgument);
    assert_int_equal(HEADER_OF(machine, 62), kIOReturnBadArgument);
    assert_int_equal(HEADER_OF(phentsize, 55), kIOReturnBadArgument);
    assert_int_equal(HEADER_OF(phnum, 0), kIOReturnBadArgument);
    driver_program.segments[1].memsz = 1;
    driver_program.segments[1].vaddr = 1;
    GOOD(HEADER_OF(phnum, 1)); /* what follows is none */
    assert_int_equal(HEADER_OF(phnum, 2), kIOReturnBadArgument);
    GOOD(with(offsetof(__typeof__(driver_program), segments[1].type), 2, 4)); /* of another kind */
    driver_program.segments[1].memsz = driver_program.segments[1].vaddr = 0;
    assert_int_equal(HEADER_OF(phnum, UINT16_MAX), kIOReturnBadArgument);
    assert_int_equal(HEADER_OF(phoff, size - 2 * 56 + 1), kIOReturnBadArgument);
    assert_int_equal(HEADER_OF(phoff, UINT64_MAX), kIOReturnBadArgument);
    /* It begins in what the file has of a segment that may run. */
    GOOD(HEADER_OF(entry, TEXT_AT + text - 4));
    assert_int_equal(HEADER_OF(entry, TEXT_AT + text), kIOReturnBadArgument);
    assert_int_equal(HEADER_OF(entry, TEXT_AT - 4), kIOReturnBadArgument);
    for (unsigned i = 1; i < 4; i++) {
        assert_int_equal(HEADER_OF(entry, TEXT_AT + i), kIOReturnBadArgument);
    }
    GOOD(RIGHTS(0, 5));
    assert_int_equal(RIGHTS(0, 4), kIOReturnBadArgument);
    assert_int_equal(RIGHTS(0, 1), kIOReturnBadArgument);
    assert_int_equal(RIGHTS(0, 7), kIOReturnBadArgument);
    assert_int_equal(RIGHTS(0, 0), kIOReturnBadArgument);
    /* Its bytes are there, and no more of them than of its memory, which are whole pages. */
    assert_int_equal(SEGMENT(0, offset, 177), kIOReturnBadArgument);
    GOOD(SEGMENT(0, offset, 0));
    assert_int_equal(SEGMENT(0, offset, UINT64_MAX), kIOReturnBadArgument);
    assert_int_equal(SEGMENT(0, filesz, text + 1), kIOReturnBadArgument);
    assert_int_equal(SEGMENT(0, memsz, text - 1), kIOReturnBadArgument);
    GOOD(SEGMENT(0, memsz, text + 1));
    assert_int_equal(SEGMENT(0, memsz, 0), kIOReturnBadArgument);
    assert_int_equal(SEGMENT(0, memsz, UINT64_MAX), kIOReturnBadArgument);
    assert_int_equal(SEGMENT(0, memsz, 1ull << 40), kIOReturnBadArgument);
    assert_int_equal(SEGMENT(0, vaddr, TEXT_AT + 1), kIOReturnBadArgument);
    assert_int_equal(SEGMENT(0, vaddr, 0xffff000000000000), kIOReturnBadArgument);
    assert_int_equal(IODriver_create(NULL, size, NULL, &(IODriver *){NULL}), kIOReturnBadArgument);
    assert_int_equal(IODriver_create(&driver_program, 63, NULL, &(IODriver *){NULL}),
                     kIOReturnBadArgument);
    assert_int_equal(IODriver_create(&driver_program, 64 + 2 * 56 - 1, NULL, &(IODriver *){NULL}),
                     kIOReturnBadArgument);
}

/* Of the stack and the guards around it no page is a program's; beside them is room. */
static void programs_lie_beside_the_stack(void **state)
{
    static const struct {
        uint64_t at;
        IOReturn status;
    } rows[] = {{STACK_END - STACK, kIOReturnBadArgument},
                {STACK_END - 2 * STACK, kIOReturnBadArgument},
                {STACK_END, kIOReturnBadArgument},
                {STACK_END + STACK - PAGE_SIZE, kIOReturnBadArgument},
                {STACK_END - 2 * STACK - PAGE_SIZE, kIOReturnSuccess},
                {STACK_END + STACK, kIOReturnSuccess},
                {TEXT_AT + PAGE_SIZE, kIOReturnBadArgument},
                {TEXT_AT + 2 * PAGE_SIZE, kIOReturnSuccess}};

    (void)state;
    driver_program.segments[1].memsz = PAGE_SIZE;
    driver_program.segments[1].vaddr = STACK_END + STACK;
    GOOD(SEGMENT(1, offset, sizeof(driver_program))); /* nothing of the file, at its end */
    assert_int_equal(SEGMENT(1, offset, sizeof(driver_program) + 1), kIOReturnBadArgument);
    driver_program.segments[1].vaddr = 0;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(SEGMENT(1, vaddr, rows[i].at), rows[i].status);
    }
    driver_program.segments[1].memsz = 0;
}

static void stacks_are_as_large_as_asked(void **state)
{
    static const struct {
        uint64_t asked, bytes;
    } rows[] = {{0, STACK}, {1, PAGE_SIZE}, {PAGE_SIZE + 1, 2 * PAGE_SIZE}, {1 << 28, 1 << 28}};
    IODriver *driver = NULL;

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vm_range range;
        uint64_t size;

        GOOD(IODriver_create(&driver_program, sizeof(driver_program),
                             &(IODriverOptions){.stackBytes = rows[i].asked}, &driver));
        assert_int_equal(vm_map_lookup(task_map(IODriver_getTask(driver)),
                                       STACK_END - rows[i].bytes, &range, &size),
                         KERN_SUCCESS);
        assert_int_equal(size, rows[i].bytes);
        assert_int_equal(range.access, MMU_READ | MMU_WRITE);
        for (unsigned k = 0; k < 2; k++) {
            assert_int_equal(vm_map_lookup(task_map(IODriver_getTask(driver)),
                                           k == 0 ? STACK_END : STACK_END - 2 * rows[i].bytes,
                                           &range, &size),
                             KERN_SUCCESS);
            assert_null(range.object);
            assert_int_equal(size, rows[i].bytes);
        }
        IODriver_release(driver);
    }
    assert_int_equal(IODriver_create(&driver_program, sizeof(driver_program),
                                     &(IODriverOptions){.stackBytes = (1 << 28) + 1}, &driver),
                     kIOReturnBadArgument);
    assert_null(driver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(programs_are_judged),
        DRIVER_TEST(programs_lie_beside_the_stack),
        DRIVER_TEST(stacks_are_as_large_as_asked),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
