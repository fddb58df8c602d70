/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options from QEMU's command line, by its fw_cfg (docs/specs/fw_cfg of QEMU), which a guest
 * finds afterwards as if nobody had been there.
 */
#include "qemu/vdma/monitor/monitor_private.h"

#define DATA      0x09020000ull /* of the virt machine: bytes of what is selected */
#define SELECTOR  0x09020008ull /* big-endian */
#define DIRECTORY 0x19u
#define NAME_MAX  56u
#define FILES_MAX 256u

static const char prefix[] = "opt/dmakit/";

static void select_item(unsigned item)
{
    el2_store(SELECTOR, 2, (uint16_t)(item << 8 | item >> 8));
}

static uint8_t next(void)
{
    uint64_t value = 0;

    el2_load(DATA, 1, &value);
    return (uint8_t)value;
}

static uint32_t next_number(unsigned bytes)
{
    uint32_t value = 0;

    while (bytes-- != 0) {
        value = value << 8 | next();
    }
    return value;
}

static bool is_named(const char *file, const char *name)
{
    for (unsigned i = 0; i < sizeof(prefix) - 1; i++) {
        if (*file++ != prefix[i]) {
            return false;
        }
    }
    while (*name != '\0' && *file == *name) {
        file++;
        name++;
    }
    return *file == *name;
}

/* Its number and size; false: there is none. */
static bool find(const char *name, unsigned *item, uint32_t *size)
{
    uint32_t files;

    select_item(DIRECTORY);
    files = next_number(4);
    for (uint32_t i = 0; i < files && i < FILES_MAX; i++) {
        char file[NAME_MAX];

        *size = next_number(4);
        *item = next_number(2);
        next_number(2);
        for (unsigned j = 0; j < NAME_MAX; j++) {
            file[j] = (char)next();
        }
        file[NAME_MAX - 1] = '\0';
        if (is_named(file, name)) {
            return true;
        }
    }
    return false;
}

bool monitor_option(const char *name, char *text, unsigned most)
{
    unsigned item;
    uint32_t size;

    if (!find(name, &item, &size)) {
        return false;
    }
    select_item(item);
    for (uint32_t i = 0; i < most; i++) {
        text[i] = i < size && i + 1 < most ? (char)next() : '\0';
    }
    return true;
}
