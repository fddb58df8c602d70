#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Run benchmark images and print one table of guest instructions.
#
#   bench.sh [-o FILE.tsv] [-n RUNS] [-c|-w EXPECTED.tsv] [-s NAME=IMAGE.elf]... BENCH.elf...
#       Each image runs three times, or RUNS; they must agree to the instruction.
#       -s adds the size of an image as a row. A missed goal is followed by its
#       profile. -c compares with the stored counts, which are of one compiler: a row
#       that is above its count, below it, or is there no more, is an error: what fell and
#       is not stored can rise again unseen. -w stores them.
#       Status: 0 measured (goals met or not), 1 the runs disagree, a row is not at its
#       count or an image failed, 2 usage, 77 the stored counts are of another compiler.
#   bench.sh -p ROW BENCH.elf
#       Where the instructions of one row go, by function and exact.
#
# Environment: QEMU, QEMU_EXTRA, NM, SIZE, READELF, NO_COLOR.
#
# The machine: a fixed instruction clock that sleeps when the guest does, and a
# disk that answers 200 microseconds after the request. The guest is always
# asleep by then, so the host's speed does not show in the counts. The disk's
# queue lets one request have 510 segments, where QEMU's default is 254.
set -u

. "${0%/*}/../../qemu/locale.bash"
. "${0%/*}/../../qemu/attended.bash"

qemu=${QEMU:-qemu-system-aarch64}
nm=${NM:-nm}
size=${SIZE:-size}
readelf=${READELF:-readelf}
limit=120 # seconds a run may take
runs=3
output=
profile= # its row
profiling=
sizes=
expected=
storing=
measuring= # the folder of the script that this one works for

usage()
{
    sed -n '5,18s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

die()
{
    echo "bench: $1" >&2
    exit "${2:-1}"
}

while getopts c:m:n:o:p:s:w: option; do
    case $option in
    c) expected=$OPTARG ;;
    m) measuring=$OPTARG ;;
    n) runs=$OPTARG ;;
    w) expected=$OPTARG && storing=1 ;;
    o) output=$OPTARG ;;
    p) profile=$OPTARG && profiling=1 ;;
    s) sizes="$sizes $OPTARG" ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
[[ $runs =~ ^[1-9]$ ]] || die "from 1 to 9 runs, not '$runs'" 2
[ -z "$profiling" ] || [ -n "$profile" ] || die "which row? ROW= names one, by its id" 2
command -v "$qemu" >/dev/null || die "$qemu is not installed" 2
for image; do
    [ -r "$image" ] || [ -n "$measuring" ] || die "cannot read image $image" 2
done

# compiled_by IMAGE: by which compiler, as the image has it.
compiled_by()
{
    "$readelf" -p .comment "$1" | sed -n 's/^ *\[ *[0-9a-f]*\] *\([A-Za-z]\+\).* \([0-9.]*\)$/\1 \2/p' | head -n 1
}

# Before they are measured, which takes a while.
if [ -n "$expected" ] && [ -z "$storing" ]; then
    of=$(sed -n 's/^# counted in what \(.*\) makes$/\1/p' "$expected") || exit 2
    [ -n "$of" ] || die "$expected does not say which compiler its counts are of" 2
    compiler=$(compiled_by "$1")
    [ "$of" = "$compiler" ] ||
        die "the stored counts are of $of, and this is $compiler: nothing is compared" 77
fi

work=$measuring
[ -n "$work" ] || work=$(mktemp -d) || exit 2
reader= # of a trace
trap '[ -z "$reader" ] || kill "$reader" 2>/dev/null
      [ -n "$measuring" ] || rm -rf "$work"' EXIT

# What brings the monitor along (qemu/vdma/monitor/monitor.h) starts at EL2, and nothing else does.
virtualization()
{
    "$nm" "$1" | grep -q ' T early_monitor$' && echo ,virtualization=on
}

# machine IMAGE LATENCY-NS [QEMU OPTION]...: boot it with the guest's output on stdout.
machine()
{
    machine_image=$1
    machine_latency=$2
    shift 2
    # Not for the others: whoever finds it pays for it.
    [ "${machine_image##*/}" != nvme.elf ] ||
        set -- -blockdev "driver=null-co,node-name=nvme,size=1073741824,read-zeroes=on,latency-ns=$machine_latency" \
            -device nvme,serial=bench,drive=nvme "$@"
    [ "${machine_image##*/}" != smmu.elf ] || set -- -machine iommu=smmuv3 -net none -device edu "$@"
    [ "${machine_image##*/}" != its.elf ] || set -- -machine gic-version=3 -net none -device edu "$@"
    [ "${machine_image##*/}" != pci.elf ] ||
        set -- -machine iommu=smmuv3 -net none -device edu \
            -blockdev "driver=null-co,node-name=plain,size=1073741824,read-zeroes=on,latency-ns=$machine_latency" \
            -device virtio-blk-pci,drive=plain,queue-size=512 \
            -blockdev "driver=null-co,node-name=mapped,size=1073741824,read-zeroes=on,latency-ns=$machine_latency" \
            -device virtio-blk-pci,drive=mapped,queue-size=512,disable-legacy=on,iommu_platform=on "$@"
    # shellcheck disable=SC2086 # QEMU_EXTRA is a list of words
    attended timeout --foreground -k 5 $limit "$qemu" -M "virt,dtb-randomness=off$(virtualization "$machine_image")" -cpu cortex-a57 -m 256M \
        -nodefaults -display none -serial stdio -no-reboot \
        -semihosting-config enable=on,target=native -icount shift=0 \
        -global virtio-mmio.force-legacy=false \
        -blockdev "driver=null-co,node-name=disk,size=1073741824,read-zeroes=on,latency-ns=$machine_latency" \
        -device virtio-blk-device,drive=disk,queue-size=512 \
        "$@" ${QEMU_EXTRA:-} -kernel "$machine_image" </dev/null
}

# The option that makes QEMU translate one instruction at a time changed its name in 8.1.
one_instruction()
{
    if "$qemu" -help | grep -q -- '^-singlestep'; then
        echo "-singlestep"
    else
        echo "-accel tcg,one-insn-per-tb=on"
    fi
}

# profile_of ROW IMAGE: run it an instruction at a time and sum the trace by function, into
# $work/report. A row named reset is what happens before bench_main, any other its longest
# measured stretch.
profile_of()
{
    "$nm" -n "$2" | awk '$2 ~ /^[tTwW]$/ && $3 !~ /^\$/' >"$work/symbols"
    # In the environment awk takes text as it is.
    mkfifo "$work/trace" || exit
    ROW=$1 SYMBOLS=$work/symbols awk '
        # Addresses are sixteen hexadecimal digits and compare as text; x keeps them from being numbers.
        BEGIN {
            row = ENVIRON["ROW"]
            symbols = ENVIRON["SYMBOLS"]
            while ((getline line <symbols) > 0) {
                split(line, field, " ")
                start[++count] = "x" field[1]
                name[count] = field[3]
                if (field[3] == "bench_start") mark = count
                if (field[3] == "bench_stop") stop = start[count]
                if (field[3] == "bench_main") main = start[count]
            }
            inside = 1
            stretch = 0 # from reset
        }
        function function_of(pc,    low, high, middle) {
            if (pc in known) return known[pc]
            low = 0; high = count
            while (low < high) {
                middle = int((low + high + 1) / 2)
                if (start[middle] <= pc) low = middle; else high = middle - 1
            }
            return known[pc] = low
        }
        # An instruction is announced, then sometimes put back because an interrupt came first.
        /^Trace/ || /^Stopped execution/ {
            step = /^Trace/ ? 1 : -1
            split($0, half, "[")
            if (step == 1) { split(half[2], part, "/"); pc = "x" part[2] }
            else { split(half[2], part, "]"); pc = "x" part[1] }
            sub(/^x00000000/, "xffff0000", pc) # before the MMU is on
            at = function_of(pc)
            if (pc == main) inside = 0
            if (at == mark) { if (!inside && step == 1) { stretch++; inside = 1 } next }
            if (pc == stop) { inside = 0 }
            if (!inside) next
            hits[stretch, at] += step
            total[stretch] += step
        }
        END {
            chosen = 0
            for (s = 1; s <= stretch && row != "reset"; s++) {
                if (total[s] > widest) { widest = total[s]; chosen = s }
            }
            if (row == "reset") widest = total[0]
            if (!widest) { print "  no measured stretch was seen"; exit 1 }
            printf "  profile of %s: %d instructions %s\n", row, widest,
                chosen ? "in its longest measured stretch" : "before bench_main"
            for (i = 0; i <= count; i++) {
                if (hits[chosen, i])
                    printf "  %12d %5.1f %%  %s\n", hits[chosen, i], 100 * hits[chosen, i] / widest,
                        i ? name[i] : "(outside the image)" | "sort -rn | head -20"
            }
        }' <"$work/trace" >"$work/report" &
    reader=$!
    # A logged instruction takes a thousand times longer, so the disk must wait longer, too.
    # shellcheck disable=SC2046 # a list of options
    machine "$2" 20000000 $(one_instruction) -d exec,nochain -append "\"bench=$1\"" \
        2>"$work/trace" >"$work/profile.out"
    wait "$reader"
    reader=
    rm "$work/trace"
}

if [ -n "$profiling" ]; then
    [ $# -eq 1 ] || usage
    profile_of "$profile" "$1"
    if ! grep -q '^BENCH' "$work/profile.out"; then
        tail -n 5 "$work/profile.out" >&2
        exit 2
    fi
    cat "$work/report"
    exit
fi

# watched IMAGE: its rows without a watch and under each, and the host's time as a ratio.
watched()
{
    local watch begin
    local -i time plain=0
    for watch in none owner coherence init rules; do
        set -- "$1"
        [ $watch = none ] || set -- "$1" -fw_cfg "name=opt/dmakit/watch,string=$watch"
        begin=$(date +%s%N)
        machine "$1" 200000 "${@:2}" >"$out.said" 2>&1 || { cat "$out.said"; return 1; }
        time=$((($(date +%s%N) - begin) / 1000000))
        tr -d '\r' <"$out.said" |
            sed "s/^\(BENCH	[^	]*\)\(	[^	]*	[^	]*\)/\1-$watch\2, watch=$watch/"
        if [ $watch = none ]; then
            plain=$((time + 1))
        else
            awk -v watch=$watch -v time=$time -v plain=$plain 'BEGIN {
                printf "BENCH\ttime-%s\t-\tthe host takes so long, watch=%s\ttimes, about\t%.1f\t-\t-\t-\t-\n", watch, watch, time / plain }'
        fi
    done
}

# For one run of one image: its rows into RUN.NAME.tsv, or what it said into RUN.NAME.failed.
if [ -n "$measuring" ]; then
    name=${2##*/}
    out=$work/$1.${name%.elf}
    if [ "$name" = watched.elf ]; then
        watched "$2" >"$out.out"
    else
        machine "$2" 200000 >"$out.out" 2>&1
    fi
    status=$?
    tr -d '\r' <"$out.out" | sed -n "s/^BENCH/${name%.elf}/p" >"$out.tsv"
    [ $status = 0 ] || { cat "$out.out" && echo "bench: $2 ended with status $status"; } >"$out.failed"
    exit $status
fi

# More at once than there are processors, for guests sleep until their disk has answered: counts do
# not depend on who else is there.
run=1
while [ $run -le $runs ]; do
    for image; do
        printf '%s\0' $run "$image"
    done
    run=$((run + 1))
done >"$work/jobs"
set -m # what ends this script ends them all
attended xargs -0 -n 2 -P $((2 * $(nproc))) "$0" -m "$work" <"$work/jobs" 2>/dev/null
set +m
for failed in "$work"/*.failed; do
    [ -e "$failed" ] || continue
    cat "$failed" >&2
    exit 1
done

# rows RUN: those of all images, in their order.
rows()
{
    local image
    for image in "${images[@]}"; do
        image=${image##*/}
        cat "$work/$1.${image%.elf}.tsv"
    done
}
images=("$@")
rows 1 >"$work/1.tsv"
[ -s "$work/1.tsv" ] || die "no image printed a row"

identical=yes
for ((run = 2; run <= runs; run++)); do
    diff <(grep -v ', about' "$work/1.tsv") \
        <(rows $run | grep -v ', about') >"$work/diff" || { identical=no; cat "$work/diff" >&2; }
done

{
    printf 'image\tid\tgoal_row\tname\tunit\tmeasured\tgoal\tfloor\tratio\tverdict\n'
    cat "$work/1.tsv"
    for entry in $sizes; do
        "$size" "${entry#*=}" | awk -v name="${entry%%=*}" 'NR == 2 {
            printf "host\tsize-%s\t-\tsize of %s, text + data\tbytes\t%d\t-\t-\t-\t-\n", name, name, $1 + $2 }'
    done
    printf 'host\tsame\t12\t%s runs agree to the instruction\t%s\t%s\tyes\t-\t-\t%s\n' \
        "$runs" "" "$identical" "$([ $identical = yes ] && echo met || echo MISSED)"
} >"$work/table.tsv"
[ -z "$output" ] || cp "$work/table.tsv" "$output"

colour=0
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    colour=1
fi
awk -F '\t' -v colour=$colour '
    function paint(code, text) { return colour ? "\033[" code "m" text "\033[0m" : text }
    NR == 1 { printf "%-4s %-50s %12s %9s %9s %6s  %s\n", "goal", "guest instructions", "measured",
                     "at most", "floor", "ratio", ""; next }
    {
        what = $5 == "instructions" || $5 == "" ? $4 : $4 " (" $5 ")"
        verdict = $10 == "MISSED" ? paint("1;31", "MISSED") : $10 == "met" ? paint("32", "met") : $10
        printf "%-4s %-50s %12s %9s %9s %6s  %s\n", $3, what, $6, $7, $8, $9, verdict
    }' "$work/table.tsv"

# Counts of the guest's instructions alone: bytes and the like are not of this machine.
counts()
{
    awk -F '\t' '$5 == "instructions" { print $1 "\t" $2 "\t" $6 }' "$work/table.tsv"
}

elsewhere=0
if [ -n "$storing" ]; then
    { echo "# counted in what $(compiled_by "$1") makes" && counts; } >"$work/expected" &&
        cp "$work/expected" "$expected" || die "cannot write $expected"
    echo "$(counts | wc -l) counts are stored in $expected"
elif [ -n "$expected" ]; then
    awk -F '\t' -v stored="$expected" '
        NR == FNR { if (!/^#/) { count[$1 " " $2] = $3; rows++ } next }
        { row = $1 " " $2; seen[row] = 1 }
        !(row in count) { print row ": " $3 ", and no count is stored"; unknown++; next }
        $3 > count[row] { print row ": " $3 ", stored " count[row] ": ABOVE"; above++ }
        $3 < count[row] { print row ": " $3 ", stored " count[row] ": below"; below++ }
        END {
            for (row in count) if (!(row in seen)) { print row ": is there no more"; gone++ }
            printf "%d rows: %d above the stored counts, %d below, %d new, %d gone\n", rows, above, below, unknown, gone
            if (below + unknown + gone) print "make bench STORE=1 stores what is counted now"
            exit above + below + gone > 0
        }' "$expected" <(counts) || elsewhere=1
fi

# A missed goal is not an error, but the report must say where the instructions go.
[ -n "$expected" ] ||
    awk -F '\t' '$10 == "MISSED" && $1 != "host" { print $1, $2 }' "$work/table.tsv" >"$work/missed"
touch "$work/missed"
count=0
while read -r name row; do
    for image; do
        case $image in
        "$name".elf | */"$name".elf) printf '%s\0' "$row" "$image" "$work/profile.$((++count))" ;;
        esac
    done
done <"$work/missed" >"$work/jobs"
set -m
# shellcheck disable=SC2016 # the inner shell's words
attended xargs -0 -r -n 3 -P "$(nproc)" bash -c '"$0" -p "$1" "$2" >"$3" 2>&1' "$0" <"$work/jobs" 2>/dev/null
set +m
for ((i = 1; i <= $(tr -dc '\0' <"$work/jobs" | wc -c) / 3; i++)); do
    echo
    cat "$work/profile.$i"
done
[ $identical = yes ] || die "the runs differ"
[ $elsewhere = 0 ] || die "there are rows that are not at their stored counts"
