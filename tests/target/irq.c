/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts: handlers, masking, idle, and what happens when nobody cares. */
#include "kernel/irq.h"

#include <string.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "tests/harness/harness.h"

/* No device of the `virt` machine has this one; it is raised by hand in the distributor. */
#define SPARE_INTID 200

/* The EL1 physical timer: a level-triggered line that nothing else uses, and that we can hold up.
 */
#define LINE_INTID 30

#define DAIF_I 0x80u

/* Where the `virt` machine has its controller, for what only a test does to it. */
#define GIC_DISTRIBUTOR 0x08000000UL
#define GICR_SGI_FRAME  0x080b0000UL /* GICv3: the first CPU's per-CPU interrupts */
#define GICD_ISENABLER  0x100u
#define GICD_ISPENDR    0x200u

struct record {
    unsigned calls;
    bool masked;
    bool in_handler;
};

static enum irq_result note(void *context)
{
    struct record *const record = context;

    record->calls++;
    record->masked = cpu_read_sysreg(daif) & DAIF_I;
    record->in_handler = irq_in_handler();
    return IRQ_SERVED;
}

static void controller_write(unsigned bank, unsigned intid)
{
    const bool private = intid < 32 && strcmp(irq_controller_name(), "GICv3") == 0;
    volatile void *const frame =
        mmu_map_device(paddr(private ? GICR_SGI_FRAME : GIC_DISTRIBUTOR), PAGE_SIZE);

    mmio_write32(frame, bank + intid / 32 * 4, 1u << intid % 32);
    cpu_dsb_sy();
    cpu_isb();
}

static void raise_spare(void)
{
    controller_write(GICD_ISPENDR, SPARE_INTID);
}

static void line_up(void)
{
    cpu_write_sysreg(cntp_cval_el0, 0);
    cpu_write_sysreg(cntp_ctl_el0, 1);
    cpu_isb();
}

static void line_down(void)
{
    cpu_write_sysreg(cntp_ctl_el0, 0);
    cpu_isb();
}

/* The tree's word counts: a CPU with the registers of a GICv3 may have a GICv2. */
TEST(controller_is_the_one_that_the_tree_names)
{
    const bool v3 = devicetree_next_compatible(-1, "arm,gic-v3") >= 0;

    EXPECT_STR_EQ(irq_controller_name(), v3 ? "GICv3" : "GICv2");
}

TEST(register_refuses_what_it_cannot_serve)
{
    struct record record = {0};

    EXPECT_EQ(irq_register(1020, note, &record), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_register(1023, note, &record), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_register(~0u, note, &record), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_register(SPARE_INTID, NULL, &record), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_unregister(~0u), KERN_INVALID_ARGUMENT);
}

TEST(one_handler_an_interrupt)
{
    struct record first = {0}, second = {0};

    ASSERT_EQ(irq_register(SPARE_INTID, note, &first), KERN_SUCCESS);
    EXPECT_EQ(irq_register(SPARE_INTID, note, &second), KERN_NO_SPACE);
    raise_spare();
    EXPECT_EQ(first.calls, 1);
    EXPECT_EQ(second.calls, 0);
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_SUCCESS);
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_INVALID_ARGUMENT);

    /* The place is free again. */
    ASSERT_EQ(irq_register(SPARE_INTID, note, &second), KERN_SUCCESS);
    raise_spare();
    EXPECT_EQ(first.calls, 1);
    EXPECT_EQ(second.calls, 1);
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_SUCCESS);
}

TEST(handler_runs_masked_and_knows_where_it_is)
{
    struct record record = {0};
    const uint64_t served = irq_count();

    ASSERT_EQ(irq_register(SPARE_INTID, note, &record), KERN_SUCCESS);
    EXPECT_FALSE(irq_in_handler());
    raise_spare();
    EXPECT_EQ(record.calls, 1);
    EXPECT_TRUE(record.masked);
    EXPECT_TRUE(record.in_handler);
    EXPECT_FALSE(irq_in_handler());
    EXPECT_EQ(cpu_read_sysreg(daif) & DAIF_I, 0);
    EXPECT_EQ(irq_count() - served, 1);
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_SUCCESS);
}

TEST(masking_nests)
{
    struct record record = {0};

    ASSERT_EQ(irq_register(SPARE_INTID, note, &record), KERN_SUCCESS);

    const irq_state_t outer = irq_mask();
    const irq_state_t inner = irq_mask();

    raise_spare();
    EXPECT_EQ(record.calls, 0);
    irq_restore(inner);
    cpu_isb();
    EXPECT_EQ(record.calls, 0); /* the outer one still holds */
    irq_restore(outer);
    cpu_isb();
    EXPECT_EQ(record.calls, 1);
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_SUCCESS);
}

TEST(wait_serves_the_interrupt_that_came_before_the_sleep)
{
    struct record record = {0};

    ASSERT_EQ(irq_register(SPARE_INTID, note, &record), KERN_SUCCESS);

    const irq_state_t state = irq_mask();

    raise_spare();
    irq_wait();
    EXPECT_EQ(record.calls, 1); /* and interrupts were never unmasked */
    EXPECT_NE(cpu_read_sysreg(daif) & DAIF_I, 0);
    EXPECT_TRUE(record.in_handler);
    EXPECT_FALSE(irq_in_handler());
    irq_restore(state);
    cpu_isb();
    EXPECT_EQ(record.calls, 1); /* served once, not once more by the vector */
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_SUCCESS);
}

static enum irq_result quiet_at_third_call(void *context)
{
    struct record *const record = context;

    if (++record->calls == 3) {
        line_down();
    }
    return IRQ_SERVED;
}

/* A handler that leaves its device asserting is called again, not forgotten. */
TEST(level_comes_again_until_it_is_quiet)
{
    struct record record = {0};

    ASSERT_EQ(irq_register(LINE_INTID, quiet_at_third_call, &record), KERN_SUCCESS);
    line_up();
    for (unsigned i = 0; i < 1000; i++) {
        cpu_isb();
    }
    EXPECT_EQ(record.calls, 3);
    line_down();
    EXPECT_EQ(irq_unregister(LINE_INTID), KERN_SUCCESS);
}

static struct {
    struct console console;
    char text[256];
    size_t length;
} capture;

static void capture_write(struct console *console, const char *text, size_t length)
{
    (void)console;
    for (size_t i = 0; i < length && capture.length < sizeof(capture.text) - 1; i++) {
        capture.text[capture.length++] = text[i];
    }
}

/* Finds something every `useful` calls only; 0: never. */
struct idle {
    unsigned calls, useful;
};

static enum irq_result mostly_nothing(void *context)
{
    struct idle *const idle = context;

    idle->calls++;
    return idle->useful != 0 && idle->calls % idle->useful == 0 ? IRQ_SERVED : IRQ_NOTHING;
}

static void let_it_come(void)
{
    for (unsigned i = 0; i < 100000; i++) {
        cpu_isb();
    }
}

/* A line that is stuck is masked after a thousand calls for nothing, and named. */
TEST(a_line_with_nothing_to_do_is_named_and_masked)
{
    struct idle idle = {0};
    struct record spare = {0};
    struct console *before;

    capture.console.write = capture_write;
    capture.length = 0;
    before = console_register(&capture.console);
    ASSERT_EQ(irq_register(LINE_INTID, mostly_nothing, &idle), KERN_SUCCESS);
    line_up();
    let_it_come();
    console_register(before);
    EXPECT_EQ(idle.calls, IRQ_NOTHING_MAX);
    capture.text[capture.length] = '\0';
    EXPECT_TRUE(strstr(capture.text, "came 1000 times for nothing; masked") != NULL);

    /* The other lines go on. */
    ASSERT_EQ(irq_register(SPARE_INTID, note, &spare), KERN_SUCCESS);
    raise_spare();
    EXPECT_EQ(spare.calls, 1);
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_SUCCESS);

    /* It comes back, for another thousand. */
    EXPECT_EQ(irq_enable(LINE_INTID), KERN_SUCCESS);
    let_it_come();
    EXPECT_EQ(idle.calls, 2 * IRQ_NOTHING_MAX);
    line_down();
    EXPECT_EQ(irq_unregister(LINE_INTID), KERN_SUCCESS);
    EXPECT_EQ(irq_enable(LINE_INTID), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(irq_enable(1020), KERN_INVALID_ARGUMENT);
}

/* One useful interrupt between, and the count begins again. */
TEST(a_line_that_is_useful_now_and_then_is_never_masked)
{
    struct idle idle = {.useful = IRQ_NOTHING_MAX};

    ASSERT_EQ(irq_register(SPARE_INTID, mostly_nothing, &idle), KERN_SUCCESS);
    for (unsigned i = 0; i < 5 * IRQ_NOTHING_MAX; i++) {
        raise_spare();
    }
    EXPECT_EQ(idle.calls, 5 * IRQ_NOTHING_MAX);
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_SUCCESS);
}

/* A line that nobody attached to and that never falls must not keep us here for ever. */
TEST(unhandled_interrupt_is_disabled_and_counted)
{
    const uint64_t spurious = irq_spurious();
    struct record record = {0};

    line_up();
    controller_write(GICD_ISENABLER, LINE_INTID);
    for (unsigned i = 0; i < 1000; i++) {
        cpu_isb();
    }
    EXPECT_EQ(irq_spurious() - spurious, 1);

    /* Who attaches now gets it: it was put off, not lost. */
    ASSERT_EQ(irq_register(LINE_INTID, quiet_at_third_call, &record), KERN_SUCCESS);
    for (unsigned i = 0; i < 1000; i++) {
        cpu_isb();
    }
    EXPECT_EQ(record.calls, 3);
    line_down();
    EXPECT_EQ(irq_unregister(LINE_INTID), KERN_SUCCESS);
}

TEST(unregistered_interrupt_stays_silent)
{
    const uint64_t served = irq_count(), spurious = irq_spurious();
    struct record record = {0};

    ASSERT_EQ(irq_register(LINE_INTID, note, &record), KERN_SUCCESS);
    ASSERT_EQ(irq_unregister(LINE_INTID), KERN_SUCCESS);
    line_up();
    for (unsigned i = 0; i < 1000; i++) {
        cpu_isb();
    }
    line_down();
    EXPECT_EQ(record.calls, 0);
    EXPECT_EQ(irq_count(), served);
    EXPECT_EQ(irq_spurious(), spurious);
}

/* Writes every register that a called function may. */
static enum irq_result spoil_registers(void *context)
{
    ((struct record *)context)->calls++;
    __asm__ volatile("movi v0.16b, #0xa5\n\tmov v1.16b, v0.16b\n\tmov v2.16b, v0.16b\n\t"
                     "mov v3.16b, v0.16b\n\tmov v8.16b, v0.16b\n\tmov v15.16b, v0.16b\n\t"
                     "mov v16.16b, v0.16b\n\tmov v31.16b, v0.16b\n\t"
                     "mov x2, #-1\n\tmov x9, x2\n\tmov x16, x2\n\tmov x17, x2\n\tcmp x2, #0"
                     :
                     :
                     : "v0", "v1", "v2", "v3", "v8", "v15", "v16", "v31", "x2", "x9", "x16", "x17",
                       "cc");
    return IRQ_SERVED;
}

/* The vector interrupts anywhere: also between a comparison and its branch, with vectors loaded. */
TEST(interrupted_code_keeps_all_registers)
{
    volatile void *const distributor = mmu_map_device(paddr(GIC_DISTRIBUTOR), PAGE_SIZE);
    struct record record = {0};
    uint64_t x9, x16, x17, flags, low[5], high[5], *next_high = high;

    ASSERT_EQ(irq_register(SPARE_INTID, spoil_registers, &record), KERN_SUCCESS);
    __asm__ volatile(
        "movi v0.16b, #1\n\tmovi v2.16b, #2\n\tmovi v8.16b, #3\n\t"
        "movi v16.16b, #4\n\tmovi v31.16b, #5\n\t"
        "mov x9, #9\n\tmov x16, #16\n\tmov x17, #17\n\tcmp xzr, xzr\n\t"
        "str %w[bit], [%[pend]]\n\tdsb sy\n\tisb\n\tnop\n\tnop\n\t"
        "cset %[flags], eq\n\tmov %[x9], x9\n\tmov %[x16], x16\n\tmov %[x17], x17\n\t"
        "stp d0, d2, [%[low]]\n\tstp d8, d16, [%[low], #16]\n\tstr d31, [%[low], #32]\n\t"
        "st1 {v0.d}[1], [%[high]], #8\n\tst1 {v2.d}[1], [%[high]], #8\n\t"
        "st1 {v8.d}[1], [%[high]], #8\n\tst1 {v16.d}[1], [%[high]], #8\n\t"
        "st1 {v31.d}[1], [%[high]]"
        : [x9] "=&r"(x9), [x16] "=&r"(x16), [x17] "=&r"(x17), [flags] "=&r"(flags),
          [high] "+&r"(next_high)
        : [bit] "r"(1u << SPARE_INTID % 32),
          [pend] "r"((volatile char *)distributor + GICD_ISPENDR + SPARE_INTID / 32 * 4),
          [low] "r"(low)
        : "v0", "v2", "v8", "v16", "v31", "x9", "x16", "x17", "cc", "memory");
    EXPECT_EQ(record.calls, 1);
    EXPECT_EQ(flags, 1);
    EXPECT_EQ(x9, 9);
    EXPECT_EQ(x16, 16);
    EXPECT_EQ(x17, 17);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_EQ(low[i], (i + 1) * 0x0101010101010101UL);
        EXPECT_EQ(high[i], (i + 1) * 0x0101010101010101UL);
    }
    EXPECT_EQ(irq_unregister(SPARE_INTID), KERN_SUCCESS);
}
