/* SPDX-License-Identifier: BSD-2-Clause */
/* What is held before and after a test. Nothing here allocates. */
#include "tests/harness/harness_private.h"
#include "tests/lib/holdings.h"

static struct holdings before;
static struct harness_balance *balances;

void harness_balance_add(struct harness_balance *balance)
{
    balance->next = balances;
    balances = balance;
}

void balance_take(void)
{
    before = holdings_now();
    for (struct harness_balance *balance = balances; balance != NULL; balance = balance->next) {
        balance->before = balance->count();
    }
}

static void report(const char *what, uint64_t was, uint64_t is)
{
    harness_note("out of balance: %llu %s before the test, %llu after it", (unsigned long long)was,
                 what, (unsigned long long)is);
}

bool balance_holds(void)
{
    const struct holdings now = holdings_now();
    bool same = holdings_are_same(&before, &now, report);

    for (struct harness_balance *balance = balances; balance != NULL; balance = balance->next) {
        const uint64_t is = balance->count();

        if (is != balance->before) {
            report(balance->name, balance->before, is);
            same = false;
        }
    }
    return same;
}
