/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unit of an Interrupt Translation Service (Arm IHI 0069, section 5.2): its queue, whose
 * commands are carried out one at a time, each waited for, and the tables that are its own.
 */
#include "kernel/cache.h"
#include "kernel/console.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/irq/its_private.h"
#include "kernel/lock.h"
#include "kernel/page.h"

#define GITS_CTLR        0x000u
#define GITS_CTLR_ENABLE 0x1u
#define GITS_CTLR_QUIET  0x80000000u
#define GITS_TYPER       0x008u
#define TYPER_ENTRY(x)   (((x) >> 4 & 0xfu) + 1)   /* bytes of an event in a table */
#define TYPER_EVENTS(x)  (((x) >> 8 & 0x1fu) + 1)  /* bits of an event's number */
#define TYPER_DEVICES(x) (((x) >> 13 & 0x1fu) + 1) /* of a sender's */
#define TYPER_PTA        (1ull << 19)
#define GITS_CBASER      0x080u
#define GITS_CWRITER     0x088u
#define GITS_CREADR      0x090u
#define CREADR_STALLED   0x1u
#define GITS_BASER       0x100u
#define BASERS           8u
#define BASER_VALID      (1ull << 63)
#define BASER_INDIRECT   (1ull << 62)
#define BASER_TYPE(x)    ((x) >> 56 & 7u)
#define TYPE_DEVICES     1u
#define TYPE_COLLECTIONS 4u
#define BASER_ENTRY(x)   (((x) >> 48 & 0x1fu) + 1)
#define BASER_PAGE(x)    (4096ull << ((x) >> 8 & 3u) * 2)
#define BASER_PAGES      (3ull << 8)
#define BASER_PAGES_MAX  256u
#define GITS_TRANSLATER  0x10040u
/* Write-back and inner shareable (9.19.1 and 9.19.2). */
#define TABLE_ATTRIBUTES (7ull << 59 | 1ull << 10)

#define QUEUE_BYTES   PAGE_SIZE
#define COMMAND_BYTES 32u
#define READS_MAX     1000000u /* of CREADR, until a command is given up */

#define COMMAND_SYNC    0x05u
#define COMMAND_MAPD    0x08u
#define COMMAND_MAPC    0x09u
#define COMMAND_MAPTI   0x0au
#define COMMAND_INV     0x0cu
#define COMMAND_DISCARD 0x0fu
#define VALID           (1ull << 63)

#define COLLECTION 0u /* the one, of this CPU */

/*
 * Over the queues: a handler may close its line while a thread sets up another. The rest is
 * changed by threads alone.
 */
static struct lock queue_lock = LOCK_INITIAL("an ITS", LOCK_RANK_ITS);

/* --- Commands --------------------------------------------------------------------------------- */

/* With the queue's lock held. */
static bool carry_out(struct its *its, uint64_t first, uint64_t second, uint64_t third)
{
    uint64_t *at = (uint64_t *)(its->queue + its->write);

    at[0] = first;
    at[1] = second;
    at[2] = third;
    at[3] = 0;
    cache_clean(at, COMMAND_BYTES); /* and it is there before its offset is */
    its->write = (its->write + COMMAND_BYTES) % QUEUE_BYTES;
    mmio_write64(its->registers, GITS_CWRITER, its->write);
    for (unsigned i = 0; i < READS_MAX; i++) {
        const uint64_t read = mmio_read64(its->registers, GITS_CREADR);

        if ((read & CREADR_STALLED) != 0) {
            return false;
        }
        if (read == its->write) {
            return true;
        }
    }
    return false;
}

static bool command(struct its *its, uint64_t first, uint64_t second, uint64_t third)
{
    const lock_state_t state = lock_take(&queue_lock);
    const bool was_broken = its->broken;

    its->broken = was_broken || !carry_out(its, first, second, third);
    lock_release(&queue_lock, state);
    if (its->broken && !was_broken) {
        kprintf("its: command 0x%02x is not carried out; no more messages are set up\n",
                (unsigned)first & 0xff);
    }
    return !its->broken;
}

bool its_synchronise(struct its *its)
{
    return command(its, COMMAND_SYNC, 0, its->target);
}

bool its_map_sender(struct its *its, uint32_t requester, unsigned bits, const void *table)
{
    return command(its, COMMAND_MAPD | (uint64_t)requester << 32, bits - 1,
                   table != NULL ? VALID | virt_to_phys(table).value : 0) &&
           its_synchronise(its);
}

bool its_map_event(struct its *its, uint32_t requester, unsigned event, unsigned intid)
{
    return command(its, COMMAND_MAPTI | (uint64_t)requester << 32, event | (uint64_t)intid << 32,
                   COLLECTION);
}

void its_discard_event(struct its *its, uint32_t requester, unsigned event)
{
    command(its, COMMAND_DISCARD | (uint64_t)requester << 32, event, 0);
}

void its_reload_event(struct its *its, uint32_t requester, unsigned event)
{
    command(its, COMMAND_INV | (uint64_t)requester << 32, event, 0);
    its_synchronise(its);
}

/* --- Tables ----------------------------------------------------------------------------------- */

static void *pages(uint64_t bytes, uint64_t alignment)
{
    const struct page_request request = {.count = (bytes + PAGE_MASK) >> PAGE_SHIFT,
                                         .alignment = alignment,
                                         .owner = PAGE_OWNER_DRIVER,
                                         .zero = true};
    paddr_t first;
    void *table;

    if (page_alloc_run(&request, &first) != KERN_SUCCESS) {
        return NULL;
    }
    table = phys_to_virt(first);
    cache_clean(table, request.count << PAGE_SHIFT);
    return table;
}

/* A table of `count` pages of the ITS's own size, told to it. NULL: it does not take it. */
static void *give_table(struct its *its, unsigned index, uint64_t count, uint64_t page,
                        uint64_t options)
{
    const unsigned at = GITS_BASER + 8 * index;
    void *table = pages(count * page, page);

    if (table != NULL) {
        mmio_write64(its->registers, at,
                     BASER_VALID | options | TABLE_ATTRIBUTES | virt_to_phys(table).value |
                         (mmio_read64(its->registers, at) & BASER_PAGES) | (count - 1));
    }
    return table;
}

/*
 * In two levels where it can: senders are numbered by bus, slot and function, so that few of
 * 65536 exist, and a page of the second level is there for those that do.
 */
static bool give_devices(struct its *its, unsigned index, unsigned bits)
{
    const unsigned at = GITS_BASER + 8 * index;
    uint64_t value, page, per_page, count;

    /* The smallest page; some have one size only and say which. */
    mmio_write64(its->registers, at, BASER_INDIRECT);
    value = mmio_read64(its->registers, at);
    page = BASER_PAGE(value);
    per_page = page / BASER_ENTRY(value);
    if ((value & BASER_INDIRECT) != 0) {
        its->level1 = give_table(its, index, 1, page, BASER_INDIRECT);
        its->level2_senders = per_page;
        its->level2_bytes = page;
        its->senders = page / 8 * per_page;
        return its->level1 != NULL;
    }
    count = ((1ull << bits) + per_page - 1) / per_page;
    if (count > BASER_PAGES_MAX) {
        count = BASER_PAGES_MAX;
    }
    its->senders = count * per_page;
    return give_table(its, index, count, page, 0) != NULL;
}

static bool give_tables(struct its *its, unsigned device_bits)
{
    for (unsigned i = 0; i < BASERS; i++) {
        const uint64_t value = mmio_read64(its->registers, GITS_BASER + 8 * i);

        if (BASER_TYPE(value) == TYPE_DEVICES && !give_devices(its, i, device_bits)) {
            return false;
        }
        if (BASER_TYPE(value) == TYPE_COLLECTIONS) {
            mmio_write64(its->registers, GITS_BASER + 8 * i, 0);
            if (give_table(its, i, 1, BASER_PAGE(mmio_read64(its->registers, GITS_BASER + 8 * i)),
                           0) == NULL) {
                return false;
            }
        }
    }
    if (its->senders > 1ull << device_bits) {
        its->senders = 1ull << device_bits;
    }
    return its->senders != 0;
}

bool its_has_room(struct its *its, uint32_t requester)
{
    uint64_t *entry;
    void *table;

    if (its->level1 == NULL) {
        return true;
    }
    entry = &its->level1[requester / its->level2_senders];
    if (*entry == 0) {
        table = pages(its->level2_bytes, its->level2_bytes);
        if (table == NULL) {
            return false;
        }
        *entry = VALID | virt_to_phys(table).value;
        cache_clean(entry, sizeof(*entry));
    }
    return true;
}

/* --- Bring-up --------------------------------------------------------------------------------- */

static bool bring_up(struct its *its)
{
    const uint64_t type = mmio_read64(its->registers, GITS_TYPER);

    /* Off, and at rest: its tables may change only then. */
    mmio_write32(its->registers, GITS_CTLR, 0);
    for (unsigned i = 0; (mmio_read32(its->registers, GITS_CTLR) & GITS_CTLR_QUIET) == 0; i++) {
        if (i == READS_MAX) {
            return false;
        }
    }
    its->entry = (unsigned)TYPER_ENTRY(type);
    its->event_bits = (unsigned)TYPER_EVENTS(type);
    its->target = lpi_target((type & TYPER_PTA) != 0);
    its->queue = pages(QUEUE_BYTES, 65536);
    if (its->queue == NULL || !give_tables(its, (unsigned)TYPER_DEVICES(type))) {
        return false;
    }
    mmio_write64(its->registers, GITS_CBASER,
                 BASER_VALID | TABLE_ATTRIBUTES | virt_to_phys(its->queue).value |
                     (QUEUE_BYTES / 4096 - 1));
    mmio_write64(its->registers, GITS_CWRITER, 0);
    mmio_write32(its->registers, GITS_CTLR, GITS_CTLR_ENABLE);
    return command(its, COMMAND_MAPC, 0, VALID | its->target | COLLECTION) && its_synchronise(its);
}

bool its_start(struct msi_controller *controller)
{
    struct its *its;

    if (!lpi_start()) {
        return false;
    }
    its = heap_alloc_zero(sizeof(*its));
    if (its == NULL) {
        return false;
    }
    its->registers = controller->registers;
    controller->state = its;
    controller->total = LPI_COUNT;
    controller->doorbell = controller->range.base.value + GITS_TRANSLATER;
    return bring_up(its);
}
