/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an image ends. The status is QEMU's exit status, of which a host keeps eight bits: one
 * that does not fit is printed, and is EXIT_STATUS_FAILED.
 *
 * Where there is a libc, exit (or a return from main) runs first what atexit was given, the
 * last first; then the image's destructors (.fini_array); then it flushes the streams. Without
 * one a return from main runs the destructors.
 */
#ifndef KERNEL_EXIT_H
#define KERNEL_EXIT_H

/* What an image ends with. */
#define EXIT_STATUS_PASSED  0
#define EXIT_STATUS_FAILED  1   /* at least one test failed */
#define EXIT_STATUS_USAGE   2   /* usage or harness error */
#define EXIT_STATUS_PANIC   3   /* panic or unexpected exception */
#define EXIT_STATUS_SKIPPED 77  /* every test skipped */
#define EXIT_STATUS_TIMEOUT 124 /* given by the host when an image hangs */
#define EXIT_STATUS_MAX     255

/*
 * End the machine at once: by semihosting, which carries the status; without it by PSCI
 * SYSTEM_OFF (QEMU then exits with 0 whatever the status, so the status is
 * printed first); without either, sleep for ever.
 */
__attribute__((noreturn)) void kernel_exit(int status);

#endif
