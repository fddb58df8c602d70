/* SPDX-License-Identifier: BSD-2-Clause */
/* The drivers of tests/drivers, each a file inside the image that names it here. */
#ifndef TESTS_LIB_DRIVERS_H
#define TESTS_LIB_DRIVERS_H

#include <stdint.h>

#define DRIVER_IMAGE(name) extern const uint8_t driver_##name##_begin[], driver_##name##_end[]

/* The two arguments of IODriver_create that say which program. */
#define DRIVER_PROGRAM(name)                                                                       \
    driver_##name##_begin, (uint64_t)(driver_##name##_end - driver_##name##_begin)

#endif
