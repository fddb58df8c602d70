/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's device tree, while nobody has read it: of a device that does not look into the CPU's
 * cache it must not say that it does (Devicetree Specification 0.3, sections 2.3.9 and 5).
 */
#include "qemu/vdma/monitor/monitor.h"
#include "qemu/vdma/monitor/monitor_private.h"

#define MAGIC      0xd00dfeedu
#define BEGIN_NODE 1u
#define END_NODE   2u
#define PROPERTY   3u
#define NOP        4u

#define SIZE_MAX_OF_TREE 0x200000u

/* Numbers are big-endian, and at multiples of 4. */
static uint32_t number_at(const uint8_t *at)
{
    return __builtin_bswap32(*(const uint32_t *)(const void *)at);
}

static void put_nop(uint8_t *at)
{
    *(uint32_t *)(void *)at = __builtin_bswap32(NOP);
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

static bool forget(uint8_t *tree, uint8_t *at, const uint8_t *end, const uint8_t *names)
{
    bool inside = false, found = false;

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
                put_nop(at - 4);
                put_nop(at);
                put_nop(at + 4);
                found = true;
            }
            if (bytes > SIZE_MAX_OF_TREE) {
                return found;
            }
            at += 8 + ((bytes + 3) & ~3u);
        } else if (tag == END_NODE) {
            inside = false;
        } else if (tag != NOP) {
            break;
        }
    }
    return found;
}

bool monitor_forget_coherence(void)
{
    uint8_t *const tree = (uint8_t *)MONITOR_RAM;
    uint32_t total, begin;
    bool found;

    if (number_at(tree) != MAGIC) {
        return false;
    }
    total = number_at(tree + 4);
    begin = number_at(tree + 8);
    if (total > SIZE_MAX_OF_TREE || begin >= total || begin % 4 != 0 ||
        number_at(tree + 12) >= total) {
        return false;
    }
    found = forget(tree, tree + begin, tree + total, tree + number_at(tree + 12));
    __asm__ volatile("dsb sy" : : : "memory");
    return found;
}
