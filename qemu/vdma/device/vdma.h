/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma's core: the device without the place it lives in. A door gives it memory, time
 * and an interrupt line through a table of ports, and hands it register accesses or, if
 * somebody else plays the registers, the rings' places and the doorbells:
 *
 *     static struct vdma device;                  about 300 KiB, no other memory is used
 *     vdma_init(&device, &ports, context, &options);
 *
 *     a door with registers                       a door without
 *       vdma_write_register(&device, ...);          vdma_set_features(&device, features);
 *                                                   vdma_queue_start(&device, 0, &setup);
 *                                                   vdma_doorbell(&device, 0, 0);
 *     and after either, and when the time that ports->deadline named has come:
 *       while (vdma_step(&device, now)) { }
 *
 * The same calls with the same `now` and the same memory do the same things: there is
 * no clock, no randomness but the script's seed, and no address of the host in anything
 * the guest can see. Freestanding C; a compiler may call memcpy and memset.
 *
 * Not re-entrant: one call at a time for one device. Ports are called from inside these
 * functions and must not call back. Any context.
 */
#ifndef QEMU_VDMA_DEVICE_VDMA_H
#define QEMU_VDMA_DEVICE_VDMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qemu/vdma/device/rules.h"
#include "qemu/vdma/wire.h"

#define VDMA_QUEUES    4u    /* most that a device can have */
#define VDMA_QUEUE_MAX 1024u /* most entries of one */
#define VDMA_NEVER     UINT64_MAX
#define VDMA_NO_QUEUE  0xffu /* as a line's vector: configuration and failure */

/* Feature bits that a door may care about (virtio 1.2, sections 5.2.3 and 6). */
#define VDMA_F_SIZE_MAX        (1ull << 1)
#define VDMA_F_SEG_MAX         (1ull << 2)
#define VDMA_F_BLK_SIZE        (1ull << 6)
#define VDMA_F_FLUSH           (1ull << 9)
#define VDMA_F_MQ              (1ull << 12)
#define VDMA_F_INDIRECT        (1ull << 28)
#define VDMA_F_EVENT_IDX       (1ull << 29)
#define VDMA_F_VERSION_1       (1ull << 32)
#define VDMA_F_ACCESS_PLATFORM (1ull << 33)

enum vdma_progress {
    VDMA_TAKEN,  /* its head was read */
    VDMA_GIVING, /* it is about to be shown in the used ring */
    VDMA_GIVEN,  /* it is in the used ring */
};

/* Bytes that are the device's until their request is over. */
struct vdma_owned {
    uint32_t request; /* its number since power-on */
    uint32_t type;
    uint32_t segment; /* counted in ... */
    uint8_t where;    /* ... VDMA_IN_... */
    uint8_t access;   /* VDMA_READS, VDMA_WRITES */
    uint64_t pc;      /* of the doorbell; 0: not known */
    uint64_t memory;  /* address of the first; one piece as translate gave it */
    uint64_t length;
};

/*
 * What a door provides. Those marked optional may be NULL.
 *
 * "Bus" addresses are those in rings, headers and lists, and in segments when vdma's own
 * translation table is off; "memory" addresses mean something to read and write alone.
 */
struct vdma_ports {
    /*
     * Where `bus` is: how many bytes from there on, at most `length`, are one piece of
     * memory that the device may use for `access` (VDMA_READS or VDMA_WRITES), and its
     * memory address. 0: nothing is there. This is the check before a byte moves. It does
     * not reach beyond 2^64, and it is cut in the same way as long as nothing is mapped anew:
     * a request that waits is refused when its pieces are others than before (R57).
     */
    uint64_t (*translate)(void *context, uint64_t bus, uint64_t length, unsigned access,
                          uint64_t *memory);
    /* Copy; of one piece as translate gave it. False: it has gone meanwhile. */
    bool (*read)(void *context, uint64_t memory, void *to, uint32_t length);
    bool (*write)(void *context, uint64_t memory, const void *from, uint32_t length);
    /* Optional: order everything before against everything behind; for a guest that runs on. */
    void (*barrier)(void *context);
    /*
     * Optional: until `disown` of their request the device reads or writes these bytes. Of one that
     * is done as soon as it is taken nobody is told.
     */
    void (*own)(void *context, const struct vdma_owned *bytes);
    void (*disown)(void *context, uint32_t request);
    /*
     * The interrupt line, called at each event, also when the level stays. A door with one
     * line ignores `vector`: the queue whose buffers came back, VDMA_NO_QUEUE for the
     * configuration. Low: the driver has acknowledged everything (a door without registers
     * never sees that).
     */
    void (*line)(void *context, unsigned vector, bool high);
    /* Call vdma_step at this time; it replaces the one named before. VDMA_NEVER: none. */
    void (*deadline)(void *context, uint64_t tick);
    /* Optional: what becomes of a chain, for a door that may die (see vdma_queue_setup). */
    void (*progress)(void *context, unsigned queue, uint16_t head, enum vdma_progress progress);
    /* Optional: each record as it is made; `lost` is 0. */
    void (*record)(void *context, const struct vdma_record *record);
};

struct vdma_options {
    const struct vdma_limits *limits; /* NULL: those of `profile` */
    uint32_t profile;                 /* VDMA_PROFILE_... */
    const char *id;                   /* up to 20 bytes of it; NULL: "vdma" */
    uint8_t *disk;                    /* the RAM disk; NULL with 0 sectors: none */
    uint64_t sectors;
    unsigned queues;     /* 1 ... VDMA_QUEUES; 0: 1 */
    unsigned queue_size; /* most entries, a power of two up to VDMA_QUEUE_MAX; 0: 256 */
    bool unacknowledged; /* R63 only recorded of a driver that leaves out ACKNOWLEDGE */
    uint32_t log;        /* bit n: VDMA_EVENT_... n is recorded; 0: all */
    uint64_t features;   /* offered beside the core's own */
    uint64_t
        hold; /* ticks that each request which moves data takes at least, whatever the limits */
    struct vdma_script script;
    const struct vdma_fault *faults; /* from the beginning */
    unsigned fault_count;            /* at most VDMA_FAULTS_PENDING */
    uint64_t queue_page;             /* where the door shows the queues' registers; 0: nowhere */
};

#define VDMA_FAULTS_PENDING 64u
#define VDMA_LOG_RECORDS    1024u

struct vdma;

#include "qemu/vdma/device/vdma_private.h"

/* A profile by its name in README.md, such as "sata"; VDMA_PROFILES: there is none. */
unsigned vdma_profile_find(const char *name);
const char *vdma_profile_name(unsigned profile);
/* Its limits. False: no such profile. */
bool vdma_profile_limits(unsigned profile, struct vdma_limits *limits);

/*
 * Power-on. Everything the device had is forgotten, `ports` and the disk stay the door's
 * and must outlive it. False: options that no device can have.
 */
bool vdma_init(struct vdma *device, const struct vdma_ports *ports, void *context,
               const struct vdma_options *options);

/*
 * Finish one request that is due, or take one from a ring. False: nothing is to be done
 * before the deadline or the next doorbell, and the deadline port has been told.
 */
bool vdma_step(struct vdma *device, uint64_t now);

/* Requests that nothing but `hold` keeps waiting are due now; for vdma_step to be called. */
void vdma_hurry(struct vdma *device, uint64_t now);

/* What the driver's writing 0 to the status register does. */
void vdma_reset_device(struct vdma *device, uint64_t now);

/*
 * One access to the registers, 512 bytes as virtio-mmio has them. `offset`: from their first byte,
 * plus VDMA_BY_QUEUE_PAGE where it came by the queues' page; size: bytes; pc: 0: not known.
 */
#define VDMA_BY_QUEUE_PAGE 0x1000u

/* What is read, no bits beyond its size. Refused ones are in the log, and read as 0. */
uint64_t vdma_read_register(struct vdma *device, uint32_t offset, unsigned size, uint64_t pc,
                            uint64_t now);
/* False: refused, in the log, and without effect. */
bool vdma_write_register(struct vdma *device, uint32_t offset, unsigned size, uint64_t value,
                         uint64_t pc, uint64_t now);

/*
 * For a door without registers -------------------------------------------------
 */
uint64_t vdma_features(const struct vdma *device);
/* As FEATURES_OK and DRIVER_OK. False: one of them was not offered, or VERSION_1 is missing. */
bool vdma_set_features(struct vdma *device, uint64_t features);

struct vdma_queue_setup {
    unsigned size;
    uint64_t desc, avail, used; /* bus addresses */
    uint16_t next;              /* position to begin at; 0 after a reset */
    /*
     * Heads of chains that a device before this one took and did not give back, in the order of
     * taking: they are done first, and the used index is so far behind. What cannot be done twice
     * ends with VDMA_STATUS_LOST.
     */
    const uint16_t *again;
    unsigned again_count; /* at most `size` */
};

/* False: it breaks a rule (R12 to R17), which is in the log. */
bool vdma_queue_start(struct vdma *device, unsigned queue, const struct vdma_queue_setup *setup);
/*
 * The position to begin at again. Requests that the device still has are done first, at
 * once; after it returns the queue's memory is not touched any more.
 */
uint16_t vdma_queue_stop(struct vdma *device, unsigned queue, uint64_t now);
/* False: it breaks a rule (R60, R61). */
bool vdma_doorbell(struct vdma *device, unsigned queue, uint64_t pc);
/* Bytes of virtio-blk's configuration. */
void vdma_config(const struct vdma *device, uint32_t offset, void *to, uint32_t length);

/*
 * The log ------------------------------------------------------------------------
 *
 * Take up to `count` of the oldest records; how many there were.
 */
unsigned vdma_log_read(struct vdma *device, struct vdma_record *records, unsigned count);

#endif
