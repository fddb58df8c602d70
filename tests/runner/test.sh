#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# test.sh [-j JOBS] [-r JUNIT.xml] BUILD-FOLDER [SELECTION]: run what `make test` built
#
# Everything is a TAP program to `prove`, under one of these names:
#   IMAGE@PROFILE           an image of tests/target, gcc, debug
#   IMAGE@PROFILE:VARIANT   another build of it, such as clang-debug
#   host:NAME               tests/host/*/NAME_test.c
#   tests/outside/NAME.sh   a script
#
# SELECTION: IMAGE, IMAGE@PROFILE, either with /TEST behind it; host:NAME;
# a script's NAME. Status: that of prove.
# Environment: that of run.sh; TIMEOUT, seconds for one program (default 120).
set -uo pipefail

here=$(dirname "$(realpath "$0")")
jobs=$(nproc)
junit=
while getopts j:r:h option; do
    case $option in
    j) jobs=$OPTARG ;;
    r) junit=$OPTARG ;;
    h) sed -n '4,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
build=$1
selection=${2-}

images=()
for file in tests/target/*.c; do
    images+=("$(basename "$file" .c)")
done
profiles=()
for file in "$here"/../../qemu/profiles/*; do
    profiles+=("$(basename "$file")")
done

everything()
{
    local image profile
    for file in tests/outside/*.sh; do
        echo "$file"
    done
    for file in tests/host/*/*_test.c; do
        echo "host:$(basename "$file" _test.c)"
    done
    for image in "${images[@]}"; do
        for profile in "${profiles[@]}"; do
            echo "$image@$profile"
        done
        echo "$image@default:gcc-release"
        echo "$image@default:clang-debug"
        echo "$image@gicv3:clang-release"
    done
}

# The names that the part of SELECTION before a slash stands for.
selected()
{
    everything | grep -Fx -e "$1" -e "tests/outside/$1.sh"
    [[ $1 == *@* ]] || everything | grep -E "^$1@[a-z0-9]+$"
}

if [ -n "$selection" ]; then
    mapfile -t names < <(selected "${selection%%/*}")
    [[ $selection != */* ]] || export TEST_NAME=${selection#*/}
else
    mapfile -t names < <(everything)
fi
[ ${#names[@]} != 0 ] || {
    echo "test: T=$selection is no image, image@profile, host:name or script; the images are: ${images[*]}" >&2
    exit 2
}

report=()
if [ -n "$junit" ]; then
    junit=$(realpath -m "$junit")
    report=(--formatter TAP::Formatter::JUnit)
    exec >"$junit"
fi
rm -rf "$build/logs"
mkdir -p "$build/logs"
export BUILD=$build
# The longest first: scripts, then the rest in order.
prove -j "$jobs" ${report[@]+"${report[@]}"} --exec "$here/test-one.sh" "${names[@]}"
