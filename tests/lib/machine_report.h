/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine is made of, for whoever reads the log of an image. */
#ifndef TESTS_LIB_MACHINE_REPORT_H
#define TESTS_LIB_MACHINE_REPORT_H

/* Print what the image runs on: entry level, CPU, RAM, interrupt controller, timer, disks. */
void machine_report(void);

#endif
