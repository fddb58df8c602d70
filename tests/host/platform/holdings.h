/* SPDX-License-Identifier: BSD-2-Clause */
/* Set-up and tear-down of a test that must hold nothing in the end that it did not before. */
#ifndef TESTS_HOST_HOLDINGS_H
#define TESTS_HOST_HOLDINGS_H

int holdings_take(void **state);
int holdings_check(void **state); /* fails the test */

#define BALANCED(test) cmocka_unit_test_setup_teardown(test, holdings_take, holdings_check)

#endif
