/* SPDX-License-Identifier: BSD-2-Clause */
/* Failing the n-th request of a kind, for tests of what happens then. */
#include "kernel/inject.h"

#ifdef DEBUG

static struct inject_report report;
static uint64_t countdown; /* points until the one that fails, that one included; 0: none */
static bool counting;

void inject_begin(uint64_t nth)
{
    report = (struct inject_report){.failed = false};
    countdown = nth;
    counting = true;
}

void inject_end(struct inject_report *out)
{
    counting = false;
    countdown = 0;
    *out = report;
}

bool inject_fails(enum inject_point kind)
{
    if (!counting) {
        return false;
    }
    /* Counted also where none fails: a test learns from a first run how many there are to fail. */
    report.passed[kind]++;
    if (countdown == 0 || --countdown != 0) {
        return false;
    }
    report.failed = true;
    report.kind = kind;
    return true;
}

#endif
