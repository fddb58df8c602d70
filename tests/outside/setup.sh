#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What a machine without the tools is told, and what is installed on Debian: with
# a PATH that holds next to nothing, and an apt that only takes notes.
. tests/outside/tap.bash

# Of the machine that this runs on, nothing.
unset QEMU QEMU_EXTRA CROSS_COMPILE HOST_CC LIBFDT GDB

mkdir "$work/bin" "$work/fake" "$work/empty"
for tool in bash cat env head id ln sed sort; do
    ln -s "$(command -v $tool)" "$work/bin"
done

# setup PURPOSE...: on a machine that has only what is in these folders.
setup()
{
    run env -i PATH="$work/fake:$work/bin" DEPS="$work/empty" ${QEMU:+QEMU=$QEMU} qemu/setup/setup.sh "$@"
}

# tool NAME LINE: there is such a program now. In a folder of its own: what is in
# $work/bin are links, and writing there would write the system's own programs.
tool()
{
    printf '#!/bin/bash\n%s\n' "$2" >"$work/fake/$1"
    chmod +x "$work/fake/$1"
}

setup build run host test check debug
check "without apt the status is 1" ended 1
for words in 'an aarch64 gcc' 'xz' 'libfdt.a' 'qemu-system-aarch64, 7.2 or newer' 'perl' 'cmp' \
    'cmocka' 'prove' 'clang-format' 'clang-query' 'gdb'; do
    check "without apt it lists: $words" said "^  - .*$words"
done
setup llvm fuzz
check "what two purposes need is listed once" eval '[ "$(grep -c "^  - clang$" "$out")" = 1 ]'
check "without apt it does not try" eval '! said installing'

tool qemu-system-aarch64 'echo "QEMU emulator version 7.1.93 (Debian 1:7.1)"'
tool perl :
tool cmp :
setup run
check "an old QEMU is refused" ended 1
check "an old QEMU is named" said 'version 7\.1\.93; 7\.2 or newer is needed'
tool qemu-system-aarch64 'echo nonsense'
setup run
check "what is no QEMU is refused" ended 1
for version in 7.2.0 7.10.1 10.0.2; do
    tool qemu-system-aarch64 "echo QEMU emulator version $version"
    setup run
    check "QEMU $version will do" ended 0
    check "QEMU $version is not talked about" eval '[ ! -s "$out" ]'
done
QEMU=$work/none setup run
check "a QEMU that was named and is not there is refused" ended 1
check "and not replaced" said "QEMU=$work/none: not found"

# What apt would install.
mv "$work/fake/qemu-system-aarch64" "$work/packaged-qemu"
tool apt-get "echo \"\$*\" >>$work/apt
[[ \$* != *install* ]] || ln -s $work/packaged-qemu $work/fake/qemu-system-aarch64"
tool id 'echo 0'
setup run
check "with apt it installs" ended 0
check "it says what first" said '^  - qemu-system-aarch64'
check "it installs only what is missing" eval 'grep -q "install qemu-system-arm$" "$work/apt"'
setup run
check "the second time there is nothing to do" eval 'ended 0 && [ ! -s "$out" ]'

rm "$work/fake/qemu-system-aarch64" "$work/apt"
tool id 'echo 1000'
setup run
check "without root and sudo the status is 1" ended 1
check "without root and sudo it says so" said 'needs root or sudo to install: qemu-system-arm'
tool sudo 'exec "$@"'
setup run
check "sudo will do" ended 0

setup nonsense
check "an unknown purpose ends with 2" ended 2
