/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU watched from EL2: stage 2 keeps it off the pages of what the device has, each access
 * there is judged (qemu/vdma/watch), and then let through.
 */
#include "qemu/vdma/monitor/monitor_private.h"
#include "qemu/vdma/watch/watch.h"

#define WORD_MAX     32u
#define DEFAULT_HOLD 6250000u /* ticks: 100 ms, however busy the host is */
#define FRAME_SIZE   16u

static struct watch watch;
static struct watch_door door;
/* Of the access that is judged: whose frame records name its callers. */
static const struct el2_frame *frame_of_access;
static bool user_access;

/* --- What it was asked for -------------------------------------------------------------------- */

struct word {
    char text[12];
    unsigned what;
};

static const struct word words[] = {{"owner", WATCH_OWNER}, {"rules", WATCH_RULES}};

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
            el2_put("'; there are owner and rules, or several joined by +\n");
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

    return virt % 8 == 0 && el2_translate(virt, user_access, &address) &&
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

static void record(void *context, const struct vdma_record *record)
{
    (void)context;
    watch_record(&watch, record);
}

void monitor_watch_doorbell(const struct el2_access *access)
{
    if (door.put != NULL) {
        frame_of_access = access->frame;
        user_access = access->user;
        watch_doorbell(&watch);
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
    watch_init(&watch, &door, NULL, what);
    ports->own = own;
    ports->disown = disown;
    ports->record = record;
    if ((what & WATCH_OWNER) != 0) {
        options->hold =
            monitor_option("watch-hold", text, sizeof(text)) ? parse_number(text) : DEFAULT_HOLD;
    }
}

/* --- Accesses --------------------------------------------------------------------------------- */

enum el2_end monitor_watch_access(struct el2_access *access)
{
    const struct watch_access judged = {
        .memory = access->address,
        .virt = access->virt,
        .pc = access->pc,
        .bytes = access->size,
        .reads = !access->write,
        .writes = access->write,
        .user = access->user,
    };

    frame_of_access = access->frame;
    user_access = access->user;
    watch_access(&watch, &judged);
    return monitor_pass_on(access) ? EL2_DONE : EL2_ABORTS;
}

/* Of an access that is made again: what it does to memory, page by page. */
static enum el2_end judge(const struct el2_other *other, const struct watch_instruction *it,
                          uint64_t virt)
{
    const uint64_t end = virt + it->bytes;
    bool wrong = false;

    while (virt < end) {
        const uint64_t next = (virt & ~(uint64_t)(WATCH_PAGE - 1)) + WATCH_PAGE;
        struct watch_access part = {.virt = virt,
                                    .pc = other->frame->elr,
                                    .bytes = (uint32_t)((next < end ? next : end) - virt),
                                    .reads = it->reads,
                                    .writes = it->writes,
                                    .user = other->user};

        if (el2_translate(virt, other->user, &part.memory)) {
            wrong = wrong || watch_access(&watch, &part);
            if (it->exclusive) {
                watch_open(&watch, part.memory, other->frame->elr, WATCH_EXCLUSIVE);
            } else {
                watch_step_begin(&watch, part.memory);
            }
        }
        virt = next;
    }
    return it->exclusive ? EL2_AGAIN : EL2_STEPS;
}

enum el2_end monitor_watch_other(const struct el2_other *other)
{
    struct watch_instruction it = {.bytes = 1, .reads = !other->write, .writes = other->write};
    uint64_t virt = other->virt, code, word;

    frame_of_access = other->frame;
    user_access = other->user;
    if (other->walk) {
        watch_open(&watch, other->address, other->frame->elr, WATCH_WALK);
        return EL2_AGAIN;
    }
    if (el2_translate(other->frame->elr, other->user, &code) && el2_load(code, 4, &word)) {
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
    watch_step_end(&watch);
}
