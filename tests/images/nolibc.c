/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image with no libc at all: linked with kernel/nolibc instead. That it
 * links is the point; that it boots, reads its device tree and takes an
 * interrupt shows that nothing else was missing.
 */
#include <stdlib.h>

#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/exit.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/timer.h"

static volatile bool woken;
static bool returned; /* main is about to */

static void wake(void *context)
{
    (void)context;
    woken = true;
}

static void sleep_a_millisecond(void)
{
    struct timer timer = {.callback = wake};
    const irq_state_t state = irq_mask();

    timer_start(&timer, 1000000);
    while (!woken) {
        irq_wait();
    }
    irq_restore(state);
}

__attribute__((destructor)) static void destroy(void)
{
    kprintf("no libc: destroyed %s main\n", returned ? "after" : "before");
}

BOOTARG(status, "status");

int main(void)
{
    char value[8];
    char *const block = heap_alloc_zero(100);

    if (block == NULL || block[99] != 0) {
        return EXIT_STATUS_FAILED;
    }
    ksnprintf(block, 100, "%s, %llu Hz, bootargs \"%s\"", irq_controller_name(),
              (unsigned long long)timer_frequency(), devicetree_bootargs());
    sleep_a_millisecond();
    kprintf("no libc: %s\n", block);
    heap_free(block);
    returned = true;
    return devicetree_bootarg("status", value, sizeof(value)) ? (int)strtoul(value, NULL, 0)
                                                              : EXIT_STATUS_PASSED;
}
