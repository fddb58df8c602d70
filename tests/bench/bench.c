/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting instructions between two marks, and printing rows of them. */
#include "tests/bench/bench.h"

#include <string.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/exit.h"
#include "kernel/options.h"
#include "kernel/pmu.h"

#define CALL_AND_RETURN 2            /* instructions */
#define COUNT_EL2       (1ull << 27) /* NSH of PMEVTYPER<n>_EL0: EL2 counts as well */

static uint32_t started_at;
static uint32_t own_cost; /* of bench_start and bench_stop around nothing */
static uint64_t reset_to_main;

/* The two are also the marks by which the profiler cuts the trace: never inlined. */
__attribute__((noinline)) void bench_start(void)
{
    started_at = (uint32_t)pmu_instructions();
}

__attribute__((noinline)) uint64_t bench_stop(void)
{
    const uint32_t now = (uint32_t)pmu_instructions();

    return now - started_at - own_cost;
}

/* Just a return: what remains of a call of it is the loop. */
__asm__(".pushsection .text.bench_nothing, \"ax\"\n"
        "bench_nothing:\n\t"
        "ret\n"
        ".popsection\n");
void bench_nothing(void *context);

__attribute__((noinline)) static uint64_t count_calls(void (*volatile target)(void *),
                                                      void *context, uint64_t rounds)
{
    void (*const operation)(void *) = target;

    bench_start();
    for (uint64_t i = 0; i < rounds; i++) {
        operation(context);
    }
    return bench_stop();
}

uint64_t bench_calls(void (*operation)(void *context), void *context, uint64_t rounds)
{
    operation(context);

    const uint64_t all = count_calls(operation, context, rounds);
    const uint64_t loop = count_calls(bench_nothing, context, rounds) - CALL_AND_RETURN * rounds;

    return all - loop;
}

uint64_t bench_calls_with_el2(void (*operation)(void *context), void *context, uint64_t rounds)
{
    const uint64_t type = cpu_read_sysreg(pmevtyper0_el0);
    uint64_t measured;

    cpu_write_sysreg(pmevtyper0_el0, type | COUNT_EL2);
    cpu_isb();
    measured = bench_calls(operation, context, rounds);
    cpu_write_sysreg(pmevtyper0_el0, type);
    cpu_isb();
    return measured;
}

uint64_t bench_reset_to_main(void)
{
    return reset_to_main;
}

/* total / divisor with one decimal unless it is whole; "-" for none. */
static const char *figure(char text[24], uint64_t total, uint64_t divisor)
{
    const uint64_t tenths = (total * 10 + divisor / 2) / divisor;

    if (total == 0) {
        ksnprintf(text, 24, "-");
    } else if (total % divisor == 0) {
        ksnprintf(text, 24, "%llu", (unsigned long long)(total / divisor));
    } else if (total < divisor) { /* less than one: a tenth would say too little */
        ksnprintf(text, 24, "0.%03llu", (unsigned long long)(total * 1000 / divisor));
    } else {
        ksnprintf(text, 24, "%llu.%llu", (unsigned long long)(tenths / 10),
                  (unsigned long long)(tenths % 10));
    }
    return text;
}

static void print_row(const struct bench *row, const struct bench_result *result)
{
    const uint64_t operations = result->operations ? result->operations : 1;
    const bool missed =
        row->goal && result->skipped == NULL && result->measured > row->goal * operations;
    char measured[24], goal[24], least[24], ratio[24];
    const char *verdict = missed ? "MISSED" : row->goal ? "met" : "-";

    if (result->skipped != NULL) {
        verdict = result->skipped;
    }
    /* A count of zero is a result (bytes copied by the CPU), not a missing one. */
    if (result->measured == 0 && result->skipped == NULL) {
        ksnprintf(measured, sizeof(measured), "0");
    } else {
        figure(measured, result->measured, operations);
    }
    kprintf("BENCH\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row->id,
            row->goal_row != NULL ? row->goal_row : "-", row->name,
            row->unit != NULL ? row->unit : "instructions", measured, figure(goal, row->goal, 1),
            figure(least, result->floor, operations),
            figure(ratio, result->floor ? result->measured : 0, result->floor ? result->floor : 1),
            verdict);
}

static void calibrate(void)
{
    own_cost = 0;
    bench_start();
    own_cost = (uint32_t)bench_stop();
}

OPTION(bench, "bench", "ROW", "only this row");
PROGRAM("bench", "count guest instructions");

int bench_main(const struct bench *rows, size_t count)
{
    const char *const only = option_value("bench");
    size_t done = 0;

    if (!pmu_start()) {
        kprintf("bench: this machine does not count instructions; QEMU needs -icount shift=0\n");
        return EXIT_STATUS_USAGE;
    }
    reset_to_main = (uint32_t)pmu_instructions();
    calibrate();
    for (size_t i = 0; i < count; i++) {
        struct bench_result result = {0};

        if (only != NULL && strcmp(only, rows[i].id) != 0) {
            continue;
        }
        rows[i].run(&result);
        print_row(&rows[i], &result);
        done++;
    }
    if (done == 0) {
        kprintf("bench: this image has no row \"%s\"\n", only);
        return EXIT_STATUS_USAGE;
    }
    return EXIT_STATUS_PASSED;
}
