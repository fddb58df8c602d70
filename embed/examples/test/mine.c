/* SPDX-License-Identifier: BSD-2-Clause */
/* A test of one's own; what it leaves behind would make it fail. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "tests/harness/harness.h"

/* Is a contiguous buffer one segment? */
TEST(contiguous_buffer_is_one_segment)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(65536, kIODirectionOutIn, true);
    IOByteCount length;

    EXPECT_NE(IOMemoryDescriptor_getPhysicalSegment(buffer, 0, &length, 0), 0);
    EXPECT_EQ(length, 65536);
    OSObject_release(buffer);
}
