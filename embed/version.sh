#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# version.sh HEADER: the version that kernel/version.h, which this is, holds: 1.0.0
set -euo pipefail
sed -nE 's/^#define DMAKIT_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+)$/\2/p' "$1" | paste -sd.
