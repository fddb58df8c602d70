/* SPDX-License-Identifier: BSD-2-Clause */
/* The segments of a list of bytes, in the plainest way. */
#include "tests/lib/portable/segmenter.h"

/* The entry that begins at byte i: as many bytes as follow each other and the limits allow. */
static uint64_t longest_entry(const struct described_bytes *bytes, uint64_t i,
                              const struct segmenter_limits *limits, uint64_t budget)
{
    uint64_t n = 1;

    while (i + n < bytes->count && n < limits->segment && n < budget &&
           bytes->at[i + n] == bytes->at[i] + n) {
        n++;
    }
    return n;
}

void segmenter_run(const struct described_bytes *bytes, uint64_t from,
                   const struct segmenter_limits *limits, struct segmenter_list *out)
{
    uint64_t i = from;

    out->count = 0;
    out->total = 0;
    while (i < bytes->count && out->count < limits->entries && out->total < limits->transfer) {
        const uint64_t budget = limits->transfer - out->total;
        uint64_t n;
        bool goes_on;

        if (bytes->at[i] % limits->alignment != 0) {
            return;
        }
        n = longest_entry(bytes, i, limits, budget);
        goes_on = i + n < bytes->count && bytes->at[i + n] == bytes->at[i] + n;
        if (goes_on) {
            const uint64_t stray = (bytes->at[i] + n) % limits->alignment;

            if (stray < n) {
                n -= stray;
            } else if (out->count != 0) {
                return; /* the byte limit leaves less than one aligned piece */
            }
        }
        out->entry[out->count++] = (IOPhysicalSegment){bytes->at[i], n};
        out->total += n;
        i += n;
        if (goes_on && n < limits->segment / limits->alignment * limits->alignment) {
            return; /* cut by the byte limit */
        }
    }
}
