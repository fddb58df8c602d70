/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts the lines of the printed trace. */
#include "tests/lib/recorded.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"

struct listener {
    struct console console;
    struct recorded *recorded;
    char line[160];
    size_t length;
};

static void count_entry(struct recorded *recorded, const char *line)
{
    const char *const value = strstr(line, " slot=0x");
    const uint64_t slot = value != NULL ? strtoull(value + 6, NULL, 16) : 0;
    const unsigned list = (slot >> 48) & 0xff;

    if ((slot >> 56 & TRACE_SLOT_OWN) == 0) {
        recorded->entries++;
        recorded->bytes += (uint32_t)slot;
        recorded->in[list < TRACE_LIST_COUNT ? list : 0]++;
    }
}

static void count_line(struct recorded *recorded, const char *line)
{
    const struct {
        const char *kind;
        unsigned *count;
    } kinds[] = {
        {" dma_start ", &recorded->starts},      {" dma_notify ", &recorded->notifies},
        {" dma_end ", &recorded->ends},          {" dma_issue ", &recorded->lists},
        {" doorbell ", &recorded->doorbells},    {" dma_virtual ", &recorded->virtual},
        {" dma_physical ", &recorded->physical}, {" dma_bounce ", &recorded->bounce},
        {" dma_mapped ", &recorded->mapped},     {" dma_limits ", &recorded->limits},
        {" dma_copy ", &recorded->copies},
    };

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        *kinds[i].count += strstr(line, kinds[i].kind) != NULL;
    }
    if (strstr(line, " dma_slot ") != NULL) {
        count_entry(recorded, line);
    }
}

static void listen(struct console *console, const char *text, size_t length)
{
    struct listener *const self = (struct listener *)console;

    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\n' && self->length < sizeof(self->line) - 1) {
            self->line[self->length++] = text[i];
            continue;
        }
        self->line[self->length] = '\0';
        count_line(self->recorded, self->line);
        self->length = 0;
    }
}

static bool was_on; /* as a report of the run wants it */

void recorded_start(void)
{
    was_on = trace_is_on();
    trace_start();
}

void recorded_end(struct recorded *recorded)
{
    struct listener listener = {.console = {.write = listen}, .recorded = recorded};
    struct console *before;

    trace_stop();
    *recorded = (struct recorded){.lost = trace_lost()};
    before = console_register(&listener.console);
    trace_print();
    console_register(before);
    trace_start(); /* forgets, so that a failure later on does not print it again */
    if (!was_on) {
        trace_stop();
    }
}
