/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules by name: R01 is 1. What each says is in rules.def. */
#ifndef QEMU_VDMA_DEVICE_RULES_H
#define QEMU_VDMA_DEVICE_RULES_H

enum vdma_rule {
    RULE_NONE,
#define RULE(name, text, value) name,
#include "qemu/vdma/device/rules.def"
#undef RULE
    RULES_END /* one more than the last */
};

/* What is wrong, and what the value of a refusal is; NULL: no such rule. */
const char *vdma_rule_text(unsigned rule);
const char *vdma_rule_value(unsigned rule);

#endif
