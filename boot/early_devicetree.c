/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flattened device tree (Devicetree Specification, 5) before there is libfdt: where
 * it is, and whether it names an interrupt controller of a kind. Memory is Device memory
 * here, so only aligned words are read; a tree that makes no sense names nothing.
 */
#include "boot/early.h"

#define FDT_MAGIC    0xd00dfeedu
#define FDT_SIZE_MAX 0x4000000u /* bytes: 64 MiB, far beyond what any tree needs */

/* Words of the header. */
#define HEADER_MAGIC          0
#define HEADER_SIZE           1
#define HEADER_STRUCTURE      2
#define HEADER_STRINGS        3
#define HEADER_STRUCTURE_SIZE 9

/* Tokens of the structure block. */
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROPERTY   3
#define FDT_NOTHING    4

extern char __ram_start[];

static uint32_t word(uint64_t address)
{
    return __builtin_bswap32(*(const uint32_t *)address);
}

static uint32_t size_at(uint64_t address)
{
    uint32_t size;

    /*
     * Aligned by the specification, and checked before it is read: with the MMU off memory is
     * Device, and a misaligned access faults.
     */
    if (address == 0 || address % 8 != 0 || word(address) != FDT_MAGIC) {
        return 0;
    }
    size = word(address + 4 * HEADER_SIZE);
    /*
     * The header's word decides how much is mapped: bounded, or a wrong one would use up the
     * tables.
     */
    return size <= FDT_SIZE_MAX ? size : 0;
}

uint64_t early_devicetree(uint64_t entry_x0, uint32_t *size)
{
    uint64_t address = entry_x0;

    *size = size_at(address);
    if (*size == 0) {
        /* An ELF start says nothing, but QEMU leaves the tree at the base of RAM. */
        address = (uint64_t)__ram_start;
        *size = size_at(address);
    }
    return *size != 0 ? address : 0;
}

/* The NUL-terminated bytes at an address are this text; they end before `end`. */
static int is_text(uint64_t at, uint64_t end, const char *text)
{
    for (; at < end; at++, text++) {
        if (*(const char *)at != *text) {
            return 0;
        }
        if (*text == '\0') {
            return 1;
        }
    }
    return 0;
}

/* One of the strings of a list is this one. */
static int is_listed(uint64_t list, uint32_t length, const char *text)
{
    const uint64_t end = list + length;

    for (uint64_t at = list; at < end; at++) {
        if ((at == list || *(const char *)(at - 1) == '\0') && is_text(at, end, text)) {
            return 1;
        }
    }
    return 0;
}

int early_devicetree_names(uint64_t tree, uint32_t size, const char *compatible)
{
    const uint64_t limit = tree + size;
    uint64_t at, end, strings;

    if (tree == 0 || size < 4 * (HEADER_STRUCTURE_SIZE + 1)) {
        return 0;
    }
    at = tree + word(tree + 4 * HEADER_STRUCTURE);
    end = at + word(tree + 4 * HEADER_STRUCTURE_SIZE);
    strings = tree + word(tree + 4 * HEADER_STRINGS);
    if (at % 4 != 0 || end > limit || strings > limit) {
        return 0;
    }
    while (at + 4 <= end) {
        const uint32_t token = word(at);

        at += 4;
        if (token == FDT_BEGIN_NODE) {
            while (at < end && *(const char *)at != '\0') {
                at++;
            }
            at = (at + 4) & ~3UL; /* behind the NUL */
        } else if (token == FDT_PROPERTY && at + 8 <= end) {
            const uint32_t length = word(at);
            const uint64_t name = strings + word(at + 4);

            at += 8;
            if (length > end - at) {
                return 0;
            }
            if (is_text(name, limit, "compatible") && is_listed(at, length, compatible)) {
                return 1;
            }
            at += ((uint64_t)length + 3) & ~3UL;
        } else if (token != FDT_END_NODE && token != FDT_NOTHING) {
            return 0; /* the end, or nonsense */
        }
    }
    return 0;
}
