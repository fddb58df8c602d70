#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The tree is the map: kernel/README.md names each room of the kernel and each header at
# its top, and no others; the READMEs name files that exist; each class of
# tests/outside/classes that is built has a source of its name.
. tests/outside/tap.bash

# column N: what stands in backquotes in that column of the table, one a line.
column()
{
    awk -F'|' -v column="$1" '/^\| / {
        rest = $(column + 1)
        while (match(rest, /`[^`]+`/)) {
            print substr(rest, RSTART + 1, RLENGTH - 2)
            rest = substr(rest, RSTART + RLENGTH)
        }
    }' kernel/README.md | sort
}

# same "what" LISTED THERE: the two files have the same lines, each once.
same()
{
    comm -23 "$2" "$3" | sed 's/$/: in kernel\/README.md only/' >"$out"
    comm -13 "$2" "$3" | sed 's/$/: not in kernel\/README.md/' >>"$out"
    uniq -d "$2" | sed 's/$/: listed twice/' >>"$out"
    check "$1" [ ! -s "$out" ]
}

column 1 >"$work/listed"
(cd kernel && printf '%s\n' */ | sort) >"$work/there"
same "the table has the rooms of kernel/" "$work/listed" "$work/there"
column 2 >"$work/listed"
(cd kernel && printf '%s\n' *.h | sort) >"$work/there"
same "the table has the headers of kernel/" "$work/listed" "$work/there"

# The one path in it that a reader is told to make.
example=tests/target/mine.c
grep -ohE '(boot|kernel|descriptors|drivers|linker|qemu|tests)/[A-Za-z0-9_/.]+\.(c|h|S|sh|ld)\>' README.md */README.md |
    grep -vxF "$example" | sort -u | while read -r path; do
    [ -e "$path" ] || echo "$path"
done >"$out"
check "every file that a README names is there" [ ! -s "$out" ]

# A class is built when a public header declares functions of it.
while read -r class; do
    if ! grep -qE "\\<${class}_[A-Za-z]+\\(" descriptors/*.h; then
        echo "# $class is to come"
        continue
    fi
    find descriptors -name "$class.c" >"$out"
    check "$class has a source of its name, one" [ "$(wc -l <"$out")" = 1 ]
done <tests/outside/classes
