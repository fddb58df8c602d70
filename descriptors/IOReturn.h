/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Status codes of the descriptor classes and of the drivers, and the reason
 * behind an answer that cannot carry one.
 *
 * Layout: bits 31..26 system (0x38 for I/O Kit), 25..14 subsystem (0 = common),
 * 13..0 code. Raw kernel codes never leave a public function.
 */
#ifndef DESCRIPTORS_IORETURN_H
#define DESCRIPTORS_IORETURN_H

#include <stdarg.h>

#include "descriptors/IOTypes.h"

typedef int32_t IOReturn; /* 0 is success */

/* The documented codes. Where a comment is behind one it says what it stands for here. */
#define kIOReturnSuccess  ((IOReturn)0x00000000)
#define kIOReturnInvalid  ((IOReturn)0xE0000001) /* never returned */
#define kIOReturnError    ((IOReturn)0xE00002BC) /* general failure */
#define kIOReturnNoMemory ((IOReturn)0xE00002BD) /* allocation failed */
#define kIOReturnNoResources                                                                       \
    ((IOReturn)0xE00002BE) /* a page could not be made resident; a counter is full */
#define kIOReturnIPCError        ((IOReturn)0xE00002BF) /* malformed driver message */
#define kIOReturnNoDevice        ((IOReturn)0xE00002C0)
#define kIOReturnNotPrivileged   ((IOReturn)0xE00002C1) /* ownership change refused */
#define kIOReturnBadArgument     ((IOReturn)0xE00002C2) /* bad option, range or object class */
#define kIOReturnLockedRead      ((IOReturn)0xE00002C3)
#define kIOReturnLockedWrite     ((IOReturn)0xE00002C4)
#define kIOReturnExclusiveAccess ((IOReturn)0xE00002C5)
#define kIOReturnBadMessageID    ((IOReturn)0xE00002C6)
#define kIOReturnUnsupported                                                                       \
    ((IOReturn)0xE00002C7) /* not available for this kind of descriptor                            \
                            */
#define kIOReturnVMError                                                                           \
    ((IOReturn)0xE00002C8) /* VM operation failed; range outside the address space */
#define kIOReturnInternalError                                                                     \
    ((IOReturn)0xE00002C9) /* segment walk past the end; a segment that wraps */
#define kIOReturnIOError     ((IOReturn)0xE00002CA)
#define kIOReturnCannotLock  ((IOReturn)0xE00002CC)
#define kIOReturnNotOpen     ((IOReturn)0xE00002CD)
#define kIOReturnNotReadable ((IOReturn)0xE00002CE)
#define kIOReturnNotWritable ((IOReturn)0xE00002CF) /* memory, or its preparation, is read-only */
#define kIOReturnNotAligned                                                                        \
    ((IOReturn)0xE00002D0) /* the address does not suit the alignment asked for */
#define kIOReturnBadMedia    ((IOReturn)0xE00002D1)
#define kIOReturnStillOpen   ((IOReturn)0xE00002D2)
#define kIOReturnRLDError    ((IOReturn)0xE00002D3)
#define kIOReturnDMAError    ((IOReturn)0xE00002D4)
#define kIOReturnBusy        ((IOReturn)0xE00002D5) /* DMA is active, or the object is prepared */
#define kIOReturnTimeout     ((IOReturn)0xE00002D6)
#define kIOReturnOffline     ((IOReturn)0xE00002D7)
#define kIOReturnNotReady    ((IOReturn)0xE00002D8) /* not prepared */
#define kIOReturnNotAttached ((IOReturn)0xE00002D9) /* CPU-side operation on remote memory */
#define kIOReturnNoChannels  ((IOReturn)0xE00002DA)
#define kIOReturnNoSpace     ((IOReturn)0xE00002DB) /* no room */
#define kIOReturnPortExists  ((IOReturn)0xE00002DD)
#define kIOReturnCannotWire                                                                        \
    ((IOReturn)0xE00002DE) /* part of the range is not mapped in the task                          \
                            */
#define kIOReturnNoInterrupt      ((IOReturn)0xE00002DF)
#define kIOReturnNoFrames         ((IOReturn)0xE00002E0)
#define kIOReturnMessageTooLarge  ((IOReturn)0xE00002E1)
#define kIOReturnNotPermitted     ((IOReturn)0xE00002E2) /* protection violation; wrong moment */
#define kIOReturnNoPower          ((IOReturn)0xE00002E3)
#define kIOReturnNoMedia          ((IOReturn)0xE00002E4)
#define kIOReturnUnformattedMedia ((IOReturn)0xE00002E5)
#define kIOReturnUnsupportedMode  ((IOReturn)0xE00002E6)
#define kIOReturnUnderrun                                                                          \
    ((IOReturn)0xE00002E7) /* argument block too small; operation did not cover the range */
#define kIOReturnOverrun       ((IOReturn)0xE00002E8) /* walk exactly at the end */
#define kIOReturnDeviceError   ((IOReturn)0xE00002E9)
#define kIOReturnNoCompletion  ((IOReturn)0xE00002EA)
#define kIOReturnAborted       ((IOReturn)0xE00002EB)
#define kIOReturnNoBandwidth   ((IOReturn)0xE00002EC)
#define kIOReturnNotResponding ((IOReturn)0xE00002ED)
#define kIOReturnIsoTooOld     ((IOReturn)0xE00002EE)
#define kIOReturnIsoTooNew     ((IOReturn)0xE00002EF)
#define kIOReturnNotFound      ((IOReturn)0xE00002F0)

/*
 * Why the most recent function of this folder that can only answer NULL, false,
 * 0 or a short count failed. Written on failure only, never cleared by a
 * success; interrupt handlers have a value of their own. Any context.
 */
IOReturn IOMemoryLastError(void);

/* Make `reason` the last error and return it; for classes and drivers. Any context. */
IOReturn IOMemory_fail(IOReturn reason);

/*
 * Debug builds (DEBUG=1) say on the log which argument a call was refused for, and by what
 * rule, in one line: "IODMACommand_prepare: offset 8192 is behind the memory's 4096 bytes".
 * (Of an inner function it names the source: "IODMACommand_create.c: ...".) Who
 * expects refusals takes these lines instead (format and arguments are printf's, without a
 * newline); NULL: on the log again. The listener is called where the refusal happens, in
 * interrupt handlers and with locks held too: it may not call a descriptor. Release builds
 * say nothing and never call it. Any context.
 */
typedef void IOReturn_RefusalListener(const char *where, const char *format, va_list arguments);
void IOReturn_listenToRefusals(IOReturn_RefusalListener *function);

/* The name of a return code, for messages: "kIOReturnNoMemory". Any context. */
const char *IOReturn_name(IOReturn code);

#endif
