/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LPIs at this CPU's redistributor (Arm IHI 0069, section 5.1): one byte of priority and
 * enable each, in memory that the redistributor reads, and one bit of pending that it keeps.
 */
#include "kernel/cache.h"
#include "kernel/direct_map.h"
#include "kernel/irq/gic_private.h"
#include "kernel/irq/msi_private.h"
#include "kernel/page.h"

#define GICD_TYPER_LPIS    (1u << 17)
#define GICD_TYPER_BITS(x) (((x) >> 19 & 0x1fu) + 1)

#define GICR_CTLR         0x000u
#define GICR_CTLR_LPIS    0x1u
#define GICR_TYPER        0x008u
#define GICR_TYPER_PLPIS  0x1u
#define GICR_TYPER_CPU(x) ((x) >> 8 & 0xffffu)
#define GICR_PROPBASER    0x070u
#define GICR_PENDBASER    0x078u
#define PENDBASER_ZERO    (1ull << 62) /* it is all zeros: need not be read */
/* Write-back, inner shareable, for both tables (9.11.12 and 9.11.17). */
#define TABLE_ATTRIBUTES (7ull << 7 | 1ull << 10)

#define LPI_NUMBERS   8192u /* INTIDs from here on are LPIs */
#define PENDING_ALIGN 65536u
#define CONFIG_ON     0x1u

static uint8_t *config; /* of INTID 8192 and up; NULL until they are ready */

static void *table(uint64_t bytes, uint64_t alignment, bool zero)
{
    const struct page_request request = {.count = (bytes + PAGE_MASK) >> PAGE_SHIFT,
                                         .alignment = alignment,
                                         .owner = PAGE_OWNER_DRIVER,
                                         .zero = zero};
    paddr_t first;

    return page_alloc_run(&request, &first) == KERN_SUCCESS ? phys_to_virt(first) : NULL;
}

bool lpi_is_ready(void)
{
    return config != NULL;
}

/* The tables stay for good: once LPIs are enabled a redistributor need not let go of them. */
bool lpi_start(void)
{
    const uint64_t numbers = 1u << LPI_ID_BITS;
    volatile void *distributor = gic_v3_distributor();
    volatile void *redistributor = gic_v3_redistributor();
    uint8_t *bytes, *pending;
    uint32_t type;

    if (config != NULL) {
        return true;
    }
    if (redistributor == NULL) {
        return false;
    }
    type = mmio_read32(distributor, GICD_TYPER);
    if ((type & GICD_TYPER_LPIS) == 0 || GICD_TYPER_BITS(type) < LPI_ID_BITS ||
        (mmio_read64(redistributor, GICR_TYPER) & GICR_TYPER_PLPIS) == 0 ||
        /* Left on by firmware, with tables of its own that cannot be taken away. */
        (mmio_read32(redistributor, GICR_CTLR) & GICR_CTLR_LPIS) != 0) {
        return false;
    }
    bytes = table(numbers - LPI_NUMBERS, PAGE_SIZE, false);
    pending = table(numbers / 8, PENDING_ALIGN, true);
    if (bytes == NULL || pending == NULL) {
        if (bytes != NULL) {
            page_free_run(virt_to_phys(bytes), (numbers - LPI_NUMBERS) >> PAGE_SHIFT);
        }
        return false;
    }
    for (unsigned i = 0; i < numbers - LPI_NUMBERS; i++) {
        bytes[i] = GIC_PRIORITY;
    }
    /* A redistributor need not snoop. */
    cache_clean(bytes, numbers - LPI_NUMBERS);
    cache_clean(pending, numbers / 8);
    mmio_write64(redistributor, GICR_PROPBASER,
                 virt_to_phys(bytes).value | TABLE_ATTRIBUTES | (LPI_ID_BITS - 1));
    mmio_write64(redistributor, GICR_PENDBASER,
                 virt_to_phys(pending).value | TABLE_ATTRIBUTES | PENDBASER_ZERO);
    mmio_write32(redistributor, GICR_CTLR, mmio_read32(redistributor, GICR_CTLR) | GICR_CTLR_LPIS);
    config = bytes;
    return true;
}

uint64_t lpi_target(bool by_address)
{
    volatile void *redistributor = gic_v3_redistributor();

    /* Both as the third word of a command has it: an address without its lowest 16 bits. */
    return by_address ? virt_to_phys((const void *)redistributor).value
                      : GICR_TYPER_CPU(mmio_read64(redistributor, GICR_TYPER)) << 16;
}

void lpi_write(unsigned intid, bool enable)
{
    uint8_t *byte = &config[intid - LPI_NUMBERS];

    *byte = GIC_PRIORITY | (enable ? CONFIG_ON : 0);
    cache_clean(byte, 1);
}
