/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts of PCI functions where messages are LPIs, by the ITS of a GICv3. */
#include "tests/bench/messages.h"

static void bench_line(struct bench_result *result)
{
    message_bench(result, PCI_INTX);
}

static void bench_message(struct bench_result *result)
{
    message_bench(result, PCI_MSI);
}

static const struct bench rows[] = {
    {.id = "intx-v3", .name = "interrupt by INTx, raised and served, GICv3", .run = bench_line},
    {.id = "its", .name = "interrupt by a message through the ITS", .run = bench_message},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
