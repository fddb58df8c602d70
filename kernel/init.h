/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Initialisers: functions that start-up calls before main, level by level. This
 * is how a driver joins an image without anything above or below knowing it.
 * One that fails says so on the console and leaves its device absent.
 */
#ifndef KERNEL_INIT_H
#define KERNEL_INIT_H

/* Called once, before main. */
typedef void initialiser_t(void);

#define INIT_CONSOLE "1" /* consoles: pages, MMU and heap work, interrupts are masked */
#define INIT_DRIVER  "2" /* everything else that drives a device; interrupts work */
#define INIT_CLASS   "3" /* descriptor classes and what stands on them */

/* INITIALISER(INIT_DRIVER, virtio_mmio_probe); the linker collects them in level order. */
#define INITIALISER(level, function)                                                               \
    static initialiser_t *const initialiser_##function                                             \
        __attribute__((used, section(".initialisers." level))) = (function)

#endif
