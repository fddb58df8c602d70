/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's services alone, beside names of one's own that the kernel has as well. */
#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/heap.h"
#include "kernel/timer.h"

/* Not the kernel's page_alloc: that is declared in kernel/page.h, and stays what it is. */
static int calls;
int page_alloc(void);
int page_alloc(void)
{
    return ++calls;
}

int main(void)
{
    char *block = heap_alloc_zero(64);

    if (block == NULL) {
        return EXIT_STATUS_FAILED;
    }
    ksnprintf(block, 64, "%d call, %u timer ticks a second", page_alloc(),
              (unsigned)timer_frequency());
    kprintf("hello without a libc: %s\n", block);
    heap_free(block);
    return EXIT_STATUS_PASSED;
}
