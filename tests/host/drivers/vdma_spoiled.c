/* SPDX-License-Identifier: BSD-2-Clause */
/* vdma's core with a driver in front of it, to be spoiled. */
#include "tests/host/drivers/vdma_spoiled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/IOMapper.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define DEVICES 200u /* the list of devices keeps all that were ever there */

struct vdma_sim *spoiled;
struct virtio_transport spoiled_by;
uint8_t *pair_bytes;
IOMemoryDescriptor *pair;
void (*spoil)(void);
struct vdma_status spoiled_answer;

static struct vdma_sim sims[DEVICES];
static unsigned made, idle;

void spoiled_add(const struct vdma_options *options)
{
    assert_true(made < DEVICES);
    if (spoiled != NULL) {
        vdma_sim_destroy(spoiled);
    }
    spoiled = &sims[made++];
    vdma_sim_create(spoiled, options);
    spoiled_by = virtio_mmio;
    spoiled->device.device.transport = &spoiled_by;
    virtio_add_device(&spoiled->device.device);
}

void spoiled_turn(void)
{
    void (*call)(void) = spoil;

    vdma_sim_work(spoiled);
    spoil = NULL;
    if (call != NULL) {
        call();
    }
    if (vdma_sim_interrupt(spoiled) || vdma_sim_pass_time(spoiled)) {
        idle = 0;
    } else {
        assert_in_range(++idle, 1, 100);
    }
}

int spoiled_start(void **state)
{
    const struct page_request run = {.count = 2, .owner = PAGE_OWNER_IMAGE, .zero = true};
    paddr_t first;

    (void)state;
    sim_machine_start(VDMA_SIM_RAM);
    IOMapper_setMapperRequired(false); /* as a machine knows once it has started */
    sim_console_set_quiet(true);
    sim_while_waiting = spoiled_turn;
    assert_int_equal(page_alloc_run(&run, &first), KERN_SUCCESS);
    pair_bytes = phys_to_virt(first);
    pair = IOMemoryDescriptor_withAddressRange((uint64_t)pair_bytes, PAIR_BYTES, kIODirectionInOut,
                                               kernel_task);
    return IOMemoryDescriptor_prepare(pair, kIODirectionNone) == kIOReturnSuccess ? 0 : -1;
}

int spoiled_start_present(void **state)
{
    if (spoiled_start(state) != 0) {
        return -1;
    }
    spoiled_add(&(struct vdma_options){0});
    return vdma_present() ? 0 : -1;
}

void spoil_answer(void)
{
    for (unsigned slot = 0; slot < VDMA_DEPTH; slot++) {
        struct vdma_status *status = &vdma_state.frames[slot].status;

        if (status->tag == vdma_state.tag) {
            status->code = spoiled_answer.code;
            status->moved = spoiled_answer.moved;
            status->value = spoiled_answer.value;
        }
    }
}

/* Of one that is about data: what the driver asks before is answered as it is. */
void spoil_data(void)
{
    for (unsigned slot = 0; slot < VDMA_DEPTH; slot++) {
        const struct vdma_frame *frame = &vdma_state.frames[slot];

        if (frame->status.tag == vdma_state.tag && vdma_is_control(frame->request.type)) {
            spoil = spoil_data;
            return;
        }
    }
    spoil_answer();
}

IOReturn spoiled_set_limits(const struct vdma_limits *limits)
{
    const uint64_t arguments[2] = {VDMA_CUSTOM, 0};

    return vdma_control(VDMA_SET_LIMITS, arguments, limits, sizeof(*limits), NULL, 0, NULL);
}

uint32_t spoiled_no_features(struct virtio_device *device, unsigned half)
{
    (void)device, (void)half;
    return 0;
}

bool spoiled_refuse_queue(struct virtio_device *device, const struct virtio_queue_place *place)
{
    (void)device, (void)place;
    return false;
}

uint8_t spoiled_always_on(struct virtio_device *device)
{
    (void)device;
    return 0x0f;
}
