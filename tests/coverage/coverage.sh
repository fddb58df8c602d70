#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# coverage.sh [-l|-r] BUILD-FOLDER: run the tests there with COVERAGE=1, on the host and in
# images on every machine, and say what of descriptors/, drivers/ and kernel/ they reach
#
# Writes into BUILD-FOLDER report.txt (lines), branches.txt (branches), branches.tsv (each
# branch that nothing takes: file, line, branch, number of them in the line), inputs.tsv (the
# table beside this, made anew: sums.pl) and html/index.html; prints the sums of each floor. An
# assertion's branches do not count.
# -r reports what an earlier run has counted; -l lists what is run.
# Status: 0; 1 if a test failed, or inputs.tsv tells of what is taken (the report is written all
# the same); 2.
# Environment: CROSS, HOST_CC, MAKE.
set -uo pipefail

here=$(dirname "$(realpath "$0")")
again=
list=
while getopts lr option; do
    case $option in
    l) list=1 ;;
    r) again=1 ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
build=$1
status=0
wrong=

# Host tests; each image on one machine, where EL2 is if that is what it is about; on others those
# that meet what differs there (and add something: most reach the same on every machine); and
# the scripts that boot images as nobody else does.
selection()
{
    local source name
    echo host panics devicetree memory machines
    for source in tests/target/*.c; do
        name=$(basename "$source" .c)
        if grep -q '^VDMA_MONITOR' "$source"; then
            echo "$name@el2"
        else
            echo "$name@default"
        fi
    done
    printf '%s\n' {boot,driverkit,exception}@el2 vdma@el2v3 {boot,virtio_core}@el3 {boot,page}@image \
        {boot,exception,mmu,vm}@max {irq,msi,user}@gicv3 {page,heap}@ram64m {page,mmu}@ram64g pci@smmu \
        {virtio_pci,mapper,nvme}@smmu virtio_{blk,dma,mixed}@pciv3 virtio_dma@pcismmu \
        virtio_{blk,blocks,core,mixed,waits}@packed
}

if [ -n "$list" ]; then
    selection
    exit
fi
if [ -z "$again" ]; then
    # Counts of an earlier run would be added to.
    rm -rf "$build/counters"
    mkdir -p "$build/counters"
    find "$build" -name '*.gcda' -delete
    # Fewer than half of the model's sequences reach what all of them do.
    COVERAGE=1 OPS=${OPS:-300000} TIMEOUT=${TIMEOUT:-600} "$here/../runner/test.sh" "$build" "$(selection)" || { status=1 && wrong="a test failed (above)"; }
    "$here/counters.pl" "$build/counters" || { status=1 && wrong="${wrong:+$wrong, and }an image left no counters"; }
fi

# count PLACE GCOV: what was counted in BUILD-FOLDER/PLACE. An image that ends in the midst of
# a function leaves counts that contradict each other, which gcovr else ends at.
count()
{
    gcovr -r . --object-directory "$build/$1" --gcov-executable "$2" --gcov-ignore-parse-errors \
        -f 'descriptors/' -f 'drivers/' -f 'kernel/' --exclude-branches-by-pattern '.*\b(IO|KERNEL_)(ASSERT|CHECK)\(' \
        --json "$build/$1.json" "$build/$1"/{descriptors,drivers,kernel} 2>"$build/$1.gcovr" || { tail -n 5 "$build/$1.gcovr" >&2 && return 1; }
}

host_cc=${HOST_CC:-gcc}
count host "${host_cc/%gcc/gcov}" && count gcc-debug "${CROSS}gcov" || exit 2
mkdir -p "$build/html"
gcovr -r . -a "$build/host.json" -a "$build/gcc-debug.json" --txt "$build/report.txt" \
    --html-details "$build/html/index.html" --json "$build/coverage.json" &&
    gcovr -r . -a "$build/coverage.json" -b --txt "$build/branches.txt" || exit 2
perl "$here/sums.pl" "$build" host gcc-debug coverage || { status=1 && wrong="${wrong:+$wrong, and }inputs.tsv tells of what is taken or not there"; }
echo "coverage: $(wc -l <"$build/branches.tsv") branches are not taken, listed in $build/branches.tsv;" \
    "lines in $build/report.txt, pages in $build/html/index.html"
echo "coverage: ${wrong:-every test passed, and inputs.tsv is true}"
exit $status
