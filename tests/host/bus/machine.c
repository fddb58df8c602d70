/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine of nothing but RAM, a device tree and registers that a test plays. */
#include "tests/host/bus/machine.h"

#include "kernel/page.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_tlb.h"

char __image_start[1], __image_end[1];

struct access log_entries[LOG_ENTRIES];
unsigned log_count;

static const struct page_range ram = {0x40000000, 16 * SIM_MIB};

void log_access(uint64_t offset, uint64_t value, unsigned width, bool write)
{
    if (log_count < LOG_ENTRIES) {
        log_entries[log_count] = (struct access){offset, value, width, write};
    }
    log_count++;
}

void log_forget(void)
{
    log_count = 0;
}

void assert_written(const uint64_t (*pairs)[2], unsigned count)
{
    unsigned written = 0;

    assert_in_range(log_count, 0, LOG_ENTRIES);
    for (unsigned i = 0; i < log_count; i++) {
        if (!log_entries[i].write) {
            continue;
        }
        assert_in_range(written, 0, count - 1);
        assert_int_equal(log_entries[i].offset, pairs[written][0]);
        assert_int_equal(log_entries[i].value, pairs[written][1]);
        assert_int_equal(log_entries[i].width, 4);
        written++;
    }
    assert_int_equal(written, count);
}

int machine_start(void **state)
{
    (void)state;
    sim_ram_attach(&ram, 1);
    if (!page_setup(&ram, 1, NULL, 0)) {
        return -1;
    }
    sim_tlb_reset();
    return 0;
}

int machine_stop(void **state)
{
    (void)state;
    sim_mmio_unplug_all();
    sim_ram_detach();
    return 0;
}

void add_registers(uint64_t base, uint64_t size)
{
    cells("reg", 4, (unsigned)(base >> 32), (unsigned)base, (unsigned)(size >> 32), (unsigned)size);
}
