/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* newlib's files on this kernel: the host's, over semihosting, and the console. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/panic/semihost.h"
#include "kernel/timer.h"
#include "tests/harness/harness.h"

static bool have_files(void)
{
    const char name[] = ":semihosting-features";
    int64_t handle =
        semihost_call(SEMIHOST_OPEN, (uint64_t[]){(uint64_t)name, 1, sizeof(name) - 1});

    if (handle >= 0) {
        semihost_call(SEMIHOST_CLOSE, &handle);
    }
    return handle >= 0;
}

/* In QEMU's working directory; the clock keeps two runs side by side apart. */
static const char *scratch_name(void)
{
    static char name[64];

    if (!name[0]) {
        snprintf(name, sizeof(name), "libc-test-%" PRId64 ".tmp",
                 semihost_call(0x11 /* SYS_TIME */, NULL) * 1000 + (int64_t)(timer_now() % 1000));
    }
    return name;
}

static void put(const char *name, const char *content)
{
    const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ASSERT_GE(fd, 3);
    EXPECT_EQ(write(fd, content, strlen(content)), strlen(content));
    EXPECT_EQ(close(fd), 0);
}

TEST(files_write_read_seek_append_remove)
{
    if (!have_files()) {
        SKIP("no semihosting");
    }

    const char *const name = scratch_name();
    char line[32];
    FILE *file = fopen(name, "w+");

    ASSERT_TRUE(file != NULL);
    EXPECT_EQ(fprintf(file, "first %d\nsecond\n", 1), 15);
    EXPECT_EQ(fseek(file, 6, SEEK_SET), 0);
    EXPECT_TRUE(fgets(line, sizeof(line), file) != NULL);
    EXPECT_STR_EQ(line, "1\n");
    EXPECT_EQ(ftell(file), 8);
    EXPECT_EQ(fseek(file, -7, SEEK_END), 0);
    EXPECT_TRUE(fgets(line, sizeof(line), file) != NULL);
    EXPECT_STR_EQ(line, "second\n");
    EXPECT_TRUE(fgets(line, sizeof(line), file) == NULL);
    EXPECT_TRUE(feof(file));
    EXPECT_EQ(fclose(file), 0);

    file = fopen(name, "a");
    ASSERT_TRUE(file != NULL);
    EXPECT_EQ(fputs("third\n", file) >= 0, true);
    EXPECT_EQ(fclose(file), 0);

    const int fd = open(name, O_RDONLY);
    struct stat status;

    ASSERT_GE(fd, 3);
    EXPECT_EQ(fstat(fd, &status), 0);
    EXPECT_EQ(status.st_size, 21);
    EXPECT_TRUE(S_ISREG(status.st_mode));
    EXPECT_EQ(isatty(fd), 0);
    EXPECT_EQ(lseek(fd, 15, SEEK_SET), 15);
    EXPECT_EQ(read(fd, line, sizeof(line)), 6);
    EXPECT_MEM_EQ(line, "third\n", 6);
    EXPECT_EQ(read(fd, line, sizeof(line)), 0);
    EXPECT_EQ(lseek(fd, -1, SEEK_SET), -1);
    EXPECT_EQ(lseek(fd, 0, 99), -1);
    EXPECT_EQ(close(fd), 0);
    EXPECT_EQ(remove(name), 0);
    EXPECT_EQ(open(name, O_RDONLY), -1);
    EXPECT_EQ(errno, ENOENT);
}

/* Read from the start, written at the end, wherever the stream was moved in between. */
TEST(streams_for_appending_read_from_the_start)
{
    if (!have_files()) {
        SKIP("no semihosting");
    }

    const char *const name = scratch_name();
    char line[32] = {0};

    put(name, "0123456789");

    FILE *file = fopen(name, "a+");

    ASSERT_TRUE(file != NULL);
    EXPECT_EQ(ftell(file), 0);
    EXPECT_EQ(fread(line, 1, 4, file), 4);
    EXPECT_MEM_EQ(line, "0123", 4);
    EXPECT_EQ(fseek(file, 2, SEEK_SET), 0);
    EXPECT_GE(fputs("XY", file), 0);
    EXPECT_EQ(fseek(file, 0, SEEK_SET), 0);
    EXPECT_EQ(fread(line, 1, sizeof(line), file), 12);
    EXPECT_STR_EQ(line, "0123456789XY");
    EXPECT_EQ(fclose(file), 0);
    file = fopen(name, "ab");
    ASSERT_TRUE(file != NULL);
    EXPECT_EQ(ftell(file), 12);
    EXPECT_GE(fputs("!", file), 0);
    EXPECT_EQ(ftell(file), 13);
    EXPECT_EQ(fclose(file), 0);
    EXPECT_EQ(remove(name), 0);
}

TEST(streams_have_the_modes_of_the_standard)
{
    if (!have_files()) {
        SKIP("no semihosting");
    }

    const char *const name = scratch_name();
    char line[16] = {0};

    EXPECT_TRUE(fopen(name, "rb+") == NULL); /* needs the file */
    EXPECT_EQ(errno, ENOENT);
    errno = 0;
    EXPECT_TRUE(fopen(name, "q") == NULL);
    EXPECT_EQ(errno, EINVAL);

    FILE *file = fopen(name, "wx");

    ASSERT_TRUE(file != NULL);
    EXPECT_GE(fputs("0123456789", file), 0);
    EXPECT_EQ(fclose(file), 0);
    EXPECT_TRUE(fopen(name, "wx") == NULL);
    EXPECT_EQ(errno, EEXIST);
    file = fopen(name, "r+b"); /* and keeps it */
    ASSERT_TRUE(file != NULL);
    EXPECT_GE(fputs("AB", file), 0);
    EXPECT_EQ(fclose(file), 0);
    file = fopen(name, "r");
    ASSERT_TRUE(file != NULL);
    EXPECT_EQ(fputs("x", file), EOF);
    EXPECT_EQ(fread(line, 1, sizeof(line), file), 10);
    EXPECT_STR_EQ(line, "AB23456789");
    EXPECT_EQ(fclose(file), 0);
    file = fopen(name, "w+");
    ASSERT_TRUE(file != NULL);
    EXPECT_EQ(getc(file), EOF);
    EXPECT_EQ(fclose(file), 0);
    EXPECT_EQ(remove(name), 0);
}

/* open's flags that fopen's modes, which are all the host offers, cannot say. */
TEST(files_are_created_and_truncated_only_when_asked)
{
    if (!have_files()) {
        SKIP("no semihosting");
    }

    const char *const name = scratch_name();
    char bytes[8];

    errno = 0;
    EXPECT_EQ(open(name, O_WRONLY), -1);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(open(name, O_WRONLY | O_APPEND), -1);
    EXPECT_EQ(open(name, O_RDWR | O_TRUNC), -1);

    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

    ASSERT_GE(fd, 3);
    EXPECT_EQ(write(fd, "abcdef", 6), 6);
    EXPECT_EQ(close(fd), 0);
    EXPECT_EQ(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600), -1);
    EXPECT_EQ(errno, EEXIST);

    fd = open(name, O_WRONLY | O_CREAT, 0600); /* no O_TRUNC: the rest stays */
    ASSERT_GE(fd, 3);
    EXPECT_EQ(write(fd, "AB", 2), 2);
    EXPECT_EQ(close(fd), 0);
    fd = open(name, O_RDONLY);
    ASSERT_GE(fd, 3);
    EXPECT_EQ(read(fd, bytes, sizeof(bytes)), 6);
    EXPECT_MEM_EQ(bytes, "ABcdef", 6);
    EXPECT_EQ(write(fd, "x", 1), -1); /* opened for reading */
    EXPECT_EQ(close(fd), 0);

    fd = open(name, O_RDWR | O_APPEND);
    ASSERT_GE(fd, 3);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(write(fd, "Z", 1), 1); /* at the end, wherever we were */
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 7);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(read(fd, bytes, sizeof(bytes)), 7);
    EXPECT_MEM_EQ(bytes, "ABcdefZ", 7);
    EXPECT_EQ(close(fd), 0);
    EXPECT_EQ(unlink(name), 0);
    EXPECT_EQ(unlink(name), -1);
}

TEST(files_are_renamed_and_looked_at_by_name)
{
    if (!have_files()) {
        SKIP("no semihosting");
    }

    const char *const name = scratch_name();
    struct stat status;
    char other[80];

    snprintf(other, sizeof(other), "%s.new", name);
    put(name, "twelve bytes");
    EXPECT_EQ(stat(name, &status), 0);
    EXPECT_TRUE(S_ISREG(status.st_mode));
    EXPECT_EQ(status.st_size, 12);
    EXPECT_EQ(rename(name, other), 0);
    EXPECT_EQ(stat(name, &status), -1);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(stat(other, &status), 0);
    EXPECT_EQ(status.st_size, 12);
    put(name, "x");
    EXPECT_EQ(rename(name, other), 0); /* over one that is there */
    EXPECT_EQ(stat(other, &status), 0);
    EXPECT_EQ(status.st_size, 1);
    errno = 0;
    EXPECT_EQ(rename(name, other), -1);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(stat(".", &status), 0);
    EXPECT_TRUE(S_ISDIR(status.st_mode));
    EXPECT_EQ(remove(other), 0);
}

/* The host says "nothing moved" for both. */
TEST(a_read_error_is_not_the_end_of_the_file)
{
    if (!have_files()) {
        SKIP("no semihosting");
    }

    const char *const name = scratch_name();
    struct stat status;
    char byte;
    int fd = open(".", O_RDONLY);

    ASSERT_GE(fd, 3);
    EXPECT_EQ(fstat(fd, &status), 0);
    EXPECT_TRUE(S_ISDIR(status.st_mode));
    errno = 0;
    EXPECT_EQ(read(fd, &byte, 1), -1);
    EXPECT_EQ(errno, EISDIR);
    EXPECT_EQ(close(fd), 0);
    put(name, "abc");
    fd = open(name, O_WRONLY);
    ASSERT_GE(fd, 3);
    errno = 0;
    EXPECT_EQ(read(fd, &byte, 1), -1);
    EXPECT_EQ(errno, EBADF);
    EXPECT_EQ(close(fd), 0);
    fd = open(name, O_RDONLY);
    ASSERT_GE(fd, 3);
    errno = 0;
    EXPECT_EQ(write(fd, "x", 1), -1);
    EXPECT_EQ(errno, EBADF);
    EXPECT_EQ(lseek(fd, 3, SEEK_SET), 3);
    EXPECT_EQ(read(fd, &byte, 1), 0);
    EXPECT_EQ(lseek(fd, 300, SEEK_SET), 300);
    EXPECT_EQ(read(fd, &byte, 1), 0);
    EXPECT_EQ(close(fd), 0);
    EXPECT_EQ(remove(name), 0);
    EXPECT_EQ(open(".", O_WRONLY), -1);
    EXPECT_EQ(errno, EISDIR);
    EXPECT_EQ(open("", O_RDONLY), -1);
}

TEST(positions_beyond_two_and_four_gibibytes)
{
    if (!have_files()) {
        SKIP("no semihosting");
    }

    const char *const name = scratch_name();
    const int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct stat status;
    char byte = 'z';

    ASSERT_GE(fd, 3);
    EXPECT_EQ(lseek(fd, 5000000000l, SEEK_SET), 5000000000l);
    EXPECT_EQ(write(fd, "q", 1), 1); /* the rest is a hole */
    EXPECT_EQ(fstat(fd, &status), 0);
    EXPECT_EQ(status.st_size, 5000000001l);
    EXPECT_EQ(lseek(fd, -1, SEEK_END), 5000000000l);
    EXPECT_EQ(read(fd, &byte, 1), 1);
    EXPECT_EQ(byte, 'q');
    EXPECT_EQ(read(fd, &byte, 1), 0);
    EXPECT_EQ(close(fd), 0);
    EXPECT_EQ(remove(name), 0);
}

TEST(bad_descriptors_are_refused)
{
    static const int bad[] = {-1, 3, 18, 19, 1000, INT_MAX, INT_MIN};
    struct stat status;
    char byte = 0;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        errno = 0;
        EXPECT_EQ(read(bad[i], &byte, 1), -1);
        EXPECT_EQ(errno, EBADF);
        EXPECT_EQ(write(bad[i], &byte, 1), -1);
        EXPECT_EQ(lseek(bad[i], 0, SEEK_SET), -1);
        EXPECT_EQ(fstat(bad[i], &status), -1);
        EXPECT_EQ(close(bad[i]), -1);
        EXPECT_EQ(isatty(bad[i]), 0);
    }
}

TEST(too_many_open_files_is_an_error)
{
    if (!have_files()) {
        SKIP("no semihosting");
    }

    int fds[64];
    unsigned count = 0;

    while (count < 64 && (fds[count] = open(":semihosting-features", O_RDONLY)) >= 0) {
        count++;
    }
    EXPECT_EQ(errno, EMFILE);
    EXPECT_EQ(count, 16);
    while (count > 0) {
        EXPECT_EQ(close(fds[--count]), 0);
    }
}

TEST(console_is_a_terminal_that_cannot_seek)
{
    struct stat status;

    for (int fd = 0; fd < 3; fd++) {
        EXPECT_EQ(isatty(fd), 1);
        EXPECT_EQ(fstat(fd, &status), 0);
        EXPECT_TRUE(S_ISCHR(status.st_mode));
        EXPECT_EQ(lseek(fd, 0, SEEK_CUR), -1);
        EXPECT_EQ(errno, ESPIPE);
    }
}
