#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# setup.sh [PURPOSE]...: see that the tools for these purposes are there
#
# Purposes: build llvm run install host test fuzz check bench debug coverage embed yaml docs report. Where apt
# is, what is missing is announced and installed (as root, or with sudo); elsewhere it is
# listed and the status is 1. Quick and silent when nothing is missing.
# Environment: CROSS_COMPILE, QEMU, HOST_CC, LIBFDT, DEPS, GDB.
set -uo pipefail

. "${0%/*}/../attended.bash"

qemu_oldest=7.2

missing=()  # what, for people
packages=() # Debian's packages that bring it

# need WHAT PACKAGE CHECK...: CHECK is a command that succeeds if WHAT is there.
need()
{
    local what=$1 package=$2
    shift 2
    "$@" >/dev/null 2>&1 && return
    [[ " ${missing[*]/%/,} " == *" $what, "* ]] || missing+=("$what")
    [[ " ${packages[*]-} " == *" $package "* ]] || packages+=("$package")
}

have()
{
    command -v "$1"
}

cross_prefix()
{
    local prefix
    for prefix in ${CROSS_COMPILE:-aarch64-none-elf- aarch64-elf- aarch64-linux-gnu-}; do
        have "${prefix}gcc" >/dev/null && echo "$prefix" && return
    done
    return 1
}

# What debug.sh takes.
have_gdb()
{
    local gdb
    for gdb in ${GDB:-gdb-multiarch aarch64-none-elf-gdb aarch64-elf-gdb}; do
        have "$gdb" && return
    done
    return 1
}

have_cross_cxx()
{
    local prefix
    prefix=$(cross_prefix) && have "${prefix}g++"
}

brings_newlib()
{
    local prefix
    prefix=$(cross_prefix) && [[ $("${prefix}gcc" -dumpmachine) == *-elf ]]
}

have_newlib()
{
    brings_newlib || [ -e "${DEPS:-build/deps}/newlib/.ready" ] || compgen -G '/usr/src/newlib/newlib-*.tar.*'
}

have_libfdt()
{
    [ -e "${LIBFDT:-${DEPS:-build/deps}/libfdt}/libfdt.a" ] || have apt-get
}

# A program for this machine links with these options.
links()
{
    echo 'int main(void) { return 0; }' | "${HOST_CC:-gcc}" -x c -o /dev/null - "$@"
}

# clang makes fuzzers of this machine's programs.
fuzzes()
{
    echo 'int LLVMFuzzerTestOneInput(const char *bytes, long size) { return bytes == 0 && size; }' |
        clang -x c -fsanitize=fuzzer,address,undefined -o /dev/null -
}

# A tool that somebody named is not replaced by another.
check_named()
{
    [ -z "${QEMU-}" ] || have "$QEMU" >/dev/null || { echo "setup: QEMU=$QEMU: not found" >&2 && exit 1; }
    [ -z "${CROSS_COMPILE-}" ] || cross_prefix >/dev/null ||
        { echo "setup: CROSS_COMPILE=$CROSS_COMPILE: no ${CROSS_COMPILE}gcc" >&2 && exit 1; }
}

look()
{
    local purpose
    missing=()
    packages=()
    for purpose; do
        case $purpose in
        build)
            need "an aarch64 gcc (${CROSS_COMPILE:-aarch64-none-elf-, aarch64-elf- or aarch64-linux-gnu-}gcc)" \
                gcc-aarch64-linux-gnu cross_prefix
            need "newlib for it (or its source in /usr/src/newlib)" newlib-source have_newlib
            need "xz (to unpack newlib)" xz-utils have xz
            need "libfdt.a for aarch64 and its headers (name their folder: LIBFDT=folder)" apt have_libfdt
            ;;
        llvm)
            need clang clang have clang
            need "lld" lld have ld.lld
            ;;
        coverage)
            need gcovr gcovr have gcovr
            ;;
        fuzz)
            need clang clang have clang
            need "clang's libFuzzer and sanitizers" libclang-rt-dev fuzzes
            ;;
        run | bench)
            need "qemu-system-aarch64, $qemu_oldest or newer" qemu-system-arm have "${QEMU:-qemu-system-aarch64}"
            need "perl" perl-base have perl
            need "cmp" diffutils have cmp
            ;;
        install) # a port of the descriptors to this machine goes along
            need "a gcc for this machine (HOST_CC)" gcc have "${HOST_CC:-gcc}"
            need "the C library to develop with" libc6-dev links
            ;;
        host)
            need "a gcc for this machine (HOST_CC)" gcc have "${HOST_CC:-gcc}"
            need "the C library to develop with" libc6-dev links
            need "gcc's address and undefined-behaviour sanitizers" gcc links -fsanitize=address,undefined
            need "cmocka" libcmocka-dev links -lcmocka
            need "libfdt for this machine" libfdt-dev links -lfdt
            ;;
        test)
            need "prove, of perl" perl have prove
            ;;
        check)
            need "clang-format" clang-format have clang-format
            need "clang-query" clang-tools have clang-query
            ;;
        debug)
            need "gdb for aarch64 (gdb-multiarch)" gdb-multiarch have_gdb
            ;;
        embed)
            need "an aarch64 g++" g++-aarch64-linux-gnu have_cross_cxx
            need "picolibc for aarch64" picolibc-aarch64-linux-gnu \
                test -e /usr/lib/picolibc/aarch64-linux-gnu/lib/libc.a
            need "cmake" cmake have cmake
            need "pkg-config" pkg-config have pkg-config
            ;;
        guests)
            need "U-Boot for QEMU's aarch64 machine" u-boot-qemu test -e /usr/lib/u-boot/qemu_arm64/u-boot.bin
            ;;
        docs)
            need "doxygen" doxygen have doxygen
            ;;
        report)
            need "chromium" chromium have chromium
            need "perl's JSON::PP" perl perl -MJSON::PP -e 1
            ;;
        yaml)
            need "python3 with yaml" python3-yaml python3 -c 'import yaml'
            ;;
        *)
            echo "setup: what is '$purpose'?" >&2
            exit 2
            ;;
        esac
    done
    [ ${#missing[@]} = 0 ]
}

list_missing()
{
    printf '  - %s\n' "${missing[@]}"
}

install_packages()
{
    local root=()
    if [ "$(id -u)" != 0 ]; then
        have sudo >/dev/null || {
            echo "setup: needs root or sudo to install: ${packages[*]}" >&2
            return 1
        }
        root=(sudo)
    fi
    echo "setup: installing with apt: ${packages[*]}"
    # Not in a group of its own: sudo may have to ask for a password.
    attended "${root[@]}" apt-get -q update >/dev/null &&
        attended "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
            install "${packages[@]}" >/dev/null
}

# Is version $1 at least $2?
at_least()
{
    [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

check_qemu()
{
    local qemu=${QEMU:-qemu-system-aarch64} version
    version=$("$qemu" --version 2>/dev/null | sed -n '1s/.*version \([0-9][0-9.]*\).*/\1/p')
    if [ -z "$version" ]; then
        echo "setup: $qemu does not say which QEMU it is" >&2
        return 1
    fi
    at_least "$version" $qemu_oldest || {
        echo "setup: $qemu is version $version; $qemu_oldest or newer is needed" >&2
        return 1
    }
}

check_named
if ! look "$@"; then
    echo "setup: missing on this machine:"
    list_missing
    if ! have apt-get >/dev/null; then
        echo "setup: please install these; there is no apt here to do it" >&2
        exit 1
    fi
    install_packages || exit 1
    look "$@" || {
        echo "setup: still missing:"
        list_missing
        exit 1
    } >&2
fi
if [[ " $* " == *" run "* || " $* " == *" bench "* ]]; then
    check_qemu
fi
