/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m smmu pci packed
// BUILDS: default:gcc-release smmu:clang-release
// FILE: disk 1M words
// FILE: nvme 1M words
// FILE: card 1M words
// FILE: sata 1M words
// QEMU: -blockdev driver=file,filename=$FILES/disk,node-name=file0
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0
// QEMU: -device virtio-blk-device,drive=disk0,serial=source
// QEMU: -blockdev driver=file,filename=$FILES/nvme,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device nvme,drive=disk1,serial=source
// QEMU: -blockdev driver=file,filename=$FILES/card,node-name=file2
// QEMU: -blockdev driver=raw,file=file2,node-name=disk2
// QEMU: -device sdhci-pci -device sd-card,drive=disk2
// QEMU: -blockdev driver=file,filename=$FILES/sata,node-name=file3
// QEMU: -blockdev driver=raw,file=file3,node-name=disk3
// QEMU: -device ich9-ahci,id=ahci -device ide-hd,bus=ahci.0,drive=disk3,serial=source
/*
 * Ten thousand transfers in no order over all engines that are not ours, each by every way that it
 * can be told of memory. Long: on few machines, and not over a
 * monitor that knows nothing of these devices.
 */
#include "tests/lib/mover.h"
#include "tests/target/mixture.h"

#define ENGINES 4

static const char *const names[ENGINES] = {"virtio-blk", "nvme", "sdhci", "ahci"};
static struct mover movers[ENGINES];
static union mover_transfer transfers[MIXTURE_SLOTS];

/* By one way or the other, where it has two. */
static void start(struct mixture_slot *slot)
{
    struct mover *mover = &movers[slot->disk];

    mover->format = random_below(2) != 0 ? NVME_PRP : NVME_SGL;
    mover->mode = random_below(2) != 0 ? SDHCI_ADMA2 : SDHCI_SDMA;
    mover->kind->get_limits(mover, &mover->limits);
    slot->command = mover->kind->create_command(mover, &transfers[slot->number]);
    mover->kind->seek(&transfers[slot->number], slot->block * 512);
    mixture_start(slot, mover->source);
}

TEST(the_engines_are_made)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        ASSERT_TRUE(mover_open(&movers[i], mover_kind(names[i]), "source", 0));
        ASSERT_EQ(movers[i].bytes, MIXTURE_DISK_BYTES);
        ASSERT_TRUE(movers[i].kind->get_service(&movers[i]) != NULL);
    }
    TEST_KEEPS("an engine is made once");
}

TEST(ten_thousand_transfers_over_all_engines)
{
    ASSERT_TRUE(movers[ENGINES - 1].bytes == MIXTURE_DISK_BYTES);
    mixture_open(ENGINES, 20261);
    mixture.start = start;
    for (unsigned i = 0; i < ENGINES; i++) {
        ASSERT_TRUE(
            mover_attach(&movers[i], mixture.loop, OSObject_upcast(mixture.owner), mixture_arrive));
    }
    mixture_run();
    for (unsigned i = 0; i < ENGINES; i++) {
        TEST_NOTE("%s: %u transfers, %u at once at the most, %u bytes bounced", names[i],
                  (unsigned)mixture.done[i], mixture.most_at_once[i], (unsigned)mixture.bounced[i]);
        EXPECT_GT(mixture.done[i], MIXTURE_TRANSFERS / ENGINES / 2);
        mover_detach(&movers[i]);
    }
    mixture_close();
}
