/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of memory in place: the segment functions write the entries that the controller
 * reads, in the command and in the page beside it (NVM Express 1.4, sections 4.3 and 4.4).
 */
#include "drivers/nvme/nvme_private.h"

#define PRPS        (NVME_LIST_BYTES / sizeof(uint64_t))
#define DESCRIPTORS (NVME_LIST_BYTES / sizeof(struct nvme_sgl))

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What an earlier command has moved is passed over. False: nothing of the segment is wanted. */
static bool enter(struct nvme_list *list, IODMACommand_Segment64 *segment)
{
    const uint64_t skip = lesser(list->skip, segment->fLength);

    list->skip -= skip;
    segment->fIOVMAddr += skip;
    segment->fLength = lesser(segment->fLength - skip, list->cut.left);
    return list->cut.left != 0;
}

bool nvme_output_prp(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                     UInt32 index)
{
    struct nvme_list *list = context;
    const uint64_t before = list->cut.bytes;
    bool wanted;

    (void)target;
    if (index == 0) {
        list->first = list->page - (segment.fIOVMAddr & (list->page - 1));
    }
    wanted = enter(list, &segment);
    while (segment.fLength != 0) {
        const uint64_t inside = segment.fIOVMAddr & (list->page - 1);
        const uint64_t length = lesser(list->page - inside, segment.fLength);

        /*
         * Only the first entry may have an offset, and of 4 bytes (section 4.3): a command of a
         * client's own options may have been allowed more.
         */
        if ((list->count == 0 ? inside & 3 : inside) != 0 || list->count == 1 + PRPS) {
            return list->cut.bytes != before; /* a part of it has been told: the list ends there */
        }
        if (list->count == 0) {
            list->command->prp1 = segment.fIOVMAddr;
        } else {
            list->prps[list->count - 1] = segment.fIOVMAddr;
        }
        bus_cut_add(&list->cut, list->count, length);
        list->count++;
        segment.fIOVMAddr += length;
        segment.fLength -= length;
    }
    return wanted;
}

void nvme_close_prp(struct nvme_list *list)
{
    /* Those that were told for more than whole blocks are not read. */
    list->count = list->cut.count;
    list->command->flags = NVME_FLAG_PRP;
    if (list->count != 1) {
        list->command->prp2 = list->count == 2 ? list->prps[0] : list->start;
    }
}

bool nvme_output_sgl(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                     UInt32 index)
{
    struct nvme_list *list = context;

    (void)target, (void)index;
    if (!enter(list, &segment) || list->count == DESCRIPTORS) {
        return false;
    }
    list->descriptors[list->count] = (struct nvme_sgl){
        .address = segment.fIOVMAddr, .length = (uint32_t)segment.fLength, .type = NVME_SGL_DATA};
    bus_cut_add(&list->cut, list->count, segment.fLength);
    list->count++;
    return true;
}

void nvme_close_sgl(struct nvme_list *list)
{
    /* The controller wants to be told of exactly as many as it moves. */
    list->count = list->cut.count;
    list->descriptors[list->count - 1].length = (uint32_t)list->cut.last;
    list->command->flags = NVME_FLAG_SGL;
    if (list->count == 1) {
        list->command->sgl = list->descriptors[0];
    } else {
        list->command->sgl = (struct nvme_sgl){
            .address = list->start,
            .length = list->count * (uint32_t)sizeof(struct nvme_sgl),
            .type = NVME_SGL_LAST,
        };
    }
}

/* --- For who wants to see them ---------------------------------------------------------------- */

static bool get_prp(const struct nvme_operation *operation, unsigned index,
                    struct nvme_piece *piece)
{
    const struct nvme_command *command = operation->entry;
    const uint64_t *list = operation->list;
    const uint64_t first = operation->page - (command->prp1 & (operation->page - 1));
    const uint64_t at = index == 0 ? 0 : first + (index - 1) * operation->page;
    const uint64_t most = index == 0 ? first : operation->page;
    const bool in_command = index == 0 || operation->pieces == 2;

    *piece = (struct nvme_piece){
        .place = in_command ? NVME_IN_COMMAND : NVME_IN_LIST,
        .slot = in_command ? index + 1 : index - 1,
        .address = index == 0   ? command->prp1
                   : in_command ? command->prp2
                                : list[index - 1],
        .length = (uint32_t)lesser(most, operation->length - at),
    };
    return true;
}

bool nvme_get_piece(const struct nvme_operation *operation, unsigned index,
                    struct nvme_piece *piece)
{
    const struct nvme_command *command = operation->entry;
    const struct nvme_sgl *descriptors = operation->list;

    if (index >= operation->pieces) {
        return false;
    }
    if ((command->flags & NVME_FLAG_SGL) == 0) {
        return get_prp(operation, index, piece);
    }
    *piece = (struct nvme_piece){
        .place = operation->pieces == 1 ? NVME_IN_COMMAND : NVME_IN_LIST,
        .slot = operation->pieces == 1 ? 1 : index,
        .address = descriptors[index].address,
        .length = descriptors[index].length,
    };
    return true;
}
