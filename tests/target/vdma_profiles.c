/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: el2 el2v3
// BUILDS: el2:clang-debug el2v3:gcc-release
/*
 * Under each of vdma's profiles: whatever a descriptor looks like, what IODMACommand makes of it
 * is not refused; every byte arrives and none beside; and the device's log has the segments
 * that were generated, one for one.
 */
#include <string.h>

#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "drivers/vdma/vdma.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "kernel/page.h"
#include "kernel/vm_map.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/portable/random_memory.h"
#include "tests/target/disk.h"

#define PROFILES     10u
#define ISA24        8u
#define ARENA_PAGES  32u
#define ROUNDS       40u
#define BYTES        20000u /* of a target, and the most of one transfer */
#define WINDOWS      7u     /* that a target is made of */
#define UNIT         8u     /* bytes: a multiple of every profile's alignment of lengths */
#define SEGMENTS_MAX 4096u
#define BORDER       (1ull << 31) /* narrow31's */

VDMA_MONITOR(64);

/* What the driver takes at its first use it keeps: before any test looks at what is held. */
static void use_it(void)
{
    vdma_present();
}

INITIALISER(INIT_CLASS, use_it);

/* --- What the device was told ----------------------------------------------------------------- */

static struct segment {
    uint64_t address, length;
    bool write;
} told[SEGMENTS_MAX];
static unsigned told_count;

/* All of the chain but its header and its status. */
static void watch(void *context, const struct vdma_transfer *transfer,
                  const struct virtq_chain *chain)
{
    struct virtq_entry entry, next;

    (void)context, (void)transfer;
    for (unsigned i = 1; virtq_chain_entry(chain, i, &entry) &&
                         virtq_chain_entry(chain, i + 1, &next) && told_count < SEGMENTS_MAX;
         i++) {
        told[told_count++] =
            (struct segment){entry.address.value, entry.length, (entry.flags & VIRTQ_WRITE) != 0};
    }
}

/* As far as it goes, 16 records at a time; -1: one is missing. */
static int for_each_record(void (*look)(const struct vdma_record *record))
{
    static struct vdma_record records[VDMA_CONTROL_MAX / sizeof(struct vdma_record)];
    struct vdma_status status;
    int count = 0;

    do {
        EXPECT_EQ(vdma_control(VDMA_READ_LOG, NULL, NULL, 0, records, sizeof(records), &status),
                  kIOReturnSuccess);
        for (uint64_t i = 0; i < status.value; i++, count++) {
            if (look != NULL && records[i].lost != 0) {
                return -1;
            }
            if (look != NULL) {
                look(&records[i]);
            }
        }
    } while (status.value == sizeof(records) / sizeof(records[0]));
    return count;
}

static unsigned logged, refused, differing;

static void compare(const struct vdma_record *record)
{
    const struct segment *segment = &told[logged];

    refused += record->event == VDMA_EVENT_REFUSED;
    if (record->event == VDMA_EVENT_SEGMENT && logged < told_count) {
        differing += record->address != segment->address || record->length != segment->length ||
                     record->code != (segment->write ? 2 : 1);
        logged++;
    } else if (record->event == VDMA_EVENT_SEGMENT) {
        differing++;
    }
}

/* --- Memory ----------------------------------------------------------------------------------- */

static uint8_t *arena;
static paddr_t block;

/* Of which page after page was supplied in another order than it lies. */
static void make_arena(void)
{
    const unsigned access = MMU_READ | MMU_WRITE;
    struct vm_range range = {.access = access, .max_access = access};
    vaddr_t at = 0;

    ASSERT_EQ(vm_object_create(ARENA_PAGES, &range.object), KERN_SUCCESS);
    ASSERT_EQ(vm_map_enter(kernel_map, &at, ptoa(ARENA_PAGES), 0, &range, VM_ENTER_ANYWHERE),
              KERN_SUCCESS);
    vm_object_release(range.object);
    arena = (uint8_t *)at;
    for (unsigned i = 0; i < ARENA_PAGES; i++) {
        uint8_t *page = arena + ptoa(i * 29 % ARENA_PAGES);

        for (unsigned k = 0; k < PAGE_SIZE; k++) {
            page[k] = (uint8_t)(i * 31 + k);
        }
    }
    ASSERT_EQ(page_alloc(5, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
    for (uint64_t i = 0; i < ptoa(ARENA_PAGES); i++) {
        ((uint8_t *)phys_to_virt(block))[i] = (uint8_t)(i * 17 + (i >> 8));
    }
}

static void drop_arena(void)
{
    EXPECT_EQ(page_free(block, 5), KERN_SUCCESS);
    EXPECT_EQ(vm_map_remove(kernel_map, (vaddr_t)arena, ptoa(ARENA_PAGES)), KERN_SUCCESS);
}

static uint64_t physical(const void *address)
{
    struct mmu_translation at;

    return mmu_translate(mmu_kernel, (vaddr_t)address, &at) ? at.pa.value : 0;
}

/* No registers and no firmware: all of it can be read, by the device as well. */
static bool is_ram(const struct described_bytes *bytes)
{
    for (uint64_t i = 0; i < bytes->count; i++) {
        if (bytes->at[i] < devicetree_machine()->memory[0].base.value) {
            return false;
        }
    }
    return true;
}

static struct random_memory make_source(void)
{
    for (;;) {
        struct random_memory source = random_memory_make(2, BYTES);

        if (source.bytes->count >= 2 * UNIT && is_ram(source.bytes) &&
            IOMemoryDescriptor_prepare(source.memory, kIODirectionNone) == kIOReturnSuccess) {
            return source;
        }
        random_memory_drop(&source);
    }
}

/* Windows into scattered memory, in another order: where each byte of it is. */
struct target {
    struct scatter scatter;
    IOMemoryDescriptor *memory;
    uint64_t at[BYTES];
};

static void make_target(struct target *target, uint32_t seed)
{
    const bool is_large =
        devicetree_machine()->memory[0].base.value + devicetree_machine()->memory[0].size > BORDER;
    IOMemoryDescriptor *windows[WINDOWS];
    uint64_t cuts[WINDOWS + 1] = {0}, at = 0;

    ASSERT_TRUE(scatter_create_across(&target->scatter, BYTES, seed, is_large ? BORDER : 0));
    for (unsigned i = 1; i < WINDOWS; i++) {
        cuts[i] = cuts[i - 1] + 1 + random_below(2 * BYTES / WINDOWS - 2);
        cuts[i] = cuts[i] < BYTES - WINDOWS + i ? cuts[i] : BYTES - WINDOWS + i;
    }
    cuts[WINDOWS] = BYTES;
    for (unsigned i = 0; i < WINDOWS; i++) {
        const unsigned n = (i * 3 + 2) % WINDOWS;

        windows[i] = (IOMemoryDescriptor *)IOSubMemoryDescriptor_withSubRange(
            target->scatter.memory, cuts[n], cuts[n + 1] - cuts[n], kIODirectionIn);
        ASSERT_TRUE(windows[i] != NULL);
        for (uint64_t k = cuts[n]; k < cuts[n + 1]; k++) {
            target->at[at++] = k;
        }
    }
    target->memory = (IOMemoryDescriptor *)IOMultiMemoryDescriptor_withDescriptors(
        windows, WINDOWS, kIODirectionIn, false);
    ASSERT_TRUE(target->memory != NULL);
    for (unsigned i = 0; i < WINDOWS; i++) {
        OSObject_release(windows[i]);
    }
    ASSERT_EQ(IOMemoryDescriptor_prepare(target->memory, kIODirectionNone), kIOReturnSuccess);
}

static void drop_target(struct target *target)
{
    EXPECT_EQ(IOMemoryDescriptor_complete(target->memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(target->memory);
    EXPECT_TRUE(scatter_canaries_intact(&target->scatter));
    scatter_destroy(&target->scatter);
}

/* --- Transfers -------------------------------------------------------------------------------- */

static void copy(const struct random_memory *source, const struct target *target)
{
    const uint64_t count = source->bytes->count;
    const uint64_t most = (count < BYTES ? count : BYTES) / UNIT;
    const uint64_t length = UNIT * (1 + random_below(most));
    struct vdma_job job = {.type = VDMA_COPY,
                           .source = source->memory,
                           .source_offset = random_below(count - length + 1),
                           .target = target->memory,
                           .target_offset = random_below(BYTES - length + 1),
                           .length = length};
    uint64_t wrong = 0;

    scatter_fill(&target->scatter, 0x77);
    for_each_record(NULL);
    told_count = logged = refused = differing = 0;
    vdma_watch(watch, NULL);
    EXPECT_EQ(vdma_perform(&job), kIOReturnSuccess);
    vdma_watch(NULL, NULL);
    EXPECT_EQ(job.status.rule, 0);
    EXPECT_EQ(job.moved, length);
    EXPECT_LT(told_count, SEGMENTS_MAX);
    EXPECT_GT(for_each_record(compare), 0);
    EXPECT_EQ(refused, 0);
    EXPECT_EQ(differing, 0);
    EXPECT_EQ(logged, told_count);
    for (uint64_t i = 0; i < BYTES; i++) {
        const uint64_t position = i - job.target_offset;
        uint8_t wanted = 0x77;

        if (position < length) {
            wanted =
                *(uint8_t *)phys_to_virt(paddr(source->bytes->at[job.source_offset + position]));
        }
        wrong += *scatter_at(&target->scatter, target->at[i]) != wanted;
    }
    EXPECT_EQ(wrong, 0);
}

static void under(uint32_t profile)
{
    static struct target target;
    uint64_t segments = 0;

    EXPECT_EQ(vdma_set_profile(profile), kIOReturnSuccess);
    if (profile >= ISA24) {
        EXPECT_EQ(vdma_use_table(true), kIOReturnSuccess);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct random_memory source = make_source();

        make_target(&target, profile * ROUNDS + i + 1);
        copy(&source, &target);
        segments += told_count;
        drop_target(&target);
        EXPECT_EQ(IOMemoryDescriptor_complete(source.memory, kIODirectionNone), kIOReturnSuccess);
        random_memory_drop(&source);
    }
    TEST_NOTE("profile %u: %u transfers, %llu segments", profile, ROUNDS,
              (unsigned long long)segments);
    if (profile >= ISA24) {
        EXPECT_EQ(vdma_use_table(false), kIOReturnSuccess);
    }
}

TEST(random_memory_is_never_refused)
{
    static struct random_world world;

    if (!vdma_present()) {
        return; /* entered at EL1 there is none */
    }
    make_arena();
    world = (struct random_world){
        .arena = arena, .size = ptoa(ARENA_PAGES), .ram_base = block.value, .physical = physical};
    random_world = &world;
    for (uint32_t profile = 0; profile < PROFILES; profile++) {
        random_seed(1000 + profile);
        under(profile);
    }
    EXPECT_EQ(vdma_set_profile(0), kIOReturnSuccess);
    drop_arena();
}

/* No RAM of this machine is below 2^28: without the device's own table there is no place. */
TEST(too_few_bits_without_a_table)
{
    struct scatter from, to;

    if (!vdma_present()) {
        return;
    }
    from = disk_memory(3, 600, kIODirectionOut);
    to = disk_memory(2, 600, kIODirectionIn);
    for (uint32_t profile = ISA24; profile < PROFILES; profile++) {
        struct vdma_job job = {
            .type = VDMA_COPY, .source = from.memory, .target = to.memory, .length = 600};

        EXPECT_EQ(vdma_set_profile(profile), kIOReturnSuccess);
        EXPECT_EQ(vdma_perform(&job), kIOReturnNoResources);
        EXPECT_EQ(vdma_use_table(true), kIOReturnSuccess);
        EXPECT_EQ(vdma_perform(&job), kIOReturnSuccess);
        EXPECT_EQ(vdma_use_table(false), kIOReturnSuccess);
    }
    EXPECT_EQ(vdma_set_profile(0), kIOReturnSuccess);
    disk_memory_drop(&to);
    disk_memory_drop(&from);
}
