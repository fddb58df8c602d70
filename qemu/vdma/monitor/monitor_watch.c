/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU watched from EL2: stage 2 keeps it off the pages of what the device has, each access
 * there is judged (qemu/vdma/watch), and then let through.
 */
#include "qemu/vdma/monitor/monitor.h"
#include "qemu/vdma/monitor/monitor_private.h"
#include "qemu/vdma/watch/watch.h"

/* Registers that are of interest. */
#define QUEUE_READY 0x044u
#define DOORBELL    0x050u /* QueueNotify */
#define STATUS      0x070u
#define USED_LOW    0x0a0u
#define USED_HIGH   0x0a4u

#define UINT32_MAX_64 0xffffffffull
#define WORD_MAX      32u
#define DEFAULT_HOLD  6250000u     /* ticks: 100 ms, however busy the host is */
#define POOL          0x400000u    /* bytes: two bits a page of 4 GiB, and the rest copies */
#define MODELLED      0x100000000u /* bytes of RAM */
#define FILLED        0x10000u     /* bytes of one allocation: some are nearly all of RAM */
#define SWAPPED       4u           /* pieces of one access */

static struct watch watch;
static struct watch_door door;
/* Not cleared with the rest: it is large, and few runs use it. */
static uint8_t pool[POOL] __attribute__((section(".pool"), aligned(4096)));
/* What an uncached access that is stepped finds in place of the CPU's bytes. */
static struct {
    uint64_t memory, bytes;
} swapped[SWAPPED];
static unsigned swapped_count;
/* Of the access that is judged: whose frame records name its callers. */
static const struct el2_frame *frame_of_access;
static bool user_access;

/* --- What it was asked for -------------------------------------------------------------------- */

struct word {
    char text[12];
    unsigned what;
};

static const struct word words[] = {{"owner", WATCH_OWNER},
                                    {"rules", WATCH_RULES},
                                    {"coherence", WATCH_COHERENCE},
                                    {"init", WATCH_INIT}};

static bool is_word(const char *text, unsigned length, const char *word)
{
    for (unsigned i = 0; i < length; i++) {
        if (text[i] != word[i]) {
            return false;
        }
    }
    return word[length] == '\0';
}

/* A sum of names, "owner+rules". */
static unsigned parse(const char *text)
{
    unsigned what = 0;

    while (*text != '\0') {
        unsigned length = 0, found = 0;

        while (text[length] != '\0' && text[length] != '+') {
            length++;
        }
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]) && length < WORD_MAX; i++) {
            if (is_word(text, length, words[i].text)) {
                found = words[i].what;
            }
        }
        if (found == 0) {
            el2_put("watch: there is no watch '");
            el2_put(text);
            el2_put("'; there are owner, coherence, init and rules, or several joined by +\n");
            el2_exit();
        }
        what |= found;
        text += length + (text[length] == '+');
    }
    return what;
}

static uint64_t parse_number(const char *text)
{
    uint64_t value = 0;

    for (; *text >= '0' && *text <= '9'; text++) {
        value = 10 * value + (uint64_t)(*text - '0');
    }
    return value;
}

/* --- The door --------------------------------------------------------------------------------- */

static void allow(void *context, uint64_t memory, uint64_t bytes, unsigned allowed)
{
    (void)context;
    el2_allow(memory, bytes, allowed);
}

static void put(void *context, const char *text)
{
    (void)context;
    el2_put(text);
}

static void stop(void *context)
{
    (void)context;
    el2_exit();
}

static bool load(uint64_t virt, uint64_t *value)
{
    uint64_t address;

    return virt % 8 == 0 && el2_translate(virt, user_access, &address, NULL) &&
           el2_load(address, 8, value);
}

/*
 * By the frame records (AAPCS64). The link register comes first where it says more: of a function
 * that keeps no record it is the only trace of who called it.
 */
static unsigned callers(void *context, uint64_t *pcs, unsigned most, bool *is_leaf)
{
    uint64_t record, next, link;
    unsigned count = 0;

    (void)context;
    if (frame_of_access == NULL) {
        return 0;
    }
    record = frame_of_access->x[29];
    if (!load(record + 8, &link)) {
        return 0;
    }
    if (frame_of_access->x[30] != link && frame_of_access->x[30] > 4) {
        pcs[count++] = frame_of_access->x[30] - 4;
        *is_leaf = true;
    }
    while (count < most && load(record, &next) && load(record + 8, &link) && link > 4) {
        pcs[count++] = link - 4;
        if (next <= record) {
            break;
        }
        record = next;
    }
    return count;
}

/* --- Ports ------------------------------------------------------------------------------------ */

static void own(void *context, const struct vdma_owned *bytes)
{
    (void)context;
    watch_own(&watch, bytes);
    el2_trap_wait(true);
}

static void disown(void *context, uint32_t request)
{
    (void)context;
    watch_disown(&watch, request);
}

static uint8_t *memory(void *context, uint64_t memory)
{
    (void)context;
    return (uint8_t *)(uintptr_t)memory;
}

static bool device_reads(void *context, uint64_t memory, void *to, uint32_t length)
{
    (void)context;
    watch_device_reads(&watch, memory, to, length);
    return true;
}

static bool device_writes(void *context, uint64_t memory, const void *from, uint32_t length)
{
    (void)context;
    watch_device_writes(&watch, memory, from, length);
    return true;
}

static void record(void *context, const struct vdma_record *record)
{
    (void)context;
    watch_record(&watch, record);
}

/* From the driver's first word on: before that, nothing in its cache can matter to the device. */
static void begin_coherence(void)
{
    const uint64_t most = MONITOR_RAM + MODELLED, end = monitor_ram_end();

    if (watch_lines_begin(&watch, MONITOR_RAM, end < most ? end : most, pool, POOL)) {
        el2_trap_maintenance(true);
    }
}

void monitor_watch_register(const struct el2_frame *frame, uint32_t offset, uint64_t value)
{
    static uint64_t used_ring; /* of the queue that is being set up */

    if (door.put == NULL) {
        return;
    }
    switch (offset) {
    case STATUS:
        begin_coherence();
        break;
    case USED_LOW:
        used_ring = (used_ring & ~UINT32_MAX_64) | (value & UINT32_MAX_64);
        break;
    case USED_HIGH:
        used_ring = (used_ring & UINT32_MAX_64) | value << 32;
        break;
    case QUEUE_READY:
        watch_lines_polled(&watch, used_ring);
        break;
    case DOORBELL:
        frame_of_access = frame;
        user_access = el2_is_user(frame);
        watch_doorbell(&watch);
        break;
    default:
        break;
    }
}

void monitor_watch_begin(struct vdma_ports *ports, struct vdma_options *options)
{
    char text[WORD_MAX];
    unsigned what;

    if (!monitor_option("watch", text, sizeof(text)) || text[0] == '\0') {
        return;
    }
    what = parse(text);
    /* Not as initialisers: those would hold the addresses of link time. */
    door.allow = allow;
    door.put = put;
    door.callers = callers;
    if (monitor_option("watch-then", text, sizeof(text)) && is_word(text, 4, "stop")) {
        door.stop = stop;
    }
    door.memory = memory;
    watch_init(&watch, &door, NULL, what);
    if ((what & WATCH_COHERENCE) != 0) {
        monitor_forget_coherence();
    }
    if ((what & WATCH_INIT) != 0) {
        vdma_monitor_wants = VDMA_WANTS_ALLOCATIONS;
    }
    if ((what & (WATCH_COHERENCE | WATCH_INIT)) != 0) {
        ports->read = device_reads;
        ports->write = device_writes;
    }
    ports->own = own;
    ports->disown = disown;
    ports->record = record;
    if ((what & WATCH_OWNER) != 0) {
        options->hold =
            monitor_option("watch-hold", text, sizeof(text)) ? parse_number(text) : DEFAULT_HOLD;
    }
}

/* --- Accesses --------------------------------------------------------------------------------- */

enum el2_end monitor_watch_access(const struct el2_frame *frame, uint64_t address, unsigned size,
                                  bool write, uint64_t *value)
{
    struct watch_access judged = {
        .memory = address,
        .virt = el2_virtual_address(),
        .pc = frame->elr,
        .bytes = size,
        .reads = !write,
        .writes = write,
        .user = el2_is_user(frame),
    };
    const uint8_t *instead;
    uint64_t translated;

    frame_of_access = frame;
    user_access = judged.user;
    el2_translate(judged.virt, user_access, &translated, &judged.cached);
    watch_access(&watch, &judged);
    instead = watch_lines_access(&watch, &judged);
    if (instead != NULL) {
        address = (uint64_t)instead;
    }
    return monitor_pass_on(address, size, write, value) ? EL2_DONE : EL2_ABORTS;
}

/* Of an access that is made again: what it does to memory in one page. */
static void judge_part(const struct watch_access *part, bool exclusive)
{
    struct watch_access cached = *part;

    /* A load-exclusive is there for the store behind it, which may not find its page closed. */
    cached.writes |= exclusive;
    watch_access(&watch, part);
    if (watch_lines_access(&watch, &cached) != NULL && !exclusive && swapped_count < SWAPPED) {
        watch_lines_swap(&watch, part->memory, part->bytes);
        swapped[swapped_count].memory = part->memory;
        swapped[swapped_count++].bytes = part->bytes;
    }
    if (watch_is_open(&watch, part->memory)) {
        return;
    }
    if (exclusive) {
        watch_open(&watch, part->memory, part->pc, WATCH_EXCLUSIVE);
    } else {
        watch_step_begin(&watch, part->memory);
    }
}

/* Page by page. */
static enum el2_end judge(const struct el2_other *other, const struct watch_instruction *it,
                          uint64_t virt)
{
    const uint64_t end = virt + it->bytes;

    while (virt < end) {
        const uint64_t next = (virt & ~(uint64_t)(WATCH_PAGE - 1)) + WATCH_PAGE;
        struct watch_access part = {.virt = virt,
                                    .pc = other->frame->elr,
                                    .bytes = (uint32_t)((next < end ? next : end) - virt),
                                    .reads = it->reads,
                                    .writes = it->writes,
                                    .user = other->user};

        if (el2_translate(virt, other->user, &part.memory, &part.cached)) {
            judge_part(&part, it->exclusive);
        }
        virt = next;
    }
    return it->exclusive ? EL2_AGAIN : EL2_STEPS;
}

/* The CPU's own reading of a table: through the cache. */
static enum el2_end walk(const struct el2_other *other)
{
    const struct watch_access access = {.memory = other->address,
                                        .bytes = 8,
                                        .reads = true,
                                        .writes = other->write,
                                        .cached = true};

    if (!watch_is_open(&watch, other->address)) {
        watch_lines_access(&watch, &access);
    }
    if (!watch_is_open(&watch, other->address)) {
        watch_open(&watch, other->address, other->frame->elr, WATCH_WALK);
    }
    return EL2_AGAIN;
}

enum el2_end monitor_watch_other(const struct el2_other *other)
{
    struct watch_instruction it = {.bytes = 1, .reads = !other->write, .writes = other->write};
    uint64_t virt = other->virt, code, word;

    frame_of_access = other->frame;
    user_access = other->user;
    if (other->walk) {
        return walk(other);
    }
    if (el2_translate(other->frame->elr, other->user, &code, NULL) && el2_load(code, 4, &word)) {
        uint64_t dczid;
        struct watch_instruction found;

        __asm__("mrs %0, dczid_el0" : "=r"(dczid));
        if (watch_decode((uint32_t)word, 4u << (dczid & 0xf), &found)) {
            it = found;
            virt = watch_address(&it, other->frame->x, el2_stack_pointer(other->frame),
                                 other->frame->elr);
        } else if (other->maintenance) {
            it.bytes = 0; /* of no byte in particular: let through */
            watch_step_begin(&watch, other->address);
        }
    }
    return judge(other, &it, virt);
}

void monitor_watch_stepped(void)
{
    while (swapped_count != 0) {
        swapped_count--;
        watch_lines_swap(&watch, swapped[swapped_count].memory, swapped[swapped_count].bytes);
    }
    watch_step_end(&watch);
}

/* Page by page: where they lie is another matter for each. */
bool monitor_watch_call(struct el2_frame *frame)
{
    uint64_t virt = frame->x[1], left = frame->x[2], memory;

    if (door.put == NULL || frame->x[0] != VDMA_CALL_ALLOCATED) {
        return false;
    }
    frame_of_access = frame;
    user_access = false;
    left = left < FILLED ? left : FILLED;
    while (left != 0) {
        const uint64_t here = WATCH_PAGE - virt % WATCH_PAGE, bytes = here < left ? here : left;

        if (!el2_translate(virt, false, &memory, NULL) || !monitor_is_memory(memory)) {
            break;
        }
        watch_allocated(&watch, memory, bytes);
        virt += bytes;
        left -= bytes;
    }
    frame->x[0] = 0;
    return true;
}

void monitor_watch_maintain(const struct el2_maintenance *maintenance)
{
    struct watch_access access = {.virt = maintenance->virt,
                                  .pc = maintenance->frame->elr,
                                  .bytes = WATCH_LINE,
                                  .user = maintenance->user};

    frame_of_access = maintenance->frame;
    user_access = maintenance->user;
    if (el2_translate(access.virt, access.user, &access.memory, &access.cached)) {
        watch_maintain(&watch,
                       !maintenance->invalidate ? WATCH_CLEAN
                       : maintenance->clean     ? WATCH_CLEAN_INVALIDATE
                                                : WATCH_INVALIDATE,
                       &access);
    }
}
