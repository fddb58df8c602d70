/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two kinds of mapper: the unit, which devices name and which maps nothing itself, and
 * the stream's, which it makes for the first who asks for the stream, and everybody shares.
 */
#include "descriptors/IOReturn.h"
#include "drivers/smmuv3/smmu_private.h"
#include "kernel/console.h"

static uint32_t unit_instances, domain_instances;

/* --- The unit --------------------------------------------------------------------------------- */

static bool unit_init_hardware(IOMapper *base, IOService *provider)
{
    struct smmu *const unit = (struct smmu *)base;

    (void)provider;
    unit->lock = (struct lock)LOCK_INITIAL("an SMMU", LOCK_RANK_DEVICE);
    return smmu_switch_on(unit);
}

struct smmu_domain *smmu_domain_of(const struct smmu *unit, uint32_t stream)
{
    for (struct smmu_domain *domain = unit->domains; domain != NULL; domain = domain->next) {
        if (domain->stream == stream) {
            return domain;
        }
    }
    return NULL;
}

/* The pages of message interrupts, which are writes like others (23 of the PCI specification). */
static IOReturn map_doorbells(struct smmu_domain *domain)
{
    const struct smmu *const unit = domain->unit;
    const uint64_t bits = ENTRY_UNPRIVILEGED | ENTRY_SHARED | ENTRY_ACCESSED | ENTRY_NO_EXECUTE |
                          ENTRY_MEMORY(MEMORY_REGISTERS);

    for (unsigned i = 0; i < unit->doorbell_count; i++) {
        uint64_t done;

        /* No allocation begins there, so that nobody can unmap it. */
        if (space_place(&domain->space, unit->doorbells[i], 1, unit->doorbells[i] << PAGE_SHIFT,
                        bits, &done) != KERN_SUCCESS) {
            return kIOReturnNoResources;
        }
    }
    return kIOReturnSuccess;
}

static IOReturn set_up(struct smmu_domain *domain)
{
    IOReturn status = kIOReturnNoResources;

    if (space_create(&domain->space) == KERN_SUCCESS) {
        status = map_doorbells(domain);
    }
    return status == kIOReturnSuccess ? smmu_attach(domain) : status;
}

static IOMapper *unit_copy_for_device(IOMapper *base, IOService *device, const UInt32 *cells,
                                      UInt32 count)
{
    struct smmu *const unit = (struct smmu *)base;
    struct smmu_domain *domain;
    lock_state_t state;
    IOReturn status;

    if (count != 1) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    domain = smmu_domain_of(unit, cells[0]);
    if (domain != NULL) {
        OSObject_retain(&domain->super.super);
        return &domain->super;
    }
    domain = (struct smmu_domain *)OSMetaClass_allocate(&smmu_domain_class.meta);
    if (domain == NULL) {
        return NULL;
    }
    domain->unit = unit;
    domain->stream = cells[0];
    domain->lock = (struct lock)LOCK_INITIAL("an I/O address space", LOCK_RANK_DEVICE);
    OSObject_retain(&unit->super.super);
    /* Not by IOMapper_start, which would make it known by an identity of the device's. */
    domain->super.pageSize = PAGE_SIZE;
    domain->super.provider = device;
    OSObject_retain(device);
    status = set_up(domain);
    if (status != kIOReturnSuccess) {
        OSObject_release(&domain->super.super);
        IOMemory_fail(status);
        return NULL;
    }
    state = lock_take(&unit->lock);
    domain->next = unit->domains;
    unit->domains = domain;
    lock_release(&unit->lock, state);
    return &domain->super;
}

static void unit_free(OSObject *base)
{
    /* Only one that could not be switched on: the others are for ever. */
    smmu_take_down((struct smmu *)base);
    IOMapper_free((IOMapper *)base);
}

const IOMapperClass smmu_unit_class = {
    .meta = {"SMMUv3", &IOMapper_metaClass, sizeof(struct smmu), &unit_instances, unit_free},
    .initHardware = unit_init_hardware,
    .getPageSize = mapper_get_page_size,
    .iovmMapMemory = mapper_map_memory,
    .mapRun = mapper_map_no_run,
    .iovmUnmapMemory = mapper_unmap_memory,
    .iovmInsert = mapper_insert,
    .translate = mapper_translate,
    .collectFaults = mapper_collect_faults,
    .forgetFaults = mapper_forget_faults,
    .copyForDevice = unit_copy_for_device,
};

/* --- A stream --------------------------------------------------------------------------------- */

static void domain_collect_faults(IOMapper *base)
{
    smmu_collect(((struct smmu_domain *)base)->unit);
}

static void domain_forget_faults(IOMapper *base)
{
    const struct smmu_domain *const domain = (struct smmu_domain *)base;

    smmu_forget(domain->unit, domain->stream);
}

static void leave_list(struct smmu_domain *domain)
{
    struct smmu *const unit = domain->unit;
    const lock_state_t state = lock_take(&unit->lock);

    for (struct smmu_domain **link = &unit->domains; *link != NULL; link = &(*link)->next) {
        if (*link == domain) {
            *link = domain->next;
            break;
        }
    }
    lock_release(&unit->lock, state);
}

static void domain_free(OSObject *base)
{
    struct smmu_domain *const domain = (struct smmu_domain *)base;
    struct smmu *const unit = domain->unit;
    const uint64_t own = unit->doorbell_count;

    if (domain->attached) {
        if (space_taken(&domain->space) > own) {
            kprintf("smmuv3: %s lets go of its mapper with %llu pages mapped\n",
                    IOService_getName(domain->super.provider),
                    (unsigned long long)(space_taken(&domain->space) - own));
        }
        leave_list(domain);
        if (!smmu_detach(domain)) {
            /* It may still walk them. The tables are nobody else's from now on. */
            domain->space = (struct smmu_space){0};
        }
    }
    space_destroy(&domain->space);
    IOMapper_free(&domain->super);
    OSObject_release(&unit->super.super);
}

const IOMapperClass smmu_domain_class = {
    .meta = {"SMMUv3Stream", &IOMapper_metaClass, sizeof(struct smmu_domain), &domain_instances,
             domain_free},
    .initHardware = mapper_init_hardware,
    .getPageSize = mapper_get_page_size,
    .iovmMapMemory = smmu_domain_map,
    .mapRun = smmu_domain_map_run,
    .iovmUnmapMemory = smmu_domain_unmap,
    .iovmInsert = smmu_domain_insert,
    .translate = smmu_domain_translate,
    .collectFaults = domain_collect_faults,
    .forgetFaults = domain_forget_faults,
    .copyForDevice = mapper_copy_for_device,
};

bool smmu_get_usage(const IOMapper *mapper, struct smmu_usage *usage)
{
    const struct smmu_domain *const domain = (const struct smmu_domain *)mapper;

    if (!smmu_is_domain(mapper) || usage == NULL) {
        return false;
    }
    *usage = (struct smmu_usage){
        .stream = domain->stream,
        .pages = space_taken(&domain->space),
        .tables = domain->space.tables,
    };
    return true;
}
