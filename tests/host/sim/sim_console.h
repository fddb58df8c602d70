/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel said on its console, for host tests. */
#ifndef TESTS_HOST_SIM_CONSOLE_H
#define TESTS_HOST_SIM_CONSOLE_H

#include <stdbool.h>

void sim_console_forget(void);
bool sim_console_said(const char *words); /* since then; only the last 1000 characters are kept */

#endif
