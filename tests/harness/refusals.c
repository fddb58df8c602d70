/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why calls were refused (debug builds): kept until an expectation holds, and shown when one
 * fails. A test that expects its refusals says nothing of them; one that does not is told.
 */
#include <stdarg.h>
#include <stdio.h>

#include "descriptors/IOReturn.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "tests/harness/harness_private.h"

#define KEPT 4 /* the last ones: the cause comes right before what it breaks */

static char kept[KEPT][160];
static unsigned count;

static void listen(const char *function, const char *format, va_list arguments)
{
    const irq_state_t state = irq_mask(); /* handlers are refused things too */
    char *const line = kept[count % KEPT];
    const int length = ksnprintf(line, sizeof(kept[0]), "%s: ", function);

    kvsnprintf(line + length, sizeof(kept[0]) - (size_t)length, format, arguments);
    count++;
    irq_restore(state);
}

void refusals_watch(void)
{
    count = 0;
    IOReturn_listenToRefusals(listen);
}

void refusals_forget(void)
{
    count = 0;
}

void refusals_print(void)
{
    for (unsigned i = count < KEPT ? 0 : count - KEPT; i < count; i++) {
        kprintf("# refused: %s\n", kept[i % KEPT]);
    }
    count = 0;
}
