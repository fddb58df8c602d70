/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an NVMe controller and its driver have between them: registers, commands, answers,
 * the structures of Identify. NVM Express Base Specification 1.4; section numbers are its.
 * All of it is little-endian, as the CPU is.
 */
#ifndef DRIVERS_NVME_NVME_FORMAT_PRIVATE_H
#define DRIVERS_NVME_NVME_FORMAT_PRIVATE_H

#include "drivers/shared.h"
#include "kernel/types.h"

/* Registers, offsets in bytes (section 3.1). */
#define NVME_CAP       0x00u
#define NVME_VS        0x08u
#define NVME_INTMS     0x0cu /* interrupts masked; not for MSI-X */
#define NVME_INTMC     0x10u
#define NVME_CC        0x14u
#define NVME_CSTS      0x1cu
#define NVME_AQA       0x24u /* sizes of the admin queues, each less one */
#define NVME_ASQ       0x28u
#define NVME_ACQ       0x30u
#define NVME_CMBLOC    0x38u
#define NVME_CMBSZ     0x3cu
#define NVME_CMBMSC    0x50u
#define NVME_DOORBELLS 0x1000u

#define NVME_CAP_MQES(cap)   ((unsigned)((cap)&0xffff))       /* entries of a queue, less one */
#define NVME_CAP_TO(cap)     ((unsigned)((cap) >> 24 & 0xff)) /* in units of 500 ms */
#define NVME_CAP_DSTRD(cap)  ((unsigned)((cap) >> 32 & 0xf))  /* doorbells are 4 << this apart */
#define NVME_CAP_NVM(cap)    (((cap) >> 37 & 1) != 0)         /* it has the NVM command set */
#define NVME_CAP_MPSMIN(cap) ((unsigned)((cap) >> 48 & 0xf))  /* smallest page: 4096 << this */
#define NVME_CAP_CMBS(cap)   (((cap) >> 57 & 1) != 0)         /* there is a memory buffer */

#define NVME_CC_EN         0x1u
#define NVME_CC_MPS(n)     ((uint32_t)(n) << 7)
#define NVME_CC_SHN        0xc000u /* the field */
#define NVME_CC_SHN_NORMAL 0x4000u
#define NVME_CC_IOSQES     (6u << 16) /* entries of 64 bytes */
#define NVME_CC_IOCQES     (4u << 20) /* and of 16 */

#define NVME_CSTS_RDY       0x1u
#define NVME_CSTS_CFS       0x2u /* it has failed, and only a reset helps */
#define NVME_CSTS_SHST      0xcu
#define NVME_CSTS_SHST_DONE 0x8u
#define NVME_GONE           0xffffffffu /* what is read where nobody answers */

/* A command (section 4.2). */
struct nvme_command {
    uint8_t opcode;
    uint8_t flags; /* how memory is told: NVME_FLAG_... */
    uint16_t id;
    uint32_t nsid;
    uint32_t reserved[2];
    uint64_t metadata;
    union {
        struct {
            uint64_t prp1, prp2;
        };
        struct nvme_sgl {
            uint64_t address;
            uint32_t length;
            uint8_t reserved[3];
            uint8_t type;
        } sgl;
    };
    uint32_t dword[6]; /* 10 to 15 */
};
_Static_assert(sizeof(struct nvme_command) == 64, "section 4.2");

#define NVME_FLAG_PRP 0x00u
#define NVME_FLAG_SGL 0x40u

#define NVME_SGL_DATA 0x00u /* type in the upper half, an address and a length (section 4.4) */
#define NVME_SGL_LAST 0x30u /* a list of descriptors, with which it ends */

/* An answer (section 4.6). The controller writes it while we look, and the last word last. */
struct nvme_answer {
    struct shared32 result;
    struct shared32 reserved;
    struct shared32 queue; /* SQHD; SQID in the upper half */
    struct shared32 end;   /* identifier; in the upper half the phase, and the status above that */
};
_Static_assert(sizeof(struct nvme_answer) == 16, "section 4.6");

#define NVME_PHASE 0x10000u

/* Status: 8 bits of code, 3 of type, 2 of retry delay, more, do not retry (section 4.6.1). */
#define NVME_STATUS_CODE        0x7ffu
#define NVME_STATUS(type, code) ((type) << 8 | (code))

enum {
    NVME_ADMIN_DELETE_SQ = 0x00,
    NVME_ADMIN_CREATE_SQ = 0x01,
    NVME_ADMIN_DELETE_CQ = 0x04,
    NVME_ADMIN_CREATE_CQ = 0x05,
    NVME_ADMIN_IDENTIFY = 0x06,
    NVME_ADMIN_ABORT = 0x08,
    NVME_ADMIN_SET_FEATURES = 0x09,
    NVME_IO_FLUSH = 0x00,
    NVME_IO_WRITE = 0x01,
    NVME_IO_READ = 0x02,
};

#define NVME_IDENTIFY_NAMESPACE  0u
#define NVME_IDENTIFY_CONTROLLER 1u
#define NVME_IDENTIFY_LIST       2u /* numbers of the namespaces that are there */
#define NVME_FEATURE_QUEUES      7u
#define NVME_QUEUE_CONTIGUOUS    1u
#define NVME_QUEUE_INTERRUPTS    2u

/* Identify's answers: 4096 bytes each, of which these are used (section 5.15.2). */
#define NVME_IDENTIFY_BYTES    4096u
#define NVME_CONTROLLER_SERIAL 4   /* 20 characters, padded with blanks */
#define NVME_CONTROLLER_MDTS   77  /* most bytes of a command: smallest page << this; 0: any */
#define NVME_CONTROLLER_ACL    258 /* aborts at once, less one */
#define NVME_CONTROLLER_NN     516 /* highest number of a namespace */
#define NVME_CONTROLLER_VWC    525 /* bit 0: a volatile cache */
#define NVME_CONTROLLER_SGLS   536 /* bits 1:0: 1 or 2, it knows SGLs; 2: at multiples of 4 */
#define NVME_NAMESPACE_SIZE    0   /* blocks */
#define NVME_NAMESPACE_FLBAS   26  /* bits 3:0: which format it has */
#define NVME_NAMESPACE_ATTR    99  /* bit 0: write-protected */
#define NVME_NAMESPACE_FORMATS 128 /* 4 bytes each: metadata, block size as a power of two */

#endif
