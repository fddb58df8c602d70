/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports: a text for people, whose addresses of code stand as a panic has them, so that whoever
 * shows the console names them; and behind it one line for programs.
 */
#include "qemu/vdma/watch/watch_private.h"

#define OVERLAP      64u   /* bytes that a copy may touch twice, at its end */
#define FUNCTION_MAX 1024u /* bytes of one that calls none */

/* Texts, and no pointers to texts: EL2 runs elsewhere than where it is linked. */
static const struct {
    char id[4], what[80], means[100], instead[100];
} rules[WATCH_RULE_COUNT] = {
#define WATCH_RULE(id, what, means, instead) [id] = {#id, what, means, instead},
#include "qemu/vdma/watch/rules.def"
#undef WATCH_RULE
};

static const struct {
    char id[4], what[80];
} refusals[] = {
#define RULE(id, what, value) {#id, what},
#include "qemu/vdma/device/rules.def"
#undef RULE
};

const char *watch_rule_name(enum watch_rule rule)
{
    return rule != WATCH_NONE && rule < WATCH_RULE_COUNT ? rules[rule].what : NULL;
}

void watch_put(struct watch *watch, const char *text)
{
    watch->door->put(watch->context, text);
}

static void put_number(struct watch *watch, uint64_t value, unsigned base, unsigned digits)
{
    char text[24];
    unsigned at = sizeof(text) - 1;

    text[at] = '\0';
    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0 || sizeof(text) - 1 - at < digits);
    watch_put(watch, text + at);
}

void watch_put_hex(struct watch *watch, uint64_t value, unsigned digits)
{
    put_number(watch, value, 16, digits);
}

void watch_put_decimal(struct watch *watch, uint64_t value)
{
    put_number(watch, value, 10, 0);
}

static void put_address(struct watch *watch, uint64_t value)
{
    watch_put(watch, "0x");
    watch_put_hex(watch, value, 0);
}

/* The end of its line: what shows the console puts function and line behind it. */
static void put_code(struct watch *watch, const char *before, uint64_t pc)
{
    watch_put(watch, before);
    watch_put(watch, "[<");
    watch_put_hex(watch, pc, 16);
    watch_put(watch, ">]\n");
}

static void put_bytes(struct watch *watch, uint64_t bytes)
{
    watch_put_decimal(watch, bytes);
    watch_put(watch, bytes == 1 ? " byte" : " bytes");
}

static const struct {
    uint32_t type;
    char name[16];
} requests[] = {{0, "disk read"},           {1, "disk write"},   {VDMA_NOP, "no-op"},
                {VDMA_COPY, "copy"},        {VDMA_FILL, "fill"}, {VDMA_COMPARE, "comparison"},
                {VDMA_CHECKSUM, "checksum"}};

static const char *request_name(uint32_t type)
{
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (requests[i].type == type) {
            return requests[i].name;
        }
    }
    return "request about the device";
}

static const char *place_name(unsigned where)
{
    return where == VDMA_IN_SOURCE_LIST   ? "entry of the source list"
           : where == VDMA_IN_TARGET_LIST ? "entry of the target list"
                                          : "descriptor of the chain";
}

void watch_get_calls(struct watch *watch, struct watch_calls *calls)
{
    calls->is_leaf = false;
    calls->count = 0;
    if (watch->door->callers != NULL) {
        calls->count =
            watch->door->callers(watch->context, calls->pcs, WATCH_CALLS, &calls->is_leaf);
    }
}

static bool is_near(uint64_t a, uint64_t b)
{
    return (a > b ? a - b : b - a) < FUNCTION_MAX;
}

static bool is_same(const struct watch_place *place, const struct watch_access *access,
                    uint64_t caller)
{
    return place->pc == access->pc || (is_near(place->pc, access->pc) &&
                                       (caller != 0 || (access->memory <= place->end &&
                                                        place->end - access->memory < OVERLAP)));
}

bool watch_is_known(struct watch *watch, enum watch_rule rule, const struct watch_access *access,
                    const struct watch_calls *calls)
{
    const uint64_t end = access->memory + access->bytes;
    /* Of a function that calls none: who has called it. Near the code itself it is no sign. */
    const uint64_t caller =
        calls->count != 0 && calls->is_leaf && !is_near(calls->pcs[0], access->pc) ? calls->pcs[0]
                                                                                   : 0;

    for (unsigned i = 0; i < watch->said_count; i++) {
        struct watch_place *place = &watch->said[i];

        if (place->rule == rule && place->caller == caller && is_same(place, access, caller)) {
            place->end = end;
            return true;
        }
    }
    if (watch->said_count < WATCH_SAID) {
        watch->said[watch->said_count++] = (struct watch_place){rule, access->pc, caller, end};
    }
    return false;
}

static void put_title(struct watch *watch, const char *id, const char *what)
{
    watch_put(watch, "\nwatch: ");
    watch_put(watch, id);
    watch_put(watch, ": ");
    watch_put(watch, what);
    watch_put(watch, "\n");
}

static void put_calls(struct watch *watch, const struct watch_calls *calls)
{
    for (unsigned i = 0; i < calls->count; i++) {
        put_code(watch, i == 0 && calls->is_leaf ? "      in or behind " : "      called from  ",
                 calls->pcs[i]);
    }
}

static void put_advice(struct watch *watch, enum watch_rule rule)
{
    watch_put(watch, "  why it matters   ");
    watch_put(watch, rules[rule].means);
    watch_put(watch, "\n  do instead       ");
    watch_put(watch, rules[rule].instead);
    watch_put(watch,
              watch->door->stop != NULL
                  ? "\n  now              the machine ends, as it was asked to\n"
                  : "\n  now              the program goes on as if nothing had been seen\n");
}

static void put_owner(struct watch *watch, const struct watch_piece *piece)
{
    const struct vdma_owned *const bytes = &piece->bytes;

    watch_put(watch, "  whose            bytes ");
    put_address(watch, bytes->memory);
    watch_put(watch, " ... ");
    put_address(watch, bytes->memory + bytes->length - 1);
    watch_put(watch, "; ");
    watch_put(watch, place_name(bytes->where));
    watch_put(watch, ": ");
    watch_put_decimal(watch, bytes->segment);
    watch_put(watch, "\n  of               request ");
    watch_put_decimal(watch, bytes->request);
    watch_put(watch, ", a ");
    watch_put(watch, request_name(bytes->type));
    watch_put(watch, bytes->access == VDMA_WRITES
                         ? ", which writes them; it has not been given back"
                         : ", which reads them; it has not been given back");
    if (bytes->pc != 0) {
        put_code(watch, "\n  since            the doorbell at ", bytes->pc);
        if (watch->bell - piece->bell < WATCH_BELLS) {
            put_calls(watch, &watch->bells[piece->bell % WATCH_BELLS]);
        }
    } else {
        watch_put(watch, "\n");
    }
}

static void put_field(struct watch *watch, const char *name, uint64_t value)
{
    watch_put(watch, " ");
    watch_put(watch, name);
    watch_put(watch, "=");
    put_address(watch, value);
}

static void end_report(struct watch *watch)
{
    watch_put(watch, "\n");
    if (watch->door->stop != NULL) {
        watch->door->stop(watch->context);
    }
}

void watch_report_access(struct watch *watch, enum watch_rule rule,
                         const struct watch_access *access, const struct watch_piece *piece)
{
    const struct vdma_owned *const bytes = &piece->bytes;
    struct watch_calls calls;

    watch_get_calls(watch, &calls);
    if (watch_is_known(watch, rule, access, &calls)) {
        return;
    }
    put_title(watch, rules[rule].id, rules[rule].what);
    watch_put(watch, "  the access       ");
    watch_put(watch, !access->writes ? "a load of "
                     : access->reads ? "an atomic access to "
                                     : "a store of ");
    put_bytes(watch, access->bytes);
    watch_put(watch, " at ");
    put_address(watch, access->virt);
    watch_put(watch, ", physical ");
    put_address(watch, access->memory);
    watch_put(watch, access->user ? ", by a program at EL0" : "");
    put_code(watch, "\n  by               ", access->pc);
    put_calls(watch, &calls);
    put_owner(watch, piece);
    put_advice(watch, rule);
    watch_put(watch, "record: watch=owner rule=");
    watch_put(watch, rules[rule].id);
    put_field(watch, "pc", access->pc);
    put_field(watch, "virtual", access->virt);
    put_field(watch, "physical", access->memory);
    put_field(watch, "bytes", access->bytes);
    put_field(watch, "reads", access->reads);
    put_field(watch, "writes", access->writes);
    put_field(watch, "request", bytes->request);
    put_field(watch, "type", bytes->type);
    put_field(watch, "where", bytes->where);
    put_field(watch, "segment", bytes->segment);
    put_field(watch, "start", bytes->memory);
    put_field(watch, "length", bytes->length);
    put_field(watch, "doorbell", bytes->pc);
    end_report(watch);
}

/* The device's own accesses are of whoever rang the last doorbell; each rule once for each. */
static bool is_known_line(struct watch *watch, enum watch_rule rule,
                          const struct watch_access *access, const struct watch_calls *calls)
{
    const struct watch_access place = {.pc = calls->count > 1   ? calls->pcs[1] ^ calls->pcs[0]
                                             : calls->count > 0 ? calls->pcs[0]
                                                                : 0};

    return access != NULL ? watch_is_known(watch, rule, access, calls)
                          : watch_is_known(watch, rule, &place, &(struct watch_calls){0});
}

#define SHOWN 8u

static void put_copy(struct watch *watch, const char *before, const uint8_t *from, uint64_t bytes)
{
    watch_put(watch, before);
    for (uint64_t i = 0; i < bytes && i < SHOWN; i++) {
        watch_put(watch, " ");
        watch_put_hex(watch, from[i], 2);
    }
}

/*
 * What reports of bytes begin with, whoever has touched them; access NULL: the device. tells_cache:
 * it matters how. False: it has been said.
 */
static bool begin_bytes(struct watch *watch, enum watch_rule rule,
                        const struct watch_access *access, uint64_t memory, uint64_t bytes,
                        bool tells_cache, struct watch_calls *calls)
{
    *calls = (struct watch_calls){.count = 0};
    if (access != NULL) {
        watch_get_calls(watch, calls);
    } else if (watch->bell != 0) {
        *calls = watch->bells[watch->bell % WATCH_BELLS];
    }
    if (is_known_line(watch, rule, access, calls)) {
        return false;
    }
    put_title(watch, rules[rule].id, rules[rule].what);
    watch_put(watch, "  where            ");
    put_bytes(watch, bytes);
    watch_put(watch, " at physical ");
    put_address(watch, memory);
    if (access != NULL) {
        watch_put(watch, ", by address ");
        put_address(watch, access->virt);
        if (tells_cache) {
            watch_put(watch, access->cached ? ", cached" : ", not cached");
        }
        put_code(watch, "\n  by               ", access->pc);
    } else {
        watch_put(watch, "\n  by               the device, after a doorbell\n");
    }
    put_calls(watch, calls);
    return true;
}

/* And the line for tools begins; the rest of it depends on who watches. */
static void begin_record(struct watch *watch, const char *of, enum watch_rule rule,
                         const struct watch_access *access, uint64_t memory, uint64_t bytes)
{
    watch_put(watch, "record: watch=");
    watch_put(watch, of);
    watch_put(watch, " rule=");
    watch_put(watch, rules[rule].id);
    put_field(watch, "pc", access != NULL ? access->pc : 0);
    put_field(watch, "virtual", access != NULL ? access->virt : 0);
    put_field(watch, "physical", memory);
    put_field(watch, "bytes", bytes);
}

void watch_report_line(struct watch *watch, enum watch_rule rule, const struct watch_access *access,
                       uint64_t memory, uint64_t bytes, const uint8_t *cpu, const uint8_t *device)
{
    struct watch_calls calls;

    if (!begin_bytes(watch, rule, access, memory, bytes, true, &calls)) {
        return;
    }
    if (cpu != NULL) {
        uint64_t first = 0;

        while (first + 1 < bytes && cpu[first] == device[first]) {
            first++;
        }
        watch_put(watch, "  from byte        ");
        watch_put_decimal(watch, first);
        put_copy(watch, " on the CPU has", cpu + first, bytes - first);
        put_copy(watch, ", the device has", device + first, bytes - first);
        watch_put(watch, "\n");
    }
    put_advice(watch, rule);
    begin_record(watch, "coherence", rule, access, memory, bytes);
    put_field(watch, "cached", access != NULL && access->cached);
    put_field(watch, "caller", calls.count != 0 ? calls.pcs[0] : 0);
    end_report(watch);
}

static void put_block(struct watch *watch, uint64_t memory)
{
    const struct watch_block *block = watch_block_of(watch, memory);

    if (block != NULL) {
        watch_put(watch, "  allocated        ");
        put_bytes(watch, block->bytes);
        watch_put(watch, ", of which this is number ");
        watch_put_decimal(watch, memory - block->memory);
        watch_put(watch, "\n");
        put_calls(watch, &block->calls);
    }
}

void watch_report_unwritten(struct watch *watch, enum watch_rule rule,
                            const struct watch_access *access, uint64_t memory, uint64_t bytes,
                            const struct watch_rest *rest)
{
    struct watch_calls calls;

    if (!begin_bytes(watch, rule, access, memory, bytes, false, &calls)) {
        return;
    }
    if (rest != NULL) {
        watch_put(watch, "  left by          request ");
        watch_put_decimal(watch, rest->request);
        watch_put(watch, ", a ");
        watch_put(watch, request_name(rest->type));
        watch_put(watch, ", which has moved ");
        put_bytes(watch, rest->moved);
        watch_put(watch, "\n");
    }
    put_block(watch, memory);
    put_advice(watch, rule);
    begin_record(watch, "init", rule, access, memory, bytes);
    put_field(watch, "request", rest != NULL ? rest->request : 0);
    put_field(watch, "caller", calls.count != 0 ? calls.pcs[0] : 0);
    end_report(watch);
}

void watch_note_full(struct watch *watch)
{
    if (!watch->lines.full) {
        watch->lines.full = true;
        watch_put(watch,
                  "\nwatch: note: more pages than there is room for copies of; what is not yet "
                  "known counts as coherent\n");
    }
}

void watch_report_refusal(struct watch *watch, const struct vdma_record *record)
{
    const bool known = record->rule >= 1 && record->rule <= sizeof(refusals) / sizeof(refusals[0]);

    if (!known) {
        return;
    }
    put_title(watch, refusals[record->rule - 1].id, refusals[record->rule - 1].what);
    watch_put(watch, "  refused          ");
    if (record->request != 0) {
        watch_put(watch, "request ");
        watch_put_decimal(watch, record->request);
        watch_put(watch, ", a ");
        watch_put(watch, request_name(record->type));
    } else {
        watch_put(watch, "an access to the device");
    }
    if (record->code == VDMA_IN_REGISTERS) {
        watch_put(watch, ", register ");
        put_address(watch, record->segment);
    } else if (record->segment != VDMA_NO_SEGMENT) {
        watch_put(watch, "; ");
        watch_put(watch, place_name(record->code));
        watch_put(watch, ": ");
        watch_put_decimal(watch, record->segment);
    }
    watch_put(watch, "\n  its value        ");
    put_address(watch, record->value);
    if (record->pc != 0) {
        put_code(watch, "\n  by               ", record->pc);
        if (watch->bell != 0 && record->code != VDMA_IN_REGISTERS) {
            put_calls(watch, &watch->bells[watch->bell % WATCH_BELLS]);
        }
    } else {
        watch_put(watch, "\n");
    }
    watch_put(watch,
              "  now              no byte has moved; qemu/vdma/README.md explains the rule\n");
    watch_put(watch, "record: watch=rules rule=");
    watch_put(watch, refusals[record->rule - 1].id);
    put_field(watch, "pc", record->pc);
    put_field(watch, "request", record->request);
    put_field(watch, "type", record->type);
    put_field(watch, "where", record->code);
    put_field(watch, "segment", record->segment);
    put_field(watch, "value", record->value);
    end_report(watch);
}

void watch_note_open(struct watch *watch, uint64_t page, uint64_t pc, enum watch_opening why)
{
    if (watch_is_known(watch, WATCH_NONE, &(struct watch_access){.pc = pc},
                       &(struct watch_calls){0})) {
        return;
    }
    watch_put(watch, "\nwatch: note: the page at ");
    put_address(watch, page);
    watch_put(watch, " is not watched until the device has given its bytes back:\n");
    watch_put(watch,
              why == WATCH_EXCLUSIVE
                  ? "  a load-exclusive beside them needs its store-exclusive to follow unseen"
                  : "  tables of the CPU's own translation lie there");
    put_code(watch, "\n  by               ", pc);
}

void watch_note_overflow(struct watch *watch, const struct vdma_owned *bytes)
{
    if (!watch->overflown) {
        watch->overflown = true;
        watch_put(watch,
                  "\nwatch: note: the device has more pieces of memory than can be watched; of "
                  "request ");
        watch_put_decimal(watch, bytes->request);
        watch_put(watch, " on some are not\n");
    }
}
