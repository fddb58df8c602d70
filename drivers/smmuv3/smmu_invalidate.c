/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which commands make a unit forget translations: those of what was taken away, by as few
 * commands as say exactly that, and the end of all of them awaited.
 */
#include "drivers/smmuv3/smmu_private.h"

/* A range is (NUM + 1) << SCALE pages (4.4.1.1); NUM has five bits. */
#define NUMBER_MAX 32u

/* Without ranges: more commands than this, and one for all of the stream is the shorter way. */
#define PAGES_MAX 64u

/* The first of the fewest pieces of the form n << s, n at most 32, that make up `pages`. */
static uint64_t first_piece(uint64_t pages, unsigned *scale)
{
    uint64_t number;

    *scale = (unsigned)__builtin_ctzll(pages);
    number = pages >> *scale;
    return number < NUMBER_MAX ? number : number % NUMBER_MAX;
}

struct smmu_command smmu_next_range(struct smmu_range *range, uint16_t asid)
{
    struct smmu_command command = {{COMMAND_TLBI_NH_VA | COMMAND_ASID(asid),
                                    range->first << PAGE_SHIFT | (range->leaf ? COMMAND_LEAF : 0)}};
    uint64_t pages = range->step;

    if (range->ranges && range->pages > range->step) {
        unsigned scale;
        const uint64_t number = first_piece(range->pages, &scale);

        pages = number << scale;
        command.words[0] |= TLBI_NUMBER(number - 1) | TLBI_SCALE(scale);
        command.words[1] |= TLBI_GRANULE_4K;
        /* One page, of any level, has no form as a range; the plain command says just that. */
        if (pages == 1) {
            command.words[1] &= ~TLBI_GRANULE_4K;
        } else if (range->leaf) {
            command.words[1] |= TLBI_LEVEL(range->level);
        }
    }
    range->first += pages;
    range->pages -= pages;
    return command;
}

/* Blocks of `level` are one entry each, wherever in them the address is. */
static uint64_t step_of(const struct space_change *change)
{
    return change->mixed ? 1 : 1ull << 9 * (SPACE_LEVELS - 1 - change->level);
}

bool smmu_invalidate(struct smmu_domain *domain, uint64_t first, uint64_t pages,
                     const struct space_change *change)
{
    struct smmu *const unit = domain->unit;
    const lock_state_t state = lock_take(&unit->lock);
    bool done;

    if (!unit->ranges && pages / step_of(change) > PAGES_MAX) {
        smmu_command(unit, COMMAND_TLBI_NH_ASID | COMMAND_ASID(domain->asid), 0);
    } else {
        struct smmu_range range = {
            .first = first,
            .pages = pages,
            .step = step_of(change),
            .level = change->mixed ? 0 : change->level + 1,
            .leaf = !change->tables,
            .ranges = unit->ranges,
        };

        while (range.pages != 0) {
            const struct smmu_command command = smmu_next_range(&range, domain->asid);

            smmu_command(unit, command.words[0], command.words[1]);
        }
    }
    done = smmu_sync(unit);
    lock_release(&unit->lock, state);
    return done;
}

bool smmu_invalidate_pages(struct smmu_domain *domain, uint64_t first, uint64_t pages)
{
    const struct space_change change = {.level = SPACE_LEVELS - 1};

    return smmu_invalidate(domain, first, pages, &change);
}
