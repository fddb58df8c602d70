/* SPDX-License-Identifier: BSD-2-Clause */
/* How the last words of an image begin and end, for who has more of them than panic(). */
#ifndef KERNEL_PANIC_ENTER_H
#define KERNEL_PANIC_ENTER_H

/* Mask everything; the second caller exits at once, without a word. */
void panic_enter(void);

/* What is known besides, and the end. After panic_enter and the cause. */
_Noreturn void panic_leave(void);

#endif
