/* SPDX-License-Identifier: BSD-2-Clause */
/* An NVMe controller that keeps the rules and insists on them, and the bus that it is on. */
#include "tests/host/drivers/nvme_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint64_t page_bytes(const struct nvme_sim *sim)
{
    return 4096ull << (sim->cc >> 7 & 0xf);
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* A place of its own there, which crosses no page. */
static void *memory(const struct nvme_sim *sim, uint64_t address)
{
    return bus_sim_memory(&sim->bus, address, 1, true);
}

uint64_t nvme_sim_bytes(const struct nvme_sim *sim, const struct nvme_command *command)
{
    return ((uint64_t)(command->dword[2] & 0xffff) + 1) << sim->block_shift;
}

static void move(struct nvme_sim *sim, uint64_t address, uint8_t *disk, uint64_t length,
                 bool writes)
{
    if (writes) {
        bus_sim_read(&sim->bus, address, disk, length);
    } else {
        bus_sim_write(&sim->bus, address, disk, length);
    }
}

/* Section 4.3. */
static void move_prp(struct nvme_sim *sim, const struct nvme_command *command, uint8_t *disk,
                     uint64_t length, bool writes)
{
    const uint64_t page = page_bytes(sim);
    const uint64_t inside = command->prp1 & (page - 1);
    uint64_t here = page - inside < length ? page - inside : length;
    uint64_t at = command->prp2;

    assert_int_equal(command->prp1 & 3, 0);
    move(sim, command->prp1, disk, here, writes);
    disk += here;
    length -= here;
    if (length == 0) {
        assert_int_equal(at, 0); /* reserved then */
        return;
    }
    if (length <= page) {
        assert_int_equal(command->prp2 & (page - 1), 0);
        move(sim, command->prp2, disk, length, writes);
        return;
    }
    assert_int_equal(command->prp2 & 7, 0);
    while (length != 0) {
        uint64_t entry;

        memcpy(&entry, memory(sim, at), sizeof(entry));
        assert_int_equal(entry & (page - 1), 0);
        /* The last entry of a page goes on elsewhere. */
        if ((at & (page - 1)) == page - 8 && length > page) {
            at = entry;
            continue;
        }
        here = page < length ? page : length;
        move(sim, entry, disk, here, writes);
        disk += here;
        length -= here;
        at += sizeof(entry);
    }
}

/* Section 4.4: exactly as many bytes as the command moves. */
static void move_sgl(struct nvme_sim *sim, const struct nvme_command *command, uint8_t *disk,
                     uint64_t length, bool writes)
{
    const uint32_t word = (sim->sgls & 3) == 2 ? 3 : 0;
    struct nvme_sgl list[NVME_LIST_BYTES / sizeof(struct nvme_sgl)] = {command->sgl};
    unsigned count = 1;

    assert_int_not_equal(sim->sgls & 3, 0);
    if (command->sgl.type == NVME_SGL_LAST) {
        assert_true(command->sgl.length <= sizeof(list));
        assert_int_equal(command->sgl.length % sizeof(list[0]), 0);
        count = command->sgl.length / (unsigned)sizeof(list[0]);
        memcpy(list, memory(sim, command->sgl.address), command->sgl.length);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(list[i].type, NVME_SGL_DATA);
        assert_true(list[i].length != 0 && list[i].length <= length);
        assert_int_equal((list[i].address | list[i].length) & word, 0);
        move(sim, list[i].address, disk, list[i].length, writes);
        disk += list[i].length;
        length -= list[i].length;
    }
    assert_int_equal(length, 0);
}

static void perform(struct nvme_sim *sim, const struct nvme_command *command)
{
    const uint64_t block = command->dword[0] | (uint64_t)command->dword[1] << 32;
    const uint64_t length = nvme_sim_bytes(sim, command);
    uint8_t *disk = sim->disk + (block << sim->block_shift);
    const bool writes = command->opcode == NVME_IO_WRITE;

    if (command->opcode == NVME_IO_FLUSH) {
        return;
    }
    assert_true(command->opcode == NVME_IO_READ || writes);
    assert_int_equal(command->nsid, 1);
    assert_true(block < sim->blocks && length >> sim->block_shift <= sim->blocks - block);
    assert_true(sim->mdts == 0 || length <= 4096ull << (sim->mdts + NVME_CAP_MPSMIN(sim->cap)));
    ((command->flags & NVME_FLAG_SGL) != 0 ? move_sgl : move_prp)(sim, command, disk, length,
                                                                  writes);
}

/* --- Answers ---------------------------------------------------------------------------------- */

void nvme_sim_post(struct nvme_sim *sim, unsigned number, uint32_t result, uint32_t queue,
                   uint16_t id, uint32_t status)
{
    struct nvme_sim_queue *cq = &sim->cq[number];
    struct nvme_answer *answer;

    if (sim->lenient && (!cq->exists || (cq->tail + 1) % cq->size == cq->head)) {
        return;
    }
    assert_true(cq->exists);
    assert_int_not_equal((cq->tail + 1) % cq->size, cq->head); /* it must not be full */
    answer = memory(sim, cq->base + cq->tail * sizeof(*answer));
    answer->result.value = result;
    answer->queue.value = queue;
    answer->end.value = status << 17 | cq->phase | id;
    if (++cq->tail == cq->size) {
        cq->tail = 0;
        cq->phase ^= NVME_PHASE;
    }
    sim->bus.pending[cq->vector] = true;
}

static void answer(struct nvme_sim *sim, unsigned queue, uint16_t id, uint32_t status,
                   uint32_t result)
{
    nvme_sim_post(sim, sim->sq[queue].pair, result, queue << 16 | sim->sq[queue].head, id, status);
}

void nvme_sim_answer(struct nvme_sim *sim, unsigned index, uint32_t status)
{
    struct nvme_sim_command *taken = &sim->taken[index];

    assert_false(taken->answered);
    taken->answered = true;
    if (status == 0) {
        perform(sim, &taken->command);
    }
    answer(sim, taken->queue, taken->command.id, status, 0);
}

/* --- Admin ------------------------------------------------------------------------------------ */

static bool has_namespace(const struct nvme_sim *sim, uint32_t number)
{
    for (unsigned i = 0; sim->namespaces != NULL && sim->namespaces[i] != 0; i++) {
        if (sim->namespaces[i] == number) {
            return true;
        }
    }
    return number == 1;
}

static uint32_t identify(struct nvme_sim *sim, const struct nvme_command *command)
{
    uint8_t *bytes = memory(sim, command->prp1);

    assert_int_equal(command->prp1 & (page_bytes(sim) - 1), 0);
    if (command->dword[0] == sim->refused_identity) {
        return NVME_STATUS(0u, 0x02u);
    }
    memset(bytes, 0, NVME_IDENTIFY_BYTES);
    switch (command->dword[0]) {
    case NVME_IDENTIFY_CONTROLLER:
        memcpy(bytes + NVME_CONTROLLER_SERIAL, sim->serial, NVME_SERIAL_LENGTH);
        bytes[NVME_CONTROLLER_MDTS] = sim->mdts;
        bytes[NVME_CONTROLLER_VWC] = sim->volatile_cache;
        memcpy(bytes + NVME_CONTROLLER_SGLS, &sim->sgls, 4);
        break;
    case NVME_IDENTIFY_LIST:
        bytes[0] = 1;
        for (unsigned i = 0; sim->namespaces != NULL && sim->namespaces[i] != 0; i++) {
            memcpy(bytes + 4 * i, &sim->namespaces[i], 4);
        }
        break;
    default:
        assert_true(has_namespace(sim, command->nsid));
        memcpy(bytes + NVME_NAMESPACE_SIZE, &sim->blocks, 8);
        bytes[NVME_NAMESPACE_ATTR] = sim->attributes;
        bytes[NVME_NAMESPACE_FLBAS] = 1;
        bytes[NVME_NAMESPACE_FORMATS + 4] = sim->metadata;
        bytes[NVME_NAMESPACE_FORMATS + 4 + 2] = (uint8_t)sim->block_shift;
        break;
    }
    return 0;
}

static void add_queue(struct nvme_sim *sim, const struct nvme_command *command, bool commands)
{
    const unsigned number = command->dword[0] & 0xffff;
    struct nvme_sim_queue *queue = commands ? &sim->sq[number] : &sim->cq[number];

    if (sim->lenient && (queue->exists || (commands && !sim->cq[command->dword[1] >> 16].exists))) {
        return;
    }
    assert_true(number != 0 && number <= sim->granted && !queue->exists);
    assert_int_equal(command->dword[1] & NVME_QUEUE_CONTIGUOUS, NVME_QUEUE_CONTIGUOUS);
    assert_int_equal(command->prp1 & (page_bytes(sim) - 1), 0);
    *queue = (struct nvme_sim_queue){
        .exists = true, .base = command->prp1, .size = (command->dword[0] >> 16) + 1};
    assert_true(queue->size - 1 <= NVME_CAP_MQES(sim->cap));
    if (commands) {
        queue->pair = command->dword[1] >> 16;
        assert_true(sim->cq[queue->pair].exists);
    } else {
        queue->vector = command->dword[1] >> 16;
        queue->phase = NVME_PHASE;
        assert_true(queue->vector < sim->bus.vectors);
        /* Whatever is there must be old. */
        for (unsigned i = 0; i < queue->size; i++) {
            const struct nvme_answer *at = memory(sim, queue->base + i * sizeof(*at));

            assert_true(sim->lenient || (at->end.value & NVME_PHASE) == 0);
        }
    }
}

static void remove_queue(struct nvme_sim *sim, const struct nvme_command *command, bool commands)
{
    const unsigned number = command->dword[0] & 0xffff;

    assert_true(number != 0 && number < NVME_SIM_QUEUES);
    assert_true(sim->lenient || (commands ? sim->sq[number].exists : sim->cq[number].exists));
    assert_true(sim->lenient || commands || !sim->sq[number].exists); /* commands go first */
    (commands ? sim->sq : sim->cq)[number].exists = false;
    *(commands ? &sim->deleted_sq : &sim->deleted_cq) += 1;
    for (unsigned i = 0; commands && i < sim->taken_count; i++) {
        if (sim->taken[i].queue == number) {
            sim->taken[i].answered = true; /* never will be */
        }
    }
}

static uint32_t abort_command(struct nvme_sim *sim, const struct nvme_command *command)
{
    const unsigned queue = command->dword[0] & 0xffff;
    const uint16_t id = (uint16_t)(command->dword[0] >> 16);

    sim->aborts++;
    for (unsigned i = 0; !sim->refuses_abort && i < sim->taken_count; i++) {
        struct nvme_sim_command *taken = &sim->taken[i];

        if (taken->queue == queue && taken->command.id == id && !taken->answered) {
            taken->answered = true;
            answer(sim, queue, id, NVME_STATUS(0u, 0x07u), 0);
            return 0;
        }
    }
    return 1;
}

static void administer(struct nvme_sim *sim, const struct nvme_command *command)
{
    uint32_t status = 0, result = 0;

    assert_int_equal(command->flags, 0); /* admin commands have PRPs */
    if (sim->admin_is_silent || command->opcode == sim->silent_opcode) {
        return;
    }
    switch (command->opcode) {
    case NVME_ADMIN_IDENTIFY:
        status = identify(sim, command);
        break;
    case NVME_ADMIN_SET_FEATURES:
        assert_int_equal(command->dword[0], NVME_FEATURE_QUEUES);
        assert_true(sim->lenient || command->dword[1] >> 16 == (command->dword[1] & 0xffff));
        if (sim->refused_features != 0) {
            sim->refused_features--;
            status = NVME_STATUS(0u, 0x06u);
            break;
        }
        result = (sim->granted - 1 - sim->refused_queues) << 16 |
                 (sim->granted - 1 - sim->refused_commands);
        break;
    case NVME_ADMIN_CREATE_CQ:
        add_queue(sim, command, false);
        break;
    case NVME_ADMIN_CREATE_SQ:
        if (sim->refuses_queues) {
            status = NVME_STATUS(1u, 1u);
        } else {
            add_queue(sim, command, true);
        }
        break;
    case NVME_ADMIN_DELETE_SQ:
        remove_queue(sim, command, true);
        break;
    case NVME_ADMIN_DELETE_CQ:
        remove_queue(sim, command, false);
        break;
    case NVME_ADMIN_ABORT:
        result = abort_command(sim, command);
        break;
    default:
        fail_msg("admin command 0x%x", command->opcode);
    }
    answer(sim, 0, command->id, status, result);
}

/* --- Doorbells -------------------------------------------------------------------------------- */

static bool fetch(struct nvme_sim *sim, unsigned number, struct nvme_command *command)
{
    struct nvme_sim_queue *sq = &sim->sq[number];

    if (!sq->exists || sq->head == sq->tail) {
        return false;
    }
    memcpy(command, memory(sim, sq->base + sq->head * sizeof(*command)), sizeof(*command));
    sq->head = (sq->head + 1) % sq->size;
    return true;
}

unsigned nvme_sim_take(struct nvme_sim *sim)
{
    const unsigned before = sim->taken_count;

    for (unsigned i = 1; i < NVME_SIM_QUEUES; i++) {
        struct nvme_command command;

        while (fetch(sim, i, &command)) {
            for (unsigned k = 0; k < sim->taken_count; k++) {
                assert_false(!sim->taken[k].answered && sim->taken[k].queue == i &&
                             sim->taken[k].command.id == command.id); /* it is in use */
            }
            assert_true(sim->taken_count < NVME_SIM_TAKEN);
            sim->taken[sim->taken_count++] = (struct nvme_sim_command){command, i, false};
        }
    }
    return sim->taken_count - before;
}

static void ring(struct nvme_sim *sim, unsigned number, uint32_t value)
{
    struct nvme_sim_queue *queue = number % 2 == 0 ? &sim->sq[number / 2] : &sim->cq[number / 2];
    struct nvme_command command;

    if (sim->lenient && !queue->exists) {
        return;
    }
    assert_true(number / 2 < NVME_SIM_QUEUES && queue->exists && value < queue->size);
    if (number % 2 != 0) {
        queue->head = value;
        return;
    }
    bus_sim_expect_barrier(&sim->bus);
    sim->doorbells++;
    queue->tail = value;
    while (number == 0 && fetch(sim, 0, &command)) {
        administer(sim, &command);
    }
}

/* --- Registers -------------------------------------------------------------------------------- */

static void go_off(struct nvme_sim *sim)
{
    if (!sim->never_off) {
        sim->csts = 0;
        memset(sim->sq, 0, sizeof(sim->sq));
        memset(sim->cq, 0, sizeof(sim->cq));
        sim->taken_count = 0;
    }
    if (sim->when_off != NULL) {
        void (*const call)(void) = sim->when_off;

        sim->when_off = NULL;
        call();
    }
}

static void go_on(struct nvme_sim *sim)
{
    assert_int_equal(sim->cc & ~NVME_CC_MPS(0xf) & ~NVME_CC_EN, NVME_CC_IOSQES | NVME_CC_IOCQES);
    assert_int_equal(sim->cc >> 7 & 0xf, NVME_CAP_MPSMIN(sim->cap));
    assert_int_equal((sim->asq | sim->acq) & (page_bytes(sim) - 1), 0);
    sim->sq[0] =
        (struct nvme_sim_queue){.exists = true, .base = sim->asq, .size = (sim->aqa & 0xfff) + 1};
    sim->cq[0] = (struct nvme_sim_queue){
        .exists = true, .base = sim->acq, .size = (sim->aqa >> 16) + 1, .phase = NVME_PHASE};
    if (sim->fails_on_the_way) {
        sim->csts |= NVME_CSTS_CFS;
    } else if (!sim->never_ready) {
        sim->csts |= NVME_CSTS_RDY;
    }
}

static void configure(struct nvme_sim *sim, uint32_t value)
{
    const uint32_t before = sim->cc;

    sim->cc = value;
    /* Section 3.1.5: not on its way up. */
    assert_true(sim->lenient || sim->never_ready || (before & ~value & NVME_CC_EN) == 0 ||
                (sim->csts & (NVME_CSTS_RDY | NVME_CSTS_CFS)) != 0);
    if ((value & NVME_CC_SHN) != 0 && (before & NVME_CC_SHN) == 0) {
        sim->shutdowns++;
        sim->csts |= NVME_CSTS_SHST_DONE;
    }
    if ((before & NVME_CC_EN) != 0 && (value & NVME_CC_EN) == 0) {
        go_off(sim);
    } else if ((before & NVME_CC_EN) == 0 && (value & NVME_CC_EN) != 0) {
        go_on(sim);
    }
}

static uint64_t read_register(struct sim_registers *self, uint64_t offset, unsigned width)
{
    const struct nvme_sim *sim = (const struct nvme_sim *)self;

    assert_true(sim->bus.memory_on);
    if (sim->gone) {
        return UINT64_MAX;
    }
    switch (offset) {
    case NVME_CAP:
        assert_int_equal(width, 8);
        return sim->cap;
    case NVME_VS:
        return sim->version;
    case NVME_CC:
        return sim->cc;
    case NVME_CSTS:
        return sim->status_is_gone ? UINT32_MAX : sim->csts;
    case NVME_CMBLOC:
        return (sim->buffer_control & 1) != 0 ? sim->buffer_place : 0;
    case NVME_CMBSZ:
        return (sim->buffer_control & 1) != 0 ? sim->buffer_size : 0;
    }
    fail_msg("register 0x%llx is read", (unsigned long long)offset);
    return 0;
}

static void write_register(struct sim_registers *self, uint64_t offset, uint64_t value,
                           unsigned width)
{
    struct nvme_sim *sim = (struct nvme_sim *)self;

    assert_true(sim->bus.memory_on);
    if (sim->gone) {
        /* Who has read all ones does not put them back, less a bit. */
        assert_true(offset != NVME_CC || sim->lenient);
        return;
    }
    if (offset >= NVME_DOORBELLS) {
        assert_true(width == 4 && (sim->lenient || (sim->csts & NVME_CSTS_RDY) != 0));
        ring(sim, (unsigned)(offset - NVME_DOORBELLS) / (4u << NVME_CAP_DSTRD(sim->cap)),
             (uint32_t)value);
        return;
    }
    if (offset == NVME_CMBMSC) {
        assert_int_equal(width, 8);
        sim->buffer_control = value;
        return;
    }
    /* The admin queues are told while it is off (section 3.1). */
    assert_true(offset == NVME_CC || (sim->cc & NVME_CC_EN) == 0);
    switch (offset) {
    case NVME_AQA:
        sim->aqa = (uint32_t)value;
        break;
    case NVME_ASQ:
        sim->asq = value;
        break;
    case NVME_ACQ:
        sim->acq = value;
        break;
    case NVME_CC:
        configure(sim, (uint32_t)value);
        break;
    default:
        fail_msg("register 0x%llx is written", (unsigned long long)offset);
    }
}

/* Section 7.5.1.1: a line is up as long as an answer has not been acknowledged. */
static bool is_up(const struct bus_sim *bus)
{
    const struct nvme_sim *sim = (const struct nvme_sim *)bus;
    bool any = false;

    for (unsigned i = 0; i < NVME_SIM_QUEUES; i++) {
        any |= sim->cq[i].exists && sim->cq[i].head != sim->cq[i].tail;
    }
    return any && !sim->lenient && !sim->gone && bus->vectors == 1 && !bus->is_message;
}

void nvme_sim_create(struct nvme_sim *sim, uint8_t *disk, uint64_t disk_bytes)
{
    *sim = (struct nvme_sim){
        .cap = 1023 | 1ull << 37 | 1ull << 24,
        .version = 0x10400,
        .mdts = 4,
        .sgls = 1,
        .granted = 4,
        .block_shift = 9,
        .blocks = disk_bytes / 512,
        .silent_opcode = 0x100,
        .refused_identity = 0x100,
        .serial = "simulated           ",
        .disk = disk,
    };
    bus_sim_create(&sim->bus, 0, read_register, write_register);
    sim->bus.is_up = is_up;
}
