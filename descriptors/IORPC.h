/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages between a driver process at EL0 and the kernel: their header, and the one
 * table of methods with number and layout. A method C::M of a class is a pair of structures,
 * C_M_Msg (request) and C_M_Rpl (reply); the names of their members are those of the
 * method's parameters. Numbers and layouts are those of the published generated headers of
 * this interface, but for IODMACommand's, which are this project's own.
 *
 * An object travels as a reference: in messages of a driver a handle of its task (0: NULL), in
 * the kernel a pointer. The transport turns one into the other; no pointer of the kernel
 * ever reaches a driver. References come first: references[0] of a request is whom it is for.
 *
 * For both sides. Members are 8 bytes unless they say otherwise; there is no padding.
 */
#ifndef DESCRIPTORS_IORPC_H
#define DESCRIPTORS_IORPC_H

#include "descriptors/IODMACommand.h"

/* What every message begins with, 24 bytes. */
typedef struct {
    uint64_t msgid;      /* the number of the method */
    uint64_t flags;      /* kIORPCMessage... */
    uint64_t objectRefs; /* references that follow at once */
} IORPCMessage;

/* Flags. A sender's Remote, Kernel and Error are ignored; a reply has Oneway alone. */
#define kIORPCMessageRemote      0x1u
#define kIORPCMessageLocalHost   0x2u
#define kIORPCMessageKernel      0x4u
#define kIORPCMessageOneway      0x8u
#define kIORPCMessageObjectRefs  0x10u
#define kIORPCMessageOnqueue     0x20u
#define kIORPCMessageError       0x40u
#define kIORPCMessageSimpleReply 0x80u

/* Versions of the format that the interface is published with. */
#define kIORPCVersion190615      0x4DA2B68Cu
#define kIORPCVersion190615Reply 0x4DA2B68Du

#define kIORPCMessageMost 2048u /* bytes of a request and its reply together */

/* One call: where its messages are, and bytes there. */
typedef struct {
    IORPCMessage *message;
    IORPCMessage *reply;
    uint32_t sendSize, replySize;
    IORPCMessage *kernelContent; /* the kernel's copy of the request; NULL at EL0 */
} IORPC;

/* Handles that every driver has from the start: of the classes that have static methods. */
#define kIORPCHandleIOMemoryDescriptor       1ull
#define kIORPCHandleIOBufferMemoryDescriptor 2ull
#define kIORPCHandleIODMACommand             3ull

/* IOMemoryDescriptor */

/* Numbers of its messages. */
#define IOMemoryDescriptor__CopyState_ID                  0xA2C0861D4118CE5Eull
#define IOMemoryDescriptor_CreateMapping_ID               0xC5E69B0414FF6EE5ull
#define IOMemoryDescriptor_CreateSubMemoryDescriptor_ID   0xB085B5EE60AC732Full
#define IOMemoryDescriptor_CreateWithMemoryDescriptors_ID 0xBA1530C996C4FEBCull

#define kIORPCDescriptorsMost 32 /* of CreateWithMemoryDescriptors */

/* What _CopyState answers. */
typedef struct {
    uint64_t length;  /* bytes */
    uint64_t options; /* those of its creation, and state, as IOMemoryDescriptor_getFlags */
} _IOMDPrivateState;

/* IOMemoryDescriptor::_CopyState: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self;
} IOMemoryDescriptor__CopyState_Msg;

/* IOMemoryDescriptor::_CopyState: the answer. */
typedef struct {
    IORPCMessage header;
    _IOMDPrivateState state;
} IOMemoryDescriptor__CopyState_Rpl;

/* IOMemoryDescriptor::CreateMapping: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self;
    uint64_t options, address, offset, length, alignment;
} IOMemoryDescriptor_CreateMapping_Msg;

/* IOMemoryDescriptor::CreateMapping: the answer. */
typedef struct {
    IORPCMessage header;
    uint64_t map;
} IOMemoryDescriptor_CreateMapping_Rpl;

/* IOMemoryDescriptor::CreateSubMemoryDescriptor: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self; /* the class */
    uint64_t ofDescriptor;
    uint64_t options, offset, length;
} IOMemoryDescriptor_CreateSubMemoryDescriptor_Msg;

/* IOMemoryDescriptor::CreateSubMemoryDescriptor: the answer. */
typedef struct {
    IORPCMessage header;
    uint64_t memory;
} IOMemoryDescriptor_CreateSubMemoryDescriptor_Rpl;

/* IOMemoryDescriptor::CreateWithMemoryDescriptors: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self;                               /* the class */
    uint64_t descriptors[kIORPCDescriptorsMost]; /* those that are not used: 0 */
    uint64_t options;
    uint32_t count;
    uint32_t unused;
} IOMemoryDescriptor_CreateWithMemoryDescriptors_Msg;

/* IOMemoryDescriptor::CreateWithMemoryDescriptors: the answer. */
typedef struct {
    IORPCMessage header;
    uint64_t memory;
} IOMemoryDescriptor_CreateWithMemoryDescriptors_Rpl;

/* IOBufferMemoryDescriptor */

/* Numbers of its messages. */
#define IOBufferMemoryDescriptor_Create_ID    0xB78DE684E17D5A4Bull
#define IOBufferMemoryDescriptor_SetLength_ID 0xC115230C191A6A9Aull

/* IOBufferMemoryDescriptor::Create: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self; /* the class */
    uint64_t options, capacity, alignment;
} IOBufferMemoryDescriptor_Create_Msg;

/* IOBufferMemoryDescriptor::Create: the answer. */
typedef struct {
    IORPCMessage header;
    uint64_t memory;
} IOBufferMemoryDescriptor_Create_Rpl;

/* IOBufferMemoryDescriptor::SetLength: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self;
    uint64_t length;
} IOBufferMemoryDescriptor_SetLength_Msg;

/* IOBufferMemoryDescriptor::SetLength: the answer. */
typedef struct {
    IORPCMessage header;
} IOBufferMemoryDescriptor_SetLength_Rpl;

/* IOMemoryMap */

/* Numbers of its messages. */
#define IOMemoryMap__CopyState_ID 0xFC92B3D7F2D48EC7ull

/* What _CopyState answers. */
typedef struct {
    uint64_t length;  /* bytes */
    uint64_t offset;  /* of the first one in the descriptor */
    uint64_t options; /* kIOMap... */
    uint64_t address; /* in the caller's task; 0: it is no map of that one */
} _IOMemoryMapPrivateState;

/* IOMemoryMap::_CopyState: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self;
} IOMemoryMap__CopyState_Msg;

/* IOMemoryMap::_CopyState: the answer. */
typedef struct {
    IORPCMessage header;
    _IOMemoryMapPrivateState state;
} IOMemoryMap__CopyState_Rpl;

/* IODMACommand: numbers and layouts of our own. */

/* Numbers of its messages. */
#define IODMACommand_Create_ID           0xD3A0000000000001ull
#define IODMACommand_PrepareForDMA_ID    0xD3A0000000000002ull
#define IODMACommand_CompleteDMA_ID      0xD3A0000000000003ull
#define IODMACommand_GetPreparation_ID   0xD3A0000000000004ull
#define IODMACommand_PerformOperation_ID 0xD3A0000000000005ull

/* IODMACommand::Create: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self; /* the class */
    uint64_t device;
    uint64_t options;
    IODMACommandSpecification specification;
} IODMACommand_Create_Msg;

/* IODMACommand::Create: the answer. */
typedef struct {
    IORPCMessage header;
    uint64_t command;
} IODMACommand_Create_Rpl;

/* IODMACommand::PrepareForDMA: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self;
    uint64_t memory;
    uint64_t options, offset, length;
    uint32_t segmentsCount; /* room */
    uint32_t unused;
} IODMACommand_PrepareForDMA_Msg;

/* IODMACommand::PrepareForDMA: the answer. */
typedef struct {
    IORPCMessage header;
    uint64_t flags;
    uint32_t segmentsCount; /* of segments, that are set */
    uint32_t unused;
    IOAddressSegment segments[kIODMACommandSegmentsMax];
} IODMACommand_PrepareForDMA_Rpl;

/* IODMACommand::CompleteDMA: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self;
    uint64_t options;
} IODMACommand_CompleteDMA_Msg;

/* IODMACommand::CompleteDMA: the answer. */
typedef struct {
    IORPCMessage header;
} IODMACommand_CompleteDMA_Rpl;

/* IODMACommand::GetPreparation: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self;
} IODMACommand_GetPreparation_Msg;

/* IODMACommand::GetPreparation: the answer. */
typedef struct {
    IORPCMessage header;
    uint64_t memory;
    uint64_t offset, length;
} IODMACommand_GetPreparation_Rpl;

/* IODMACommand::PerformOperation: the message. */
typedef struct {
    IORPCMessage header;
    uint64_t self;
    uint64_t data;
    uint64_t options, dmaOffset, length, dataOffset;
} IODMACommand_PerformOperation_Msg;

/* IODMACommand::PerformOperation: the answer. */
typedef struct {
    IORPCMessage header;
} IODMACommand_PerformOperation_Rpl;

/*
 * All methods: METHOD(class, method, references of the request, of the reply). The same for
 * both sides, so that neither has to know the other's structures by heart.
 */
#define IORPC_METHODS(METHOD)                                                                      \
    METHOD(IOMemoryDescriptor, _CopyState, 1, 0)                                                   \
    METHOD(IOMemoryDescriptor, CreateMapping, 1, 1)                                                \
    METHOD(IOMemoryDescriptor, CreateSubMemoryDescriptor, 2, 1)                                    \
    METHOD(IOMemoryDescriptor, CreateWithMemoryDescriptors, 1 + kIORPCDescriptorsMost, 1)          \
    METHOD(IOBufferMemoryDescriptor, Create, 1, 1)                                                 \
    METHOD(IOBufferMemoryDescriptor, SetLength, 1, 0)                                              \
    METHOD(IOMemoryMap, _CopyState, 1, 0)                                                          \
    METHOD(IODMACommand, Create, 2, 1)                                                             \
    METHOD(IODMACommand, PrepareForDMA, 2, 0)                                                      \
    METHOD(IODMACommand, CompleteDMA, 1, 0)                                                        \
    METHOD(IODMACommand, GetPreparation, 1, 1)                                                     \
    METHOD(IODMACommand, PerformOperation, 2, 0)

/* Its rows as data. */
typedef struct {
    uint64_t msgid;
    uint16_t request, reply; /* bytes */
    uint16_t requestRefs, replyRefs;
    uint32_t index; /* of this row: IORPCMethod_at's */
    const char *name;
} IORPCMethod;

/* The row of a number; NULL: there is no such method. Any context. */
const IORPCMethod *IORPCMethod_find(uint64_t msgid);

/* Row `index`, for who goes through them all; NULL: there are no more. Any context. */
const IORPCMethod *IORPCMethod_at(unsigned index);

/*
 * System calls of a driver: SVC with the number in x8, arguments from x0 on, and the IOReturn
 * in w0 afterwards. Public, and for good.
 */
#define SYS_DK_INVOKE  0x440u /* request, its bytes, reply, its bytes: x1 has bytes of the reply */
#define SYS_DK_RETAIN  0x441u /* handle */
#define SYS_DK_RELEASE 0x442u /* handle */
#define SYS_DK_WRITE   0x443u /* text, its bytes, at most kIORPCMessageMost: to the console */
#define SYS_DK_WAIT    0x444u /* device or 0, nanoseconds: x1 has interrupts since the last one */
#define SYS_DK_EXIT    0x445u /* status */

#endif
