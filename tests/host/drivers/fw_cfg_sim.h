/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of fw_cfg: the device, its directory and an item that can be written, simulated. */
#ifndef TESTS_HOST_DRIVERS_FW_CFG_SIM_H
#define TESTS_HOST_DRIVERS_FW_CFG_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/fw_cfg/fw_cfg_private.h"
#include "kernel/direct_map.h"
#include "tests/host/sim/sim_mmio.h"
#include "tests/host/sim/sim_order.h"

#define FILES    70 /* more than one look at the directory shows */
#define FILE_KEY 0x20
#define BYTES    (1u << 20)

static uint8_t registers[0x18] __attribute__((aligned(8)));
static uint8_t item[BYTES];     /* of the last file, which can be written */
static uint8_t directory[8192]; /* big-endian count, entries */
static uint16_t selected;
static uint32_t place;
static unsigned fail_at; /* the n-th block that moves bytes from now on: error bit; 0: none */
static bool never_ends;

static inline uint64_t big(const void *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | ((const uint8_t *)at)[i];
    }
    return value;
}

static inline void put_big(void *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        ((uint8_t *)at)[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    }
}

static inline void move(uint8_t *memory, uint32_t length, bool writes)
{
    const bool is_item = selected == FILE_KEY + FILES - 1;
    uint8_t *bytes = is_item ? item : directory;
    const uint32_t size = is_item ? sizeof(item) : sizeof(directory);

    assert_true(is_item || (selected == FW_CFG_DIRECTORY && !writes));
    assert_true(length <= size && place <= size - length); /* the driver sees to it */
    memcpy(writes ? bytes + place : memory, writes ? memory : bytes + place, length);
}

static inline uint64_t read_register(struct sim_registers *self, uint64_t offset, unsigned width)
{
    uint64_t value;

    (void)self;
    assert_int_equal(offset, 0x10);
    assert_int_equal(width, sizeof(value));
    memcpy(&value, registers + offset, width);
    return value;
}

/* Everything that the device will read is in memory before it is started. */
static unsigned barriers;

static inline void count_barrier(enum sim_step step, uint64_t detail)
{
    (void)detail;
    barriers += step == SIM_BARRIER;
}

static inline void write_register(struct sim_registers *self, uint64_t offset, uint64_t value,
                                  unsigned width)
{
    uint8_t *block = phys_to_virt(paddr(big(&value, 8)));
    const uint32_t control = (uint32_t)big(block, 4), length = (uint32_t)big(block + 4, 4);
    bool error = false;

    (void)self;
    assert_int_equal(offset, 0x10);
    assert_int_equal(width, sizeof(value));
    assert_int_not_equal(barriers, 0);
    barriers = 0;
    if (never_ends) {
        return;
    }
    if ((control & FW_CFG_SELECT) != 0) {
        selected = (uint16_t)(control >> 16);
        place = 0;
    }
    if ((control & (FW_CFG_READ | FW_CFG_WRITE)) != 0) {
        error = fail_at != 0 && --fail_at == 0;
        if (!error) {
            move(phys_to_virt(paddr(big(block + 8, 8))), length, (control & FW_CFG_WRITE) != 0);
        }
    }
    place += length;
    put_big(block, error ? FW_CFG_ERROR : 0, 4);
}

static struct sim_registers device = {
    .start = registers, .size = sizeof(registers), .read = read_register, .write = write_register};

static inline void power_on(void)
{
    memcpy(registers + 0x10, "QEMU CFG", 8);
    put_big(directory, FILES, 4);
    for (unsigned i = 0; i < FILES; i++) {
        uint8_t *entry = directory + 4 + 64 * i;

        put_big(entry, i == FILES - 1 ? BYTES : i, 4);
        put_big(entry + 4, FILE_KEY + i, 2);
        snprintf((char *)entry + 8, 56, "opt/%u", i);
    }
    strcpy((char *)directory + 4 + 64 * (FILES - 1) + 8, "etc/vmcoreinfo");
    sim_mmio_unplug_all();
    sim_mmio_plug(&device);
    sim_witness = count_barrier;
    never_ends = false;
    fail_at = 0;
    assert_true(fw_cfg_attach(registers, paddr(0x9020000)));
}

/* There is none in a machine without a device tree. */
void fw_cfg_search(void)
{
}

#endif
