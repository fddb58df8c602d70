/* SPDX-License-Identifier: BSD-2-Clause */
/* Status codes as text, for logs. */
#include "descriptors/IOReturn.h"

#define NAME(code)                                                                                 \
    case code:                                                                                     \
        return #code

const char *IOReturn_name(IOReturn code)
{
    switch (code) {
        NAME(kIOReturnSuccess);
        NAME(kIOReturnInvalid);
        NAME(kIOReturnError);
        NAME(kIOReturnNoMemory);
        NAME(kIOReturnNoResources);
        NAME(kIOReturnIPCError);
        NAME(kIOReturnNoDevice);
        NAME(kIOReturnNotPrivileged);
        NAME(kIOReturnBadArgument);
        NAME(kIOReturnLockedRead);
        NAME(kIOReturnLockedWrite);
        NAME(kIOReturnExclusiveAccess);
        NAME(kIOReturnBadMessageID);
        NAME(kIOReturnUnsupported);
        NAME(kIOReturnVMError);
        NAME(kIOReturnInternalError);
        NAME(kIOReturnIOError);
        NAME(kIOReturnCannotLock);
        NAME(kIOReturnNotOpen);
        NAME(kIOReturnNotReadable);
        NAME(kIOReturnNotWritable);
        NAME(kIOReturnNotAligned);
        NAME(kIOReturnBadMedia);
        NAME(kIOReturnStillOpen);
        NAME(kIOReturnRLDError);
        NAME(kIOReturnDMAError);
        NAME(kIOReturnBusy);
        NAME(kIOReturnTimeout);
        NAME(kIOReturnOffline);
        NAME(kIOReturnNotReady);
        NAME(kIOReturnNotAttached);
        NAME(kIOReturnNoChannels);
        NAME(kIOReturnNoSpace);
        NAME(kIOReturnPortExists);
        NAME(kIOReturnCannotWire);
        NAME(kIOReturnNoInterrupt);
        NAME(kIOReturnNoFrames);
        NAME(kIOReturnMessageTooLarge);
        NAME(kIOReturnNotPermitted);
        NAME(kIOReturnNoPower);
        NAME(kIOReturnNoMedia);
        NAME(kIOReturnUnformattedMedia);
        NAME(kIOReturnUnsupportedMode);
        NAME(kIOReturnUnderrun);
        NAME(kIOReturnOverrun);
        NAME(kIOReturnDeviceError);
        NAME(kIOReturnNoCompletion);
        NAME(kIOReturnAborted);
        NAME(kIOReturnNoBandwidth);
        NAME(kIOReturnNotResponding);
        NAME(kIOReturnIsoTooOld);
        NAME(kIOReturnIsoTooNew);
        NAME(kIOReturnNotFound);
    default:
        return "an unknown IOReturn";
    }
}
