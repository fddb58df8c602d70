/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's memory: files that the front end hands over, mapped here. */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu/vdma/vhost_user/backend_private.h"

/* [a, a + size) and [b, b + size): no sum wraps, see region_valid. */
static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static bool region_valid(const struct vhost_region *region, int fd)
{
    struct stat file;

    return region->size != 0 && region->guest + region->size > region->guest &&
           region->user + region->size > region->user &&
           region->offset % (uint64_t)sysconf(_SC_PAGESIZE) == 0 &&
           region->offset + region->size > region->offset && fstat(fd, &file) == 0 &&
           /* A mapping beyond the file's end would be fatal when it is used. */
           region->offset + region->size <= (uint64_t)file.st_size;
}

static bool table_valid(const struct vhost_memory *memory, const int *fds)
{
    if (memory->count == 0 || memory->count > VHOST_REGIONS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < memory->count; i++) {
        const struct vhost_region *region = &memory->regions[i];

        if (!region_valid(region, fds[i])) {
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            const struct vhost_region *other = &memory->regions[j];

            if (overlap(region->guest, region->size, other->guest, other->size) ||
                overlap(region->user, region->size, other->user, other->size)) {
                return false;
            }
        }
    }
    return true;
}

static void unmap(const struct region *regions, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        munmap(regions[i].at, regions[i].is.size);
    }
}

/* New ones come in and old ones go where no copy is under way. */
static void replace(struct backend *backend, const struct region *regions, unsigned count)
{
    struct region old[VHOST_REGIONS_MAX];
    unsigned old_count;

    pthread_rwlock_wrlock(&backend->map_lock);
    old_count = backend->region_count;
    memcpy(old, backend->regions, sizeof(old));
    if (count != 0) {
        memcpy(backend->regions, regions, count * sizeof(*regions));
    }
    backend->region_count = count;
    pthread_rwlock_unlock(&backend->map_lock);
    unmap(old, old_count);
}

bool memory_set(struct backend *backend, const struct vhost_memory *memory, const int *fds)
{
    struct region regions[VHOST_REGIONS_MAX];

    if (!table_valid(memory, fds)) {
        return false;
    }
    for (uint32_t i = 0; i < memory->count; i++) {
        const struct vhost_region *region = &memory->regions[i];
        void *at = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i],
                        (off_t)region->offset);

        if (at == MAP_FAILED) {
            unmap(regions, i);
            return false;
        }
        regions[i] = (struct region){.is = *region, .at = at};
    }
    replace(backend, regions, memory->count);
    return true;
}

void memory_clear(struct backend *backend)
{
    replace(backend, NULL, 0);
}

uint64_t memory_at(const struct backend *backend, uint64_t guest, uint8_t **at)
{
    for (unsigned i = 0; i < backend->region_count; i++) {
        const struct region *region = &backend->regions[i];

        if (guest - region->is.guest < region->is.size) {
            *at = region->at + (guest - region->is.guest);
            return region->is.size - (guest - region->is.guest);
        }
    }
    return 0;
}

uint64_t memory_at_user(const struct backend *backend, uint64_t user, uint8_t **at)
{
    for (unsigned i = 0; i < backend->region_count; i++) {
        const struct region *region = &backend->regions[i];

        if (user - region->is.user < region->is.size) {
            *at = region->at + (user - region->is.user);
            return region->is.size - (user - region->is.user);
        }
    }
    return 0;
}

bool memory_of_user(struct backend *backend, uint64_t user, uint64_t *guest)
{
    bool found = false;

    pthread_rwlock_rdlock(&backend->map_lock);
    for (unsigned i = 0; i < backend->region_count && !found; i++) {
        const struct vhost_region *region = &backend->regions[i].is;

        found = user - region->user < region->size;
        if (found) {
            *guest = region->guest + (user - region->user);
        }
    }
    pthread_rwlock_unlock(&backend->map_lock);
    return found;
}
