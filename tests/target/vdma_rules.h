/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of vdma's rules: chains in raw bytes, and what the log has to say of them. */
#ifndef TESTS_TARGET_VDMA_RULES_H
#define TESTS_TARGET_VDMA_RULES_H

#include <string.h>

#include "tests/harness/harness.h"
#include "tests/lib/vdma_raw.h"

#define A(offset)                                                                                  \
    {                                                                                              \
        RAW_ARENA, offset                                                                          \
    }
#define N(number)                                                                                  \
    {                                                                                              \
        RAW_MACHINE, number                                                                        \
    }
#define END(offset)                                                                                \
    {                                                                                              \
        RAW_FROM_END, (uint64_t)(offset)                                                           \
    }

#define FEATURES (RAW_VERSION_1 | RAW_INDIRECT_DESC)

static inline uint64_t arena(uint32_t offset)
{
    return raw_address((struct raw_place)A(offset));
}

static inline void put16(uint32_t at, unsigned value)
{
    const uint16_t word = (uint16_t)value;

    memcpy(raw_at(at), &word, 2);
}

/* The last refusal in the log is this one. The device is started anew. */
static inline void expect_refusal(unsigned rule, unsigned where, uint32_t segment, uint64_t value)
{
    const struct raw_record *record;

    raw_start(FEATURES);
    record = raw_log_refusal();
    ASSERT_TRUE(record != NULL);
    EXPECT_EQ(record->rule, rule);
    EXPECT_EQ(record->code, where);
    EXPECT_EQ(record->segment, segment);
    EXPECT_EQ(record->value, value);
    EXPECT_NE(record->tick, 0);
    EXPECT_NE(record->pc, 0);
}

static const struct raw_request nop = {.type = RAW_NOP};
static const struct raw_request table_nop = {.type = RAW_NOP, .indirect = true};

static inline void publish(const struct raw_request *request, unsigned head)
{
    raw_lay(request);
    raw_publish(head);
}

/* A no-op in descriptors 8 and 9, which comes back no sooner than at a reset. */
static inline void let_another_wait(void)
{
    const struct raw_request other = {.type = RAW_NOP,
                                      .head = 8,
                                      .header_at = RAW_HEADER + 0x300,
                                      .status_at = RAW_STATUS + 0x400};

    EXPECT_TRUE(raw_inject(4, 0, 1ull << 40));
    EXPECT_FALSE(raw_run(&other).came);
}

#endif
