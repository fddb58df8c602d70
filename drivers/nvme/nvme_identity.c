/* SPDX-License-Identifier: BSD-2-Clause */
/* What a controller says of itself, and what follows for its commands. */
#include <string.h>

#include "drivers/nvme/nvme_private.h"

static uint32_t word(const struct nvme_controller *controller, unsigned offset)
{
    uint32_t value;

    memcpy(&value, (const char *)controller->identify.bytes + offset, sizeof(value));
    return value;
}

/* Without overflow: a shift may be any byte, and more than everything is everything. */
static uint64_t transfer_limit(const struct nvme_controller *controller, uint8_t mdts)
{
    const unsigned shift = 12 + NVME_CAP_MPSMIN(controller->cap) + mdts;

    return mdts == 0 || shift > 40 ? UINT64_MAX : 1ull << shift;
}

IOReturn nvme_read_identity(struct nvme_controller *controller)
{
    const IOReturn status = nvme_identify(controller, NVME_IDENTIFY_CONTROLLER, 0);
    const uint8_t *bytes = controller->identify.bytes;
    /* So many pages can a list name beside its first entry, whatever the first one's offset is. */
    const uint64_t listed = NVME_LIST_BYTES / sizeof(uint64_t) * nvme_page(controller);
    uint64_t most;
    unsigned length = NVME_SERIAL_LENGTH;

    if (status != kIOReturnSuccess) {
        return status;
    }
    memcpy(controller->serial, bytes + NVME_CONTROLLER_SERIAL, NVME_SERIAL_LENGTH);
    while (length != 0 &&
           (controller->serial[length - 1] == ' ' || controller->serial[length - 1] == '\0')) {
        controller->serial[--length] = '\0';
    }
    for (unsigned i = 0; i < length; i++) {
        if (controller->serial[i] < ' ' || controller->serial[i] > '~') {
            controller->serial[i] = '?'; /* it goes to a console */
        }
    }
    most = transfer_limit(controller, bytes[NVME_CONTROLLER_MDTS]);
    controller->command_bytes_max = most < listed ? most : listed;
    controller->has_flush = (bytes[NVME_CONTROLLER_VWC] & 1) != 0;
    controller->has_sgl = (word(controller, NVME_CONTROLLER_SGLS) & 3) != 0;
    controller->sgl_words = (word(controller, NVME_CONTROLLER_SGLS) & 3) != 1;
    return kIOReturnSuccess;
}
