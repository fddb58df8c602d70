/* SPDX-License-Identifier: BSD-2-Clause */
/* The door at EL2: vdma's ports, its registers behind a hole of stage 2, its time. */
#include "qemu/vdma/monitor/monitor.h"

#include "qemu/vdma/monitor/monitor_private.h"

#define PAGE      4096ull
#define SLOT_SIZE 0x200ull
#define RAM_BASE  MONITOR_RAM
/* Where no RAM may be: the machine's high registers, up to where EL2's tables end. */
#define RAM_LIMIT       0x4000000000ull
#define REGISTERS_LIMIT 0x10000000000ull
#define RAM_UNIT        0x100000ull /* the machine's memory is a whole number of these */

/* Of the image (VDMA_MONITOR). */
extern uint8_t vdma_monitor_disk[];
extern const struct vdma_monitor_setup vdma_monitor_setup;
/* What is the monitor's own: linker/virt.ld. */
extern uint8_t __monitor_base[], __monitor_end[];

static struct vdma device;
static uint64_t ram_end;
/* While EL1 makes one access by itself: memory is not as it is. Work may be due meanwhile. */
static bool stepping, due;

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- Ports ------------------------------------------------------------------------------------ */

/* RAM, but for what is the monitor's own: a device that could write there would be its own judge.
 */
static uint64_t translate(void *context, uint64_t bus, uint64_t length, unsigned access,
                          uint64_t *memory)
{
    const uint64_t base = (uint64_t)__monitor_base, end = (uint64_t)__monitor_end;
    uint64_t stop = ram_end;

    (void)context, (void)access;
    if (bus < RAM_BASE || bus >= ram_end || (bus >= base && bus < end)) {
        return 0;
    }
    if (bus < base) {
        stop = least(stop, base);
    }
    *memory = bus;
    return least(length, stop - bus);
}

static bool read_memory(void *context, uint64_t memory, void *to, uint32_t length)
{
    (void)context;
    __builtin_memcpy(to, (const void *)(uintptr_t)memory, length);
    return true;
}

static bool write_memory(void *context, uint64_t memory, const void *from, uint32_t length)
{
    (void)context;
    __builtin_memcpy((void *)(uintptr_t)memory, from, length);
    return true;
}

/* A latch beside the line: low takes back what has not been acknowledged yet. */
static void line(void *context, unsigned vector, bool high)
{
    (void)context, (void)vector;
    el2_pend(VDMA_MONITOR_INTID, high);
}

/* Beneath a guest whose interrupts all pass here it is exact. */
static void carried_line(void *context, unsigned vector, bool high)
{
    (void)context, (void)vector;
    el2_line(VDMA_MONITOR_INTID, high);
}

static void deadline(void *context, uint64_t tick)
{
    (void)context;
    el2_set_timer(tick);
}

static struct vdma_ports ports;

static void work(void)
{
    while (vdma_step(&device, el2_now())) {
    }
}

/* --- Registers -------------------------------------------------------------------------------- */

/* What is QEMU's goes on as if nothing were in between; where nothing answers, nothing does. */
bool monitor_pass_on(uint64_t address, unsigned size, bool write, uint64_t *value)
{
    return write ? el2_store(address, size, *value) : el2_load(address, size, value);
}

static bool is_register(uint64_t address)
{
    return address < RAM_BASE || address >= RAM_LIMIT;
}

static bool is_own(uint64_t address)
{
    return address >= (uint64_t)__monitor_base && address < (uint64_t)__monitor_end;
}

enum el2_end el2_other(const struct el2_other *other)
{
    if (!is_register(other->address)) {
        const enum el2_end end = is_own(other->address) ? EL2_ABORTS : monitor_watch_other(other);

        stepping = end == EL2_STEPS;
        return end;
    }
    if (vdma_monitor_setup.watches != 0) {
        el2_say_code("a register is not accessed by one plain load or store, but by",
                     other->frame->elr);
        el2_fatal("its address is", other->address);
    }
    return EL2_ABORTS;
}

void el2_maintain(const struct el2_maintenance *maintenance)
{
    monitor_watch_maintain(maintenance);
}

bool el2_call(struct el2_frame *frame)
{
    return monitor_watch_call(frame);
}

bool monitor_is_memory(uint64_t address)
{
    return address >= RAM_BASE && address < ram_end && !is_own(address);
}

uint64_t monitor_ram_end(void)
{
    return ram_end;
}

void el2_stepped(void)
{
    monitor_watch_stepped();
    stepping = false;
    if (due) {
        due = false;
        work();
    }
}

/* Of the device's own registers. What is refused is in its log. */
static __attribute__((noinline)) enum el2_end write_own(const struct el2_frame *frame,
                                                        uint32_t offset, unsigned size,
                                                        uint64_t value)
{
    monitor_watch_register(frame, offset, value);
    vdma_write_register(&device, offset, size, value, frame->elr, el2_now());
    work();
    return EL2_DONE;
}

static __attribute__((noinline)) enum el2_end read_own(const struct el2_frame *frame,
                                                       uint32_t offset, unsigned size,
                                                       uint64_t *value)
{
    const uint64_t now = el2_now();

    *value = vdma_read_register(&device, offset, size, frame->elr, now);
    /* It starts nothing. But what is due is done at every trap: EL1 can disable the timer. */
    if (now >= device.told) {
        work();
    }
    return EL2_DONE;
}

static inline enum el2_end access_own(const struct el2_frame *frame, uint32_t offset, unsigned size,
                                      bool write, uint64_t *value)
{
    return write ? write_own(frame, offset, size, *value) : read_own(frame, offset, size, value);
}

enum el2_end el2_access(const struct el2_frame *frame, uint64_t address, unsigned size, bool write,
                        uint64_t *value)
{
    if (address - VDMA_MONITOR_REGISTERS < SLOT_SIZE) {
        return access_own(frame, (uint32_t)(address - VDMA_MONITOR_REGISTERS), size, write, value);
    }
    if (address - VDMA_MONITOR_QUEUES < PAGE) {
        return access_own(frame, (uint32_t)(address - VDMA_MONITOR_QUEUES) + VDMA_BY_QUEUE_PAGE,
                          size, write, value);
    }
    if (is_register(address)) {
        return monitor_pass_on(address, size, write, value) ? EL2_DONE : EL2_ABORTS;
    }
    return is_own(address) ? EL2_ABORTS : monitor_watch_access(frame, address, size, write, value);
}

/* Who waits has seen all that he wanted to do meanwhile: what only we have held back is due. */
void el2_waits(void)
{
    vdma_hurry(&device, el2_now());
    work();
}

void el2_timer(void)
{
    if (stepping) {
        due = true;
    } else {
        work();
    }
}

/* --- Start ------------------------------------------------------------------------------------ */

/* RAM is one piece from its base on: halve what may be its end. */
static uint64_t find_ram_end(void)
{
    uint64_t low = RAM_BASE / RAM_UNIT, high = RAM_LIMIT / RAM_UNIT;

    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;

        uint64_t value;

        if (el2_load(middle * RAM_UNIT, 1, &value)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high * RAM_UNIT;
}

/*
 * With more RAM the machine has its high registers behind it, where EL2 does not look. Of RAM
 * there comes back what is stored; no register at this place keeps all of that.
 */
static bool has_ram_beyond(void)
{
    uint64_t before, after;
    bool kept;

    if (!el2_load(RAM_LIMIT, 8, &before) || !el2_store(RAM_LIMIT, 8, ~before)) {
        return false;
    }
    kept = el2_load(RAM_LIMIT, 8, &after) && after == ~before;
    el2_store(RAM_LIMIT, 8, before);
    return kept;
}

void el2_main(void)
{
    struct vdma_limits limits;
    struct vdma_options options = {
        .profile = (uint32_t)vdma_monitor_setup.profile,
        .disk = vdma_monitor_disk,
        .sectors = vdma_monitor_setup.sectors,
        .unacknowledged = vdma_monitor_setup.foreign != 0,
        .queue_page = VDMA_MONITOR_QUEUES,
    };

    /* Not as an initialiser: that would hold the addresses of link time. */
    ports.translate = translate;
    ports.read = read_memory;
    ports.write = write_memory;
    ports.line = vdma_monitor_setup.foreign != 0 && el2_carry_interrupts() ? carried_line : line;
    ports.deadline = deadline;
    for (uint64_t i = 0; vdma_monitor_setup.filled == 0 && i < vdma_monitor_setup.sectors * 512;
         i += 8) {
        *(volatile uint64_t *)(vdma_monitor_disk + i) = 0;
    }
    if (vdma_monitor_setup.latency != 0) {
        if (!vdma_profile_limits(options.profile, &limits)) {
            el2_fatal("no profile of limits has the number", options.profile);
        }
        limits.latency = vdma_monitor_setup.latency;
        options.limits = &limits;
    }
    ram_end = find_ram_end();
    if (has_ram_beyond()) {
        el2_fatal("vdma's monitor is for a machine of 255 GiB at the most; there is RAM at",
                  RAM_LIMIT);
    }
    monitor_watch_begin(&ports, &options);
    if (!vdma_init(&device, &ports, 0, &options)) {
        el2_fatal("vdma does not start", vdma_monitor_setup.sectors);
    }
    el2_allow(VDMA_MONITOR_REGISTERS, PAGE, 0);
    el2_allow(VDMA_MONITOR_QUEUES, PAGE, 0);
    if (vdma_monitor_setup.watches != 0) {
        el2_allow(0, RAM_BASE, 0);
        el2_allow(RAM_LIMIT, REGISTERS_LIMIT - RAM_LIMIT, 0);
    }
}
