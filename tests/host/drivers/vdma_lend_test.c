/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma lent to a driver process, over vdma's core: what the loan takes, what is refused and leaves
 * the device with the kernel, and what comes back. What such a driver does:
 * tests/target/vdma_driver.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODriver.h"
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "kernel/user.h"
#include "tests/host/drivers/vdma_spoiled.h"
#include "tests/host/machine/driver_program.h"
#include "tests/host/sim/sim_irq.h"

#define REGISTERS   0x0a000000ull /* of the simulated device */
#define QUEUES      0x0a010000ull
#define QUEUE_READY 0x044u

/* Nobody computes here. */
void user_init(struct user_state *state, vaddr_t pc, vaddr_t sp)
{
    memset(state, 0, sizeof(*state));
    (void)pc, (void)sp;
}

enum user_stop user_run_until(struct task *task, struct user_state *state, const bool *over)
{
    (void)task, (void)state, (void)over;
    abort();
}

/* --- The device, whose registers are also where the kernel sees them ----------------------------
 */

static struct sim_registers door;
static bool has_no_guard;

static uint64_t read_door(struct sim_registers *self, uint64_t offset, unsigned width)
{
    (void)self;
    return has_no_guard && offset == VDMA_REGISTER_GUARD
               ? 0
               : spoiled->mmio.read(&spoiled->mmio, offset, width);
}

static void write_door(struct sim_registers *self, uint64_t offset, uint64_t value, unsigned width)
{
    (void)self;
    spoiled->mmio.write(&spoiled->mmio, offset, value, width);
}

static uint64_t ask_device(unsigned offset)
{
    return spoiled->mmio.read(&spoiled->mmio, offset, 4);
}

static IOReturn set_limits(uint64_t longest, uint64_t entries)
{
    const struct vdma_limits limits = {.transfer_max = longest, .table_entries = entries};

    return spoiled_set_limits(&limits);
}

static IODriver *driver;

static int start(void **state)
{
    if (spoiled_start(state) != 0) {
        return -1;
    }
    spoiled_add(&(struct vdma_options){.queue_page = QUEUES});
    door = (struct sim_registers){.start = phys_to_virt(paddr(REGISTERS)),
                                  .size = sizeof(spoiled->registers),
                                  .read = read_door,
                                  .write = write_door};
    sim_mmio_plug(&door);
    return vdma_present() && set_limits(1 << 20, 4096) == kIOReturnSuccess ? 0 : -1;
}

static int begin(void **state)
{
    (void)state;
    return IODriver_create(&driver_program, sizeof(driver_program), NULL, &driver) !=
           kIOReturnSuccess;
}

static int end(void **state)
{
    (void)state;
    IODriver_release(driver);
    return 0;
}

static IOReturn checksum(void)
{
    struct vdma_job job = {.type = VDMA_CHECKSUM, .source = pair, .length = 64};

    return vdma_perform(&job);
}

/* It is the kernel's: without a guard, with a queue, and it works. */
static void expect_at_home(void)
{
    assert_int_equal(ask_device(VDMA_REGISTER_GUARD), 0);
    assert_false(vdma_state.lent || vdma_state.lost);
    assert_int_equal(checksum(), kIOReturnSuccess);
    assert_int_equal(ask_device(QUEUE_READY), 1);
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void the_borrower_has_it_until_its_end(void **state)
{
    IODriverStatus status;

    (void)state;
    assert_int_equal(vdma_lend(driver), kIOReturnSuccess);
    assert_int_equal(ask_device(VDMA_REGISTER_GUARD), 1);
    assert_int_equal(ask_device(QUEUE_READY), 0);
    IODriver_getStatus(driver, &status);
    assert_int_equal(status.usage.handles, 2); /* the device and its registers */
    assert_int_equal(checksum(), kIOReturnBusy);
    assert_int_equal(vdma_reset(), kIOReturnBusy);
    assert_int_equal(vdma_lend(driver), kIOReturnBusy);
    assert_int_equal(ask_device(VDMA_REGISTER_GUARD), 1);
    IODriver_kill(driver);
    expect_at_home();
    assert_int_equal(vdma_lend(driver), kIOReturnBusy); /* it has ended */
    expect_at_home();
}

static void refuses(IOReturn expected)
{
    const struct holdings before = holdings_now();
    IODriverStatus status;

    assert_int_equal(vdma_lend(driver), expected);
    IODriver_getStatus(driver, &status);
    assert_int_equal(status.usage.handles, 0);
    expect_at_home();
    assert_true(sim_holds(&before));
}

static void what_cannot_be_lent_stays(void **state)
{
    (void)state;
    assert_int_equal(vdma_lend(driver), kIOReturnSuccess); /* what is kept from then on */
    end(state);
    begin(state);
    assert_int_equal(vdma_lend(NULL), kIOReturnBadArgument);
    sim_in_handler = true;
    assert_int_equal(vdma_lend(driver), kIOReturnNotPermitted);
    sim_in_handler = false;
    assert_int_equal(set_limits(1 << 20, 0), kIOReturnSuccess);
    refuses(kIOReturnUnsupported);
    assert_int_equal(set_limits(0, 4096), kIOReturnSuccess);
    refuses(kIOReturnUnsupported);
    assert_int_equal(set_limits(1 << 20, 4096), kIOReturnSuccess);
    vdma_state.device->uncached = true;
    refuses(kIOReturnUnsupported);
    vdma_state.device->uncached = false;
    has_no_guard = true;
    refuses(kIOReturnUnsupported);
    has_no_guard = false;
}

/* Of the request that tells of a table: what is asked before is answered as it is. */
static void spoil_table(void)
{
    for (unsigned slot = 0; slot < VDMA_DEPTH; slot++) {
        const struct vdma_frame *frame = &vdma_state.frames[slot];

        if (frame->status.tag == vdma_state.tag && frame->request.type == VDMA_SET_TABLE) {
            spoil_answer();
            return;
        }
    }
    spoil = spoil_table;
}

/* What it can, or the table: it goes by none then. */
static void devices_that_refuse_are_not_lent(void **state)
{
    (void)state;
    spoiled_answer = (struct vdma_status){.code = VDMA_STATUS_ERROR};
    spoil = spoil_answer;
    refuses(kIOReturnIOError);
    spoil = spoil_table;
    refuses(kIOReturnIOError);
    assert_null(spoil);
    assert_null(vdma_state.table);
}

/* The n-th request for memory fails, until none does. */
static void without_one_piece_of_memory(void **state)
{
    struct inject_report report = {.failed = true};
    unsigned failures = 0;

    (void)state;
    for (uint64_t nth = 1; report.failed; nth++) {
        struct holdings before;
        IOReturn status;

        end(state);
        before = holdings_now();
        begin(state);
        inject_begin(nth);
        status = vdma_lend(driver);
        inject_end(&report);
        if (status == kIOReturnSuccess) {
            assert_int_equal(ask_device(VDMA_REGISTER_GUARD), 1);
        } else {
            assert_true(status == kIOReturnNoMemory || status == kIOReturnNoResources);
            expect_at_home();
            failures++;
        }
        end(state);
        expect_at_home();
        assert_true(sim_holds(&before));
        begin(state);
    }
    assert_in_range(failures, 5, 60);
}

#define LEND_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEND_TEST(the_borrower_has_it_until_its_end),
        LEND_TEST(what_cannot_be_lent_stays),
        LEND_TEST(devices_that_refuse_are_not_lent),
        LEND_TEST(without_one_piece_of_memory),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
