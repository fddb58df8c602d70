/* SPDX-License-Identifier: BSD-2-Clause */
/* RAM of the simulated machine, at any physical address. */
#include "tests/host/sim/sim_ram.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/direct_map.h"

unsigned sim_irq_masked;
bool sim_in_handler;
bool sim_ram_shared;
void (*sim_unmasked)(void);

void sim_irq_unbalanced(irq_state_t before)
{
    fprintf(stderr, "interrupts are masked %u times where %u are restored\n", sim_irq_masked,
            (unsigned)before + 1);
    abort();
}

/* What no test may leave behind, whatever it looks at itself. */
__attribute__((destructor)) static void all_is_restored(void)
{
    if (sim_irq_masked != 0 || sim_in_handler) {
        fprintf(stderr, "a test left interrupts masked, or a handler\n");
        _exit(EXIT_FAILURE);
    }
}

static struct page_range attached[PAGE_RANGES_MAX];
static unsigned attached_count;

void sim_ram_attach(const struct page_range *banks, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        void *where = phys_to_virt(paddr(banks[i].base & ~PAGE_MASK));
        void *got = mmap(where, banks[i].size + PAGE_SIZE, PROT_READ | PROT_WRITE,
                         (sim_ram_shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS |
                             MAP_NORESERVE | MAP_FIXED,
                         -1, 0);

        if (got != where) {
            perror("sim_ram: mmap");
            abort();
        }
        attached[attached_count++] = banks[i];
    }
}

void sim_ram_detach(void)
{
    while (attached_count > 0) {
        attached_count--;
        munmap(phys_to_virt(paddr(attached[attached_count].base & ~PAGE_MASK)),
               attached[attached_count].size + PAGE_SIZE);
    }
}

uint64_t sim_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t x = *state;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
