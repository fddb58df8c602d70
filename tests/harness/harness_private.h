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

#endif
