/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting retired instructions with the first counter of the performance monitors. */
#include "kernel/pmu.h"

#include "kernel/cpu.h"

#define EVENT_INST_RETIRED 0x08
#define PMCR_ENABLE        0x1 /* E */
#define PMCR_RESET_COUNTS  0x2 /* P */

/* ID_AA64DFR0_EL1.PMUVer: 0 is none, 15 one that is not Arm's. */
static bool pmu_present(void)
{
    const unsigned version = cpu_read_sysreg(id_aa64dfr0_el1) >> 8 & 0xf;

    return version != 0 && version != 0xf;
}

bool pmu_start(void)
{
    /*
     * The event must be announced: without FEAT_PMUv3, or where a hypervisor hides it, the count
     * would stand still and every benchmark read 0.
     */
    if (!pmu_present() || (cpu_read_sysreg(pmceid0_el0) >> EVENT_INST_RETIRED & 1) == 0) {
        return false;
    }
    /* Before it counts; no filter bits, so EL0 and EL1 both do (Arm ARM, PMEVTYPER<n>_EL0). */
    cpu_write_sysreg(pmevtyper0_el0, EVENT_INST_RETIRED);
    cpu_write_sysreg(pmcr_el0, PMCR_ENABLE);
    cpu_write_sysreg(pmcntenset_el0, 1);
    /* The counter runs from here, and not some instructions later. */
    cpu_isb();
    return true;
}
