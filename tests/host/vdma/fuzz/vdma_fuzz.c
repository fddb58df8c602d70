/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anything at all through vdma's registers and rings (libFuzzer). The input is a list of
 * operations of a driver, from well-formed requests to single bytes of memory.
 *
 * Wrong is, beside what the sanitizers see: a write outside what some chain, list or ring
 * of the driver describes while no fault was asked for; steps that never end; memory that
 * is still owned after a reset; and a second run of the same input that differs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/vdma/fuzz/described.h"

#define STEPS_MAX 5000u

struct input {
    const uint8_t *bytes;
    size_t left;
};

static struct vdma device;
static struct guest guest;
static uint8_t disk[16 * 512];

static void wrong(const char *what)
{
    fprintf(stderr, "vdma_fuzz: %s\n", what);
    abort();
}

static uint64_t take(struct input *input, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && input->left != 0; i++, input->left--) {
        value |= (uint64_t)*input->bytes++ << 8 * i;
    }
    return value;
}

static uint64_t port_translate(void *context, uint64_t bus, uint64_t length, unsigned access,
                               uint64_t *memory)
{
    (void)context;
    (void)access;
    if (bus - FUZZ_BASE >= FUZZ_RAM) {
        return 0;
    }
    *memory = bus - FUZZ_BASE;
    return length < FUZZ_RAM - *memory ? length : FUZZ_RAM - *memory;
}

static bool port_read(void *context, uint64_t memory, void *to, uint32_t length)
{
    (void)context;
    if (memory > FUZZ_RAM || length > FUZZ_RAM - memory) {
        wrong("a read where translate said there is nothing");
    }
    memcpy(to, guest.ram + memory, length);
    if (guest.racing) {
        /* Another CPU is at work in the same place. */
        guest.ram[(memory + guest.race) % FUZZ_RAM] ^= (uint8_t)(guest.race >> 8);
        guest.race = guest.race * 1103515245 + 12345;
    }
    return true;
}

static bool port_write(void *context, uint64_t memory, const void *from, uint32_t length)
{
    (void)context;
    if (memory > FUZZ_RAM || length > FUZZ_RAM - memory) {
        wrong("a write where translate said there is nothing");
    }
    for (uint32_t i = 0; i < length; i++) {
        if (!guest.racing && !guest.faults && !guest.described[memory + i]) {
            wrong("a write to bytes that nobody described");
        }
    }
    memcpy(guest.ram + memory, from, length);
    return true;
}

static void port_own(void *context, const struct vdma_owned *bytes)
{
    (void)context;
    if (bytes->memory > FUZZ_RAM || bytes->length > FUZZ_RAM - bytes->memory) {
        wrong("memory is owned that there is not");
    }
    guest.owners += guest.last_owner != bytes->request || guest.owners == 0;
    guest.last_owner = bytes->request;
}

static void port_disown(void *context, uint32_t request)
{
    (void)context;
    if (guest.last_owner == request) {
        guest.owners = 0;
    }
}

static void port_line(void *context, unsigned vector, bool high)
{
    (void)context;
    guest.hash = guest.hash * 31 + vector * 2 + high;
}

static void port_deadline(void *context, uint64_t tick)
{
    (void)context;
    if (tick <= guest.now) {
        wrong("a deadline in the past");
    }
    guest.deadline = tick;
}

static void port_record(void *context, const struct vdma_record *record)
{
    const uint8_t *bytes = (const uint8_t *)record;

    (void)context;
    for (size_t i = 0; i < sizeof(*record); i++) {
        guest.hash = (guest.hash ^ bytes[i]) * 0x100000001b3ull;
    }
}

static const struct vdma_ports ports = {.translate = port_translate,
                                        .read = port_read,
                                        .write = port_write,
                                        .own = port_own,
                                        .disown = port_disown,
                                        .line = port_line,
                                        .deadline = port_deadline,
                                        .record = port_record};

static void put(uint64_t at, uint64_t value, unsigned bytes)
{
    memcpy(guest.ram + at % (FUZZ_RAM - 8), &value, bytes);
}

static void step(void)
{
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        describe(&guest);
        if (!vdma_step(&device, guest.now)) {
            return;
        }
    }
    wrong("it never comes to an end");
}

static void access_register(uint32_t offset, unsigned size, bool write, uint64_t value)
{
    const bool ready = vdma_read_register(&device, 0x044, 4, 0, guest.now) != 0;

    if (!write) {
        value = vdma_read_register(&device, offset, size, 0, guest.now);
    } else if (size == 4) {
        describe_register(&guest, offset, (uint32_t)value, ready);
    }
    if (write && vdma_write_register(&device, offset, size, value, 0, guest.now) &&
        offset == 0x070 && value == 0) {
        if (guest.owners != 0) {
            wrong("memory is owned after a reset");
        }
        if (!guest.faults) {
            memset(guest.described, 0, sizeof(guest.described));
        }
    }
    guest.hash = guest.hash * 31 + value;
}

static void write_register(uint32_t offset, uint64_t value)
{
    access_register(offset, 4, true, value);
}

/* What any driver does; `features` are the lower half. */
static void set_up(uint32_t features)
{
    write_register(0x070, 0);
    write_register(0x070, 1);
    write_register(0x070, 3);
    write_register(0x024, 0);
    write_register(0x020, features);
    write_register(0x024, 1);
    write_register(0x020, 1);
    write_register(0x070, 11);
    write_register(0x030, 0);
    write_register(0x038, FUZZ_ENTRIES);
    write_register(0x080, FUZZ_BASE + FUZZ_DESC);
    write_register(0x090, FUZZ_BASE + FUZZ_AVAIL);
    write_register(0x0a0, FUZZ_BASE + FUZZ_USED);
    memset(guest.ram, 0, FUZZ_HEADERS);
    for (unsigned i = 0; i < 512; i++) {
        put(FUZZ_PAGES + 8 * i, FUZZ_BASE + i % 16 * 4096 + (i % 16 == 7 ? 1 : 3), 8);
    }
    guest.avail = 0;
    write_register(0x044, 1);
    write_register(0x070, 15);
}

static void put_desc(uint64_t at, uint64_t address, uint32_t length, unsigned flags, unsigned next)
{
    put(at, address, 8);
    put(at + 8, length, 4);
    put(at + 12, flags, 2);
    put(at + 14, next, 2);
}

static void publish(unsigned head)
{
    put(FUZZ_AVAIL + 4 + 2 * (guest.avail % FUZZ_ENTRIES), head, 2);
    put(FUZZ_AVAIL + 2, ++guest.avail, 2);
}

static const uint32_t types[] = {0,          1,          4,          8,          0x56440100,
                                 0x56440101, 0x56440102, 0x56440103, 0x56440104, 0x56440110,
                                 0x56440111, 0x56440112, 0x56440113, 0x56440114, 0x56440177};

static uint32_t put_header(struct input *input, uint64_t at)
{
    const uint32_t type = types[take(input, 1) % (sizeof(types) / sizeof(types[0]))];

    put(at, type, 4);
    put(at + 4, take(input, 1) & 7, 4);
    put(at + 8, take(input, 1), 8);
    put(at + 16, take(input, 2), 8);
    put(at + 24, take(input, 1) & 15, 8);
    for (unsigned i = 32; i < 64; i += 16) {
        put(at + i, FUZZ_BASE + take(input, 2), 8);
        put(at + i + 8, take(input, 1) & 31, 4);
        put(at + i + 12, take(input, 1) % 11, 4);
    }
    return type;
}

/* What each request wants of the rest of its chain, so that most are carried out. */
static void tidy_header(uint64_t at, uint32_t type, uint32_t length, unsigned pieces,
                        unsigned *readable, unsigned *writable)
{
    const bool reads = type == 1 || type == 0x56440101 || type == 0x56440103 ||
                       type == 0x56440104 || type == 0x56440113;
    const bool writes = type == 0 || type == 8 || type == 0x56440101 || type == 0x56440102 ||
                        type == 0x56440110 || type == 0x56440114;

    *readable = reads ? pieces << (type == 0x56440103) : 0;
    *writable = writes ? pieces : 0;
    put(at + 4, 0, 4);
    if (type == 0x56440113) {
        put(at + 16, length == 32, 8);
    } else if (type == 0x56440103) {
        put(at + 16, length, 8);
    } else if (type == 0x56440111) {
        put(at + 16, length % VDMA_PROFILES, 8);
    } else if (type == 0x56440112) {
        put(at + 16, FUZZ_BASE + FUZZ_PAGES, 8);
        put(at + 24, 512, 8);
    } else if (type != 0x56440102) {
        put(at + 16, 0, 8);
    }
    if (type == 0x56440102) {
        put(at + 24, 4, 8);
    } else if (type != 0x56440112) {
        put(at + 24, 0, 8);
    }
}

/* A chain that is nearly right, in a part of the table of its own. */
static void request(struct input *input)
{
    static const uint32_t lengths[] = {32, 512, 64, 8, 4, 1024, 20, 104};
    const unsigned shape = (unsigned)take(input, 1);
    const unsigned slot = shape & 3;
    unsigned readable = shape >> 2 & 3;
    unsigned writable = shape >> 4 & 3;
    const bool indirect = (shape & 0x40) != 0;
    const bool tidy = (shape & 0x80) != 0;
    const uint64_t header = FUZZ_HEADERS + 64 * slot;
    const uint64_t table = indirect ? FUZZ_TABLES + 256 * slot : FUZZ_DESC;
    const uint32_t type = put_header(input, header);
    const unsigned size = (unsigned)take(input, 1);
    const uint32_t length = lengths[size % 8];
    const unsigned pieces = 1 + (size >> 3 & 1); /* of each side */
    const bool disk_request = (type >> 16) == 0;
    unsigned at = indirect ? 0 : 8 * slot;

    if (tidy) {
        tidy_header(header, type, length, pieces, &readable, &writable);
    }
    put_desc(table + 16 * at, FUZZ_BASE + header, tidy && disk_request ? 16 : 64, 1, at + 1);
    at++;
    for (unsigned i = 0; i < readable + writable; i++, at++) {
        const uint64_t address = take(input, 2);

        put_desc(table + 16 * at, FUZZ_BASE + (tidy ? 0x4000 + (address & 0xbff8) : address),
                 tidy ? length / pieces : (uint32_t)take(input, 2), i < readable ? 1 : 3, at + 1);
    }
    put_desc(table + 16 * at, FUZZ_BASE + FUZZ_STATUS + 32 * slot, tidy && disk_request ? 1 : 32, 2,
             0);
    at++;
    if (indirect) {
        put_desc(FUZZ_DESC + 16 * 8 * slot, FUZZ_BASE + table, 16 * at, 4, 0);
    }
    publish(8 * slot);
}

static void poke(struct input *input)
{
    const uint64_t at = take(input, 2);

    for (unsigned i = (unsigned)take(input, 1) % 40; i != 0; i--) {
        put(at + i, take(input, 1), 1);
    }
}

static void operation(struct input *input)
{
    const unsigned what = (unsigned)take(input, 1);

    switch (what & 7) {
    case 0:
        access_register((uint32_t)take(input, 1) * 4, 4, (what & 8) != 0, take(input, 4));
        break;
    case 1:
        access_register((uint32_t)take(input, 2), (unsigned)take(input, 1), (what & 8) != 0,
                        take(input, 4));
        break;
    case 2:
        poke(input);
        break;
    case 3:
        put(FUZZ_DESC + take(input, 1) * 2, take(input, 2), 2);
        break;
    case 4:
        publish(what >> 3);
        write_register(0x050, 0);
        step();
        break;
    case 5:
        guest.now += take(input, (what & 8) != 0 ? 1 : 2);
        step();
        break;
    default:
        request(input);
        if ((what & 8) != 0) {
            write_register(0x050, 0);
            step();
        }
    }
}

static void play(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, size};
    struct vdma_options options = {.disk = disk, .sectors = 16, .queue_size = 64};
    const unsigned what = (unsigned)take(&input, 1);
    const uint32_t features = (uint32_t)take(&input, 1) << 28; /* INDIRECT_DESC, EVENT_IDX */
    struct vdma_limits limits;

    memset(&guest, 0, sizeof(guest));
    memset(disk, 0x11, sizeof(disk));
    guest.now = 1;
    options.profile = what % VDMA_PROFILES;
    vdma_profile_limits(options.profile, &limits);
    if ((what & 0x20) != 0) {
        limits.latency = take(&input, 1);
        options.limits = &limits;
    }
    guest.racing = (what & 0x40) != 0;
    if ((what & 0x80) != 0) {
        options.script = (struct vdma_script){
            .seed = take(&input, 1), .kinds = 0x7fffe, .rate = 20000, .argument_max = 300};
        guest.faults = true;
    }
    if (!vdma_init(&device, &ports, NULL, &options)) {
        wrong("good options are refused");
    }
    set_up(features & 0x30000000);
    while (input.left != 0) {
        operation(&input);
    }
    write_register(0x070, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint64_t hash;

    play(bytes, size);
    hash = guest.hash;
    play(bytes, size);
    if (guest.hash != hash) {
        wrong("the same input had another outcome");
    }
    return 0;
}
