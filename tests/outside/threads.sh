#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A driver's handles from several threads at once, under ThreadSanitizer.
# NEEDS: host/threads/handles
. tests/outside/tap.bash

run "$BUILD/host/threads/handles"
check "threads share a table of handles, and nothing is lost" eval 'ended 0 && said "4 threads"'
