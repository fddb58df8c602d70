/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of the simulated NVMe controller. */
#include "tests/host/drivers/nvme_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct nvme_sim sim;
uint8_t sim_disk[CLIENT_DISK];
struct nvme_controller *controller;
struct nvme_namespace *disk;

static struct holdings before;

void client_create(void)
{
    nvme_sim_create(&sim, sim_disk, sizeof(sim_disk));
    before = holdings_now();
    client_end_count = notified = 0;
    client_at_notification = NULL;
}

IOReturn client_open(void)
{
    IOReturn status;

    controller = nvme_open(bus_sim_function, &status);
    if (controller == NULL) {
        return status;
    }
    nvme_add_namespaces(controller);
    disk = nvme_get(0);
    if (disk == NULL) {
        return kIOReturnNoDevice;
    }
    client_expect_device(nvme_get_service(disk), "nvme@01:03.2", 0x5000011a,
                         controller->queue_count, sim.bus.mapper);
    client_attach(nvme_get_service(disk), controller->queue_count);
    return kIOReturnSuccess;
}

int client_open_usual(void **state)
{
    (void)state;
    client_create();
    assert_int_equal(client_open(), kIOReturnSuccess);
    return 0;
}

/* Whether it stopped, and all is given back. */
static void leave(bool *stopped, bool *holds)
{
    client_detach();
    *stopped = nvme_close(controller);
    assert_false(sim.bus.master_on || sim.bus.claimed);
    *holds = sim_holds(&before);
}

void client_close(void)
{
    bool stopped, holds;

    leave(&stopped, &holds);
    assert_true(stopped);
    assert_true(holds);
}

void client_leave(void)
{
    bool stopped, holds;

    leave(&stopped, &holds);
}

bool client_left_nothing(void)
{
    return sim_holds(&before);
}

void client_abandon(void)
{
    bool stopped, holds;

    leave(&stopped, &holds);
    assert_false(stopped);
    assert_false(holds);
}

IODMACommand *client_command(struct nvme_transfer *transfer, enum nvme_format format,
                             IOMemoryDescriptor *memory, uint64_t offset, uint64_t length)
{
    IODMACommand *command = nvme_create_command(disk, format, NULL, kMapped, transfer);

    client_prepare(command, memory, offset, length);
    return command;
}

void client_deliver(void)
{
    bus_sim_interrupt(&sim.bus);
    IOWorkLoop_runEventSources(client_loop);
}

void client_run(void)
{
    for (unsigned left = 1; left != 0;) {
        left = 0;
        nvme_sim_take(&sim);
        for (unsigned i = 0; i < sim.taken_count; i++) {
            left += !sim.taken[i].answered;
        }
        if (left != 0) {
            unsigned nth = (unsigned)client_random(left);

            for (unsigned i = 0; i < sim.taken_count; i++) {
                if (!sim.taken[i].answered && nth-- == 0) {
                    nvme_sim_answer(&sim, i, 0);
                    break;
                }
            }
            if (client_random(3) == 0 || left == 1) {
                client_deliver();
            }
        } else {
            sim.taken_count = 0;
        }
    }
    client_deliver();
}
