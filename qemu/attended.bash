# SPDX-License-Identifier: BSD-2-Clause
#
# For scripts that may be ended at any time: attended COMMAND... runs it and returns its
# status; INT, TERM and HUP end the command first, and then the script, which by then is
# the only one that could write where its EXIT trap cleans up.
#
# After `set -m` a command has a process group of its own, all of which is ended and
# waited for; it can then not ask the keyboard for anything.

attended_child=

attended()
{
    local status=0 group=
    [[ $- != *m* ]] || group=-
    # What is started behind a script would otherwise have no standard input.
    "$@" <&0 &
    attended_child=$group$!
    wait "${attended_child#-}" || status=$?
    attended_child=
    return $status
}

# Who goes on with the next command of its own is told again, and killed in the end.
attended_ended()
{
    local tenths signal
    set +e
    trap '' INT TERM HUP
    if [ -n "$attended_child" ]; then
        kill -TERM -- "$attended_child" 2>/dev/null
    fi
    if [[ $attended_child == -* ]]; then
        for ((tenths = 1; tenths < 50; tenths++)); do
            kill -0 -- "$attended_child" 2>/dev/null || break
            signal=TERM
            [ $tenths -lt 30 ] || signal=KILL
            [ $((tenths % 5)) != 0 ] || kill -$signal -- "$attended_child" 2>/dev/null
            sleep 0.1
        done
    fi
    [ -z "$attended_child" ] || wait "${attended_child#-}" 2>/dev/null
    exit "$1"
}
trap 'attended_ended 130' INT
trap 'attended_ended 143' TERM
trap 'attended_ended 129' HUP
