#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The tree is the map: kernel/README.md and descriptors/README.md name each room and each header
# at the top, and no others; every top-level folder has a README; they name files that exist, and
# quote what is there; each class of tests/outside/classes that is built has a source of its name.
. tests/outside/tap.bash

# column N README: what stands in backquotes in that column of its table of rooms, one a line.
column()
{
    awk -F'|' -v column="$1" '/^\| room \|/ { on = 1 } !/^\|/ { on = 0 } on {
        rest = $(column + 1)
        while (match(rest, /`[^`]+`/)) {
            print substr(rest, RSTART + 1, RLENGTH - 2)
            rest = substr(rest, RSTART + RLENGTH)
        }
    }' "$2" | sort
}

# same "what" README LISTED THERE: the two files have the same lines, each once.
same()
{
    comm -23 "$3" "$4" | sed "s,\$,: in $2 only," >"$out"
    comm -13 "$3" "$4" | sed "s,\$,: not in $2," >>"$out"
    uniq -d "$3" | sed 's/$/: listed twice/' >>"$out"
    check "$1" [ ! -s "$out" ]
}

for floor in kernel descriptors; do
    column 1 $floor/README.md >"$work/listed"
    (cd $floor && printf '%s\n' */ | sort) >"$work/there"
    same "the table has the rooms of $floor/" $floor/README.md "$work/listed" "$work/there"
    column 2 $floor/README.md >"$work/listed"
    (cd $floor && printf '%s\n' *.h | grep -v '_class\.h$' | sort) >"$work/there"
    same "the table has the headers of $floor/" $floor/README.md "$work/listed" "$work/there"
done

# The template is quoted as it is: each block of code stands in it, line by line.
perl -0777 -e '
    my ($page, $code) = map { open my $in, "<", $_ or die "$_: $!\n"; <$in> } @ARGV;
    my @blocks = $page =~ /^```c\n(.*?)^```$/gms;
    print "drivers/README.md quotes nothing\n" if !@blocks;
    index($code, $_) >= 0 or print "not in the template: $_" for @blocks;
' drivers/README.md tests/target/driver_template.c >"$out"
check "drivers/README.md quotes the template" [ ! -s "$out" ]
for folder in */; do
    [[ $folder == build*/ ]] || [ -s "$folder/README.md" ] || echo "$folder"
done >"$out"
check "every folder says what is in it" [ ! -s "$out" ]

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
