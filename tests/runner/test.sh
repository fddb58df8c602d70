#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# test.sh [-l] [-j JOBS] [-r JUNIT.xml] BUILD-FOLDER [SELECTION]: build what is to be tested, and test it
#
# Everything is a TAP program to `prove`, under one of these names (-l lists them):
#   IMAGE@PROFILE           an image of tests/target, gcc, debug
#   IMAGE@PROFILE:VARIANT   another build of it, such as clang-debug, or gcc-debug-watched
#                           (tests/monitor)
#   host:NAME               tests/host/*/NAME_test.c
#   tests/outside/NAME.sh   a script; it names what it runs in "# NEEDS:" lines
#
# SELECTION: words, split at blanks, each of them a name; or IMAGE, @PROFILE,
# @PROFILE:VARIANT, host, a script's NAME, a source's path. Behind an image or a host
# program, /TEST selects tests by a part of their name. A word that is none of these
# ends it all before anything is built. An image whose source has a line "// MACHINES:
# PROFILE..." runs on these, in all its builds, and on others only by IMAGE@PROFILE; one with
# "// BUILDS: PROFILE:VARIANT..." has of these no others, but by IMAGE@PROFILE:VARIANT.
# Status: that of prove; 2 for a wrong selection; that of make.
# Environment: that of run.sh; MAKE; TIMEOUT, seconds for one program (default 120).
set -uo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source=/dev/null
. "$here/../../qemu/locale.bash"

die()
{
    echo "test: $*" >&2
    exit 2
}

jobs=$((($(nproc) * 3 + 1) / 2)) # some wait for the host, or for each other
junit=
list=
while getopts lj:r:h option; do
    case $option in
    l) list=1 ;;
    j) jobs=$OPTARG ;;
    r) junit=$OPTARG ;;
    h) sed -n '4,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    *) die "try $0 -h" ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || die "no build folder given; try $0 -h"
build=$1
selection=${2-}

# What profiles and images say of each other, by one look at all of them: whether a profile
# moves virtio devices to another bus, and which images it is for alone; what devices an image has,
# the machines and builds it names, and whether it brings its own monitor.
declare -A moves_virtio=() for_images=() has_virtio=() names_bus=() machines=() builds=() has_monitor=()
look()
{
    local name line
    while IFS=: read -r name line; do
        name=${name##*/}
        case $line in
        virtio=*) moves_virtio[$name]=1 ;;
        images=*) line=${line#*=} && for_images[$name]=${line//\"/} ;;
        esac
    done < <(grep -HE '^(virtio|images)=' "$here"/../../qemu/profiles/*)
    while IFS=: read -r name line; do
        name=${name##*/}
        name=${name%.c}
        case $line in
        VDMA_MONITOR*) has_monitor[$name]=1 ;;
        '// MACHINES: '*) machines[$name]+=" ${line#*: } " ;;
        '// BUILDS: '*) builds[$name]+=" ${line#*: } " ;;
        *) [[ ! $line =~ virtio-(mmio|(blk|rng)-pci) ]] || names_bus[$name]=1
            [[ ! $line =~ virtio-(blk|rng)-device ]] || has_virtio[$name]=1 ;;
        esac
    done < <(grep -HE '^(// (MACHINES|BUILDS|QEMU): |VDMA_MONITOR)' tests/target/*.c)
}

# is_for IMAGE PROFILE: one that names images is for these. One that moves virtio devices is for
# images that have some, and not for those that name a bus themselves.
is_for()
{
    local named=${for_images[$2]-}
    [[ -z $named || " $named " == *" $1 "* ]] || return 1
    [[ -z ${moves_virtio[$2]-} || (-n ${has_virtio[$1]-} && -z ${names_bus[$1]-}) ]]
}

# another IMAGE BUILD: one of its builds beside those of its machines.
another()
{
    local mark=
    [[ -z ${builds[$1]-} || ${builds[$1]} == *" $2 "* ]] || mark='?'
    echo "$mark$1@$2"
}

# Each name; with "?" before it where the image says that it has nothing new to say there.
everything()
{
    local image images=() profile mark
    look
    # The longest first: scripts, then the rest in order; images machine by machine, so that of one
    # that waits for its devices there are not several at once, while nobody has anything to do.
    printf '%s\n' tests/outside/*.sh
    printf '%s\n' tests/host/*/*_test.c | sed 's,.*/,host:,; s,_test\.c$,,'
    for image in tests/target/*.c; do
        image=${image##*/}
        images+=("${image%.c}")
    done
    for profile in "$here"/../../qemu/profiles/*; do
        profile=${profile##*/}
        for image in "${images[@]}"; do
            is_for "$image" "$profile" || continue
            mark=
            [[ -z ${machines[$image]-} || ${machines[$image]} == *" $profile "* ]] || mark='?'
            echo "$mark$image@$profile"
        done
    done
    # What is released is optimised, debug builds are not: over every kind of bus and mapper.
    for profile in default:gcc-release default:clang-debug smmu:clang-release pcismmu:gcc-release; do
        for image in "${images[@]}"; do
            ! is_for "$image" "${profile%:*}" || another "$image" $profile
        done
    done
    # Over a monitor at EL2; some bring one along, which is there on no other machines.
    for image in "${images[@]}"; do
        if [ -n "${has_monitor[$image]-}" ]; then
            another "$image" el2:clang-debug
            another "$image" el2v3:gcc-release
        else
            another "$image" el2:gcc-debug-watched
            another "$image" el2v3:gcc-debug-monitored
        fi
    done
}

# stands_for WORD NAME: is NAME what WORD, without its /TEST, means?
stands_for()
{
    [ "$1" != "${2#\?}" ] || return 0
    case $2 in
    \?*) return 1 ;;
    tests/outside/*) [ "tests/outside/$1.sh" = "$2" ] ;;
    host:*) [[ $1 == host || $1 == tests/host/*/${2#host:}_test.c ]] ;;
    *:*) [ "$1" = "@${2#*@}" ] ;;
    *) [[ $1 == "${2%@*}" || $1 == "@${2#*@}" || $1 == "tests/target/${2%@*}.c" ]] ;;
    esac
}

# source_of NAME: where its tests are.
source_of()
{
    local host=${1#host:}
    case $1 in
    host:*) ls tests/host/*/"${host%%/*}_test.c" ;;
    *@*) echo "tests/target/${1%%@*}.c" ;;
    *) echo "$1" ;;
    esac
}

# has_test NAME TEST: is there one with this in its name? A host test may have its
# tests from a file that it shares with others.
has_test()
{
    [[ $2 =~ ^[A-Za-z0-9_]+$ ]] || return 1
    case $1 in
    host:*) grep -qE "[a-z0-9_]*$2" "$(dirname "$(source_of "$1")")"/*.[ch] ;;
    *@*) grep -qE "^TEST\([A-Za-z0-9_]*$2" "$(source_of "$1")" ;;
    *) return 1 ;;
    esac
}

names=()
# choose WORD: what it stands for joins the names.
choose()
{
    local word=$1 test='' name found=() before_test='^([^/]*)/(.*)$'
    [[ $word != tests/* ]] || before_test='^([^.]*\.[a-z]+)/(.*)$'
    if [[ $word =~ $before_test ]]; then
        word=${BASH_REMATCH[1]}
        test=${BASH_REMATCH[2]}
    fi
    for name in "${all[@]}"; do
        ! stands_for "$word" "$name" || found+=("${name#\?}")
    done
    [ ${#found[@]} != 0 ] ||
        die "'$1' is no image, image@profile, @profile, host:name or script: see make list"
    if [[ $1 != "$word" ]]; then
        has_test "${found[0]}" "$test" || die "'$1': $(source_of "${found[0]}") has no test of that name"
        found=("${found[@]/%//$test}")
    fi
    names+=("${found[@]}")
}

mapfile -t all < <(everything)
read -rd '' -a words <<<"$selection"
for word in ${words[@]+"${words[@]}"}; do
    choose "$word"
done
if [ ${#names[@]} = 0 ]; then
    for name in "${all[@]}"; do
        [[ $name == \?* ]] || names+=("$name")
    done
    selection=
fi
if [ -n "$list" ]; then
    printf '%s\n' "${names[@]}"
    exit
fi

# What has to be on this machine, and what has to be built: goals by variant.
declare -A purposes=([test]=1) goals=()

# need PATH: a file below the build folder, VARIANT/... or host/...
need()
{
    local variant=${1%%/*}
    [[ $variant =~ ^(gcc|clang)-(debug|release) ]] && variant=${BASH_REMATCH[0]} || variant=gcc-debug
    [[ $variant != clang* ]] || purposes[llvm]=1
    purposes[build]=1
    goals[$variant]+=" $build/$1"
}

needs_of()
{
    local file path
    case $1 in
    host:*)
        purposes[host]=1
        for file in $(source_of "$1"); do
            file=${file%.c}
            need "host/${file#tests/host/}"
        done
        ;;
    *@*)
        purposes[run]=1
        path=$(sed -E 's,^([^@]+)@[^:]+:?(.*)$,\2/tests/target/\1,; s,^/,gcc-debug/,' <<<"${1%%/*}")
        need "$path.elf"
        need "$path.img"
        ;;
    *)
        for path in $(sed -n 's/^# NEEDS: //p' "$1"); do
            if [[ $path == */* ]]; then
                need "$path"
            else
                purposes[$path]=1
            fi
        done
        ;;
    esac
}

for name in "${names[@]}"; do
    needs_of "$name"
done
if [ -z "$selection" ]; then
    # Beside everything, what only scripts ask for: two of them would make it at once.
    goals=([gcc-debug]="all host${goals[gcc-debug]-}" [gcc-release]="all${goals[gcc-release]-}"
        [clang-debug]="all${goals[clang-debug]-}" [clang-release]="all${goals[clang-release]-}")
fi

if [ -n "$junit" ]; then
    junit=$(realpath -m -- "$junit")
    { : >>"$junit"; } 2>/dev/null || die "JUNIT=$junit: the report cannot be written"
fi
# A signal ends what is under way and all that it has started, and then this.
child=
ended()
{
    [ -z "$child" ] || kill -TERM -- "$child"
    wait
    exit "$1"
}
trap 'ended 130' INT
trap 'ended 143' TERM HUP

attended()
{
    local status
    "$@" &
    child=$!
    wait "$child"
    status=$?
    child=
    return $status
}

attended "$here/../../qemu/setup/setup.sh" "${!purposes[@]}" >&2 || exit
# One at a time: two of make in one folder would write the same files.
mkdir -p "$build" || exit 2
exec 8>"$build/.lock"
flock 8
for variant in gcc-debug gcc-release clang-debug clang-release; do
    [ -n "${goals[$variant]-}" ] || continue
    llvm=
    debug=
    [[ $variant != clang* ]] || llvm=1
    [[ $variant != *debug ]] || debug=1
    # shellcheck disable=SC2086 # the build folder has no blanks, make sees to that
    attended "${MAKE:-make}" -s --no-print-directory O="$build" LLVM=$llvm DEBUG=$debug ${goals[$variant]} || exit
done
exec 8>&-
# The tests' own calls of make are none of this one's.
unset MAKEFLAGS MFLAGS MAKELEVEL

# Logs of its own: another run in this tree has the folder that it has locked. What nobody
# holds is from a run that has ended.
logs_of_run()
{
    local number=1
    logs=$build/logs
    mkdir -p "$build" || exit 2
    while
        exec 9>"$logs.lock" || exit 2
        ! flock -n 9
    do
        number=$((number + 1))
        logs=$build/logs.$number
    done
    rm -rf "$logs"
    mkdir -p "$logs" || exit 2
}

# What went wrong by name, and the report.
summary()
{
    local log failed=()
    for log in "$logs"/*.failed; do
        [ ! -s "$log" ] || mapfile -t -O ${#failed[@]} failed <"$log"
    done
    [ ${#failed[@]} = 0 ] || printf 'failed: %s\n' "${failed[@]}"
    [ -n "$junit" ] || return 0
    {
        printf '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
        cat "$logs"/*.xml
        echo '</testsuites>'
    } >"$junit" || die "JUNIT=$junit: the report cannot be written"
}

logs_of_run
export BUILD=$build LOGS=$logs
# In a session of its own, so that all of it can be ended at once.
setsid prove -j "$jobs" --exec tests/runner/test-one.sh "${names[@]}" </dev/null &
child=-$!
wait "${child#-}"
status=$?
child=
summary
[ "$logs" = "$build/logs" ] || rm -f "$logs.lock"
exit $status
