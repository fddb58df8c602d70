/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the harness. */
#ifndef TESTS_HARNESS_PRIVATE_H
#define TESTS_HARNESS_PRIVATE_H

#include "tests/harness/harness.h"

/* harness.c: the test under way has failed; leave it if the place is fatal. */
void harness_failed(const struct harness_place *place);

/* balance.c: remember what is held now; say what has changed since, true if nothing has. */
void balance_take(void);
bool balance_holds(void);

/* refusals.c: listen to why calls are refused; what was heard so far was expected; show the rest.
 */
void refusals_watch(void);
void refusals_forget(void);
void refusals_print(void);

/*
 * reports.c: from here on the ledger's reports are this test's; were there those that it expects,
 * and no others? (It says which.)
 */
void reports_watch(void);
bool reports_hold(void);

/*
 * objects.c: watch the objects and heap blocks of the test that begins; false if a freed
 * object was used since (it says which, who made it and who freed it); say what is left
 * of those that were made since.
 */
void objects_watch(void);
bool objects_intact(void);
void objects_print_left(void);

#endif
