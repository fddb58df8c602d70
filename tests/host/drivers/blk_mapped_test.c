/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks behind an IOMMU, by requests without a command: what the device is told is where the
 * mapper has put the memory, and nothing is left mapped, however a request ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk_private.h"
#include "drivers/virtio/rng_private.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/host/drivers/virtio_sim.h"
#include "tests/host/drivers/virtio_sim_mapper.h"
#include "tests/host/sim/sim_irq.h"

#define PAGES   32
#define PIECES  8
#define SECTORS 4096
#define OFFERED                                                                                    \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX)

static struct virtio_sim sim;
static struct virtio_sim_mapper *mapper;
static struct virtio_blk *disk;
static uint64_t idle; /* pages that the driver has mapped for itself */
static struct holdings before;
static paddr_t data;
static IOMemoryDescriptor *memory; /* PIECES pieces of odd lengths, some of which touch */
static IOAddressRange ranges[PIECES];
static unsigned completions;
static struct virtio_blk_request *again; /* to be submitted by the next completion */
static struct virtio_blk_request line[300];

static void begin(uint64_t offered, unsigned segments, unsigned longest)
{
    before = holdings_now();
    virtio_sim_create(&sim, VIRTIO_ID_BLOCK, offered, 256);
    virtio_sim_set(&sim, 0, SECTORS, 8);
    virtio_sim_set(&sim, 8, longest, 4);
    virtio_sim_set(&sim, 12, segments, 4);
    sim.mapper = &mapper->super;
    disk = blk_create(&sim.device);
    assert_non_null(disk);
    idle = mapper->taken;
    assert_in_range(idle, 2, 1000);
    completions = 0;
    again = NULL;
}

static void end(void)
{
    assert_int_equal(mapper->taken, idle);
    blk_destroy(disk);
    assert_int_equal(mapper->taken, 0);
    assert_null(sim.complaint);
    assert_true(sim_holds(&before));
}

static int start_machine(void **state)
{
    static const uint32_t places[PIECES] = {100, 4096, 9000, 16384, 20480, 30001, 45056, 61439};
    static const uint32_t lengths[PIECES] = {3996, 4900, 1192, 4096, 4096, 7, 4096, 2193};
    const struct page_request run = {.count = PAGES, .owner = PAGE_OWNER_IMAGE, .zero = true};

    (void)state;
    sim_machine_start(VIRTIO_SIM_RAM);
    IOMapper_setMapperRequired(false);
    assert_int_equal(page_alloc_run(&run, &data), KERN_SUCCESS);
    for (unsigned i = 0; i < PIECES; i++) {
        ranges[i] = (IOAddressRange){data.value + places[i], lengths[i]};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, PIECES, kIODirectionOutIn, TASK_NULL);
    assert_non_null(memory);
    assert_int_equal(IOMemoryDescriptor_getLength(memory), 24576);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    mapper = virtio_sim_mapper_new();
    assert_non_null(mapper);
    return 0;
}

static void complete(struct virtio_blk_request *request)
{
    struct virtio_blk_request *next = again;

    (void)request;
    completions++;
    again = NULL;
    if (next != NULL) {
        assert_int_equal(virtio_blk_submit(disk, next), kIOReturnSuccess);
        virtio_blk_publish(disk);
    }
}

static void submit(struct virtio_blk_request *request, enum virtio_blk_operation operation,
                   uint64_t offset, uint64_t length)
{
    virtio_blk_request_init(request, operation, memory, offset, 8, length);
    request->completion = complete;
    assert_int_equal(virtio_blk_submit(disk, request), kIOReturnSuccess);
    assert_true(mapper->taken > idle);
    virtio_blk_publish(disk);
}

/* The byte of the memory at `offset`, and what the disk has for it. */
static uint8_t *byte_at(uint64_t offset)
{
    unsigned i = 0;

    while (offset >= ranges[i].length) {
        offset -= ranges[i++].length;
    }
    return (uint8_t *)phys_to_virt(paddr(ranges[i].address)) + offset;
}

static uint8_t content(uint64_t position)
{
    return (uint8_t)(1 + position % 251);
}

/* Answer the next part; the bytes are those of its place on the disk. False: there is none. */
static bool answer_one(bool to_memory, unsigned segments, unsigned longest)
{
    static struct virtio_sim_chain chain;
    uint64_t position, length = 1;

    if (!virtio_sim_take(&sim, &chain)) {
        return false;
    }
    assert_false(chain.broken);
    assert_in_range(chain.count, 3, segments + 2);
    position = ((struct blk_header *)virtio_sim_at(&sim, chain.entries[0].address))->sector * 512;
    for (unsigned i = 1; i + 1 < chain.count; i++) {
        const struct virtio_sim_entry *entry = &chain.entries[i];

        assert_int_equal(entry->write, to_memory);
        assert_in_range(entry->length, 1, longest);
        length += to_memory ? entry->length : 0;
        for (uint32_t k = 0; k < entry->length; k++, position++) {
            uint8_t *at = virtio_sim_at(&sim, entry->address + k);

            assert_non_null(at);
            if (to_memory) {
                *at = content(position);
            } else {
                assert_int_equal(*at, content(position));
            }
        }
    }
    *(uint8_t *)virtio_sim_at(&sim, chain.entries[chain.count - 1].address) = VIRTIO_BLK_S_OK;
    virtio_sim_give(&sim, chain.head, (uint32_t)length);
    return true;
}

static unsigned answer_all(bool to_memory, unsigned segments, unsigned longest)
{
    unsigned parts = 0;

    do {
        while (answer_one(to_memory, segments, longest)) {
            parts++;
        }
    } while (virtio_sim_interrupt(&sim));
    return parts;
}

/* All of the memory and parts of it, in one device request and in as many as there must be. */
static void bytes_arrive_where_they_belong(void **state)
{
    static const struct {
        unsigned segments, longest;
        uint64_t offset, length;
        unsigned parts;
    } cases[] = {
        {254, 0x10000, 0, 24576, 1},   {254, 0x10000, 3000, 8192, 1}, {254, 700, 1, 24064, 1},
        {3, 0x10000, 0, 24576, 0},     {3, 512, 513, 4096, 0},        {1, 0x10000, 4000, 4096, 1},
        {254, 0x10000, 24064, 512, 1},
    };

    (void)state;
    for (unsigned packed = 0; packed < 2; packed++) {
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            const unsigned segments = cases[i].segments, longest = cases[i].longest;
            const uint64_t last = cases[i].offset + cases[i].length;
            struct virtio_blk_request request;
            unsigned parts;

            begin(OFFERED | (packed != 0 ? VIRTIO_F_RING_PACKED : 0), segments, longest);
            memset(phys_to_virt(data), 0, ptoa(PAGES));
            submit(&request, VIRTIO_BLK_READ, cases[i].offset, cases[i].length);
            parts = answer_all(true, segments, longest);
            assert_true(request.done);
            assert_int_equal(request.status, kIOReturnSuccess);
            assert_true(cases[i].parts == 0 || parts == cases[i].parts);
            for (uint64_t k = 0; k < 24576; k++) {
                const bool moved = k >= cases[i].offset && k < last;

                assert_int_equal(*byte_at(k), moved ? content(4096 + k - cases[i].offset) : 0);
            }
            /* The same request again, and the other way: as its owner left it. */
            request.operation = VIRTIO_BLK_WRITE;
            assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
            virtio_blk_publish(disk);
            answer_all(false, segments, longest);
            assert_int_equal(completions, 2);
            assert_int_equal(request.status, kIOReturnSuccess);
            end();
        }
    }
}

/* --- Memory in one run --------------------------------------------------------------------------
 */

#define RUN_BYTES 20000u /* not all of its pages, and not from the first byte on */
#define RUN_SKIP  100u

static IOMemoryDescriptor *run_memory(void)
{
    IOMemoryDescriptor *run =
        IOMemoryDescriptor_withPhysicalAddress(data.value + RUN_SKIP, RUN_BYTES, kIODirectionOutIn);

    assert_non_null(run);
    return run;
}

/* One chain, whose one segment is where the mapper has put the bytes, whichever way that went. */
static void a_run_is_one_segment(void **state)
{
    IOMemoryDescriptor *const run = run_memory();

    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        struct virtio_blk_request request;

        mapper->quick = (way & 1) != 0;
        mapper->runs = 0;
        begin(OFFERED | ((way & 2) != 0 ? VIRTIO_F_RING_PACKED : 0), 254, 8192);
        memset(phys_to_virt(data), 0, ptoa(PAGES));
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, 1500, 8, 8192);
        request.completion = complete;
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        /* From byte 1,600 of a page on: three pages. */
        assert_int_equal(mapper->taken, idle + 3);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(true, 1, 8192), 1);
        assert_int_equal(completions, 1);
        assert_int_equal(request.status, kIOReturnSuccess);
        assert_int_equal(mapper->runs, mapper->quick ? 1 : 0);
        for (uint64_t k = 0; k < ptoa(PAGES); k++) {
            const uint64_t at = k - RUN_SKIP - 1500;

            assert_int_equal(((uint8_t *)phys_to_virt(data))[k],
                             at < 8192 ? content(4096 + at) : 0);
        }
        /* The other way, and more than a segment may have: in as many as there must be. */
        request.operation = VIRTIO_BLK_WRITE;
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(false, 1, 8192), 1);
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, 0, 8, 8192 + 512);
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(true, 2, 8192), 1);
        assert_int_equal(request.status, kIOReturnSuccess);
        /* It is one segment for a device that takes no limit, and for one that takes one only. */
        end();
        begin(OFFERED & ~VIRTIO_BLK_F_SIZE_MAX, 1, 0);
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, 0, 8, 19968);
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(true, 1, 19968), 1);
        assert_int_equal(request.status, kIOReturnSuccess);
        end();
    }
    mapper->quick = false;
    OSObject_release(run);
}

static struct virtio_blk_request late;

/* A slot is free by now, but others have waited longer. */
static void submit_late(struct virtio_blk_request *request)
{
    request->completion = NULL;
    assert_non_null(disk->waiting);
    assert_int_equal(virtio_blk_submit(disk, &late), kIOReturnSuccess);
    assert_int_equal(late.issued, 0);
}

static void a_run_that_is_refused_leaves_nothing(void **state)
{
    IOMemoryDescriptor *const run = run_memory();
    struct virtio_blk_request request, waiting[2];

    (void)state;
    mapper->quick = true;
    begin(OFFERED, 254, 0x10000);
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, RUN_BYTES - 511, 8, 512);
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnOverrun);
    request.offset = ~0ull - 100;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnOverrun);
    request.offset = 0;
    mapper->map_answer = kIOReturnNoSpace;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnNoSpace);
    mapper->map_answer = kIOReturnSuccess;
    assert_int_equal(mapper->taken, idle);
    assert_int_equal(virtq_in_flight(disk->queue), 0);
    /* The slot that was begun for it is as good as any. */
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    virtio_blk_publish(disk);
    answer_all(true, 1, 0x10000);
    assert_int_equal(request.status, kIOReturnSuccess);
    /* With no slot left they wait in line, mapped, and behind those that do. */
    for (unsigned i = 0; virtq_in_flight(disk->queue) != virtq_slots(disk->queue); i++) {
        assert_in_range(i, 0, 299);
        virtio_blk_request_init(&line[i], VIRTIO_BLK_READ, run, 0, 8, 512);
        assert_int_equal(virtio_blk_submit(disk, &line[i]), kIOReturnSuccess);
    }
    for (unsigned i = 0; i < 2; i++) {
        virtio_blk_request_init(&waiting[i], VIRTIO_BLK_READ, run, 512, 8 + i, 512);
        assert_int_equal(virtio_blk_submit(disk, &waiting[i]), kIOReturnSuccess);
        assert_false(waiting[i].done);
    }
    virtio_blk_request_init(&late, VIRTIO_BLK_READ, run, 0, 8, 512);
    line[0].completion = submit_late;
    virtio_blk_publish(disk);
    answer_all(true, 1, 0x10000);
    assert_true(late.done);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(waiting[i].done);
        assert_int_equal(waiting[i].status, kIOReturnSuccess);
    }
    end();
    mapper->quick = false;
    OSObject_release(run);
}

/* A fault while the device has it is the request's, and one before or after is not. */
static void a_blocked_run_is_an_error(void **state)
{
    IOMemoryDescriptor *const run = run_memory();
    IOMapperFault fault = {.access = kIODMAMapWriteAccess, .reason = kIOReturnNotFound};
    struct virtio_blk_request request;

    (void)state;
    mapper->quick = true;
    begin(OFFERED, 254, 0x10000);
    for (unsigned round = 0; round < 3; round++) {
        fault.address = 0x12345000;
        IOMapper_deliverFault(&mapper->super, &fault);
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, run, 0, 8, 4096);
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        /* In the first byte of its first page, in nobody's, in none. */
        fault.address = round == 0 ? trunc_page(request.mapped.address) : 0x12345000;
        if (round != 2) {
            IOMapper_deliverFault(&mapper->super, &fault);
        }
        virtio_blk_publish(disk);
        answer_all(true, 1, 0x10000);
        assert_int_equal(request.status, round != 2 ? kIOReturnDMAError : kIOReturnSuccess);
    }
    end();
    mapper->quick = false;
    OSObject_release(run);
}

/*
 * No cursor was made for the limit of before, so one that falls needs nothing to be configured
 * again: a run and pieces are cut as the disk wants it by now.
 */
static void limits_that_fall_are_kept(void **state)
{
    IOMemoryDescriptor *const run = run_memory();
    struct virtio_blk_request request;

    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        IOMemoryDescriptor *const of = (way & 1) != 0 ? run : memory;

        mapper->quick = (way & 2) != 0;
        begin(OFFERED, 254, 0x10000);
        virtio_sim_set(&sim, 8, 0x400, 4);
        sim.changed_pending = true;
        assert_true(virtio_sim_interrupt(&sim));
        virtio_blk_request_init(&request, VIRTIO_BLK_READ, of, 0, 8, 8192);
        assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess);
        virtio_blk_publish(disk);
        assert_int_equal(answer_all(true, 254, 0x400), 1);
        assert_int_equal(request.status, kIOReturnSuccess);
        assert_int_equal(request.moved, 8192);
        end();
    }
    mapper->quick = false;
    OSObject_release(run);
}

/* A request that a completion makes, in the interrupt handler. */
static void completions_submit(void **state)
{
    struct virtio_blk_request first, second;

    (void)state;
    begin(OFFERED, 254, 0x10000);
    virtio_blk_request_init(&second, VIRTIO_BLK_READ, memory, 8192, 0, 4096);
    second.completion = complete;
    again = &second;
    submit(&first, VIRTIO_BLK_READ, 0, 4096);
    answer_all(true, 254, 0x10000);
    assert_int_equal(completions, 2);
    assert_int_equal(second.status, kIOReturnSuccess);
    assert_int_equal(*byte_at(8192), content(0));
    end();
}

static void refusals_leave_nothing(void **state)
{
    struct virtio_blk_request request;

    (void)state;
    begin(OFFERED, 1, 0x10000);
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, memory, 0, 0, 4096);
    mapper->map_answer = kIOReturnNoSpace;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnNoSpace);
    assert_int_equal(virtio_blk_read(disk, memory, 0, 0, 512), kIOReturnNoSpace);
    mapper->map_answer = kIOReturnSuccess;
    /* One block in more pieces than the device takes is found out with all of it mapped. */
    request.offset = 3996 - 100;
    request.length = 512;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnSuccess); /* they touch */
    assert_int_equal(virtio_blk_reset(disk), kIOReturnSuccess);
    assert_int_equal(request.status, kIOReturnAborted);
    request.offset = 3996 + 4900 - 100;
    assert_int_equal(virtio_blk_submit(disk, &request), kIOReturnUnsupported);
    assert_int_equal(mapper->taken, idle);
    assert_int_equal(virtq_in_flight(disk->queue), 0);
    end();
}

/* The unit knows better than the device, which says that all is well. */
static void a_blocked_request_is_an_error(void **state)
{
    const IOMapperFault fault = {
        .address = 0x12345000, .access = kIODMAMapWriteAccess, .reason = kIOReturnNotFound};
    struct virtio_blk_request request;

    (void)state;
    begin(OFFERED, 254, 0x10000);
    submit(&request, VIRTIO_BLK_READ, 0, 4096);
    IOMapper_deliverFault(&mapper->super, &fault);
    answer_all(true, 254, 0x10000);
    assert_int_equal(request.status, kIOReturnDMAError);
    submit(&request, VIRTIO_BLK_READ, 0, 4096);
    answer_all(true, 254, 0x10000);
    assert_int_equal(request.status, kIOReturnSuccess);
    end();
}

/* Whatever ended it, it is not mapped any more. */
static void a_reset_takes_the_memory_away(void **state)
{
    struct virtio_blk_request requests[3];

    (void)state;
    begin(OFFERED, 254, 0x10000);
    for (unsigned i = 0; i < 3; i++) {
        submit(&requests[i], VIRTIO_BLK_WRITE, 4096 * i, 4096);
    }
    assert_int_equal(virtio_blk_reset(disk), kIOReturnSuccess);
    assert_int_equal(completions, 3);
    assert_int_equal(requests[2].status, kIOReturnAborted);
    end();
}

/* Pages that a unit may still translate to are nobody's any more. */
static void a_unit_that_does_not_forget(void **state)
{
    struct page_stats now, then;
    struct virtio_blk_request request;

    (void)state;
    page_get_stats(&then);
    begin(OFFERED, 254, 0x10000);
    submit(&request, VIRTIO_BLK_READ, 0, 512);
    mapper->unmap_answer = kIOReturnTimeout;
    answer_all(true, 254, 0x10000);
    mapper->unmap_answer = kIOReturnSuccess;
    assert_int_equal(request.status, kIOReturnTimeout);
    page_get_stats(&now);
    assert_int_equal(now.quarantined, then.quarantined + 1);
    blk_destroy(disk);
    assert_int_equal(mapper->taken, 1);
}

/* It may go on writing where it has been told to: that is nobody else's, for ever. */
static void disks_that_do_not_stop_keep_their_memory(void **state)
{
    struct page_stats then, now;

    (void)state;
    begin(OFFERED, 254, 0x10000);
    page_get_stats(&then);
    sim.refuses_reset = true;
    blk_destroy(disk);
    assert_true(mapper->taken >= idle);
    page_get_stats(&now);
    assert_int_equal(now.free, then.free);
}

/* --- Random bytes ----------------------------------------------------------------------------- */

static struct virtio_rng rng;

/* The device answers while the reader sleeps, with fewer bytes than it was asked for. */
static void answer_with_random_bytes(void)
{
    static struct virtio_sim_chain chain;

    if (virtio_sim_take(&sim, &chain)) {
        const uint32_t length = (chain.entries[0].length + 1) / 2;

        assert_false(chain.broken);
        assert_int_equal(chain.count, 1);
        for (uint32_t i = 0; i < length; i++) {
            *(uint8_t *)virtio_sim_at(&sim, chain.entries[0].address + i) = 0x77;
        }
        virtio_sim_give(&sim, chain.head, length);
    }
    virtio_sim_interrupt(&sim);
}

static void random_bytes_arrive(void **state)
{
    uint64_t own;

    (void)state;
    virtio_sim_create(&sim, VIRTIO_ID_ENTROPY, VIRTIO_F_VERSION_1, 8);
    sim.mapper = &mapper->super;
    assert_true(rng_create(&rng, &sim.device));
    own = mapper->taken;
    memset(phys_to_virt(data), 0, ptoa(PAGES));
    sim_while_waiting = answer_with_random_bytes;
    assert_int_equal(rng_read(&rng, memory, 2000, 20000), kIOReturnSuccess);
    sim_while_waiting = NULL;
    for (uint64_t i = 0; i < 24576; i++) {
        assert_int_equal(*byte_at(i), i >= 2000 && i < 22000 ? 0x77 : 0);
    }
    assert_int_equal(mapper->taken, own);
    mapper->map_answer = kIOReturnNoSpace;
    assert_int_equal(rng_read(&rng, memory, 0, 100), kIOReturnNoSpace);
    mapper->map_answer = kIOReturnSuccess;
    rng_destroy(&rng);
    assert_int_equal(mapper->taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_where_they_belong),
        cmocka_unit_test(a_run_is_one_segment),
        cmocka_unit_test(a_run_that_is_refused_leaves_nothing),
        cmocka_unit_test(a_blocked_run_is_an_error),
        cmocka_unit_test(limits_that_fall_are_kept),
        cmocka_unit_test(completions_submit),
        cmocka_unit_test(refusals_leave_nothing),
        cmocka_unit_test(a_blocked_request_is_an_error),
        cmocka_unit_test(a_reset_takes_the_memory_away),
        cmocka_unit_test(random_bytes_arrive),
        /* The last ones: what they leave behind is there for good. */
        cmocka_unit_test(a_unit_that_does_not_forget),
        cmocka_unit_test(disks_that_do_not_stop_keep_their_memory),
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
