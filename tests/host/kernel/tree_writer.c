/* SPDX-License-Identifier: BSD-2-Clause */
/* Device trees written for the tests of their reader. */
#include "tests/host/kernel/tree_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/devicetree/devicetree_private.h"

char tree[TREE_SIZE] __attribute__((aligned(8)));

/* The sequential-write calls below cannot fail for other reasons than a wrong test. */
void ok(int status)
{
    assert_int_equal(status, 0);
}

void cells(const char *name, unsigned count, ...)
{
    fdt32_t value[24];
    va_list arguments;

    va_start(arguments, count);
    for (unsigned i = 0; i < count; i++) {
        value[i] = cpu_to_fdt32(va_arg(arguments, unsigned));
    }
    va_end(arguments);
    ok(fdt_property(tree, name, value, (int)(count * sizeof(value[0]))));
}

void begin(const char *name)
{
    ok(fdt_begin_node(tree, name));
}

void end(void)
{
    ok(fdt_end_node(tree));
}

/* "#address-cells" and "#size-cells" of 2, as QEMU has them. */
void begin_tree(void)
{
    ok(fdt_create(tree, TREE_SIZE));
    ok(fdt_add_reservemap_entry(tree, 0x48000000, 0x1000));
    ok(fdt_finish_reservemap(tree));
    begin("");
    cells("#address-cells", 1, 2u);
    cells("#size-cells", 1, 2u);
    cells("interrupt-parent", 1, GIC);
}

/* The node's own interrupts and children are the caller's; it ends it. */
void begin_controller(const char *name, const char *compatible, unsigned phandle,
                      unsigned interrupt_cells)
{
    begin(name);
    ok(fdt_property_string(tree, "compatible", compatible));
    cells("phandle", 1, phandle);
    cells("#interrupt-cells", 1, interrupt_cells);
    ok(fdt_property(tree, "interrupt-controller", "", 0));
}

const char *finish_tree(void)
{
    end();
    ok(fdt_finish(tree));
    return devicetree_read(tree, paddr(TREE_AT));
}

void add_memory(void)
{
    begin("memory@40000000");
    ok(fdt_property_string(tree, "device_type", "memory"));
    cells("reg", 8, 0u, 0x40000000u, 0u, 0x10000000u, 1u, 0u, 2u, 0u);
    end();
}

void build_machine(void)
{
    static const char gic[] = "arm,gic-400\0arm,cortex-a15-gic";

    begin_tree();
    add_memory();
    begin("memory@60000000"); /* disabled: not ours */
    ok(fdt_property_string(tree, "device_type", "memory"));
    ok(fdt_property_string(tree, "status", "disabled"));
    cells("reg", 4, 0u, 0x60000000u, 0u, 0x1000u);
    end();
    begin("reserved-memory");
    cells("#address-cells", 1, 1u);
    cells("#size-cells", 1, 1u);
    begin("firmware@4f000000");
    cells("reg", 2, 0x4f000000u, 0x100000u);
    end();
    begin("anywhere"); /* only a size: nothing to keep clear of */
    cells("size", 1, 0x1000u);
    end();
    end();
    begin("cpus");
    cells("#address-cells", 1, 1u);
    cells("#size-cells", 1, 0u);
    begin("cpu@0");
    ok(fdt_property_string(tree, "device_type", "cpu"));
    ok(fdt_property_string(tree, "compatible", "arm,cortex-a72"));
    cells("reg", 1, 0u);
    end();
    end();
    begin("intc@8000000");
    ok(fdt_property(tree, "compatible", gic, sizeof(gic)));
    cells("phandle", 1, GIC);
    cells("#interrupt-cells", 1, 3u);
    cells("reg", 8, 0u, 0x08000000u, 0u, 0x10000u, 0u, 0x08010000u, 0u, 0x20000u);
    end();
    begin("timer");
    ok(fdt_property_string(tree, "compatible", "arm,armv8-timer"));
    cells("interrupts", 6, 1u, 13u, 4u, 1u, 14u, 4u);
    end();
    begin("virtio_mmio@a000000");
    ok(fdt_property_string(tree, "compatible", "virtio,mmio"));
    cells("reg", 4, 0u, 0x0a000000u, 0u, 0x200u);
    cells("interrupts", 3, 0u, 16u, 1u);
    end();
    begin("virtio_mmio@a000200");
    ok(fdt_property_string(tree, "compatible", "virtio,mmio"));
    ok(fdt_property_string(tree, "status", "disabled"));
    end();
    begin("virtio_mmio@a000400");
    ok(fdt_property_string(tree, "status", "okay"));
    ok(fdt_property_string(tree, "compatible", "virtio,mmio"));
    end();
    begin("chosen");
    ok(fdt_property_string(tree, "bootargs", "test=cursor* name=\"two words\" empty= x=1"));
    ok(fdt_property_string(tree, "stdout-path", "/pl011@9000000:115200"));
    cells("linux,initrd-start", 1, 0x49000000u);
    cells("linux,initrd-end", 2, 0u, 0x49001000u);
    end();
}

void device(const char *name, unsigned base, unsigned size)
{
    begin(name);
    ok(fdt_property_string(tree, "compatible", name));
    cells("reg", 2, base, size);
    end();
}

void begin_bus(const char *name)
{
    begin(name);
    cells("#address-cells", 1, 1u);
    cells("#size-cells", 1, 1u);
}

/* The host bridge of QEMU's virt, with two of its slots. */
void add_pci(void)
{
    begin("pcie@10000000");
    ok(fdt_property_string(tree, "compatible", "pci-host-ecam-generic"));
    cells("reg", 4, 0x40u, 0x10000000u, 0u, 0x10000000u);
    cells("#address-cells", 1, 3u);
    cells("#size-cells", 1, 2u);
    cells("#interrupt-cells", 1, 1u);
    cells("ranges", 14, 0x01000000u, 0u, 0u, 0u, 0x3eff0000u, 0u, 0x10000u, 0x02000000u, 0u,
          0x10000000u, 0u, 0x10000000u, 0u, 0x2eff0000u);
    cells("interrupt-map-mask", 4, 0x1800u, 0u, 0u, 7u);
    cells("interrupt-map", 20, 0u, 0u, 0u, 1u, GIC, 0u, 0u, 0u, 3u, 4u, 0x800u, 0u, 0u, 2u, GIC, 0u,
          0u, 0u, 6u, 4u);
    cells("msi-map", 8, 0u, 3u, 0x100u, 0x10u, 0x20u, 3u, 0x500u, 0x10u);
    cells("iommu-map", 4, 0u, 4u, 0u, 0x10000u);
    cells("iommu-map-mask", 1, 0xfff8u);
    begin("endpoint");
    ok(fdt_property_string(tree, "compatible", "endpoint"));
    cells("reg", 5, 0x800u, 0u, 0u, 0u, 0u);
    cells("interrupts", 1, 2u);
    cells("iommus", 3, 4u, 0x11u, 4u); /* the second has no cell */
    end();
    end();
    begin("msi");
    ok(fdt_property_string(tree, "compatible", "arm,gic-v3-its"));
    cells("phandle", 1, 3u);
    end();
    begin("smmu");
    ok(fdt_property_string(tree, "compatible", "arm,smmu-v3"));
    cells("phandle", 1, 4u);
    cells("#iommu-cells", 1, 1u);
    end();
}
