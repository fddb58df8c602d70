/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debian's picolibc over dmakit. What picolibc asks of a system is here: where text
 * goes, the memory of its malloc, and a block for its thread-local errno.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/heap.h"

static int put(char byte, FILE *file)
{
    (void)file;
    console_write(&byte, 1);
    return (unsigned char)byte;
}

static FILE console = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdout = &console;

/* Without these its own allocator would come, which wants a heap from the linker. */
void *malloc(size_t size)
{
    return heap_alloc(size != 0 ? size : 1);
}

void free(void *block)
{
    heap_free(block);
}

void _exit(int status)
{
    kernel_exit(status);
}

/* By this name the kernel's printf, for its %m, asks for errno. */
int *__errno(void);
int *__errno(void)
{
    return &errno;
}

/* errno is found behind the thread pointer and a header of two words. */
static _Alignas(16) char thread_block[256];

__attribute__((constructor)) static void thread_pointer_init(void)
{
    __asm__ volatile("msr tpidr_el0, %0" ::"r"(thread_block));
}

int main(void)
{
    char *text = malloc(32);

    if (text == NULL) {
        return 1;
    }
    strcpy(text, "picolibc");
    errno = ERANGE;
    printf("hello from %s, %zu bytes, %.2f, errno %d\n", text, strlen(text), 1.25, errno);
    free(text);
    return 0;
}
