/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fopen, in place of newlib's, which puts a stream for appending and reading ("a+") at the
 * end of its file: programs written for other systems read it from its start. Weak: an
 * image may bring its own. Thread context.
 */
#include <errno.h>
#include <fcntl.h>
#include <reent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

FILE *_fopen_r(struct _reent *reent, const char *path, const char *mode);

/* open's flags for a mode; -1 with EINVAL for what is none. */
static int flags_of(struct _reent *reent, const char *mode)
{
    /* Anywhere: "rb+" and "r+b" are one mode (C11 7.21.5.3). */
    const bool both = strchr(mode, '+') != NULL;
    int flags;

    switch (mode[0]) {
    case 'r':
        return both ? O_RDWR : O_RDONLY;
    case 'w':
        flags = O_CREAT | O_TRUNC;
        break;
    case 'a':
        flags = O_CREAT | O_APPEND;
        break;
    default:
        reent->_errno = EINVAL;
        return -1;
    }
    if (strchr(mode, 'x') != NULL) {
        flags |= O_EXCL;
    }
    return flags | (both ? O_RDWR : O_WRONLY);
}

WEAK FILE *_fopen_r(struct _reent *reent, const char *path, const char *mode)
{
    const int flags = flags_of(reent, mode);
    FILE *stream;
    int fd;

    if (flags < 0) {
        return NULL;
    }
    /* What fopen asks for elsewhere; _open has no use for it. */
    fd = _open_r(reent, path, flags, 0666);
    if (fd < 0) {
        return NULL;
    }
    /* What can only be written starts where it will be written: ftell says so. */
    if ((flags & (O_APPEND | O_ACCMODE)) == (O_APPEND | O_WRONLY)) {
        _lseek_r(reent, fd, 0, SEEK_END);
    }
    stream = _fdopen_r(reent, fd, mode);
    if (stream == NULL) {
        /* Or nobody could: the number has been given to no one. */
        _close_r(reent, fd);
    }
    return stream;
}

WEAK FILE *fopen(const char *path, const char *mode)
{
    return _fopen_r(_REENT, path, mode);
}
