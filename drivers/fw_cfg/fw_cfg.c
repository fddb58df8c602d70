/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware configuration device: finding it, its directory, and starting its engine. */
#include "drivers/fw_cfg/fw_cfg.h"

#include <string.h>

#include "drivers/fw_cfg/fw_cfg_private.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/trace.h"

#define DMA_REGISTER    0x10
#define DMA_SIGNATURE   0x51454d5520434647ull /* "QEMU CFG", as the bytes stand there */
#define DIRECTORY_COUNT 4                     /* bytes before the first entry */
#define FILES_MAX       (0x4000u - 0x20u)     /* a key has 14 bits, and files begin at 0x20 */

/* An entry of the directory. */
struct entry {
    uint32_t size; /* big-endian, as the next */
    uint16_t key;
    uint16_t reserved;
    char name[FW_CFG_NAME_LENGTH];
};

/* One: a machine has one at the most, and its page and its channel are there once. */
static struct fw_cfg device;

/* --- The engine ------------------------------------------------------------------------------- */

struct fw_cfg_block fw_cfg_make_block(uint32_t control, uint32_t length, uint64_t address)
{
    /*
     * All fields are big-endian whatever the guest is, "Guest-side DMA Interface" in the
     * specification.
     */
    return (struct fw_cfg_block){__builtin_bswap32(control), __builtin_bswap32(length),
                                 __builtin_bswap64(address)};
}

struct fw_cfg_block fw_cfg_seek(const struct fw_cfg_item *item, uint32_t position)
{
    /*
     * Selecting sets the item's offset to 0 before the skip is counted, so a position is absolute,
     * whoever had the device before. The address is not looked at: a skip moves nothing.
     */
    return fw_cfg_make_block((uint32_t)item->key << 16 | FW_CFG_SELECT | FW_CFG_SKIP, position, 0);
}

/* The device has the block from the store on, and has ended with it when its control says so. */
static IOReturn start(struct fw_cfg *self, struct fw_cfg_block *block)
{
    self->operations++;
    trace_doorbell((vaddr_t)self, virt_to_phys(block).value, 0);
    cpu_dmb_sy(); /* all of the list, and what it points to, before the store that starts it */
    mmio_write64(self->registers, DMA_REGISTER,
                 __builtin_bswap64(virt_to_phys(block).value)); /* one store: the low half starts */
    /*
     * Acquire: the words that the device has moved are read by others after this, and must not have
     * been loaded before the block said that it was done. Read anew each time, since the device
     * writes it: the atomic load is what keeps the compiler from remembering.
     */
    for (unsigned i = 0; i < FW_CFG_NEVER_READS; i++) {
        const uint32_t control =
            __builtin_bswap32(__atomic_load_n(&block->control, __ATOMIC_ACQUIRE));

        if (control == 0) {
            return kIOReturnSuccess;
        }
        /* How much of the block was moved before the error is not told: none of it is counted. */
        if ((control & FW_CFG_ERROR) != 0) {
            return kIOReturnIOError;
        }
    }
    /* It may still read the list, and write memory, whenever it likes. */
    self->lost = true;
    kprintf("fw_cfg: the device is lost: it does not end what it was started with\n");
    return kIOReturnNotResponding;
}

IOReturn fw_cfg_run(struct fw_cfg *self, unsigned count, unsigned *done)
{
    for (*done = 0; *done < count; *done += 1) {
        /*
         * One start a block: the device reads exactly one, there is no link to a next. After a
         * failure none of the rest is started, since its bytes would stand behind a hole.
         */
        const IOReturn status = start(self, &self->list[*done]);

        if (status != kIOReturnSuccess) {
            return status;
        }
    }
    return kIOReturnSuccess;
}

/* --- Finding it ------------------------------------------------------------------------------- */

bool fw_cfg_attach(volatile void *registers, paddr_t address)
{
    paddr_t page;

    /*
     * The register reads as a signature exactly where there is an engine. Asked before the page is
     * taken, which would have to be given back.
     */
    if (__builtin_bswap64(mmio_read64(registers, DMA_REGISTER)) != DMA_SIGNATURE ||
        page_alloc(0, PAGE_OWNER_DRIVER, &page) != KERN_SUCCESS) {
        return false;
    }
    device = (struct fw_cfg){
        .lock = LOCK_INITIAL("fw_cfg", LOCK_RANK_DEVICE),
        .registers = registers,
        /* Not zeroed: the device reads no block before all of it has been written. */
        .list = phys_to_virt(page),
        .address = address,
    };
    /*
     * In the same page, so that both are contiguous for the device and a kernel address makes a
     * physical one.
     */
    device.buffer = (uint8_t *)(device.list + FW_CFG_LIST);
    _Static_assert(FW_CFG_LIST * sizeof(struct fw_cfg_block) + FW_CFG_BUFFER <= PAGE_SIZE,
                   "both are in one page");
    return true;
}

void fw_cfg_detach(void)
{
    OSObject_release(device.engine); /* neither is there before somebody asks */
    OSObject_release(device.service);
    if (!device.lost) { /* or its memory must be considered in use, for ever */
        const kern_return_t result = page_free(virt_to_phys(device.list), 0);

        KERNEL_CHECK(result == KERN_SUCCESS);
    }
    device = (struct fw_cfg){0};
}

struct fw_cfg *fw_cfg_device(void)
{
    static bool searched;

    /*
     * A machine without one is searched once and not at each question. One that a test has attached
     * comes first, and after its detach the machine's is looked for.
     */
    if (device.list == NULL && !searched) {
        searched = true;
        fw_cfg_search();
    }
    return device.list != NULL ? &device : NULL;
}

bool fw_cfg_present(void)
{
    return fw_cfg_device() != NULL;
}

/* --- The directory ---------------------------------------------------------------------------- */

/* Bytes of the directory into the buffer. */
static IOReturn read_directory(struct fw_cfg *self, uint32_t position, uint32_t length)
{
    static const struct fw_cfg_item directory = {.key = FW_CFG_DIRECTORY};
    const lock_state_t state = lock_take(&self->lock);
    IOReturn status = kIOReturnNotResponding;
    unsigned done;

    /* Under the lock: a start that waits for it may be the one that finds the device lost. */
    if (!self->lost) {
        self->list[0] = fw_cfg_seek(&directory, position);
        self->list[1] = fw_cfg_make_block(FW_CFG_READ, length, virt_to_phys(self->buffer).value);
        status = fw_cfg_run(self, 2, &done);
    }
    lock_release(&self->lock, state);
    return status;
}

static IOReturn count_files(struct fw_cfg *self, unsigned *count)
{
    uint32_t big = 0;
    const IOReturn status = read_directory(self, 0, DIRECTORY_COUNT);

    /*
     * After the lock: only the directory is read into this buffer, in thread context, and no
     * handler reads the directory. After an error it holds nothing of use, and is not used.
     */
    memcpy(&big, self->buffer, sizeof(big));
    *count = status == kIOReturnSuccess ? __builtin_bswap32(big) : 0;
    /* Believed, a wrong one would keep the caller reading for as many looks as it says. */
    if (*count > FILES_MAX) {
        *count = 0;
        return kIOReturnIOError;
    }
    return status;
}

unsigned fw_cfg_count(void)
{
    struct fw_cfg *self = fw_cfg_device();
    unsigned count = 0;

    if (self != NULL) {
        count_files(self, &count);
    }
    return count;
}

/* The device does not say which items it lets be written; these are QEMU's. */
static bool is_writable(const char *name)
{
    static const char *const names[] = {"etc/vmcoreinfo", "etc/ramfb", "etc/vmgenid_addr"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static struct fw_cfg_item item_of(const struct entry *entry)
{
    /* Copied and in the CPU's order: what a caller keeps must not change with the next look. */
    struct fw_cfg_item item = {
        .size = __builtin_bswap32(entry->size),
        .key = __builtin_bswap16(entry->key),
    };

    memcpy(item.name, entry->name, FW_CFG_NAME_LENGTH - 1); /* the device's last byte is NUL, too */
    item.writable = is_writable(item.name);
    return item;
}

#define ENTRIES (FW_CFG_BUFFER / sizeof(struct entry)) /* in one look */

/* The first file from `index` on that is `name`, or any if that is NULL. */
static IOReturn search(struct fw_cfg *self, unsigned index, const char *name,
                       struct fw_cfg_item *item)
{
    unsigned count;
    IOReturn status = count_files(self, &count);

    /*
     * As many entries in one read as the buffer holds: each read starts the device twice, for the
     * place and for the bytes.
     */
    for (; status == kIOReturnSuccess && index < count; index += ENTRIES) {
        const unsigned seen = count - index < ENTRIES ? count - index : ENTRIES;
        struct entry entry;

        status =
            read_directory(self, DIRECTORY_COUNT + index * sizeof(entry), seen * sizeof(entry));
        for (unsigned i = 0; status == kIOReturnSuccess && i < seen; i++) {
            memcpy(&entry, self->buffer + i * sizeof(entry), sizeof(entry));
            *item = item_of(&entry);
            if (name == NULL || strcmp(item->name, name) == 0) {
                return kIOReturnSuccess;
            }
        }
    }
    /*
     * The last entry looked at is still in there: whoever overlooks the status must not read or
     * write the wrong file.
     */
    *item = (struct fw_cfg_item){0};
    return status != kIOReturnSuccess ? status : kIOReturnNotFound;
}

static IOReturn look_up(unsigned index, const char *name, struct fw_cfg_item *item)
{
    struct fw_cfg *self = fw_cfg_device();

    if (item == NULL) {
        return kIOReturnBadArgument;
    }
    /*
     * The arguments first: the same mistake gets the same answer on a machine without the device.
     */
    return self != NULL ? search(self, index, name, item) : kIOReturnNoDevice;
}

IOReturn fw_cfg_get_file(unsigned index, struct fw_cfg_item *item)
{
    return look_up(index, NULL, item);
}

IOReturn fw_cfg_find(const char *name, struct fw_cfg_item *item)
{
    return name != NULL ? look_up(0, name, item) : kIOReturnBadArgument;
}

void fw_cfg_watch(fw_cfg_watch_t *watch, void *context)
{
    struct fw_cfg *self = fw_cfg_device();

    if (self != NULL) {
        /* Both or none: a transfer that a handler starts calls the one with the other. */
        const irq_state_t state = irq_mask();

        self->watch = watch;
        self->watch_context = context;
        irq_restore(state);
    }
}

uint64_t fw_cfg_operations(void)
{
    struct fw_cfg *self = fw_cfg_device();

    return self != NULL ? self->operations : 0;
}
