/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of an image that counts (make coverage): what GCC's counters hold goes into a
 * file of the host, whose name no other run has. tests/runner/counters.pl reads it.
 *
 * Records, each a letter, a length of four bytes and as many bytes: N, the path of the
 * file that the compiler would have written on a host; then D, the next of its bytes.
 */
#include <gcov.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/panic/semihost.h"
#include "kernel/types.h"

#define SEMIHOST_TIME   0x11 /* result: seconds since 1970 */
#define SEMIHOST_TMPNAM 0x0d /* block: buffer, identifier, its size; has QEMU's process number */
#define MODE_WB         5

extern const struct gcov_info *const __counters_start[], *const __counters_end[];

void __real_kernel_exit(int status) __attribute__((noreturn));
void __wrap_kernel_exit(int status) __attribute__((noreturn));
void __gcov_merge_add(void *counters, unsigned count);

static uint8_t record[5 + 8192];
static uint32_t filled;
static int64_t file;

static void put_record(char kind)
{
    record[0] = (uint8_t)kind;
    memcpy(record + 1, &filled, sizeof(filled));
    semihost_call(SEMIHOST_WRITE,
                  (uint64_t[]){(uint64_t)file, (uint64_t)record, (uint64_t)filled + 5});
    filled = 0;
}

static void put(const void *bytes, unsigned count, void *unused)
{
    const uint8_t *next = bytes;

    (void)unused;
    while (count > 0) {
        uint32_t now = (uint32_t)sizeof(record) - 5 - filled;
        if (now > count) {
            now = count;
        }
        memcpy(record + 5 + filled, next, now);
        filled += now;
        next += now;
        count -= now;
        if (filled == sizeof(record) - 5) {
            put_record('D');
        }
    }
}

static void put_name(const char *name, void *unused)
{
    if (filled > 0) {
        put_record('D');
    }
    put(name, (unsigned)strlen(name), unused);
    put_record('N');
}

/* Only for counters of values, which are not asked for. */
static void *no_memory(unsigned size, void *unused)
{
    (void)size;
    (void)unused;
    return NULL;
}

/* Without semihosting, or with one that has no files, nothing is written. */
static bool open_file(void)
{
    static char temporary[128], name[512];

    if (semihost_call(SEMIHOST_TMPNAM, (uint64_t[]){(uint64_t)temporary, 0, sizeof(temporary)}) !=
        0) {
        return false;
    }
    const char *process = strrchr(temporary, '/');
    ksnprintf(name, sizeof(name), COVERAGE_FOLDER "/%s-%lx",
              process == NULL ? temporary : process + 1,
              (unsigned long)semihost_call(SEMIHOST_TIME, NULL));
    file = semihost_call(SEMIHOST_OPEN, (uint64_t[]){(uint64_t)name, MODE_WB, strlen(name)});
    return file >= 0;
}

void __wrap_kernel_exit(int status)
{
    static bool done;

    /* Interrupt handlers count as well, and a panic in here would come back. */
    __asm__ volatile("msr daifset, #15");
    if (!done && (done = true, open_file())) {
        for (const struct gcov_info *const *info = __counters_start; info < __counters_end;
             info++) {
            __gcov_info_to_gcda(*info, put_name, put, no_memory, NULL);
        }
        if (filled > 0) {
            put_record('D');
        }
        semihost_call(SEMIHOST_CLOSE, (uint64_t[]){(uint64_t)file});
    }
    __real_kernel_exit(status);
}

/* What counts refers to it, for hosts that have a file of an earlier run; runs are added later. */
void __gcov_merge_add(void *counters, unsigned count)
{
    (void)counters;
    (void)count;
}
