/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib asks of a system, except files (libc_files.c) and memory
 * (libc_malloc.c). Weak: an image may bring its own.
 */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/types.h>
#include <time.h>

#include "kernel/exit.h"
#include "kernel/panic.h"
#include "kernel/timer.h"

#define WEAK __attribute__((weak))

#define OWN_PID 1 /* the image is the only process */

_Noreturn void _exit(int status);
int _kill(pid_t pid, int signal);
pid_t _getpid(void);
int _gettimeofday(struct timeval *now, void *zone);
clock_t _times(struct tms *times);

/* newlib's exit has flushed stdio before it comes here. */
WEAK _Noreturn void _exit(int status)
{
    kernel_exit(status);
}

/* raise and abort come here when no handler is set: a bug, not a result. */
WEAK int _kill(pid_t pid, int signal)
{
    if (pid != OWN_PID) {
        errno = ENOSYS;
        return -1;
    }
    if (signal < 0 || signal >= NSIG) {
        errno = EINVAL;
        return -1;
    }
    /* Asks whether the process is there, and does no harm (POSIX, kill). */
    if (signal == 0) {
        return 0;
    }
    panic("killed by signal %d%s", signal, signal == SIGABRT ? " (abort)" : "");
}

WEAK pid_t _getpid(void)
{
    return OWN_PID;
}

/* Since reset, not since 1970: what an image prints does not depend on the host's clock. */
WEAK int _gettimeofday(struct timeval *now, void *zone)
{
    const uint64_t microseconds = timer_now() / 1000;

    (void)zone;
    now->tv_sec = (time_t)(microseconds / 1000000);
    now->tv_usec = (suseconds_t)(microseconds % 1000000);
    return 0;
}

/* All time since reset is user time. */
WEAK clock_t _times(struct tms *times)
{
    const clock_t now = (clock_t)(timer_now() / (1000000000 / CLOCKS_PER_SEC));

    *times = (struct tms){.tms_utime = now};
    return now;
}
