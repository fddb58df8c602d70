/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* The trace on the machine: what the kernel does is in it, also what an interrupt handler does. */
#include "kernel/trace.h"

#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMARecording.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/vm_map.h"
#include "tests/harness/harness.h"
#include "tests/lib/recorded.h"

struct listener {
    struct console console;
    const char *wanted; /* a line that has these words ... */
    unsigned found;     /* ... so often */
    char line[160];
    size_t length;
};

static void listen(struct console *console, const char *text, size_t length)
{
    struct listener *const self = (struct listener *)console;

    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\n' && self->length < sizeof(self->line) - 1) {
            self->line[self->length++] = text[i];
            continue;
        }
        self->line[self->length] = '\0';
        self->found += strstr(self->line, self->wanted) != NULL;
        self->length = 0;
    }
}

/* How many lines of the trace have these words? */
static unsigned lines_with(const char *words)
{
    struct listener listener = {.console = {.write = listen}, .wanted = words};
    struct console *const before = console_register(&listener.console);

    trace_print();
    console_register(before);
    return listener.found;
}

#define NEEDS_TRACE()                                                                              \
    do {                                                                                           \
        if (!DMAKIT_TRACE) {                                                                       \
            SKIP("built with TRACE=0");                                                            \
        }                                                                                          \
    } while (0)

TEST(kernel_events_are_traced)
{
    struct vm_range range = {.access = MMU_READ | MMU_WRITE, .max_access = MMU_READ | MMU_WRITE};
    vaddr_t at = 0x200000;
    struct task *task;

    NEEDS_TRACE();
    ASSERT_EQ(vm_object_create(1, &range.object), KERN_SUCCESS);
    trace_start();
    EXPECT_EQ(task_create(&task), KERN_SUCCESS);
    EXPECT_EQ(vm_map_enter(task_map(task), &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    EXPECT_EQ(vm_fault(task_map(task), at, MMU_WRITE), KERN_SUCCESS);
    EXPECT_EQ(vm_fault(task_map(task), at + PAGE_SIZE, MMU_READ), KERN_INVALID_ADDRESS);
    task_release(task);
    trace_stop();
    vm_object_release(range.object);
    EXPECT_EQ(lines_with(" task task="), 2);
    EXPECT_EQ(lines_with(" enter start=0x200000 size=0x1000"), 1);
    EXPECT_EQ(lines_with(" fault address=0x200000 "), 1);
    EXPECT_EQ(lines_with(" fault address=0x201000 access=0x1 status=0x1"), 1);
    EXPECT_EQ(trace_lost(), 0);
}

static void fire(void *context)
{
    *(volatile bool *)context = true;
}

TEST(interrupts_are_traced_between_what_they_interrupt)
{
    volatile bool fired = false;
    struct timer timer = {.callback = fire, .context = (void *)&fired};
    uint64_t written = 0;

    NEEDS_TRACE();
    trace_start();
    timer_start(&timer, 1000);
    while (!fired) {
        trace_remove(written++, 0, KERN_SUCCESS);
    }
    trace_stop();
    EXPECT_EQ(trace_count(), written + 1);
    EXPECT_EQ(lines_with("was being written"), 0);
    EXPECT_EQ(lines_with(" interrupt intid="), 1);
}

/* --- Commands ----------------------------------------------------------------------------------
 */

static bool no_output(IODMACommand *command, IODMACommand_Segment64 segment, void *segments,
                      UInt32 index)
{
    (void)command, (void)segment, (void)segments, (void)index;
    return true;
}

static void record_it(void *context)
{
    IODMARecording_command(*(IODMACommand *volatile *)context);
    *(IODMACommand *volatile *)context = NULL;
}

/* Where bytes are, which of them are elsewhere, and by which limits: of what is prepared. */
TEST(memory_of_commands_is_recorded)
{
    const IODMACommand_SegmentOptions options = {
        .fStructSize = sizeof(options), .fNumAddressBits = 64, .fAlignment = 64};
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(3 * PAGE_SIZE, kIODirectionOut, true);
    uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    IOAddressRange ranges[] = {{(IOVirtualAddress)bytes + 2 * PAGE_SIZE + 5, 1000},
                               {(IOVirtualAddress)bytes, PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOut, kernel_task);
    IODMACommand *command =
        IODMACommand_withSpecificationOptions(no_output, &options, kMapped, NULL, NULL);
    struct recorded recorded;

    NEEDS_TRACE();
    ASSERT_TRUE(command != NULL && memory != NULL);
    EXPECT_EQ(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    recorded_start();
    IODMARecording_command(command); /* not prepared */
    IODMARecording_memory(command, NULL, 0, 1);
    EXPECT_EQ(trace_count(), 0);
    EXPECT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    IODMARecording_command(command);
    recorded_end(&recorded);
    EXPECT_EQ(recorded.copies, 1);
    EXPECT_EQ(recorded.limits, 1);
    EXPECT_EQ(recorded.virtual, 2);
    EXPECT_EQ(recorded.physical, 2);
    /* The first bytes, and from where on they are at home again. */
    EXPECT_EQ(recorded.bounce, 2);
    EXPECT_EQ(recorded.mapped, 0);

    IODMACommand *volatile given = command;
    struct timer timer = {.callback = record_it, .context = (void *)&given};

    recorded_start();
    timer_start(&timer, 1000);
    while (given != NULL) {
    }
    recorded_end(&recorded); /* in a handler memory is not asked */
    EXPECT_EQ(recorded.virtual, 0);
    EXPECT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    recorded_start();
    trace_stop();
    EXPECT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    IODMARecording_command(command);
    EXPECT_EQ(trace_count(), 0);
    EXPECT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    OSObject_release(buffer);
}
