/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the door at EL2 is told of memory, if it is there and has asked for that: under
 * DEVICE=vdma,watch=init it looks for bytes that nobody has written.
 */
#include "kernel/allocation.h"
#include "kernel/init.h"
#include "qemu/vdma/wire.h"

/* In images with a monitor. */
#pragma weak vdma_monitor_wants

static void tell(void *memory, size_t bytes)
{
    register uint64_t call __asm__("x0") = VDMA_CALL_ALLOCATED;
    register uint64_t address __asm__("x1") = (uint64_t)memory;
    register uint64_t length __asm__("x2") = bytes;

    __asm__ volatile("hvc #0" : "+r"(call) : "r"(address), "r"(length) : "memory");
}

static void join(void)
{
    const uint64_t *const wants = &vdma_monitor_wants;

    if (wants != NULL && *wants == VDMA_WANTS_ALLOCATIONS) {
        allocation_set_hook(tell);
    }
}

INITIALISER(INIT_CONSOLE, join);
