/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data sheet of vdma as C: what driver and device both read, and the only file
 * that they share. README.md beside it says what each part means.
 *
 * Everything in memory is little-endian, naturally aligned inside its structure and
 * without holes. Addresses and lengths are in bytes, times in ticks of the device's
 * clock (CNTPCT behind the EL2 door).
 */
#ifndef QEMU_VDMA_WIRE_H
#define QEMU_VDMA_WIRE_H

#include <stdint.h>

/* Registers: virtio-mmio version 2, device type 2 (block), and this vendor: "VDMA". */
#define VDMA_VENDOR  0x414d4456u
#define VDMA_VERSION 1u
/*
 * Beside QEMU the registers are QEMU's, and the vendor is too. The process with --vendor has it in
 * the configuration: it offers GEOMETRY, and cylinders, heads and sectors are these four bytes.
 */
#define VDMA_CONFIG_VENDOR 16u

/*
 * Requests -------------------------------------------------------------------
 *
 * A chain is a header (readable), readable data, writable data, a status. The type is
 * the first word of the header. The types of virtio-blk have its header of 16 bytes
 * and its status of one byte; a private type is 0x5644 ("VD"), the version of this
 * sheet and a number, has the header and the status below, and its status is whole in
 * the last descriptor.
 */
#define VDMA_TYPE(number)       (0x56440000u + (VDMA_VERSION << 8) + (number))
#define VDMA_TYPE_IS_VDMA(type) (((type) >> 16) == 0x5644u)

#define VDMA_NOP          VDMA_TYPE(0x00u)
#define VDMA_COPY         VDMA_TYPE(0x01u) /* source to target */
#define VDMA_FILL         VDMA_TYPE(0x02u) /* target; arguments: pattern, its bytes (1, 2, 4, 8) */
#define VDMA_COMPARE      VDMA_TYPE(0x03u) /* two halves of the source; arguments: bytes of one */
#define VDMA_CHECKSUM     VDMA_TYPE(0x04u) /* source; value: POSIX cksum, length included */
#define VDMA_CAPABILITIES VDMA_TYPE(0x10u) /* target: struct vdma_capabilities */
#define VDMA_SET_LIMITS   VDMA_TYPE(0x11u) /* arguments: profile; VDMA_CUSTOM: source has them */
#define VDMA_SET_TABLE    VDMA_TYPE(0x12u) /* arguments: address, entries; 0 entries: off */
#define VDMA_INJECT       VDMA_TYPE(0x13u) /* arguments: VDMA_INJECT_...; source: what */
#define VDMA_READ_LOG     VDMA_TYPE(0x14u) /* target: records, which the device forgets */

/* A list in memory that names the segments of one side of a request. */
struct vdma_list {
    uint64_t address;
    uint32_t entries; /* 1 ... VDMA_LIST_MAX */
    uint16_t format;  /* VDMA_FORMAT_... */
    uint16_t reserved;
};

struct vdma_request {
    uint32_t type;
    uint32_t flags; /* VDMA_SOURCE_LIST, VDMA_TARGET_LIST */
    uint64_t tag;   /* comes back in the status and in the log */
    uint64_t arguments[2];
    struct vdma_list source, target;
};

#define VDMA_SOURCE_LIST 1u /* the source is the list, and the chain has no readable data */
#define VDMA_TARGET_LIST 2u /* the target is the list, and the chain has no writable data */
#define VDMA_LIST_MAX    1024u

/* 32: two words of 32 bits an entry, 64: two of 64; address, then length. */
#define VDMA_FORMAT_HOST32   1u
#define VDMA_FORMAT_BIG32    2u
#define VDMA_FORMAT_LITTLE32 3u
#define VDMA_FORMAT_HOST64   4u
#define VDMA_FORMAT_BIG64    5u
#define VDMA_FORMAT_LITTLE64 6u
#define VDMA_FORMAT_NATURAL  7u /* the three cursors' */
#define VDMA_FORMAT_BIG      8u
#define VDMA_FORMAT_LITTLE   9u

struct vdma_status {
    uint64_t tag;
    uint64_t value;   /* of a refusal: what is wrong; else the result */
    uint64_t moved;   /* data bytes */
    uint32_t segment; /* of a refusal: which; VDMA_NO_SEGMENT: none in particular */
    uint16_t rule;    /* of a refusal: its number in the data sheet; else 0 */
    uint8_t where;    /* of a refusal: what `segment` counts in, VDMA_IN_... */
    uint8_t code;     /* VDMA_STATUS_...; the last byte, as virtio-blk has it */
};

#define VDMA_NO_SEGMENT 0xffffffffu

#define VDMA_IN_CHAIN       0u /* descriptors of the chain */
#define VDMA_IN_SOURCE_LIST 1u
#define VDMA_IN_TARGET_LIST 2u
#define VDMA_IN_REGISTERS   3u /* `segment` is the register's offset */

#define VDMA_STATUS_OK          0u
#define VDMA_STATUS_ERROR       1u /* virtio-blk's IOERR */
#define VDMA_STATUS_UNSUPPORTED 2u /* no such request */
#define VDMA_STATUS_REFUSED     3u /* it breaks `rule`; no byte has moved */
#define VDMA_STATUS_DIFFERENT   4u /* compare: `value` is the first position that differs */
#define VDMA_STATUS_LOST        5u /* begun before the device was lost; cannot be done again */

/*
 * Limits ---------------------------------------------------------------------
 *
 * They bind each side of a request that moves data; 0: no limit, an alignment of 1.
 */
struct vdma_limits {
    uint8_t address_bits; /* no byte at or above 2^bits */
    uint8_t directions;   /* VDMA_READS | VDMA_WRITES; 0: both */
    uint16_t depth;       /* requests of one queue that may be outstanding */
    uint32_t segments_max;
    uint64_t segment_max;
    uint64_t transfer_max;
    uint32_t alignment;          /* of the first segment's address */
    uint32_t alignment_length;   /* of every length */
    uint32_t alignment_internal; /* of the other segments' addresses */
    uint32_t alignment_end;      /* of the end of every segment but the last */
    uint64_t boundary;           /* no multiple of it inside a segment */
    uint64_t latency;            /* ticks from taking a request to doing it */
    uint32_t table_entries;      /* most pages of its translation table; 0: it has none */
    uint32_t reserved;
};

#define VDMA_READS  1u /* the device reads memory: a source */
#define VDMA_WRITES 2u /* the device writes memory: a target */

#define VDMA_PROFILE_OPEN     0u
#define VDMA_PROFILE_NARROW31 1u
#define VDMA_PROFILE_SATA     2u
#define VDMA_PROFILE_PRP      3u
#define VDMA_PROFILE_XHCI     4u
#define VDMA_PROFILE_ADMA2    5u
#define VDMA_PROFILE_SINGLE   6u
#define VDMA_PROFILE_FPGA8    7u
#define VDMA_PROFILE_ISA24    8u
#define VDMA_PROFILE_NARROW28 9u
#define VDMA_PROFILES         10u
#define VDMA_CUSTOM           0xffffffffu

/* An entry of the translation table: the page's address and what the device may do. */
#define VDMA_ENTRY_READ    1ull
#define VDMA_ENTRY_WRITE   2ull
#define VDMA_ENTRY_ADDRESS 0x000ffffffffff000ull
#define VDMA_PAGE          4096u

struct vdma_capabilities {
    uint32_t size; /* of this structure, as the device knows it */
    uint32_t version;
    uint32_t requests;    /* bit n: VDMA_TYPE(n) */
    uint32_t formats;     /* bit n: VDMA_FORMAT_... n */
    uint32_t faults;      /* bit n: VDMA_FAULT_... n */
    uint32_t rules;       /* 1 ... this */
    uint32_t log_records; /* that the device keeps */
    uint32_t profile;     /* VDMA_PROFILE_..., VDMA_CUSTOM */
    uint64_t sectors;     /* of its disk, 512 bytes each */
    struct vdma_limits limits;
    uint64_t queue_page; /* address of the queues' page of registers; 0: there is none */
};

/*
 * The guard --------------------------------------------------------------------
 *
 * For a driver that is trusted with nothing: 1 written to this register, which only a reset takes
 * back, and the driver has the queues' page, where all registers are that it needs, at their
 * offsets, and no other. What its ring names goes by the translation table, the ring too, and
 * limits, table, faults and log are out of its reach (R69).
 */
#define VDMA_REGISTER_GUARD 0x0f0u

/*
 * Faults ---------------------------------------------------------------------
 *
 * One belongs to a request that moves data or is a no-op; the others are not counted
 * and never suffer. "Position": of a byte in the data.
 */
#define VDMA_FAULT_ERROR          1u    /* error status, nothing moved */
#define VDMA_FAULT_SHORT          2u    /* only `argument` bytes are moved */
#define VDMA_FAULT_CORRUPT        3u    /* the byte at position `argument` is inverted */
#define VDMA_FAULT_DELAY          4u    /* done `argument` ticks later */
#define VDMA_FAULT_REORDER        5u    /* done after the next one, or after `argument` ticks */
#define VDMA_FAULT_WRONG_ID       6u    /* `argument` as the id in the used ring */
#define VDMA_FAULT_WRONG_LENGTH   7u    /* `argument` as the length in the used ring */
#define VDMA_FAULT_DUPLICATE      8u    /* two entries in the used ring */
#define VDMA_FAULT_MISSING        9u    /* no entry in the used ring, ever */
#define VDMA_FAULT_NO_INTERRUPT   10u   /* the completion raises none */
#define VDMA_FAULT_SPURIOUS       11u   /* an interrupt when the request is taken */
#define VDMA_FAULT_LATE_INTERRUPT 12u   /* `argument` ticks after the completion */
#define VDMA_FAULT_PAST_END       13u   /* `argument` bytes written behind the last segment */
#define VDMA_FAULT_LATE_WRITE     14u   /* into the target, `argument` ticks after completion */
#define VDMA_FAULT_AFTER_RESET    15u   /* into the target, `argument` ticks after the next reset */
#define VDMA_FAULT_NEEDS_RESET    16u   /* the device fails instead of doing it */
#define VDMA_FAULT_CONFIG         17u   /* the disk seems to have `argument` sectors from now on */
#define VDMA_FAULT_REGISTER       18u   /* register `argument` reads once XOR `second` */
#define VDMA_FAULTS               19u   /* one more than the last */
#define VDMA_FAULT_BYTE           0x5au /* what stray writes write */
#define VDMA_FAULT_PAST_MAX       64u

struct vdma_fault {
    uint16_t kind;
    uint16_t reserved;
    uint32_t after; /* requests to let pass first */
    uint64_t argument;
    uint64_t second;
    uint64_t reserved2;
};

/* Faults drawn for each request: equal seeds, equal faults. */
struct vdma_script {
    uint64_t seed;
    uint32_t kinds;        /* bit n: VDMA_FAULT_... n */
    uint32_t rate;         /* of 65536 requests, so many get one */
    uint64_t argument_max; /* arguments are 0 ... this */
    uint64_t reserved;
};

#define VDMA_INJECT_CLEAR  0u /* forget all faults and the script; no source */
#define VDMA_INJECT_FAULTS 1u /* the source is an array of struct vdma_fault, to be added */
#define VDMA_INJECT_SCRIPT 2u /* the source is a struct vdma_script, in place of the last */

/*
 * The log --------------------------------------------------------------------
 */
struct vdma_record {
    uint64_t tick;
    uint64_t pc; /* of the doorbell or of the refused access; 0: not known */
    uint64_t address;
    uint64_t length;
    uint64_t value;
    uint32_t request; /* its number since power-on; 0: none */
    uint32_t type;
    uint32_t segment;
    uint16_t event; /* VDMA_EVENT_... */
    uint16_t rule;
    uint16_t slot; /* the chain's head */
    uint8_t queue;
    uint8_t code;
    uint32_t lost; /* records that went before this one because the log was full */
};

#define VDMA_EVENT_TAKEN    1u  /* segment: how many; address: tag; length, value: bytes in, out */
#define VDMA_EVENT_SEGMENT  2u  /* code: VDMA_READS, VDMA_WRITES; value: VDMA_IN_... */
#define VDMA_EVENT_DONE     3u  /* code; length: moved; value: the status's; address: tag */
#define VDMA_EVENT_REFUSED  4u  /* rule, segment, value; code: VDMA_IN_... */
#define VDMA_EVENT_FAULT    5u  /* rule: its kind; value: argument; code 1: could not be done */
#define VDMA_EVENT_LATE     6u  /* a late write or interrupt now happens; rule: its kind */
#define VDMA_EVENT_RESET    7u  /* by the driver; value: requests it ended */
#define VDMA_EVENT_FAILED   8u  /* the device needs a reset */
#define VDMA_EVENT_DOORBELL 9u  /* of `queue` */
#define VDMA_EVENT_LINE     10u /* an interrupt is raised; value: its causes */

/*
 * Beneath an image --------------------------------------------------------------
 *
 * The door at EL2 may want to know of memory that is given out with nothing in it: the call HVC
 * with this number in x0, an address in x1, bytes in x2. If it does, this word of the image's says
 * so before the image runs; without a monitor there is no such word.
 */
#define VDMA_CALL_ALLOCATED    0xc6005644u
#define VDMA_WANTS_ALLOCATIONS 0x616c6c6f63ull

#ifndef __cplusplus
extern uint64_t vdma_monitor_wants;

_Static_assert(sizeof(struct vdma_list) == 16 && sizeof(struct vdma_request) == 64 &&
                   sizeof(struct vdma_status) == 32 && sizeof(struct vdma_limits) == 64 &&
                   sizeof(struct vdma_capabilities) == 112 && sizeof(struct vdma_fault) == 32 &&
                   sizeof(struct vdma_script) == 32 && sizeof(struct vdma_record) == 64,
               "the sizes of the data sheet");
#endif

#endif
