/* SPDX-License-Identifier: BSD-2-Clause */
/* Small programs for EL0. */
#include "tests/lib/user_code.h"

#include <string.h>

#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "kernel/panic.h"
#include "kernel/vm_map.h"

#define CODE 0x7f0000000000ul

/* Position-independent EL0 code, copied into the task. */
extern const char user_code_begin[], user_code_ldrb[], user_code_strb[], user_code_end[];
__asm__(".pushsection .rodata\n"
        ".balign 4\n"
        "user_code_begin:\n"
        "user_code_ldrb: ldrb w0, [x1]\n"
        "                svc #1\n"
        "user_code_strb: strb w0, [x1]\n"
        "                svc #2\n"
        "user_code_end:\n"
        ".popsection\n");

/* The code's page, once for each task. */
static void put_code(struct vm_map *map)
{
    struct vm_range range = {.access = MMU_READ | MMU_EXECUTE,
                             .max_access = MMU_READ | MMU_EXECUTE};
    vaddr_t at = CODE;
    uint64_t size;
    paddr_t page;

    if (vm_map_lookup(map, CODE, &range, &size) == KERN_SUCCESS) {
        return;
    }
    KERNEL_CHECK(vm_object_create(1, &range.object) == KERN_SUCCESS);
    KERNEL_CHECK(vm_object_supply(range.object, 0, VM_SUPPLY_WRITE, &page) == KERN_SUCCESS);
    memcpy(phys_to_virt(page), user_code_begin, (size_t)(user_code_end - user_code_begin));
    KERNEL_CHECK(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0) == KERN_SUCCESS);
    vm_object_release(range.object);
}

static enum user_stop run(struct task *task, const char *code, vaddr_t address, uint8_t *byte)
{
    struct user_state state;
    enum user_stop stop;

    put_code(task_map(task));
    user_init(&state, CODE + (vaddr_t)(code - user_code_begin), 0);
    state.context.frame.x[0] = *byte;
    state.context.frame.x[1] = address;
    stop = user_run(task, &state);
    *byte = (uint8_t)state.context.frame.x[0];
    return stop;
}

enum user_stop user_code_load(struct task *task, vaddr_t address, uint8_t *byte)
{
    *byte = 0;
    return run(task, user_code_ldrb, address, byte);
}

enum user_stop user_code_store(struct task *task, vaddr_t address, uint8_t byte)
{
    return run(task, user_code_strb, address, &byte);
}
