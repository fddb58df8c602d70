/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe controllers that do not come up, or not down, or make no sense, and memory that runs
 * out on the way: opening ends in its time with its code, and leaves nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/inject.h"
#include "tests/host/drivers/nvme_client.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define SECOND      1000000000ull
#define MILLISECOND 1000000ull

/* First, since the bus is searched once: what cannot be used is said, with where it is. */
static void a_controller_that_is_found_and_gone(void **state)
{
    (void)state;
    client_create();
    sim.bus.is_found = sim.gone = true;
    sim_console_forget();
    assert_int_equal(nvme_count(), 0);
    assert_true(sim_console_said("nvme: the device at PCI 01:03.2 cannot be used"));
    assert_false(sim.bus.claimed);
    assert_null(nvme_find("simulated"));
}

/* It is opened, fails so, and within these nanoseconds; nothing is left but what may be written. */
static void fails_to_open(IOReturn status, uint64_t least, uint64_t most, bool keeps_memory)
{
    const struct holdings held = holdings_now();
    const uint64_t start = sim_time;

    assert_int_equal(client_open(), status);
    assert_true(sim_time - start >= least && sim_time - start <= most);
    assert_false(sim.bus.master_on || sim.bus.claimed);
    for (unsigned i = 0; i < BUS_SIM_VECTORS; i++) {
        assert_null(sim.bus.handlers[i]);
    }
    assert_true(sim_holds(&held) != keeps_memory);
}

static void a_controller_that_is_never_ready(void **state)
{
    static const struct {
        unsigned stated; /* in units of 500 ms */
        uint64_t bound;
    } rows[] = {{0, SECOND}, {1, SECOND}, {4, 2 * SECOND}, {0xff, 255 * SECOND / 2}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_create();
        sim.cap = (sim.cap & ~(0xffull << 24)) | (uint64_t)rows[i].stated << 24;
        sim.never_ready = true;
        /* On the way out it may not be turned off before it is on, or is given up. */
        fails_to_open(kIOReturnNotResponding, 2 * rows[i].bound, 2 * rows[i].bound, false);
    }
}

static void a_controller_that_fails_on_the_way(void **state)
{
    (void)state;
    client_create();
    sim.fails_on_the_way = true;
    fails_to_open(kIOReturnDeviceError, 0, SECOND, false);
}

/* Firmware has left it on, and it does not go off: it may write whenever it likes. */
static void a_controller_that_is_never_off(void **state)
{
    (void)state;
    client_create();
    sim.never_off = true;
    sim.cc = NVME_CC_EN;
    sim.csts = NVME_CSTS_RDY;
    fails_to_open(kIOReturnNotResponding, SECOND, 4 * SECOND, true);
}

static void a_controller_that_is_on_already(void **state)
{
    (void)state;
    client_create();
    sim.cc = NVME_CC_EN;
    sim.csts = NVME_CSTS_RDY;
    assert_int_equal(client_open(), kIOReturnSuccess);
    client_close();
}

static void a_controller_that_is_not_there(void **state)
{
    (void)state;
    client_create();
    sim.gone = true;
    fails_to_open(kIOReturnNotResponding, 0, MILLISECOND, false);
}

/* It answers, but not for its status: unplugged in the middle, or broken. */
static void a_controller_without_a_status(void **state)
{
    (void)state;
    client_create();
    sim.status_is_gone = true;
    fails_to_open(kIOReturnNotResponding, 0, MILLISECOND, true); /* is it off? nobody knows */
}

static void functions_that_refuse(void **state)
{
    (void)state;
    for (unsigned call = 0; call < BUS_SIM_CALLS; call++) {
        client_create();
        sim.bus.refused[call] = kIOReturnNoSpace;
        fails_to_open(kIOReturnNoSpace, 0, SECOND, false);
        assert_int_equal(sim.shutdowns, call == BUS_SIM_ATTACH); /* if it was on */
    }
    client_create();
    sim.bus.mapper_status = kIOReturnNoDevice; /* what is in front of it did not start */
    fails_to_open(kIOReturnNoDevice, 0, SECOND, false);
    client_create();
    sim.bus.has_no_vectors = true;
    fails_to_open(kIOReturnNoInterrupt, 0, SECOND, false);
    client_create();
    sim.bus.size = NVME_DOORBELLS + 4; /* no pair of doorbells */
    fails_to_open(kIOReturnUnsupported, 0, SECOND, false);
    client_create();
    sim.bus.size = NVME_DOORBELLS - 4; /* they would begin behind its end */
    fails_to_open(kIOReturnUnsupported, 0, SECOND, false);
    client_create();
    sim.bus.claimed = true;
    assert_int_equal(client_open(), kIOReturnExclusiveAccess);
    assert_true(sim.bus.claimed);
}

/* As few as its doorbells, or as it grants of either kind; and no more than are wanted. */
static void fewer_queues_than_are_wanted(void **state)
{
    static const struct {
        unsigned doorbells, granted, refused[2]; /* of answers, of commands */
        unsigned count;
    } rows[] = {{2, 4, {0, 0}, 1},
                {3, 4, {0, 0}, 2},
                {4, 4, {0, 0}, 3},
                {99, 4, {3, 0}, 1},
                {99, 4, {0, 2}, 2},
                {99, 4, {1, 2}, 2},
                {99, 5, {0, 0}, NVME_QUEUES_MAX}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_create();
        sim.bus.size = NVME_DOORBELLS + rows[i].doorbells * 8;
        sim.granted = rows[i].granted;
        sim.refused_queues = rows[i].refused[0];
        sim.refused_commands = rows[i].refused[1];
        assert_int_equal(client_open(), kIOReturnSuccess);
        assert_int_equal(controller->queue_count, rows[i].count);
        for (unsigned k = 0; k < controller->vectors; k++) {
            assert_non_null(sim.bus.handlers[k]);
        }
        client_close();
    }
}

/* Queues of two entries, of which one is always free. */
static void queues_that_are_as_short_as_can_be(void **state)
{
    struct nvme_transfer transfer;
    struct nvme_info info;
    IODMACommand *command;

    (void)state;
    client_create();
    sim.cap = (sim.cap & ~0xffffull) | 1;
    assert_int_equal(client_open(), kIOReturnSuccess);
    nvme_get_info(disk, &info);
    assert_int_equal(info.queue_size, 1);
    command = client_command(&transfer, NVME_PRP, whole, 0, 3 * 65536);
    transfer.block = 0;
    assert_int_equal(client_start(0, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    client_run();
    assert_int_equal(client_ends[0].status, kIOReturnSuccess);
    client_drop(command);
    client_close();
}

static void admin_commands_without_an_answer(void **state)
{
    (void)state;
    client_create();
    sim.admin_is_silent = true;
    fails_to_open(kIOReturnTimeout, 10 * SECOND, 10 * SECOND, false);
    for (unsigned opcode = 1; opcode < 0xa; opcode++) {
        if (opcode == NVME_ADMIN_DELETE_CQ || opcode == NVME_ADMIN_ABORT || opcode == 2 ||
            opcode == 3 || opcode == 7) {
            continue;
        }
        client_create();
        sim.silent_opcode = opcode;
        fails_to_open(kIOReturnTimeout, 10 * SECOND, 50 * SECOND, false);
    }
}

static void queues_that_are_refused(void **state)
{
    (void)state;
    client_create();
    sim.refuses_queues = true;
    fails_to_open(kIOReturnDeviceError, 0, SECOND, false);
    client_create();
    sim.refuses_queues = true;
    sim.silent_opcode = NVME_ADMIN_DELETE_CQ; /* whether it would answer there nobody knows */
    fails_to_open(kIOReturnTimeout, 10 * SECOND, 20 * SECOND, false);
    client_create();
    sim.refused_features = 1; /* the first time: it is not asked again */
    fails_to_open(kIOReturnDeviceError, 0, SECOND, false);
    assert_int_equal(sim.refused_features, 0);
}

static void controllers_that_nobody_can_use(void **state)
{
    (void)state;
    client_create();
    sim.cap &= ~(1ull << 37); /* without the NVM command set */
    fails_to_open(kIOReturnUnsupported, 0, MILLISECOND, false);
    client_create();
    sim.cap |= 11ull << 48; /* pages of 8 MiB */
    fails_to_open(kIOReturnUnsupported, 0, MILLISECOND, false);
    client_create();
    sim.cap &= ~0xffffull; /* queues of one entry */
    fails_to_open(kIOReturnUnsupported, 0, MILLISECOND, false);
    client_create();
    sim.cap |= 10ull << 32; /* doorbells beyond its registers */
    fails_to_open(kIOReturnUnsupported, 0, SECOND, false);
}

/* Opening and its engine without the n-th piece of memory: a code, and nothing is left. */
static void without_one_piece_of_memory(void **state)
{
    unsigned failed = 0;
    bool injected = true;

    (void)state;
    for (uint64_t nth = 1; injected; nth++) {
        const struct holdings held = holdings_now();
        struct nvme_controller *opened;
        struct inject_report report;
        IOService *service = NULL;
        IODMAController *engine = NULL;
        IOReturn status;

        client_create();
        inject_begin(nth);
        opened = nvme_open(bus_sim_function, &status);
        if (opened != NULL) {
            engine = nvme_create_engine(opened, &service);
        }
        inject_end(&report);
        injected = report.failed;
        if (opened == NULL) {
            assert_true(status == kIOReturnNoMemory || status == kIOReturnNoResources);
            assert_false(sim.bus.claimed);
        } else if (engine == NULL) {
            assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
        } else {
            OSObject_release(engine);
            OSObject_release(service);
        }
        failed += engine == NULL;
        if (opened != NULL) {
            assert_true(nvme_close(opened));
        }
        assert_true(sim_holds(&held));
    }
    assert_true(failed > 20);
}

static void closes_without_a_disk(void)
{
    assert_true(nvme_close(controller));
    assert_true(client_left_nothing());
}

/* The controller works, the namespace is left out, with a line. */
static void namespaces_that_nobody_can_use(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        client_create();
        sim.metadata = i == 0 ? 8 : 0;
        sim.block_shift = i == 1 ? 8 : i == 2 ? 17 : i == 3 ? 0xff : 9;
        sim.blocks = i == 4 ? 1ull << 54 : 100;
        sim_console_forget();
        assert_int_equal(client_open(), kIOReturnNoDevice);
        assert_true(sim_console_said("namespace 1 cannot be used"));
        closes_without_a_disk();
    }
}

/* The largest blocks, as large as a command, and the most of the smallest. */
static void namespaces_as_large_as_can_be(void **state)
{
    static const struct {
        unsigned block_shift;
        uint64_t blocks;
    } rows[] = {{16, 64}, {9, (1ull << 54) - 1}, {16, (1ull << 47) - 1}};
    struct nvme_info info;

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_create();
        sim.block_shift = rows[i].block_shift;
        sim.blocks = rows[i].blocks;
        assert_int_equal(client_open(), kIOReturnSuccess);
        nvme_get_info(disk, &info);
        assert_int_equal(info.block_size, 1 << rows[i].block_shift);
        assert_int_equal(info.blocks, rows[i].blocks);
        assert_ptr_equal(nvme_get_service(disk), nvme_get_service(disk)); /* made once */
        client_close();
    }
}

/* One message is for all; of two or more the first is the admin queue's. */
static void as_many_queues_as_messages(void **state)
{
    static const unsigned counts[] = {0, 4, 1, 2, 3, 4, 4};

    (void)state;
    for (unsigned vectors = 1; vectors < 7; vectors++) {
        struct nvme_info info;

        client_create();
        sim.bus.vectors = vectors;
        sim.granted = NVME_SIM_QUEUES - 1; /* more than anybody wants */
        sim.bus.is_message = true;
        assert_int_equal(client_open(), kIOReturnSuccess);
        nvme_get_info(disk, &info);
        assert_int_equal(info.queues, counts[vectors]);
        assert_int_equal(info.interrupts, vectors < 5 ? vectors : 5);
        for (unsigned i = 0; i < info.queues; i++) {
            assert_int_equal(sim.cq[i + 1].vector, vectors == 1 ? 0 : i + 1);
        }
        client_close();
    }
}

static void namespaces_that_are_not_there(void **state)
{
    (void)state;
    client_create();
    sim.blocks = 0; /* a number that nobody has: not worth a line */
    sim_console_forget();
    assert_int_equal(client_open(), kIOReturnNoDevice);
    assert_false(sim_console_said("cannot be used"));
    closes_without_a_disk();
    client_create();
    sim_console_forget();
    sim.refused_identity = NVME_IDENTIFY_NAMESPACE;
    assert_int_equal(client_open(), kIOReturnNoDevice);
    assert_true(sim_console_said("namespace 1 cannot be used: kIOReturnBadArgument"));
    closes_without_a_disk();
    client_create();
    sim.refused_identity = NVME_IDENTIFY_CONTROLLER;
    fails_to_open(kIOReturnBadArgument, 0, SECOND, false);
    client_create();
    sim.refused_identity = NVME_IDENTIFY_LIST; /* older than the list: there is number 1 */
    assert_int_equal(client_open(), kIOReturnSuccess);
    assert_int_equal(nvme_count(), 1);
    client_close();
    client_create();
    sim.mdts = 1; /* 8 KiB, and blocks of 16 */
    sim.block_shift = 14;
    sim.blocks = 100;
    assert_int_equal(client_open(), kIOReturnNoDevice);
    closes_without_a_disk();
}

/* A list is read as far as it rises, and as far as there is room. */
static void lists_of_namespaces(void **state)
{
    static const uint32_t many[] = {1,  2,  3,  5,  8,  9,  10, 11, 12,
                                    13, 14, 15, 16, 17, 18, 19, 20, 0};
    static const uint32_t falling[] = {1, 4, 4, 5, 0};
    struct nvme_info info;

    (void)state;
    client_create();
    sim.namespaces = many;
    sim_console_forget();
    assert_int_equal(client_open(), kIOReturnSuccess);
    assert_int_equal(nvme_count(), NVME_NAMESPACES_MAX);
    assert_true(sim_console_said("namespaces from 20 on are left out: there are 16 before"));
    nvme_get_info(nvme_get(3), &info);
    assert_int_equal(info.id, 5);
    client_close();
    client_create();
    sim.namespaces = falling;
    assert_int_equal(client_open(), kIOReturnSuccess);
    assert_int_equal(nvme_count(), 2);
    client_close();
}

/* It goes to a console, and is compared: blanks and zeros behind it are none of it. */
static void serials_that_are_none(void **state)
{
    static const struct {
        const char *says, *is;
    } rows[] = {{"                    ", ""},
                {"a b\0\0\0 \0             ", "a b"},
                {"\x1b[2J\x7f\xff               ", "?[2J??"},
                {"~ } !               ", "~ } !"},
                {"12345678901234567890", "12345678901234567890"}};
    struct nvme_info info;

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_create();
        sim.serial = rows[i].says;
        assert_int_equal(client_open(), kIOReturnSuccess);
        assert_string_equal(controller->serial, rows[i].is);
        memset(&info, 0x55, sizeof(info));
        nvme_get_info(disk, &info);
        assert_string_equal(info.serial, rows[i].is);
        assert_ptr_equal(nvme_find(rows[i].is), disk);
        client_close();
    }
}

/* Write-protected, and with a cache that is to be flushed. */
static void namespaces_with_attributes(void **state)
{
    struct nvme_info info;

    (void)state;
    client_create();
    sim.attributes = 1;
    assert_int_equal(client_open(), kIOReturnSuccess);
    nvme_get_info(disk, &info);
    assert_true(info.read_only);
    assert_false(info.has_flush);
    client_close();
    client_create();
    sim.volatile_cache = true;
    assert_int_equal(client_open(), kIOReturnSuccess);
    nvme_get_info(disk, &info);
    assert_false(info.read_only);
    assert_true(info.has_flush);
    client_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_controller_that_is_found_and_gone),
        cmocka_unit_test(a_controller_that_is_never_ready),
        cmocka_unit_test(a_controller_that_fails_on_the_way),
        cmocka_unit_test(a_controller_that_is_never_off),
        cmocka_unit_test(a_controller_that_is_on_already),
        cmocka_unit_test(a_controller_that_is_not_there),
        cmocka_unit_test(a_controller_without_a_status),
        cmocka_unit_test(functions_that_refuse),
        cmocka_unit_test(fewer_queues_than_are_wanted),
        cmocka_unit_test(queues_that_are_as_short_as_can_be),
        cmocka_unit_test(admin_commands_without_an_answer),
        cmocka_unit_test(queues_that_are_refused),
        cmocka_unit_test(controllers_that_nobody_can_use),
        cmocka_unit_test(without_one_piece_of_memory),
        cmocka_unit_test(namespaces_that_nobody_can_use),
        cmocka_unit_test(namespaces_as_large_as_can_be),
        cmocka_unit_test(as_many_queues_as_messages),
        cmocka_unit_test(namespaces_that_are_not_there),
        cmocka_unit_test(lists_of_namespaces),
        cmocka_unit_test(serials_that_are_none),
        cmocka_unit_test(namespaces_with_attributes),
    };

    return cmocka_run_group_tests(tests, client_start_machine, NULL);
}
