/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's device tree, while nobody has read it: of a device that does not look into the CPU's
 * cache it must say so (Devicetree Specification 0.4, sections 2.3.9 and 5). That it does not say
 * the contrary is too little: QEMU 10 says that of the whole machine, for all nodes that are
 * silent.
 */
#include "qemu/vdma/monitor/monitor.h"
#include "qemu/vdma/monitor/monitor_private.h"

#define MAGIC      0xd00dfeedu
#define BEGIN_NODE 1u
#define END_NODE   2u
#define PROPERTY   3u
#define NOP        4u

#define SIZE_MAX_OF_TREE 0x200000u

/* Of the header. */
#define TOTAL        4u
#define STRUCT       8u
#define STRINGS      12u
#define STRINGS_SIZE 32u

static const char noncoherent[] = "dma-noncoherent";

/* Numbers are big-endian, and at multiples of 4. */
static uint32_t number_at(const uint8_t *at)
{
    return __builtin_bswap32(*(const uint32_t *)(const void *)at);
}

static void put_number(uint8_t *at, uint32_t number)
{
    *(uint32_t *)(void *)at = __builtin_bswap32(number);
    /* The guest reads it with its caches off. */
    __asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
}

static bool begins_with(const uint8_t *at, const uint8_t *end, const char *text)
{
    while (*text != '\0' && at < end && *at == (uint8_t)*text) {
        at++;
        text++;
    }
    return *text == '\0';
}

static const uint8_t *behind_text(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at != 0) {
        at++;
    }
    return at + 1;
}

/* As QEMU writes it: the name ends with the address, without zeros in front. */
static bool is_own_node(const uint8_t *name, const uint8_t *end)
{
    _Static_assert(VDMA_MONITOR_REGISTERS == 0xa000000, "the node is called so");
    return begins_with(name, end, "virtio_mmio@a000000");
}

/* The property that says that it looks there. NULL: there is none. */
static uint8_t *find(uint8_t *tree, uint8_t *at, const uint8_t *end, const uint8_t *names)
{
    bool inside = false;

    while (at + 4 <= end) {
        const uint32_t tag = number_at(at);

        at += 4;
        if (tag == BEGIN_NODE) {
            const uint8_t *behind;

            inside = is_own_node(at, end);
            behind = behind_text(at, end);
            at = tree + (((uint64_t)(behind - tree) + 3) & ~3ull);
        } else if (tag == PROPERTY && at + 8 <= end) {
            const uint32_t bytes = number_at(at);
            const uint8_t *const name = names + number_at(at + 4);

            if (inside && bytes == 0 && begins_with(name, name + 13, "dma-coherent")) {
                return at - 4;
            }
            if (bytes > SIZE_MAX_OF_TREE) {
                break;
            }
            at += 8 + ((bytes + 3) & ~3u);
        } else if (tag == END_NODE) {
            inside = false;
        } else if (tag != NOP) {
            break;
        }
    }
    return NULL;
}

bool monitor_forget_coherence(void)
{
    uint8_t *const tree = (uint8_t *)MONITOR_RAM;
    uint32_t total, begin, strings, size;
    uint8_t *property;

    if (number_at(tree) != MAGIC) {
        return false;
    }
    total = number_at(tree + TOTAL);
    begin = number_at(tree + STRUCT);
    strings = number_at(tree + STRINGS);
    size = number_at(tree + STRINGS_SIZE);
    /* Names come last, as libfdt writes it, and there is room for one more. */
    if (total > SIZE_MAX_OF_TREE || begin >= strings || begin % 4 != 0 || strings >= total ||
        size > total - strings || sizeof(noncoherent) > total - strings - size) {
        return false;
    }
    property = find(tree, tree + begin, tree + strings, tree + strings);
    if (property == NULL) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(noncoherent); i++) {
        tree[strings + size + i] = (uint8_t)noncoherent[i];
        __asm__ volatile("dc civac, %0" : : "r"(tree + strings + size + i) : "memory");
    }
    put_number(tree + STRINGS_SIZE, size + (uint32_t)sizeof(noncoherent));
    put_number(property + 8, size);
    __asm__ volatile("dsb sy" : : : "memory");
    return true;
}
