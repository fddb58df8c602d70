#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# headers.sh COMPILER...: the headers that are installed, one a line: the top of each
# floor, the drivers', the harness's, and what these include; and where a walk of a
# descriptor class written elsewhere delivers.
# COMPILER is a gcc with its options.
set -euo pipefail
export LC_ALL=C

public()
{
    find kernel descriptors -maxdepth 1 -name '*.h'
    find drivers -mindepth 2 -maxdepth 2 -name '*.h'
    echo descriptors/segments/IOSegmentSink.h
    echo tests/harness/harness.h
}

public | grep -v '_private\.h$' | sed 's/.*/#include "&"/' |
    "$@" -w -MM -MG -x c - | tr -d '\\' | tr ' ' '\n' | grep '\.h$' | sort -u
