/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware configuration device of the machine's device tree. */
#include "drivers/fw_cfg/fw_cfg_private.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/mmu.h"

/*
 * Data, selector, and the eight bytes of the DMA address register behind them. A machine without
 * that register has a smaller range, and the driver does nothing without DMA.
 */
#define REGISTERS 0x18 /* bytes */

void fw_cfg_search(void)
{
    const int node = devicetree_next_compatible(-1, "qemu,fw-cfg-mmio");
    struct devicetree_range range;
    volatile void *registers;

    /* Silent: a machine without the device is no error, and fw_cfg_present says so to who asks. */
    if (node < 0 || devicetree_reg(node, 0, &range) != KERN_SUCCESS || range.size < REGISTERS) {
        return;
    }
    registers = mmu_map_device(range.base, range.size);
    if (registers == NULL || !fw_cfg_attach(registers, range.base)) {
        kprintf("fw_cfg: the device at 0x%llx cannot be used\n",
                (unsigned long long)range.base.value);
    }
}
