/* SPDX-License-Identifier: BSD-2-Clause */
/* The first lists of an engine as they stand in the memory that it reads. */
#ifndef TESTS_LIB_RING_TABLE_H
#define TESTS_LIB_RING_TABLE_H

#include "drivers/ahci/ahci.h"
#include "drivers/nvme/nvme.h"
#include "drivers/sdhci/sdhci.h"
#include "drivers/virtio/blk.h"

/*
 * Print the first device requests to a disk as they stand in the ring, each entry
 * with the bytes of the descriptor that it carries. What is shown is read back
 * from the memory that the device reads.
 */
void ring_table_begin(struct virtio_blk *disk);

/* The same of the blocks that the fw_cfg engine is started with. */
void block_table_begin(void);

/* The same of commands to an NVMe disk, and of their lists. */
void nvme_table_begin(struct nvme_namespace *disk);

/* The same of the lists of an SD host controller, and of SATA. */
void sdhci_table_begin(struct sdhci_card *card);
void ahci_table_begin(struct ahci_disk *disk);

#endif
