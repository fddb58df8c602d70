/* SPDX-License-Identifier: BSD-2-Clause */
/* A driver's file inside an image: driver_NAME_begin up to driver_NAME_end. */
#define JOIN(a, b, c) a##b##c
#define SYMBOL(name, end) JOIN(driver_, name, end)

    .section .rodata.SYMBOL(NAME, _image), "a"
    .balign 16
    .globl SYMBOL(NAME, _begin), SYMBOL(NAME, _end)
SYMBOL(NAME, _begin):
    .incbin FILE
SYMBOL(NAME, _end):
