/* SPDX-License-Identifier: BSD-2-Clause */
/* From the first C at the linked address to main: the one place that knows every floor. */
#include "kernel/startup.h"

#include <string.h>

#include "boot/boot_info.h"
#include "boot/translation.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/exit.h"
#include "kernel/init.h"
#include "kernel/mmu.h"
#include "kernel/options.h"
#include "kernel/page.h"
#include "kernel/page/page_arch.h"
#include "kernel/trace.h"

_Static_assert(TRANSLATION_DIRECT_MAP == DIRECT_MAP_BASE, "the image is in the direct map");
_Static_assert(MAIR_INDEX_NORMAL == MMU_NORMAL && MAIR_INDEX_WRITE_THROUGH == MMU_WRITE_THROUGH &&
                   MAIR_INDEX_NONCACHED == MMU_NONCACHED && MAIR_INDEX_DEVICE == MMU_DEVICE &&
                   MAIR_INDEX_DEVICE_NGNRE == MMU_DEVICE_NGNRE &&
                   MAIR_INDEX_DEVICE_NGRE == MMU_DEVICE_NGRE &&
                   MAIR_INDEX_DEVICE_GRE == MMU_DEVICE_GRE,
               "memory types are MAIR indices");

extern char __bss_start[], __bss_end[];
extern initialiser_t *const __initialisers_start[];
extern initialiser_t *const __initialisers_after_consoles[];
extern initialiser_t *const __initialisers_end[];
extern const struct program_option *const __options_start[], *const __options_runtime[],
                                                                 *const __options_end[];
extern void (*const __init_array_start[])(void), (*const __init_array_end[])(void);
extern void (*const __fini_array_start[])(void), (*const __fini_array_end[])(void);

int main(int argc, char **argv);

/* libc's, where one is linked: exit runs atexit functions and flushes its streams. */
extern _Noreturn void exit(int status) __attribute__((weak));
extern int atexit(void (*function)(void)) __attribute__((weak));

_Noreturn void startup(void);

RUNTIME_OPTION(trace, "trace", "on", "record events (kernel/trace.h) from start-up on");
RUNTIME_OPTION(trace_size, "trace.size", "N", "keep the last N of them, a power of two (256)");

/* As early as the tree can be read, so that what start-up does is seen too. */
static void trace_init(void)
{
    const char *const value = option_value("trace");

    if (value == NULL) {
        return;
    }
    if (strcmp(value, "on") == 0) {
        trace_start();
    } else {
        kprintf("trace: trace=on starts it; trace=%s means nothing\n", value);
    }
}

/* As soon as there is memory for more of them; what was recorded so far goes along. */
static void trace_grow(void)
{
    const char *const value = option_value("trace.size");
    struct page_request request = {.owner = PAGE_OWNER_KERNEL};
    const char *digit = value;
    uint64_t entries = 0;
    paddr_t memory;

    if (value == NULL || !DMAKIT_TRACE) {
        return;
    }
    for (; *digit >= '0' && *digit <= '9' && entries <= TRACE_SIZE_MAX; digit++) {
        entries = entries * 10 + (unsigned)(*digit - '0');
    }
    if (*digit != '\0' || entries < TRACE_SIZE || entries > TRACE_SIZE_MAX ||
        (entries & (entries - 1)) != 0) {
        kprintf("trace: trace.size=%s: a power of two from %u to %u, please\n", value, TRACE_SIZE,
                TRACE_SIZE_MAX);
        return;
    }
    request.count = (trace_bytes(entries) + PAGE_SIZE - 1) / PAGE_SIZE;
    if (page_alloc_run(&request, &memory) != KERN_SUCCESS) {
        kprintf("trace: no memory for %s events; it keeps the last %u\n", value, TRACE_SIZE);
        return;
    }
    trace_use(phys_to_virt(memory), entries);
}

static void run_initialisers(initialiser_t *const *first, initialiser_t *const *end)
{
    for (; first < end; first++) {
        (*first)();
    }
}

/* The last of the array first: what was made later may use what was made before. */
static void run_destructors(void)
{
    for (void (*const *destructor)(void) = __fini_array_end; destructor > __fini_array_start;) {
        (*--destructor)();
    }
}

/* Constructors of the image, when everything that they may call works; then the image. */
static _Noreturn void run_image(void)
{
    const struct options_declared declared = {__options_start, __options_runtime, __options_end};
    char **arguments;
    int status = options_check(&declared);

    if (status != OPTIONS_GO_ON) {
        kernel_exit(status);
    }

    /* First, so that they run last, behind all that is registered from here on. */
    const bool registered = atexit != NULL && atexit(run_destructors) == 0;

    for (void (*const *constructor)(void) = __init_array_start; constructor < __init_array_end;
         constructor++) {
        (*constructor)();
    }
    const int argument_count = options_arguments(&declared, &arguments);
    status = main(argument_count, arguments);
    if (!registered) {
        run_destructors();
    }
    if (exit != NULL) {
        exit(status);
    }
    kernel_exit(status);
}

/* Called by start.S: MMU on, vectors in, stack empty, .bss not yet cleared. */
_Noreturn void startup(void)
{
    /* Before anything with state runs: boot used none of it, and its tables lie outside. */
    page_fill_zero(__bss_start, (size_t)(__bss_end - __bss_start));
    __asm__ volatile("msr daifclr, #5"); /* SError and FIQ: nothing may raise them */

    if (boot_info.devicetree == 0) {
        /* An ELF has no x0 from QEMU, which asks for twice the room that the tree takes. */
        kprintf("boot: no device tree, neither in x0 nor at the base of RAM (QEMU puts one larger "
                "than 1 MiB there for no ELF; start the .img)\n");
        kernel_exit(EXIT_STATUS_USAGE);
    }
    /* First: everybody else asks it what there is and where. */
    devicetree_init(paddr(boot_info.devicetree));
    options_init();
    /* Early: from here on a panic can switch the machine off. */
    psci_init();
    mmu_init(); /* before page_init, which writes to the RAM that this maps */
    trace_init();
    page_init();
    trace_grow();
    /* With it the kernel's map: from here on ranges can be entered. */
    task_init();
    /* Last of these: a fault that is served needs all of them. */
    vm_abort_init();
    run_initialisers(__initialisers_start, __initialisers_after_consoles);
    /* Consoles have been found, with interrupts still masked, so that what follows can complain. */
    irq_init();
    timer_init();
    /* Drivers may sleep for their devices, so interrupts come before them. */
    __asm__ volatile("msr daifclr, #2");
    run_initialisers(__initialisers_after_consoles, __initialisers_end);
    run_image();
}
