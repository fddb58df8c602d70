/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what is behind a unit: the mapper of a function, which must be to be had. */
#ifndef TESTS_LIB_MAPPER_OF_H
#define TESTS_LIB_MAPPER_OF_H

#include "drivers/pci/pci.h"
#include "kernel/panic.h"

/* +1; NULL: there is none. */
static inline IOMapper *mapper_of(struct pci_function *function)
{
    IOMapper *mapper;

    if (pci_copy_mapper(function, &mapper) != kIOReturnSuccess) {
        panic("a function's mapper is not to be had");
    }
    return mapper;
}

#endif
