#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# wrong.sh [-t TIMES] [-e FOLDER] SOURCE.c...: is each planted mistake named, and nothing else? TAP.
#
# SOURCE is of tests/images/wrong, built into BUILD (the build folder, from the environment); its
# opening comment says what is expected (tests/README.md). It runs TIMES (1) on el2v3 with QEMU's
# instruction clock, and says the same every time. -e leaves what the page of mistakes has of each
# in FOLDER.
#
# wrong.sh -m FOLDER: that page, qemu/vdma/mistakes.md, of what -e has left there for all of them.
#
# wrong.sh -l SOURCE.c...: the table of them (tests/images/wrong/wrong.tsv): name, what is to see
# it, the rules that it is to name, and the public report that it is drawn from, or "-".
#
# wrong.sh -p SOURCE.c...: run release builds of them there without watching, and list which of
# them end in another way than a good program does; the last line counts them.
set -uo pipefail

times=1
plain=
list=
entries=
page=
while getopts e:m:t:lp option; do
    case $option in
    e) entries=$OPTARG ;;
    l) list=1 ;;
    m) page=$OPTARG ;;
    t) times=$OPTARG ;;
    p) plain=1 ;;
    *) echo "wrong: try the first lines of $0" >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || [ -n "$page" ] || { echo "wrong: no source given" >&2 && exit 2; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
number=0
failed=0

# field NAME SOURCE
field()
{
    sed -n "1d; /\*\//q; s/^ \* $1: *//p" "$2"
}

# attempt SOURCE OUTPUT: what it says, with the watch that it asks for.
attempt()
{
    local watch
    watch=$(field WATCH "$1")
    local options=()
    [ -z "$watch" ] || [ "$watch" = ledger ] || options=(-e "vdma,watch=$watch")
    qemu/run.sh -m el2v3 -t 60 ${options[@]+"${options[@]}"} "$BUILD/gcc-debug/${1%.c}.elf" -- \
        -icount shift=0,sleep=off >"$2" 2>&1 </dev/null
}

# complaints SOURCE OUTPUT: what is not as it should be, one a line.
complaints()
{
    local rules named line noted
    rules=$(field NAMED "$1")
    [ -n "$(told RIGHT "$1")" ] || echo "the source does not say what is right"
    named=$(sed -nE 's/^(watch|ledger): ([A-Z][0-9]+): .*/\2/p' "$2" | sort -u | paste -sd' ')
    [ -n "$rules" ] || echo "the source does not say what is to be named"
    [ "$named" = "$rules" ] || echo "named: ${named:-nothing}, not $rules"
    line=$(grep -n '/\* wrong \*/' "$1" | cut -d: -f1)
    [[ $line =~ ^[0-9]+$ ]] || echo "the source marks not one line as wrong"
    grep -qF " at $1:$line" "$2" || echo "the report does not name line $line"
    noted=$(field NOTED "$1")
    [ -z "$noted" ] || grep -qF "$noted" "$2" || echo "there is no note of '$noted'"
    ! grep -qE '^el2: ' "$2" || echo "EL2 failed"
}

# again SOURCE OUTPUT: TIMES - 1 more, which must be the same.
again()
{
    local turn
    for ((turn = 1; turn < times; turn++)); do
        attempt "$1" "$work/again"
        cmp -s "$2" "$work/again" || { echo "run $((turn + 1)) says something else" && return; }
    done
}

# told NAME SOURCE: a field of several lines, or the story, which has no name, as one.
told()
{
    awk -v name="$1" '
        NR < 3 { next }
        /^ \*\// { exit }
        { sub(/^ \* ?/, "") }
        /^[A-Z]+: / { inside = index($0, name ": ") == 1 && name != ""; sub(/^[A-Z]+: */, "") }
        NR == 3 && name == "" { inside = 1 }
        $0 == "" { inside = 0 }
        inside { sub(/^ +/, ""); text = text (text == "" ? "" : " ") $0 }
        END { print text }' "$2"
}

# program SOURCE: main as far as the mistake, but for the way out where there is no device.
program()
{
    awk '
        /^int main/ { inside = 1; getline; next }
        !inside { next }
        /^    if \(!.*begin.*\{$/ { getline; getline; next }
        { print "    " substr($0, /^    / ? 5 : 1) }
        over { exit }
        /\/\* wrong \*\// { over = 1 }' "$1" | sed 's/ *$//' | cat -s
}

# reports OUTPUT: what is the same wherever things lie: no addresses, and of the calls those that
# the program makes itself.
reports()
{
    tr -d '\r' <"$1" | awk '
        /^watch: note/ { inside = 0 }
        /^(watch|ledger): [A-Z][0-9]/ { inside = 1 }
        /^record: / { inside = 0 }
        !inside || $0 == "" || /^  from byte/ || (/\[</ && !/tests\/images\/wrong\//) { next }
        { print }' |
        sed -E 's/\[<[0-9a-f]*>\] //; s#tests/images/wrong/##; s/0x[0-9a-f]+/0x.../g; s/^/    /'
}

# entry SOURCE OUTPUT: of the page of mistakes.
entry()
{
    local from
    from=$(field FROM "$1")
    echo "### $(field NAMED "$1" | sed 's/ /, /g'), $(basename "$1" .c)"
    echo
    echo "$(told '' "$1")${from:+ ($from)}" | fold -sw 98 | sed 's/ *$//'
    echo
    program "$1"
    echo
    reports "$2"
    echo
    echo "Right: $(told RIGHT "$1"). Whole: \`$1\`." | fold -sw 98 | sed 's/ *$//'
    echo
}

if [ -n "$page" ]; then
    cat <<'END'
# Mistakes, what is said of them, and what is right

Small programs with one mistake each, by the number of the rule that it breaks: what is written, up
to the line that is wrong; what is reported (`README.md`, *Watched*), without addresses, and of the
calls those of the program itself; and what is right. `make mistakes` writes this page from
`tests/images/wrong`, and a test compares it with what the programs are told.

END
    # By number, and of one number by name.
    for one in "$page"/*; do
        printf '%s\t%s\n' "$(sed -nE '1s/^### ([A-Z][0-9]+).*/\1/p' "$one")" "$one"
    done | sort | cut -f2 | xargs cat
    cat <<'END'
## Rules without a program of their own here

`README.md` says of each what is wrong and what its value is, and tests/target/vdma_rules*.c break it:
END
    comm -23 <(sed -nE 's/^RULE\((R[0-9]+),.*/\1/p' qemu/vdma/device/rules.def | sort -u) \
        <(sed -nE 's/^### //p' "$page"/* | grep -oE 'R[0-9]+' | sort -u) | paste -sd' ' | sed 's/ /, /g; s/$/./' | fold -sw 98 | sed 's/ *$//'
    exit
fi
if [ -n "$list" ]; then
    for source; do
        from=$(field FROM "$source")
        printf '%s\t%s\t%s\t%s\n' "$(basename "$source" .c)" "$(field WATCH "$source")" \
            "$(field NAMED "$source")" "${from:--}"
    done
    exit
fi
if [ -n "$plain" ]; then
    for source; do
        qemu/run.sh -m el2v3 -t 20 "$BUILD/gcc-release/${source%.c}.elf" -- \
            -icount shift=0,sleep=off >"$work/output" 2>&1 </dev/null
        status=$?
        if [ "$status" != 0 ] || [ -s "$work/output" ]; then
            number=$((number + 1))
            echo "$source ends with status $status$(sed '1s/^/: /; q' "$work/output")"
        fi
    done
    echo "a plain run notices $number of $#"
    exit
fi

echo "TAP version 13"
for source; do
    number=$((number + 1))
    attempt "$source" "$work/output"
    status=$?
    [ -z "$entries" ] || entry "$source" "$work/output" >"$entries/$(basename "$source" .c)"
    { complaints "$source" "$work/output"; again "$source" "$work/output"; } >"$work/complaints"
    if [ -s "$work/complaints" ]; then
        failed=1
        echo "not ok $number - $source"
        sed 's/^/# /' "$work/complaints"
        echo "# status $status, output:"
        sed 's/^/#   /' "$work/output"
    else
        echo "ok $number - $source"
    fi
done
echo "1..$number"
exit $failed
