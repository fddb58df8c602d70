/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several threads over one table of handles, under ThreadSanitizer: what they share is shared, what
 * they close is closed once, and no reference is lost. tests/outside/threads.sh runs it.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "descriptors/driverkit/IOHandleTable.h"

#define THREADS 4
#define SHARED  8
#define ROUNDS  20000

/* --- The seam that it needs: locks of threads, and the heap ---------------------------------- */

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct platform_lock), "room for a lock");

/* Zeroed, as glibc's initialiser has it. */
static pthread_mutex_t *mutex_of(struct platform_lock *lock)
{
    return (pthread_mutex_t *)(void *)lock->words;
}

void platform_lock(struct platform_lock *lock)
{
    pthread_mutex_lock(mutex_of(lock));
}

void platform_unlock(struct platform_lock *lock)
{
    pthread_mutex_unlock(mutex_of(lock));
}

void *platform_alloc(size_t size)
{
    return calloc(1, size);
}

void platform_free(void *block)
{
    free(block);
}

void platform_fatal(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    exit(2);
}

IOReturn IOMemory_fail(IOReturn reason)
{
    return reason;
}

/* --- The test -------------------------------------------------------------------------------- */

static struct IOHandleTable table;
static OSObject *shared[SHARED];
static uint64_t handles[SHARED];

static void expect(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        exit(1);
    }
}

#define EXPECT(condition) expect((condition), #condition)

/* Objects of its own come and go; those of all are found, retained and released by everybody. */
static void *work(void *context)
{
    uint64_t random = (uint64_t)(uintptr_t)context * 2654435761u + 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        OSObject *const own = OSMetaClass_allocate(&OSObject_metaClass);
        OSObject *object;
        uint64_t handle, again;
        unsigned k;

        random = random * 6364136223846793005u + 1442695040888963407u;
        k = (unsigned)(random >> 40) % SHARED;
        EXPECT(IOHandleTable_add(&table, own, 1000, &handle) == kIOReturnSuccess);
        object = IOHandleTable_copy(&table, handles[k]);
        EXPECT(object == shared[k]);
        EXPECT(IOHandleTable_add(&table, object, 1000, &again) == kIOReturnSuccess);
        EXPECT(again == handles[k]);
        EXPECT(IOHandleTable_retain(&table, handles[k]) == kIOReturnSuccess);
        for (unsigned times = 0; times < 2; times++) {
            EXPECT(IOHandleTable_release(&table, handles[k], &object) == kIOReturnSuccess);
            EXPECT(object == NULL);
        }
        EXPECT(IOHandleTable_release(&table, handle, &object) == kIOReturnSuccess);
        EXPECT(object == own);
        OSObject_release(object);
        EXPECT(IOHandleTable_copy(&table, handle) == NULL);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    OSObject *object;

    for (unsigned k = 0; k < SHARED; k++) {
        shared[k] = OSMetaClass_allocate(&OSObject_metaClass);
        EXPECT(IOHandleTable_add(&table, shared[k], 1000, &handles[k]) == kIOReturnSuccess);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned k = 0; k < SHARED; k++) {
        EXPECT(OSObject_getRetainCount(shared[k]) == 1);
        EXPECT(IOHandleTable_release(&table, handles[k], &object) == kIOReturnSuccess);
        EXPECT(object == shared[k]);
        OSObject_release(object);
    }
    IOHandleTable_free(&table);
    EXPECT(OSMetaClass_getTotalInstanceCount() == 0);
    printf("%u threads, %u rounds each\n", THREADS, ROUNDS);
    return 0;
}
