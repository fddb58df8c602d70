/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib asks of a system that has processes and links: this one has neither, so
 * that programs which mention them link, and are told. Weak: an image may bring its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "kernel/options.h"
#include "kernel/panic/semihost.h"

#define WEAK __attribute__((weak))

int _link(const char *from, const char *to);
pid_t _fork(void);
int _execve(const char *path, char *const arguments[], char *const environment[]);
pid_t _wait(int *status);

static int no_such_call(void)
{
    errno = ENOSYS;
    return -1;
}

WEAK int _link(const char *from, const char *to)
{
    (void)from, (void)to;
    return no_such_call();
}

WEAK pid_t _fork(void)
{
    return no_such_call();
}

WEAK int _execve(const char *path, char *const arguments[], char *const environment[])
{
    (void)path, (void)arguments, (void)environment;
    return no_such_call();
}

WEAK pid_t _wait(int *status)
{
    (void)status;
    return no_such_call();
}

RUNTIME_OPTION(system, "system", "on", "let system() run commands of the host");

/* Semihosting runs commands on the host, as whoever started QEMU: only if they said so. */
static bool may_run_commands(void)
{
    const char *const value = option_value("system");

    return value != NULL && strcmp(value, "on") == 0;
}

/* With the boot argument system=on a command of the host; NULL asks whether there is one. */
WEAK int system(const char *command)
{
    if (!may_run_commands()) {
        return command == NULL ? 0 : no_such_call();
    }
    if (command == NULL) {
        return 1;
    }
    return (int)semihost_call(SEMIHOST_SYSTEM, (uint64_t[]){(uint64_t)command, strlen(command)});
}
