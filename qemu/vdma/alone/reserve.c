/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree that the guest reads: how many CPUs there are, and which memory is not its own. */
#include <libfdt.h>

#include "boot/el2/el2.h"

/* Debian's libfdt is built with a stack protector. */
unsigned long __stack_chk_guard = 0x7dc4a1f06be93500;

_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void)
{
    el2_fatal("stack smashed in libfdt, called from", (uint64_t)__builtin_return_address(0));
}

#include "qemu/vdma/alone/alone.h"

/* The guest reads it with its caches off. */
static void clean(const void *start, uint64_t size)
{
    for (uint64_t at = (uint64_t)start; at < (uint64_t)start + size; at += 16) {
        __asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
    }
    __asm__ volatile("dsb sy");
}

int alone_cpus(const void *tree)
{
    const int cpus = fdt_path_offset(tree, "/cpus");
    int count = 0;
    int node;

    if (cpus < 0) {
        return cpus;
    }
    fdt_for_each_subnode(node, tree, cpus)
    {
        count += fdt_getprop(tree, node, "reg", NULL) != NULL;
    }
    return count;
}

int alone_reserve(void *tree, uint64_t base, uint64_t size)
{
    int error = fdt_check_header(tree);

    if (error == 0) {
        /* In place: QEMU leaves most of its blob free. */
        error = fdt_add_mem_rsv(tree, base, size);
        clean(tree, fdt_totalsize(tree));
    }
    return error;
}
