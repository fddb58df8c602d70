/* SPDX-License-Identifier: BSD-2-Clause */
/* The raw side of vdma: see vdma_raw.h. */
#include "tests/lib/vdma_raw.h"

#include <string.h>

#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/timer.h"

#define REGISTERS 0x0a000000ull /* virtio-mmio slot 0 of the virt machine */
#define SLOT_SIZE 0x200u
#define VENDOR    0x414d4456u

#define SECOND 1000000000ull

static volatile void *registers;
static paddr_t arena;
static uint16_t published, seen;

/* --- The arena, and little-endian words in it ------------------------------------------------- */

bool raw_begin(void)
{
    const struct page_request request = {
        .count = RAW_BYTES / PAGE_SIZE, .alignment = RAW_BYTES, .owner = PAGE_OWNER_IMAGE};

    registers = mmu_map_device(paddr(REGISTERS), SLOT_SIZE);
    if (registers == NULL || raw_read(0x00c) != VENDOR ||
        page_alloc_run(&request, &arena) != KERN_SUCCESS) {
        return false;
    }
    memset(raw_at(0), 0, RAW_BYTES);
    return true;
}

void raw_end(void)
{
    raw_write(0x070, 0);
    page_free_run(arena, RAW_BYTES / PAGE_SIZE);
}

volatile void *raw_registers(void)
{
    return registers;
}

uint32_t raw_read(uint32_t offset)
{
    return mmio_read32(registers, offset);
}

void raw_write(uint32_t offset, uint32_t value)
{
    __asm__ volatile("dsb ishst" : : : "memory");
    mmio_write32(registers, offset, value);
    __asm__ volatile("" : : : "memory");
}

/* The virt machine's RAM is one bank. */
static uint64_t end_of_ram(void)
{
    const struct devicetree_range *bank = &devicetree_machine()->memory[0];

    return bank->base.value + bank->size;
}

uint64_t raw_address(struct raw_place place)
{
    switch (place.base) {
    case RAW_ARENA:
        return arena.value + place.at;
    case RAW_FROM_END:
        return end_of_ram() + place.at;
    default:
        return place.at;
    }
}

uint8_t *raw_at(uint32_t offset)
{
    return (uint8_t *)phys_to_virt(arena) + offset;
}

static void put(uint32_t offset, uint64_t value, unsigned bytes)
{
    memcpy(raw_at(offset), &value, bytes);
}

static uint64_t get(uint32_t offset, unsigned bytes)
{
    uint64_t value = 0;

    memcpy(&value, raw_at(offset), bytes);
    return value;
}

/* --- Rings ------------------------------------------------------------------------------------ */

void raw_start_to_queue(uint64_t features)
{
    raw_write(0x070, 0);
    raw_write(0x070, 1);
    raw_write(0x070, 3);
    raw_write(0x024, 0);
    raw_write(0x020, (uint32_t)features);
    raw_write(0x024, 1);
    raw_write(0x020, (uint32_t)(features >> 32));
    raw_write(0x070, 11);
    memset(raw_at(RAW_DESC), 0, 16 * RAW_SIZE);
    memset(raw_at(RAW_AVAIL), 0, 6 + 2 * RAW_SIZE);
    memset(raw_at(RAW_USED), 0, 6 + 8 * RAW_SIZE);
    published = seen = 0;
    raw_write(0x030, 0);
    raw_write(0x038, RAW_SIZE);
    raw_write(0x080, (uint32_t)(arena.value + RAW_DESC));
    raw_write(0x084, (uint32_t)((arena.value + RAW_DESC) >> 32));
    raw_write(0x090, (uint32_t)(arena.value + RAW_AVAIL));
    raw_write(0x094, (uint32_t)((arena.value + RAW_AVAIL) >> 32));
    raw_write(0x0a0, (uint32_t)(arena.value + RAW_USED));
    raw_write(0x0a4, (uint32_t)((arena.value + RAW_USED) >> 32));
}

void raw_start(uint64_t features)
{
    raw_start_to_queue(features);
    raw_write(0x044, 1);
    raw_write(0x070, 15);
}

void raw_desc_at(uint32_t table, unsigned index, uint64_t address, uint32_t length, unsigned flags,
                 unsigned next)
{
    put(table + 16 * index, address, 8);
    put(table + 16 * index + 8, length, 4);
    put(table + 16 * index + 12, flags, 2);
    put(table + 16 * index + 14, next, 2);
}

void raw_publish(unsigned head)
{
    put(RAW_AVAIL + 4 + 2 * (published % RAW_SIZE), head, 2);
    __asm__ volatile("dmb ishst" : : : "memory");
    put(RAW_AVAIL + 2, ++published, 2);
}

void raw_ring(void)
{
    raw_write(0x050, 0);
}

unsigned raw_used(void)
{
    return *(volatile uint16_t *)raw_at(RAW_USED + 2);
}

bool raw_needs_reset(void)
{
    return (raw_read(0x070) & 0x40) != 0;
}

/* --- Requests --------------------------------------------------------------------------------- */

static bool is_private(const struct raw_request *request)
{
    return request->type >> 16 == 0x5644;
}

static uint32_t header_at(const struct raw_request *request)
{
    return request->header_at != 0 ? request->header_at : RAW_HEADER;
}

static uint32_t status_at(const struct raw_request *request)
{
    return request->status_at != 0 ? request->status_at : RAW_STATUS;
}

static void lay_header(const struct raw_request *request)
{
    const uint32_t at = header_at(request);

    put(at, request->type, 4);
    put(at + 4, request->flags, 4);
    put(at + 8, request->sector, 8);
    if (!is_private(request)) {
        return;
    }
    put(at + 16, request->arguments[0] + (request->first_is_place ? arena.value : 0), 8);
    put(at + 24, request->arguments[1], 8);
    put(at + 32, raw_address(request->source.at), 8);
    put(at + 40, request->source.entries, 4);
    put(at + 44, request->source.format, 4);
    put(at + 48, raw_address(request->target.at), 8);
    put(at + 56, request->target.entries, 4);
    put(at + 60, request->target.format, 4);
}

static void lay_list(const struct raw_request *request)
{
    const struct raw_place at = (request->flags & 1) != 0 ? request->source.at : request->target.at;

    for (unsigned i = 0; i < 3 && at.base == RAW_ARENA && request->list[i].at.base != RAW_NOWHERE;
         i++) {
        put((uint32_t)at.at + 16 * i, raw_address(request->list[i].at), 8);
        put((uint32_t)at.at + 16 * i + 8, request->list[i].length, 8);
    }
}

void raw_lay(const struct raw_request *request)
{
    const uint32_t table = request->indirect ? RAW_INDIRECT : RAW_DESC;
    const uint32_t header = is_private(request) ? 64 : 16, status = is_private(request) ? 32 : 1;
    unsigned at = request->indirect ? 0 : request->head;

    lay_header(request);
    lay_list(request);
    memset(raw_at(status_at(request)), 0xee, status);
    raw_desc_at(table, at, arena.value + header_at(request),
                request->header_bytes != 0 ? request->header_bytes : header, RAW_NEXT, at + 1);
    at++;
    for (unsigned i = 0; i < 5 && request->data[i].at.base != RAW_NOWHERE; i++, at++) {
        raw_desc_at(table, at, raw_address(request->data[i].at), (uint32_t)request->data[i].length,
                    RAW_NEXT | (request->data[i].write ? RAW_WRITE : 0) | request->data[i].flags,
                    at + 1);
    }
    raw_desc_at(table, at, arena.value + status_at(request),
                request->status_bytes != 0 ? request->status_bytes : status, RAW_WRITE, 0);
    at++;
    if (request->indirect) {
        raw_desc_at(RAW_DESC, request->head, arena.value + RAW_INDIRECT, 16 * at, RAW_INDIRECTLY,
                    0);
    }
}

struct raw_answer raw_answer_of(const struct raw_request *request)
{
    const uint32_t at = status_at(request);
    struct raw_answer answer = {.came = raw_used() != seen};

    if (!answer.came) {
        return answer;
    }
    answer.id = (uint32_t)get(RAW_USED + 4 + 8 * (seen % RAW_SIZE), 4);
    answer.length = (uint32_t)get(RAW_USED + 8 + 8 * (seen % RAW_SIZE), 4);
    seen++;
    if (!is_private(request)) {
        answer.code = *raw_at(at);
        return answer;
    }
    answer.tag = get(at, 8);
    answer.value = get(at + 8, 8);
    answer.moved = get(at + 16, 8);
    answer.segment = (uint32_t)get(at + 24, 4);
    answer.rule = (uint16_t)get(at + 28, 2);
    answer.where = *raw_at(at + 30);
    answer.code = *raw_at(at + 31);
    return answer;
}

struct raw_answer raw_run(const struct raw_request *request)
{
    raw_lay(request);
    raw_publish(request->head);
    raw_ring();
    return raw_answer_of(request);
}

bool raw_wait(void)
{
    const uint64_t end = timer_now() + SECOND;

    while (raw_used() == seen) {
        if (timer_now() > end) {
            return false;
        }
    }
    return true;
}

static bool about_the_device(struct raw_request request, uint32_t bytes)
{
    request.data[0] = (struct raw_piece){.at = {RAW_ARENA, RAW_CONTENT}, .length = bytes};
    return raw_run(&request).code == 0;
}

bool raw_set_limits(const struct raw_limits *limits)
{
    _Static_assert(sizeof(*limits) == 64, "the sheet says 64");
    memcpy(raw_at(RAW_CONTENT), limits, sizeof(*limits));
    return about_the_device(
        (struct raw_request){.type = RAW_SET_LIMITS, .arguments = {0xffffffff, 0}}, 64);
}

bool raw_inject(unsigned kind, uint32_t after, uint64_t argument)
{
    memset(raw_at(RAW_CONTENT), 0, 32);
    put(RAW_CONTENT, kind, 2);
    put(RAW_CONTENT + 4, after, 4);
    put(RAW_CONTENT + 8, argument, 8);
    return about_the_device((struct raw_request){.type = RAW_INJECT, .arguments = {1, 0}}, 32);
}

bool raw_script(uint64_t seed, uint32_t kinds, uint32_t rate, uint64_t argument_max)
{
    memset(raw_at(RAW_CONTENT), 0, 32);
    put(RAW_CONTENT, seed, 8);
    put(RAW_CONTENT + 8, kinds, 4);
    put(RAW_CONTENT + 12, rate, 4);
    put(RAW_CONTENT + 16, argument_max, 8);
    return about_the_device((struct raw_request){.type = RAW_INJECT, .arguments = {2, 0}}, 32);
}

/* --- The log ---------------------------------------------------------------------------------- */

/* In descriptors of its own, so that what a test has laid stays. */
unsigned raw_log_read(void)
{
    const struct raw_request request = {
        .type = RAW_READ_LOG,
        .head = RAW_SIZE - 3,
        .header_at = RAW_RECORDS - 0x200,
        .status_at = RAW_RECORDS - 0x100,
        .data = {{.at = {RAW_ARENA, RAW_RECORDS}, .length = 64 * RAW_RECORDS_MAX, .write = true}},
    };
    const struct raw_answer answer = raw_run(&request);

    return answer.code == 0 ? (unsigned)answer.value : 0;
}

const struct raw_record *raw_log_record(unsigned i)
{
    _Static_assert(sizeof(struct raw_record) == 64, "the sheet says 64");
    return (const struct raw_record *)raw_at(RAW_RECORDS) + i;
}

const struct raw_record *raw_log_refusal(void)
{
    const struct raw_record *last = NULL;
    const unsigned count = raw_log_read();

    for (unsigned i = 0; i < count; i++) {
        if (raw_log_record(i)->event == 4) {
            last = raw_log_record(i);
        }
    }
    return last;
}
