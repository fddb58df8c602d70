/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classes by name, and how a function takes "any descriptor" without casts.
 *
 * Class C gives CRef and CConstRef: transparent unions of the pointers to C and to its
 * subclasses. A caller passes its own pointer as it is; a pointer to an unrelated
 * class does not compile. A class written elsewhere embeds its parent as first
 * member and passes &mine->super.
 */
#ifndef DESCRIPTORS_IOCLASSES_H
#define DESCRIPTORS_IOCLASSES_H

/*
 * The one list. A class is a line, CLASS(Of, its name, its member in unions, its parent),
 * in the family of its nearest ancestor that has one; a family begins with its own class
 * and is a part of its ancestors' families. Of: whatever CLASS is to know besides.
 */
#define IOMEMORYDESCRIPTOR_FAMILY(CLASS, Of)                                                       \
    CLASS(Of, IOMemoryDescriptor, descriptor, OSObject) /* abstract */                             \
    CLASS(Of, IOGeneralMemoryDescriptor, general, IOMemoryDescriptor)                              \
    CLASS(Of, IOBufferMemoryDescriptor, buffer, IOGeneralMemoryDescriptor)                         \
    CLASS(Of, IOGuardPageMemoryDescriptor, guard, IOGeneralMemoryDescriptor)                       \
    CLASS(Of, IODeviceMemory, device, IOMemoryDescriptor)                                          \
    CLASS(Of, IOInterleavedMemoryDescriptor, interleaved, IOMemoryDescriptor)                      \
    CLASS(Of, IOSubMemoryDescriptor, sub, IOMemoryDescriptor)                                      \
    CLASS(Of, IOMultiMemoryDescriptor, multi, IOMemoryDescriptor)

#define IOMEMORYCURSOR_FAMILY(CLASS, Of)                                                           \
    CLASS(Of, IOMemoryCursor, cursor, OSObject)                                                    \
    CLASS(Of, IONaturalMemoryCursor, natural, IOMemoryCursor)                                      \
    CLASS(Of, IOBigMemoryCursor, big, IOMemoryCursor)                                              \
    CLASS(Of, IOLittleMemoryCursor, little, IOMemoryCursor)

#define IOMAPPER_FAMILY(CLASS, Of) CLASS(Of, IOMapper, mapper, OSObject) /* abstract */

#define IOCOMMAND_FAMILY(CLASS, Of)                                                                \
    CLASS(Of, IOCommand, command, OSObject)                                                        \
    CLASS(Of, IODMACommand, dmaCommand, IOCommand)

#define IOSERVICE_FAMILY(CLASS, Of) CLASS(Of, IOService, service, OSObject)

#define IOEVENTSOURCE_FAMILY(CLASS, Of)                                                            \
    CLASS(Of, IOEventSource, source, OSObject) /* abstract */                                      \
    CLASS(Of, IOCommandGate, commandGate, IOEventSource)                                           \
    CLASS(Of, IOInterruptEventSource, interrupt, IOEventSource)                                    \
    CLASS(Of, IODMAEventSource, dmaSource, IOEventSource)

#define IODMACONTROLLER_FAMILY(CLASS, Of)                                                          \
    CLASS(Of, IODMAController, controller, OSObject) /* abstract */

#define OSOBJECT_FAMILY(CLASS, Of)                                                                 \
    CLASS(Of, OSObject, object, )                                                                  \
    CLASS(Of, OSArray, array, OSObject)                                                            \
    CLASS(Of, IOMemoryMap, map, OSObject)                                                          \
    CLASS(Of, IORangeAllocator, ranges, OSObject)                                                  \
    IOMEMORYDESCRIPTOR_FAMILY(CLASS, Of)                                                           \
    IOMEMORYCURSOR_FAMILY(CLASS, Of)                                                               \
    IOMAPPER_FAMILY(CLASS, Of)                                                                     \
    IOCOMMAND_FAMILY(CLASS, Of)                                                                    \
    IOSERVICE_FAMILY(CLASS, Of)                                                                    \
    CLASS(Of, IOWorkLoop, workLoop, OSObject)                                                      \
    IOEVENTSOURCE_FAMILY(CLASS, Of)                                                                \
    IODMACONTROLLER_FAMILY(CLASS, Of)

#define OS_CLASS_TYPE(Of, Class, member, Parent) typedef struct Class Class;
OSOBJECT_FAMILY(OS_CLASS_TYPE, )

/* What stands for a class, OSObject.h. */
typedef struct OSMetaClass OSMetaClass;

/* Takes the text form of objects; only ever a pointer here. */
typedef struct OSSerialize OSSerialize;

#define OS_CLASS_MEMBER(Of, Class, member, Parent)       Class *member;
#define OS_CLASS_CONST_MEMBER(Of, Class, member, Parent) const Class *member;

/*
 * The unions of a family, for functions that take pointers and for those that take
 * pointers to const; and upcast: a pointer to the base class, for arrays and variables
 * that hold several classes.
 */
#define OS_REFERENCES(Class, member, FAMILY)                                                       \
    OS_REFERENCE(Class##Ref, Class, member, FAMILY, OS_CLASS_MEMBER, OS_CLASS_FROM)                \
    OS_REFERENCE(Class##ConstRef, const Class, member, FAMILY, OS_CLASS_CONST_MEMBER,              \
                 OS_CLASS_CONST_FROM)                                                              \
    static inline Class *Class##_upcast(Class##Ref self)                                           \
    {                                                                                              \
        return self.member;                                                                        \
    }

/* C++ has no transparent unions, but constructors: a call reads, and passes, the same. */
#ifdef __cplusplus
#define OS_CLASS_FROM(Ref, Class, member, Parent)                                                  \
    Ref(Class *one) : member(one)                                                                  \
    {                                                                                              \
    }
#define OS_CLASS_CONST_FROM(Ref, Class, member, Parent) OS_CLASS_FROM(Ref, const Class, member, )
#define OS_REFERENCE(Ref, Class, member, FAMILY, MEMBER, FROM)                                     \
    union Ref {                                                                                    \
        FAMILY(MEMBER, Ref)                                                                        \
        FAMILY(FROM, Ref)                                                                          \
        Ref(decltype(nullptr)) : member(nullptr)                                                   \
        {                                                                                          \
        }                                                                                          \
    };
#else
#define OS_REFERENCE(Ref, Class, member, FAMILY, MEMBER, FROM)                                     \
    typedef union {                                                                                \
        FAMILY(MEMBER, Ref)                                                                        \
    } Ref __attribute__((transparent_union));
#endif

OS_REFERENCES(OSObject, object, OSOBJECT_FAMILY)
OS_REFERENCES(IOMemoryDescriptor, descriptor, IOMEMORYDESCRIPTOR_FAMILY)
OS_REFERENCES(IOMemoryCursor, cursor, IOMEMORYCURSOR_FAMILY)
OS_REFERENCES(IOMapper, mapper, IOMAPPER_FAMILY)
OS_REFERENCES(IOCommand, command, IOCOMMAND_FAMILY)
OS_REFERENCES(IOEventSource, source, IOEVENTSOURCE_FAMILY)
OS_REFERENCES(IODMAController, controller, IODMACONTROLLER_FAMILY)

#endif
