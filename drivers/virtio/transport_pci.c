/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-pci transport, not the legacy one (virtio 1.2, section 4.1). */
#include "drivers/virtio/transport_pci.h"

#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"

static struct virtio_pci_device *pci_device(struct virtio_device *device)
{
    return (struct virtio_pci_device *)device;
}

static volatile void *common_of(struct virtio_device *device)
{
    return pci_device(device)->structures[VIRTIO_PCI_COMMON];
}

/* --- Finding ---------------------------------------------------------------------------------- */

/* The type of a virtio device with this identity; 0: it is none. */
static uint32_t type_of(const struct pci_info *info)
{
    if (info->vendor != VIRTIO_PCI_VENDOR || info->device < VIRTIO_PCI_TRANSITIONAL ||
        info->device >= VIRTIO_PCI_END) {
        return 0;
    }
    return info->device >= VIRTIO_PCI_MODERN ? info->device - VIRTIO_PCI_MODERN : info->subsystem;
}

/* A structure must be long enough for its first fields, and a notification one says how far apart.
 */
static bool is_long_enough(unsigned type, unsigned capability_bytes, uint32_t size)
{
    static const uint32_t least[VIRTIO_PCI_STRUCTURES] = {
        [VIRTIO_PCI_COMMON] = COMMON_BYTES,
        [VIRTIO_PCI_NOTIFY] = 2,
        [VIRTIO_PCI_ISR] = 1,
        [VIRTIO_PCI_DEVICE] = 1,
    };

    return capability_bytes >= VIRTIO_PCI_CAP_MULTIPLIER + (type == VIRTIO_PCI_NOTIFY ? 4 : 0) &&
           size >= least[type];
}

/*
 * One capability. False: it makes no sense. Passed over are types that are not known, BARs with
 * reserved numbers and ports, for which there may be another one (section 4.1.4.1): the first that
 * can be used is.
 */
static bool read_capability(struct virtio_pci_device *found, unsigned at)
{
    struct pci_function *function = found->function;
    const unsigned type = pci_config_read8(function, at + VIRTIO_PCI_CAP_TYPE);
    const unsigned index = pci_config_read8(function, at + VIRTIO_PCI_CAP_BAR);
    const unsigned bytes = pci_config_read8(function, at + VIRTIO_PCI_CAP_LENGTH);
    const uint32_t offset = pci_config_read32(function, at + VIRTIO_PCI_CAP_OFFSET);
    const uint32_t size = pci_config_read32(function, at + VIRTIO_PCI_CAP_SIZE);
    struct pci_bar bar;

    if (type == 0 || type >= VIRTIO_PCI_STRUCTURES || found->structures[type] != NULL ||
        index >= PCI_BARS ||
        (pci_get_bar(function, index, &bar) == kIOReturnSuccess && bar.is_io)) {
        return true;
    }
    if (!is_long_enough(type, bytes, size)) {
        return false;
    }
    /* It looks at offset and size, whose sum may be past the BAR or wrap. */
    found->structures[type] = pci_map_bar(function, index, offset, size);
    found->sizes[type] = size;
    if (type == VIRTIO_PCI_COMMON) {
        found->device.address = paddr_add(bar.base, offset);
    }
    if (type == VIRTIO_PCI_NOTIFY) {
        found->multiplier = pci_config_read32(function, at + VIRTIO_PCI_CAP_MULTIPLIER);
    }
    return found->structures[type] != NULL;
}

/* NULL: it speaks virtio 1. Else what is wrong with it. */
static const char *read_structures(struct virtio_pci_device *found)
{
    unsigned at = 0;

    if (pci_enable(found->function, PCI_MEMORY) != kIOReturnSuccess) {
        return "has no place for its registers";
    }
    while ((at = pci_find_capability(found->function, PCI_CAP_VENDOR, at)) != 0) {
        if (!read_capability(found, at)) {
            return "has a capability that makes no sense";
        }
    }
    if (found->structures[VIRTIO_PCI_COMMON] == NULL) {
        return "speaks the legacy interface alone; start QEMU with disable-modern=off";
    }
    return found->structures[VIRTIO_PCI_NOTIFY] == NULL || found->structures[VIRTIO_PCI_ISR] == NULL
               ? "lacks a doorbell or a word for its interrupts"
               : NULL;
}

static void add(struct pci_function *function, uint32_t type, const struct pci_info *info)
{
    struct virtio_pci_device *found = heap_alloc_zero(sizeof(*found));
    const char *wrong = "finds no memory";

    if (found != NULL) {
        found->device.transport = &virtio_pci;
        found->device.id = type;
        found->function = function;
        wrong = read_structures(found);
    }
    if (wrong != NULL) {
        kprintf("virtio: device type %u at PCI %02x:%02x.%u %s; it is passed over\n", type,
                info->bus, info->slot, info->number, wrong);
        pci_disable(function, PCI_MEMORY);
        pci_release(function);
        heap_free(found);
        return;
    }
    found->device.uncached = !pci_is_coherent(function);
    virtio_add_device(&found->device);
}

static void find(void)
{
    struct pci_function *function = NULL;

    /* In the order of the bus, which is that of QEMU's command line. */
    while ((function = pci_next(function)) != NULL) {
        struct pci_info info;
        uint32_t type;

        pci_get_info(function, &info);
        type = type_of(&info);
        if (type != 0 && pci_claim(function, "virtio") == kIOReturnSuccess) {
            add(function, type, &info);
        }
    }
}

/* --- Status and features ---------------------------------------------------------------------- */

/* Every field by an access of its own width (section 4.1.3.1). */
static uint8_t read_status(struct virtio_device *device)
{
    return mmio_read8(common_of(device), COMMON_STATUS);
}

static void write_status(struct virtio_device *device, uint8_t status)
{
    mmio_write8(common_of(device), COMMON_STATUS, status);
}

static uint32_t read_features(struct virtio_device *device, unsigned half)
{
    mmio_write32(common_of(device), COMMON_DEVICE_FEATURE_SELECT, half);
    return mmio_read32(common_of(device), COMMON_DEVICE_FEATURE);
}

static void write_features(struct virtio_device *device, unsigned half, uint32_t bits)
{
    mmio_write32(common_of(device), COMMON_DRIVER_FEATURE_SELECT, half);
    mmio_write32(common_of(device), COMMON_DRIVER_FEATURE, bits);
}

/* --- An IOMMU in front ------------------------------------------------------------------------ */

/*
 * With ACCESS_PLATFORM the device's accesses go the way of all of the bus's, without it they do not
 * (section 6.1); its messages always do.
 */
static IOReturn find_mapper(struct virtio_device *device)
{
    struct pci_function *function = pci_device(device)->function;
    IOReturn status;

    if ((device->features & VIRTIO_F_ACCESS_PLATFORM) == 0) {
        pci_set_untranslated(function);
        return kIOReturnSuccess;
    }
    /* It has been reset, and has no queues: what it does with the bus is nothing. */
    status = pci_enable(function, PCI_MASTER);
    if (status == kIOReturnSuccess && device->mapper == NULL) {
        status = pci_copy_mapper(function, &device->mapper);
    }
    return status;
}

/* --- Queues ----------------------------------------------------------------------------------- */

static uint32_t queue_size_max(struct virtio_device *device, unsigned index)
{
    volatile void *common = common_of(device);

    /* An index beyond the last selects nothing that the section says anything about. */
    if (index >= mmio_read16(common, COMMON_QUEUES)) {
        return 0;
    }
    mmio_write16(common, COMMON_QUEUE_SELECT, (uint16_t)index);
    return mmio_read16(common, COMMON_QUEUE_ENABLE) != 0 ? 0
                                                         : mmio_read16(common, COMMON_QUEUE_SIZE);
}

/* 64 bits as two halves, each of its own width (section 4.1.3.1). */
static void write_address(volatile void *common, unsigned at, ioaddr_t address)
{
    mmio_write32(common, at, (uint32_t)address.value);
    mmio_write32(common, at + 4, (uint32_t)(address.value >> 32));
}

/* Has every queue a vector of its own? */
static bool is_separate(const struct virtio_pci_device *device)
{
    return device->vectors > device->queues;
}

/*
 * One for the configuration and one for each queue; or all queues have the second; or there is
 * but one.
 */
static unsigned vector_of(const struct virtio_pci_device *device, unsigned queue)
{
    return is_separate(device) ? 1 + queue : device->vectors > 1 ? 1 : 0;
}

static bool has_messages(const struct virtio_pci_device *device)
{
    return pci_interrupt_kind(device->function) == PCI_MSIX;
}

/* A vector that it has no room for reads back as none (section 4.1.5.1.2). */
static bool write_vector(volatile void *common, unsigned at, unsigned vector)
{
    mmio_write16(common, at, (uint16_t)vector);
    return mmio_read16(common, at) == vector;
}

static bool start_queue(struct virtio_device *device, const struct virtio_queue_place *place)
{
    const struct virtio_pci_device *self = pci_device(device);
    volatile void *common = common_of(device);

    mmio_write16(common, COMMON_QUEUE_SELECT, (uint16_t)place->index);
    mmio_write16(common, COMMON_QUEUE_SIZE, (uint16_t)place->size);
    /* A reset takes the vectors away, that of the configuration too: each time anew. */
    if (has_messages(self) &&
        (!write_vector(common, COMMON_CONFIG_VECTOR, 0) ||
         !write_vector(common, COMMON_QUEUE_VECTOR, vector_of(self, place->index)))) {
        return false;
    }
    write_address(common, COMMON_QUEUE_DESC, place->desc);
    write_address(common, COMMON_QUEUE_DRIVER, place->driver);
    write_address(common, COMMON_QUEUE_DEVICE, place->device);
    /* Before it may read them; its messages need it as well. */
    if (pci_enable(self->function, PCI_MASTER) != kIOReturnSuccess) {
        return false;
    }
    mmio_write16(common, COMMON_QUEUE_ENABLE, 1);
    return mmio_read16(common, COMMON_QUEUE_ENABLE) == 1;
}

/* Section 4.1.4.4: where, counted from the structure, the queue says itself. */
static volatile void *doorbell(struct virtio_device *device, unsigned index)
{
    struct virtio_pci_device *self = pci_device(device);
    volatile void *common = common_of(device);
    uint64_t at;

    mmio_write16(common, COMMON_QUEUE_SELECT, (uint16_t)index);
    at = (uint64_t)mmio_read16(common, COMMON_QUEUE_NOTIFY_OFF) * self->multiplier;
    /* 16 bits at least, in the structure: elsewhere another's registers would be written. */
    if (at + 2 > self->sizes[VIRTIO_PCI_NOTIFY] || at % 2 != 0) {
        return NULL;
    }
    return (volatile char *)self->structures[VIRTIO_PCI_NOTIFY] + at;
}

/* --- Interrupts ------------------------------------------------------------------------------- */

/* A message says all by being there: no register is read. */
static enum irq_result queue_interrupt(void *context)
{
    const struct virtio_pci_vector *vector = context;

    return vector->device->used(vector->device->context, vector->queue);
}

/* Of the configuration, or the one for everything: as a message it has no causes. */
static enum irq_result config_interrupt(void *context)
{
    struct virtio_device *device = context;

    device->changed(device->context);
    return device->used(device->context, 0);
}

/* The line. Reading the causes quiets it (section 4.1.4.5); before the look at the ring. */
static enum irq_result line_interrupt(void *context)
{
    struct virtio_device *device = context;
    const uint8_t causes = mmio_read8(pci_device(device)->structures[VIRTIO_PCI_ISR], 0) &
                           (VIRTIO_PCI_ISR_USED | VIRTIO_PCI_ISR_CONFIG);

    if (causes == 0) {
        return IRQ_NOTHING; /* another's, on the same line */
    }
    if ((causes & VIRTIO_PCI_ISR_CONFIG) != 0) {
        device->changed(device->context);
    }
    return device->used(device->context, 0);
}

static IOReturn attach_vectors(struct virtio_pci_device *self)
{
    struct virtio_device *device = &self->device;
    const unsigned kind = pci_interrupt_kind(self->function);
    const unsigned queues = is_separate(self) ? self->queues : 1;
    IOReturn status;

    if (self->vectors == 1) {
        device->intid = pci_vector_intid(self->function, 0);
        return pci_attach_vector(self->function, 0,
                                 kind == PCI_INTX ? line_interrupt : config_interrupt, device);
    }
    status = pci_attach_vector(self->function, 0, config_interrupt, device);
    for (unsigned i = 0; status == kIOReturnSuccess && i < queues; i++) {
        self->queue_vectors[i] = (struct virtio_pci_vector){device, i};
        status = pci_attach_vector(self->function, 1 + i, queue_interrupt, &self->queue_vectors[i]);
    }
    device->intid = pci_vector_intid(self->function, 1);
    return status;
}

static void detach(struct virtio_device *device)
{
    struct virtio_pci_device *self = pci_device(device);

    self->vectors = 0;
    pci_free_vectors(self->function);
    heap_free(self->queue_vectors);
    self->queue_vectors = NULL;
}

/* MSI-X or the line: of plain MSI the section knows nothing. */
static bool attach(struct virtio_device *device)
{
    struct virtio_pci_device *self = pci_device(device);

    self->queues = mmio_read16(common_of(device), COMMON_QUEUES);
    self->queue_vectors = heap_alloc_zero((self->queues + 1) * sizeof(*self->queue_vectors));
    if (self->queue_vectors == NULL ||
        pci_allocate_vectors(self->function, 1, self->queues + 1, PCI_MSIX | PCI_INTX,
                             &self->vectors) != kIOReturnSuccess ||
        attach_vectors(self) != kIOReturnSuccess) {
        detach(device);
        return false;
    }
    return true;
}

/* --- Configuration ---------------------------------------------------------------------------- */

static uint32_t config_generation(struct virtio_device *device)
{
    return mmio_read8(common_of(device), COMMON_GENERATION);
}

static uint32_t read_config(struct virtio_device *device, unsigned offset, unsigned width)
{
    const struct virtio_pci_device *self = pci_device(device);
    const volatile void *registers = self->structures[VIRTIO_PCI_DEVICE];

    /* A device may have less of it than the fields of its features: these are not there then. */
    if (registers == NULL || offset + width > self->sizes[VIRTIO_PCI_DEVICE]) {
        return 0;
    }
    switch (width) {
    case 1:
        return mmio_read8(registers, offset);
    case 2:
        return mmio_read16(registers, offset);
    default:
        return mmio_read32(registers, offset);
    }
}

const struct virtio_transport virtio_pci = {
    .name = "PCI",
    .narrow_doorbell = true,
    .find = find,
    .read_status = read_status,
    .write_status = write_status,
    .read_features = read_features,
    .write_features = write_features,
    .find_mapper = find_mapper,
    .queue_size_max = queue_size_max,
    .start_queue = start_queue,
    .doorbell = doorbell,
    .attach = attach,
    .detach = detach,
    .config_generation = config_generation,
    .read_config = read_config,
};
