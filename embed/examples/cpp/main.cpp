// SPDX-License-Identifier: BSD-2-Clause
// Descriptors from C++: a method takes a pointer to any subclass, as in C.
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "kernel/console.h"

namespace
{
// Owns a reference.
template <typename Class> class Held
{
  public:
    explicit Held(Class *object) : object(object)
    {
    }
    Held(const Held &) = delete;
    Held &operator=(const Held &) = delete;
    ~Held()
    {
        OSObject_release(object);
    }
    operator Class *() const
    {
        return object;
    }

  private:
    Class *object;
};

struct Constructed {
    Constructed() : value(42)
    {
    }
    int value;
} constructed;
} // namespace

int main()
{
    const Held<IOBufferMemoryDescriptor> buffer(
        IOBufferMemoryDescriptor_withCapacity(8192, kIODirectionOutIn, true));
    IOBufferMemoryDescriptor *const whole = buffer;
    const Held<IOSubMemoryDescriptor> half(
        IOSubMemoryDescriptor_withSubRange(whole, 4096, 4096, kIODirectionOut));
    IOSubMemoryDescriptor *const part = half;

    kprintf("hello from C++: %llu of %llu bytes, constructors %s\n",
            (unsigned long long)IOMemoryDescriptor_getLength(part),
            (unsigned long long)IOMemoryDescriptor_getLength(whole),
            constructed.value == 42 ? "ran" : "did not run");
    return IOMemoryDescriptor_getLength(part) == 4096 && constructed.value == 42 ? 0 : 1;
}
