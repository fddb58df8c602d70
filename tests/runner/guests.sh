#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# guests.sh: other people's kernels on vdma, each a script here; they are installed by apt
#
# GUESTS=skip: where they cannot be had that is said, and no failure.
# Environment: BUILD, the build folder; that of setup.sh.
set -uo pipefail

if ! qemu/setup/setup.sh guests; then
    echo "guests: the packages above are missing, so that nothing was tried" >&2
    [ "${GUESTS-}" = skip ] && exit 0
    echo "guests: GUESTS=skip goes without" >&2
    exit 2
fi
exec prove --exec '' tests/guests/*.sh
