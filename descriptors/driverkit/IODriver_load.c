/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF file into an address space. (System V ABI, "Object Files" and "Program Loading";
 * ELF for the Arm 64-bit Architecture.) Every number in it is somebody's claim.
 */
#include <string.h>

#include "descriptors/driverkit/IODriver_private.h"

struct elf_header {
    uint8_t identity[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

#define ELF_TYPE_EXEC       2
#define ELF_MACHINE_AARCH64 183
#define ELF_SEGMENT_LOAD    1
#define ELF_EXECUTE         1u
#define ELF_WRITE           2u
#define ELF_READ            4u

static const uint8_t identity[] = {0x7f, 'E', 'L', 'F', 2, 1, 1}; /* 64 bits, little-endian */

static bool holds(uint64_t size, uint64_t offset, uint64_t length)
{
    return offset <= size && length <= size - offset;
}

static IOReturn load_segment(task_t task, const uint8_t *program, uint64_t size,
                             const struct elf_segment *segment)
{
    const unsigned access = ((segment->flags & ELF_READ) != 0 ? VM_PROT_READ : 0) |
                            ((segment->flags & ELF_WRITE) != 0 ? VM_PROT_WRITE : 0) |
                            ((segment->flags & ELF_EXECUTE) != 0 ? VM_PROT_EXECUTE : 0);
    uint64_t bytes;
    kern_return_t status;

    if (segment->memsz == 0 && segment->filesz == 0) {
        return kIOReturnSuccess;
    }
    if (!holds(size, segment->offset, segment->filesz) || segment->filesz > segment->memsz ||
        (segment->vaddr & PAGE_MASK) != 0 || round_page_overflow(segment->memsz, &bytes) ||
        bytes > platform_ram_pages() << PAGE_SHIFT || (access & VM_PROT_READ) == 0 ||
        (access & (VM_PROT_WRITE | VM_PROT_EXECUTE)) == (VM_PROT_WRITE | VM_PROT_EXECUTE)) {
        return kIOReturnBadArgument;
    }
    status = platform_task_load(task, segment->vaddr, bytes, program + segment->offset,
                                segment->filesz, access);
    /*
     * Two segments in one page, or over each other (whose rights would hold?), or one that is not
     * all in the address space.
     */
    return status == KERN_SUCCESS                                      ? kIOReturnSuccess
           : status == KERN_NO_SPACE || status == KERN_INVALID_ADDRESS ? kIOReturnBadArgument
                                                                       : kIOReturnNoMemory;
}

IOReturn IODriver_load(task_t task, const uint8_t *program, uint64_t size, uint64_t *entry)
{
    struct elf_header header;
    IOReturn status = kIOReturnSuccess;
    bool enters = false;

    if (program == NULL || size < sizeof(header)) {
        return kIOReturnBadArgument;
    }
    memcpy(&header, program, sizeof(header)); /* a file lies at any address */
    if (memcmp(header.identity, identity, sizeof(identity)) != 0 || header.type != ELF_TYPE_EXEC ||
        header.machine != ELF_MACHINE_AARCH64 || header.phentsize != sizeof(struct elf_segment) ||
        header.phnum == 0 ||
        !holds(size, header.phoff, (uint64_t)header.phnum * sizeof(struct elf_segment))) {
        return kIOReturnBadArgument;
    }
    for (unsigned i = 0; status == kIOReturnSuccess && i < header.phnum; i++) {
        struct elf_segment segment;

        memcpy(&segment, program + header.phoff + i * sizeof(segment), sizeof(segment));
        if (segment.type == ELF_SEGMENT_LOAD) {
            status = load_segment(task, program, size, &segment);
            enters =
                enters || ((segment.flags & ELF_EXECUTE) != 0 && header.entry >= segment.vaddr &&
                           header.entry - segment.vaddr < segment.filesz);
        }
    }
    *entry = header.entry;
    return status == kIOReturnSuccess && (!enters || (header.entry & 3) != 0) ? kIOReturnBadArgument
                                                                              : status;
}
