/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside what a driver holds. */
#ifndef DESCRIPTORS_DRIVERKIT_IODRIVERTASK_PRIVATE_H
#define DESCRIPTORS_DRIVERKIT_IODRIVERTASK_PRIVATE_H

#include "descriptors/IODriverTask.h"
#include "descriptors/driverkit/IODriverRights.h"
#include "descriptors/driverkit/IOHandleTable.h"
#include "descriptors/platform_process.h"
#include "descriptors/platform_vm.h"

struct IODriverTask {
    OSObject super;
    task_t task;  /* TASK_NULL once it is dead */
    vm_map_t map; /* its; NULL then */
    struct platform_task_watch watch;
    IODriverTask *next; /* of those whose tasks live */
    IODriverLimits limits;
    struct IOHandleTable table;
    uint32_t maps; /* IOMemoryMaps in the table */
    uint64_t bufferBytes;
    uint64_t messages, refused;
    void (*dying)(void *context); /* NULL: nobody wants to be asked */
    void *dyingContext;
    bool keepsDMA; /* its commands are never to end: a device did not stop */

    /* The call that is being served: one at a time, so where its messages are is known. */
    IORPC call;
    uint64_t request[kIORPCMessageMost / sizeof(uint64_t)];
    uint64_t reply[kIORPCMessageMost / sizeof(uint64_t)];
};

/* What a message is answered: an IOReturn, and bytes of the reply, 0 on failure. */
typedef struct {
    uint64_t status, replied;
} IODriverAnswer;

/* IODriverTask_invoke of one whose task lives. */
IODriverAnswer IODriverTask_serve(IODriverTask *self, uint64_t request, uint64_t requestSize,
                                  uint64_t reply, uint64_t replySize);

/* A reference of the caller's goes into the table; see IODriverTask_grant. */
IOReturn IODriverTask_install(IODriverTask *self, OSObject *object, uint64_t *handle);

#endif
