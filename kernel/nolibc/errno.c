/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errno, under the name by which newlib's header reaches it: kprintf's %m asks for it
 * whichever library is linked.
 */
int *__errno(void);

static int number;

int *__errno(void)
{
    return &number;
}
