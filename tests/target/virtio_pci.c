/* SPDX-License-Identifier: BSD-2-Clause */
// QEMU: -blockdev driver=null-co,node-name=disk0,size=1073741824
// QEMU: -device virtio-blk-pci,drive=disk0,addr=1.0,multifunction=on
// QEMU: -blockdev driver=null-co,node-name=disk1,size=1073741824
// QEMU: -device virtio-blk-pci,drive=disk1,addr=1.3,disable-legacy=on
// QEMU: -device virtio-rng-pci,addr=5.0
// QEMU: -device edu,addr=6.0
// QEMU: -blockdev driver=null-co,node-name=disk2,size=1073741824
// QEMU: -device virtio-blk-device,drive=disk2
/* Virtio devices on PCI, which nothing drives yet, are named on the console. */
#include <string.h>

#include "drivers/virtio/blk.h"
#include "drivers/virtio/rng.h"
#include "drivers/virtio/transport_pci.h"
#include "kernel/console.h"
#include "tests/harness/harness.h"

static char said[2048];
static size_t said_length;

static void keep(struct console *self, const char *text, size_t length)
{
    (void)self;
    for (size_t i = 0; i < length && said_length < sizeof(said) - 1; i++) {
        said[said_length++] = text[i];
    }
}

static bool is_said_once(const char *words)
{
    const char *first = strstr(said, words);

    return first != NULL && strstr(first + 1, words) == NULL;
}

TEST(devices_on_pci_are_named)
{
    static struct console listener = {.write = keep};
    struct console *before = console_register(&listener);

    virtio_pci.find(); /* once more: start-up did so before anybody could listen */
    console_register(before);
    TEST_NOTE("%s", said);
    EXPECT_TRUE(is_said_once("nothing drives the disk at PCI 00:01.0;"));
    EXPECT_TRUE(is_said_once("nothing drives the disk at PCI 00:01.3;"));
    EXPECT_TRUE(is_said_once("nothing drives the entropy device at PCI 00:05.0;"));
    EXPECT_TRUE(strstr(said, "00:06") == NULL && strstr(said, "00:00") == NULL);
}

/* The others are found as ever. */
TEST(devices_beside_them_work)
{
    EXPECT_EQ(virtio_blk_count(), 1);
    EXPECT_FALSE(virtio_rng_present());
}
