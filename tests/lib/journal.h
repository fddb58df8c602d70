/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an image saw, for a reader outside: records of 64 bytes on the disk "journal", in the form
 * of those of vdma's log (qemu/vdma/wire.h), which can be among them as they are.
 */
#ifndef TESTS_LIB_JOURNAL_H
#define TESTS_LIB_JOURNAL_H

#include "descriptors/IOReturn.h"
#include "kernel/types.h"
#include "qemu/vdma/wire.h"

/* Events of the image's own records. */
#define JOURNAL_REQUEST 0x101u /* address: tag; type; length: bytes; value: place in the file */
#define JOURNAL_SEGMENT 0x102u /* segment, address, length, code as in the log; value: tag */
#define JOURNAL_END     0x103u /* value: how many requests */

/* False: there is no such disk, and what is written goes nowhere. */
bool journal_open(void);

/* Kept until 64 of them are together, but not in an interrupt handler. */
IOReturn journal_write(const struct vdma_record *record);

/* The last record, and all that is kept goes to the disk. */
IOReturn journal_close(uint64_t requests);

#endif
