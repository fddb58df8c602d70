/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which dmakit this is. Semantic versioning: what the public headers declare is the
 * interface. The scripts read the three numbers here, so they are written in one way.
 */
#ifndef KERNEL_VERSION_H
#define KERNEL_VERSION_H

/* The version, by semver. */
#define DMAKIT_VERSION_MAJOR 1
#define DMAKIT_VERSION_MINOR 0
#define DMAKIT_VERSION_PATCH 0

/* The same as text, DMAKIT_VERSION. */
#define DMAKIT_VERSION_TEXT(major, minor, patch)     #major "." #minor "." #patch
#define DMAKIT_VERSION_EXPANDED(major, minor, patch) DMAKIT_VERSION_TEXT(major, minor, patch)

/* Of the headers: "1.0.0". */
#define DMAKIT_VERSION                                                                             \
    DMAKIT_VERSION_EXPANDED(DMAKIT_VERSION_MAJOR, DMAKIT_VERSION_MINOR, DMAKIT_VERSION_PATCH)

/* Of the library; that the linker script asks for it brings the runtime into an image. */
extern const char dmakit_version[];

#endif
