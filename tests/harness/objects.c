/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects and heap blocks under watch. An image of tests is linked so that the library's
 * calls of the functions below come here first (-Wl,--wrap, see the Makefile), in release
 * builds as in debug ones; an image without the harness pays nothing.
 *
 * A freed object is not given back at once: it is filled with a pattern and buried. Whoever
 * still releases, retains or fills in such an object damages the pattern, and whoever calls
 * it through its class faults on the pattern. A grave is looked at and emptied after the
 * test, when the yard is full, and before anybody counts what the heap holds.
 */
#include <string.h>

#include "descriptors/OSObject_class.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/panic.h"
#include "tests/harness/harness_private.h"

#define PATTERN      0x5a /* as an address, no address */
#define PLACES       5    /* return addresses remembered */
#define LIVES        4096 /* a power of two; of two blocks with one index the later one is remembered */
#define GRAVES       256
#define LEFT_PRINTED 8 /* of what is left over */

OSObject *__real_OSMetaClass_allocate(const OSMetaClass *meta);
void __real_OSObject_free(OSObjectRef self);
void *__real_heap_alloc(size_t size);
void *__real_heap_alloc_zero(size_t size);
void *__real_heap_alloc_aligned(size_t size, size_t alignment);
void *__real_heap_realloc(void *block, size_t size);
void __real_heap_free(void *block);
void __real_heap_get_stats(struct heap_stats *stats);

OSObject *__wrap_OSMetaClass_allocate(const OSMetaClass *meta);
void __wrap_OSObject_free(OSObjectRef self);
void *__wrap_heap_alloc(size_t size);
void *__wrap_heap_alloc_zero(size_t size);
void *__wrap_heap_alloc_aligned(size_t size, size_t alignment);
void *__wrap_heap_realloc(void *block, size_t size);
void __wrap_heap_free(void *block);
void __wrap_heap_get_stats(struct heap_stats *stats);

struct trail {
    vaddr_t places[PLACES]; /* 0: not known */
};

struct life {
    const void *block; /* NULL: none */
    size_t size;
    const char *class; /* NULL: no object */
    bool in_test;
    struct trail made;
};

struct grave {
    void *object;
    size_t size;
    struct life life;
    struct trail freed;
};

static struct life lives[LIVES];
static struct grave graves[GRAVES];
static unsigned grave_count;
static OSObject *dying; /* OSObject_free is about to free its memory */
static bool misused;    /* since objects_watch */
static bool watching;

/* The AAPCS64 frame record. */
struct frame {
    const struct frame *next;
    vaddr_t return_address;
};

static inline __attribute__((always_inline)) struct trail trail_here(void)
{
    struct trail trail = {{0}};
    const struct frame *frame = __builtin_frame_address(0);

    for (unsigned i = 0; i < PLACES && frame != NULL; i++) {
        trail.places[i] = frame->return_address - 4;
        if (frame->next <= frame) { /* the end, or another stack */
            break;
        }
        frame = frame->next;
    }
    return trail;
}

static void print_trail(const char *what, const struct trail *trail)
{
    for (unsigned i = 0; i < PLACES && trail->places[i] != 0; i++) {
        kprintf("#   %s [<%016llx>]\n", i == 0 ? what : "  called by",
                (unsigned long long)trail->places[i]);
    }
}

static struct life *life_of(const void *block)
{
    return &lives[((uintptr_t)block >> 4 ^ (uintptr_t)block >> 16) % LIVES];
}

static void born(const void *block, size_t size, const char *class, struct trail made)
{
    if (block != NULL) {
        *life_of(block) = (struct life){block, size, class, watching, made};
    }
}

static void gone(const void *block)
{
    struct life *life = life_of(block);

    if (life->block == block) {
        life->block = NULL;
    }
}

/* The life of a block, or one of which nothing is known. */
static struct life remembered(const void *block)
{
    const struct life *life = life_of(block);

    return life->block == block ? *life : (struct life){.block = block};
}

static void look_at(const struct grave *grave)
{
    const uint8_t *bytes = grave->object;
    size_t at = 0;

    while (at < grave->size && bytes[at] == PATTERN) {
        at++;
    }
    if (at == grave->size) {
        return;
    }
    misused = true;
    kprintf("# %s %p was released, retained or written to after it was freed: "
            "byte %zu of %zu is 0x%02x\n",
            grave->life.class, grave->object, at, grave->size, bytes[at]);
    print_trail("made by", &grave->life.made);
    print_trail("freed by", &grave->freed);
}

/* In a panic: which freed objects it may be about. */
static void look_at_all(void *context)
{
    (void)context;
    for (unsigned i = 0; i < grave_count; i++) {
        look_at(&graves[i]);
    }
    if (grave_count != 0) {
        const struct grave *last = &graves[grave_count - 1];

        kprintf("# the object freed last is %s %p\n", last->life.class, last->object);
        print_trail("made by", &last->life.made);
        print_trail("freed by", &last->freed);
    }
}

static void empty_graves(void)
{
    const irq_state_t before = irq_mask();

    for (unsigned i = 0; i < grave_count; i++) {
        look_at(&graves[i]);
        __real_heap_free(graves[i].object);
    }
    grave_count = 0;
    irq_restore(before);
}

OSObject *__wrap_OSMetaClass_allocate(const OSMetaClass *meta)
{
    OSObject *self = __real_OSMetaClass_allocate(meta);

    born(self, meta->size, meta->name, trail_here());
    return self;
}

void __wrap_OSObject_free(OSObjectRef self)
{
    if (self.object == NULL) {
        return;
    }
    const irq_state_t before = irq_mask();
    const OSMetaClass *class = self.object->metaClass;
    struct life life = remembered(self.object);

    life.class = class->name; /* an unknown life has none */
    if (grave_count == GRAVES) {
        empty_graves();
    }
    graves[grave_count] = (struct grave){self.object, class->size, life, trail_here()};
    dying = self.object;
    __real_OSObject_free(self);
    irq_restore(before);
}

void __wrap_heap_free(void *block)
{
    if (block != NULL) {
        gone(block);
    }
    if (block == NULL || block != dying) {
        __real_heap_free(block);
        return;
    }
    dying = NULL;
    memset(block, PATTERN, graves[grave_count].size);
    grave_count++;
}

void *__wrap_heap_alloc(size_t size)
{
    void *block = __real_heap_alloc(size);

    born(block, size, NULL, trail_here());
    return block;
}

void *__wrap_heap_alloc_zero(size_t size)
{
    void *block = __real_heap_alloc_zero(size);

    born(block, size, NULL, trail_here());
    return block;
}

void *__wrap_heap_alloc_aligned(size_t size, size_t alignment)
{
    void *block = __real_heap_alloc_aligned(size, alignment);

    born(block, size, NULL, trail_here());
    return block;
}

void *__wrap_heap_realloc(void *block, size_t size)
{
    void *moved = __real_heap_realloc(block, size);

    if (block != NULL && (moved != NULL || size == 0)) {
        gone(block);
    }
    born(moved, size, NULL, trail_here());
    return moved;
}

/* Who counts must not see the buried as held. */
void __wrap_heap_get_stats(struct heap_stats *stats)
{
    empty_graves();
    __real_heap_get_stats(stats);
}

void objects_watch(void)
{
    static struct panic_report report = {look_at_all, NULL, NULL};

    panic_add_report(&report);
    empty_graves();
    misused = false;
    watching = true;
    for (unsigned i = 0; i < LIVES; i++) {
        lives[i].in_test = false;
    }
}

bool objects_intact(void)
{
    watching = false;
    empty_graves();
    return !misused;
}

void objects_print_left(void)
{
    unsigned printed = 0;

    for (unsigned i = 0; i < LIVES && printed < LEFT_PRINTED; i++) {
        const struct life *life = &lives[i];

        if (life->block != NULL && life->in_test) {
            printed++;
            kprintf("# left over: %s %p, %zu bytes\n",
                    life->class != NULL ? life->class : "heap block", life->block, life->size);
            print_trail("made by", &life->made);
        }
    }
}
