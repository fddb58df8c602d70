#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# headers.sh COMPILER...: the headers that are installed, one a line: the top of each
# floor, the drivers', the harness's, and what these include. Not those in which the
# general descriptor and its kinds, and maps, are made of functions of their own.
# COMPILER is a gcc with its options.
set -euo pipefail
export LC_ALL=C

public()
{
    find kernel descriptors -maxdepth 1 -name '*.h'
    find drivers -mindepth 2 -maxdepth 2 -name '*.h'
    echo tests/harness/harness.h
}

public | grep -vE '_private\.h$|/(IOGeneralMemoryDescriptor|IOMemoryMap)_class\.h$' | sed 's/.*/#include "&"/' |
    "$@" -w -MM -MG -x c - | tr -d '\\' | tr ' ' '\n' | grep '\.h$' | sort -u
