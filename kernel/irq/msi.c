/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages as interrupts: which controller a request is for, and what every block has. */
#include "kernel/msi.h"

#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/irq/msi_private.h"
#include "kernel/mmu.h"

#define CONTROLLERS_MAX 8

static struct msi_controller controllers[CONTROLLERS_MAX];
static unsigned controller_count;

/* One that cannot be used is kept too, so that it is said once. */
static kern_return_t add(int node, const struct msi_ops *ops, struct msi_controller **found)
{
    struct msi_controller *controller = &controllers[controller_count];

    if (controller_count == CONTROLLERS_MAX) {
        return KERN_RESOURCE_SHORTAGE;
    }
    *controller = (struct msi_controller){.ops = ops, .node = node};
    if (devicetree_reg(node, 0, &controller->range) == KERN_SUCCESS) {
        controller->registers = mmu_map_device(controller->range.base, controller->range.size);
    }
    controller->started = controller->registers != NULL && ops->start(controller);
    if (!controller->started) {
        kprintf("msi: the %s at 0x%llx cannot be used\n", ops->compatible,
                (unsigned long long)controller->range.base.value);
    }
    controller_count++;
    *found = controller;
    return KERN_SUCCESS;
}

static kern_return_t find(int node, struct msi_controller **found)
{
    static const struct msi_ops *const known[] = {&gic_its, &gic_v2m};

    for (unsigned i = 0; i < controller_count; i++) {
        if (controllers[i].node == node) {
            *found = &controllers[i];
            return controllers[i].started ? KERN_SUCCESS : KERN_NOT_SUPPORTED;
        }
    }
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int candidate = -1;

        while ((candidate = devicetree_next_compatible(candidate, known[i]->compatible)) >= 0) {
            if (candidate == node) {
                const kern_return_t result = add(node, known[i], found);

                return result != KERN_SUCCESS || (*found)->started ? result : KERN_NOT_SUPPORTED;
            }
        }
    }
    return KERN_INVALID_ADDRESS;
}

kern_return_t msi_allocate(const struct msi_request *request, struct msi_block **block)
{
    struct msi_controller *controller;
    struct msi_request asked;
    struct msi_block *made;
    kern_return_t result;

    if (request == NULL || block == NULL || request->least == 0 || request->least > request->most) {
        return KERN_INVALID_ARGUMENT;
    }
    result = find(request->node, &controller);
    if (result != KERN_SUCCESS) {
        return result;
    }
    asked = *request;
    /* No more than there are at all: the block is allocated for them. */
    if (asked.most > controller->total) {
        asked.most = controller->total;
    }
    if (asked.most < asked.least) {
        return KERN_NO_SPACE;
    }
    made = heap_alloc_zero(sizeof(*made) + asked.most * sizeof(made->intids[0]));
    if (made == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    made->controller = controller;
    made->requester = asked.requester;
    result = controller->ops->allocate(controller, &asked, made);
    if (result != KERN_SUCCESS) {
        heap_free(made);
        return result;
    }
    controller->in_use += made->count;
    *block = made;
    return KERN_SUCCESS;
}

void msi_free(struct msi_block *block)
{
    if (block != NULL) {
        block->controller->in_use -= block->count;
        block->controller->ops->free(block->controller, block);
        heap_free(block);
    }
}

unsigned msi_count(const struct msi_block *block)
{
    return block->count;
}

unsigned msi_intid(const struct msi_block *block, unsigned index)
{
    return index < block->count ? block->intids[index] : 0;
}

void msi_message(const struct msi_block *block, unsigned index, struct msi_message *message)
{
    block->controller->ops->message(block->controller, block, index, message);
}

kern_return_t msi_doorbell(int node, struct devicetree_range *page)
{
    struct msi_controller *controller;
    const kern_return_t result = find(node, &controller);

    if (result == KERN_SUCCESS) {
        page->base = paddr(controller->doorbell & ~PAGE_MASK);
        page->size = PAGE_SIZE;
    }
    return result;
}

void msi_get_stats(struct msi_stats *stats)
{
    *stats = (struct msi_stats){0};
    for (unsigned i = 0; i < controller_count; i++) {
        stats->in_use += controllers[i].in_use;
        stats->total += controllers[i].total;
    }
}
