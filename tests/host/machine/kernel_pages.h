/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of descriptors over kernel memory: a few pages in a row in the kernel's
 * address space, scattered in RAM, filled with a pattern, for each test; and the proof
 * that nothing is left when it is over.
 */
#ifndef TESTS_HOST_KERNEL_PAGES_H
#define TESTS_HOST_KERNEL_PAGES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/platform.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "tests/host/machine/sim_machine.h"
#include "tests/host/sim/sim_console.h"

#define PAGES 8

extern uint64_t pages_at; /* the kernel's address of the first of PAGES pages */
extern uint8_t *pages;    /* an alias of them all that the test itself can use */

/* Machine on and off; begin and end of one test, without and with the pages. */
int kernel_power_on(void **state);
int kernel_power_off(void **state);
int kernel_start(void **state);
int kernel_stop(void **state);
int pages_start(void **state);
int pages_stop(void **state);

#define BALANCED(test)   cmocka_unit_test_setup_teardown(test, kernel_start, kernel_stop)
#define WITH_PAGES(test) cmocka_unit_test_setup_teardown(test, pages_start, pages_stop)

/* Physical address of a byte of `pages`, of the direct map or of the kernel's address space. */
uint64_t physical_of(const void *byte);

/* The same byte, where the test can load and store it. */
uint8_t *reach(const void *address);

/* What the kernel's address space says of one of the pages. */
enum page_kind {
    PAGE_NORMAL,
    PAGE_READ_ONLY,
    PAGE_ABSENT,
    PAGE_UNMAPPED
};
void set_page(const uint8_t *page, enum page_kind kind);

/* Scattered kernel memory of a test's own, at the kernel's address. */
uint64_t scattered_new(uint64_t count);
void scattered_free(uint64_t address, uint64_t count);

/* The nth request for memory from now on fails (1: the next); 0: none does. */
void fail_request(uint64_t nth);

/* Take pages until hardly any are left; and give them back. */
void set_memory_short(bool is_short);

/* Bytes of the pages, not prepared. */
IOMemoryDescriptor *describe_pages(uint64_t offset, uint64_t length, IOOptionBits options);

/* Of all pages together. */
uint64_t pins(void);

/* Cache lines that an operation on bytes [offset, offset + length) of the pages goes over. */
uint64_t lines(uint64_t offset, uint64_t length);

#endif
