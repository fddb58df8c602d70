/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File descriptors for newlib: 0 to 2 are the console, the others files of the
 * host by semihosting (present in test runs; without it, open says ENOSYS).
 * Host paths are relative to QEMU's working directory. Weak: an image may
 * bring its own. Thread context.
 */
#include <errno.h>
#include <fcntl.h>
#include <reent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "kernel/console.h"
#include "kernel/panic/semihost.h"

#define WEAK __attribute__((weak))

#define FIRST_FILE 3  /* descriptor */
#define FILE_COUNT 16 /* open at once */

#define END_OF_INPUT 4 /* Ctrl-D on the console */

/* SYS_OPEN modes: fopen's, binary. */
enum {
    MODE_R = 1,
    MODE_R_PLUS = 3,
    MODE_W = 5,
    MODE_W_PLUS = 7,
    MODE_A = 9,
    MODE_A_PLUS = 11
};

/* Kept here since the host tells none of it: it knows handles, lengths and absolute places. */
struct file {
    bool open;
    bool append;
    bool folder;
    int access;       /* O_ACCMODE of its flags */
    int64_t handle;   /* the host's */
    int64_t position; /* bytes from the start; the host does not tell its own */
};

static struct file files[FILE_COUNT];

int _open(const char *path, int flags, int mode);
int _close(int fd);
int _read(int fd, void *buffer, size_t size);
int _write(int fd, const void *buffer, size_t size);
off_t _lseek(int fd, off_t offset, int whence);
int _fstat(int fd, struct stat *status);
int _stat(const char *path, struct stat *status);
int _isatty(int fd);
int _unlink(const char *path);
int _rename(const char *from, const char *to);
int _rename_r(struct _reent *reent, const char *from, const char *to);

static bool is_console(int fd)
{
    /*
     * The console and not the host's ":tt": what libc prints and what kprintf prints go the same
     * way, in order.
     */
    return fd >= STDIN_FILENO && fd <= STDERR_FILENO;
}

/* The open file behind a descriptor; NULL with EBADF for anything else. */
static struct file *file_of(int fd)
{
    const int index = fd - FIRST_FILE;

    if (index >= 0 && index < FILE_COUNT && files[index].open) {
        return &files[index];
    }
    errno = EBADF;
    return NULL;
}

/* The host's errno in newlib's numbers: the same up to 34, and Linux's where they differ. */
static int errno_of_host(int64_t reason)
{
    static const struct {
        int host, own;
    } known[] = {{36, ENAMETOOLONG}, {38, ENOSYS},    {39, ENOTEMPTY},
                 {40, ELOOP},        {75, EOVERFLOW}, {95, EOPNOTSUPP}};

    if (reason > 0 && reason <= ERANGE) {
        return (int)reason;
    }
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].host == reason) {
            return known[i].own;
        }
    }
    return EIO;
}

/* -1 with the host's reason for the last failure. */
static int host_failed(void)
{
    /* Asked at once: the next call, whatever it is, has a reason of its own. */
    errno = errno_of_host(semihost_call(SEMIHOST_ERRNO, NULL));
    return -1;
}

static int64_t host_open(const char *path, unsigned mode)
{
    /* Addresses as they are: the host reads them through the guest's own tables. */
    return semihost_call(SEMIHOST_OPEN, (uint64_t[]){(uint64_t)path, mode, strlen(path)});
}

static bool host_exists(const char *path)
{
    int64_t handle = host_open(path, MODE_R);

    if (handle < 0) {
        return false;
    }
    /* It would stay open until the image ends. */
    semihost_call(SEMIHOST_CLOSE, &handle);
    return true;
}

/*
 * The mode for open's flags. fopen has none for "write, keep what is there":
 * that is reading and writing, if the file is there.
 */
static unsigned host_mode(const char *path, int flags)
{
    const bool read = (flags & O_ACCMODE) != O_WRONLY;

    if ((flags & O_ACCMODE) == O_RDONLY) {
        return MODE_R;
    }
    if ((flags & O_APPEND) != 0) {
        return read ? MODE_A_PLUS : MODE_A;
    }
    if ((flags & O_TRUNC) != 0 || ((flags & O_CREAT) != 0 && !host_exists(path))) {
        /* These empty the file: only where that is asked for, or where there is none. */
        return read ? MODE_W_PLUS : MODE_W;
    }
    return MODE_R_PLUS;
}

/* Why open cannot honour the flags, 0 if it can: fopen's modes create where open would not. */
static int refuse_open(const char *path, int flags)
{
    /*
     * A look before the call, between which somebody on the host may make the file or take it away:
     * semihosting has nothing that does both in one.
     */
    const bool exists = host_exists(path);

    if (!exists && (flags & O_CREAT) == 0) {
        return ENOENT;
    }
    if (exists && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        return EEXIST;
    }
    return 0;
}

/*
 * Of a file that can be opened for reading: is it a folder? The host has no stat, but
 * opening a folder for writing as well, which changes nothing, fails for that reason.
 */
static bool is_folder(const char *path)
{
    int64_t handle = host_open(path, MODE_R_PLUS);

    if (handle < 0) {
        return errno_of_host(semihost_call(SEMIHOST_ERRNO, NULL)) == EISDIR;
    }
    semihost_call(SEMIHOST_CLOSE, &handle);
    return false;
}

static bool have_semihosting(void)
{
    /*
     * A name that every host has which speaks version 2 of the specification (Semihosting for
     * AArch32 and AArch64, SYS_OPEN): without one the call itself fails.
     */
    static const char features[] = ":semihosting-features";

    return host_exists(features);
}

/* The permission bits are the host's business (its umask). */
WEAK int _open(const char *path, int flags, int mode)
{
    int index = 0;

    (void)mode;
    /* The lowest that is free, as POSIX has it. */
    while (index < FILE_COUNT && files[index].open) {
        index++;
    }
    /* All refusals before the open itself: the host's modes create files and empty them. */
    errno = index == FILE_COUNT ? EMFILE : have_semihosting() ? refuse_open(path, flags) : ENOSYS;
    if (errno) {
        return -1;
    }

    const int64_t handle = host_open(path, host_mode(path, flags));

    if (handle < 0) {
        return host_failed();
    }
    files[index] = (struct file){.open = true,
                                 .append = (flags & O_APPEND) != 0,
                                 /*
                                  * Asked only of what is opened for reading: for writing the host
                                  * opens no folder.
                                  */
                                 .folder = (flags & O_ACCMODE) == O_RDONLY && is_folder(path),
                                 .access = flags & O_ACCMODE,
                                 .handle = handle};
    return FIRST_FILE + index;
}

WEAK int _close(int fd)
{
    /* Stays open: kprintf goes there too, and a panic must be heard. */
    if (is_console(fd)) {
        return 0;
    }

    struct file *const file = file_of(fd);

    if (file == NULL) {
        return -1;
    }
    /* Free whatever the host says: a caller whose close failed cannot close it again. */
    file->open = false;
    return semihost_call(SEMIHOST_CLOSE, &file->handle) == 0 ? 0 : host_failed();
}

/* What has been typed, at least one byte, at most a line; Ctrl-D at its start ends the input. */
static int console_read_line(char *buffer, size_t size)
{
    size_t length = 0;

    while (length < size) {
        int byte = console_read();

        /*
         * Whoever asks for more than has been typed gets what there is; only for the first byte is
         * waited.
         */
        if (byte < 0 && length > 0) {
            break;
        }
        if (byte < 0) {
            continue;
        }
        if (byte == END_OF_INPUT && length == 0) {
            return 0;
        }
        /* What the return key of a raw terminal sends. */
        if (byte == '\r') {
            byte = '\n';
        }
        buffer[length++] = (char)byte;
        if (byte == '\n') {
            break;
        }
    }
    return (int)length;
}

/* One request moves at most this much, so that its count fits the result. */
static size_t clamp(size_t size)
{
    const size_t most = 1 << 30;

    return size < most ? size : most;
}

static int64_t host_length(struct file *file)
{
    return semihost_call(SEMIHOST_FLEN, &file->handle);
}

/*
 * READ or WRITE: bytes moved, or -1. The host answers how much it has not moved, which
 * is everything where it failed, and also at the end of the file: a read that moves
 * nothing has failed where the file goes on.
 */
static int host_transfer(unsigned operation, struct file *file, const void *buffer, size_t size)
{
    const int64_t left =
        semihost_call(operation, (uint64_t[]){(uint64_t)file->handle, (uint64_t)buffer, size});

    /* An answer that is none: no host leaves more than it was given. */
    if (left < 0 || (size_t)left > size) {
        return host_failed();
    }
    if ((size_t)left == size) {
        if (operation == SEMIHOST_READ && file->position >= host_length(file)) {
            return 0;
        }
        return host_failed();
    }
    file->position += (int64_t)size - left;
    return (int)(size - (size_t)left);
}

WEAK int _read(int fd, void *buffer, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (is_console(fd)) {
        return console_read_line(buffer, clamp(size));
    }

    struct file *const file = file_of(fd);

    if (file == NULL) {
        return -1;
    }
    /* Refused here: the host opens by fopen's modes, which allow more than was asked for. */
    if (file->access == O_WRONLY || file->folder) {
        errno = file->folder ? EISDIR : EBADF;
        return -1;
    }
    return host_transfer(SEMIHOST_READ, file, buffer, clamp(size));
}

/* To an absolute position; false with errno. */
static bool host_seek(struct file *file, int64_t target)
{
    uint64_t block[] = {(uint64_t)file->handle, (uint64_t)target};

    if (semihost_call(SEMIHOST_SEEK, block) != 0) {
        host_failed();
        return false;
    }
    file->position = target;
    return true;
}

WEAK int _write(int fd, const void *buffer, size_t size)
{
    if (is_console(fd)) {
        console_write(buffer, clamp(size));
        return (int)clamp(size);
    }

    struct file *const file = file_of(fd);

    if (file == NULL) {
        return -1;
    }
    if (file->access == O_RDONLY) {
        errno = EBADF;
        return -1;
    }
    /*
     * Before the host is asked: "all of nothing moved" and "nothing moved" would be the same
     * answer.
     */
    if (size == 0) {
        return 0;
    }
    if (file->append && !host_seek(file, host_length(file))) { /* QEMU 7.2 forgets that itself */
        return -1;
    }
    return host_transfer(SEMIHOST_WRITE, file, buffer, clamp(size));
}

WEAK off_t _lseek(int fd, off_t offset, int whence)
{
    if (is_console(fd)) {
        /* A console has no position, which is how libc tells it from a file. */
        errno = ESPIPE;
        return -1;
    }

    struct file *const file = file_of(fd);
    int64_t target;

    if (file == NULL) {
        return -1;
    }

    const int64_t base = whence == SEEK_SET   ? 0
                         : whence == SEEK_CUR ? file->position
                         : whence == SEEK_END ? host_length(file)
                                              : -1;

    /* A place before the beginning, and one that no number can say. */
    if (base < 0 || __builtin_add_overflow(base, offset, &target) || target < 0) {
        errno = EINVAL;
        return -1;
    }
    return host_seek(file, target) ? (off_t)target : -1;
}

/* What the host does not tell is what most files have: one name, and whole permissions. */
static int fill_status(struct stat *status, bool folder, int64_t length)
{
    *status = (struct stat){0};
    if (length < 0) {
        return host_failed();
    }
    status->st_mode = folder ? S_IFDIR | 0755 : S_IFREG | 0644;
    status->st_nlink = 1;
    status->st_size = (off_t)length;
    /* In units of 512 bytes, whatever the file system has. */
    status->st_blocks = (blkcnt_t)((length + 511) / 512);
    return 0;
}

WEAK int _fstat(int fd, struct stat *status)
{
    if (is_console(fd)) {
        /* A character device: of such a one stdio asks isatty, and buffers by the line. */
        *status = (struct stat){.st_mode = S_IFCHR | 0620, .st_nlink = 1};
        return 0;
    }

    struct file *const file = file_of(fd);

    return file != NULL ? fill_status(status, file->folder, host_length(file)) : -1;
}

/* -1 with ENOSYS where there is no host, else with the host's reason. */
static int file_call_failed(void)
{
    if (have_semihosting()) {
        return -1;
    }
    errno = ENOSYS;
    return -1;
}

WEAK int _stat(const char *path, struct stat *status)
{
    /* By opening it: the host has a length for handles alone. */
    struct file file = {.handle = host_open(path, MODE_R)};
    int result;

    if (file.handle < 0) {
        host_failed();
        return file_call_failed();
    }
    result = fill_status(status, is_folder(path), host_length(&file));
    semihost_call(SEMIHOST_CLOSE, &file.handle);
    return result;
}

WEAK int _isatty(int fd)
{
    if (is_console(fd)) {
        return 1;
    }

    struct file *const file = file_of(fd);

    if (file == NULL) {
        return 0;
    }
    if (semihost_call(SEMIHOST_ISTTY, &file->handle) == 1) {
        return 1;
    }
    errno = ENOTTY;
    return 0;
}

WEAK int _unlink(const char *path)
{
    if (semihost_call(SEMIHOST_REMOVE, (uint64_t[]){(uint64_t)path, strlen(path)}) == 0) {
        return 0;
    }
    host_failed();
    return file_call_failed();
}

WEAK int _rename(const char *from, const char *to)
{
    uint64_t block[] = {(uint64_t)from, strlen(from), (uint64_t)to, strlen(to)};

    if (semihost_call(SEMIHOST_RENAME, block) == 0) {
        return 0;
    }
    host_failed();
    return file_call_failed();
}

/* newlib's own makes a link and takes the old name away, unless it was built otherwise. */
WEAK int _rename_r(struct _reent *reent, const char *from, const char *to)
{
    const int result = _rename(from, to);

    if (result < 0) {
        reent->_errno = errno;
    }
    return result;
}
