/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image with no libc at all: linked with kernel/nolibc instead. That it
 * links is the point; that it boots, reads its device tree and its arguments, and takes
 * an interrupt shows that nothing else was missing. (It declares no option: a word
 * status=N is what main returns.)
 */
#include <stdlib.h>

#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/exit.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/options.h"
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

int main(int argc, char **argv)
{
    const char *const status = option_value("status");
    char *const block = heap_alloc_zero(100);

    if (block == NULL || block[99] != 0) {
        return EXIT_STATUS_FAILED;
    }
    ksnprintf(block, 100, "%s, %llu Hz, bootargs \"%s\"", irq_controller_name(),
              (unsigned long long)timer_frequency(), devicetree_bootargs());
    sleep_a_millisecond();
    kprintf("no libc: %s\n", block);
    heap_free(block);
    for (int i = 0; i <= argc; i++) {
        kprintf("no libc: argv[%d] is %s%s\n", i, argv[i] != NULL ? argv[i] : "NULL",
                i < argc ? "." : "");
    }
    returned = true;
    return status != NULL ? (int)strtoul(status, NULL, 0) : EXIT_STATUS_PASSED;
}
