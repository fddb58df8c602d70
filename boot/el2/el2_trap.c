/* SPDX-License-Identifier: BSD-2-Clause */
/* What comes up from EL1: refused accesses, calls, and a register that FMO makes trap. */
#include "boot/el2/el2_private.h"

#define CLASS(esr)        ((esr) >> 26 & 0x3f)
#define CLASS_WAIT        0x01u
#define CLASS_HVC         0x16u
#define CLASS_SMC         0x17u
#define CLASS_SYSREG      0x18u
#define CLASS_FETCH_LOWER 0x20u
#define CLASS_DATA_LOWER  0x24u
#define CLASS_DATA_SAME   0x25u
#define CLASS_FETCH_SAME  0x21u
#define CLASS_STEP_LOWER  0x32u

/* Of a data abort (Arm ARM, ESR_EL2, "ISS encoding for an exception from a Data Abort"). */
#define ISS_WRITE     (1ull << 6)
#define ISS_WALK      (1ull << 7) /* of EL1's tables */
#define ISS_CACHE     (1ull << 8)
#define ISS_64        (1ull << 15)
#define ISS_REG(esr)  ((esr) >> 16 & 0x1f)
#define ISS_SIGNED    (1ull << 21)
#define ISS_SIZE(esr) ((esr) >> 22 & 3)
#define ISS_VALID     (1ull << 24)
#define IL            (1ull << 25)
/* A data abort with a valid syndrome, of no walk: one test for all of it. */
#define PLAIN_MASK (0x3full << 26 | ISS_VALID | ISS_WALK)
#define PLAIN      ((uint64_t)CLASS_DATA_LOWER << 26 | ISS_VALID)
#define EXTERNAL   0x10ull /* fault status: synchronous external abort */

/* MSR ICC_SGI1R_EL1, Xt (S3_0_C12_C11_5) as a trapped access, without Rt. */
#define SYSREG_MASK (3ull << 20 | 7ull << 17 | 7ull << 14 | 15ull << 10 | 15ull << 1 | 1)
#define SYSREG_SGI1 (3ull << 20 | 5ull << 17 | 0ull << 14 | 12ull << 10 | 11ull << 1)
/* DC IVAC, CVAC, CVAP and CIVAC, Xt. */
#define SYSREG_DC(op1, crm) (1ull << 20 | 1ull << 17 | (op1) << 14 | 7ull << 10 | (crm) << 1)
#define SYSREG_IVAC         SYSREG_DC(0ull, 6ull)
#define SYSREG_CVAC         SYSREG_DC(3ull, 10ull)
#define SYSREG_CVAP         SYSREG_DC(3ull, 12ull)
#define SYSREG_CIVAC        SYSREG_DC(3ull, 14ull)
#define SYSREG_REG(esr)     ((esr) >> 5 & 0x1f)

#define HCR_TWI  (1ull << 13)
#define HCR_TPCP (1ull << 23)

#define MODE(spsr)    ((spsr)&0xf)
#define MODE_EL1T     4u
#define MODE_EL1H     5u
#define MODE_MASKED   0x3c5ull /* EL1 on its own stack pointer, all exceptions masked */
#define NOT_SUPPORTED (~0ull)  /* SMCCC: unknown function */

/* By el2_vectors.S. */
void el2_sync(struct el2_frame *frame);

/* As if nothing had answered at the address: an external abort, at EL1 (Arm ARM,
 * AArch64.TakeException). */
static void refuse(struct el2_frame *frame, uint64_t esr)
{
    const bool fetch = CLASS(esr) == CLASS_FETCH_LOWER;
    const unsigned mode = MODE(frame->spsr);
    const bool same = mode == MODE_EL1T || mode == MODE_EL1H;
    const uint64_t class = fetch ? (same ? CLASS_FETCH_SAME : CLASS_FETCH_LOWER)
                                 : (same ? CLASS_DATA_SAME : CLASS_DATA_LOWER);

    el2_write("esr_el1",
              class << 26 | (esr & (IL | (fetch ? 0 : ISS_WRITE | ISS_CACHE))) | EXTERNAL);
    el2_write("far_el1", el2_read("far_el2"));
    el2_write("elr_el1", frame->elr);
    el2_write("spsr_el1", frame->spsr);
    frame->elr = el2_read("vbar_el1") + (mode == MODE_EL1T ? 0 : same ? 0x200 : 0x400);
    frame->spsr = MODE_MASKED;
}

/* What was loaded, as a signed number. */
static uint64_t extended(uint64_t esr, uint64_t value)
{
    const unsigned beyond = 64 - (8u << ISS_SIZE(esr)); /* bits that were not accessed */

    value = (uint64_t)((int64_t)(value << beyond) >> beyond);
    return (esr & ISS_64) != 0 ? value : (uint32_t)value;
}

static void end(struct el2_frame *frame, uint64_t esr, enum el2_end end)
{
    if (end == EL2_STEPS) {
        el2_step_begin(frame);
    } else if (end == EL2_ABORTS) {
        refuse(frame, esr);
    }
}

/* Of the page from a register, of the byte from where the program has it. */
static uint64_t fault_address(uint64_t virt)
{
    return (el2_read("hpfar_el2") & ~0xfull) << 8 | (virt & 0xfff);
}

uint64_t el2_virtual_address(void)
{
    return el2_read("far_el2");
}

static void other(struct el2_frame *frame, uint64_t esr)
{
    const uint64_t virt = el2_virtual_address();
    const struct el2_other other = {
        .frame = frame,
        .address = fault_address(virt),
        .virt = virt,
        .write = (esr & ISS_WRITE) != 0,
        .walk = (esr & ISS_WALK) != 0,
        .maintenance = (esr & ISS_CACHE) != 0,
        .user = el2_is_user(frame),
    };

    end(frame, esr, el2_other(&other));
}

/*
 * Most are of one register, and the syndrome says of which: without that nobody knows. An access
 * that begins before a page and ends in it comes as one at its start: that it is unaligned cannot
 * be seen, but it is then not one a driver makes.
 */
static __attribute__((noinline)) void plain_access(struct el2_frame *frame, uint64_t esr)
{
    const uint64_t address = fault_address(el2_virtual_address());
    const unsigned size = 1u << ISS_SIZE(esr);
    uint64_t *const value = &frame->x[ISS_REG(esr)];
    enum el2_end what;

    if ((address & (size - 1)) != 0) {
        other(frame, esr);
        return;
    }
    what = el2_access(frame, address, size, (esr & ISS_WRITE) != 0, value);
    if (what != EL2_DONE) {
        end(frame, esr, what);
        return;
    }
    if ((esr & ISS_SIGNED) != 0) {
        *value = extended(esr, *value);
    }
    frame->elr += 4;
}

static void fetch_abort(struct el2_frame *frame, uint64_t esr)
{
    if ((esr & ISS_WALK) != 0) {
        other(frame, esr);
    } else {
        refuse(frame, esr);
    }
}

static void trap(uint64_t what, bool on)
{
    const uint64_t hcr = el2_read("hcr_el2");

    el2_write("hcr_el2", on ? hcr | what : hcr & ~what);
    __asm__ volatile("isb");
}

void el2_trap_wait(bool on)
{
    trap(HCR_TWI, on);
}

void el2_trap_maintenance(bool on)
{
    trap(HCR_TPCP, on);
}

/* A trapped register or instruction of its kind. False: it is none that is known. */
static bool sysreg(struct el2_frame *frame, uint64_t esr)
{
    const uint64_t what = esr & SYSREG_MASK;
    const uint64_t value = frame->x[SYSREG_REG(esr)];
    const struct el2_maintenance maintenance = {.frame = frame,
                                                .virt = value,
                                                .clean = what != SYSREG_IVAC,
                                                .invalidate =
                                                    what == SYSREG_IVAC || what == SYSREG_CIVAC,
                                                .user = el2_is_user(frame)};

    switch (what) {
    case SYSREG_SGI1:
        el2_write("S3_0_C12_C11_5", value);
        break;
    case SYSREG_IVAC:
    case SYSREG_CVAC:
    case SYSREG_CVAP:
    case SYSREG_CIVAC:
        el2_maintain(&maintenance);
        break;
    default:
        return false;
    }
    frame->elr += 4;
    return true;
}

static __attribute__((noinline)) void call(struct el2_frame *frame)
{
    if (!el2_call(frame)) { /* the address is already behind it */
        frame->x[0] = NOT_SUPPORTED;
    }
}

static __attribute__((noinline)) void seldom(struct el2_frame *frame, uint64_t esr)
{
    switch (CLASS(esr)) {
    case CLASS_DATA_LOWER:
        other(frame, esr);
        return;
    case CLASS_FETCH_LOWER:
        fetch_abort(frame, esr);
        return;
    case CLASS_WAIT: /* and does so now, unless there is something already */
        el2_trap_wait(false);
        el2_waits();
        return;
    case CLASS_STEP_LOWER:
        el2_step_end(frame);
        el2_stepped();
        return;
    case CLASS_SMC:
        el2_firmware_call(frame);
        return;
    case CLASS_SYSREG:
        if (sysreg(frame, esr)) {
            return;
        }
        break;
    default:
        break;
    }
    el2_fatal("a trap that nothing asked for, syndrome", esr);
}

/* Each ends in a jump: a place on the stack that one of the others needs is not made for all. */
void el2_sync(struct el2_frame *frame)
{
    const uint64_t esr = el2_read("esr_el2");

    if (CLASS(esr) == CLASS_HVC) {
        call(frame);
    } else if ((esr & PLAIN_MASK) == PLAIN) {
        plain_access(frame, esr);
    } else {
        seldom(frame, esr);
    }
}
