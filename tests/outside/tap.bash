# SPDX-License-Identifier: BSD-2-Clause
#
# For test scripts (tests/outside/X.sh), which are run from the top of the tree with the
# build folder in BUILD: TAP from bash. Ends the script's plan by itself.
#
#   run COMMAND...            run it; its output goes to $out, its status to $status
#   check "what" TEST...      one test: TEST is a command that succeeds
#   said PATTERN              a line of $out matches the extended regular expression
#   ended STATUS              $status is this, and $out said nothing of a bash error
#   $TESTED_QEMU              the QEMU that is tested, for a script that stands before it
#   tree_files PATTERN...     the tree's files of these names, one a line
#   lend FOLDER PLACE...      objects that are built, of these places in BUILD, go where a build of
#                             the script's own would have them: it makes only the others
set -uo pipefail

# What tools say is looked at.
. qemu/locale.bash
export LC_MESSAGES=C LANGUAGE=C

work=$(mktemp -d)
out=$work/out
status=0
export TESTED_QEMU=${QEMU:-qemu-system-aarch64}
tap_number=0
tap_failed=0

tap_end()
{
    echo "1..$tap_number"
    rm -rf "$work"
    exit $tap_failed
}
echo "TAP version 13"
# Bash runs a script up to where it stops making sense: what it has done by then would count.
bash -n "$0" || { echo "Bail out! $0 is no script to its end" && rm -rf "$work" && exit 2; }
trap tap_end EXIT

run()
{
    "$@" >"$out" 2>&1 </dev/null
    status=$?
}

check()
{
    local what=$1
    shift
    tap_number=$((tap_number + 1))
    if "$@"; then
        echo "ok $tap_number - $what"
        return
    fi
    echo "not ok $tap_number - $what"
    echo "# status $status, output:"
    awk '{ print "#   " $0 }' "$out"
    tap_failed=1
}

lend()
{
    local folder=$1
    shift
    mkdir -p "$folder"
    (cd "$BUILD" && find "$@" -name '*.o' -print0 2>/dev/null | tar -c --null -T - -f -) | tar -x -C "$folder"
}

tree_files()
{
    local pattern names=()
    for pattern; do
        names+=(${names[0]+-o} -name "$pattern")
    done
    find boot kernel descriptors drivers linker qemu tests -type f \( "${names[@]}" \) | sort
}

# Not through a pipe: grep ends with the first match, and its writer then by a signal.
said()
{
    grep -qE -- "$1" < <(tr -d '\r' <"$out")
}

ended()
{
    [ "$status" = "$1" ] && ! said 'line [0-9]+: .*(command not found|syntax error|unbound variable)'
}
