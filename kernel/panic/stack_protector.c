/* SPDX-License-Identifier: BSD-2-Clause */
/* What code built with -fstack-protector calls (Debian's libfdt is). */
#include "kernel/panic.h"

/* A null byte stops string overruns; the rest is what no address or count looks like. */
unsigned long __stack_chk_guard = 0x7dc4a1f06be93500;

_Noreturn void __stack_chk_fail(void);

void __stack_chk_fail(void)
{
    panic("stack smashed: a function wrote past its local variables");
}
