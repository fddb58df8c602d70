/* SPDX-License-Identifier: BSD-2-Clause */
/* Single loads and stores by EL0 code in a task, through its own page tables. */
#ifndef TESTS_LIB_USER_CODE_H
#define TESTS_LIB_USER_CODE_H

#include "kernel/user.h"

/*
 * Load or store the byte at an address as code of the task. USER_STOP_CALL: done; else
 * why not. The code is put into a free page of the task and stays there.
 */
enum user_stop user_code_load(struct task *task, vaddr_t address, uint8_t *byte);
enum user_stop user_code_store(struct task *task, vaddr_t address, uint8_t byte);

#endif
